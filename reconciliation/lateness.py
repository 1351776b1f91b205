"""Breaks of silence: what a bank should have said or shown by now. Waiting for one that is not late is no break."""

from datetime import datetime

from reconciliation.booked import Booked
from reconciliation.breaks import Findings, is_late
from reconciliation.reported import ACCEPTED, DEBITED, Reported
from reconciliation.sides import Flags, Numbers, OurFile, Ours


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
        tell = _Teller(ours, file, members, findings).tell
        rejected, debited, back = all_rejected[members], all_debited[members], all_back[members]
        rank, silent = reported.rank[members], ~reported.answered[members]
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


class _Teller:
    """Adds the breaks of one file."""

    def __init__(self, ours: Ours, file: OurFile, members: Numbers, findings: Findings) -> None:
        self._ours, self._file, self._members, self._findings = ours, file, members, findings

    def tell(self, kind: str, chosen: Flags, expected: str, found: str) -> None:
        """One break for the file if most of its instructions are chosen, else one for each."""
        positions = self._members[chosen]
        if 2 * len(positions) > len(self._members):
            total, share = int(self._ours.amount[positions].sum()), f"{len(positions)} of {len(self._members)}"
            self._findings.add(
                kind, self._file.bank, expected, f"{share} {found}", file_name=self._file.name, amount_idr=total
            )
            return
        for position, amount in zip(positions.tolist(), self._ours.amount[positions].tolist(), strict=True):
            self._findings.add(
                kind, self._file.bank, expected, found, end_to_end_id=self._ours.ids[position].as_py(),
                file_name=self._file.name, amount_idr=amount,
            )  # fmt: skip


def _utc(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"
