"""Payments that came back and are owed again: where their money stands until the next attempt is sent or it is deposited.

A returned payment has left this account while a later attempt of its entitlement is out of our hands. One that was drawn up and
withdrawn, or whose upload the bank refused, was never out; one that was rejected or never arrived gave the money back. In each of
these the money is owed as before, and stands where it came from.
"""

from collections.abc import Collection
from functools import cache, lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from ledger import queries, store
from ledger.allocations import whole

UNSENT = ("drafted", "released", "withdrawn")
GAVE_BACK = ("rejected", "never_arrived")
"""Ends of an attempt that was out of our hands, and whose money is ours again."""
WITHOUT_MONEY = (*UNSENT, *GAVE_BACK)
"""States of an attempt that does not have the money: what came back and is owed again stands in `returned` beside it."""
EVER = 2**63 - 1
_ENTITLEMENT = ("participant_id", "benefit", "sequence")


def _returned(until_us: int, instructions: Any) -> sa.Select[Any]:
    """Instructions that ended as returned by an instant, as rows of `instructions`."""
    e = store.attempt_ends.c
    i = instructions.c
    on = sa.and_(*(i[name] == e[name] for name in (*_ENTITLEMENT, "attempt")))
    return sa.select(instructions).join(store.attempt_ends, on).where(e.end == "returned", e.at <= until_us)


@lru_cache(maxsize=64)
def sent_again(until_us: int = EVER) -> sa.Select[Any]:
    """The end_to_end_id of each returned payment whose money a later attempt had taken along by an instant."""
    before, later = store.instructions.alias("before"), store.instructions.alias("later")
    own = queries.latest(store.instruction_states, "end_to_end_id", until_us)
    filed = queries.latest(store.file_states, "file_name", until_us)
    e = store.attempt_ends.c
    state = sa.func.coalesce(own.c.state, filed.c.state, "drafted")
    same = sa.and_(*(later.c[name] == before.c[name] for name in _ENTITLEMENT), later.c.attempt > before.c.attempt)
    return (
        sa.select(before.c.end_to_end_id)
        .distinct()
        .join(store.attempt_ends, sa.and_(*(before.c[name] == e[name] for name in (*_ENTITLEMENT, "attempt"))))
        .join(later, same)
        .outerjoin(own, later.c.end_to_end_id == own.c.end_to_end_id)
        .outerjoin(filed, later.c.file_name == filed.c.file_name)
        .where(e.end == "returned", e.at <= until_us, state.not_in(WITHOUT_MONEY))
    )


@lru_cache(maxsize=64)
def deposited(until_us: int = EVER) -> sa.Select[Any]:
    """The end_to_end_id of each returned payment that a deposit which stood at an instant had taken to the treasury."""
    t, d = store.deposit_items.c, store.deposits.c
    undone = sa.select(d.corrects).where(d.corrects.is_not(None), d.at <= until_us)
    return (
        sa.select(t.end_to_end_id)
        .join(store.deposits, t.deposit == d.deposit)
        .where(d.at <= until_us, t.deposit.not_in(undone))
    )


@lru_cache(maxsize=64)
def owed(until_us: int = EVER) -> sa.Subquery:
    """Every instruction whose money stood in the account `returned` at an instant."""
    i = store.instructions
    query = _returned(until_us, i).where(
        i.c.end_to_end_id.not_in(sent_again(until_us)), i.c.end_to_end_id.not_in(deposited(until_us))
    )
    return query.subquery()


def gone(connection: sa.Connection) -> dict[str, str]:
    """The account that the money of each returned payment stands in now, where it is no longer `returned`."""
    return {
        **dict.fromkeys((name for (name,) in store.rows(connection, sent_again())), "cash"),
        **dict.fromkeys((name for (name,) in store.rows(connection, deposited())), "deposited"),
    }


def not_drawn_up_again(found: sa.Subquery) -> sa.ColumnElement[bool]:
    """Whether what came back (`owed`) has no later attempt that is open or paid."""
    later, e = store.instructions.alias("later"), store.attempt_ends.c
    ended = sa.and_(*(later.c[name] == e[name] for name in (*_ENTITLEMENT, "attempt")))
    again = (
        sa.select(later.c.end_to_end_id)
        .select_from(later.outerjoin(store.attempt_ends, ended))
        .where(
            *(later.c[name] == found.c[name] for name in _ENTITLEMENT),
            later.c.attempt > found.c.attempt,
            e.end.is_(None),
        )
    )
    return sa.not_(again.exists())


def owed_idr(connection: sa.Connection) -> int:
    """Whole rupiah that came back, were not deposited, and have no later attempt that is open or paid: not free, though
    nobody is asked to pay them.
    """
    ((amount_idr,),) = store.rows(connection, _owed_idr())
    return int(amount_idr)


@cache
def _owed_idr() -> sa.Select[Any]:
    found = owed()
    return sa.select(whole(found.c.amount_idr)).where(not_drawn_up_again(found))


class Behind(NamedTuple):
    """A returned payment that an instruction (`again`) sends again, with what a row of the journal says of it."""

    again: str
    channel: str
    period: str
    fiscal_year: int | None
    amount_idr: int


def behind_file(connection: sa.Connection, file_name: str) -> list[Behind]:
    """What the instructions of a file send again."""
    mine = store.instructions.alias("mine")
    return _behind(connection, mine, mine.c.file_name == file_name)


def behind_some(connection: sa.Connection, references: Collection[str]) -> list[Behind]:
    """What some instructions, by end_to_end_id, send again."""
    mine, listed = store.instructions.alias("mine"), sorted(references)
    found: list[Behind] = []
    for start in range(0, len(listed), _AT_ONCE):
        found += _behind(connection, mine, mine.c.end_to_end_id.in_(listed[start : start + _AT_ONCE]))
    return found


_AT_ONCE = 10_000


def _behind(connection: sa.Connection, mine: sa.FromClause, chosen: sa.ColumnElement[bool]) -> list[Behind]:
    """The last returned attempt before each chosen one (`mine`), unless it was deposited: those in between had no money of it left."""
    i, other = store.instructions, store.attempt_ends.alias("other")
    same = sa.and_(*(mine.c[name] == i.c[name] for name in _ENTITLEMENT), mine.c.attempt > i.c.attempt)
    between = (
        sa.select(other.c.end)
        .where(
            *(other.c[name] == i.c[name] for name in _ENTITLEMENT),
            other.c.attempt > i.c.attempt,
            other.c.attempt < mine.c.attempt,
            other.c.end == "returned",
        )
        .exists()
    )
    query = (
        _returned(EVER, i)
        .with_only_columns(mine.c.end_to_end_id, i.c.channel, i.c.period, i.c.fiscal_year, i.c.amount_idr)
        .join(mine, same)
        .where(chosen, mine.c.attempt > 1, sa.not_(between), i.c.end_to_end_id.not_in(deposited()))
    )
    return [Behind(*row) for row in connection.execute(query.order_by(mine.c.end_to_end_id))]


def committed_idr(connection: sa.Connection) -> int:
    """Whole rupiah that the funds no longer have: asked for, paid, back at the treasury, or returned and not sent again."""
    return queries.open_amount_idr(connection) + owed_idr(connection)
