"""Tables in the archive: the same rows give the same bytes, so that a hash can stand for them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from ledger.archive import Archive
from ledger.keyring import Keyring
from ledger.parquet import get_table, put_table, to_parquet
from schemas.fields import DATE, INSTANT

TABLE = pa.table(
    {
        "text": ["a", None, ""],
        "number": pa.array([1, None, -(2**62)], pa.int64()),
        "instant": pa.array([datetime(2020, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC), None, None], INSTANT),
        "day": pa.array([date(2020, 2, 29), None, date(1900, 1, 1)], DATE),
        "flag": [True, None, False],
        "bytes": pa.array([b"\x00", b"", None], pa.binary()),
    }
)


def test_the_same_rows_give_the_same_bytes_however_they_lie_in_memory() -> None:
    chunked = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)])
    marked = TABLE.replace_schema_metadata({"written": "today"})
    assert chunked.column("text").num_chunks == 2
    assert bytes(to_parquet(TABLE)) == bytes(to_parquet(chunked)) == bytes(to_parquet(marked))


def test_other_rows_another_order_or_another_type_give_other_bytes() -> None:
    others = [TABLE.slice(1), TABLE.take([2, 1, 0]), TABLE.set_column(1, "number", TABLE["number"].cast(pa.string()))]
    assert len({bytes(to_parquet(table)) for table in [TABLE, *others]}) == 4


def test_a_table_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    archive = Archive(str(tmp_path), Keyring(bytes(32)))
    assert get_table(archive, put_table(archive, TABLE)).equals(TABLE)
    assert get_table(archive, put_table(archive, TABLE.schema.empty_table())).equals(TABLE.schema.empty_table())
