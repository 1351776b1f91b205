"""Everything sent against everything received: read and matched once, whatever the period, and then told period by period."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from banks.calendars import CalendarMissing, next_banking_day
from banks.profiles import Profile, profiles
from ledger import claims, inbound, queries, unknowns
from ledger.house import House
from ledger.instants import from_micros, jakarta_date
from ledger.store import Connection
from reconciliation import evidence
from reconciliation.breaks import Findings, tell_unreadable
from reconciliation.contradictions import tell_claimed
from reconciliation.lateness import Silences, hold_silence
from reconciliation.matching import Matched, hold_moves, match_stated
from reconciliation.sides import IN_WRITING, one_piece
from schemas.fields import DATE, INSTANT, TEXT

_NO_PERIOD = ""
"""The period of a break about evidence that names nothing of ours, until it is asked in which one it is looked at."""


class Found(NamedTuple):
    """What matching found for one period, and what the record says so far.

    `matches` (matches.v1) is of the period's instructions, `was` their rows as recorded before, in the same order;
    `breaks` (breaks.v1) are those of matching, then moves that the record does not allow, files that could not be read, and
    payments under a claim that came back; `lapsed` (end_to_end_id, file_name, amount_idr, answer_due_at) those that silence
    makes unknown now.
    """

    matched: Matched
    matches: pa.Table
    breaks: pa.Table
    was: pa.Table
    lapsed: pa.Table


@dataclass(frozen=True)
class Looked:
    """What matching found for all periods at once. What is recorded of one period's payments changes nothing for another's."""

    matched: Matched
    sent: pa.Table
    silences: Silences
    matches: pa.Table
    refused: pa.Table
    banks: Mapping[str, str]
    inbound: pa.Table
    claimed: pa.Table

    def each(self, periods: Iterable[str]) -> Iterator[Found]:
        """`within` each of the periods."""
        return map(self.within, periods)

    def within(self, period: str) -> Found:
        """What of it is one period's. What the record refuses to move is kept as it is."""
        ours = self.sent.filter(pc.equal(self.sent["period"], period))
        names = one_piece(ours["end_to_end_id"])
        mine = self.matches.filter(pc.is_in(self.matches["end_to_end_id"], value_set=names))
        beside = Findings(period, {})
        tell_unreadable(self.inbound, beside)
        tell_claimed(mine, self.claimed, self.banks, beside)
        found = [_in_period(self.matched.breaks, period), _in_period(self.refused, period), beside.table()]
        lapsed = self.silences.lapsed
        if lapsed.num_rows:
            lapsed = lapsed.filter(pc.is_in(lapsed["end_to_end_id"], value_set=names))
        was = ours.take(pc.index_in(mine["end_to_end_id"], names))
        return Found(self.matched, mine, pa.concat_tables(found), was, lapsed)


def _in_period(breaks: pa.Table, period: str) -> pa.Table:
    """The breaks, those that belong to no period in this one."""
    if not breaks.num_rows:
        return breaks
    place = breaks.schema.get_field_index("period")
    column = pc.if_else(pc.equal(breaks["period"], _NO_PERIOD), period, breaks["period"])
    return breaks.set_column(place, breaks.schema.field(place), column)


def look(house: House, connection: Connection) -> Looked:
    """Match everything sent with everything received, as the record stands."""
    known = profiles()
    sent = queries.instruction_rows(connection)
    files = with_deadlines(connection, queries.file_rows(connection), known)
    received = evidence.load(connection, house.archive)
    words = unknowns.on_written_word(connection)
    banks = dict(zip(files["file_name"].to_pylist(), files["channel"].to_pylist(), strict=True))

    def compare() -> tuple[Matched, Silences, pa.Table, pa.Table]:
        matched = match_stated(
            _with_words(sent, words),
            files,
            received.responses,
            received.stated,
            modes={code: profile.response_mode for code, profile in known.items()},
            period=_NO_PERIOD,
            at=house.at,
        )
        recorded = sent.select(["end_to_end_id", "state"])
        silences = hold_silence(matched.matches, recorded, files, _with_new_deadlines(words, sent, known), house.at)
        return matched, silences, *hold_moves(silences.matches, recorded, banks, _NO_PERIOD)

    # Of the same tables and evidence at the same instant the same is found, however many periods are reconciled.
    matched, silences, matches, refused = house.archive.once(
        "compared", (sent, files, words, received.known, house.at), compare
    )
    claimed = claims.standing(connection)
    return Looked(matched, sent, silences, matches, refused, banks, inbound.inbound(connection), claimed)


def _with_words(sent: pa.Table, words: pa.Table) -> pa.Table:
    """What was sent, with whether a bank's written answer says how it ended: one that only says it was received does not."""
    has_word = pc.is_in(sent["end_to_end_id"], value_set=one_piece(words["end_to_end_id"]))
    return sent.append_column(IN_WRITING, pc.and_(has_word, pc.not_equal(sent["state"], "submitted")))


def _with_new_deadlines(words: pa.Table, sent: pa.Table, known: Mapping[str, Profile]) -> pa.Table:
    """Until when a bank that has written must say more, of each instruction that stands on its word: end_to_end_id, answer_due_at."""
    if not words.num_rows:
        return pa.schema([("end_to_end_id", TEXT), ("answer_due_at", INSTANT)]).empty_table()
    channels = sent["channel"].take(pc.index_in(words["end_to_end_id"], one_piece(sent["end_to_end_id"])))
    due = [
        at + timedelta(hours=known[channel].status_report_hours)
        for at, channel in zip(words["at"].to_pylist(), channels.to_pylist(), strict=True)
    ]
    return words.select(["end_to_end_id"]).append_column(pa.field("answer_due_at", INSTANT), pa.array(due, INSTANT))


def with_deadlines(connection: Connection, files: pa.Table, known: Mapping[str, Profile]) -> pa.Table:
    """Until when each bank must have answered and booked, from its profile; null for files that were not sent."""
    submitted = unknowns.sent_at(connection)
    answers: list[datetime | None] = []
    statements: list[date | None] = []
    for row in files.select(["file_name", "channel", "execution_date"]).to_pylist():
        sent_at = from_micros(submitted[row["file_name"]]) if row["file_name"] in submitted else None
        profile = known[row["channel"]]
        answers.append(sent_at and sent_at + timedelta(hours=profile.status_report_hours))
        from_day = sent_at and max(jakarta_date(sent_at), row["execution_date"])
        statements.append(from_day and _days_after(profile, from_day))
    files = files.append_column(pa.field("answer_due_at", INSTANT), pa.array(answers, INSTANT))
    for name in ("statement_due_on", "reversal_due_on"):
        files = files.append_column(pa.field(name, DATE), pa.array(statements, DATE))
    return files


def _days_after(profile: Profile, day: date) -> date | None:
    """So many banking days later; None where the calendar does not reach: then nothing is late yet."""
    try:
        for _ in range(profile.statement_banking_days):
            day = next_banking_day(profile.calendar, day)
    except CalendarMissing:
        return None
    return day
