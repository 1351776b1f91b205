"""What reports and auditors ask of the ledger beyond the day's work: who agreed, who acted, what stands over all periods."""

from functools import cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ledger import store
from ledger.chain import GENESIS
from ledger.queries import latest
from schemas.fields import DATE, FLAG, INSTANT, TEXT, WHOLE


def head(connection: sa.Connection) -> tuple[int, str]:
    """How many events there are, and the hash of the last; that of nothing is 64 zeros."""
    e = store.events.c
    row = connection.execute(sa.select(e.seq, e.hash).order_by(e.seq.desc()).limit(1)).first()
    return (row.seq, row.hash) if row else (0, GENESIS)


def details_of_kind(connection: sa.Connection, kind: str) -> list[tuple[str, str]]:
    """Subject and details (JSON) of every event of a kind, oldest first."""
    e = store.events.c
    rows = connection.execute(sa.select(e.subject, e.details).where(e.kind == kind).order_by(e.seq))
    return [(row.subject, row.details) for row in rows]


def consents(connection: sa.Connection) -> pa.Table:
    """Every consent and when it was used: purpose, subject, digest, person, via, at, used_at; oldest first."""
    names = ("purpose", "subject", "digest", "person", "via")
    schema = pa.schema([*((name, TEXT) for name in names), ("at", INSTANT), ("used_at", INSTANT)])
    return store.read(connection, _consents(), schema, {})


@cache
def _consents() -> sa.Select[Any]:
    c, u = store.consents.c, store.consent_uses.c
    on = sa.and_(c.purpose == u.purpose, c.subject == u.subject, c.digest == u.digest)
    return (
        sa.select(c.purpose, c.subject, c.digest, c.person, c.via, c.at, u.at.label("used_at"))
        .outerjoin(store.consent_uses, on)
        .order_by(c.seq)
    )


def acts(connection: sa.Connection) -> pa.Table:
    """What people did by hand: holds, stops, acts on cases, on reissues and on wrong statements (kind, subject, person, reason,
    at), oldest first.
    """
    h, b, x, r = store.holds.c, store.brakes.c, store.exception_acts.c, store.reissue_acts.c
    s = store.supersession_acts.c
    found = sa.union_all(
        sa.select(h.act.label("kind"), h.participant_id.label("subject"), h.person, h.reason, h.at),
        sa.select(b.act, sa.literal("sending"), b.person, b.reason, b.at),
        sa.select(x.act, x.break_id, x.person, x.note, x.at),
        sa.select(r.act, r.subject, r.person, r.reason, r.at),
        sa.select(s.act, s.statement_id, s.person, s.reason, s.at),
    ).subquery()
    query = sa.select(found).order_by(*(found.c[name] for name in ("at", "kind", "subject", "person", "reason")))
    return store.read(connection, query)


def decisions_people(connection: sa.Connection) -> pa.Table:
    """Each SK-PKP as its drop states it, beside the people taken: sk_number, row_count, amount_idr, taken, revoked.

    Where drops state one decision differently the largest counts. `revoked` are those ever reported as revoked.
    """
    d, p = store.decisions_people.c, store.source_participants.c
    stated = (
        sa.select(
            d.sk_number, sa.func.max(d.row_count).label("row_count"), sa.func.max(d.amount_idr).label("amount_idr")
        )
        .group_by(d.sk_number)
        .subquery()
    )
    is_revoked = sa.case((p.status == "revoked", p.participant_id))
    taken = (
        sa.select(
            p.sk_number,
            sa.func.count(sa.distinct(p.participant_id)).label("taken"),
            sa.func.count(sa.distinct(is_revoked)).label("revoked"),
        )
        .group_by(p.sk_number)
        .subquery()
    )
    query = (
        sa.select(
            stated.c.sk_number,
            stated.c.row_count,
            stated.c.amount_idr,
            sa.func.coalesce(taken.c.taken, 0).label("taken"),
            sa.func.coalesce(taken.c.revoked, 0).label("revoked"),
        )
        .outerjoin(taken, stated.c.sk_number == taken.c.sk_number)
        .order_by(stated.c.sk_number)
    )
    return store.read(connection, query, _whole("sk_number", "row_count amount_idr taken revoked"))


def decisions_until(connection: sa.Connection, period: str) -> list[tuple[str, str]]:
    """(period, archive's key of the decisions in force) of this and every earlier period that was decided, latest first."""
    runs = store.entitlement_runs.c
    last = sa.select(sa.func.max(runs.seq)).where(runs.period <= period).group_by(runs.period)
    query = sa.select(runs.period, runs.archive_key).where(runs.seq.in_(last)).order_by(runs.period.desc())
    return [(row.period, row.archive_key) for row in connection.execute(query)]


def _whole(texts: str, numbers: str) -> pa.Schema:
    return pa.schema([*((name, TEXT) for name in texts.split()), *((name, WHOLE) for name in numbers.split())])


