"""The clock is wrong: it runs behind the ledger, or jumps over a date that decides on money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from disbursement import steps as paying
from ledger import chain, queries, store
from ledger.house import House
from reconciliation import steps as proving
from schemas import exact_checks
from schemas.errors import InputRejected, PersonNeeded
from tests.lib.joined import AT, COUNT, PERIOD, batch_of, opened, release
from tests.lib.small_drop import people, write_drop
from tests.lib.small_home import at, dump, events, file_states, instruction_states, released, small_home
from treasury import exports
from treasury.house import init_house

Act = Callable[[House], object]
DECIDING: dict[str, Act] = {
    "entitle": lambda house: paying.entitle(house, "2020-12"),
    "instruct": lambda house: paying.instruct(house, "2020-12", "siti"),
    "release": lambda house: paying.release(house, "B1", "cici", batch_of(house)["digest"], "cli"),
    "submit": lambda house: paying.submit(house, None, house.path.parent / "out"),
    "recover": paying.recover,
    "reconcile": lambda house: proving.reconcile(house, "2020-12"),
}


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A released batch, whose last event is of the home's instant."""
    made = replace(small_home(tmp_path), check=exact_checks.check)
    released(made)
    return made


def instants(house: House) -> list[int]:
    with house.store.reading() as connection:
        assert chain.verify(connection) > 0
        return list(connection.scalars(sa.select(store.events.c.at).order_by(store.events.c.seq)))


@pytest.mark.parametrize("step", DECIDING)
def test_a_clock_far_behind_the_last_event_decides_nothing(house: House, step: str) -> None:
    before = dump(house)
    with pytest.raises(PersonNeeded, match="the ledger's latest event is of"):
        DECIDING[step](at(house, house.at - timedelta(minutes=6)))
    assert dump(house) == before
    assert not (house.path.parent / "out").exists()


def test_a_clock_a_little_behind_takes_the_last_events_instant(house: House) -> None:
    paying.submit(at(house, house.at - timedelta(minutes=4)), None, house.path.parent / "out")
    assert file_states(house) == {"B1-1.xml": "submitted"}
    assert instants(house) == sorted(instants(house))


def test_how_little_is_a_setting(house: House) -> None:
    patient = replace(house, config={**house.config, "clock": {"skew_minutes": 24 * 60}})
    paying.submit(at(patient, house.at - timedelta(hours=20)), None, house.path.parent / "out")
    assert file_states(house) == {"B1-1.xml": "submitted"}


def test_reading_sending_nothing_and_stopping_are_possible_at_any_instant(house: House) -> None:
    early = at(house, house.at - timedelta(days=400))
    assert exports.status(early, None)["batches"] == {"released": 1}
    paying.brake(early, "stop", "jam salah")
    assert exports.status(early, None)["stopped"] == "jam salah"


class TestAfterAJumpForwardThatIsMended:
    """A clock that was days ahead made an event; the next morning it is right again."""

    @pytest.fixture
    def jumped(self, house: House) -> House:
        paying.release(at(house, house.at + timedelta(days=2)), "B1", "cici", batch_of(house)["digest"], "cli")
        return at(house, house.at + timedelta(hours=20))

    def test_what_may_be_done_at_any_instant_vouches_for_no_clock(self, jumped: House) -> None:
        paying.brake(jumped, "stop", "jam salah")
        paying.brake(jumped, "resume", "dilanjutkan")
        with pytest.raises(PersonNeeded, match="the ledger's latest event is of"):
            paying.submit(jumped, None, jumped.path.parent / "out")

    def test_nothing_is_sent_until_a_person_says_whose_instant_is_wrong(self, jumped: House) -> None:
        with pytest.raises(PersonNeeded, match=r"docs/recovery\.md"):
            paying.submit(jumped, None, jumped.path.parent / "out")
        clock = {"distrust_after": (jumped.at - timedelta(hours=1)).isoformat()}
        said = replace(jumped, config={**jumped.config, "clock": clock})
        paying.submit(said, None, jumped.path.parent / "out")
        assert file_states(jumped) == {"B1-1.xml": "submitted"}

    @pytest.mark.parametrize("text", ["besok", "2020-12-01T00:00:00"])
    def test_what_is_no_instant_is_refused(self, jumped: House, text: str) -> None:
        said = replace(jumped, config={**jumped.config, "clock": {"distrust_after": text}})
        with pytest.raises(InputRejected):
            paying.submit(said, None, jumped.path.parent / "out")


class TestAJumpOver:
    """Between two steps the clock passes a date that decides."""

    def test_the_cut_off_changes_nobody_whom_entitle_has_decided(self, tmp_path: Path) -> None:
        init_house(tmp_path / "home", AT)
        then = replace(opened(tmp_path / "home"), check=exact_checks.check)
        paying.intake(then, str(write_drop(tmp_path / "drop", people(COUNT, ["bca"]))))
        paying.entitle(then, PERIOD)
        late = at(then, AT + timedelta(days=40))
        assert paying.instruct(late, PERIOD, "siti")["instructed"] == COUNT
        release(late)
        assert set(instruction_states(late).values()) == {"released"}
        assert {str(row["execution_date"]) for row in queries.batches(late.store)} == {"2020-07-01"}

    def test_the_consents_end_keeps_the_file_here(self, house: House) -> None:
        with pytest.raises(PersonNeeded, match="no consent that holds"):
            paying.submit(at(house, house.at + timedelta(days=4)), None, house.path.parent / "out")
        assert file_states(house) == {"B1-1.xml": "released"}
        assert events(house, "submission_intended") == []
