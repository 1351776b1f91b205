"""What the benchmarks read and write: invented orders, a status report and statements, the same for all contenders.

Everything follows from the row number, so that each contender's answer can be checked without a second copy. Standard
library only: the peers' environment has nothing of ours.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

TRANCHE_IDR, SURVEY_IDR = 600_000, 50_000
REJECTED_EVERY = 25
"""Every 25th transfer is refused, for a reason that turns with the number."""
SURVEY_EVERY = 10
REASONS = ("AC01", "AC04", "AM05", "BE01")
MESSAGE_ID, PAYMENT_ID = "SYN-MSG-0001", "SYN-PMT-0001"
NAMES = ("BUDI CONTOH", "SITI CONTOH RAHAYU", "D'CONTOH DUA", "MADE CONTOH, DRS.", "AGUS CONTOH SETIAWAN")
CREATED_AT = datetime(2020, 8, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=7)))
STATUS_REPORT, STATUS_REPORT_BLOCKS, STATEMENT = "status.xml", "status-blocks.xml", "statement.xml"
"""What the files are called in the folder that all contenders read from."""
_ROWS_PER_PIECE = 5_000


class Order(NamedTuple):
    """One transfer: what `orders.v1` holds."""

    end_to_end_id: str
    amount_idr: int
    creditor_account: str
    creditor_name: str


class Answer(NamedTuple):
    """What the status report says of a transfer."""

    end_to_end_id: str
    status: str
    reason: str | None
    amount_idr: int


class Booking(NamedTuple):
    """What the statement says of a transfer: its debit, or for one that was refused the reversal."""

    end_to_end_id: str
    amount_idr: int
    direction: str
    is_reversal: bool
    return_code: str | None
    bank_reference: str


class Server(NamedTuple):
    """An OpenSSH server on this machine that takes files: how to reach it, and the folder that they come to lie in."""

    host: str
    port: int
    user: str
    private_key: str
    host_key: str
    root: str

    @classmethod
    def read(cls, folder: Path) -> "Server":
        """The server that is up for the benchmark."""
        return cls(**json.loads((folder / "server.json").read_text()))

    def write(self, folder: Path) -> None:
        """Let contenders know of it."""
        (folder / "server.json").write_text(json.dumps(self._asdict()))

    def check(self, name: str, data: bytes) -> None:
        """The file has come as it was sent; it goes, so that the disk does not fill."""
        sent = Path(self.root, name)
        assert sent.read_bytes() == data, "what lies there is not what was sent"
        sent.unlink()


def end_to_end_id(number: int) -> str:
    """Fifteen characters, as ours have, visibly invented."""
    return f"SYN{number:011d}X"


def amount_idr(number: int) -> int:
    """The tranche, and every tenth a survey."""
    return SURVEY_IDR if number % SURVEY_EVERY == 0 else TRANCHE_IDR


def order(number: int) -> Order:
    """The n-th transfer, from 0."""
    return Order(end_to_end_id(number), amount_idr(number), f"{9_000_000_000 + number}", NAMES[number % len(NAMES)])


def answer(number: int) -> Answer:
    """What the bank says of it."""
    refused = number % REJECTED_EVERY == 0
    reason = REASONS[number // REJECTED_EVERY % len(REASONS)] if refused else None
    return Answer(end_to_end_id(number), "RJCT" if refused else "ACSC", reason, amount_idr(number))


def booking(number: int) -> Booking:
    """What the statement shows of it."""
    said = answer(number)
    is_back = said.reason is not None
    side = "credit" if is_back else "debit"
    return Booking(said.end_to_end_id, said.amount_idr, side, is_back, said.reason, f"SYN-REF-{number}")


def control_sum_idr(count: int) -> int:
    """The sum of the first `count` transfers."""
    surveys = len(range(0, count, SURVEY_EVERY))
    return surveys * SURVEY_IDR + (count - surveys) * TRANCHE_IDR


def make(size: int, folder: Path) -> None:
    """Write the bank's messages about so many transfers to `folder`."""
    for name, pieces in (
        (STATUS_REPORT, status_report(size)),
        (STATUS_REPORT_BLOCKS, status_report(size, 1)),
        (STATEMENT, statement(size)),
    ):
        with (folder / name).open("wb") as file:
            file.writelines(pieces)


