"""A database's table read a page at a time gives the rows of one query over all of it, in its order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from disbursement.sources import sql
from disbursement.sources.origin import origin_of
from schemas.tables import SOURCES
from tests.lib.databases import Database

CASELESS = "CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
TEXTS = st.sampled_from(["", " ", "A", "a", "B", "b", "É", "é", "\U0001f600", "\uffff", "%", "a'b", "\\", "1"])
NO_UTF_8 = ("\udcff", "\udcffa", "A\udcc3")
"""Texts that only SQLite holds, as they are read from there."""
ROW = st.fixed_dictionaries(
    {
        "participant_id": st.none() | TEXTS | TEXTS | st.sampled_from(NO_UTF_8),
        "number": st.none() | st.sampled_from([-1, 1, 2, 2**62]),
        "completed_at": TEXTS,  # tells rows apart that are equal in what they are ordered by
        "recorded_at": st.none() | st.sampled_from(["2020-06-01", "2020-06-02"]),
    }
)
INSERT = "INSERT INTO surveys VALUES ({}, :number, :completed_at, :recorded_at)"
SAME = {"participant_id": "A", "number": 1, "completed_at": "", "recorded_at": None}


@pytest.fixture(scope="module", params=["as written", "caseless"])
def source(
    request: pytest.FixtureRequest, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sa.Engine]:
    """A database with an empty table of surveys, whose key tells upper case from lower or does not."""
    collation = {"sqlite": "NOCASE", "postgresql": "caseless"} if request.param == "caseless" else {}
    with database.ledger(tmp_path_factory.mktemp("source"), made=False) as dsn:
        engine = sa.create_engine(dsn)
        with engine.begin() as connection:
            if collation and engine.dialect.name == "postgresql":
                connection.execute(sa.text(CASELESS))
            text = sa.Text(collation=collation.get(engine.dialect.name))
            kinds = {"participant_id": text, "number": sa.BigInteger()}
            columns = [sa.Column(name, kinds.get(name, sa.Text())) for name in SOURCES["surveys.v1"].columns]
            sa.Table("surveys", sa.MetaData(), *columns).create(connection)
        yield engine
        engine.dispose()


def put(source: sa.Engine, rows: list[dict[str, Any]]) -> None:
    """Let the table hold these rows alone, as far as the database can."""
    is_sqlite = source.dialect.name == "sqlite"
    with source.begin() as connection:
        connection.execute(sa.text("DELETE FROM surveys"))
        for row in rows:
            if row["participant_id"] not in NO_UTF_8:
                connection.execute(sa.text(INSERT.format(":participant_id")), row)
            elif is_sqlite:
                given = row | {"participant_id": row["participant_id"].encode("utf-8", "surrogateescape")}
                connection.execute(sa.text(INSERT.format("CAST(:participant_id AS TEXT)")), given)


def in_pages(source: sa.Engine, page_rows: int) -> list[tuple[Any, ...]]:
    """The rows as the drop holds them, in its order."""
    dsn = source.url.render_as_string(hide_password=False)
    with sql.open_drop(origin_of(dsn, page_rows=page_rows), {}, print) as drop:
        (part,) = drop.parts
        with drop.open(part) as stream:
            lines = stream.read().decode("utf-8", "surrogateescape").split("\n")[:-1]
    return [tuple(json.loads(line).values()) for line in lines]


def at_once(source: sa.Engine) -> list[tuple[tuple[Any, ...], int]]:
    """Each row with its place, which rows share that the order does not tell apart; those that lack a key are last."""
    order = "(participant_id IS NULL OR number IS NULL), participant_id, number, recorded_at"
    columns = ", ".join(SOURCES["surveys.v1"].columns)
    query = sa.text(f"SELECT {columns}, rank() OVER (ORDER BY {order}) AS place FROM surveys ORDER BY place")
    with sql._snapshot(origin_of(source.url.render_as_string(hide_password=False))) as connection:
        return [(tuple(row[:-1]), row[-1]) for row in connection.execute(query)]


def assert_same(source: sa.Engine, page_rows: int) -> None:
    expected, found = at_once(source), in_pages(source, page_rows)
    assert Counter(found) == Counter(row for row, _ in expected)
    places = dict(expected)
    assert [places[row] for row in found] == [place for _, place in expected]


@settings(max_examples=max(1, settings().max_examples // 2))  # beside the written ones, on four sources
@given(rows=st.lists(ROW, max_size=9), page_rows=st.integers(1, 3))
@example(rows=[], page_rows=1)
@example(rows=[SAME] * 3, page_rows=2)
@example(rows=[SAME | {"number": number} for number in range(1, 6)], page_rows=3)  # one less than two pages
@example(rows=[SAME | {"number": number} for number in range(1, 7)], page_rows=3)
@example(rows=[SAME | {"number": number} for number in range(1, 8)], page_rows=3)
@example(rows=[SAME | {"participant_id": name, "number": n} for n in (1, 2) for name in "aAbB"], page_rows=1)
@example(rows=[SAME | {"participant_id": name} for name in ("a", "A", *NO_UTF_8, "\uffff")], page_rows=1)
def test_for_any_rows_pages_of_any_size_give_each_once_in_the_order_of_one_query(
    source: sa.Engine, rows: list[dict[str, Any]], page_rows: int
) -> None:
    put(source, rows)
    assert_same(source, page_rows)
