"""The judge of simulated programmes: it says nothing of an honest one, and each of its claims can be broken by one lie."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from ledger import chain
from ledger.instants import to_micros
from simulator.observed import Violation
from simulator.oracle import Oracle
from simulator.oracle.record import event_hash
from tests.lib.judged_days import (
    BATCH,
    DIGEST,
    FILE,
    NIK,
    PERIOD,
    REFERENCE,
    Change,
    Story,
    at,
    claim,
    event,
    honest,
    instruction,
    known,
    movement,
    posting,
)

SECOND = "E00000000000002"
BREAK = {
    "break_id": "b1",
    "kind": "contradiction",
    "bank": "bni",
    "end_to_end_id": REFERENCE,
    "file_name": FILE,
    "period": PERIOD,
    "state": "open",
}


def judged(story: Story) -> list[Violation]:
    oracle = Oracle()
    return [violation for day in story.days() for violation in oracle(day)]


def claims(story: Story) -> set[str]:
    return {violation.claim for violation in judged(story)}


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


def test_an_honest_programme_has_nothing_that_is_broken() -> None:
    assert judged(honest()) == []


def paid_again(story: Story) -> None:
    story.truth[2] = [movement("credit", message_id="M-2")]


def second_attempt_paid(story: Story) -> None:
    again(story)
    story.truth[2] = [movement("credit", end_to_end_id=SECOND)]


def unasked(story: Story) -> None:
    story.truth[2] = [movement("credit", end_to_end_id="E99999999999999")]


def missed(story: Story) -> None:
    story.records[2] = {**story.records[1]}


def gone_back(story: Story) -> None:
    story.truth[2] = [movement("return")]


def no_instruction(story: Story) -> None:
    for record in story.records:
        for table in ("instructions", "files", "batches", "journal", "proofs", "events"):
            record[table] = []
    story.truth = [[], [], []]


def another_person(story: Story) -> None:
    story.tables["participants"].append(known({**story.tables["participants"][0], "participant_id": "P-2"}, at(1)))


def no_consent(story: Story) -> None:
    for record in story.records:
        record["events"].pop(2)
        for number, row in enumerate(record["events"], 1):
            row["seq"] = number


def taken_back(story: Story) -> None:
    story.records[1] = {**story.records[2]}
    story.records[2] = {**story.records[2]}
    ended(story, "rejected")
    add_break(story)


def revived(story: Story) -> None:
    story.records[1] = {**story.records[1], "instructions": [instruction("rejected")]}
    story.records[1]["journal"] = [posting(1, "in_transit", "cash"), posting(2, "cash", "in_transit")]
    story.records[1]["next_acts"] = [{"subject": REFERENCE, "kind": "waits", "due_at": None, "owner": "salur"}]
    story.truth[1], story.truth[2] = [], story.truth[1]


def tampered(story: Story) -> None:
    days = story.days()
    days[2].record.events[2]["details"] = "{}"
    story.days = lambda: days  # type: ignore[method-assign]


def forgotten(story: Story) -> None:
    story.records[2]["events"].pop()
    story.last = {}


def claimed(story: Story, **other: Any) -> None:
    """On the last day tranche 1 is claimed back."""
    row = claim(**other)
    story.records[2]["receivables"] = [row]
    story.records[2]["journal"].append(posting(3, "receivable", "claims", row["amount_idr"], None))


def told(status: str) -> dict[str, Any]:
    """What a platform was given about tranche 1."""
    return {"participant_id": "P-1", "benefit": "incentive", "sequence": 1, "status": status, "notice": 1}


def deposited(story: Story) -> None:
    """The money of a payment that came back is with the treasury, after the last payment date."""
    story.truth[2] = [movement("return")]
    story.records[2]["instructions"] = [instruction("returned", reason_code="AC04")]
    story.records[2]["next_acts"] = [{"subject": REFERENCE, "kind": "deposited", "due_at": None, "owner": None}]
    story.records[2]["journal"] += [posting(3, "returned", "credited"), posting(4, "deposited", "returned")]
    row = {"deposit": "D000001", "corrects": None, "amount_idr": 600_000, "cash_idr": 0, "repaid_idr": 0}
    story.records[2]["deposits"] = [{**row, "returned_idr": 600_000}]
    story.records[2]["deposit_items"] = [{"deposit": "D000001", "end_to_end_id": REFERENCE}]


BROKEN: dict[str, tuple[Change, set[str]]] = {
    # what is changed in the honest programme: the claims that break
    "one payment credited twice": (paid_again, {"paid twice"}),
    "two attempts credited": (second_attempt_paid, {"paid twice", "asked twice", "paid not due"}),
    "a second attempt while the first stands": (again, {"asked twice", "paid not due"}),
    "a file given to the bank twice": (lambda s: s.truth[1].insert(0, s.truth[0][0]), {"sent twice"}),
    "money for what nobody asked": (unasked, {"paid unasked"}),
    "more than was asked": (lambda s: s.truth[1][1].update(amount_idr=600_001), {"wrong amount"}),
    "to another account": (lambda s: s.truth[1][1].update(participant_account="9900000999"), {"wrong account"}),
    "to a bank that is not the account's": (lambda s: s.truth[1][1].update(bank="bca"), {"wrong account"}),
    "credited in the record alone": (lambda s: s.truth[1].pop(), {"record against bank"}),
    "refused in the record alone": (lambda s: ended(s, "rejected"), {"record against bank", "money differs", "lost"}),
    "withdrawn though paid": (lambda s: ended(s, "withdrawn"), {"record against bank", "money differs"}),
    "a credit that nobody takes note of": (missed, {"lost", "money differs"}),
    "a return that nobody takes note of": (gone_back, {"lost", "money differs"}),
    "refused, and nobody goes on": (refused, {"lost"}),
    "due and never asked for": (no_instruction, {"lost"}),
    "revoked before it was decided": (
        lambda s: s.tables["participants"].append(
            known({**s.tables["participants"][0], "status": "revoked", "recorded_at": at(1)}, at(1))
        ),
        {"decided otherwise", "paid not due"},
    ),
    "on the blocklist": (
        lambda s: s.tables["blocklist"].append(known({"nik": NIK, "source": "x", "listed_on": date(2020, 9, 1)})),
        {"decided otherwise", "paid not due"},
    ),
    "a newer account was in force": (
        lambda s: s.tables["accounts"].append(known({**s.tables["accounts"][0], "version": 2}, at(1))),
        {"paid not due"},
    ),
    "an amount that no rule has": (
        lambda s: [set_all(s, "instructions", amount_idr=500_000), s.truth[1][1].update(amount_idr=500_000)],
        {"paid not due", "control sum", "journal"},
    ),
    "a day that the rules do not give": (
        lambda s: set_all(s, "entitlements", due_on=date(2020, 8, 11)),
        {"decided otherwise"},
    ),
    "nothing was decided for the period": (lambda s: s.runs.clear(), {"paid undecided"}),
    "known and not decided": (another_person, {"nobody is lost"}),
    "no consent": (no_consent, {"sent against the rules"}),
    "consent of the maker alone": (
        lambda s: s.records[0]["events"][2].update(actor="siti"),
        {"sent against the rules"},
    ),
    "consent to other bytes": (lambda s: set_all(s, "files", digest="e" * 64), {"sent against the rules"}),
    "consent of four days ago": (
        lambda s: [r["events"][2].update(at=at(2, 5) - timedelta(hours=72)) for r in s.records],
        {"sent against the rules"},
    ),
    "sent while stopped": (
        lambda s: insert_event(s, 3, at(2, 5), "ani", "stop", "sending"),
        {"sent against the rules"},
    ),
    "sent while on hold": (lambda s: insert_event(s, 3, at(2, 5), "ani", "hold", "P-1"), {"sent against the rules"}),
    "sent although withdrawn": (
        lambda s: insert_event(s, 3, at(2, 5), "ani", "withdrawn", BATCH),
        {"sent against the rules"},
    ),
    "executed after the last payment date": (
        lambda s: set_all(s, "files", execution_date=date(2021, 3, 6)),
        {"sent against the rules"},
    ),
    "an event changed": (tampered, {"chain broken"}),
    "an event gone": (forgotten, {"chain broken"}),
    "money that moves nowhere": (
        lambda s: s.records[0]["journal"].append(posting(9, "cash", "cash")),
        {"journal"},
    ),
    "a journal that is not what stands": (lambda s: s.records[2]["journal"].pop(), {"journal", "money differs"}),
    "funds that the journal has not": (lambda s: s.other.update(funded_idr=900_000), {"journal"}),
    "more than was funded": (
        lambda s: [
            s.other.update(funded_idr=500_000),
            [record["journal"].append(posting(8, "cash", "funder", 500_000, None)) for record in s.records],
        ],
        {"more than was funded", "journal"},
    ),
    "more claimed than was paid": (
        lambda s: claimed(s, amount_idr=1_200_000, open_idr=1_200_000),
        {"claims"},
    ),
    "claimed by one person alone": (lambda s: claimed(s, confirmed_by="siti"), {"claims"}),
    "fewer days to repay than the rule gives": (lambda s: claimed(s, repay_by=date(2020, 12, 2)), {"claims"}),
    "overdue before its time": (lambda s: claimed(s, state="overdue"), {"claims"}),
    "open, and not what is left of it": (lambda s: claimed(s, open_idr=500_000), {"claims", "journal"}),
    "a claim without its posting": (lambda s: s.records[2].update(receivables=[claim()]), {"journal"}),
    "deposited while it is owed": (deposited, {"deposited and owed"}),
    "deposited and paid all the same": (
        lambda s: s.records[2].update(deposit_items=[{"deposit": "D000001", "end_to_end_id": REFERENCE}]),
        {"deposited and paid", "deposited and owed"},
    ),
    "sent, and not known in the record": (lambda s: set_all(s, "files", state="drafted"), {"forgotten"}),
    "told as paid before it was": (lambda s: s.records[0].update(told=[told("berhasil")]), {"told otherwise"}),
    "paid and told as failed": (lambda s: s.records[2].update(told=[told("gagal")]), {"told otherwise"}),
    "a proof that does not hold": (
        lambda s: s.records[1]["proofs"][0].update(right_count=2, holds=False),
        {"proof"},
    ),
    "a proof that lies": (lambda s: s.records[1]["proofs"][0].update(holds=False), {"proof"}),
    "a control sum that is not": (lambda s: set_all(s, "files", control_sum_idr=1), {"control sum"}),
    "other bytes when made anew": (lambda s: s.last.update(derived_again={FILE: "0" * 64}), {"other bytes"}),
    "an instruction changed": (
        lambda s: s.records[2]["instructions"][0].update(account_version=2),
        {"history changed"},
    ),
    "a credit that is taken back by a word": (taken_back, {"moved back"}),
    "an end that is no end": (revived, {"moved back"}),
    "an instruction gone": (
        lambda s: s.records.__setitem__(
            2, {**s.records[2], "instructions": [], "journal": [], "files": [], "batches": []}
        ),
        {"history changed", "money differs", "lost", "forgotten"},
    ),
}


@pytest.mark.parametrize("lie", BROKEN)
def test_each_lie_breaks_its_claims_and_no_others(lie: str) -> None:
    change, broken = BROKEN[lie]
    story = honest()
    change(story)
    assert claims(story) == broken, judged(story)


def by_bank_fault(story: Story) -> None:
    paid_again(story)
    story.other["paid_by_bank_fault"] = frozenset({REFERENCE})


def refused_with_owner(story: Story) -> None:
    refused(story)
    story.records[2]["next_acts"] = [
        {"subject": REFERENCE, "kind": "needs_account", "due_at": None, "owner": "participant"}
    ]


def contradicted(story: Story) -> None:
    ended(story, "rejected")
    add_break(story)


def not_holding_with_break(story: Story) -> None:
    story.records[2]["proofs"][0].update(right_count=2, holds=False)
    add_break(story)


EXPLAINED: dict[str, Change] = {
    "a bank's own double booking": by_bank_fault,
    "a refusal that waits for the participant": refused_with_owner,
    "a contradiction with its open break": contradicted,
    "a proof that does not hold with its open break": not_holding_with_break,
}


@pytest.mark.parametrize("case", EXPLAINED)
def test_what_is_a_banks_doing_or_has_its_break_or_owner_breaks_no_claim(case: str) -> None:
    story = honest()
    EXPLAINED[case](story)
    assert judged(story) == []


def test_a_violation_is_told_once() -> None:
    story = honest()
    story.records[1]["proofs"][0].update(holds=False)
    story.records[2]["proofs"][0].update(holds=False)
    assert len(judged(story)) == 1


def test_the_judges_hash_of_an_event_is_the_chains() -> None:
    row = {**event(7, at(2), "siti", "released", BATCH, digest=DIGEST), "previous_hash": "a" * 64}
    ours = chain.event_hash(7, to_micros(row["at"]), "siti", "released", BATCH, row["details"], "a" * 64)
    assert event_hash(7, row) == ours
