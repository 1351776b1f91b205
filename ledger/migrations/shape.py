"""What revisions are written with: tables and columns as they were at one version, in words of their own.

A revision says everything itself and asks nothing of `ledger.store`, which tells of today. `name:kind?` is a column: `n` a
whole number or an instant, `d` a date, `f` a flag, `b` bytes, nothing a text; a question mark says that it may be null.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from ledger.dialects import dialect_of, text_type


def _column(word: str, keys: list[str]) -> sa.Column[Any]:
    name, _, kind = word.rstrip("?").partition(":")
    kinds: dict[str, sa.types.TypeEngine[Any]] = {
        "n": sa.BigInteger(),
        "d": sa.Date(),
        "f": sa.Boolean(),
        "b": sa.LargeBinary(),
        "": text_type(),
    }
    return sa.Column(name, kinds[kind], primary_key=name in keys, nullable=word.endswith("?"), autoincrement=False)


def create_table(name: str, columns: str, key: str, *constraints: sa.Constraint | sa.Index) -> None:
    """Make an insert-only table with its keys, checks and indexes."""
    keys = key.split()
    op.create_table(name, *(_column(word, keys) for word in columns.split()), *constraints)
    for statement in dialect_of(op.get_context().dialect.name).guards(name):
        op.execute(statement)


def add_columns(table: str, columns: str) -> None:
    """Add columns to a table that has rows: they may be null, since no row is ever changed to fill them."""
    for word in columns.split():
        op.add_column(table, _column(word, []))
