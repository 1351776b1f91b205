"""Consent: of one person, to one digest, used once, until it expires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger import consent
from ledger.store import Store
from schemas.errors import PersonNeeded

AT = datetime(2020, 12, 1, 3, 0, tzinfo=UTC)
END = AT + timedelta(hours=72)
TICK = timedelta(microseconds=1)
WHAT: dict[str, Any] = {"purpose": "release", "subject": "B1", "digest": "d1"}


@pytest.fixture
def ledger(dsn: str) -> Store:
    made = Store(dsn)
    made.create(0)
    return made


def give(ledger: Store, person: str = "budi", at: datetime = AT, **changed: Any) -> bool:
    with ledger.transaction() as connection:
        about = WHAT | changed
        return consent.give(connection, **about, person=person, via="cli", at=at, expires_at=at + timedelta(hours=72))


def people(ledger: Store, at: datetime = AT, **changed: Any) -> set[str]:
    with ledger.reading() as connection:
        return consent.people(connection, **WHAT | changed, at=at)


def use(ledger: Store, **changed: Any) -> None:
    with ledger.transaction() as connection:
        consent.use(connection, **WHAT | changed, actor="salur", at=AT)


def test_a_consent_holds_from_its_instant_until_just_before_it_expires(ledger: Store) -> None:
    assert give(ledger)
    holding = {at: people(ledger, at) for at in (AT - TICK, AT, END - TICK, END)}
    assert holding == {AT - TICK: set(), AT: {"budi"}, END - TICK: {"budi"}, END: set()}


@pytest.mark.parametrize("other", [{"digest": "d2"}, {"subject": "B2"}, {"purpose": "exception"}])
def test_a_consent_is_to_exactly_what_was_shown(ledger: Store, other: dict[str, str]) -> None:
    give(ledger)
    assert people(ledger, **other) == set()


def test_two_people_consent_each_for_themselves(ledger: Store) -> None:
    assert (give(ledger), give(ledger, "ani")) == (True, True)
    assert people(ledger) == {"budi", "ani"}


def test_consenting_again_adds_nothing_while_the_first_holds(ledger: Store) -> None:
    give(ledger)
    assert not give(ledger, at=END - TICK)
    assert people(ledger, END) == set()


def test_consent_can_be_given_anew_when_it_expired(ledger: Store) -> None:
    give(ledger)
    assert give(ledger, at=END)
    assert people(ledger, END) == {"budi"}


def test_a_consent_is_spent_once(ledger: Store) -> None:
    give(ledger)
    use(ledger)
    with pytest.raises(PersonNeeded, match="spent"):
        use(ledger)
    use(ledger, digest="d2")  # another one is another's
