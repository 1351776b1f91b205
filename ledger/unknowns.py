"""What nobody knows the outcome of: since when, by what, and what may tell.

A file or an instruction is `unknown` because an upload broke off before the bank had confirmed it, or because a bank that
was proved to have the file said nothing by its deadline. The two differ in what may follow: the first may still be sent, once
a look at the bank proves that nothing arrived; the second never again.
"""

import json
from functools import cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ledger import store
from ledger.queries import latest
from schemas.fields import INSTANT, TEXT

SILENCE = "silence"
"""The kind of the event that records that a bank's deadline passed without an answer."""
ENTERED, CONFIRMED = "bank_answer_entered", "bank_answer"
"""Kinds of the events of a bank's written answer: as one person enters it, and as another confirms it."""

INQUIRY_EVENTS = ("inquiry_drafted", "inquiry_released", "inquiry_intended", "inquiry_refused", "inquiry_sent")
"""Kinds of the events of an inquiry, the first of which says what it is."""


def proved_submitted(connection: sa.Connection) -> set[str]:
    """The files that were ever proved to be at their bank: whatever they become, none of them is uploaded again."""
    return {name for (name,) in store.rows(connection, _PROVED_SUBMITTED)}


_S = store.file_states.c
_PROVED_SUBMITTED = sa.select(_S.file_name).distinct().where(_S.state == "submitted")


def broken_off(connection: sa.Connection) -> set[str]:
    """The files that an upload left unknown and that were never proved to be at their bank."""
    return {name for name, _ in store.rows(connection, _sent_at()[0])} - proved_submitted(connection)


def sent_at(connection: sa.Connection) -> dict[str, int]:
    """When each file left, in microseconds: when it was first proved to be at the bank, else when its last upload began."""
    return {name: at for query in _sent_at() for name, at in store.rows(connection, query)}


@cache
def _sent_at() -> tuple[sa.Select[Any], sa.Select[Any]]:
    first = sa.select(_S.file_name, sa.func.min(_S.at)).where(_S.state == "submitted").group_by(_S.file_name)
    begun = latest(store.file_states, "file_name").c
    return sa.select(begun.file_name, begun.at).where(begun.state == "unknown"), first


def on_written_word(connection: sa.Connection) -> pa.Table:
    """The instructions that stand where a bank's written answer put them: end_to_end_id, at (when it was confirmed)."""
    return store.read(connection, _on_written_word(), pa.schema([("end_to_end_id", TEXT), ("at", INSTANT)]), {})


@cache
def _on_written_word() -> sa.Select[Any]:
    own, filed = latest(store.instruction_states, "end_to_end_id").c, latest(store.file_states, "file_name").c
    i, e = store.instructions.c, store.events.c
    return (
        sa.select(i.end_to_end_id, e.at)
        .select_from(store.instructions)
        .outerjoin(own.state.table, i.end_to_end_id == own.end_to_end_id)
        .outerjoin(filed.state.table, i.file_name == filed.file_name)
        .join(store.events, e.hash == sa.func.coalesce(own.evidence, filed.evidence))
        .where(e.kind == CONFIRMED)
        .order_by(i.end_to_end_id)
    )


def unknown_files(connection: sa.Connection, period: str | None = None) -> list[dict[str, Any]]:
    """The unknown files: file_name, channel, period, transaction_count, control_sum_idr, at, kind and details of what left them so."""
    only = store.given(period=period)
    return _dicts(connection, _unknown_files(*only), only)


def _dicts(connection: sa.Connection, query: sa.Select[Any], values: store.Values) -> list[dict[str, Any]]:
    names = query.selected_columns.keys()
    return [dict(zip(names, row, strict=True)) for row in store.rows(connection, query, **values)]


@cache
def _unknown_files(*only: str) -> sa.Select[Any]:
    s, e = latest(store.file_states, "file_name").c, store.events.c
    f, b = store.files.c, store.batches.c
    query = (
        sa.select(
            f.file_name, f.channel, b.period, f.transaction_count, f.control_sum_idr, s.at, e.kind, e.details
        )
        .join(store.batches, f.batch == b.batch)
        .join(s.state.table, f.file_name == s.file_name)
        .outerjoin(store.events, e.hash == s.evidence)
        .where(s.state == "unknown")
        .order_by(f.file_name)
    )  # fmt: skip
    return query.where(*(b[name] == sa.bindparam(name) for name in only))


def unknown_alone(connection: sa.Connection, period: str | None = None) -> list[dict[str, Any]]:
    """The instructions that are unknown while their file is not: end_to_end_id, file_name, channel, period, amount_idr, at,
    and kind and details of what left them so."""
    only = store.given(period=period)
    return _dicts(connection, _unknown_alone(*only), only)


@cache
def _unknown_alone(*only: str) -> sa.Select[Any]:
    own, filed = latest(store.instruction_states, "end_to_end_id").c, latest(store.file_states, "file_name").c
    i, e = store.instructions.c, store.events.c
    query = (
        sa.select(i.end_to_end_id, i.file_name, i.channel, i.period, i.amount_idr, own.at, e.kind, e.details)
        .join(own.state.table, i.end_to_end_id == own.end_to_end_id)
        .outerjoin(filed.state.table, i.file_name == filed.file_name)
        .outerjoin(store.events, e.hash == own.evidence)
        .where(own.state == "unknown", sa.func.coalesce(filed.state, "drafted") != "unknown")
        .order_by(i.end_to_end_id)
    )
    return query.where(*(i[name] == sa.bindparam(name) for name in only))


def place_of(connection: sa.Connection, subject: str) -> dict[str, Any] | None:
    """The file that a file's name or an end-to-end id names: file_name, batch, channel, period, sha256, is_file; None of neither."""
    f, b, i = store.files.c, store.batches.c, store.instructions.c
    columns = (f.file_name, f.batch, f.channel, b.period, f.sha256)
    joined = sa.select(*columns).join(store.batches, f.batch == b.batch)
    named = connection.execute(joined.where(f.file_name == subject)).mappings().first()
    if named:
        return {**named, "is_file": True}
    holds = joined.join(store.instructions, i.file_name == f.file_name).where(i.end_to_end_id == subject)
    found = connection.execute(holds).mappings().first()
    return {**found, "is_file": False} if found else None


def inquiries(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every inquiry, in the order in which they were drafted: what was drafted, its file_name, its maker (`actor`), and the kind
    (`kind_of_event`) and hash (`evidence`) of the last event about it."""
    e = store.events.c
    rows = connection.execute(sa.select(store.events).where(e.kind.in_(INQUIRY_EVENTS)).order_by(e.seq)).mappings()
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["kind"] == INQUIRY_EVENTS[0]:
            found[row["subject"]] = json.loads(row["details"]) | {"file_name": row["subject"], "actor": row["actor"]}
        found[row["subject"]] |= {"kind_of_event": row["kind"], "evidence": row["hash"]}
    return list(found.values())
