"""The source drop as files: Parquet, CSV or JSON Lines, whole or in parts, in a folder or under any fsspec URL.

Contract, section 1. Rows are read in bounded batches. A file that cannot be read at all, or that contradicts the
manifest, refuses the whole drop; a row that cannot be read is set aside with its reason and its raw content.
"""

import hashlib
import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from disbursement.sources.columns import read_column
from schemas.errors import InputRejected, TryLater
from schemas.tables import SOURCES, Table, conform

BATCH_ROWS = 50_000
_CSV_BLOCK_BYTES = 8 * 1024 * 1024
_NAMES = "|".join(table.short_name for table in SOURCES.values())
_PART = re.compile(rf"^(?P<table>{_NAMES})(-[^/]*)?\.(?P<format>parquet|csv|jsonl)$")


@dataclass(frozen=True)
class Part:
    """One file of a drop."""

    name: str
    path: str
    table: Table
    format: str
    sha256: str


@dataclass(frozen=True)
class Rows:
    """A batch read from one part: typed rows in clear, their numbers, and the rows set aside."""

    part: Part
    table: pa.Table
    numbers: pa.Array
    quarantined: list[tuple[int, str, str]]
    """(row number, reason code, raw content as JSON)"""


@dataclass(frozen=True)
class Drop:
    """A source drop: its parts, named by content, and what its manifest says of the decisions."""

    url: str
    parts: tuple[Part, ...]
    manifest: dict[str, Any]
    fs: Any = field(repr=False)

    @property
    def drop_id(self) -> str:
        """Names the drop by the names and bytes of its files."""
        lines = "".join(f"{part.name} {part.sha256}\n" for part in self.parts)
        return hashlib.sha256(lines.encode()).hexdigest()

    def open(self, part: Part) -> BinaryIO:
        """The bytes of a part."""
        return cast(BinaryIO, self.fs.open(part.path, "rb"))


def open_drop(url: str) -> Drop:
    """List a drop, fingerprint its files and hold them against `manifest.json` when there is one."""
    try:
        fs, root = fsspec.core.url_to_fs(url)
        listing = sorted(fs.ls(root, detail=False)) if fs.isdir(root) else []
    except (OSError, ValueError, ImportError) as error:
        raise TryLater(f"The source {url} cannot be reached.", type(error).__name__, "Check the address.") from None
    found = [(path, _PART.match(posixpath.basename(path))) for path in listing]
    parts = tuple(
        Part(
            posixpath.basename(path),
            path,
            SOURCES[f"{match['table']}.v1"],
            match["format"],
            _fingerprint(fs, path),
        )
        for path, match in found
        if match
    )
    if not parts:
        raise InputRejected(
            f"There is no source drop in {url}.",
            "None of participants, accounts, trainings, completions, blocklist or surveys is there as .parquet, .csv or"
            " .jsonl.",
            "Give the folder or URL that holds the files.",
        )
    drop = Drop(url, parts, _read_manifest(fs, root), fs)
    _hold_against_manifest(drop)
    return drop


def _fingerprint(fs: Any, path: str) -> str:
    try:
        with fs.open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise TryLater(f"{posixpath.basename(path)} cannot be read.", type(error).__name__, "Try again.") from None


def _read_manifest(fs: Any, root: str) -> dict[str, Any]:
    path = posixpath.join(root, "manifest.json")
    if not fs.exists(path):
        return {}
    try:
        manifest = json.loads(fs.cat_file(path))
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or not all(isinstance(manifest.get(k, {}), dict) for k in ("files", "decisions")):
        raise InputRejected(
            "manifest.json cannot be read.", "It is no JSON object of files and decisions.", "Send it anew."
        )
    return manifest


def _hold_against_manifest(drop: Drop) -> None:
    """Names, digests and row counts as the manifest promises them; the first contradiction refuses the drop."""
    promised: dict[str, Any] = drop.manifest.get("files", {})
    there = {part.name: part for part in drop.parts}
    for name, promise in sorted(promised.items()):
        part = there.get(name) or there.get(posixpath.basename(name))
        if part is None:
            raise _contradicts(name, "it is not in the drop")
        if not isinstance(promise, dict):
            raise _contradicts(name, "its promise is no object of rows and sha256")
        if promise.get("sha256", part.sha256) != part.sha256:
            raise _contradicts(name, "its SHA-256 differs")
        if "rows" in promise and promise["rows"] != (rows := count_rows(drop, part)):
            raise _contradicts(name, f"the manifest says {promise['rows']} rows, the file has {rows}")
    if promised:
        for name in sorted(set(there) - {posixpath.basename(name) for name in promised}):
            raise _contradicts(name, "the manifest does not name it")


def _contradicts(name: str, why: str) -> InputRejected:
    return InputRejected(
        f"The drop contradicts its manifest at {name}: {why}.",
        "Nothing was taken.",
        "Ask the platform to send it anew.",
    )


def count_rows(drop: Drop, part: Part) -> int:
    """How many rows a part has, read or set aside."""
    if part.format == "parquet":
        with drop.open(part) as stream:
            return cast(int, _parquet(part, stream).metadata.num_rows)
    return sum(rows.table.num_rows + len(rows.quarantined) for rows in read_part(drop, part))


def read_part(drop: Drop, part: Part) -> Iterator[Rows]:
    """The rows of one part in bounded batches, in the file's order."""
    reader = {"parquet": _read_parquet, "csv": _read_csv, "jsonl": _read_jsonl}[part.format]
    with drop.open(part) as stream:
        try:
            yield from reader(part, stream)
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(part, str(error).split("\n")[0][:200]) from None


