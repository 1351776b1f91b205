"""What the plain reading of the rules does not hold: derived columns, and copies of rows that contradict."""

from datetime import UTC, datetime

import pyarrow as pa

from disbursement.records import standing

FOLLOWS = {"nik_problem": "nik_mac"}


def _people(*rows: dict[str, object]) -> pa.Table:
    columns = {"nik_mac": pa.string(), "nik_problem": pa.string(), "status_at": pa.timestamp("us", "UTC")}
    schema = pa.schema({"participant_id": pa.string(), "wave": pa.int64(), **columns})
    return pa.Table.from_pylist([{"participant_id": "P1", **row} for row in rows], schema=schema)


def test_a_derived_column_comes_from_the_row_that_gives_what_it_is_derived_from() -> None:
    later = datetime(2020, 9, 1, tzinfo=UTC)
    bad_then_good = _people({"nik_mac": "bad", "nik_problem": "zero_serial"}, {"nik_mac": "good", "status_at": later})
    assert standing(bad_then_good, ["participant_id"], FOLLOWS)[0].column("nik_problem").to_pylist() == [None]
    none_then_good = _people({"nik_mac": "good"}, {"nik_problem": "not_16_digits", "status_at": later, "wave": 4})
    (row,) = standing(none_then_good, ["participant_id"], FOLLOWS)[0].to_pylist()
    assert (row["nik_mac"], row["nik_problem"], row["wave"]) == ("good", None, 4)


def test_a_person_without_a_nik_in_any_row_keeps_the_problem() -> None:
    rows = _people({"nik_problem": "not_16_digits"}, {"nik_problem": "not_16_digits", "wave": 4})
    (row,) = standing(rows, ["participant_id"], FOLLOWS)[0].to_pylist()
    assert (row["nik_problem"], row["wave"]) == ("not_16_digits", 4)


def test_every_copy_of_a_contradiction_is_set_aside() -> None:
    rows = _people({"wave": 3}, {"wave": 4}, {"wave": 3})
    stands, aside = standing(rows, ["participant_id"])
    assert stands.num_rows == 0
    assert aside.to_pylist() == [0, 1, 2]
