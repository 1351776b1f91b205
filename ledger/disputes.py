"""What open breaks say may have been paid, and what two people have settled about it: paid, not paid, or left unsaid."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from ledger import queries, store
from schemas.codes import DISPUTING, NOT_PAID, OUTCOME_OF, PAID

UNSAID = "unsaid"
"""A resolution that two people approved and that says not whether it was paid: none is made any more, earlier ones stand."""


class Disputes(NamedTuple):
    """By reference of a payment, or name of a file."""

    waiting: set[str]
    """Of which an open break says that they may have been paid, and nothing is settled."""
    paid: set[str]
    not_paid: set[str]
    unsaid: dict[str, set[str]]
    """With the breaks that were settled without a word on it."""

    def disagree(self, names: set[str]) -> bool:
        """Whether it is open if a payment was made, or two settled cases say opposite things of it."""
        return not names.isdisjoint(self.waiting) or (self.is_paid(names) and not names.isdisjoint(self.not_paid))

    def is_paid(self, names: set[str]) -> bool:
        """Whether two people have settled that it was paid."""
        return not names.isdisjoint(self.paid)


def standing(connection: sa.Connection) -> Disputes:
    """What stands now. `paid` stands when its break is gone, too, until two people say otherwise or the break is another one."""
    acts: dict[str, list[str]] = defaultdict(list)
    for break_id, act in store.rows(connection, _acts()):
        acts[break_id].append(act)
    found = Disputes(set(), set(), set(), defaultdict(set))
    for break_id, name, state in store.rows(connection, _disputing()):
        is_settled, outcome = _settled(acts[break_id])
        if state == "open" and not is_settled:
            found.waiting.add(name)
        elif outcome == PAID:
            found.paid.add(name)
        elif state == "open" and outcome == NOT_PAID:
            found.not_paid.add(name)
        elif state == "open":
            found.unsaid[name].add(break_id)
    return found


def _settled(acts: Iterable[str]) -> tuple[bool, str | None]:
    """Whether the last resolution of a case is approved, and what the last approved one says; by its acts in order."""
    proposed: str | None = None
    agreed: str | None = None
    is_settled = False
    for act in acts:
        if act in OUTCOME_OF:
            proposed, is_settled = OUTCOME_OF[act] or UNSAID, False
        elif act == "approve":
            agreed, is_settled = proposed, True
        elif act == "reopen":
            agreed, is_settled = None, False
        else:  # refused, or closed since the break was gone
            is_settled = False
    return is_settled, agreed


@cache
def _acts() -> sa.Select[Any]:
    x, b = store.exception_acts.c, store.breaks.c
    mine = sa.select(b.break_id).where(b.kind.in_(sorted(DISPUTING)))
    deciding = (*OUTCOME_OF, "approve", "refuse", "close", "reopen")
    return sa.select(x.break_id, x.act).where(x.break_id.in_(mine), x.act.in_(deciding)).order_by(x.seq)


@cache
def _disputing() -> sa.Select[Any]:
    last = queries.latest(store.breaks, "break_id").c
    name = sa.func.coalesce(last.end_to_end_id, last.file_name)
    return sa.select(last.break_id, name, last.state).where(last.kind.in_(sorted(DISPUTING)), name.is_not(None))
