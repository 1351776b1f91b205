"""What is seen of a simulated programme at the end of a day, as plain data: made by the world, judged by an oracle.

Standard library alone, so that whoever judges needs nothing of ours. Every instant is an aware `datetime` in UTC, every
day a `date` of Jakarta, every sum whole rupiah. Identifiers of invented people may stand here; nothing of this is logged.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CutOff:
    """One run of the decisions that ended well: for which period, at which cut-off, when it was made, and with what money.

    `funded_idr`: what treasury had handed over by then, None where no funds are kept or nobody noted it.
    """

    period: str
    cut_off: datetime
    at: datetime
    funded_idr: int | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """The record as anybody may export it (`salur export TABLE`, all periods), each table a list of rows by column name.

    `next_acts` has a row for each open end: `subject`, `kind`, `due_at` (or None), `owner` (a role or a name, or None); of what was
    due and left out `period`, of what is held `reasons`. `deposit_items` are the returned payments that a deposit took; `told` what
    a platform was given of outcomes, a row as it read it, with the number of its `notice`. `events` is the chain in its order, with hashes and details. A table that the
    record does not have is an empty list.
    """

    entitlements: list[Row] = field(default_factory=list)
    instructions: list[Row] = field(default_factory=list)
    batches: list[Row] = field(default_factory=list)
    files: list[Row] = field(default_factory=list)
    breaks: list[Row] = field(default_factory=list)
    exceptions: list[Row] = field(default_factory=list)
    proofs: list[Row] = field(default_factory=list)
    next_acts: list[Row] = field(default_factory=list)
    journal: list[Row] = field(default_factory=list)
    funds: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    quarantine: list[Row] = field(default_factory=list)
    receivables: list[Row] = field(default_factory=list)
    deposits: list[Row] = field(default_factory=list)
    deposit_items: list[Row] = field(default_factory=list)
    told: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a simulated programme, after its last act.

    - `date`: the day; `at`: the instant at its end.
    - `months`: the periods that the world plays, in order (`2020-05`).
    - `cut_offs_run`: every decision run so far, in the order in which they were made.
    - `instructs_run`: every run that made instructions and ended well: of which period, and when.
    - `source_tables`: by table name (`participants`, `accounts`, `completions`, `trainings`, `blocklist`, `surveys`), every row
      that any drop has brought so far, typed, with `arrived_at`: when the drop that brought it was taken. Rows come in the
      order of arrival; several rows of one key are corrections, or conflicts, as the source drop's contract says.
    - `bank_credits`: the banks' own truth, in the order in which it happened, whether or not we have been told: dicts of
      `kind`, `bank`, `at`, `amount_idr`, `end_to_end_id`, `participant_account`, `message_id`. Kinds: `debit` (our account was
      debited for a file's block; no end-to-end id), `credit` (a recipient's account was credited), `reversal` (a transfer of
      a debited block was refused, its money is on our account again; never credited), `return` (a credit came back to our
      account later), `fee`, `arrival` (no money: a file of ours reached the bank, its name as `message_id`).
      Also `inquiry`: a question of ours reached the bank, which moves nothing.
      `participant_account` is the number as our file asked, with the channel in `bank`.
    - `paid_by_bank_fault`: end-to-end ids that a bank has credited twice, or with another amount, by its own fault: so
      arranged by the world. What the pipeline owes there is an open break, not the absence of the second credit.
    - `forged`: SHA-256 of files that no bank made and the world has put among its answers.
    - `funded_idr`: what treasury has handed over, None where no funds are kept.
    - `held_people`, `stopped`: who is held by hand, and whether sending is stopped, as the operators last asked and were
      told that it is done.
    - `is_restored`: a copy of the ledger was put back on this day or an earlier one. A copy is of the end of the day before, so
      that nothing is undone that was shown; what the banks had done stays done.
    - `record`: the exports.
    - `derived_again`: by file name, its SHA-256 in another home that has lived through the same; only where there is one (last day).
    - `is_final_day`: the last day: banks have answered all that they ever will, every step was given again until it had
      nothing to do.
    """

    date: date
    at: datetime
    months: tuple[str, ...]
    cut_offs_run: list[CutOff]
    source_tables: dict[str, list[Row]]
    bank_credits: list[Row]
    record: Exported
    instructs_run: list[tuple[str, datetime]] = field(default_factory=list)
    paid_by_bank_fault: frozenset[str] = frozenset()
    forged: frozenset[str] = frozenset()
    funded_idr: int | None = None
    held_people: frozenset[str] = frozenset()
    stopped: bool = False
    is_restored: bool = False
    derived_again: dict[str, str] = field(default_factory=dict)
    is_final_day: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken claim: its name, whom or what it is about (no personal data), and what was found."""

    claim: str
    subject: str
    found: str
