"""The source drop, version 1, as platforms write it: forms, parts, order, what is set aside and what is decided."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.lib.commands import PERIOD, Salur
from tests.lib.small_drop import people, write_drop


def decided(salur: Salur, folder: Path) -> dict[str, tuple[str, str]]:
    """Decision and reasons of each participant's incentive."""
    salur.ask("entitle", "--period", PERIOD)
    salur.ask("export", "entitlements", "--period", PERIOD, "--out", folder / "e.csv")
    with (folder / "e.csv").open(encoding="utf-8", newline="") as stream:
        return {
            row["participant_id"]: (row["decision"], row["reasons"])
            for row in csv.DictReader(stream)
            if row["benefit"] == "incentive"
        }


def set_aside(salur: Salur, folder: Path) -> list[tuple[str, str]]:
    """Table and reason of each quarantined row."""
    salur.ask("export", "quarantine", "--out", folder / "q.csv")
    with (folder / "q.csv").open(encoding="utf-8", newline="") as stream:
        return sorted((row["table"], row["reason"]) for row in csv.DictReader(stream))


@pytest.mark.parametrize(("form", "parts"), [("csv", 1), ("csv", 3), ("jsonl", 2), ("parquet", 2)])
def test_a_table_may_come_in_each_form_whole_or_in_parts(empty: Salur, tmp_path: Path, form: str, parts: int) -> None:
    done = empty.ask("intake", "--source", write_drop(tmp_path / "drop", people(6), form, parts))
    assert (done["read"], done["taken"], done["quarantined"]) == (19, 19, 0)


def test_a_drop_taken_again_changes_nothing(empty: Salur, drop_of_twelve: Path) -> None:
    assert empty.ask("intake", "--source", drop_of_twelve)["taken"] == 37
    again = empty.ask("intake", "--source", drop_of_twelve)
    assert (again["taken"], again["quarantined"]) == (0, 0)


def test_the_same_rows_in_another_form_are_known_already(empty: Salur, tmp_path: Path) -> None:
    for form, expected in (("csv", 19), ("jsonl", 0), ("parquet", 0)):
        done = empty.ask("intake", "--source", write_drop(tmp_path / form, people(6), form))
        assert (form, done["taken"]) == (form, expected)


def test_the_line_of_a_decision_may_be_a_number_or_its_digits(empty: Salur, tmp_path: Path) -> None:
    tables = {"participants": people(1)["participants"]}
    assert empty.ask("intake", "--source", write_drop(tmp_path / "text", tables, "jsonl"))["taken"] == 1
    tables["participants"][0]["sk_line"] = 1
    again = empty.ask("intake", "--source", write_drop(tmp_path / "number", tables, "jsonl"))
    assert (again["repeated"], again["quarantined"]) == (1, 0)


def test_any_table_may_be_absent_and_what_waits_counts_once_the_person_arrives(empty: Salur, tmp_path: Path) -> None:
    tables = people(2)
    for name in ("completions", "accounts", "trainings"):
        empty.ask("intake", "--source", write_drop(tmp_path / name, {name: tables[name]}))
        assert empty.ask("entitle", "--period", PERIOD)["participants"] == 0
    empty.ask("intake", "--source", write_drop(tmp_path / "people", {"participants": tables["participants"]}))
    assert set(decided(empty, tmp_path).values()) == {("due", "")}


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("participants", {"participant_id": None}),
        ("participants", {"accepted_on": "2020-02-30"}),
        ("participants", {"accepted_on": "04/05/2020"}),
        ("participants", {"wave": "one"}),
        ("accounts", {"verified_at": "2020-05-06T09:00:00"}),
        ("accounts", {"version": None}),
        ("trainings", {"price_idr": "-1"}),
        ("trainings", {"price_idr": "500000.50"}),
        ("completions", {"rating": "6"}),
        ("completions", {"rating": "0"}),
        ("completions", {"completed_at": "yesterday"}),
    ],
    ids=str,
)
def test_a_row_that_cannot_be_read_is_set_aside_and_stops_nothing(
    empty: Salur, tmp_path: Path, table: str, change: dict[str, Any]
) -> None:
    tables = people(2)
    tables[table][0].update(change)
    done = empty.ask("intake", "--source", write_drop(tmp_path / "drop", tables))
    assert (done["quarantined"], done["taken"]) == (1, 6)
    assert [name for name, _ in set_aside(empty, tmp_path)] == [table]


