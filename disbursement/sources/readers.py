"""One file of a source drop as typed rows in bounded batches: Parquet, CSV or JSON Lines.

A row that cannot be read is set aside with its number, its reason and its raw content. A file that cannot be trusted as
a whole raises `InputRejected`. What an error says never repeats what stands in the file.

Rows are numbered from 1: in Parquet and CSV without the header and blank lines, in JSON Lines by the line.
"""

import codecs
import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader, RawIOBase, TextIOWrapper
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from disbursement.sources.columns import BROKEN_BYTES, NUMBERED, read_column
from schemas.errors import InputRejected
from schemas.fields import WHOLE
from schemas.tables import Table, conform

BATCH_ROWS = 50_000
ROW_BYTES_MAX = 32 * 1024 * 1024
_CHUNK_BYTES = 4 * 1024 * 1024
_HEADER_BYTES_MAX = 64 * 1024
_MARK = re.compile(f"[{chr(BROKEN_BYTES)}-{chr(BROKEN_BYTES + 255)}]")
_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Aside = tuple[int, str, str]
"""Row number, reason code, raw content as JSON."""


@dataclass(frozen=True)
class Part:
    """One file of a drop."""

    name: str
    path: str
    table: Table
    format: str
    sha256: str
    byte_count: int = 0


@dataclass(frozen=True)
class Rows:
    """A batch read from one part: typed rows in clear, their numbers, and the rows set aside."""

    part: Part
    table: pa.Table
    numbers: pa.Array
    quarantined: list[Aside]


def read(part: Part, stream: BinaryIO) -> Iterator[Rows]:
    """The rows of one part in bounded batches, in the file's order. Raises `InputRejected` for a damaged file."""
    reader = {"parquet": _read_parquet, "csv": _read_csv, "jsonl": _read_jsonl}[part.format]
    try:
        yield from reader(part, stream)
    except pa.ArrowException:  # its text may quote the file
        raise unreadable(part, "Its bytes are damaged.") from None


def count(part: Part, stream: BinaryIO) -> int:
    """How many rows `read` would give or set aside, without reading what stands in them."""
    try:
        if part.format == "parquet":
            return cast(int, _parquet(part, stream).metadata.num_rows)
        if part.format == "jsonl":
            return sum(len(lines) for lines in _lines(part, stream))
        total = 0
        for batch, broken in _csv_batches(part, stream, part.table.key[:1]):
            total += batch.num_rows + len(broken)
            broken.clear()
        return total
    except pa.ArrowException:
        raise unreadable(part, "Its bytes are damaged.") from None


def check_header(part: Part, stream: BinaryIO) -> None:
    """Refuse a part whose header cannot be that of its table, before any row is read."""
    if part.format == "parquet":
        _check_names(part, _parquet_names(part, _parquet(part, stream)))
    elif part.format == "csv":
        _csv_names(part, stream)
    elif stream.read(2) in _OTHER_ENCODINGS:
        raise unreadable(part, "It is not UTF-8.")


def unreadable(part: Part, why: str) -> InputRejected:
    """The error for a part that cannot be trusted as a whole."""
    return InputRejected(f"{part.name} cannot be read.", why, "Nothing was taken. Ask the platform to send it anew.")


def _check_names(part: Part, names: list[str]) -> None:
    """Keys must be there. A column that is not ours is passed over, unless one of ours is missing: then it is misnamed."""
    if len(set(names)) != len(names):
        raise unreadable(part, "Its header names a column twice.")
    missing = [name for name in part.table.columns if name not in names]
    if keys := [name for name in missing if name in part.table.key]:
        raise unreadable(part, f"Its header lacks the column {', '.join(keys)}.")
    needed = [name for name in missing if name not in ("recorded_at", "delisted_on")]
    if needed and set(names) - set(part.table.columns):
        raise unreadable(
            part, f"Its header lacks {', '.join(needed)} and names columns that {part.table.name} has not."
        )


# --- Parquet ----------------------------------------------------------------------------------------------------------


def _parquet(part: Part, stream: BinaryIO) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(stream)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise unreadable(part, "It is no whole Parquet file.") from None


def _parquet_names(part: Part, source: pq.ParquetFile) -> list[str]:
    try:
        return list(source.schema_arrow.names)
    except (pa.ArrowException, UnicodeDecodeError):
        raise unreadable(part, "Its bytes are damaged.") from None


