"""Source rows as they were taken: every distinct row of every drop, and the questions that intake and the rules ask."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ledger import store

TABLES: dict[str, sa.Table] = {
    "participants": store.source_participants,
    "accounts": store.source_accounts,
    "trainings": store.source_trainings,
    "completions": store.source_completions,
    "blocklist": store.source_blocklist,
    "surveys": store.source_surveys,
    "allocations": store.source_allocations,
}
KEYS: dict[str, list[str]] = {
    "participants": ["participant_id"],
    "accounts": ["participant_id", "version"],
    "trainings": ["training_id"],
    "completions": ["completion_id"],
    "blocklist": ["nik_mac", "source"],
    "surveys": ["participant_id", "number"],
    "allocations": ["sk_number", "participant_id"],
}
ARRIVAL = "seq"
"""A number that is above `last_arrival`, as it was when the transaction began, for the rows that the transaction added alone."""
_IN_MAX = 10_000
_COUNTED = sa.Table(
    "counted_people",
    sa.MetaData(),
    sa.Column("sk_number", sa.Text(), primary_key=True),
    sa.Column("participant_id", sa.Text(), primary_key=True),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)


def columns(name: str) -> list[str]:
    """The columns under which a source table is kept."""
    return [column.name for column in TABLES[name].columns]


def add(connection: sa.Connection, name: str, rows: pa.Table) -> int:
    """Keep the rows that are not known yet; returns how many were new."""
    return store.insert_new(connection, TABLES[name], rows)


def last_arrival(connection: sa.Connection, name: str) -> int:
    """Up to which ARRIVAL the rows of a table are earlier ones."""
    query = sa.select(sa.func.max(_arrival(False, name))).select_from(TABLES[name])
    return 0 if _knows_its_own(connection) else int(connection.scalar(query) or 0)


def _arrival(knows_its_own: bool, name: str) -> sa.Label[int]:
    """SQLite numbers rows as they come; PostgreSQL tells beside a row which transaction added it."""
    column = "{0}.rowid"
    if knows_its_own:
        column = "CASE WHEN {0}.xmin = CAST(pg_current_xact_id() AS xid) THEN 1 ELSE 0 END"
    return sa.literal_column(column.format(TABLES[name].name), sa.BigInteger()).label(ARRIVAL)


def _knows_its_own(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _repeated(name: str, of_a_drop: bool = False) -> sa.Subquery:
    """The keys of a source table with more than one distinct row (and at least one of the drop that is asked for)."""
    table = TABLES[name]
    keys = [table.c[key] for key in KEYS[name]]
    query = sa.select(*keys).group_by(*keys).having(sa.func.count() > 1)
    if of_a_drop:
        query = query.having(sa.func.sum(sa.case((table.c.drop_id == sa.bindparam("drop_id"), 1), else_=0)) > 0)
    return query.subquery()


def _on(name: str, repeated: sa.Subquery) -> sa.ColumnElement[bool]:
    return sa.and_(*(TABLES[name].c[key] == repeated.c[key] for key in KEYS[name]))


def of_one_row(connection: sa.Connection, name: str, wanted: Sequence[str]) -> pa.Table:
    """The rows of keys that have one row."""
    return store.read(connection, _of_one_row(name, *wanted), values={})


@cache
def _of_one_row(name: str, *wanted: str) -> sa.Select[Any]:
    repeated = _repeated(name)
    query = sa.select(*(TABLES[name].c[column] for column in wanted)).outerjoin(repeated, _on(name, repeated))
    return query.where(repeated.c[KEYS[name][0]].is_(None))


def of_several_rows(
    connection: sa.Connection, name: str, wanted: Sequence[str], drop_id: str | None = None
) -> pa.Table:
    """The rows whose key has more than one; with `drop_id`, only of keys that this drop has a row of.

    `wanted` are columns of the table, and ARRIVAL.
    """
    query = _of_several_rows(name, drop_id is not None, _knows_its_own(connection), *wanted)
    return store.read(connection, query, values=store.given(drop_id=drop_id))


@cache
def _of_several_rows(name: str, of_a_drop: bool, knows_its_own: bool, *wanted: str) -> sa.Select[Any]:
    repeated = _repeated(name, of_a_drop)
    query = sa.select(
        *(_arrival(knows_its_own, name) if column == ARRIVAL else TABLES[name].c[column] for column in wanted)
    )
    return query.join(repeated, _on(name, repeated))


def set_aside(connection: sa.Connection, rows: Iterable[dict[str, Any]]) -> int:
    """Add rows to the quarantine; one that is there already is not added again. Returns how many were new."""
    return store.insert_new(connection, store.quarantine, list(rows))


class PeopleCounted:
    """Counts the people of each decision over batches of rows; on disk, since a drop may name millions."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, people: pa.Table) -> None:
        """Note sk_number and participant_id of some rows; whoever is noted already counts once."""
        store.insert_new(self._connection, _COUNTED, people)

    def by_decision(self) -> dict[str, int]:
        """How many people were noted for each SK number."""
        number = _COUNTED.c.sk_number
        found = self._connection.execute(sa.select(number, sa.func.count()).group_by(number))
        return {str(number): int(count) for number, count in found}


