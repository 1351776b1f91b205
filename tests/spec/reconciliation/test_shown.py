"""Which of a bank's texts are shown as they are, and what stands for the others."""

import pyarrow as pa
import pytest

from reconciliation.shown import shown
from schemas.identifiers import Column, end_to_end_id
from schemas.tables import TABLES, empty

OURS = end_to_end_id("P1", "incentive", 1, 1)


def mac(texts: Column) -> pa.Array:
    """A digest that tells texts apart and can be read in a test."""
    return pa.array([f"{sum(text.encode()):032x}" for text in texts.to_pylist()])


def response(**cells: object) -> dict[str, object]:
    """The row of responses.v1 with these cells, as it is shown."""
    table = pa.Table.from_pylist([{"level": "transaction", **cells}], schema=TABLES["responses.v1"].schema)
    row: dict[str, object] = shown(table, mac).to_pylist()[0]
    return row


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("end_to_end_id", OURS),
        ("end_to_end_id", "NONREF"),
        ("message_id", "20200701001ABCDEFGH1234"),
        ("payment_information_id", "202007011000ABCDEFGH1234P1"),
        ("status", "RJCT"),
        ("reason_code", "AC04"),
        ("reason_code", None),
    ],
)
def test_codes_and_references_of_ours_stand(column: str, text: str | None) -> None:
    assert response(**{column: text})[column] == text


@pytest.mark.parametrize("column", ["end_to_end_id", "message_id", "payment_information_id", "status", "reason_code"])
@pytest.mark.parametrize("text", ["081200000000", "BUDI CONTOH", "3174055501889901", OURS + " BUDI"])
def test_anything_else_is_a_digest_and_its_length(column: str, text: str) -> None:
    said = response(**{column: text})[column]
    assert said == f"#{sum(text.encode()):032x}"[:13] + f"/{len(text)}"


def test_a_reason_that_is_no_code_is_kept_with_the_banks_own_words() -> None:
    assert response(reason_code="REK A.N. BUDI")["reason_text"] == "REK A.N. BUDI"
    assert response(reason_code="REK A.N. BUDI", reason_text="tutup")["reason_text"] == "REK A.N. BUDI; tutup"
    assert response(reason_code="AC04", reason_text="tutup")["reason_text"] == "tutup"
    assert response(reason_code="AC04")["reason_text"] is None


def test_a_banks_own_reference_stands_unless_it_is_a_phone_number_or_words() -> None:
    texts = ["FT20183/77.1-A", "000123456789", "081200000000", "6281200000000", "TRF BUDI"]
    rows = [
        {"statement_id": "S1", "entry_number": 1, "detail_number": 1, "direction": "debit", "is_reversal": False}
        | {"bank_reference": text}
        for text in texts
    ]
    said = shown(pa.Table.from_pylist(rows, schema=TABLES["entries.v1"].schema), mac)["bank_reference"].to_pylist()
    assert said[:2] == texts[:2]
    assert all(text.startswith("#") for text in said[2:])


def test_a_table_in_many_pieces_is_shown_as_one() -> None:
    row = pa.Table.from_pylist([{"level": "transaction", "reason_code": "REK BUDI"}], TABLES["responses.v1"].schema)
    assert shown(pa.concat_tables([row, row]), mac)["reason_text"].to_pylist() == ["REK BUDI", "REK BUDI"]


@pytest.mark.parametrize("name", ["responses.v1", "statements.v1", "entries.v1"])
def test_tables_without_rows_keep_their_columns(name: str) -> None:
    assert shown(empty(name), mac).schema == TABLES[name].schema
