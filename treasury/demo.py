"""`make demo`: a monthly cycle of an invented country, in a real Airflow, against simulated banks on real SFTP; and the
beginning of the month after, in which tranches and surveys are paid to the same accounts, and one payment that a bank refused
again, to the account that its participant has linked since.

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
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ledger import queries
from schemas.codes import BENEFITS
from schemas.errors import SalurError, TryLater, WrongUsage
from schemas.money import format_idr
from schemas.remedies import REMEDIES, Rule
from treasury import exports, local_postgres
from treasury.desk import standalone
from treasury.desk.rest import FAILED, OVER, Desk
from treasury.house import open_house

PERIOD: Final = "2020-12"
"""By the end of this month most of the invented recipients of 2020 have qualified."""
AT: Final = datetime(2021, 1, 4, 7, tzinfo=ZoneInfo("Asia/Jakarta"))
"""When the month is paid: the morning of the first banking day after it. The rehearsed clock starts here."""
NEXT_PERIOD: Final = "2021-01"
"""On the same day the next month begins: second tranches of those who were due early, and surveys, which fall due with the
credit of the first tranche."""
PEOPLE: Final = 4_000
SEED: Final = 2020
DAGS: Final = ("intake", "disburse", "answers", "collect", "reconcile", "close")
PROCESSES = "processes.json"

# What each stage takes on two cores, in seconds: the ground of the time that is said to be left.
STAGES: Final = {
    "Negara rekaan dan rumah data / an invented country and a home": 8,
    "Bank tiruan di SFTP / simulated banks on SFTP": 4,
    "Airflow berjalan / Airflow starts": 45,
    "Penerimaan data / intake": 12,
    "Hak, instruksi, berkas / entitlements, instructions, files": 15,
    "Persetujuan orang kedua / release by a second person": 6,
    "Pengiriman / submission": 13,
    "Jawaban bank, rekonsiliasi, laporan / answers, reconciliation, report": 25,
    "Rekening ditautkan ulang setelah ditolak / an account linked anew after a refusal": 12,
    "Bulan berikutnya: tahap 2, survei, penerbitan ulang / the month after: second tranches, surveys, a reissue": 40,
}
_SALUR: Final = (sys.executable, "-m", "treasury.cli")
_WAIT_SECONDS_MAX: Final = 600.0
_ROUNDS_MAX: Final = 20
_READ_SECONDS: Final = 5.0
"""Nobody answers within the second of the question, and Airflow has not settled the asking before that either."""
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
        title = list(STAGES)[self.stage]
        seconds = list(STAGES.values())
        # A slower machine than the one of STAGES is slower in what is still to come, too.
        pace = max(1.0, (time.monotonic() - self.started) / max(1, sum(seconds[: self.stage])))
        left = pace * sum(seconds[self.stage :])
        self.stage += 1
        self(f"{self.stage}/{len(STAGES)} {title} … (sisa / left ± {left:.0f} s)")
        yield


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    keep: bool
    approve: str
    people: int
    database: str


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


@dataclass(frozen=True)
class Databases:
    """Where the ledger and Airflow keep their tables: DSNs of a server of our own, or None for files of SQLite."""

    ledger: str | None = None
    airflow: str | None = None
    server: Path | None = None

    def stop(self) -> None:
        """End the server, if there is one, and with it what it held."""
        if self.server is not None:
            local_postgres.stop(self.server)


def start_databases(kind: str) -> Databases:
    """A PostgreSQL server with a database for the ledger and one for Airflow, or nothing where SQLite serves.

    Errors: TryLater where there is no PostgreSQL, or it does not start.
    """
    if kind == "sqlite":
        return Databases()
    server = local_postgres.start()
    try:
        airflow = local_postgres.add_database(server, "airflow")
    except BaseException:
        local_postgres.stop(server)
        raise
    return Databases(local_postgres.dsn(server), airflow, server)


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


@dataclass
class Cycle:
    """A monthly cycle that runs through Airflow, which month it is, and what keeps it going."""

    say: Progress
    stage: Stage
    airflow: standalone.Standalone
    banks: "subprocess.Popen[bytes]"
    desk: Desk
    period: str = PERIOD
    told: set[tuple[str, int]] = field(default_factory=set)

    def wait(self, what: str, is_over: Callable[[], bool]) -> None:
        """Look once a second until `is_over`.

        Errors: RunFailed of what is waited for; TryLater when Airflow or the banks have ended, or it takes too long.
        """
        until = time.monotonic() + _WAIT_SECONDS_MAX
        while not is_over():
            for name, process in (("Airflow", self.airflow.process), ("The simulated banks", self.banks)):
                if process.poll() is not None:
                    raise TryLater(f"{name} ended while {what} ran.", f"Exit code {process.returncode}.")
            if time.monotonic() > until:
                raise TryLater(
                    f"{what} took longer than {_WAIT_SECONDS_MAX:.0f} s.", "", f"Look into {self.stage.folder}."
                )
            time.sleep(1)

    def follow(self, dag_id: str, run_id: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait for the end of a run, saying so when one of its tasks has to try again."""

        def is_over() -> bool:
            meanwhile()
            state = self.desk.check(dag_id, run_id)
            for task in self.desk.tasks(dag_id, run_id):
                mark = (task["id"], task["try_number"])
                if task["state"] == "up_for_retry" and mark not in self.told:
                    self.told.add(mark)
                    why = " ".join(self.desk.log_tail(task)[-1:])
                    self.say(f"    {task['task_id']} mencoba lagi / tries again: {why}")
            return state in OVER

        self.wait(dag_id, is_over)

    def run(self, dag_id: str, conf: dict[str, Any] | None = None) -> None:
        """Start a run by hand for the month and wait for its end."""
        self.follow(dag_id, self.desk.trigger(dag_id, self.period, conf))

    def follow_assets(self, since: str) -> None:
        """Wait for the report that comes of answers announced by `since`: a `reconcile` after it, a `close` after that.

        Errors: RunFailed when one of them fails.
        """

        def after(dag_id: str, instant: str) -> str:
            runs = [run for run in self.desk.runs(dag_id) if (run["start_date"] or "") >= instant]
            for run in runs:
                if run["state"] in FAILED:
                    self.desk.check(dag_id, run["dag_run_id"])  # which says why
            return min((run["end_date"] for run in runs if run["end_date"]), default="")

        def is_over() -> bool:
            proved = after("reconcile", since)
            return bool(proved and after("close", proved))

        self.wait("reconcile, close", is_over)

    def load_dags(self) -> None:
        """Return once Airflow has read all DAG files, and let them run.

        Errors: SalurError when a file cannot be loaded.
        """

        def is_over() -> bool:
            if errors := self.desk.import_errors():
                raise SalurError("A DAG file cannot be loaded.", "\n".join(errors))
            return set(DAGS) <= self.desk.dag_ids()

        self.wait("reading the DAGs", is_over)
        for dag_id in DAGS:
            self.desk.unpause(dag_id)

    def questions(self, run_id: str) -> list[dict[str, Any]]:
        """The questions about all batches of a run, once they all wait for an answer.

        Errors: SalurError when the run ends without asking anything.
        """
        found: list[dict[str, Any]] = []

        def is_over() -> bool:
            state = self.desk.check("disburse", run_id)
            asking = [each for each in self.desk.tasks("disburse", run_id) if each["task_id"] == "channel.release"]
            found[:] = self.desk.questions("disburse", run_id)
            return state in OVER or (bool(found) and all(each["state"] == "awaiting_input" for each in asking))

        self.wait("disburse", is_over)
        if not found:
            raise SalurError("Nobody is due: there is no batch to release.", "", "Give more --people.")
        return found

    def release(self, run_id: str, approve: str) -> None:
        """The second person's part: through the endpoint behind the button, or by a person in the browser."""
        questions = self.questions(run_id)
        for question in questions:
            self.say(f"    {question['subject']}")
        if approve == "ui":
            self.say(f"    Menunggu Anda / waiting for you: {self.airflow.url}/required_actions")
            self.say("    Masuk, baca, lalu tekan Approve / log in, read, then press Approve")
            self.say("    nama / user: checker")
            # A line of its own, and nothing after it: it is there to be copied.
            self.say(f"    sandi / password: {self.airflow.password('checker')}")
            # A person takes the time that a person takes: no limit here.
            while self.desk.questions("disburse", run_id):
                self.wait("disburse", lambda: self.desk.check("disburse", run_id) != "queued")
                time.sleep(2)
            return
        self.say("    checker menyetujui lewat hitlDetails, titik akhir yang dipakai tombol di UI.")
        self.say("    checker approves through hitlDetails, the endpoint that the button in the UI uses.")
        time.sleep(_READ_SECONDS)
        self.answer(run_id)

    def answer(self, run_id: str) -> None:
        """Approve, as the user `checker`, whatever the run asks at the moment."""
        if questions := self.desk.questions("disburse", run_id):
            with self.airflow.login("checker") as checker:
                for question in questions:
                    checker.answer(question, "Approve")

    def collect(self) -> None:
        """Fetch answers until no instruction is open any more, reconciling what each round brings."""
        for _ in range(_ROUNDS_MAX):
            run_id = self.desk.trigger("collect", self.period)
            self.follow("collect", run_id)
            for task in self.desk.tasks("collect", run_id):
                if task["task_id"] == "announce" and task["state"] == "success":
                    self.follow_assets(task["start_date"])
            found = states(self.stage, self.period)
            self.say("    " + ", ".join(f"{count:,} {state}" for state, count in sorted(found.items())))
            if not _OPEN & set(found):
                return
        raise TryLater(f"Instructions are still open after {_ROUNDS_MAX} rounds.", "", f"See {self.stage.folder}.")

    def month(self, approve: str) -> None:
        """Stage by stage, from the source drop to the report."""
        with self.say.next():
            self.load_dags()
            self.run("intake", {"source": str(self.stage.drop)})
        self.pay(approve, self.say.next)

    def relink(self) -> None:
        """The participant of a payment that was refused for its account links another, which the next month's batch is sent to."""
        payment = refused(self.stage)
        if payment is None:
            self.say("    Tidak ada / there is none")
            return
        why = f"{payment['reason_code']}, {payment['channel']} v{payment['account_version']}"
        self.say(f"    {payment['end_to_end_id']} {payment['state']} ({why})")
        self.run("intake", {"source": str(relinked(self.stage, payment))})

    def pay(self, approve: str, stage: Callable[[], AbstractContextManager[None]]) -> None:
        """From entitlements to the report, each part of it within a `stage`."""
        with stage():
            run_id = self.desk.trigger("disburse", self.period)
            self.questions(run_id)
        with stage():
            self.release(run_id, approve)
        with stage():
            # Airflow can lose a task that is answered at once; it asks again, and the second person answers again.
            self.follow("disburse", run_id, lambda: self.answer(run_id) if approve == "api" else None)
        with stage():
            self.collect()


