"""Sending what is released: intent first, once, and what is not known is a state of its own.

The order of acts on one file, each of them recorded before the next: look at the bank (nothing is recorded if it is out of
reach), store the intent (the file is `unknown` from here on), upload and read back, record `submitted`. Whoever finds a file
`unknown` looks at the bank before anything else; it is never sent again because a call failed.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from banks import exchange
from banks.exchange import BankConnection
from banks.profiles import Profile, profiles
from disbursement.release import PURPOSE, batch_digest, same_person
from ledger import chain, consent, queries, store
from ledger.house import House
from ledger.instants import to_micros
from ledger.keyring import sha256_hex
from ledger.store import Connection
from schemas.errors import EvidenceDamaged, InputRejected, PersonNeeded, SalurError

_SENDABLE = ("released", "unknown")


def move_files(connection: Connection, batch: str, before: set[str], state: str, evidence: str, at: datetime) -> None:
    """Record one more state of every file of a batch that stands in one of `before`."""
    for row in queries.file_rows(connection, batch=batch).to_pylist():
        if row["state"] in before:
            record_state(connection, row["file_name"], state, evidence, at)


def record_state(connection: Connection, file_name: str, state: str, evidence: str, at: datetime) -> None:
    """Record one more state of a file, with what proves it."""
    seq = store.next_seq(connection, store.file_states)
    row = {"seq": seq, "file_name": file_name, "state": state, "evidence": evidence, "at": to_micros(at)}
    store.insert(connection, store.file_states, [row])


def withdraw(house: House, connection: Connection, batch: str, person: str, reason: str) -> int:
    """End every instruction of an unsent batch as withdrawn, which frees its entitlements; returns how many."""
    rows = queries.instruction_rows(connection, batch=batch)
    details = {"reason": reason, "count": rows.num_rows, "sum_idr": pc.sum(rows.column("amount_idr")).as_py()}
    event = chain.append(connection, at=house.at, actor=person, kind="withdrawn", subject=batch, details=details)
    move_files(connection, batch, {"drafted", "released"}, "withdrawn", event, house.at)
    at = to_micros(house.at)
    ends = [
        {
            "participant_id": row["participant_id"],
            "benefit": row["benefit"],
            "sequence": row["sequence"],
            "attempt": row["attempt"],
            "end": "withdrawn",
            "code_list": None,
            "reason_code": None,
            "evidence": event,
            "at": at,
        }
        for row in rows.to_pylist()
    ]
    store.insert(connection, store.attempt_ends, ends)
    return len(ends)


def submit(house: House, bank: str | None, to: Path | None) -> dict[str, Any]:
    """Send every released batch (of one bank, when given), and settle files that an earlier run left unknown.

    One bank's trouble does not keep another's files; the first error is raised when all that can be sent is sent.
    """
    if bank is not None and bank not in profiles():
        raise InputRejected(f"There is no bank {bank}.", f"Banks: {', '.join(profiles())}.", "Name one of them.")
    with house.store.reading() as connection:
        stopped = queries.brake(connection)
    batches = [row for row in queries.batches(house.store) if bank is None or row["channel"] == bank]
    waiting = [row for row in batches if row["state"] in _SENDABLE]
    if waiting and stopped:
        raise PersonNeeded("Sending is stopped.", stopped["reason"], "Run `salur resume` when the reason is gone.")
    sent: list[dict[str, Any]] = []
    errors: list[SalurError] = []
    for batch in waiting:
        try:
            sent += _submit_batch(house, batch, to)
        except SalurError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return {"files": sent}


def _submit_batch(house: House, batch: dict[str, Any], to: Path | None) -> list[dict[str, Any]]:
    profile = profiles()[batch["channel"]]
    line = None if to is not None else _connection(house, profile)
    with house.store.reading() as connection:
        files = queries.file_rows(connection, batch=batch["batch"]).to_pylist()
    _permit(house, batch, files)
    return [
        {"file_name": file["file_name"], "bank": profile.code, "state": _submit_file(house, profile, file, line, to)}
        for file in files
        if file["state"] in _SENDABLE
    ]


def _connection(house: House, profile: Profile) -> BankConnection:
    table = house.config.get("banks", {}).get(profile.code)
    if table is None:
        raise PersonNeeded(
            f"Bank {profile.code} is not configured.",
            "There is no [banks.…] table for it in salur.toml.",
            "Configure it, or write its files with: salur submit --to DIR",
        )
    return BankConnection.from_config(profile, table, house.path)


def _permit(house: House, batch: dict[str, Any], files: list[dict[str, Any]]) -> None:
    """Read consent and holds again at the moment of sending, from the ledger alone, and spend the consent once."""
    name, digest = batch["batch"], batch["digest"]
    if batch_digest({file["file_name"]: file["sha256"] for file in files if not file["is_companion"]}) != digest:
        raise EvidenceDamaged(
            f"The files of {name} are not those of its digest.", "", "Do not send. Compare with a copy."
        )
    with house.store.transaction() as connection:
        held = sorted(queries.held_people(connection) & queries.participants_of(connection, name))
        if held:
            raise PersonNeeded(
                f"{len(held)} people of batch {name} are on hold.",
                "A file cannot leave without them.",
                "Run `salur reject` and instruct anew, or `salur unhold`.",
            )
        if queries.is_consent_spent(connection, PURPOSE, name, digest):
            return  # an earlier run began to send and is being carried on
        people = consent.people(connection, purpose=PURPOSE, subject=name, digest=digest, at=house.at)
        if not any(not same_person(person, batch["maker"]) for person in people):
            raise PersonNeeded(
                f"Batch {name} has no consent that holds.", "It expired, or was never given.", "Run: salur release"
            )
        consent.use(connection, purpose=PURPOSE, subject=name, digest=digest, actor=house.actor, at=house.at)


def _submit_file(
    house: House, profile: Profile, file: dict[str, Any], line: BankConnection | None, to: Path | None
) -> str:
    data = house.archive.get(file["sha256"])
    name = file["file_name"]
    if line is None:
        assert to is not None, "a file goes to a bank or to a folder"
        _intend(house, file, "hand")
        proof = _write_once(to, name, data)
    else:
        there = exchange.remote_state(line, name)
        if file["state"] == "unknown" and there.state == "absent" and profile.after_arrival == "taken":
            raise PersonNeeded(
                f"{name} is unknown at bank {profile.code}.",
                "An upload broke off, it is not listed, and the bank takes files away on arrival.",
                "Wait for its answer, or ask the bank. It is not sent again before there is evidence.",
            )
        _intend(house, file, profile.code)
        delivery = exchange.upload(line, name, data)
        proof = f"listing {delivery.size} bytes sha256 {delivery.sha256}"
    _confirm(house, file, proof)
    return "submitted"


def _intend(house: House, file: dict[str, Any], where: str) -> None:
    """Store the intent: from here on the file is unknown until there is evidence."""
    with house.store.transaction() as connection:
        details = {"sha256": file["sha256"], "to": where}
        event = chain.append(
            connection,
            at=house.at,
            actor=house.actor,
            kind="submission_intended",
            subject=file["file_name"],
            details=details,
        )
        record_state(connection, file["file_name"], "unknown", event, house.at)


def _confirm(house: House, file: dict[str, Any], proof: str) -> None:
    with house.store.transaction() as connection:
        details = {"sha256": file["sha256"], "proof": proof, "count": file["transaction_count"]}
        event = chain.append(
            connection, at=house.at, actor=house.actor, kind="submitted", subject=file["file_name"], details=details
        )
        record_state(connection, file["file_name"], "submitted", event, house.at)


def _write_once(folder: Path, name: str, data: bytes) -> str:
    """Write a file whole under its final name; what is there under that name with other content is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name
    if target.exists():
        if target.read_bytes() != data:
            raise InputRejected(f"{target} is there with other content.", "", "Give another folder.")
    else:
        partial = folder / f".{name}.part"
        with partial.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        partial.rename(target)
    return f"file sha256 {sha256_hex(target.read_bytes())}"
