"""Every question that the steps, the desk, the CLI and the reports ask of the ledger."""

import json
from collections.abc import Sequence
from datetime import date
from functools import cache, lru_cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ledger import store
from ledger.archive import Archive
from ledger.parquet import get_table
from ledger.store import Store
from schemas.fields import DATE, INSTANT, TEXT, WHOLE
from schemas.tables import conform, empty

WITHDRAWN = "withdrawn"
_BATCH_ORDER = (
    "unknown",
    "drafted",
    "released",
    "submitted",
    "accepted",
    "debited",
    "credited",
    "returned",
    "rejected",
    "never_arrived",
    "withdrawn",
)
"""A batch of several files stands where the first of these does, so that what still needs an act shows."""


# Questions asked over and over are built once, with parameters: building one takes longer than the database takes to answer it.


@lru_cache(maxsize=64)
def latest(table: sa.Table, key: str, until_us: int | None = None) -> sa.Subquery:
    """The last state row of each subject; of those recorded by an instant, when one is given."""
    numbers = sa.select(sa.func.max(table.c.seq)).group_by(table.c[key])
    # IN, not a join: SQLite merges a subquery of one table into the query around it, and there finds a subject by its index.
    # One that joins is made first, and where SQLite guesses few rows it reads all of it for each row outside.
    last = numbers if until_us is None else numbers.where(table.c.at <= until_us)
    return sa.select(table).where(table.c.seq.in_(last)).subquery()


def file_rows(connection: sa.Connection, *, period: str | None = None, batch: str | None = None) -> pa.Table:
    """files.v1 with state, execution_date, period, digest and maker, in the order of their names."""
    only = store.given(period=period, batch=batch)
    return store.read(connection, _file_rows(*only), values=only)


@cache
def _file_rows(*only: str) -> sa.Select[Any]:
    f, b, s = store.files.c, store.batches.c, latest(store.file_states, "file_name").c
    query = (
        sa.select(
            store.files,
            sa.func.coalesce(s.state, "drafted").label("state"),
            b.execution_date,
            b.period,
            b.digest,
            b.maker,
        )
        .join(store.batches, f.batch == b.batch)
        .outerjoin(s.state.table, f.file_name == s.file_name)
        .order_by(f.file_name)
    )
    return query.where(*({"period": b.period, "batch": f.batch}[name] == sa.bindparam(name) for name in only))


def batches(ledger: Store, period: str | None = None) -> list[dict[str, Any]]:
    """Batches with channel, count, sum, digest, maker, dates and state, in the order in which they were made."""
    with ledger.reading() as connection:
        return batch_rows(connection, period)


def batch_rows(connection: sa.Connection, period: str | None = None) -> list[dict[str, Any]]:
    """`batches` within a transaction, so that what is decided on a batch's state is decided on the state that it has."""
    files = file_rows(connection, period=period).select(["batch", "state"]).to_pylist()
    only = store.given(period=period)
    rows = store.read(connection, _batch_rows(*only), values=only).to_pylist()
    states: dict[str, set[str]] = {}
    for row in files:
        states.setdefault(row["batch"], set()).add(row["state"])
    return [row | {"state": min(states.get(row["batch"], {"drafted"}), key=_BATCH_ORDER.index)} for row in rows]


@cache
def _batch_rows(*only: str) -> sa.Select[Any]:
    b = store.batches
    return sa.select(b).where(*(b.c[name] == sa.bindparam(name) for name in only)).order_by(b.c.batch)


def batch_benefits(
    connection: sa.Connection, *, period: str | None = None, batch: str | None = None
) -> dict[str, dict[str, dict[str, int]]]:
    """What each batch is made of: by batch and benefit transaction_count and amount_idr, in whole rupiah."""
    i = store.instructions.c
    query = sa.select(i.batch, i.benefit, sa.func.count(), sa.func.sum(i.amount_idr)).group_by(i.batch, i.benefit)
    if period is not None:
        query = query.where(i.period == period)
    if batch is not None:
        query = query.where(i.batch == batch)
    found: dict[str, dict[str, dict[str, int]]] = {}
    for name, benefit, count, total in connection.execute(query.order_by(i.batch, i.benefit)):
        found.setdefault(name, {})[benefit] = {"transaction_count": int(count), "amount_idr": int(total)}
    return found


_ENDS_KEY = ("participant_id", "benefit", "sequence", "attempt")


