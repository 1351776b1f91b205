"""Whoever changes the past is found out: each event carries the hash of the one before."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ledger import chain, store
from ledger.store import Store
from schemas.errors import EvidenceDamaged

AT = datetime(2020, 12, 1, 3, 0, 0, 1, tzinfo=UTC)
COUNT = 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger with five events."""
    made = tmp_path / "ledger.db"
    ledger = Store(f"sqlite:///{made}")
    ledger.create(0)
    with ledger.transaction() as connection:
        for number in range(COUNT):
            chain.append(
                connection, at=AT + timedelta(seconds=number), actor="siti", kind="uji", subject=f"S{number}",
                details={"b": number, "a": "é"},
            )  # fmt: skip
    ledger.engine.dispose()
    return made


def verified(path: Path) -> int:
    with Store(f"sqlite:///{path}").reading() as connection:
        return chain.verify(connection)


def tampered(path: Path, *statements: str) -> None:
    """What somebody does who has the file and takes the triggers out first."""
    connection = sqlite3.connect(path)
    for act in ("update", "delete"):
        connection.execute(f"DROP TRIGGER events_no_{act}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_an_untouched_chain_counts_its_events(path: Path) -> None:
    assert verified(path) == COUNT


def test_a_chain_without_events_holds(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path}/l.db").create(0)
    assert verified(tmp_path / "l.db") == 0


def test_the_hash_is_over_all_fields_and_the_hash_before() -> None:
    usual = (1, 2, "siti", "uji", "S", "{}", chain.GENESIS)
    others = [(2, 2, "siti", "uji", "S", "{}", chain.GENESIS), (1, 3, *usual[2:]), (1, 2, "budi", *usual[3:])]
    others += [(*usual[:3], "lain", *usual[4:]), (*usual[:4], "T", *usual[5:]), (*usual[:5], "{ }", usual[6])]
    others += [(*usual[:6], "1" * 64), (1, 2, "sitiu", "ji", "S", "{}", chain.GENESIS)]
    assert len({chain.event_hash(*fields) for fields in [usual, *others]}) == len(others) + 1


def test_the_details_words_order_plays_no_part(path: Path) -> None:
    with Store(f"sqlite:///{path}").reading() as connection:
        texts = set(connection.scalars(sa.select(store.events.c.details)))
    assert '{"a":"é","b":0}' in texts


@pytest.mark.parametrize("seq", [1, 3, COUNT])
@pytest.mark.parametrize(
    "change",
    ["at = at + 1", "actor = 'budi'", "kind = 'lain'", "subject = 'T'", "details = '{}'",
     f"hash = '{'a' * 64}'", f"previous_hash = '{'a' * 64}'", "seq = seq + 100"],
)  # fmt: skip
def test_a_changed_field_is_found(path: Path, change: str, seq: int) -> None:
    tampered(path, f"UPDATE events SET {change} WHERE seq = {seq}")
    with pytest.raises(EvidenceDamaged):
        verified(path)


@pytest.mark.parametrize("seq", [1, 3])
def test_a_removed_event_is_found(path: Path, seq: int) -> None:
    tampered(path, f"DELETE FROM events WHERE seq = {seq}")
    with pytest.raises(EvidenceDamaged, match=f"event {seq}"):
        verified(path)


def test_a_removed_event_is_found_when_the_rest_is_numbered_anew(path: Path) -> None:
    tampered(path, "DELETE FROM events WHERE seq = 3", "UPDATE events SET seq = seq - 1 WHERE seq > 3")
    with pytest.raises(EvidenceDamaged):
        verified(path)


def _hashed(previous: str) -> str:
    return chain.event_hash(6, 0, "budi", "uji", "S", "{}", previous)


@pytest.mark.parametrize("previous", [lambda _last: "b" * 64, lambda _last: chain.GENESIS])
def test_an_event_put_in_is_found(path: Path, previous: Callable[[str], str]) -> None:
    before = previous("")
    values = f"6, 0, 'budi', 'uji', 'S', '{{}}', '{before}', '{_hashed(before)}'"
    tampered(path, "DELETE FROM events WHERE seq = 1", f"INSERT INTO events VALUES ({values})")
    with pytest.raises(EvidenceDamaged):
        verified(path)


def test_two_events_never_follow_the_same_one(path: Path) -> None:
    with Store(f"sqlite:///{path}").reading() as connection:
        last = connection.execute(sa.select(store.events).order_by(store.events.c.seq.desc())).mappings().first()
    assert last is not None
    ledger = Store(f"sqlite:///{path}")
    with pytest.raises(sa.exc.IntegrityError, match="previous_hash"), ledger.transaction() as connection:
        store.insert(connection, store.events, [dict(last) | {"seq": 99, "hash": "c" * 64}])


def test_an_append_is_part_of_its_transaction(path: Path) -> None:
    ledger = Store(f"sqlite:///{path}")
    with ledger.reading() as connection:  # nothing of it is kept
        chain.append(connection, at=AT, actor="siti", kind="uji", subject="S", details={})
    assert verified(path) == COUNT
