"""A small honest programme, day by day, as a simulated world shows it to its judge: made by hand, to be broken in one place.

One person, P-1, is due tranche 1 for 2020-09, decided on 2 October, sent on the same day, credited on the third, reported by
the bank's answer on the fourth. Everything is plain data.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from simulator.observed import CutOff, Day, Exported
from simulator.oracle.record import event_hash

Row = dict[str, Any]
PERIOD = "2020-09"
NIK, FILE, BATCH, DIGEST, REFERENCE = "3273014101909001", "F-1.xml", "B-1", "d" * 64, "E00000000000001"
CUT_OFF = datetime(2020, 9, 30, 16, 59, 59, 999999, tzinfo=UTC)


def at(day: int, hour: int = 3, month: int = 10) -> datetime:
    """An instant of October 2020, or of another month."""
    return datetime(2020, month, day, hour, tzinfo=UTC)


TAKEN = at(1, month=9)


def known(row: Row, day: datetime = TAKEN) -> Row:
    """A source row that was recorded and taken on this day."""
    return {"recorded_at": day, **row, "arrived_at": day}


def sources() -> dict[str, list[Row]]:
    """What the drops have brought."""
    person = {"participant_id": "P-1", "nik": NIK, "kk": "3273010101109001", "wave": 8, "status": "active"}
    account = {"participant_id": "P-1", "version": 1, "channel": "bni", "account_number": "9900000101"}
    learnt = {"completion_id": "C-1", "participant_id": "P-1", "training_id": "T-1", "purchased_at": at(2, month=8)}
    done = {"completed_at": at(9, month=8), "reviewed_at": at(10, month=8), "certificate_number": "S-1", "rating": 5}
    return {
        "participants": [known({**person, "accepted_on": date(2020, 8, 1)})],
        "accounts": [known({**account, "owner_nik": NIK, "verified_at": at(3, month=8)})],
        "trainings": [known({"training_id": "T-1", "price_idr": 150_000})],
        "completions": [known({**learnt, **done})],
        "blocklist": [],
        "surveys": [],
    }


def event(number: int, when: datetime, actor: str, kind: str, subject: str, **details: Any) -> Row:
    """An event without its hashes, which `chained` adds."""
    return {
        "seq": number, "at": when, "actor": actor, "kind": kind, "subject": subject, "details": json.dumps(details),
        "previous_hash": "", "hash": "",
    }  # fmt: skip


def chained(events: list[Row]) -> list[Row]:
    """The events with the hashes of a chain."""
    previous = "0" * 64
    for row in events:
        row["previous_hash"] = previous
        previous = row["hash"] = event_hash(row["seq"], row)
    return events


def instruction(state: str, **other: Any) -> Row:
    """The instruction of tranche 1."""
    return {
        "end_to_end_id": REFERENCE, "participant_id": "P-1", "benefit": "incentive", "sequence": 1, "attempt": 1,
        "period": PERIOD, "amount_idr": 600_000, "due_on": date(2020, 8, 10), "channel": "bni", "account_version": 1,
        "batch": BATCH, "file_name": FILE, "state": state, "reason_code": None, **other,
    }  # fmt: skip


def movement(kind: str, amount_idr: int = 600_000, **other: Any) -> Row:
    """What the bank did."""
    named = kind in ("credit", "return", "reversal")
    return {
        "kind": kind, "bank": "bni", "at": at(3), "amount_idr": amount_idr, "end_to_end_id": REFERENCE if named else "",
        "participant_account": "9900000101" if named else "", "message_id": "M-1", **other,
    }  # fmt: skip


def posting(number: int, debit: str, credit: str, amount_idr: int = 600_000, channel: str | None = "bni") -> Row:
    """A row of the journal."""
    return {"seq": number, "debit": debit, "credit": credit, "amount_idr": amount_idr, "channel": channel}


def claim(**other: Any) -> Row:
    """A claim over tranche 1, confirmed on the third day."""
    return {
        "claim": "C000001", "participant_id": "P-1", "person": "siti", "confirmed_by": "budi", "noticed_on": date(2020, 10, 4),
        "repay_by": date(2020, 12, 3), "amount_idr": 600_000, "repaid_idr": 0, "open_idr": 600_000, "state": "open", **other,
    }  # fmt: skip


@dataclass
class Story:
    """Three days, each with what is shown on it; a test changes one thing before it is told."""

    tables: dict[str, list[Row]] = field(default_factory=sources)
    truth: list[list[Row]] = field(default_factory=list)
    records: list[dict[str, list[Row]]] = field(default_factory=list)
    runs: list[CutOff] = field(default_factory=lambda: [CutOff(PERIOD, CUT_OFF, at(2))])
    other: dict[str, Any] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=lambda: {"is_final_day": True})

    def days(self) -> list[Day]:
        """The days in their order."""
        told: list[Day] = []
        movements: list[Row] = []
        for place, record in enumerate(self.records):
            end = at(2 + place, 16)
            movements = [*movements, *self.truth[place]]
            shown = {name: copy.deepcopy(rows) for name, rows in record.items()}
            shown["events"] = chained(shown["events"])
            told.append(
                Day(
                    date=date(2020, 10, 2 + place),
                    at=end,
                    months=(PERIOD,),
                    cut_offs_run=[run for run in self.runs if run.at <= end],
                    source_tables=self.tables,
                    bank_credits=list(movements),
                    record=Exported(**shown),
                    **{**self.other, **(self.last if place == len(self.records) - 1 else {})},
                )
            )
        return told


def honest() -> Story:
    """Nothing is wrong."""
    due = {
        "participant_id": "P-1", "benefit": "incentive", "sequence": 1, "period": PERIOD, "decision": "due", "reasons": "",
        "amount_idr": 600_000, "due_on": date(2020, 8, 10),
    }  # fmt: skip
    reasons = "first_tranche_not_credited;not_yet_due;survey_not_completed"
    survey = {
        **due,
        "benefit": "survey",
        "decision": "not_due",
        "reasons": reasons,
        "amount_idr": 50_000,
        "due_on": None,
    }
    totals = {"transaction_count": 1, "control_sum_idr": 600_000}
    file = {
        "file_name": FILE, "batch": BATCH, "digest": DIGEST, "maker": "siti", "is_companion": False, "sha256": "f" * 64,
        "execution_date": date(2020, 10, 2), "state": "submitted", **totals,
    }  # fmt: skip
    events = [
        event(1, at(2), "siti", "entitled", "E000001-2020-09", period=PERIOD),
        event(2, at(2), "siti", "instructed", BATCH),
        event(3, at(2, 5), "budi", "released", BATCH, digest=DIGEST),
        event(4, at(2, 6), "siti", "submission_intended", FILE),
        event(5, at(2, 6), "siti", "submitted", FILE),
    ]
    proof = {
        "stage": "outcome",
        "scope": FILE,
        "left_count": 1,
        "right_count": 1,
        "left_idr": 600_000,
        "right_idr": 600_000,
    }
    common: dict[str, list[Row]] = {
        "entitlements": [due, survey], "files": [file], "batches": [{"batch": BATCH, **totals}], "breaks": [],
        "proofs": [{**proof, "holds": True}], "next_acts": [], "events": events,
    }  # fmt: skip
    sent = posting(1, "in_transit", "cash")
    first: dict[str, list[Row]] = {**common, "instructions": [instruction("submitted")], "journal": [sent]}
    paid = {
        **common,
        "instructions": [instruction("credited")],
        "journal": [sent, posting(2, "credited", "in_transit")],
    }
    to_release = {"subject": BATCH, "kind": "release", "due_at": None, "owner": "treasury"}
    return Story(
        truth=[[movement("arrival", 0, message_id=FILE)], [movement("debit"), movement("credit")], []],
        records=[copy.deepcopy({**first, "next_acts": [to_release]}), copy.deepcopy(first), copy.deepcopy(paid)],
    )


Change = Callable[[Story], Any]

SECOND = "E00000000000002"
BREAK = {
    "break_id": "b1",
    "kind": "contradiction",
    "bank": "bni",
    "end_to_end_id": REFERENCE,
    "file_name": FILE,
    "period": PERIOD,
    "state": "open",
    "amount_idr": 600_000,
}


def ended(story: Story, state: str, code: str = "AM02") -> None:
    """On the last day the record says that tranche 1 ended without paying, and its money is back."""
    story.records[2]["instructions"] = [instruction(state, reason_code=code)]
    story.records[2]["journal"] = [posting(1, "in_transit", "cash"), posting(2, "cash", "in_transit")]


def refused(story: Story) -> None:
    """The bank refuses the transfer, and everybody says so."""
    story.truth[1] = [movement("debit"), movement("reversal")]
    ended(story, "rejected")


def again(story: Story, **other: Any) -> None:
    """A second attempt stands in the record of the last day, beside the first."""
    rows = story.records[2]["instructions"]
    rows.append(instruction("submitted", end_to_end_id=SECOND, attempt=2, file_name="F-2.xml", batch="B-2", **other))
    totals = {"transaction_count": 1, "control_sum_idr": 600_000}
    story.records[2]["files"].append({**story.records[2]["files"][0], "file_name": "F-2.xml", "batch": "B-2", **totals})
    story.records[2]["batches"].append({"batch": "B-2", **totals})
    story.records[2]["journal"].append(posting(3, "in_transit", "cash"))
    story.last = {}


def set_all(story: Story, table: str, **values: Any) -> None:
    for record in story.records:
        for row in record[table]:
            row.update(values)


def add_break(story: Story, **other: Any) -> None:
    story.records[2]["breaks"].append({**BREAK, **other})


def insert_event(story: Story, place: int, *what: Any, **details: Any) -> None:
    for record in story.records:
        record["events"].insert(place, event(0, *what, **details))
        for number, row in enumerate(record["events"], 1):
            row["seq"] = number
