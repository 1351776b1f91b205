"""What the record says of attempts that ended: which of them evidence speaks against, and of whom a period says what."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ledger import reissues, store
from ledger.house import House
from ledger.instants import to_micros
from schemas.codes import BREAKS, DISPUTING
from schemas.errors import InputRejected
from tests.lib.small_home import AT, PERIOD, instruction, released, small_home

FILE = "B1-1.xml"
ENDED = instruction(FILE, 0)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Of the three payments of a file one was rejected."""
    house = small_home(tmp_path)
    released(house)
    at = {"evidence": "e", "at": to_micros(AT), "code_list": "status", "reason_code": "TM01"}
    end = {name: ENDED[name] for name in reissues.KEY} | at | {"end": "rejected"}
    state = {"seq": 1, "end_to_end_id": ENDED["end_to_end_id"], "state": "rejected"} | at
    with house.store.transaction() as connection:
        store.insert(connection, store.attempt_ends, [end])
        store.insert(connection, store.instruction_states, [state])
    return house


def found(house: House, kind: str, state: str = "open", **about: Any) -> None:
    """A break of a kind is recorded about the payment, or what is said instead."""
    row: dict[str, Any] = {
        "run_id": "R", "break_id": kind, "period": PERIOD, "kind": kind, "bank": "bni", "expected": "600000",
        "found": "60000", "amount_idr": 1, "end_to_end_id": ENDED["end_to_end_id"], "file_name": FILE, "at": to_micros(AT),
    }  # fmt: skip
    with house.store.transaction() as connection:
        number = {"seq": store.next_seq(connection, store.breaks), "state": state}
        store.insert(connection, store.breaks, [row | number | about])


def ended(house: House) -> dict[str, dict[str, Any]]:
    """What is known of each attempt that ended, by its reference."""
    with house.store.reading() as connection:
        return {row["end_to_end_id"]: row for row in reissues.ended(connection).to_pylist()}


def flags(house: House) -> set[str]:
    """What stands of the payment, of whether it was paid."""
    (row,) = ended(house).values()
    return {name for name in ("is_disputed", "is_paid", "is_unsaid") if row[name]}


def is_disputed(house: House) -> bool:
    return "is_disputed" in flags(house)


def acted(house: House, break_id: str, *acts: str) -> None:
    """Acts on the case of a break, in order."""
    with house.store.transaction() as connection:
        for act in acts:
            seq = store.next_seq(connection, store.exception_acts)
            row = {"seq": seq, "break_id": break_id, "act": act, "person": "x", "note": "x", "at": 0}
            store.insert(connection, store.exception_acts, [row])


@pytest.mark.parametrize("kind", sorted(BREAKS))
def test_what_may_have_been_paid_be_it_another_amount_is_disputed_and_nothing_else(house: House, kind: str) -> None:
    found(house, kind)
    assert is_disputed(house) == (kind in DISPUTING)


def test_another_amount_of_the_whole_file_disputes_each_of_it_until_the_bank_has_mended_it(house: House) -> None:
    found(house, "amount_differs", end_to_end_id=None)
    assert is_disputed(house)
    found(house, "amount_differs", "closed", end_to_end_id=None)
    assert not is_disputed(house)


@pytest.mark.parametrize(
    ("acts", "stands"),
    [
        (["resolve_not_paid"], {"is_disputed"}),
        (["resolve_not_paid", "approve"], set()),
        (["resolve_not_paid", "approve", "reopen"], {"is_disputed"}),
        (["resolve_paid", "approve"], {"is_paid"}),
        (["resolve_paid", "refuse"], {"is_disputed"}),
        (["resolve_paid", "approve", "resolve_not_paid"], {"is_disputed"}),
        (["resolve_paid", "approve", "resolve_not_paid", "approve"], set()),
        (["resolve", "approve"], {"is_unsaid"}),
    ],
)
def test_a_case_frees_a_payment_once_two_people_say_that_it_was_not_paid(
    house: House, acts: list[str], stands: set[str]
) -> None:
    found(house, "contradiction")
    acted(house, "contradiction", *acts)
    assert flags(house) == stands


