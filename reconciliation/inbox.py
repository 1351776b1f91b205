"""What a bank has left, taken in: the bytes are kept first, then told apart by content and read.

Each file ends in one place: taken, seen before, or quarantined with a reason. One that cannot be read never stops the
next. Nothing is told from a file's name, and nothing of a file's content is logged.
"""

import logging
from collections.abc import Container
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from banks.formats import OtherMessage, UnreadableFile, camt053, camt054, pain002
from banks.formats.reader import sniff
from schemas.errors import SalurError
from schemas.tables import empty

log = logging.getLogger(__name__)

STATUS_REPORT, STATEMENT, NOTIFICATION, UNTOLD = "status_report", "statement", "notification", "untold"
TAKEN, REPEATED, QUARANTINED = "taken", "repeated", "quarantined"
_TAKEN_KINDS = "status reports (pain.002), statements (camt.053) and notifications (camt.054)"
_READER_FAILURES = (SalurError, pa.ArrowException, ArithmeticError, LookupError, TypeError, ValueError)


class Keeper(Protocol):
    """Where bytes are kept before anything else happens to them; the ledger's archive is one."""

    def put(self, data: bytes) -> str:
        """Keep the bytes; returns the SHA-256 under which they are found again."""


@dataclass(frozen=True)
class Received:
    """One file as it was received. `reason` says why it is quarantined; `findings` what in it was not taken as it stands.

    `stated_at` is when the bank says that it wrote a status report. `responses` is responses.v1, `statements` and `entries` their v1; all without rows unless the file was taken.
    A notification has entries and no statement.
    """

    bank: str
    file_name: str
    sha256: str
    byte_count: int
    kind: str
    state: str
    reason: str | None = None
    findings: tuple[str, ...] = ()
    stated_at: datetime | None = None
    responses: pa.Table = field(default_factory=lambda: empty("responses.v1"))
    statements: pa.Table = field(default_factory=lambda: empty("statements.v1"))
    entries: pa.Table = field(default_factory=lambda: empty("entries.v1"))

    @property
    def row_count(self) -> int:
        """How many rows were read from it."""
        return int(self.responses.num_rows + self.entries.num_rows)


def take(data: bytes, bank: str, name: str, archive: Keeper, known: Container[str]) -> Received:
    """Take one file of a bank. The bytes are archived whatever they are; `TryLater` if they cannot be.

    The same bytes again, under whatever name, are `repeated` and are read no more.
    """
    key = archive.put(data)
    kind = sniff(data) or UNTOLD
    if key in known:
        log.info("%s: file %s was received before; nothing changes", bank, key[:12])
        return Received(bank, name, key, len(data), kind, REPEATED)
    received = _read(data, bank, name, key, kind)
    if received.state == QUARANTINED:
        log.warning("%s: file %s is quarantined: %s", bank, key[:12], received.reason)
    return received


def _read(data: bytes, bank: str, name: str, key: str, kind: str) -> Received:
    def quarantined(reason: str) -> Received:
        return Received(bank, name, key, len(data), kind, QUARANTINED, reason)

    if not data:
        return quarantined("The file is empty.")
    taken = Received(bank, name, key, len(data), kind, TAKEN)
    try:
        if kind == STATEMENT:
            read = camt053.read(data)
            return replace(taken, findings=read.findings, statements=read.statements, entries=read.entries)
        if kind == NOTIFICATION:
            told = camt054.read(data)
            return replace(taken, findings=told.findings, entries=told.entries)
        report = pain002.read(data)  # what shows no kind is read as a status report, to say why it is none
        stated = {"stated_at": report.created_at, "responses": report.responses}
        return replace(taken, findings=report.findings, **stated)
    except OtherMessage as error:
        return quarantined(f"It is a {error.found}; taken are {_TAKEN_KINDS}.")
    except UnreadableFile as error:
        return quarantined(error.why)
    except _READER_FAILURES as error:
        # Our reader's fault, not known until now. The other files still count. An error's text may quote the file.
        log.error("%s: the reader failed on file %s: %s", bank, key[:12], type(error).__name__)
        return quarantined(f"The reader failed ({type(error).__name__}); the bytes are kept.")
