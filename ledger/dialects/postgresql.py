"""The ledger on PostgreSQL: one database, for many machines.

A writer takes a lock of the whole ledger as it begins (an advisory lock, which ends with the transaction or with the
connection) and then reads at READ COMMITTED: each statement sees all that the writer before it left. That is the promise that
SQLite's BEGIN IMMEDIATE gives, so a running number, the last event's hash or an unused consent that a step has read is
still the last one when it writes, and a serialization failure cannot happen. A second writer waits, up to a minute. A
reader is REPEATABLE READ READ ONLY: all its statements see one moment, and it neither waits nor is waited for.

Rows go in and out by COPY in CSV, which Arrow writes and reads in compiled code. Measured at 300,000 instructions: reading
takes 0.8 s of our processor time against 1.1 s by a server-side cursor; writing 0.2 s against 1.3 s by COPY row by row and
5.4 s by executemany. ADBC reads and writes Arrow too, but by connections of its own: what it adds is not in our transaction.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from typing import Any, cast

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from ledger.dialects import BATCH_ROWS, Rows, unreadable
from schemas.errors import EvidenceDamaged, InputRejected, TryLater
from schemas.fields import BYTES, DATE, FLAG, INSTANT, TEXT, WHOLE

_WRITE_LOCK, _LOCKS = 0x53414C55, 0x53414C56
"""Whatever else takes advisory locks in the database, these two classes of them are ours."""
_WRITER = f"""
SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
SET LOCAL lock_timeout = '60s';
SELECT pg_advisory_xact_lock({_WRITE_LOCK}, 0)
"""
_READER = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_SESSION = """
SET client_encoding = 'UTF8';
SET datestyle = 'ISO';
SET bytea_output = 'hex';
SET idle_in_transaction_session_timeout = 0;
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
"""How values are written; that a step may think while it holds the lock, and the lock of a machine that is gone is soon free;
and that a commit which is told is on disk: an intent is stored before a file is sent."""
_DEFAULTS = {
    "application_name": "salur",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
VERSION_MIN = 130000
COPIED_MIN = 100
"""From so many rows on COPY is worth its round trips."""


def open_engine(url: sa.URL) -> sa.Engine:
    """An engine whose transactions begin as the module says. What the DSN states itself goes before our defaults."""
    defaults = {name: value for name, value in _DEFAULTS.items() if name not in url.query}
    engine = sa.create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=defaults)
    sa.event.listen(engine, "connect", _connect)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _connect(connection: psycopg.Connection[Any], _record: Any) -> None:
    connection.autocommit = True
    connection.execute(_SESSION)
    connection.autocommit = False


def _begin(connection: sa.Connection) -> None:
    purpose = connection.get_execution_options().get("purpose", "write")
    if purpose != "lock":  # a connection that holds a lock is in no transaction
        _driver(connection).execute(_READER if purpose == "read" else _WRITER)


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    return cast(psycopg.Connection[Any], connection.connection.driver_connection)


