"""The source drop from a database: the tables under their names in one schema, read in one snapshot, never written.

Contract, section 1: the same tables, the same columns. Each table is read a page at a time in the order of its key, so that
memory is bounded with any driver, no query takes as long as a table, and the same rows have the same name. Native values become what files hold: an instant with its offset, a
date, a whole number (a decimal or a float only if it is one), a text. Whatever else stands there goes on as it is, and the
one reading of JSON Lines sets it aside with the reason that a file would get.
"""

import json
import math
import operator
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

import sqlalchemy as sa

from disbursement.sources.drop import TABLES_LISTED, Drop
from disbursement.sources.origin import Origin
from disbursement.sources.spool import Spool, spooled
from schemas.errors import InputRejected, SalurError, TryLater
from schemas.tables import SOURCES, Table

SCHEMA = "salur_schema"
"""The word of a DSN's query that names the schema; it does not reach the driver."""
OPTIONAL = frozenset({"recorded_at", "delisted_on"})
"""Columns that a table may lack; every other must be there, or it may be one that was misnamed."""
_BATCH_ROWS = 10_000
"""How many rows a page has, unless the source's `page_rows` says otherwise."""
_SAY_ROWS = 100_000
_CONNECT_SECONDS = 30
_WHOLE_MAX = 2**53
"""From here on a float is not exact."""


@contextmanager
def open_drop(origin: Origin, since: Mapping[str, datetime], say: Callable[[str], None]) -> Iterator[Drop]:
    """Read every table, what is new `since` the instants of some of them, in one snapshot.

    Where `recorded_at` is no instant of the database's own (SQLite has none) a table is read whole: texts do not compare.
    Raises `TryLater` when the database is out of reach, `InputRejected` when a table lacks a column or none is there.
    """
    partial = set()
    page_rows = int(origin.settings.get("page_rows", _BATCH_ROWS))
    with spooled() as spools:
        with _snapshot(origin) as connection:
            for table, columns in _tables(connection, origin):
                name = table.short_name
                after = since.get(name) if columns.get("recorded_at") else None
                partial |= {name} if after else set()
                spool = spools.add(table)
                with _told(origin):
                    _read(connection, spool, _query(table, list(columns), _schema(origin), after), page_rows, say)
        yield spools.drop(origin.called, watched=identity(origin), partial=frozenset(partial))


def identity(origin: Origin) -> str:
    """What the ledger calls this source, to know how far it was taken: the database and schema, not who asks."""
    url = _url(origin)
    host, port = url.host or url.query.get("host", ""), url.port or url.query.get("port", "")
    place = f"{host}:{port}/{url.database or ''}"
    return f"{url.get_backend_name()}://{place}#{_schema(origin) or ''}"


def reach(origin: Origin) -> str:
    """Look which tables there are, and whether they have their columns."""
    with _snapshot(origin) as connection:
        return f"offers {', '.join(table.short_name for table, _ in _tables(connection, origin))}"


def _url(origin: Origin) -> sa.URL:
    try:
        url = sa.make_url(origin.url)
        url.get_dialect()
    except (sa.exc.ArgumentError, ValueError):
        raise InputRejected(f"{origin.called!r} is no address of a source.", "", "Check it.") from None
    return url.set(password=origin.secret) if origin.secret else url


def _schema(origin: Origin) -> str | None:
    given = origin.settings.get("schema") or _url(origin).query.get(SCHEMA)
    return str(given) if given else None


# --- the snapshot -----------------------------------------------------------------------------------------------------


def _engine(origin: Origin) -> sa.Engine:
    url = _url(origin).difference_update_query([SCHEMA])
    settings: dict[str, Any] = {"poolclass": sa.pool.NullPool}
    try:
        if url.get_backend_name() == "sqlite":
            engine = sa.create_engine(url, creator=lambda: _sqlite(str(url.database or "")), **settings)
            sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
            return engine
        if url.get_backend_name() != "postgresql":
            return sa.create_engine(url, **settings)
        seconds = {"connect_timeout": _CONNECT_SECONDS}
        engine = sa.create_engine(url, isolation_level="REPEATABLE READ", connect_args=seconds, **settings)
    except ImportError:
        raise InputRejected(
            f"The database of {origin.called} cannot be spoken to.",
            f"No driver for {url.drivername} is installed.",
            "Install it, or name another in the DSN.",
        ) from None
    sa.event.listen(engine, "connect", _postgresql_connect)
    return engine.execution_options(postgresql_readonly=True)


def _sqlite(path: str) -> sqlite3.Connection:
    """One that writes nothing, makes no file, and begins a transaction only when it is told to."""
    connection = sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    connection.text_factory = _sqlite_text
    return connection


