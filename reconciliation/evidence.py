"""Evidence in and out of the ledger: what banks sent, as the tables that matching takes, and the cases on breaks."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from banks import exchange
from banks.exchange import BankConnection
from banks.profiles import profiles
from ledger import inbound, queries, store, supersessions
from ledger.archive import Archive
from ledger.house import House
from ledger.inbound import TakenFile, taken_files
from ledger.instants import from_micros, jakarta_date, to_micros
from ledger.parquet import get_table, put_table
from ledger.store import Connection
from reconciliation.exceptions import Case, case_of, worklist
from reconciliation.inbox import NOTIFICATION, STATEMENT, STATUS_REPORT, TAKEN, Received
from reconciliation.shown import shown
from reconciliation.statements import STATEMENT_KEY, Statements, take_once
from schemas.errors import PersonNeeded, WrongUsage
from schemas.fields import INSTANT, TEXT, WHOLE
from schemas.tables import TABLES

_TABLES = {STATUS_REPORT: ("responses",), STATEMENT: ("statements", "entries"), NOTIFICATION: ("entries",)}
"""What a file of each kind is parsed into, in the order of the keys that the ledger keeps for it."""
_WHENCE = [pa.field("bank", TEXT), pa.field("evidence", TEXT), pa.field("received", WHOLE)]
_MORE = {"responses": [pa.field("stated_at", INSTANT)], "statements": [], "entries": [pa.field("kind", TEXT)]}
SUPERSEDED = pa.field("superseded_by", TEXT)
"""The file and the id of the statement that two people have put in the place of this one; null where it stands."""
"""What the file that a row stands in adds to it."""


def save_received(house: House, connection: Connection, received: Received) -> bool:
    """Record a file that was received, the tables read from it and the periods that it speaks of.

    False when the bank had sent the same bytes before.
    """
    parsed = [
        put_table(house.archive, shown(getattr(received, name), partial(house.keys.mac_array, "bank words")))
        for name in _TABLES.get(received.kind, ())
        if received.state == TAKEN
    ]
    row = {
        "seq": store.next_seq(connection, store.inbound_files),
        "sha256": received.sha256,
        "bank": received.bank,
        "file_name": received.file_name,
        "byte_count": received.byte_count,
        "kind": received.kind,
        "state": received.state,
        "reason": received.reason or "; ".join(received.findings) or None,
        "archive_key": " ".join(parsed),
        "row_count": received.row_count,
        "at": to_micros(house.at),
        "stated_at": to_micros(received.stated_at) if received.stated_at else None,
    }
    if not store.insert_new(connection, store.inbound_files, [row]):
        return False
    spoken_of = [{"seq": row["seq"], "period": period} for period in periods_of(connection, [received])]
    store.insert(connection, store.inbound_periods, spoken_of)
    return True


def periods_of(connection: Connection, received: Iterable[Received]) -> list[str]:
    """The periods of our payments that received files speak of, sorted.

    A bank may put a file's own references where a payment's stands, so those are looked for there as well.
    """
    names: dict[str, set[str]] = {"message_id": set(), "payment_information_id": set(), "end_to_end_id": set()}
    for one in received:
        for table in (one.responses, one.entries):
            for column, found in names.items():
                found.update(value for value in pc.unique(table.column(column)).to_pylist() if value)
    messages, blocks, references = names.values()
    return sorted(inbound.periods_named(connection, messages | references, blocks | references, sorted(references)))


class Evidence(NamedTuple):
    """All that banks have sent, in tables: each row with its bank, evidence and order, the kind of its file (entries are told by a
    `statement` or a `notification`) and, of a status report, when the bank wrote it; of a statement `superseded_by`.

    `stated` is what counts of statements and entries (`take_once`), worked out when it is asked for; `known` names all that these
    tables are made of.
    """

    responses: pa.Table
    statements: pa.Table
    entries: pa.Table
    stated: Callable[[], Statements]
    known: Hashable


def load(connection: Connection, archive: Archive) -> Evidence:
    """Everything that every file taken says."""
    files = taken_files(connection, TAKEN)
    by = {key: supersessions.name_of(other) for key, other in supersessions.in_force(connection).items()}
    known = (tuple(files), tuple(sorted(by.items())))
    responses, statements, entries = archive.once("evidence", known, partial(_read, archive, files, by))
    stated = partial(archive.once, "statements", known, partial(take_once, statements, entries))
    return Evidence(responses, statements, entries, stated, known)


def _read(archive: Archive, files: list[TakenFile], by: Mapping[supersessions.Key, str]) -> list[pa.Table]:
    """`responses`, `statements` and `entries` of the files."""
    whence: dict[str, list[TakenFile]] = {"responses": [], "statements": [], "entries": []}
    tables: dict[str, list[pa.Table]] = {name: [] for name in whence}
    for file in files:
        for name, key in zip(_TABLES[file.kind], file.archive_key.split(), strict=True):
            whence[name].append(file)
            tables[name].append(get_table(archive, key))
    responses, statements, entries = (_with_whence(name, tables[name], whence[name]) for name in whence)
    keys = (tuple(row.values()) for row in statements.select(STATEMENT_KEY).to_pylist())
    set_aside = pa.array([by.get(key) for key in keys], TEXT)
    return [responses, statements.append_column(SUPERSEDED, set_aside), entries]


def _with_whence(name: str, tables: list[pa.Table], files: list[TakenFile]) -> pa.Table:
    """The tables as one, each row with what its file says of it."""
    schema = TABLES[f"{name}.v1"].schema
    whole = pa.concat_tables([schema.empty_table(), *tables], promote_options="default")
    file_of_row = pa.array(np.repeat(np.arange(len(tables)), [table.num_rows for table in tables]))
    for field in [*_WHENCE, *_MORE[name]]:
        said = [getattr(file, _COLUMN_OF.get(field.name, field.name)) for file in files]
        column = pa.array(said, WHOLE).view(INSTANT) if field.type == INSTANT else pa.array(said, field.type)
        whole = whole.append_column(field, column.take(file_of_row))
    return whole


_COLUMN_OF = {"evidence": "sha256", "received": "seq"}
"""Where a row's `whence` stands in the record of its file under another name."""


