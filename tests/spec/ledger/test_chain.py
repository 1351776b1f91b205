"""Whoever changes the past is found out: each event carries the hash of the one before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from ledger import chain, store
from ledger.store import Store
from schemas.errors import EvidenceDamaged

AT = datetime(2020, 12, 1, 3, 0, 0, 1, tzinfo=UTC)
COUNT = 5


@pytest.fixture
def ledger(dsn: str) -> Store:
    """A ledger with five events."""
    ledger = Store(dsn)
    ledger.create(0)
    with ledger.transaction() as connection:
        for number in range(COUNT):
            chain.append(
                connection, at=AT + timedelta(seconds=number), actor="siti", kind="uji", subject=f"S{number}",
                details={"b": number, "a": "é"},
            )  # fmt: skip
    return ledger


def verified(ledger: Store) -> int:
    with ledger.reading() as connection:
        return chain.verify(connection)


_WITHOUT_TRIGGERS = {
    "sqlite": ["DROP TRIGGER events_no_update", "DROP TRIGGER events_no_delete"],
    "postgresql": ["ALTER TABLE events DISABLE TRIGGER ALL"],
}


def tampered(ledger: Store, *statements: str) -> None:
    """What somebody does who owns the database and takes the triggers out first."""
    with ledger.of_any_version() as connection:
        for statement in (*_WITHOUT_TRIGGERS[ledger.engine.dialect.name], *statements):
            connection.exec_driver_sql(statement)


def test_an_untouched_chain_counts_its_events(ledger: Store) -> None:
    assert verified(ledger) == COUNT


def test_a_chain_without_events_holds(dsn: str) -> None:
    empty = Store(dsn)
    empty.create(0)
    assert verified(empty) == 0


def test_the_hash_is_over_all_fields_and_the_hash_before() -> None:
    usual = (1, 2, "siti", "uji", "S", "{}", chain.GENESIS)
    others = [(2, 2, "siti", "uji", "S", "{}", chain.GENESIS), (1, 3, *usual[2:]), (1, 2, "budi", *usual[3:])]
    others += [(*usual[:3], "lain", *usual[4:]), (*usual[:4], "T", *usual[5:]), (*usual[:5], "{ }", usual[6])]
    others += [(*usual[:6], "1" * 64), (1, 2, "sitiu", "ji", "S", "{}", chain.GENESIS)]
    assert len({chain.event_hash(*fields) for fields in [usual, *others]}) == len(others) + 1


def test_the_details_words_order_plays_no_part(ledger: Store) -> None:
    with ledger.reading() as connection:
        texts = set(connection.scalars(sa.select(store.events.c.details)))
    assert '{"a":"é","b":0}' in texts


@pytest.mark.parametrize("seq", [1, 3, COUNT])
@pytest.mark.parametrize(
    "change",
    ["at = at + 1", "actor = 'budi'", "kind = 'lain'", "subject = 'T'", "details = '{}'",
     f"hash = '{'a' * 64}'", f"previous_hash = '{'a' * 64}'", "seq = seq + 100"],
)  # fmt: skip
def test_a_changed_field_is_found(ledger: Store, change: str, seq: int) -> None:
    tampered(ledger, f"UPDATE events SET {change} WHERE seq = {seq}")
    with pytest.raises(EvidenceDamaged):
        verified(ledger)


@pytest.mark.parametrize("seq", [1, 3])
def test_a_removed_event_is_found(ledger: Store, seq: int) -> None:
    tampered(ledger, f"DELETE FROM events WHERE seq = {seq}")
    with pytest.raises(EvidenceDamaged, match=f"event {seq}"):
        verified(ledger)


def test_a_removed_event_is_found_when_the_rest_is_numbered_anew(ledger: Store) -> None:
    tampered(ledger, "DELETE FROM events WHERE seq = 3", "UPDATE events SET seq = seq - 1 WHERE seq > 3")
    with pytest.raises(EvidenceDamaged):
        verified(ledger)


def _hashed(previous: str) -> str:
    return chain.event_hash(6, 0, "budi", "uji", "S", "{}", previous)


@pytest.mark.parametrize("previous", [lambda _last: "b" * 64, lambda _last: chain.GENESIS])
def test_an_event_put_in_is_found(ledger: Store, previous: Callable[[str], str]) -> None:
    before = previous("")
    values = f"6, 0, 'budi', 'uji', 'S', '{{}}', '{before}', '{_hashed(before)}'"
    tampered(ledger, "DELETE FROM events WHERE seq = 1", f"INSERT INTO events VALUES ({values})")
    with pytest.raises(EvidenceDamaged):
        verified(ledger)


def test_two_events_never_follow_the_same_one(ledger: Store) -> None:
    with ledger.reading() as connection:
        last = connection.execute(sa.select(store.events).order_by(store.events.c.seq.desc())).mappings().first()
    assert last is not None
    with pytest.raises(sa.exc.IntegrityError, match="previous_hash"), ledger.transaction() as connection:
        store.insert(connection, store.events, [dict(last) | {"seq": 99, "hash": "c" * 64}])


def test_an_append_is_part_of_its_transaction(ledger: Store) -> None:
    with pytest.raises(RuntimeError), ledger.transaction() as connection:
        raise RuntimeError(chain.append(connection, at=AT, actor="siti", kind="uji", subject="S", details={}))
    assert verified(ledger) == COUNT
