"""The story of paying, a function a step: load, decide, save. Running a step twice leaves the record of running it once."""

from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from banks.profiles import profiles
from disbursement import facts, funding, inquiries, orders, recovery, reissue, submission
from disbursement import intake as taking
from disbursement.entitlement import decide, decision_counts
from disbursement.policy import load_policy, policies, policy_file
from disbursement.release import PURPOSE, RELEASABLE, check_release
from disbursement.sources.drop import Drop
from disbursement.sources.opening import identity, opened
from disbursement.sources.origin import Origin, origin_of
from ledger import audit, chain, clock, consent, journal, landing, money, queries, reissues, returned, store
from ledger.gate import Gate
from ledger.house import House
from ledger.instants import jakarta_date, to_micros
from ledger.parquet import put_table
from schemas.errors import InputRejected, SalurError, TryLater, WrongUsage, first_of
from schemas.remedies import REMEDIES
from schemas.tables import empty

_CONSENT_HOURS = 72
_OVERLAP_HOURS = 24
"""What a source shows later than it was recorded (a long transaction, another clock) is still asked for within this time."""


def intake(house: House, source: str | Origin, is_full: bool = False) -> dict[str, Any]:
    """Take a source drop. Counts of rows read, taken, repeated and quarantined, and what the checks warn of.

    A platform or a database that was taken before is asked for what was recorded since, with an overlap, unless `is_full`.
    """
    with _opened(house, source, is_full) as drop:
        return _take(house, drop)


def intake_unless_taken(house: House, source: str | Origin) -> dict[str, Any] | None:
    """As `intake`, but a drop that was taken before is left alone: then None."""
    with _opened(house, source) as drop:
        with house.store.reading() as connection:
            if drop.drop_id in landing.taken_drops(connection).column("drop_id").to_pylist():
                return None
        house.say("intake")
        return _take(house, drop)


def _opened(house: House, source: str | Origin, is_full: bool = False) -> AbstractContextManager[Drop]:
    origin = origin_of(source) if isinstance(source, str) else source
    return opened(origin, {} if is_full else _since(house, origin), house.say)


def _since(house: House, origin: Origin) -> dict[str, datetime]:
    """By table, the instant after which a source may have rows that are not taken yet."""
    if not (watched := identity(origin)):
        return {}
    overlap = timedelta(hours=origin.settings.get("overlap_hours", _OVERLAP_HOURS))
    with house.store.reading() as connection:
        return {name: mark - overlap for name, mark in landing.watermarks(connection, watched).items()}


def _take(house: House, drop: Drop) -> dict[str, Any]:
    with Gate(house, "intake", drop.drop_id) as gate:
        counts = taking.take(house, drop, gate)
        passed_over = [f"{name} is no table of a drop and was passed over" for name in drop.passed_over]
        differing = taking.compare_decisions(house, drop, gate)
        return {"drop_id": drop.drop_id, **counts, "warnings": [*passed_over, *differing, *gate.warnings()]}