def test_what_two_people_settled_as_paid_stays_paid_when_its_break_is_gone(house: House) -> None:
    found(house, "contradiction")
    acted(house, "contradiction", "resolve_paid", "approve")
    found(house, "contradiction", "closed")
    assert flags(house) == {"is_paid"}
    acted(house, "contradiction", "resolve_not_paid", "close")
    assert flags(house) == {"is_paid"}, "what one person proposed frees nothing"


def test_two_cases_settled_with_opposite_outcomes_are_no_settlement(house: House) -> None:
    for kind, outcome in (("contradiction", "resolve_paid"), ("duplicate", "resolve_not_paid")):
        found(house, kind)
        acted(house, kind, outcome, "approve")
    assert is_disputed(house)


def test_who_agrees_after_a_case_was_settled_without_a_word_on_it_agrees_to_that(house: House) -> None:
    reference = ENDED["end_to_end_id"]
    found(house, "contradiction")
    agree(house, reference)
    assert ended(house)[reference]["is_agreed"]
    acted(house, "contradiction", "resolve", "approve")
    assert not ended(house)[reference]["is_agreed"]
    agree(house, reference)
    assert ended(house)[reference]["is_agreed"]


def agree(house: House, subject: str) -> None:
    """Two people agree on a reissue."""
    with house.store.transaction() as connection:
        reissues.act(connection, subject, "propose", "siti", "saldo ditambah", AT)
        reissues.act(connection, subject, "approve", "budi", "", AT)


class TestAFile:
    """A file that the bank refuses for trouble of ours, a payment at a time."""

    @pytest.fixture
    def house(self, tmp_path: Path) -> House:
        house = small_home(tmp_path)
        released(house)
        refused(house, 0, AT)
        agree(house, FILE)
        return house

    def agreed(self, house: House) -> list[bool]:
        return [row["is_agreed"] for row in sorted(ended(house).values(), key=lambda row: str(row["participant_id"]))]

    def test_that_its_cause_is_gone_is_said_of_what_it_had_stopped_by_then(self, house: House) -> None:
        assert self.agreed(house) == [True]
        refused(house, 1, AT + timedelta(hours=3))
        assert self.agreed(house) == [True, False]
        agree(house, FILE)
        assert self.agreed(house) == [True, True]

    def test_what_is_refused_between_the_two_acts_is_proposed_anew(self, house: House) -> None:
        refused(house, 1, AT + timedelta(hours=3))
        with house.store.transaction() as connection:
            reissues.act(connection, FILE, "propose", "siti", "saldo ditambah", AT)
        refused(house, 2, AT + timedelta(hours=4))
        with house.store.transaction() as connection, pytest.raises(InputRejected, match="not what stands now"):
            reissues.act(connection, FILE, "approve", "budi", "", AT)
        agree(house, FILE)
        assert self.agreed(house) == [True, True, True]


def refused(house: House, number: int, at: datetime) -> None:
    """The bank refuses one payment of the file, since the account that it is paid from is empty."""
    proof = {"evidence": f"e{number}", "at": to_micros(at), "code_list": "status", "reason_code": "AM04"}
    row = instruction(FILE, number)
    with house.store.transaction() as connection:
        store.insert(
            connection, store.attempt_ends, [{name: row[name] for name in reissues.KEY} | proof | {"end": "rejected"}]
        )
        seq = store.next_seq(connection, store.instruction_states)
        state = {"seq": seq, "end_to_end_id": row["end_to_end_id"], "state": "rejected"}
        store.insert(connection, store.instruction_states, [state | proof])


@pytest.mark.parametrize(("period", "stays"), [(PERIOD, 0), ("2021-01", 1)])
def test_an_attempt_speaks_of_those_left_out_in_its_own_period_alone(house: House, period: str, stays: int) -> None:
    names = ("participant_id", "benefit", "sequence")
    left_out = pa.table({name: [ENDED[name]] for name in names} | {"amount_idr": [ENDED["amount_idr"]]})
    with house.store.reading() as connection:
        assert reissues.without(left_out, connection, period).num_rows == stays
