"""What participants were told and where it was delivered: the questions about it, and how it is recorded."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from ledger import chain, queries, store
from ledger.archive import Archive
from ledger.instants import from_micros, to_micros
from ledger.parquet import get_table

KEY = ("participant_id", "benefit", "sequence")


def instructed(connection: sa.Connection) -> pa.Table:
    """Every attempt: entitlement, attempt, period, amount, dates, its state, the bank's code for it, and since when."""
    return store.read(connection, _instructed(), values={})


@cache
def _instructed() -> sa.Select[Any]:
    own = queries.latest(store.instruction_states, "end_to_end_id").c
    filed = queries.latest(store.file_states, "file_name").c
    i, e, b = store.instructions.c, store.attempt_ends.c, store.batches.c
    made = sa.select(store.events.c.subject, store.events.c.at).where(store.events.c.kind == "instructed").subquery()
    return (
        sa.select(
            *(i[name] for name in (*KEY, "attempt", "period", "amount_idr", "due_on", "last_payment_date")),
            sa.func.coalesce(own.state, filed.state, "drafted").label("state"),
            sa.func.coalesce(own.code_list, e.code_list).label("code_list"),
            sa.func.coalesce(own.reason_code, e.reason_code).label("reason_code"),
            sa.func.coalesce(own.at, filed.at, made.c.at, b.created_at).label("status_at"),
        )
        .join(store.batches, i.batch == b.batch)
        .outerjoin(own.state.table, i.end_to_end_id == own.end_to_end_id)
        .outerjoin(filed.state.table, i.file_name == filed.file_name)
        .outerjoin(store.attempt_ends, sa.and_(*(i[name] == e[name] for name in (*KEY, "attempt"))))
        .outerjoin(made, made.c.subject == i.batch)
    )


def decided(connection: sa.Connection, archive: Archive) -> Iterator[tuple[pa.Table, pa.Table, datetime]]:
    """Of each period, the last one first: decisions.v1 in force, left_out.v1, and when it was decided."""
    for period, key, at in store.rows(connection, _DECIDED):
        yield get_table(archive, key), queries.left_out(connection, archive, period), from_micros(at)


_R = store.entitlement_runs.c
_DECIDED = (
    sa.select(_R.period, _R.archive_key, _R.at)
    .where(_R.seq.in_(sa.select(sa.func.max(_R.seq)).group_by(_R.period)))
    .order_by(_R.period.desc())
)


def last_cut_off(connection: sa.Connection) -> datetime | None:
    """The latest cut-off that was decided at, of any period; None before the first decision."""
    ((micros,),) = store.rows(connection, _LAST_CUT_OFF)
    return None if micros is None else from_micros(micros)


_LAST_CUT_OFF = sa.select(sa.func.max(_R.cut_off))


def last_told(connection: sa.Connection) -> pa.Table:
    """What each entitlement's participant was told last: outcomes.v1 without the words."""
    return store.read(connection, _last_told(), values={})


@cache
def _last_told() -> sa.Select[Any]:
    t = store.told_outcomes.c
    last = sa.select(*(t[name] for name in KEY), sa.func.max(t.notice).label("notice"))
    last_of = last.group_by(*(t[name] for name in KEY)).subquery().c
    on = sa.and_(*(t[name] == last_of[name] for name in (*KEY, "notice")))
    names = (*KEY, "period", "status", "status_at", "amount_idr", "due_on", "to_do")
    return sa.select(*(t[name] for name in names)).join(last_of.notice.table, on)


def story(connection: sa.Connection, participant: str) -> list[dict[str, Any]]:
    """Everything that one participant was told, oldest first: told_outcomes with when it was kept and the notice's key."""
    t, n = store.told_outcomes.c, store.notices.c
    query = (
        sa.select(store.told_outcomes, n.at, n.archive_key)
        .join(store.notices, t.notice == n.notice)
        .where(t.participant_id == participant)
        .order_by(t.notice, t.benefit, t.sequence)
    )
    rows: list[dict[str, Any]] = store.read(connection, query).to_pylist()
    return rows


def platforms(connection: sa.Connection, participants: pa.ChunkedArray) -> pa.ChunkedArray:
    """The platforms on which each of some participants has a completion, sorted: a list of names each."""
    c = store.source_completions.c
    query = sa.select(c.participant_id, c.platform).distinct().order_by(c.participant_id, c.platform)
    rows = store.read(connection, query.where(c.participant_id.is_not(None), c.platform.is_not(None)))
    lists = rows.group_by("participant_id", use_threads=False).aggregate([("platform", "list")])
    place = pc.index_in(participants, value_set=lists["participant_id"].combine_chunks())
    none = pa.scalar([], pa.list_(pa.string()))
    return pc.coalesce(lists["platform_list"].take(place).cast(none.type), none)


def notices(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every notice with its number and the archive's key of its rows, in order."""
    return [{"notice": number, "archive_key": key} for number, key in store.rows(connection, _NOTICES)]


_N, _D = store.notices.c, store.notice_deliveries.c
_NOTICES = sa.select(_N.notice, _N.archive_key).order_by(_N.notice)
_DELIVERED = sa.select(_D.notice).where(_D.outlet == sa.bindparam("outlet"))
_LAST_NOTICE = sa.select(sa.func.coalesce(sa.func.max(_N.notice), 0))


def undelivered(connection: sa.Connection, outlet: str) -> list[dict[str, Any]]:
    """The notices that an outlet has not acknowledged, in order."""
    done = {number for (number,) in store.rows(connection, _DELIVERED, outlet=outlet)}
    return [row for row in notices(connection) if row["notice"] not in done]


def last_notice(connection: sa.Connection) -> int:
    """The number of the last notice; 0 before the first."""
    ((number,),) = store.rows(connection, _LAST_NOTICE)
    return int(number)


def save_notice(
    connection: sa.Connection,
    number: int,
    told: pa.Table,
    *,
    key: str,
    counts: dict[str, int],
    at: datetime,
    actor: str,
) -> None:
    """Record a notice and what it tells (outcomes.v1 without the words); `key` is the archive's of its rows."""
    details = {"rows": told.num_rows, "statuses": counts, "rows_sha256": key}
    event = chain.append(connection, at=at, actor=actor, kind="told", subject=name_of(number), details=details)
    row = {"notice": number, "at": to_micros(at), "row_count": told.num_rows, "archive_key": key, "details": event}
    store.insert(connection, store.notices, [row])
    numbered = told.append_column("notice", pa.repeat(pa.scalar(number, pa.int64()), told.num_rows))
    store.insert(connection, store.told_outcomes, numbered)


def save_delivery(
    connection: sa.Connection, outlet: str, number: int, acknowledgement: str, at: datetime, actor: str
) -> None:
    """Record that an outlet has acknowledged a notice, once."""
    row = {"outlet": outlet, "notice": number, "acknowledgement": acknowledgement, "at": to_micros(at)}
    if store.insert_new(connection, store.notice_deliveries, [row]):
        details = {"outlet": outlet, "acknowledgement": acknowledgement}
        chain.append(connection, at=at, actor=actor, kind="delivered", subject=name_of(number), details=details)


def name_of(number: int) -> str:
    """`outcomes-000001`: the name under which a notice is known outside."""
    return f"outcomes-{number:06d}"