@contextmanager
def people_counted(connection: sa.Connection) -> Iterator[PeopleCounted]:
    """A count that ends with the block; it leaves nothing in the record."""
    _COUNTED.create(connection, checkfirst=False)
    yield PeopleCounted(connection)
    _COUNTED.drop(connection, checkfirst=False)


def sealed_accounts(connection: sa.Connection, participants: Sequence[str]) -> pa.Table:
    """Account rows with their seals: participant_id, version, account_mac, owner_name_mac, sealed."""
    a = store.source_accounts.c
    return _of_people(connection, participants, a.participant_id, a.version, a.account_mac, a.owner_name_mac, a.sealed)


def sealed_participants(connection: sa.Connection, participants: Sequence[str]) -> pa.Table:
    """Participant rows with their seals: participant_id, name_mac, sealed."""
    p = store.source_participants.c
    return _of_people(connection, participants, p.participant_id, p.name_mac, p.sealed)


def _of_people(connection: sa.Connection, participants: Sequence[str], *wanted: Any) -> pa.Table:
    parts = [
        store.read(connection, sa.select(*wanted).where(wanted[0].in_(participants[i : i + _IN_MAX])))
        for i in range(0, max(len(participants), 1), _IN_MAX)
    ]
    return pa.concat_tables(parts)


def ever_revoked(connection: sa.Connection) -> set[str]:
    """Participants of whom some row, be it one that stands no more, says that they are revoked."""
    p = store.source_participants.c
    return {
        who for (who,) in store.rows(connection, sa.select(p.participant_id).where(p.status == "revoked").distinct())
    }


def is_known(connection: sa.Connection, participant: str) -> bool:
    """Whether a participant was ever taken."""
    p = store.source_participants.c.participant_id
    return connection.execute(sa.select(p).where(p == participant)).first() is not None


def rows_about(connection: sa.Connection, name: str, participant: str, hidden: frozenset[str]) -> pa.Table:
    """All rows of a table about one participant, without the hidden columns."""
    table = TABLES[name]
    query = sa.select(*(column for column in table.columns if column.name not in hidden))
    return store.read(connection, query.where(table.c.participant_id == participant).order_by(*table.primary_key))


def taken_drops(connection: sa.Connection) -> pa.Table:
    """Every drop that was taken, oldest first."""
    return store.read(connection, sa.select(store.drops).order_by(store.drops.c.taken_at, store.drops.c.drop_id))


def watermarks(connection: sa.Connection, source: str) -> dict[str, datetime]:
    """By table, the latest `recorded_at` up to which a source was taken."""
    mark = store.source_watermarks.c
    latest = sa.func.max(mark.recorded_at).label("recorded_at")
    query = sa.select(mark.table, latest).where(mark.source == source).group_by(mark.table)
    return {row["table"]: row["recorded_at"] for row in store.read(connection, query).to_pylist()}


def set_watermarks(connection: sa.Connection, source: str, drop_id: str, latest: Mapping[str, int], at: int) -> None:
    """Note how far a source was taken with a drop: by table, the latest `recorded_at` in microseconds."""
    rows = [
        {"source": source, "table": name, "recorded_at": mark, "drop_id": drop_id, "at": at}
        for name, mark in sorted(latest.items())
    ]
    store.insert_new(connection, store.source_watermarks, rows)
