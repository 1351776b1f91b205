"""What the decisions (SK-PKP) allocate: for each decision by its manifest, and line by line by the table `allocations`.

An allocation is a statement, not money that moved: it stands beside the journal, as it was known at an instant. All sums
are the database's, over integers.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ledger import store
from schemas.fields import TEXT, WHOLE

BENEFITS = {"training_aid": "training_aid_idr", "incentive": "incentive_idr", "survey": "survey_idr"}
"""The benefits that a line splits its allocation into, each with its column."""

_LONG_AGO = -(2**62)
"""Before every instant: where a row states none, any that states one is later."""
_KEY = ("sk_number", "participant_id")
_VALUES = ("sk_line", *BENEFITS.values())
_COUNTED = sa.Table(
    "counted_allocations",
    sa.MetaData(),
    *(sa.Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable) for c in store.source_allocations.c),
    prefixes=["TEMPORARY"],
)


def known_drops(until_us: int) -> sa.Select[Any]:
    """The drops that were taken by an instant."""
    return sa.select(store.drops.c.drop_id).where(store.drops.c.taken_at <= until_us)


def standing(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> sa.Subquery:
    """The line that stands for each (sk_number, participant_id) among the rows that meet the conditions: contract, section 1.

    The latest recorded_at of which there is one row alone; before all of those, what rows without one say together where no two
    of them fill a field differently. The same rule as `disbursement.records`, for a table without status_at.
    """
    c = table.c
    keys, values = [c[name] for name in _KEY], [c[name] for name in _VALUES]
    said = [sa.func.max(value).label(value.name) for value in values]
    clear = (
        sa.select(*keys, c.recorded_at, *said)
        .where(c.recorded_at.is_not(None), *conditions)
        .group_by(*keys, c.recorded_at)
        .having(sa.func.count() == 1)
        .subquery()
    )
    last = (
        sa.select(*(clear.c[name] for name in _KEY), sa.func.max(clear.c.recorded_at).label("recorded_at"))
        .group_by(*(clear.c[name] for name in _KEY))
        .subquery()
    )
    dated = sa.select(*(clear.c[name] for name in (*_KEY, *_VALUES))).join(
        last, sa.and_(*(clear.c[name] == last.c[name] for name in (*_KEY, "recorded_at")))
    )
    bare = (
        sa.select(*keys, *said)
        .where(c.recorded_at.is_(None), *conditions)
        .group_by(*keys)
        .having(sa.and_(*(sa.func.count(sa.distinct(value)) <= 1 for value in values)))
        .subquery()
    )
    undated = (
        sa.select(*(bare.c[name] for name in (*_KEY, *_VALUES)))
        .outerjoin(last, sa.and_(*(bare.c[name] == last.c[name] for name in _KEY)))
        .where(last.c.sk_number.is_(None))
    )
    return sa.union_all(dated, undated).subquery()


def whole(amount: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """A sum of whole rupiah as the database's 64-bit integer, 0 where there is nothing to add."""
    return sa.cast(sa.func.coalesce(sa.func.sum(amount), 0), sa.BigInteger())


def _line_sums(lines: sa.Subquery) -> sa.Select[Any]:
    """By decision: how many lines stand, the sum of each benefit, and how many lines leave an amount unknown."""
    amounts = [lines.c[column] for column in BENEFITS.values()]
    unknown = sa.case((sa.or_(*(amount.is_(None) for amount in amounts)), 1), else_=0)
    return sa.select(
        lines.c.sk_number,
        sa.func.count().label("line_count"),
        *(whole(amount).label(amount.name) for amount in amounts),
        whole(unknown).label("unknown_count"),
    ).group_by(lines.c.sk_number)


