"""The story of what came back, a function a step: load, decide, save. Twice leaves the record of once."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from banks import exchange
from banks.exchange import BankConnection
from banks.profiles import profiles
from ledger import chain, clock, consent, inbound, journal, queries, reissues, returned, store, unknowns
from ledger.gate import Gate
from ledger.house import House
from ledger.instants import to_micros
from ledger.parquet import put_table
from ledger.store import Connection
from reconciliation import evidence
from reconciliation.breaks import is_late
from reconciliation.exceptions import PURPOSE, Case, act, digest, follow, with_outcome
from reconciliation.inbox import Received, take
from reconciliation.looking import Found, look, with_deadlines
from reconciliation.matching import file_states, reach
from reconciliation.proof import Again, Books, prove
from reconciliation.reports.pack_check import breaks_digest, proofs_digest
from reconciliation.reports.written import write_report
from schemas.codes import FINAL_WITHOUT_PAYMENT
from schemas.errors import InputRejected, ProofFailed, SalurError, first_of
from schemas.fields import INSTANT
from schemas.money import format_idr
from schemas.tables import TABLES

RECEIPT_BYTES_MAX = exchange.DOWNLOAD_BYTES_MAX


class Fetched(NamedTuple):
    """A file that was taken, and its row of `inbound_names`: none when it was carried by hand."""

    received: Received
    named: dict[str, Any] | None = None


def collect(house: House, bank: str | None = None) -> dict[str, Any]:
    """Fetch what banks have left that was not fetched before, keep the bytes, read them, move what they prove.

    One bank's trouble does not keep another's answers; the first error is raised when all that can be had is taken.
    """
    taken: list[Fetched] = []
    errors: list[SalurError] = []
    for code in [bank] if bank else sorted(house.config.get("banks", {})):
        try:
            line = evidence.connection_of(house, code)
            files = exchange.listing(line)
        except SalurError as error:
            errors.append(error)
            continue
        taken += _fetch(house, line, files, errors)
    result = _settle(house, taken)
    if errors:
        raise first_of(errors, result)
    return result


def _fetch(
    house: House, line: BankConnection, files: list[exchange.RemoteFile], errors: list[SalurError]
) -> list[Fetched]:
    """Fetch, keep and read, one by one, the listed files that were not fetched before; one that cannot be had never keeps others."""
    if not files:
        return []
    with house.store.reading() as connection:
        fetched, known = inbound.recorded_names(connection, line.code), inbound.received(connection, line.code)
    received: list[Fetched] = []
    for file in files:
        if (file.name, file.size, _listed(file)) in fetched:
            continue
        try:
            data = exchange.download(line, file.name)
            one = take(data, line.code, file.name, house.archive, known)
        except SalurError as error:
            errors.append(error)
            continue
        known.add(one.sha256)
        name = {"bank": line.code, "file_name": file.name, "byte_count": file.size, "listed_at": _listed(file)}
        received.append(Fetched(one, {**name, "sha256": one.sha256, "at": to_micros(house.at)}))
    if received:
        house.say(f"{line.code}: {len(received)} files fetched")
    return received


def _listed(file: exchange.RemoteFile) -> int:
    return to_micros(file.modified_at) if file.modified_at else 0


def receive(house: House, path: Path, bank: str) -> dict[str, Any]:
    """Take one file that was carried by hand."""
    if bank not in profiles():
        raise InputRejected(f"There is no bank {bank}.", f"Banks: {', '.join(profiles())}.", "Name one of them.")
    if not path.is_file() or path.stat().st_size > RECEIPT_BYTES_MAX:
        raise InputRejected(f"{path} cannot be taken.", "It is no file, or larger than any answer.", "Check the name.")
    with house.store.reading() as connection:
        known = inbound.received(connection, bank)
    return _settle(house, [Fetched(take(path.read_bytes(), bank, path.name, house.archive, known))])


def _settle(house: House, fetched: list[Fetched]) -> dict[str, Any]:
    """Check what was received, and record it with the states that it proves: all of it, or nothing and it is fetched again."""
    received = [each.received for each in fetched]
    periods: list[str] = []
    with Gate(house, "collect", f"collect {house.at.isoformat()}") as gate:
        for one in received:
            for name in ("responses", "statements", "entries"):
                gate.check(f"{name}.v1", getattr(one, name))
        with house.store.transaction() as connection:
            for each in fetched:
                _save(house, connection, each)
            periods = evidence.periods_of(connection, received)
            for found in look(house, connection).each(periods) if periods else ():
                _record(house, connection, found)
            gate.keep(connection)
    files = [
        {"bank": one.bank, "file_name": one.file_name, "kind": one.kind, "state": one.state, "reason": one.reason}
        for one in received
    ]
    return {"files": files, "periods": periods, "warnings": gate.warnings()}


def _save(house: House, connection: Connection, fetched: Fetched) -> None:
    """Record a file with an event: by its name at the bank, once; one that was carried by hand by its bytes, once."""
    received, named = fetched
    if named is not None and not store.insert_new(connection, store.inbound_names, [named]):
        return  # another process has fetched it meanwhile
    is_new = evidence.save_received(house, connection, received)
    if is_new or named is not None:
        said = {"bank": received.bank, "kind": received.kind, "state": received.state, "rows": received.row_count}
        chain.append(connection, at=house.at, actor=house.actor, kind="received", subject=received.sha256, details=said)


def unreconciled(house: House) -> list[str]:
    """The periods that received files speak of and that were not reconciled since, whoever took the files and however
    that ended; and those of files of which a bank says nothing past its deadline, which a reconciliation makes unknown.
    """
    with house.store.reading() as connection:
        files = with_deadlines(connection, queries.file_rows(connection), profiles()).to_pylist()
        silent = {
            row["period"] for row in files if row["state"] == "submitted" and is_late(row["answer_due_at"], house.at)
        }
        return sorted({*inbound.unreconciled_periods(connection), *silent})


def _record(house: House, connection: Connection, found: Found) -> None:
    """Record the states that the evidence proves: of a file where its instructions share it, else of each that differs.

    A file's state only moves on. One of whom the evidence says nothing keeps the state, and the evidence, that the file had.
    """
    matches, was = _with_silence(house, connection, found), found.was
    standing = queries.file_standing(connection)
    at = to_micros(house.at)
    moved = [{**row, "at": at} for row in _moved_files(matches, standing)]
    now = {name: state for name, (state, _) in standing.items()} | {row["file_name"]: row["state"] for row in moved}
    of_file = matches["file_name"].combine_chunks().dictionary_encode()
    files_now = pa.array([now.get(name, "drafted") for name in of_file.dictionary.to_pylist()], pa.string())
    differs = pc.not_equal(matches["state"], pc.coalesce(was["own_state"], files_now.take(of_file.indices)))
    own = [
        _pick(row, "end_to_end_id", "state", "code_list", "reason_code")
        | {"evidence": row["evidence"] or standing[row["file_name"]][1], "at": at}
        for row in matches.filter(differs).to_pylist()
    ]
    is_final = pc.is_in(matches["state"], pa.array(sorted(FINAL_WITHOUT_PAYMENT)))
    ended_at = reissues.at_of_an_end(connection, house.at)
    ended = pc.and_(is_final, pc.and_(pc.is_valid(matches["evidence"]), pc.not_equal(was["state"], matches["state"])))
    ends = [
        _pick(before, "participant_id", "benefit", "sequence", "attempt")
        | _pick(row, "code_list", "reason_code", "evidence")
        | {"end": row["state"], "at": ended_at}
        for row, before in zip(matches.filter(ended).to_pylist(), was.filter(ended).to_pylist(), strict=True)
    ]
    for table, new in ((store.file_states, moved), (store.instruction_states, own)):
        first = store.next_seq(connection, table)
        store.insert(connection, table, [{"seq": seq, **row} for seq, row in enumerate(new, first)])
    store.insert_new(connection, store.attempt_ends, ends)
    gave_back = matches.filter(pc.and_(ended, pc.is_in(matches["state"], pa.array(returned.GAVE_BACK))))
    sources = {row["end_to_end_id"]: (row["file_name"], row["evidence"]) for row in gave_back.to_pylist()}
    moves = [*_postings(was, matches, standing), *journal.given_back(connection, sources)]
    journal.post(connection, moves, house.at)
    if moved or own:
        details = {"files": len(moved), "instructions": len(own), "ended": len(ends)}
        subject = matches.column("file_name")[0].as_py()
        chain.append(connection, at=house.at, actor=house.actor, kind="settled", subject=subject, details=details)


def _with_silence(house: House, connection: Connection, found: Found) -> pa.Table:
    """The matches, with an event as the evidence of those that silence makes unknown: one a file and deadline."""
    if not found.lapsed.num_rows:
        return found.matches
    events: dict[str, str] = {}
    groups = found.lapsed.group_by(["file_name", "answer_due_at"]).aggregate([([], "count_all"), ("amount_idr", "sum")])
    for row in groups.sort_by([("file_name", "ascending"), ("answer_due_at", "ascending")]).to_pylist():
        about = {
            "found": f"silence past {row['answer_due_at']:%Y-%m-%dT%H:%M:%SZ}",
            "count": row["count_all"],
            "sum_idr": row["amount_idr_sum"],
        }
        event = chain.append(
            connection, at=house.at, actor=house.actor, kind=unknowns.SILENCE, subject=row["file_name"], details=about
        )
        both = pc.and_(
            pc.equal(found.lapsed["file_name"], row["file_name"]),
            pc.equal(found.lapsed["answer_due_at"], pa.scalar(row["answer_due_at"], INSTANT)),
        )
        events |= dict.fromkeys(found.lapsed.filter(both)["end_to_end_id"].to_pylist(), event)
    place = pc.index_in(found.matches["end_to_end_id"], pa.array(list(events), pa.string()))
    told = pa.array(list(events.values()), pa.string()).take(place.combine_chunks())
    at = found.matches.schema.get_field_index("evidence")
    filled = pc.coalesce(found.matches["evidence"], told)
    return found.matches.set_column(at, found.matches.schema.field(at), filled)


def _moved_files(matches: pa.Table, standing: Mapping[str, tuple[str, str]]) -> Iterator[dict[str, str]]:
    """Each file that moves on to the state that most of its instructions share, with the last piece of its evidence."""
    shown = matches.filter(pc.is_valid(matches["evidence"])).group_by(["file_name", "state"], use_threads=False)
    last = shown.aggregate([("evidence", "last")]).to_pylist()
    proof = {(row["file_name"], row["state"]): row["evidence_last"] for row in last}
    for row in file_states(matches)[0].to_pylist():
        name, state = row["file_name"], row["state"]
        if name in standing and standing[name][0] != state in reach(standing[name][0]) and (name, state) in proof:
            yield {"file_name": name, "state": state, "evidence": proof[name, state]}


_OF_POSTINGS = ("channel", "period", "fiscal_year")
"""What a posting says of the payments that it is made of."""


def _postings(was: pa.Table, matches: pa.Table, standing: Mapping[str, tuple[str, str]]) -> Iterator[journal.Posting]:
    """The money that moves with the states: one posting for each file, pair of states and piece of evidence.

    `was`: what was recorded of each row of `matches`, in its order.
    """
    moves = matches.select(["file_name", "state", "evidence", "amount_idr"])
    for name, column in (("before", "state"), *((each, each) for each in _OF_POSTINGS)):
        moves = moves.append_column(name, was[column])
    moves = moves.filter(pc.not_equal(moves["before"], moves["state"]))
    if not moves.num_rows:
        return
    keys = ["file_name", "before", "state", "evidence", *_OF_POSTINGS]
    sums = moves.group_by(keys).aggregate([([], "count_all"), ("amount_idr", "sum")])
    for row in sums.sort_by([(key, "ascending") for key in keys]).to_pylist():
        if way := journal.movement(row["before"], row["state"]):
            yield journal.Posting(
                *way,
                row["amount_idr_sum"],
                subject=row["file_name"],
                evidence=row["evidence"] or standing[row["file_name"]][1],
                transaction_count=row["count_all"],
                **{name: row[name] for name in _OF_POSTINGS},
            )


def _pick(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def reconcile(house: House, period: str) -> dict[str, Any]:
    """Match, find breaks, prove, for one period. Open breaks are no failure; a proof that does not hold is, once saved."""
    house = clock.in_order(house)
    with Gate(house, "reconcile", f"reconcile {period} {house.at.isoformat()}", period) as gate:
        with house.store.transaction() as connection:
            found = look(house, connection).within(period)
            gate.check("matches.v1", found.matches)
            gate.stop_if_failed()
            _record(house, connection, found)
            last = store.next_seq(connection, store.inbound_files) - 1
            seen = {"period": period, "seq": last, "at": to_micros(house.at)}
            store.insert_new(connection, store.reconciled_evidence, [seen])
            proofs = prove(_books(house, connection, period, found))
            states = dict(sorted(Counter(found.matches.column("state").to_pylist()).items()))
            breaks = _save_run(house, connection, period, found, proofs, states)
        gate.check("cycle_outcomes.v1", _rejected_share(found.matches))
    failed = proofs.filter(pc.invert(proofs.column("holds"))).to_pylist()
    if failed:
        worst = failed[0]
        raise ProofFailed(
            f"{len(failed)} of {proofs.num_rows} proofs do not hold; {worst['stage']} of {worst['scope']}: "
            f"{worst['equation']}.",
            f"{worst['left_count']} against {worst['right_count']} rows, "
            f"{format_idr(worst['left_idr'] - worst['right_idr'])} apart.",
            "See `salur export proofs`. Release nothing before it is explained.",
        )
    return {
        "period": period,
        "states": states,
        "breaks": breaks,
        "proofs": proofs.num_rows,
        "warnings": gate.warnings(),
    }


def _rejected_share(matches: pa.Table) -> pa.Table:
    """The share of instructions that banks refused, in whole percent, one row, for the check that warns."""
    states = Counter(matches.column("state").to_pylist())
    if not matches.num_rows:
        return pa.table({"rejected_share_percent": pa.array([], pa.int64())})
    return pa.table({"rejected_share_percent": [states["rejected"] * 100 // matches.num_rows]})


def _books(house: House, connection: Connection, period: str, found: Found) -> Books:
    instructions = queries.instruction_rows(connection, period=period)
    batches = queries.whole(connection, "batches")
    return Books(
        period=period,
        decisions=queries.decisions_in_force(connection, house.archive, period),
        seen=queries.decisions_seen(connection, house.archive, period),
        not_instructed=reissues.without(queries.left_out(connection, house.archive, period), connection, period),
        instructions=instructions.select([*TABLES["instructions.v1"].columns, "state"]),
        batches=batches.filter(pc.equal(batches.column("period"), period)),
        files=queries.file_rows(connection, period=period),
        journal=journal.trial_balance(connection, period),
        gone=returned.gone(connection),
        matched=found.matched,
        again=Again(
            reissues.in_force(connection, house.archive, period),
            reissues.next_acts(connection, house.archive),
            reissues.followed(connection),
        ),
    )


def _save_run(
    house: House,
    connection: Connection,
    period: str,
    found: Found,
    proofs: pa.Table,
    states: dict[str, int],
) -> dict[str, int]:
    """Record the run, its proofs, breaks that are new and those that are gone; returns open breaks by kind.

    A run that finds what the last one found adds nothing.
    """
    matches = found.matches
    mine = {row["break_id"]: row for row in found.breaks.to_pylist() if row["period"] == period}
    kinds = dict(sorted(Counter(row["kind"] for row in mine.values()).items()))
    key = put_table(house.archive, matches)
    changed, acts = _news(connection, period, mine)
    last = queries.last_reconciliation(connection, period)
    proved = queries.proofs_in_force(connection, period).select(proofs.column_names).to_pylist()
    if last == key and not changed and not acts and proved == _in_order(proofs):
        return kinds
    seq = store.next_seq(connection, store.reconciliation_runs)
    run = f"R{seq:06d}-{period}"
    at = to_micros(house.at)
    first = store.next_seq(connection, store.breaks)
    numbered = [{**row, "seq": number, "run_id": run, "at": at} for number, row in enumerate(changed, first)]
    store.insert(connection, store.breaks, numbered)
    event = chain.append(
        connection,
        at=house.at,
        actor=house.actor,
        kind="reconciled",
        subject=run,
        details={
            "matches_sha256": key,
            "states": states,
            "breaks": kinds,
            "open_breaks_sha256": breaks_digest(queries.breaks_in_force(connection, period).to_pylist()),
            "proofs": proofs.num_rows,
            "proofs_sha256": proofs_digest(proofs.to_pylist()),
            "not_holding": int(pc.sum(pc.invert(proofs.column("holds"))).as_py() or 0),
        },
    )
    row = {"seq": seq, "run_id": run, "period": period, "at": at, "archive_key": key, "row_count": matches.num_rows}
    store.insert(connection, store.reconciliation_runs, [{**row, "details": event}])
    store.insert(connection, store.proofs, [{**proof, "run_id": run, "period": period} for proof in proofs.to_pylist()])
    evidence.save_acts(connection, acts, house.at)
    return kinds


def _in_order(proofs: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = proofs.to_pylist()
    return sorted(rows, key=lambda row: (row["stage"], row["scope"]))


def _news(
    connection: Connection, period: str, mine: Mapping[str, dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Breaks that are new, changed or gone since the last run, as they are now; and what follows for their cases."""
    everywhere = queries.breaks_in_force(connection).to_pylist()
    before = {row["break_id"]: row for row in everywhere if row["period"] == period}
    open_before = {name for name, row in before.items() if row["state"] == "open"}
    # Evidence that names nothing of ours belongs to no period: it is found in each, and kept in the one that saw it first.
    open_anywhere = {row["break_id"] for row in everywhere if row["state"] == "open"}
    changed = [
        {**row, "state": "open"}
        for name, row in mine.items()
        if name not in open_anywhere or (name in open_before and _values(row) != _values(before[name]))
    ]
    changed += [{**before[name], "state": "closed"} for name in sorted(open_before - mine.keys())]
    known = evidence.cases(connection)
    concerned = {name: known[name] for name in known if name in before or name in mine}
    return changed, follow(
        mine.values(), concerned, lambda name, agreed: queries.is_consent_spent(connection, PURPOSE, name, agreed)
    )


