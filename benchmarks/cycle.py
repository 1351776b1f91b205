"""One monthly cycle at a given size, a command a stage, each measured: `python -m benchmarks.cycle --people 100000`.

Every stage is the `salur` command that an operator gives, run as a process of its own on a fresh home with SQLite, so
that its seconds and memory are what the operator would see, start of the interpreter included. Between submission and
receipt the simulated banks answer from their own process; their cost is shown too and is none of the pipeline's.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.bank import SimulatedBank
from simulator.descriptions import bank_descriptions

ROOT = Path(__file__).parent.parent
SEED = 3
_AFTER_CUT_OFF, _AT_THE_BANKS, _ANSWERED = (f"2020-11-0{day}T18:00:00+07:00" for day in (1, 2, 4))
_KIB_PER_MIB = 1024


@dataclass(frozen=True)
class Measure:
    """What one stage cost: wall seconds, processor seconds of user and kernel, and the peak of resident memory."""

    stage: str
    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(stage: str, command: Sequence[str], done: tuple[int, ...] = (0,)) -> tuple[Measure, str]:
    """Run a command to its end and say what it cost, with what it printed. An exit code not in `done` ends all."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as output:
        # Bytecode is kept, as on any machine that is not told otherwise: each stage is a process that imports anew.
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
        process = subprocess.Popen(command, stdout=output, cwd=ROOT, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in done:
            raise SystemExit(f"{stage} ended with {process.returncode}: {' '.join(command)}")
        output.seek(0)
        return Measure(
            stage, wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / _KIB_PER_MIB
        ), output.read().decode()


def run(people: int, period: str, folder: Path) -> list[Measure]:
    """All stages of a cycle in a fresh folder, in their order."""
    home, drop, sent, answers = (folder / name for name in ("home", "drop", "sent", "answers"))
    taken: list[Measure] = []

    def salur(stage: str, at: str, *arguments: object) -> dict[str, object]:
        command = [sys.executable, "-m", "treasury.cli", "--home", str(home), "--at", at]
        found, printed = measure(stage, [*command, *map(str, arguments), "--json"])
        taken.append(found)
        result: dict[str, object] = json.loads(printed)
        return result

    salur("init", _AFTER_CUT_OFF, "init")
    salur(
        "simulate people", _AFTER_CUT_OFF, "simulate", "people", "--count", people, "--seed", SEED, "--out", drop,
        "--period", period,
    )  # fmt: skip
    salur("intake", _AFTER_CUT_OFF, "intake", "--source", drop)
    salur("entitle", _AFTER_CUT_OFF, "entitle", "--period", period)
    made = salur("instruct", _AFTER_CUT_OFF, "instruct", "--period", period, "--as", "siti")
    print(f"{made['instructed']:,} instructions", file=sys.stderr)
    listed = salur("batches", _AFTER_CUT_OFF, "batches", "--period", period)["batches"]
    assert isinstance(listed, list)
    for row in listed:
        salur("release", _AT_THE_BANKS, "release", row["batch"], "--as", "budi", "--digest", row["digest"])
    went = salur("submit", _AT_THE_BANKS, "submit", "--to", sent)["files"]
    assert isinstance(went, list)
    letters = [f"{row['bank']}={sent / row['file_name']}" for row in went]
    taken.append(
        measure("(simulated banks)", [sys.executable, "-m", "benchmarks.cycle", "--answer", str(answers), *letters])[0]
    )
    for file in sorted(answers.iterdir()):
        salur("receive", _ANSWERED, "receive", file, "--bank", file.name.split("-")[0])
    salur("reconcile", _ANSWERED, "reconcile", "--period", period)
    salur("report", _ANSWERED, "report", "--period", period, "--out", folder / "report")
    return taken


def answer_all(answers: Path, letters: list[str]) -> None:
    """Let the simulated banks take the files that `letters` (BANK=PATH) name, and write what they answer."""
    answers.mkdir()
    for code, description in bank_descriptions().items():
        bank = SimulatedBank(description, seed=SEED)
        mine = [Path(path) for to, _, path in (letter.partition("=") for letter in letters) if to == code]
        written = [answer for path in mine for answer in bank.take(path.name, path.read_bytes())]
        for name, data in [*written, *bank.close_day()]:
            (answers / name).write_bytes(data)


def table(taken: list[Measure]) -> str:
    """A Markdown table of stages in their order; stages of one name (one a batch or answer) are summed, memory peaks."""
    lines = ["| stage | runs | wall s | CPU s | peak MiB |", "|---|--:|--:|--:|--:|"]
    for stage in dict.fromkeys(each.stage for each in taken):
        mine = [each for each in taken if each.stage == stage]
        wall_s, cpu_s = sum(each.wall_s for each in mine), sum(each.cpu_s for each in mine)
        lines.append(f"| {stage} | {len(mine)} | {wall_s:.1f} | {cpu_s:.1f} | {max(m.peak_mib for m in mine):.0f} |")
    lines.append(
        f"| all | {len(taken)} | {sum(each.wall_s for each in taken):.1f} | {sum(each.cpu_s for each in taken):.1f}"
        f" | {max(each.peak_mib for each in taken):.0f} |"
    )
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark and print its table, with the machine and its load beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--period", default="2020-10", help="a month of 2020 (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="a new folder to work in and keep; a temporary one by default")
    parser.add_argument("--answer", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.answer:
        answer_all(Path(asked.answer[0]), asked.answer[1:])
        return
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="salur-bench-") as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(exist_ok=asked.folder is None)
        taken = run(asked.people, asked.period, folder.absolute())
    print(
        f"{asked.people:,} people, {asked.period}; {os.cpu_count()} cores, Python {platform.python_version()}, ", end=""
    )
    print(f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after\n\n{table(taken)}")


if __name__ == "__main__":
    main()
