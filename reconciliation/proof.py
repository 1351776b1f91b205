"""The equations that must hold, hand-over by hand-over, in counts and rupiah, each side taken from another place.

A bank's mistake is a break and has its own term, so that an equation which does not hold means that something was lost
between two records, or that a bank's statement does not add up. Scopes are a period, a bank or wallet, a benefit, a file
or a statement.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.matching import Matched
from reconciliation.sides import AT_THE_BANK, Numbers, one_piece, to_numbers
from reconciliation.statements import Statements, booked_entries, movements
from schemas.codes import ACCOUNT_OF
from schemas.fields import TEXT
from schemas.tables import TABLES, conform

OUTCOMES = ("credited", "debited", "accepted", "submitted", "rejected", "returned", "unknown", "never_arrived")
"""Where a sent instruction can stand. `submitted` covers what the bank has taken in and what it is silent about."""

EQUATIONS = {
    "entitled": "due = instructed + withdrawn + not instructed + decided since the last instruct",
    "first_attempts": "first attempts not withdrawn = those of them that are due",
    "reissues": "later attempts not withdrawn = those of them that are due, or due again",
    "ended": "ended without paying = asked for again + waiting + of a person + lapsed + settled as paid + not yet decided",
    "batched": "instructed = batched",
    "released": "batched = released + waiting + withdrawn",
    "file_total": "control sum of the file = sum of its instructions",
    "outcome": "sent = credited + debited + accepted + in flight or silent + rejected + returned + unknown + never arrived",
    "outcome_of_bank": "sent = credited + debited + accepted + in flight or silent + rejected + returned + unknown + never arrived",
    "outcome_of_period": "sent = credited + debited + accepted + in flight or silent + rejected + returned + unknown + never arrived",
    "journal": "balance of the account in the journal = instructions that stand in it",
    "statement": "opening + credits - debits = closing",
    "statement_debits": "debits in statements = debited by our records + under breaks",
    "statement_credits": "credits in statements = sent back by our records + money received + under breaks",
    "sent_back": "bookings that send back = payments and whole files that ended so",
}
"""The wording of each stage's equation; counts and rupiah stand beside it."""


class Sum(NamedTuple):
    """A number of rows and their whole rupiah."""

    rows: int
    idr: int

    def plus(self, other: "Sum") -> "Sum":
        """Both together."""
        return Sum(self.rows + other.rows, self.idr + other.idr)


_NOTHING = Sum(0, 0)
Sums = dict[str, Sum]


class Again(NamedTuple):
    """What follows attempts that ended without paying.

    `decided`: reissues.v1 in force for the period. `next_acts`: reissues.v1 of what has ended and is not asked for again, of all
    periods, as it stands. `followed`: of what was asked for again participant_id, benefit, sequence and the last attempt that was
    not withdrawn.
    """

    decided: pa.Table
    next_acts: pa.Table
    followed: pa.Table


@dataclass(frozen=True)
class Books:
    """One period's records: what was decided and sent, each as its own step left it, and what came of it.

    `decisions`: decisions.v1 in force; `seen`: decisions.v1 that the last `instruct` worked from. `not_instructed`:
    participant_id, benefit, sequence, amount_idr of those due that it left without an instruction (a hold, a name that
    cannot be written). `instructions`: instructions.v1 with state, as recorded; `batches`: batches.v1; `files`: files.v1
    with state, of the same period. `journal`: the period's trial balance (account, balance_idr, transaction_count); `gone`: the
    account of each returned payment that stands in `returned` no longer, since it was sent again or deposited.
    `matched`: of all files concerned, other periods' too. `again`: what follows attempts that ended without paying.
    """

    period: str
    decisions: pa.Table
    seen: pa.Table
    not_instructed: pa.Table
    instructions: pa.Table
    batches: pa.Table
    files: pa.Table
    journal: pa.Table
    gone: Mapping[str, str]
    matched: Matched
    again: Again


def prove(books: Books) -> pa.Table:
    """All equations, as proofs.v1 sorted by stage and scope. `holds` says whether counts and rupiah both agree."""
    rows = [
        *_of_disbursement(books),
        *_of_outcomes(books),
        *_of_journal(books),
        *_of_statements(books.matched, books.period),
    ]
    table = pa.Table.from_pylist(rows, schema=TABLES["proofs.v1"].schema)
    return conform(table.sort_by([("stage", "ascending"), ("scope", "ascending")]), "proofs.v1")