def _sqlite_text(value: bytes) -> str:
    """Bytes that are no UTF-8 are kept as they are, so that their row is set aside and not the whole table."""
    return value.decode("utf-8", "surrogateescape")


def _postgresql_connect(connection: Any, _record: Any) -> None:
    """Dates and instants as PostgreSQL writes them: it has some (`infinity`, years before Christ) that Python has not."""
    cursor = connection.cursor()
    cursor.execute("SET TimeZone = 'UTC'")
    cursor.execute("SET DateStyle = 'ISO'")
    cursor.close()
    connection.commit()
    if hasattr(connection, "adapters"):  # psycopg
        from psycopg.types.string import TextLoader

        for name in ("date", "timestamp", "timestamptz"):
            connection.adapters.register_loader(name, TextLoader)


@contextmanager
def _snapshot(origin: Origin) -> Iterator[sa.Connection]:
    """A connection in one transaction, which sees the database as it was when it began, where the database offers that."""
    engine = _engine(origin)
    try:
        with _told(origin, _words):
            connection = engine.connect()
        with connection:
            yield connection
    finally:
        engine.dispose()


def _words(error: sa.exc.DBAPIError, origin: Origin) -> str:
    """Why no connection comes about, in the driver's words: no row has been seen yet, and the password is taken out."""
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    secret = origin.secret
    return lines[0].replace(secret, "***") if secret else lines[0]


def _kind(error: sa.exc.DBAPIError, _origin: Origin) -> str:
    """What went wrong with a query, by name alone: the driver's words may quote a row."""
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return f"{type(error.orig).__name__} {state or ''}".strip()


