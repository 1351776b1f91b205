"""Evidence that contradicts other evidence, across reports, statements and attempts. It never moves a state: it is kept as a
break, with both sides and the files that they stand in, until a person has the bank's word.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.booked import PAYMENT, Booked
from reconciliation.breaks import Findings
from reconciliation.lateness import Teller
from reconciliation.reported import CREDITED, Reported
from reconciliation.sides import Numbers, Ours
from schemas.codes import FINAL_WITHOUT_PAYMENT, INSTRUCTION_STATES
from schemas.money import format_idr
from schemas.tables import TABLES

_PAID = ("debited", "credited")
_EPOCH = date(1970, 1, 1)
_OF_A_REPORT = [name for name in TABLES["responses.v1"].columns if name != "reason_text"]


def tell_contradictions(ours: Ours, reported: Reported, booked: Booked, findings: Findings) -> None:
    """Refused by one report and settled by another, or debited by itself on a day after its refusal.

    A debit that is sent back explains `debited` and `rejected` together, where the refusal came last. It never explains
    `credited`: who was refused did not have the money, so one of the two reports was untrue, wherever the money is now.
    """
    unexplained = ~booked.sent_back | (reported.rank == CREDITED) | reported.settled_late
    for position in np.flatnonzero(reported.contradicted & unexplained).tolist():
        settled = "credited" if reported.rank[position] == CREDITED else "debited"
        sides = [
            _whence(reported.rows, reported.rank_row[position]),
            _whence(reported.rows, reported.rejected_row[position]),
        ]
        _tell(ours, position, f"{settled}{sides[0]}", f"rejected{sides[1]}", "status reports", findings)
    refused_on = np.where(reported.rejected_at >= 0, (reported.rejected_at + _OFFSET_US) // _DAY_US, 2**31)
    again = reported.rejected & ~booked.sent_back & (booked.debit_rule == PAYMENT) & booked.debited
    day = np.append(booked.day, 0)[booked.debit_row]
    for position in np.flatnonzero(again & (day > refused_on)).tolist():
        entry = _whence(booked.rows, booked.debit_row[position])
        expected = f"rejected{_whence(reported.rows, reported.rejected_row[position])}"
        _tell(ours, position, expected, f"debited on {_date(day[position])}{entry}", "debited after refusal", findings)


_DAY_US = 86_400_000_000
_OFFSET_US = int(timedelta(hours=7).total_seconds()) * 1_000_000
"""Jakarta is seven hours ahead, all the year."""


def tell_paid_late(ours: Ours, reported: Reported, booked: Booked, state: Numbers, findings: Findings) -> None:
    """Paid after the last payment date of the scheme, by the booking of the debit, or, where no statement or notification
    shows one, by the time of the report that says so. One break for a file where most of it is, else one a payment.
    """
    if "last_payment_date" not in ours.sent.column_names:
        return
    last = ours.sent["last_payment_date"].combine_chunks().cast(pa.int32()).cast(pa.int64())
    last_day: Numbers = pc.fill_null(last, 2**31).to_numpy(zero_copy_only=False)
    reported_on = np.where(reported.settled_at >= 0, (reported.settled_at + _OFFSET_US) // _DAY_US, -1)
    booked_on = np.append(booked.day, 0)[booked.debit_row]
    paid_on = np.where(booked.debited, booked_on, reported_on)
    late = np.isin(state, [INSTRUCTION_STATES.index(each) for each in _PAID]) & (paid_on > last_day)
    for index in np.unique(ours.file[late]).tolist():
        members = ours.members(index)
        chosen = late[members]
        lapsed, first = int(last_day[members[chosen]].min()), int(paid_on[members[chosen]].min())
        teller = Teller(ours, ours.files[index], members, findings, "lapse")
        teller.tell("contradiction", chosen, f"paid by {_date(lapsed)}", f"paid on {_date(first)}")


def tell_paid_twice(ours: Ours, state: Numbers, findings: Findings) -> None:
    """Attempts of one entitlement of which one is paid by the evidence and another is paid, or may still be.

    A break for each of them, so that whoever looks at either sees it. An attempt that ended without payment is none.
    """
    names = ("participant_id", "benefit", "sequence", "attempt")
    if not all(name in ours.sent.column_names for name in names):
        return
    further = ours.sent.filter(pc.greater(ours.sent["attempt"], 1)).select(names[:-1])
    if not further.num_rows:
        return
    numbered = ours.sent.select(names).append_column("position", pa.array(np.arange(len(ours))))
    several = numbered.join(further.group_by(list(names[:-1])).aggregate([]), list(names[:-1]), join_type="left semi")
    entitlements: dict[tuple[Any, ...], list[tuple[int, int]]] = defaultdict(list)
    for row in several.to_pylist():
        entitlements[tuple(row[name] for name in names[:-1])].append((row["attempt"], row["position"]))
    recorded = ours.sent["state"].to_pylist() if "state" in ours.sent.column_names else None
    for attempts in entitlements.values():
        _tell_attempts(ours, sorted(attempts), state, recorded, findings)


def tell_claimed(matches: pa.Table, claimed: pa.Table, banks: Mapping[str, str], findings: Findings) -> None:
    """Payments under a claim that came back from the bank: the money is here, and is asked for again, or is back already.

    `matches`: matches.v1; `claimed`: end_to_end_id, claim and repaid_idr (whole rupiah of the whole claim) of confirmed claims that
    stand; `banks`: bank by file name. It stands until the claim is ended, or two people have settled the case.
    """
    if not claimed.num_rows:
        return
    back = matches.filter(pc.equal(matches["state"], "returned")).select(["end_to_end_id", "file_name", "amount_idr"])
    both = back.join(claimed, "end_to_end_id", join_type="inner")
    for row in both.to_pylist():
        repaid = f", and {format_idr(row['repaid_idr'])} repaid" if row["repaid_idr"] else ""
        findings.add(
            "claimed_and_returned", banks[row["file_name"]], "credited", f"returned, under claim {row['claim']}{repaid}",
            end_to_end_id=row["end_to_end_id"], file_name=row["file_name"], amount_idr=row["amount_idr"], subject=row["claim"],
        )  # fmt: skip


def _tell_attempts(
    ours: Ours, attempts: list[tuple[int, int]], state: Numbers, recorded: list[str] | None, findings: Findings
) -> None:
    shown = {position: INSTRUCTION_STATES[state[position]] for _, position in attempts}
    standing = [
        (number, position)
        for number, position in attempts
        if shown[position] in _PAID
        or FINAL_WITHOUT_PAYMENT.isdisjoint((shown[position], recorded[position] if recorded else shown[position]))
    ]
    if len(standing) < 2 or not any(shown[position] in _PAID for _, position in standing):
        return
    words = "; ".join(
        f"attempt {number} at {ours.files[int(ours.file[position])].bank} {shown[position]} ({ours.ids[position].as_py()})"
        for number, position in standing
    )
    for _, position in standing:
        _tell(ours, position, "one payment", words, "attempts", findings, kind="paid_twice")


def tell_reused_reports(ours: Ours, responses: pa.Table, findings: Findings) -> None:
    """Status reports that bear an id which an earlier one bears, and say something else: one break an id of a bank."""
    if "report_id" not in responses.column_names:
        return
    named = responses.filter(pc.is_valid(responses["report_id"]))
    files = named.select(["bank", "report_id", "evidence"]).group_by(["bank", "report_id", "evidence"]).aggregate([])
    reused: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in files.to_pylist():
        reused[row["bank"], row["report_id"]].append(row["evidence"])
    for (bank, report_id), evidence in sorted(reused.items()):
        contents = {key: _content(named, bank, key) for key in sorted(evidence)} if len(evidence) > 1 else {}
        first = next(iter(contents), None)
        other = next((key for key, content in contents.items() if content != contents[str(first)]), None)
        if first is None or other is None:
            continue
        messages = [row["message_id"] for key in (first, other) for row in contents[key] if row["message_id"]]
        file = next((file for file in ours.files if file.bank == bank and file.message_id in messages), None)
        findings.within(file.period if file else None).add(
            "report_conflict", bank, f"{len(contents[first])} rows, file {first[:12]}",
            f"{len(contents[other])} rows, file {other[:12]}", file_name=file.name if file else None, subject=report_id,
        )  # fmt: skip


def _content(responses: pa.Table, bank: str, evidence: str) -> list[dict[str, Any]]:
    mine = pc.and_(pc.equal(responses["bank"], bank), pc.equal(responses["evidence"], evidence))
    present = [name for name in _OF_A_REPORT if name in responses.column_names]
    rows: list[dict[str, Any]] = responses.filter(mine).select(present).to_pylist()
    return sorted(rows, key=str)


def _tell(
    ours: Ours, position: int, expected: str, found: str, subject: str, findings: Findings, kind: str = "contradiction"
) -> None:
    file = ours.files[int(ours.file[position])]
    findings.add(
        kind, file.bank, expected, found, end_to_end_id=ours.ids[position].as_py(), file_name=file.name,
        amount_idr=int(ours.amount[position]), subject=subject,
    )  # fmt: skip


def _whence(rows: pa.Table, row: int) -> str:
    """The received file that a row stands in, as far as a person needs it to find it."""
    return f" (file {rows['evidence'][int(row)].as_py()[:12]})" if row >= 0 else ""


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=int(day))
