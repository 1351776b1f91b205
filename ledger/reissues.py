"""Attempts that ended without paying, who has agreed to a reissue, what was decided about them, and what happens next."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from ledger import chain, consent, disputes, inbound, queries, returned, store
from ledger.archive import Archive
from ledger.instants import to_micros
from ledger.parquet import get_table
from schemas.errors import InputRejected, PersonNeeded
from schemas.fields import INSTANT, TEXT
from schemas.identifiers import same_person
from schemas.remedies import REMEDIES
from schemas.tables import TABLES, conform, empty

PURPOSE = "reissue"
"""What a consent to a reissue is for; its subject is the ended attempt, or the file that was refused whole."""
KEY = ("participant_id", "benefit", "sequence", "attempt")
_ENTITLEMENT = list(KEY[:3])
_JAKARTA_US = pa.scalar(7 * 3600 * 1_000_000, pa.int64())


# --- what ended -------------------------------------------------------------------------------------------------------
def ended(connection: sa.Connection) -> pa.Table:
    """ended.v1: each attempt that ended without paying and was not withdrawn, of entitlements of which none is open or paid."""
    query, schema = _ended()
    return _told(connection, store.read(connection, query, schema, {}))


@cache
def _ended() -> tuple[sa.Select[Any], pa.Schema]:
    i, e, r = store.instructions.c, store.attempt_ends.c, store.inbound_files.c
    own, filed = (
        queries.latest(store.instruction_states, "end_to_end_id").c,
        queries.latest(store.file_states, "file_name").c,
    )
    other, its_end = store.instructions.alias("other"), store.attempt_ends.alias("its_end")
    is_open = (
        sa.select(sa.literal(1))
        .select_from(
            other.outerjoin(its_end, sa.and_(*(other.c[name] == its_end.c[name] for name in KEY))),
        )
        .where(*(other.c[name] == e[name] for name in _ENTITLEMENT), its_end.c.end.is_(None))
    )
    query = (
        sa.select(
            *(i[name] for name in _OF_INSTRUCTION),
            e.end,
            e.code_list,
            e.reason_code,
            sa.case((r.stated_at < e.at, r.stated_at), else_=e.at).label("at"),
            sa.func.coalesce(own.state, filed.state).label("state"),
        )
        .select_from(store.attempt_ends)
        .join(store.instructions, sa.and_(*(i[name] == e[name] for name in KEY)))
        .outerjoin(own.seq.table, i.end_to_end_id == own.end_to_end_id)
        .outerjoin(filed.seq.table, i.file_name == filed.file_name)
        .outerjoin(store.inbound_files, sa.and_(r.sha256 == e.evidence, r.bank == i.channel))
        .where(e.end != queries.WITHDRAWN, sa.not_(is_open.exists()))
    )
    types = {"at": INSTANT, "state": TEXT}
    schema = pa.schema([(c.name, types.get(c.name) or store.arrow_type(c.name)) for c in query.selected_columns])
    return query, schema


_OF_INSTRUCTION = (
    *KEY, "end_to_end_id", "amount_idr", "due_on", "policy", "account_version", "file_name", "last_payment_date", "sk_number",
    "sk_line", "fiscal_year",
)  # fmt: skip


def _told(connection: sa.Connection, rows: pa.Table) -> pa.Table:
    """The rows with the day of their end, and what people and evidence have said of their entitlement.

    A break about any attempt of an entitlement, or a deposit of what came back by one, speaks of all of them.
    """
    in_jakarta = pc.add(rows["at"].cast(pa.int64()), _JAKARTA_US).cast(pa.timestamp("us")).cast(pa.date32())
    told = rows.drop_columns(["at", "state"]).append_column("ended_on", in_jakarta)
    facts = rows.select([*_ENTITLEMENT, "end_to_end_id", "file_name", "end", "state"]).to_pylist()
    whose = [tuple(row[name] for name in _ENTITLEMENT) for row in facts]
    found = disputes.standing(connection)
    names = [{row["end_to_end_id"], row["file_name"]} for row in facts]
    besides = _besides(connection, facts, found)
    of_attempt = {
        "is_disputed": [
            found.disagree(each) or row["state"] != row["end"] for each, row in zip(names, facts, strict=True)
        ],
        "is_paid": [found.is_paid(each) for each in names],
        "is_unsaid": [any(each in found.unsaid for each in both) for both in names],
        "is_deposited": [_DEPOSITED in besides.get(key, ()) for key in whose],
    }
    agreed = _agreed(connection, besides)
    told = told.append_column("is_agreed", pa.array([row["end_to_end_id"] in agreed for row in facts], pa.bool_()))
    for flag, values in of_attempt.items():
        of_any = {key for key, value in zip(whose, values, strict=True) if value}
        told = told.append_column(flag, pa.array([key in of_any for key in whose], pa.bool_()))
    return conform(told.select(TABLES["ended.v1"].columns), "ended.v1")


def ends_before(connection: sa.Connection, period: str) -> pa.Table:
    """How each attempt ended that comes before a later one of a period, and each of the period itself: the key, end_to_end_id,
    file_name, period, end, code_list, reason_code, evidence, at; by key. Withdrawn ones too.
    """
    i, e, later = store.instructions.c, store.attempt_ends.c, store.instructions.alias("later")
    is_before = (
        sa.select(sa.literal(1))
        .where(
            *(later.c[name] == e[name] for name in _ENTITLEMENT),
            later.c.attempt > e.attempt,
            later.c.period == period,
        )
        .exists()
    )
    query = (
        sa.select(
            *(e[name] for name in KEY), i.end_to_end_id, i.file_name, i.period, e.end, e.code_list, e.reason_code,
            e.evidence, e.at,
        )
        .join(store.instructions, sa.and_(*(i[name] == e[name] for name in KEY)))
        .where(sa.or_(i.period == period, is_before))
        .order_by(*(e[name] for name in KEY))
    )  # fmt: skip
    return store.read(connection, query)


# --- who agreed -------------------------------------------------------------------------------------------------------
_DEPOSITED = "deposited"
"""What a consent to a reissue says besides the end, where the money that came back is with the treasury."""
Besides = Mapping[tuple[Any, ...], Collection[str]]
"""By entitlement: what else whoever agrees to a reissue agrees to. Cases settled without a word on it, and a deposit."""


def _besides(
    connection: sa.Connection, facts: Iterable[Mapping[str, Any]], found: disputes.Disputes | None = None
) -> dict[tuple[Any, ...], set[str]]:
    said = disputes.standing(connection).unsaid if found is None else found.unsaid
    deposited = {name for (name,) in store.rows(connection, returned.deposited())}
    besides: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for row in facts if said or deposited else ():
        key = tuple(row[name] for name in _ENTITLEMENT)
        besides[key] |= said.get(row["end_to_end_id"], set()) | said.get(row["file_name"], set())
        besides[key] |= {_DEPOSITED} if row["end_to_end_id"] in deposited else set()
    return {key: names for key, names in besides.items() if names}


def _agreed(connection: sa.Connection, besides: Besides) -> set[str]:
    """References of the ended attempts that two people agreed to reissue, or of whose file that its trouble is mended.

    An agreement is to the ends that it listed, and to what was known besides: of a file, to those recorded before it.
    """
    uses: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for subject, digest, at in store.rows(connection, _USES):
        uses[subject].append((digest, at))
    found: set[str] = set()
    for subject, agreements in uses.items():
        ends = _ends_of(connection, subject)
        if ends and ends[0].end_to_end_id == subject:
            if _digest(ends, besides) in {digest for digest, _ in agreements}:
                found.add(subject)
            continue
        for digest, at in agreements:
            for some in (ends, [end for end in ends if end.at <= at]):
                if some and _digest(some) == digest:
                    found |= {end.end_to_end_id for end in some if end.entitlement not in besides}
    return found


_USES = sa.select(store.consent_uses.c.subject, store.consent_uses.c.digest, store.consent_uses.c.at).where(
    store.consent_uses.c.purpose == PURPOSE
)


class _End(NamedTuple):
    """An attempt that ended, as far as people agree on it; `at` is when the end was recorded, in microseconds."""

    end_to_end_id: str
    end: str
    code_list: str | None
    reason_code: str | None
    evidence: str
    at: int
    participant_id: str
    benefit: str
    sequence: int

    @property
    def entitlement(self) -> tuple[str, str, int]:
        return self.participant_id, self.benefit, self.sequence


def _ends_of(connection: sa.Connection, subject: str) -> list[_End]:
    """The end of an attempt, or of a file's attempts those that the bank refused for trouble of ours; by reference."""
    ends = [_End(*row) for row in store.rows(connection, _ends(), subject=subject)]
    if ends and ends[0].end_to_end_id != subject:
        ends = [end for end in ends if REMEDIES.rule(end.end, end.code_list, end.reason_code).action == "stop_file"]
    return ends


