"""One monthly cycle at a given size, a command a stage, each measured.

Every stage is the `salur` command that an operator gives, run as a process of its own on a fresh home, so that its
seconds and memory are what the operator would see, start of the interpreter included. Files go to the simulated banks
and answers come back over SFTP on this machine; the banks run beside the stages and are none of them.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simulator.sftp_server import RunningBanks
from treasury import local_postgres
from treasury.rehearsal import running_banks

ROOT = Path(__file__).parent.parent
SEED, PERIOD = 3, "2020-10"
PEOPLE_PER_DUE = 1.19
"""Of so many invented people one is due in the period."""
BANKS = "(simulated banks)"
NOT_OURS = ("simulate people", BANKS)
SHARE_MAX = 1 / 3
_AFTER_CUT_OFF, _AT_THE_BANKS, _ANSWERED = (f"2020-11-0{day}T18:00:00+07:00" for day in (1, 2, 4))
_KIB_PER_MIB = 1024
_POLL_S = 0.1

Say = Callable[[str], None]


@dataclass(frozen=True)
class Measure:
    """What one stage cost: wall seconds, processor seconds of user and kernel, and the peak of resident memory."""

    stage: str
    runs: int
    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(stage: str, command: Sequence[str]) -> tuple[Measure, str]:
    """Run a command to its end and say what it cost, with what it printed. One that fails ends all."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as words:
        # Bytecode is kept, as on any machine that is not told otherwise: each stage is a process that imports anew.
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": ""}
        process = subprocess.Popen(command, stdout=output, stderr=words, cwd=ROOT, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            words.seek(0)
            said = words.read().decode()[-2000:]
            raise SystemExit(f"{stage} ended with {process.returncode}: {' '.join(command)}\n{said}")
        output.seek(0)
        cost = Measure(stage, 1, wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / _KIB_PER_MIB)
        return cost, output.read().decode()


Run = Callable[[str, Sequence[str]], tuple[Measure, str]]


class _Cycle:
    """A home and what its stages have cost so far."""

    def __init__(self, folder: Path, say: Say, run: Run) -> None:
        self.folder, self.home, self.say, self.measure = folder, folder / "home", say, run
        self.taken: list[Measure] = []

    def salur(self, stage: str, at: str, *arguments: object) -> dict[str, Any]:
        """Give a command; its answer."""
        command = [sys.executable, "-m", "treasury.cli", "--home", str(self.home), "--at", at]
        found, printed = self.measure(stage, [*command, *map(str, arguments), "--json"])
        self.taken.append(found)
        self.say(f"{stage} {found.wall_s:.1f} s")
        result: dict[str, Any] = json.loads(printed)
        return result

    def run(self, people: int, ledger: str | None) -> int:
        """All stages in their order; how many instructions were made."""
        drop = self.folder / "drop"
        self.salur("init", _AFTER_CUT_OFF, "init", *(("--ledger", ledger) if ledger else ()))
        self.salur(
            "simulate people", _AFTER_CUT_OFF, "simulate", "people", "--count", people, "--seed", SEED, "--out", drop,
            "--period", PERIOD,
        )  # fmt: skip
        self.salur("intake", _AFTER_CUT_OFF, "intake", "--source", drop)
        self.salur("entitle", _AFTER_CUT_OFF, "entitle", "--period", PERIOD)
        made = int(self.salur("instruct", _AFTER_CUT_OFF, "instruct", "--period", PERIOD, "--as", "siti")["instructed"])
        for row in self.salur("batches", _AFTER_CUT_OFF, "batches", "--period", PERIOD)["batches"]:
            self.salur("release", _AT_THE_BANKS, "release", row["batch"], "--as", "budi", "--digest", row["digest"])
        with running_banks(self.home, self.folder / "banks", SEED, "127.0.0.1") as banks:
            sent = self.salur("submit", _AT_THE_BANKS, "submit")["files"]
            self.answered(banks, Counter(row["bank"] for row in sent))
            read = self.salur("collect", _ANSWERED, "collect")["files"]
            assert {row["state"] for row in read} == {"taken"}, "an answer could not be read"
        self.salur("reconcile", _ANSWERED, "reconcile", "--period", PERIOD)
        self.salur("report", _ANSWERED, "report", "--period", PERIOD, "--out", self.folder / "report")
        return made

    def answered(self, banks: RunningBanks, sent: Counter[str]) -> None:
        """Wait until the banks have answered every file and ended their day."""
        begun, used = time.monotonic(), time.process_time()
        for bank, count in sent.items():
            answers = self.folder / "banks" / bank / "files" / str(banks.addresses[bank]["answer_folder"]).strip("/")
            while len(list(answers.glob("*.xml"))) < count:
                time.sleep(_POLL_S)
            banks.close_day(bank)
        cost = time.monotonic() - begun, time.process_time() - used
        self.taken.append(Measure(BANKS, 1, *cost, 0.0))


def gathered(taken: Sequence[Measure]) -> Iterator[Measure]:
    """Stages in their order; those of one name (one a batch) summed, memory the highest."""
    for stage in dict.fromkeys(each.stage for each in taken):
        mine = [each for each in taken if each.stage == stage]
        wall_s, cpu_s = sum(each.wall_s for each in mine), sum(each.cpu_s for each in mine)
        yield Measure(stage, len(mine), wall_s, cpu_s, max(each.peak_mib for each in mine))


def measured(kind: str, due: int, say: Say, run: Run = measure) -> dict[str, Any]:
    """A cycle in which about so many people are due, on a ledger of SQLite or PostgreSQL; its stages, as plain values.

    `run` carries out one command of one stage and measures it."""
    people = round(due * PEOPLE_PER_DUE)
    with tempfile.TemporaryDirectory(prefix="salur-cycle-") as folder, _ledger(kind) as ledger:
        cycle = _Cycle(Path(folder), lambda text: say(f"{kind}: {text}"), run)
        made = cycle.run(people, ledger)
    stages = [asdict(stage) for stage in gathered(cycle.taken)]
    whole = sum(stage["wall_s"] for stage in stages if stage["stage"] not in NOT_OURS)
    for stage in stages:
        stage["share"] = None if stage["stage"] in NOT_OURS else stage["wall_s"] / whole
    return {"ledger": kind, "people": people, "instructions": made, "whole_s": whole, "stages": stages}


@contextmanager
def _ledger(kind: str) -> Iterator[str | None]:
    """The DSN of a fresh server that survives a power cut, as the real one must; none for SQLite in the home."""
    with local_postgres.local_postgres(durable=True) if kind == "PostgreSQL" else nullcontext() as dsn:
        yield dsn
