"""The files that banks sent and that were read, as a reconciliation takes them up again and again."""

from typing import NamedTuple

import sqlalchemy as sa

from ledger import store


class TakenFile(NamedTuple):
    """A received file that was read: its running number, digest, bank and kind, the archive's keys of its tables, and when the bank
    wrote it, in microseconds."""

    seq: int
    sha256: str
    bank: str
    kind: str
    archive_key: str
    stated_at: int | None


def taken_files(connection: store.Connection, state: str) -> list[TakenFile]:
    """The files received that are in this state, in the order in which they were taken."""
    return [TakenFile(*row) for row in store.rows(connection, _TAKEN_FILES, state=state)]


_I = store.inbound_files.c
_TAKEN_FILES = (
    sa.select(*(_I[name] for name in TakenFile._fields)).where(_I.state == sa.bindparam("state")).order_by(_I.seq)
)