@cache
def _ends() -> sa.Select[Any]:
    i, e = store.instructions.c, store.attempt_ends.c
    subject: sa.BindParameter[str] = sa.bindparam("subject")
    return (
        sa.select(
            i.end_to_end_id,
            e.end,
            e.code_list,
            e.reason_code,
            e.evidence,
            e.at,
            i.participant_id,
            i.benefit,
            i.sequence,
        )
        .join(store.attempt_ends, sa.and_(*(i[name] == e[name] for name in KEY)))
        .where(sa.or_(i.end_to_end_id == subject, i.file_name == subject), e.end != queries.WITHDRAWN)
        .order_by(i.end_to_end_id)
    )


def _digest(ends: Iterable[_End], besides: Besides | None = None) -> str:
    """What is agreed to: the attempts that ended, each with how and by which evidence, and what is known besides. SHA-256."""
    said: list[Any] = [end[:5] for end in ends]
    if besides:
        said += sorted({name for end in ends for name in besides.get(end.entitlement, ())})
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def all_acts(connection: sa.Connection) -> pa.Table:
    """What people did about reissues, as a table, in order."""
    return store.read(connection, sa.select(store.reissue_acts).order_by(store.reissue_acts.c.seq))


def acts(connection: sa.Connection, subject: str | None = None) -> list[dict[str, Any]]:
    """What people did about reissues, in order: subject, act (propose, approve, refuse), reason, person, at."""
    rows = all_acts(connection).to_pylist()
    return [row for row in rows if subject in (None, row["subject"])]


