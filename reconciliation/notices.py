"""Bookings that notifications tell before a statement shows them: each counts once, by its statement as soon as there is one.

The same booking is told by the bank's own reference. Where a side bears none, a payment's end-to-end id with amount,
direction and day tells it, unless another reference that both bear differs; without an end-to-end id all the references
must agree. One that bears no reference at all is never taken for another of its amount. What several notifications tell
counts as often as the one that tells it most.

A statement may say less of a booking than its notification did. A reason or a mark of reversal that it leaves out is taken
from the notification. Where it names nobody, and what is notified under the bank's reference sums to exactly its amount,
the notified rows are the details of that one booking, and stand in its place. Where they do not, what was notified counts
as it was told, and the two sums are a break. So it plays no part which of the two came first.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.breaks import Findings

STATEMENT, NOTIFICATION = "statement", "notification"
BOOKED = "BOOK"
NO_REFERENCE = ("NOTPROVIDED", "NONREF", "")
"""What banks write for a reference that nobody gave."""

_FILE_NAMES = ("message_id", "payment_information_id")
_NAMES = ("end_to_end_id", *_FILE_NAMES)
_ORDER = ("bank", "statement_id", "evidence", "entry_number", "detail_number")
_OF_A_DETAIL = (*_NAMES, "return_code", "reason_text")
"""What a notified row says of a payment, that the statement's row of the same booking may leave out."""
Row = dict[str, Any]
Key = tuple[Hashable, ...]


class Told(NamedTuple):
    """What notifications tell: `early` are the rows that no statement shows; `differing` those that one shows with another
    amount (the notification's row, the statement's rupiah, the notified). `fuller`: by position of a statement's row, the
    rows that stand in its place because notifications say more of its booking.
    """

    early: pa.Table
    differing: tuple[tuple[Row, int, int], ...]
    fuller: dict[int, list[Row]]


