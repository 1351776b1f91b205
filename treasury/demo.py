"""`make demo`: one monthly cycle of an invented country, in a real Airflow, against simulated banks on real SFTP.

Everything lies in a fresh folder under var/demo: home, drop, banks, Airflow. When it is over nothing is left running,
unless it was asked to stay up.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from ledger import queries
from schemas.errors import SalurError, TryLater, WrongUsage
from schemas.money import format_idr
from treasury.desk import standalone
from treasury.desk.rest import OVER, Desk
from treasury.house import open_house

PERIOD: Final = "2020-12"
"""By the end of this month most of the invented recipients of 2020 have qualified."""
PEOPLE: Final = 4_000
SEED: Final = 2020
DAGS: Final = ("intake", "disburse", "answers", "collect", "reconcile", "close")
PROCESSES = "processes.json"

# What each stage takes on two cores, in seconds: the ground of the time that is said to be left.
STAGES: Final = {
    "Negara rekaan dan rumah data / an invented country and a home": 15,
    "Bank tiruan di SFTP / simulated banks on SFTP": 5,
    "Airflow berjalan / Airflow starts": 35,
    "Penerimaan data / intake": 15,
    "Hak, instruksi, berkas / entitlements, instructions, files": 30,
    "Persetujuan orang kedua / release by a second person": 15,
    "Pengiriman / submission": 20,
    "Jawaban bank dan rekonsiliasi / answers and reconciliation": 45,
    "Laporan / report": 15,
}
_SALUR: Final = (sys.executable, "-m", "treasury.cli")
_WAIT_SECONDS_MAX: Final = 600.0
_ROUNDS_MAX: Final = 20
_OPEN: Final = {"drafted", "released", "submitted", "accepted", "unknown"}


@dataclass
class Progress:
    """Says on the terminal which stage runs, what passed and about what is left."""

    started: float = field(default_factory=time.monotonic)
    stage: int = 0

    def __call__(self, line: str) -> None:
        print(f"[{time.monotonic() - self.started:4.0f} s] {line}", flush=True)

    @contextmanager
    def next(self) -> Iterator[None]:
        """The next of STAGES, from its heading to its end."""
        title, expected = list(STAGES.items())[self.stage]
        left = sum(list(STAGES.values())[self.stage :])
        self.stage += 1
        self(f"{self.stage}/{len(STAGES)} {title} … (±{expected} s, sisa / left ±{left} s)")
        yield


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    keep: bool
    approve: str
    people: int


@dataclass(frozen=True)
class Stage:
    """The folder of one demonstration and what lies where in it."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def drop(self) -> Path:
        return self.folder / "drop"

    @property
    def airflow(self) -> Path:
        return self.folder / "airflow"

    @property
    def report(self) -> Path:
        return self.home / "reports" / PERIOD


def fresh_folder(root: Path) -> Stage:
    """A folder under `root` that did not exist."""
    name = datetime.now(ZoneInfo("Asia/Jakarta")).strftime("%Y%m%d-%H%M%S")
    folder = root / name
    folder.mkdir(parents=True)
    return Stage(folder.resolve())