_SAID = ("act", "person", "reason")


def act(connection: sa.Connection, subject: str, what: str, person: str, reason: str, at: datetime) -> None:
    """`propose`, `approve` or `refuse` the reissue of an ended attempt, or of all of a file that a bank stopped for our trouble.

    Whoever proposed it cannot approve it. The last act given again by the same person in the same words adds nothing. Raises `InputRejected` for a subject that nothing is to be agreed on, `PersonNeeded`
    where a second person is missing.
    """
    digest = _digest_of(connection, subject)
    done, seen = acts(connection, subject), _last_seen(connection, subject)
    proposal = done[-1] if done and done[-1]["act"] == "propose" else None
    is_repeated = bool(done) and (*(done[-1][name] for name in _SAID), seen) == (
        what,
        person.strip(),
        reason.strip(),
        digest,
    )
    is_agreed = (subject, digest) in {(name, said) for name, said, _ in store.rows(connection, _USES)}
    if is_repeated and (is_agreed or what != "approve"):
        return
    if is_agreed:
        raise InputRejected(f"The reissue of {subject} is agreed already.", "", "It comes with the next salur entitle.")
    if what == "propose" and not reason.strip():
        raise InputRejected("A proposal needs a reason.", "It is read by others, years later.", "Give --reason.")
    if what != "propose" and proposal is None:
        raise InputRejected(f"Nothing is proposed about {subject}.", "", "Propose it first: salur reissues propose")
    if what == "approve" and seen != digest:
        raise InputRejected(
            f"What was proposed about {subject} is not what stands now.",
            "More has ended, was settled or was deposited since.",
            "Propose it anew: salur reissues propose",
        )
    if what == "approve" and proposal and same_person(person, proposal["person"]):
        raise PersonNeeded(f"{person} proposed it and cannot approve it.", "Two people are needed.", "Ask another.")
    seq = store.next_seq(connection, store.reissue_acts)
    row = {"seq": seq, "subject": subject, "act": what, "reason": reason.strip(), "person": person.strip()}
    store.insert(connection, store.reissue_acts, [row | {"at": to_micros(at)}])
    if what == "approve":
        about: dict[str, Any] = {"purpose": PURPOSE, "subject": subject, "digest": digest}
        consent.give(connection, **about, person=person.strip(), via="cli", at=at, expires_at=at + timedelta(hours=1))
        consent.use(connection, **about, actor=person.strip(), at=at)
    details = {"act": what, "digest": digest, "reason": reason.strip()}
    chain.append(connection, at=at, actor=person.strip(), kind="reissue", subject=subject, details=details)


