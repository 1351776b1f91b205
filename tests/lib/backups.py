"""Yesterday's copy of a ledger, and how a home comes to have it back while everything else goes on from today."""

from __future__ import annotations

import shutil
import sqlite3
import tomllib
from collections.abc import Callable
from pathlib import Path

from tests.lib.databases import Database
from treasury.house import CONFIG


def backed_up(home: Path, database: Database) -> Callable[[], None]:
    """Copy the ledger as it is; what is returned puts the copy in its place."""
    if database.server is None:
        return _file_backed_up(home / "ledger.db")
    config = home / CONFIG
    before = str(tomllib.loads(config.read_text())["ledger"]["dsn"])
    copy = database.server.copy(before)

    def restore() -> None:
        text = config.read_text()
        now = str(tomllib.loads(text)["ledger"]["dsn"])
        config.write_text(text.replace(now, copy))

    return restore


def _file_backed_up(ledger: Path) -> Callable[[], None]:
    kept = ledger.with_name("yesterday.db")
    source, target = sqlite3.connect(ledger), sqlite3.connect(kept)
    source.backup(target)
    source.close()
    target.close()

    def restore() -> None:
        for path in ledger.parent.glob(f"{ledger.name}*"):
            if path.is_file():
                path.unlink()
        shutil.copy(kept, ledger)

    return restore
