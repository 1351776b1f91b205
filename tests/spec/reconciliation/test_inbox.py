"""What a bank leaves is kept before it is read, read once, and never lost."""

import hashlib
import logging

import pytest

from banks.formats.reader import sniff
from reconciliation.inbox import QUARANTINED, REPEATED, TAKEN, Received, take
from schemas.errors import TryLater

REPORT = b"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>
<GrpHdr><MsgId>R1</MsgId><CreDtTm>2020-05-04T10:00:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.03</OrgnlMsgNmId><GrpSts>ACTC</GrpSts></OrgnlGrpInfAndSts>
</CstmrPmtStsRpt></Document>"""
STATEMENT = b"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>
<GrpHdr><MsgId>S1</MsgId><CreDtTm>2020-05-04T17:00:00</CreDtTm></GrpHdr>
<Stmt><Id>S1</Id><ElctrncSeqNb>1</ElctrncSeqNb><CreDtTm>2020-05-04T17:00:00</CreDtTm>
<Acct><Id><Othr><Id>9900000009</Id></Othr></Id><Ccy>IDR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="IDR">5</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2020-05-04</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="IDR">5</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2020-05-04</Dt></Dt></Bal>
</Stmt></BkToCstmrStmt></Document>"""


class Shelf:
    """An archive in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        key = hashlib.sha256(data).hexdigest()
        self.kept[key] = data
        return key


def take_all(files: list[tuple[str, bytes]], bank: str, shelf: Shelf) -> list[Received]:
    """Files of one bank taken in their order, none of which had been received before."""
    known: set[str] = set()
    received = []
    for name, data in files:
        received.append(take(data, bank, name, shelf, known))
        known.add(received[-1].sha256)
    return received


class FullShelf:
    def put(self, data: bytes) -> str:
        raise TryLater("The archive cannot be written.")


def test_a_status_report_and_a_statement_are_told_apart_by_content_alone() -> None:
    shelf = Shelf()
    report, statement = take_all([("a.txt", REPORT), ("b", STATEMENT)], "bni", shelf)
    assert (report.state, report.kind, report.responses["status"].to_pylist()) == (TAKEN, "status_report", ["ACTC"])
    assert (statement.state, statement.kind, statement.statements["closing_idr"].to_pylist()) == (
        TAKEN,
        "statement",
        [5],
    )
    assert set(shelf.kept.values()) == {REPORT, STATEMENT}


@pytest.mark.parametrize(
    "data", [b"", b"hello", REPORT[:-40], b"%PDF-1.7", b"<a/>", STATEMENT.replace(b"</Stmt>", b""), b"\x00" * 100]
)
def test_what_cannot_be_read_is_kept_and_quarantined_with_a_reason_and_the_next_is_taken(data: bytes) -> None:
    shelf = Shelf()
    bad, good = take_all([("x", data), ("y", REPORT)], "bni", shelf)
    assert (bad.state, good.state) == (QUARANTINED, TAKEN)
    assert bad.reason
    assert (bad.responses.num_rows, bad.entries.num_rows) == (0, 0)
    assert shelf.kept[bad.sha256] == data


def test_the_same_bytes_again_are_read_no_more_under_whatever_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    first, again = take_all([("a", REPORT), ("b", REPORT)], "bni", Shelf())
    assert (first.state, again.state, again.row_count) == (TAKEN, REPEATED, 0)
    assert take(REPORT, "bni", "c", Shelf(), {first.sha256}).state == REPEATED
    assert "received before" in caplog.text


def test_bytes_that_cannot_be_kept_are_not_read() -> None:
    with pytest.raises(TryLater):
        take(REPORT, "bni", "a", FullShelf(), set())


def test_a_report_in_another_encoding_is_still_told() -> None:
    assert sniff(REPORT.decode().encode("utf-16")) == "status_report"
