"""Statements of a bank that people have set aside for a corrected one: proposed by one, agreed to by another. The bytes stay."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ledger import chain, consent, store
from ledger.instants import to_micros
from schemas.errors import InputRejected, PersonNeeded
from schemas.identifiers import same_person

PURPOSE = "supersession"
"""What a consent is for; its subject is the statement that is set aside."""
Key = tuple[str, str, str]
"""Bank, SHA-256 of the received file, and the statement's own id in it."""


def name_of(key: Key) -> str:
    """How people name a statement: the beginning of its file's digest, and its id."""
    return f"{key[1][:12]}/{key[2]}"


def acts(connection: sa.Connection) -> list[dict[str, Any]]:
    """What people did, in order: bank, evidence, statement_id, by_evidence, by_statement_id, act, reason, person, at."""
    rows: list[dict[str, Any]] = store.read(connection, _ACTS, values={}).to_pylist()
    return rows


_ACTS = sa.select(store.supersession_acts).order_by(store.supersession_acts.c.seq)


def in_force(connection: sa.Connection) -> dict[Key, Key]:
    """The statements that are set aside, each with the one that counts instead."""
    return {_key(row): _by(row) for row in acts(connection) if row["act"] == "approve"}


def proposed(connection: sa.Connection) -> dict[Key, dict[str, Any]]:
    """Proposals that wait for a second person, by the statement that they are about."""
    last = {_key(row): row for row in acts(connection)}
    return {key: row for key, row in last.items() if row["act"] == "propose"}


def act(
    connection: sa.Connection,
    key: Key,
    what: str,
    person: str,
    at: datetime,
    *,
    by: Key | None = None,
    reason: str = "",
) -> None:
    """`propose` that a statement is superseded `by` another, `approve` or `refuse` it. Whoever proposed it cannot approve it.

    The last act on a statement given again by the same person in the same words adds nothing.
    """
    last = next((row for row in reversed(acts(connection)) if _key(row) == key), None)
    said = (what, person.strip(), reason.strip())
    if last and (last["act"], last["person"], last["reason"]) == said and by in (None, _by(last)):
        return
    person, reason, waiting = person.strip(), reason.strip(), proposed(connection).get(key)
    if key in in_force(connection):
        raise InputRejected(f"Statement {name_of(key)} is superseded already.", "", "See: salur statements list")
    if what != "approve" and not reason:
        raise InputRejected(f"{what} needs a reason.", "It is read by others, years later.", "Give --reason.")
    if what != "propose":
        if waiting is None:
            raise InputRejected(
                f"Nothing is proposed about {name_of(key)}.", "", "Propose it first: salur statements supersede"
            )
        by = _by(waiting)
        if what == "approve" and same_person(person, waiting["person"]):
            raise PersonNeeded(f"{person} proposed it and cannot approve it.", "Two people are needed.", "Ask another.")
    assert by is not None, "a proposal names the statement that counts instead"
    names = ("bank", "evidence", "statement_id", "by_evidence", "by_statement_id")
    row = dict(zip(names, (*key, *by[1:]), strict=True)) | {"act": what, "reason": reason, "person": person}
    seq = store.next_seq(connection, store.supersession_acts)
    store.insert(connection, store.supersession_acts, [row | {"seq": seq, "at": to_micros(at)}])
    details = {"act": what, "bank": key[0], "by": f"{by[1]}/{by[2]}", "reason": reason}
    subject = f"{key[1]}/{key[2]}"
    if what == "approve":
        digest = hashlib.sha256("\x1f".join((*key, *by)).encode()).hexdigest()
        consent.give(
            connection, purpose=PURPOSE, subject=subject, digest=digest, person=person, via="cli", at=at,
            expires_at=at + timedelta(hours=1),
        )  # fmt: skip
        consent.use(connection, purpose=PURPOSE, subject=subject, digest=digest, actor=person, at=at)
    chain.append(connection, at=at, actor=person, kind="supersession", subject=subject, details=details)


def _key(row: dict[str, Any]) -> Key:
    return row["bank"], row["evidence"], row["statement_id"]


def _by(row: dict[str, Any]) -> Key:
    return row["bank"], row["by_evidence"], row["by_statement_id"]
