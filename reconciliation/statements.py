"""Statements as documents: taken once, adding up, and following each other without a gap.

A statement is told by its identifier within an account, or by its number, dates and opening balance. The same one again
with the same content changes nothing; with other content it is a break, and the one that the bank wrote last counts: a
corrected statement supersedes. Where no time of writing tells them apart, the one that was received first counts.

One that does not add up gives way to a corrected one in its place: of its identifier, or of its number and dates, that
does, whichever came first. So a proof that failed on it holds again; that the bank said two things stays a break for a
person, with the superseded statement on it.

What notifications tell before a statement does is taken beside the statements: `reconciliation.notices`.
"""

from collections import defaultdict
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.breaks import Findings
from reconciliation.notices import BOOKED, Told, compare, split, with_details
from reconciliation.sides import Numbers, to_flags, to_groups, to_numbers
from schemas.tables import TABLES

STATEMENT_KEY = ("bank", "evidence", "statement_id")
"""What tells a statement from others in the tables of a reconciliation."""
Sums = dict[tuple[Any, ...], list[int]]
"""Credits, debits and the number of booked entries, by `STATEMENT_KEY`."""
StatementKey = tuple[str, str, str]
_KEY = ("bank", "account", "statement_id")
_STATEMENT = TABLES["statements.v1"].columns
_ENTRY = TABLES["entries.v1"].columns
_OF_THE_DOCUMENT = ("statement_id", "stated_at")


class Statements(NamedTuple):
    """Each statement once, with its entries: statements.v1 and entries.v1, each with `bank` and `evidence`.

    Once entries are read, `statements` has a column `period` too: that of the files it names, null where it names none.
    `entries` holds, after those of statements, what notifications tell and no statement shows (`told`); what they say more of
    a statement's booking stands in its row's place.
    """

    statements: pa.Table
    entries: pa.Table
    conflicts: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = ()
    sums: Sums | None = None
    told: Told | None = None


def take_once(statements: pa.Table, entries: pa.Table) -> Statements:
    """Drop repeats of statements, gather conflicts (standing, other), and keep for each the content that counts.

    `statements` has a column `received` besides `bank` and `evidence`, and where the bank says so `stated_at`. Statements of
    one file share its evidence. Those that two people have set aside bear `superseded_by`. Rows of `entries` that a
    notification tells have that in a column `kind`.
    """
    stated, notices = split(entries)
    if "superseded_by" in statements.column_names:
        statements = statements.filter(pc.is_null(statements["superseded_by"]))
    sums = _sums(stated)
    ordered, conflicts = _without_corrected(statements, stated, sums)
    rows = ordered.to_pylist()
    standing: dict[tuple[Any, ...], dict[str, Any]] = {}
    kept: list[int] = []
    for index in sorted(range(len(rows)), key=lambda place: _last_written(rows[place])):
        row = rows[index]
        places = [("id", *(row[column] for column in _KEY)), *_numbered(row)]
        before = next((standing[place] for place in places if place in standing), None)
        if before is None:
            kept.append(index)
            standing |= dict.fromkeys(places, row)
        elif not _same(before, row, stated):
            conflicts.append((before, row))
    chosen = ordered.take(pa.array(kept, pa.int64()))
    keys = {tuple(row.values()) for row in chosen.select(STATEMENT_KEY).to_pylist()}
    counting = _entries_in_order(stated, keys)
    told = compare(only_booked(notices), counting) if notices.num_rows else None
    if told is not None:
        counting = pa.concat_tables([with_details(counting, told), told.early]).combine_chunks()
    return Statements(chosen.combine_chunks(), counting, tuple(conflicts), sums, told)


def _last_written(row: dict[str, Any]) -> tuple[float, int, str, str]:
    """Sorts the one that the bank wrote last before others, and else the one received first."""
    stated_at = row.get("stated_at")
    return -stated_at.timestamp() if stated_at else 0.0, row["received"], row["evidence"], row["statement_id"]


