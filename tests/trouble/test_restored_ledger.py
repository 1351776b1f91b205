"""Yesterday's copy of the ledger is put back while the bank has today's files: nothing is sent again, and there is a way forward.

The way is the one of docs/recovery.md, walked by its commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.bank import SimulatedBank
from simulator.descriptions import describe_bank
from tests.lib.backups import backed_up
from tests.lib.commands import AT, PERIOD, Salur, new_home
from tests.lib.databases import Database
from tests.lib.small_drop import people, write_drop
from tests.lib.sshd import SshServer
from treasury.house import CONFIG

pytestmark = [pytest.mark.needs("openssh"), pytest.mark.slow]
FILE = Database(None)
"""A ledger in a file: what does not depend on the database is shown on it alone."""
BANK, COUNT = "bca", 4
PAID = {"debited": COUNT}
"""What this bank says of all that it was asked, in its status report and its statement."""
NEXT_DAY = "2020-07-02T08:00:00+07:00"


class Day:
    """A home, its bank on a real server, and the steps of a day as treasury gives them."""

    def __init__(self, root: Path, server: SshServer, salur: Salur) -> None:
        self.salur, self.server = salur, server
        self.drop = write_drop(root / "drop", people(COUNT, [BANK]))
        self.arrived: list[bytes] = []
        server.folders("in", "out")
        self.reach("taken")

    def reach(self, after_arrival: str) -> None:
        """Tell the home where its bank is, and what that does with our files."""
        config = self.salur.home / CONFIG
        table = (
            f'\n[banks.{BANK}]\nhost = "{self.server.host}"\nport = {self.server.port}\nuser = "{self.server.user}"\n'
            f'private_key = "{self.server.client_key}"\nhost_key = "{self.server.host_key}"\ninbox = "in"\n'
            f'outbox = "out"\nafter_arrival = "{after_arrival}"\n'
        )
        config.write_text(config.read_text().split(f"\n[banks.{BANK}]")[0] + table)

    @property
    def inbox(self) -> list[Path]:
        return sorted((self.server.root / "in").iterdir())

    def take(self, keep: bool = False) -> None:
        """The bank takes what has arrived, and answers it."""
        teller = SimulatedBank(describe_bank(BANK), seed=1)
        for path in self.inbox:
            self.arrived.append(path.read_bytes())
            for name, data in teller.take(path.name, path.read_bytes()):
                (self.server.root / "out" / name).write_bytes(data)
            if not keep:
                path.unlink()
        teller.close()

    def intake(self) -> None:
        self.salur.ask("intake", "--source", self.drop)

    def entitle(self) -> None:
        self.salur.ask("entitle", "--period", PERIOD)

    def instruct(self) -> None:
        self.salur.ask("instruct", "--period", PERIOD, "--as", "siti")

    def release(self) -> None:
        self.salur.release_all()

    def submit(self, code: int = 0) -> dict[str, Any]:
        return self.salur.ask("submit", "--bank", BANK, code=code, at=NEXT_DAY)

    def paid(self) -> dict[str, Any]:
        """Collect and reconcile; what the instructions came to."""
        self.salur.ask("collect", at=NEXT_DAY)
        return self.salur.ask("reconcile", "--period", PERIOD, at=NEXT_DAY)["states"]


STEPS: list[Callable[[Day], None]] = [Day.intake, Day.entitle, Day.instruct, Day.release]


@pytest.fixture
def day(tmp_path: Path, sftp_server: SshServer) -> Day:
    return Day(tmp_path, sftp_server, new_home(tmp_path / "home", AT))


@pytest.fixture
def any_day(tmp_path: Path, sftp_server: SshServer, database: Database) -> Iterator[Day]:
    with database.for_home() as dsn:
        yield Day(tmp_path, sftp_server, new_home(tmp_path / "home", AT, dsn))


def sent_and_restored(day: Day, database: Database, done: int, keep: bool = False) -> None:
    """The ledger is copied after so many steps, the day goes on until the bank has its file, and the copy is put back."""
    for step in STEPS[:done]:
        step(day)
    restore = backed_up(day.salur.home, database)
    for step in STEPS[done:]:
        step(day)
    assert len(day.submit()["files"]) == 1
    day.take(keep)
    restore()


def home_restored_too(day: Day) -> None:
    """What the home and its archive noted today is gone as well."""
    (day.salur.home / "sent.jsonl").unlink()
    for path in (day.salur.home / "archive" / "marks").iterdir():
        path.unlink()


@pytest.mark.parametrize("done", [2, len(STEPS)])
def test_what_was_sent_is_not_sent_again_and_the_documented_way_leads_on(
    any_day: Day, database: Database, done: int
) -> None:
    day = any_day
    sent_and_restored(day, database, done)
    for step in STEPS[done:]:  # somebody who has not noticed goes on as every day
        step(day)
    refused = day.submit(code=13)["error"]
    assert "does not know" in refused["what"]
    assert "salur recover" in refused["do"]
    assert day.inbox == []
    assert day.salur.ask("doctor", code=13, at=NEXT_DAY)["ok"] is False
    day.salur.ask("stop", "--reason", "buku besar dipulihkan")
    day.salur.ask("recover", "--as", "siti")
    day.salur.ask("resume")
    assert day.paid() == PAID
    assert day.submit() == {"files": []}
    assert (day.inbox, len(day.arrived)) == ([], 1)


def test_a_file_that_the_ledger_does_not_hold_is_made_again_by_the_commands_that_are_said(day: Day) -> None:
    sent_and_restored(day, FILE, 0)
    day.salur.ask("stop", "--reason", "buku besar dipulihkan")
    said = day.salur.ask("recover", code=13)["error"]["do"]
    day.intake()
    for command in said.split("salur ")[1:3]:
        day.salur.ask(*command.strip("; \n").split())
    said = day.salur.ask("recover", code=13)["error"]["do"]
    assert "salur release" in said
    day.release()
    assert [row["state"] for row in day.salur.ask("recover")["files"]] == ["unknown"]
    assert day.salur.ask("recover") == {"files": []}
    day.salur.ask("resume")
    assert day.submit(code=13)["error"]["what"].endswith(f"unknown at bank {BANK}.")
    assert day.paid() == PAID
    assert (day.inbox, len(day.arrived)) == ([], 1)


class TestHomeRestoredToo:
    """Nothing of ours remembers: the bank does."""

    def check(self, day: Day) -> None:
        before = [path.name for path in day.inbox]
        assert "was never sent" in day.submit(code=13)["error"]["what"]
        assert [path.name for path in day.inbox] == before
        assert [row["state"] for row in day.salur.ask("recover", at=NEXT_DAY)["files"]] == ["unknown"]
        assert day.paid() == PAID
        assert day.submit() == {"files": []}
        assert len(day.arrived) == 1

    def test_our_file_still_lies_at_the_bank(self, day: Day) -> None:
        sent_and_restored(day, FILE, len(STEPS), keep=True)
        home_restored_too(day)
        self.check(day)

    def test_an_answer_lies_at_the_bank(self, day: Day) -> None:
        sent_and_restored(day, FILE, len(STEPS))
        home_restored_too(day)
        self.check(day)

    def test_an_answer_was_fetched_already(self, day: Day) -> None:
        sent_and_restored(day, FILE, len(STEPS))
        home_restored_too(day)
        day.salur.ask("collect", at=NEXT_DAY)
        self.check(day)


def test_another_file_for_the_same_people_is_not_sent_either(day: Day) -> None:
    sent_and_restored(day, FILE, 2)
    home_restored_too(day)
    day.salur.ask("entitle", "--period", PERIOD, "--as-of", "2020-06-29T12:00:00+07:00")
    day.instruct()
    day.release()
    assert "was never sent" in day.submit(code=13)["error"]["what"]
    assert (day.inbox, len(day.arrived)) == ([], 1)
