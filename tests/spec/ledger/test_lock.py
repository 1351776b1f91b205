"""One process at a time, for as long as it lives, from whatever home it opens the ledger."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.lock import alone
from ledger.store import Store
from schemas.errors import TryLater

HOLDER = """
import sys
from ledger.lock import alone
from ledger.store import Store
with alone(Store(sys.argv[1]), "uji"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_anothers_until_that_process_ends_however_it_ends(dsn: str) -> None:
    ledger = Store(dsn)
    command = [sys.executable, "-c", HOLDER, dsn]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TryLater), alone(ledger, "uji", wait_seconds=0):
            pass
        with alone(ledger, "another"):
            holder.kill()
            holder.wait(10)
    with alone(ledger, "uji"):  # who comes second waits: a server may take a moment to see that its client is gone
        pass


def test_what_fails_inside_lets_go(dsn: str) -> None:
    ledger = Store(dsn)
    with pytest.raises(RuntimeError), alone(ledger, "uji"):
        raise RuntimeError
    with alone(ledger, "uji"):
        pass


def test_writing_goes_on_under_a_lock(dsn: str) -> None:
    ledger = Store(dsn)
    ledger.create(0)
    with alone(ledger, "uji"), ledger.transaction() as connection, alone(ledger, "another"):
        assert not connection.closed


def test_two_ways_to_one_file_are_one_ledger_and_one_lock(tmp_path: Path) -> None:
    (tmp_path / "homes").mkdir()
    (tmp_path / "homes" / "ledger.db").symlink_to(tmp_path / "ledger.db")
    one, two = Store(f"sqlite:///{tmp_path}/ledger.db"), Store(f"sqlite:///{tmp_path}/homes/ledger.db")
    with alone(one, "uji"), pytest.raises(TryLater), alone(two, "uji", wait_seconds=0):
        pass


def test_a_folder_that_cannot_be_written_is_tried_later(tmp_path: Path) -> None:
    (tmp_path / "ledger.db-locks").write_text("no folder")
    with pytest.raises(TryLater), alone(Store(f"sqlite:///{tmp_path}/ledger.db"), "uji"):
        pass
