"""Sending what is released: intent first, once, and what is not known is a state of its own.

The order of acts on one file, each of them recorded before the next: look at the bank (nothing is recorded if it is out of
reach), store the intent (the file is `unknown` from here on), upload and read back, record `submitted`; or `released` again where
the bank refused it, so that it provably never left. Whoever finds a file
`unknown` looks at the bank before anything else; it is never sent again because a call failed, nor by another way. One that
was once proved to be at the bank is never uploaded again, whatever it becomes: unknown by silence, it waits for evidence.

Brakes, holds, consent, the last payment date and the file's own state are read in the transaction that stores the intent.
One process at a time sends to a bank.
"""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from banks import exchange
from banks.exchange import BankConnection, BankRefuses, BankUnreachable, HostKeyChanged, KeyRefused, NameTaken
from banks.profiles import Profile, profiles
from disbursement.release import PURPOSE, batch_digest
from disbursement.traces import refuse_forgotten, refuse_traces
from ledger import chain, consent, journal, marks, queries, reissues, store, unknowns
from ledger.house import House
from ledger.instants import to_micros
from ledger.keyring import sha256_hex
from ledger.lock import alone
from ledger.store import Connection
from schemas.errors import EvidenceDamaged, InputRejected, PersonNeeded, SalurError, TryLater, first_of
from schemas.failpoints import around, parts
from schemas.identifiers import same_person

_SENDABLE = ("released", "unknown")
_UNSENT = frozenset({"drafted", "released"})


@dataclass(frozen=True)
class Task:
    """A file to be sent: its batch, its row, its state and that state's evidence when it was looked at, and its bank."""

    batch: dict[str, Any]
    file: dict[str, Any]
    standing: tuple[str, str]
    profile: Profile

    @property
    def name(self) -> str:
        """The file's name."""
        return str(self.file["file_name"])

    @property
    def is_unknown(self) -> bool:
        """Whether an earlier run meant to send it and nothing tells whether it did."""
        return self.standing[0] == "unknown"


def move_files(
    connection: Connection, batch: str, before: Collection[str], state: str, evidence: str, at: datetime
) -> None:
    """Record one more state of every file of a batch that stands in one of `before`."""
    for row in queries.file_rows(connection, batch=batch).to_pylist():
        if row["state"] in before:
            record_state(connection, row["file_name"], state, evidence, at)


def record_state(connection: Connection, file_name: str, state: str, evidence: str, at: datetime) -> None:
    """Record one more state of a file, with what proves it; the first that leaves our hands takes its money from the cash."""
    before = queries.file_state(connection, file_name)
    seq = store.next_seq(connection, store.file_states)
    row = {"seq": seq, "file_name": file_name, "state": state, "evidence": evidence, "at": to_micros(at)}
    store.insert(connection, store.file_states, [row])
    journal.post(connection, journal.of_file(connection, file_name, before, state, evidence), at)


def withdraw(house: House, connection: Connection, batch: str, person: str, reason: str) -> int:
    """End the instructions of a batch's unsent files as withdrawn, which frees their entitlements; returns how many.

    Whether a file is unsent is read in the caller's write transaction, where a sender stores its intent: so a file that is
    being sent, or was, is never withdrawn, and one that is withdrawn is never sent.
    """
    rows = queries.instruction_rows(connection, batch=batch)
    rows = rows.filter(pc.is_in(rows.column("file_state"), pa.array(sorted(_UNSENT))))
    if not rows.num_rows:
        return 0
    refuse_forgotten(house, connection)
    details = {"reason": reason, "count": rows.num_rows, "sum_idr": pc.sum(rows.column("amount_idr")).as_py()}
    event = chain.append(connection, at=house.at, actor=person, kind="withdrawn", subject=batch, details=details)
    move_files(connection, batch, _UNSENT, "withdrawn", event, house.at)
    kept = rows.select(["participant_id", "benefit", "sequence", "attempt"]).to_pylist()
    at = reissues.at_of_an_end(connection, house.at)
    end = {"end": "withdrawn", "code_list": None, "reason_code": None, "evidence": event, "at": at}
    return store.insert(connection, store.attempt_ends, [row | end for row in kept])


