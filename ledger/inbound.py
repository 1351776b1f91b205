"""What banks sent: the questions about the files that were received, and of which periods they speak."""

from functools import cache
from typing import Any, NamedTuple

import pyarrow as pa
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


def inbound(connection: sa.Connection, kind: str | None = None) -> pa.Table:
    """Files received, in the order in which they were taken."""
    only = store.given(kind=kind)
    return store.read(connection, _inbound(*only), values=only)


@cache
def _inbound(*only: str) -> sa.Select[Any]:
    i = store.inbound_files
    return sa.select(i).where(*(i.c[name] == sa.bindparam(name) for name in only)).order_by(i.c.seq)


def recorded_names(connection: sa.Connection, bank: str) -> set[tuple[str, int, int]]:
    """(name, size, listed time) of each file of a bank that was fetched before."""
    return set(store.rows(connection, _RECORDED_NAMES, bank=bank))


_N = store.inbound_names.c
_RECORDED_NAMES = sa.select(_N.file_name, _N.byte_count, _N.listed_at).where(_N.bank == sa.bindparam("bank"))


def received(connection: sa.Connection, bank: str) -> set[str]:
    """SHA-256 of every file that was taken from a bank."""
    return {sha256 for (sha256,) in store.rows(connection, _RECEIVED, bank=bank)}


_RECEIVED = sa.select(store.inbound_files.c.sha256).where(store.inbound_files.c.bank == sa.bindparam("bank"))


def unreconciled_periods(connection: sa.Connection) -> list[str]:
    """The periods of which something was received that no reconciliation of theirs has seen, sorted."""
    return [period for (period,) in store.rows(connection, _unreconciled())]


@cache
def _unreconciled() -> sa.Select[Any]:
    i, r = store.inbound_periods.c, store.reconciled_evidence.c
    seen = sa.select(sa.func.max(r.seq)).where(r.period == i.period).scalar_subquery()
    return sa.select(i.period).distinct().where(i.seq > sa.func.coalesce(seen, 0)).order_by(i.period)


def periods_named(connection: sa.Connection, messages: set[str], blocks: set[str], references: list[str]) -> set[str]:
    """The periods of our files and instructions that a bank's references name."""
    if not (messages or blocks or references):
        return set()
    i = store.instructions.c
    rows = store.rows(connection, _names_of_files())
    found = {period for message, block, period in rows if message in messages or block in blocks}
    for start in range(0, len(references), 10_000):
        some = references[start : start + 10_000]
        found |= set(connection.scalars(sa.select(i.period).distinct().where(i.end_to_end_id.in_(some))))
    return found


@cache
def _names_of_files() -> sa.Select[Any]:
    b, f = store.batches.c, store.files.c
    return sa.select(f.message_id, f.payment_information_id, b.period).join(store.batches, f.batch == b.batch)
