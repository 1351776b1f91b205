"""What can go wrong at a bank, by name: each fault is one way in which a real bank or line has misbehaved.

A bank takes any number of faults at once (`late_statement+duplicated_answer`); none is the rule. Faults in what a
bank says are applied to its finished, honest answer here; faults in what it does are asked for where it acts.
"""

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

from schemas.errors import WrongUsage
from simulator.descriptions import Reason
from simulator.status_report import PaymentStatus, StatusReport, TransferStatus

RETURNS = ("returned_after_credit", "returned_twice", "returned_less", "returned_stranger", "returned_unpaid")
"""The faults by which money comes back; the first four send back a transfer that was paid, or look as if."""
LATE_REJECTION = Reason("AC04", "account closed, found after the transfer was accepted")
RETURN_REASON = Reason("AC04", "sent back by the recipient's side: account closed")
GROUP_REFUSAL = Reason("MS03", "file refused, reason not given")
DIFFERENCE_IDR = 100_000
HELD_BACK_IDR = 5_000
DAYS_LATE = 10
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
    PAID_AFTER_REJECTION = (
        "paid_after_rejection"  # a refused and reversed transfer is debited, and told as settled, later
    )
    REPORT_ID_REUSED = "report_id_reused"  # a second report with other content bears the first one's message id
    DEBITED_TWICE = "debited_twice"  # a file is debited twice, under two references of the bank
    EXECUTED_LATE = "executed_late"  # the bank executes and books ten days after the date that it was asked for
    STATEMENT_CORRECTED = "statement_corrected"  # a statement shows more than was booked; a corrected one comes later
    NOTIFIED = "notified"  # each booking is told by a notification before the statement shows it
    RETURNED_AFTER_CREDIT = "returned_after_credit"  # the first accepted transfer comes back later
    RETURN_NOTIFIED = "return_notified"  # what is booked later is told by a notification, and stated a day after that
    RETURNED_TWICE = "returned_twice"  # the first accepted transfer comes back twice, later
    RETURNED_LESS = "returned_less"  # the first accepted transfer comes back later with less than was paid
    RETURNED_STRANGER = "returned_stranger"  # a payment comes back later that was never sent
    RETURNED_UNPAID = "returned_unpaid"  # a transfer that was refused and reversed comes back once more, later
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
    if Fault.REPORT_ID_REUSED in faults:
        reports += _say_again(report, "PDNG", None)
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
    return [replace(each, message_id=f"{report.message_id}-2") for each in _say_again(report, "RJCT", LATE_REJECTION)]


def settle_refused(report: StatusReport, status: str) -> list[StatusReport]:
    """A later report by which the first refused transfer is settled after all; none where none was refused."""
    later = replace(report, created_at=report.created_at + timedelta(days=1), message_id=f"{report.message_id}-3")
    return _say_again(later, status, None, of_refused=True)


def _say_again(
    report: StatusReport, status: str, reason: Reason | None, of_refused: bool = False
) -> list[StatusReport]:
    """A report of one transfer alone, the first that was refused or the first that was not, with another status."""
    for payment in report.payments:
        for transfer in payment.transfers:
            if (transfer.status == "RJCT") == of_refused:
                again = replace(transfer, status=status, bank_reference="", reason=reason)
                block = PaymentStatus(payment.payment_information_id, payment.count, payment.sum_idr, "PART", [again])
                return [replace(report, group_status="PART", payments=[block])]
    return []


def _add_stranger(report: StatusReport) -> None:
    if not report.payments:
        return
    known = report.payments[0].transfers[0]
    number = int("".join(character for character in report.message_id if character.isdigit())[-7:])
    stranger = TransferStatus(f"STRANGER{number:07}", "", known.amount_idr, "RJCT", reason=Reason("AC01", "not found"))
    report.payments[0].transfers.append(stranger)
