"""Append-only events, each bearing the hash of the one before. Whoever changes the past breaks every later hash."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ledger import store
from ledger.instants import to_micros
from schemas.errors import EvidenceDamaged

GENESIS = "0" * 64


def event_hash(seq: int, at_us: int, actor: str, kind: str, subject: str, details: str, previous_hash: str) -> str:
    """SHA-256 over the event's fields in a fixed JSON form and the previous hash."""
    body = json.dumps(
        [seq, at_us, actor, kind, subject, details, previous_hash], ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(body.encode()).hexdigest()


_HEAD = sa.select(store.events.c.seq, store.events.c.hash).order_by(store.events.c.seq.desc()).limit(1)


def head(connection: sa.Connection) -> tuple[int, str]:
    """How many events there are, and the hash of the last: the whole record up to now in one line."""
    last = store.rows(connection, _HEAD)
    return (int(last[0][0]), str(last[0][1])) if last else (0, GENESIS)


def append(
    connection: sa.Connection, *, at: datetime, actor: str, kind: str, subject: str, details: Mapping[str, Any]
) -> str:
    """Add one event within the caller's transaction; returns its hash. Details carry identifiers and counts only."""
    events = store.events
    count, previous = head(connection)
    seq = count + 1
    text = json.dumps(details, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    at_us = to_micros(at)
    digest = event_hash(seq, at_us, actor, kind, subject, text, previous)
    store.insert(
        connection,
        events,
        [
            {
                "seq": seq,
                "at": at_us,
                "actor": actor,
                "kind": kind,
                "subject": subject,
                "details": text,
                "previous_hash": previous,
                "hash": digest,
            }
        ],
    )
    return digest


def verify(connection: sa.Connection) -> int:
    """Re-hash every event from the first; returns how many there are. A break in the chain is `EvidenceDamaged`."""
    events = store.events
    previous, expected = GENESIS, 1
    for row in connection.execute(sa.select(events).order_by(events.c.seq)):
        again = event_hash(row.seq, row.at, row.actor, row.kind, row.subject, row.details, previous)
        if row.seq != expected or row.previous_hash != previous or row.hash != again:
            raise EvidenceDamaged(
                f"The event chain is broken at event {expected}.",
                "An event was changed, removed or put in.",
                "Restore the ledger from a copy and compare.",
            )
        previous, expected = row.hash, expected + 1
    return expected - 1
