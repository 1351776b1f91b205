"""Files as platforms, spreadsheets and broken lines leave them: each row read, or set aside with its number and reason.

`surveys` stands for every table: a key of text and number, and an instant.
"""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disbursement.sources import readers
from disbursement.sources.readers import Part
from schemas.errors import InputRejected
from schemas.tables import SOURCES

HEADER = b"participant_id,number,completed_at\n"
AT = "2020-09-01T00:00:00+07:00"


class Found:
    """What reading a file gave: the good rows by number, and of those set aside the number, reason and raw content."""

    def __init__(self, data: bytes, form: str = "csv", table: str = "surveys") -> None:
        part = Part(f"{table}.{form}", "", SOURCES[f"{table}.v1"], form, "")
        self.rows: dict[int, dict[str, object]] = {}
        aside = []
        for rows in readers.read(part, io.BytesIO(data)):
            self.rows |= dict(zip(rows.numbers.to_pylist(), rows.table.to_pylist(), strict=True))
            aside += rows.quarantined
        self.reasons = {number: reason for number, reason, _ in aside}
        self.raw = {number: json.loads(raw) for number, _, raw in aside}
        assert readers.count(part, io.BytesIO(data)) == len(self.rows) + len(aside)


def refusal(data: bytes, form: str = "csv", table: str = "surveys") -> str:
    """Why a file is refused as a whole."""
    with pytest.raises(InputRejected) as refused:
        Found(data, form, table)
    return refused.value.why


def parquet(**columns: object) -> bytes:
    """A Parquet file of these columns."""
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"P2", "unreadable_row"),
        (b"P2,1,,", "unreadable_row"),
        (b"Jos\xe9,1", "unreadable_row"),
        (b"Jos\xe9,1,", "wrong_type"),
        (b"P\x002,1,", "wrong_type"),
        (b",1,", "missing_key"),
        (b"  ,1,", "missing_key"),
        (b"P2,,", "missing_key"),
        (b"P2,1.0,", "wrong_type"),
        (b"P2,3.17E+15,", "wrong_type"),
        (b"P2,0,", "wrong_type"),
        (b"P2,99999999999999999999,", "wrong_type"),
        (b"P2,\xd9\xa1,", "wrong_type"),
        (b"P2,1,2020-09-01T00:00:00", "instant_without_offset"),
        (b"P2,1,2020-02-30T00:00:00Z", "impossible_date"),
        (b"P2,1,2020-09-01T25:00:00Z", "impossible_date"),
        (b"P2,1,0001-01-01T00:00:00+07:00", "impossible_date"),
        (b"P2,1,01/09/2020", "wrong_type"),
        (b"P2,1,44075", "wrong_type"),
    ],
)
def test_a_bad_line_is_set_aside_under_its_number_and_those_beside_it_are_read(line: bytes, reason: str) -> None:
    found = Found(HEADER + b'P1,1,\n"P\n1b",1,\n\n' + line + b"\nP3,1,\n")
    assert (found.reasons, sorted(found.rows)) == ({3: reason}, [1, 2, 4])


@pytest.mark.parametrize(
    "text", ["=HYPERLINK(1)", "=1+1", "<script>", "../../x", "P\u200b1", "\u202eP1", 'P"1', "P;1", "x" * 10_240, "日本"]
)
def test_an_odd_identifier_is_text_and_nothing_more(text: str) -> None:
    assert Found(HEADER + f"{text},1,\n".encode()).rows[1]["participant_id"] == text


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_change_nothing(line_end: bytes, mark: bytes) -> None:
    data = HEADER + f"P1,1,{AT}\nbad\nP2,2,{AT}".encode()
    found = Found(mark + data.replace(b"\n", line_end))
    at = datetime(2020, 8, 31, 17, tzinfo=UTC)
    assert found.rows[3] == {"participant_id": "P2", "number": 2, "completed_at": at, "recorded_at": None}
    assert found.reasons == {2: "unreadable_row"}


def test_mixed_line_ends_are_read() -> None:
    assert sorted(Found(HEADER + b"P1,1,\r\nP2,1,\nP3,1,\rP4,1,").rows) == [1, 2, 3, 4]


