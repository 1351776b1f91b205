"""Banks' messages as Hypothesis draws them: right in structure, odd in every way that banks are odd."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from hypothesis import strategies as st

TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=12)
IDS = st.one_of(st.text("ABC012", min_size=1, max_size=3), st.just("NOTPROVIDED"))
AMOUNTS = st.sampled_from(["600000", "50000", "600000.00", "0", "1.5", "600000.000", "999999999999999999", "6E5", "-1"])
COUNTS = st.sampled_from(["0", "1", "2", "99999"])
DAYS = st.sampled_from(["2020-08-03", "2020-08-31"])
INSTANTS = st.sampled_from(
    ["2020-08-03T00:00:00+07:00", "2020-08-02T17:30:00Z", "2020-08-31T23:59:59", "2020-08-03T01:00:00.5+07:00"]
)
SIDES = st.sampled_from(["DBIT", "CRDT"])
PENDING = st.sampled_from(["ACTC", "ACSP", "ACSC", "ACCC", "RJCT", "PDNG"])
CODES = st.sampled_from(["AC01", "AC04", "AM05", "NARR"])


@dataclass(frozen=True)
class Node:
    """An element: its name, its attributes, and its text or its children."""

    name: str
    content: str | tuple[Node, ...]
    attributes: tuple[tuple[str, str], ...] = ()


def render(root: Node, namespace: str, draw_style: st.DataObject) -> bytes:
    """The document as one bank or another would write it: prefix, blanks, comments, CDATA, encoding, line ends."""
    prefix = draw_style.draw(st.sampled_from(["", "ns2:", "a:"]), label="prefix")
    blank = draw_style.draw(st.sampled_from(["", "\n", "\n\t ", "\r\n  "]), label="blank")
    comment = draw_style.draw(
        st.sampled_from(["", "<!-- <TxInfAndSts> <TxDtls><Ntry> -->", "<?x y?>"]), label="comment"
    )
    use_cdata = draw_style.draw(st.booleans(), label="cdata")

    def element(node: Node) -> str:
        attributes = "".join(f' {name}="{escape(value)}"' for name, value in node.attributes)
        if isinstance(node.content, str):
            is_cdata = use_cdata and node.content and "]]>" not in node.content
            text = f"<![CDATA[{node.content}]]>" if is_cdata else escape(node.content)
            return f"<{prefix}{node.name}{attributes}>{blank}{text}{blank}</{prefix}{node.name}>"
        inside = "".join(blank + comment + element(child) for child in node.content) + blank
        return f"<{prefix}{node.name}{attributes}>{inside}</{prefix}{node.name}>"

    declared = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    document = Node("Document", (root,), ((declared, namespace),))
    encoding, mark = draw_style.draw(
        st.sampled_from([("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-16", b"")]), label="encoding"
    )
    declaration = draw_style.draw(
        st.sampled_from(["", f'<?xml version="1.0" encoding="{encoding}"?>\n']), label="declaration"
    )
    return mark + (declaration + comment + element(document) + comment + blank).encode(encoding)


def leaf(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[Node]:
    """An element with a text."""
    return values.map(lambda text: Node(name, text))


def money(name: str) -> st.SearchStrategy[Node]:
    """An amount with its currency."""
    return st.builds(
        lambda text, currency: Node(name, text, (("Ccy", currency),)), AMOUNTS, st.sampled_from(["IDR", "IDR", "EUR"])
    )


def parent(name: str, *children: st.SearchStrategy[Sequence[Node] | Node | None]) -> st.SearchStrategy[Node]:
    """An element with children, those drawn as None left out."""

    def flatten(drawn: tuple[Sequence[Node] | Node | None, ...]) -> Node:
        nodes: list[Node] = []
        for each in drawn:
            nodes += [each] if isinstance(each, Node) else list(each or ())
        return Node(name, tuple(nodes))

    return st.tuples(*children).map(flatten)


def maybe(strategy: st.SearchStrategy[Node]) -> st.SearchStrategy[Node | None]:
    """The element or nothing."""
    return st.none() | strategy


def many(strategy: st.SearchStrategy[Node], least: int = 0, most: int = 3) -> st.SearchStrategy[list[Node]]:
    """Several of the element."""
    return st.lists(strategy, min_size=least, max_size=most)


_reason = parent(
    "StsRsnInf",
    maybe(parent("Rsn", leaf("Cd", CODES) | leaf("Prtry", TEXTS))),
    many(leaf("AddtlInf", TEXTS), 1, 2),
)
_transfer = parent(
    "TxInfAndSts",
    maybe(leaf("StsId", IDS)),
    leaf("OrgnlEndToEndId", IDS),
    maybe(leaf("TxSts", PENDING)),
    many(_reason, most=2),
    maybe(parent("OrgnlTxRef", parent("Amt", money("InstdAmt")), parent("Cdtr", leaf("Nm", TEXTS)))),
)
status_reports = parent(
    "CstmrPmtStsRpt",
    parent("GrpHdr", leaf("MsgId", IDS), leaf("CreDtTm", INSTANTS)),
    parent(
        "OrgnlGrpInfAndSts",
        leaf("OrgnlMsgId", st.text("XYZ1", min_size=1, max_size=4)),
        leaf("OrgnlMsgNmId", st.just("pain.001.001.09")),
        maybe(leaf("OrgnlNbOfTxs", COUNTS)),
        maybe(leaf("OrgnlCtrlSum", AMOUNTS)),
        maybe(leaf("GrpSts", PENDING)),
        many(_reason, most=2),
    ),
    many(
        parent(
            "OrgnlPmtInfAndSts",
            leaf("OrgnlPmtInfId", st.text("PQ1", min_size=1, max_size=4)),
            maybe(leaf("OrgnlNbOfTxs", COUNTS)),
            maybe(leaf("OrgnlCtrlSum", AMOUNTS)),
            maybe(leaf("PmtInfSts", PENDING)),
            many(_reason, most=2),
            maybe(parent("NbOfTxsPerSts", leaf("DtldNbOfTxs", COUNTS), leaf("DtldSts", PENDING))),
            many(_transfer, most=4),
        ),
        most=2,
    ),
)
"""pain.002, from the root of the message."""

_when = leaf("Dt", DAYS) | leaf("DtTm", INSTANTS)
_detail = parent(
    "TxDtls",
    maybe(
        parent(
            "Refs",
            maybe(leaf("MsgId", IDS)),
            maybe(leaf("AcctSvcrRef", IDS)),
            maybe(leaf("PmtInfId", IDS)),
            maybe(leaf("EndToEndId", IDS)),
        )
    ),
    maybe(money("Amt")),
    maybe(leaf("CdtDbtInd", SIDES)),
    maybe(parent("AmtDtls", maybe(parent("InstdAmt", money("Amt"))), maybe(parent("TxAmt", money("Amt"))))),
    maybe(parent("RmtInf", many(leaf("Ustrd", TEXTS), 1, 2))),
    maybe(
        parent(
            "RtrInf",
            maybe(parent("OrgnlBkTxCd", parent("Prtry", leaf("Cd", TEXTS)))),
            parent("Rsn", leaf("Cd", CODES)),
            many(leaf("AddtlInf", TEXTS), most=2),
        )
    ),
    maybe(leaf("AddtlTxInf", TEXTS)),
)
_header = parent(
    "Btch", leaf("MsgId", IDS), maybe(leaf("PmtInfId", IDS)), maybe(leaf("NbOfTxs", COUNTS)), maybe(money("TtlAmt"))
)
_entry = parent(
    "Ntry",
    maybe(leaf("NtryRef", IDS)),
    money("Amt"),
    leaf("CdtDbtInd", SIDES),
    maybe(leaf("RvslInd", st.sampled_from(["true", "false", "1", "0"]))),
    leaf("Sts", st.just("BOOK")) | parent("Sts", leaf("Cd", st.sampled_from(["BOOK", "PDNG"]))),
    maybe(parent("BookgDt", _when)),
    maybe(parent("ValDt", _when)),
    maybe(leaf("AcctSvcrRef", IDS)),
    many(parent("NtryDtls", maybe(_header), many(_detail, most=3)), most=2),
    maybe(leaf("AddtlNtryInf", TEXTS)),
)
_balance = parent(
    "Bal",
    parent("Tp", parent("CdOrPrtry", leaf("Cd", st.sampled_from(["OPBD", "PRCD", "CLBD", "CLAV", "ITBD"])))),
    money("Amt"),
    leaf("CdtDbtInd", SIDES),
    parent("Dt", _when),
)
_account = parent(
    "Acct",
    parent("Id", parent("Othr", leaf("Id", IDS)) | leaf("IBAN", IDS)),
    maybe(leaf("Ccy", st.just("IDR"))),
)
statements = parent(
    "BkToCstmrStmt",
    parent("GrpHdr", leaf("MsgId", IDS), leaf("CreDtTm", INSTANTS)),
    many(
        parent(
            "Stmt",
            leaf("Id", IDS),
            maybe(leaf("ElctrncSeqNb", COUNTS)),
            maybe(leaf("LglSeqNb", COUNTS)),
            maybe(leaf("CreDtTm", INSTANTS)),
            maybe(parent("FrToDt", leaf("FrDtTm", INSTANTS), leaf("ToDtTm", INSTANTS))),
            _account,
            many(_balance, most=4),
            many(_entry, most=4),
        ),
        1,
        2,
    ),
)
"""camt.053, from the root of the message."""

notifications = parent(
    "BkToCstmrDbtCdtNtfctn",
    parent("GrpHdr", leaf("MsgId", IDS), leaf("CreDtTm", INSTANTS)),
    many(parent("Ntfctn", leaf("Id", IDS), leaf("CreDtTm", INSTANTS), _account, many(_entry, most=4)), 1, 2),
)
"""camt.054, from the root of the message."""


def renamed(statement: bytes) -> bytes:
    """A simulated bank's first statement under another id and number, as a bank sends it anew."""
    anew = re.sub(rb"(<Id>[A-Z]+-STMT-)0*1<", rb"\g<1>900001<", statement)
    return re.sub(rb"<ElctrncSeqNb>1<", rb"<ElctrncSeqNb>901<", anew)
