"""camt.053: a bank's statements to `statements.v1` and, entry by entry and detail by detail, `entries.v1`.

What an entry becomes is said in `banks.formats.bookings`.
"""

from collections import Counter
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from banks.formats import UnreadableFile
from banks.formats.bookings import RECORDS, only, read_bookings, split_entries
from banks.formats.columns import Findings, array, dates, moments, rupiah, whole
from banks.formats.reader import Layout, Message, parse
from schemas.tables import conform

LAYOUT = Layout("camt.053", 2, 13, "BkToCstmrStmt", "camt053.yaml", ("Stmt", *RECORDS))
OPENING, CLOSING = ("OPBD", "PRCD"), ("CLBD",)
"""Booked balances at the start (else the previous closing one) and at the end; interim and available ones prove nothing."""


class Statements(NamedTuple):
    """The statements of a file, their entries with details, and what in them could not be taken as it stands."""

    statements: pa.Table
    entries: pa.Table
    findings: tuple[str, ...]


def read(data: bytes) -> Statements:
    """The statements in `data`, camt.053.001.02 to .13; raises `UnreadableFile` with the reason.

    Amounts are whole rupiah; one in another currency or with a fraction is null, and a finding. Directions are seen from
    our account and are what was booked: the reversal of a debit is a credit with `is_reversal`.
    """
    message = parse(data, LAYOUT)
    findings = Findings()
    own, entries = split_entries(message)
    statements = _statements(message, own, entries, findings)
    return Statements(
        conform(statements.drop_columns(["statement"]), "statements.v1"),
        read_bookings(message, entries, statements, findings),
        tuple(findings.sentences),
    )


def _statements(message: Message, own: pa.Table, entries: pa.Table, findings: Findings) -> pa.Table:
    written_at = only(message.tables["message"], "written_at")
    rows = [
        _statement(number, own.filter(pc.equal(own["statement"], number)), written_at)
        for number in pc.unique(message.tables["part"]["statement"]).to_pylist()
    ]
    message.expect("Stmt", len(rows))
    if not rows:
        raise UnreadableFile("It holds no statement.")
    ids = [row["statement_id"] for row in rows]
    findings.add(len(ids) - len(set(ids)), "a statement's id stands more than once")
    numbers = Counter(array(entries["statement"]).to_pylist())
    texts = pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in rows[0] if name != "statement"]))
    columns = {name: array(texts[name]) for name in texts.column_names}
    opening, closing = (_balances(columns, name, findings) for name in ("opening", "ending"))
    return pa.table(
        {
            "statement": [row["statement"] for row in rows],
            "statement_id": columns["statement_id"],
            "account": columns["account"],
            "currency": columns["currency"],
            "sequence_number": whole(columns["sequence_number"], findings, "a statement's number"),
            "from_date": dates(columns["from_date"], findings, "a statement's first day"),
            "to_date": dates(columns["to_date"], findings, "a statement's last day"),
            "opening_idr": opening,
            "closing_idr": closing,
            "row_count": [numbers[row["statement"]] for row in rows],
            "stated_at": moments(columns["written_at"], findings, "a statement's creation time"),
        }
    )


def _statement(number: int, own: pa.Table, written_at: str | None) -> dict[str, str | int | None]:
    """One statement's own fields as texts; it was written when its message was, unless it says otherwise."""

    def first(name: str) -> str | None:
        return only(own, name)

    balances = {row["balance_type"]: row for row in reversed(own.to_pylist()) if row["balance_type"]}
    none = dict.fromkeys(own.column_names)
    opening = next((balances[code] for code in OPENING if code in balances), none)
    ending = next((balances[code] for code in CLOSING if code in balances), none)
    statement_id = first("statement_id")
    if statement_id is None:
        raise UnreadableFile("A statement has no id.")
    return {
        "statement": number,
        "statement_id": statement_id,
        "account": first("account") or first("iban"),
        "currency": first("account_currency") or opening["balance_currency"],
        "sequence_number": first("electronic_number") or first("legal_number"),
        "from_date": first("from_date") or _balance_date(balances.get("OPBD", none)),
        "to_date": first("to_date") or _balance_date(ending),
        "written_at": first("written_at") or written_at,
        "opening_balance": opening["balance"],
        "opening_side": opening["balance_side"],
        "opening_currency": opening["balance_currency"],
        "ending_balance": ending["balance"],
        "ending_side": ending["balance_side"],
        "ending_currency": ending["balance_currency"],
    }


def _balances(columns: dict[str, pa.Array], name: str, findings: Findings) -> pa.Array:
    """Whole rupiah, below zero where the balance is a debit."""
    amount = rupiah(columns[f"{name}_balance"], columns[f"{name}_currency"], findings, f"an {name} balance")
    is_debit = pc.fill_null(pc.equal(columns[f"{name}_side"], "DBIT"), False)
    return pc.if_else(is_debit, pc.negate(amount), amount)


def _balance_date(balance: dict[str, str | None]) -> str | None:
    return balance["balance_date"] or balance["balance_at"]
