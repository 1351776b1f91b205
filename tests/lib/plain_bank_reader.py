"""The plain reading of a bank's XML: one element after the other with lxml, as slow and obvious as it can be.

It takes any well-formed message with a Document root and answers with the rows that the fast readers must give.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from lxml import etree

from schemas.codes import REMEDY

Row = dict[str, Any]
JAKARTA = timezone(timedelta(hours=7))


def plain_status_report(data: bytes) -> list[Row]:
    """The rows of `responses.v1` for a pain.002."""
    report = _at(_root(data), "CstmrPmtStsRpt")[0]
    report_id = _text(report, "GrpHdr/MsgId")
    group = _at(report, "OrgnlGrpInfAndSts")[0]
    message_id = _text(group, "OrgnlMsgId")
    rows = [_response("file", group, message_id, None, status="GrpSts")]
    for block in _at(report, "OrgnlPmtInfAndSts"):
        block_id = _text(block, "OrgnlPmtInfId")
        rows.append(_response("batch", block, message_id, block_id, status="PmtInfSts"))
        for transfer in _at(block, "TxInfAndSts"):
            row = _response("transaction", transfer, message_id, block_id, status="TxSts")
            row["end_to_end_id"] = _reference(_text(transfer, "OrgnlEndToEndId"))
            amount = next(iter(_at(transfer, "OrgnlTxRef/Amt/InstdAmt")), None)
            row["amount_idr"] = _rupiah(amount)
            row["currency"] = None if amount is None else amount.get("Ccy") or ("XXX" if _own(amount) else None)
            rows.append(row)
    return [row | {"report_id": report_id} for row in rows]


def _response(level: str, element: etree._Element, message_id: str | None, block_id: str | None, status: str) -> Row:
    code, text = _reason(_at(element, "StsRsnInf"), "status")
    count = _text(element, "OrgnlNbOfTxs")
    return {
        "level": level,
        "message_id": message_id,
        "payment_information_id": block_id,
        "end_to_end_id": None,
        "status": _text(element, status),
        "reason_code": code,
        "reason_text": text,
        "amount_idr": None,
        "currency": None,
        "transaction_count": int(count) if count else None,
        "control_sum_idr": _whole(_text(element, "OrgnlCtrlSum")),
    }


def plain_statements(data: bytes) -> tuple[list[Row], list[Row]]:
    """The rows of `statements.v1` and `entries.v1` for a camt.053."""
    statements, entries = [], []
    message = _at(_root(data), "BkToCstmrStmt")[0]
    for statement in _at(message, "Stmt"):
        statement_id = _text(statement, "Id")
        bookings = _at(statement, "Ntry")
        balances = {_text(each, "Tp/CdOrPrtry/Cd"): each for each in reversed(_at(statement, "Bal"))}
        opened = balances.get("OPBD")
        opening, closing = (opened if opened is not None else balances.get("PRCD")), balances.get("CLBD")
        statements.append(
            {
                "statement_id": statement_id,
                "account": _text(statement, "Acct/Id/Othr/Id") or _text(statement, "Acct/Id/IBAN"),
                "currency": _text(statement, "Acct/Ccy") or (None if opening is None else _currency(opening)),
                "sequence_number": _whole(_text(statement, "ElctrncSeqNb") or _text(statement, "LglSeqNb")),
                "from_date": _day(_text(statement, "FrToDt/FrDtTm") or _balance_day(opened)),
                "to_date": _day(_text(statement, "FrToDt/ToDtTm") or _balance_day(closing)),
                "opening_idr": _balance(opening),
                "closing_idr": _balance(closing),
                "row_count": len(bookings),
                "stated_at": _instant(_text(statement, "CreDtTm") or _text(message, "GrpHdr/CreDtTm")),
            }
        )
        entries += _entries(statement)
    return statements, entries


def plain_notifications(data: bytes) -> list[Row]:
    """The rows of `entries.v1` for a camt.054."""
    message = _at(_root(data), "BkToCstmrDbtCdtNtfctn")[0]
    return [row for notification in _at(message, "Ntfctn") for row in _entries(notification)]


def _entries(document: etree._Element) -> list[Row]:
    about = {"statement_id": _text(document, "Id")}
    numbered = enumerate(_at(document, "Ntry"), 1)
    return [about | {"entry_number": number, **row} for number, booking in numbered for row in _entry_rows(booking)]


def _entry_rows(booking: etree._Element) -> Iterator[Row]:
    blocks = _at(booking, "NtryDtls")
    headers = [header for block in blocks for header in _at(block, "Btch")]
    details = [(detail, next(iter(_at(block, "Btch")), None)) for block in blocks for detail in _at(block, "TxDtls")]
    if not details:
        yield _line(booking, None, headers[0] if len(headers) == 1 else None, 0, is_alone=True)
    for number, (detail, header) in enumerate(details, 1):
        yield _line(booking, detail, header, number, is_alone=len(details) == 1)


def _line(
    booking: etree._Element, detail: etree._Element | None, header: etree._Element | None, number: int, is_alone: bool
) -> Row:
    def of(element: etree._Element | None, path: str) -> str | None:
        return None if element is None else _text(element, path)

    count = _whole(of(header, "NbOfTxs"))
    amounts = (
        [] if detail is None else [_at(detail, path) for path in ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt")]
    )
    stated = next((found[0] for found in amounts if found and _own(found[0])), None)
    if stated is None and is_alone and (detail is None or count in (None, 0, 1)):
        stated = _at(booking, "Amt")[0]
    code, text = _reason([] if detail is None else _at(detail, "RtrInf"), "return")
    return {
        "detail_number": number,
        "booking_date": _day(_text(booking, "BookgDt/Dt") or _text(booking, "BookgDt/DtTm")),
        "value_date": _day(_text(booking, "ValDt/Dt") or _text(booking, "ValDt/DtTm")),
        "direction": {"DBIT": "debit", "CRDT": "credit"}[of(detail, "CdtDbtInd") or _text(booking, "CdtDbtInd") or ""],
        "amount_idr": _rupiah(stated),
        "entry_amount_idr": _rupiah(_at(booking, "Amt")[0]),
        "currency": None if stated is None else stated.get("Ccy"),
        "status": _text(booking, "Sts/Cd") or _text(booking, "Sts/Prtry") or _text(booking, "Sts"),
        "is_reversal": _text(booking, "RvslInd") in ("true", "1"),
        "end_to_end_id": _reference(of(detail, "Refs/EndToEndId")),
        "message_id": _reference(of(detail, "Refs/MsgId") or of(header, "MsgId")),
        "payment_information_id": _reference(of(detail, "Refs/PmtInfId") or of(header, "PmtInfId")),
        "bank_reference": of(detail, "Refs/AcctSvcrRef") or _text(booking, "AcctSvcrRef"),
        "return_code": code,
        "transaction_count": count,
        "reason_text": text or of(detail, "AddtlTxInf") or _text(booking, "AddtlNtryInf"),
    }


CAUTION = ["find_earlier", "hold_for_person", "review", "stop_file", "fix_account", "retry_later"]


def _reason(elements: list[etree._Element], code_list: str) -> tuple[str | None, str | None]:
    """The code that frees least, of equals the first; all other codes and texts in order, `; ` between."""
    words = []
    for element in elements:
        for child in element.iterchildren("{*}Rsn", "{*}AddtlInf"):
            is_reason = etree.QName(child).localname == "Rsn"
            text = (_text(child, "Cd") or _text(child, "Prtry")) if is_reason else _own(child)
            if text:
                words.append((is_reason, text))
    codes = [text for is_code, text in words if is_code]
    listed = [text for text in codes if (code_list, text) in REMEDY]
    code = min(listed, key=lambda text: CAUTION.index(REMEDY[code_list, text]), default=next(iter(codes), None))
    if code is not None:
        words.remove((True, code))
    return code, "; ".join(text for _, text in words) or None


def _root(data: bytes) -> etree._Element:
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))


def _at(element: etree._Element, path: str) -> list[etree._Element]:
    return element.findall("/".join(f"{{*}}{step}" for step in path.split("/")))


def _own(element: etree._Element) -> str | None:
    """An element's own text: comments, instructions and children inside are skipped, white space around it goes."""
    pieces = [element.text or "", *(child.tail or "" for child in element)]
    return "".join(pieces).strip(" \t\r\n") or None


