"""What status reports say of each instruction.

A report speaks at up to three levels: of a file (group), of a batch (PmtInf) and of single transactions. The lowest
level that is there speaks; what it does not name inherits from above, as far as the bank's agreed mode allows:

    full             every transaction is named; one that is not is silent
    exceptions_only  what is not named is as the level above says, and where that says PART it is accepted
    positives_only   what is not named is silent

A rejected group or batch rejects all in it. PART never speaks of a single payment. A rejection for a duplicate is no
rejection: it says that the payment is there already, and it must never free the money to be sent again. What a report
names and says nothing usable of (another amount, an unknown code, two statuses, a duplicate) inherits nothing. Nobody
inherits from a level that cannot be used, or whose count or sum is not ours, or in a report that names somebody else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.breaks import Findings
from reconciliation.sides import Flags, Numbers, OurFile, Ours, to_codes, to_flags, to_numbers
from schemas.codes import STATUS_MEANS, is_classified, remedy

RESPONSE_MODES = ("full", "exceptions_only", "positives_only")

SILENT, IN_FLIGHT, ACCEPTED, DEBITED, CREDITED, REJECTED = range(6)
_MEANINGS = {
    "in_flight": IN_FLIGHT,
    "accepted": ACCEPTED,
    "debited": DEBITED,
    "credited": CREDITED,
    "rejected": REJECTED,
}
RULES = ("none", "status:transaction", "status:batch", "status:file", "status:agreement")
NONE, TRANSACTION, BATCH, FILE, AGREEMENT = range(len(RULES))


@dataclass
class Reported:
    """By position of the instruction. Rows are positions in `rows`, -1 for none; rules are positions in RULES.

    `stated` is by row: when the bank wrote its report, in microseconds, -1 where it does not say. `settled_at` is the last
    time at which one said that it was settled, `rejected_at` the first at which one refused it; -1 for none.
    """

    rows: pa.Table
    rank: Numbers
    rank_row: Numbers
    rank_rule: Numbers
    rejected_row: Numbers
    rejected_rule: Numbers
    settled: Flags
    settled_by_agreement: Flags
    answered: Flags
    stated: Numbers
    settled_at: Numbers
    rejected_at: Numbers

    @property
    def settled_late(self) -> Flags:
        """Settled by a report that was written after one that refused it."""
        late: Flags = (self.rejected_at >= 0) & (self.settled_at > self.rejected_at)
        return late

    @property
    def rejected(self) -> Flags:
        """Rejected by some report, and no report of settlement stands against it."""
        return (self.rejected_row >= 0) & ~self.contradicted

    @property
    def contradicted(self) -> Flags:
        """Rejected by one report and settled by another, whichever came first: nothing says yet where the money is.

        What is settled by agreement alone, because a report did not name it, yields to a rejection by name.
        """
        shared = self.settled_by_agreement & (self.rejected_rule != TRANSACTION)
        both: Flags = (self.rejected_row >= 0) & (self.settled | shared)
        return both


class _Said(NamedTuple):
    """What one report says of one file: at its upper levels, and of the transactions that it names.

    `mentioned` are positions that it names in a way that cannot be used: of them, its upper levels say nothing either.
    `is_muted`: it names somebody whom we do not know, or one of its levels cannot be used: then those say nothing of anybody.
    """

    file: int
    covering: int
    covering_row: int
    covering_rule: int
    is_part: bool
    rows: Numbers
    positions: Numbers
    mentioned: Numbers
    is_muted: bool


def read_reports(ours: Ours, responses: pa.Table, modes: Mapping[str, str], findings: Findings) -> Reported:
    """What all reports together say of each instruction; what cannot be used becomes a break.

    `responses` is responses.v1 with `bank`, `evidence` and `received` (the order in which files were taken); `modes`
    gives each bank's response mode. The order of rows plays no part.
    """
    rows = responses.combine_chunks()
    reader = _Reader(ours, rows, findings)
    reported = _nothing(len(ours), rows)
    for said in reader.reports():
        _apply(reported, ours, said, reader.meaning, modes[ours.files[said.file].bank], findings)
    reported.answered |= reader.named
    return reported


def _nothing(count: int, rows: pa.Table) -> Reported:
    def none() -> Numbers:
        return np.full(count, -1, dtype=np.int64)

    def false() -> Flags:
        return np.zeros(count, dtype=bool)

    zero = np.zeros(count, dtype=np.int64)
    times = rows["stated_at"].cast(pa.int64()) if "stated_at" in rows.column_names else pa.nulls(len(rows), pa.int64())
    said = (rows, zero, none(), zero.copy(), none(), zero.copy(), false(), false(), false())
    return Reported(*said, to_numbers(times, -1), none(), none())


def _apply(reported: Reported, ours: Ours, said: _Said, meaning: Numbers, mode: str, findings: Findings) -> None:
    """Add one report's words about one file to what earlier reports said."""
    assert mode in RESPONSE_MODES, f"a response mode, not {mode}"
    _note(reported, said.positions, meaning[said.rows], said.rows, TRANSACTION)
    if said.is_muted:
        return
    members = ours.members(said.file)
    named = np.concatenate([said.positions, said.mentioned])
    names_some = len(named) > 0
    unnamed = members[~np.isin(members, named)] if names_some else members
    rule, covering = said.covering_rule, said.covering
    if covering == REJECTED:
        _tell_levels_apart(ours, said, meaning, findings)
    elif names_some or said.is_part:
        if mode != "exceptions_only":
            return
        rule, covering = AGREEMENT, covering or ACCEPTED
    if covering == SILENT:
        return
    row = said.covering_row if said.covering_row >= 0 else int(said.rows[0])
    count = len(unnamed)
    _note(reported, unnamed, np.full(count, covering), np.full(count, row), rule)


