"""Money that is to come back or has gone back to the treasury, what was sent before a ledger was restored, and what people were told."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from simulator.observed import Day, Row, Violation
from simulator.oracle.memory import WITHOUT_PAYMENT, Memory, Seen, entitlement_of, named
from simulator.oracle.plain_rules import jakarta_day, last_payment_date

REPAY_DAYS: Final = 60
"""Perpres 76/2020, art. 31C: from the day of the notice."""
_OWED: Final = ("open", "overdue", "repaid")
_NOT_SENT: Final = frozenset({"drafted", "released", "withdrawn"})


def judge_claims(day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """Each claim by itself: nobody owes more than a bank credited to them, 60 days count, and what is open is what is not repaid."""
    paid: Counter[str] = Counter()
    for reference, row in seen.instructions.items():
        if memory.transfers[reference].credits:
            paid[row["participant_id"]] += row["amount_idr"]
    claimed: Counter[str] = Counter()
    for row in day.record.receivables:
        if row["state"] in _OWED:
            claimed[row["participant_id"]] += row["amount_idr"]
        yield from (Violation("claims", row["claim"], found) for found in _against_claim(row, jakarta_day(day.at)))
    for who, amount in claimed.items():
        if amount > paid[who] and not day.paid_by_bank_fault:
            yield Violation("claims", who, f"{amount} claimed, {paid[who]} was credited by banks")


def _against_claim(row: Row, today: date) -> Iterator[str]:
    state = row["state"]
    open_idr = row["amount_idr"] - row["repaid_idr"] if state in _OWED else 0
    if row["open_idr"] != open_idr or (state == "repaid") != (state in _OWED and open_idr == 0):
        yield f"{state}, {row['open_idr']} open, {row['repaid_idr']} repaid"
    if state not in _OWED:
        return
    if row["repay_by"] != row["noticed_on"] + timedelta(days=REPAY_DAYS):
        yield f"noticed on {row['noticed_on']}, to be repaid by {row['repay_by']}"
    if open_idr and (state == "overdue") != (today > row["repay_by"]):
        yield f"{state} on {today}, to be repaid by {row['repay_by']}"
    if row["confirmed_by"] in (None, row["person"]):
        yield "owed without a second person"


def judge_accounts_back(day: Day, _seen: Seen, _memory: Memory) -> Iterator[Violation]:
    """The journal's accounts of what comes back are what claims, repayments and deposits add up to; none is overdrawn."""
    balances: Counter[str] = Counter()
    for row in day.record.journal:
        balances[row["debit"]] += row["amount_idr"]
        balances[row["credit"]] -= row["amount_idr"]
    owed = [row for row in day.record.receivables if row["state"] in _OWED]
    taken: Counter[str] = Counter()
    for row in day.record.deposits:
        for name in ("amount_idr", "cash_idr", "returned_idr", "repaid_idr"):
            taken[name] += row[name]
    repaid_idr = sum(row["repaid_idr"] for row in owed)
    expected = {
        "receivable": sum(row["open_idr"] for row in owed),
        "claims": -sum(row["open_idr"] for row in owed) - repaid_idr,
        "repaid": repaid_idr - taken["repaid_idr"],
        "deposited": taken["amount_idr"],
    }
    for account, amount in expected.items():
        if balances[account] != amount:
            yield Violation("journal", account, f"{balances[account]} by its rows, {amount} by claims and deposits")
    for account in ("repaid", "returned", *(["cash"] if day.funded_idr is not None else [])):
        if balances[account] < 0:
            yield Violation("journal", account, f"overdrawn: {balances[account]}")


def judge_deposited(day: Day, seen: Seen, _memory: Memory) -> Iterator[Violation]:
    """What came back is the treasury's only when its person is revoked or the last payment date is over, and then pays nobody."""
    revoked = {row["participant_id"] for row in day.source_tables["participants"] if row.get("status") == "revoked"}
    waves = {row["participant_id"]: row.get("wave") for row in day.source_tables["participants"]}
    undone = {row["corrects"] for row in day.record.deposits}
    gone = {row["end_to_end_id"] for row in day.record.deposit_items if row["deposit"] not in undone}
    for reference in sorted(gone & seen.instructions.keys()):
        row = seen.instructions[reference]
        later = [
            each["end_to_end_id"]
            for each in seen.attempts[entitlement_of(row)]
            if each["attempt"] > row["attempt"] and each["state"] not in WITHOUT_PAYMENT
        ]
        if row["state"] != "returned" or later:
            found = f"{reference} is {row['state']}" + (f", followed by {later[0]}" if later else "")
            yield Violation("deposited and paid", named(entitlement_of(row)), found)
        last = last_payment_date(waves.get(row["participant_id"]))
        if row["participant_id"] not in revoked and (last is None or day.date <= last):
            yield Violation("deposited and owed", named(entitlement_of(row)), f"{reference}: {last} is not over")


def judge_sent(_day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """Whatever reached a bank is in the record as sent, also after a copy of the ledger was put back."""
    for _, name in memory.arrivals:
        if name in memory.inquiries:
            continue
        file = seen.files.get(name)
        if file is None or file["state"] in _NOT_SENT:
            yield Violation("forgotten", name, f"the bank has it, the record says {file and file['state']}")


def judge_told(day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """Nobody is told that they are paid whom no bank has paid; at the end who is, is told."""
    last: dict[tuple[str, str, int], Row] = {}
    for row in sorted(day.record.told, key=lambda row: row["notice"]):
        last[entitlement_of(row)] = row
    stands: dict[tuple[str, str, int], bool] = defaultdict(bool)
    ever: dict[tuple[str, str, int], bool] = defaultdict(bool)
    for reference, row in seen.instructions.items():
        is_unsure = reference in day.paid_by_bank_fault
        stands[entitlement_of(row)] |= row["state"] == "credited"
        ever[entitlement_of(row)] |= bool(memory.transfers[reference].credits) or is_unsure
    for entitlement, row in last.items():
        if row["status"] == "berhasil" and not ever[entitlement]:
            yield Violation("told otherwise", named(entitlement), f"told as paid in notice {row['notice']}")
        elif day.is_final_day and stands[entitlement] and row["status"] != "berhasil":
            yield Violation("told otherwise", named(entitlement), f"credited, and told {row['status']} last")
