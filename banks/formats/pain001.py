"""pain.001: orders to the bytes of one message with one debit, and those bytes read again before they leave.

Whole columns are joined as text, so that a hundred thousand transfers take a fraction of a second. Counts and sums come
from the column that is written. What is read back comes from the bytes alone.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from banks.formats import Agent, FileContradicts, UnwritableOrders
from banks.formats.columns import letters
from banks.formats.reader import Layout, parse
from schemas.money import parse_idr, parse_idr_array
from schemas.tables import conform
from schemas.zone import JAKARTA

AMOUNT_IDR_MAX = 10**18 - 1
"""Eighteen digits: the schema's limit for an amount and for the control sum."""
UNWRITABLE = r"[\x00-\x1f\x7f-\x{9f}\x{fffe}\x{ffff}\x{2028}\x{2029}]|^ | $"
"""Control characters, line ends, and blanks at an end: XML or its readers drop or change them, so that what is read is
not what was written."""

ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
FORMATS = {"pain.001.001.03": ("BIC", "{}"), "pain.001.001.09": ("BICFI", "<Dt>{}</Dt>")}
"""What differs between the versions as far as we use them: the BIC's tag, and how the execution date is wrapped."""


@dataclass(frozen=True)
class Header:
    """What is said once in a message: who pays, from where and when.

    `created_at` bears an offset and is written in Jakarta's, to the second. `category_purpose` is an ISO code (SSBE,
    GOVT).
    """

    format: str
    message_id: str
    payment_information_id: str
    created_at: datetime
    execution_date: date
    debtor_name: str
    debtor_account: str
    debtor_agent: Agent
    creditor_agent: Agent
    category_purpose: str

    def __post_init__(self) -> None:
        assert self.format in FORMATS, "a version of pain.001 that we write"
        assert self.created_at.tzinfo is not None, "an instant with an offset"
        for value, limit in self._limits():
            assert 1 <= len(value) <= limit, "a header's text within its ISO length"
            assert not pc.match_substring_regex(pa.scalar(value), UNWRITABLE).as_py(), "no control character"

    def _limits(self) -> tuple[tuple[str, int], ...]:
        return (
            (self.message_id, 35),
            (self.payment_information_id, 35),
            (self.debtor_name, 140),
            (self.debtor_account, 34),
            (self.category_purpose, 4),
        )


class ReadBack(NamedTuple):
    """What a message's bytes say: its transfers counted and summed from the transfers, and the transfers (orders.v1)."""

    transaction_count: int
    control_sum_idr: int
    orders: pa.Table


def write(orders: pa.Table, header: Header) -> bytes:
    """One pain.001 message in UTF-8 with one payment information block, one line a transfer, in the orders' order.

    Takes `orders.v1`: amounts in whole rupiah, 1 or more; identifiers that do not repeat; names already in the bank's
    characters (`names.fit`). Anything else raises `UnwritableOrders`, and nothing is written.
    """
    table = conform(orders, "orders.v1")
    control_sum = _check(table)
    agent = _agent(header, header.creditor_agent)
    parts: list[str | pa.ChunkedArray] = [
        "<CdtTrfTxInf><PmtId><EndToEndId>",
        _escape(table["end_to_end_id"]),
        '</EndToEndId></PmtId><Amt><InstdAmt Ccy="IDR">',
        table["amount_idr"].cast(pa.large_string()),
        f"</InstdAmt></Amt><CdtrAgt>{agent}</CdtrAgt><Cdtr><Nm>",
        _escape(table["creditor_name"]),
        "</Nm></Cdtr><CdtrAcct><Id><Othr><Id>",
        _escape(table["creditor_account"]),
        "</Id></Othr></Id></CdtrAcct><RmtInf><Ustrd>",
        _escape(table["remittance"]),
        "</Ustrd></RmtInf></CdtTrfTxInf>\n",
        "",
    ]
    line = pc.binary_join_element_wise(*(pa.scalar(p, pa.large_string()) if isinstance(p, str) else p for p in parts))
    opening = _opening(header, table.num_rows, control_sum)
    return b"".join((opening.encode(), *map(_text_of, line.chunks), b"</PmtInf>\n</CstmrCdtTrfInitn>\n</Document>\n"))


_LENGTHS_MAX = {"end_to_end_id": 35, "creditor_account": 34, "creditor_name": 140, "remittance": 140}


def _check(orders: pa.Table) -> int:
    """The control sum; raises where a column cannot be written as it is."""
    if not orders.num_rows:
        raise UnwritableOrders("A bank file without instructions is not written.")
    if pc.min(orders["amount_idr"]).as_py() < 1:
        raise UnwritableOrders("An amount is not positive.", "Every instruction pays one rupiah or more.")
    control_sum = int(pc.sum(orders["amount_idr"].cast(pa.decimal128(38, 0))).as_py())
    if control_sum > AMOUNT_IDR_MAX:
        raise UnwritableOrders("The control sum has more than 18 digits.", "", "Write several files.")
    if len(pc.unique(orders["end_to_end_id"])) != orders.num_rows:
        raise UnwritableOrders("An end-to-end id stands twice in one file.")
    for column, limit in _LENGTHS_MAX.items():
        if all(_is_simple(chunk, limit) for chunk in orders[column].chunks):
            continue
        length = pc.utf8_length(orders[column])
        wrong = pc.or_(pc.equal(length, 0), pc.greater(length, limit))
        wrong = pc.or_(wrong, pc.match_substring_regex(orders[column], UNWRITABLE))
        if pc.any(wrong).as_py():
            raise UnwritableOrders(
                f"{pc.sum(wrong).as_py()} values of {column} cannot be written.",
                f"They are empty, longer than {limit} characters, or hold control characters.",
                "Hold them back first: banks.formats.names.fit says which and why.",
            )
    return control_sum


