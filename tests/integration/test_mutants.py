"""Planted bugs: each patch still fits the code, and the quickest are found by the worlds that `make test` can afford."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts import simulate_mutants

ROOT = Path(__file__).parent.parent.parent
MUTANTS = sorted((ROOT / "tests" / "mutants").glob("*.patch"))


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
@pytest.mark.timeout(600)  # seconds of a processor, on a machine that may be shared
def test_a_planted_bug_is_found_by_the_first_worlds(tmp_path: Path) -> None:
    simulate_mutants.copied(tmp_path, ROOT / "tests" / "mutants" / "acknowledgement_taken_for_payment.patch")
    found = simulate_mutants.first_found(tmp_path, seeds=2, people=80, months=1)
    assert found is not None
    assert found[1].startswith("record against bank")
