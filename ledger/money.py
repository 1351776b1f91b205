"""Where the programme's money stood as it was known at an instant: what is asked of the record, in sums of the database.

Known is what was recorded by then: a receipt, a state, a posting, a drop that came later plays no part, whatever date it speaks
of. So what was known on a day is never changed by what is learned after it.
"""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from ledger import allocations, queries, returned, store
from ledger.allocations import whole
from schemas.codes import FINAL_WITHOUT_PAYMENT, INSTRUCTION_STATES

_ALL = frozenset(INSTRUCTION_STATES)
_RELEASED = _ALL - {"drafted", "withdrawn"}
STATES_OF: dict[str, frozenset[str]] = {
    "instructed": _ALL,
    "withdrawn": frozenset({"withdrawn"}),
    "waiting": frozenset({"drafted", "released"}),
    "released": _RELEASED,
    "sent": _RELEASED - {"released"},
    "in_transit": frozenset({"unknown", "submitted", "accepted"}),
    "debited": frozenset({"debited"}),
    "credited": frozenset({"credited"}),
    "rejected": frozenset({"rejected"}),
    "returned": frozenset({"returned"}),
    "never_arrived": frozenset({"never_arrived"}),
    "committed": _ALL - FINAL_WITHOUT_PAYMENT,
}
"""The figures of instructions, each with the states that it adds up. `instructed` counts every attempt, `committed` those
that are open or paid, so that a reissue counts once."""
DIMENSIONS = {
    "benefit": "benefit",
    "sk": "sk_number",
    "fiscal_year": "fiscal_year",
    "channel": "channel",
    "period": "period",
}
"""By what instructions are parted, and the column."""

Figure = tuple[int, int, int]
"""People (each once), instructions, whole rupiah."""


def instructions_at(until_us: int) -> sa.Subquery:
    """Every instruction made by an instant, with the state in which it stood then."""
    i, e = store.instructions, store.events.c
    own = queries.latest(store.instruction_states, "end_to_end_id", until_us)
    filed = queries.latest(store.file_states, "file_name", until_us)
    made = sa.select(e.subject).where(e.kind == "instructed", e.at <= until_us)
    names = ("participant_id", "sequence", "attempt", "sk_line", "amount_idr", *DIMENSIONS.values())
    return (
        sa.select(
            *(i.c[name] for name in names), sa.func.coalesce(own.c.state, filed.c.state, "drafted").label("state")
        )
        .select_from(
            i.outerjoin(own, i.c.end_to_end_id == own.c.end_to_end_id).outerjoin(
                filed, i.c.file_name == filed.c.file_name
            )
        )
        .where(i.c.batch.in_(made))
        .subquery()
    )


def figures(
    connection: sa.Connection, until_us: int, dimension: str | None = None, fiscal_year: int | None = None
) -> dict[str | None, dict[str, Figure]]:
    """The figures of STATES_OF for each value of a dimension (as text, None where it is not known), or for None: for all."""
    found = instructions_at(until_us)
    part = sa.literal(None) if dimension is None else found.c[DIMENSIONS[dimension]]
    several = {figure: states for figure, states in STATES_OF.items() if len(states) > 1}
    people = [
        sa.func.count(sa.distinct(sa.case((found.c.state.in_(sorted(states)), found.c.participant_id))))
        for states in several.values()
    ]
    by_state = sa.select(
        part,
        found.c.state,
        sa.func.count(sa.distinct(found.c.participant_id)),
        sa.func.count(),
        whole(found.c.amount_idr),
    )
    by_part = sa.select(part, *people).select_from(found)
    if fiscal_year is not None:
        by_state, by_part = (each.where(found.c.fiscal_year == fiscal_year) for each in (by_state, by_part))
    keys = [] if dimension is None else [part]
    stood: dict[str | None, dict[str, Figure]] = {}
    for key, state, *sums in connection.execute(by_state.group_by(*keys, found.c.state)):
        stood.setdefault(_text(key), {})[state] = (int(sums[0]), int(sums[1]), int(sums[2]))
    once = {
        _text(key): dict(zip(several, map(int, counts), strict=True))
        for key, *counts in connection.execute(by_part.group_by(*keys))
    }
    return {
        key: {
            figure: (
                counts[figure] if figure in counts else _sum(stood.get(key, {}), states, 0),
                _sum(stood.get(key, {}), states, 1),
                _sum(stood.get(key, {}), states, 2),
            )
            for figure, states in STATES_OF.items()
        }
        for key, counts in once.items()
    }


