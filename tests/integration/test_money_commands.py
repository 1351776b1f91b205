"""`salur fund` and `salur money` as a script meets them: from decisions and receipts to what is credited and what is left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.lib.commands import PERIOD, Salur, carry, new_home
from tests.lib.small_drop import people, write_drop

COUNT, TRANCHE = 4, 600_000
SK = "SK-CONTOH/2020"
EACH = {"training_aid_idr": 1_000_000, "incentive_idr": 2_400_000, "survey_idr": 150_000}
BEFORE, AT, ANSWERED = (f"2020-{day}T09:00:00+07:00" for day in ("06-20", "07-01", "07-03"))


@pytest.fixture(scope="module", name="_sent")
def sent_once(tmp_path_factory: pytest.TempPathFactory) -> Salur:
    """Four people of one decision, one of them allocated less than a tranche; funded, decided and sent."""
    root = tmp_path_factory.mktemp("sent")
    lines: list[dict[str, Any]] = [
        {"sk_number": SK, "participant_id": f"CONTOH000{n}", "sk_line": str(n), **EACH} for n in range(1, COUNT + 1)
    ]
    lines[0]["incentive_idr"] = 500_000
    folder = write_drop(root / "drop", {**people(COUNT, ["ovo"]), "allocations": lines})
    idr = sum(line[name] for line in lines for name in EACH)
    promise = {"decisions": {SK: {"people": COUNT, "amount_idr": idr}}}
    (folder / "manifest.json").write_text(json.dumps(promise), encoding="utf-8")
    salur = new_home(root / "home", BEFORE)
    salur.ask("intake", "--source", folder)
    salur.ask("fund", "--amount", "3000000", "--reference", "SP2D-1", "--on", "2020-06-18", "--as", "rina")
    salur = Salur(salur.home, AT)
    salur.ask("fund", "--amount", "-300000", "--reference", "SP2D-1K", "--corrects", "SP2D-1")
    salur.ask("entitle", "--period", PERIOD)
    made = salur.ask("instruct", "--period", PERIOD, "--as", "siti")
    assert [line.split(":")[0] for line in made["warnings"]] == ["allocations_kept.v1"] * 2
    salur.release_all()
    salur.ask("submit", "--to", root / "out")
    later = Salur(salur.home, ANSWERED)
    carry(later, root / "out", "ovo")
    return later


@pytest.fixture
def sent(_sent: Salur, tmp_path: Path) -> Salur:
    """That home, copied."""
    return _sent.copy(tmp_path / "home")


def figures(told: dict[str, Any], dimension: str = "all", key: str = "") -> dict[str, int]:
    """Whole rupiah of every figure of one part that is not zero."""
    return {
        row["figure"]: row["amount_idr"]
        for row in told["figures"]
        if (row["dimension"], row["key"]) == (dimension, key) and row["amount_idr"]
    }


def test_three_totals_stand_apart_and_what_is_left_of_each(sent: Salur) -> None:
    told = sent.ask("money")
    paid, allocated = COUNT * TRANCHE, COUNT * 3_550_000 - 1_900_000
    assert figures(told) == {
        "allocated": allocated, "funded": 2_700_000, "instructed": paid, "released": paid, "sent": paid, "credited": paid,
        "committed": paid, "in_account": 300_000, "left_of_funds": 300_000, "left_of_allocation": allocated - paid, "over_allocated": 100_000,
    }  # fmt: skip
    assert figures(told, "benefit", "incentive")["left_of_allocation"] == COUNT * 2_400_000 - 1_900_000 - paid
    assert figures(told, "sk", SK)["allocated"] == allocated
    assert all(row["holds"] for row in told["equations"])
    assert told["differences"] == []


def test_a_date_shows_what_was_known_by_its_end(sent: Salur) -> None:
    june = sent.ask("money", "--period", PERIOD)
    assert june == sent.ask("money", "--at-date", "2020-06-30")
    assert june["known_at"] == "2020-06-30T23:59:59.999999+07:00"
    assert figures(june)["funded"] == 3_000_000
    assert "instructed" not in figures(june)
    july = figures(sent.ask("money", "--at-date", "2020-07-01"))
    assert (july["funded"], july["in_transit"], july.get("credited")) == (2_700_000, COUNT * TRANCHE, None)


def test_a_budget_year_is_shown_by_itself(sent: Salur) -> None:
    assert figures(sent.ask("money", "--fiscal-year", "2020"))["credited"] == COUNT * TRANCHE
    assert figures(sent.ask("money", "--fiscal-year", "2021")) == {}


def test_every_payment_names_its_decision_and_line(sent: Salur, tmp_path: Path) -> None:
    sent.ask("export", "instructions", "--out", tmp_path / "i.parquet")
    rows = pq.read_table(tmp_path / "i.parquet").to_pylist()
    assert {(r["participant_id"], r["sk_number"], r["sk_line"], r["fiscal_year"]) for r in rows} == {
        (f"CONTOH000{n}", SK, str(n), 2020) for n in range(1, COUNT + 1)
    }


def test_words_for_people_name_the_figures_and_the_equations(sent: Salur) -> None:
    out = " ".join(sent("money").out.split())
    assert "funded Rp2.700.000 2 receipts" in out
    assert "credited Rp2.400.000 4 people, 4 payments" in out
    assert "10 equations hold." in out


def test_what_was_exported_is_what_was_shown(sent: Salur, tmp_path: Path) -> None:
    sent.ask("export", "money", "--period", PERIOD, "--out", tmp_path / "m.parquet")
    rows = pq.read_table(tmp_path / "m.parquet").drop_columns(["known_at"]).to_pylist()
    assert rows == sent.ask("money", "--period", PERIOD)["figures"]


def test_a_receipt_answers_with_all_that_is_recorded_of_it(sent: Salur) -> None:
    told = sent.ask("fund", "--amount", "1", "--reference", "SP2D-2", "--on", "2020-07-02", "--budget-year", "2021")
    assert told == {
        "reference": "SP2D-2", "amount_idr": 1, "issued_on": "2020-07-02", "fiscal_year": 2021, "corrects": None,
        "funded_idr": 2_700_001,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, "fund --amount -1 --reference X"),
        (2, "fund --amount 1 --reference X --on 2020-07-04"),
        (2, "fund --amount 1 --reference X --on 4-7-2020"),
        (2, "fund --amount 9223372036854775808 --reference X"),
        (10, "fund --amount -1 --reference X --corrects SP2D-9"),
        (10, "fund --amount -300001 --reference X --corrects SP2D-1"),
        (10, "fund --amount 3000001 --reference SP2D-1"),
        (2, "money --at-date yesterday"),
        (2, "money --period 2020-06 --at-date 2020-06-30"),
    ],
)
def test_what_cannot_be_ends_with_its_code_and_records_nothing(sent: Salur, code: int, words: str) -> None:
    before = sent.ask("money")
    assert sent.ask(*words.split(), code=code)["error"]["exit_code"] == code
    assert sent.ask("money") == before


def test_a_claim_its_repayment_and_a_deposit_by_commands_and_proved_again_from_the_pack(
    sent: Salur, tmp_path: Path
) -> None:
    who = "CONTOH0001"
    told = sent.ask("clawback", who, "--reason", "tidak berhak", "--as", "siti", "--benefit", "incentive")
    assert (told["claim"], told["amount_idr"]) == ("C000001", TRANCHE)
    sent.ask("clawback-confirm", "C000001", "--as", "siti", code=13)
    sent.ask("clawback-confirm", "C000001", "--as", "budi", "--noticed-on", "2020-07-02")
    sent.ask("repaid", "C000001", "--amount", "400000", "--reference", "BNI-1", "--as", "siti")
    numbers = ("--ntpn", "0A1B2C3D4E5F6G7H", "--ntb", "202007030001", "--as", "rina")
    sent.ask("deposit", "--amount", "700001", *numbers, code=10)
    assert sent.ask("deposit", "--amount", "700000", *numbers)["cash_idr"] == 300_000
    (row,) = sent.ask("receivables", "--period", PERIOD)["receivables"]
    assert (row["open_idr"], row["state"], row["repay_by"]) == (200_000, "open", "2020-08-31")
    assert sent.ask("receivables", at="2020-09-01T09:00:00+07:00")["overdue_idr"] == 200_000
    balance = {row["account"]: row["balance_idr"] for row in sent.ask("trial-balance", "--bank", "ovo")["accounts"]}
    assert {account: idr for account, idr in balance.items() if idr} == {
        "cash": -COUNT * TRANCHE, "credited": COUNT * TRANCHE, "receivable": 200_000, "claims": -TRANCHE,
        "deposited": 400_000,
    }  # fmt: skip
    of_all = sent.ask("trial-balance")
    assert sum(row["balance_idr"] for row in of_all["accounts"]) == 0
    assert {"allocated", "funded", "released", "credited"} <= of_all["beside"].keys()
    sent.ask("reconcile", "--period", PERIOD)
    pack = sent.ask("report", "--period", PERIOD, "--out", tmp_path / "report")["pack"]
    assert sent.ask("verify", pack)["period"] == PERIOD