def _proof(stage: str, scope: str, left: Sum, right: Sum) -> dict[str, Any]:
    return {
        "stage": stage,
        "scope": scope,
        "equation": EQUATIONS[stage],
        "left_count": left.rows,
        "right_count": right.rows,
        "left_idr": left.idr,
        "right_idr": right.idr,
        "holds": left == right,
    }


def _proofs(stage: str, left: Sums, right: Sums) -> Iterator[dict[str, Any]]:
    for scope in sorted(left.keys() | right.keys()):
        yield _proof(stage, scope, left.get(scope, _NOTHING), right.get(scope, _NOTHING))


# --- what was decided and sent ----------------------------------------------------------------------------------------

_TRANCHE = ["participant_id", "benefit", "sequence"]


def _of_disbursement(books: Books) -> Iterator[dict[str, Any]]:
    due = _due(books.decisions)
    right = _gathered(pair for part in _whereabouts(books, due) for pair in _sums(part, "benefit").items())
    yield from _proofs("entitled", _prefixed(books.period, _sums(due, "benefit")), _prefixed(books.period, right))
    first = _standing(books.instructions.filter(pc.equal(books.instructions["attempt"], 1)))
    covered = due.filter(_stands_in(due, first, _TRANCHE))
    yield from _proofs(
        "first_attempts",
        _prefixed(books.period, _sums(first, "benefit")),
        _prefixed(books.period, _sums(covered, "benefit")),
    )
    yield from _of_reissues(books, due)
    batched = _prefixed(books.period, _totals(books.batches, "channel"))
    yield from _proofs("batched", _prefixed(books.period, _sums(books.instructions, "channel")), batched)
    yield from _proofs("released", batched, _prefixed(books.period, _sums(_agreeing(books), "channel")))
    files = _own(books.files)
    yield from _proofs("file_total", _totals(files, "file_name"), _sums(books.instructions, "file_name"))


def _of_reissues(books: Books, due: pa.Table) -> Iterator[dict[str, Any]]:
    """Later attempts against what was due again; and each attempt that ended without paying against what comes of it.

    The left side is the states that are recorded; the right is the ends, the attempts after them and the decisions about them.
    An end that is missing, or that nothing was decided about, is found as well.
    """
    alike = [*_TRANCHE, "amount_idr"]
    later = _standing(books.instructions.filter(pc.greater(books.instructions["attempt"], 1)))
    again = books.again.decided.filter(pc.equal(books.again.decided["verdict"], "due")).select(alike)
    covered = later.filter(_stands_in(later, pa.concat_tables([due.select(alike), again]), alike))
    sides = (_prefixed(books.period, _sums(rows, "benefit")) for rows in (later, covered))
    yield from _proofs("reissues", *sides)
    states = pa.array(["rejected", "returned", "never_arrived"])
    ended = books.instructions.filter(pc.is_in(books.instructions["state"], states))
    followed = _followed(ended, books.again.followed)
    attempt = [*_TRANCHE, "attempt"]
    open_ones = ended.filter(_stands_in(ended, books.again.next_acts, attempt))
    parts = [pair for part in (followed, open_ones) for pair in _sums(part, "benefit").items()]
    yield from _proofs(
        "ended", _prefixed(books.period, _sums(ended, "benefit")), _prefixed(books.period, _gathered(parts))
    )


def _followed(ended: pa.Table, last: pa.Table) -> pa.Table:
    """The attempts that ended and after which another was made. `last`: of each entitlement its last attempt."""
    if not ended.num_rows:
        return ended
    highest = ended.join(last.rename_columns([*_TRANCHE, "highest"]), _TRANCHE, join_type="inner")
    return highest.filter(pc.less(highest["attempt"], highest["highest"]))


def _due(decisions: pa.Table) -> pa.Table:
    return decisions.filter(pc.equal(decisions["decision"], "due")).select([*_TRANCHE, "amount_idr"])


def _standing(instructions: pa.Table) -> pa.Table:
    return instructions.filter(pc.not_equal(instructions["state"], "withdrawn"))