def test_a_column_that_is_not_ours_is_passed_over_when_all_of_ours_are_there() -> None:
    assert Found(HEADER.replace(b"\n", b",note\n") + b"P1,1,,x\n").rows[1]["number"] == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not even a header"),
        (b"\xef\xbb\xbf", "not even a header"),
        (b"\n" + HEADER, "lacks the column participant_id, number"),
        (b"P1,1,\nP2,1,\n", "lacks the column participant_id, number"),
        (b"participant_id;number;completed_at\nP1;1;\n", "lacks the column participant_id, number"),
        (b"participant_id,number,completedAt\nP1,1,\n", "lacks completed_at and names columns that"),
        (b"participant_id,number,number,completed_at\nP1,1,2,\n", "names a column twice"),
        (b'"participant_id"x,number\n', "no header"),
        (HEADER.decode().encode("utf-16"), "not UTF-8"),
        (b"participant_id,n\xe9,number\n", "not UTF-8"),
        (b"\x1f\x8b\x08\x00" + b"\x00" * 20, "not UTF-8"),
        (HEADER + b'P1,1,\nP2,"1,\nP3,1,\n', "A quote is never closed, or followed by text, in row 2."),
        (HEADER + b'P1,1,\nP2,1,"x\nP3,1,\n', "A quote is never closed, or followed by text, in row 2."),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_with_its_reason(data: bytes, why: str) -> None:
    assert why in refusal(data)


def test_a_row_longer_than_a_block_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "ROW_BYTES_MAX", 1000)
    monkeypatch.setattr(readers, "_CHUNK_BYTES", 100)
    assert "longer than 32 MiB" in refusal(HEADER + b"x" * 3000 + b",1,\n")
    assert "longer than 32 MiB" in refusal(b'{"participant_id":"' + b"x" * 3000 + b'","number":1}\n', "jsonl")


def test_a_field_of_ten_megabytes_and_quoted_line_ends_do_not_shift_the_numbers() -> None:
    found = Found(HEADER + b"x" * 10_000_000 + b',1,\n"a\r\nb\n",1,\nbad\nP4,1,\n')
    assert (sorted(found.rows), found.reasons) == ([1, 2, 4], {3: "unreadable_row"})
    assert found.rows[2]["participant_id"] == "a\r\nb"


def test_bytes_that_are_no_utf8_are_kept_as_they_came() -> None:
    found = Found(HEADER + b"Jos\xe9,1\nJos\xe9,1,\n")
    assert found.raw[1] == {"line": r"Jos\xe9,1"}
    assert found.raw[2]["participant_id"] == r"Jos\xe9"


@given(
    st.lists(st.sampled_from([b"P,1,", b"P,1", b"P,1,,", b'"P\n",1,', b"", b"P,x,"]), max_size=60), st.integers(40, 90)
)
def test_numbers_are_those_of_a_plain_count_whatever_the_blocks(lines: list[bytes], block: int) -> None:
    expected: dict[int, str | None] = {}
    what = {b"P,1": "unreadable_row", b"P,1,,": "unreadable_row", b"P,x,": "wrong_type"}
    for number, line in enumerate((line for line in lines if line), 1):
        expected[number] = what.get(line)
    with pytest.MonkeyPatch.context() as small:
        small.setattr(readers, "ROW_BYTES_MAX", block)
        small.setattr(readers, "BATCH_ROWS", 3)
        found = Found(HEADER + b"".join(line + b"\n" for line in lines))
    assert found.rows.keys() == {number for number, reason in expected.items() if reason is None}
    assert found.reasons == {number: reason for number, reason in expected.items() if reason}


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "reason"),
    [(b"500000", None), (b"", None), (b"500000.00", "price_invalid"), (b"199999.50", "price_invalid"), (b"-1", "price_invalid"),
     (b"5E5", "price_invalid"), (b'"500,000"', "price_invalid"), (b"Rp500000", "price_invalid")],
)  # fmt: skip
def test_a_price_is_whole_rupiah_or_set_aside(price: bytes, reason: str | None) -> None:
    found = Found(b"training_id,price_idr\nT1," + price + b"\n", table="trainings")
    assert found.reasons.get(1) == reason


@pytest.mark.parametrize(("rating", "reason"), [(b"1", None), (b"5", None), (b"0", "rating_out_of_range"), (b"6", "rating_out_of_range"), (b"5.0", "wrong_type")])  # fmt: skip
def test_a_rating_is_one_to_five_or_set_aside(rating: bytes, reason: str | None) -> None:
    assert Found(b"completion_id,rating\nC1," + rating + b"\n", table="completions").reasons.get(1) == reason


def test_a_nik_from_a_spreadsheet_is_text_to_be_decided_on_and_never_repaired() -> None:
    assert Found(b"participant_id,nik\nP1,3.17E+15\n", table="participants").rows[1]["nik"] == "3.17E+15"