def _digest_of(connection: sa.Connection, subject: str) -> str:
    """What would be agreed to now. Raises `InputRejected` for a subject that nothing is to be agreed on."""
    ends = _ends_of(connection, subject)
    if not ends:
        raise InputRejected(
            f"{subject} names no attempt that ended without paying, and no file that a bank stopped for trouble of ours.",
            "Only these are reissued after people have agreed.",
            "See: salur reissues list",
        )
    if ends[0].end_to_end_id != subject:
        return _digest(ends)
    key = ends[0].entitlement
    facts = [
        dict(zip(_NAMED, row, strict=True))
        for row in store.rows(connection, _attempts_of(), **dict(zip(_ENTITLEMENT, key, strict=True)))
    ]
    return _digest(ends, _besides(connection, facts))


_NAMED = (*_ENTITLEMENT, "end_to_end_id", "file_name")


@cache
def _attempts_of() -> sa.Select[Any]:
    i, e = store.instructions.c, store.attempt_ends.c
    return (
        sa.select(*(i[name] for name in _NAMED))
        .join(store.attempt_ends, sa.and_(*(i[name] == e[name] for name in KEY)))
        .where(*(i[name] == sa.bindparam(name) for name in _ENTITLEMENT), e.end != queries.WITHDRAWN)
    )


def _last_seen(connection: sa.Connection, subject: str) -> str | None:
    """The digest of what stood at the last act on a subject."""
    e = store.events.c
    query = sa.select(e.details).where(e.kind == "reissue", e.subject == subject).order_by(e.seq.desc()).limit(1)
    details = connection.scalar(query)
    return json.loads(details)["digest"] if details else None


# --- what was decided, and what happens next --------------------------------------------------------------------------
def in_force(connection: sa.Connection, archive: Archive, period: str) -> pa.Table:
    """reissues.v1 of the last run of `entitle` for the period."""
    run = queries.last_entitlement_run(connection, period)
    return _of_run(archive, run)


def _of_run(archive: Archive, run: Mapping[str, Any] | None) -> pa.Table:
    key = run and run["reissues_key"]
    return get_table(archive, key) if key else empty("reissues.v1")


