"""The debit and credit notification (camt.054) of a simulated bank: bookings told before a statement shows them."""

from collections.abc import Sequence
from datetime import datetime, time

from simulator.descriptions import JAKARTA, BankDescription
from simulator.statement import Entry, entries_of, summary


def write_notification(number: int, entries: Sequence[Entry], bank: BankDescription) -> bytes:
    """The entries as a complete camt.054 in the version of the bank's statements, UTF-8; created at 12:00 of the last day.

    A notification has no balances: it proves no account, it only tells earlier.
    """
    created = datetime.combine(max(entry.booking_date for entry in entries), time(12), JAKARTA).isoformat()
    identifier = f"{bank.code.upper()}-NTFY-{number:06}"
    message = bank.camt053.replace("camt.053", "camt.054")
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{message}"><BkToCstmrDbtCdtNtfctn>\n'
        f"<GrpHdr><MsgId>{identifier}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>\n"
        f"<Ntfctn><Id>{identifier}</Id><CreDtTm>{created}</CreDtTm>"
        f"<Acct><Id><Othr><Id>{bank.debtor_account}</Id></Othr></Id><Ccy>IDR</Ccy></Acct>\n"
    )
    text += summary(entries) + entries_of(entries, bank) + "</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>\n"
    return text.encode("utf-8")
