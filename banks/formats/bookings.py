"""Bookings as camt.053 and camt.054 both write them: entry by entry and detail by detail, to `entries.v1`.

An entry is one booking. Where it stands for several payments its details follow: each is a row with the entry's number,
its own number from 1, and what it says itself or else what its batch header or its entry says of it. An entry without
details is one row with detail number 0. A total is never copied onto the payments that it is the total of.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from banks.formats import UnreadableFile
from banks.formats.columns import Findings, array, dates, place_of, reasons, references, rows_where, rupiah, whole
from banks.formats.reader import Message, openings
from schemas.tables import conform

RECORDS = ("Ntry", "Btch", "TxDtls", "RtrInf")
"""The elements of bookings that are counted, so that none is passed over in silence."""
DIRECTIONS = {"DBIT": "debit", "CRDT": "credit"}

Positions = npt.NDArray[np.int64]


def split_entries(message: Message) -> tuple[pa.Table, pa.Table]:
    """The children of the message's documents: their own fields and balances, and their entries."""
    parts = message.tables["part"]
    is_entry = pc.or_(pc.is_valid(parts["amount"]), pc.is_valid(parts["side"]))
    entries = rows_where(parts, is_entry)
    message.expect("Ntry", entries.num_rows)
    return parts.filter(pc.invert(is_entry)), entries


def read_bookings(message: Message, entries: pa.Table, documents: pa.Table, findings: Findings) -> pa.Table:
    """entries.v1 of the entries, document by document. `documents`: the number of each in the message as `statement`, and
    its `statement_id`. Directions are seen from our account: the reversal of a debit is a credit with `is_reversal`.
    """
    return conform(_entries(_Lines(message, entries), documents, findings), "entries.v1")


def only(own: pa.Table, name: str) -> str | None:
    """The one value that a document's own fields have under a name; raises `UnreadableFile` where it has two."""
    values = own[name].drop_null()
    if len(values) > 1:
        raise UnreadableFile(f"A statement states its {name.replace('_', ' ')} twice.")
    return str(values[0]) if len(values) else None


class _Lines:
    """The rows to be: each with the position of its entry, of its detail and of its batch header, -1 where it has none.

    `detail_number` counts within an entry; `alone` marks the only row of its entry, whose amount is then the entry's.
    """

    def __init__(self, message: Message, entries: pa.Table) -> None:
        details = message.tables["detail"]
        is_header = pc.is_valid(details["batch_message_id"])
        for name in ("batch_payment_information_id", "batch_count", "batch_amount"):
            is_header = pc.or_(is_header, pc.is_valid(details[name]))
        header = array(is_header).to_numpy(zero_copy_only=False)
        message.expect("Btch", int(header.sum()))
        message.expect("TxDtls", int((~header).sum()))
        place, places = place_of(details, "statement", "part"), place_of(entries, "statement", "part")
        entry_of = np.searchsorted(places, place)
        if not np.array_equal(np.append(places, -1)[entry_of], place):
            raise UnreadableFile("An entry has details and no amount.")
        # A row numbered 0 is the first of its NtryDtls, which has one batch header or none for all of its details.
        first_of_block = array(details["row"]).to_numpy() == 0
        block_of = np.cumsum(first_of_block) - 1
        header_of = np.full(int(block_of[-1]) + 1 if len(block_of) else 0, -1, dtype=np.int64)
        header_of[block_of[header]] = np.flatnonzero(header)
        detail = np.flatnonzero(~header)
        is_bare = np.ones(entries.num_rows, dtype=bool)
        is_bare[entry_of[detail]] = False
        bare = np.flatnonzero(is_bare)
        entry = np.concatenate([entry_of[detail], bare])
        order = np.argsort(entry, kind="stable")
        self.message, self.entries, self.details = message, entries, details
        self.is_header, self.first_of_block = header, first_of_block
        self.entry = entry[order]
        self.detail = np.concatenate([detail, np.full(len(bare), -1)])[order]
        self.header = np.concatenate([header_of[block_of[detail]], _only_header(entry_of, header, bare)])[order]
        starts = np.flatnonzero(np.diff(self.entry, prepend=-1))
        self.detail_number = np.arange(len(entry)) - np.repeat(starts, np.diff(np.append(starts, len(entry)))) + 1
        self.detail_number[self.detail < 0] = 0
        self.alone = np.bincount(self.entry, minlength=entries.num_rows)[self.entry] == 1

    def of_entry(self, name: str) -> pa.Array:
        """The entry's column, on each of its rows."""
        return _taken(array(self.entries[name]), self.entry)

    def of_detail(self, name: str) -> pa.Array:
        """The detail's own column."""
        return _taken(array(self.details[name]), self.detail)

    def of_header(self, name: str) -> pa.Array:
        """The column of the batch header that the row stands under."""
        return _taken(array(self.details[name]), self.header)

    def returns(self) -> tuple[pa.Array, pa.Array]:
        """Why each came back: code and text of the return that its detail holds."""
        items = self.message.tables["return"]
        starts_one = array(items["item"]).to_numpy() == 0
        self.message.expect("RtrInf", int(starts_one.sum()))
        holders = pa.array(self._holders(items, starts_one), pa.int64())
        return reasons(items.append_column("key", holders), pa.array(self.detail), "return")

    def _holders(self, items: pa.Table, starts_one: npt.NDArray[np.bool_]) -> Positions:
        """The position of the detail that each part of a return lies in."""
        firsts = np.flatnonzero(self.first_of_block)
        blocks = place_of(self.details, "statement", "part")[firsts]
        if np.all(np.diff(blocks) > 0):
            block = np.searchsorted(blocks, place_of(items, "statement", "part"))
            return np.asarray(firsts[block] + array(items["row"]).to_numpy())
        # Rows of two NtryDtls of an entry bear the same numbers: a return lies in the last detail that opens before it.
        is_detail = np.array([name == b"TxDtls" for name in openings(self.message.data, ("TxDtls", "RtrInf"))], bool)
        holder = (np.cumsum(is_detail) - 1)[~is_detail]
        return np.asarray(np.flatnonzero(~self.is_header)[holder[np.cumsum(starts_one) - 1]])


