"""A simulated bank in time: when it takes what has arrived, when and how its answers come, and what comes back from recipients."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

from simulator.agenda import Agenda, Trace, clock_time
from simulator.bank import Answer, Booked, SimulatedBank
from simulator.chance import Chance
from simulator.descriptions import BankDescription, Reason
from simulator.faults import Fault
from simulator.inquired import Asked, read_inquiry, resolution, status_answer
from simulator.network import Server
from simulator.payment_file import Transfer
from simulator.statement import Entry, Statement, write_statement

_EXECUTION = re.compile(rb"<ReqdExctnDt>\D*(\d{4}-\d\d-\d\d)")
_MESSAGE = re.compile(rb"<MsgId>([^<]+)<")
_BY_KIND: Final = {
    "bank.group_reject": Fault.GROUP_REJECT,
    "bank.wrong_totals": Fault.WRONG_TOTALS,
    "bank.stranger": Fault.STRANGER,
    "bank.exceptions_only": Fault.EXCEPTIONS_ONLY,
    "bank.contradiction": Fault.CONTRADICTION,
    "bank.amount_differs": Fault.AMOUNT_DIFFERS,
    "bank.debited_twice": Fault.DEBITED_TWICE,
    "bank.executed_late": Fault.EXECUTED_LATE,
    "bank.late_statement": Fault.LATE_STATEMENT,
    "bank.paid_after_rejection": Fault.PAID_AFTER_REJECTION,
    "bank.report_id_reused": Fault.REPORT_ID_REUSED,
    "bank.returned_less": Fault.RETURNED_LESS,
    "bank.returned_stranger": Fault.RETURNED_STRANGER,
    "bank.returned_twice": Fault.RETURNED_TWICE,
    "bank.returned_unpaid": Fault.RETURNED_UNPAID,
    "bank.statement_corrected": Fault.STATEMENT_CORRECTED,
    "bank.statement_gap": Fault.STATEMENT_GAP,
}
_LIES: Final = frozenset(
    {
        Fault.CONTRADICTION,
        Fault.PAID_AFTER_REJECTION,
        Fault.RETURNED_LESS,
        Fault.RETURNED_TWICE,
        Fault.RETURNED_UNPAID,
    }
)
"""After these the bank's word on the first paid and the first refused transfer of a file is not the truth."""
_BUSY_EVENINGS: Final = 3
_CLOSED = Reason("AC04", "sent back by the recipient's side: account closed")
_UNREACHED = Reason("MS03", "not reachable at the recipient's side")
Fates = Mapping[str, tuple[Reason, date | None]]
"""By the last eight digits of an account: why transfers to it fail, and until when (for ever, when None)."""


class Truth:
    """What all banks have really done, in order, whatever they say of it; for whoever judges."""

    def __init__(self) -> None:
        self.movements: list[dict[str, Any]] = []
        self.by_bank_fault: set[str] = set()
        self.forged: set[str] = set()

    def arrived(self, file_name: str) -> bool:
        """Whether the bank has had this file."""
        return any(one["kind"] == "arrival" and one["message_id"] == file_name for one in self.movements)

    def of(self, end_to_end_id: str) -> str:
        """What a bank writes of a payment when it is asked: `credited`, `rejected`, `returned`, or `received` while it waits."""
        kinds = [one["kind"] for one in self.movements if one["end_to_end_id"] == end_to_end_id]
        paid, back = kinds.count("credit"), kinds.count("return")
        if paid > back:
            return "credited"
        return "returned" if back else "rejected" if "reversal" in kinds else "received"


