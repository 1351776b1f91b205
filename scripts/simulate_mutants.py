"""Planted bugs, each in a copy of the pipeline of its own: in how many simulated worlds is it found?

make simulate-mutants [ONLY="return_ignored lapse_ignored"] [PEOPLE=60] [MONTHS=4] [KEEP=1]

Each patch of tests/mutants is applied to a copy of the packages, whose worlds are played in the order of their seeds until
one breaks a claim. The packages as they are must play as many worlds as the longest search took, and break none. With
KEEP=1 the world that found a bug is made smaller and kept in tests/worlds under the bug's name.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from treasury.many_worlds import plans

ROOT = Path(__file__).parent.parent
MUTANTS = ROOT / "tests" / "mutants"
WORLDS = ROOT / "tests" / "worlds"
PACKAGES = ("banks", "disbursement", "ledger", "platforms", "reconciliation", "schemas", "simulator", "treasury")
_FOUND = re.compile(r"^seed (\d+): (.*)$", re.MULTILINE)


def copied(target: Path, patch: Path | None) -> None:
    """The packages in a folder of their own, with the bug planted."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    if patch is not None:
        subprocess.run(["git", "apply", "--unidiff-zero", str(patch)], cwd=target, check=True)


def first_found(target: Path, seeds: int, people: int, months: int) -> tuple[int, str] | None:
    """The first seed whose world breaks a claim, and what it breaks; None when none does."""
    command = [sys.executable, "-m", "treasury.many_worlds", str(seeds), "--until-broken"]
    played = subprocess.run(
        [*command, "--people", str(people), "--months", str(months)],
        cwd=target,
        env={**os.environ, "PYTHONPATH": str(target)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    found = _FOUND.search(played.stdout)
    if found is None and played.returncode:
        raise SystemExit(f"The worlds of {target.name} could not be played.")
    return None if found is None else (int(found[1]), found[2])


def simulated(target: Path, plan: Path, *more: str) -> dict[str, Any]:
    """What `salur simulate world --plan PLAN` of the packages in a folder says, whether or not it breaks a claim."""
    played = subprocess.run(
        [sys.executable, "-m", "treasury.cli", "simulate", "world", "--plan", str(plan), *more, "--json"],
        cwd=target,
        env={**os.environ, "PYTHONPATH": str(target)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    said: dict[str, Any] = json.loads(played.stdout)
    return said


def keep(target: Path, bug: str, seed: int, people: int, months: int) -> None:
    """The world of this seed in which a bug was found, made smaller and kept under the bug's name."""
    whole = target / "plan.json"
    whole.write_text(plans(seed, 1, "", people, months)[0].to_json(), encoding="utf-8")
    smallest = simulated(target, whole, "--shrink")["plan"]
    (WORLDS / f"{bug}.json").write_text(json.dumps(smallest, indent=1) + "\n", encoding="utf-8")
    print(f"{'':<34} kept with {len(smallest['people'])} people and {len(smallest['faults'])} faults", flush=True)


def main() -> int:
    """12 when a planted bug is not found, or the packages as they are break a claim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--months", type=int, default=4)
    parser.add_argument("--no-clean", action="store_true", help="leave out the packages as they are")
    parser.add_argument("--keep", action="store_true", help="make the worlds that find a bug smaller and keep them")
    asked = parser.parse_args()
    patches = [patch for patch in sorted(MUTANTS.glob("*.patch")) if not asked.only or patch.stem in asked.only]
    needed, missed = 1, list[str]()
    for patch in patches:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="salur-mutant-") as folder:
            copied(Path(folder), patch)
            found = first_found(Path(folder), asked.seeds, asked.people, asked.months)
            told = "not found" if found is None else f"{found[0]:3} seeds: {found[1]}"
            print(f"{patch.stem:<34} {told} ({time.monotonic() - began:.0f} s)", flush=True)
            if found and asked.keep:
                keep(Path(folder), patch.stem, found[0], asked.people, asked.months)
        if found is None:
            missed.append(patch.stem)
        else:
            needed = max(needed, found[0])
    clean = None
    if not asked.no_clean:
        with tempfile.TemporaryDirectory(prefix="salur-mutant-") as folder:
            copied(Path(folder), None)
            clean = first_found(Path(folder), needed, asked.people, asked.months)
        print(f"as it is: {f'seed {clean[0]}: {clean[1]}' if clean else f'nothing in {needed} seeds'}")
    print(f"{len(patches) - len(missed)} of {len(patches)} found.")
    return 12 if missed or clean else 0


if __name__ == "__main__":
    sys.exit(main())
