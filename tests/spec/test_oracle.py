"""The judge of simulated programmes: it says nothing of an honest one, and each of its claims can be broken by one lie."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import chain
from ledger.instants import to_micros
from simulator.observed import CutOff, Violation
from simulator.oracle import Oracle
from simulator.oracle.record import event_hash
from simulator.world import BankLine, Plan, World
from tests.lib.judged_days import (
    BATCH,
    CUT_OFF,
    DIGEST,
    FILE,
    NIK,
    PERIOD,
    REFERENCE,
    SECOND,
    Change,
    Story,
    add_break,
    again,
    at,
    claim,
    ended,
    event,
    honest,
    insert_event,
    instruction,
    known,
    movement,
    posting,
    refused,
    set_all,
)
from treasury.worlds import HomePipeline, settle


def judged(story: Story) -> list[Violation]:
    oracle = Oracle()
    return [violation for day in story.days() for violation in oracle(day)]


def claims(story: Story) -> set[str]:
    return {violation.claim for violation in judged(story)}


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


def waits(story: Story, on: date | None, owner: str | None = "salur", kind: str = "waits") -> None:
    """Refused, and the record names this act as what comes next."""
    refused(story)
    story.records[2]["next_acts"] = [{"subject": REFERENCE, "kind": kind, "due_at": on, "owner": owner}]


def comes_by_itself(story: Story, kind: str = "due", **left_out: Any) -> None:
    """Refused a day earlier, and so shown on two days, while another run decides and instructs between them."""
    waits(story, None, kind=kind)
    story.truth = [story.truth[0] + story.truth[1], [], []]
    story.records[1] = {**story.records[2]}
    if left_out:
        about = {"subject": "P-1 incentive 1", "kind": "on_hold", "due_at": None, "owner": "treasury", **left_out}
        story.records[2]["next_acts"] = [*story.records[2]["next_acts"], about]
    story.runs.append(CutOff(PERIOD, CUT_OFF, at(4)))
    story.last = {"instructs_run": [(PERIOD, at(4))]}


def withdrawn_for_good(story: Story, **left_out: Any) -> None:
    """Its batch was withdrawn before it was sent, and nobody made another."""
    for record in story.records:
        for table in ("journal", "proofs"):
            record[table] = []
        record["events"] = record["events"][:2]
        record["instructions"] = [instruction("withdrawn")]
    if left_out:
        about = {"subject": "P-1 incentive 1", "kind": "on_hold", "due_at": None, "owner": "treasury", **left_out}
        story.records[2]["next_acts"] = [about]
    story.truth = [[], [], []]


NEXT, FOURTH = "2020-10", at(4)


def reissued(
    story: Story, code: str, *agreed: tuple[str, str], decided: datetime = FOURTH, subject: str = REFERENCE
) -> None:
    """Refused with this code on the third; on the next day the second attempt is decided and made, after what people agreed."""
    refused(story)
    first = instruction("rejected", reason_code=code)
    act = {"subject": REFERENCE, "kind": "needs_person", "due_at": None, "owner": "treasury"}
    story.records[1].update(instructions=[first], journal=story.records[2]["journal"][:], next_acts=[act])
    story.records[2]["instructions"] = [first]
    again(story, period=NEXT)
    story.runs.append(CutOff(NEXT, decided, at(4)))
    tranche, survey = story.records[2]["entitlements"]
    second = {**tranche, "period": NEXT, "sequence": 2, "due_on": date(2020, 9, 10)}
    story.records[2]["entitlements"] += [second, {**survey, "period": NEXT}]
    for person, what in agreed:
        story.records[2]["events"].append(event(0, at(3, 9), person, "reissue", subject, act=what))
    story.records[2]["events"].append(event(0, at(4), "siti", "instructed", "B-2"))
    for number, row in enumerate(story.records[2]["events"], 1):
        row["seq"] = number


PROPOSED, APPROVED = ("siti", "propose"), ("budi", "approve")


def short_of_money(story: Story, funded_idr: int) -> None:
    """Decided with so much money, and held for want of it."""
    no_instruction(story)
    story.other.update(funded_idr=funded_idr)
    story.runs[:] = [CutOff(PERIOD, CUT_OFF, at(2), funded_idr)]
    for record in story.records:
        record["journal"] = [posting(1, "cash", "funder", funded_idr)]
        record["entitlements"][0].update(decision="held", reasons="funds_short")


def one_of_two_held(story: Story, held: str, funded_idr: int) -> None:
    """P-2 is due as P-1 is, and behind P-1 in the order of money; `held` got none of it."""
    short_of_money(story, funded_idr)
    for table, other in {
        "participants": {"nik": "3273014101909002", "kk": "3273010101109002"},
        "accounts": {"account_number": "9900000102", "owner_nik": "3273014101909002"},
        "completions": {"completion_id": "C-2"},
    }.items():
        story.tables[table].append({**story.tables[table][0], "participant_id": "P-2", **other})
    for record in story.records:
        record["entitlements"] += [{**row, "participant_id": "P-2"} for row in record["entitlements"]]
        for row in record["entitlements"]:
            if row["benefit"] == "incentive" and row["participant_id"] != held:
                row.update(decision="due", reasons="")
                about = {"subject": f"{row['participant_id']} incentive 1", "kind": "on_hold", "period": PERIOD}
                record["next_acts"] = [{**about, "due_at": None, "owner": "treasury"}]


def returned(story: Story, *kept: dict[str, Any]) -> None:
    """Credited, reported, and sent back on the last day: whoever owns it needs another account; its money is posted so."""
    story.records[1] = {**story.records[2]}
    gone_back(story)
    story.records[2] = {**story.records[2], "instructions": [instruction("returned", reason_code="AC04")]}
    story.records[2]["journal"] = [*story.records[2]["journal"], *kept]
    act = {"subject": REFERENCE, "kind": "needs_account", "due_at": None, "owner": "participant"}
    story.records[2]["next_acts"] = [act]


def sent_a_day_later(story: Story) -> None:
    """The sending is of the second day; on the first the batch waits."""
    first = story.records[0]
    first.update(instructions=[instruction("released")], journal=[], events=first["events"][:3])
    story.truth[:2] = [[], story.truth[0] + story.truth[1]]


def agreed_too_late(story: Story) -> None:
    reissued(story, "AM05", PROPOSED, APPROVED)
    events = story.records[2]["events"]
    events.append({**events.pop(-2), "seq": len(events) + 1})
    events[-2]["seq"] -= 1


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
    "withdrawn though paid": (lambda s: ended(s, "withdrawn"), {"record against bank", "money differs", "lost"}),
    "a credit that nobody takes note of": (missed, {"lost", "money differs"}),
    "a return that nobody takes note of": (gone_back, {"lost", "money differs"}),
    "refused, and nobody goes on": (refused, {"lost"}),
    "refused, and its day is long past": (lambda s: waits(s, date(2019, 1, 1)), {"lost"}),
    "refused, and its day had come when it was last decided": (lambda s: waits(s, date(2020, 9, 30)), {"lost"}),
    "refused, and what comes next has no day and nobody": (lambda s: waits(s, None, None), {"lost"}),
    "refused, and said to have lapsed": (lambda s: waits(s, None, "", "lapsed"), {"lost"}),
    "refused, and said to be deposited": (lambda s: waits(s, None, "", "deposited"), {"lost"}),
    "due again, and not instructed since": (comes_by_itself, {"lost"}),
    "due again, and left out of another period": (lambda s: comes_by_itself(s, period="2020-08"), {"lost"}),
    "ended, and not decided since": (lambda s: comes_by_itself(s, "undecided"), {"lost"}),
    "withdrawn, due and never asked again": (withdrawn_for_good, {"lost"}),
    "withdrawn, due, and left out of another period": (lambda s: withdrawn_for_good(s, period="2020-08"), {"lost"}),
    "again a day after a full wallet": (lambda s: reissued(s, "AM02"), {"paid not due"}),
    "again in the month of a monthly limit": (lambda s: reissued(s, "AM14", decided=at(31)), {"paid not due"}),
    "again before the bank refused it": (lambda s: reissued(s, "TM01", decided=at(3)), {"paid not due"}),
    "again though it may be paid already": (lambda s: reissued(s, "AM05"), {"paid not due"}),
    "again with a proposal alone": (lambda s: reissued(s, "AM05", PROPOSED), {"paid not due"}),
    "again with one person's agreement": (
        lambda s: reissued(s, "AM05", PROPOSED, ("Siti ", "approve")),
        {"paid not due"},
    ),
    "again with an approval of nothing": (lambda s: reissued(s, "AM05", APPROVED), {"paid not due"}),
    "again with the agreement given afterwards": (agreed_too_late, {"paid not due"}),
    "again with an agreement to the file": (
        lambda s: reissued(s, "AM05", PROPOSED, APPROVED, subject=FILE),
        {"paid not due"},
    ),
    "again after a code that is in no list": (lambda s: reissued(s, "ZZ99"), {"paid not due"}),
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
    "money for one behind, and none for the one before": (
        lambda s: one_of_two_held(s, "P-1", 599_999),
        {"funds out of order"},
    ),
    "held though the money is there": (lambda s: short_of_money(s, 600_000), {"held without need"}),
    "a return posted as free money": (
        lambda s: returned(s, posting(3, "cash", "credited")),
        {"journal"},
    ),
    "a claim out of what came back": (
        lambda s: returned(s, posting(3, "returned", "credited"), posting(4, "receivable", "returned", 999)),
        {"journal"},
    ),
    "repaid by nobody": (
        lambda s: s.records[2]["journal"].append(posting(9, "receivable", "repaid")),
        {"journal"},
    ),
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
    "a period that does not add up, beside another's break": (
        lambda s: [
            s.records[2]["proofs"][0].update(right_count=2, holds=False, scope=f"{PERIOD} incentive"),
            add_break(s, kind="contradiction", end_to_end_id="E_OTHER", file_name="OTHER"),
        ],
        {"proof"},
    ),
    "a bank that does not add up by more than its breaks": (
        lambda s: [
            s.records[2]["proofs"][0].update(right_idr=1, holds=False, scope="bni", stage="statement_debits"),
            add_break(s, kind="unknown_to_us", end_to_end_id=None, file_name=None, amount_idr=1_000),
        ],
        {"proof"},
    ),
    "a debit beyond what any break is about": (
        lambda s: [
            s.truth[1][0].update(amount_idr=9_000_000),
            add_break(s, kind="date_outside_window", end_to_end_id="E_OTHER", file_name="OTHER", amount_idr=10**8),
            add_break(s, kind="unknown_to_us", end_to_end_id=None, file_name=None, amount_idr=1_000),
        ],
        {"money differs"},
    ),
    "a payment lost beside a break of another in its file": (
        lambda s: [refused(s), add_break(s, end_to_end_id="E_OTHER")],
        {"lost"},
    ),
    "a forged file that is believed": (
        lambda s: [s.other.update(forged=frozenset({"f" * 64})), s.records[2]["journal"][1].update(evidence="f" * 64)],
        {"forged and believed"},
    ),
    "sent while the operators were told that sending is stopped": (
        lambda s: [s.other.update(stopped=True), sent_a_day_later(s)],
        {"sent against the rules"},
    ),
    "sent while the operators were told that they are on hold": (
        lambda s: [s.other.update(held_people=frozenset({"P-1"})), sent_a_day_later(s)],
        {"sent against the rules"},
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
    "a refusal whose day has not come": lambda s: waits(s, date(2020, 10, 10)),
    "due again and left out with its reason": lambda s: comes_by_itself(s, period=PERIOD),
    "withdrawn, due again and left out with its reason": lambda s: withdrawn_for_good(s, period=PERIOD),
    "money for the one before, and none for one behind": lambda s: one_of_two_held(s, "P-2", 600_000),
    "held for want of money": lambda s: short_of_money(s, 599_999),
    "a return that is kept for its owner": lambda s: returned(s, posting(3, "returned", "credited")),
    "a bank that does not add up by what its break is about": lambda s: [
        s.records[2]["proofs"][0].update(right_idr=599_000, holds=False, scope="bni", stage="statement_debits"),
        add_break(s, kind="unknown_to_us", end_to_end_id=None, file_name=None, amount_idr=1_000),
    ],
    "a debit beyond ours with its break": lambda s: [
        s.truth[1][0].update(amount_idr=601_000),
        add_break(s, kind="unknown_to_us", end_to_end_id=None, file_name=None, amount_idr=1_000),
    ],
    "again a day after a time-out": lambda s: reissued(s, "TM01"),
    "again a week after a full wallet": lambda s: reissued(s, "AM02", decided=at(10)),
    "again from the first of the next month": lambda s: reissued(s, "AM14", decided=at(1, month=11)),
    "again as two people agreed": lambda s: reissued(s, "AM05", PROPOSED, APPROVED),
    "again once our own trouble with the file is mended": lambda s: reissued(
        s, "AM04", PROPOSED, APPROVED, subject=FILE
    ),
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


def test_data_checks_of_which_the_library_says_otherwise_break_a_claim(tmp_path: Path) -> None:
    """A world without people and without days: what is left of it is its end, where both engines are asked."""

    def differing(home: Path, start: date, lines: Mapping[str, BankLine], seed: int) -> HomePipeline:
        pipeline = settle(home, start, lines, seed, asks_library=False)
        pipeline.checks_differing = lambda: ["participants.v1"]
        return pipeline

    world = World(Plan(5, 1, ()), tmp_path, differing, Oracle())
    world.days = 0
    found = [(violation.claim, violation.subject) for violation in world.play().violations]
    world.pipeline.restart()
    assert found == [("checks agree", "participants.v1")]


def test_the_judges_hash_of_an_event_is_the_chains() -> None:
    row = {**event(7, at(2), "siti", "released", BATCH, digest=DIGEST), "previous_hash": "a" * 64}
    ours = chain.event_hash(7, to_micros(row["at"]), "siti", "released", BATCH, row["details"], "a" * 64)
    assert event_hash(7, row) == ours