# --- errors ----------------------------------------------------------------------------------------------------------
_DAMAGED = ("XX001", "XX002")
_LATER = ("08", "28", "3D", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE: connection, login, no such database, rolled back, resources, locked, ended by somebody, system."""
_REFUSED = {
    "42501": "Use a role that may: see docs/postgresql.md.",
    "54000": "Shorten it at the source.",
    "22021": "Mend it.",
}
"""A right that is missing; a value too long for a key; a byte that is no text."""
_SAFE = ("23", "25", "42", "53", "54", "55", "57")
"""Classes whose first line names tables, columns and keys, and never a value; DETAIL, which quotes values, is never told."""


def words(error: Exception) -> Exception | None:
    """An error of psycopg or SQLAlchemy in an operator's words. A broken key stays an IntegrityError, without its values."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return None
    state = cause.sqlstate or ""
    why = _why(cause, state)
    if state in _DAMAGED:
        return EvidenceDamaged("The ledger is not what was recorded.", why, "Restore it from a backup.")
    if state in _REFUSED:
        return InputRejected("The ledger's database refuses this.", why, _REFUSED[state])
    if state[:2] in _LATER or (not state and isinstance(cause, psycopg.OperationalError)):
        return TryLater("The ledger cannot be used now.", why, "Mend the cause, then give the command again.")
    if not state and "connection option" in str(cause):
        return unreadable()
    if not state and isinstance(cause, psycopg.DataError):  # before anything was sent: a NUL in a text
        return InputRejected("The ledger's database refuses this.", "A value is no text.", "Mend it.")
    return _without_values(cause, f"{why} ({state or type(cause).__name__})")


def _why(cause: psycopg.Error, state: str) -> str:
    if not state:  # not from a server in a session: libpq's words about the connection, which hold no password
        return " ".join(str(cause).split()) if isinstance(cause, psycopg.OperationalError) else type(cause).__name__
    if state[:2] in _SAFE and cause.diag.message_primary:
        return cause.diag.message_primary
    where = (cause.diag.table_name, cause.diag.column_name, cause.diag.constraint_name)
    return " ".join([type(cause).__name__, *(name for name in where if name)])


def _without_values(cause: psycopg.Error, text: str) -> sa.exc.DBAPIError:
    kinds = ("IntegrityError", "DataError", "ProgrammingError", "NotSupportedError", "OperationalError")
    kind = next((name for name in kinds if isinstance(cause, getattr(psycopg, name))), "InternalError")
    return cast(sa.exc.DBAPIError, getattr(sa.exc, kind)(None, None, Exception(text)))


def is_lost(error: Exception) -> bool:
    """Whether the connection broke, so that a commit that was asked for may have happened or not."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if not isinstance(cause, psycopg.OperationalError):
        return False
    return not cause.sqlstate or cause.sqlstate.startswith(("08", "57P"))


def refuse_wrong(connection: sa.Connection) -> None:
    """Refuse a database that does not keep text as UTF-8, or that is older than what the record asks of it."""
    query = "SELECT current_setting('server_encoding'), current_setting('server_version_num')::int"
    encoding, version = connection.exec_driver_sql(query).one()
    if encoding != "UTF8":
        raise InputRejected(
            f"The ledger's database keeps text as {encoding}.",
            "Names of any language must come back as they were kept.",
            "Make it anew: CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'.",
        )
    if version < VERSION_MIN:
        raise InputRejected(
            f"The ledger's PostgreSQL is of version {version // 10000}.",
            f"It must be {VERSION_MIN // 10000} or later.",
            "Upgrade the server.",
        )


@contextmanager
def lock(engine: sa.Engine, name: str) -> Iterator[Callable[[], bool] | None]:
    """A session's advisory lock, taken at once or not at all. The session is the lock's own and ends with it."""
    key = {"class": _LOCKS, "name": zlib.crc32(name.encode()) - 2**31}
    with engine.connect().execution_options(purpose="lock", isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # it goes to no one else afterwards
        is_ours = bool(connection.scalar(sa.text("SELECT pg_try_advisory_lock(:class, :name)"), key))
        try:
            yield partial(_lives, connection) if is_ours else None
        finally:
            if is_ours:
                with suppress(sa.exc.SQLAlchemyError):  # the session broke, and the lock with it
                    connection.execute(sa.text("SELECT pg_advisory_unlock(:class, :name)"), key)


def _lives(connection: sa.Connection) -> bool:
    """Whether a session that holds a lock is still there, and so its lock."""
    try:
        return bool(connection.scalar(sa.text("SELECT true")))
    except sa.exc.SQLAlchemyError:
        return False


# --- the record only grows ---------------------------------------------------------------------------------------------
def guards(table: str) -> list[str]:
    """A trigger that refuses UPDATE, DELETE and TRUNCATE, also where they would touch no row.

    ALWAYS: it fires in a session that calls itself a replica, too.
    """
    trigger = f"{table}_insert_only"
    return [
        _REFUSE,
        f"CREATE TRIGGER {trigger} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} EXECUTE FUNCTION salur_insert_only()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}",
    ]


_REFUSE = """
CREATE OR REPLACE FUNCTION salur_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is insert-only', ERRCODE = 'integrity_constraint_violation';
END $$
"""


# --- rows out ----------------------------------------------------------------------------------------------------------
def read(
    connection: sa.Connection, query: sa.Select[Any], target: pa.Schema, values: Mapping[str, Any] | None
) -> pa.Table:
    """The rows of `query` by COPY, so many at a time; an empty text is `""` and a null nothing, so both come back."""
    compiled = query.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    batches: list[pa.RecordBatch] = []
    statement = f"COPY ({compiled}) TO STDOUT (FORMAT csv)".encode()
    with _driver(connection).cursor() as cursor, cursor.copy(statement, compiled.construct_params(values)) as copy:
        rows = iter(copy)  # one message a row
        while some := list(islice(rows, BATCH_ROWS)):
            batches += _parse(b"".join(some), target)
    return pa.Table.from_batches(batches, target)


def rows(connection: sa.Connection, query: sa.Select[Any], values: Mapping[str, Any]) -> list[Any]:
    """The rows of `query`, asked with `values`."""
    return [tuple(row) for row in connection.execute(query, values)]


def _parse(data: bytes, target: pa.Schema) -> list[pa.RecordBatch]:
    names = [str(place) for place in range(len(target))]
    kinds = {name: _CSV.get(field.type, field.type) for name, field in zip(names, target, strict=True)}
    parsed = pa_csv.read_csv(
        pa.py_buffer(data),
        pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(data), 1)),
        pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        pa_csv.ConvertOptions(
            column_types=kinds, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""],
            true_values=["t"], false_values=["f"],
        ),
    )  # fmt: skip
    columns = [_typed(parsed.column(name), field.type) for name, field in zip(names, target, strict=True)]
    return cast(list[pa.RecordBatch], pa.table(columns, schema=target).to_batches())


_CSV = {INSTANT: WHOLE, BYTES: TEXT}


def _typed(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if kind == INSTANT:
        return column.cast(pa.timestamp("us")).cast(INSTANT)
    if kind == BYTES:
        return pa.chunked_array([[None if v is None else bytes.fromhex(v[2:]) for v in column.to_pylist()]], BYTES)
    return column


# --- rows in -----------------------------------------------------------------------------------------------------------
def insert(connection: sa.Connection, table: sa.Table, rows: Rows) -> int:
    """Add rows by COPY (a few by INSERT); one that is there already breaks its key."""
    if not isinstance(rows, pa.Table):
        if len(rows) < COPIED_MIN:
            return _execute(connection, sa.insert(table), rows)
        rows = _as_table(table, rows)
    return _copy(connection, sql.Identifier(table.name), rows)


def insert_new(connection: sa.Connection, table: sa.Table, rows: Rows) -> int:
    """Add the rows whose key is not there yet, the first of several with one key; how many, as the database counts them.

    COPY knows no conflict, so the rows go to a table of the session first, in their order.
    """
    if not isinstance(rows, pa.Table):
        if len(rows) < COPIED_MIN:
            return _execute(connection, postgresql_insert(table).on_conflict_do_nothing(), rows)
        rows = _as_table(table, rows)
    new = sql.Identifier("pg_temp", "salur_new")
    named: dict[str, sql.Composable] = {
        "new": new,
        "table": sql.Identifier(table.name),
        "columns": _columns(rows),
    }
    cursor = _driver(connection).cursor()
    cursor.execute(
        sql.SQL("CREATE TEMPORARY TABLE salur_new AS SELECT {columns} FROM {table} WITH NO DATA").format(**named)
    )
    _copy(connection, new, rows)
    add = "INSERT INTO {table} ({columns}) SELECT {columns} FROM {new} ON CONFLICT DO NOTHING"
    added = cursor.execute(sql.SQL(add).format(**named)).rowcount
    cursor.execute(sql.SQL("DROP TABLE {new}").format(**named))
    return added


def _execute(connection: sa.Connection, statement: sa.Insert, rows: Sequence[dict[str, Any]]) -> int:
    counted = {"preserve_rowcount": True}
    return connection.execute(statement, list(rows), execution_options=counted).rowcount if rows else 0


def _copy(connection: sa.Connection, into: sql.Identifier, rows: pa.Table) -> int:
    if not rows.num_rows:
        return 0
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(into, _columns(rows))
    plain = pa.table([_plain(column) for column in rows.columns], names=rows.column_names)
    how = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
    with _driver(connection).cursor() as cursor:
        with cursor.copy(statement) as copy:
            for batch in plain.to_batches(BATCH_ROWS):
                sink = pa.BufferOutputStream()
                pa_csv.write_csv(batch, sink, how)
                copy.write(sink.getvalue())
        return cursor.rowcount


def _columns(rows: pa.Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in rows.column_names)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as COPY reads it: instants as whole microseconds, bytes as hex."""
    if column.type == INSTANT:
        return column.cast(pa.int64())
    if column.type == BYTES:
        return pa.chunked_array([[None if v is None else f"\\x{v.hex()}" for v in column.to_pylist()]], TEXT)
    return column


_ARROW: dict[type[sa.types.TypeEngine[Any]], pa.DataType] = {
    sa.BigInteger: WHOLE,
    sa.Boolean: FLAG,
    sa.Date: DATE,
    sa.LargeBinary: BYTES,
    sa.Text: TEXT,
}


def _as_table(table: sa.Table, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows by name as columns in the types of the SQL table."""
    return pa.table({name: _array(table.c[name], (row[name] for row in rows)) for name in rows[0]})


def _array(column: sa.Column[Any], values: Iterable[Any]) -> pa.Array:
    return pa.array(list(values), next(kind for of, kind in _ARROW.items() if isinstance(column.type, of)))