def _numbered(row: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What tells a statement beside its identifier. Some banks repeat a number within a day, and then the opening moves on."""
    number, opening = row["sequence_number"], row["opening_idr"]
    if number is None or opening is None:
        return []
    return [("number", row["bank"], row["account"], number, row["from_date"], row["to_date"], opening)]


def _entries_in_order(entries: pa.Table, keys: set[tuple[Any, ...]]) -> pa.Table:
    """The entries of these statements, sorted by bank, statement, evidence, entry and detail."""
    statement, firsts = to_groups(entries, STATEMENT_KEY)
    names = [tuple(row.values()) for row in entries.select(STATEMENT_KEY).take(pa.array(firsts)).to_pylist()]
    places = sorted(range(len(names)), key=lambda number: [names[number][i] for i in (0, 2, 1)])
    rank = np.full(len(names), -1, dtype=np.int64)
    rank[[number for number in places if names[number] in keys]] = np.arange(sum(name in keys for name in names))
    place = rank[statement]
    if np.any(place < 0):
        entries, place = entries.filter(pa.array(place >= 0)), place[place >= 0]
    entry, detail = (to_numbers(entries[name], 0) for name in ("entry_number", "detail_number"))
    steps = [np.diff(level) for level in (place, entry, detail)]
    goes_back = (steps[0] < 0) | (steps[0] == 0) & ((steps[1] < 0) | (steps[1] == 0) & (steps[2] < 0))
    if np.any(goes_back):
        entries = entries.take(pa.array(np.lexsort((detail, entry, place))))
    return entries.combine_chunks()


def _without_corrected(
    statements: pa.Table, entries: pa.Table, sums: Sums
) -> tuple[pa.Table, list[tuple[dict[str, Any], dict[str, Any]]]]:
    """The statements but those that do not add up where one in the same place does; and each such pair (right, wrong)."""
    statements = statements.sort_by([(column, "ascending") for column in ("received", "evidence", "statement_id")])
    rows = movements(Statements(statements, entries, sums=sums)).to_pylist()
    right: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        if adds_up(row):
            for place in _places(row):
                right.setdefault(place, row)
    pairs: list[tuple[dict[str, Any], dict[str, Any]]] = []
    stays = []
    for row in rows:
        corrected = (
            None if adds_up(row) else next((right[p] for p in sorted(_places(row), key=str) if p in right), None)
        )
        stays.append(corrected is None)
        if corrected is not None:
            pairs.append((corrected, row))
    return statements.filter(pa.array(stays, pa.bool_())), pairs


def _places(statement: dict[str, Any]) -> set[tuple[Any, ...]]:
    """What a corrected statement has in common with the one it corrects."""
    account = (statement["bank"], statement["account"])
    number, from_date, to_date = (statement[name] for name in ("sequence_number", "from_date", "to_date"))
    places: set[tuple[Any, ...]] = {("id", *account, statement["statement_id"])}
    return places if number is None else places | {("number", *account, number, from_date, to_date)}


def adds_up(row: dict[str, Any]) -> bool:
    """Whether a statement's opening balance and its movements make its closing one; without balances it cannot."""
    opening, closing = row["opening_idr"], row["closing_idr"]
    return None not in (opening, closing) and opening + row["credits_idr"] - row["debits_idr"] == closing


def _same(one: dict[str, Any], other: dict[str, Any], entries: pa.Table) -> bool:
    """Whether two statements say the same, under whatever identifier and whenever they were written."""
    if any(one[column] != other[column] for column in _STATEMENT if column not in _OF_THE_DOCUMENT):
        return False
    return one["evidence"] == other["evidence"] or bool(_entries_of(one, entries).equals(_entries_of(other, entries)))


def _entries_of(statement: dict[str, Any], entries: pa.Table) -> pa.Table:
    mine = pc.and_(
        pc.equal(entries["evidence"], statement["evidence"]),
        pc.equal(entries["statement_id"], statement["statement_id"]),
    )
    rows = entries.filter(mine).select([column for column in _ENTRY if column not in _OF_THE_DOCUMENT])
    return rows.sort_by([("entry_number", "ascending"), ("detail_number", "ascending")]).combine_chunks()


def _digest_of(statement: dict[str, Any]) -> str:
    written = f", written {statement['stated_at']:%Y-%m-%dT%H:%M:%SZ}" if statement.get("stated_at") else ""
    return (
        f"opening {statement['opening_idr']}, closing {statement['closing_idr']}, rows {statement['row_count']},"
        f" file {statement['evidence'][:12]}{written}"
    )


def only_booked(entries: pa.Table) -> pa.Table:
    """Entries that are booked; a missing status counts as booked."""
    is_booked = pc.equal(pc.fill_null(entries["status"], BOOKED), BOOKED)
    return entries if pc.all(is_booked).as_py() else entries.filter(is_booked)


class _Sides(NamedTuple):
    """Booked entries by direction. `rows`: a row of each in `booked`; `statement`: its number; `firsts`: a row of each."""

    booked: pa.Table
    rows: Numbers
    statement: Numbers
    firsts: Numbers
    amount_idr: pa.Array


def _sides(entries: pa.Table) -> _Sides:
    booked = only_booked(entries)
    statement, firsts = to_groups(booked, STATEMENT_KEY)
    entry = to_numbers(booked["entry_number"], 0)
    is_credit = to_flags(pc.equal(booked["direction"], "credit"))
    order = np.lexsort((is_credit, entry, statement))
    keys = [level[order] for level in (statement, entry, is_credit.astype(np.int64))]
    changes = [np.diff(level, prepend=-1) != 0 for level in keys]
    is_next_entry = changes[0] | changes[1]
    starts = np.flatnonzero(is_next_entry | changes[2])
    details = _summed(booked["amount_idr"], order, starts, np.add)
    whole = pc.coalesce(_summed(booked["entry_amount_idr"], order, starts, np.maximum), details)
    # Where the next side begins and no entry does, the entry goes both ways.
    second = ~is_next_entry[starts]
    both_ways = second | np.append(second[1:], False)
    return _Sides(booked, order[starts], keys[0][starts], firsts, pc.if_else(pa.array(both_ways), details, whole))


def _summed(column: pa.ChunkedArray, order: Numbers, starts: Numbers, how: np.ufunc) -> pa.Array:
    """A column of amounts drawn together by group; null where the whole group is."""
    if not len(starts):
        return pa.array([], pa.int64())
    valid = to_flags(pc.is_valid(column))[order]
    values = how.reduceat(to_numbers(column, 0)[order], starts)
    return pa.array(values, mask=~np.logical_or.reduceat(valid, starts))


def booked_entries(entries: pa.Table) -> pa.Table:
    """One row an entry that is booked (a missing status counts as booked): its statement, direction and amount.

    Columns: bank, evidence, statement_id, entry_number, direction, entry_amount_idr. An entry whose details go both ways
    is one row a direction, with what its details say.
    """
    sides = _sides(entries)
    columns = [*STATEMENT_KEY, "entry_number", "direction"]
    rows = sides.booked.select(columns).take(pa.array(sides.rows))
    return rows.append_column("entry_amount_idr", sides.amount_idr)


def _sums(entries: pa.Table) -> Sums:
    """What the booked entries of each statement sum to: credits, debits, and how many there are."""
    sides = _sides(entries)
    if not len(sides.rows):
        return {}
    is_credit = to_flags(pc.equal(sides.booked["direction"], "credit"))[sides.rows]
    amount = to_numbers(sides.amount_idr, 0)
    starts = np.flatnonzero(np.diff(sides.statement, prepend=-1))
    credit, debit = (np.add.reduceat(np.where(side, amount, 0), starts).tolist() for side in (is_credit, ~is_credit))
    count = np.diff(np.append(starts, len(amount))).tolist()
    names = sides.booked.select(STATEMENT_KEY).take(pa.array(sides.firsts[sides.statement[starts]])).to_pylist()
    return {tuple(name.values()): found for name, *found in zip(names, credit, debit, count, strict=True)}


def movements(taken: Statements) -> pa.Table:
    """Statements with what their booked entries sum to: `credits_idr`, `debits_idr`, `entry_count`, added as columns."""
    sums = _sums(taken.entries) if taken.sums is None else taken.sums
    found = [sums.get(tuple(row.values()), [0, 0, 0]) for row in taken.statements.select(STATEMENT_KEY).to_pylist()]
    table = taken.statements
    for place, name in enumerate(("credits_idr", "debits_idr", "entry_count")):
        table = table.append_column(name, pa.array([numbers[place] for numbers in found], pa.int64()))
    return table


def check_statements(taken: Statements, findings: Findings) -> None:
    """Breaks of arithmetic (opening + credits - debits = closing), of continuity, and of one id with two contents.

    `taken.statements` has its column `period`.
    """
    by_account: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    periods: dict[tuple[Any, ...], str | None] = {}
    for row in movements(taken).to_pylist():
        _check_arithmetic(row, findings.within(row["period"]))
        by_account[row["bank"], row["account"] or ""].append(row)
        periods[tuple(row[column] for column in _KEY)] = row["period"]
    for (bank, account), rows in by_account.items():
        rows.sort(key=_when)
        for before, after in pairwise(rows):
            _check_pair(bank, account, before, after, findings.within(after["period"] or before["period"]))

    for first, other in taken.conflicts:
        findings.within(periods[tuple(first[column] for column in _KEY)]).add(
            "statement_conflict", first["bank"], _digest_of(first), _digest_of(other),
            subject=f"{first['account']} {first['statement_id']}",
        )  # fmt: skip


def _when(row: dict[str, Any]) -> tuple[str, int, str]:
    day = row["from_date"] or row["to_date"]
    return (day.isoformat() if day else "", row["sequence_number"] or 0, row["statement_id"])


def _check_arithmetic(row: dict[str, Any], findings: Findings) -> None:
    opening, closing = row["opening_idr"], row["closing_idr"]
    subject = f"{row['account']} {row['statement_id']}"
    if opening is None or closing is None:
        findings.add("statement_arithmetic", row["bank"], "opening and closing balance", "not stated", subject=subject)
        return
    reached = opening + row["credits_idr"] - row["debits_idr"]
    if reached != closing:
        findings.add(
            "statement_arithmetic", row["bank"], reached, closing, amount_idr=closing - reached, subject=subject
        )


def _check_pair(bank: str, account: str, before: dict[str, Any], after: dict[str, Any], findings: Findings) -> None:
    """The later of two neighbours opens where the earlier closed, and bears the next number; a new year may start at 1."""
    last, number = before["sequence_number"], after["sequence_number"]
    expected_numbers = {(last or 0) + 1}
    if before["to_date"] and after["to_date"] and after["to_date"].year > before["to_date"].year:
        expected_numbers.add(1)
    number_fits = last is None or number is None or number in expected_numbers
    balance_fits = (
        before["closing_idr"] is None or after["opening_idr"] is None or after["opening_idr"] == before["closing_idr"]
    )
    if number_fits and balance_fits:
        return
    findings.add(
        "statement_gap",
        bank,
        f"number {(last or 0) + 1 if last is not None else '?'}, opening {before['closing_idr']}",
        f"number {number if number is not None else '?'}, opening {after['opening_idr']}",
        amount_idr=None if balance_fits else after["opening_idr"] - before["closing_idr"],
        subject=f"{account} {after['statement_id']}",
    )