def _unreadable(part: Part, why: str) -> InputRejected:
    return InputRejected(f"{part.name} cannot be read.", why, "Nothing was taken. Ask the platform to send it anew.")


def _parquet(part: Part, stream: BinaryIO) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(stream)
    except (pa.ArrowInvalid, OSError):
        raise _unreadable(part, "It is no whole Parquet file.") from None


def _read_parquet(part: Part, stream: BinaryIO) -> Iterator[Rows]:
    source = _parquet(part, stream)
    _check_header(part, source.schema_arrow.names)
    columns = [name for name in part.table.columns if name in source.schema_arrow.names]
    first = 1
    for batch in source.iter_batches(batch_size=BATCH_ROWS, columns=columns):
        numbers = pa.array(range(first, first + batch.num_rows), pa.int64())
        yield _typed(part, batch, numbers, [])
        first += batch.num_rows


def _check_header(part: Part, names: list[str]) -> None:
    missing = [key for key in part.table.key if key not in names]
    if missing:
        raise _unreadable(part, f"Its header lacks the column {', '.join(missing)}.")


def _read_csv(part: Part, stream: BinaryIO) -> Iterator[Rows]:
    header = _csv_header(part, stream)
    broken: list[tuple[int, str, str]] = []
    seen = 0

    def set_aside(row: Any) -> str:
        broken.append((-1, "unreadable_row", json.dumps({"line": row.text}, ensure_ascii=False)))
        return "skip"

    try:
        reader = pa_csv.open_csv(
            stream,
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=set_aside),
            convert_options=pa_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(header, pa.binary()),
                include_columns=[name for name in part.table.columns if name in header],
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise
    for batch in reader:
        numbers = pa.array(range(seen + 1, seen + 1 + batch.num_rows), pa.int64())
        seen += batch.num_rows
        yield _typed(part, batch, numbers, [])
    if broken:  # a line of the wrong width has no number of its own among those that were parted
        aside = [(seen + place, reason, raw) for place, (_, reason, raw) in enumerate(broken, 1)]
        yield Rows(part, part.table.schema.empty_table(), pa.array([], pa.int64()), aside)


def _csv_header(part: Part, stream: BinaryIO) -> list[str]:
    first = stream.readline(1_000_000)
    stream.seek(0)
    try:
        text = first.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        raise _unreadable(part, "Its header is not UTF-8.") from None
    names = [name.strip().strip('"') for name in text.split(",")]
    if len(set(names)) != len(names):
        raise _unreadable(part, "Its header names a column twice.")
    _check_header(part, names)
    return names


def _read_jsonl(part: Part, stream: BinaryIO) -> Iterator[Rows]:
    lines: list[tuple[int, bytes]] = []
    for number, line in enumerate(stream, 1):
        if line.strip():
            lines.append((number, line))
        if len(lines) == BATCH_ROWS:
            yield _json_rows(part, lines)
            lines = []
    if lines:
        yield _json_rows(part, lines)


def _json_rows(part: Part, lines: list[tuple[int, bytes]]) -> Rows:
    numbers, objects, broken = [], [], []
    for number, line in lines:
        try:
            value = json.loads(line.decode("utf-8-sig"), parse_float=str)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            numbers.append(number)
            objects.append(value)
        else:
            broken.append((number, "unreadable_row", json.dumps({"line": line.decode("utf-8", "replace")})))
    columns = {name: [row.get(name) for row in objects] for name in part.table.columns}
    wrong = {name: [_is_misplaced(part, name, value) for value in values] for name, values in columns.items()}
    batch = pa.record_batch(
        {
            name: pa.array(
                [None if bad or v is None else str(v) for v, bad in zip(values, wrong[name], strict=True)], pa.string()
            )
            for name, values in columns.items()
        }
    )
    aside = [any(wrong[name][i] for name in wrong) for i in range(len(objects))]
    keep = pa.array([not bad for bad in aside])
    broken += [
        (numbers[i], "wrong_type", json.dumps(objects[i], ensure_ascii=False)) for i, bad in enumerate(aside) if bad
    ]
    return _typed(part, batch.filter(keep), pa.array(numbers, pa.int64()).filter(keep), broken)


def _is_misplaced(part: Part, name: str, value: object) -> bool:
    """A JSON value whose kind is not that of the column: a number where text belongs may have been rounded."""
    if value is None or isinstance(value, str):
        return False
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return not (is_number and part.table.schema.field(name).type == pa.int64())


def _typed(part: Part, batch: pa.RecordBatch, numbers: pa.Array, broken: list[tuple[int, str, str]]) -> Rows:
    """The batch with every column as its field says, the rows that cannot be read set aside."""
    values, reasons = {}, pa.nulls(batch.num_rows, pa.string())
    for name in part.table.columns:
        if name in batch.schema.names:
            values[name], why = read_column(name, batch.column(name))
            reasons = pc.coalesce(reasons, why)
    for key in part.table.key:
        lacking = pc.and_(pc.is_null(reasons), pc.is_null(values[key]))
        reasons = pc.if_else(lacking, pa.scalar("missing_key", pa.string()), reasons)
    good = pc.is_null(reasons)
    if pc.all(good).as_py() is not False:
        return Rows(part, conform(pa.table(values), part.table.name), numbers, broken)
    bad = pc.invert(good)
    aside = list(broken)
    for number, reason, raw in zip(
        numbers.filter(bad).to_pylist(), reasons.filter(bad).to_pylist(), batch.filter(bad).to_pylist(), strict=True
    ):
        aside.append((number, reason, json.dumps(raw, ensure_ascii=False, default=_plain)))
    return Rows(part, conform(pa.table(values).filter(good), part.table.name), numbers.filter(good), aside)


def _plain(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