def _values(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["expected"], row["found"], row["amount_idr"]


def report(house: House, period: str, out: Path, data_docs: bool = True) -> dict[str, Any]:
    """Write the cycle report (page, workbook, tables, data docs) and the evidence pack of a period into a folder."""
    return write_report(house, period, out, data_docs)


def exceptions(house: House, period: str | None) -> list[dict[str, Any]]:
    """Open breaks with their cases, most urgent first."""
    with house.store.reading() as connection:
        return evidence.work(connection, period, house.at)


def act_on_exception(
    house: House, break_id: str, what: str, person: str, note: str, outcome: str | None = None
) -> dict[str, Any]:
    """A person's act on a case: assign, comment, resolve, approve or refuse. An approval is a consent, and spends it.

    The resolution of a break which says that a payment may have been made has an `outcome`: `paid` or `not_paid`. The last act
    given again by the same person in the same words adds nothing.
    """
    with house.store.transaction() as connection:
        known = {row["break_id"]: row for row in queries.breaks_in_force(connection).to_pylist()}
        if break_id not in known:
            raise InputRejected(f"There is no break {break_id}.", "", "See: salur exceptions list")
        what = with_outcome(what, outcome, known[break_id])
        if evidence.last_act(connection, break_id) == (what, person.strip(), note.strip()):
            return {"break_id": break_id, "act": what, "person": person.strip()}
        case = evidence.cases(connection).get(break_id, Case(break_id))
        row = act(case, what, person, note)
        if what == "approve":
            _agree(house, connection, case, known[break_id], row["person"])
        evidence.save_acts(connection, [row], house.at)
        details = {"act": what}
        chain.append(connection, at=house.at, actor=person, kind="exception", subject=break_id, details=details)
    return {"break_id": break_id, "act": what, "person": person}


def _agree(house: House, connection: Connection, case: Case, found: Mapping[str, Any], person: str) -> None:
    about = {"purpose": PURPOSE, "subject": case.break_id, "digest": digest(case, found)}
    consent.give(connection, **about, person=person, via="cli", at=house.at, expires_at=house.at)
    consent.use(connection, **about, actor=person, at=house.at)