@contextmanager
def _told(origin: Origin, why: Callable[[sa.exc.DBAPIError, Origin], str] = _kind) -> Iterator[None]:
    """Errors of the database in an operator's words."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        raise TryLater(
            f"The source {origin.called} cannot be read now.", f"{why(error, origin)}.", "Nothing was taken. Try again."
        ) from None
    except sa.exc.DBAPIError as error:
        raise _refused(origin, f"{why(error, origin)}.") from None
    except (ValueError, OverflowError) as error:  # a driver's, about a value that Python cannot hold
        raise _refused(origin, f"{type(error).__name__}: it holds a value that its driver cannot read.") from None


def _refused(origin: Origin, why: str) -> SalurError:
    return InputRejected(f"The source {origin.called} cannot be read.", why, "Nothing was taken. Check it.")


# --- its tables -------------------------------------------------------------------------------------------------------


def _tables(connection: sa.Connection, origin: Origin) -> list[tuple[Table, dict[str, bool]]]:
    """The tables that are there, each with its columns of ours and whether a column is an instant with its zone."""
    schema = _schema(origin)
    with _told(origin), warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)  # of types that only this database knows
        look = sa.inspect(connection)
        found = [
            (
                table,
                {column["name"]: _is_instant(column["type"]) for column in look.get_columns(table.short_name, schema)},
            )
            for table in SOURCES.values()
            if look.has_table(table.short_name, schema)
        ]
    if not found:
        raise InputRejected(
            f"There is no source drop in {origin.called}.",
            f"None of {TABLES_LISTED} is a table there.",
            f'Name their schema, as ?{SCHEMA}=NAME or schema = "NAME".',
        )
    return [(table, _own(origin, table, columns)) for table, columns in found]


def _is_instant(kind: Any) -> bool:
    return isinstance(kind, sa.DateTime) and bool(kind.timezone)


def _own(origin: Origin, table: Table, columns: dict[str, bool]) -> dict[str, bool]:
    missing = [name for name in table.columns if name not in columns and name not in OPTIONAL]
    if missing:
        raise _refused(origin, f"Its table {table.short_name} lacks the column {', '.join(missing)}.")
    return {name: columns[name] for name in table.columns if name in columns}


def _query(table: Table, columns: list[str], schema: str | None, after: datetime | None) -> sa.Select[Any]:
    """The rows in the order of their key, those of one key in the order in which they were recorded."""
    order: list[sa.ColumnClause[Any]] = [sa.column(name) for name in (*table.key, "recorded_at") if name in columns]
    wanted: list[sa.ColumnClause[Any]] = [sa.column(name) for name in columns]
    query: sa.Select[Any] = sa.select(*wanted).select_from(sa.table(table.short_name, schema=schema))
    if after is not None:
        recorded_at = sa.column("recorded_at", sa.DateTime(timezone=True))
        query = query.where(sa.or_(recorded_at.is_(None), recorded_at > after))
    return query.order_by(*order)


def _read(
    connection: sa.Connection, spool: Spool, query: sa.Select[Any], page_rows: int, say: Callable[[str], None]
) -> None:
    """Put down the rows of a query, `page_rows` at a time."""
    names = list(query.selected_columns.keys())
    told = 0
    for page in _pages(connection, spool.table, query, page_rows):
        # A page may be large all the same: rows that share a key are one, and the last may be whatever is left.
        with connection.execute(page, execution_options={"yield_per": page_rows}) as result:
            for rows in result.partitions():
                spool.write_rows(_lines(names, rows))
                if spool.row_count - told >= _SAY_ROWS:
                    told = spool.row_count
                    say(f"{spool.table.short_name}: {told:,} rows read")


# --- pages ------------------------------------------------------------------------------------------------------------

_GIVEN_BACK = (str, int, Decimal, UUID)
"""Kinds of which a driver takes back exactly what it gave. A float is not: one of single precision differs from itself."""


def _pages(connection: sa.Connection, table: Table, query: sa.Select[Any], page_rows: int) -> Iterator[sa.Select[Any]]:
    """Queries that together give each row of `query` once, in its order; rows that lack a part of their key come last.

    A page ends with a key and not with a row, so that rows whose keys the database holds to be equal stay together.
    """
    keys: list[sa.ColumnClause[Any]] = [sa.column(name) for name in table.key]
    query_keyed = query.where(*(key.is_not(None) for key in keys))
    rest = query_keyed
    while (boundary := _boundary(connection, rest, keys, page_rows)) is not None:
        yield rest.where(_compared(keys, boundary, operator.lt, operator.le, operator.le))
        rest = query_keyed.where(_compared(keys, boundary, operator.gt, operator.ge, operator.gt))
    yield rest
    yield query.where(sa.or_(*(key.is_(None) for key in keys)))


def _boundary(
    connection: sa.Connection, rest: sa.Select[Any], keys: list[sa.ColumnClause[Any]], page_rows: int
) -> Sequence[Any] | None:
    """The key with which the next page ends; none when what is left is to be read as one."""
    only_keys = rest.with_only_columns(*keys).order_by(None).order_by(*keys)
    found = connection.execute(only_keys.limit(1).offset(page_rows - 1)).first()
    # What cannot be given back to the driver as it came, such as SQLite's text that is no UTF-8, cannot be compared with.
    # Another boundary might do, but from a wrong one rows would be lost: what is left is streamed in one query.
    return found if found is not None and all(_is_given_back(value) for value in found) else None


def _is_given_back(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    return isinstance(value, _GIVEN_BACK)


_Operator = Callable[[Any, Any], sa.ColumnElement[bool]]


def _compared(
    keys: list[sa.ColumnClause[Any]], values: Sequence[Any], strict: _Operator, loose: _Operator, last: _Operator
) -> sa.ColumnElement[bool]:
    """Whether a key stands on one side of another, spelt out by column: not every database compares rows of values.

    The loose condition follows from the others; it is there because an index is searched by it. Values have no type of
    ours, so that each is taken to be of its column's.
    """
    key, value = keys[0], sa.literal(values[0], sa.types.NullType())
    if len(keys) == 1:
        return last(key, value)
    return sa.and_(loose(key, value), sa.or_(strict(key, value), _compared(keys[1:], values[1:], strict, loose, last)))


# --- values -----------------------------------------------------------------------------------------------------------

_ENCODE = json.JSONEncoder(ensure_ascii=False, default=lambda value: f"{type(value).__name__}").encode


def _lines(names: list[str], rows: Iterable[Any]) -> Iterator[bytes]:
    """Rows as lines of JSON."""
    for row in rows:
        values = {
            name: value if type(value) in _AS_THEY_ARE else _plain(value)
            for name, value in zip(names, row, strict=True)
        }
        yield _ENCODE(values).encode("utf-8", "surrogateescape")


_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def _plain(value: Any) -> Any:
    """A native value as JSON holds it; what no column of ours can be becomes an object, which is of no column's kind."""
    if isinstance(value, Decimal | float):
        return _number(value)
    if isinstance(value, date):  # instants among them
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str | int):  # of a driver's own class
        return value
    return {type(value).__name__: value.hex() if isinstance(value, bytes | memoryview) else str(value)}


def _number(value: Decimal | float) -> int | float:
    """A whole number where it is exactly one; else what no whole number is."""
    if not math.isfinite(value):
        return math.nan
    is_exact = isinstance(value, Decimal) or -_WHOLE_MAX < value < _WHOLE_MAX
    return int(value) if is_exact and value == int(value) else float(value)
