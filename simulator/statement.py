"""The account statement (camt.053) of a simulated bank: its entries, its balances, and its text in two versions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from xml.sax.saxutils import escape

from simulator.descriptions import JAKARTA, BankDescription


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking on the debtor's account, whole rupiah.

    A consolidated debit has `batch_count`; a booking that undoes or sends back one transfer has its end-to-end id and
    a return reason; `sub_family` is the ISO bank transaction sub-family below PMNT/ICDT.
    """

    bank_reference: str
    amount_idr: int
    is_credit: bool
    booking_date: date
    sub_family: str
    text: str
    is_reversal: bool = False
    message_id: str = ""
    payment_information_id: str = ""
    batch_count: int | None = None
    end_to_end_id: str = ""
    instruction_id: str = ""
    reason_code: str = ""

    @property
    def signed_idr(self) -> int:
        return self.amount_idr if self.is_credit else -self.amount_idr


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: opening balance + entries = closing balance, under a sequence number without gaps."""

    sequence: int
    booking_date: date
    opening_idr: int
    entries: tuple[Entry, ...]

    @property
    def closing_idr(self) -> int:
        return self.opening_idr + sum(entry.signed_idr for entry in self.entries)


def write_statement(statement: Statement, bank: BankDescription, created_at: datetime | None = None) -> bytes:
    """The statement as a complete camt.053 of the bank's version, UTF-8; created at 17:00 of its booking day.

    A corrected one is the same statement created later.
    """
    closed = datetime.combine(statement.booking_date, time(17), JAKARTA).isoformat()
    created = closed if created_at is None else created_at.isoformat()
    opened = datetime.combine(statement.booking_date, time(0), JAKARTA).isoformat()
    identifier = f"{bank.code.upper()}-STMT-{statement.sequence:06}"
    bic_tag = "BIC" if bank.camt053 == "camt.053.001.02" else "BICFI"
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{bank.camt053}"><BkToCstmrStmt>\n'
        f"<GrpHdr><MsgId>{identifier}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\n"
        f"<Stmt><Id>{identifier}</Id><ElctrncSeqNb>{statement.sequence}</ElctrncSeqNb><CreDtTm>{created}</CreDtTm>"
        f"<FrToDt><FrDtTm>{opened}</FrDtTm><ToDtTm>{closed}</ToDtTm></FrToDt>\n"
        f"<Acct><Id><Othr><Id>{bank.debtor_account}</Id></Othr></Id><Ccy>IDR</Ccy>"
        f"<Svcr>{bank.agent_element(bic_tag)}</Svcr></Acct>\n"
    )
    balances = _balance("OPBD", statement.opening_idr, statement) + _balance("CLBD", statement.closing_idr, statement)
    text = head + balances + summary(statement.entries) + entries_of(statement.entries, bank)
    text += "</Stmt></BkToCstmrStmt></Document>\n"
    return text.encode("utf-8")


def _balance(kind: str, amount_idr: int, statement: Statement) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy="IDR">{abs(amount_idr)}</Amt>'
        f"<CdtDbtInd>{_indicator(amount_idr >= 0)}</CdtDbtInd><Dt><Dt>{statement.booking_date}</Dt></Dt></Bal>\n"
    )


def summary(entries: Iterable[Entry]) -> str:
    """How many entries there are and what they sum to, of both sides and of each."""
    credited = [entry.amount_idr for entry in entries if entry.is_credit]
    debited = [entry.amount_idr for entry in entries if not entry.is_credit]
    totals = (("TtlNtries", credited + debited), ("TtlCdtNtries", credited), ("TtlDbtNtries", debited))
    elements = "".join(
        f"<{tag}><NbOfNtries>{len(amounts)}</NbOfNtries><Sum>{sum(amounts)}</Sum></{tag}>" for tag, amounts in totals
    )
    return f"<TxsSummry>{elements}</TxsSummry>\n"


def entries_of(entries: Iterable[Entry], bank: BankDescription) -> str:
    """The entries, numbered from 1; in statements and notifications they are written alike."""
    return "".join(_entry(number, entry, bank) for number, entry in enumerate(entries, start=1))


def _entry(number: int, entry: Entry, bank: BankDescription) -> str:
    status = "BOOK" if bank.camt053 == "camt.053.001.02" else "<Cd>BOOK</Cd>"
    day = entry.booking_date
    return (
        f'<Ntry><NtryRef>{number}</NtryRef><Amt Ccy="IDR">{entry.amount_idr}</Amt>'
        f"<CdtDbtInd>{_indicator(entry.is_credit)}</CdtDbtInd>"
        + ("<RvslInd>true</RvslInd>" if entry.is_reversal else "")
        + f"<Sts>{status}</Sts><BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>"
        f"<AcctSvcrRef>{entry.bank_reference}</AcctSvcrRef>"
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd>"
        f"<SubFmlyCd>{entry.sub_family}</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"{_details(entry, bank)}<AddtlNtryInf>{escape(entry.text)}</AddtlNtryInf></Ntry>\n"
    )


def _details(entry: Entry, bank: BankDescription) -> str:
    message = f"<MsgId>{escape(entry.message_id)}</MsgId>"
    payment = f"<PmtInfId>{escape(entry.payment_information_id)}</PmtInfId>"
    if entry.batch_count is not None:
        return (
            f"<NtryDtls><Btch>{message}{payment}<NbOfTxs>{entry.batch_count}</NbOfTxs>"
            f'<TtlAmt Ccy="IDR">{entry.amount_idr}</TtlAmt><CdtDbtInd>{_indicator(entry.is_credit)}</CdtDbtInd>'
            "</Btch></NtryDtls>"
        )
    if not entry.end_to_end_id:
        return ""
    instruction = f"<InstrId>{escape(entry.instruction_id)}</InstrId>" if entry.instruction_id else ""
    amount = f'<Amt Ccy="IDR">{entry.amount_idr}</Amt>'
    if bank.camt053 == "camt.053.001.02":
        amount_details = f"<AmtDtls><TxAmt>{amount}</TxAmt></AmtDtls>"
    else:
        amount_details = f"{amount}<CdtDbtInd>{_indicator(entry.is_credit)}</CdtDbtInd>"
    why = f"<Rsn><Cd>{entry.reason_code}</Cd></Rsn><AddtlInf>{escape(entry.text)}</AddtlInf>"
    return (
        f"<NtryDtls><TxDtls><Refs>{message}<AcctSvcrRef>{entry.bank_reference}</AcctSvcrRef>{payment}{instruction}"
        f"<EndToEndId>{entry.end_to_end_id}</EndToEndId></Refs>{amount_details}"
        + (f"<RtrInf>{why}</RtrInf>" if entry.reason_code else "")
        + "</TxDtls></NtryDtls>"
    )


def _indicator(is_credit: bool) -> str:
    return "CRDT" if is_credit else "DBIT"
