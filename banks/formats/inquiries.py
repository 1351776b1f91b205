"""Inquiries about a file of ours: pacs.028 asks where its payments stand, camt.056 asks for them back. Written, and read again.

Both are messages of the interbank space; a bank takes them from a customer only by agreement, which its profile states. They name
payments by our references and amounts, never by a person. What is read back comes from the bytes alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from lxml import etree

from banks.formats import Agent, FileContradicts
from banks.profiles import INQUIRIES
from schemas.zone import JAKARTA

REASON = "CUST"
"""ISO external cancellation reason: the customer asks for it."""


@dataclass(frozen=True)
class Inquiry:
    """What is asked about one file: all of it, or the payments named in `payments` (end-to-end id, whole rupiah).

    `message_id` is the inquiry's own; `about` and `about_format` the message of the file; count and sum are those asked about.
    """

    format: str
    message_id: str
    created_at: datetime
    about: str
    about_format: str
    transaction_count: int
    control_sum_idr: int
    payments: Sequence[tuple[str, int]]
    asker: str
    agent: Agent

    def __post_init__(self) -> None:
        assert any(self.format in formats for formats in INQUIRIES.values()), "a version that we write"
        assert self.created_at.tzinfo is not None, "an instant with an offset"
        assert all(1 <= len(text) <= 35 for text in (self.message_id, self.about)), "identifiers within ISO's length"


class ReadBack(NamedTuple):
    """What an inquiry's bytes say: its own id, the message that it is about, and how many payments of which sum; ids where named."""

    message_id: str
    about: str
    transaction_count: int
    control_sum_idr: int
    payments: tuple[str, ...]


def write(inquiry: Inquiry) -> bytes:
    """One message in UTF-8, one line a payment where payments are named."""
    body = _status(inquiry) if inquiry.format in INQUIRIES["status"] else _cancel(inquiry)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{inquiry.format}">\n'
        f"{body}</Document>\n"
    ).encode()


def _status(inquiry: Inquiry) -> str:
    named = "".join(
        f"<TxInf><OrgnlEndToEndId>{_text(reference)}</OrgnlEndToEndId></TxInf>\n" for reference, _ in inquiry.payments
    )
    return (
        f"<FIToFIPmtStsReq>\n<GrpHdr><MsgId>{_text(inquiry.message_id)}</MsgId><CreDtTm>{_at(inquiry)}</CreDtTm>"
        f"<InstdAgt>{_agent(inquiry.agent)}</InstdAgt></GrpHdr>\n"
        f"<OrgnlGrpInf>{_original(inquiry)}<OrgnlNbOfTxs>{inquiry.transaction_count}</OrgnlNbOfTxs>"
        f"<OrgnlCtrlSum>{inquiry.control_sum_idr}</OrgnlCtrlSum></OrgnlGrpInf>\n{named}</FIToFIPmtStsReq>\n"
    )


def _cancel(inquiry: Inquiry) -> str:
    reason = f"<CxlRsnInf><Rsn><Cd>{REASON}</Cd></Rsn></CxlRsnInf>"
    counted = f"<NbOfTxs>{inquiry.transaction_count}</NbOfTxs><CtrlSum>{inquiry.control_sum_idr}</CtrlSum>"
    named = "".join(
        f"<TxInf><CxlId>{_text(reference)}</CxlId><OrgnlEndToEndId>{_text(reference)}</OrgnlEndToEndId>"
        f'<OrgnlIntrBkSttlmAmt Ccy="IDR">{amount_idr}</OrgnlIntrBkSttlmAmt>{reason}</TxInf>\n'
        for reference, amount_idr in inquiry.payments
    )
    is_whole = "true" if not inquiry.payments else "false"
    return (
        f"<FIToFIPmtCxlReq>\n<Assgnmt><Id>{_text(inquiry.message_id)}</Id>"
        f"<Assgnr><Pty><Nm>{_text(inquiry.asker)}</Nm></Pty></Assgnr><Assgne><Agt>{_agent(inquiry.agent)}</Agt></Assgne>"
        f"<CreDtTm>{_at(inquiry)}</CreDtTm></Assgnmt>\n<CtrlData>{counted}</CtrlData>\n"
        f"<Undrlyg><OrgnlGrpInfAndCxl>{_original(inquiry)}{counted}<GrpCxl>{is_whole}</GrpCxl>{reason}</OrgnlGrpInfAndCxl>\n"
        f"{named}</Undrlyg>\n</FIToFIPmtCxlReq>\n"
    )


def _original(inquiry: Inquiry) -> str:
    return f"<OrgnlMsgId>{_text(inquiry.about)}</OrgnlMsgId><OrgnlMsgNmId>{_text(inquiry.about_format)}</OrgnlMsgNmId>"


def _agent(agent: Agent) -> str:
    inside = f"<BICFI>{agent.bic}</BICFI>" if agent.bic else f"<Othr><Id>{_text(agent.other_id or '')}</Id></Othr>"
    return f"<FinInstnId>{inside}</FinInstnId>"


def _at(inquiry: Inquiry) -> str:
    return inquiry.created_at.astimezone(UTC).astimezone(JAKARTA).isoformat(timespec="seconds")


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def read_back(data: bytes) -> ReadBack:
    """What the bytes of an inquiry of ours say; `FileContradicts` where a payment is named twice, or a cancellation's parts disagree."""
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    references = tuple(_all(root, "OrgnlEndToEndId"))
    own = _all(root, "MsgId") or _all(root, "Id")
    counts, sums = _all(root, "OrgnlNbOfTxs", "NbOfTxs"), _all(root, "OrgnlCtrlSum", "CtrlSum")
    amounts = [int(amount) for amount in _all(root, "OrgnlIntrBkSttlmAmt")]
    count, total = int(counts[0]), int(sums[0])
    if len(set(counts)) != 1 or len(set(sums)) != 1 or len(set(references)) != len(references):
        raise FileContradicts("An inquiry states two counts or sums, or names a payment twice.")
    if (references and len(references) != count) or (amounts and sum(amounts) != total):
        raise FileContradicts("An inquiry names other payments than its count or sum says.")
    return ReadBack(own[0], _all(root, "OrgnlMsgId")[0], count, total, references)


def _all(root: etree._Element, *names: str) -> list[str]:
    return [str(element.text) for element in root.iter(*(f"{{*}}{name}" for name in names))]