def _with_ends() -> tuple[sa.FromClause, Any, Any]:
    i, e = store.instructions.c, store.attempt_ends.c
    on = sa.and_(*(i[column] == e[column] for column in _ENDS_KEY))
    return store.instructions.outerjoin(store.attempt_ends, on), i, e


def history(connection: sa.Connection) -> pa.Table:
    """history.v1: every tranche and survey that has been instructed, that is, has an attempt which was not withdrawn."""
    schema = pa.schema(
        [("participant_id", TEXT), ("benefit", TEXT), ("sequence", WHOLE), ("period", TEXT), ("due_on", DATE)]
    )
    keys = ["participant_id", "benefit", "sequence"]
    return store.read(connection, _history(), schema, {}).join(_credits(connection), keys, join_type="left outer")


@cache
def _history() -> sa.Select[Any]:
    source, i, e = _with_ends()
    return (
        sa.select(
            i.participant_id,
            i.benefit,
            i.sequence,
            sa.func.min(i.period).label("period"),
            sa.func.min(i.due_on).label("due_on"),
        )
        .select_from(source)
        .where(sa.or_(e.end.is_(None), e.end != WITHDRAWN))
        .group_by(i.participant_id, i.benefit, i.sequence)
    )


def _credits(connection: sa.Connection) -> pa.Table:
    """When what stands as credited was credited: participant_id, benefit, sequence, credited_at.

    The day is the bank's: when it wrote the report that proves the credit. It is never later than the moment at which
    that report was recorded here, which also stands where a report bears no time.
    """
    schema = pa.schema([("participant_id", TEXT), ("benefit", TEXT), ("sequence", WHOLE), ("credited_at", INSTANT)])
    return store.read(connection, _credited(), schema, {})


@cache
def _credited() -> sa.Select[Any]:
    own, filed = latest(store.instruction_states, "end_to_end_id").c, latest(store.file_states, "file_name").c
    i, r = store.instructions.c, store.inbound_files.c
    recorded_at = sa.case((own.state.is_not(None), own.at), else_=filed.at)
    evidence = sa.case((own.state.is_not(None), own.evidence), else_=filed.evidence)
    return (
        sa.select(
            i.participant_id,
            i.benefit,
            i.sequence,
            sa.case((r.stated_at < recorded_at, r.stated_at), else_=recorded_at).label("credited_at"),
        )
        .select_from(store.instructions)
        .outerjoin(own.state.table, i.end_to_end_id == own.end_to_end_id)
        .outerjoin(filed.state.table, i.file_name == filed.file_name)
        .outerjoin(store.inbound_files, sa.and_(r.sha256 == evidence, r.bank == i.channel))
        .where(sa.func.coalesce(own.state, filed.state) == "credited")
    )


def refused_accounts(connection: sa.Connection, codes: Sequence[tuple[str, str]]) -> pa.Table:
    """refused_accounts.v1: account versions that a bank has refused or sent money back from, for one of the codes."""
    return store.read(connection, _refused_accounts(*codes), values={})


@lru_cache(maxsize=16)
def _refused_accounts(*codes: tuple[str, str]) -> sa.Select[Any]:
    source, i, e = _with_ends()
    return (
        sa.select(i.participant_id, i.account_version)
        .distinct()
        .select_from(source)
        .where(e.end.in_(("rejected", "returned")))
        .where(sa.tuple_(e.code_list, e.reason_code).in_(list(codes)))
    )


def attempts(connection: sa.Connection) -> pa.Table:
    """The last attempt of every entitlement and how it ended (`end` null: open or paid).

    `withdrawn` is the end where all attempts were withdrawn, so that the entitlement is as if never asked for; where an earlier one
    ended otherwise it is that of a reissue, which was `withdrawn_reissue`.
    """
    return store.read(connection, _attempts(), values={})


@cache
def _attempts() -> sa.Select[Any]:
    source, i, e = _with_ends()
    last = (
        sa.select(i.participant_id, i.benefit, i.sequence, sa.func.max(i.attempt).label("attempt"))
        .group_by(i.participant_id, i.benefit, i.sequence)
        .subquery()
    )
    on = sa.and_(*(i[column] == last.c[column] for column in _ENDS_KEY))
    earlier = store.attempt_ends.alias("earlier").c
    is_reissue = sa.exists().where(*(earlier[name] == i[name] for name in _ENDS_KEY[:3]), earlier.end != WITHDRAWN)
    end = sa.case((sa.and_(e.end == WITHDRAWN, is_reissue), "withdrawn_reissue"), else_=e.end).label("end")
    return sa.select(i.participant_id, i.benefit, i.sequence, i.attempt, end).select_from(source.join(last, on))


