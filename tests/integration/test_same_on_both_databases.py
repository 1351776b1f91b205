"""A cycle on SQLite and the same cycle on PostgreSQL: one record, row by row, and the same exports, report and pack, byte by byte."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
import sqlalchemy as sa

from ledger import store
from ledger.keyring import new_key_file
from reconciliation import steps as reconciling
from tests.lib.databases import Server
from tests.lib.paid_home import PERIOD, paid_home
from treasury import exports
from treasury.story import explain

pytestmark = pytest.mark.needs("postgresql")


class Left(NamedTuple):
    """What a cycle left: every table by its key, every file that was written, and one person's story."""

    record: dict[str, pa.Table]
    written: dict[str, bytes]
    stories: list[list[dict[str, Any]]]


def cycle(root: Path, key: Path, dsn: str | None) -> Left:
    """A paid cycle in `root`, which is left empty; the key is the home's, so that digests and seals are the same."""
    (root / "home" / "keys").mkdir(parents=True)
    shutil.copy(key, root / "home" / "keys" / "master.key")
    house = paid_home(root, people=60, dsn=dsn)
    for table in exports.TABLES:
        for suffix in ("csv", "parquet"):
            exports.write(house, table, None, root / "exports" / f"{table}.{suffix}")
    reconciling.report(house, PERIOD, root / "report")
    kept = {
        name: house.store.read(sa.select(table).order_by(*table.primary_key))
        for name, table in store.METADATA.tables.items()
        if name != "schema_versions"
    }
    files = [path for folder in ("exports", "report", "out") for path in (root / folder).rglob("*") if path.is_file()]
    written = {str(path.relative_to(root)): path.read_bytes() for path in files}
    people = kept["instructions"]["participant_id"].to_pylist()[:3]
    stories = [explain(house, who) for who in people]
    house.store.engine.dispose()
    shutil.rmtree(root)
    return Left(kept, written, stories)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgresql: Server) -> Iterator[tuple[Left, Left]]:
    folder = tmp_path_factory.mktemp("both")
    new_key_file(folder / "master.key")
    dsn = postgresql.dsn()
    yield tuple(cycle(folder / "cycle", folder / "master.key", each) for each in (None, dsn))
    postgresql.drop(dsn)


def test_the_record_is_the_same_row_by_row(both: tuple[Left, Left]) -> None:
    one, two = both
    assert sum(table.num_rows for table in one.record.values()) > 500
    assert [name for name in one.record if not one.record[name].equals(two.record[name])] == []


def test_what_is_written_is_the_same_byte_by_byte(both: tuple[Left, Left]) -> None:
    one, two = both
    assert len(one.written) > 2 * len(exports.TABLES)
    assert one.written.keys() == two.written.keys()
    assert [name for name, data in one.written.items() if data != two.written[name]] == []


def test_a_persons_story_is_the_same(both: tuple[Left, Left]) -> None:
    one, two = both
    assert one.stories == two.stories
    assert all(one.stories)
