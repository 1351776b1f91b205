"""Inquiries byte for byte, read back by us and by a plain reader, and in the order of elements that ISO's message definitions give them.

No package that we have brings the schema of pacs.028; that of camt.056 comes only with one that brings a server with it. What
stands here was held against camt.056.001.12 when it was written, and is held against the definitions' order at each run.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from lxml import etree

from banks.formats import Agent, FileContradicts, inquiries
from tests.lib import plain_inquiry_reader

FOLDER = Path(__file__).parent / "inquiries"
ORDER = {
    # element: its children in the definition's order; those with ! must be there
    "Document": "FIToFIPmtStsReq FIToFIPmtCxlReq",
    "FIToFIPmtStsReq": "GrpHdr! OrgnlGrpInf TxInf SplmtryData",
    "GrpHdr": "MsgId! CreDtTm! InstgAgt InstdAgt",
    "OrgnlGrpInf": "OrgnlMsgId! OrgnlMsgNmId! OrgnlCreDtTm OrgnlNbOfTxs OrgnlCtrlSum",
    "FIToFIPmtCxlReq": "Assgnmt! Case CtrlData Undrlyg! SplmtryData",
    "Assgnmt": "Id! Assgnr! Assgne! CreDtTm!",
    "Assgnr": "Pty Agt",
    "Assgne": "Pty Agt",
    "CtrlData": "NbOfTxs! CtrlSum",
    "Undrlyg": "OrgnlGrpInfAndCxl TxInf",
    "OrgnlGrpInfAndCxl": "GrpCxlId Case OrgnlMsgId! OrgnlMsgNmId! OrgnlCreDtTm NbOfTxs CtrlSum GrpCxl CxlRsnInf",
    "TxInf": "StsReqId CxlId Case OrgnlGrpInf OrgnlInstrId OrgnlEndToEndId OrgnlTxId OrgnlUETR OrgnlClrSysRef"
    " OrgnlIntrBkSttlmAmt OrgnlIntrBkSttlmDt CxlRsnInf",
    "CxlRsnInf": "Orgtr Rsn AddtlInf",
    "Rsn": "Cd Prtry",
    "Pty": "Nm PstlAdr Id",
    "Agt": "FinInstnId!",
    "InstdAgt": "FinInstnId!",
    "FinInstnId": "BICFI ClrSysMmbId LEI Nm PstlAdr Othr",
    "Othr": "Id!",
}


def out_of_order(data: bytes) -> list[str]:
    """The elements whose children are others, in another order or fewer than the definition has."""
    wrong = []
    for element in etree.fromstring(data).iter():
        children = [etree.QName(child).localname for child in element]
        defined = ORDER.get(etree.QName(element).localname, "").split()
        places = [name.rstrip("!") for name in defined]
        known = all(child in places for child in children)
        missing = {name[:-1] for name in defined if name.endswith("!")} - set(children)
        if not known or missing or children != sorted(children, key=places.index):
            wrong.append(etree.QName(element).localname)
    return wrong


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xml")), ids=lambda path: path.name)
def test_elements_stand_in_the_definitions_order(path: Path) -> None:
    assert out_of_order(path.read_bytes()) == []


def test_an_element_out_of_its_order_is_found() -> None:
    data = (FOLDER / "camt.056.001.12-named.xml").read_bytes()
    assert out_of_order(data.replace(b"<GrpCxl>false</GrpCxl>", b"").replace(b"<NbOfTxs>", b"<GrpCxl>false</GrpCxl><NbOfTxs>")) == [
        "CtrlData", "OrgnlGrpInfAndCxl",
    ]  # fmt: skip


@pytest.mark.parametrize("version", ["pacs.028.001.03", "camt.056.001.12"])
@pytest.mark.parametrize("which", ["whole", "named"])
def test_an_inquiry_is_written_byte_for_byte_and_read_back(version: str, which: str) -> None:
    named = (("SYNTHETIC00001X", 600_000), ("SYNTHETIC00002X", 50_000)) if which == "named" else ()
    asked = inquiries.Inquiry(
        format=version,
        message_id="Q20200902001SYNTHETIC",
        created_at=datetime(2020, 9, 2, 9, 30, tzinfo=timezone(timedelta(hours=7))),
        about="SYN-MSG-0001",
        about_format="pain.001.001.09",
        transaction_count=2,
        control_sum_idr=650_000,
        payments=named,
        asker="PROGRAM SINTETIS",
        agent=Agent(bic="CENAIDJA") if which == "whole" else Agent(other_id="OVO"),
    )
    written = inquiries.write(asked)
    assert written == (FOLDER / f"{version}-{which}.xml").read_bytes()
    references = tuple(reference for reference, _ in named)
    assert inquiries.read_back(written) == ("Q20200902001SYNTHETIC", "SYN-MSG-0001", 2, 650_000, references)
    asked_for = dict(named) if version.startswith("camt") else dict.fromkeys(references)
    assert plain_inquiry_reader.read(written) == ("Q20200902001SYNTHETIC", "SYN-MSG-0001", 2, 650_000, asked_for)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"SYNTHETIC00002X", b"SYNTHETIC00001X"),
        (b"<NbOfTxs>2<", b"<NbOfTxs>3<"),
        (b">50000<", b">50001<"),
    ],
)
def test_an_inquiry_whose_parts_disagree_is_not_believed(before: bytes, after: bytes) -> None:
    data = (FOLDER / "camt.056.001.12-named.xml").read_bytes()
    with pytest.raises(FileContradicts):
        inquiries.read_back(data.replace(before, after))
