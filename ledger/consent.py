"""Who agreed to exactly what: consent of one named person to one digest, used once, until it expires.

Used wherever a second pair of eyes is asked for: the release of a batch, the resolution of an exception. The sender reads
consent from here and from nowhere else, so an Airflow task that is marked a success releases nothing. A resolution takes
effect as it is approved, so its consent is given and spent at once, and what is spent stays agreed.
"""

from datetime import datetime

import sqlalchemy as sa

from ledger import store
from ledger.instants import to_micros
from schemas.errors import PersonNeeded


def give(
    connection: sa.Connection,
    *,
    purpose: str,
    subject: str,
    digest: str,
    person: str,
    via: str,
    at: datetime,
    expires_at: datetime,
) -> bool:
    """Record that `person` agrees to `digest` of `subject`; False while an earlier consent of the same person holds."""
    if person in people(connection, purpose=purpose, subject=subject, digest=digest, at=at):
        return False
    row = {
        "seq": store.next_seq(connection, store.consents),
        "purpose": purpose,
        "subject": subject,
        "digest": digest,
        "person": person,
        "via": via,
        "at": to_micros(at),
        "expires_at": to_micros(expires_at),
    }
    return store.insert_new(connection, store.consents, [row]) == 1


def people(connection: sa.Connection, *, purpose: str, subject: str, digest: str, at: datetime) -> set[str]:
    """Whose consent to exactly `digest` of `subject` holds at the instant `at`."""
    told = {"purpose": purpose, "subject": subject, "digest": digest, "at": to_micros(at)}
    return {person for (person,) in store.rows(connection, _PEOPLE, **told)}


_C = store.consents.c
_PEOPLE = sa.select(_C.person).where(
    *(_C[name] == sa.bindparam(name) for name in ("purpose", "subject", "digest")),
    _C.at <= sa.bindparam("at"),
    _C.expires_at > sa.bindparam("at"),
)


def use(connection: sa.Connection, *, purpose: str, subject: str, digest: str, actor: str, at: datetime) -> None:
    """Spend the consent. It can be spent once: a second time is refused by the database's key."""
    u = store.consent_uses.c
    query = sa.select(u.at).where(u.purpose == purpose, u.subject == subject, u.digest == digest)
    if connection.execute(query).first():
        raise PersonNeeded(f"The consent to {subject} is spent.", "It covers one act.", "Ask for a new one.")
    row = {"purpose": purpose, "subject": subject, "digest": digest, "at": to_micros(at), "actor": actor}
    store.insert(connection, store.consent_uses, [row])
