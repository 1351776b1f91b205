"""Source rows as they were taken: every distinct row of every drop, and the questions that intake and the rules ask."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ledger import store

TABLES: dict[str, sa.Table] = {
    "participants": store.source_participants,
    "accounts": store.source_accounts,
    "trainings": store.source_trainings,
    "completions": store.source_completions,
    "blocklist": store.source_blocklist,
    "surveys": store.source_surveys,
}
KEYS: dict[str, list[str]] = {
    "participants": ["participant_id"],
    "accounts": ["participant_id", "version"],
    "trainings": ["training_id"],
    "completions": ["completion_id"],
    "blocklist": ["nik_mac", "source"],
    "surveys": ["participant_id", "number"],
}
_IN_MAX = 10_000


def columns(name: str) -> list[str]:
    """The columns under which a source table is kept."""
    return [column.name for column in TABLES[name].columns]


def add(connection: sa.Connection, name: str, rows: pa.Table) -> int:
    """Keep the rows that are not known yet; returns how many were new."""
    return store.insert_new(connection, TABLES[name], rows)


def _repeated(name: str, drop_id: str | None = None) -> sa.Subquery:
    """The keys of a source table with more than one distinct row (and at least one of the given drop)."""
    table = TABLES[name]
    keys = [table.c[key] for key in KEYS[name]]
    query = sa.select(*keys).group_by(*keys).having(sa.func.count() > 1)
    if drop_id is not None:
        query = query.having(sa.func.sum(sa.case((table.c.drop_id == drop_id, 1), else_=0)) > 0)
    return query.subquery()


def _on(name: str, repeated: sa.Subquery) -> sa.ColumnElement[bool]:
    return sa.and_(*(TABLES[name].c[key] == repeated.c[key] for key in KEYS[name]))


def of_one_row(connection: sa.Connection, name: str, wanted: Sequence[str]) -> pa.Table:
    """The rows of keys that have one row."""
    repeated = _repeated(name)
    query = sa.select(*(TABLES[name].c[column] for column in wanted)).outerjoin(repeated, _on(name, repeated))
    return store.read(connection, query.where(repeated.c[KEYS[name][0]].is_(None)))


def of_several_rows(
    connection: sa.Connection, name: str, wanted: Sequence[str], drop_id: str | None = None
) -> pa.Table:
    """The rows whose key has more than one; with `drop_id`, only of keys that this drop has a row of."""
    repeated = _repeated(name, drop_id)
    query = sa.select(*(TABLES[name].c[column] for column in wanted))
    return store.read(connection, query.join(repeated, _on(name, repeated)))


def set_aside(connection: sa.Connection, rows: Iterable[dict[str, Any]]) -> int:
    """Add rows to the quarantine; one that is there already is not added again. Returns how many were new."""
    return store.insert_new(connection, store.quarantine, list(rows))


def people_by_decision(connection: sa.Connection, drop_id: str) -> dict[str, int]:
    """How many people a drop has brought anew for each SK number."""
    p = store.source_participants.c
    query = sa.select(p.sk_number, sa.func.count(sa.distinct(p.participant_id))).where(p.drop_id == drop_id)
    return {str(number): int(count) for number, count in connection.execute(query.group_by(p.sk_number))}


def sealed_accounts(connection: sa.Connection, participants: Sequence[str]) -> pa.Table:
    """Account rows with their seals: participant_id, version, account_mac, owner_name_mac, sealed."""
    a = store.source_accounts.c
    return _of_people(connection, participants, a.participant_id, a.version, a.account_mac, a.owner_name_mac, a.sealed)


def sealed_participants(connection: sa.Connection, participants: Sequence[str]) -> pa.Table:
    """Participant rows with their seals: participant_id, recorded_at, name_mac, sealed."""
    p = store.source_participants.c
    return _of_people(connection, participants, p.participant_id, p.recorded_at, p.name_mac, p.sealed)


def _of_people(connection: sa.Connection, participants: Sequence[str], *wanted: Any) -> pa.Table:
    parts = [
        store.read(connection, sa.select(*wanted).where(wanted[0].in_(participants[i : i + _IN_MAX])))
        for i in range(0, max(len(participants), 1), _IN_MAX)
    ]
    return pa.concat_tables(parts)


def is_known(connection: sa.Connection, participant: str) -> bool:
    """Whether a participant was ever taken."""
    p = store.source_participants.c.participant_id
    return connection.execute(sa.select(p).where(p == participant)).first() is not None


def rows_about(connection: sa.Connection, name: str, participant: str, hidden: frozenset[str]) -> pa.Table:
    """All rows of a table about one participant, without the hidden columns."""
    table = TABLES[name]
    query = sa.select(*(column for column in table.columns if column.name not in hidden))
    return store.read(connection, query.where(table.c.participant_id == participant))


def taken_drops(connection: sa.Connection) -> pa.Table:
    """Every drop that was taken, oldest first."""
    return store.read(connection, sa.select(store.drops).order_by(store.drops.c.taken_at, store.drops.c.drop_id))
