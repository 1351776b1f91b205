"""What the banks really did, held against what was asked and what the record says of it."""

import itertools
from collections import Counter
from collections.abc import Iterator

from simulator.observed import Day, Row, Violation
from simulator.oracle.memory import SETTLED, WITHOUT_PAYMENT, Memory, Seen, entitlement_of, explained_idr, named


def judge_movements(day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """Each movement of money since the last day, in its order: paid once, to whom it was asked for, as much as was asked."""
    for movement in day.bank_credits[memory.movements :]:
        kind, reference = movement["kind"], movement["end_to_end_id"]
        if kind == "arrival" or (kind == "inquiry" and not day.is_restored):
            yield from _arrived(movement, memory)
        elif kind == "credit":
            yield from _credited(day, movement, seen, memory)
            memory.transfers[reference].credits += 1
            memory.transfers[reference].net_idr += movement["amount_idr"]
        elif kind == "return":
            memory.transfers[reference].returns += 1
            memory.transfers[reference].net_idr -= movement["amount_idr"]
        elif kind == "reversal":
            memory.transfers[reference].refusals += 1
        if kind in ("return", "reversal"):
            memory.transfers[reference].back_at = memory.transfers[reference].back_at or movement["at"]
        if kind in ("debit", "reversal", "return"):
            memory.bank_idr[movement["bank"]] += movement["amount_idr"] * (1 if kind == "debit" else -1)
    memory.movements = len(day.bank_credits)


def _arrived(movement: Row, memory: Memory) -> Iterator[Violation]:
    """A file reached its bank; a second time only if we sent it twice."""
    place = (movement["bank"], movement["message_id"])
    if movement["kind"] == "inquiry":
        memory.inquiries.add(movement["message_id"])
    memory.arrivals[place] += 1
    memory.arrived_at.setdefault(movement["message_id"], movement["at"])
    if memory.arrivals[place] > 1:
        yield Violation("sent twice", " ".join(place), f"the bank was given this file {memory.arrivals[place]} times")


def _credited(day: Day, movement: Row, seen: Seen, memory: Memory) -> Iterator[Violation]:
    reference, bank = movement["end_to_end_id"], movement["bank"]
    asked = seen.instructions.get(reference)
    if asked is None:
        yield Violation("paid unasked", reference, f"{bank} credited what no instruction of the record asks for")
        return
    entitlement = named(entitlement_of(asked))
    if reference not in day.paid_by_bank_fault:
        if memory.transfers[reference].credits:
            yield Violation("paid twice", entitlement, f"{reference} was credited a second time at {movement['at']}")
        if movement["amount_idr"] != asked["amount_idr"]:
            yield Violation(
                "wrong amount", entitlement, f"{reference}: {movement['amount_idr']} of {asked['amount_idr']}"
            )
    for other in seen.attempts[entitlement_of(asked)]:
        other_reference = other["end_to_end_id"]
        is_ours = not {other_reference, reference} & day.paid_by_bank_fault
        if other_reference != reference and memory.transfers[other_reference].stands and is_ours:
            yield Violation(
                "paid twice", entitlement, f"{reference} was credited while {other_reference} stands credited"
            )
    if not _is_account(day, asked, movement):
        yield Violation("wrong account", entitlement, f"{reference}: not version {asked['account_version']} of theirs")


def _is_account(day: Day, asked: Row, movement: Row) -> bool:
    """Whether the account credited is the participant's, of the version that was instructed."""
    theirs = {
        (row["channel"], _digits(row["account_number"]))
        for row in day.source_tables["accounts"]
        if (row["participant_id"], row["version"]) == (asked["participant_id"], asked["account_version"])
    }
    return (movement["bank"], _digits(movement["participant_account"])) in theirs


def _digits(number: str | None) -> str:
    """A number as compared: a wallet's with 0 or +62 before it is the same wallet's."""
    text = "".join(character for character in number or "" if character.isdigit())
    return text[2:] if text.startswith("628") else text.removeprefix("0") if text.startswith("08") else text


def judge_asked(day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """Never two attempts at once: a new one only when the last has ended, in the record and at the bank."""
    for entitlement, rows in seen.attempts.items():
        open_rows = [row for row in rows if row["state"] not in WITHOUT_PAYMENT]
        if len(open_rows) > 1:
            references = ", ".join(row["end_to_end_id"] for row in open_rows)
            yield Violation("asked twice", named(entitlement), f"open or paid at once: {references}")
        if [row["attempt"] for row in rows] != list(range(1, len(rows) + 1)):
            yield Violation("asked twice", named(entitlement), f"attempts {[row['attempt'] for row in rows]}")
        for earlier, later in itertools.pairwise(rows):
            reference = earlier["end_to_end_id"]
            stands = memory.transfers[reference].stands and reference not in day.paid_by_bank_fault
            if stands and later["end_to_end_id"] in seen.new:
                yield Violation("asked twice", named(entitlement), f"{reference} stands credited and was asked anew")


def judge_history(_day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """What was once asked for is never changed or gone, what was paid can only come back, and an end is an end."""
    for reference, before in memory.instructions.items():
        now = seen.instructions.get(reference)
        if now is None:
            yield Violation("history changed", reference, "an instruction is gone from the record")
        elif any(now[name] != before[name] for name in _FIXED):
            yield Violation("history changed", reference, "an instruction was changed")
        elif before["state"] == "credited" and now["state"] not in ("credited", "returned"):
            yield Violation("moved back", reference, f"credited on the day before, now {now['state']}")
        elif before["state"] in WITHOUT_PAYMENT and now["state"] != before["state"]:
            yield Violation("moved back", reference, f"ended as {before['state']}, now {now['state']}")


_FIXED = (
    "participant_id",
    "benefit",
    "sequence",
    "attempt",
    "period",
    "amount_idr",
    "channel",
    "account_version",
    "file_name",
)


def judge_states(day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """The record never says paid what was not, nor ended what the recipient has; what a bank contradicts has its open break."""
    for reference, row in seen.instructions.items():
        transfer, state = memory.transfers[reference], row["state"]
        is_known = reference in day.paid_by_bank_fault or reference in seen.under_break
        where = f"state {state}, code {row['reason_code']}, file {row['file_name']}"
        if state == "credited" and not transfer.credits and reference not in day.paid_by_bank_fault:
            yield Violation("record against bank", reference, f"{where}: the bank never credited it")
        elif state in WITHOUT_PAYMENT and transfer.stands and not is_known:
            yield Violation("record against bank", reference, f"{where}: the recipient has the money")
        elif day.is_final_day:
            yield from _unfinished(row, where, seen, memory)


def _unfinished(row: Row, where: str, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """At the end each payment stands where the bank has it, or an open break or an act to come says who looks at it."""
    transfer, state = memory.transfers[row["end_to_end_id"]], row["state"]
    if transfer.stands:
        is_right = state in SETTLED
    elif transfer.returns:
        is_right = state in ("returned", "rejected")  # a bank that told of no credit has refused it, by what is known
    else:
        is_right = state in WITHOUT_PAYMENT
    if not is_right and not seen.is_named(row):
        what = f"{transfer.credits} credits, {transfer.returns} returns, {transfer.refusals} refusals at the bank"
        yield Violation(
            "lost", f"{named(entitlement_of(row))} {row['end_to_end_id']}", f"{where}; {what}; no break, no act"
        )


def judge_ends(day: Day, seen: Seen, _memory: Memory) -> Iterator[Violation]:
    """Whatever ended without paying goes on: as the next attempt, as an act to come, or with its owner."""
    for entitlement, rows in seen.attempts.items():
        last = next((row for row in reversed(rows) if row["state"] != "withdrawn"), rows[-1])
        if last["state"] in ("rejected", "returned", "never_arrived") and not seen.is_named(last):
            yield Violation(
                "lost", f"{named(entitlement)} {last['end_to_end_id']}", f"{last['state']}, and nobody goes on with it"
            )
    if day.is_final_day:
        yield from _due_unasked(day, seen)


def _due_unasked(day: Day, seen: Seen) -> Iterator[Violation]:
    """Due in the last decision about them, and neither asked for nor with anybody."""
    last = {(row["participant_id"], row["benefit"]): row for row in sorted(day.record.entitlements, key=_by_period)}
    for row in last.values():
        entitlement = entitlement_of(row)
        asked = any(one["state"] != "withdrawn" for one in seen.attempts.get(entitlement, ()))
        if row["decision"] == "due" and not asked and not seen.is_left_out(entitlement, row["period"]):
            yield Violation("lost", named(entitlement), f"due in {row['period']}, not instructed, no act to come")


def _by_period(row: Row) -> str:
    return str(row["period"])


def judge_sums(day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """What left our accounts at a bank, less what it gave back, is what the journal has there; once all is known."""
    committed = sum(row["amount_idr"] for row in seen.instructions.values() if row["state"] not in WITHOUT_PAYMENT)
    committed += sum(row["cash_idr"] + row["returned_idr"] for row in day.record.deposits)
    if day.funded_idr is not None and committed > day.funded_idr:
        yield Violation("more than was funded", "funds", f"{committed} asked for or paid of {day.funded_idr}")
    if not day.is_final_day:
        return
    ours: Counter[str] = Counter()
    for row in day.record.journal:
        for side, sign in (("debit", 1), ("credit", -1)):
            if row[side] in SETTLED:
                ours[row["channel"]] += sign * row["amount_idr"]
    for bank in sorted(memory.bank_idr.keys() | ours.keys()):
        difference, explained = memory.bank_idr[bank] - ours[bank], _explained(bank, day, seen, memory)
        if difference and abs(difference) <= explained:
            memory.exempt.add(("money differs", bank))
        elif difference:
            what = f"{memory.bank_idr[bank]} left the account, the journal has {ours[bank]}, breaks explain {explained}"
            yield Violation("money differs", bank, what)


def _explained(bank: str, day: Day, seen: Seen, memory: Memory) -> int:
    """Payments that stand otherwise at the bank and are named for it, and what the bank's breaks say of others' money."""
    amounts = {name: row["amount_idr"] for name, row in seen.instructions.items()}
    total = explained_idr((row for row in seen.open_breaks if row["bank"] == bank), amounts)
    for reference, row in seen.instructions.items():
        if row["channel"] == bank and (seen.is_named(row) or reference in day.paid_by_bank_fault):
            here = row["amount_idr"] if row["state"] in SETTLED else 0
            total += abs(memory.transfers[reference].net_idr - here)
    return total