def submit(house: House, bank: str | None, to: Path | None, batch: str | None) -> dict[str, Any]:
    """Send every released batch (of one bank or that one alone, when given), and settle files left unknown before.

    One bank's trouble does not keep another's files; the first error is raised when all that can be sent is sent.
    """
    if bank is not None and bank not in profiles():
        raise InputRejected(f"There is no bank {bank}.", f"Banks: {', '.join(profiles())}.", "Name one of them.")
    with house.store.reading() as connection:
        to_send = {file["batch"] for file in _sendable(connection, batch)}
        waiting = [
            row for row in queries.batch_rows(connection) if row["batch"] in to_send and bank in (None, row["channel"])
        ]
        if waiting:
            _check_brake(connection)
            refuse_forgotten(house, connection)
    sent: list[dict[str, Any]] = []
    errors: list[SalurError] = []
    for row in waiting:
        try:
            with alone(house.store, f"send-{row['channel']}", house.lock_wait_seconds) as still_alone:
                sent += _submit_batch(house, row, to, still_alone)
        except SalurError as error:
            errors.append(error)
    if errors:
        raise first_of(errors, {"files": sent})
    return {"files": sent}


def _submit_batch(
    house: House, batch: dict[str, Any], to: Path | None, still_alone: Callable[[], None]
) -> list[dict[str, Any]]:
    profile = profiles()[batch["channel"]]
    line = None if to is not None else _connection(house, profile)
    refuse_traces(house, profile.code, line)
    with house.store.reading() as connection:
        files = queries.file_rows(connection, batch=batch["batch"]).to_pylist()
        sendable = _sendable(connection, batch["batch"])
        standing = queries.file_standing(connection)
    _check_digest(batch, files)
    sent = []
    for file in sendable:
        looked_at = Task(batch, file, standing[file["file_name"]], profile)
        if line is not None:
            _to_bank(house, looked_at, line, still_alone)
        else:
            assert to is not None, "a file goes to a bank or to a folder"
            _by_hand(house, looked_at, to)
        sent.append({"file_name": file["file_name"], "bank": profile.code, "state": "submitted"})
    return sent


def _sendable(connection: Connection, batch: str | None) -> list[dict[str, Any]]:
    """The files, of one batch when given, that are to be sent or of which it is to be settled whether they were."""
    proved = unknowns.proved_submitted(connection)
    files = queries.file_rows(connection, batch=batch).to_pylist()
    return [file for file in files if file["state"] in _SENDABLE and file["file_name"] not in proved]


def _connection(house: House, profile: Profile) -> BankConnection:
    table = house.config.get("banks", {}).get(profile.code)
    if table is None:
        raise PersonNeeded(
            f"Bank {profile.code} is not configured.",
            "There is no [banks.…] table for it in salur.toml.",
            "Configure it, or write its files with: salur submit --to DIR",
        )
    return BankConnection.from_config(profile, table, house.path)


def _check_digest(batch: dict[str, Any], files: list[dict[str, Any]]) -> None:
    ours = {file["file_name"]: file["sha256"] for file in files if not file["is_companion"]}
    if batch_digest(ours) != batch["digest"]:
        raise EvidenceDamaged(
            f"The files of {batch['batch']} are not those of its digest.", "", "Do not send. Compare with a copy."
        )


