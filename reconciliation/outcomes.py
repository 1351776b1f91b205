"""What became of every payment, in the programme's words, and which of it is news.

An entitlement (participant, benefit, sequence) is told of once: by its last attempt that was not withdrawn, or where there is
none, by the last period's decision on it. What means which is said in `schemas.outcomes`.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from schemas.fields import FIELDS
from schemas.outcomes import STATUSES, TO_DO, UNMET, Telling, of_decision, of_instruction
from schemas.tables import conform

KEY = ("participant_id", "benefit", "sequence")
_TOLD = ("status", "to_do", "due_on", "amount_idr")
"""What makes news when it differs. The month and the instant that a status comes from do not."""
STANDING = pa.schema(
    [
        pa.field(name, FIELDS[name].type)
        for name in (*KEY, "period", "status", "status_at", "amount_idr", "due_on", "to_do")
    ]
)
"""Where one entitlement stands: outcomes.v1 without the words."""
_QUIET = pa.schema([*STANDING, pa.field("is_quiet", pa.bool_())])

INSTRUCTED = pa.schema(
    [
        *(pa.field(name, FIELDS[name].type) for name in (*KEY, "attempt", "period", "amount_idr", "due_on")),
        *(pa.field(name, FIELDS[name].type) for name in ("last_payment_date", "state", "code_list", "reason_code")),
        *(pa.field(name, FIELDS[name].type) for name in ("status_at", "verdict", "reasons")),
    ]
)
"""An instruction, where it stands and since when; of one that ended and is not asked for again, what follows (reissues.v1)."""
_DECIDED = (*KEY, "period", "decision", "reasons", "amount_idr", "due_on", "last_payment_date")


class Decided(NamedTuple):
    """The decisions in force of one period (decisions.v1), which due ones could not be instructed (left_out.v1), and since when."""

    decisions: pa.Table
    left_out: pa.Table
    at: datetime


def outcomes(
    decided: Iterable[Decided], instructions: pa.Table, *, on_hold: Collection[str], reached: date
) -> pa.Table:
    """Where every entitlement stands: STANDING and `is_quiet` (no news unless something was told before), by key.

    `decided`: period by period, the last one first. `instructions`: INSTRUCTED, every attempt. `on_hold`: whom a person
    keeps from being paid now. `reached`, the date in Jakarta of the last cut-off: what is unpaid and has a last payment
    date before it is lapsed, as `entitle` holds it.
    """
    standing = _last_attempts(instructions.filter(pc.not_equal(instructions["state"], "withdrawn")))
    parts = [_of_instructions(standing, reached)]
    seen = standing.select(KEY)
    for period in decided:
        rows = period.decisions.select(_DECIDED).filter(pc.not_equal(period.decisions["decision"], "complete"))
        rows = rows.join(seen, list(KEY), join_type="left anti")
        seen = pa.concat_tables([seen, rows.select(KEY)])
        parts.append(_of_decisions(_with_left_out(rows, period.left_out, on_hold), period.at, reached))
    return _sorted(pa.concat_tables(parts))


def changes(previous: pa.Table, now: pa.Table, at: datetime) -> pa.Table:
    """The news: what of `now` was never told, or told otherwise (`previous`: STANDING as last told); by key.

    Quiet rows are news only to whoever was told something before. Whoever was told something and of whom nothing is known
    any more is told that the conditions are no longer met, at `at`.
    """
    before = previous.select([*KEY, *_TOLD]).rename_columns([*KEY, *(f"told_{name}" for name in _TOLD)])
    rows = now.join(before, list(KEY), join_type="left outer")
    is_new = pc.is_null(rows["told_status"])
    differs = is_new
    for name in _TOLD:
        differs = pc.or_(differs, _differ(rows[name], rows[f"told_{name}"]))
    is_news = pc.and_(differs, pc.invert(pc.and_(is_new, rows["is_quiet"])))
    gone = previous.join(now.select(KEY), list(KEY), join_type="left anti")
    gone = gone.filter(pc.or_(pc.not_equal(gone["status"], UNMET.status), pc.not_equal(gone["to_do"], UNMET.to_do)))
    moved = {"status": UNMET.status, "to_do": UNMET.to_do, "status_at": at}
    for name, value in moved.items():
        column = pa.repeat(pa.scalar(value, STANDING.field(name).type), gone.num_rows)
        gone = gone.set_column(gone.column_names.index(name), name, column)
    return _sorted(pa.concat_tables([rows.filter(is_news).select(STANDING.names), gone.select(STANDING.names)]))


def audible(now: pa.Table, previous: pa.Table) -> pa.Table:
    """Of `outcomes` what is told, or has been: quiet rows stay out unless something was told before (`previous`)."""
    told = previous.select(KEY).append_column("is_told", pa.repeat(True, previous.num_rows))
    rows = now.join(told, list(KEY), join_type="left outer")
    heard = pc.or_(pc.invert(rows["is_quiet"]), pc.is_valid(rows["is_told"]))
    return _sorted(rows.filter(heard).select(STANDING.names))


def worded(standing: pa.Table) -> pa.Table:
    """STANDING with the words for people in both languages: outcomes.v1."""
    texts = {
        "status_english": ("status", STATUSES),
        "to_do_indonesian": ("to_do", {code: words[0] for code, words in TO_DO.items()}),
        "to_do_english": ("to_do", {code: words[1] for code, words in TO_DO.items()}),
    }
    for name, (column, words) in texts.items():
        place = pc.index_in(standing[column], value_set=pa.array(list(words), pa.string()))
        standing = standing.append_column(name, pa.chunked_array([pa.array(words.values(), pa.string())]).take(place))
    return conform(standing, "outcomes.v1")


def _last_attempts(instructions: pa.Table) -> pa.Table:
    last = instructions.group_by(list(KEY)).aggregate([("attempt", "max")])
    last = last.rename_columns([*KEY, "attempt"])
    return instructions.join(last, [*KEY, "attempt"], join_type="left semi")


def _of_instructions(rows: pa.Table, reached: date) -> pa.Table:
    rows = _with_is_past(rows, reached)
    for name in ("code_list", "reason_code", "verdict", "reasons"):
        rows = _set(rows, name, pc.coalesce(rows[name], ""))
    return _told(rows, ("state", "code_list", "reason_code", "is_past", "verdict", "reasons"), of_instruction)


def _with_left_out(rows: pa.Table, left_out: pa.Table, on_hold: Collection[str]) -> pa.Table:
    """The decisions; the reason of a due one becomes why it is not instructed. Who is on hold is known better by now."""
    aside = left_out.filter(pc.not_equal(left_out["reason"], "on_hold")).select([*KEY, "reason"])
    rows = rows.join(aside, list(KEY), join_type="left outer")
    is_held = pc.is_in(rows["participant_id"], value_set=pa.array(sorted(on_hold), pa.string()))
    reason = pc.if_else(is_held, "on_hold", rows["reason"])
    is_due = pc.equal(rows["decision"], "due")
    return _set(rows, "reasons", pc.if_else(is_due, pc.coalesce(reason, rows["reasons"]), rows["reasons"]))


def _of_decisions(rows: pa.Table, decided_at: datetime, reached: date) -> pa.Table:
    rows = _with_is_past(rows, reached)
    rows = rows.append_column("has_due_on", pc.is_valid(rows["due_on"]))
    rows = rows.append_column(
        "status_at", pa.repeat(pa.scalar(decided_at, STANDING.field("status_at").type), len(rows))
    )
    return _told(rows, ("decision", "reasons", "has_due_on", "is_past"), _of_decision)


def _of_decision(decision: str, reasons: str, has_due_on: bool, is_past: bool) -> Telling:
    telling = of_decision(decision, filter(None, reasons.split(";")), has_due_on, is_past)
    assert telling is not None, "a complete decision is about no entitlement"
    return telling


def _told(rows: pa.Table, by: tuple[str, ...], tell: Callable[..., Telling]) -> pa.Table:
    """The rows with what each combination of some columns tells: worked out once a combination, of which there are few."""
    combined = rows.group_by(list(by)).aggregate([])
    told: list[dict[str, Any]] = [each | tell(*(each[name] for name in by))._asdict() for each in combined.to_pylist()]
    kinds = [*(rows.schema.field(name) for name in by), *(_QUIET.field(name) for name in Telling._fields)]
    with_words = rows.join(pa.Table.from_pylist(told, pa.schema(kinds)), list(by), join_type="inner")
    assert with_words.num_rows == rows.num_rows, "every row tells something"
    return with_words.select(_QUIET.names).cast(_QUIET)


def _with_is_past(rows: pa.Table, reached: date) -> pa.Table:
    return rows.append_column("is_past", pc.coalesce(pc.less(rows["last_payment_date"], pa.scalar(reached)), False))


def _differ(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether two values differ, null being a value of its own."""
    return pc.coalesce(pc.not_equal(one, other), pc.xor(pc.is_null(one), pc.is_null(other)))


def _set(rows: pa.Table, name: str, column: Any) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, column)


def _sorted(rows: pa.Table) -> pa.Table:
    return rows.sort_by([(name, "ascending") for name in KEY]).combine_chunks()
