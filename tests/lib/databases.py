"""A ledger on each database: a fresh file of SQLite, or a fresh database of a PostgreSQL server that the session shares.

The server is started by the first process of a test session that asks for it and stopped by the last: a file under a lock
counts them. A database is a copy of one that has the ledger's tables, which takes a tenth of the time of making them.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from ledger.store import Store
from treasury import local_postgres

EMPTY, MADE = "template_empty", "template_made"
MADE_AT = 0
"""When the ledger of a copied database was made, in microseconds."""


class Server:
    """A running server, by its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)

    def dsn(self, *, made: bool = True, user: str = local_postgres.OWNER) -> str:
        """The DSN of a new database: with the ledger's tables in it, or without any."""
        name = f"salur_{os.getpid()}_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {MADE if made else EMPTY}")
        return local_postgres.dsn(self.folder, name, user)

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the owner, each on its own."""
        port = local_postgres.port(self.folder)
        with psycopg.connect(
            host=str(self.folder), port=port, user=local_postgres.OWNER, dbname=database, autocommit=True
        ) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _prepare(self) -> None:
        self.execute(*(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'" for name in (EMPTY, MADE)))
        ledger = Store(local_postgres.dsn(self.folder, MADE))
        ledger.create(MADE_AT)
        ledger.engine.dispose()


@contextmanager
def shared_server(folder: Path) -> Iterator[Server]:
    """The server of a test session, whose processes all name the same `folder`."""
    note = folder / "postgresql"
    with _counted(folder) as count:
        if count.before == 0:
            started = Server(local_postgres.start())
            started._prepare()
            note.write_text(str(started.folder))
        count.after = count.before + 1
    try:
        yield Server(Path(note.read_text()))
    finally:
        with _counted(folder) as count:
            count.after = count.before - 1
            if count.after == 0:
                local_postgres.stop(Path(note.read_text()))


class _Count:
    """How many processes use the server, before and after an act."""

    def __init__(self, before: int) -> None:
        self.before = before
        self.after = before


@contextmanager
def _counted(folder: Path) -> Iterator[_Count]:
    with (folder / "postgresql.count").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        count = _Count(int(file.read() or 0))
        yield count
        file.seek(0)
        file.truncate()
        file.write(str(count.after))