def _note(reported: Reported, at: Numbers, meaning: Numbers, row: Numbers, rule: int) -> None:
    """Each instruction is named once at most in `at`."""
    reported.answered[at[meaning != SILENT]] = True
    positive = meaning != REJECTED
    better = positive & (meaning > reported.rank[at])
    reported.rank[at[better]] = meaning[better]
    reported.rank_row[at[better]] = row[better]
    reported.rank_rule[at[better]] = rule
    settled = reported.settled_by_agreement if rule == AGREEMENT else reported.settled
    is_settled = positive & (meaning >= DEBITED)
    settled[at[is_settled]] = True
    reported.settled_at[at[is_settled]] = np.maximum(
        reported.settled_at[at[is_settled]], reported.stated[row[is_settled]]
    )
    refused = at[~positive]
    since, stated = reported.rejected_at[refused], reported.stated[row[~positive]]
    reported.rejected_at[refused] = np.where(
        (since < 0) | (stated < 0), np.maximum(since, stated), np.minimum(since, stated)
    )
    replace = (reported.rejected_row[refused] < 0) | (
        (rule == TRANSACTION) & (reported.rejected_rule[refused] != TRANSACTION)
    )
    reported.rejected_row[refused[replace]] = row[~positive][replace]
    reported.rejected_rule[refused[replace]] = rule


def _tell_levels_apart(ours: Ours, said: _Said, meaning: Numbers, findings: Findings) -> None:
    """A rejected file or batch of which a payment goes through in the same report: the named one stands, and is a break."""
    through = meaning[said.rows] < REJECTED
    for position in said.positions[through].tolist():
        file = ours.files[said.file]
        findings.add(
            "contradiction",
            file.bank,
            "rejected with its file",
            "accepted by name in the same report",
            end_to_end_id=ours.ids[position].as_py(),
            file_name=file.name,
            amount_idr=int(ours.amount[position]),
            subject="levels",
        )


