"""Every step is begun by two processes at the same moment, by its command: one does it, the other does nothing, both end with 0.

A twin of the home is given each command once. Record, what the bank received and what was delivered are the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import great_expectations as _  # noqa: F401 - the processes are forked when all is imported
import pytest

from simulator.bank import SimulatedBank
from simulator.descriptions import describe_bank
from tests.lib.commands import AT, PERIOD, Answer, Salur, call, new_home
from tests.lib.databases import Database
from tests.lib.records import house_of
from tests.lib.small_drop import people, write_drop
from tests.lib.small_home import dump
from tests.lib.sshd import SshServer, ssh_server
from treasury.house import CONFIG, open_house

pytestmark = [pytest.mark.needs("openssh"), pytest.mark.slow]
LATER = "2020-07-02T08:00:00+07:00"
_SHARED: dict[str, Barrier] = {}


def _meet(barrier: Barrier) -> None:
    _SHARED["start"] = barrier


def _command(words: list[str]) -> Answer:
    _SHARED["start"].wait(120)
    return call(*words)


@pytest.fixture
def pool() -> Iterator[ProcessPoolExecutor]:
    """Two processes that begin together."""
    context = get_context("fork")
    with ProcessPoolExecutor(2, context, initializer=_meet, initargs=(context.Barrier(2),)) as two:
        yield two


class Twin:
    """A home with its own bank, which gets each command once, or twice at the same moment."""

    def __init__(self, home: Path, server: SshServer, pool: ProcessPoolExecutor | None) -> None:
        self.salur, self.server, self.pool = Salur(home, AT), server, pool
        server.folders("in", "out")
        with (home / CONFIG).open("a") as config:
            config.write(
                f'[banks.bca]\nhost = "{server.host}"\nport = {server.port}\nuser = "{server.user}"\n'
                f'private_key = "{server.client_key}"\nhost_key = "{server.host_key}"\ninbox = "in"\noutbox = "out"\n'
                '[outcomes.files]\nfolder = "outcomes"\n'
            )

    def do(self, *words: str, at: str = AT) -> None:
        """Give a command."""
        line = ["--home", str(self.salur.home), "--at", at, *words]
        if self.pool is None:
            answers = [call(*line)]
        else:
            answers = [each.result(180) for each in [self.pool.submit(_command, line) for _ in range(2)]]
        assert [(a.code, a.err) for a in answers if a.code or "Traceback" in a.err] == [], words

    def answer(self) -> list[bytes]:
        """The bank takes what arrived and answers, at the same instant for both twins; what it took."""
        teller, taken = SimulatedBank(describe_bank("bca"), seed=1), []
        for path in sorted((self.server.root / "in").iterdir()):
            taken.append(path.read_bytes())
            for name, data in teller.take(path.name, path.read_bytes()):
                (self.server.root / "out" / name).write_bytes(data)
                os.utime(self.server.root / "out" / name, (1_600_000_000, 1_600_000_000))
            path.unlink()
        teller.close()
        return taken

    def batch(self, channel: str) -> dict[str, str]:
        """The batch of a channel."""
        return next(row for row in self.salur.batches() if row["channel"] == channel)

    def cycle(self, drop: Path, out: Path | None) -> tuple[list[bytes], dict[str, bytes]]:
        """A whole cycle, to a report in `out` if there is to be one; what the bank took, and what the outlet was given."""
        self.do("intake", "--source", str(drop))
        self.do("fund", "--amount", "6000000", "--reference", "SP2D-1", "--on", "2020-07-01", "--as", "siti")
        self.do("entitle", "--period", PERIOD)
        self.do("instruct", "--period", PERIOD, "--as", "siti")
        self.do("release", self.batch("bca")["batch"], "--as", "budi", "--digest", self.batch("bca")["digest"])
        self.do("reject", self.batch("bni")["batch"], "--as", "budi", "--reason", "uji")
        self.do("submit")
        taken = self.answer()
        self.do("submit", at=LATER)
        self.do("collect", at=LATER)
        self.do("reconcile", "--period", PERIOD, at=LATER)
        self.do("outcomes", at=LATER)
        if out is not None:
            self.do("report", "--period", PERIOD, "--out", str(out), "--no-data-docs", at=LATER)
            assert call("verify", out / f"pack-{PERIOD}.zip").code == 0
        told = self.salur.home / "outcomes"
        return taken, {str(path.relative_to(told)): path.read_bytes() for path in told.rglob("*") if path.is_file()}


def test_each_step_of_a_cycle_begun_twice_at_once_leaves_the_record_of_once(
    tmp_path: Path, database: Database, pool: ProcessPoolExecutor
) -> None:
    drop = write_drop(tmp_path / "drop", people(5, ["bca", "bni"]))
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
    with database.for_home() as dsn:
        new_home(tmp_path / "made" / "home", AT, dsn)
        open_house(tmp_path / "made" / "home").store.engine.dispose()
        with (
            database.copied(tmp_path / "made", tmp_path / "once") as once,
            database.copied(tmp_path / "made", tmp_path / "twice") as twice,
            ssh_server(tmp_path / "bank-1") as first,
            ssh_server(tmp_path / "bank-2") as second,
        ):
            alone = Twin(once, first, None)
            both = Twin(twice, second, pool)
            expected = alone.cycle(drop, None)
            # A report reads: the database makes no difference to it.
            assert both.cycle(drop, tmp_path / "report" if database.server is None else None) == expected
            assert len(expected[0]) == 1
            assert dump(house_of(both.salur), "check_results") == dump(house_of(alone.salur), "check_results")
