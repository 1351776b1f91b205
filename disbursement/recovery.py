"""The way forward after a ledger was restored from an earlier day: what left after that day is unknown again, until there is evidence.

Nothing is sent here. A file that a mark, our own file at the bank, or an answer shows to have been sent, and that the ledger holds as
released, becomes `unknown`: the next `submit` looks for it at the bank, and the bank's answers settle it. A file that the ledger
does not hold yet is made again first, by the same steps with the same cut-off, which give it the same name and the same bytes.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from banks.exchange import BankConnection
from banks.profiles import profiles
from disbursement.release import PURPOSE
from disbursement.submission import record_state
from disbursement.traces import traces
from ledger import chain, consent, marks, queries
from ledger.house import House
from ledger.marks import Mark
from ledger.store import Connection
from schemas.errors import PersonNeeded, SalurError, first_of
from schemas.identifiers import same_person


@dataclass
class Shown:
    """What shows that a file was sent: proofs in words, and the marks of it that the ledger does not know."""

    proofs: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


def recover(house: House) -> dict[str, Any]:
    """Record as unknown what was sent and forgotten; which files. PersonNeeded says what a person must do for the others first.

    A bank that is out of reach keeps nothing of the rest; its error is raised when all else is done.
    """
    with house.store.reading() as connection:
        lost = marks.forgotten(house, connection)
    shown: dict[str, Shown] = defaultdict(Shown)
    for mark in lost:
        shown[mark.file_name].marks.append(mark)
        shown[mark.file_name].proofs.append(f"mark of {mark.event}")
    errors: list[SalurError] = []
    for channel in sorted({*house.config.get("banks", {}), *(mark.channel for mark in lost)}):
        try:
            _add_traces(house, channel, shown)
        except SalurError as error:
            errors.append(error)
    recovered, left = [], []
    with house.store.transaction() as connection:
        for name, found in sorted(shown.items()):
            what = _missing(house, connection, name, found)
            if what is None:
                _save(house, connection, name, found)
                recovered.append({"file_name": name, "state": "unknown", "proofs": found.proofs})
            else:
                left.append(what)
    if left or errors:
        raise first_of([*left, *errors], {"files": recovered})
    return {"files": recovered}


def _add_traces(house: House, channel: str, shown: dict[str, Shown]) -> None:
    """What a bank shows to have been sent, by the file of ours that it names."""
    table, profile = house.config.get("banks", {}).get(channel), profiles()[channel]
    line = BankConnection.from_config(profile, table, house.path) if table else None
    with house.store.reading() as connection:
        files = {name: marks.references(connection, {name}) for name in marks.never_sent(connection, channel)}
    for trace in traces(house, channel, line):
        for name, references in files.items():
            if trace.named & references:
                shown[name].proofs.append(trace.where)


def _missing(house: House, connection: Connection, name: str, found: Shown) -> SalurError | None:
    """What keeps a file from being recorded as sent: it must be made again, released, or looked at by a person."""
    rows = [row for row in queries.file_rows(connection).to_pylist() if row["file_name"] == name]
    if not rows:
        mark = found.marks[0]
        return PersonNeeded(
            f"{name} was sent to {mark.channel} and is not in this ledger.",
            "It must be made again, by the same steps with the same data: then it has the same name and bytes.",
            f"Take the drops of that day again, then: salur entitle --period {mark.period} --as-of {mark.cut_off}; salur instruct "
            f"--period {mark.period} --execution-date {mark.execution_date} --as {mark.maker}; salur release; salur recover",
        )
    (row,) = rows
    differs = [mark for mark in found.marks if mark.sha256 != row["sha256"]]
    if differs or row["state"] == "withdrawn":
        return PersonNeeded(
            f"{name} was sent, and here it {'has other bytes' if differs else 'was withdrawn'}.",
            "Whom the bank pays is not what this ledger says.",
            "Leave sending stopped. Restore a later copy of the ledger, or that of before the withdrawal.",
        )
    if row["state"] == "drafted" or (row["state"] == "released" and not _is_agreed(house, connection, row["batch"])):
        return PersonNeeded(
            f"{name} was sent, and its batch {row['batch']} has no consent here.",
            "The consent was lost with the rest. Nothing is sent by giving it while sending is stopped.",
            f"Run: salur release {row['batch']} --as NAME --digest {row['digest']}; then salur recover",
        )
    return None


def _is_agreed(house: House, connection: Connection, batch: str) -> bool:
    row = next(each for each in queries.batch_rows(connection) if each["batch"] == batch)
    what = {"purpose": PURPOSE, "subject": batch, "digest": row["digest"]}
    people = consent.people(connection, **what, at=house.at)
    return any(not same_person(person, row["maker"]) for person in people)


def _save(house: House, connection: Connection, name: str, found: Shown) -> None:
    """Record that a file was sent and that its outcome is not known; the consent to it is spent with that."""
    (row,) = (each for each in queries.file_rows(connection).to_pylist() if each["file_name"] == name)
    way = found.marks[0].way if found.marks else row["channel"]
    details = {
        "sha256": row["sha256"],
        "to": way,
        "proof": "; ".join(found.proofs),
        "marks": [mark.event for mark in found.marks],
    }
    event = chain.append(
        connection, at=house.at, actor=house.actor, kind=marks.RECOVERED, subject=name, details=details
    )
    if row["state"] != "released":
        return  # it is known by now: the mark alone was missing
    what = {"purpose": PURPOSE, "subject": row["batch"], "digest": row["digest"]}
    if not queries.is_consent_spent(connection, **what):
        consent.use(connection, **what, actor=house.actor, at=house.at)
    record_state(connection, name, "unknown", event, house.at)