def test_a_date_far_ahead_is_taken() -> None:
    found = Found(b"nik,source,listed_on,delisted_on\n1,x,2020-01-01,9999-12-31\n", table="blocklist")
    assert found.rows[1]["delisted_on"] == date(9999, 12, 31)


# --- JSON Lines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", None),
        (b"{", "unreadable_row"),
        (b"[1]", "unreadable_row"),
        (b"null", "unreadable_row"),
        (b'"text"', "unreadable_row"),
        (b'{"participant_id":"P2","number":1}{"participant_id":"P3","number":1}', "unreadable_row"),
        (b'{"participant_id":"P2","participant_id":"P3","number":1}', "unreadable_row"),
        (b'{"participant_id":"Jos\xe9","number":1}', "unreadable_row"),
        (b'{"participant_id":"P2","number":' + b"9" * 5_000 + b"}", "wrong_type"),
        (b'{"participant_id":"P2","number":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "unreadable_row"),
        (b'{"participant_id":3171010101909901,"number":1}', "wrong_type"),
        (b'{"participant_id":3.17E+15,"number":1}', "wrong_type"),
        (b'{"participant_id":"P2","number":2.0}', "wrong_type"),
        (b'{"participant_id":"P2","number":true}', "wrong_type"),
        (b'{"participant_id":"P2","number":NaN}', "wrong_type"),
        (b'{"participant_id":"P2","number":99999999999999999999}', "wrong_type"),
        (b'{"participant_id":["P2"],"number":1}', "wrong_type"),
        (b'{"participant_id":{"a":"P2"},"number":1}', "wrong_type"),
        (b'{"participant_id":"\\ud800","number":1}', "wrong_type"),
        (b'{"participant_id":"P\\u00002","number":1}', "wrong_type"),
        (b'{"participant_id":"P2","number":1,"completed_at":1598893200}', "wrong_type"),
        (b'{"participant_id":null,"number":1}', "missing_key"),
        (b"{}", "missing_key"),
    ],
)
def test_a_bad_json_line_is_set_aside_under_its_number_and_those_beside_it_are_read(
    line: bytes, reason: str | None
) -> None:
    good = b'{"participant_id":"P%d","number":"1","more":{"a":[1]}}'
    found = Found(good % 1 + b"\r\n" + line + b"\n" + good % 3, "jsonl")
    assert (found.reasons, sorted(found.rows)) == ({2: reason} if reason else {}, [1, 3])


JSON_VALUES: st.SearchStrategy[object] = st.one_of(
    st.sampled_from(
        ["P1", "2", "", "9999999999999999999", "2020-08-31T17:00:00Z", "2020-08-31", "x{", "\x00", "\u00e9", "\ud800"]
    ),
    st.sampled_from([None, 1, 2, 0, -1, 1.5, 2.0, True, 10**18, 10**20, [], {}, float("nan")]),
)
JSON_ROWS = st.dictionaries(st.sampled_from(["participant_id", "number", "completed_at", "more"]), JSON_VALUES)


@given(st.lists(JSON_ROWS.map(json.dumps) | st.sampled_from(
    ["{}{}", "{", "}", '{"number":1,"number":2}', '{"more":1,"more":2}', '{"n\\u0075mber":1,"number":1}', '{"more":' + "9" * 5_000 + "}"]
), max_size=4))  # fmt: skip
def test_a_line_is_read_alike_whatever_lines_are_beside_it(lines: list[str]) -> None:
    together = Found("\n".join(lines).encode(), "jsonl")
    for number, line in enumerate(lines, 1):
        alone = Found(line.encode(), "jsonl")
        beside_a_bad_one = Found(f"{line}\n[]".encode(), "jsonl")
        assert together.rows.get(number) == alone.rows.get(1) == beside_a_bad_one.rows.get(1)
        assert together.reasons.get(number) == alone.reasons.get(1) == beside_a_bad_one.reasons.get(1)


def test_a_json_line_set_aside_keeps_its_own_text() -> None:
    line = '{"participant_id": 3.170E+15, "number": 1}'
    assert Found(line.encode(), "jsonl").raw[1] == {"line": line}


@pytest.mark.parametrize("data", [b'[\n{"participant_id":"P1","number":1}\n]', b'[{"participant_id":"P1","number":1}]'])
def test_an_array_is_no_json_lines(data: bytes) -> None:
    assert "one object a line" in refusal(data, "jsonl")


def test_no_line_is_no_row() -> None:
    assert (
        Found(b"", "jsonl").rows == Found(b"\n\n", "jsonl").rows == Found(HEADER).rows == Found(HEADER[:-1]).rows == {}
    )