def entitle(house: House, period: str, as_of: datetime | None = None) -> dict[str, Any]:
    """Decide every participant for a period; the decisions go to the archive, their hash to the ledger.

    Whoever has an instruction for a new payment of a benefit in the period keeps that decision. A batch that was not sent by the
    last payment date of one of its instructions is withdrawn first.
    """
    house = clock.in_order(house)
    cut_off = facts.cut_off(period, as_of, house.at)
    with Gate(house, "entitle", f"{period} {cut_off.isoformat()}", period) as gate:
        withdrawn = _withdraw_overdue(house, jakarta_date(cut_off))
        with house.store.reading() as connection:
            known = facts.load(connection)
            before = queries.decisions_in_force(connection, house.archive, period)
            kept = before.filter(_is_instructed(before, known.history, period))
            ended = reissues.ended_by(connection, to_micros(cut_off), to_micros(house.at))
            reissued = reissues.instructed(connection, house.archive, period)
            funded = queries.funded_idr(connection)
            balance = None if funded is None else funded - returned.committed_idr(connection)
            attempted = queries.attempt_counts(connection)
        house.say(f"{known.people.num_rows:,} participants to decide")
        again, balance = _reissues(known, ended, reissued, cut_off, balance)
        decisions = decide(
            people=known.people,
            accounts=known.accounts,
            trainings=known.trainings,
            completions=known.completions,
            surveys=known.surveys,
            blocklist=known.blocklist,
            history=known.history,
            refused=known.refused,
            policies=[load_policy(name) for name in policies()],
            channels=sorted(profiles()),
            period=period,
            cut_off=cut_off,
            balance_idr=balance,
            kept=kept,
        )
        gate.check("decisions.v1", decisions)
        gate.stop_if_failed()
        gate.check("cycle_changes.v1", _changes(house, period, decisions))
        counts = decision_counts(decisions)
        due_idr = (
            pc.sum(decisions.filter(pc.equal(decisions.column("decision"), "due")).column("amount_idr")).as_py() or 0
        )
        run = _save_run(house, period, cut_off, _Decided(decisions, again, counts), attempted)
        return {
            "period": period,
            "run_id": run,
            "cut_off": cut_off.isoformat(),
            "participants": known.people.num_rows,
            "decisions": dict(sorted(Counter(decisions.column("decision").to_pylist()).items())),
            "benefits": counts,
            "due_idr": due_idr,
            "reissues": _verdicts(again),
            "withdrawn_batches": withdrawn,
            "warnings": gate.warnings(),
        }


def _reissues(
    known: facts.Facts, ended: pa.Table, instructed: pa.Table, cut_off: datetime, balance_idr: int | None
) -> tuple[pa.Table, int | None]:
    """What follows what ended (reissues.v1), and what of the balance is left for new tranches: reissues come first."""
    again = reissue.decide(
        ended=ended,
        people=known.people,
        accounts=known.accounts,
        blocklist=known.blocklist,
        refused=known.refused,
        policies=[load_policy(name) for name in policies()],
        remedies=REMEDIES,
        channels=sorted(profiles()),
        cut_off=cut_off,
        balance_idr=balance_idr,
        kept=instructed,
    )
    return again, None if balance_idr is None else balance_idr - reissue.wanted_idr(again, ended, instructed)


def _is_instructed(decisions: pa.Table, history: pa.Table, period: str) -> pa.Array:
    """Whether what a decision is about has been instructed in this very period."""
    mine = history.filter(pc.equal(history.column("period"), period))
    done = {(row["participant_id"], row["benefit"], row["sequence"]) for row in mine.to_pylist()}
    keys = zip(*(decisions.column(name).to_pylist() for name in ("participant_id", "benefit", "sequence")), strict=True)
    return pa.array([key in done for key in keys], pa.bool_())


