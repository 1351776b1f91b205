"""The journal: each movement of money once, between two listed accounts, where the record says that it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from disbursement import steps
from ledger import journal, store
from ledger.house import House
from schemas.codes import ACCOUNT_OF, ACCOUNTS, FINAL_WITHOUT_PAYMENT, INSTRUCTION_STATES, MOVES
from tests.lib.small_home import AT, PERIOD, TRANCHE, begun, bytes_of, drafted, released, small_home


@pytest.fixture
def house(tmp_path: Path, dsn: str) -> House:
    return small_home(tmp_path, dsn)


def postings(house: House) -> list[tuple[Any, ...]]:
    """Subject, credit, debit, rupiah and count of each row, in order."""
    with house.store.reading() as connection:
        rows = journal.rows(connection).to_pylist()
    return [tuple(row[c] for c in ("subject", "credit", "debit", "amount_idr", "transaction_count")) for row in rows]


def balances(house: House, period: str | None = None) -> dict[str, tuple[int, int]]:
    """Rupiah and count of each account that is not empty."""
    with house.store.reading() as connection:
        rows = journal.trial_balance(connection, period).to_pylist()
    return {
        r["account"]: (r["balance_idr"], r["transaction_count"]) for r in rows if r["debits_idr"] or r["credits_idr"]
    }


def add(house: House, *added: journal.Posting) -> int:
    with house.store.transaction() as connection:
        return journal.post(connection, added, AT)


class TestRows:
    @pytest.mark.parametrize(
        ("debit", "credit", "amount_idr", "name"),
        [("cash", "cash", 1, "money_moves"), ("cash", "funder", 0, "positive"), ("cash", "funder", -1, "positive")],
    )
    def test_a_row_that_moves_nothing_is_refused_by_the_database(
        self, house: House, debit: str, credit: str, amount_idr: int, name: str
    ) -> None:
        with pytest.raises(sa.exc.IntegrityError, match=name):
            add(house, journal.Posting(debit, credit, amount_idr, "X", "e"))

    @pytest.mark.parametrize("accounts", [("cash", "pocket"), ("pocket", "cash")])
    def test_an_account_that_is_not_in_the_list_is_no_account(self, house: House, accounts: tuple[str, str]) -> None:
        with pytest.raises(AssertionError):
            add(house, journal.Posting(*accounts, 1, "X", "e"))
        assert postings(house) == []

    def test_rows_are_numbered_on(self, house: House) -> None:
        one, two = (journal.Posting("cash", "funder", n, f"SP2D-{n}", "e") for n in (1, 2))
        assert (add(house, one), add(house, two, one)) == (1, 2)
        with house.store.reading() as connection:
            assert journal.rows(connection)["seq"].to_pylist() == [1, 2, 3]


class TestTrialBalance:
    @pytest.fixture
    def moved(self, house: House) -> House:
        add(
            house,
            journal.Posting("cash", "funder", 1_000, "SP2D-1", "e"),
            journal.Posting("in_transit", "cash", 600, "F1", "e", 6, "bni", "2020-05"),
            journal.Posting("credited", "in_transit", 400, "F1", "e", 4, "bni", "2020-05"),
            journal.Posting("cash", "in_transit", 100, "F1", "e", 1, "bni", "2020-05"),
            journal.Posting("in_transit", "cash", 50, "F2", "e", 2, "ovo", "2020-06"),
        )
        return house

    def test_every_account_is_there_and_all_of_them_add_to_nothing(self, moved: House) -> None:
        with moved.store.reading() as connection:
            table = journal.trial_balance(connection)
        assert table["account"].to_pylist() == list(ACCOUNTS)
        assert sum(table["balance_idr"].to_pylist()) == sum(table["transaction_count"].to_pylist()) == 0
        assert sum(table["debits_idr"].to_pylist()) == sum(table["credits_idr"].to_pylist()) == 2_150

    def test_a_balance_is_what_came_less_what_left(self, moved: House) -> None:
        assert balances(moved) == {
            "funder": (-1_000, 0), "cash": (450, -7), "in_transit": (150, 3), "credited": (400, 4),
        }  # fmt: skip

    def test_a_period_has_its_own_movements_alone(self, moved: House) -> None:
        assert balances(moved, "2020-05") == {"cash": (-500, -5), "in_transit": (100, 1), "credited": (400, 4)}
        assert balances(moved, "2020-07") == {}

    def test_the_rows_of_a_period_come_with_the_money_received(self, moved: House) -> None:
        with moved.store.reading() as connection:
            assert journal.rows(connection, "2020-06")["subject"].to_pylist() == ["SP2D-1", "F2"]


class TestStates:
    def test_every_state_has_an_account_and_every_account_its_words(self) -> None:
        assert ACCOUNT_OF.keys() == set(INSTRUCTION_STATES)
        assert set(ACCOUNT_OF.values()) == ACCOUNTS.keys() - {"funder"}
        assert all(len(set(words)) == 2 and all(words) for words in ACCOUNTS.values())

    def test_what_ended_without_paying_is_back_in_the_cash(self) -> None:
        assert {ACCOUNT_OF[state] for state in FINAL_WITHOUT_PAYMENT} == {"cash"}

    def test_money_leaves_the_cash_only_by_a_move_out_of_our_hands(self) -> None:
        leaving = {
            (old, new)
            for old, allowed in MOVES.items()
            for new in allowed
            if (way := journal.movement(old, new)) and way[1] == "cash"
        }
        assert leaving == {("released", "submitted"), ("released", "unknown")}


class TestSteps:
    def test_money_received_comes_from_the_funder_once(self, house: House) -> None:
        for _ in range(2):
            steps.fund(house, 5 * TRANCHE, "SP2D-1")
        assert postings(house) == [("SP2D-1", "funder", "cash", 5 * TRANCHE, 0)]

    @pytest.mark.parametrize("made", [drafted, released])
    def test_what_was_not_sent_moves_no_money_nor_does_withdrawing_it(
        self, house: House, made: Callable[[House], str]
    ) -> None:
        steps.reject(house, made(house), "budi", "uji")
        assert postings(house) == []

    def test_a_file_takes_its_money_along_when_it_leaves_and_once(self, house: House, tmp_path: Path) -> None:
        released(house, files=2)
        for _ in range(2):
            steps.submit(house, None, tmp_path / "out")
        assert postings(house) == [(f"B1-{n}.xml", "cash", "in_transit", 3 * TRANCHE, 3) for n in (1, 2)]
        assert balances(house, PERIOD) == {"cash": (-6 * TRANCHE, -6), "in_transit": (6 * TRANCHE, 6)}

    def test_a_file_whose_sending_broke_off_is_in_transit_and_is_posted_once(
        self, house: House, tmp_path: Path
    ) -> None:
        released(house)
        begun(house, "B1-1.xml", f"hand {(tmp_path / 'out').resolve()}")
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "B1-1.xml").write_bytes(bytes_of(house, "B1-1.xml"))
        expected = [("B1-1.xml", "cash", "in_transit", 3 * TRANCHE, 3)]
        assert postings(house) == expected
        steps.submit(house, None, tmp_path / "out")
        assert postings(house) == expected

    def test_a_movement_is_proved_by_the_event_of_its_act(self, house: House, tmp_path: Path) -> None:
        steps.fund(house, TRANCHE, "SP2D-1")
        released(house)
        steps.submit(house, None, tmp_path / "out")
        e, j = store.events.c, store.journal.c
        query = sa.select(e.kind, e.subject).join(store.journal, j.evidence == e.hash).order_by(j.seq)
        with house.store.reading() as connection:
            found = [tuple(row) for row in connection.execute(query)]
        assert found == [("funded", "SP2D-1"), ("submission_intended", "B1-1.xml")]