def instructed(connection: sa.Connection, archive: Archive, period: str) -> pa.Table:
    """Of the reissues in force for a period (reissues.v1) those that were instructed in it and not withdrawn since."""
    due = in_force(connection, archive, period)
    due = due.filter(pc.equal(due["verdict"], "due"))
    if not due.num_rows:
        return due
    i, e = store.instructions.c, store.attempt_ends.c
    query = (
        sa.select(i.participant_id, i.benefit, i.sequence, sa.func.max(i.attempt).label("attempt"))
        .outerjoin(store.attempt_ends, sa.and_(*(i[name] == e[name] for name in KEY)))
        .where(i.period == period, i.attempt > 1, sa.or_(e.end.is_(None), e.end != queries.WITHDRAWN))
        .group_by(i.participant_id, i.benefit, i.sequence)
    )
    made = store.read(connection, query).rename_columns([*_ENTITLEMENT, "made"])
    rows = due.join(made, _ENTITLEMENT, join_type="inner")
    return conform(rows.filter(pc.less(rows["attempt"], rows["made"])).select(due.column_names), "reissues.v1")


def followed(connection: sa.Connection) -> pa.Table:
    """Of entitlements that were asked for more than once (participant_id, benefit, sequence) the last attempt not withdrawn."""
    return store.read(connection, _followed(), values={})


@cache
def _followed() -> sa.Select[Any]:
    i, e = store.instructions.c, store.attempt_ends.c
    return (
        sa.select(i.participant_id, i.benefit, i.sequence, sa.func.max(i.attempt).label("attempt"))
        .outerjoin(store.attempt_ends, sa.and_(*(i[name] == e[name] for name in KEY)))
        .where(i.attempt > 1, sa.or_(e.end.is_(None), e.end != queries.WITHDRAWN))
        .group_by(i.participant_id, i.benefit, i.sequence)
    )


def without(left_out: pa.Table, connection: sa.Connection, period: str) -> pa.Table:
    """Of left_out.v1 of a period those of new payments: a reissue follows an attempt that ended otherwise than by being withdrawn.

    An attempt of another period says nothing of it: who was left out in this one may have been asked for in that one since.
    """
    ended_here = store.read(connection, _ended_in_period(), values={"period": period})
    return left_out.join(ended_here, _ENTITLEMENT, join_type="left anti") if ended_here.num_rows else left_out


@cache
def _ended_in_period() -> sa.Select[Any]:
    i, e = store.instructions.c, store.attempt_ends.c
    return (
        sa.select(*(e[name] for name in _ENTITLEMENT))
        .join(store.instructions, sa.and_(*(i[name] == e[name] for name in KEY)))
        .where(e.end != queries.WITHDRAWN, i.period == sa.bindparam("period"))
        .distinct()
    )


def ended_by(connection: sa.Connection, cut_off_us: int, now_us: int) -> pa.Table:
    """`ended` for a run, made now, at a cut-off; none where an earlier run saw a later one, since what follows is decided by the latest facts."""
    last = last_run(connection, now_us)
    return empty("ended.v1") if last and last["cut_off"] > cut_off_us else ended(connection)


def last_run(connection: sa.Connection, now_us: int = 2**63 - 1) -> dict[str, Any] | None:
    """The run of `entitle` with the latest cut-off, of any period: reissues know no period until they are instructed.

    A run whose instant lies after a later run's, or after `now_us`, does not count: only a clock that people have said to be wrong
    (ledger.clock) lets an earlier instant follow, and what it decided in a time that has not come must not silence what is true now.
    """
    found = store.rows(connection, _LAST_RUN, now=now_us)
    return dict(zip(store.entitlement_runs.columns.keys(), found[0], strict=True)) if found else None


_RUNS, _LATER = store.entitlement_runs.c, store.entitlement_runs.alias("later")
_LAST_RUN = (
    sa.select(store.entitlement_runs)
    .where(
        _RUNS.at <= sa.bindparam("now"),
        sa.not_(sa.exists().where(_LATER.c.seq > _RUNS.seq, _LATER.c.at < _RUNS.at)),
    )
    .order_by(_RUNS.cut_off.desc(), _RUNS.seq.desc())
    .limit(1)
)