def _to_bank(house: House, task: Task, line: BankConnection, still_alone: Callable[[], None]) -> None:
    """Look at the bank; then confirm what is there already, or store the intent, upload and confirm."""
    name, data = task.name, house.archive.get(task.file["sha256"])
    there = exchange.remote_state(line, name)
    if there.state == "present" and there.sha256 != task.file["sha256"]:
        raise NameTaken(
            f"At bank {line.code} {name} is there with other content.",
            "A name never carries two contents. Nothing is sent now.",
            "Compare both with the bank. `salur reject` withdraws what was not sent.",
        )
    if task.is_unknown:
        if there.state == "present":
            _confirm(house, task, f"listing {there.size} bytes sha256 {there.sha256}")
            return
        _check_same_way(house, task, line.code)
        if there.state == "absent" and line.after_arrival == "taken":
            raise PersonNeeded(
                f"{name} is unknown at bank {line.code}.",
                "An upload broke off, it is not listed, and the bank takes files away on arrival.",
                "Wait for its answer, or ask the bank. It is not sent again before there is evidence.",
            )
    intent = _intend(house, task, line.code)
    try:
        delivery = exchange.upload(line, name, data, still_alone)
    except (BankRefuses, BankUnreachable, HostKeyChanged, KeyRefused, NameTaken) as error:
        if not task.is_unknown:  # this refusal says nothing of an attempt before it
            _put_back(house, task, error, intent)
        raise
    _confirm(house, task, f"listing {delivery.size} bytes sha256 {delivery.sha256}")


def _by_hand(house: House, task: Task, folder: Path) -> None:
    """Write the file to be carried by hand, once; one that was begun another way is not written here as well.

    It lies whole under a hidden name before the intent is stored, and gets its own name after that. So of an unknown
    file that is under neither name a carrier may have taken it, and one that is still hidden has not left.
    """
    data, way = house.archive.get(task.file["sha256"]), f"hand {folder.resolve()}"
    proof = f"file sha256 {sha256_hex(data)}"
    is_there = _is_there(folder / task.name, data)
    if task.is_unknown:
        _check_same_way(house, task, way)
        if is_there:
            _confirm(house, task, proof)
            return
        if not _is_there(_hidden(folder, task.name), data):
            raise PersonNeeded(
                f"{task.name} is unknown and is not in {folder}.",
                "Its writing broke off at the end, and somebody may have carried it away.",
                "Look whether the bank has it. It is not written again before there is evidence.",
            )
        _intend(house, task, way)
    else:
        _write(_hidden(folder, task.name), data)
        try:
            _intend(house, task, way)
        except SalurError:
            if not _may_be_begun(house, task):
                with around("hand removal"):
                    _hidden(folder, task.name).unlink(missing_ok=True)
            raise
    _name(folder, task.name)
    _confirm(house, task, proof)


def _may_be_begun(house: House, task: Task) -> bool:
    """Whether the intent may be in the ledger all the same: a commit that was not told may have been kept."""
    try:
        with house.store.reading() as connection:
            return queries.file_standing(connection)[task.name][0] == "unknown"
    except TryLater:
        return True


def _check_same_way(house: House, task: Task, way: str) -> None:
    """An unknown file may have gone the way that was intended; by another way it would arrive twice."""
    with house.store.reading() as connection:
        before = queries.event_details(connection, task.standing[1]).get("to")
    if before != way:
        raise PersonNeeded(
            f"{task.name} was begun another way ({before}), and whether it arrived is not known.",
            "Sent this way too it would arrive twice.",
            "Give the command as it was given then, or ask the bank.",
        )


def _permit(house: House, connection: Connection, task: Task) -> None:
    """Everything that sending needs, read from the ledger at the moment of sending; spends the consent once."""
    state, evidence = queries.file_standing(connection)[task.name]
    if (state, evidence) != task.standing:
        raise TryLater(
            f"{task.name} became {state} while it was looked at.", "Nothing was sent.", "Give the command again."
        )
    _check_brake(connection)
    last_day = task.batch["last_payment_date"]
    if last_day and task.batch["execution_date"] > last_day:
        raise PersonNeeded(
            f"Batch {task.batch['batch']} is to be executed after its last payment date.",
            "The bank would pay too late.",
            "Run `salur reject`, then `salur instruct` with an earlier --execution-date.",
        )
    held = queries.held_people(connection) & queries.participants_of(connection, task.name)
    if held:
        raise PersonNeeded(
            f"{len(held)} people of {task.name} are on hold.",
            "A file cannot leave without them.",
            "Run `salur reject` and instruct anew, or `salur unhold`.",
        )
    what = {"purpose": PURPOSE, "subject": task.batch["batch"], "digest": task.batch["digest"]}
    people = consent.people(connection, **what, at=house.at)
    if not any(not same_person(person, task.batch["maker"]) for person in people):
        raise PersonNeeded(
            f"Batch {task.batch['batch']} has no consent that holds.",
            "It expired, or was never given.",
            "Run: salur release",
        )
    if not queries.is_consent_spent(connection, **what):
        consent.use(connection, **what, actor=house.actor, at=house.at)


