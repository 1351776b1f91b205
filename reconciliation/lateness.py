"""Silence: what a bank should have said or shown by now. Waiting for one that is not late is no break.

Silence past the deadline is a break, and leaves what was sent unknown. It never moves anything else: what a bank's written
answer, or an earlier silence, has put somewhere stays there until evidence moves it.
"""

from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.booked import Booked
from reconciliation.breaks import Findings, is_late
from reconciliation.reported import ACCEPTED, DEBITED, Reported
from reconciliation.sides import Flags, Numbers, OurFile, Ours, one_piece
from schemas.fields import INSTANT


def tell_late(ours: Ours, reported: Reported, booked: Booked, at: datetime, findings: Findings) -> None:
    """Add the breaks of each file whose deadlines have passed at `at`.

    A break that most of a file's instructions share is one row of the file; else there is one an instruction. A file
    whose debit is in dispute has that break already.
    """
    all_rejected, all_debited, all_back = reported.rejected, booked.debited, booked.sent_back
    for index, file in enumerate(ours.files):
        if not file.was_sent:
            continue
        members = ours.members(index)
        tell = Teller(ours, file, members, findings).tell
        rejected, debited, back = all_rejected[members], all_debited[members], all_back[members]
        rank, silent = reported.rank[members], ~(reported.answered | ours.settled_in_writing)[members]
        if is_late(file.answer_due_at, at):
            due = f"an answer by {_utc(file.answer_due_at)}"
            tell("missing_at_bank", silent & ~debited & ~back, due, "silent")
            tell("debited_not_acknowledged", silent & (debited | back), due, "debited, no status report")
        if is_late(file.statement_due_on, at) and not booked.in_dispute[index]:
            due = f"a debit by {file.statement_due_on}"
            waiting = ~debited & ~rejected & ~back
            tell("credited_not_debited", waiting & (rank >= DEBITED), due, "settled, not in the statement")
            tell("accepted_not_debited", waiting & (rank == ACCEPTED), due, "accepted, not in the statement")
            tell("reversed_not_debited", back & ~debited, due, "came back, not in the statement")
        if is_late(file.reversal_due_on, at):
            due = f"a reversal by {file.reversal_due_on}"
            tell("rejected_not_reversed", rejected & debited & ~back, due, "rejected, not sent back")


class Teller:
    """Adds the breaks of one file."""

    def __init__(self, ours: Ours, file: OurFile, members: Numbers, findings: Findings, subject: str = "") -> None:
        self._ours, self._file, self._members, self._findings = ours, file, members, findings
        self._subject = subject

    def tell(self, kind: str, chosen: Flags, expected: str, found: str) -> None:
        """One break for the file if most of its instructions are chosen, else one for each."""
        positions = self._members[chosen]
        if 2 * len(positions) > len(self._members):
            total, share = int(self._ours.amount[positions].sum()), f"{len(positions)} of {len(self._members)}"
            self._findings.add(
                kind, self._file.bank, expected, f"{share} {found}", file_name=self._file.name, amount_idr=total,
                subject=self._subject,
            )  # fmt: skip
            return
        for position, amount in zip(positions.tolist(), self._ours.amount[positions].tolist(), strict=True):
            self._findings.add(
                kind, self._file.bank, expected, found, end_to_end_id=self._ours.ids[position].as_py(),
                file_name=self._file.name, amount_idr=amount, subject=self._subject,
            )  # fmt: skip


def _utc(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


class Silences(NamedTuple):
    """`matches` (matches.v1) with the states that silence leaves, and `lapsed`: end_to_end_id, file_name, amount_idr and
    answer_due_at of those that it makes unknown now."""

    matches: pa.Table
    lapsed: pa.Table


def hold_silence(matches: pa.Table, recorded: pa.Table, files: pa.Table, words: pa.Table, at: datetime) -> Silences:
    """What becomes of those of whom no evidence says anything that can be used.

    `recorded`: (end_to_end_id, state) as the ledger has it; `files`: (file_name, answer_due_at); `words`: (end_to_end_id,
    answer_due_at) of those who stand where a bank's written answer put them, with the deadline that it began anew. Unknown
    stays unknown, and what a written answer says stays said; a payment that the bank has written it credited is not less
    credited by the debit that a statement shows later. What was submitted becomes unknown once its deadline is past.
    """
    before = _taken(recorded["state"], matches["end_to_end_id"], recorded["end_to_end_id"])
    new_due = _taken(words["answer_due_at"], matches["end_to_end_id"], words["end_to_end_id"])
    has_word = pc.is_valid(pc.index_in(one_piece(matches["end_to_end_id"]), one_piece(words["end_to_end_id"])))
    due = pc.coalesce(new_due, _taken(files["answer_due_at"], matches["file_name"], files["file_name"]))
    silent = pc.and_(pc.equal(one_piece(matches["match_rule"]), "none"), pc.is_null(one_piece(matches["evidence"])))
    found = one_piece(matches["state"])
    stays = pc.and_(silent, pc.or_(has_word, pc.and_(pc.equal(before, "unknown"), pc.equal(found, "submitted"))))
    is_earlier = pc.is_in(found, pa.array(["submitted", "accepted", "debited"]))
    stays = pc.or_(stays, pc.and_(has_word, pc.and_(pc.equal(before, "credited"), is_earlier)))
    state = pc.if_else(pc.fill_null(stays, False), before, found)
    is_waiting = pc.and_(pc.equal(state, "submitted"), pc.equal(before, "submitted"))
    is_late = pc.less(due, pa.scalar(at, INSTANT))
    lapses = pc.fill_null(pc.and_(pc.and_(silent, is_waiting), is_late), False)
    now = pc.if_else(lapses, "unknown", state)
    lapsed = matches.select(["end_to_end_id", "file_name", "amount_idr"]).append_column("answer_due_at", due)
    place = matches.schema.get_field_index("state")
    return Silences(matches.set_column(place, matches.schema.field("state"), now), lapsed.filter(lapses))


def _taken(values: pa.ChunkedArray, wanted: pa.ChunkedArray, among: pa.ChunkedArray) -> pa.Array:
    """The value beside each of the wanted keys; null where there is none."""
    return one_piece(values).take(pc.index_in(one_piece(wanted), one_piece(among)))
