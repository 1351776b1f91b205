"""Tables kept in the archive as Parquet: the same rows give the same bytes, so that their hash can stand for them."""

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.archive import Archive


def to_parquet(table: pa.Table) -> memoryview:
    """A table as Parquet bytes that depend on its rows alone."""
    sink = io.BytesIO()
    plain = table.replace_schema_metadata(None).combine_chunks()
    pq.write_table(plain, sink, compression="zstd", row_group_size=262_144, store_schema=True)
    return sink.getbuffer()


def put_table(archive: Archive, table: pa.Table) -> str:
    """Keep a table; returns the SHA-256 of its Parquet bytes."""
    return archive.put(to_parquet(table))


def get_table(archive: Archive, key: str, columns: Sequence[str] | None = None) -> pa.Table:
    """A table that was kept, or only some of its columns."""
    names = None if columns is None else list(columns)
    if archive.tables is None:
        return _read(archive.get(key), names)
    whole = archive.tables.get(key)
    if whole is None:
        whole = archive.tables[key] = _read(archive.get(key), None)
    return whole if names is None else whole.select(names)


def _read(data: bytes, names: list[str] | None) -> pa.Table:
    # Straight from the file's reader: read_table looks for a data set first, which takes longer than reading a small table.
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        return file.read(names)