def _whereabouts(books: Books, due: pa.Table) -> list[pa.Table]:
    """The due tranches by where each must be: instructed, left out, decided since, or withdrawn and in none of these.

    The first three are taken from three records and exclude each other, so a tranche in two of them is found as well.
    """
    alike = [*_TRANCHE, "amount_idr"]
    instructed = due.filter(_stands_in(due, _standing(books.instructions), _TRANCHE))
    left_out = books.not_instructed.filter(_stands_in(books.not_instructed, due, alike)).select(alike)
    since = due.filter(pc.invert(_stands_in(due, _due(books.seen), alike)))
    withdrawn = due.filter(_stands_in(due, books.instructions, _TRANCHE))
    for other in (instructed, left_out, since):
        withdrawn = withdrawn.filter(pc.invert(_stands_in(withdrawn, other, _TRANCHE)))
    return [instructed, left_out, since, withdrawn]


def _stands_in(rows: pa.Table, others: pa.Table, by: Sequence[str]) -> pa.Array:
    """Whether each row agrees in these columns, none of which is null, with one of the others. Quicker than a join of few rows."""
    if not rows.num_rows or not others.num_rows:
        return pa.array(np.zeros(rows.num_rows, dtype=bool))
    mine, theirs = (
        pc.binary_join_element_wise(*(one_piece(table[name]).cast(TEXT) for name in by), "\x1f")
        for table in (rows, others)
    )
    return pc.is_in(mine, value_set=theirs)


def _agreeing(books: Books) -> pa.Table:
    """The instructions that wait, are withdrawn or are released just as their file is by its own record."""
    files = _own(books.files)
    of_file = files["state"].take(pc.index_in(books.instructions["file_name"], files["file_name"].combine_chunks()))
    return books.instructions.filter(pc.equal(_release_of(books.instructions["state"]), _release_of(of_file)))


def _release_of(states: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_in(states, pa.array(["drafted", "withdrawn"])), states, "released")


def _own(files: pa.Table) -> pa.Table:
    return files.filter(pc.invert(files["is_companion"]))


# --- what came of it --------------------------------------------------------------------------------------------------


def _of_outcomes(books: Books) -> Iterator[dict[str, Any]]:
    """What the files state against the states that are recorded, which is where the next step looks."""
    files = _own(books.files)
    sent = files.filter(pc.is_in(files["state"], pa.array(sorted(AT_THE_BANK))))
    recorded = books.instructions
    stands = recorded.filter(
        pc.and_(
            pc.is_in(recorded["state"], pa.array(OUTCOMES)),
            pc.is_in(recorded["file_name"], sent["file_name"].combine_chunks()),
        )
    )
    by_file = _sums(stands, "file_name")
    yield from _proofs("outcome", _totals(sent, "file_name"), by_file)
    bank = dict(zip(sent["file_name"].to_pylist(), sent["channel"].to_pylist(), strict=True))
    by_bank = _gathered((f"{books.period} {bank[name]}", total) for name, total in by_file.items())
    yield from _proofs("outcome_of_bank", _prefixed(books.period, _totals(sent, "channel")), by_bank)
    left = _gathered((books.period, total) for total in _totals(sent, "file_name").values())
    yield from _proofs("outcome_of_period", left, _gathered((books.period, total) for total in by_file.values()))


def _of_journal(books: Books) -> Iterator[dict[str, Any]]:
    """Money that has left the cash, by account. The cash itself has all the rest, since each row of the journal balances."""
    balances = {
        row["account"]: Sum(row["transaction_count"], row["balance_idr"])
        for row in books.journal.to_pylist()
        if row["account"] in _MOVED
    }
    is_gone = pc.is_in(books.instructions["end_to_end_id"], pa.array(list(books.gone), pa.string()))
    by_state = _sums(books.instructions.filter(pc.invert(is_gone)), "state").items()
    standing = _gathered((ACCOUNT_OF[state], total) for state, total in by_state if ACCOUNT_OF[state] in _MOVED)
    moved = {account: total for account, total in balances.items() if total != _NOTHING}
    yield from _proofs("journal", _prefixed(books.period, moved), _prefixed(books.period, standing))


_MOVED = frozenset(ACCOUNT_OF.values()) - {"cash"}