class _Reader:
    """The rows of all reports, each seen once: which file, which instruction, what it means, whether it can be used."""

    def __init__(self, ours: Ours, rows: pa.Table, findings: Findings) -> None:
        self.ours, self.rows, self.findings = ours, rows, findings
        self.is_transaction: Flags = to_flags(pc.equal(rows["level"], "transaction"))
        bank = ours.bank_numbers(rows["bank"])
        by_message = ours.find_files(bank, rows["message_id"], "message_id")
        by_payment = ours.find_files(bank, rows["payment_information_id"], "payment_information_id")
        self.has_message = to_flags(pc.is_valid(rows["message_id"]))
        self.has_payment = to_flags(pc.is_valid(rows["payment_information_id"]))
        position = ours.find(bank, rows["end_to_end_id"])
        self.position = np.where(self.is_transaction, position, -1)
        own = np.where(self.position >= 0, ours.file[self.position] if len(ours) else -1, -1)
        self.file = np.where(self.has_message, by_message, np.where(self.has_payment, by_payment, own))
        disagrees = self.has_message & self.has_payment & (by_payment != by_message)
        self.strays = (self.position >= 0) & ((self.file != own) | disagrees)
        self.strays |= ~self.is_transaction & (self.file >= 0) & disagrees
        self.evidence: Numbers = to_codes(rows["evidence"])
        self.received: Numbers = to_numbers(rows["received"], 0)
        self.periods = ours.periods_of(self.evidence, self.file)
        self.meaning = self._meanings()
        self.named = np.zeros(len(ours), dtype=bool)
        self.named[self.position[self.position >= 0]] = True
        self.usable = self._usable()
        unused = np.flatnonzero(~self.usable & (self.position >= 0))
        self.unused: Numbers = unused[np.argsort(self.evidence[unused], kind="stable")]
        """Rows that name a payment of ours and do not count, by their report."""

    def _meanings(self) -> Numbers:
        """What each row says of money; SILENT for what is no status of ours or speaks of nobody in particular."""
        known = pa.array(list(STATUS_MEANS), pa.string())
        meanings = [_MEANINGS.get(meaning, SILENT) for meaning in STATUS_MEANS.values()]
        found = to_numbers(pc.index_in(self.rows["status"], known), -1)
        meant: Numbers = np.array([*meanings, SILENT], dtype=np.int64)[found]
        return meant

    def _usable(self) -> Flags:
        usable = (self.file >= 0) & ~self.strays & (~self.is_transaction | (self.position >= 0))
        self._tell_strangers()
        self._tell_strays()
        usable &= ~self._tell_unknown_codes(usable)
        usable &= ~self._tell_duplicates_of_ours(usable)
        usable &= ~self._tell_amounts(usable)
        usable &= ~self._tell_unsent(usable)
        unclear = ~usable & (self.position >= 0)
        usable &= ~self._are_named_in(unclear)
        self.muted = self._mute(usable)
        counts: Flags = usable & ~self._tell_repeats(usable)
        return counts

    def _are_named_in(self, rows: Flags) -> Flags:
        """The rows whose report names their payment in one of `rows` too."""
        key = self.evidence * (len(self.ours) + 1) + self.position
        found: Flags = (self.position >= 0) & np.isin(key, key[rows])
        return found

    def _mute(self, usable: Flags) -> set[tuple[int, int]]:
        """Reports, and the files of which their upper levels say nothing: those name somebody who is not in the file, are of
        a file that is not as ours, or are not understood. What the report says of payments by name still counts.
        """
        own = np.where(self.position >= 0, self.ours.file[self.position] if len(self.ours) else -1, -1)
        unclear = np.where(self.is_transaction, own != self.file, ~usable | self._tell_totals(usable))
        rows = np.flatnonzero(unclear & (self.file >= 0))
        return set(zip(self.evidence[rows].tolist(), self.file[rows].tolist(), strict=True))

    def _file(self, row: int) -> OurFile | None:
        file = int(self.file[row])
        return self.ours.files[file] if file >= 0 else None

    def _add(self, kind: str, row: int, expected: object, found: object, subject: str = "") -> None:
        """A break about one row of a report."""
        file, position = self._file(row), int(self.position[row])
        if position >= 0:
            file = self.ours.files[int(self.ours.file[position])]
        amount = int(self.ours.amount[position]) if position >= 0 else self._cell("amount_idr", row)
        self.findings.within(self.periods.get(int(self.evidence[row]))).add(
            kind,
            self._cell("bank", row),
            expected,
            found,
            end_to_end_id=self._cell("end_to_end_id", row) if self.is_transaction[row] else None,
            file_name=file.name if file else None,
            amount_idr=amount,
            subject=subject,
        )

    def _cell(self, column: str, row: int) -> Any:
        return self.rows[column][row].as_py()

    def _reason(self, row: int) -> str:
        return self._cell("reason_code", row) or ""

    def _tell_strangers(self) -> None:
        """Messages and payments that are not ours. Of a message that is not ours, one break, however long it is."""
        stranger = self.file < 0
        named = stranger & (self.position < 0)
        messages: dict[tuple[str, str], int] = {}
        for row in np.flatnonzero(named & self.has_message).tolist():
            key = (self._cell("bank", row), self._cell("message_id", row))
            messages[key] = messages.get(key, 0) + 1
        for (bank, message), count in messages.items():
            self.findings.add("unknown_to_us", bank, None, f"message {message} ({count} rows)", subject=message)
        for row in np.flatnonzero(named & ~self.has_message).tolist():
            what = self._cell("payment_information_id", row) or self._cell("end_to_end_id", row) or "no reference"
            self._add("unknown_to_us", row, None, what, subject=what)
        ours = ~stranger & self.is_transaction & (self.position < 0)
        has_id = to_flags(pc.is_valid(self.rows["end_to_end_id"]))
        for row in np.flatnonzero(ours & has_id).tolist():
            self._add("unknown_to_us", row, None, self._cell("end_to_end_id", row))
        for row in np.flatnonzero(ours & ~has_id).tolist():
            self._add("ambiguous", row, "an end-to-end id", self._cell("status", row), subject="no end-to-end id")

    def _tell_strays(self) -> None:
        for row in np.flatnonzero(self.strays).tolist():
            own = (
                self.ours.files[int(self.ours.file[self.position[row]])] if self.position[row] >= 0 else self._file(row)
            )
            expected = f"{own.message_id} {own.payment_information_id}" if own else None
            found = f"{self._cell('message_id', row) or ''} {self._cell('payment_information_id', row) or ''}".strip()
            self._add("contradiction", row, expected, found, subject="references")

    def _tell_unknown_codes(self, usable: Flags) -> Flags:
        """Statuses that are in no list, or cannot be said of one payment; and reasons of rejections that are in no list."""
        status = pc.fill_null(self.rows["status"], "")
        part = to_flags(pc.equal(status, "PART"))
        unknown = usable & (~to_flags(pc.is_in(status, pa.array(list(STATUS_MEANS)))) | (part & self.is_transaction))
        unknown &= ~(to_flags(pc.equal(status, "")) & ~self.is_transaction)
        for row in np.flatnonzero(unknown).tolist():
            self._add("unknown_code", row, "a status code of the agreed list", self._cell("status", row), "status")
        refused = usable & (self.meaning == REJECTED)
        reasons = self.rows["reason_code"]
        for code in pc.unique(reasons.filter(pa.array(refused)).drop_null()).to_pylist():
            if not is_classified("status", code):
                files = self.file[refused & to_flags(pc.equal(reasons, code))]
                for bank, period in self.ours.earliest_periods(files).items():
                    self.findings.within(period).add(
                        "unknown_code", bank, "a reason of the status list", code, subject=f"reason {code}"
                    )
        return unknown

    def _tell_duplicates_of_ours(self, usable: Flags) -> Flags:
        """Rejected because the bank has it already: the earlier one stands, and a person finds out which that is."""
        codes = self.rows["reason_code"].combine_chunks()
        distinct = pc.unique(codes.drop_null())
        duplicate = [code for code in distinct.to_pylist() if remedy("status", code) == "find_earlier"]
        again: Flags = usable & (self.meaning == REJECTED) & to_flags(pc.is_in(codes, pa.array(duplicate, pa.string())))
        for row in np.flatnonzero(again).tolist():
            self._add(
                "duplicate", row, "received once", f"RJCT {self._cell('reason_code', row)}", "refused as a duplicate"
            )
        return again

    def _tell_amounts(self, usable: Flags) -> Flags:
        """Rows that state another amount than ours, or one that is no whole rupiah: of those, nothing is believed."""
        has_currency = to_flags(pc.is_valid(self.rows["currency"]))
        stated = (to_flags(pc.is_valid(self.rows["amount_idr"])) | has_currency) & usable & (self.position >= 0)
        amounts = to_numbers(self.rows["amount_idr"], -1)
        wrong = np.zeros(len(stated), dtype=bool)
        wrong[stated] = amounts[stated] != self.ours.amount[self.position[stated]]
        for row in np.flatnonzero(wrong).tolist():
            expected = int(self.ours.amount[self.position[row]])
            other = f"no whole rupiah, {self._cell('currency', row)}"
            self._add(
                "amount_differs", row, expected, int(amounts[row]) if amounts[row] >= 0 else other, "status report"
            )
        return wrong

    def _tell_unsent(self, usable: Flags) -> Flags:
        """Answers about files that, by our record, no bank has: one break a file, and one a payment that may be paid."""
        unsent: Flags = np.array([not file.was_sent for file in self.ours.files] + [False])[self.file] & usable
        for index in np.unique(self.file[unsent]).tolist():
            file = self.ours.files[index]
            self.findings.add(
                "contradiction", file.bank, file.state, "answered by the bank", file_name=file.name,
                amount_idr=file.control_sum_idr, subject="not sent",
            )  # fmt: skip
        may_pay = (self.meaning >= ACCEPTED) & (self.meaning < REJECTED)
        for row in np.flatnonzero(unsent & self.is_transaction & may_pay).tolist():
            state = self.ours.files[int(self.file[row])].state
            self._add("contradiction", row, state, f"{self._cell('status', row)} by name", "not sent")
        return unsent

    def _tell_totals(self, usable: Flags) -> Flags:
        """Files and batches whose count or sum is not ours."""
        differs = np.zeros(len(usable), dtype=bool)
        for row in np.flatnonzero(usable & ~self.is_transaction).tolist():
            file = self.ours.files[int(self.file[row])]
            for column, ours in (("transaction_count", file.count), ("control_sum_idr", file.control_sum_idr)):
                theirs = self._cell(column, row)
                if theirs is not None and theirs != ours:
                    self._add("totals_differ", row, ours, theirs, f"{column} of the {self._cell('level', row)}")
                    differs[row] = True
        return differs

    def _tell_repeats(self, usable: Flags) -> Flags:
        """Transactions answered more than once in one report. Told alike, one counts; told differently, none does."""
        chosen = np.flatnonzero(usable & self.is_transaction)
        order = chosen[np.lexsort((chosen, self.position[chosen], self.evidence[chosen]))]
        same = np.zeros(len(order), dtype=bool)
        evidence, position = self.evidence[order], self.position[order]
        same[1:] = (evidence[1:] == evidence[:-1]) & (position[1:] == position[:-1])
        dropped = np.zeros(len(usable), dtype=bool)
        starts = np.flatnonzero(~same)
        lengths = np.diff(np.append(starts, len(order)))
        for start, length in zip(starts[lengths > 1].tolist(), lengths[lengths > 1].tolist(), strict=True):
            rows = np.array(sorted(order[start : start + length].tolist(), key=self._reason))
            statuses = sorted({self._cell("status", int(row)) for row in rows})
            first = int(rows[0])
            if len(statuses) == 1:
                self._add("duplicate", first, "answered once", f"{length} times {statuses[0]}", "status report")
                dropped[rows[1:]] = True
            else:
                self._add("contradiction", first, "one status", ", ".join(statuses), "one report")
                dropped[rows] = True
        return dropped

    def reports(self) -> Iterator[_Said]:
        """Each report's words about each file, in the order in which reports were received."""
        rows = np.flatnonzero(self.usable)
        rows = rows[np.lexsort((rows, self.file[rows], self.evidence[rows], self.received[rows]))]
        change = np.ones(len(rows), dtype=bool)
        change[1:] = (self.file[rows][1:] != self.file[rows][:-1]) | (
            self.evidence[rows][1:] != self.evidence[rows][:-1]
        )
        starts = np.append(np.flatnonzero(change), len(rows))
        for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            yield self._said(rows[start:end])

    def _said(self, rows: Numbers) -> _Said:
        upper = rows[~self.is_transaction[rows]].tolist()
        named = rows[self.is_transaction[rows]]
        evidence, file_at = int(self.evidence[int(rows[0])]), int(self.file[int(rows[0])])
        covering, covering_row, rule, is_part = SILENT, -1, NONE, False
        is_muted = (evidence, file_at) in self.muted
        # The batch speaks before the file: a rejected batch in a received file is rejected. A rejected file rejects all.
        batch = [row for row in upper if self._cell("level", row) == "batch" and self._cell("status", row)]
        file = [row for row in upper if self._cell("level", row) == "file" and self._cell("status", row)]
        for level, candidates in ((FILE, file), (BATCH, batch)):
            statuses = sorted({self._cell("status", row) for row in candidates})
            if len(statuses) > 1:
                self._add("contradiction", candidates[0], "one status", ", ".join(statuses), "one report")
                is_muted = True
            elif statuses:
                first = min(candidates, key=self._reason)
                if covering == REJECTED and self.meaning[first] != REJECTED:
                    found = f"file RJCT, batch {statuses[0]}"
                    self._add("contradiction", first, "levels that agree", found, "levels")
                    is_muted = True
                covering, covering_row, rule = int(self.meaning[first]), first, level
                is_part = statuses[0] == "PART"
        mentioned = self._mentioned(evidence, file_at)
        return _Said(file_at, covering, covering_row, rule, is_part, named, self.position[named], mentioned, is_muted)

    def _mentioned(self, evidence: int, file: int) -> Numbers:
        """The payments of a file that a report names by rows that do not count."""
        start, end = np.searchsorted(self.evidence[self.unused], [evidence, evidence + 1])
        positions = self.position[self.unused[start:end]]
        mine: Numbers = positions[self.ours.file[positions] == file]
        return mine
