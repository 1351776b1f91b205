"""Our side of a reconciliation, ready to be asked: which instruction, which file does a bank's reference name."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_SEPARATOR = "\x1f"
_DUE = ("answer_due_at", "statement_due_on", "reversal_due_on")

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
        self.sent = sent.sort_by("end_to_end_id").combine_chunks()
        self.ids = _flat(self.sent["end_to_end_id"])
        self.amount: Numbers = _flat(self.sent["amount_idr"]).to_numpy(zero_copy_only=False)
        rows = files.filter(pc.invert(files["is_companion"])) if "is_companion" in files.column_names else files
        rows = rows.sort_by("file_name")
        self.names = pa.array(rows["file_name"].to_pylist(), pa.string())
        in_file = pc.index_in(_flat(self.sent["file_name"]), self.names)
        assert in_file.null_count == 0, "every instruction sent is in a file of ours"
        self.file: Numbers = in_file.to_numpy(zero_copy_only=False).astype(np.int64)
        self._order = np.argsort(self.file, kind="stable")
        self._starts = np.searchsorted(self.file[self._order], np.arange(len(self.names) + 1))
        periods = self._periods()
        self.files = [_our_file(row, periods[i]) for i, row in enumerate(rows.to_pylist())]
        self.banks = pa.array([file.bank for file in self.files], pa.string())
        self.was_sent: Flags = np.array([file.was_sent for file in self.files], dtype=bool)[self.file]

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

    def find(self, banks: pa.ChunkedArray, references: pa.ChunkedArray) -> Numbers:
        """The position of the instruction that each bank's reference names; -1 where it names none of that bank's."""
        wanted = _flat(references)
        if len(wanted) < len(self.ids) // 4:  # a table of the fewer, asked by the many
            distinct = pc.unique(wanted.drop_null())
            asked = to_numbers(pc.index_in(self.ids, distinct), -1)
            at = np.full(len(distinct) + 1, -1, dtype=np.int64)
            at[asked[asked >= 0]] = np.flatnonzero(asked >= 0)
            found = at[to_numbers(pc.index_in(wanted, distinct), -1)]
        else:
            found = _index(wanted, self.ids)
        bank = to_numbers(pc.index_in(_flat(banks), pc.unique(self.banks)), -1)
        of_file = to_numbers(pc.index_in(self.banks, pc.unique(self.banks)), -1)
        own = np.append(of_file[self.file], -2)[found]
        return np.where(own == bank, found, -1)

    def find_files(self, banks: pa.ChunkedArray, references: pa.ChunkedArray, column: str) -> Numbers:
        """The position of the file whose `column` (message_id, payment_information_id) is the reference; else -1."""
        mine = pa.array([getattr(file, column) for file in self.files], pa.string())
        return _index(_joined(banks, references), _joined(self.banks, mine))

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
    flags: Flags = _flat(pc.fill_null(column, False)).to_numpy(zero_copy_only=False)
    return flags


def to_numbers(column: Any, missing: int) -> Numbers:
    """A column of whole numbers as numpy; null is `missing`."""
    numbers: Numbers = _flat(pc.fill_null(column, missing)).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def to_codes(column: pa.ChunkedArray) -> Numbers:
    """Numbers for texts, in the texts' order."""
    distinct = pc.unique(column)
    return to_numbers(pc.index_in(_flat(column), distinct.take(pc.sort_indices(distinct))), -1)


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


def _flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _joined(banks: Any, references: Any) -> pa.Array:
    return _flat(pc.binary_join_element_wise(banks, references, _SEPARATOR))


def _index(wanted: pa.Array, among: pa.Array) -> Numbers:
    return to_numbers(pc.index_in(wanted, among), -1)
