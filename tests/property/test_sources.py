"""The way by which rows come plays no part: files, a platform's pages and a database give the same rows and the same reasons."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disbursement.sources.drop import read_part
from disbursement.sources.opening import opened
from disbursement.sources.origin import Origin, origin_of
from schemas.tables import SOURCES
from tests.lib.platform_server import PlatformServer, platform_server

TABLES = ("trainings", "completions")
INSTANTS = ["2020-06-01T10:00:00+07:00", "2020-06-01 03:00:00Z", "2020-06-01T03:00:00.123456Z"]
GOOD: dict[str, list[Any]] = {
    "price_idr": [0, 500_000, "500000"],
    "rating": [1, 5, "4"],
}
ODD = [
    None,
    "",
    " ",
    "satu",
    "Ω\t",
    0,
    -1,
    17,
    5.5,
    1e300,
    "1e3",
    "2020-06-01T10:00:00",
    "2020-02-30T10:00:00Z",
    "0001-01-01T00:00Z",
]
"""What may stand in any column. A float that is whole is left out: a database's is taken, a file's is not."""


def value(name: str) -> st.SearchStrategy[Any]:
    """Mostly what belongs into a column, now and then what does not."""
    good = st.sampled_from(INSTANTS if name.endswith("_at") else GOOD.get(name, ["A-1", "A-2", "Pelatihan", None]))
    return st.one_of(good, good, good, good, st.sampled_from(ODD))


def rows(table: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of a table, some keys more than once."""
    columns = SOURCES[f"{table}.v1"].columns
    return st.lists(st.fixed_dictionaries({name: value(name) for name in columns}), max_size=12)


@pytest.fixture(scope="module")
def server() -> Iterator[PlatformServer]:
    with platform_server(PlatformServer()) as running:
        yield running


def read(origin: Origin) -> tuple[list[str], list[str]]:
    """All typed rows of a source, and the reasons of those that cannot be read, each in one order."""
    with opened(origin, {}, lambda _: None) as drop:
        batches = [batch for part in drop.parts for batch in read_part(drop, part)]
    typed = [f"{batch.part.table.name} {row}" for batch in batches for row in batch.table.to_pylist()]
    aside = [f"{batch.part.table.name} {reason}" for batch in batches for _, reason, _ in batch.quarantined]
    return sorted(typed), sorted(aside)


def as_files(folder: Path, tables: dict[str, list[dict[str, Any]]]) -> Origin:
    for name, made in tables.items():
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in made))
    return origin_of(str(folder))


def as_database(path: Path, tables: dict[str, list[dict[str, Any]]]) -> Origin:
    """Columns without a type, in which SQLite keeps every value as it is."""
    with closing(sqlite3.connect(path)) as connection:
        for name, made in tables.items():
            columns = SOURCES[f"{name}.v1"].columns
            connection.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", [[row[c] for c in columns] for row in made])
        connection.commit()
    return origin_of(f"sqlite:///{path}")


@pytest.mark.slow
@given(
    tables=st.fixed_dictionaries({name: rows(name) for name in TABLES}),
    page_rows=st.integers(1, 15),
    order=st.randoms(use_true_random=False),
)
def test_for_any_rows_in_pages_of_any_size_and_any_order_the_way_plays_no_part(
    server: PlatformServer, tables: dict[str, list[dict[str, Any]]], page_rows: int, order: Any
) -> None:
    server.tables = {name: order.sample(made, len(made)) for name, made in tables.items()}
    with tempfile.TemporaryDirectory() as folder:
        expected = read(as_files(Path(folder), tables))
        assert read(as_database(Path(folder) / "source.db", tables)) == expected
    assert read(origin_of(server.url, secret=server.token, page_rows=page_rows)) == expected