def test_what_is_wrong_for_the_programme_is_taken_and_decided(empty: Salur, tmp_path: Path) -> None:
    tables = people(4)
    tables["participants"][0]["nik"] = "123"
    tables["accounts"][1]["channel"] = "bank-entah"
    tables["completions"][2]["training_id"] = "T-ENTAH"
    tables["participants"][3]["nik"] = tables["participants"][2]["nik"]
    done = empty.ask("intake", "--source", write_drop(tmp_path / "drop", tables))
    assert done["quarantined"] == 0
    found = decided(empty, tmp_path)
    assert found["CONTOH0001"] == ("held", "invalid_nik;owner_mismatch")
    assert found["CONTOH0002"] == ("held", "channel_unknown")
    assert found["CONTOH0003"][0] == "not_due"
    assert "duplicate_nik" in found["CONTOH0004"][1].split(";")


def test_the_later_recorded_row_stands_whatever_order_the_rows_arrive_in(tmp_path: Path, empty: Salur) -> None:
    tables = people(1)
    late, early = tables["completions"][0], dict(tables["completions"][0])
    early.update(recorded_at=late["completed_at"], revoked_at=late["completed_at"])
    for number, row in enumerate((late, early)):
        empty.ask("intake", "--source", write_drop(tmp_path / f"{number}", tables | {"completions": [row]}))
    assert decided(empty, tmp_path) == {"CONTOH0001": ("due", "")}


def test_rows_of_one_key_and_instant_that_differ_are_all_set_aside(tmp_path: Path, empty: Salur) -> None:
    tables = people(1)
    row = tables["completions"][0]
    tables["completions"] = [row, dict(row), {**row, "rating": 4}]
    done = empty.ask("intake", "--source", write_drop(tmp_path / "drop", tables))
    assert (done["read"], done["taken"], done["repeated"], done["quarantined"]) == (6, 3, 1, 2)
    assert Counter(set_aside(empty, tmp_path)) == {("completions", "conflicting_record"): 2}
    assert decided(empty, tmp_path) == {"CONTOH0001": ("not_due", "no_completion")}


def manifest(folder: Path, **changes: Any) -> None:
    """The manifest of a folder, with changes to what it says of participants.csv."""
    promise = {
        path.name: {
            "rows": path.read_text(encoding="utf-8").count("\n") - 1,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in folder.glob("*.csv")
    }
    promise["participants.csv"].update(changes)
    decisions = {"SK-CONTOH/2020": {"people": 6, "amount_idr": 3_600_000}}
    (folder / "manifest.json").write_text(json.dumps({"files": promise, "decisions": decisions}), encoding="utf-8")


def test_a_drop_that_keeps_its_manifest_is_taken(empty: Salur, tmp_path: Path) -> None:
    manifest(write_drop(tmp_path / "drop", people(6)))
    assert empty.ask("intake", "--source", tmp_path / "drop")["taken"] == 19


@pytest.mark.parametrize("change", [{"rows": 7}, {"sha256": "0" * 64}], ids=str)
def test_a_drop_that_contradicts_its_manifest_is_refused_whole(
    empty: Salur, tmp_path: Path, change: dict[str, Any]
) -> None:
    manifest(write_drop(tmp_path / "drop", people(6)), **change)
    empty.ask("intake", "--source", tmp_path / "drop", code=10)
    assert empty.ask("entitle", "--period", PERIOD)["participants"] == 0


def test_a_file_that_the_manifest_promises_and_that_is_missing_refuses_the_drop(empty: Salur, tmp_path: Path) -> None:
    manifest(write_drop(tmp_path / "drop", people(6)))
    (tmp_path / "drop" / "trainings.csv").unlink()
    empty.ask("intake", "--source", tmp_path / "drop", code=10)


def test_money_runs_out_in_the_order_that_the_rules_state(empty: Salur, tmp_path: Path) -> None:
    empty.ask("intake", "--source", write_drop(tmp_path / "drop", people(4)))
    empty.ask("fund", "--amount", "1300000", "--reference", "SP2D-CONTOH")
    found = decided(empty, tmp_path)
    assert [found[f"CONTOH000{n}"] for n in (1, 2, 3, 4)] == [("due", "")] * 2 + [("held", "funds_short")] * 2
