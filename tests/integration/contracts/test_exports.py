"""The tables that auditors read: at least these columns, in both forms, and no personal data."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from banks.formats.pain001 import read_back
from ledger.keyring import sha256_hex
from tests.lib.commands import PERIOD, Salur, carry
from tests.lib.small_drop import nik

PROMISED = {
    "entitlements": "participant_id benefit sequence period decision reasons amount_idr due_on policy",
    "instructions": "end_to_end_id participant_id benefit sequence attempt amount_idr channel file_name state reason_code",
    "files": "file_name channel batch transaction_count control_sum_idr sha256 state",
    "responses": "message_id end_to_end_id status reason_code",
    "entries": "end_to_end_id amount_idr direction booking_date",
    "breaks": "kind end_to_end_id file_name expected found state",
    "exceptions": "break_id kind owner case_state",
    "outcomes": "participant_id benefit sequence period status status_at amount_idr due_on to_do to_do_indonesian to_do_english",
    "proofs": "stage equation left_count right_count left_idr right_idr holds",
    "journal": "seq at debit credit amount_idr transaction_count channel period subject evidence",
    "events": "seq at actor kind subject details previous_hash hash",
    "quarantine": "table row reason source",
    "funds": "reference amount_idr at person issued_on fiscal_year corrects",
    "receivables": "claim participant_id reason noticed_on repay_by amount_idr repaid_idr open_idr age_days state",
    "repayments": "reference claim amount_idr person at corrects",
    "deposits": "deposit ntpn ntb amount_idr cash_idr returned_idr repaid_idr fiscal_year period person at corrects",
    "trial_balance": "known_at period channel fiscal_year account debits_idr credits_idr balance_idr transaction_count",
    "money": "known_at dimension key figure people_count transaction_count amount_idr",
}


def exported(salur: Salur, table: str, folder: Path, *more: str) -> list[dict[str, str]]:
    """The rows of a table as its CSV has them."""
    salur.ask("export", table, "--out", folder / f"{table}.csv", *more)
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("table", PROMISED)
def test_an_export_has_its_promised_columns_in_both_forms(instructed: Salur, tmp_path: Path, table: str) -> None:
    for form in ("csv", "parquet"):
        done = instructed.ask("export", table, "--period", PERIOD, "--out", tmp_path / f"t.{form}")
        assert done["table"] == table
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    parquet = pq.read_table(tmp_path / "t.parquet")
    assert set(PROMISED[table].split()) <= set(header)
    assert (header, len(rows)) == (parquet.column_names, parquet.num_rows)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["t.csv", "t.parquet"]


def test_decisions_are_exported_with_all_reasons_between_semicolons(instructed: Salur, tmp_path: Path) -> None:
    later = "2020-06-01T00:00:00+07:00"
    instructed.ask("entitle", "--period", "2020-05", "--as-of", later)
    row = exported(instructed, "entitlements", tmp_path, "--period", "2020-05")[0]
    assert (row["participant_id"], row["sequence"], row["decision"]) == ("CONTOH0001", "2", "not_due")
    assert (row["reasons"], row["due_on"], row["amount_idr"]) == ("not_yet_due", "2020-07-02", "600000")


def test_files_are_exported_with_what_their_own_bytes_say(instructed: Salur, tmp_path: Path) -> None:
    instructed.release_all()
    instructed.ask("submit", "--to", tmp_path / "out")
    rows = exported(instructed, "files", tmp_path, "--period", PERIOD)
    assert {row["file_name"] for row in rows} == {path.name for path in (tmp_path / "out").iterdir()}
    for row in rows:
        data = (tmp_path / "out" / row["file_name"]).read_bytes()
        read = read_back(data)
        assert row["sha256"] == sha256_hex(data)
        assert (int(row["transaction_count"]), int(row["control_sum_idr"])) == (
            read.transaction_count,
            read.control_sum_idr,
        )


def test_instructions_are_exported_with_what_banks_said(instructed: Salur, tmp_path: Path) -> None:
    instructed.release_all()
    instructed.ask("submit", "--to", tmp_path / "out")
    carry(instructed, tmp_path / "out", "ovo", rejects_per_million=1_000_000)
    carry(instructed, tmp_path / "out", "dana")
    rows = exported(instructed, "instructions", tmp_path, "--period", PERIOD)
    states = {row["channel"]: (row["state"], bool(row["reason_code"])) for row in rows}
    assert states["ovo"] == ("rejected", True)
    assert states["dana"] == ("credited", False)
    assert states["bni"] == ("submitted", False)
    answers = exported(instructed, "responses", tmp_path, "--period", PERIOD)
    ours = {row["end_to_end_id"] for row in rows if row["channel"] in ("ovo", "dana")}
    assert {row["end_to_end_id"] for row in answers} - {""} == ours
    assert exported(instructed, "responses", tmp_path, "--period", "2020-07") == []
    assert exported(instructed, "entries", tmp_path, "--period", PERIOD)


def test_no_export_and_no_story_holds_personal_data(instructed: Salur, tmp_path: Path) -> None:
    instructed.ask("reconcile", "--period", PERIOD)
    text = instructed("explain", "CONTOH0001").out
    for table in PROMISED:
        instructed.ask("export", table, "--out", tmp_path / f"{table}.csv")
        text += (tmp_path / f"{table}.csv").read_text(encoding="utf-8")
    secrets = [nik(1), "3171010101209901", "PESERTA CONTOH", "0099000001", "081299000002"]
    assert [secret for secret in secrets if secret in text] == []


def test_instants_in_csv_carry_their_offset(instructed: Salur, tmp_path: Path) -> None:
    assert exported(instructed, "events", tmp_path)[0]["at"] == "2020-07-01T01:00:00.000000Z"


def test_an_unknown_table_or_form_is_wrong_usage_and_writes_nothing(instructed: Salur, tmp_path: Path) -> None:
    instructed.ask("export", "people", "--out", tmp_path / "t.csv", code=2)
    instructed.ask("export", "files", "--out", tmp_path / "t.xlsx", code=2)
    instructed.ask("export", "files", "--period", "June", "--out", tmp_path / "t.csv", code=2)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("t.")]


def test_a_persons_story_is_told_in_order_and_each_step_names_its_evidence(instructed: Salur, tmp_path: Path) -> None:
    instructed.release_all()
    instructed.ask("submit", "--to", tmp_path / "out")
    story = instructed.ask("explain", "CONTOH0001")["story"]
    assert [step["what"] for step in story] == [
        "participants",
        "accounts",
        "completions",
        "decided",
        "decided",
        "instructed",
        "released",
        "unknown",
        "submitted",
    ]
    assert [step["facts"]["benefit"] for step in story if "benefit" in step["facts"]] == [
        "incentive",
        "survey",
        "incentive",
    ]
    assert all(step["evidence"] for step in story)
    assert [step["at"] for step in story] == sorted(step["at"] for step in story)
    said = instructed("explain", "CONTOH0001").out
    assert "Data peserta diterima, peserta CONTOH0001, gelombang 1" in said
    assert "sent, not answered, about PRAKERJA_BCA_" in said
    assert "{" not in said
    instructed.ask("explain", "NOBODY", code=10)


def test_superseded_decisions_stay_in_the_story(instructed: Salur, tmp_path: Path) -> None:
    instructed.ask("entitle", "--period", "2020-05")
    instructed.ask("entitle", "--period", "2020-05", "--as-of", "2020-05-20T00:00:00+07:00")
    story = instructed.ask("explain", "CONTOH0001")["story"]
    decided = [
        step["facts"] for step in story if step["facts"].get("benefit") == "incentive" and step["what"] == "decided"
    ]
    assert [facts["period"] for facts in decided] == ["2020-06", "2020-05", "2020-05"]
    in_force = exported(instructed, "entitlements", tmp_path, "--period", "2020-05")
    assert Counter(row["benefit"] for row in in_force) == {"incentive": 12, "survey": 12}


def test_the_status_counts_people_and_rupiah_and_what_waits(instructed: Salur) -> None:
    found = instructed.ask("status", "--period", PERIOD)
    assert found["benefits"] == {"incentive": {"due": 12}, "survey": {"not_due": 12}}
    assert found["decisions"] == {"due": 12, "not_due": 12}
    assert found["instructions"] == {"drafted": {"count": 12, "amount_idr": 7_200_000}}
    assert len(found["waiting_for_release"]) == 6
    assert instructed.ask("status", "--period", "2020-07")["instructions"] == {}