def freed_though_kept(connection: sa.Connection) -> int:
    """Attempts that ended as withdrawn although their file or they themselves stand otherwise; by the keys they could be paid again."""
    source, i, e = _with_ends()
    own, filed = latest(store.instruction_states, "end_to_end_id").c, latest(store.file_states, "file_name").c
    stands = (
        sa.select(sa.func.count())
        .select_from(
            source.outerjoin(own.seq.table, i.end_to_end_id == own.end_to_end_id).outerjoin(
                filed.seq.table, i.file_name == filed.file_name
            )
        )
        .where(e.end == "withdrawn", sa.func.coalesce(own.state, filed.state, "drafted") != "withdrawn")
    )
    return int(connection.scalar(stands) or 0)


def attempt_counts(connection: sa.Connection) -> tuple[int, int]:
    """How many instructions there are and how many of them ended: as both only grow, equal counts are the same attempts."""
    ((made, ended),) = store.rows(connection, _ATTEMPT_COUNTS)
    return int(made), int(ended)


_ATTEMPT_COUNTS = sa.select(
    *(
        sa.select(sa.func.count()).select_from(table).scalar_subquery()
        for table in (store.instructions, store.attempt_ends)
    )
)


def open_amount_idr(connection: sa.Connection) -> int:
    """Whole rupiah of all instructions that are open or paid, and of what went back to the treasury out of the funds.

    What came back and is owed again is not among it: see `ledger.returned`.
    """
    return sum(int(amount_idr) for query in _open_amounts() for (amount_idr,) in store.rows(connection, query))


@cache
def _open_amounts() -> tuple[sa.Select[Any], sa.Select[Any]]:
    source, i, e = _with_ends()
    d = store.deposits.c
    asked = sa.select(sa.func.coalesce(sa.func.sum(i.amount_idr), 0)).select_from(source).where(e.end.is_(None))
    return asked, sa.select(sa.func.coalesce(sa.func.sum(d.cash_idr + d.returned_idr), 0))


def funded_idr(connection: sa.Connection) -> int | None:
    """Whole rupiah received so far; None when no money was ever recorded, so that there is no funds check."""
    ((total,),) = store.rows(connection, _FUNDED)
    return None if total is None else int(total)


_FUNDED = sa.select(sa.func.sum(store.funds.c.amount_idr))


def last_entitlement_run(connection: sa.Connection, period: str) -> dict[str, Any] | None:
    """The run of `entitle` whose decisions are in force for the period."""
    return _last_run(connection, store.entitlement_runs, period)


def _last_run(connection: sa.Connection, runs: sa.Table, period: str) -> dict[str, Any] | None:
    found = store.rows(connection, _last_of(runs), period=period)
    return dict(zip(runs.columns.keys(), found[0], strict=True)) if found else None


@cache
def _last_of(runs: sa.Table) -> sa.Select[Any]:
    return sa.select(runs).where(runs.c.period == sa.bindparam("period")).order_by(runs.c.seq.desc()).limit(1)


def instruction_rows(
    connection: sa.Connection, *, period: str | None = None, batch: str | None = None, participant: str | None = None
) -> pa.Table:
    """instructions.v1 with state, reason_code, code_list and message ids: its own last state, else its file's."""
    only = store.given(period=period, batch=batch, participant_id=participant)
    query, schema = _instruction_rows(*only)
    return store.read(connection, query, schema, only)


@cache
def _instruction_rows(*only: str) -> tuple[sa.Select[Any], pa.Schema]:
    own, filed = latest(store.instruction_states, "end_to_end_id").c, latest(store.file_states, "file_name").c
    i, f, b, e = store.instructions.c, store.files.c, store.batches.c, store.attempt_ends.c
    query = (
        sa.select(
            store.instructions,
            sa.func.coalesce(own.state, filed.state, "drafted").label("state"),
            sa.func.coalesce(own.reason_code, e.reason_code).label("reason_code"),
            sa.func.coalesce(own.code_list, e.code_list).label("code_list"),
            sa.func.coalesce(filed.state, "drafted").label("file_state"),
            own.state.label("own_state"),
            f.message_id,
            f.payment_information_id,
            b.execution_date,
        )
        .join(store.files, i.file_name == f.file_name)
        .join(store.batches, i.batch == b.batch)
        .outerjoin(own.state.table, i.end_to_end_id == own.end_to_end_id)
        .outerjoin(filed.state.table, i.file_name == filed.file_name)
        .outerjoin(store.attempt_ends, sa.and_(*(i[column] == e[column] for column in _ENDS_KEY)))
        .order_by(i.end_to_end_id)
    ).where(*(i[name] == sa.bindparam(name) for name in only))
    schema = pa.schema(
        [pa.field(c.name, _TYPES.get(c.name) or store.arrow_type(c.name)) for c in query.selected_columns]
    )
    return query, schema