def _only_header(entry_of: Positions, header: npt.NDArray[np.bool_], bare: Positions) -> Positions:
    """For entries without details: their batch header, -1 where there is none or more than one."""
    found = np.flatnonzero(header)
    entries, first, count = np.unique(entry_of[found], return_index=True, return_counts=True)
    only = dict(zip(entries[count == 1].tolist(), found[first[count == 1]].tolist(), strict=True))
    return np.array([only.get(entry, -1) for entry in bare.tolist()], dtype=np.int64)


def _taken(column: pa.Array, positions: Positions) -> pa.Array:
    """The column's values at the positions, null for -1. All in their order, or none at all, is the common case."""
    if column.null_count == len(column) or np.all(positions < 0):
        return pa.nulls(len(positions), column.type)
    if np.array_equal(positions, np.arange(len(column))):
        return column
    return column.take(pa.array(positions, mask=positions < 0))


def _entries(lines: _Lines, statements: pa.Table, findings: Findings) -> pa.Table:
    statement = pc.index_in(lines.of_entry("statement"), value_set=array(statements["statement"]).cast(pa.uint32()))
    side = pc.coalesce(lines.of_detail("side"), lines.of_entry("side"))
    known = pc.index_in(side, value_set=pa.array(list(DIRECTIONS)))
    if known.null_count:
        raise UnreadableFile("An entry says neither debit nor credit.")
    count = whole(lines.of_header("batch_count"), findings, "a batch's count")
    amount, currency = _amount(lines, count)
    code, text = lines.returns()
    reversal = pc.is_in(lines.of_entry("reversal"), value_set=pa.array(["true", "1"]))
    return pa.table(
        {
            "statement_id": array(statements["statement_id"]).take(statement),
            "entry_number": _numbers(lines, statement),
            "detail_number": lines.detail_number,
            "booking_date": _day(lines, "booking_date", "booked_at", findings),
            "value_date": _day(lines, "value_date", "value_at", findings),
            "direction": pa.array(list(DIRECTIONS.values())).take(known),
            "amount_idr": rupiah(amount, currency, findings, "an amount"),
            "entry_amount_idr": _entry_amount(lines, findings),
            "currency": currency,
            "status": pc.coalesce(
                lines.of_entry("status_code"), lines.of_entry("own_status"), lines.of_entry("status")
            ),
            "is_reversal": reversal,
            "end_to_end_id": references(lines.of_detail("end_to_end_id")),
            "message_id": references(pc.coalesce(lines.of_detail("message_id"), lines.of_header("batch_message_id"))),
            "payment_information_id": references(
                pc.coalesce(lines.of_detail("payment_information_id"), lines.of_header("batch_payment_information_id"))
            ),
            "bank_reference": pc.coalesce(lines.of_detail("bank_reference"), lines.of_entry("bank_reference")),
            "return_code": code,
            "transaction_count": count,
            "reason_text": pc.coalesce(text, lines.of_detail("text"), lines.of_entry("text")),
        }
    )


def _numbers(lines: _Lines, statement: pa.Array) -> Positions:
    """Each row's entry counted from 1 within its statement."""
    changes = np.flatnonzero(np.diff(statement.to_numpy().astype(np.int64), prepend=-1))
    rows = np.diff(np.append(changes, len(statement)))
    return np.asarray(lines.entry - np.repeat(lines.entry[changes], rows) + 1)


def _day(lines: _Lines, date_name: str, instant_name: str, findings: Findings) -> pa.Array:
    texts = pc.coalesce(lines.of_entry(date_name), lines.of_entry(instant_name))
    return dates(texts, findings, f"a {date_name.replace('_', ' ')}")


def _amount(lines: _Lines, count: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Amount and currency as texts: the detail's own, as booked before as instructed.

    Without any, the entry's where the row is alone in it and the batch header does not speak of several payments.
    """
    several = pc.and_(pa.array(lines.detail >= 0), pc.invert(pc.is_in(count, value_set=pa.array([0, 1, None]))))
    alone = pc.and_not(pa.array(lines.alone), several)
    choices = [
        (lines.of_detail(f"{which}amount"), lines.of_detail(f"{which}currency"))
        for which in ("", "transaction_", "instructed_")
    ]
    nothing = pa.scalar(None, pa.string())
    choices.append(tuple(pc.if_else(alone, lines.of_entry(name), nothing) for name in ("amount", "currency")))
    amount, currency = choices[0]
    for next_amount, next_currency in choices[1:]:
        currency = pc.if_else(pc.is_valid(amount), currency, next_currency)
        amount = pc.coalesce(amount, next_amount)
    return amount, currency


def _entry_amount(lines: _Lines, findings: Findings) -> pa.Array:
    """The entry's amount; a batch header that states another total is a finding."""
    silent = Findings()
    amount = rupiah(lines.of_entry("amount"), lines.of_entry("currency"), silent, "an entry's amount")
    total = rupiah(lines.of_header("batch_amount"), None, silent, "a batch's total")
    differs = pc.fill_null(pc.not_equal(amount, total), False).to_numpy(zero_copy_only=False)
    findings.add(len(np.unique(lines.entry[differs])), "a batch's total is not its entry's amount")
    return amount
