"""What a bank's texts become: whole rupiah, counts, dates as Jakarta keeps them, reasons; what cannot become one is told.

A text that is there and means nothing to us is null in the column and a finding beside it: never a guess, never a stop.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.codes import is_classified, remedy
from schemas.fields import INSTANT
from schemas.money import parse_idr_array
from schemas.zone import JAKARTA

NOT_PROVIDED = "NOTPROVIDED"
"""ISO's word for an end-to-end id that nobody gave: no reference at all."""


_YEARS = range(2000, 2100)


class Findings:
    """What was found odd in a file, one sentence a kind with its number of cases; no values, they may be personal."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def add(self, count: int, sentence: str) -> None:
        """Note `sentence` with its number of cases, unless there is none."""
        if count:
            self.sentences.append(f"{sentence} ({count})")

    def compare(self, texts: pa.Array, values: pa.Array, sentence: str) -> pa.Array:
        """`values`, noting how many texts are there without a value."""
        self.add(pc.sum(pc.and_(pc.is_valid(texts), pc.is_null(values))).as_py() or 0, sentence)
        return values


def array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # which would copy the one chunk


def letters(column: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of all texts of a column without gaps, and where each text begins in them, the end of the last included.

    Null has no bytes. Nothing is copied but the places.
    """
    _, offsets, text = column.buffers()
    width = np.int64 if pa.types.is_large_string(column.type) else np.int32
    places = np.frombuffer(offsets, dtype=width)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    return np.frombuffer(text or b"", dtype=np.uint8)[places[0] : places[-1]], places - places[0]


def rows_where(table: pa.Table, flags: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The rows that are flagged; those that follow each other without a gap, as records mostly do, are not copied."""
    places = np.flatnonzero(array(flags).to_numpy(zero_copy_only=False))
    if not len(places) or places[-1] - places[0] + 1 > len(places):
        return table.filter(flags)
    return table.slice(places[0], len(places))


def place_of(table: pa.Table, outer: str, inner: str) -> npt.NDArray[np.int64]:
    """One number for a place in the document: `outer` part of the message, and `inner` child of it; they ascend."""
    first, second = (array(table[name]).to_numpy().astype(np.int64) for name in (outer, inner))
    place: npt.NDArray[np.int64] = (first << 32) + second
    return place


def rupiah(texts: pa.Array, currencies: pa.Array | None, findings: Findings, what: str) -> pa.Array:
    """Whole rupiah from decimal texts; null where the currency is another, or the amount has a fraction or a sign.

    ISO 20022 amounts bear no sign: the direction stands beside them, and a signed one could mean either.
    """
    unsigned = pc.if_else(pc.starts_with(texts, "-"), pa.scalar(None, pa.string()), texts)
    amounts = parse_idr_array(unsigned)
    if currencies is not None:
        is_idr = pc.fill_null(pc.equal(currencies, "IDR"), False)
        amounts = pc.if_else(is_idr, amounts, pa.scalar(None, pa.int64()))
    return findings.compare(texts, amounts, f"{what} is no whole amount in rupiah")


def moment(texts: pa.Array, findings: Findings, what: str) -> datetime | None:
    """The first instant of some texts, in UTC, else None. A time without an offset is the bank's own: Jakarta's.

    A year that this programme cannot have seen is a clock that was never set, hence no instant.
    """
    read = moments(texts.drop_null().slice(0, 1), findings, what).to_pylist()
    return read[0] if read else None


def moments(texts: pa.Array, findings: Findings, what: str) -> pa.Array:
    """Instants in UTC, read as `moment` reads one; null where a text is none."""
    return findings.compare(texts, _each_distinct(texts, _moment, INSTANT), f"{what} is no instant")


def _moment(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    if read.year not in _YEARS:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=JAKARTA)).astimezone(UTC)


def whole(texts: pa.Array, findings: Findings, what: str) -> pa.Array:
    """Counts and sequence numbers: up to 18 digits, else null."""
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), pa.int64())
    digits = pc.fill_null(pc.match_substring_regex(texts, "^[0-9]{1,18}$"), False)
    numbers = pc.cast(pc.if_else(digits, texts, pa.scalar(None, pa.string())), pa.int64())
    return findings.compare(texts, numbers, f"{what} is no whole number")


def dates(texts: pa.Array, findings: Findings, what: str) -> pa.Array:
    """Dates from ISO dates or instants; an instant with an offset counts on the day that it is in Jakarta."""
    return findings.compare(texts, _each_distinct(texts, _date, pa.date32()), f"{what} is no date")


def _date(text: str) -> date | None:
    try:
        if "T" not in text:
            return date.fromisoformat(text[:10])
        at = datetime.fromisoformat(text)
        return (at.astimezone(JAKARTA) if at.tzinfo else at).date()
    except ValueError:
        return None


def _each_distinct(texts: pa.Array, convert: Callable[[str], date | datetime | None], kind: pa.DataType) -> pa.Array:
    """A slow conversion of texts that repeat: done once for each."""
    encoded = array(texts).dictionary_encode()
    return pa.array([convert(text) for text in encoded.dictionary.to_pylist()], kind).take(encoded.indices)


def references(texts: pa.Array) -> pa.Array:
    """References as they are, null where the bank says that there is none."""
    return pc.if_else(pc.equal(texts, NOT_PROVIDED), pa.scalar(None, pa.string()), texts)


_CAUTION = ("find_earlier", "hold_for_person", "review", "stop_file", "fix_account", "retry_later")
"""Remedies, the one first that frees least. Of several reasons none may free what another keeps."""


def reasons(items: pa.Table, keys: pa.Array, code_list: str) -> tuple[pa.Array, pa.Array]:
    """Reason code and reason text for each of `keys`, from the items of reason elements in document order.

    `items` has key, code, own_code and text, one of the latter three a row. The code, ISO's or the bank's own, is that whose
    remedy in `code_list` (`status` or `return`) is the most cautious, and of equals the first; one that is in no list counts
    only where no other is. The text is all the rest, further codes too, with `; ` between.
    """
    code = array(pc.coalesce(items["code"], items["own_code"]))
    word = array(pc.coalesce(code, items["text"]))
    key = array(items["key"])
    has_code = pc.is_valid(code).to_numpy(zero_copy_only=False)
    positions = np.flatnonzero(has_code)
    positions = positions[np.argsort(_cautions(code.filter(pa.array(has_code)), code_list), kind="stable")]
    _, first = np.unique(key.to_numpy(zero_copy_only=False)[positions], return_index=True)
    is_rest = pc.is_valid(word).to_numpy(zero_copy_only=False)
    is_rest[positions[first]] = False
    firsts = pa.array(positions[first])
    rest = pa.table({"key": key, "word": word}).filter(pa.array(is_rest)).group_by("key", use_threads=False)
    texts = rest.aggregate([("word", "list")])
    joined = pc.binary_join(array(texts["word_list"]), "; ")
    return (
        code.take(firsts).take(pc.index_in(keys, value_set=key.take(firsts))),
        joined.take(pc.index_in(keys, value_set=array(texts["key"]))),
    )


def _cautions(codes: pa.Array, code_list: str) -> npt.NDArray[np.int64]:
    """The place of each code's remedy in the order of caution; codes that are in no list come last."""
    encoded = array(codes).dictionary_encode()
    ranks = [
        _CAUTION.index(remedy(code_list, code)) if is_classified(code_list, code) else len(_CAUTION)
        for code in encoded.dictionary.to_pylist()
    ]
    rank: npt.NDArray[np.int64] = np.array(ranks, dtype=np.int64)[encoded.indices.to_numpy()]
    return rank
