"""A failing world made smaller: people and troubles are left out while it still fails in the same way (delta debugging)."""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import date
from typing import TypeVar

from simulator.world import Plan, Played

Item = TypeVar("Item", bound=Hashable)
Play = Callable[[Plan, date], Played]
_PERSON = re.compile(r"P-(\d{6})")


def shrink(played: Played, play: Play, say: Callable[[str], None], worlds_max: int = 200) -> Plan:
    """The smallest plan found, in at most so many worlds, that still breaks the first claim that `played` broke.

    A smaller world is played no longer than the first was: what holds till then counts as holding.
    """
    assert played.violations, "only a world that fails is made smaller"
    claim = played.violations[0].claim
    tried: dict[Plan, bool] = {}

    def fails(plan: Plan) -> bool:
        if plan not in tried and len(tried) >= worlds_max:
            return False
        if plan not in tried:
            tried[plan] = any(found.claim == claim for found in play(plan, played.last_day).violations)
            is_smaller = "still fails" if tried[plan] else "holds"
            say(f"{len(plan.people)} people, {len(plan.faults or ())} faults: {is_smaller}")
        return tried[plan]

    plan = replace(played.plan, faults=tuple(sorted(played.faults)))
    if not fails(plan):
        return played.plan
    named = {int(number) for found in played.violations for number in _PERSON.findall(f"{found.subject} {found.found}")}
    alone = replace(plan, people=tuple(sorted(named & set(plan.people))))
    plan = alone if alone.people and fails(alone) else plan
    for _ in range(2):
        size = (len(plan.people), len(plan.faults or ()))
        plan = replace(plan, people=tuple(_least(plan.people, _with_people(plan, fails))))
        plan = replace(plan, faults=tuple(_least(plan.faults or (), _with_faults(plan, fails))))
        if size == (len(plan.people), len(plan.faults or ())):
            break
    return plan


def _with_people(plan: Plan, fails: Callable[[Plan], bool]) -> Callable[[Sequence[int]], bool]:
    return lambda people: bool(people) and fails(replace(plan, people=tuple(people)))


def _with_faults(plan: Plan, fails: Callable[[Plan], bool]) -> Callable[[Sequence[Hashable]], bool]:
    return lambda faults: fails(replace(plan, faults=tuple(faults)))  # type: ignore[arg-type]


def _least(items: Sequence[Item], fails: Callable[[Sequence[Item]], bool]) -> Sequence[Item]:
    """Some items without any part of which it holds: halves are tried first, then ever smaller parts."""
    if fails(()):
        return ()
    parts = 2
    while len(items) > 1:
        length = -(-len(items) // parts)
        for start in range(0, len(items), length):
            rest = (*items[:start], *items[start + length :])
            if rest and fails(rest):
                items, parts = rest, max(parts - 1, 2)
                break
        else:
            if length == 1:
                break
            parts = min(parts * 2, len(items))
    return items