def states(stage: Stage, period: str = PERIOD) -> Counter[str]:
    """How many instructions of the month stand where."""
    with open_house(stage.home).store.reading() as connection:
        return Counter(queries.instruction_rows(connection, period=period)["state"].to_pylist())


def refused(stage: Stage) -> dict[str, Any] | None:
    """The first payment of the month that its bank refused for its account, as a row of instructions; None where there is none."""
    with open_house(stage.home).store.reading() as connection:
        rows = queries.instruction_rows(connection, period=PERIOD).sort_by("end_to_end_id").to_pylist()
    ended = (row for row in rows if row["state"] in ("rejected", "returned"))
    return next((row for row in ended if _rule(row).action == "fix_account"), None)


def _rule(row: dict[str, Any]) -> Rule:
    return REMEDIES.rule(row["state"], row["code_list"], row["reason_code"])


def relinked(stage: Stage, payment: dict[str, Any]) -> Path:
    """A drop in which the participant of a payment has linked another account, verified after the refusal; its folder."""
    with open_house(stage.home).store.reading() as connection:
        now = pc.max(queries.whole(connection, "events")["at"]).as_py()
    accounts = pq.read_table([str(path) for path in sorted(stage.drop.glob("accounts*.parquet"))])
    mine = accounts.filter(pc.equal(accounts["participant_id"], payment["participant_id"]))
    last = mine.sort_by([("version", "descending")]).slice(0, 1).to_pylist()[0]
    number = str(last["account_number"])
    other = number[:-4] + f"{(int(number[-4:]) + 5000) % 10_000:04}"
    new = last | {"version": last["version"] + 1, "account_number": other, "verified_at": now, "closed_at": None}
    folder = stage.folder / "relinked"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist([new], schema=accounts.schema), folder / "accounts.parquet")
    return folder


