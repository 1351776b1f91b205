"""From due decisions to bank files: drafts, clear accounts and names, bytes checked and read back, one record of it all.

One of the few modules that sees personal data in clear: it unseals an account on its way into a bank's file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from banks.calendars import next_banking_day
from banks.formats import pain001
from banks.formats.names import fit
from banks.profiles import Profile, profiles
from banks.schema_check import validate
from disbursement import facts, intake
from disbursement.batch import Batch, File, Target, form_batches
from disbursement.instruction import AGAIN, ENTITLEMENT, draft, empty_again, leave_out
from disbursement.release import batch_digest
from ledger import chain, landing, queries, reissues, store
from ledger.gate import Gate
from ledger.house import House
from ledger.instants import from_micros, jakarta_date, to_micros
from ledger.keyring import sha256_hex
from ledger.parquet import get_table, put_table
from ledger.store import Connection
from schemas.errors import EXIT_BUG, EvidenceDamaged, PersonNeeded, SalurError
from schemas.identifiers import normalise_accounts, normalise_phones
from schemas.tables import conform, empty

_REMITTANCE = {
    "incentive": "INSENTIF TAHAP {sequence} KARTU PRAKERJA {period}",
    "survey": "SURVEI {sequence} KARTU PRAKERJA {period}",
}
"""What the recipient reads on the statement, by benefit: what the money is for comes first, since banks cut the end off."""


class PromiseBroken(SalurError):
    """A file of ours is not what it must be; nothing of the step is kept."""

    exit_code = EXIT_BUG


@dataclass(frozen=True)
class Made:
    """What one run of `instruct` made: rows for the ledger; the bytes are in the archive already."""

    instructions: pa.Table
    batches: list[dict[str, Any]]
    files: list[dict[str, Any]]
    left_out: pa.Table
    """left_out.v1: what is due and cannot be instructed now, with the reason."""
    run_id: str
    """The run of `entitle` whose decisions were instructed."""
    reissued: int
    """How many of the instructions follow an attempt that ended without paying."""


def make(
    house: House, connection: Connection, period: str, maker: str, execution_date: date | None, gate: Gate
) -> Made:
    """Draft, batch, write, check and archive for the due decisions in force. Nothing is recorded yet, nothing is sent."""
    if freed := queries.freed_though_kept(connection):
        raise EvidenceDamaged(
            f"{freed} payments are recorded as withdrawn, and their files are not.",
            "Who made the record so would have them paid twice. Nothing was instructed.",
            "See: salur export events; restore the ledger from a copy and compare.",
        )
    run = queries.last_entitlement_run(connection, period)
    if run is None:
        raise PersonNeeded(f"Nothing is decided for {period}.", "", f"Run: salur entitle --period {period}")
    decisions = conform(get_table(house.archive, run["archive_key"]), "decisions.v1")
    cut_off = from_micros(run["cut_off"])
    known = profiles()
    days = {
        code: execution_date or next_banking_day(profile.calendar, jakarta_date(cut_off))
        for code, profile in known.items()
    }
    standing = facts.highest_versions(connection)
    attempts = queries.attempts(connection)
    again = _again(house, connection, run, attempts)
    drafted = draft(
        decisions,
        attempts,
        facts.current_accounts(standing),
        execution_dates=days,
        on_hold=queries.held_people(connection),
        again=again,
    )
    instructions, orders, refused = _clear_orders(house, connection, drafted.instructions, standing, known)
    gate.check("instructions.v1", instructions)
    gate.check("orders.v1", orders)
    gate.stop_if_failed()
    numbers = queries.next_file_numbers(connection)
    targets = {code: Target(known[code], days[code], numbers.get((code, days[code]), 1)) for code in known}
    batches = form_batches(instructions, targets=targets, period=period, created_at=cut_off)
    files, rows = [], []
    for batch in batches:
        mine = [_write(house, known[batch.channel], batch, file, orders, cut_off) for file in batch.files]
        rows.append(_batch_row(batch, mine, period, maker, cut_off))
        files += mine
        house.say(f"{batch.batch}: {batch.transaction_count:,} instructions in {len(mine)} files")
        house.progress("instructions written", sum(row["transaction_count"] for row in rows), instructions.num_rows)
    made = pa.concat_tables([batch.instructions for batch in batches] or [empty("instructions.v1")])
    left_out = pa.concat_tables([drafted.aside, refused]).sort_by([(key, "ascending") for key in ENTITLEMENT])
    reissued = made.join(again.select(ENTITLEMENT), list(ENTITLEMENT), join_type="left semi").num_rows
    return Made(made, rows, files, left_out, str(run["run_id"]), reissued)


def _again(house: House, connection: Connection, run: Mapping[str, Any], attempts: pa.Table) -> pa.Table:
    """The reissues (AGAIN) that the run found due, if no later run knows better, and that nothing recorded since speaks against.

    That their last attempt has ended and was not paid after all, that no evidence disagrees, that its money is not with the
    treasury, that the person is not revoked since, and that all that banks have sent is read, is asked here, in the transaction
    that makes the next attempt.
    """
    last = reissues.last_run(connection)
    if last is None or last["run_id"] != run["run_id"]:
        return empty_again()
    decided = reissues.in_force(connection, house.archive, run["period"])
    due = decided.filter(pc.equal(decided["verdict"], "due"))
    if not due.num_rows:
        return empty_again()
    rows = due.join(
        reissues.last_ended(connection).select([*reissues.KEY, *_FLAGS]), list(reissues.KEY), join_type="inner"
    )
    previous = attempts.select([*ENTITLEMENT, "attempt"]).rename_columns([*ENTITLEMENT, "previous_attempt"])
    rows = rows.join(previous, list(ENTITLEMENT), join_type="inner")
    against = _against(connection, rows)
    period = pa.repeat(pa.scalar(run["period"]), rows.num_rows)
    return rows.append_column("against", against).append_column("period", period).select(AGAIN.names)


_FLAGS = ("is_disputed", "is_paid", "is_unsaid", "is_deposited", "is_agreed")


def _against(connection: Connection, rows: pa.Table) -> pa.ChunkedArray:
    """Why each of the due reissues may not be instructed now, one of AGAINST, or null."""
    unread = reissues.unread(connection, rows["end_to_end_id"].to_pylist())
    gone = facts.revoked(connection, rows["participant_id"].to_pylist())
    unknowing = pc.invert(rows["is_agreed"])
    flags = {
        "disputed": rows["is_disputed"],
        "settled": pc.or_(rows["is_paid"], pc.and_(rows["is_unsaid"], unknowing)),
        "deposited": pc.and_(rows["is_deposited"], unknowing),
        "participant_revoked": pc.is_in(rows["participant_id"], value_set=pa.array(sorted(gone), pa.string())),
        "answers_unread": pc.is_in(rows["end_to_end_id"], value_set=pa.array(sorted(unread), pa.string())),
    }
    return pc.coalesce(*(pc.if_else(flag, reason, pa.scalar(None, pa.string())) for reason, flag in flags.items()))


def _clear_orders(
    house: House, connection: Connection, instructions: pa.Table, standing: pa.Table, known: Mapping[str, Profile]
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The instructions that can be written, their orders (orders.v1), and the others (left_out.v1)."""
    if not instructions.num_rows:
        return instructions, empty("orders.v1"), empty("left_out.v1")
    people = instructions.column("participant_id").to_pylist()
    accounts, names = _unsealed(house, connection, sorted(set(people)), standing)
    table = pa.table(
        {
            "end_to_end_id": instructions.column("end_to_end_id"),
            "amount_idr": instructions.column("amount_idr"),
            "channel": instructions.column("channel"),
            "creditor_account": pa.array([accounts.get(who) for who in people], pa.string()),
            "creditor_name": pa.array([names.get(who, "") for who in people], pa.string()),
            "remittance": _remittances(instructions),
        }
    )
    fitting, refused = [], [empty("left_out.v1")]
    for channel in sorted(set(table.column("channel").to_pylist())):
        profile = known[channel]
        mine = table.filter(pc.equal(table.column("channel"), channel)).drop_columns(["channel"])
        as_written = normalise_phones if profile.account_numbers == "mobile" else normalise_accounts
        numbers = pc.fill_null(as_written(mine.column("creditor_account")), "")
        mine = mine.set_column(mine.schema.get_field_index("creditor_account"), "creditor_account", numbers)
        good, bad = fit(conform(mine, "orders.v1"), profile)
        fitting.append(good)
        for reason in sorted(set(bad.column("reason").to_pylist())):
            which = bad.filter(pc.equal(bad.column("reason"), reason)).column("end_to_end_id").combine_chunks()
            refused.append(leave_out(_of(instructions, which), reason))
    orders = pa.concat_tables(fitting)
    return _of(instructions, orders.column("end_to_end_id").combine_chunks()), orders, pa.concat_tables(refused)


