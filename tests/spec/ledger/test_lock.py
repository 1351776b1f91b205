"""One process at a time, for as long as it lives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.lock import alone
from schemas.errors import TryLater

HOLDER = """
import sys
from pathlib import Path
from ledger.lock import alone
with alone(Path(sys.argv[1]), "uji"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_anothers_until_that_process_ends_however_it_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TryLater), alone(tmp_path, "uji"):
            pass
        with alone(tmp_path, "another"):
            holder.kill()
            holder.wait(10)
    with alone(tmp_path, "uji"):
        assert (tmp_path / "locks" / "uji.lock").exists()


def test_what_fails_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), alone(tmp_path, "uji"):
        raise RuntimeError
    with alone(tmp_path, "uji"):
        pass
    assert [path.name for path in (tmp_path / "locks").iterdir()] == ["uji.lock"]


def test_a_home_that_cannot_be_written_is_tried_later(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("no folder")
    with pytest.raises(TryLater), alone(tmp_path, "uji"):
        pass
