"""Us beside our peers.

Every run is a process of its own on the same input, and the contenders of a comparison take turns, so that a busy moment
of the machine hurts all alike. A wrong answer ends the benchmark.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import inputs, pairs
from benchmarks.cases import OURS, Case, Contender
from benchmarks.machine import versions
from tests.lib.needs import sshd_path
from tests.lib.sshd import ssh_server

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


def compare_all(cases: list[Case], size: int, folder: Path, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Make the input, run every case and judge its claims."""
    say(f"making input of {size:,} rows")
    inputs.make(size, folder)
    for case in cases:
        if case.key == "match":
            pairs.make(size * case.scale, folder)
    found = []
    for place, case in enumerate(cases):
        say(f"{case.title} ({place + 1} of {len(cases)})")
        if case.key == "upload" and not sshd_path():
            say("not measured: there is no OpenSSH server here (package openssh-server)")
            continue
        with server(folder) if case.key == "upload" else nullcontext():
            result = compare(case, size, folder, say)
        found.append(result | {"claims": list(verdicts(case, result))})
    return found


@contextmanager
def server(folder: Path) -> Iterator[None]:
    """An OpenSSH server that is up inside the `with`, and that contenders find in the folder."""
    with ssh_server(folder / "sshd") as up:
        inputs.Server(up.host, up.port, up.user, str(up.client_key), up.host_key, str(up.root)).write(folder)
        yield