def split(entries: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Entries of statements, and those of notifications. Without a column `kind` all are of statements."""
    if "kind" not in entries.column_names:
        return entries, entries.slice(0, 0)
    is_notice = pc.fill_null(pc.equal(entries["kind"], NOTIFICATION), False)
    if not pc.any(is_notice, min_count=0).as_py():
        return entries, entries.slice(0, 0)
    return entries.filter(pc.invert(is_notice)), entries.filter(is_notice)


def compare(notices: pa.Table, entries: pa.Table) -> Told:
    """Tell apart the notified bookings that no statement shows, and what notifications say of those that one does.

    `notices`: booked rows of entries.v1 with bank and evidence; `entries`: those of statements. The order of rows plays no
    part. It costs as much as there are notifications, however many entries statements have.
    """
    rows = notices.sort_by([(name, "ascending") for name in _ORDER])
    listed = list(_once(rows.to_pylist()))
    shown = _Shown(entries, [row for _, row, _ in listed])
    comparison = _Comparison(shown)
    groups: dict[Key, list[tuple[int, Row, int]]] = defaultdict(list)
    for place, row, copy in listed:
        groups[_reference_key(row) if _reference(row) else ("none", place)].append((place, row, copy))
    for key, group in groups.items():
        comparison.add(group, shown.by_reference.get(key, []))
    early = rows.take(pa.array(sorted(comparison.early), pa.int64()))
    return Told(early, tuple(comparison.differing), comparison.fuller)


def with_details(entries: pa.Table, told: Told) -> pa.Table:
    """The statements' entries, in their order, with what notifications say of them."""
    if not told.fuller:
        return entries
    places = [place for place, rows in told.fuller.items() for _ in rows]
    added = pa.Table.from_pylist([row for rows in told.fuller.values() for row in rows], schema=entries.schema)
    kept = np.setdiff1d(np.arange(entries.num_rows), places)
    order = np.argsort(np.concatenate([kept, np.array(places, dtype=np.int64)]), kind="stable")
    rows = np.concatenate([kept, entries.num_rows + np.arange(len(places))])[order]
    return pa.concat_tables([entries, added]).combine_chunks().take(pa.array(rows))


class _Shown:
    """The statements' rows that may be bookings which notifications tell; each bears its `position` in `entries`."""

    def __init__(self, entries: pa.Table, rows: list[Row]) -> None:
        concerned = np.zeros(entries.num_rows, dtype=bool)
        for name in ("bank_reference", *_NAMES):
            values = pa.array(sorted({row[name] for row in rows if _named(row, name)}), pa.string())
            if len(values) and entries.num_rows:
                concerned |= pc.is_in(entries[name], value_set=values).to_numpy()
        positions = np.flatnonzero(concerned)
        self.by_reference: dict[Key, list[Row]] = defaultdict(list)
        self._by_names: dict[Key, list[Row]] = defaultdict(list)
        self._by_both: dict[Key, list[Row]] = defaultdict(list)
        for position, row in zip(positions.tolist(), entries.take(pa.array(positions)).to_pylist(), strict=True):
            if row["status"] in (None, BOOKED):
                row["position"] = position
                self._by_names[_names_key(row)].append(row)
                self._by_both[*_names_key(row), _reference(row)].append(row)
                if _reference(row):
                    self.by_reference[_reference_key(row)].append(row)

    def by_names(self, row: Row, copy: int) -> Row | None:
        """The row that shows the `copy`-th notified one of its kind, by other references than the bank's."""
        if not any(_named(row, name) for name in _NAMES):
            return None
        key, reference = _names_key(row), _reference(row)
        both = [self._by_both.get((*key, each), []) for each in (reference, None)]
        for like in both if reference else [self._by_names.get(key, [])]:
            if _named(row, "end_to_end_id"):  # else all their references agree
                like = [other for other in like if _compatible(row, other)]
            if copy < len(like):
                return like[copy]
            copy -= len(like)
        return None


class _Comparison:
    """What becomes of notified rows, group by group: those under one reference of the bank, or else each by itself."""

    def __init__(self, shown: _Shown) -> None:
        self.shown = shown
        self.early: list[int] = []
        self.differing: list[tuple[Row, int, int]] = []
        self.fuller: dict[int, list[Row]] = {}

    def add(self, group: list[tuple[int, Row, int]], shown: list[Row]) -> None:
        """`group`: place, row and copy of notified rows; `shown`: the statements' rows under their reference."""
        by_payment: dict[str | None, list[Row]] = defaultdict(list)
        for other in shown:
            by_payment[_named(other, "end_to_end_id")].append(other)
        nameless = by_payment.pop(None, [])
        left = sorted(
            (place, row)
            for place, row, copy in group
            if nameless and _named(row, "end_to_end_id") not in by_payment and not self.shown.by_names(row, copy)
        )
        names = _names_beyond(nameless)
        more = [(place, row) for place, row in left if any(_named(row, name) for name in names)]
        done = self._details(nameless, more, left) if more else set()
        whole, told = sum(map(_idr, shown)), sum(_idr(row) for _, row, _ in group)
        amounts = {True: set(map(_idr, nameless)), False: set(map(_idr, shown))}
        for place, row, copy in group:
            if place in done:
                continue
            payment = _named(row, "end_to_end_id")
            own = by_payment.get(payment, [])
            same = (own or nameless) if payment else shown  # no row of two that name two payments
            equal = [other for other in own if _idr(other) == _idr(row)]
            is_equal = bool(equal) or _idr(row) in amounts[payment is not None]
            if same:
                # It is surely the row that names the same payment, or is alone under the reference.
                equal = equal or (same if is_equal and len(shown) == 1 else [])
                self._fill(row, equal[min(copy, len(equal) - 1)] if equal else None)
                if told != whole and not is_equal:
                    self.differing.append((row, _idr(same[0]), _idr(row)))
            elif twin := self.shown.by_names(row, copy):
                self._fill(row, twin)
            else:
                self.early.append(place)

    def _details(self, nameless: list[Row], *tries: list[tuple[int, Row]]) -> set[int]:
        """Let the notified rows stand for bookings that name nobody, or tell that the sums differ. Returns their places."""
        for chosen in tries:
            rows = [row for _, row in chosen]
            if len(nameless) == 1 and _idr(nameless[0]) == sum(map(_idr, rows)):
                first = nameless[0]["detail_number"]
                numbers = [first] if len(rows) == 1 else range(first + 1, first + 1 + len(rows))
                details = [
                    _detail(nameless[0], row) | {"detail_number": n} for row, n in zip(rows, numbers, strict=True)
                ]
                self.fuller[nameless[0]["position"]] = details
                return {place for place, _ in chosen}
            if sorted(map(_idr, nameless)) == sorted(map(_idr, rows)):
                for other, row in zip(sorted(nameless, key=_idr), sorted(rows, key=_idr), strict=True):
                    self.fuller[other["position"]] = [_detail(other, row)]
                return {place for place, _ in chosen}
        stated, told = sum(map(_idr, nameless)), sum(_idr(row) for _, row in tries[0])
        self.early += [place for place, _ in tries[0]]
        self.differing += [(row, stated, told) for _, row in tries[0]]
        return {place for place, _ in tries[0]}

    def _fill(self, row: Row, twin: Row | None) -> None:
        """Give the statement's row the reason and the mark of reversal that it leaves out."""
        if twin is not None and twin["position"] not in self.fuller:
            filled = _detail(twin, row) | {name: twin[name] for name in ("amount_idr", *_NAMES)}
            if filled != twin:
                self.fuller[twin["position"]] = [filled]


def _detail(other: Row, row: Row) -> Row:
    """The statement's row as the notified one tells it: its references, its reason, its amount."""
    said = {name: row[name] if row[name] and row[name] not in NO_REFERENCE else other[name] for name in _NAMES}
    said |= {name: row[name] if other[name] is None else other[name] for name in ("return_code", "reason_text")}
    return other | said | {"is_reversal": other["is_reversal"] or row["is_reversal"], "amount_idr": _idr(row)}


def _once(rows: list[Row]) -> Iterator[tuple[int, Row, int]]:
    """Each booking once: its place, its row, and how many of its like the same notification told before it.

    Of several notifications that tell it, the one that says most of it counts.
    """
    told: Counter[Key] = Counter()
    known: dict[Key, list[Row]] = defaultdict(list)
    for place in sorted(range(len(rows)), key=lambda each: sum(rows[each][name] is None for name in _OF_A_DETAIL)):
        row = rows[place]
        key = _identity(row, place)
        source = _source(row)
        exactly = (*source, *key, *(_named(row, name) for name in _FILE_NAMES))
        copy = told[exactly]
        told[exactly] += 1
        before = known[*key, copy]
        if not any(_compatible(row, other) and _source(other) != source for other in before):
            before.append(row)
            yield place, row, copy


def _source(row: Row) -> Key:
    return (row["bank"], row["evidence"], row["statement_id"])


def _identity(row: Row, place: int) -> Key:
    if _reference(row):
        return ("reference", *_reference_key(row), row["end_to_end_id"], row["amount_idr"])
    if any(_named(row, name) for name in _NAMES):
        return ("names", *_names_key(row))
    return ("alone", place)


def _idr(row: Row) -> int:
    return int(next((row[name] for name in ("amount_idr", "entry_amount_idr") if row[name] is not None), 0))


def _named(row: Row, name: str) -> str | None:
    """The row's reference of a kind, None where it bears none."""
    return None if row[name] in NO_REFERENCE else row[name]


def _reference(row: Row) -> str | None:
    return _named(row, "bank_reference")


def _reference_key(row: Row) -> Key:
    return (row["bank"], row["bank_reference"], row["direction"])


def _names_key(row: Row) -> Key:
    """What must agree where no reference of the bank's own does: bank, payment, amount, direction and day; and where no
    payment is named, all the references.
    """
    payment = _named(row, "end_to_end_id")
    names = [payment] if payment else [_named(row, name) for name in _FILE_NAMES]
    return (row["bank"], *names, row["amount_idr"], row["direction"], row["booking_date"])


def _compatible(row: Row, other: Row) -> bool:
    """Whether no reference that both bear differs."""
    return all(
        None in (_named(row, name), _named(other, name)) or row[name] == other[name]
        for name in ("bank_reference", *_FILE_NAMES)
    )


def _names_beyond(nameless: list[Row]) -> tuple[str, ...]:
    """The references by which a notified row names somebody where these rows do not. A file that a debit names is debited."""
    if not any(_named(row, name) for row in nameless for name in _FILE_NAMES):
        return _NAMES
    return ("end_to_end_id",) if nameless[0]["direction"] == "credit" else ()


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
    for row, stated_idr, told_idr in told.differing:
        _add(row, "amount_differs", stated_idr, told_idr, periods, findings)
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