class BankDesk:
    """One bank's people and machines. `heard` is told of each movement of money after it happened."""

    def __init__(
        self,
        description: BankDescription,
        agenda: Agenda,
        chance: Chance,
        server: Server,
        truth: Truth,
        fates: Fates,
    ) -> None:
        rng = chance.of("bank", description.code)
        self.code = description.code
        self.takes_away = rng.random() < 0.5
        self.takes_inquiries = chance.of("inquiries", description.code).random() < 0.6
        self.description = replace(
            description, rejects_per_million=0, statements="per_day" if rng.random() < 0.4 else "per_file"
        )
        notifies = rng.random() < 0.5
        self._habits = frozenset({Fault.NOTIFIED, Fault.RETURN_NOTIFIED} if notifies else ())
        self.server = server
        self.heard: Callable[[Booked], None] = lambda _movement: None
        self.neighbours: list[BankDesk] = []
        self._agenda, self._chance, self._truth, self._fates = agenda, chance, truth, fates
        self._bank = SimulatedBank(self.description, fate=self._fate, booked=self._booked)
        self._outbox = self.description.download_folder
        self._files = 0
        self._statements = 0
        self._where = ""
        self._recent: list[Booked] = []
        self._busy = 0
        self._withheld: list[Answer] = []
        self._moved: dict[str, list[Booked]] = {}
        self._reasons: dict[str, Reason] = {}
        self._waiting: set[str] = set()
        self._cancelled: set[str] = set()
        self._inquiries = 0
        server.arrived = self._arrived

    def evening(self) -> None:
        """The day ends: a statement, if anything was booked that no statement shows."""
        if not self._busy:
            return
        self._busy -= 1
        self._bank.start_day(self._agenda.today, self._habits)
        for answer in self._bank.close_day():
            self._statements += 1
            self._send(answer, f"{self.code} statement-{self._statements}")

    def last_words(self) -> None:
        """Asked once more, the bank sends the statements that it never sent, and half of its other answers; the rest it has lost."""
        for place, (name, data) in enumerate(self._withheld):
            if "camt053" in name or place % 2 == 0:
                self._lay(f"again-{name}", data)
        self._withheld.clear()

    def carried(self, week: str) -> list[Answer]:
        """What somebody brings by hand this week: some answers that never left the bank, and one that lies in its folder too."""
        brought, left = list[Answer](), list[Answer]()
        for answer in self._withheld:
            is_brought = self._chance.strikes("answer.by_hand", f"{self.code} {week} {answer[0]}")
            (brought if is_brought else left).append(answer)
        self._withheld = left
        there = sorted(name for name in self.server.files if name.startswith(f"{self._outbox}/"))
        if there and self._chance.strikes("answer.by_hand_too", f"{self.code} {week}"):
            path = self._chance.of("by hand", self.code, week).choice(there)
            brought.append((path.rpartition("/")[2], self.server.files[path][0]))
        return brought

    # --- payment files ----------------------------------------------------------------------------------------------

    def _arrived(self, path: str) -> None:
        data = self.server.files[path][0]
        asked_by_us = read_inquiry(data)
        self._note("arrival" if asked_by_us is None else "inquiry", message_id=path.rpartition("/")[2])
        if self.takes_away:
            self._agenda.after(0.2, lambda: self.server.files.pop(path, None) and None)
        if asked_by_us is not None:
            self._inquired(asked_by_us)
            return
        self._files += 1
        where = f"{self.code} file-{self._files}"
        self._waiting.add(_message(data))
        hours = 1 + self._chance.of("latency", where).random() * 6
        if self._chance.strikes("bank.slow", where):
            hours += 20 + self._chance.of("slow", where).randrange(60)
        if self._chance.strikes("bank.very_slow", where):
            hours += 24 * self._chance.of("very slow", where).randrange(5, 14)
        asked = _EXECUTION.search(data)
        day = date.fromisoformat(asked[1].decode()) if asked else self._agenda.today
        when = max(self._agenda.now + timedelta(hours=hours), clock_time(day, 7))
        self._agenda.at(when, lambda: self._take(path, data, where))

    def _inquired(self, asked: Asked) -> None:
        """An inquiry is answered within a day or so, if there is something to say."""
        self._inquiries += 1
        number = self._inquiries
        hours = 2 + self._chance.of("inquiry", self.code, number).random() * 30
        if asked.is_cancellation:
            is_granted = asked.about in self._waiting and not asked.named
            self._cancelled |= {asked.about} if is_granted else set()
            self._agenda.after(hours, lambda: self._resolve(asked, is_granted, number))
        else:
            self._agenda.after(hours, lambda: self._tell_status(asked, number))

    def _resolve(self, asked: Asked, is_granted: bool, number: int) -> None:
        if self._chance.of("resolution", self.code, number).random() < 0.7:
            answer = resolution(asked, is_granted, self.description, number, self._agenda.now)
            self._send(answer, f"{self.code} resolution-{number}")

    def _tell_status(self, asked: Asked, number: int) -> None:
        moved = self._moved.get(asked.about, [])
        back = {one["end_to_end_id"] for one in self._truth.movements if one["kind"] == "return"}
        silent_about = self._truth.by_bank_fault | back
        at = self._agenda.now.replace(microsecond=0)
        answer = status_answer(asked, moved, self._reasons, silent_about, self.description, number, at)
        if answer is not None:
            self._send(answer, f"{self.code} status-{number}")

    def _take(self, path: str, data: bytes, where: str) -> None:
        faults = frozenset(fault for kind, fault in _BY_KIND.items() if self._chance.strikes(kind, where))
        about = _message(data)
        self._waiting.discard(about)
        if about in self._cancelled:  # asked back before it was looked at: it is refused whole
            faults = frozenset({Fault.GROUP_REJECT})
        self._where, self._recent, self._busy = where, [], _BUSY_EVENINGS
        self._bank.start_day(self._agenda.today, faults | self._habits)
        answers = self._bank.take(path.rpartition("/")[2], data)
        paid = [movement for movement in self._recent if movement.kind == "credit" and movement.account]
        if faults & _LIES:
            for kind in ("credit", "reversal"):
                first = next((one.end_to_end_id for one in self._recent if one.kind == kind), None)
                self._truth.by_bank_fault.update({first} if first else ())
        is_silent = self._chance.strikes("bank.silent", where)
        for place, answer in enumerate(answers):
            if is_silent:
                self._withheld.append(answer)
            else:
                self._send(answer, f"{where} answer-{place}")
        self._plan_returns(paid, where)

    def _fate(self, transfer: Transfer) -> Reason | None:
        reason, until = self._fates.get(transfer.account[-8:], (None, None))
        if reason is not None and (until is None or self._agenda.today < until):
            self._reasons[transfer.end_to_end_id] = reason
            return reason
        if self._chance.threatens("bank.many_refused", self._where):
            self._chance.note("bank.many_refused", self._where)
            if self._chance.of("refused", transfer.end_to_end_id).random() < 0.4:
                self._reasons[transfer.end_to_end_id] = _UNREACHED
                return _UNREACHED
        return None

    def _booked(self, movement: Booked) -> None:
        self._recent.append(movement)
        if movement.kind in ("credit", "reversal") and movement.account:
            self._moved.setdefault(movement.message_id, []).append(movement)
        self._note(movement.kind, movement.amount_idr, movement.message_id, movement.end_to_end_id, movement.account)
        self.heard(movement)

    def _note(
        self, kind: str, amount_idr: int = 0, message_id: str = "", end_to_end_id: str = "", account: str = ""
    ) -> None:
        self._truth.movements.append(
            {
                "kind": kind,
                "bank": self.code,
                "at": self._agenda.now,
                "amount_idr": amount_idr,
                "end_to_end_id": end_to_end_id,
                "participant_account": account,
                "message_id": message_id,
            }
        )

    def _plan_returns(self, paid: list[Booked], where: str) -> None:
        is_flood = bool(paid) and self._chance.strikes("bank.flood_of_returns", where)
        for place, credit in enumerate(paid):
            rng = self._chance.of("return", where, place)
            if (is_flood and rng.random() < 0.5) or self._chance.strikes("transfer.returned", f"{where} {place}"):
                self._agenda.after(24 * rng.randrange(1, 25) + 3, lambda credit=credit: self._send_back(credit))  # type: ignore[misc]

    def _send_back(self, credit: Booked) -> None:
        self._busy = _BUSY_EVENINGS
        self._bank.start_day(self._agenda.today, self._habits)
        self._bank.send_back(credit, _CLOSED)

    # --- answers ----------------------------------------------------------------------------------------------------

    def _send(self, answer: Answer, where: str) -> None:
        name, data = answer
        rng = self._chance.of("answer", where)
        hours = rng.random() * 5
        if self._chance.strikes("answer.late", where):
            hours += 24 * rng.randrange(1, 5)
        if self._chance.strikes("answer.very_late", where):
            hours += 24 * rng.randrange(8, 26)
        if self._chance.strikes("answer.missing", where):
            self._withheld.append(answer)
        elif self._chance.strikes("answer.truncated", where):
            part = data[: rng.randrange(len(data))]
            self._agenda.after(hours, lambda: self._lay(name, part))
            self._agenda.after(hours + 30, lambda: self._lay(f"whole-{name}", data))
        elif self._chance.strikes("answer.in_pieces", where):
            part = data[: len(data) // 2]
            self._agenda.after(hours, lambda: self._lay(name, part))
            self._agenda.after(hours + 26, lambda: self._lay(name, data))
        elif self._chance.strikes("answer.to_the_wrong_bank", where) and self.neighbours:
            other = self.neighbours[rng.randrange(len(self.neighbours))]
            self._agenda.after(hours, lambda: other._lay(name, data))
            self._agenda.after(hours + 40, lambda: self._lay(name, data))
        else:
            self._agenda.after(hours, lambda: self._lay(name, data))
        self._repeat(answer, where, hours)

    def _repeat(self, answer: Answer, where: str, hours: float) -> None:
        name, data = answer
        if self._chance.strikes("answer.twice", where):
            self._agenda.after(hours + 0.1, lambda: self._lay(f"copy-{name}", data))
        if self._chance.strikes("answer.again_much_later", where):
            self._agenda.after(hours + 24 * 20, lambda: self._lay(f"old-{name}", data))
        if self._chance.strikes("answer.forged", where):
            self._agenda.after(hours + 0.2, lambda: self._forge(where, data))

    def _lay(self, name: str, data: bytes) -> None:
        self.server.put(f"{self._outbox}/{name}", data)

    def _forge(self, where: str, data: bytes) -> None:
        """Something that no bank wrote: rubbish, nothing, an entity, a statement of an account that is not ours."""
        rng = self._chance.of("forged", where)
        deposit = Entry("FORGED1", 7_000_000, True, self._agenda.today, "OTHR", "deposit")
        stranger = replace(self.description, debtor_account="0000009999", code="palsu")
        texts = (
            b"",
            b"\x00\xff" * 40,
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><Document>&a;</Document>',
            write_statement(Statement(1, self._agenda.today, 1_000_000, (deposit,)), stranger),
            data.replace(b"IDR", b"USD"),
        )
        name, text = f"palsu-{where.replace(' ', '-')}.xml", texts[rng.randrange(len(texts))]
        if text != data:  # a report without a sum is the bank's own once more
            self._truth.forged.add(hashlib.sha256(text).hexdigest())
        self._lay(name, text)


def _message(data: bytes) -> str:
    found = _MESSAGE.search(data)
    return found[1].decode() if found else ""


def describe(trace: Trace, movement: Booked, code: str) -> None:
    """Add a movement to the trace, without its account."""
    trace.add(code, f"{movement.kind} {movement.amount_idr} {movement.end_to_end_id or movement.message_id}")
