"""A home and one bank that answers each attempt as a script says, month after month: real rules, ledger and files, carried by hand."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from disbursement import steps as paying
from ledger import queries
from ledger.house import House
from reconciliation import steps as proving
from schemas import exact_checks
from simulator.descriptions import Reason, describe_bank
from simulator.payment_file import Payment, Transfer, read_payment_file
from simulator.status_report import PaymentStatus, StatusReport, TransferStatus, write_status_report
from tests.lib.joined import opened
from tests.lib.small_drop import Row, people, write_drop
from treasury import exports
from treasury.house import init_house

BANK = "ovo"
Attempt = tuple[str, int, int]
"""Participant, tranche and attempt."""


@dataclass
class Story:
    """A programme of some people from its first drop on; `script` says what the bank answers: a code, else it credits."""

    root: Path
    script: Mapping[Attempt, str]
    at: datetime = datetime(2020, 6, 28, 2, tzinfo=UTC)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def begin(self, count: int) -> None:
        """The home, and `count` people who are all due tranche 1."""
        init_house(self.root / "home", self.at)
        self.take(people(count, [BANK]))

    @property
    def house(self) -> House:
        """The home now."""
        return replace(opened(self.root / "home", self.at), check=exact_checks.check)

    def take(self, tables: dict[str, list[Row]]) -> None:
        """Take a drop."""
        paying.intake(self.house, str(write_drop(self.root / f"drop{next(self._numbers)}", tables)))

    def relink(self, number: int, version: int, **more: Any) -> None:
        """Another account version of one person, verified now unless told otherwise."""
        account = people(number, [BANK])["accounts"][-1]
        new = {
            "version": version,
            "account_number": f"08129{version}{number:05}",
            "verified_at": self.at - timedelta(days=1),
        }
        self.take({"accounts": [account | new | more]})

    def revoke(self, number: int) -> None:
        """Participation revoked."""
        person = people(number, [BANK])["participants"][-1]
        self.take({"participants": [person | {"status": "revoked", "status_at": self.at}]})

    def reinstate(self, number: int) -> None:
        """Participation as before."""
        person = people(number, [BANK])["participants"][-1]
        self.take({"participants": [person | {"status": "active", "status_at": self.at}]})

    def month(self, year: int, month: int, day: int = 28) -> dict[str, Any]:
        """Decide, instruct, release, carry, answer and reconcile on that day; what `instruct` said."""
        self.at = datetime(year, month, day, 2, tzinfo=UTC)
        period = f"{year}-{month:02}"
        paying.entitle(self.house, period)
        return self.pay(period)

    def pay(self, period: str) -> dict[str, Any]:
        """Instruct what is decided, and all that follows."""
        made = paying.instruct(self.house, period, "siti")
        for row in queries.batches(self.house.store, period):
            if row["state"] == "drafted":
                paying.release(self.house, row["batch"], "budi", row["digest"], "cli")
        for file in paying.submit(self.house, None, self.root / "out")["files"]:
            self.answer(file["file_name"])
        self.at += timedelta(hours=6)
        proving.reconcile(self.house, period)
        return made

    def answer(self, file_name: str, script: Mapping[Attempt, str] | None = None) -> None:
        """The bank's status report on a file, received."""
        description = describe_bank(BANK)
        read = read_payment_file((self.root / "out" / file_name).read_bytes(), description.pain001, 10_000)
        (payment,) = read.payments
        whose = self.attempts()
        told = self.script if script is None else script
        number = next(self._numbers)
        report = StatusReport(
            message_id=f"SCRIPT{number}",
            created_at=self.at,
            original_message_id=read.message_id,
            original_message_name=description.pain001,
            group_status="PART",
            payments=[_status(payment, read.transfers, [told.get(whose[t.end_to_end_id], "") for t in read.transfers])],
        )
        self.receive(f"answer{number}.xml", write_status_report(report, description))

    def receive(self, name: str, data: bytes) -> None:
        """One file of the bank's, carried by hand."""
        (self.root / name).write_bytes(data)
        proving.receive(self.house, self.root / name, BANK)

    def agree(self, subject: str, reason: str = "surat bank") -> None:
        """Two people agree on a reissue."""
        paying.agree_on_reissue(self.house, subject, "propose", "siti", reason)
        paying.agree_on_reissue(self.house, subject, "approve", "budi", "")

    def attempts(self) -> dict[str, Attempt]:
        """Whose attempt each reference of the incentive is."""
        return {
            row["end_to_end_id"]: (row["participant_id"], row["sequence"], row["attempt"])
            for row in self.instructions()
        }

    def instructions(self) -> list[Row]:
        """All instructions, where they stand."""
        with self.house.store.reading() as connection:
            return list(queries.instruction_rows(connection).to_pylist())

    def standing(self, sequence: int = 1) -> dict[str, list[str]]:
        """The states of a tranche's attempts in order, by participant."""
        found: dict[str, list[str]] = {}
        for row in sorted(self.instructions(), key=lambda row: int(row["attempt"])):
            if row["sequence"] == sequence:
                found.setdefault(row["participant_id"], []).append(row["state"])
        return found

    def next_acts(self, sequence: int = 1) -> dict[str, Row]:
        """What happens next to a tranche that ended without paying, by participant."""
        rows = exports.next_acts(self.house)
        return {row["participant_id"]: row for row in rows if row["sequence"] == sequence}

    def reference(self, participant: str, attempt: int, sequence: int = 1) -> str:
        """The reference of an attempt."""
        (found,) = (e for e, whose in self.attempts().items() if whose == (participant, sequence, attempt))
        return found


def _status(payment: Payment, transfers: Sequence[Transfer], codes: Sequence[str]) -> PaymentStatus:
    answers = [_answer(*pair) for pair in zip(transfers, codes, strict=True)]
    return PaymentStatus(payment.payment_information_id, payment.count, payment.sum_idr, "PART", answers)


def _answer(transfer: Transfer, code: str) -> TransferStatus:
    status, reason = ("RJCT", Reason(code, "")) if code else ("ACCC", None)
    return TransferStatus(transfer.end_to_end_id, "", transfer.amount_idr, status, reason=reason)
