"""Statements as documents: taken once, adding up, and following each other without a gap.

A statement is told by its identifier within an account. The same one again with the same content changes nothing; with
other content it is a break, and the one that was received first counts until a person decides.

One that does not add up gives way to a corrected one in its place: of its identifier, or of its number and dates, that
does, whichever came first. So a proof that failed on it holds again; that the bank said two things stays a break for a
person.
"""

from collections import defaultdict
from itertools import pairwise
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.breaks import Findings
from schemas.tables import TABLES

BOOKED = "BOOK"
_KEY = ("bank", "account", "statement_id")
_STATEMENT = TABLES["statements.v1"].columns
_ENTRY = TABLES["entries.v1"].columns


class Statements(NamedTuple):
    """Each statement once, with its entries: statements.v1 and entries.v1, each with `bank` and `evidence`.

    Once entries are read, `statements` has a column `period` too: that of the files it names, null where it names none.
    """

    statements: pa.Table
    entries: pa.Table
    conflicts: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = ()


def take_once(statements: pa.Table, entries: pa.Table) -> Statements:
    """Drop repeats of statements, gather conflicts (first, other), and keep for each the content received first.

    `statements` has a column `received` besides `bank` and `evidence`. Statements of one file share its evidence.
    """
    ordered, conflicts = _without_corrected(
        statements.sort_by([(column, "ascending") for column in ("received", "evidence", "statement_id")]), entries
    )
    first: dict[tuple[Any, ...], dict[str, Any]] = {}
    kept: list[int] = []
    for index, row in enumerate(ordered.to_pylist()):
        key = tuple(row[column] for column in _KEY)
        if key not in first:
            first[key] = row
            kept.append(index)
        elif not _same(first[key], row, entries):
            conflicts.append((first[key], row))
    chosen = ordered.take(pa.array(kept, pa.int64()))
    keys = chosen.select(["bank", "evidence", "statement_id"])
    columns = entries.column_names
    held = entries.join(keys, ["bank", "evidence", "statement_id"], join_type="left semi").select(columns)
    order = ["bank", "statement_id", "evidence", "entry_number", "detail_number"]
    entries_once = held.sort_by([(column, "ascending") for column in order]).combine_chunks()
    return Statements(chosen.combine_chunks(), entries_once, tuple(conflicts))


def _without_corrected(
    statements: pa.Table, entries: pa.Table
) -> tuple[pa.Table, list[tuple[dict[str, Any], dict[str, Any]]]]:
    """The statements but those that do not add up where one in the same place does; and each such pair (right, wrong)."""
    rows = movements(Statements(statements, entries)).to_pylist()
    right: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        if _adds_up(row):
            for place in _places(row):
                right.setdefault(place, row)
    pairs: list[tuple[dict[str, Any], dict[str, Any]]] = []
    stays = []
    for row in rows:
        corrected = (
            None if _adds_up(row) else next((right[p] for p in sorted(_places(row), key=str) if p in right), None)
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


def _adds_up(row: dict[str, Any]) -> bool:
    opening, closing = row["opening_idr"], row["closing_idr"]
    return None not in (opening, closing) and opening + row["credits_idr"] - row["debits_idr"] == closing


def _same(one: dict[str, Any], other: dict[str, Any], entries: pa.Table) -> bool:
    if any(one[column] != other[column] for column in _STATEMENT):
        return False
    return one["evidence"] == other["evidence"] or bool(_entries_of(one, entries).equals(_entries_of(other, entries)))


def _entries_of(statement: dict[str, Any], entries: pa.Table) -> pa.Table:
    mine = pc.and_(
        pc.equal(entries["evidence"], statement["evidence"]),
        pc.equal(entries["statement_id"], statement["statement_id"]),
    )
    rows = entries.filter(mine).select(list(_ENTRY))
    return rows.sort_by([("entry_number", "ascending"), ("detail_number", "ascending")]).combine_chunks()


def _digest_of(statement: dict[str, Any]) -> str:
    return (
        f"opening {statement['opening_idr']}, closing {statement['closing_idr']}, rows {statement['row_count']},"
        f" file {statement['evidence'][:12]}"
    )


def booked_entries(entries: pa.Table) -> pa.Table:
    """One row an entry that is booked (a missing status counts as booked): its statement, direction and amount.

    Columns: bank, evidence, statement_id, entry_number, direction, entry_amount_idr. An entry whose details go both ways
    is one row a direction, with what its details say.
    """
    booked = entries.filter(pc.equal(pc.fill_null(entries["status"], BOOKED), BOOKED))
    texts = ["bank", "evidence", "statement_id"]
    names = booked.select(texts).group_by(texts).aggregate([])
    joined = pc.binary_join_element_wise(*(booked[text] for text in texts), "\x1f")
    statement = pc.index_in(
        joined, pc.binary_join_element_wise(*(names[text] for text in texts), "\x1f").combine_chunks()
    )
    entry = ["statement", "entry_number"]
    rows = booked.select(["entry_number", "direction", "entry_amount_idr", "amount_idr"])
    rows = rows.append_column("statement", statement)
    grouped = rows.group_by([*entry, "direction"]).aggregate([("entry_amount_idr", "max"), ("amount_idr", "sum")])
    details = grouped["amount_idr_sum"]
    whole = pc.coalesce(grouped["entry_amount_idr_max"], details)
    both_ways = grouped.group_by(entry).aggregate([([], "count_all")]).filter(pc.field("count_all") > 1)
    if both_ways.num_rows:
        keys = [
            pc.add(pc.multiply(pc.cast(t["statement"], pa.int64()), 1 << 32), t["entry_number"])
            for t in (grouped, both_ways)
        ]
        whole = pc.if_else(pc.is_in(keys[0], keys[1].combine_chunks()), details, whole)
    return names.take(grouped["statement"]).append_column("entry_number", grouped["entry_number"]).append_column(
        "direction", grouped["direction"]
    ).append_column("entry_amount_idr", whole)  # fmt: skip


def movements(taken: Statements) -> pa.Table:
    """Statements with what their booked entries sum to: `credits_idr`, `debits_idr`, `entry_count`, added as columns."""
    entries = booked_entries(taken.entries)
    key = ["bank", "evidence", "statement_id"]
    is_credit = pc.equal(entries["direction"], "credit")
    amount = pc.fill_null(entries["entry_amount_idr"], 0)
    sides = entries.select(key).append_column("credit", pc.if_else(is_credit, amount, 0))
    sides = sides.append_column("debit", pc.if_else(is_credit, 0, amount))
    grouped = sides.group_by(key).aggregate([("credit", "sum"), ("debit", "sum"), ("credit", "count")]).to_pylist()
    sums = {
        tuple(row[column] for column in key): (row["credit_sum"], row["debit_sum"], row["credit_count"])
        for row in grouped
    }
    found = [sums.get(tuple(row.values()), (0, 0, 0)) for row in taken.statements.select(key).to_pylist()]
    table = taken.statements
    for place, name in enumerate(("credits_idr", "debits_idr", "entry_count")):
        values = [numbers[place] for numbers in found]
        table = table.append_column(name, pa.array(values, pa.int64()))
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
