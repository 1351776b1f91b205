"""Money received: what a receipt must say, what repeats it, and what a correction may take."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from disbursement import steps
from disbursement.funding import Receipt, check_covered, check_sums, check_words
from ledger import journal, queries, store
from ledger.house import House
from schemas.errors import InputRejected, PersonNeeded, SalurError, WrongUsage
from schemas.money import IDR_MAX
from tests.lib.small_home import AT, TRANCHE, at, events, released, small_home

TODAY = date(2020, 12, 1)
YESTERDAY = date(2020, 11, 30)
KNOWN: dict[str, dict[str, Any]] = {
    "SP2D-1": {"amount_idr": 100, "issued_on": YESTERDAY, "fiscal_year": 2019, "corrects": None},
    "SP2D-2": {"amount_idr": 20, "issued_on": TODAY, "fiscal_year": 2020, "corrects": None},
    "SP2D-0": {"amount_idr": 7, "issued_on": None, "fiscal_year": None, "corrects": None},
    "SP2D-1K": {"amount_idr": -10, "issued_on": TODAY, "fiscal_year": 2019, "corrects": "SP2D-1"},
}


@pytest.mark.parametrize("reference", ["", " ", " SP2D-1", "SP2D-1\n", "SP2D\x00", "SP2D\x1b[31m", "S" * 65, "SP2D–1"])
@pytest.mark.parametrize("place", ["reference", "corrects"])
def test_what_cannot_be_a_reference_is_refused(place: str, reference: str) -> None:
    with pytest.raises(WrongUsage, match="no reference"):
        check_words(Receipt(reference, 5) if place == "reference" else Receipt("R", 5, corrects=reference), TODAY)


@pytest.mark.parametrize(
    ("receipt", "says"),
    [
        (Receipt("R", 0), "no amount"),
        (Receipt("R", IDR_MAX + 1), "no amount"),
        (Receipt("R", -IDR_MAX - 1, corrects="S"), "no amount"),
        (Receipt("R", 2**63), "no amount"),
        (Receipt("R", -5), "Only a correction"),
        (Receipt("R", 5, TODAY + timedelta(1)), "has not come"),
        (Receipt("R", 5, fiscal_year=20), "no budget year"),
        (Receipt("R", 5, corrects="R"), "correct itself"),
    ],
)
def test_what_cannot_be_a_receipt_is_refused_in_words(receipt: Receipt, says: str) -> None:
    with pytest.raises(WrongUsage, match=says):
        check_words(receipt, TODAY)


@pytest.mark.parametrize(
    ("receipt", "recorded"),
    [
        (Receipt("R", 5), (TODAY, 2020)),
        (Receipt("R", 5, date(2019, 12, 31)), (date(2019, 12, 31), 2019)),
        (Receipt("R", 5, fiscal_year=2021), (TODAY, 2021)),
        (Receipt("R", 5, corrects="SP2D-1"), (TODAY, 2019)),
        (Receipt("R", -5, corrects="SP2D-0"), (TODAY, None)),
    ],
)
def test_what_is_not_told_is_the_day_and_its_year_or_that_of_the_receipt_corrected(
    receipt: Receipt, recorded: tuple[date, int | None]
) -> None:
    check_words(receipt, TODAY)
    settled = receipt.settled(TODAY, KNOWN.get(receipt.corrects or ""))
    assert (settled.issued_on, settled.fiscal_year) == recorded


@pytest.mark.parametrize(
    ("receipt", "is_same"),
    [
        (Receipt("SP2D-1K", -10), True),
        (Receipt("SP2D-1K", -10, TODAY, 2019, "SP2D-1"), True),
        (Receipt("SP2D-1K", -11), False),
        (Receipt("SP2D-1K", -10, YESTERDAY), False),
        (Receipt("SP2D-1K", -10, fiscal_year=2020), False),
        (Receipt("SP2D-1K", -10, corrects="SP2D-2"), False),
    ],
)
def test_a_receipt_is_repeated_when_nothing_told_of_it_differs(receipt: Receipt, is_same: bool) -> None:
    assert receipt.is_repeated_by(KNOWN["SP2D-1K"]) is is_same


SUMS: list[tuple[Receipt, int, str]] = [
    (Receipt("R", 5), 10**9, ""),
    (Receipt("R", 5, corrects="SP2D-1"), 10**9, ""),
    (Receipt("R", -90, corrects="SP2D-1"), 20, ""),
    (Receipt("R", -1, corrects="SP2D-9"), 0, "no receipt SP2D-9 to correct"),
    (Receipt("R", 1, corrects="SP2D-1K"), 0, "no receipt SP2D-1K to correct"),
    (Receipt("R", -1, fiscal_year=2020, corrects="SP2D-1"), 0, "of budget year 2019"),
    (Receipt("R", -1, fiscal_year=2020, corrects="SP2D-0"), 0, "of no known budget year"),
    (Receipt("R", -91, corrects="SP2D-1"), 0, "Rp1 more than SP2D-1 brought"),
    (Receipt("R", -90, corrects="SP2D-1"), 30, "Rp3 of what would remain is asked for"),
    (Receipt("R", 2**63 - 1), 0, "more than can be recorded"),
]


@pytest.mark.parametrize(("receipt", "committed_idr", "says"), SUMS)
def test_a_correction_takes_neither_more_than_was_received_nor_what_is_committed(
    receipt: Receipt, committed_idr: int, says: str
) -> None:
    if says:
        with pytest.raises(InputRejected, match=says):
            check_sums(receipt, KNOWN, committed_idr)
    else:
        check_sums(receipt, KNOWN, committed_idr)


@pytest.mark.parametrize(
    ("funded_idr", "committed_idr", "new_idr", "short"),
    [(None, 5, 10**9, ""), (10, 5, 5, ""), (10, 20, 0, ""), (10, 5, 6, "Rp1 short")],
)
def test_no_more_is_instructed_than_was_received(
    funded_idr: int | None, committed_idr: int, new_idr: int, short: str
) -> None:
    if short:
        with pytest.raises(PersonNeeded, match=short):
            check_covered(funded_idr, committed_idr, new_idr)
    else:
        check_covered(funded_idr, committed_idr, new_idr)


# --- the step -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> House:
    return small_home(tmp_path)


def cash(house: House) -> int:
    with house.store.reading() as connection:
        rows = journal.trial_balance(connection).to_pylist()
    return int(next(row["balance_idr"] for row in rows if row["account"] == "cash"))


def refused(house: House, error: type[SalurError], *receipt: Any) -> None:
    """The receipt is refused and adds nothing."""
    before = house.store.read(sa.select(store.funds)), cash(house), events(house, "funded")
    with pytest.raises(error):
        steps.fund(house, *receipt)
    assert (house.store.read(sa.select(store.funds)), cash(house), events(house, "funded")) == before


def test_a_reference_is_recorded_once_and_refused_with_other_content(house: House) -> None:
    steps.fund(house, 5, "SP2D-1")
    later = at(house, AT + timedelta(days=3))
    again = steps.fund(later, 5, "SP2D-1")
    assert (again["issued_on"], again["fiscal_year"], again["corrects"], again["funded_idr"]) == (TODAY, 2020, None, 5)
    refused(later, InputRejected, 6, "SP2D-1")
    assert (cash(house), events(house, "funded")) == (5, ["SP2D-1"])


def test_a_correction_is_a_receipt_an_event_and_a_movement_back_to_the_funder(house: House) -> None:
    steps.fund(house, 10, "SP2D-1", date(2019, 12, 30))
    assert steps.fund(house, -4, "SP2D-1K", corrects="SP2D-1")["funded_idr"] == 6
    with house.store.reading() as connection:
        event = queries.events_about(connection, "funded", {"SP2D-1K"})["SP2D-1K"]
    said = {"amount_idr": -4, "issued_on": "2020-12-01", "fiscal_year": 2019, "corrects": "SP2D-1"}
    assert (json.loads(event["details"]), event["actor"], cash(house)) == (said, "siti", 6)


def test_money_is_free_to_be_corrected_away_once_its_batch_is_withdrawn(house: House) -> None:
    steps.fund(house, 3 * TRANCHE, "SP2D-1")
    batch = released(house)
    refused(house, InputRejected, -1, "SP2D-1K", None, None, "SP2D-1")
    steps.reject(house, batch, "budi", "uji")
    assert steps.fund(house, -3 * TRANCHE, "SP2D-1K", corrects="SP2D-1")["funded_idr"] == 0
