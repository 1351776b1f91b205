"""Bookings that notifications tell before a statement shows them: each counts once, by its statement as soon as there is one.

The same booking is told by the bank's own reference. Where one side bears none, by all the references that they do bear
with amount, direction and day; one that bears no reference at all is never taken for another of its amount. What several
notifications tell counts as often as the one that tells it most.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from datetime import date
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.breaks import Findings

STATEMENT, NOTIFICATION = "statement", "notification"
NO_REFERENCE = ("NOTPROVIDED", "NONREF", "")
"""What banks write for a reference that nobody gave."""

_NAMES = ("end_to_end_id", "message_id", "payment_information_id")
_ORDER = ("bank", "statement_id", "evidence", "entry_number", "detail_number")
Row = dict[str, Any]


class Told(NamedTuple):
    """What notifications tell: `early` are the rows that no statement shows, `differing` those that one shows with another
    amount (the notification's row, the statement's).
    """

    early: pa.Table
    differing: tuple[tuple[Row, Row], ...]


def split(entries: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Entries of statements, and those of notifications. Without a column `kind` all are of statements."""
    if "kind" not in entries.column_names:
        return entries, entries.slice(0, 0)
    is_notice = pc.fill_null(pc.equal(entries["kind"], NOTIFICATION), False)
    if not pc.any(is_notice, min_count=0).as_py():
        return entries, entries.slice(0, 0)
    return entries.filter(pc.invert(is_notice)), entries.filter(is_notice)


def compare(notices: pa.Table, entries: pa.Table) -> Told:
    """Tell apart the notified bookings that no statement shows. Both: booked rows of entries.v1 with bank and evidence.

    The order of rows plays no part. It costs as much as there are notifications, however many entries statements have.
    """
    rows = notices.sort_by([(name, "ascending") for name in _ORDER])
    listed = list(_once(rows.to_pylist()))
    by_reference, by_names = _of_statements(entries, [row for _, row, _ in listed])
    sums: Counter[tuple[Hashable, ...]] = Counter()
    for _, row, _ in listed:
        sums[_reference_key(row)] += _idr(row)
    early: list[int] = []
    differing: list[tuple[Row, Row]] = []
    for place, row, copy in listed:
        shown = by_reference.get(_reference_key(row), []) if _reference(row) else []
        same = [other for other in shown if _agree(row, other)]
        if same:
            whole = sum(map(_idr, shown))
            if sums[_reference_key(row)] != whole and all(_idr(other) != _idr(row) for other in same):
                differing.append((row, same[0]))
        elif by_names[_names_key(row, bool(_reference(row)))] <= copy:
            early.append(place)
    return Told(rows.take(pa.array(early, pa.int64())), tuple(differing))


def _once(rows: list[Row]) -> Iterator[tuple[int, Row, int]]:
    """Each booking once: its place, its row, and how many of its like the same notification told before it."""
    told: Counter[tuple[Hashable, ...]] = Counter()
    known: set[tuple[Hashable, ...]] = set()
    for place, row in enumerate(rows):
        key = _identity(row, place)
        source = (row["bank"], row["evidence"], row["statement_id"], *key)
        copy = told[source]
        told[source] += 1
        if (*key, copy) not in known:
            known.add((*key, copy))
            yield place, row, copy


def _identity(row: Row, place: int) -> tuple[Hashable, ...]:
    if _reference(row):
        return ("reference", *_reference_key(row), row["end_to_end_id"], row["amount_idr"])
    if any(row[name] for name in _NAMES):
        return ("names", *_names_key(row, False))
    return ("alone", place)


def _of_statements(
    entries: pa.Table, rows: list[Row]
) -> tuple[dict[tuple[Hashable, ...], list[Row]], Counter[tuple[Hashable, ...]]]:
    """The statements' rows that may be the same bookings, by the bank's reference, and their number by all other names.

    By names each row counts twice: for those who bear no reference of the bank, and, if it bears none itself, for all.
    """
    wanted = {name: _distinct(rows, name) for name in ("bank_reference", *_NAMES)}
    concerned = pa.array([False] * entries.num_rows, pa.bool_())
    for name, values in wanted.items():
        if len(values):
            concerned = pc.or_(concerned, pc.fill_null(pc.is_in(entries[name], value_set=values), False))
    by_reference: dict[tuple[Hashable, ...], list[Row]] = defaultdict(list)
    by_names: Counter[tuple[Hashable, ...]] = Counter()
    chosen = entries.filter(concerned) if rows and entries.num_rows else entries.slice(0, 0)
    for row in chosen.to_pylist():
        by_names[_names_key(row, False)] += 1
        if _reference(row):
            by_reference[_reference_key(row)].append(row)
        else:
            by_names[_names_key(row, True)] += 1
    return by_reference, by_names


def _distinct(rows: list[Row], name: str) -> pa.Array:
    return pa.array(sorted({row[name] for row in rows if row[name] and row[name] not in NO_REFERENCE}), pa.string())


def _idr(row: Row) -> int:
    return int(next((row[name] for name in ("amount_idr", "entry_amount_idr") if row[name] is not None), 0))


def _reference(row: Row) -> str | None:
    reference = row["bank_reference"]
    return None if reference in NO_REFERENCE else reference


def _reference_key(row: Row) -> tuple[Hashable, ...]:
    return (row["bank"], row["bank_reference"], row["direction"])


def _names_key(row: Row, bears_reference: bool) -> tuple[Hashable, ...]:
    """Bank, references, amount, direction and day: what must agree where no reference of the bank's own does."""
    names = [row[name] for name in _NAMES]
    if not any(names):
        return ("nobody",)
    return (bears_reference, row["bank"], *names, row["amount_idr"], row["direction"], row["booking_date"])


def _agree(row: Row, other: Row) -> bool:
    """Whether two rows under one reference of the bank name no two payments."""
    return row["end_to_end_id"] == other["end_to_end_id"] or None in (row["end_to_end_id"], other["end_to_end_id"])


def tell_notices(
    told: Told, statements: pa.Table, periods: dict[tuple[str, str, str], str], findings: Findings
) -> None:
    """Breaks of notifications: another amount than the statement shows, or a booking that its statement leaves out.

    A statement leaves out what a notification dates before the last day that the bank has stated.
    """
    last: dict[str, date] = {}
    for row in statements.select(["bank", "to_date"]).to_pylist():
        if row["to_date"] is not None:
            last[row["bank"]] = max(row["to_date"], last.get(row["bank"], row["to_date"]))
    for row, other in told.differing:
        _add(row, "amount_differs", _idr(other), _idr(row), periods, findings)
    for row in told.early.to_pylist():
        day = row["booking_date"]
        if day is not None and row["bank"] in last and day < last[row["bank"]]:
            expected = f"in a statement up to {last[row['bank']]}"
            _add(row, "notified_not_stated", expected, f"notified on {day}", periods, findings)


def _add(
    row: Row, kind: str, expected: object, found: object, periods: dict[tuple[str, str, str], str], findings: Findings
) -> None:
    name = _reference(row) or f"{row['statement_id']}/{row['entry_number']}/{row['detail_number']}"
    period = periods.get((row["bank"], row["evidence"], row["statement_id"]))
    findings.within(period).add(
        kind, row["bank"], expected, found, end_to_end_id=row["end_to_end_id"], amount_idr=row["amount_idr"],
        subject=f"notification {name}",
    )  # fmt: skip