def status_report(count: int, transfers_per_block: int | None = None) -> Iterator[bytes]:
    """A pain.002.001.03 about all transfers, one payment block over all of them or one for so many each."""
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>\n'
        "<GrpHdr><MsgId>SYN-BANK-0001</MsgId><CreDtTm>2020-09-01T10:15:00+07:00</CreDtTm></GrpHdr>\n"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{MESSAGE_ID}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
        f"<OrgnlNbOfTxs>{count}</OrgnlNbOfTxs><OrgnlCtrlSum>{control_sum_idr(count)}</OrgnlCtrlSum>"
        "<GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>\n"
    ).encode()
    size = transfers_per_block or count
    for block, start in enumerate(range(0, count, size)):
        yield f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{PAYMENT_ID}-{block}</OrgnlPmtInfId>\n".encode()
        end = min(start + size, count)
        for piece in range(start, end, _ROWS_PER_PIECE):
            yield "".join(map(_transfer_status, range(piece, min(piece + _ROWS_PER_PIECE, end)))).encode()
        yield b"</OrgnlPmtInfAndSts>\n"
    yield b"</CstmrPmtStsRpt></Document>\n"


def _transfer_status(number: int) -> str:
    said = answer(number)
    reason = ""
    if said.reason:
        reason = f"<StsRsnInf><Rsn><Cd>{said.reason}</Cd></Rsn><AddtlInf>rekening contoh</AddtlInf></StsRsnInf>"
    return (
        f"<TxInfAndSts><StsId>S{number:010d}</StsId><OrgnlInstrId>{number:012d}</OrgnlInstrId>"
        f"<OrgnlEndToEndId>{said.end_to_end_id}</OrgnlEndToEndId><TxSts>{said.status}</TxSts>{reason}"
        f"<AcctSvcrRef>SYN-REF-{number}</AcctSvcrRef><OrgnlTxRef><Amt>"
        f'<InstdAmt Ccy="IDR">{said.amount_idr}.00</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts>\n'
    )


def statement(count: int) -> Iterator[bytes]:
    """A camt.053.001.02 with one statement of `count` entries: a debit a payment, every 25th one its reversal."""
    debits = sum(amount_idr(number) for number in range(count) if number % REJECTED_EVERY)
    closing = 10**12 + control_sum_idr(count) - 2 * debits
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>\n'
        "<GrpHdr><MsgId>SYN-STMT-MSG-1</MsgId><CreDtTm>2020-09-02T01:00:00+07:00</CreDtTm></GrpHdr>\n"
        "<Stmt><Id>SYN-STMT-1</Id><ElctrncSeqNb>8</ElctrncSeqNb><CreDtTm>2020-09-02T01:00:00+07:00</CreDtTm>"
        "<FrToDt><FrDtTm>2020-09-01T00:00:00+07:00</FrDtTm><ToDtTm>2020-09-01T23:59:59+07:00</ToDtTm></FrToDt>"
        "<Acct><Id><Othr><Id>0000000901</Id></Othr></Id><Ccy>IDR</Ccy></Acct>"
        f"{_balance('OPBD', 10**12)}{_balance('CLBD', closing)}\n"
    ).encode()
    for piece in range(0, count, _ROWS_PER_PIECE):
        yield "".join(map(_entry, range(piece, min(piece + _ROWS_PER_PIECE, count)))).encode()
    yield b"</Stmt></BkToCstmrStmt></Document>\n"


def _balance(code: str, amount: int) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="IDR">{amount}</Amt>'
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2020-09-01</Dt></Dt></Bal>"
    )


def _entry(number: int) -> str:
    shown = booking(number)
    side, reversal = ("CRDT", "<RvslInd>true</RvslInd>") if shown.is_reversal else ("DBIT", "")
    returned = f"<RtrInf><Rsn><Cd>{shown.return_code}</Cd></Rsn></RtrInf>" if shown.return_code else ""
    return (
        f'<Ntry><Amt Ccy="IDR">{shown.amount_idr}.00</Amt><CdtDbtInd>{side}</CdtDbtInd>{reversal}<Sts>BOOK</Sts>'
        "<BookgDt><Dt>2020-09-01</Dt></BookgDt><ValDt><Dt>2020-09-01</Dt></ValDt>"
        f"<AcctSvcrRef>{shown.bank_reference}</AcctSvcrRef><BkTxCd><Prtry><Cd>{'RETR' if shown.is_reversal else 'TRSF'}</Cd></Prtry></BkTxCd>"
        f"<NtryDtls><TxDtls><Refs><MsgId>{MESSAGE_ID}</MsgId><PmtInfId>{PAYMENT_ID}</PmtInfId>"
        f"<EndToEndId>{shown.end_to_end_id}</EndToEndId></Refs>"
        f"<RltdPties><Cdtr><Nm>CONTOH {number % 977}</Nm></Cdtr><CdtrAcct><Id><Othr><Id>{9_000_000_000 + number}</Id>"
        "</Othr></Id></CdtrAcct></RltdPties><RmtInf><Ustrd>Insentif contoh</Ustrd></RmtInf>"
        f"{returned}</TxDtls></NtryDtls></Ntry>\n"
    )
