"""What people are told, worked out slowly and row by row: the twin that `reconciliation.outcomes` is held against."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from schemas.outcomes import of_decision, of_instruction

Row = dict[str, Any]
Key = tuple[str, str, int]


def key_of(row: Row) -> Key:
    """Which entitlement."""
    return row["participant_id"], row["benefit"], row["sequence"]


def outcomes(
    decided: Sequence[tuple[Sequence[Row], Sequence[Row], datetime]],
    instructions: Sequence[Row],
    *,
    on_hold: Collection[str],
    reached: date,
) -> list[Row]:
    """The same as `reconciliation.outcomes.outcomes`, of rows."""
    found: dict[Key, Row] = {}
    for decisions, left_out, at in reversed(decided):  # the last period first, so that it has the last word here
        aside = {key_of(row): row["reason"] for row in left_out if row["reason"] != "on_hold"}
        for row in decisions:
            reasons = [reason for reason in row["reasons"].split(";") if reason]
            if row["decision"] == "due" and row["participant_id"] in on_hold:
                reasons = ["on_hold"]
            elif row["decision"] == "due" and key_of(row) in aside:
                reasons = [aside[key_of(row)]]
            told = of_decision(row["decision"], reasons, row["due_on"] is not None, _is_past(row, reached))
            if told is not None:
                found[key_of(row)] = _standing(row, at) | told._asdict()
    for row in sorted(instructions, key=lambda each: each["attempt"]):
        mine = [each for each in instructions if key_of(each) == key_of(row) and each["state"] != "withdrawn"]
        if mine and row["attempt"] == max(each["attempt"] for each in mine) and row["state"] != "withdrawn":
            words = (row.get(name) or "" for name in ("verdict", "reasons"))
            of_code = (row["code_list"] or "", row["reason_code"] or "")
            told = of_instruction(row["state"], *of_code, _is_past(row, reached), *words)
            found[key_of(row)] = _standing(row, row["status_at"]) | told._asdict()
    return [found[key] for key in sorted(found)]


def changes(previous: Sequence[Row], now: Sequence[Row], at: datetime) -> list[Row]:
    """The same as `reconciliation.outcomes.changes`, of rows."""
    before = {key_of(row): row for row in previous}
    news = {}
    for row in now:
        last = before.pop(key_of(row), None)
        told = {name: value for name, value in row.items() if name != "is_quiet"}
        if last is None and row["is_quiet"]:
            continue
        if last is None or any(row[name] != last[name] for name in ("status", "to_do", "due_on", "amount_idr")):
            news[key_of(row)] = told
    for key, row in before.items():
        if (row["status"], row["to_do"]) != ("dana tertahan", "check_conditions"):
            news[key] = row | {"status": "dana tertahan", "to_do": "check_conditions", "status_at": at}
    return [news[key] for key in sorted(news)]


def _is_past(row: Row, reached: date) -> bool:
    return row["last_payment_date"] is not None and row["last_payment_date"] < reached


def _standing(row: Row, at: datetime) -> Row:
    names = ("participant_id", "benefit", "sequence", "period", "amount_idr", "due_on")
    return {name: row[name] for name in names} | {"status_at": at}
