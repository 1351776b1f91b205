"""Differences between what we hold and what a bank says: one row each, with both values on it.

A break is named by what it is about and by nothing that changes from day to day, so that the same break found again has
the same identifier, and one that a late file explains is no longer found. Nothing here overwrites a state.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.codes import BREAKS
from schemas.tables import TABLES
from schemas.zone import JAKARTA

SEVERITIES = ("critical", "high", "normal")
_CRITICAL = (
    "contradiction duplicate unknown_to_us credited_not_debited reversed_not_debited statement_conflict report_conflict"
    " paid_twice claimed_and_returned"
).split()
_NORMAL = "unknown_code debited_not_acknowledged date_outside_window".split()
SEVERITY: dict[str, str] = {
    kind: "critical" if kind in _CRITICAL else "normal" if kind in _NORMAL else "high" for kind in BREAKS
}
"""How soon a person must look. Critical: money may have gone twice, to nobody we know, or the evidence disagrees."""

RESOLVED_BY: dict[str, str] = {
    "missing_at_bank": "a status report or a statement that names it, or the bank's written word that it never arrived",
    "unknown_to_us": "the bank's correction, or proof that the reference is ours",
    "amount_differs": "the bank's correction or a further booking of the difference",
    "date_outside_window": "the bank's explanation, accepted by a second person",
    "duplicate": "the bank's reversal of the second booking, or its word that it was reported twice",
    "ambiguous": "the bank's reference that tells the candidates apart",
    "contradiction": "the bank's written word on which of its answers stands",
    "unknown_code": "the meaning of the code, agreed with the bank and added to its list",
    "accepted_not_debited": "the statement that shows the debit, or a later rejection",
    "credited_not_debited": "the statement that shows the debit, or the bank's correction of its report",
    "debited_not_acknowledged": "the status report that is missing",
    "statement_gap": "the statement that is missing, or a corrected one",
    "statement_arithmetic": "a corrected statement",
    "unreadable_file": "a readable file of the same name, or the bank's word on what it held",
    "statement_conflict": "the bank's written word on which statement stands",
    "report_conflict": "the bank's written word on which report stands",
    "notified_not_stated": "the statement that shows the booking, or the bank's word that it was never booked",
    "paid_twice": "the return of one of the two, or the bank's word that one was never paid",
    "claimed_and_returned": "the end of the claim by a second person, or what was repaid given back, settled by two people",
    "totals_differ": "a corrected report",
    "reversed_not_debited": "the statement that shows the debit",
    "rejected_not_reversed": "the reversal in a statement, or the bank's word that it paid after all",
}
"""What may close a break of each kind. A late file closes it by itself; the rest is a person's case."""

AGES = ((7, "0-7"), (30, "8-30"), (60, "31-60"))


def age_band(found_on: date, on: date) -> str:
    """The ageing band of a break in calendar days, as auditors read it: 0-7, 8-30, 31-60 or >60."""
    days = (on - found_on).days
    return next((band for limit, band in AGES if days <= limit), ">60")


def break_id(kind: str, bank: str, end_to_end_id: str | None, file_name: str | None, subject: str) -> str:
    """The name of a break: the first 16 hex digits of SHA-256 over what it is about."""
    about = "\x1f".join((kind, bank, end_to_end_id or "", file_name or "", subject))
    return hashlib.sha256(about.encode()).hexdigest()[:16]


def is_late(due: date | datetime | None, at: datetime) -> bool:
    """Whether `at` is past `due`: an instant, or a Jakarta date whose whole day still counts. Without one nothing is."""
    if due is None:
        return False
    if isinstance(due, datetime):
        return at > due
    return at.astimezone(JAKARTA).date() > due


@dataclass
class Findings:
    """Breaks as they are found. A break has its file's period, from `periods`; one without a file has `period`."""

    period: str
    periods: Mapping[str, str]
    _rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def within(self, period: str | None) -> "Findings":
        """The same findings, for breaks without a file that belong to `period`; None: to this one's own."""
        return Findings(period, self.periods, self._rows) if period else self

    def add(
        self,
        kind: str,
        bank: str,
        expected: object,
        found: object,
        *,
        end_to_end_id: str | None = None,
        file_name: str | None = None,
        amount_idr: int | None = None,
        subject: str = "",
    ) -> None:
        """Note a break. `subject` tells apart what reference and file do not. Texts of a received file come as `shown`.

        Found twice under one name, the smaller pair of values stands, so that order plays no part.
        """
        assert kind in BREAKS, f"a kind of break, not {kind}"
        name = break_id(kind, bank, end_to_end_id, file_name, subject)
        row = {
            "break_id": name,
            "period": self.periods.get(file_name or "", self.period),
            "kind": kind,
            "bank": bank,
            "end_to_end_id": end_to_end_id,
            "file_name": file_name,
            "expected": None if expected is None else str(expected),
            "found": None if found is None else str(found),
            "amount_idr": amount_idr,
            "state": "open",
        }
        held = self._rows.get(name)
        if held is None or _values(row) < _values(held):
            self._rows[name] = row

    def table(self) -> pa.Table:
        """All that was found, as breaks.v1, sorted by break_id."""
        return _table(sorted(self._rows.values(), key=lambda row: str(row["break_id"])))


def tell_unreadable(inbound: pa.Table, findings: Findings) -> None:
    """Files that a bank sent and that were set aside, unless a file of the same name was read since.

    `inbound`: every file received, oldest first, with bank, file_name, sha256, state (`quarantined`, `taken`) and reason.
    """
    if "quarantined" not in pc.unique(inbound["state"]).to_pylist():
        return
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for row in inbound.select(["bank", "file_name", "sha256", "state", "reason"]).to_pylist():
        last[row["bank"], row["file_name"]] = row
    for (bank, _), row in last.items():
        if row["state"] == "quarantined":
            digest = row["sha256"]
            findings.add("unreadable_file", bank, "a file that can be read", row["reason"], subject=digest)


def _values(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["expected"] or "", row["found"] or "", row["amount_idr"] or 0


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=TABLES["breaks.v1"].schema)