def _of_statements(matched: Matched, period: str) -> Iterator[dict[str, Any]]:
    """A statement's own arithmetic in the period that it names; debits and credits over all that a bank has stated."""
    taken = Statements(matched.statements, matched.entries)
    for row in movements(taken).to_pylist():
        if row["period"] not in (None, period):
            continue
        opening, closing = row["opening_idr"], row["closing_idr"]
        if opening is not None and closing is not None:
            reached = Sum(row["entry_count"], opening + row["credits_idr"] - row["debits_idr"])
            scope = f"{row['bank']} {row['account'] or ''} {row['statement_id']}"
            yield _proof("statement", scope, reached, Sum(row["entry_count"], closing))
    shown = booked_entries(matched.entries)
    ours = matched.bookings
    for stage, direction, column, inherited in (
        ("statement_debits", "debit", "debited_idr", ("break",)),
        ("statement_credits", "credit", "back_idr", ("other_credit", "break")),
    ):
        left = _sums(_one_way(shown, direction), "bank", "entry_amount_idr")
        placed = _one_way(matched.placed, direction)
        rest = _sums(placed.filter(pc.is_in(placed["place"], pa.array(inherited))), "bank")
        our_idr = _sums(ours, "bank", column)
        entries = _entry_counts(placed)
        right = {
            bank: Sum(entries.get(bank, 0), rest.get(bank, _NOTHING).idr + our_idr.get(bank, _NOTHING).idr)
            for bank in left.keys() | rest.keys() | entries.keys()
        }
        yield from _proofs(stage, left, right)
    yield from _sent_back(matched)


def _sent_back(matched: Matched) -> Iterator[dict[str, Any]]:
    """Bookings that send back, against instructions, and files as a whole, that ended so."""
    placed = matched.placed
    back = placed.filter(pc.is_in(placed["place"], pa.array(["reversal", "file_reversal"])))
    left = _sums(back.filter(pc.greater(back["amount_idr"], 0)), "bank")  # a booking's further rows bear no amount
    matches = matched.matches
    ended = matches.filter(pc.is_in(matches["state"], pa.array(["rejected", "returned"])))
    singly = ended.filter(pc.equal(ended["match_rule"], "statement:reversal"))
    wholly = ended.filter(pc.equal(ended["match_rule"], "statement:file_reversal"))
    bank = dict(zip(matched.bookings["file_name"].to_pylist(), matched.bookings["bank"].to_pylist(), strict=True))
    files = {name: Sum(1, total.idr) for name, total in _sums(wholly, "file_name").items()}
    sums = [*_sums(singly, "file_name").items(), *files.items()]
    yield from _proofs("sent_back", left, _gathered((bank[name], total) for name, total in sums))


def _one_way(rows: pa.Table, direction: str) -> pa.Table:
    return rows.filter(pc.equal(rows["direction"], direction))


def _entry_counts(placed: pa.Table) -> dict[str, int]:
    entries = placed.group_by(["bank", "evidence", "statement_id", "entry_number"]).aggregate([])
    counts = entries.group_by("bank").aggregate([("evidence", "count")]).to_pylist()
    return {row["bank"]: row["evidence_count"] for row in counts}


# --- sums -------------------------------------------------------------------------------------------------------------


def _sums(table: pa.Table, by: str, amount: str = "amount_idr") -> Sums:
    """Rows and the sum of their amounts, by the values of a column."""
    if not table.num_rows:
        return {}
    scopes, place = _places(table[by])
    rows = np.bincount(place, minlength=len(scopes)).tolist()
    return dict(zip(scopes, map(Sum, rows, _added(table[amount], place, len(scopes))), strict=True))


def _totals(table: pa.Table, by: str) -> Sums:
    """Stated counts and control sums, added up by the values of a column."""
    scopes, place = _places(table[by])
    sums = (_added(table[name], place, len(scopes)) for name in ("transaction_count", "control_sum_idr"))
    return dict(zip(scopes, map(Sum, *sums), strict=True))


def _places(column: pa.ChunkedArray) -> tuple[list[str], Numbers]:
    """The distinct values in the order of their first rows, and which of them each row has."""
    encoded = one_piece(column).dictionary_encode(null_encoding="encode")
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _added(column: pa.ChunkedArray, place: Numbers, count: int) -> list[int]:
    """Whole numbers added up by place; a null adds nothing. Plain sums of a few rows are quicker so than by `group_by`."""
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, place, to_numbers(column, 0))
    added: list[int] = sums.tolist()
    return added


def _gathered(pairs: Iterable[tuple[str, Sum]]) -> Sums:
    sums: Sums = defaultdict(lambda: _NOTHING)
    for scope, total in pairs:
        sums[scope] = sums[scope].plus(total)
    return dict(sums)


def _prefixed(period: str, sums: Sums) -> Sums:
    return {f"{period} {scope}": total for scope, total in sums.items()}
