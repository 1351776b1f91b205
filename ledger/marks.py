"""What was meant for a bank, noted outside the ledger: so that a ledger which went back to an earlier day is known by what it forgot.

A mark is left after the intent of a sending is stored and before the first byte goes: one line in the home, and one object in the
archive, which machines share and which only grows. A restored ledger lacks the event that the mark names. Neither place is asked what
is to be paid; together with what lies at the bank they only say that something was sent which the ledger does not know.
"""

import json
import os
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from ledger import store
from ledger.house import House
from ledger.instants import from_micros
from schemas.errors import TryLater
from schemas.failpoints import around

FILE = "sent.jsonl"
INTENDED, RECOVERED = "submission_intended", "sending_recovered"


class Mark(NamedTuple):
    """A file that was meant to be sent: the event of its intent and the way it goes, and what its batch was made with."""

    event: str
    file_name: str
    sha256: str
    channel: str
    way: str
    batch: str
    period: str
    cut_off: str
    execution_date: str
    maker: str


def mark_of(event: str, batch: dict[str, Any], file: dict[str, Any], way: str) -> Mark:
    """The mark of a file's intent, from the rows of its batch and its own."""
    made_at = batch["created_at"]
    cut_off = made_at if isinstance(made_at, datetime) else from_micros(made_at)
    return Mark(
        event,
        file["file_name"],
        file["sha256"],
        batch["channel"],
        way,
        batch["batch"],
        batch["period"],
        cut_off.isoformat(),
        str(batch["execution_date"]),
        batch["maker"],
    )


def leave(house: House, mark: Mark) -> None:
    """Note a mark in the home and in the archive; `TryLater` when either cannot be written."""
    line = _line(mark)
    try:
        handle = os.open(house.path / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with around("mark"):
                os.write(handle, b"\n" + line + b"\n")  # whatever a full disk left of an earlier one ends here
                os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise TryLater(
            f"{house.path / FILE} cannot be written.", f"{error.strerror}. Nothing was sent.", "Free space or mend it."
        ) from None
    house.archive.mark(house.archive.put(line))


def forgotten(house: House, connection: store.Connection) -> list[Mark]:
    """The marks whose sending the ledger does not know: it went back to before them. Sorted by file."""
    found = _found(house)
    known = _known(connection) if found else set()
    return sorted((mark for event, mark in found.items() if event not in known), key=lambda mark: mark.file_name)


def _found(house: House) -> dict[str, Mark]:
    """Every mark in the home or in the archive, by the event that it names."""
    path = house.path / FILE
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise TryLater(f"{path} cannot be read.", error.strerror or "", "Mend it.") from None
    kept = [house.archive.get(key) for key in house.archive.marked()]
    return {mark.event: mark for mark in _read([*lines, *kept])}


def _read(lines: Iterable[bytes]) -> Iterable[Mark]:
    """The marks in lines; a line that was cut short by a full disk is no mark, and nothing was sent after it."""
    for line in lines:
        try:
            yield Mark(**json.loads(line))
        except (ValueError, TypeError):
            continue


def _line(mark: Mark) -> bytes:
    return json.dumps(mark._asdict(), sort_keys=True, ensure_ascii=False).encode()


def _known(connection: store.Connection) -> set[str]:
    """The events of intents that the ledger holds, and those of which it was told again."""
    e = store.events.c
    rows = connection.execute(sa.select(e.hash, e.kind, e.details).where(e.kind.in_((INTENDED, RECOVERED))))
    known = set()
    for row in rows:
        known.add(row.hash)
        if row.kind == RECOVERED:
            known.update(json.loads(row.details).get("marks", ()))
    return known


def never_sent(connection: store.Connection, channel: str) -> set[str]:
    """The files of a channel that, as far as the ledger knows, were never on their way: not even meant to be sent."""
    return {name for (name,) in store.rows(connection, _NEVER_SENT, channel=channel)}


_F, _S, _I = store.files.c, store.file_states.c, store.instructions.c
_LEFT = sa.select(_S.file_name).where(_S.state.not_in(("drafted", "released", "withdrawn")))
_NEVER_SENT = sa.select(_F.file_name).where(
    _F.channel == sa.bindparam("channel", required=False), _F.file_name.not_in(_LEFT)
)
_NAMES = sa.select(_F.file_name, _F.message_id, _F.payment_information_id)
_IDS = sa.select(_I.end_to_end_id).where(_I.file_name == sa.bindparam("file_name"))


def references(connection: store.Connection, files: set[str]) -> set[str]:
    """By what a bank names these files and their instructions: message, payment information and end-to-end ids."""
    found: set[str] = set()
    for name, message_id, payment_information_id in store.rows(connection, _NAMES):
        if name in files:
            found |= {message_id, payment_information_id}
    for name in sorted(files):
        found.update(reference for (reference,) in store.rows(connection, _IDS, file_name=name))
    return found
