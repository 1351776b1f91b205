"""One process at a time, for as long as it lives; on PostgreSQL from whatever home, that is, from any machine."""

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
from pathlib import Path
from ledger.lock import alone
from ledger.store import Store
with alone(Store(sys.argv[1]), Path(sys.argv[2]), "uji"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_anothers_until_that_process_ends_however_it_ends(dsn: str, tmp_path: Path) -> None:
    ledger = Store(dsn)
    home = tmp_path / "other" if "postgresql" in dsn else tmp_path
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-c", HOLDER, dsn, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TryLater), alone(ledger, home, "uji"):
            pass
        with alone(ledger, home, "another"):
            holder.kill()
            holder.wait(10)
    for _ in range(100):  # a server may take a moment to see that its client is gone
        try:
            with alone(ledger, home, "uji"):
                return
        except TryLater:
            subprocess.run(["sleep", "0.1"], check=True)
    pytest.fail("the lock of a dead process is never free")


def test_what_fails_inside_lets_go(dsn: str, tmp_path: Path) -> None:
    ledger = Store(dsn)
    with pytest.raises(RuntimeError), alone(ledger, tmp_path, "uji"):
        raise RuntimeError
    with alone(ledger, tmp_path, "uji"):
        pass


def test_writing_goes_on_under_a_lock(dsn: str, tmp_path: Path) -> None:
    ledger = Store(dsn)
    ledger.create(0)
    with alone(ledger, tmp_path, "uji"), ledger.transaction() as connection, alone(ledger, tmp_path, "another"):
        assert not connection.closed


def test_a_home_that_cannot_be_written_is_tried_later(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("no folder")
    with pytest.raises(TryLater), alone(Store(f"sqlite:///{tmp_path}/ledger.db"), tmp_path, "uji"):
        pass