def _remittances(instructions: pa.Table) -> pa.Array:
    """What each recipient reads: the benefit, which tranche or survey of it, and the month."""
    columns = (instructions.column(name).to_pylist() for name in ("benefit", "sequence", "period"))
    texts = [_REMITTANCE[benefit].format(sequence=n, period=month) for benefit, n, month in zip(*columns, strict=True)]
    return pa.array(texts, pa.string())


def _of(instructions: pa.Table, references: pa.Array) -> pa.Table:
    return instructions.filter(pc.is_in(instructions.column("end_to_end_id"), value_set=references))


def _unsealed(
    house: House, connection: Connection, people: list[str], standing: pa.Table
) -> tuple[dict[str, str], dict[str, str]]:
    """Account number and owner's name (else the participant's) of each person, of the account row in `standing`."""
    now = standing.select(["participant_id", "version", "account_mac", "owner_name_mac"])
    sealed_rows = landing.sealed_accounts(connection, people)
    rows = sealed_rows.join(now, ["participant_id", "version"], join_type="inner", right_suffix="_now")
    is_account = pc.fill_null(pc.equal(rows["account_mac"], rows["account_mac_now"]), False).to_pylist()
    is_name = pc.fill_null(pc.equal(rows["owner_name_mac"], rows["owner_name_mac_now"]), False).to_pylist()
    accounts: dict[str, str] = {}
    names: dict[str, str] = {}
    owners, seals = rows["participant_id"].to_pylist(), rows["sealed"].to_pylist()
    for who, sealed, has_account, has_name in zip(owners, seals, is_account, is_name, strict=True):
        clear = json.loads(house.keys.unseal(who, sealed))
        if has_account and clear["account_number"]:
            accounts[who] = clear["account_number"]
        if has_name and clear["owner_name"]:
            names[who] = clear["owner_name"]
    nameless = [who for who in people if who not in names]
    return accounts, names | _own_names(house, connection, nameless)


