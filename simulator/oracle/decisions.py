"""Who was decided to be due, and who was instructed, held against the plain reading of the rules."""

from collections import defaultdict
from collections.abc import Collection, Iterator

from simulator.observed import CutOff, Day, Row, Violation
from simulator.oracle.memory import WITHOUT_PAYMENT, Entitlement, Memory, Seen, entitlement_of, named
from simulator.oracle.plain_remedies import OUR_FILE, against_the_next, remedy_of
from simulator.oracle.plain_rules import (
    INCENTIVE,
    REFUSING,
    SURVEY_IDR,
    TRANCHE_IDR,
    Instructed,
    Known,
    Reading,
    jakarta_day,
    last_payment_date,
)

FUNDS_SHORT = frozenset({"funds_short"})
_NOT_CREDITED = "first_tranche_not_credited"
_WAITING = frozenset({_NOT_CREDITED, "not_yet_due"})


def judge_decisions(day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """Each period decided since the last day, as last decided, against the rules; and all that was newly instructed."""
    last = {run.period: place for place, run in enumerate(seen.runs)}
    for place in last.values():
        earlier = {other for other, at in last.items() if at < place}
        known = _known(day, seen.runs[place], seen, memory, earlier)
        yield from _of_period(day, known, seen, memory)
        yield from _held_without_need(day, seen.runs[place], known, seen, memory)
    for reference, row in seen.new.items():
        if row["period"] not in last:
            run = next((run for run in reversed(day.cut_offs_run) if run.period == row["period"]), None)
            if run is None:
                about = named(entitlement_of(row))
                yield Violation("paid undecided", about, f"{reference}: nothing is decided for {row['period']}")
            else:
                yield from _not_due(
                    reference, row, _known(day, run, seen, memory, set()), seen, memory, day.paid_by_bank_fault
                )


def _known(day: Day, run: CutOff, seen: Seen, memory: Memory, earlier: set[str]) -> Known:
    """What was known when it was decided: rows that had come, what was shown on the day before or instructed earlier today."""
    tables = {name: [row for row in rows if row["arrived_at"] <= run.at] for name, rows in day.source_tables.items()}
    rows = [*memory.instructions.values(), *(row for row in seen.new.values() if row["period"] in earlier)]
    instructed: dict[tuple[str, str], dict[int, Instructed]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: (row["sequence"], row["attempt"])):
        if row["state"] != "withdrawn":
            first = Instructed(row["period"], row["due_on"])
            instructed[row["participant_id"], row["benefit"]].setdefault(row["sequence"], first)
    refused = {
        (row["participant_id"], row["account_version"])
        for row in memory.instructions.values()
        if row["state"] in ("rejected", "returned") and row["reason_code"] in REFUSING
    }
    return Known(tables, run.period, run.cut_off, dict(instructed), refused, dict(memory.credited_at))


def _of_period(day: Day, known: Known, seen: Seen, memory: Memory) -> Iterator[Violation]:
    shown = {
        (row["participant_id"], row["benefit"]): row for row in day.record.entitlements if row["period"] == known.period
    }
    # What is withdrawn today may have been so before or after it was decided.
    moved = {
        row["participant_id"]
        for reference, row in seen.instructions.items()
        if row["state"] == "withdrawn" and memory.instructions.get(reference, {}).get("state") != "withdrawn"
    }
    for key, reading in known.readings().items():
        if key[0] not in moved:
            yield from _differs(known, key, reading, shown.get(key), day.funded_idr is not None)
    yield from _out_of_order(known, shown)
    for reference, row in seen.new.items():
        if row["period"] == known.period and row["participant_id"] not in moved:
            yield from _not_due(reference, row, known, seen, memory, day.paid_by_bank_fault)


def _differs(
    known: Known, key: tuple[str, str], reading: Reading, shown: Row | None, keeps_funds: bool
) -> Iterator[Violation]:
    """A decision of the record against the reading of the rules."""
    about = f"{key[0]} {key[1]} {known.period}"
    if shown is None:
        yield Violation("nobody is lost", about, "was known when it was decided, and there is no decision")
        return
    reasons = frozenset(str(shown["reasons"]).split(";")) - {""}
    decision = str(shown["decision"])
    if keeps_funds and decision == "held" and reasons == FUNDS_SHORT:
        decision, reasons = "due", frozenset()  # whether money reaches them is asked for all together
    reading = _as_credited(reading) if _NOT_CREDITED not in reasons and key[0] in known.credited_at else reading
    ours = (reading.decision, reading.sequence, reading.amount_idr, reading.reasons)
    theirs = (decision, shown["sequence"], shown["amount_idr"], reasons)
    if ours != theirs:
        yield Violation("decided otherwise", about, f"the record has {_told(*theirs)}, the rules say {_told(*ours)}")
    elif key[1] == INCENTIVE and reading.due_on != shown["due_on"]:
        yield Violation("decided otherwise", about, f"due on {shown['due_on']}, by the rules on {reading.due_on}")


def _told(decision: str, sequence: int, amount_idr: int, reasons: frozenset[str]) -> str:
    return f"{decision} {sequence} {amount_idr} [{';'.join(sorted(reasons))}]"


def _as_credited(reading: Reading) -> Reading:
    """A survey's reading where tranche 1 was credited by the bank's own day, although it was told later than the cut-off."""
    if _NOT_CREDITED not in reading.reasons:
        return reading
    reasons = reading.reasons - _WAITING
    if "survey_not_completed" in reasons:
        return reading._replace(reasons=reasons | {"not_yet_due"})
    decision = reading.decision if reading.decision != "not_due" else "held" if reasons else "due"
    return reading._replace(decision=decision, reasons=reasons)


def _out_of_order(known: Known, shown: dict[tuple[str, str], Row]) -> Iterator[Violation]:
    """Money goes in the order of due_on, accepted_on, participant; nobody is passed over."""
    waiting = _in_order(known, shown)
    short = next((place for place, row in enumerate(waiting) if row["decision"] == "held"), len(waiting))
    for row in waiting[short:]:
        if row["decision"] == "due":
            about = f"{row['participant_id']} {row['benefit']}"
            yield Violation("funds out of order", about, f"{known.period}: got what an earlier one did not")


def _in_order(known: Known, shown: dict[tuple[str, str], Row]) -> list[Row]:
    """The decisions of a period that ask for money anew, or would but for it, in the order in which it reaches them."""

    def is_kept(key: tuple[str, str]) -> bool:
        return any(first.period == known.period for first in known.instructed.get(key, {}).values())

    asking = [
        row
        for key, row in shown.items()
        if (row["decision"] == "due" or row["reasons"] == "funds_short") and not is_kept(key)
    ]
    return sorted(
        asking,
        key=lambda row: (
            row["due_on"],
            known.people[row["participant_id"]]["accepted_on"],
            row["participant_id"],
            row["benefit"],
        ),
    )


def _held_without_need(day: Day, run: CutOff, known: Known, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """Whoever is first held for want of money asks for more than was left."""
    if run.funded_idr is None:
        return
    left = run.funded_idr - _taken_idr(day, known.period, seen, memory)
    shown = {
        (row["participant_id"], row["benefit"]): row for row in day.record.entitlements if row["period"] == known.period
    }
    for row in _in_order(known, shown):
        if row["decision"] == "held":
            if row["amount_idr"] <= left:
                about = f"{row['participant_id']} {row['benefit']} {known.period}"
                yield Violation("held without need", about, f"{row['amount_idr']} asked for, {left} left")
            return
        left -= row["amount_idr"]


def _taken_idr(day: Day, period: str, seen: Seen, memory: Memory) -> int:
    """What of the money had somebody else before new payments of this period were decided.

    Each entitlement once: asked for or paid as the day before showed it, come back and kept for its owner, instructed today in
    another period or again, or due again and not instructed yet. And what was deposited out of the cash.
    """
    waiting = {act["subject"] for act in day.record.next_acts if _waits_for_money(act)}
    taken: dict[Entitlement, int] = {}
    for reference, row in seen.instructions.items():
        before = memory.instructions.get(reference)
        is_again = row["period"] != period or any(
            one["attempt"] < row["attempt"] and one["state"] != "withdrawn"
            for one in seen.attempts[entitlement_of(row)]
        )
        is_taken = is_again if before is None else before["state"] not in _GAVE_BACK
        if is_taken or reference in waiting:
            taken[entitlement_of(row)] = row["amount_idr"]
    deposited: int = sum(
        row["amount_idr"] for row in day.record.journal if (row["debit"], row["credit"]) == ("deposited", "cash")
    )
    return sum(taken.values()) + deposited


_GAVE_BACK = frozenset({"rejected", "never_arrived", "withdrawn"})


def _waits_for_money(act: Row) -> bool:
    return bool(act["kind"] == "due" or act.get("reasons") == "funds_short")


def _not_due(
    reference: str, row: Row, known: Known, seen: Seen, memory: Memory, lies: Collection[str]
) -> Iterator[Violation]:
    """A new instruction: due by the rules when it was decided, or the next attempt of one that ended; to the account in force."""
    entitlement = entitlement_of(row)
    earlier = [each for each in seen.attempts[entitlement] if each["attempt"] < row["attempt"]]
    is_again = any(each["state"] != "withdrawn" for each in earlier)
    found = _against_again(row, earlier, known, memory) if is_again else _against_new(row, known)
    if is_again:
        ended = [each for each in earlier if each["state"] != "withdrawn"]
        found += [*_too_soon(ended[-1], known, memory, is_lie=ended[-1]["end_to_end_id"] in lies)]
        found += [*_against_remedy(row, ended, memory)]
    account = known.accounts.get(row["participant_id"], {})
    if (account.get("version"), account.get("channel")) != (row["account_version"], row["channel"]):
        found.append(f"account version {row['account_version']}, in force is {account.get('version')}")
    amount = TRANCHE_IDR if row["benefit"] == INCENTIVE else SURVEY_IDR
    if row["amount_idr"] != amount:
        found.append(f"{row['amount_idr']}, by the rules {amount}")
    for what in found:
        yield Violation("paid not due", named(entitlement), f"{reference} in {known.period}: {what}")


def _against_new(row: Row, known: Known) -> list[str]:
    who, benefit = row["participant_id"], row["benefit"]
    if who not in known.people:
        return ["nobody of this name was known"]
    reading = known.read(who, benefit)
    if who in known.credited_at:
        reading = _as_credited(reading)
    if (reading.decision, reading.sequence) != ("due", row["sequence"]):
        return [f"the rules say {_told(*reading[:3], reading.reasons)}"]
    return []


def _against_remedy(row: Row, ended: list[Row], memory: Memory) -> Iterator[str]:
    """Without two people's agreement to the last ended attempt, made before: only what goes on by itself, and only so often."""
    last = ended[-1]
    subjects = {last["end_to_end_id"], *([last["file_name"]] if remedy_of(last) == OUR_FILE else [])}
    made = memory.brakes.made.get(row["batch"], memory.events + 1)
    if any(memory.brakes.agreed.get(subject, made) < made for subject in subjects):
        return
    if stop := against_the_next(ended):
        yield f"{last['end_to_end_id']} {last['state']} {last['reason_code']}: {stop}, and no two people agreed"


def _too_soon(last: Row, known: Known, memory: Memory, *, is_lie: bool) -> Iterator[str]:
    """Counted from the earliest day that a bank can have written it: when it gave the money back, else when it had the file."""
    back_at = memory.transfers[last["end_to_end_id"]].back_at if not is_lie else None
    since = back_at or memory.arrived_at.get(last["file_name"])
    if since is None:
        return
    from_day = remedy_of(last).from_day(jakarta_day(since))
    if known.today < from_day:
        yield f"{last['end_to_end_id']} {last['reason_code']}: not before {from_day}, decided for {known.today}"


def _against_again(row: Row, earlier: list[Row], known: Known, memory: Memory) -> list[str]:
    who = row["participant_id"]
    found = sorted(known.against_person(who, row["sequence"]) | known.against_account(who))
    last_day = last_payment_date(known.people[who].get("wave"))
    if last_day is not None and known.today > last_day:
        found.append("lapsed")
    if disputed := {row[name] for row in earlier for name in ("end_to_end_id", "file_name")} & memory.disputed:
        found.append(f"evidence of {min(disputed)} disagrees")
    before = memory.instructions.get(earlier[-1]["end_to_end_id"])
    if before is None or before["state"] not in WITHOUT_PAYMENT:
        found.append(f"{earlier[-1]['end_to_end_id']} has not ended")
    return found
