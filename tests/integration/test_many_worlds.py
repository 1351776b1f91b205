"""Whole programmes of four months and 100 to 300 people, some hostile: of those that `make simulate FIRST=1001` plays."""

from __future__ import annotations

import pytest

from simulator.world import Plan
from treasury.many_worlds import plans
from treasury.worlds import play

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("banks_err_in_silence")]


SEEDS = (1001, 1002, 1004, 1005, 1007)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "plan", [plans(seed, 1, "", None, 4)[0] for seed in SEEDS], ids=lambda plan: f"{plan.seed}-{plan.profile}"
)
def test_a_programme_of_four_months_breaks_no_claim(plan: Plan) -> None:
    played = play(plan, asks_library=False)
    assert played.violations == ()
    assert played.credits
    assert len(played.faults) > 100
