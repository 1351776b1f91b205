"""Whole programmes in one process, judged after every day; and the smallest worlds that found planted bugs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from schemas.errors import InputRejected, WrongUsage
from simulator.chance import Fault
from simulator.shrink import shrink
from simulator.world import Plan, Played
from treasury.worlds import play

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("banks_err_in_silence")]

KEPT = sorted((Path(__file__).parents[1] / "worlds").glob("*.json"))
briefly = partial(play, asks_library=False)
SMALL = Plan(5, 1, tuple(range(1, 13)))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed, months, people, profile", [(201, 4, 100, "usual"), (2, 2, 40, "hostile")])
def test_a_whole_programme_breaks_no_claim(seed: int, months: int, people: int, profile: str) -> None:
    played = play(Plan(seed, months, tuple(range(1, people + 1)), profile))
    assert played.violations == ()
    assert played.credits
    assert len(played.faults) > 100


@pytest.mark.timeout(600)
def test_the_same_seed_gives_the_same_chain_and_the_same_trace() -> None:
    once, again = briefly(SMALL), briefly(SMALL)
    assert (once.chain_head, once.trace_digest) == (again.chain_head, again.trace_digest)
    assert briefly(replace(SMALL, seed=6)).chain_head != once.chain_head


@pytest.mark.timeout(600)
def test_what_struck_is_a_plan_that_gives_the_same_world() -> None:
    once = briefly(SMALL)
    plan = Plan.from_json(replace(SMALL, faults=once.faults).to_json())
    assert briefly(plan).chain_head == once.chain_head


@pytest.mark.timeout(600)
def test_a_ledger_that_went_back_is_recovered_on_the_day_and_nothing_else_differs_at_the_banks() -> None:
    days = [f"{year}-{month:02}-{day:02}" for year in (2020, 2021) for month in range(1, 13) for day in (2, 3, 4, 13)]
    faults = tuple(Fault("desk.ledger_restored", day) for day in days)
    told: list[str] = []
    played = briefly(replace(SMALL, faults=faults), None, told.append)
    assert played.violations == ()
    assert played.fault_counts["desk.ledger_restored"] >= 1
    assert sum(line.endswith("the ledger is yesterday's again") for line in told) == sum(
        line.endswith("nothing is forgotten") for line in told
    )
    assert played.credits == briefly(replace(SMALL, faults=())).credits


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_world_that_a_planted_bug_broke_holds_without_it(path: Path) -> None:
    """`test_mutants.py` plays them with the bug."""
    played = briefly(Plan.from_json(path.read_text(encoding="utf-8")))
    assert played.violations == ()
    assert played.credits


def test_a_failing_world_is_made_as_small_as_what_it_needs() -> None:
    """A stand-in for a world: it fails where person 7 meets a lost acknowledgement, whoever and whatever else is there."""
    from simulator.observed import Violation

    needed = Fault("net.acknowledgement_lost", "bni 2020-06-02 4")
    world = briefly(SMALL)

    def stand_in(plan: Plan, _until: object = None) -> Played:
        fails = 7 in plan.people and needed in (plan.faults or ())
        found = (Violation("paid twice", "somebody", "twice"),) if fails else ()
        return replace(world, plan=plan, violations=found, faults=plan.faults or ())

    faults = (*(Fault("net.refused", f"bni 2020-06-02 {n}") for n in range(9)), needed)
    smallest = shrink(stand_in(replace(SMALL, faults=faults)), stand_in, lambda _said: None)
    assert (smallest.people, smallest.faults) == ((7,), (needed,))


@pytest.mark.parametrize(
    "text", ["", "{}", '{"seed": 1, "months": "x", "people": [], "profile": "usual", "faults": []}']
)
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(InputRejected, match="no plan"):
        Plan.from_json(text)


def test_an_unknown_profile_of_faults_is_refused() -> None:
    with pytest.raises(WrongUsage, match="no profile"):
        briefly(replace(SMALL, profile="merciless"))
