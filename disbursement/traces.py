"""Whether the world knows of a sending that the ledger does not: looked at before anything is sent.

A ledger that was restored from an earlier day would send once more what left after that day: files of the same content get the
same names, and their consents can be given again. So marks outside the ledger (`ledger.marks`), our own files that lie at the
bank, and the bank's answers, fetched already or not, are held against what the ledger says was never sent. Where a bank takes files
away, has not answered yet, and home and archive went back with the ledger, nothing shows: docs/recovery.md says what people do then.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from banks import exchange
from banks.exchange import BankConnection, BankRefuses, RemoteFile
from ledger import inbound, marks, queries
from ledger.archive import Archive
from ledger.house import House
from ledger.instants import to_micros
from ledger.parquet import get_table
from ledger.store import Connection
from schemas.errors import PersonNeeded
from schemas.fields import TEXT

_WORD = re.compile(rb"[0-9A-Z]{15,35}")
"""What an identifier of ours may look like in the bytes of a file."""
_NAMED = ("message_id", "payment_information_id", "end_to_end_id")


class Trace(NamedTuple):
    """Something outside the ledger that names what the ledger says was never sent: where it is, and which of our ids it names."""

    where: str
    named: frozenset[str]


def refuse_forgotten(house: House, connection: Connection) -> None:
    """Stop while a sending is noted that the ledger does not know."""
    lost = marks.forgotten(house, connection)
    if lost:
        raise PersonNeeded(
            f"The ledger does not know that {_some([mark.file_name for mark in lost])} left for a bank.",
            "It seems to have been restored from an earlier day. Nothing is sent: it could be paid twice.",
            "Run `salur recover`, which says what is missing and what to do (docs/recovery.md).",
        )


def refuse_traces(house: House, channel: str, line: BankConnection | None) -> None:
    """Stop while something received from a bank, or lying there, names what the ledger says was never sent to it."""
    found = list(traces(house, channel, line))
    if found:
        raise PersonNeeded(
            f"Bank {channel} knows what the ledger says was never sent: {_some([trace.where for trace in found])}.",
            "The ledger may have been restored from an earlier day. Nothing is sent: it could be paid twice.",
            "Run `salur collect`, then `salur recover` (docs/recovery.md).",
        )


def traces(house: House, channel: str, line: BankConnection | None) -> Iterator[Trace]:
    """What came from a bank, or lies there where it can be reached, and names files or instructions that the ledger says were
    never sent to it.
    """
    with house.store.reading() as connection:
        unsent = marks.never_sent(connection, channel)
        ours = marks.references(connection, unsent)
        sent = set(queries.file_standing(connection)) - unsent
        fetched = inbound.recorded_names(connection, channel)
        answers = [row for row in inbound.inbound(connection).to_pylist() if row["bank"] == channel]
    looked_for = pa.array(sorted(ours), TEXT)
    for row in answers if ours else ():
        if named := _named(house.archive, row, looked_for):
            yield Trace(f"answer {row['file_name']}", frozenset(named))
    if ours and line is not None:
        yield from _at_the_bank(line, ours, sent, fetched)


def _at_the_bank(
    line: BankConnection, ours: set[str], sent: set[str], fetched: set[tuple[str, int, int]]
) -> Iterator[Trace]:
    """What lies at a bank and names one of `ours`: files that are not `sent`, and answers that are not `fetched`."""
    for file in _our_files(line):
        if file.name not in sent and (named := _words(exchange.download(line, file.name, folder="inbox")) & ours):
            yield Trace(f"file {file.name}", frozenset(named))
    for file in exchange.listing(line):
        listed_at = to_micros(file.modified_at) if file.modified_at else 0
        if (file.name, file.size, listed_at) not in fetched and (
            named := _words(exchange.download(line, file.name)) & ours
        ):
            yield Trace(f"answer {file.name}, not fetched yet", frozenset(named))


def _our_files(line: BankConnection) -> list[RemoteFile]:
    """What a bank shows of our files; nothing where it lets nobody look into that folder (an upload finds out what else is wrong)."""
    try:
        return exchange.listing(line, "inbox")
    except BankRefuses:
        return []


def _words(data: bytes) -> set[str]:
    return {word.decode() for word in _WORD.findall(data)}


def _named(archive: Archive, row: dict[str, Any], looked_for: pa.Array) -> set[str]:
    """Which of the ids looked for a file names that was received, as it was read."""
    named: set[str] = set()
    for key in (row["archive_key"] or "").split():
        table = get_table(archive, key)
        for name in set(_NAMED) & set(table.column_names):
            column = table.column(name)
            named.update(column.filter(pc.is_in(column, value_set=looked_for)).to_pylist())
    return named


def _some(names: list[str], count: int = 3) -> str:
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")
