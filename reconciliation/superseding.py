"""The statements that banks have sent, which of them count, and which people put in the place of a wrong one.

A corrected statement that bears the identifier, or the number, dates and opening balance, of the wrong one and was written
later supersedes it by itself. One that bears neither needs two people, who look at both. The wrong one stays in the record.
"""

from typing import Any

from ledger import supersessions
from ledger.house import House
from ledger.store import Connection
from ledger.supersessions import Key, name_of
from reconciliation import evidence
from reconciliation.statements import STATEMENT_KEY, Statements, adds_up, movements
from schemas.errors import InputRejected

COUNTS, SUPERSEDED, WRITTEN_LATER, REPEATED = "counts", "superseded", "superseded by a later one", "repeated"


def listed(house: House, bank: str | None = None) -> list[dict[str, Any]]:
    """Every statement taken, by bank, account and day: name, bank, account, statement_id, sequence_number, from_date, to_date,
    opening_idr, closing_idr, adds_up, standing, superseded_by and, where one waits for a second person, the proposal.
    """
    with house.store.reading() as connection:
        rows = _statements(house, connection)
        waiting = supersessions.proposed(connection)
    shown = []
    for key, row in rows.items():
        if bank in (None, row["bank"]):
            said = waiting.get(key)
            proposal = said and {
                "by": name_of((key[0], said["by_evidence"], said["by_statement_id"])),
                "person": said["person"],
            }
            shown.append({"name": name_of(key), **row, "proposal": proposal})
    return sorted(shown, key=lambda row: (row["bank"], row["account"] or "", str(row["from_date"]), row["name"]))


_SHOWN = ("bank", "account", "statement_id", "sequence_number", "from_date", "to_date", "opening_idr", "closing_idr")


def _statements(house: House, connection: Connection) -> dict[Key, dict[str, Any]]:
    received = evidence.load(connection, house.archive)
    statements, entries = received.statements, received.entries
    taken = received.stated()
    counting = {_key(row) for row in taken.statements.select(STATEMENT_KEY).to_pylist()}
    later = {_key(other) for _, other in taken.conflicts}
    found = {}
    for row in movements(Statements(statements, entries)).to_pylist():
        key = _key(row)
        standing = COUNTS if key in counting else WRITTEN_LATER if key in later else REPEATED
        standing = SUPERSEDED if row["superseded_by"] else standing
        about = {"adds_up": adds_up(row), "standing": standing, "superseded_by": row["superseded_by"]}
        found[key] = {name: row[name] for name in _SHOWN} | about
    return found


def _key(row: dict[str, Any]) -> Key:
    return row["bank"], row["evidence"], row["statement_id"]


def supersede(house: House, wrong: str, by: str, person: str, reason: str) -> dict[str, Any]:
    """Propose that one statement counts instead of another of the same account; both as `salur statements list` names them."""
    with house.store.transaction() as connection:
        rows = _statements(house, connection)
        old, new = _named(rows, wrong), _named(rows, by)
        _check(rows[old], rows[new], by)
        supersessions.act(connection, old, "propose", person, house.at, by=new, reason=reason)
    return {"statement": wrong, "by": by, "act": "propose", "person": person}


def decide(house: House, wrong: str, what: str, person: str, reason: str = "") -> dict[str, Any]:
    """`approve` or `refuse` what another person proposed. Once approved it counts from the next reconciliation on."""
    with house.store.transaction() as connection:
        key = _named(_statements(house, connection), wrong)
        supersessions.act(connection, key, what, person, house.at, reason=reason)
    return {"statement": wrong, "act": what, "person": person}


def _named(rows: dict[Key, dict[str, Any]], name: str) -> Key:
    found = [key for key in rows if name_of(key) == name]
    if len(found) != 1:
        raise InputRejected(f"{name} names no statement.", "", "See: salur statements list")
    return found[0]


def _check(old: dict[str, Any], new: dict[str, Any], by: str) -> None:
    """Raise unless the one counts, adds up and is of the other's account."""
    why = None
    if (old["bank"], old["account"]) != (new["bank"], new["account"]):
        why = "It is of another account."
    elif old is new:
        why = "It is the same statement."
    elif new["standing"] != COUNTS:
        why = f"It does not count itself: {new['standing']}."
    elif not new["adds_up"]:
        why = "Its own balances do not add up."
    if why:
        raise InputRejected(f"{by} cannot supersede another.", why, "Ask the bank for a corrected statement.")
