"""The journal: each movement of money once, between two listed accounts, where the record says that it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from disbursement import steps
from disbursement.submission import record_state
from ledger import journal, returned, store
from ledger.house import House
from ledger.instants import to_micros
from schemas.codes import ACCOUNT_OF, ACCOUNTS, FINAL_WITHOUT_PAYMENT, INSTRUCTION_STATES, MOVES
from tests.lib.small_home import (
    AT,
    PERIOD,
    TRANCHE,
    begun,
    bytes_of,
    drafted,
    instruction,
    reference,
    released,
    small_home,
)


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
    def test_an_account_that_is_not_in_the_list_is_refused_by_the_database(
        self, house: House, accounts: tuple[str, str]
    ) -> None:
        with pytest.raises(sa.exc.IntegrityError, match="accounts_of_the_list"):
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
        assert set(ACCOUNT_OF.values()) == ACCOUNTS.keys() - {"funder", "receivable", "claims", "repaid", "deposited"}
        assert all(len(set(words)) == 2 and all(words) for words in ACCOUNTS.values())

    def test_what_ended_without_paying_is_back_in_the_cash_but_for_what_came_back_and_is_owed_again(self) -> None:
        assert {ACCOUNT_OF[state] for state in FINAL_WITHOUT_PAYMENT - {"returned"}} == {"cash"}
        assert ACCOUNT_OF["returned"] == "returned"

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


class TestSentAgain:
    """Money that came back stands apart until the next attempt has left our hands."""

    @pytest.fixture
    def came_back(self, house: House, tmp_path: Path) -> House:
        """Of three credited payments of 2020-12 one came back, and its second attempt is drawn up in 2021-01, at another bank."""
        released(house)
        steps.submit(house, None, tmp_path / "out")
        who = instruction("B1-1.xml", 0)
        with house.store.transaction() as connection:
            record_state(connection, "B1-1.xml", "credited", "c", AT)
            row = {name: who[name] for name in ("participant_id", "benefit", "sequence", "attempt")}
            end = {"end": "returned", "code_list": None, "reason_code": None, "evidence": "r", "at": to_micros(AT)}
            store.insert(connection, store.attempt_ends, [row | end])
            state = {"seq": 1, "end_to_end_id": who["end_to_end_id"], "state": "returned", "evidence": "r"}
            row = state | {"code_list": None, "reason_code": None, "at": to_micros(AT)}
            store.insert(connection, store.instruction_states, [row])
            back = journal.Posting("returned", "credited", TRANCHE, "B1-1.xml", "r", 1, "bni", PERIOD)
            journal.post(connection, [back], AT)
        drafted(house, "B2", channel="ovo", people=1)
        return house

    @pytest.fixture
    def again(self, came_back: House) -> House:
        """The file of the second attempt."""
        second = instruction("B1-1.xml", 0, attempt=2, previous_attempt=1, batch="B2")
        second |= {"file_name": "B2-1.xml", "channel": "ovo", "period": "2021-01", "end_to_end_id": "AGAIN"}
        with came_back.store.transaction() as connection:
            store.insert(connection, store.instructions, [second])
        return came_back

    def test_it_is_not_free_for_anybody_else(self, came_back: House) -> None:
        with came_back.store.reading() as connection:
            assert (returned.owed_idr(connection), returned.committed_idr(connection)) == (TRANCHE, 4 * TRANCHE)
        assert balances(came_back, PERIOD)["returned"] == (TRANCHE, 1)

    def test_drawn_up_again_it_is_committed_once_and_stands_where_it_stood(self, again: House) -> None:
        with again.store.reading() as connection:
            assert (returned.owed_idr(connection), returned.committed_idr(connection)) == (0, 4 * TRANCHE)
            assert returned.gone(connection) == {}
        assert balances(again, PERIOD)["returned"] == (TRANCHE, 1)

    def test_sent_again_it_leaves_by_a_row_of_its_own_period_and_bank(self, again: House) -> None:
        with again.store.transaction() as connection:
            record_state(connection, "B2-1.xml", "released", "x", AT)
            record_state(connection, "B2-1.xml", "unknown", "e", AT)
            rows = journal.rows(connection).to_pylist()[-3:]
            gone = returned.gone(connection)
        assert [(r["credit"], r["debit"], r["amount_idr"], r["channel"], r["period"]) for r in rows] == [
            ("returned", "cash", TRANCHE, "bni", PERIOD),
            ("cash", "in_transit", TRANCHE, "ovo", PERIOD),
            ("cash", "in_transit", TRANCHE, "ovo", "2021-01"),
        ]
        assert gone == {reference("B1-1.xml", 0): "cash"}
        assert balances(again)["returned"] == (0, 0)

    def test_where_the_bank_refuses_the_upload_it_is_owed_as_before_and_leaves_again_with_the_next(
        self, again: House
    ) -> None:
        with again.store.transaction() as connection:
            for state in ("released", "unknown", "released"):
                record_state(connection, "B2-1.xml", state, f"e {state} {journal.rows(connection).num_rows}", AT)
            assert returned.gone(connection) == {}
        assert balances(again)["returned"] == (TRANCHE, 1)
        with again.store.transaction() as connection:
            record_state(connection, "B2-1.xml", "unknown", "later", AT)
        assert balances(again)["returned"] == (0, 0)
        assert balances(again)["in_transit"] == (2 * TRANCHE, 2)

    @pytest.mark.parametrize("end", ["rejected", "never_arrived"])
    def test_where_the_next_attempt_is_refused_or_never_arrives_it_stands_where_it_came_from_and_is_kept_for_its_owner(
        self, again: House, end: str
    ) -> None:
        with again.store.transaction() as connection:
            for state in ("released", "unknown"):
                record_state(connection, "B2-1.xml", state, state, AT)
            committed = returned.committed_idr(connection)
            both = [reference("B2-1.xml", 0), "AGAIN"]
            back = journal.given_back(connection, dict.fromkeys(both, ("B2-1.xml", "e")))
            ended = {name: instruction("B1-1.xml", 0)[name] for name in ("participant_id", "benefit", "sequence")}
            ended |= {
                "attempt": 2,
                "end": end,
                "code_list": None,
                "reason_code": None,
                "evidence": "e",
                "at": to_micros(AT),
            }
            store.insert(connection, store.attempt_ends, [ended])
            row = {"end_to_end_id": "AGAIN", "state": end, "code_list": None, "reason_code": None, "evidence": "e"}
            store.insert(connection, store.instruction_states, [row | {"seq": 9, "at": to_micros(AT)}])
            journal.post(
                connection,
                [journal.Posting("cash", "in_transit", TRANCHE, "B2-1.xml", "e", 1, "ovo", "2021-01"), *back],
                AT,
            )
            assert returned.gone(connection) == {}
            assert returned.committed_idr(connection) == committed
        assert [(p.debit, p.credit, p.amount_idr, p.channel, p.period) for p in back] == [
            ("returned", "cash", TRANCHE, "bni", PERIOD)
        ]
        assert balances(again)["returned"] == (TRANCHE, 1)
