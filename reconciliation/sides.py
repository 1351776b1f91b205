"""Our side of a reconciliation, ready to be asked: which instruction, which file does a bank's reference name."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.lookup import positions

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_DUE = ("answer_due_at", "statement_due_on", "reversal_due_on")

IN_WRITING = "settled_in_writing"
"""The optional column of what was sent: whether a bank's written answer says how it ended."""

AT_THE_BANK = frozenset({"submitted", "unknown", "accepted", "debited", "credited", "rejected", "returned"})
"""States of a file about which a bank may have something to say. About any other it contradicts our record."""


@dataclass(frozen=True)
class OurFile:
    """One bank file of ours, as sent. `None` for a due date or instant: nothing is late."""

    name: str
    bank: str
    message_id: str
    payment_information_id: str
    count: int
    control_sum_idr: int
    execution_date: date | None
    state: str
    period: str | None
    answer_due_at: datetime | None
    statement_due_on: date | None
    reversal_due_on: date | None

    @property
    def was_sent(self) -> bool:
        """Whether the bank can know of it."""
        return self.state in AT_THE_BANK


class Ours:
    """Instructions sorted by end_to_end_id and their files sorted by name; instructions and files go by position."""

    def __init__(self, sent: pa.Table, files: pa.Table) -> None:
        self.sent = _by_id(sent).combine_chunks()
        self.ids = one_piece(self.sent["end_to_end_id"])
        self.amount: Numbers = one_piece(self.sent["amount_idr"]).to_numpy(zero_copy_only=False)
        rows = files.filter(pc.invert(files["is_companion"])) if "is_companion" in files.column_names else files
        rows = rows.sort_by("file_name")
        self.names = pa.array(rows["file_name"].to_pylist(), pa.string())
        in_file = pc.index_in(one_piece(self.sent["file_name"]), self.names)
        assert in_file.null_count == 0, "every instruction sent is in a file of ours"
        self.file: Numbers = in_file.to_numpy(zero_copy_only=False).astype(np.int64)
        self._order = np.argsort(self.file, kind="stable")
        self._starts = np.searchsorted(self.file[self._order], np.arange(len(self.names) + 1))
        periods = self._periods()
        self.files = [_our_file(row, periods[i]) for i, row in enumerate(rows.to_pylist())]
        self.banks = pa.array([file.bank for file in self.files], pa.string())
        self._distinct_banks = pc.unique(self.banks)
        self._bank_of_file = self.bank_numbers(self.banks)
        self.was_sent: Flags = np.array([file.was_sent for file in self.files], dtype=bool)[self.file]
        has_column = IN_WRITING in self.sent.column_names
        self.settled_in_writing: Flags = (
            to_flags(self.sent[IN_WRITING]) if has_column else np.zeros(len(self), dtype=bool)
        )

    def __len__(self) -> int:
        return len(self.ids)

    def _periods(self) -> list[str | None]:
        if "period" not in self.sent.column_names:
            return [None] * len(self.names)
        firsts = [self._order[s] if s < e else -1 for s, e in zip(self._starts[:-1], self._starts[1:], strict=True)]
        return [self.sent["period"][int(first)].as_py() if first >= 0 else None for first in firsts]

    def members(self, file: int) -> Numbers:
        """The positions of a file's instructions, in order."""
        return self._order[self._starts[file] : self._starts[file + 1]]

    def bank_numbers(self, banks: pa.ChunkedArray | pa.Array) -> Numbers:
        """The banks of a table's rows, as `find` and `find_files` take them; -1 for one that we sent nothing to."""
        return _index(one_piece(banks), self._distinct_banks)

    def find(self, banks: Numbers, references: pa.ChunkedArray) -> Numbers:
        """The position of the instruction that each bank's reference names; -1 where it names none of that bank's."""
        found = positions(one_piece(references), self.ids)
        own = np.append(self._bank_of_file[self.file], -2)[found]
        return np.where(own == banks, found, -1)

    def find_files(self, banks: Numbers, references: pa.ChunkedArray, column: str) -> Numbers:
        """The position of the file whose `column` (message_id, payment_information_id) is the reference; else -1."""
        if references.null_count == len(references):
            return np.full(len(references), -1, dtype=np.int64)
        mine = pa.array([getattr(file, column) for file in self.files], pa.string())
        names = pc.unique(mine)
        # The last row and column stand for banks and references that are not ours.
        file_of = np.full((len(self._distinct_banks) + 1, len(names) + 1), -1, dtype=np.int64)
        numbers = np.arange(len(mine))[::-1]
        file_of[self._bank_of_file[numbers], _index(mine, names)[numbers]] = numbers
        found: Numbers = file_of[banks, _index(one_piece(references), names)]
        return found

    def periods_of(self, sources: Numbers, files: Numbers) -> dict[int, str]:
        """The period of each source (a report, a statement), by number: the earliest of those of the files it names."""
        named = files >= 0
        found: dict[int, str] = {}
        pairs = np.unique(sources[named] * len(self.files) + files[named])
        for source, file in (divmod(pair, len(self.files)) for pair in pairs.tolist()):
            period = self.files[file].period
            if period and period < found.get(source, "~"):
                found[source] = period
        return found

    def earliest_periods(self, files: Numbers) -> dict[str, str | None]:
        """The banks of some files, each with the earliest of its files' periods."""
        found: dict[str, str | None] = {}
        for file in sorted((self.files[index] for index in np.unique(files).tolist()), key=lambda f: f.period or ""):
            found.setdefault(file.bank, file.period)
        return found

    def sum_by_file(self, chosen: Flags) -> Numbers:
        """Whole rupiah of the chosen instructions, by file."""
        sums = np.zeros(len(self.files), dtype=np.int64)
        np.add.at(sums, self.file[chosen], self.amount[chosen])
        return sums


