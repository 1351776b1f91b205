"""What the record says of itself: its chain, its journal, its proofs, its files, and that nothing left against the brakes."""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from simulator.observed import Day, Row, Violation
from simulator.oracle.memory import Brakes, Memory, Seen, explained_idr
from simulator.oracle.plain_rules import last_payment_date

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
CONSENT_HOURS: Final = 72


def judge_chain(day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """Every event bears the hash of the one before, re-hashed here; on the last day from the first event on."""
    first = 0 if day.is_final_day else memory.events
    previous = "0" * 64 if day.is_final_day else memory.chain_head
    for number, event in enumerate(day.record.events[first:], first + 1):
        again = event_hash(number, event)
        if event["seq"] != number or event["previous_hash"] != previous or event["hash"] != again:
            yield Violation("chain broken", f"event {number}", "its hash is not that of its content and the one before")
            break
        previous = event["hash"]
        if number > memory.events:
            yield from _against_brakes(event, day, seen, memory)
    if len(day.record.events) < memory.events:
        yield Violation("chain broken", f"event {memory.events}", "events are gone")
    memory.events, memory.chain_head = len(day.record.events), previous


def event_hash(number: int, event: Row) -> str:
    """SHA-256 over the event's fields as a JSON list, the number first and the hash before last, as the contract has it."""
    at_us = (event["at"] - _EPOCH) // timedelta(microseconds=1)
    fields = [number, at_us, *(event[name] for name in ("actor", "kind", "subject", "details", "previous_hash"))]
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


# --- consent, holds, stops, last days: as they stood in the record when the sending of a file was begun ----------------------


def _against_brakes(event: Row, day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    kind, subject = event["kind"], event["subject"]
    if kind == "submission_intended":
        for found in _sent(event, day, seen, memory):
            yield Violation("sent against the rules", subject, found)
    else:
        _note(event, memory.brakes)


def _note(event: Row, brakes: Brakes) -> None:
    kind, subject = event["kind"], event["subject"]
    if kind == "released":
        brakes.consents[subject].append((json.loads(event["details"])["digest"], event["actor"], event["at"]))
    elif kind == "reissue":
        _agreed(event, brakes)
    elif kind == "instructed":
        brakes.made[subject] = event["seq"]
    elif kind == "withdrawn":
        brakes.withdrawn.add(subject)
    elif kind in ("stop", "resume"):
        brakes.is_stopped = kind == "stop"
    elif kind == "hold":
        brakes.held.add(subject)
    elif kind == "unhold":
        brakes.held.discard(subject)


def _agreed(event: Row, brakes: Brakes) -> None:
    """One proposes that an ended attempt be asked for again, another approves; whoever proposes again begins anew."""
    act, subject, person = json.loads(event["details"])["act"], event["subject"], event["actor"].strip().casefold()
    proposer = brakes.proposed.pop(subject, None)
    if act == "propose":
        brakes.proposed[subject] = person
    elif act == "approve" and proposer not in (None, person):
        brakes.agreed.setdefault(subject, event["seq"])


def _sent(event: Row, day: Day, seen: Seen, memory: Memory) -> Iterator[str]:
    """What speaks against this sending, by the record or by what the operators were told on the day before and on this one."""
    file, brakes = seen.files[event["subject"]], memory.brakes
    if brakes.is_stopped or (memory.is_stopped and day.stopped):
        yield "sending is stopped"
    if file["batch"] in brakes.withdrawn:
        yield "its batch was withdrawn"
    consents = [
        at
        for digest, person, at in brakes.consents[file["batch"]]
        if digest == file["digest"] and person != file["maker"]
    ]
    if not any(event["at"] - at <= timedelta(hours=CONSENT_HOURS) for at in consents):
        yield f"no consent of a second person to its digest in {CONSENT_HOURS} hours"
    mine = [row for row in seen.instructions.values() if row["file_name"] == event["subject"]]
    if held := sorted({row["participant_id"] for row in mine} & (brakes.held | (memory.held & day.held_people))):
        yield f"{held[0]} is on hold"
    waves = {row["participant_id"]: row.get("wave") for row in day.source_tables["participants"]}
    for row in mine:
        last = last_payment_date(waves.get(row["participant_id"]))
        if last is not None and file["execution_date"] > last:
            yield f"{row['participant_id']}: executed after the last payment date {last}"


# --- journal, proofs, files ---------------------------------------------------------------------------------------------


_PAYING: Final = ("cash", "in_transit", "debited", "credited", "returned")
_WAYS: Final = frozenset(
    {frozenset(pair) for pair in itertools.combinations(_PAYING, 2)}
    | {frozenset(("funder", "cash")), frozenset(("receivable", "claims")), frozenset(("receivable", "repaid"))}
    | {frozenset(("deposited", account)) for account in ("cash", "returned", "repaid")}
)
"""Between which two accounts money moves at all."""
_WITHOUT_MONEY: Final = frozenset({"drafted", "released", "withdrawn", "rejected", "never_arrived"})
"""States of an attempt beside which what an earlier one brought back is still kept."""


def judge_journal(day: Day, seen: Seen, _memory: Memory) -> Iterator[Violation]:
    """Added up again: each row moves a positive amount between two accounts, and the accounts agree with what they are made of."""
    balances: Counter[str] = Counter()
    ways: Counter[tuple[str, str]] = Counter()
    for row in day.record.journal:
        if row["amount_idr"] <= 0 or frozenset((row["debit"], row["credit"])) not in _WAYS:
            yield Violation("journal", f"row {row['seq']}", f"moves nothing from {row['credit']} to {row['debit']}")
        if row.get("evidence") in day.forged:
            yield Violation("forged and believed", f"row {row['seq']}", f"{row['credit']} to {row['debit']}")
        balances[row["debit"]] += row["amount_idr"]
        balances[row["credit"]] -= row["amount_idr"]
        ways[row["debit"], row["credit"]] += row["amount_idr"]
        ways[row["credit"], row["debit"]] -= row["amount_idr"]
    standing: Counter[str] = Counter()
    for row in day.record.instructions:
        standing[row["state"]] += row["amount_idr"]
    expected = {
        "credited": standing["credited"],
        "debited": standing["debited"],
        "in_transit": standing["unknown"] + standing["submitted"] + standing["accepted"],
        "returned": sum(map(_kept, seen.attempts.values())) - ways["deposited", "returned"],
    }
    for account, amount in expected.items():
        if balances[account] != amount:
            yield Violation("journal", account, f"{balances[account]} by its rows, {amount} by what stands there")
    for account in ("returned", "receivable", "repaid", "deposited"):
        if balances[account] < 0:
            yield Violation("journal", account, f"{balances[account]}: more went out of it than came in")
    if day.funded_idr is not None and -balances["funder"] != day.funded_idr:
        yield Violation("journal", "funder", f"{-balances['funder']} by its rows, {day.funded_idr} handed over")


def _kept(attempts: list[Row]) -> int:
    """What came back of an entitlement and no later attempt has taken along: whole rupiah."""
    last = max((place for place, row in enumerate(attempts) if row["state"] == "returned"), default=None)
    if last is None or any(row["state"] not in _WITHOUT_MONEY for row in attempts[last + 1 :]):
        return 0
    return int(attempts[last]["amount_idr"])


def judge_proofs(day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """Each side is what it is said to be, and what does not hold has an open break that can explain it."""
    for row in day.record.proofs:
        is_equal = (row["left_count"], row["left_idr"]) == (row["right_count"], row["right_idr"])
        about = f"{row['stage']} {row['scope']}"
        if bool(row["holds"]) != is_equal:
            yield Violation("proof", about, "says otherwise than its two sides")
        if not is_equal and _explains(row, seen):
            memory.exempt.add(("proof", about))
        elif not is_equal:
            sides = f"{row['left_count']}/{row['left_idr']} and {row['right_count']}/{row['right_idr']}"
            yield Violation("proof", about, f"does not hold ({sides}) and no open break explains it")


def _explains(proof: Row, seen: Seen) -> bool:
    """A file's is explained by a break about the file or a payment in it, a bank's by as much money as its breaks are about,
    a statement's sum by the bank's break that says so; no other by any.
    """
    stage, scope, difference = proof["stage"], str(proof["scope"]), abs(proof["left_idr"] - proof["right_idr"])
    if scope in seen.files:
        of_file = {scope, *(name for name, row in seen.instructions.items() if row["file_name"] == scope)}
        return bool(of_file & seen.under_break)
    mine = [row for row in seen.open_breaks if row["bank"] == scope.split()[0]]
    if stage == "statement":
        return any(row["kind"] in _OF_STATEMENTS for row in mine)
    return bool(mine) and 0 < difference <= explained_idr(mine, {})


_OF_STATEMENTS: Final = frozenset({"statement_arithmetic", "statement_gap", "statement_conflict"})


def judge_files(day: Day, seen: Seen, _memory: Memory) -> Iterator[Violation]:
    """Counts and sums of files and batches are those of their instructions; files made anew are the same bytes."""
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for row in seen.instructions.values():
        for name in (row["file_name"], row["batch"]):
            counts[name] += 1
            sums[name] += row["amount_idr"]
    own = [(row["file_name"], row) for row in seen.files.values() if not row["is_companion"]]
    for name, row in [*own, *((row["batch"], row) for row in day.record.batches)]:
        if (row["transaction_count"], row["control_sum_idr"]) != (counts[name], sums[name]):
            yield Violation("control sum", name, f"{row['control_sum_idr']} stated, {sums[name]} by its instructions")
    for name, digest in day.derived_again.items():
        if name not in seen.files or seen.files[name]["sha256"] != digest:
            yield Violation("other bytes", name, "made anew from the record, the file is another")