def reissues(stage: Stage) -> list[str]:
    """Each payment of the next month that is a later attempt: what ended, why, and where it stands now."""
    with open_house(stage.home).store.reading() as connection:
        rows = queries.instruction_rows(connection).to_pylist()
    by_attempt = {(row["participant_id"], row["benefit"], row["sequence"], row["attempt"]): row for row in rows}
    told = []
    for (*entitlement, attempt), row in sorted(by_attempt.items()):
        if attempt > 1:
            before = by_attempt[*entitlement, attempt - 1]
            told.append(
                f"  {before['end_to_end_id']} {before['state']} ({before['reason_code']}, {before['channel']} "
                f"v{before['account_version']}) → {row['end_to_end_id']} {row['state']} ({row['channel']} v{row['account_version']})"
            )
    return told


def demonstrate(say: Progress, stage: Stage, options: Options) -> None:
    """From nothing to a reconciled month and the beginning of the next; on the way out everything is stopped, unless it is to stay up."""
    with ExitStack() as stack:
        with say.next():
            databases = start_databases(options.database)
            stack.callback(databases.stop)
            salur(stage, "init", *(("--ledger", databases.ledger) if databases.ledger else ()))
            people = ("--count", str(options.people), "--seed", str(SEED), "--out", str(stage.drop))
            salur(stage, "simulate", "people", *people)
        with say.next():
            banks = start_banks(stage)
            stack.callback(standalone.stop_group, banks.pid)
        with say.next():
            airflow = standalone.start(stage.airflow, stage.home, AT, databases.airflow)
            stack.callback(airflow.stop)
        with airflow.login("maker") as maker:
            cycle = Cycle(say, stage, airflow, banks, maker)
            cycle.month(options.approve)
            with say.next():
                cycle.relink()
            with say.next():
                replace(cycle, period=NEXT_PERIOD).pay(options.approve, nullcontext)
        tell(stage, airflow, options)
        if options.keep:
            left = {"leaders": [airflow.process.pid, banks.pid], "server": databases.server and str(databases.server)}
            (stage.folder / PROCESSES).write_text(json.dumps(left))
            stack.pop_all()