def _own_names(house: House, connection: Connection, people: list[str]) -> dict[str, str]:
    """The name of each person who has one, by the participant row that stands."""
    if not people:
        return {}
    stands = intake.current(connection, "participants").select(["participant_id", "name_mac"])
    rows = landing.sealed_participants(connection, people).join(stands, stands.column_names, join_type="inner")
    return {
        who: json.loads(house.keys.unseal(who, sealed))["name"]
        for who, sealed in zip(rows["participant_id"].to_pylist(), rows["sealed"].to_pylist(), strict=True)
    }


def _write(
    house: House, profile: Profile, batch: Batch, file: File, orders: pa.Table, cut_off: datetime
) -> dict[str, Any]:
    """Write one file, hold it against the official schema, read it back, re-total it, and keep its bytes."""
    references = file.instructions.column("end_to_end_id").combine_chunks()
    place = pc.index_in(references, value_set=orders.column("end_to_end_id").combine_chunks())
    mine = orders.take(place)
    header = pain001.Header(
        format=profile.format,
        message_id=file.message_id,
        payment_information_id=file.payment_information_id,
        created_at=cut_off,
        execution_date=batch.execution_date,
        debtor_name=_configured(house, profile.code, "debtor_name", profile.debtor_name),
        debtor_account=_configured(house, profile.code, "debtor_account", profile.debtor_account),
        debtor_agent=profile.agent,
        creditor_agent=profile.agent,
        category_purpose=profile.category_purpose,
    )
    data = pain001.write(mine, header)
    findings = validate(data, profile.format)
    again = pain001.read_back(data)
    expected = (file.instructions.num_rows, pc.sum(file.instructions.column("amount_idr")).as_py())
    if (
        findings
        or (again.transaction_count, again.control_sum_idr) != expected
        or not again.orders.equals(conform(mine, "orders.v1").combine_chunks())
    ):
        raise PromiseBroken(
            f"{file.file_name} is not what was meant.",
            findings[0] if findings else "It reads back otherwise.",
            "Report it.",
        )
    return {
        "file_name": file.file_name,
        "channel": profile.code,
        "batch": batch.batch,
        "message_id": file.message_id,
        "payment_information_id": file.payment_information_id,
        "format": profile.format,
        "transaction_count": again.transaction_count,
        "control_sum_idr": again.control_sum_idr,
        "sha256": house.archive.put(data),
        "byte_count": len(data),
        "is_companion": False,
    }


