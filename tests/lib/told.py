"""Builders of what outcomes are worked out from: decisions, instructions, and rows as they were told."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from reconciliation.outcomes import INSTRUCTED, STANDING, Decided
from schemas.tables import TABLES

AT = datetime(2020, 7, 1, 2, tzinfo=UTC)
DECIDED_AT = datetime(2020, 6, 30, 2, tzinfo=UTC)
REACHED = date(2020, 7, 1)
TRANCHE = 600_000

Row = dict[str, Any]


def decision(decision: str = "due", reasons: str = "", **changed: Any) -> Row:
    """One decision of June about the first tranche of P1, due on 20 June."""
    row = {
        "participant_id": "P1", "benefit": "incentive", "sequence": 1, "period": "2020-06", "decision": decision,
        "reasons": reasons, "amount_idr": TRANCHE, "due_on": date(2020, 6, 20), "last_payment_date": None,
    }  # fmt: skip
    return row | changed


def instruction(state: str, code: str | None = None, **changed: Any) -> Row:
    """One instruction for that tranche, its first attempt; `code` is a bank's, of the list of its state."""
    row = {
        "participant_id": "P1", "benefit": "incentive", "sequence": 1, "attempt": 1, "period": "2020-06",
        "amount_idr": TRANCHE, "due_on": date(2020, 6, 20), "last_payment_date": None, "state": state,
        "code_list": code and ("return" if state == "returned" else "status"), "reason_code": code, "status_at": AT,
    }  # fmt: skip
    return row | changed


def aside(reason: str, **changed: Any) -> Row:
    """That tranche, due and not instructed."""
    row = {"participant_id": "P1", "benefit": "incentive", "sequence": 1, "amount_idr": TRANCHE, "reason": reason}
    return row | changed


def decided(decisions: list[Row], left_out: Sequence[Row] = (), at: datetime = DECIDED_AT) -> Decided:
    """One period's decisions as tables."""
    schema = pa.schema([field.with_nullable(True) for field in TABLES["decisions.v1"].schema])
    return Decided(
        pa.Table.from_pylist(decisions, schema=schema),
        pa.Table.from_pylist(list(left_out), schema=TABLES["left_out.v1"].schema),
        at,
    )


def instructions(*rows: Row) -> pa.Table:
    """Instructions as a table."""
    return pa.Table.from_pylist(list(rows), schema=INSTRUCTED)


def standing(*rows: Row) -> pa.Table:
    """Rows as they were told, as a table."""
    return pa.Table.from_pylist(list(rows), schema=STANDING)
