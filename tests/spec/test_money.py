"""Where the money stands at any date: what each act moves, what was known when, and what is said when records differ."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from disbursement import steps
from ledger import journal, store
from ledger.house import House
from ledger.instants import to_micros
from reconciliation.reports import money
from schemas.errors import ProofFailed, WrongUsage
from tests.lib.small_home import AT, TRANCHE, at, drafted, instruction, released, small_home

DAY = timedelta(days=1)
PEOPLE = 3
WORTH = PEOPLE * TRANCHE


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = small_home(tmp_path)
    steps.fund(made, 10 * TRANCHE, "SP2D-1")
    return made


def shown(house: House, known_at: datetime | None = None, fiscal_year: int | None = None) -> dict[str, int]:
    """The figures of all that are not zero, as they were known at an instant; every equation holds."""
    with house.store.reading() as connection:
        found = money.position(connection, house.archive, known_at or house.at, fiscal_year)
    assert [row for row in found.equations.to_pylist() if not row["holds"]] == []
    return {
        row["figure"]: row["amount_idr"]
        for row in found.figures.to_pylist()
        if row["dimension"] == "all" and row["amount_idr"] and row["figure"] != "untraced"
    }


ONLY_FUNDED = dict.fromkeys(("funded", "in_account", "left_of_funds"), 10 * TRANCHE)
COMMITTED = ONLY_FUNDED | {"instructed": WORTH, "committed": WORTH, "left_of_funds": 10 * TRANCHE - WORTH}


def _sent(house: House) -> None:
    released(house)
    steps.submit(house, None, house.path.parent / "out")


def _rejected(house: House) -> None:
    steps.reject(house, released(house), "budi", "uji")


ACTS: list[tuple[str, Callable[[House], object], dict[str, int]]] = [
    ("nothing", lambda _: None, ONLY_FUNDED),
    ("drafted", drafted, COMMITTED | {"waiting": WORTH}),
    ("released", released, COMMITTED | {"waiting": WORTH, "released": WORTH}),
    ("sent", _sent, COMMITTED | {"released": WORTH, "sent": WORTH, "in_transit": WORTH}),
    ("withdrawn", _rejected, ONLY_FUNDED | {"instructed": WORTH, "withdrawn": WORTH}),
]


@pytest.mark.parametrize(("act", "expected"), [case[1:] for case in ACTS], ids=[case[0] for case in ACTS])
def test_each_act_moves_the_money_to_where_it_stands(
    house: House, act: Callable[[House], object], expected: dict[str, int]
) -> None:
    act(house)
    assert shown(house) == expected


def test_what_was_known_at_a_date_is_what_had_been_recorded_by_its_end(house: House) -> None:
    drafted(at(house, AT + DAY))
    steps.fund(at(house, AT + 2 * DAY), TRANCHE, "SP2D-2", AT.date())  # an older date, learned of later
    assert shown(house, AT) == ONLY_FUNDED
    assert shown(house, AT + DAY) == COMMITTED | {"waiting": WORTH}
    assert shown(house, AT + 2 * DAY)["funded"] == 11 * TRANCHE


@pytest.mark.parametrize(
    ("on", "period", "known_at"),
    [
        (None, None, "2020-12-01T10:00:00+07:00"),
        (date(2020, 11, 30), None, "2020-11-30T23:59:59.999999+07:00"),
        (None, "2020-11", "2020-11-30T23:59:59.999999+07:00"),
        (date(2020, 12, 1), None, "2020-12-01T10:00:00+07:00"),
        (None, "2020-12", "2020-12-01T10:00:00+07:00"),
    ],
)
def test_a_day_ends_in_jakarta_and_none_is_known_before_it_has_come(
    house: House, on: date | None, period: str | None, known_at: str
) -> None:
    assert money.moment(house, on, period) == datetime.fromisoformat(known_at)


def test_a_day_and_a_period_together_are_no_moment(house: House) -> None:
    with pytest.raises(WrongUsage):
        money.moment(house, date(2020, 11, 30), "2020-11")


def test_the_parts_of_a_figure_add_up_to_it_and_what_has_no_part_is_there_too(house: House) -> None:
    drafted(house)
    more = {"sk_number": "SK-1/2020", "sk_line": "1", "fiscal_year": 2020, "benefit": "survey", "amount_idr": 50_000}
    with house.store.transaction() as connection:
        store.insert(connection, store.instructions, [instruction("B1-1.xml", 9, **more)])
    with house.store.reading() as connection:
        rows = money.position(connection, house.archive, house.at).figures.to_pylist()
    committed = {
        (row["dimension"], row["key"]): (row["people_count"], row["amount_idr"])
        for row in rows
        if row["figure"] == "committed"
    }
    assert committed == {
        ("all", ""): (4, WORTH + 50_000),
        ("benefit", "incentive"): (3, WORTH), ("benefit", "survey"): (1, 50_000),
        ("sk", ""): (3, WORTH), ("sk", "SK-1/2020"): (1, 50_000),
        ("fiscal_year", ""): (3, WORTH), ("fiscal_year", "2020"): (1, 50_000),
        ("channel", "bni"): (4, WORTH + 50_000), ("period", "2020-12"): (4, WORTH + 50_000),
    }  # fmt: skip
    assert [row["amount_idr"] for row in rows if row["figure"] == "untraced"] == [WORTH]


def test_a_budget_year_has_its_own_receipts_and_payments_alone(house: House) -> None:
    steps.fund(house, 7, "SP2D-0", fiscal_year=2019)
    drafted(house)
    assert shown(house, fiscal_year=2019) == dict.fromkeys(("funded", "in_account", "left_of_funds"), 7)
    assert shown(house, fiscal_year=2020) == ONLY_FUNDED  # these payments name no decision, so no year


STRAYS: list[tuple[str, Callable[[store.Connection], Any], str]] = [
    ("a posting without a state", lambda c: journal.post(c, [journal.Posting("credited", "cash", 5, "X", "e", 1)], AT), "Rp5 apart"),
    ("money without a receipt", lambda c: journal.post(c, [journal.Posting("cash", "funder", 7, "X", "e")], AT), "-Rp7 apart"),
    ("a receipt without a posting", lambda c: store.insert(c, store.funds, [{"reference": "X", "amount_idr": 9, "at": to_micros(AT), "person": "siti"}]), "Rp9 apart"),
    ("an instruction that no batch states", lambda c: store.insert(c, store.instructions, [instruction("B1-1.xml", 9)]), "Rp600.000 apart"),
]  # fmt: skip


@pytest.mark.parametrize(("stray", "says"), [case[1:] for case in STRAYS], ids=[case[0] for case in STRAYS])
def test_records_that_differ_are_said_by_how_much_with_all_figures(
    house: House, stray: Callable[[store.Connection], Any], says: str
) -> None:
    drafted(house)
    money.show(house, None, None, None)
    with house.store.transaction() as connection:
        stray(connection)
    with pytest.raises(ProofFailed, match=says) as raised:
        money.show(house, None, None, None)
    assert raised.value.done["figures"]


def test_a_state_without_its_posting_is_said(house: House) -> None:
    _sent(house)
    with house.store.transaction() as connection:
        row = {
            "seq": 99,
            "end_to_end_id": instruction("B1-1.xml", 0)["end_to_end_id"],
            "state": "credited",
            "code_list": None,
        }
        row |= {"reason_code": None, "evidence": "e", "at": to_micros(AT)}
        store.insert(connection, store.instruction_states, [row])
    with pytest.raises(ProofFailed, match=r"money_account of credited.*Rp600\.000 apart"):
        money.show(house, None, None, None)