# --- Parquet ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_of_every_arrow_kind_is_text(kind: pa.DataType) -> None:
    texts = pa.array(["P1"]).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(["P1"]).cast(kind)
    assert Found(parquet(participant_id=texts, number=[1]), "parquet").rows[1]["participant_id"] == "P1"


def test_text_that_is_no_utf8_whatever_its_type_says_is_set_aside_alone() -> None:
    texts = pa.array([b"P1", b"Jos\xe9"]).view(pa.string())
    found = Found(parquet(participant_id=texts, number=[1, 2]), "parquet")
    assert (list(found.rows), found.reasons) == ([1], {2: "wrong_type"})


@pytest.mark.parametrize(
    "values",
    [[3171010101909901], [3.171010101909901e15], [Decimal(3171010101909901)], [["P1"]], [{"a": "P1"}], [True]],
)
def test_an_identifier_that_is_no_text_is_set_aside_since_it_may_have_been_rounded(values: list[object]) -> None:
    assert Found(parquet(participant_id=values, number=[1]), "parquet").reasons == {1: "wrong_type"}


@pytest.mark.parametrize(
    ("numbers", "reasons"),
    [
        (pa.array([1.0, 1.5]), {2: "wrong_type"}),
        (pa.array([1.0, float("nan")]), {2: "wrong_type"}),
        (pa.array([1.0, float("inf")]), {2: "wrong_type"}),
        (pa.array([1, 2**64 - 1], pa.uint64()), {2: "wrong_type"}),
        (pa.array([Decimal("1.00"), Decimal("1.50")]), {2: "wrong_type"}),
        (pa.array([1, 2], pa.int8()), {}),
        (pa.array([True, False]), {1: "wrong_type", 2: "wrong_type"}),
    ],
)
def test_a_number_counts_when_it_is_exactly_whole(numbers: pa.Array, reasons: dict[int, str]) -> None:
    assert Found(parquet(participant_id=["P1", "P2"], number=numbers), "parquet").reasons == reasons


@pytest.mark.parametrize(
    ("unit", "zone", "value", "reason"),
    [
        ("s", "UTC", 1_598_893_200, None),
        ("ns", "Asia/Jakarta", 1_598_893_200_000_000_001, None),
        ("us", None, 1, "instant_without_offset"),
        ("ms", "UTC", 2**60, "impossible_date"),
        ("ms", "UTC", -(2**60), "impossible_date"),
    ],
)
def test_an_instant_needs_its_zone_and_a_year(unit: str, zone: str | None, value: int, reason: str | None) -> None:
    instants = pa.array([value], pa.timestamp(unit, zone))
    found = Found(parquet(participant_id=["P1"], number=[1], completed_at=instants), "parquet")
    assert found.reasons.get(1) == reason
    assert reason or found.rows[1]["completed_at"] == datetime(2020, 8, 31, 17, tzinfo=UTC)


def test_a_day_beyond_the_calendar_is_set_aside() -> None:
    days = pa.array([2**31 - 1], pa.int32()).cast(pa.date32())
    data = parquet(nik=["1"], source=["x"], listed_on=days)
    assert Found(data, "parquet", "blocklist").reasons == {1: "impossible_date"}


WHOLE_FILE = parquet(participant_id=[f"P{n}" for n in range(1000)], number=list(range(1, 1001)))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no whole Parquet file"),
        (b"PAR1", "no whole Parquet file"),
        (WHOLE_FILE[:-20], "no whole Parquet file"),
        (WHOLE_FILE[: len(WHOLE_FILE) // 2], "no whole Parquet file"),
        (WHOLE_FILE[:60] + b"\xff" * 140 + WHOLE_FILE[200:], "bytes are damaged"),
        (WHOLE_FILE.replace(b"number", b"numb\xe9r"), "no whole Parquet file"),
        (parquet(participant_id=["P1"]), "lacks the column number"),
    ],
)
def test_a_parquet_file_that_is_cut_or_damaged_is_refused(data: bytes, why: str) -> None:
    assert why in refusal(data, "parquet")


def test_a_refusal_never_repeats_what_stands_in_the_file() -> None:
    for data, form in (
        (HEADER + b'RAHASIA,1,\n"RAHASIA', "csv"),
        (b"RAHASIA,number\n", "csv"),
        (b'[{"RAHASIA":1}]', "jsonl"),
    ):
        assert "RAHASIA" not in refusal(data, form)