def blocklist(connection: sa.Connection, on: Any) -> pa.Table:
    """The blocklist by source: source, row_count (people ever listed), in_force on a date, listed_on (the last)."""
    b = store.source_blocklist.c
    ends = sa.or_(b.delisted_on.is_(None), b.delisted_on > on)
    query = (
        sa.select(
            b.source,
            sa.func.count(sa.distinct(b.nik_mac)).label("row_count"),
            sa.func.count(sa.distinct(sa.case((ends, b.nik_mac)))).label("in_force"),
            sa.func.max(b.listed_on).label("listed_on"),
        )
        .group_by(b.source)
        .order_by(b.source)
    )
    return store.read(
        connection,
        query,
        pa.schema([("source", TEXT), ("row_count", WHOLE), ("in_force", WHOLE), ("listed_on", DATE)]),
    )


def standing(connection: sa.Connection) -> pa.Table:
    """Instructions of all periods by where they stand: period, state, people, amount_idr."""
    state = _state()
    query = (
        sa.select(
            store.instructions.c.period,
            state.label("state"),
            sa.func.count().label("people"),
            sa.func.sum(store.instructions.c.amount_idr).label("amount_idr"),
        )
        .select_from(_with_state())
        .group_by(store.instructions.c.period, state)
        .order_by(store.instructions.c.period, state)
    )
    return store.read(connection, query, _whole("period state", "people amount_idr"))


def next_attempts(connection: sa.Connection) -> pa.Table:
    """Where each reissue stands: participant_id, benefit, sequence, attempt (the one before it), next_state."""
    i = store.instructions.c
    query = (
        sa.select(
            i.participant_id, i.benefit, i.sequence, i.previous_attempt.label("attempt"), _state().label("next_state")
        )
        .select_from(_with_state())
        .where(i.previous_attempt.is_not(None))
        .order_by(i.participant_id, i.benefit, i.sequence, i.attempt)
    )
    schema = pa.schema(
        [("participant_id", TEXT), ("benefit", TEXT), ("sequence", WHOLE), ("attempt", WHOLE), ("next_state", TEXT)]
    )
    return store.read(connection, query, schema)


_FILED = latest(store.file_states, "file_name")
_OWN = latest(store.instruction_states, "end_to_end_id")


def _state() -> sa.ColumnElement[str]:
    return sa.func.coalesce(_OWN.c.state, _FILED.c.state, "drafted")


def _with_state() -> sa.FromClause:
    i = store.instructions
    return i.outerjoin(_OWN, i.c.end_to_end_id == _OWN.c.end_to_end_id).outerjoin(
        _FILED, i.c.file_name == _FILED.c.file_name
    )


def shared_accounts(connection: sa.Connection, period: str) -> int:
    """How many accounts of the period's instructions are paid for more than one participant."""
    i = store.instructions.c
    several = (
        sa.select(i.account_mac)
        .where(i.period == period)
        .group_by(i.account_mac)
        .having(sa.func.count(sa.distinct(i.participant_id)) > 1)
        .subquery()
    )
    return int(connection.scalar(sa.select(sa.func.count()).select_from(several)) or 0)


def last_checks(connection: sa.Connection, period: str) -> pa.Table:
    """The last result of each check of the period's runs, and of intake and collection, which belong to no period."""
    c = store.check_results.c
    last = (
        sa.select(sa.func.max(c.seq))
        .where(sa.or_(c.period == period, c.period.is_(None)))
        .group_by(c.step, c.table, c.expectation, c.column, c.action)
    )
    query = (
        sa.select(
            c.step, c.table, c.expectation, c.column, c.action, c.success, c.failed_count, c.row_count, c.observed, c.at
        )
        .where(c.seq.in_(last))
        .order_by(c.step, c.table, c.expectation, c.column.nulls_first(), c.action)
    )
    texts = [(name, TEXT) for name in ("step", "table", "expectation", "column", "action")]
    more = [("success", FLAG), ("failed_count", WHOLE), ("row_count", WHOLE), ("observed", TEXT), ("at", INSTANT)]
    return store.read(connection, query, pa.schema([*texts, *more]))


def quarantined(connection: sa.Connection) -> pa.Table:
    """Rows set aside: table, reason, row_count."""
    q = store.quarantine.c
    query = sa.select(q.table, q.reason, sa.func.count().label("row_count")).group_by(q.table, q.reason)
    return store.read(connection, query.order_by(q.table, q.reason))


def states_of(connection: sa.Connection, file_name: str, end_to_end_id: str) -> pa.Table:
    """Every state that an instruction went through, its file's and its own, oldest first."""
    schema = pa.schema([("state", TEXT), ("reason_code", TEXT), ("evidence", TEXT), ("at", INSTANT)])
    f, i = store.file_states.c, store.instruction_states.c
    filed = sa.select(f.state, sa.null().label("reason_code"), f.evidence, f.at).where(f.file_name == file_name)
    own = sa.select(i.state, i.reason_code, i.evidence, i.at).where(i.end_to_end_id == end_to_end_id)
    return pa.concat_tables(
        [store.read(connection, query.order_by(c.seq), schema) for query, c in ((filed, f), (own, i))]
    )


def holds_of(connection: sa.Connection, participant: str) -> pa.Table:
    """Every hold of one person and its end, oldest first."""
    h = store.holds
    return store.read(connection, sa.select(h).where(h.c.participant_id == participant).order_by(h.c.seq))


def events_on(connection: sa.Connection, subjects: set[str]) -> pa.Table:
    """Every event about one of some subjects, as events.v1 in their order."""
    e = store.events
    return store.read(connection, sa.select(e).where(e.c.subject.in_(sorted(subjects))).order_by(e.c.seq))