def next_acts(connection: sa.Connection, archive: Archive) -> pa.Table:
    """What happens next to each entitlement whose attempts have all ended: reissues.v1, by key, the last attempt of each.

    As the last run of `entitle` decided it; what ended since is `undecided`. An end that was there and that the run says nothing
    about is missing here, and the proof of ended attempts does not hold.
    """
    run = last_run(connection)
    now = last_ended(connection)
    decided = _of_run(archive, run)
    known = decided.filter(_among(decided, set(_keys(now, KEY))))
    fresh = now.filter(pc.invert(_among(now, set(_keys(known, KEY)))))
    if run:
        since = _ended_since(connection, run["at"])
        fresh = fresh.filter(pc.is_in(fresh["end_to_end_id"], value_set=pa.array(sorted(since), pa.string())))
    rows = [
        {
            **{name: row.get(name) for name in TABLES["reissues.v1"].columns},
            "action": REMEDIES.rule(row["end"], row["code_list"], row["reason_code"]).action,
            "verdict": "undecided",
            "reasons": "",
        }
        for row in fresh.to_pylist()
    ]
    both = [known, pa.Table.from_pylist(rows, schema=TABLES["reissues.v1"].schema)]
    return pa.concat_tables(conform(each, "reissues.v1") for each in both).sort_by(
        [(name, "ascending") for name in KEY]
    )


def due(connection: sa.Connection, archive: Archive) -> set[tuple[Any, ...]]:
    """The entitlements (participant_id, benefit, sequence) that the last run found due again, and that are not asked for since."""
    acts_to_come = next_acts(connection, archive)
    rows = acts_to_come.filter(pc.equal(acts_to_come["verdict"], "due")).select(_ENTITLEMENT).to_pylist()
    return {tuple(row.values()) for row in rows}


def last_ended(connection: sa.Connection) -> pa.Table:
    """`ended`, of each entitlement the last attempt alone."""
    rows = ended(connection)
    last: dict[tuple[Any, ...], int] = {}
    for *entitlement, attempt in _keys(rows, KEY):
        last[tuple(entitlement)] = max(attempt, last.get(tuple(entitlement), 0))
    return rows.filter(_among(rows, {(*entitlement, attempt) for entitlement, attempt in last.items()}))


def _keys(rows: pa.Table, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """The rows' keys. What has ended is little beside what was sent: sets of it are quicker than joins, which cost the same empty."""
    return list(zip(*(rows[name].to_pylist() for name in names), strict=True))


def _among(rows: pa.Table, keys: set[tuple[Any, ...]]) -> pa.Array:
    """Whether each row's attempt is one of these."""
    return pa.array([key in keys for key in _keys(rows, KEY)], pa.bool_())


def at_of_an_end(connection: sa.Connection, at: datetime) -> int:
    """When an end that is recorded now counts as recorded: never before the run that could not see it, whatever its clock said."""
    run = last_run(connection)
    return max(to_micros(at), run["at"]) if run else to_micros(at)


def _ended_since(connection: sa.Connection, at_us: int) -> set[str]:
    """References of the attempts that ended at or after an instant, or were followed by one that did: what is withdrawn frees them."""
    return {name for (name,) in store.rows(connection, _ends_since(), since=at_us)}


@cache
def _ends_since() -> sa.Select[Any]:
    i, e = store.instructions.c, store.attempt_ends.c
    return (
        sa.select(i.end_to_end_id)
        .join(store.attempt_ends, sa.and_(*(i[name] == e[name] for name in _ENTITLEMENT), i.attempt <= e.attempt))
        .where(e.at >= sa.bindparam("since"))
    )


def unread(connection: sa.Connection, references: list[str]) -> set[str]:
    """Of these payments those of whose period something was received that no reconciliation has seen."""
    periods = inbound.unreconciled_periods(connection)
    i = store.instructions.c
    found: set[str] = set()
    for start in range(0, len(references) if periods else 0, 10_000):
        some = references[start : start + 10_000]
        query = sa.select(i.end_to_end_id).where(i.end_to_end_id.in_(some), i.period.in_(periods))
        found |= set(connection.scalars(query))
    return found
