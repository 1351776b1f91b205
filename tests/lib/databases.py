"""A ledger on each database: a fresh file of SQLite, or a fresh database of a PostgreSQL server that the session shares.

The server is started by the first process of a test session that asks for it and stopped by the last: a file under a lock
counts them. A database is a copy of one that has the ledger's tables, which takes a tenth of the time of making them.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from ledger.dialects import parse_dsn
from ledger.store import Store
from treasury import local_postgres
from treasury.house import CONFIG

EMPTY, MADE = "template_empty", "template_made"
MADE_AT = 0
"""When the ledger of a copied database was made, in microseconds."""


class Server:
    """A running server, by its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def dsn(self, *, made: bool = True) -> str:
        """The DSN of a new database: with the ledger's tables in it, or without any."""
        return self.copy(local_postgres.dsn(self.folder, MADE if made else EMPTY))

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the owner, each on its own."""
        with self._connected(database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _connected(self, database: str) -> psycopg.Connection[Any]:
        port = local_postgres.port(self.folder)
        return psycopg.connect(
            host=str(self.folder), port=port, user=local_postgres.OWNER, dbname=database, autocommit=True
        )

    def copy(self, dsn: str) -> str:
        """The DSN of a new database that holds what that of `dsn` holds; connections to that one, which keep it from that, end."""
        name, source = f"salur_{os.getpid()}_{next(_NUMBERS)}", _database_of(dsn)
        with self._connected("postgres") as connection:
            # By its files: half of what a copy through the log takes, which is what newer servers do unasked.
            by_files = " STRATEGY FILE_COPY" if connection.info.server_version >= 150000 else ""
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [source]
            )
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}{by_files}".encode())
        return local_postgres.dsn(self.folder, name)

    def drop(self, dsn: str) -> None:
        """Remove the database of a DSN, whoever is connected to it."""
        self.execute(f"DROP DATABASE {_database_of(dsn)} WITH (FORCE)")

    def _prepare(self) -> None:
        self.execute(*(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'" for name in (EMPTY, MADE)))
        ledger = Store(local_postgres.dsn(self.folder, MADE))
        ledger.create(MADE_AT)
        ledger.engine.dispose()


def _database_of(dsn: str) -> str:
    return str(parse_dsn(dsn).database)


_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A kind of database that a ledger can be kept in: SQLite (no server), or PostgreSQL."""

    server: Server | None

    @contextmanager
    def ledger(self, folder: Path, *, made: bool = True) -> Iterator[str]:
        """The DSN of a ledger of its own: a file below `folder`, or a database that is gone afterwards.

        On PostgreSQL its tables are made already, if `made`.
        """
        if self.server is None:
            yield f"sqlite:///{folder}/ledger.db"
            return
        dsn = self.server.dsn(made=made)
        try:
            yield dsn
        finally:
            self.server.drop(dsn)

    @contextmanager
    def for_home(self) -> Iterator[str | None]:
        """The DSN to make a home with; none on SQLite, whose file then lies in the home and is copied with it."""
        if self.server is None:
            yield None
            return
        with self.ledger(Path()) as dsn:
            yield dsn

    @contextmanager
    def copied(self, root: Path, to: Path) -> Iterator[Path]:
        """A folder with a home in it, copied to another with its ledger; yields the copied home."""
        shutil.copytree(root, to, dirs_exist_ok=True)
        config = to / "home" / CONFIG
        if self.server is None:
            yield to / "home"
            return
        text = config.read_text()
        before = str(tomllib.loads(text)["ledger"]["dsn"])
        dsn = self.server.copy(before)
        config.write_text(text.replace(before, dsn))
        try:
            yield to / "home"
        finally:
            self.server.drop(dsn)


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
