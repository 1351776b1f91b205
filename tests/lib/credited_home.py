"""A home in which a few payments were credited, and one of them came back: what claims, repayments and deposits start from."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from disbursement import steps
from disbursement.submission import record_state
from ledger import journal, store
from ledger.house import House
from ledger.instants import to_micros
from tests.lib.small_home import AT, PERIOD, TRANCHE, instruction, reference, released, small_home

FILE = "B1-1.xml"
LATER = AT + timedelta(days=30)


def credited_home(root: Path, dsn: str | None = None, people: int = 3, last_day: date | None = None) -> House:
    """Funded with ten tranches; `people` are credited one each in one file of 2020-12, by bni."""
    house = small_home(root, dsn)
    steps.fund(house, 10 * TRANCHE, "SP2D-1")
    released(house, people=people, last_day=last_day)
    steps.submit(house, None, root / "out")
    with house.store.transaction() as connection:
        record_state(connection, FILE, "credited", "c", AT)
    return house


def who(number: int) -> str:
    """The participant of the file's payment of that number."""
    return f"P-{FILE}-{number}"


def comes_back(house: House, number: int) -> str:
    """The payment of that number is returned by its bank, as reconciliation records it; returns its end-to-end id."""
    row = instruction(FILE, number)
    at = to_micros(house.at)
    with house.store.transaction() as connection:
        key = {name: row[name] for name in ("participant_id", "benefit", "sequence", "attempt")}
        proof = {"code_list": "return", "reason_code": "AC04", "evidence": f"r{number}", "at": at}
        store.insert(connection, store.attempt_ends, [{**key, **proof, "end": "returned"}])
        seq = store.next_seq(connection, store.instruction_states)
        state = {"seq": seq, "end_to_end_id": row["end_to_end_id"], "state": "returned", **proof}
        store.insert(connection, store.instruction_states, [state])
        back = journal.Posting("returned", "credited", TRANCHE, FILE, f"r{number}", 1, "bni", PERIOD)
        journal.post(connection, [back], house.at)
    return reference(FILE, number)


def balances(house: House) -> dict[str, int]:
    """Whole rupiah of each account that has any."""
    with house.store.reading() as connection:
        rows = journal.trial_balance(connection).to_pylist()
    return {row["account"]: row["balance_idr"] for row in rows if row["balance_idr"]}


def by(house: House, person: str) -> House:
    """The home with somebody else at it."""
    return replace(house, actor=person)