def owed_again(
    connection: sa.Connection, until_us: int, dimension: str | None = None, fiscal_year: int | None = None
) -> dict[str | None, Figure]:
    """What had come back and neither been sent again nor deposited by an instant, by a dimension or for None: all of it."""
    found = returned.owed(until_us).c
    part = sa.literal(None) if dimension is None else found[DIMENSIONS[dimension]]
    query = sa.select(part, sa.func.count(sa.distinct(found.participant_id)), sa.func.count(), whole(found.amount_idr))
    if fiscal_year is not None:
        query = query.where(found.fiscal_year == fiscal_year)
    if dimension is not None:
        query = query.group_by(part)
    return {_text(key): (int(sums[0]), int(sums[1]), int(sums[2])) for key, *sums in connection.execute(query)}


def _text(key: Any) -> str | None:
    return None if key is None else str(key)


def _sum(stood: Mapping[str, Figure], states: Collection[str], place: int) -> int:
    return sum(sums[place] for state, sums in stood.items() if state in states)


def received(connection: sa.Connection, until_us: int) -> dict[int | None, tuple[int, int]]:
    """Receipts and whole rupiah by budget year, corrections taken into account."""
    f = store.funds.c
    query = sa.select(f.fiscal_year, sa.func.count(), whole(f.amount_idr)).where(f.at <= until_us)
    return {
        year: (int(count), int(amount_idr))
        for year, count, amount_idr in connection.execute(query.group_by(f.fiscal_year))
    }


def batched(connection: sa.Connection, until_us: int) -> tuple[int, int]:
    """Instructions and whole rupiah that the batches made by an instant state."""
    b, e = store.batches.c, store.events.c
    made = sa.select(e.subject).where(e.kind == "instructed", e.at <= until_us)
    query = sa.select(whole(b.transaction_count), whole(b.control_sum_idr)).where(b.batch.in_(made))
    count, amount_idr = connection.execute(query).one()
    return int(count), int(amount_idr)


def ended(connection: sa.Connection, until_us: int) -> tuple[int, int]:
    """Instructions and whole rupiah of the attempts that had ended without paying by an instant."""
    i, e = store.instructions.c, store.attempt_ends.c
    on = sa.and_(*(i[name] == e[name] for name in ("participant_id", "benefit", "sequence", "attempt")))
    query = (
        sa.select(sa.func.count(), whole(i.amount_idr))
        .select_from(store.instructions.join(store.attempt_ends, on))
        .where(e.at <= until_us)
    )
    count, amount_idr = connection.execute(query).one()
    return int(count), int(amount_idr)


def untraced(connection: sa.Connection, until_us: int) -> Figure:
    """Open or paid instructions that no decision's number and line stand behind."""
    found = instructions_at(until_us)
    query = sa.select(
        sa.func.count(sa.distinct(found.c.participant_id)), sa.func.count(), whole(found.c.amount_idr)
    ).where(
        found.c.state.in_(sorted(STATES_OF["committed"])),
        sa.or_(found.c.sk_number.is_(None), found.c.sk_line.is_(None)),
    )
    people, count, amount_idr = connection.execute(query).one()
    return int(people), int(count), int(amount_idr)


def over_allocated(connection: sa.Connection, until_us: int) -> tuple[int, int]:
    """People, and whole rupiah, that instructions ask for beyond what a person's line allocates to the benefit."""
    found = instructions_at(until_us)
    committed = sa.select(found).where(found.c.state.in_(sorted(STATES_OF["committed"]))).subquery()
    return allocations.over_allocated(connection, until_us, committed)


def decided(connection: sa.Connection, until_us: int) -> str | None:
    """The archive's key of the decisions that were in force for the latest period decided by an instant."""
    r = store.entitlement_runs.c
    query = sa.select(r.archive_key).where(r.at <= until_us).order_by(r.period.desc(), r.seq.desc()).limit(1)
    return connection.scalar(query)
