"""What the record says of attempts that ended: which of them evidence speaks against, and of whom a period says what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ledger import reissues, store
from ledger.house import House
from ledger.instants import to_micros
from schemas.codes import BREAKS, DISPUTING
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


def is_disputed(house: House) -> bool:
    with house.store.reading() as connection:
        (row,) = reissues.ended(connection).to_pylist()
    return bool(row["is_disputed"])


@pytest.mark.parametrize("kind", sorted(BREAKS))
def test_what_may_have_been_paid_be_it_another_amount_is_disputed_and_nothing_else(house: House, kind: str) -> None:
    found(house, kind)
    assert is_disputed(house) == (kind in DISPUTING)


def test_another_amount_of_the_whole_file_disputes_each_of_it_until_the_bank_has_mended_it(house: House) -> None:
    found(house, "amount_differs", end_to_end_id=None)
    assert is_disputed(house)
    found(house, "amount_differs", "closed", end_to_end_id=None)
    assert not is_disputed(house)


def test_another_amount_disputes_until_two_people_have_settled_the_case(house: House) -> None:
    found(house, "amount_differs")
    for act, person, disputed in (("resolve", "siti", True), ("approve", "budi", False), ("reopen", "salur", True)):
        with house.store.transaction() as connection:
            seq = store.next_seq(connection, store.exception_acts)
            row = {"seq": seq, "break_id": "amount_differs", "act": act, "person": person, "note": "x", "at": 0}
            store.insert(connection, store.exception_acts, [row])
        assert is_disputed(house) == disputed


@pytest.mark.parametrize(("period", "stays"), [(PERIOD, 0), ("2021-01", 1)])
def test_an_attempt_speaks_of_those_left_out_in_its_own_period_alone(house: House, period: str, stays: int) -> None:
    names = ("participant_id", "benefit", "sequence")
    left_out = pa.table({name: [ENDED[name]] for name in names} | {"amount_idr": [ENDED["amount_idr"]]})
    with house.store.reading() as connection:
        assert reissues.without(left_out, connection, period).num_rows == stays
