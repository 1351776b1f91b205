"""The ledger on SQLite: one file, for one machine.

A writer takes the one write lock as it begins (BEGIN IMMEDIATE), so what it reads cannot change before it writes; a second
waits for it, up to a minute. A reader sees the record as it was when it began to read (WAL), and keeps nobody.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from ledger.dialects import BATCH_ROWS, Rows
from schemas.errors import EvidenceDamaged, TryLater
from schemas.fields import DATE, FLAG, INSTANT


def open_engine(url: sa.URL) -> sa.Engine:
    """An engine whose every connection keeps foreign keys, and syncs before a commit is told."""
    engine = sa.create_engine(url, hide_parameters=True)
    sa.event.listen(engine, "connect", _connect)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin, not by the driver's guess
    cursor = connection.cursor()
    # recursive_triggers: else a row that is replaced (INSERT OR REPLACE) would be removed without the trigger that forbids it
    for pragma in (
        "foreign_keys = ON",
        "recursive_triggers = ON",
        "journal_mode = WAL",
        "synchronous = FULL",
        "busy_timeout = 60000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    is_reading = connection.get_execution_options().get("purpose") == "read"
    _driver(connection).execute("BEGIN" if is_reading else "BEGIN IMMEDIATE")


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def words(error: Exception) -> Exception | None:
    """`TryLater` for what is out of reach or busy, `EvidenceDamaged` for what is no database."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(cause, sqlite3.OperationalError):
        return TryLater("The ledger cannot be used now.", str(cause), "Mend the cause, then give the command again.")
    if type(cause) is sqlite3.DatabaseError:  # SQLite's word for a file that is no database, or is damaged
        return EvidenceDamaged("The ledger is not what was recorded.", str(cause), "Restore it from a backup.")
    return None


def is_lost(_error: Exception) -> bool:
    """Never: a commit in the same process has ended when it returns, well or not."""
    return False


def refuse_wrong(_connection: sa.Connection) -> None:
    """Any SQLite file will do: its text is UTF-8 and sorts by bytes."""


@contextmanager
def lock(engine: sa.Engine, name: str) -> Iterator[Callable[[], bool] | None]:
    """The operating system's lock on a file beside the ledger's own: whoever opens the ledger, from whatever home, meets it."""
    if not engine.url.database or engine.url.database == ":memory:":  # no other process can open it
        yield lambda: True
        return
    folder = Path(f"{os.path.realpath(engine.url.database)}-locks")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise TryLater(f"No lock can be had in {folder}.", error.strerror or "", "Mend the folder.") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield lambda: True
    finally:
        os.close(handle)


def guards(table: str) -> list[str]:
    """Triggers that refuse UPDATE and DELETE of any row; SQLite has no TRUNCATE."""
    return [
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{act.lower()} BEFORE {act} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is insert-only'); END"
        for act in ("UPDATE", "DELETE")
    ]


def read(
    connection: sa.Connection, query: sa.Select[Any], target: pa.Schema, values: Mapping[str, Any] | None
) -> pa.Table:
    """The rows of `query`, batch by batch of the driver's own rows.

    SQLAlchemy's rows, with a conversion a value, would take as long again as the query. A question that comes with `values` is one
    that is asked over and over: it goes to the driver as it was compiled the first time.
    """
    if values is not None:
        return _table(_ask(connection, query, values), target)
    with connection.execute(query) as result:
        assert result.cursor is not None, "a question has rows"
        return _table(result.cursor, target)


def _table(cursor: Any, target: pa.Schema) -> pa.Table:
    batches = []
    while some := cursor.fetchmany(BATCH_ROWS):
        columns = [
            _arrow_column(column, kind) for column, kind in zip(zip(*some, strict=True), target.types, strict=True)
        ]
        batches.append(pa.record_batch(columns, schema=target))
    return pa.Table.from_batches(batches, target)


def rows(connection: sa.Connection, query: sa.Select[Any], values: Mapping[str, Any]) -> list[Any]:
    """The rows of `query`, asked with `values`."""
    return _ask(connection, query, values).fetchall()


def _ask(connection: sa.Connection, query: sa.Select[Any], values: Mapping[str, Any]) -> sqlite3.Cursor:
    text, order, own = _compiled(query)
    given = {**own, **values}
    return _driver(connection).execute(text, [given[name] for name in order])


@lru_cache(maxsize=256)
def _compiled(query: sa.Select[Any]) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """The text of a question, the parameters in their order, and those whose values it has itself."""
    compiled = query.compile(dialect=sqlite_dialect(), compile_kwargs={"render_postcompile": True})
    return str(compiled), tuple(compiled.positiontup or ()), dict(compiled.params)


def _arrow_column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values as the driver gives them (instants whole microseconds, dates text, flags 0 and 1) in their type."""
    if kind == INSTANT:
        return pa.array(values, pa.int64()).view(INSTANT)
    return pa.array(values).cast(kind) if kind in (DATE, FLAG) else pa.array(values, kind)


def insert(connection: sa.Connection, table: sa.Table, rows: Rows) -> int:
    """Add rows; one that is there already breaks its key."""
    return _write(connection, _insert(table), rows)


def insert_new(connection: sa.Connection, table: sa.Table, rows: Rows) -> int:
    """Add the rows whose key is not there yet; how many, as the database counts them."""
    return _write(connection, _insert_new(table), rows)


@cache
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@cache
def _insert_new(table: sa.Table) -> sa.Insert:
    return sqlite_insert(table).on_conflict_do_nothing()


def _write(connection: sa.Connection, statement: sa.Insert, rows: Rows) -> int:
    if not isinstance(rows, pa.Table):
        return _write_few(connection, statement, rows) if rows else 0
    compiled = statement.compile(dialect=connection.dialect, column_keys=rows.column_names)
    # Arrow columns go to the driver as they are: building a dict and parameters a row costs more than SQLite's insert.
    order = compiled.positiontup or []
    added = 0
    for batch in pa.table([_plain(rows.column(name)) for name in order], names=order).to_batches(BATCH_ROWS):
        values = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        added += connection.exec_driver_sql(str(compiled), values).rowcount if values else 0
    return added


def _write_few(connection: sa.Connection, statement: sa.Insert, rows: Sequence[Mapping[str, Any]]) -> int:
    """Rows of one shape, as they stand in Python; the text of the statement is made once a shape."""
    text, order = _compiled_insert(statement, tuple(rows[0]))
    values = [tuple(_plain_value(row[name]) for name in order) for row in rows]
    return connection.exec_driver_sql(text, values).rowcount


@lru_cache(maxsize=256)
def _compiled_insert(statement: sa.Insert, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    compiled = statement.compile(dialect=sqlite_dialect(), column_keys=list(names))
    return str(compiled), tuple(compiled.positiontup or ())


def _plain_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as SQLite keeps it: instants as whole microseconds, dates as ISO text."""
    if column.type == INSTANT:
        return column.cast(pa.int64())
    return column.cast(pa.string()) if column.type == DATE else column
