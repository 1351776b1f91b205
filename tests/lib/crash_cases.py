"""A step, killed at its points in copies of a world and given again, held against the same step that nobody killed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tests.lib.crash_cycle import Step
from tests.lib.crashing import Killed, Left, World, done, in_child, killed_at, left_in, recorded, state_of


class Case(NamedTuple):
    """A step, the world as it was before it, the points that it comes to, and what it leaves when it is not killed."""

    step: Step
    before: World
    after: World
    points: list[str]
    left: Left


def played(step: Step, before: World) -> Case:
    """Do a step in a copy of the world before it, under the step's name."""
    world = before.copied(step.name)
    points = in_child(lambda: recorded(lambda: step.act(world.house(step.at))))
    left = in_child(lambda: left_in(world, step.at))
    assert isinstance(points, list)
    assert isinstance(left, Left)
    return Case(step, before, world, points, left)


def crashed(case: Case, ordinals: Iterable[int]) -> list[str]:
    """Kill the step at each of these points, give it again, and say what is otherwise than without the crash."""
    wrong, known = [], set()
    for ordinal in ordinals:
        world = case.before.copied(f"{case.step.name} {ordinal}")
        victim = in_child(lambda: killed_at(ordinal, lambda: case.step.act(world.house(case.step.at))))  # noqa: B023
        state = state_of(world, case.step.at)
        if state not in known:
            known.add(state)
            wrong += given_again(case, ordinal, world) if isinstance(victim, Killed) else [f"{ordinal}: not killed"]
        world.remove()
    return wrong


def given_again(case: Case, ordinal: int, world: World) -> list[str]:
    """Do the step in the world that a crash has left; what is otherwise than without the crash."""
    step, where = case.step, f"{case.step.name}, point {ordinal} ({case.points[ordinal]})"
    try:
        done(world, step.at, step.act)
        left = left_in(world, step.at)
    except Exception as error:  # noqa: BLE001 (all that fail are told, not the first)
        return [f"{where}: {error!r}"]
    if "submit" in step.name:
        left = left.without_repeated_intents()
    more, missing = left.beyond(case.left)
    differing = left.differences(case.left)
    return [f"{where}: {differing}, events more {more}, events missing {missing}"] if differing else []