def _is_simple(texts: pa.StringArray, length_max: int) -> bool:
    """Whether all are visible ASCII with blanks inside at most, and fit: then nothing in them needs a closer look."""
    letter, places = letters(texts)
    if not len(texts):
        return True
    lengths = np.diff(places)
    if lengths.min() < 1 or lengths.max() > length_max or letter.min() < ord(" ") or letter.max() > ord("~"):
        return False
    return not np.any(letter[places[:-1]] == ord(" ")) and not np.any(letter[places[1:] - 1] == ord(" "))


def _escape(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = column.cast(pa.large_string())
    for plain, escaped in ESCAPES:
        if any(np.any(letters(chunk)[0] == ord(plain)) for chunk in text.chunks):
            text = pc.replace_substring(text, plain, escaped)
    return text


def _escape_text(text: str) -> str:
    for plain, escaped in ESCAPES:
        text = text.replace(plain, escaped)
    return text


def _text_of(chunk: pa.LargeStringArray) -> memoryview:
    """The bytes of all texts of a chunk, one behind the other, not copied."""
    offsets = memoryview(chunk.buffers()[1]).cast("q")
    return memoryview(chunk.buffers()[2])[offsets[chunk.offset] : offsets[chunk.offset + len(chunk)]]


def _agent(header: Header, agent: Agent) -> str:
    tag, _ = FORMATS[header.format]
    if agent.bic:
        return f"<FinInstnId><{tag}>{agent.bic}</{tag}></FinInstnId>"
    return f"<FinInstnId><Othr><Id>{_escape_text(agent.other_id or '')}</Id></Othr></FinInstnId>"


def _opening(header: Header, count: int, control_sum: int) -> str:
    created_at = header.created_at.astimezone(UTC).astimezone(JAKARTA).isoformat(timespec="seconds")
    execution = FORMATS[header.format][1].format(header.execution_date.isoformat())
    debtor = _escape_text(header.debtor_name)
    # One debit for the whole block (BtchBookg), and all charges on the payer: the recipient gets the full amount.
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{header.format}">\n<CstmrCdtTrfInitn>\n'
        f"<GrpHdr><MsgId>{_escape_text(header.message_id)}</MsgId><CreDtTm>{created_at}</CreDtTm>"
        f"<NbOfTxs>{count}</NbOfTxs><CtrlSum>{control_sum}</CtrlSum>"
        f"<InitgPty><Nm>{debtor}</Nm></InitgPty></GrpHdr>\n"
        f"<PmtInf><PmtInfId>{_escape_text(header.payment_information_id)}</PmtInfId><PmtMtd>TRF</PmtMtd>"
        f"<BtchBookg>true</BtchBookg><NbOfTxs>{count}</NbOfTxs><CtrlSum>{control_sum}</CtrlSum>"
        f"<PmtTpInf><CtgyPurp><Cd>{header.category_purpose}</Cd></CtgyPurp></PmtTpInf>"
        f"<ReqdExctnDt>{execution}</ReqdExctnDt><Dbtr><Nm>{debtor}</Nm></Dbtr>"
        f"<DbtrAcct><Id><Othr><Id>{_escape_text(header.debtor_account)}</Id></Othr></Id><Ccy>IDR</Ccy></DbtrAcct>"
        f"<DbtrAgt>{_agent(header, header.debtor_agent)}</DbtrAgt><ChrgBr>DEBT</ChrgBr>\n"
    )


LAYOUT = Layout("pain.001", 3, 9, "CstmrCdtTrfInitn", "pain001.yaml", ("PmtInf", "CdtTrfTxInf"))


def read_back(data: bytes) -> ReadBack:
    """What the bytes of a message of ours say, read as a stranger would; a contradiction raises `FileContradicts`.

    Every transfer must have an id, whole rupiah, a name, an account and what it is for; their count and sum must be what the message
    states in its header and in its one payment block.
    """
    message = parse(data, LAYOUT)
    header = message.tables["message"]
    rows = message.tables["payment"]
    transfers = rows.filter(pc.is_valid(rows["end_to_end_id"]))
    message.expect("CdtTrfTxInf", transfers.num_rows)
    message.expect("PmtInf", 1)
    if not pc.all(pc.fill_null(pc.equal(transfers["currency"], "IDR"), False)).as_py():
        raise FileContradicts("A transfer in a written message is not in rupiah.")
    amounts = parse_idr_array(transfers["amount"])
    orders = transfers.select(list(_LENGTHS_MAX)).append_column("amount_idr", amounts)
    if any(column.null_count for column in orders.columns):
        raise FileContradicts("A transfer in a written message lacks its amount, account, name or remittance.")
    count, control_sum = orders.num_rows, int(pc.sum(amounts.cast(pa.decimal128(38, 0))).as_py() or 0)
    for level in (header, rows):
        stated = [level[name].drop_null().to_pylist() for name in ("transaction_count", "control_sum")]
        if [[parse_idr(text) for text in texts] for texts in stated] != [[count], [control_sum]]:
            raise FileContradicts("A written message states a count or sum that its transfers do not have.")
    return ReadBack(count, control_sum, conform(orders, "orders.v1"))