def _check_brake(connection: Connection) -> None:
    stopped = queries.brake(connection)
    if stopped:
        raise PersonNeeded("Sending is stopped.", stopped["reason"], "Run `salur resume` when the reason is gone.")


def _intend(house: House, task: Task, way: str) -> str:
    """Store the intent, if sending is permitted: from here on the file is unknown until there is evidence. Its event.

    A mark outside the ledger follows, before anything is sent: where it cannot be left, the file has not left either.
    """
    with house.store.transaction() as connection:
        _permit(house, connection, task)
        assert task.name not in unknowns.proved_submitted(connection), "what was at the bank is never uploaded again"
        details = {"sha256": task.file["sha256"], "to": way}
        event = _record(house, connection, task, marks.INTENDED, "unknown", details)
    try:
        marks.leave(house, marks.mark_of(event, task.batch, task.file, way))
    except TryLater as error:
        if not task.is_unknown:
            _put_back(house, task, error, event)
        raise
    return event


def _confirm(house: House, task: Task, proof: str) -> None:
    """Record what proves that the file is there. The bank may have answered meanwhile; a later state stays."""
    with house.store.transaction() as connection:
        details = {"sha256": task.file["sha256"], "proof": proof, "count": task.file["transaction_count"]}
        if queries.file_standing(connection)[task.name][0] == "unknown":
            _record(house, connection, task, "submitted", "submitted", details)


def _put_back(house: House, task: Task, refusal: SalurError, intent: str) -> None:
    """Record that a file has not left by the intent that was stored: it is released as before, and can be withdrawn.

    Where another intent stands by now, it was another's to send, and this refusal says nothing of that.
    """
    with house.store.transaction() as connection:
        details = {"sha256": task.file["sha256"], "proof": f"{type(refusal).__name__}: {refusal.why}"}
        if queries.file_standing(connection)[task.name] == ("unknown", intent):
            _record(house, connection, task, "submission_refused", "released", details)


def _record(house: House, connection: Connection, task: Task, kind: str, state: str, details: dict[str, Any]) -> str:
    event = chain.append(connection, at=house.at, actor=house.actor, kind=kind, subject=task.name, details=details)
    record_state(connection, task.name, state, event, house.at)
    return event


def _hidden(folder: Path, name: str) -> Path:
    return folder / f".{name}.part"


def _is_there(target: Path, data: bytes) -> bool:
    """Whether a file is there already; one of that name with other content is left alone and refused."""
    try:
        found = target.read_bytes() if target.exists() else None
    except OSError as error:
        raise _unwritable(target.parent, error) from None
    if found is not None and found != data:
        raise InputRejected(f"{target} is there with other content.", "", "Give another folder.")
    return found is not None


def _write(target: Path, data: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with around("hand write"), target.open("wb") as stream:
            for part in parts("hand write", data):
                stream.write(part)
                stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise _unwritable(target.parent, error) from None


def _name(folder: Path, name: str) -> None:
    """Give a hidden file its own name, for good.

    By one rename, so that it is never under both names: a hard link would be, and a carrier's stick has none. Nobody
    else of ours writes here (`alone`), and that the name is free has been looked at.
    """
    try:
        with around("hand naming"):
            _hidden(folder, name).rename(folder / name)
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> TryLater:
    return TryLater(
        f"{folder} cannot be written.", error.strerror or type(error).__name__, "Mend it, then give the command again."
    )