def salur(stage: Stage, *words: str) -> dict[str, Any]:
    """Run one command of `salur` in the demonstration's home; its JSON answer.

    Errors: SalurError when it does not end with 0.
    """
    command = [*_SALUR, "--home", str(stage.home), *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SalurError(f"salur {' '.join(words)} ended with {done.returncode}.", done.stderr[-2000:])
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def start_banks(stage: Stage) -> "subprocess.Popen[bytes]":
    """Start the simulated banks and return once the home says how to reach them."""
    log = stage.folder / "banks.log"
    ready = stage.folder / "banks" / "banks.json"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*_SALUR, "--home", str(stage.home), "simulate", "banks", "--root", str(ready.parent), "--seed", str(SEED)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    until = time.monotonic() + 60
    while not (ready.exists() and open_house(stage.home).config.get("banks")):
        if process.poll() is not None or time.monotonic() > until:
            standalone.stop_group(process.pid)
            raise TryLater("The simulated banks do not come up.", log.read_text(errors="replace")[-2000:])
        time.sleep(0.2)
    return process


def follow(desk: Desk, dag_id: str, run_id: str) -> None:
    """Wait for the end of a run.

    Errors: RunFailed with the log of the task that failed; TryLater when it takes too long.
    """
    until = time.monotonic() + _WAIT_SECONDS_MAX
    while desk.check(dag_id, run_id) not in OVER:
        if time.monotonic() > until:
            raise TryLater(f"{dag_id} took longer than {_WAIT_SECONDS_MAX:.0f} s.")
        time.sleep(1)


def follow_assets(desk: Desk) -> None:
    """Wait until the runs that assets started, reconcile and then close, are over, and no further one is coming."""
    quiet = 0
    while quiet < 6:  # a run follows its asset after a beat of the scheduler
        runs = [(dag, run) for dag in ("reconcile", "close") for run in desk.runs(dag)]
        going = [(dag, run) for dag, run in runs if run["state"] not in OVER]
        for dag, run in runs:
            if run["state"] == "failed":
                desk.check(dag, run["dag_run_id"])
        counts = Counter(dag for dag, run in runs if run["state"] == "success")
        quiet = 0 if going or counts["close"] == 0 else quiet + 1
        time.sleep(1)


def wait_for_questions(desk: Desk, run_id: str) -> list[dict[str, Any]]:
    """The questions about all batches of a run, once they all wait for an answer."""
    until = time.monotonic() + _WAIT_SECONDS_MAX
    while time.monotonic() < until:
        desk.check("disburse", run_id)
        asked = [task for task in desk.tasks("disburse", run_id) if task["task_id"] == "channel.release"]
        questions = desk.questions("disburse", run_id)
        if questions and all(task["state"] == "awaiting_input" for task in asked):
            return questions
        if desk.state("disburse", run_id) in OVER:
            raise SalurError("Nobody is due: there is no batch to release.", "", "Give more --people.")
        time.sleep(1)
    raise TryLater("No question came up.")


def release(say: Progress, airflow: standalone.Standalone, run_id: str, approve: str) -> None:
    """The second person's part: through the endpoint behind the button, or by a person in the browser."""
    with airflow.login("checker") as checker:
        questions = wait_for_questions(checker, run_id)
        for question in questions:
            say(f"    {question['subject']}")
        if approve == "ui":
            say(f"    Menunggu Anda / waiting for you: {airflow.url}/required_actions")
            say(f"    Masuk sebagai / log in as: checker / {airflow.password('checker')}, lalu / then: Approve")
            while checker.questions("disburse", run_id):
                checker.check("disburse", run_id)
                time.sleep(2)
            return
        say("    checker menyetujui lewat hitlDetails, titik akhir yang dipakai tombol di UI.")
        say("    checker approves through hitlDetails, the endpoint that the button in the UI uses.")
        for question in questions:
            checker.answer(question, "Approve")


def states(stage: Stage) -> Counter[str]:
    """How many instructions of the month stand where."""
    with open_house(stage.home).store.reading() as connection:
        return Counter(queries.instruction_rows(connection, period=PERIOD)["state"].to_pylist())


def run_cycle(say: Progress, stage: Stage, airflow: standalone.Standalone, approve: str) -> None:
    """One monthly cycle through Airflow, stage by stage."""
    with airflow.login("maker") as maker:
        with say.next():
            wait_for_dags(maker)
            follow(maker, "intake", maker.trigger("intake", PERIOD, {"source": str(stage.drop)}))
        with say.next():
            run_id = maker.trigger("disburse", PERIOD)
            wait_for_questions(maker, run_id)
        with say.next():
            release(say, airflow, run_id, approve)
        with say.next():
            follow(maker, "disburse", run_id)
        with say.next():
            for _ in range(_ROUNDS_MAX):
                follow(maker, "collect", maker.trigger("collect", PERIOD))
                follow_assets(maker)
                found = states(stage)
                say("    " + ", ".join(f"{count:,} {state}" for state, count in sorted(found.items())))
                if not _OPEN & set(found):
                    break
        with say.next():
            follow_assets(maker)


def wait_for_dags(desk: Desk) -> None:
    """Return once Airflow has read all DAG files, and let them run.

    Errors: SalurError when a file cannot be loaded.
    """
    until = time.monotonic() + _WAIT_SECONDS_MAX
    while not set(DAGS) <= desk.dag_ids():
        if errors := desk.import_errors():
            raise SalurError("A DAG file cannot be loaded.", "\n".join(errors))
        if time.monotonic() > until:
            raise TryLater("Airflow has not read the DAGs.")
        time.sleep(1)
    for dag_id in DAGS:
        desk.unpause(dag_id)


def demonstrate(say: Progress, stage: Stage, options: Options) -> None:
    """From nothing to a reconciled month; on the way out everything is stopped, unless it is to stay up."""
    with ExitStack() as stack:
        with say.next():
            salur(stage, "init")
            people = ("--count", str(options.people), "--seed", str(SEED), "--out", str(stage.drop))
            salur(stage, "simulate", "people", *people)
        with say.next():
            banks = start_banks(stage)
            stack.callback(standalone.stop_group, banks.pid)
        with say.next():
            airflow = standalone.start(stage.airflow, stage.home)
            stack.callback(airflow.stop)
        run_cycle(say, stage, airflow, options.approve)
        tell(stage, airflow, options)
        if options.keep:
            leaders = {"leaders": [airflow.process.pid, banks.pid]}
            (stage.folder / PROCESSES).write_text(json.dumps(leaders))
            stack.pop_all()


def tell(stage: Stage, airflow: standalone.Standalone, options: Options) -> None:
    """The end of the demonstration: what came out, and where to look."""
    rows = queries.batches(open_house(stage.home).store, PERIOD)
    count, total = sum(row["transaction_count"] for row in rows), sum(row["control_sum_idr"] for row in rows)
    print()
    print(
        f"Bulan / period {PERIOD}: {count:,} instruksi / instructions, {format_idr(total)}, {len(rows)} kelompok / batches"
    )
    for state, number in sorted(states(stage).items()):
        print(f"  {state:<12} {number:>8,}")
    print(f"Laporan / report: {stage.report}")
    if options.keep:
        print(f"Airflow: {airflow.url}")
        for user in ("maker", "checker", "auditor", "admin"):
            print(f"  {user:<8} {airflow.password(user)}")
        print(f"Berhenti / stop: {sys.executable} -m treasury.demo --stop {stage.folder}")
    else:
        print(
            f"Airflow (berhenti / stopped): {airflow.url}, checker / {airflow.password('checker')}; KEEP=1 leaves it up"
        )


def stop(folder: Path) -> None:
    """End what an earlier demonstration left up.

    Errors: WrongUsage when nothing was left up there.
    """
    record = folder / PROCESSES
    if not record.exists():
        raise WrongUsage(f"Nothing was left up in {folder}.")
    for leader in json.loads(record.read_text())["leaders"]:
        standalone.stop_group(leader)
    record.unlink()


def main() -> int:
    """The command line. Exit code 0: the month is reconciled, and nothing is left running that was not asked to stay."""
    parser = argparse.ArgumentParser(prog="python -m treasury.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", default=os.environ.get("KEEP", "") not in ("", "0"))
    parser.add_argument("--approve", choices=("api", "ui"), default=os.environ.get("APPROVE") or "api")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--root", type=Path, default=Path("var/demo"), help="the folder for demonstrations")
    parser.add_argument("--stop", type=Path, metavar="FOLDER", help="end what a demonstration left up")
    words = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if words.stop:
            stop(words.stop)
            return 0
        stage = fresh_folder(words.root)
        print(f"{stage.folder} ({shutil.disk_usage(stage.folder).free // 2**30} GiB bebas / free)")
        demonstrate(Progress(), stage, Options(words.keep, words.approve, words.people))
    except SalurError as error:
        print(f"\n{error.what}\n{error.why}\n{error.do}".rstrip(), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nDihentikan / interrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
