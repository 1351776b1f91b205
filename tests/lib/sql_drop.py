"""A source drop as tables of a database, with the types that its designer would give them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from schemas.fields import DATE, INSTANT, WHOLE
from schemas.tables import SOURCES
from tests.lib.small_drop import Row, Tables


def make_tables(
    dsn: str, tables: Tables, *, schema: str | None = None, types: dict[str, Any] | None = None, without: str = ""
) -> None:
    """Make each table, with `types` for some columns (by name) and `without` one column, and put its rows in."""
    engine = sa.create_engine(dsn)
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        if schema is not None:
            connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
        for name, rows in tables.items():
            columns = [
                sa.Column(field.name, (types or {}).get(field.name) or _type(field.type, is_sqlite))
                for field in SOURCES[f"{name}.v1"].schema
                if field.name != without
            ]
            table = sa.Table(name, sa.MetaData(schema=schema), *columns)
            table.create(connection)
            _insert(connection, table, rows, is_sqlite)
    engine.dispose()


def add_rows(dsn: str, name: str, rows: list[Row], *columns: str) -> None:
    """Put more rows into a table; `columns` of it, all that the rows have when none is named."""
    engine = sa.create_engine(dsn)
    with engine.begin() as connection:
        table = sa.table(name, *(sa.column(column) for column in columns or rows[0]))
        _insert(connection, table, rows, engine.dialect.name == "sqlite")
    engine.dispose()


def _insert(connection: sa.Connection, table: sa.FromClause, rows: list[Row], is_sqlite: bool) -> None:
    known = [{c.name: _value(row.get(c.name), is_sqlite) for c in table.columns} for row in rows]
    if known:
        connection.execute(sa.insert(table), known)  # type: ignore[arg-type]


def _type(kind: pa.DataType, is_sqlite: bool) -> sa.types.TypeEngine[Any]:
    if kind == WHOLE:
        return sa.BigInteger()
    if is_sqlite or kind not in (DATE, INSTANT):
        return sa.Text()
    return sa.Date() if kind == DATE else sa.DateTime(timezone=True)


def _value(value: Any, is_sqlite: bool) -> Any:
    """SQLite has neither dates nor instants of its own: there they are ISO texts."""
    return value.isoformat() if is_sqlite and isinstance(value, date | datetime) else value