class LinesCounted:
    """Adds up the lines of each decision over batches of one drop's rows; on disk, since a drop may name millions."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, landed: pa.Table) -> None:
        """Note rows as they landed, known ones among them."""
        store.insert_new(self._connection, _COUNTED, landed)

    def by_decision(self) -> dict[str, dict[str, int]]:
        """For each SK number: line_count, the sum of each benefit, unknown_count; of the lines that stand."""
        names = ("line_count", *BENEFITS.values(), "unknown_count")
        rows = store.rows(self._connection, _sums_counted())
        return {str(number): dict(zip(names, map(int, sums), strict=True)) for number, *sums in rows}


@cache
def _sums_counted() -> sa.Select[Any]:
    return _line_sums(standing(_COUNTED))


@contextmanager
def lines_counted(connection: sa.Connection) -> Iterator[LinesCounted]:
    """A sum that ends with the block; it leaves nothing in the record."""
    _COUNTED.create(connection, checkfirst=False)
    yield LinesCounted(connection)
    _COUNTED.drop(connection, checkfirst=False)


_TOTALS = pa.schema(
    [
        ("sk_number", TEXT),
        *((name, WHOLE) for name in ("stated_count", "stated_idr", "stated_least_idr", "line_count")),
        *((column, WHOLE) for column in BENEFITS.values()),
        ("unknown_count", WHOLE),
    ]
)


def by_decision(connection: sa.Connection, until_us: int) -> pa.Table:
    """Every decision as it was known by an instant, in the order of its number.

    `stated_count` and `stated_idr`: people and whole rupiah by the manifests (the largest, where drops state one decision
    differently; `stated_least_idr` is the least of them), null where none states it. `line_count`, `training_aid_idr`,
    `incentive_idr`, `survey_idr`: what its lines come to, and `unknown_count`, how many of them leave an amount unknown;
    null where it has no line.
    """
    d, known = store.decisions_people.c, known_drops(until_us)
    is_amount = sa.case((d.amount_idr > 0, d.amount_idr))  # 0: the manifest names the decision without an amount
    stated = (
        sa.select(
            d.sk_number,
            sa.func.max(d.row_count).label("stated_count"),
            sa.func.max(is_amount).label("stated_idr"),
            sa.func.min(is_amount).label("stated_least_idr"),
        )
        .where(d.drop_id.in_(known))
        .group_by(d.sk_number)
        .subquery()
    )
    lines = _line_sums(standing(store.source_allocations, store.source_allocations.c.drop_id.in_(known))).subquery()
    numbers = sa.union(sa.select(stated.c.sk_number), sa.select(lines.c.sk_number)).subquery()
    columns = [
        numbers.c.sk_number,
        *(stated.c[name] for name in ("stated_count", "stated_idr", "stated_least_idr")),
        *(lines.c[name] for name in ("line_count", *BENEFITS.values(), "unknown_count")),
    ]
    query = sa.select(*columns).select_from(
        numbers.outerjoin(stated, stated.c.sk_number == numbers.c.sk_number).outerjoin(
            lines, lines.c.sk_number == numbers.c.sk_number
        )
    )
    return store.read(connection, query, _TOTALS).sort_by("sk_number")


def fiscal_years(connection: sa.Connection, until_us: int) -> dict[str, int]:
    """The year in which everybody was accepted whom a decision names, by its number; a decision of several years is not there."""
    p = store.source_participants.c
    # Of a participant's rows the latest counts, as the rules have it; where several are the latest, each does.
    order = [sa.func.coalesce(column, _LONG_AGO).desc() for column in (p.recorded_at, p.status_at)]
    rows = (
        sa.select(
            p.sk_number,
            sa.extract("year", p.accepted_on).label("year"),
            sa.func.rank().over(partition_by=p.participant_id, order_by=order).label("place"),
        )
        .where(p.sk_number.is_not(None), p.accepted_on.is_not(None), p.drop_id.in_(known_drops(until_us)))
        .subquery()
    )
    query = (
        sa.select(rows.c.sk_number, sa.func.min(rows.c.year), sa.func.max(rows.c.year))
        .where(rows.c.place == 1)
        .group_by(rows.c.sk_number)
    )
    return {str(number): int(first) for number, first, last in connection.execute(query) if first == last}


def lines_idr(row: Mapping[str, Any]) -> int:
    """What the lines of a decision (a row of `by_decision`) come to, all benefits together."""
    return sum(row[column] or 0 for column in BENEFITS.values())


def differences(totals: pa.Table) -> pa.Table:
    """Where manifests and lines both speak of a decision, what the lines still lack (less than none: what they have beyond it).

    `totals` is of `by_decision`. Columns: sk_number, stated_idr, missing_count, missing_idr, and spread_idr, by how much
    drops differ in what they state. All three are 0 where everything agrees.
    """
    found = [
        {
            "sk_number": row["sk_number"],
            "stated_idr": row["stated_idr"],
            "missing_count": row["stated_count"] - row["line_count"] if row["stated_count"] else 0,
            "missing_idr": row["stated_idr"] - lines_idr(row),
            "spread_idr": row["stated_idr"] - row["stated_least_idr"],
        }
        for row in totals.to_pylist()
        if row["stated_idr"] is not None and row["line_count"] is not None
    ]
    numbers = ("stated_idr", "missing_count", "missing_idr", "spread_idr")
    return pa.Table.from_pylist(found, schema=pa.schema([("sk_number", TEXT), *((n, WHOLE) for n in numbers)]))


def over_allocated(connection: sa.Connection, until_us: int, committed: sa.Subquery) -> tuple[int, int]:
    """How many people, and whole rupiah, are asked for beyond what their decision allocates to them.

    `committed`: sk_number, participant_id, benefit, amount_idr of every instruction that is open or paid. By the person's line,
    benefit by benefit; who has no line is held to an equal share of what the manifests state, where that is whole. A line that
    leaves an amount unknown, and a decision of which nothing is known, judge nobody.
    """
    d, known = store.decisions_people.c, known_drops(until_us)
    lines = standing(store.source_allocations, store.source_allocations.c.drop_id.in_(known))
    on_line = sa.and_(*(committed.c[name] == lines.c[name] for name in _KEY))
    allowed = sa.case(*((committed.c.benefit == name, lines.c[column]) for name, column in BENEFITS.items()))
    by_line = _beyond(committed, allowed, committed.outerjoin(lines, on_line), committed.c.benefit)
    stated = (
        sa.select(
            d.sk_number, sa.func.max(d.row_count).label("people_count"), sa.func.max(d.amount_idr).label("amount_idr")
        )
        .where(d.drop_id.in_(known))
        .group_by(d.sk_number)
        .having(sa.func.max(d.row_count) > 0, sa.func.max(d.amount_idr) > 0)
        .subquery()
    )
    joined = committed.join(stated, committed.c.sk_number == stated.c.sk_number).outerjoin(lines, on_line)
    by_share = _beyond(committed, stated.c.amount_idr // stated.c.people_count, joined).where(
        lines.c.sk_number.is_(None), stated.c.amount_idr % stated.c.people_count == 0
    )
    beyond = sa.union_all(by_line, by_share).subquery()
    query = sa.select(sa.func.count(sa.distinct(beyond.c.participant_id)), whole(beyond.c.amount_idr))
    count, amount_idr = connection.execute(query.select_from(beyond)).one()
    return int(count), int(amount_idr)


def _beyond(
    committed: sa.Subquery, allowed: sa.ColumnElement[int], joined: sa.FromClause, *parts: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """participant_id and whole rupiah of each person of a decision (and each of `parts`) for whom more is asked than allowed."""
    most, asked = sa.func.max(allowed), whole(committed.c.amount_idr)
    return (
        sa.select(committed.c.participant_id, (asked - most).label("amount_idr"))
        .select_from(joined)
        .group_by(committed.c.sk_number, committed.c.participant_id, *parts)
        .having(asked > most)
    )
