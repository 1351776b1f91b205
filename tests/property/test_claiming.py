"""Any sequence of claims, repayments, deposits, returns and corrections leaves the books that a recount by hand gives."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disbursement import claiming
from ledger import journal, returned
from ledger.archive import Archive
from ledger.house import House
from ledger.keyring import Keyring
from reconciliation.reports.money import position
from schemas.errors import SalurError
from tests.lib.credited_home import balances, by, comes_back, credited_home, who
from tests.lib.small_home import AT, PERIOD, TRANCHE, at

PEOPLE = 3


@dataclass
class Recount:
    """The books as one would keep them on paper: who has what, and a list of every act that was allowed."""

    received: int = 10 * TRANCHE
    credited: set[int] = field(default_factory=lambda: set(range(PEOPLE)))
    came_back: set[int] = field(default_factory=set)
    claims: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """Of whom, and whether it is confirmed."""
    repaid: list[tuple[str, int]] = field(default_factory=list)
    deposits: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """By receipt number: out of repayments, of what came back, of the funds."""

    def of(self, claim: str) -> int:
        return sum(idr for name, idr in self.repaid if name == claim)

    def books(self) -> dict[str, int]:
        """Every account that is not empty."""
        back = len(self.came_back) * TRANCHE - sum(row[1] for row in self.deposits.values())
        cash = self.received - (len(self.credited) + len(self.came_back)) * TRANCHE
        owed = sum(TRANCHE for _, is_confirmed in self.claims.values() if is_confirmed)
        repaid = sum(idr for _, idr in self.repaid)
        found = {
            "funder": -self.received,
            "cash": cash - sum(row[2] for row in self.deposits.values()),
            "credited": len(self.credited) * TRANCHE,
            "returned": back,
            "receivable": owed - repaid,
            "claims": -owed,
            "repaid": repaid - sum(row[0] for row in self.deposits.values()),
            "deposited": sum(sum(row) for row in self.deposits.values()),
        }
        return {account: idr for account, idr in found.items() if idr}


class Office:
    """Does each act by the real steps, and notes what it must come to."""

    def __init__(self, house: House) -> None:
        self.house, self.plain, self.day = house, Recount(), 0

    def act(self, kind: int, a: int, b: int) -> None:
        self.day += 1
        acts = (self.claim, self.confirm, self.cancel, self.repay, self.unrepay, self.deposit, self.undo, self.back)
        here = at(self.house, AT + timedelta(days=30 + self.day))
        with suppress(SalurError):  # what is refused may have moved nothing, which the recount shows
            acts[kind](here, a, b)

    def claim(self, house: House, a: int, b: int) -> None:
        told = claiming.claim(house, who(a % PEOPLE), "uji")
        self.plain.claims.setdefault(told["claim"], (a % PEOPLE, False))

    def _some(self, a: int) -> str:
        return sorted(self.plain.claims)[a % len(self.plain.claims)] if self.plain.claims else "C999999"

    def confirm(self, house: House, a: int, b: int) -> None:
        name = self._some(a)
        claiming.confirm(by(house, ("budi", "siti")[b % 4 == 0]), name)
        self.plain.claims[name] = (self.plain.claims[name][0], True)

    def cancel(self, house: House, a: int, b: int) -> None:
        name = self._some(a)
        claiming.cancel(by(house, "rina"), name, "uji")
        del self.plain.claims[name]

    def repay(self, house: House, a: int, b: int) -> None:
        name, idr = self._some(a), (1 + b) * TRANCHE // 4
        claiming.repay(house, name, idr, f"R{self.day}")
        self.plain.repaid.append((name, idr))

    def unrepay(self, house: House, a: int, b: int) -> None:
        name = self._some(a)
        for n in range(self.day):
            try:
                claiming.repay(house, name, -TRANCHE // 4, f"R{self.day}-{n}", f"R{n}")
            except SalurError:
                continue
            self.plain.repaid.append((name, -TRANCHE // 4))
            return

    def deposit(self, house: House, a: int, b: int) -> None:
        number = f"{self.day:016}"
        told = claiming.deposit(house, (1 + a) * TRANCHE // 2, number, "202012010001", (None, PERIOD)[b % 2])
        self.plain.deposits[number] = (told["repaid_idr"], told["returned_idr"], told["cash_idr"])

    def undo(self, house: House, a: int, b: int) -> None:
        if self.plain.deposits:
            number = sorted(self.plain.deposits)[a % len(self.plain.deposits)]
            claiming.correct_deposit(house, number)
            del self.plain.deposits[number]

    def back(self, house: House, a: int, b: int) -> None:
        claimed = {person for person, _ in self.plain.claims.values()}
        if a % PEOPLE in self.plain.credited - claimed:
            comes_back(house, a % PEOPLE)
            self.plain.credited.remove(a % PEOPLE)
            self.plain.came_back.add(a % PEOPLE)


_ACTS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5), st.integers(0, 3)), min_size=4, max_size=14)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(acts=_ACTS)
def test_whatever_people_do_the_books_are_those_of_a_recount(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[int, int, int]]
) -> None:
    office = Office(credited_home(tmp_path_factory.mktemp("home"), people=PEOPLE, last_day=date(2020, 12, 20)))
    for act in acts:
        office.act(*act)
        assert balances(office.house) == office.plain.books()
    now = AT + timedelta(days=60)
    with office.house.store.reading() as connection:
        found = position(connection, Archive("memory://", Keyring(bytes(32))), now)
        parts = journal.balances_by_part(connection, returned.EVER).to_pylist()
    assert [row["stage"] for row in found.equations.to_pylist() if not row["holds"]] == []
    whole: dict[str, int] = {}
    for row in parts:
        whole[row["account"]] = whole.get(row["account"], 0) + row["balance_idr"]
    assert {account: idr for account, idr in whole.items() if idr} == office.plain.books()
    assert all(
        row["balance_idr"] >= 0 for row in parts if row["account"] in ("returned", "receivable", "repaid", "deposited")
    )