def tell(stage: Stage, airflow: standalone.Standalone, options: Options) -> None:
    """The end of the demonstration: what came out, and where to look."""
    for period in (PERIOD, NEXT_PERIOD):
        rows = exports.batches(open_house(stage.home), period)
        print()
        print(f"Bulan / period {period}: {len(rows)} kelompok / batches")
        for benefit, (indonesian, english) in BENEFITS.items():
            parts = [row["benefits"][benefit] for row in rows if benefit in row["benefits"]]
            count, total = (sum(part[name] for part in parts) for name in ("transaction_count", "amount_idr"))
            print(f"  {f'{indonesian} / {english}':<22} {count:>8,}  {format_idr(total):>16}")
        for state, number in sorted(states(stage, period).items()):
            print(f"  {state:<22} {number:>8,}")
    if told := reissues(stage):
        print()
        print("Diterbitkan ulang / reissued:", *told, sep="\n")
    print()
    print(f"Laporan / reports: {stage.report.parent}")
    if options.keep:
        print(f"Airflow: {airflow.url}")
        for user in ("maker", "checker", "auditor", "admin"):
            print(f"  {user:<8} {airflow.password(user)}")
        print(f"Berhenti / stop: {sys.executable} -m treasury.demo --stop {stage.folder}")
    else:
        print(
            f"Airflow (berhenti / stopped): {airflow.url}, checker / {airflow.password('checker')}; KEEP=1 leaves it up"
        )
        if options.database != "sqlite":
            print("Buku besar ikut berakhir dengan servernya / the ledger ends with its server; KEEP=1 keeps both")


def stop(folder: Path) -> None:
    """End what an earlier demonstration left up.

    Errors: WrongUsage when nothing was left up there.
    """
    record = folder / PROCESSES
    if not record.exists():
        raise WrongUsage(f"Nothing was left up in {folder}.")
    left = json.loads(record.read_text())
    for leader in left["leaders"]:
        standalone.stop_group(leader)
    Databases(server=Path(left["server"]) if left["server"] else None).stop()
    record.unlink()


def main() -> int:
    """The command line. Exit code 0: both months are reconciled, and nothing is left running that was not asked to stay."""
    parser = argparse.ArgumentParser(prog="python -m treasury.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", default=os.environ.get("KEEP", "") not in ("", "0"))
    parser.add_argument("--approve", choices=("api", "ui"), default=os.environ.get("APPROVE") or "api")
    parser.add_argument(
        "--database", choices=("sqlite", "postgresql"), default=os.environ.get("DATABASE") or "sqlite",
        help="what keeps the ledger and Airflow's tables; a PostgreSQL server is started for it",
    )  # fmt: skip
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
        demonstrate(Progress(), stage, Options(words.keep, words.approve, words.people, words.database))
    except SalurError as error:
        print(f"\n{error.what}\n{error.why}\n{error.do}".rstrip(), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nDihentikan / interrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
