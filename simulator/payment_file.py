"""A bank's own reading of a pain.001 payment file: the official XSD and this reader, in one streaming pass.

Nothing here knows how Salur writes its files. What is wrong with the file as a whole becomes a reason, never an error.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from io import BytesIO

from lxml import etree

from simulator.descriptions import JAKARTA, Reason, load_schema

NOT_PROVIDED = "NOTPROVIDED"
_END_TO_END_ID = re.compile(r"[A-Z0-9]{15}")
_ADDITIONAL_TEXT_LENGTH_MAX = 105


@dataclass(frozen=True, slots=True)
class Transfer:
    """One credit transfer as the bank read it; `content` is a digest of all that must not change under one id."""

    payment: int
    end_to_end_id: str
    instruction_id: str
    amount_idr: int
    account: str
    agent: str
    content: bytes


@dataclass(slots=True)
class Payment:
    """One PmtInf block: what it states about itself beside what its transfers add up to (whole rupiah)."""

    payment_information_id: str = ""
    stated_count: str | None = None
    stated_sum: str | None = None
    execution_date: date | None = None
    debtor_account: str = ""
    debtor_agent: str = ""
    count: int = 0
    sum_idr: int = 0


@dataclass(slots=True)
class PaymentFile:
    """A whole payment file: header, blocks, transfers, and the reasons for which it must be refused."""

    message_id: str = NOT_PROVIDED
    created_at: datetime | None = None
    stated_count: str | None = None
    stated_sum: str | None = None
    payments: list[Payment] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)

    @property
    def total_idr(self) -> int:
        return sum(payment.sum_idr for payment in self.payments)

    def object_to(self, code: str, text: str) -> None:
        """Add a reason once; the text carries positions and counts, never a name or an account."""
        reason = Reason(code, text[:_ADDITIONAL_TEXT_LENGTH_MAX])
        if reason not in self.reasons and len(self.reasons) < 10:
            self.reasons.append(reason)


def read_payment_file(data: bytes, message: str, row_limit: int) -> PaymentFile:
    """Read a payment file that must be of the version `message`, such as pain.001.001.09.

    Reading stops early at more than `row_limit` transfers, so that memory is bounded by the limit and not by the file.
    """
    read = PaymentFile()
    # No declaration, no entities: so the parser need not be told to keep them, which (lxml 6.1, resolve_entities=False
    # together with a schema) would make it pass over a file that is cut short. NUL bytes are UTF-16, which could hide one.
    if b"<!DOCTYPE" in data or b"\0" in data:
        read.object_to("FF01", "a document type declaration or another encoding than UTF-8 is not accepted")
        return read
    try:
        _read_transfers(data, f"{{urn:iso:std:iso:20022:tech:xsd:{message}}}", message, row_limit, read)
    except etree.XMLSyntaxError as error:
        read.reasons.clear()  # whatever else was found follows from it
        _object_to_syntax(error, message, read)
        _salvage_header(data, read)
    except (ValueError, ArithmeticError):  # the schema allows dates and numbers that no bank can book, such as year 0
        read.object_to("FF01", f"not a usable {message}: a date or a number out of range")
    if not read.reasons:
        _check_totals(read)
    return read


def _read_transfers(data: bytes, namespace: str, message: str, row_limit: int, read: PaymentFile) -> None:
    header_tag, payment_tag, transfer_tag = (namespace + name for name in ("GrpHdr", "PmtInf", "CdtTrfTxInf"))
    payment = Payment()
    events = etree.iterparse(
        BytesIO(data),
        events=("end",),
        tag=(header_tag, payment_tag, transfer_tag),
        schema=load_schema(message),
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )
    for _, element in events:
        if element.tag == transfer_tag:
            transfer = _read_transfer(element, namespace, len(read.payments), read)
            payment.count += 1
            payment.sum_idr += transfer.amount_idr
            read.transfers.append(transfer)
            if len(read.transfers) > row_limit:
                read.object_to("AM18", f"more than {row_limit} transfers in one file")
                return
            _forget(element, transfer_tag)
        elif element.tag == payment_tag:
            _read_payment(element, namespace, payment, read)
            read.payments.append(payment)
            payment = Payment()
            element.clear()
        else:
            _read_header(element, namespace, read)


def _forget(element: etree._Element, tag: str) -> None:
    """Free a transfer that has been read; the parser still holds the last one, so its predecessor leaves the tree."""
    element.clear()
    previous = element.getprevious()
    parent = element.getparent()
    if previous is not None and previous.tag == tag and parent is not None:
        parent.remove(previous)


def _read_header(element: etree._Element, namespace: str, read: PaymentFile) -> None:
    read.message_id = _text(element, namespace, "MsgId") or NOT_PROVIDED
    created_at = datetime.fromisoformat(_text(element, namespace, "CreDtTm"))
    read.created_at = created_at if created_at.tzinfo else created_at.replace(tzinfo=JAKARTA)
    read.stated_count = element.findtext(f"{namespace}NbOfTxs")
    read.stated_sum = element.findtext(f"{namespace}CtrlSum")


def _read_payment(element: etree._Element, namespace: str, payment: Payment, read: PaymentFile) -> None:
    if _text(element, namespace, "PmtMtd") != "TRF":
        read.object_to("FF01", f"payment information {len(read.payments) + 1}: payment method is not TRF")
    payment.payment_information_id = _text(element, namespace, "PmtInfId")
    payment.stated_count = element.findtext(f"{namespace}NbOfTxs")
    payment.stated_sum = element.findtext(f"{namespace}CtrlSum")
    payment.debtor_account = _account(element.find(f"{namespace}DbtrAcct"), namespace)
    payment.debtor_agent = _agent(element.find(f"{namespace}DbtrAgt"), namespace)
    asked = element.find(f"{namespace}ReqdExctnDt")
    if asked is not None:  # .03 writes the date itself, later versions a choice of Dt and DtTm
        payment.execution_date = date.fromisoformat("".join(str(text) for text in asked.itertext()).strip()[:10])


def _read_transfer(element: etree._Element, namespace: str, payment: int, read: PaymentFile) -> Transfer:
    """Walk a transfer's children once: this is where a large file spends its time."""
    number = len(read.transfers) + 1
    parts = {str(child.tag)[len(namespace) :]: child for child in element}
    identifiers = {str(child.tag)[len(namespace) :]: (child.text or "").strip() for child in parts["PmtId"]}
    amount_idr = _whole_rupiah(parts["Amt"][0], namespace, number, read)
    account = _account(parts.get("CdtrAcct"), namespace)
    name = parts["Cdtr"].findtext(namespace + "Nm") if "Cdtr" in parts else ""
    purpose = parts["RmtInf"].findtext(namespace + "Ustrd") if "RmtInf" in parts else ""
    if not _END_TO_END_ID.fullmatch(identifiers.get("EndToEndId", "")):
        read.object_to("CH16", f"transfer {number}: end-to-end id is not 15 characters of A-Z and 0-9")
    return Transfer(
        payment=payment,
        end_to_end_id=identifiers.get("EndToEndId", ""),
        instruction_id=identifiers.get("InstrId", ""),
        amount_idr=amount_idr,
        account=account,
        agent=_agent(parts.get("CdtrAgt"), namespace),
        content=blake2b(f"{amount_idr}\0{account}\0{name}\0{purpose}".encode(), digest_size=16).digest(),
    )


