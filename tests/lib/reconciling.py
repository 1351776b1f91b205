"""A small bank world in words: files of ours, what status reports say, what statements show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from reconciliation.matching import Matched, match
from schemas.fields import FIELDS
from schemas.tables import TABLES

PERIOD = "2020-05"
DAY = date(2020, 5, 4)
"""The execution date. Answers are due the next noon (UTC), debits on the 5th, reversals on the 6th."""
SOON = datetime(2020, 5, 4, 12, tzinfo=UTC)
LATE = datetime(2020, 6, 1, tzinfo=UTC)
TRANCHE = 600_000

OF_EACH = ("participant_id", "attempt", "last_payment_date")
"""What a file of the world may say of each of its instructions."""

Row = dict[str, Any]


def _schema(name: str, extra: Mapping[str, pa.DataType]) -> pa.Schema:
    fields = [field.with_nullable(True) for field in TABLES[name].schema]
    return pa.schema([*fields, *(pa.field(column, kind) for column, kind in extra.items())])


_BANK = {"bank": pa.string(), "evidence": pa.string()}
RESPONSES = _schema("responses.v1", {**_BANK, "received": pa.int64(), "stated_at": FIELDS["stated_at"].type})
STATEMENTS = _schema("statements.v1", {**_BANK, "received": pa.int64(), "superseded_by": pa.string()})
ENTRIES = _schema("entries.v1", {**_BANK, "kind": pa.string()})
FILES = _schema(
    "files.v1",
    {
        "state": pa.string(),
        "execution_date": pa.date32(),
        "answer_due_at": FIELDS["at"].type,
        "statement_due_on": pa.date32(),
        "reversal_due_on": pa.date32(),
    },
)
SENT = pa.schema(
    [
        (name, FIELDS[name].type)
        for name in (
            "end_to_end_id",
            "participant_id",
            "benefit",
            "sequence",
            "attempt",
            "amount_idr",
            "channel",
            "file_name",
            "period",
            "last_payment_date",
            "state",
        )
    ]
)


@dataclass
class World:
    """What was sent and what came back, as rows; `matched` asks the reconciliation about it."""

    modes: dict[str, str] = field(default_factory=lambda: {"bni": "full", "ovo": "full"})
    sent: list[Row] = field(default_factory=list)
    files: list[Row] = field(default_factory=list)
    responses: list[Row] = field(default_factory=list)
    statements: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)

    def file(self, name: str, ids: Sequence[str], *, bank: str = "bni", state: str = "submitted", **more: Any) -> None:
        """One file of ours with an instruction of Rp600,000 for each id; its references are M-NAME and P-NAME."""
        amounts = more.pop("amounts", [TRANCHE] * len(ids))
        of_each = {"attempt": 1} | {key: more.pop(key) for key in OF_EACH if key in more}
        self.sent += [
            {"end_to_end_id": e, "participant_id": f"P{e}", "benefit": "incentive", "sequence": 1, "amount_idr": amount,
             "channel": bank, "file_name": name, "period": PERIOD, "state": state} | of_each
            for e, amount in zip(ids, amounts, strict=True)
        ]  # fmt: skip
        row = {
            "file_name": name, "channel": bank, "batch": f"B-{name}", "message_id": f"M-{name}",
            "payment_information_id": f"P-{name}", "format": "pain.001.001.09", "transaction_count": len(ids),
            "control_sum_idr": sum(amounts), "sha256": name, "byte_count": 1, "is_companion": False, "state": state,
            "execution_date": DAY, "answer_due_at": datetime(2020, 5, 5, 12, tzinfo=UTC),
            "statement_due_on": DAY + timedelta(days=1), "reversal_due_on": DAY + timedelta(days=2),
        }  # fmt: skip
        self.files.append(row | more)

    def report(
        self,
        name: str | None,
        statuses: Mapping[str, str] | None = None,
        *,
        group: str | None = None,
        batch: str | None = None,
        **more: Any,
    ) -> None:
        """One status report about a file: `{"E1": "ACSC", "E2": "RJCT AC04"}` by payment, and its upper levels."""
        number = len({row["evidence"] for row in self.responses}) + 1
        common: Row = {"bank": "bni", "evidence": f"report-{number}", "received": number}
        common |= {"message_id": f"M-{name}" if name else None} | more
        payment = {"payment_information_id": f"P-{name}" if name else None} | {
            key: value for key, value in more.items() if key == "payment_information_id"
        }
        if group:
            self.responses.append({"level": "file", **_coded(group), **common})
        if batch:
            self.responses.append({"level": "batch", **_coded(batch), **common, **payment})
        for end_to_end_id, status in (statuses or {}).items():
            row = {"level": "transaction", "end_to_end_id": end_to_end_id, **_coded(status), **common, **payment}
            self.responses.append(row)

    def statement(self, number: int, entries: Sequence[Row], *, opening: int | None = None, **more: Any) -> None:
        """One statement whose balances follow from those before it, and its entries (`debit(...)`, `credit(...)`)."""
        bank = more.get("bank", "bni")
        before = [row for row in self.statements if row["bank"] == bank]
        if opening is None:
            opening = before[-1]["closing_idr"] if before else 10**9
        moved = sum(
            e["entry_amount_idr"] * (1 if e["direction"] == "credit" else -1) for e in entries if e["status"] == "BOOK"
        )
        day = DAY + timedelta(days=number - 1)
        row = {
            "statement_id": f"S{number}", "account": "A", "currency": "IDR", "sequence_number": number, "from_date": day,
            "to_date": day, "opening_idr": opening, "closing_idr": opening + moved, "row_count": len(entries), "bank": bank,
            "evidence": f"statement-{bank}-{len(before) + 1}", "received": 100 + len(self.statements),
        }  # fmt: skip
        row |= more
        self.statements.append(row)
        shared = {"statement_id": row["statement_id"], "bank": bank, "evidence": row["evidence"]}
        self.entries += [
            {"entry_number": place, "booking_date": day, **entry, **shared}
            for place, entry in enumerate(entries, start=1)
        ]

    def notification(self, number: int, entries: Sequence[Row], **more: Any) -> None:
        """One notification and its entries, as a bank tells them before, beside or after its statements."""
        bank, day = more.pop("bank", "bni"), DAY + timedelta(days=number - 1)
        shared = {"statement_id": f"N{number}", "bank": bank, "evidence": f"notification-{bank}-{number}"} | more
        self.entries += [
            {"entry_number": place, "booking_date": day, **entry, **shared, "kind": "notification"}
            for place, entry in enumerate(entries, start=1)
        ]

    def tables(self) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table, pa.Table]:
        """sent, files, responses, statements, entries."""
        return (
            pa.Table.from_pylist(self.sent, schema=SENT),
            pa.Table.from_pylist(self.files, schema=FILES),
            pa.Table.from_pylist(self.responses, schema=RESPONSES),
            pa.Table.from_pylist(self.statements, schema=STATEMENTS),
            pa.Table.from_pylist(self.entries, schema=ENTRIES),
        )

    def matched(self, at: datetime = SOON) -> Matched:
        """All of it, reconciled at an instant."""
        return match(*self.tables(), modes=self.modes, period=PERIOD, at=at)


def _coded(status: str) -> Row:
    code, _, reason = status.partition(" ")
    return {"status": code or None, "reason_code": reason or None}


def entry(direction: str, amount: int, **more: Any) -> Row:
    """One booked entry of one row."""
    row = {
        "detail_number": 0, "direction": direction, "amount_idr": amount, "entry_amount_idr": amount, "currency": "IDR",
        "status": "BOOK", "is_reversal": False,
    }  # fmt: skip
    return row | more


def debit_of(name: str, amount: int, **more: Any) -> Row:
    """The consolidated debit of a file."""
    return entry("debit", amount, message_id=f"M-{name}", payment_information_id=f"P-{name}", **more)


def reversal_of(end_to_end_id: str | None, amount: int = TRANCHE, **more: Any) -> Row:
    """A debit undone for one payment."""
    return entry("credit", amount, is_reversal=True, end_to_end_id=end_to_end_id, **more)


def return_of(end_to_end_id: str | None, amount: int = TRANCHE, code: str = "AC04", **more: Any) -> Row:
    """Money that the recipient's side sends back, with its reason."""
    return entry("credit", amount, end_to_end_id=end_to_end_id, return_code=code, **more)


def balances(**instructions: int) -> pa.Table:
    """The journal's balances: so many instructions of Rp600,000 in each account."""
    return pa.table(
        {
            "account": pa.array(instructions, pa.string()),
            "balance_idr": pa.array([count * TRANCHE for count in instructions.values()], pa.int64()),
            "transaction_count": pa.array(instructions.values(), pa.int64()),
        }
    )


def states(matched: Matched) -> dict[str, str]:
    """The state of each instruction."""
    return dict(zip(matched.matches["end_to_end_id"].to_pylist(), matched.matches["state"].to_pylist(), strict=True))


def breaks(matched: Matched) -> list[tuple[str, str | None]]:
    """Kind and payment (or else file) of each break, sorted."""
    rows = matched.breaks.to_pylist()
    return sorted(((row["kind"], row["end_to_end_id"] or row["file_name"]) for row in rows), key=str)