def cases(connection: Connection) -> dict[str, Case]:
    """Every case, where it stands, by its break."""
    acts: dict[str, list[dict[str, Any]]] = {}
    for row in queries.exception_acts(connection).to_pylist():
        acts.setdefault(row["break_id"], []).append(row)
    return {break_id: case_of(break_id, rows) for break_id, rows in acts.items()}


def last_act(connection: Connection, break_id: str) -> tuple[str, str, str] | None:
    """The last act on a case: what, by whom and in which words."""
    rows = queries.exception_acts(connection).to_pylist()
    mine = [(row["act"], row["person"], row["note"]) for row in rows if row["break_id"] == break_id]
    return mine[-1] if mine else None


def save_acts(connection: Connection, acts: Iterable[dict[str, str]], at: datetime) -> None:
    """Add acts on cases, in their order."""
    first = store.next_seq(connection, store.exception_acts)
    rows = [{**act, "seq": seq, "at": to_micros(at)} for seq, act in enumerate(acts, first)]
    store.insert(connection, store.exception_acts, rows)


def work(connection: Connection, period: str | None, at: datetime) -> list[dict[str, Any]]:
    """Open breaks with their cases, most urgent first."""
    found = queries.breaks_in_force(connection, period).to_pylist()
    rows = [row for row in found if row["state"] == "open"]
    first = {key: jakarta_date(from_micros(micros)) for key, micros in queries.first_found(connection).items()}
    return worklist(rows, cases(connection), first, jakarta_date(at))


def connection_of(house: House, code: str) -> BankConnection:
    """How the home reaches a bank."""
    known = profiles()
    if code not in known:
        raise WrongUsage(f"There is no bank {code}.", f"Banks: {', '.join(known)}.", "Name one of them.")
    table = house.config.get("banks", {}).get(code)
    if table is None:
        raise PersonNeeded(f"Bank {code} is not configured.", "", f"Add [banks.{code}] to salur.toml.")
    return BankConnection.from_config(known[code], table, house.path)


def reach(house: House, code: str) -> str:
    """Look into both folders of a bank; says where it is, or raises what is in the way."""
    line = connection_of(house, code)
    exchange.probe(line)
    return f"{line.host}:{line.port} answers"
