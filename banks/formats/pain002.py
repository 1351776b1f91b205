"""pain.002: a bank's status report to rows of `responses.v1`, one for the message, each payment block and each transfer.

Every level that the report states is a row with what it says itself: which of them counts for a payment that several
speak of is decided where they are compared, not where they are read.
"""

from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from banks.formats import UnreadableFile
from banks.formats.columns import Findings, array, moment, place_of, reasons, references, rows_where, rupiah, whole
from banks.formats.reader import Layout, Message, parse
from schemas.tables import conform

RECORDS = ("OrgnlGrpInfAndSts", "OrgnlPmtInfAndSts", "TxInfAndSts")
LAYOUT = Layout("pain.002", 3, 14, "CstmrPmtStsRpt", "pain002.yaml", RECORDS)
TRANSFER_FIELDS = ("part", "row", "key", "end_to_end_id", "status", "amount", "currency")
BATCH_FIELDS = ("payment_information_id", "batch_status", "transaction_count", "control_sum")
NO_CURRENCY = "XXX"
"""ISO 4217 for no currency: stands where an amount names none, so that it is seen that an amount was stated."""


class StatusReport(NamedTuple):
    """What a status report says (`responses.v1`, document order), what in it could not be taken as it stands, and when the
    bank says that it wrote it (None: it does not say)."""

    responses: pa.Table
    findings: tuple[str, ...]
    created_at: datetime | None


def read(data: bytes) -> StatusReport:
    """The status report in `data`, pain.002.001.03 to .14; raises `UnreadableFile` with the reason.

    `level` is file, batch or transaction; `message_id` is the id of our message that the report is about, and `report_id`
    the report's own, on every row.
    Amounts are whole rupiah; one in another currency or with a fraction is null, and a finding.
    """
    message = parse(data, LAYOUT)
    findings = Findings()
    message.expect("OrgnlGrpInfAndSts", 1)
    file_row = _file_row(message, findings)
    message_id = file_row["message_id"][0]
    batches, transfers = _split(message)
    parts = [file_row]
    if batches.num_rows:
        parts += [_batch_rows(message, batches, findings), _transaction_rows(message, batches, transfers, findings)]
    rows = _in_order(pa.concat_tables(parts, promote_options="default"))
    rows = rows.drop_columns(["part", "row", "message_id"]).append_column(
        "message_id", pa.repeat(message_id, rows.num_rows)
    )
    report_id = array(message.tables["message"]["report_id"].drop_null()).to_pylist()
    rows = rows.append_column(
        "report_id", pa.repeat(pa.scalar(next(iter(report_id), None), pa.string()), rows.num_rows)
    )
    created_at = moment(array(message.tables["message"]["created_at"]), findings, "a message's creation time")
    return StatusReport(conform(rows, "responses.v1"), tuple(findings.sentences), created_at)


def _in_order(rows: pa.Table) -> pa.Table:
    """The rows as they stand in the document: a block before its transfers. Under one block they already do."""
    place = place_of(rows, "part", "row")
    return rows if np.all(np.diff(place) > 0) else rows.combine_chunks().take(pa.array(np.argsort(place)))


def _file_row(message: Message, findings: Findings) -> pa.Table:
    table = message.tables["message"]
    fields = ("message_id", "status", "transaction_count", "control_sum")
    # The row of the message itself is the one that says something; the others are the payment blocks.
    said = {name: array(table[name].drop_null()) for name in fields}
    first = {name: column.slice(0, 1) if len(column) else pa.nulls(1, pa.string()) for name, column in said.items()}
    items = message.tables["message_reason"]
    zeros = pa.array(np.zeros(items.num_rows, dtype=np.int64))
    code, text = reasons(items.append_column("key", zeros), pa.array([0]), "status")
    return pa.table(
        {
            "part": pa.array([-1], pa.int64()),
            "row": pa.array([-1], pa.int64()),
            "level": pa.array(["file"]),
            "message_id": first["message_id"],
            "status": first["status"],
            "reason_code": code,
            "reason_text": text,
            "transaction_count": whole(first["transaction_count"], findings, "a message's count"),
            "control_sum_idr": rupiah(first["control_sum"], None, findings, "a message's control sum"),
        }
    )


