"""camt.054: a bank's debit and credit notifications, which tell bookings before a statement shows them, to `entries.v1`.

A notification has no balances and proves no account: it only tells earlier. `statement_id` of its entries is its own id.
What an entry becomes is said in `banks.formats.bookings`.
"""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from banks.formats import UnreadableFile
from banks.formats.bookings import RECORDS, only, read_bookings, split_entries
from banks.formats.columns import Findings
from banks.formats.reader import Layout, parse

LAYOUT = Layout("camt.054", 2, 13, "BkToCstmrDbtCdtNtfctn", "camt054.yaml", ("Ntfctn", *RECORDS))


class Notifications(NamedTuple):
    """The bookings that a file's notifications tell, and what in them could not be taken as it stands."""

    entries: pa.Table
    findings: tuple[str, ...]


def read(data: bytes) -> Notifications:
    """The notifications in `data`, camt.054.001.02 to .13; raises `UnreadableFile` with the reason.

    Amounts, directions and findings are as `banks.formats.camt053` says of statements.
    """
    message = parse(data, LAYOUT)
    findings = Findings()
    own, entries = split_entries(message)
    documents = [
        {"statement": number, "statement_id": _id(own.filter(pc.equal(own["statement"], number)))}
        for number in pc.unique(message.tables["part"]["statement"]).to_pylist()
    ]
    message.expect("Ntfctn", len(documents))
    if not documents:
        raise UnreadableFile("It holds no notification.")
    ids = {document["statement_id"] for document in documents}
    findings.add(len(documents) - len(ids), "a notification's id stands more than once")
    told = read_bookings(message, entries, pa.Table.from_pylist(documents), findings)
    return Notifications(told, tuple(findings.sentences))


def _id(own: pa.Table) -> str:
    found = only(own, "statement_id")
    if found is None:
        raise UnreadableFile("A notification has no id.")
    return found
