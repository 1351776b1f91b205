"""A simulated programme joined to a real home: its steps, its ledger in SQLite, its archive, all in this process."""

import base64
import gc
import hashlib
import json
import logging
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from disbursement import claiming, inquiries
from disbursement import steps as paying
from ledger import chain, queries
from ledger.house import House
from reconciliation import letters, telling
from reconciliation import steps as proving
from schemas import exact_checks, failpoints
from schemas.errors import ProofFailed
from schemas.suites import Finding
from simulator.cases import letter_file
from simulator.observed import Row
from simulator.oracle import Oracle
from simulator.shrink import shrink
from simulator.world import BankLine, Plan, Played, World
from treasury import exports
from treasury.house import KEY, init_house, open_house


class Checked:
    """The exact data checks, and of every suite the last table that had rows: the library is asked about those once a world."""

    def __init__(self) -> None:
        self._last: dict[str, pa.Table] = {}

    def __call__(self, table: pa.Table, name: str) -> list[Finding]:
        """What the exact checks find."""
        if table.num_rows:
            self._last[name] = table
        return exact_checks.check(table, name)

    def differing(self) -> list[str]:
        """The suites of which Great Expectations says otherwise."""
        from schemas import checks  # takes seconds: once a process

        return [
            name
            for name, table in sorted(self._last.items())
            if sorted(checks.check(table, name), key=repr) != sorted(exact_checks.check(table, name), key=repr)
        ]


_INQUIRIES = {"status_inquiry": "pacs.028.001.03", "cancel_inquiry": "camt.056.001.12"}
LEDGER, OUTLET = "ledger.db", "outlet"