def _text(element: etree._Element, path: str) -> str | None:
    found = _at(element, path)
    return _own(found[0]) if found else None


def _reference(text: str | None) -> str | None:
    return None if text == "NOTPROVIDED" else text


def _whole(text: str | None) -> int | None:
    if text is None:
        return None
    before, _, after = text.partition(".")
    is_whole = before.isascii() and before.isdigit() and set(after) <= {"0"} and len(before) <= 18
    return int(before) if is_whole else None


def _currency(balance: etree._Element) -> str | None:
    return _at(balance, "Amt")[0].get("Ccy")


def _rupiah(amount: etree._Element | None) -> int | None:
    return _whole(_own(amount)) if amount is not None and amount.get("Ccy") == "IDR" else None


def _balance(balance: etree._Element | None) -> int | None:
    if balance is None:
        return None
    amount = _rupiah(_at(balance, "Amt")[0])
    return -amount if amount is not None and _text(balance, "CdtDbtInd") == "DBIT" else amount


def _balance_day(balance: etree._Element | None) -> str | None:
    return None if balance is None else _text(balance, "Dt/Dt") or _text(balance, "Dt/DtTm")


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=JAKARTA)
    return at.astimezone(UTC) if 2000 <= at.year < 2100 else None


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    if "T" not in text:
        return date.fromisoformat(text[:10])
    at = datetime.fromisoformat(text)
    return (at.astimezone(JAKARTA) if at.tzinfo else at).date()