_TYPES = {"file_state": TEXT, "own_state": TEXT}


def held_people(connection: sa.Connection) -> set[str]:
    """Who is kept from being sent now: whose last act among the holds is `hold`."""
    return {person for (person,) in store.rows(connection, _held())}


@cache
def _held() -> sa.Select[Any]:
    last = latest(store.holds, "participant_id").c
    return sa.select(last.participant_id).where(last.act == "hold")


def brake(connection: sa.Connection) -> dict[str, Any] | None:
    """The stop that is in force, or None: nothing is sent while there is one."""
    found = store.rows(connection, _LAST_BRAKE)
    row = dict(zip(store.brakes.columns.keys(), found[0], strict=True)) if found else {"act": None}
    return row if row["act"] == "stop" else None


_LAST_BRAKE = sa.select(store.brakes).order_by(store.brakes.c.seq.desc()).limit(1)


def runs_of(connection: sa.Connection, table: sa.Table, period: str | None) -> pa.Table:
    """Runs of a step for a period (all periods, when none is given), oldest first."""
    only = store.given(period=period)
    return store.read(connection, _runs_of(table, *only), values=only)


@cache
def _runs_of(table: sa.Table, *only: str) -> sa.Select[Any]:
    return sa.select(table).where(*(table.c[name] == sa.bindparam(name) for name in only)).order_by(table.c.seq)


def breaks_in_force(connection: sa.Connection, period: str | None = None) -> pa.Table:
    """Each break with its last state."""
    only = store.given(period=period)
    return store.read(connection, _breaks_in_force(*only), values=only)


@cache
def _breaks_in_force(*only: str) -> sa.Select[Any]:
    last = latest(store.breaks, "break_id")
    mine = (last.c[name] == sa.bindparam(name) for name in only)
    return sa.select(last).where(*mine).order_by(last.c.kind, last.c.break_id)


def decisions_in_force(connection: sa.Connection, archive: Archive, period: str | None = None) -> pa.Table:
    """decisions.v1 of the last run of each period (of one period, when given): the decisions in force."""
    only = store.given(period=period)
    keys = store.rows(connection, _runs_in_force(*only), **only)
    tables = [conform(get_table(archive, key), "decisions.v1") for (key,) in keys]
    return pa.concat_tables([empty("decisions.v1"), *tables])


@cache
def _runs_in_force(*only: str) -> sa.Select[Any]:
    r = store.entitlement_runs.c
    last = sa.select(sa.func.max(r.seq)).group_by(r.period)
    query = sa.select(r.archive_key).where(r.seq.in_(last)).order_by(r.period)
    return query.where(*(r[name] == sa.bindparam(name) for name in only))


def period_before(connection: sa.Connection, period: str) -> str | None:
    """The last period before this one that has decisions."""
    runs = store.entitlement_runs.c
    found: str | None = connection.scalar(sa.select(sa.func.max(runs.period)).where(runs.period < period))
    return found


def whole(connection: sa.Connection, table: str, **only: str) -> pa.Table:
    """A table of the ledger (batches, events, check_results, quarantine, consents or funds) in the order of its key, or its
    rows with `only`.
    """
    return store.read(connection, _whole(table, *only), values=only)


@cache
def _whole(table: str, *only: str) -> sa.Select[Any]:
    found = store.METADATA.tables[table]
    mine = (found.c[name] == sa.bindparam(name) for name in only)
    return sa.select(found).where(*mine).order_by(*found.primary_key)


def next_file_numbers(connection: sa.Connection) -> dict[tuple[str, date], int]:
    """The running number of the next file of each (channel, execution date) that has files already."""
    b, f = store.batches.c, store.files.c
    query = (
        sa.select(b.channel, b.execution_date, sa.func.count())
        .join(store.files, f.batch == b.batch)
        .where(sa.not_(f.is_companion))
        .group_by(b.channel, b.execution_date)
    )
    return {(channel, day): count + 1 for channel, day, count in connection.execute(query)}


