"""What a bank answers to a payment file: the status report (pain.002), and its text in the versions banks send."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from xml.sax.saxutils import escape

from simulator.descriptions import BankDescription, Reason

_ROWS_PER_PIECE = 5_000


@dataclass(frozen=True, slots=True)
class TransferStatus:
    """The answer to one transfer. A rejected one has a reason; a taken one has the bank's own reference."""

    end_to_end_id: str
    instruction_id: str
    amount_idr: int
    status: str
    bank_reference: str = ""
    reason: Reason | None = None


@dataclass(slots=True)
class PaymentStatus:
    """The answer to one PmtInf block."""

    payment_information_id: str
    count: int
    sum_idr: int
    status: str
    transfers: list[TransferStatus] = field(default_factory=list)


@dataclass(slots=True)
class StatusReport:
    """One status report. Without `payments` it speaks of the file as a whole: an acknowledgement or a refusal."""

    message_id: str
    created_at: datetime
    original_message_id: str
    original_message_name: str
    group_status: str
    original_created_at: datetime | None = None
    count: int | None = None
    sum_idr: int | None = None
    reasons: tuple[Reason, ...] = ()
    payments: list[PaymentStatus] = field(default_factory=list)


def write_status_report(report: StatusReport, bank: BankDescription) -> bytes:
    """The report as a complete pain.002 of the bank's version, UTF-8."""
    return "".join(_pieces(report, bank)).encode("utf-8")


def _pieces(report: StatusReport, bank: BankDescription) -> Iterator[str]:
    bic_tag = "BIC" if bank.pain002 == "pain.002.001.03" else "BICFI"
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{bank.pain002}"><CstmrPmtStsRpt>\n'
        f"<GrpHdr><MsgId>{report.message_id}</MsgId><CreDtTm>{report.created_at.isoformat()}</CreDtTm>"
        f"<DbtrAgt>{bank.agent_element(bic_tag)}</DbtrAgt></GrpHdr>\n"
    )
    yield _group(report)
    for payment in report.payments:
        yield from _payment(payment)
    yield "</CstmrPmtStsRpt></Document>\n"


def _group(report: StatusReport) -> str:
    created = report.original_created_at
    return (
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{escape(report.original_message_id)}</OrgnlMsgId>"
        f"<OrgnlMsgNmId>{report.original_message_name}</OrgnlMsgNmId>"
        + (f"<OrgnlCreDtTm>{created.isoformat()}</OrgnlCreDtTm>" if created else "")
        + (f"<OrgnlNbOfTxs>{report.count}</OrgnlNbOfTxs>" if report.count is not None else "")
        + (f"<OrgnlCtrlSum>{report.sum_idr}</OrgnlCtrlSum>" if report.sum_idr is not None else "")
        + f"<GrpSts>{report.group_status}</GrpSts>"
        + "".join(_reason(reason) for reason in report.reasons)
        + _totals_per_status(report)
        + "</OrgnlGrpInfAndSts>\n"
    )


def _totals_per_status(report: StatusReport) -> str:
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for payment in report.payments:
        for transfer in payment.transfers:
            counts[transfer.status] += 1
            sums[transfer.status] += transfer.amount_idr
    return "".join(
        f"<NbOfTxsPerSts><DtldNbOfTxs>{counts[status]}</DtldNbOfTxs><DtldSts>{status}</DtldSts>"
        f"<DtldCtrlSum>{sums[status]}</DtldCtrlSum></NbOfTxsPerSts>"
        for status in sorted(counts)
    )


def _payment(payment: PaymentStatus) -> Iterator[str]:
    yield (
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{escape(payment.payment_information_id)}</OrgnlPmtInfId>"
        f"<OrgnlNbOfTxs>{payment.count}</OrgnlNbOfTxs><OrgnlCtrlSum>{payment.sum_idr}</OrgnlCtrlSum>"
        f"<PmtInfSts>{payment.status}</PmtInfSts>\n"
    )
    for start in range(0, len(payment.transfers), _ROWS_PER_PIECE):
        yield "".join(map(_transfer, payment.transfers[start : start + _ROWS_PER_PIECE]))
    yield "</OrgnlPmtInfAndSts>\n"


def _transfer(transfer: TransferStatus) -> str:
    instruction = f"<OrgnlInstrId>{escape(transfer.instruction_id)}</OrgnlInstrId>" if transfer.instruction_id else ""
    reference = f"<AcctSvcrRef>{transfer.bank_reference}</AcctSvcrRef>" if transfer.bank_reference else ""
    return (
        f"<TxInfAndSts>{instruction}<OrgnlEndToEndId>{transfer.end_to_end_id}</OrgnlEndToEndId>"
        f"<TxSts>{transfer.status}</TxSts>{_reason(transfer.reason) if transfer.reason else ''}{reference}"
        f'<OrgnlTxRef><Amt><InstdAmt Ccy="IDR">{transfer.amount_idr}</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts>\n'
    )


def _reason(reason: Reason) -> str:
    return f"<StsRsnInf><Rsn><Cd>{reason.code}</Cd></Rsn><AddtlInf>{escape(reason.text[:105])}</AddtlInf></StsRsnInf>"
