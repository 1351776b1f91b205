"""How a simulated bank answers when it is asked about a file: where its payments stand (pacs.028), or for those back that are not paid (camt.056)."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from simulator.bank import Answer, Booked
from simulator.descriptions import BankDescription, Reason
from simulator.status_report import PaymentStatus, StatusReport, TransferStatus, write_status_report

_ABOUT = re.compile(rb"<OrgnlMsgId>([^<]+)<")
_NAMED = re.compile(rb"<OrgnlEndToEndId>([^<]+)<")


@dataclass(frozen=True)
class Asked:
    """What an inquiry asks: about which message of ours, which of its payments (all, when none is named), and whether for them back."""

    about: str
    named: frozenset[str]
    is_cancellation: bool


def read_inquiry(data: bytes) -> Asked | None:
    """What is asked; None where it is no inquiry."""
    is_cancellation = b"<FIToFIPmtCxlReq>" in data
    about = _ABOUT.search(data)
    if about is None or not (is_cancellation or b"<FIToFIPmtStsReq>" in data):
        return None
    return Asked(about[1].decode(), frozenset(name.decode() for name in _NAMED.findall(data)), is_cancellation)


def status_answer(
    asked: Asked,
    moved: Sequence[Booked],
    reasons: Mapping[str, Reason],
    silent_about: AbstractSet[str],
    bank: BankDescription,
    number: int,
    at: datetime,
) -> Answer | None:
    """A status report of what the bank did with the payments that are asked about, as it reported it first; None of nothing.

    `moved`: the credits and refusals of that message; `reasons` of refusals, by end-to-end id.
    """
    told = [
        one
        for one in moved
        if (not asked.named or one.end_to_end_id in asked.named)
        and one.end_to_end_id not in silent_about
        and (one.kind == "credit" or one.end_to_end_id in reasons)
    ]
    if not told:
        return None
    blocks: dict[str, PaymentStatus] = {}
    for one in moved:
        name = one.payment_information_id
        block = blocks.setdefault(name, PaymentStatus(name, 0, 0, "PART"))
        block.count += 1
        block.sum_idr += one.amount_idr
    for one in told:
        is_paid = one.kind == "credit"
        blocks[one.payment_information_id].transfers.append(
            TransferStatus(
                end_to_end_id=one.end_to_end_id,
                instruction_id=one.instruction_id,
                amount_idr=one.amount_idr,
                status=bank.settled_status if is_paid else "RJCT",
                bank_reference=one.reference if is_paid else "",
                reason=None if is_paid else reasons[one.end_to_end_id],
            )
        )
    report = StatusReport(
        message_id=f"{bank.code.upper()}-INQ-{number:06}",
        created_at=at,
        original_message_id=asked.about,
        original_message_name=bank.pain001,
        group_status="PART",
        count=len(moved),
        sum_idr=sum(one.amount_idr for one in moved),
        payments=[block for block in blocks.values() if block.transfers],
    )
    return f"{bank.code}-pain002-{at:%Y%m%d}-{report.message_id}.xml", write_status_report(report, bank)


def resolution(asked: Asked, is_accepted: bool, bank: BankDescription, number: int, at: datetime) -> Answer:
    """A resolution of investigation (camt.029) that grants or refuses the cancellation of a file."""
    status = "CNCL" if is_accepted else "RJCR"
    data = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.029.001.09"><RsltnOfInvstgtn>'
        f"<Assgnmt><Id>{bank.code.upper()}-RES-{number:06}</Id><CreDtTm>{at.isoformat()}</CreDtTm></Assgnmt>"
        f"<Sts><Conf>{status}</Conf></Sts><CxlDtls><OrgnlGrpInfAndSts><OrgnlMsgId>{asked.about}</OrgnlMsgId>"
        f"<OrgnlMsgNmId>{bank.pain001}</OrgnlMsgNmId></OrgnlGrpInfAndSts></CxlDtls></RsltnOfInvstgtn></Document>\n"
    )
    return f"{bank.code}-camt029-{at:%Y%m%d}-{number:06}.xml", data.encode()
