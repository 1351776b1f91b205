"""What a bank reads of a question about a file (pacs.028, camt.056): plainly, with Python's own XML reader, and none of our code."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple
from xml.etree import ElementTree

_IDS = {"MsgId", "OrgnlMsgId", "OrgnlMsgNmId", "OrgnlEndToEndId", "CxlId", "Id"}
"""Max35Text in both definitions."""


class Asked(NamedTuple):
    """The question's id, the message that it asks about, count and whole rupiah as stated, and each payment that it names."""

    message_id: str
    about: str
    count: int
    sum_idr: int
    payments: dict[str, int | None]


def read(data: bytes) -> Asked:
    """The question; a ValueError or KeyError where a field is not as the definitions have it."""
    root = ElementTree.fromstring(data)
    name = root.tag.partition("}")[0].removeprefix("{urn:iso:std:iso:20022:tech:xsd:")
    cancels = {"camt.056.001.12": True, "pacs.028.001.03": False}[name]
    values: dict[str, list[str]] = {}
    for element in root.iter():
        tag, text = element.tag.partition("}")[2], (element.text or "").strip()
        values.setdefault(tag, []).append(text)
        if len(element) == 0 and (not text or (tag in _IDS and not re.fullmatch(r"[A-Za-z0-9./ -]{1,35}", text))):
            raise ValueError(f"{tag} is {text!r}")
    if datetime.fromisoformat(values["CreDtTm"][0]).tzinfo is None:
        raise ValueError("a time without its offset")
    group = ("NbOfTxs", "CtrlSum") if cancels else ("OrgnlNbOfTxs", "OrgnlCtrlSum")
    counts, sums = (set(values[each]) for each in group)
    named = values.get("OrgnlEndToEndId", [])
    amounts: list[int | None] = [int(each) for each in values.get("OrgnlIntrBkSttlmAmt", [])] or [None] * len(named)
    (count,), (sum_idr,) = counts, sums
    return Asked(
        values["Id" if cancels else "MsgId"][0],
        values["OrgnlMsgId"][0],
        int(count),
        int(sum_idr),
        dict(zip(named, amounts, strict=True)),
    )
