"""Which due entitlements become instructions, and which attempt of them."""

from collections import Counter
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from disbursement.instruction import COLUMNS, Drafted, draft
from schemas.identifiers import end_to_end_id
from schemas.tables import TABLES

DUE: dict[str, Any] = {
    "participant_id": "P1",
    "benefit": "incentive",
    "sequence": 1,
    "period": "2020-10",
    "decision": "due",
    "reasons": "",
    "amount_idr": 600_000,
    "due_on": date(2020, 10, 5),
    "policy": "prakerja-2020",
    "channel": "bni",
    "account_version": 1,
    "last_payment_date": date(2021, 3, 5),
    "accepted_on": date(2020, 8, 31),
    "sk_number": "SK-4/2020",
    "sk_line": "7",
}
ATTEMPTS = pa.schema(
    {
        "participant_id": pa.string(),
        "benefit": pa.string(),
        "sequence": pa.int64(),
        "attempt": pa.int64(),
        "end": pa.string(),
    }
)


def _draft(
    *decisions: dict[str, Any],
    attempts: tuple[tuple[str, int, int, str | None], ...] = (),
    version: int = 1,
    on: date = date(2020, 11, 2),
    on_hold: tuple[str, ...] = (),
) -> Drafted:
    rows = [DUE | decision for decision in decisions]
    ended = [
        {"participant_id": who, "benefit": "incentive", "sequence": sequence, "attempt": attempt, "end": end}
        for who, sequence, attempt, end in attempts
    ]
    accounts = [
        {"participant_id": who, "version": version, "channel": "bni", "account_mac": f"mac of {who}"}
        for who in sorted({row["participant_id"] for row in rows})
    ]
    return draft(
        pa.Table.from_pylist(rows, schema=TABLES["decisions.v1"].schema),
        pa.Table.from_pylist(ended, schema=ATTEMPTS),
        pa.Table.from_pylist(accounts, schema=TABLES["current_accounts.v1"].schema),
        execution_dates={"bni": on},
        on_hold=on_hold,
    )


def test_a_due_tranche_becomes_the_first_attempt_under_a_reference_of_its_own() -> None:
    drafted = _draft({})
    (row,) = drafted.instructions.to_pylist()
    assert row["end_to_end_id"] == end_to_end_id("P1", "incentive", 1, 1)
    assert (row["attempt"], row["previous_attempt"], row["account_mac"]) == (1, None, "mac of P1")
    assert tuple(drafted.instructions.column_names) == COLUMNS
    assert drafted.aside.num_rows == 0


@pytest.mark.parametrize("decision", ["complete", "lapsed", "not_due", "held"])
def test_only_what_is_due_is_instructed(decision: str) -> None:
    assert _draft({"decision": decision}).instructions.num_rows == 0


@pytest.mark.parametrize("end", [None, "rejected", "returned", "never_arrived"])
def test_a_tranche_is_asked_for_once_unless_it_was_withdrawn(end: str | None) -> None:
    assert _draft({}, attempts=(("P1", 1, 1, end),)).instructions.num_rows == 0


def test_a_withdrawn_attempt_is_followed_by_the_next_with_another_reference() -> None:
    (row,) = _draft({}, attempts=(("P1", 1, 2, "withdrawn"),)).instructions.to_pylist()
    assert (row["attempt"], row["previous_attempt"]) == (3, 2)
    assert row["end_to_end_id"] == end_to_end_id("P1", "incentive", 1, 3)


def test_an_attempt_of_another_tranche_or_person_is_no_attempt_of_this_one() -> None:
    drafted = _draft({"sequence": 2}, attempts=(("P1", 1, 1, None), ("P2", 2, 1, None)))
    assert drafted.instructions.column("attempt").to_pylist() == [1]


@pytest.mark.parametrize(
    "change, left_out",
    [
        ({"on_hold": ("P1",)}, {"on_hold": 1}),
        ({"version": 2}, {"account_changed": 1}),
        ({"on": date(2021, 3, 5)}, {}),
        ({"on": date(2021, 3, 6)}, {"past_last_payment": 1}),
        ({"on": date(2021, 3, 6), "on_hold": ("P1",)}, {"on_hold": 1}),
    ],
)
def test_what_is_left_out_is_counted_by_its_first_reason(change: dict[str, Any], left_out: dict[str, int]) -> None:
    drafted = _draft({}, {"participant_id": "P2", "last_payment_date": None}, **change)
    others = {"account_changed": 2} if "version" in change else left_out
    assert Counter(drafted.aside["reason"].to_pylist()) == others
    assert drafted.instructions.num_rows == 2 - sum(others.values())


def test_instructions_go_by_reference_whatever_the_order_of_decisions() -> None:
    people = [{"participant_id": f"P{n}"} for n in range(20)]
    forwards, backwards = _draft(*people).instructions, _draft(*people[::-1]).instructions
    assert forwards.equals(backwards)
    assert forwards.column("end_to_end_id").to_pylist() == sorted(forwards.column("end_to_end_id").to_pylist())