def participants_of(connection: sa.Connection, file_name: str) -> set[str]:
    """Who is in a file."""
    i = store.instructions.c
    return set(connection.scalars(sa.select(i.participant_id).where(i.file_name == file_name)))


def file_standing(connection: sa.Connection) -> dict[str, tuple[str, str]]:
    """The last state of each file that has one, and its evidence; a file that is missing here is drafted."""
    return {name: (state, evidence) for name, state, evidence in store.rows(connection, _file_standing())}


@cache
def _file_standing() -> sa.Select[Any]:
    last = latest(store.file_states, "file_name").c
    return sa.select(last.file_name, last.state, last.evidence)


def file_state(connection: sa.Connection, file_name: str) -> str:
    """The last state of one file; drafted before its first."""
    s = store.file_states.c
    last = sa.select(s.state).where(s.file_name == file_name).order_by(s.seq.desc()).limit(1)
    return connection.scalar(last) or "drafted"


def event_details(connection: sa.Connection, event: str) -> dict[str, Any]:
    """The details of one event, by its hash; none for a hash of no event."""
    text = connection.scalar(sa.select(store.events.c.details).where(store.events.c.hash == event))
    return dict(json.loads(text)) if text else {}


def events_about(connection: sa.Connection, kind: str, subjects: set[str]) -> dict[str, dict[str, Any]]:
    """The last event of a kind about each of some subjects, by subject, as a row of events.v1."""
    if not subjects:
        return {}
    query = sa.select(store.events).where(store.events.c.kind == kind, store.events.c.subject.in_(sorted(subjects)))
    return {row["subject"]: row for row in store.read(connection, query.order_by(store.events.c.seq)).to_pylist()}


def last_reconciliation(connection: sa.Connection, period: str) -> str | None:
    """The archive's key of the matches of the period's last reconciliation."""
    run = _last_run(connection, store.reconciliation_runs, period)
    return None if run is None else str(run["archive_key"])


def is_consent_spent(connection: sa.Connection, purpose: str, subject: str, digest: str) -> bool:
    """Whether the consent to exactly this was spent already."""
    return bool(store.rows(connection, _SPENT, purpose=purpose, subject=subject, digest=digest))


_U = store.consent_uses.c
_SPENT = sa.select(_U.at).where(*(_U[name] == sa.bindparam(name) for name in ("purpose", "subject", "digest")))


def proofs_in_force(connection: sa.Connection, period: str | None = None) -> pa.Table:
    """The proofs of the last reconciliation of each period (of one period, when given)."""
    only = store.given(period=period)
    return store.read(connection, _proofs_in_force(*only), values=only)


@cache
def _proofs_in_force(*only: str) -> sa.Select[Any]:
    p, r = store.proofs.c, store.reconciliation_runs.c
    last = sa.select(sa.func.max(r.seq)).group_by(r.period)
    runs = sa.select(r.run_id).where(r.seq.in_(last), *(r[name] == sa.bindparam(name) for name in only))
    return sa.select(store.proofs).where(p.run_id.in_(runs)).order_by(p.period, p.stage, p.scope)


def last_instruct_run(connection: sa.Connection, period: str) -> dict[str, Any] | None:
    """The last run of `instruct` for the period that saw other decisions, or left out others, than the one before."""
    return _last_run(connection, store.instruct_runs, period)


def left_out(connection: sa.Connection, archive: Archive, period: str) -> pa.Table:
    """left_out.v1 of a period: who is due and could not be instructed, as the last `instruct` left them."""
    run = last_instruct_run(connection, period)
    return conform(get_table(archive, run["archive_key"]), "left_out.v1") if run else empty("left_out.v1")


def decisions_seen(connection: sa.Connection, archive: Archive, period: str) -> pa.Table:
    """decisions.v1 of a period that its last `instruct` worked from; none before the first."""
    run = last_instruct_run(connection, period)
    r = store.entitlement_runs.c
    key = run and connection.scalar(sa.select(r.archive_key).where(r.run_id == run["run_id"]))
    return get_table(archive, key) if key else empty("decisions.v1")


def exception_acts(connection: sa.Connection) -> pa.Table:
    """Every act on every case, in order."""
    return whole(connection, "exception_acts")


def first_found(connection: sa.Connection) -> dict[str, int]:
    """When each break was first found, in microseconds."""
    return dict(store.rows(connection, _FIRST_FOUND))


_B = store.breaks.c
_FIRST_FOUND = sa.select(_B.break_id, sa.func.min(_B.at)).group_by(_B.break_id)
