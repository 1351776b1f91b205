"""What differs between the databases that a ledger can be kept in: SQLite for one machine, PostgreSQL for many.

The promises are the same on both, and `ledger.store` states them: one writer at a time, who sees what the last one left; a
reader who sees one moment; rows that are only ever added; text compared byte by byte. A module a database keeps them.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import pyarrow as pa
import sqlalchemy as sa

from schemas.errors import InputRejected, SalurError

Rows: TypeAlias = pa.Table | Sequence[dict[str, Any]]
BATCH_ROWS = 50_000
"""How many rows are held at once on their way in or out."""


class Dialect(Protocol):
    """One database's way to do what every ledger needs."""

    def open_engine(self, url: sa.URL) -> sa.Engine:
        """An engine whose transactions begin as `ledger.store` promises."""

    def read(
        self, connection: sa.Connection, query: sa.Select[Any], target: pa.Schema, values: Mapping[str, Any] | None
    ) -> pa.Table:
        """The rows of `query`, asked with `values`, in the types of `target`, taken over in bounded batches."""

    def rows(self, connection: sa.Connection, query: sa.Select[Any], values: Mapping[str, Any]) -> list[Any]:
        """The rows of a question that is built once and asked over and over, in numbers and texts as the driver gives them."""

    def insert(self, connection: sa.Connection, table: sa.Table, rows: Rows) -> int:
        """Add rows, none of which may be there; returns how many."""

    def insert_new(self, connection: sa.Connection, table: sa.Table, rows: Rows) -> int:
        """Add the rows whose key is not there yet; returns how many that were."""

    def words(self, error: Exception) -> Exception | None:
        """An error of the database in an operator's words, or without any value of a row; None: it is told as it is."""

    def is_lost(self, error: Exception) -> bool:
        """Whether the database went away, so that nobody was told how a commit ended."""

    def refuse_wrong(self, connection: sa.Connection) -> None:
        """Refuse a database that cannot keep the record as it is, by an error in words."""

    def lock(self, engine: sa.Engine, name: str) -> AbstractContextManager[Callable[[], bool] | None]:
        """A lock of the ledger, seen by all who share it: None where it is another's, else whether it is ours still."""

    def guards(self, table: str) -> list[str]:
        """The statements that make a table insert-only."""


def dialect_of(name: str) -> Dialect:
    """The dialect of a database by SQLAlchemy's name for it."""
    if name not in ("sqlite", "postgresql"):
        raise InputRejected(
            f"The ledger cannot be kept in {name}.",
            "What makes it insert-only is written for SQLite and PostgreSQL.",
            "Give a DSN that begins with sqlite:/// or postgresql://.",
        )
    return _module(name)


@cache
def _module(name: str) -> Dialect:
    return cast(Dialect, importlib.import_module(f"ledger.dialects.{name}"))  # its driver is loaded where it is used


def parse_dsn(dsn: str) -> sa.URL:
    """The URL of a ledger: `sqlite:///FILE`, or `postgresql://…` in any of its spellings, which all mean psycopg."""
    scheme, found, rest = dsn.partition("://")
    if found and scheme in ("postgres", "postgresql"):
        dsn = f"postgresql+psycopg://{rest}"
    try:
        url = sa.make_url(dsn)
    except (sa.exc.ArgumentError, ValueError):
        raise unreadable() from None
    if url.get_backend_name() == "postgresql" and url.get_driver_name() != "psycopg":
        url = url.set(drivername="postgresql+psycopg")
    return url


def without_password(dsn: str, passfile: str) -> tuple[str, str | None]:
    """A DSN that names `passfile` in place of the password that it holds, and that file's line; as it is where it holds none."""
    url = parse_dsn(dsn)
    password = url.password or url.query.get("password")
    if url.get_backend_name() != "postgresql" or not isinstance(password, str):
        return dsn, None
    plain = url._replace(password=None).difference_update_query(["password"]).update_query_dict({"passfile": passfile})
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return plain.render_as_string(), f"*:*:*:*:{escaped}\n"


def in_home(dsn: str, home: Path) -> str:
    """A DSN whose files, SQLite's own or PostgreSQL's passfile, are seen from a home."""
    url = parse_dsn(dsn)
    if url.get_backend_name() == "sqlite":
        return dsn if not url.database else str(url.set(database=str(home / url.database)))
    passfile = url.query.get("passfile")
    if not isinstance(passfile, str):
        return dsn
    return url.update_query_dict({"passfile": str(home / passfile)}).render_as_string(hide_password=False)


def unreadable() -> SalurError:
    """A DSN says nothing that can be opened. It is not quoted: it may hold a password."""
    return InputRejected(
        "The ledger's DSN cannot be read.", "", "Give sqlite:///FILE or postgresql://USER@HOST/DATABASE in salur.toml."
    )


def make_insert_only(table: sa.Table) -> None:
    """See to it that triggers which refuse every change of a row are made with the table, on each database."""

    def add_guards(_table: sa.Table, connection: sa.Connection, **_: Any) -> None:
        for statement in dialect_of(connection.dialect.name).guards(table.name):
            connection.exec_driver_sql(statement)

    sa.event.listen(table, "after_create", add_guards)


def text_type() -> sa.types.TypeEngine[Any]:
    """Text that is compared and sorted by its bytes on every database, so that reports have one order."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
