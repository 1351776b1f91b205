"""Planted bugs: each patch still fits the code, and some are found again in the smallest worlds that find them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts import simulate_mutants

ROOT = Path(__file__).parent.parent.parent
MUTANTS = sorted((ROOT / "tests" / "mutants").glob("*.patch"))
KEPT = {
    "missing_key": "paid twice",
    "retry_around_the_send": "forgotten",
    "return_ignored": "proof",
    "silence_is_an_end": "record against bank",
}
"""The bugs for which a world is kept in tests/worlds, and the claim that breaks in it."""


@pytest.mark.parametrize("patch", MUTANTS, ids=lambda patch: patch.stem)
def test_each_planted_bug_still_fits_the_code_and_says_what_it_is(patch: Path) -> None:
    fits = subprocess.run(
        ["git", "apply", "--check", str(patch)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert fits.returncode == 0, fits.stderr
    assert patch.read_text(encoding="utf-8").partition("\n--- a/")[0].strip()


def test_there_are_at_least_ten() -> None:
    assert len(MUTANTS) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("bug", KEPT)
def test_a_planted_bug_breaks_a_claim_in_the_world_that_was_kept_for_it(bug: str, tmp_path: Path) -> None:
    simulate_mutants.copied(tmp_path, simulate_mutants.MUTANTS / f"{bug}.patch")
    played = simulate_mutants.simulated(tmp_path, simulate_mutants.WORLDS / f"{bug}.json")
    assert KEPT[bug] in {violation["claim"] for violation in played["violations"]}


def test_every_world_that_is_kept_is_a_planted_bugs() -> None:
    assert {path.stem for path in simulate_mutants.WORLDS.glob("*.json")} == KEPT.keys()
