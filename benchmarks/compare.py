"""Us beside our peers: `python -m benchmarks.compare --date 2026-01-31`, or `make bench`.

Every run is a process of its own on the same input, and the contenders of a comparison take turns, so that a busy moment
of the machine hurts all alike. A wrong answer ends the benchmark. Results go to `--out` as JSON, progress to standard
error.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import inputs, pairs
from benchmarks.cases import CASES, OURS, Case, Contender
from benchmarks.machine import facts, versions

ROOT = Path(__file__).parent.parent
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
SECONDS_EACH = 4.0
"""A contender is run again until it has taken so long, twice at least and `RUNS_MAX` times at most."""
RUNS_MIN, RUNS_MAX = 2, 5

Run = dict[str, float]


class WrongAnswer(SystemExit):
    """A contender that did not do the work: there is nothing to compare."""


def run_once(case: Case, contender: Contender, size: int, folder: Path) -> Run:
    """One process of a contender, to its end."""
    python = sys.executable if contender.name == OURS else str(PEERS_PYTHON)
    command = [python, "-m", "benchmarks.contend", case.key, contender.name]
    command += ["--size", str(size * case.scale), "--folder", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise WrongAnswer(f"{case.key}: {contender.name} failed or answered wrongly\n{done.stderr[-2000:]}")
    cost: Run = json.loads(done.stdout.splitlines()[-1])
    return cost


def compare(case: Case, size: int, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """All contenders of a case in turns, each until it has been seen long enough."""
    contenders = [each for each in case.contenders if each.name == OURS or PEERS_PYTHON.exists()]
    runs: dict[str, list[Run]] = {each.name: [] for each in contenders}
    while waiting := [each for each in contenders if _is_wanted(runs[each.name])]:
        for each in waiting:
            cost = run_once(case, each, size, folder)
            runs[each.name].append(cost)
            say(f"{case.key}: {each.name} {cost['wall_s']:.3f} s")
    packages = [each.package for each in contenders if each.package]
    return {
        "case": case.key,
        "rows": size * case.scale,
        "contenders": {name: summary(found) for name, found in runs.items()},
        "missing": [each.name for each in case.contenders if each not in contenders],
        "versions": versions(PEERS_PYTHON, packages) if packages else {},
    }


def _is_wanted(found: list[Run]) -> bool:
    if len(found) < RUNS_MIN:
        return True
    return len(found) < RUNS_MAX and sum(run["wall_s"] for run in found) < SECONDS_EACH


def summary(found: list[Run]) -> dict[str, float]:
    """The best and the middle run by the clock, the least processor time, the most memory."""
    return {
        "runs": len(found),
        "best_s": min(run["wall_s"] for run in found),
        "median_s": median(run["wall_s"] for run in found),
        "cpu_s": min(run["cpu_s"] for run in found),
        "growth_mib": max(run["growth_mib"] for run in found),
        "peak_mib": max(run["peak_mib"] for run in found),
    }


def verdicts(case: Case, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each claim of the case with the ratio that was measured; without its peer it is neither reached nor missed."""
    times = found["contenders"]
    for claim in case.claims:
        if claim.peer not in times:
            yield {"text": claim.text, "peer": claim.peer, "measured": False}
            continue
        peer, ours = times[claim.peer], times[OURS]
        yield {
            "text": claim.text,
            "peer": claim.peer,
            "measured": True,
            "ratio": peer["best_s"] / ours["best_s"],
            "ratio_median": peer["median_s"] / ours["median_s"],
            "ratio_cpu": peer["cpu_s"] / ours["cpu_s"],
            "wanted": 1 / claim.times,
            "reached": ours["best_s"] <= peer["best_s"] * claim.times,
        }


def compare_all(chosen: list[Case], size: int, folder: Path) -> list[dict[str, Any]]:
    """Make the input, run every case and judge its claims."""
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"bench {time.monotonic() - begun:6.0f} s  {text}", file=sys.stderr, flush=True)

    say(f"making input of {size:,} rows")
    inputs.make(size, folder)
    if any(case.key == "match" for case in chosen):
        pairs.make(size * next(case.scale for case in chosen if case.key == "match"), folder)
    found = []
    for place, case in enumerate(chosen):
        say(f"{case.title} ({place + 1} of {len(chosen)})")
        result = compare(case, size, folder, say)
        found.append(result | {"claims": list(verdicts(case, result))})
    return found


def main() -> None:
    """Compare, print what was claimed and found, and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", required=True, help="the day that the results bear, YYYY-MM-DD")
    parser.add_argument("--size", type=int, default=100_000, help="rows; matching takes ten times as many")
    parser.add_argument("--only", default="", help="cases or peers whose name holds this, for a quick look")
    parser.add_argument("--out", type=Path, help="a JSON file for the results")
    asked = parser.parse_args()
    chosen = [
        case for case in CASES if asked.only in case.key or any(asked.only == each.name for each in case.contenders)
    ]
    if not chosen:
        raise SystemExit(f"no case or peer is named like {asked.only}: {', '.join(case.key for case in CASES)}")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="salur-bench-") as folder:
        found = compare_all(chosen, asked.size, Path(folder))
    results = {"date": asked.date, "size": asked.size, "machine": facts(load), "cases": found}
    for case, result in zip(chosen, found, strict=True):
        print(f"\n{case.title}: {result['rows']:,} {case.unit}")
        for name, cost in result["contenders"].items():
            print(f"  {name:20} best {cost['best_s']:8.3f} s  median {cost['median_s']:8.3f} s  CPU {cost['cpu_s']:8.3f} s"
                  f"  +{cost['growth_mib']:,.0f} MiB")  # fmt: skip
        for name in result["missing"]:
            print(f"  {name:20} not installed: make bench sets it up")
        for claim in result["claims"]:
            print("  " + told(claim))
    if asked.out:
        asked.out.parent.mkdir(exist_ok=True)
        asked.out.write_text(json.dumps(results, indent=1) + "\n")


def told(claim: dict[str, Any]) -> str:
    """A claim and what became of it, in a line."""
    if not claim["measured"]:
        return f"NOT MEASURED: {claim['text']}"
    return f"{'reached' if claim['reached'] else 'NOT REACHED'}: {claim['text']} ({claim['ratio']:.2f} times)"


if __name__ == "__main__":
    main()
