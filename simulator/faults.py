"""What can go wrong at a bank, by name: each fault is one way in which a real bank or line has misbehaved.

A bank takes any number of faults at once (`late_statement+duplicated_answer`); none is the rule. Faults in what a
bank says are applied to its finished, honest answer here; faults in what it does are asked for where it acts.
"""

from dataclasses import replace
from enum import StrEnum

from schemas.errors import WrongUsage
from simulator.descriptions import Reason
from simulator.status_report import PaymentStatus, StatusReport, TransferStatus

LATE_REJECTION = Reason("AC04", "account closed, found after the transfer was accepted")
RETURN_REASON = Reason("AC04", "sent back by the recipient's side: account closed")
GROUP_REFUSAL = Reason("MS03", "file refused, reason not given")
DIFFERENCE_IDR = 100_000
STRANGE_DEPOSIT_IDR = 1_000_000


class Fault(StrEnum):
    """The faults, each with what happens. `later` means when the bank's day is closed (`SimulatedBank.close_day`)."""

    SILENT = "silent"  # books everything, answers nothing, ever
    LATE_STATEMENT = "late_statement"  # the statement comes later
    DUPLICATED_ANSWER = "duplicated_answer"  # each answer comes twice, same bytes under two names
    TRUNCATED_ANSWER = "truncated_answer"  # the result report is cut short; whole under another name later
    WRONG_TOTALS = "wrong_totals"  # counts and sums echoed in the report are not those of the file
    GROUP_REJECT = "group_reject"  # a good file is refused whole; nothing is booked
    STRANGER = "stranger"  # the report also answers a payment that was never sent
    AMOUNT_DIFFERS = "amount_differs"  # the bank debits more than the file's total
    STATEMENT_GAP = "statement_gap"  # a statement with a deposit on it is never sent
    EXCEPTIONS_ONLY = "exceptions_only"  # the report lists the rejected alone
    CONTRADICTION = "contradiction"  # a second report rejects a transfer that the first accepted; no reversal follows
    RETURNED_AFTER_CREDIT = "returned_after_credit"  # the first accepted transfer comes back later
    REFUSE_KEY = "refuse_key"  # the server does not accept the client's key
    HOST_KEY_CHANGED = "host_key_changed"  # the server shows another host key than the one made known
    CONNECTION_CUT = "connection_cut"  # the first upload breaks off after some bytes
    CUT_AFTER_RENAME = "cut_after_rename"  # the first upload arrives, but the line drops before the client hears so
    FILES_TAKEN_AWAY = "files_taken_away"  # what has been taken disappears from the upload folder


def parse_faults(text: str) -> frozenset[Fault]:
    """Read `none` or fault names joined by `+`. Raises WrongUsage for an unknown name."""
    names = [name.strip() for name in text.split("+") if name.strip() not in ("", "none")]
    unknown = sorted(set(names) - {fault.value for fault in Fault})
    if unknown:
        raise WrongUsage(
            f"unknown fault {', '.join(unknown)}.", f"Known: {', '.join(Fault)}.", "Use these, joined by +."
        )
    return frozenset(Fault(name) for name in names)


def spoil_report(report: StatusReport, faults: frozenset[Fault]) -> list[StatusReport]:
    """The honest result report as the bank sends it: changed, or followed by another one."""
    reports = [report]
    if Fault.CONTRADICTION in faults:
        reports += _contradict(report)
    if Fault.STRANGER in faults:
        _add_stranger(report)
    if Fault.EXCEPTIONS_ONLY in faults:
        for payment in report.payments:
            payment.transfers = [transfer for transfer in payment.transfers if transfer.status == "RJCT"]
    if Fault.WRONG_TOTALS in faults:
        report.count = (report.count or 0) + 1
        report.sum_idr = (report.sum_idr or 0) + DIFFERENCE_IDR
        for payment in report.payments:
            payment.count += 1
            payment.sum_idr += DIFFERENCE_IDR
    return reports


def _contradict(report: StatusReport) -> list[StatusReport]:
    for payment in report.payments:
        for transfer in payment.transfers:
            if transfer.status != "RJCT":
                rejected = replace(transfer, status="RJCT", bank_reference="", reason=LATE_REJECTION)
                block = PaymentStatus(
                    payment.payment_information_id, payment.count, payment.sum_idr, "PART", [rejected]
                )
                return [replace(report, message_id=f"{report.message_id}-2", group_status="PART", payments=[block])]
    return []


def _add_stranger(report: StatusReport) -> None:
    if not report.payments:
        return
    known = report.payments[0].transfers[0]
    number = int("".join(character for character in report.message_id if character.isdigit())[-7:])
    stranger = TransferStatus(f"STRANGER{number:07}", "", known.amount_idr, "RJCT", reason=Reason("AC01", "not found"))
    report.payments[0].transfers.append(stranger)