def _changes(house: House, period: str, decisions: pa.Table) -> pa.Table:
    """This cycle against the one before, in whole percent, one row for each benefit that both decided. For checks that
    warn.
    """
    with house.store.reading() as connection:
        previous = queries.period_before(connection, period)
        before = queries.decisions_in_force(connection, house.archive, previous) if previous else empty("decisions.v1")
    now, then = decision_counts(decisions), decision_counts(before)
    due, held = [], []
    for benefit in sorted(now.keys() & then.keys()):
        due_before = then[benefit].get("due", 0)
        due.append((now[benefit].get("due", 0) - due_before) * 100 // max(due_before, 1))
        held.append(now[benefit].get("held", 0) * 100 // sum(now[benefit].values()))
    return pa.table({"due_change_percent": pa.array(due, pa.int64()), "held_share_percent": pa.array(held, pa.int64())})


class _Decided(NamedTuple):
    """What a run of `entitle` decided: decisions.v1, reissues.v1, and counts of the first by benefit."""

    decisions: pa.Table
    again: pa.Table
    counts: dict[str, dict[str, int]]


def _verdicts(again: pa.Table) -> dict[str, int]:
    return dict(sorted(Counter(again["verdict"].to_pylist()).items()))


def _save_run(house: House, period: str, cut_off: datetime, decided: _Decided, attempted: tuple[int, int]) -> str:
    """Record the decisions, unless what they rest on has moved: then one that was instructed could be decided otherwise."""
    key, again_key = put_table(house.archive, decided.decisions), put_table(house.archive, decided.again)
    for name in policies():
        house.archive.put(policy_file(name))
    with house.store.transaction() as connection:
        if queries.attempt_counts(connection) != attempted:
            raise TryLater(
                "Instructions were made or ended while it was decided.",
                "Nothing of these decisions was kept.",
                "Give the command again.",
            )
        last = queries.last_entitlement_run(connection, period)
        told = (key, again_key, to_micros(cut_off))
        if last and (last["archive_key"], last["reissues_key"], last["cut_off"]) == told:
            return str(last["run_id"])
        seq = store.next_seq(connection, store.entitlement_runs)
        run = f"E{seq:06d}-{period}"
        evidence = chain.append(
            connection,
            at=house.at,
            actor=house.actor,
            kind="entitled",
            subject=run,
            details={
                "period": period,
                "cut_off": cut_off.isoformat(),
                "decisions_sha256": key,
                "reissues_sha256": again_key,
                "counts": decided.counts,
                "reissues": _verdicts(decided.again),
                "policies": {name: load_policy(name).digest for name in policies()},
            },
        )
        row = {
            "seq": seq,
            "run_id": run,
            "period": period,
            "cut_off": to_micros(cut_off),
            "at": to_micros(house.at),
            "archive_key": key,
            "row_count": decided.decisions.num_rows,
            "details": evidence,
            "reissues_key": again_key,
        }
        store.insert(connection, store.entitlement_runs, [row])
    return run


def fund(
    house: House,
    amount_idr: int,
    reference: str,
    issued_on: date | None = None,
    fiscal_year: int | None = None,
    corrects: str | None = None,
) -> dict[str, Any]:
    """Record money received, once a reference; the same reference with other content is refused.

    A mistake is corrected by a receipt of its own that names the wrong one; it may be below zero, but never takes what
    instructions count on already. What is not told: issued on the day of the clock, for that day's budget year.
    """
    told, today = funding.Receipt(reference, amount_idr, issued_on, fiscal_year, corrects), jakarta_date(house.at)
    funding.check_words(told, today)
    with house.store.transaction() as connection:
        known = {row["reference"]: row for row in queries.whole(connection, "funds").to_pylist()}
        if reference not in known:
            funding.check_sums(told, known, returned.committed_idr(connection))
            _save_receipt(house, connection, told.settled(today, known.get(corrects or "")))
        elif not told.is_repeated_by(known[reference]):
            raise funding.other_content(reference)
        (row,) = queries.whole(connection, "funds", reference=reference).to_pylist()
        return {
            **{name: row[name] for name in ("reference", "amount_idr", "issued_on", "fiscal_year", "corrects")},
            "funded_idr": queries.funded_idr(connection),
        }


def _save_receipt(house: House, connection: store.Connection, receipt: funding.Receipt) -> None:
    """The receipt, its event, and the movement: from the funder to the cash, or back where it takes away."""
    said = asdict(receipt)
    store.insert(connection, store.funds, [{**said, "at": to_micros(house.at), "person": house.actor}])
    details = {name: value for name, value in said.items() if name != "reference"} | {
        "issued_on": str(receipt.issued_on)
    }
    event = chain.append(
        connection, at=house.at, actor=house.actor, kind="funded", subject=receipt.reference, details=details
    )
    way = ("cash", "funder") if receipt.amount_idr > 0 else ("funder", "cash")
    posting = journal.Posting(*way, abs(receipt.amount_idr), receipt.reference, event, fiscal_year=receipt.fiscal_year)
    journal.post(connection, [posting], house.at)


def instruct(house: House, period: str, maker: str, execution_date: date | None = None) -> dict[str, Any]:
    """Instructions, batches and files for the due decisions in force; archived, nothing sent.

    `left_out` counts due decisions that cannot be instructed now, by reason; each stays due and shows in the report.
    """
    house = clock.in_order(house)
    run_id = f"{period} {house.at.isoformat()}"
    with Gate(house, "instruct", run_id, period) as gate, house.store.transaction() as connection:
        made = orders.make(house, connection, period, maker, execution_date, gate)
        gate.stop_if_failed()
        new_idr = pc.sum(made.instructions.column("amount_idr")).as_py() or 0
        before_idr = returned.committed_idr(connection)
        orders.save(house, connection, made, period, maker)
        # What is sent again after it came back was committed before, so what is new is what the record grew by.
        added_idr = returned.committed_idr(connection) - before_idr
        funding.check_covered(queries.funded_idr(connection), before_idr, added_idr)
        if made.instructions.num_rows:
            gate.check("allocations_kept.v1", _beyond_allocations(house, connection))
        gate.keep(connection)
    waiting = [row["batch"] for row in queries.batches(house.store, period) if row["state"] == "drafted"]
    return {
        "period": period,
        "instructed": made.instructions.num_rows,
        "instructed_idr": new_idr,
        "reissued": made.reissued,
        "batches": sorted({row["batch"] for row in made.batches} | set(waiting)),
        "left_out": dict(sorted(Counter(made.left_out.column("reason").to_pylist()).items())),
        "warnings": gate.warnings(),
    }


def _beyond_allocations(house: House, connection: store.Connection) -> pa.Table:
    """How many people are asked for beyond what their decision allocates, and by how much: one row, for the check that warns."""
    count, amount_idr = money.over_allocated(connection, to_micros(house.at))
    return pa.table({"over_allocated_count": [count], "over_allocated_idr": [amount_idr]})


def _batch(connection: store.Connection, batch: str) -> dict[str, Any]:
    for row in queries.batch_rows(connection):
        if row["batch"] == batch:
            return row
    raise InputRejected(f"There is no batch {batch}.", "", "See: salur batches")


def release(house: House, batch: str, person: str, digest: str, via: str) -> dict[str, Any]:
    """Consent of one person, not the maker, for exactly the bytes with that digest; repeating it adds nothing."""
    house = clock.in_order(house)
    hours = int(house.config.get("release", {}).get("consent_hours", _CONSENT_HOURS))
    with house.store.transaction() as connection:
        row = _batch(connection, batch)
        given_by = {each["person"] for each in audit.consents(connection).to_pylist() if each["subject"] == batch}
        check_release(row, person, digest, given_by)
        given = row["state"] in RELEASABLE and consent.give(
            connection,
            purpose=PURPOSE,
            subject=batch,
            digest=digest,
            person=person,
            via=via,
            at=house.at,
            expires_at=house.at + timedelta(hours=hours),
        )
        if given:
            details = {
                "digest": digest,
                "via": via,
                "count": row["transaction_count"],
                "sum_idr": row["control_sum_idr"],
            }
            event = chain.append(connection, at=house.at, actor=person, kind="released", subject=batch, details=details)
            submission.move_files(connection, batch, {"drafted"}, "released", event, house.at)
        return {"batch": batch, "state": _batch(connection, batch)["state"], "person": person}


def reject(house: House, batch: str, person: str, reason: str) -> dict[str, Any]:
    """Withdraw what of a batch has not been sent; its instructions end as withdrawn and free their entitlements."""
    with house.store.transaction() as connection:
        row = _batch(connection, batch)
        if row["state"] == "withdrawn":
            return {"batch": batch, "state": "withdrawn", "withdrawn": row["transaction_count"]}
        count = submission.withdraw(house, connection, batch, person, reason)
        if not count:
            raise InputRejected(
                f"Batch {batch} is {row['state']}: it cannot be withdrawn.",
                "A bank may have acted on it.",
                "Ask the bank.",
            )
        return {"batch": batch, "state": _batch(connection, batch)["state"], "withdrawn": count}


def _withdraw_overdue(house: House, today: date) -> list[str]:
    """Withdraw what was not sent by the last payment date of one of its batch's instructions; the batches concerned."""
    withdrawn = []
    with house.store.transaction() as connection:
        for row in queries.batch_rows(connection):
            is_late = row["last_payment_date"] and row["last_payment_date"] < today
            if is_late and submission.withdraw(
                house, connection, row["batch"], house.actor, "last payment date passed"
            ):
                withdrawn.append(row["batch"])
    return withdrawn


def submit(house: House, bank: str | None = None, to: Path | None = None, batch: str | None = None) -> dict[str, Any]:
    """Send released files once: over SFTP to the banks configured, or into a folder to be carried by hand.

    Those of one bank or of one batch alone, when given. Inquiries go over SFTP alone, and none with a batch by name.
    """
    files: list[dict[str, Any]] = []
    errors: list[SalurError] = []
    house, asks = clock.in_order(house), to is None and batch is None
    for send in (
        partial(submission.submit, house, bank, to, batch),
        *([partial(inquiries.send, house, bank)] if asks else []),
    ):
        try:
            files += send()["files"]
        except SalurError as error:
            files += error.done.get("files", [])
            errors.append(error)
    if errors:
        raise first_of(errors, {"files": files})
    return {"files": files}


def recover(house: House) -> dict[str, Any]:
    """After a ledger was restored from an earlier day: what was sent since is unknown until there is evidence (`recovery`)."""
    return recovery.recover(clock.in_order(house))


def hold(house: House, participant: str, act: str, reason: str) -> dict[str, Any]:
    """Keep one person from being sent (`hold`), or end that (`unhold`)."""
    with house.store.transaction() as connection:
        if not landing.is_known(connection, participant):
            raise InputRejected(f"There is no participant {participant}.", "", "Check the identifier.")
        if (participant in queries.held_people(connection)) != (act == "hold"):
            _act(house, connection, store.holds, act, reason, {"participant_id": participant}, participant)
    return {"participant_id": participant, "act": act}


def agree_on_reissue(house: House, subject: str, act: str, person: str, reason: str) -> dict[str, Any]:
    """One person proposes, another approves (or refuses) a reissue that no machine may make; the next `entitle` sees it."""
    with house.store.transaction() as connection:
        reissues.act(connection, subject, act, person, reason, house.at)
    return {"subject": subject, "act": act, "person": person}


def brake(house: House, act: str, reason: str) -> dict[str, Any]:
    """Stop all sending (`stop`), whatever was released, or let it go on (`resume`)."""
    with house.store.transaction() as connection:
        if (queries.brake(connection) is not None) != (act == "stop"):
            _act(house, connection, store.brakes, act, reason, {}, "sending")
    return {"act": act, "reason": reason}


def _act(
    house: House,
    connection: store.Connection,
    table: store.Relation,
    act: str,
    reason: str,
    key: dict[str, str],
    subject: str,
) -> None:
    if act in ("stop", "hold") and not reason.strip():
        raise WrongUsage(f"`salur {act}` needs a reason.", "Whoever is kept from going on reads it.", "Give --reason.")
    seq = store.next_seq(connection, table)
    row = {"seq": seq, "act": act, "reason": reason, "person": house.actor, "at": to_micros(house.at), **key}
    store.insert(connection, table, [row])
    chain.append(connection, at=house.at, actor=house.actor, kind=act, subject=subject, details={"reason": reason})