def to_flags(column: Any) -> Flags:
    """A Boolean column as numpy; null is false."""
    flags: Flags = _without_nulls(column, False).to_numpy(zero_copy_only=False)
    return flags


def to_numbers(column: Any, missing: int) -> Numbers:
    """A column of whole numbers as numpy; null is `missing`."""
    numbers: Numbers = _without_nulls(column, missing).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def _without_nulls(column: Any, instead: bool | int) -> pa.Array:
    """The column as one array; most have no null, and are taken as they are."""
    one = one_piece(column)
    return pc.fill_null(one, instead) if one.null_count else one


def to_codes(column: pa.ChunkedArray) -> Numbers:
    """Numbers for texts, in the texts' order."""
    distinct = pc.unique(column)
    return to_numbers(pc.index_in(one_piece(column), distinct.take(pc.sort_indices(distinct))), -1)


def to_groups(table: pa.Table, columns: tuple[str, ...]) -> tuple[Numbers, Numbers]:
    """A number for each distinct combination of the columns' texts, and a row of each.

    Rows of one combination mostly follow each other: they are held against their neighbours, and one of each run is hashed.
    """
    flat = [one_piece(table[column]) for column in columns]
    is_first = np.ones(table.num_rows, dtype=bool)
    if len(is_first) > 1:
        changes = [pc.fill_null(pc.not_equal(one.slice(1), one.slice(0, len(one) - 1)), True) for one in flat]
        is_first[1:] = np.logical_or.reduce([change.to_numpy(zero_copy_only=False) for change in changes])
    firsts = np.flatnonzero(is_first)
    numbers = np.zeros(len(firsts), dtype=np.int64)
    for one in flat:
        encoded = one.take(pa.array(firsts)).dictionary_encode(null_encoding="encode")
        _, numbers = np.unique(numbers * len(firsts) + encoded.indices.to_numpy(), return_inverse=True)
    _, chosen = np.unique(numbers, return_index=True)
    return np.repeat(numbers, np.diff(np.append(firsts, len(is_first)))), firsts[chosen]


def first_rows(numbers: Numbers, count: int) -> Numbers:
    """For each number below `count` the first place that it stands at, -1 where it stands nowhere."""
    places = np.full(count, -1, dtype=np.int64)
    backwards = np.arange(len(numbers))[::-1]
    places[numbers[backwards]] = backwards
    return places


def _by_id(sent: pa.Table) -> pa.Table:
    ids = one_piece(sent["end_to_end_id"])
    if len(ids) < 2 or pc.all(pc.less_equal(ids.slice(0, len(ids) - 1), ids.slice(1))).as_py():
        return sent
    return sent.sort_by("end_to_end_id")


def _our_file(row: dict[str, Any], period: str | None) -> OurFile:
    return OurFile(
        name=row["file_name"],
        bank=row["channel"],
        message_id=row["message_id"],
        payment_information_id=row["payment_information_id"],
        count=row["transaction_count"],
        control_sum_idr=row["control_sum_idr"],
        execution_date=row.get("execution_date"),
        state=row["state"],
        period=row.get("period") or period,
        **{column: row.get(column) for column in _DUE},
    )


def one_piece(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # which would copy the one chunk


def _index(wanted: pa.Array, among: pa.Array) -> Numbers:
    return to_numbers(pc.index_in(wanted, among), -1)