def _configured(house: House, bank: str, key: str, default: str) -> str:
    return str(house.config.get("banks", {}).get(bank, {}).get(key, default))


def _batch_row(batch: Batch, files: list[dict[str, Any]], period: str, maker: str, cut_off: datetime) -> dict[str, Any]:
    return {
        "batch": batch.batch,
        "period": period,
        "channel": batch.channel,
        "execution_date": batch.execution_date,
        "transaction_count": batch.transaction_count,
        "control_sum_idr": batch.control_sum_idr,
        "digest": batch_digest({file["file_name"]: file["sha256"] for file in files}),
        "maker": maker,
        "created_at": to_micros(cut_off),
        "last_payment_date": batch.last_payment_date,
    }


def save(house: House, connection: Connection, made: Made, period: str, maker: str) -> None:
    """Record batches, files and instructions with one event a batch, and who is due and was left out."""
    store.insert(connection, store.batches, made.batches)
    store.insert(connection, store.files, made.files)
    store.insert(connection, store.instructions, made.instructions)
    _save_left_out(house, connection, made, period)
    for batch in made.batches:
        details = {
            "digest": batch["digest"],
            "count": batch["transaction_count"],
            "sum_idr": batch["control_sum_idr"],
            "files": {file["file_name"]: file["sha256"] for file in made.files if file["batch"] == batch["batch"]},
            "instructions_sha256": sha256_hex("\n".join(_references(made.instructions, batch["batch"])).encode()),
        }
        chain.append(connection, at=house.at, actor=maker, kind="instructed", subject=batch["batch"], details=details)


def _save_left_out(house: House, connection: Connection, made: Made, period: str) -> None:
    """Keep the table of those left out and whose decisions they are, when either is another than the last run's."""
    key = put_table(house.archive, made.left_out)
    last = queries.last_instruct_run(connection, period)
    if last is None or (last["archive_key"], last["run_id"]) != (key, made.run_id):
        row = {
            "seq": store.next_seq(connection, store.instruct_runs),
            "run_id": made.run_id,
            "period": period,
            "at": to_micros(house.at),
            "archive_key": key,
            "row_count": made.left_out.num_rows,
        }
        store.insert(connection, store.instruct_runs, [row])


def _references(instructions: pa.Table, batch: str) -> list[str]:
    mine = instructions.filter(pc.equal(instructions.column("batch"), batch))
    return sorted(mine.column("end_to_end_id").to_pylist())
