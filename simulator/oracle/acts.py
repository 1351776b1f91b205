"""Who goes on with what has not ended, and by when. An act that is past its day, or that nobody has, goes on with nothing."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from simulator.observed import CutOff, Day, Row, Violation
from simulator.oracle.memory import Memory, Seen, entitlement_of, named
from simulator.oracle.plain_rules import jakarta_day, last_payment_date

FINAL: Final = frozenset({"lapsed", "deposited"})
"""Ends with their reason: nobody acts any more."""
_ITSELF: Final = frozenset({"due", "undecided"})
"""What the next decision, or the next instructing, takes up without anybody's act."""
_OVERDUE_DAYS: Final = 45
"""So many days after its own an act is overdue even if nothing was decided since."""


def judge_acts(day: Day, seen: Seen, memory: Memory) -> Iterator[Violation]:
    """Each act to come has somebody or its day, that day is not past, what comes by itself has come, and an end is one."""
    latest = max(day.cut_offs_run, key=lambda run: run.cut_off, default=None)
    for act in day.record.next_acts:
        for what in _against(act, day, latest, seen, memory):
            yield Violation("lost", _about(act, seen), f"{act['kind']}: {what}")


def _about(act: Row, seen: Seen) -> str:
    row = seen.instructions.get(act["subject"])
    return str(act["subject"]) if row is None else f"{named(entitlement_of(row))} {act['subject']}"


def _against(act: Row, day: Day, latest: CutOff | None, seen: Seen, memory: Memory) -> Iterator[str]:
    if act["kind"] in FINAL:
        yield from _no_end(act, day, latest, seen)
        return
    due_on = _day(act["due_at"])
    if due_on is None and not act["owner"]:
        yield "nobody has it, and no day is set"
    if due_on is not None:
        if latest is not None and due_on <= jakarta_day(latest.cut_off):
            yield f"its day, {due_on}, had come by the last decision"
        elif day.date > due_on + timedelta(days=_OVERDUE_DAYS):
            yield f"its day, {due_on}, is long past"
    if act["kind"] in _ITSELF:
        yield from _not_taken(act, day, seen, memory)


def _day(due_at: str | date | datetime | None) -> date | None:
    if isinstance(due_at, str):
        return date.fromisoformat(due_at[:10])
    return jakarta_day(due_at) if isinstance(due_at, datetime) else due_at


def _no_end(act: Row, day: Day, latest: CutOff | None, seen: Seen) -> Iterator[str]:
    """What is said to be final: lapsed only after the last payment date, deposited only where money was."""
    if act["kind"] == "deposited":
        if not any(row["debit"] == "deposited" for row in day.record.journal):
            yield "the journal has no deposit"
        return
    row = seen.instructions.get(act["subject"])
    if row is None:
        yield "no instruction of the record"
        return
    waves = [one.get("wave") for one in day.source_tables["participants"] if _is_of(one, row)]
    last = max((on for on in map(last_payment_date, waves) if on is not None), default=None)
    today = max([day.date, *([jakarta_day(latest.cut_off)] if latest else [])])
    if last is None or today <= last:
        yield f"the last payment date is {last}"


def _is_of(one: Row, row: Row) -> bool:
    return bool(one["participant_id"] == row["participant_id"])


def _not_taken(act: Row, day: Day, seen: Seen, memory: Memory) -> Iterator[str]:
    """Shown on an earlier day, and not taken up by what was decided, or instructed, for everybody since."""
    row, since = seen.instructions.get(act["subject"]), memory.coming.get((act["kind"], act["subject"]))
    if row is None or since is None or since[1] != len(seen.attempts[entitlement_of(row)]):
        return
    told = day.instructs_run if act["kind"] == "due" else [(run.period, run.at) for run in day.cut_offs_run]
    last = dict(told)  # who is left out is known of the last run of each period alone
    for period, at in last.items():
        is_asked = at > since[0] and period == _latest_by(at, day.cut_offs_run)
        if is_asked and not seen.is_left_out(entitlement_of(row), period):
            yield f"so since {since[0].date()}, and not taken up for {period} on {at.date()}"


def _latest_by(at: datetime, runs: list[CutOff]) -> str | None:
    """The period of the run with the latest cut-off by an instant: what has ended is decided in that one."""
    before = [run for run in runs if run.at <= at]
    return max(before, key=lambda run: run.cut_off).period if before else None