def _whole_rupiah(amount: etree._Element, namespace: str, number: int, read: PaymentFile) -> int:
    if amount.tag != namespace + "InstdAmt" or amount.get("Ccy") != "IDR":
        read.object_to("AM03", f"transfer {number}: not an instructed amount in IDR")
        return 0
    value = Decimal(amount.text or "0")
    if value != value.to_integral_value():
        read.object_to("AM12", f"transfer {number}: amount has decimals, only whole rupiah are paid")
    elif value == 0:
        read.object_to("AM01", f"transfer {number}: amount is zero")
    return int(value)


def _text(element: etree._Element, namespace: str, *names: str) -> str:
    return (element.findtext("/".join(namespace + name for name in names)) or "").strip()


def _account(element: etree._Element | None, namespace: str) -> str:
    """The IBAN or other number of an account; its Id has exactly one of the two, as the schema says."""
    kind = None if element is None else element.find(namespace + "Id")
    if kind is None or not len(kind):
        return ""
    return ((kind[0].text if kind[0].tag == namespace + "IBAN" else kind[0][0].text) or "").strip()


def _agent(element: etree._Element | None, namespace: str) -> str:
    """The BIC of an agent, or the other identifier of one that has none."""
    other = ""
    for identifier in element[0] if element is not None else ():
        part = str(identifier.tag)[len(namespace) :]
        if part in ("BIC", "BICFI"):
            return (identifier.text or "").strip()
        if part == "Othr":
            other = (identifier[0].text or "").strip()
    return other


def _object_to_syntax(error: etree.XMLSyntaxError, message: str, read: PaymentFile) -> None:
    """Say which element breaks the schema; the rest of the parser's words could repeat a name or an account."""
    element = re.match(r"Element '(?:\{[^}]*\})?(\w+)'", error.msg or "")
    read.object_to("FF01", f"not a valid {message}" + (f": element {element[1]}" if element else ""))


def _salvage_header(data: bytes, read: PaymentFile) -> None:
    """Find at least the message id of a file that cannot be read, so that the refusal can name what it refuses."""
    if read.message_id != NOT_PROVIDED:
        return
    found = re.search(rb"<(?:\w+:)?MsgId>\s*([\x21-\x7e]{1,35})\s*</", data[:65_536])
    if found and b"<" not in found[1] and b"&" not in found[1]:
        read.message_id = found[1].decode("ascii")


def _check_totals(read: PaymentFile) -> None:
    """Hold the stated counts and control sums, at both levels, against what the transfers add up to."""
    _check_count("AM19", "group header", read.stated_count, len(read.transfers), read)
    _check_sum("group header", read.stated_sum, read.total_idr, read)
    for number, payment in enumerate(read.payments, start=1):
        _check_count("AM18", f"payment information {number}", payment.stated_count, payment.count, read)
        _check_sum(f"payment information {number}", payment.stated_sum, payment.sum_idr, read)


def _check_count(code: str, where: str, stated: str | None, counted: int, read: PaymentFile) -> None:
    if stated is None or int(stated) != counted:
        read.object_to(code, f"{where}: NbOfTxs is {stated}, counted {counted}")


def _check_sum(where: str, stated: str | None, summed_idr: int, read: PaymentFile) -> None:
    try:
        agrees = stated is not None and Decimal(stated) == summed_idr
    except InvalidOperation:
        agrees = False
    if not agrees:
        read.object_to("AM10", f"{where}: CtrlSum is {stated}, summed {summed_idr}")