def _split(message: Message) -> tuple[pa.Table, pa.Table]:
    """The payment blocks, one row each, and the rows of transfers: children that neither are a block's own field nor
    hold its reasons."""
    children = message.tables["batch"]
    children = children.append_column("key", pa.array(place_of(children, "part", "row")))
    own = pc.is_in(children["key"], value_set=pa.array(place_of(message.tables["batch_reason"], "part", "row")))
    for name in BATCH_FIELDS:
        own = pc.or_(own, pc.is_valid(children[name]))
    transfers = rows_where(children.select(TRANSFER_FIELDS), pc.invert(own))
    batches = _blocks(children)
    message.expect("OrgnlPmtInfAndSts", batches.num_rows)
    message.expect("TxInfAndSts", transfers.num_rows)
    return batches, transfers


def _blocks(children: pa.Table) -> pa.Table:
    """One row a payment block, with what its children say of it: each of its fields once, on a child of its own."""
    part = array(children["part"]).to_numpy()
    is_first = np.diff(part.astype(np.int64), prepend=-1) != 0
    block = np.cumsum(is_first) - 1
    columns = {"part": pa.array(part[is_first])}
    for name in BATCH_FIELDS:
        column = array(children[name])
        rows = np.flatnonzero(pc.is_valid(column).to_numpy(zero_copy_only=False))
        place = np.full(len(columns["part"]), -1, dtype=np.int64)
        place[block[rows]] = rows
        if np.count_nonzero(place >= 0) != len(rows):
            raise UnreadableFile("A payment block states its id, status, count or sum twice.")
        columns[name] = column.take(pa.array(place, mask=place < 0))
    return pa.table(columns)


def _batch_rows(message: Message, batches: pa.Table, findings: Findings) -> pa.Table:
    part = pc.cast(array(batches["part"]), pa.int64())
    items = message.tables["batch_reason"]
    key = pc.cast(array(items["part"]), pa.int64())
    code, text = reasons(items.append_column("key", key), part, "status")
    return pa.table(
        {
            "part": part,
            "row": pa.repeat(pa.scalar(-1, pa.int64()), len(part)),
            "level": pa.repeat("batch", len(part)),
            "payment_information_id": array(batches["payment_information_id"]),
            "status": array(batches["batch_status"]),
            "reason_code": code,
            "reason_text": text,
            "transaction_count": whole(array(batches["transaction_count"]), findings, "a payment block's count"),
            "control_sum_idr": rupiah(array(batches["control_sum"]), None, findings, "a payment block's control sum"),
        }
    )


def _transaction_rows(message: Message, batches: pa.Table, transfers: pa.Table, findings: Findings) -> pa.Table:
    items = message.tables["reason"]
    items = items.append_column("key", pa.array(place_of(items, "part", "row")))
    code, text = reasons(items, array(transfers["key"]), "status")
    block = pa.array(np.searchsorted(array(batches["part"]).to_numpy(), array(transfers["part"]).to_numpy()))
    amount, currency = array(transfers["amount"]), array(transfers["currency"])
    return pa.table(
        {
            "part": pc.cast(array(transfers["part"]), pa.int64()),
            "row": pc.cast(array(transfers["row"]), pa.int64()),
            "level": pa.repeat("transaction", transfers.num_rows),
            "payment_information_id": array(batches["payment_information_id"]).take(block),
            "end_to_end_id": references(array(transfers["end_to_end_id"])),
            "status": array(transfers["status"]),
            "reason_code": code,
            "reason_text": text,
            "amount_idr": rupiah(amount, currency, findings, "an amount"),
            "currency": pc.coalesce(
                currency, pc.if_else(pc.is_valid(amount), NO_CURRENCY, pa.scalar(None, pa.string()))
            ),
        }
    )