class HomePipeline:
    """The steps of one home, by the names of their commands: `simulator.desk.Pipeline`."""

    def __init__(self, house: House, checks_differing: Callable[[], list[str]]) -> None:
        self._house = house
        self._exported: dict[str, tuple[pa.Table, list[Row]]] = {}
        self._heard: dict[tuple[str, bytes], list[Row]] = {}
        self.checks_differing = checks_differing
        self.steps: Mapping[str, Callable[..., dict[str, Any]]] = {
            "intake": lambda at, who, source: paying.intake(self._at(at, who), str(source)),
            "entitle": self._entitle,
            "fund": lambda at, who, amount_idr, reference: paying.fund(self._at(at, who), amount_idr, reference),
            "instruct": self._instruct,
            "release": lambda at, who, batch, digest: paying.release(self._at(at, who), batch, who, digest, "cli"),
            "reject": lambda at, who, batch, reason: paying.reject(self._at(at, who), batch, who, reason),
            "submit": lambda at, who: paying.submit(self._at(at, who)),
            "collect": lambda at, who: proving.collect(self._at(at, who)),
            "reconcile": lambda at, who, period: proving.reconcile(self._at(at, who), period),
            "hold": lambda at, who, participant, reason: paying.hold(self._at(at, who), participant, "hold", reason),
            "unhold": lambda at, who, participant, reason: paying.hold(
                self._at(at, who), participant, "unhold", reason
            ),
            "stop": lambda at, who, reason: paying.brake(self._at(at, who), "stop", reason),
            "resume": lambda at, who, reason: paying.brake(self._at(at, who), "resume", reason),
            "assign": lambda at, who, break_id, owner: self._case(at, who, break_id, "assign", owner),
            "resolve": lambda at, who, break_id, reason, outcome: self._case(
                at, who, break_id, "resolve", reason, outcome
            ),
            "approve": lambda at, who, break_id: self._case(at, who, break_id, "approve", ""),
            "answer": self._answer,
            "confirm": lambda at, who, subject, digest: letters.confirm(self._at(at, who), subject, who, digest),
            **self._claims(),
            **self._inquiries(),
            "receive": lambda at, who, path, bank: proving.receive(self._at(at, who), path, bank),
            "outcomes": lambda at, who: telling.tell(self._at(at, who)),
            "recover": lambda at, who: paying.recover(self._at(at, who)),
            "propose": lambda at, who, subject, reason: paying.agree_on_reissue(
                self._at(at, who), subject, "propose", who, reason
            ),
            "agree": lambda at, who, subject: paying.agree_on_reissue(self._at(at, who), subject, "approve", who, ""),
        }

    def _entitle(self, at: datetime, who: str, period: str, as_of: str | None = None) -> dict[str, Any]:
        return paying.entitle(self._at(at, who), period, datetime.fromisoformat(as_of) if as_of else None)

    def _instruct(
        self, at: datetime, who: str, period: str, maker: str, execution_date: str | None = None
    ) -> dict[str, Any]:
        on = date.fromisoformat(execution_date) if execution_date else None
        return paying.instruct(self._at(at, who), period, maker, on)

    def _claims(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {
            "clawback": lambda at, who, participant, reason: claiming.claim(self._at(at, who), participant, reason),
            "clawback_confirm": lambda at, who, claim: claiming.confirm(self._at(at, who), claim),
            "clawback_cancel": lambda at, who, claim, reason: claiming.cancel(self._at(at, who), claim, reason),
            "repaid": lambda at, who, claim, amount_idr, reference: claiming.repay(
                self._at(at, who), claim, amount_idr, reference
            ),
            "deposit": lambda at, who, amount_idr, ntpn, ntb: claiming.deposit(
                self._at(at, who), amount_idr, ntpn, ntb
            ),
        }

    def _inquiries(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {
            "inquire": lambda at, who, about, kind: inquiries.draft(self._at(at, who), about, kind, who),
            "release_inquiry": lambda at, who, inquiry, digest: inquiries.release(
                self._at(at, who), inquiry, who, digest
            ),
        }

    def _case(
        self, at: datetime, who: str, break_id: str, act: str, note: str, outcome: str | None = None
    ) -> dict[str, Any]:
        return proving.act_on_exception(self._at(at, who), break_id, act, who, note, outcome)

    def _answer(self, at: datetime, who: str, subject: str, says: str, letter: str) -> dict[str, Any]:
        path = letter_file(self._house.path / "letters", letter)
        return letters.answer(self._at(at, who), subject, says, path, who)

    def _at(self, at: datetime, who: str) -> House:
        return replace(self._house, at=at, actor=who)

    def export(self, table: str, at: datetime) -> list[Row]:
        """A table's rows, all periods; also `unknown`, `candidates` for a claim, `deposit_items`, what outlets were `told`, and
        `next_acts` of all that has an end still open.
        """
        house = replace(self._house, at=at)
        others: dict[str, Callable[[House], list[Row]]] = {
            "unknown": letters.waiting,
            "next_acts": self._next_acts,
            "candidates": lambda house: claiming.standing(house)["candidates"],
            "deposit_items": self._deposit_items,
            "told": self._told,
        }
        if table in others:
            return others[table](house)
        return self._rows(table, exports.table(house, table, None))

    def _rows(self, name: str, table: pa.Table) -> list[Row]:
        """A table's rows. Those at its beginning that equal the last export's, value by value, are the same objects as then."""
        before, made = self._exported.get(name, (table.slice(0, 0), []))
        same = before.num_rows if table.slice(0, before.num_rows).equals(before) else 0
        rows = [*made[:same], *table.slice(same).to_pylist()]
        self._exported[name] = (table, rows)
        return list(rows)

    @staticmethod
    def _deposit_items(house: House) -> list[Row]:
        with house.store.reading() as connection:
            rows: list[Row] = queries.whole(connection, "deposit_items").to_pylist()
        return rows

    def _told(self, house: House) -> list[Row]:
        """What an outlet has been given, notice by notice, as whoever listens there reads it: every byte, each time."""
        rows = []
        for path in sorted((house.path / OUTLET).glob("*.jsonl")):
            data = path.read_bytes()
            if (path.name, data) not in self._heard:
                notice = int(path.stem.rpartition("-")[2])
                self._heard[path.name, data] = [{**json.loads(line), "notice": notice} for line in data.splitlines()]
            rows += self._heard[path.name, data]
        return rows

    @staticmethod
    def _next_acts(house: House) -> list[Row]:
        """What follows attempts that ended, what is unknown, and whoever is due but was left out: each with who acts next."""
        acts = [
            {
                "subject": row["end_to_end_id"],
                "kind": row["verdict"],
                "due_at": row["waits_until"],
                "owner": row["owner"],
                "reasons": row["reasons"],
            }
            for row in exports.next_acts(house)
        ]
        acts += [
            {"subject": row["subject"], "kind": "unknown", "due_at": None, "owner": row["bank"]}
            for row in letters.waiting(house)
        ]
        with house.store.reading() as connection:
            periods = {row["period"] for row in queries.whole(connection, "instruct_runs").to_pylist()}
            for period in sorted(periods):
                for row in queries.left_out(connection, house.archive, period).to_pylist():
                    subject = f"{row['participant_id']} {row['benefit']} {row['sequence']}"
                    act = {"subject": subject, "kind": row["reason"], "due_at": None, "owner": "treasury"}
                    acts.append({**act, "period": period})
        return acts

    def head(self) -> str:
        """The hash at the end of the chain."""
        with self._house.store.reading() as connection:
            return chain.head(connection)[1]

    def restart(self) -> None:
        """A new process has its own connections."""
        self._house.store.engine.dispose()

    def back_up(self, name: str) -> None:
        """Keep a copy of the ledger as it is, beside it."""
        source, target = (sqlite3.connect(self._house.path / each) for each in (LEDGER, name))
        source.backup(target)
        source.close()
        target.close()

    def put_back(self, name: str) -> None:
        """Put a copy of the ledger in its place; everything else in the home and in the archive stays as it is today."""
        self.restart()
        for ending in ("", "-wal", "-shm"):
            (self._house.path / f"{LEDGER}{ending}").unlink(missing_ok=True)
        shutil.copy(self._house.path / name, self._house.path / LEDGER)


def settle(
    home: Path, start: date, lines: Mapping[str, BankLine], seed: int, asks_library: bool = True
) -> HomePipeline:
    """A new home whose keys are the seed's and whose banks are reached without a network. For rehearsals alone."""
    key = home / KEY
    key.parent.mkdir(parents=True)
    master = base64.b64encode(hashlib.sha256(f"simulated world {seed}".encode()).digest()).decode("ascii")
    key.write_text(master + "\n", encoding="ascii")
    key.chmod(0o600)
    at = datetime(start.year, start.month, start.day, tzinfo=UTC)
    init_house(home, at)
    house = open_house(home, at, "siti", lambda _message: None)
    house.archive.tables = {}
    banks = {
        code: {
            "host": "memory",
            "port": 22,
            "user": "salur",
            "private_key": "none",
            "host_key": "none",
            "inbox": line.upload_folder,
            "outbox": line.download_folder,
            "after_arrival": "taken" if line.takes_away else "left",
            "debtor_account": line.debtor_account,
            **(_INQUIRIES if line.takes_inquiries else {}),
            "connect": line.connect,
        }
        for code, line in lines.items()
    }
    outlets = {"dashboard": {"folder": OUTLET, "formats": ["jsonl"]}}
    checked = Checked()
    return HomePipeline(
        replace(
            house,
            config={**house.config, "banks": banks, "run": {"lock_wait_seconds": 0}, "outcomes": outlets},
            check=checked,
        ),
        checked.differing if asks_library else list,
    )


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Python looks for cycles seldom, and not among what was there before: libraries and the judge's memory keep all they have."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def play(
    plan: Plan, until: date | None = None, tell: Callable[[str], None] | None = None, *, asks_library: bool = True
) -> Played:
    """Play a world in a folder in memory that is gone afterwards, up to its first violation or the end of a day.

    `asks_library`: whether Great Expectations is asked at the end, which takes a tenth of the time of a small world.
    """
    memory = Path("/dev/shm")  # noqa: S108 - a name of its own in it; where there is none, the system's folder
    pa.set_cpu_count(1)  # tables of a few hundred rows: threads cost more than they bring
    place = memory if memory.is_dir() else None
    with _seldom_collected(), tempfile.TemporaryDirectory(prefix="salur-world-", dir=place) as folder:
        judge = Oracle()
        world = World(plan, Path(folder), partial(settle, asks_library=asks_library), judge, tell)
        failpoints.reached = world.points.pass_by
        try:
            return replace(world.play(until), exempt=judge.exempt)
        finally:
            failpoints.reached = None
            world.pipeline.restart()


def simulate(
    plan: Plan, make_smaller: bool, say: Callable[[str], None], tell: Callable[[str], None] | None
) -> dict[str, Any]:
    """Play a plan and say what came of it; when it fails and that is asked for, the smallest plan that still does.

    Errors: ProofFailed with the violations, once everything is said.
    """
    logging.disable(logging.ERROR)  # what banks send in a world is wrong on purpose
    played = play(plan, None, tell)
    result = {
        "seed": plan.seed,
        "months": plan.months,
        "people": len(plan.people),
        "acts": played.acts,
        "credits": played.credits,
        "faults": dict(played.fault_counts),
        "violations": [asdict(found) for found in played.violations],
        "chain_head": played.chain_head,
        "trace_sha256": played.trace_digest,
    }
    if played.violations:
        smallest = shrink(played, play, say) if make_smaller else played.plan
        first = played.violations[0]
        error = ProofFailed(
            f"World {plan.seed} breaks a claim: {first.claim}; {first.subject}.",
            f"{first.found}. {len(played.violations)} in all.",
            f"Play it again with --plan; the plan:\n{smallest.to_json()}" if make_smaller else "Give --shrink.",
        )
        error.done = {**result, "plan": json.loads(smallest.to_json())}
        raise error
    return result
