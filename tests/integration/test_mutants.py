"""Planted bugs: each patch still fits the code, and the quickest are found by the worlds that `make test` can afford."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MUTANTS = sorted((ROOT / "tests" / "mutants").glob("*.patch"))
sys.path.insert(0, str(ROOT / "scripts"))


@pytest.mark.parametrize("patch", MUTANTS, ids=lambda patch: patch.stem)
def test_each_planted_bug_still_fits_the_code_and_says_what_it_is(patch: Path) -> None:
    fits = subprocess.run(
        ["git", "apply", "--check", str(patch)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert fits.returncode == 0, fits.stderr
    assert patch.read_text(encoding="utf-8").partition("\n--- a/")[0].strip()
