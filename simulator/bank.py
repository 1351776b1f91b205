"""A simulated bank: takes payment files, judges them with its own eyes, keeps the debtor's account, and answers.

No wall clock: a bank's day is the execution date that its files ask for. The same files in the same order under the
same seed give the same answers, byte for byte.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Literal

from simulator.bank_state import BankState
from simulator.descriptions import JAKARTA, BankDescription, Reason
from simulator.faults import (
    DAYS_LATE,
    DIFFERENCE_IDR,
    GROUP_REFUSAL,
    HELD_BACK_IDR,
    RETURN_REASON,
    RETURNS,
    STRANGE_DEPOSIT_IDR,
    Fault,
    settle_refused,
    spoil_report,
)
from simulator.judgement import Fate, draw_failure, judge_file, judge_transfers
from simulator.notification import write_notification
from simulator.payment_file import Payment, PaymentFile, Transfer, read_payment_file
from simulator.statement import Entry, Statement, write_statement
from simulator.status_report import PaymentStatus, StatusReport, TransferStatus, write_status_report

Answer = tuple[str, bytes]  # file name and bytes
BookingKind = Literal["debit", "credit", "reversal", "return", "fee"]
_FIRST_DAY = date(2020, 1, 1)  # dates a refusal when neither the file nor the bank's past says what day it is


@dataclass(frozen=True, slots=True)
class Booked:
    """What the bank did with money, whatever it says: one movement, whole rupiah. `debit` and `fee` name no transfer.

    `reversal` is a refused transfer of a block that was debited whole; `return` a credit that came back later.
    """

    kind: BookingKind
    amount_idr: int
    message_id: str
    reference: str = ""
    payment_information_id: str = ""
    end_to_end_id: str = ""
    instruction_id: str = ""
    account: str = ""


class SimulatedBank:
    """One bank and the debtor's account with it.

    `folder` keeps the bank's memory on disk; without it the bank lives in memory. `deliver`, when given, hands out the
    answers before the step is committed, so that a bank killed in between says the same again instead of nothing.
    `fate` says whether and why a transfer fails, drawn at the bank's own rate when not given; `booked` is told each
    movement of money as it happens.
    """

    def __init__(
        self,
        description: BankDescription,
        *,
        seed: int = 0,
        faults: frozenset[Fault] = frozenset(),
        folder: Path | None = None,
        opening_balance_idr: int | None = None,
        deliver: Callable[[list[Answer]], None] | None = None,
        fate: Fate | None = None,
        booked: Callable[[Booked], None] | None = None,
    ) -> None:
        self.description = description
        self._seed = seed
        self._faults = faults
        self._deliver = deliver
        self._fate: Fate = fate or (lambda transfer: draw_failure(description, seed, transfer.end_to_end_id))
        self._booked = booked or (lambda _movement: None)
        self._state = BankState(folder / "bank.sqlite" if folder else None)
        if self._state.number("closing_idr") is None:
            self._state.set_number("closing_idr", self._seeded_balance(opening_balance_idr))

    def _seeded_balance(self, asked_idr: int | None) -> int:
        if asked_idr is not None:
            return asked_idr
        digest = blake2b(f"balance|{self._seed}|{self.description.code}".encode(), digest_size=8).digest()
        return self.description.opening_balance_idr_min + int.from_bytes(digest) % 1_000_000_000_000

    def close(self) -> None:
        """Let go of the bank's memory on disk."""
        self._state.close()

    def has_taken(self, file_name: str, data: bytes) -> bool:
        """Whether this bank has already taken these bytes under this name, in this life or an earlier one."""
        return self._state.has_file(sha256(data).hexdigest(), file_name)

    def take(self, file_name: str, data: bytes) -> list[Answer]:
        """Take one complete payment file and answer it: (file name, bytes) of status reports and statement, in order.

        A file that is wrong as a whole is answered by a report with group status RJCT and books nothing.
        """
        with self._state.transaction():
            return self._step(lambda: self._answer(file_name, data))

    def start_day(self, day: date, faults: frozenset[Fault] = frozenset()) -> None:
        """Let it be this day, on which the bank has these faults. Whoever drives the bank by the clock says so."""
        self._faults = faults
        with self._state.transaction():
            self._set_day(max(day, self._day() or day))
            self._state.book_due(day)

    def send_back(self, credit: Booked, reason: Reason) -> None:
        """A credit comes back today: money on the debtor's account again, shown on the next statement."""
        entry = Entry(
            bank_reference=f"{credit.reference}-B",
            amount_idr=credit.amount_idr,
            is_credit=True,
            booking_date=self._day() or _FIRST_DAY,
            sub_family="RRTN",
            text=reason.text,
            message_id=credit.message_id,
            payment_information_id=credit.payment_information_id,
            end_to_end_id=credit.end_to_end_id,
            instruction_id=credit.instruction_id,
            reason_code=reason.code,
        )
        with self._state.transaction():
            self._state.add_booking(entry, is_booked=True)
        self._booked(replace(credit, kind="return", reference=entry.bank_reference))

    def close_day(self) -> list[Answer]:
        """End the bank's day: what was kept for later, and a statement of what is booked but on no statement yet."""
        with self._state.transaction():
            return self._step(self._end_day)

    def _step(self, work: Callable[[], list[Answer]]) -> list[Answer]:
        answers = work()
        if Fault.SILENT in self._faults:
            answers = []
        if Fault.DUPLICATED_ANSWER in self._faults:
            answers = [copy for name, data in answers for copy in ((name, data), (f"copy-{name}", data))]
        if self._deliver and answers:
            self._deliver(answers)
        return answers

    def _end_day(self) -> list[Answer]:
        answers = self._state.take_kept()
        last = self._state.book_due(None)
        if last is not None:
            self._set_day(last)
        if Fault.RETURN_NOTIFIED not in self._faults:
            return answers + self._notified() + self._state_account()
        answers += self._notified()
        for name, data in self._state_account():
            self._state.keep_for_later(name, data)
        return answers

    def _answer(self, file_name: str, data: bytes) -> list[Answer]:
        digest = sha256(data).hexdigest()
        read = read_payment_file(data, self.description.pain001, self.description.row_limit)
        judge_file(read, digest, self.description, self._state, self._available_idr())
        self._state.remember_file(file_name, digest)
        number = self._state.next_number("files")
        if Fault.GROUP_REJECT in self._faults and not read.reasons:
            read.reasons.append(GROUP_REFUSAL)
        if read.reasons:
            return [self._report(self._refusal(read, number))]
        late = timedelta(days=DAYS_LATE if Fault.EXECUTED_LATE in self._faults else 0)
        asked = max(payment.execution_date or date.min for payment in read.payments)
        day = max(self._day() or date.min, asked + late)
        self._state.book_due(day)
        self._set_day(day)
        refused = judge_transfers(read, self.description, self._state, self._fate)
        self._book(read, refused, number, day)
        answers = self._acknowledge(read, number, day) + self._results(read, refused, number, day)
        if Fault.NOTIFIED in self._faults:
            answers += self._notified()
        if self.description.statements == "per_file":
            answers += self._late_or_now(self._state_account())
        return answers

    # --- the account ------------------------------------------------------------------------------------------------

    def _day(self) -> date | None:
        ordinal = self._state.number("day")
        return None if ordinal is None else date.fromordinal(ordinal)

    def _set_day(self, day: date) -> None:
        self._state.set_number("day", day.toordinal())

    def _closing_idr(self) -> int:
        closing = self._state.number("closing_idr")
        assert closing is not None, "a bank has an opening balance from its first moment"
        return closing

    def _available_idr(self) -> int:
        return self._closing_idr() + sum(entry.signed_idr for entry in self._state.booked_entries())

    def _book(self, read: PaymentFile, refused: dict[int, Reason], number: int, day: date) -> None:
        """One debit for a whole block, a credit for each refused transfer of it, and the fee if there is one."""
        for block, payment in enumerate(read.payments):
            excess_idr = DIFFERENCE_IDR if Fault.AMOUNT_DIFFERS in self._faults else 0
            debit = Entry(
                bank_reference=self._reference(number, block),
                amount_idr=payment.sum_idr + excess_idr,
                is_credit=False,
                booking_date=day,
                sub_family="DMCT",
                text="bulk credit transfer",
                message_id=read.message_id,
                payment_information_id=payment.payment_information_id,
                batch_count=payment.count,
            )
            self._state.add_booking(debit, is_booked=True)
            self._booked(Booked("debit", debit.amount_idr, read.message_id, debit.bank_reference))
            if Fault.DEBITED_TWICE in self._faults:
                again = replace(debit, bank_reference=f"{debit.bank_reference}-2")
                self._state.add_booking(again, is_booked=True)
                self._booked(Booked("debit", again.amount_idr, read.message_id, again.bank_reference))
        self._tell_transfers(read, refused, number)
        for index, reason in refused.items():
            self._state.add_booking(self._give_back(read, index, reason, number, day, is_reversal=True), is_booked=True)
        fee_idr = self.description.fee_idr * (len(read.transfers) - len(refused))
        if fee_idr:
            reference = f"{self._reference(number, 0)}-FEE"
            fee = Entry(reference, fee_idr, False, day, "CHRG", "transfer fees", message_id=read.message_id)
            self._state.add_booking(fee, is_booked=True)
            self._booked(Booked("fee", fee_idr, read.message_id, reference))
        accounts = {transfer.end_to_end_id: transfer.account for transfer in read.transfers}
        for entry in self._come_back(read, refused, number, _next_weekday(day)):
            self._state.add_booking(entry, is_booked=False)
            kind: BookingKind = "return" if entry.is_credit else "credit"
            about = (entry.message_id, entry.bank_reference, entry.payment_information_id, entry.end_to_end_id)
            account = accounts.get(entry.end_to_end_id, "")
            self._booked(Booked(kind, entry.amount_idr, *about, entry.instruction_id, account))

    def _tell_transfers(self, read: PaymentFile, refused: dict[int, Reason], number: int) -> None:
        """Say of each transfer what became of its money."""
        for index, transfer in enumerate(read.transfers):
            movement = Booked(
                kind="reversal" if index in refused else "credit",
                amount_idr=transfer.amount_idr,
                message_id=read.message_id,
                reference=f"{self._reference(number, transfer.payment)}-{index + 1:06}",
                payment_information_id=read.payments[transfer.payment].payment_information_id,
                end_to_end_id=transfer.end_to_end_id,
                instruction_id=transfer.instruction_id,
                account=transfer.account,
            )
            self._booked(movement)

    def _come_back(self, read: PaymentFile, refused: dict[int, Reason], number: int, day: date) -> list[Entry]:
        """What is booked on a later day: transfers that come back, and one that is paid although it was refused."""
        paid = next((index for index in range(len(read.transfers)) if index not in refused), None)
        entries = []
        if paid is not None and any(name in self._faults for name in RETURNS[:4]):
            back = self._give_back(read, paid, RETURN_REASON, number, day, is_reversal=False)
            entries += [back] if {Fault.RETURNED_AFTER_CREDIT, Fault.RETURNED_TWICE} & self._faults else []
            if Fault.RETURNED_TWICE in self._faults:
                entries.append(replace(back, bank_reference=f"{back.bank_reference}-2"))
            if Fault.RETURNED_LESS in self._faults:
                entries.append(replace(back, amount_idr=back.amount_idr - HELD_BACK_IDR))
            if Fault.RETURNED_STRANGER in self._faults:
                reference = f"{back.bank_reference}-S"
                stranger = replace(back, bank_reference=reference, end_to_end_id=f"STRANGER{number:07}")
                entries.append(replace(stranger, message_id="", payment_information_id="", instruction_id=""))
        for index in sorted(refused)[:1]:
            back = self._give_back(read, index, RETURN_REASON, number, day, is_reversal=False)
            if Fault.RETURNED_UNPAID in self._faults:
                entries.append(back)
            if Fault.PAID_AFTER_REJECTION in self._faults:
                entries.append(
                    replace(
                        back, bank_reference=f"{back.bank_reference}-P", is_credit=False, sub_family="DMCT",
                        reason_code="", text="credit transfer",
                    )
                )  # fmt: skip
        return entries

    def _give_back(
        self, read: PaymentFile, index: int, reason: Reason, number: int, day: date, *, is_reversal: bool
    ) -> Entry:
        transfer = read.transfers[index]
        return Entry(
            bank_reference=f"{self._reference(number, transfer.payment)}-{'R' if is_reversal else 'B'}{index + 1:06}",
            amount_idr=transfer.amount_idr,
            is_credit=True,
            booking_date=day,
            sub_family="DMCT" if is_reversal else "RRTN",
            text=reason.text,
            is_reversal=is_reversal,
            message_id=read.message_id,
            payment_information_id=read.payments[transfer.payment].payment_information_id,
            end_to_end_id=transfer.end_to_end_id,
            instruction_id=transfer.instruction_id,
            reason_code=reason.code,
        )

    def _reference(self, number: int, block: int) -> str:
        return f"{self.description.code.upper()}{number:06}{block:02}"

    def _state_account(self) -> list[Answer]:
        """A statement of all that is booked since the last one; none when nothing is."""
        entries = self._state.booked_entries()
        if not entries:
            return []
        day = self._day()
        assert day is not None, "whatever is booked is booked on a day"
        if Fault.STATEMENT_GAP in self._faults:
            number = self._state.next_number("statements")
            deposit = Entry(f"DEP{number:06}", STRANGE_DEPOSIT_IDR, True, day, "OTHR", "deposit")
            self._state.set_number("closing_idr", Statement(number, day, self._closing_idr(), (deposit,)).closing_idr)
        statement = Statement(self._state.next_number("statements"), day, self._closing_idr(), tuple(entries))
        self._state.set_number("closing_idr", statement.closing_idr)
        self._state.forget_booked_entries()
        self._state.set_number("notified_entries", 0)
        name = f"{self.description.code}-camt053-{day:%Y%m%d}-{statement.sequence:06}.xml"
        if Fault.STATEMENT_CORRECTED in self._faults:
            corrected_at = datetime.combine(day + timedelta(days=1), time(9), JAKARTA)
            corrected = write_statement(statement, self.description, corrected_at)
            self._state.keep_for_later(f"corrected-{name}", corrected)
            wrong = replace(entries[0], amount_idr=entries[0].amount_idr + DIFFERENCE_IDR)
            statement = replace(statement, entries=(wrong, *entries[1:]))
        return [(name, write_statement(statement, self.description))]

    def _notified(self) -> list[Answer]:
        """A notification of what is booked and was told by none so far.

        Bookings are in the order of their days, and none is dated before what is booked already.
        """
        if not {Fault.NOTIFIED, Fault.RETURN_NOTIFIED} & self._faults:
            return []
        booked = self._state.booked_entries()
        entries = booked[self._state.number("notified_entries") or 0 :]
        if not entries:
            return []
        self._state.set_number("notified_entries", len(booked))
        number = self._state.next_number("notifications")
        name = f"{self.description.code}-camt054-{entries[-1].booking_date:%Y%m%d}-{number:06}.xml"
        return [(name, write_notification(number, entries, self.description))]

    # --- the answers ------------------------------------------------------------------------------------------------

    def _late_or_now(self, statements: list[Answer]) -> list[Answer]:
        if Fault.LATE_STATEMENT not in self._faults:
            return statements
        for name, data in statements:
            self._state.keep_for_later(name, data)
        return []

    def _report(self, report: StatusReport) -> Answer:
        name = f"{self.description.code}-pain002-{report.created_at:%Y%m%d}-{report.message_id}.xml"
        return name, write_status_report(report, self.description)

    def _group(self, read: PaymentFile, kind: str, number: int, created_at: datetime, status: str) -> StatusReport:
        return StatusReport(
            message_id=f"{self.description.code.upper()}-{kind}-{number:06}",
            created_at=created_at,
            original_message_id=read.message_id,
            original_message_name=self.description.pain001,
            group_status=status,
            original_created_at=read.created_at,
        )

    def _refusal(self, read: PaymentFile, number: int) -> StatusReport:
        day = self._day() or (read.created_at.date() if read.created_at else _FIRST_DAY)
        report = self._group(read, "REF", number, datetime.combine(day, time(10), JAKARTA), "RJCT")
        report.reasons = tuple(read.reasons)
        return report

    def _acknowledge(self, read: PaymentFile, number: int, day: date) -> list[Answer]:
        if self.description.status_flow != "acknowledge_then_results":
            return []
        report = self._group(read, "ACK", number, datetime.combine(day, time(10), JAKARTA), "ACCP")
        report.count, report.sum_idr = len(read.transfers), read.total_idr
        return [self._report(report)]

    def _results(self, read: PaymentFile, refused: dict[int, Reason], number: int, day: date) -> list[Answer]:
        report = self._group(read, "STS", number, datetime.combine(day, time(16), JAKARTA), "")
        report.count, report.sum_idr = len(read.transfers), read.total_idr
        report.payments = [self._payment_status(payment) for payment in read.payments]
        for index, transfer in enumerate(read.transfers):
            status = self._transfer_status(transfer, index, refused.get(index), number)
            report.payments[transfer.payment].transfers.append(status)
        for payment in report.payments:
            payment.status = _common_status({transfer.status for transfer in payment.transfers})
        report.group_status = _common_status({payment.status for payment in report.payments})
        if Fault.PAID_AFTER_REJECTION in self._faults:
            for late in settle_refused(report, self.description.settled_status):
                self._state.keep_for_later(*self._report(late))
        answers = [self._report(spoiled) for spoiled in spoil_report(report, self._faults)]
        if Fault.REPORT_ID_REUSED in self._faults and len(answers) > 1:
            answers[-1] = (f"again-{answers[-1][0]}", answers[-1][1])
        if Fault.TRUNCATED_ANSWER in self._faults:
            name, data = answers[0]
            self._state.keep_for_later(f"whole-{name}", data)
            answers[0] = (name, data[: len(data) * 3 // 5])
        return answers

    def _payment_status(self, payment: Payment) -> PaymentStatus:
        return PaymentStatus(payment.payment_information_id, payment.count, payment.sum_idr, "")

    def _transfer_status(self, transfer: Transfer, index: int, reason: Reason | None, number: int) -> TransferStatus:
        return TransferStatus(
            end_to_end_id=transfer.end_to_end_id,
            instruction_id=transfer.instruction_id,
            amount_idr=transfer.amount_idr,
            status="RJCT" if reason else self.description.settled_status,
            bank_reference="" if reason else f"{self._reference(number, transfer.payment)}-{index + 1:06}",
            reason=reason,
        )


def _next_weekday(day: date) -> date:
    return day + timedelta(days=3 if day.weekday() == 4 else 2 if day.weekday() == 5 else 1)


def _common_status(statuses: set[str]) -> str:
    return statuses.pop() if len(statuses) == 1 else "PART"
