"""For any rows in any order, both databases keep the same and say the same of how many were new."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ledger import store
from ledger.store import Store
from schemas.fields import BYTES, DATE, FIELDS, FLAG, INSTANT, TEXT, WHOLE
from tests.lib.databases import Server

pytestmark = pytest.mark.needs("postgresql")

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["", '"', '""', "\\.", "a\n\\.\nb", "\\N", "\r\n", ",", " x ", "NULL", "é", "Z", "a", "\u2028"]
)
VALUES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    TEXT: TEXTS,
    WHOLE: st.integers(-(2**63), 2**63 - 1),
    FLAG: st.booleans(),
    DATE: st.dates(date.min, date.max),
    INSTANT: st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    BYTES: st.binary(max_size=8),
}
TABLES = (store.source_participants, store.check_results, store.source_accounts)


def rows_of(table: sa.Table) -> st.SearchStrategy[pa.Table]:
    """Some rows of a table; keys are of few values, so that some are there already and some come twice."""
    keys = {column.name for column in table.primary_key}
    few = {TEXT: st.sampled_from(["a", "B", "é", "", "a b"]), WHOLE: st.integers(1, 4)}
    values = {
        column.name: few[FIELDS[column.name].type]
        if column.name in keys
        else (st.none() | VALUES[FIELDS[column.name].type])
        if column.nullable
        else VALUES[FIELDS[column.name].type]
        for column in table.columns
    }
    schema = pa.schema([(name, FIELDS[name].type) for name in values])
    return st.lists(st.fixed_dictionaries(values), max_size=8).map(lambda rows: pa.Table.from_pylist(rows, schema))


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory, postgresql: Server) -> Iterator[list[Store]]:
    dsn = postgresql.dsn()
    made = [Store(f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db"), Store(dsn)]
    for each in made:
        each.create(0)
    yield made
    postgresql.drop(dsn)


class Undone(Exception):
    """Ends a transaction of which nothing is to stay."""


@contextmanager
def undone(ledger: Store) -> Iterator[sa.Connection]:
    try:
        with ledger.transaction() as connection:
            yield connection
            raise Undone
    except Undone:
        pass


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@given(data=st.data())
def test_rows_that_are_added_come_back_the_same(ledgers: list[Store], table: sa.Table, data: st.DataObject) -> None:
    batches = data.draw(st.lists(rows_of(table), max_size=3))
    told: list[tuple[list[int], pa.Table]] = []
    for ledger in ledgers:
        with undone(ledger) as connection:
            counts = [store.insert_new(connection, table, batch) for batch in batches]
            told.append((counts, store.read(connection, sa.select(table).order_by(*table.primary_key))))
    (counts, rows), other = told
    assert other[0] == counts
    assert other[1].equals(rows)
    assert rows.num_rows == sum(counts)


@given(rows=rows_of(store.check_results))
def test_one_column_with_nothing_in_it_is_still_so_many_rows(ledgers: list[Store], rows: pa.Table) -> None:
    """A null alone in its row is an empty line on the way."""
    query = sa.select(store.check_results.c.observed).order_by(store.check_results.c.seq)
    told = []
    for ledger in ledgers:
        with undone(ledger) as connection:
            store.insert_new(connection, store.check_results, rows)
            told.append(store.read(connection, query))
    assert told[0].equals(told[1])