def _read_parquet(part: Part, stream: BinaryIO) -> Iterator[Rows]:
    source = _parquet(part, stream)
    names = _parquet_names(part, source)
    _check_names(part, names)
    first = 1
    try:
        for batch in source.iter_batches(BATCH_ROWS, columns=[name for name in part.table.columns if name in names]):
            numbers = pa.array(np.arange(first, first + batch.num_rows))
            yield _typed(part, batch, numbers, [])
            first += batch.num_rows
    except OSError:
        raise unreadable(part, "Its bytes are damaged.") from None
    if first - 1 != source.metadata.num_rows:
        raise unreadable(part, "It holds another number of rows than it says.")


# --- CSV --------------------------------------------------------------------------------------------------------------


def _mark_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    broken = error.object[error.start : error.end]
    return "".join(chr(BROKEN_BYTES + byte) for byte in broken), error.end


codecs.register_error("salur-mark", _mark_byte)


class _Utf8(RawIOBase):
    """A stream made valid UTF-8: each byte that is not becomes a mark, so that its row can be told. Quotes are counted."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")("salur-mark").decode
        self._rest = b""
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            data = self._stream.read(_CHUNK_BYTES)
            self.quotes += data.count(b'"')
            self._rest = self._decode(data, not data).encode()
            if not data:
                break
        given = self._rest[: len(buffer)]
        buffer[: len(given)] = given
        self._rest = self._rest[len(given) :]
        return len(given)


def _csv_names(part: Part, stream: BinaryIO) -> list[str]:
    """The columns of the header. The stream is left where it was."""
    head = stream.read(_HEADER_BYTES_MAX)
    stream.seek(0)
    first = head.removeprefix(codecs.BOM_UTF8).replace(b"\r", b"\n").split(b"\n", 1)[0]
    if head.startswith(_OTHER_ENCODINGS):
        raise unreadable(part, "It is not UTF-8.")
    if not head.removeprefix(codecs.BOM_UTF8):
        raise unreadable(part, "It is empty: not even a header is there.")
    try:
        (names,) = csv.reader([first.decode("utf-8")], strict=True)
    except UnicodeDecodeError:
        raise unreadable(part, "Its header is not UTF-8.") from None
    except (csv.Error, ValueError):
        raise unreadable(part, "Its first line is no header.") from None
    names = [name.strip() for name in names]
    _check_names(part, names)
    return names


def _csv_batches(
    part: Part, stream: BinaryIO, wanted: tuple[str, ...]
) -> Iterator[tuple[pa.RecordBatch, dict[int, str]]]:
    """Batches of text columns, each with rows that could not be parted, number and text: the caller takes them out."""
    names = _csv_names(part, stream)
    broken: dict[int, str] = {}

    def set_aside(row: Any) -> str:
        broken[row.number - 1] = row.text
        return "skip"

    text = _Utf8(stream)
    included = [name for name in wanted if name in names]
    try:
        reader = pa_csv.open_csv(
            BufferedReader(text, _CHUNK_BYTES),  # a block is as long as asked for: no row is cut by a short read
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=ROW_BYTES_MAX, column_names=names, skip_rows=1
            ),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=set_aside),
            convert_options=pa_csv.ConvertOptions(
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=included,
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
        for batch in reader:
            yield batch, broken
    except pa.ArrowInvalid as error:
        if "initial 1 rows" in str(error):  # the header line alone, without its end
            return
        if "straddling" in str(error):
            raise unreadable(part, "A row is longer than 32 MiB, or a quote is never closed.") from None
        raise
    if broken:
        yield pa.RecordBatch.from_pylist([], pa.schema([(name, pa.string()) for name in included])), broken
    if text.quotes % 2:
        _check_quotes(part, stream)


def _check_quotes(part: Part, stream: BinaryIO) -> None:
    """Refuse a file with a quote that opens and never closes: it has swallowed the rows behind it."""
    stream.seek(0)
    with TextIOWrapper(BufferedReader(_Utf8(stream)), "utf-8", newline="") as text:
        number = 0
        try:
            for _ in csv.reader(text, strict=True):
                number += 1
        except csv.Error:
            raise unreadable(part, f"A quote is never closed, or followed by text, in row {number}.") from None


def _read_csv(part: Part, stream: BinaryIO) -> Iterator[Rows]:
    last = 0
    for block, broken in _csv_batches(part, stream, part.table.columns):
        for start in range(0, max(block.num_rows, 1), BATCH_ROWS):
            batch = block.slice(start, BATCH_ROWS)
            candidates = np.arange(last + 1, last + 1 + batch.num_rows + len(broken))
            numbers = candidates[~np.isin(candidates, np.fromiter(broken, np.int64))][: batch.num_rows]
            last = int(numbers[-1]) if len(numbers) else last
            is_end = not block.num_rows
            passed = [number for number in broken if number < last or is_end]
            aside = [(number, "unreadable_row", _json({"line": broken.pop(number)})) for number in passed]
            yield _typed(part, batch, pa.array(numbers), aside)


# --- JSON Lines -------------------------------------------------------------------------------------------------------


class _Fraction(str):
    """A JSON number with a fraction, an exponent or too many digits, as it was written."""


_TWICE = "\0twice"
_DIGITS_MAX = 20


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        names = [name for name, _ in pairs]
        row[_TWICE] = {name for name in row if names.count(name) > 1}
    return row


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _DIGITS_MAX else _Fraction(text)


_DECODER: Any = json.JSONDecoder(object_pairs_hook=_object, parse_float=_Fraction, parse_int=_integer)
_KINDS = {str, type(None)}
_KINDS_OF_WHOLE = {*_KINDS, int, _Fraction}
"""The kinds of JSON values that may stand in a column: a number where text belongs may have been rounded."""


def _lines(part: Part, stream: BinaryIO) -> Iterator[list[tuple[int, bytes]]]:
    """The lines that are not blank, with their numbers, some thousands at a time."""
    number, rest, lines, size = 0, b"", [], 0
    while True:
        data = stream.read(_CHUNK_BYTES)
        pieces = (rest + data).split(b"\n")
        rest = pieces.pop() if data else b""
        if len(rest) > ROW_BYTES_MAX:
            raise unreadable(part, "A line is longer than 32 MiB.")
        for piece in pieces:
            number += 1
            if piece.strip(b" \t\r\xef\xbb\xbf"):
                lines.append((number, piece))
                size += len(piece)
                if len(lines) == BATCH_ROWS or size > ROW_BYTES_MAX:
                    yield lines
                    lines, size = [], 0
        if not data:
            break
    yield lines


def _read_jsonl(part: Part, stream: BinaryIO) -> Iterator[Rows]:
    is_first = True
    for lines in _lines(part, stream):
        if is_first and lines and (lines[0][1].strip() == b"[" or lines[0][1].lstrip().startswith(b"[{")):
            raise unreadable(part, "It is a JSON array; expected is one object a line.")
        is_first = False
        yield _plain_json_rows(part, lines) or _json_rows(part, lines)


def _plain_json_rows(part: Part, lines: list[tuple[int, bytes]]) -> Rows | None:
    """The rows when every line is one flat object with each value of its column's kind, else None.

    Several times as fast as `_json_rows`, which reads what this leaves and which it agrees with.
    """
    block = b"\n".join([line for _, line in lines])
    is_flat = block.count(b"{") == block.count(b"}") == len(lines) and b"[" not in block
    if not lines or not is_flat or not all(line.startswith(b"{") for _, line in lines):
        return None
    kinds = pa.schema([(f.name, pa.int64() if f.type == WHOLE else pa.string()) for f in part.table.schema])
    try:
        found = pa_json.read_json(
            pa.BufferReader(block),
            pa_json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            pa_json.ParseOptions(explicit_schema=kinds, unexpected_field_behavior="ignore"),
        )
        found.validate(full=True)
        (batch,) = found.cast(pa.schema([(name, pa.string()) for name in found.column_names])).to_batches()
    except (pa.ArrowInvalid, UnicodeDecodeError, ValueError):
        return None
    if batch.num_rows != len(lines):
        return None
    numbers = pa.array([number for number, _ in lines], pa.int64())
    return _typed(part, batch, numbers, [], lambda bad: [_line(lines[row][1]) for row in bad])


def _json_rows(part: Part, lines: list[tuple[int, bytes]]) -> Rows:
    places, rows = [], []
    broken: list[Aside] = []
    names = part.table.columns
    for place, (number, line) in enumerate(lines):
        value = _parsed(line)
        if type(value) is dict and not (_TWICE in value and value[_TWICE] & set(names)):
            places.append(place)
            rows.append(tuple(map(value.get, names)))
        else:
            broken.append((number, "unreadable_row", _line(line)))
    columns, misplaced = {}, np.zeros(len(rows), dtype=np.bool_)
    for field, values in zip(part.table.schema, zip(*rows, strict=True) if rows else [()] * len(names), strict=True):
        columns[field.name], wrong = _json_column(values, field.type == WHOLE or field.name in NUMBERED)
        misplaced[wrong] = True
    broken += [
        (lines[places[row]][0], "wrong_type", _line(lines[places[row]][1]))
        for row in np.flatnonzero(misplaced).tolist()
    ]
    kept = np.flatnonzero(~misplaced).tolist()
    numbers = pa.array([lines[places[row]][0] for row in kept], pa.int64())
    batch = pa.record_batch(columns)
    if len(kept) < len(rows):
        batch = batch.take(pa.array(kept, pa.int64()))
    return _typed(part, batch, numbers, broken, lambda bad: [_line(lines[places[kept[row]]][1]) for row in bad])


def _parsed(line: bytes) -> object:
    """The value of a line; None when it is no JSON, or says more than one."""
    try:
        text = line.decode("utf-8-sig").strip(" \t\r")
        value, end = _DECODER.scan_once(text, 0)
    except (ValueError, RecursionError, StopIteration):
        return None
    return value if end == len(text) else None


def _json_column(values: Sequence[Any], is_whole: bool) -> tuple[pa.Array, list[int]]:
    """The values as text, and the places of those that are of another kind."""
    fine = _KINDS_OF_WHOLE if is_whole else _KINDS
    wrong: list[int] = []
    if not set(map(type, values)) <= fine:
        wrong = [place for place, value in enumerate(values) if type(value) not in fine]
        values = [value if type(value) in fine else None for value in values]
    if is_whole:
        values = [None if value is None else str(value) for value in values]
    try:
        return pa.array(values, pa.string()), wrong
    except UnicodeEncodeError:  # half of a surrogate pair is no text
        halves = [place for place, text in enumerate(values) if text is not None and not _is_text(text)]
        return pa.array([text if text and _is_text(text) else None for text in values], pa.string()), wrong + halves


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _line(line: bytes) -> str:
    return _json({"line": line.decode("utf-8", "backslashreplace")})


# --- all --------------------------------------------------------------------------------------------------------------


def _typed(
    part: Part,
    batch: pa.RecordBatch,
    numbers: pa.Array,
    broken: list[Aside],
    raw: Callable[[list[int]], list[str]] | None = None,
) -> Rows:
    """The batch with every column as its field says, the rows that cannot be read set aside with their raw content."""
    values, reasons = {}, pa.nulls(batch.num_rows, pa.string())
    for name in part.table.columns:
        if name in batch.schema.names:
            values[name], why = read_column(name, batch.column(name))
            reasons = pc.coalesce(reasons, why)
    for key in part.table.key:
        lacking = pc.and_(pc.is_null(reasons), pc.is_null(values[key]))
        reasons = pc.if_else(lacking, pa.scalar("missing_key", pa.string()), reasons)
    good = pc.is_null(reasons)
    if reasons.null_count == len(reasons):
        return Rows(part, conform(pa.table(values), part.table.name), numbers, broken)
    bad = np.flatnonzero(~good.to_numpy(zero_copy_only=False)).tolist()
    texts = raw(bad) if raw else _raw(batch.take(pa.array(bad)))
    aside = list(zip(numbers.take(bad).to_pylist(), reasons.take(bad).to_pylist(), texts, strict=True))
    return Rows(
        part, conform(pa.table(values).filter(good), part.table.name), numbers.filter(good), sorted([*broken, *aside])
    )


def _raw(batch: pa.RecordBatch) -> list[str]:
    """Each row as JSON, its values as they came."""
    columns = {name: _plain(batch.column(name)) for name in batch.schema.names}
    return [_json(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def _plain(column: pa.Array) -> list[Any]:
    try:
        return cast(list[Any], column.to_pylist())
    except (ValueError, OverflowError, UnicodeDecodeError):  # beyond what Python's types hold
        return [str(value.value) if hasattr(value, "value") else None for value in column]


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=_as_text)
    return _MARK.sub(lambda mark: f"\\\\x{ord(mark[0]) - BROKEN_BYTES:02x}", text)


def _as_text(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
