"""The brakes: a stop, a hold of one person, the rejection of a batch; each holds whatever was released."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from disbursement import steps as paying
from ledger import queries
from ledger.house import House
from reconciliation import steps as proving
from schemas.errors import InputRejected, PersonNeeded, SalurError, WrongUsage
from tests.lib.joined import AT, COUNT, PERIOD, batch_of, instructed, opened, release, unproved
from tests.lib.small_home import instruction_states
from treasury import cycle, exports


@pytest.fixture(scope="module")
def instructed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a batch of eight to one bank is drafted."""
    return instructed(tmp_path_factory.mktemp("instructed"))


@pytest.fixture
def house(instructed_once: Path, tmp_path: Path) -> House:
    """That batch, released."""
    shutil.copytree(instructed_once, tmp_path, dirs_exist_ok=True)
    opened_home = opened(tmp_path / "home")
    release(opened_home)
    return opened_home


def code_of(act: Callable[[], object]) -> int:
    """The exit code with which an act ends."""
    try:
        act()
    except SalurError as error:
        return error.exit_code
    return 0


def test_while_stopped_nothing_leaves_by_any_command_whatever_was_released(house: House, tmp_path: Path) -> None:
    paying.brake(house, "stop", "bank meminta menunggu")
    name = batch_of(house)["batch"]
    out = tmp_path / "out"
    for act in (
        lambda: paying.submit(house, None, out),
        lambda: paying.submit(house),
        lambda: paying.submit(house, batch=name),  # as the scheduler sends it
        lambda: cycle.run(house, PERIOD, str(tmp_path / "drop")),
    ):
        assert code_of(act) == PersonNeeded.exit_code
    assert (out.exists(), set(instruction_states(house).values())) == (False, {"released"})
    paying.brake(house, "resume", "bank siap lagi")
    assert len(paying.submit(house, None, out)["files"]) == 1


def test_a_stop_is_shown_with_who_gave_it_and_since_when(house: House) -> None:
    paying.brake(house, "stop", "bank meminta menunggu")
    paying.hold(house, "CONTOH0001", "hold", "uji")
    shown = exports.status(house, PERIOD)
    assert (shown["stopped"], shown["stopped_by"]) == ("bank meminta menunggu", "siti")
    assert (shown["stopped_at"], shown["on_hold"]) == (AT.isoformat(), ["CONTOH0001"])
    looked = {row["what"]: row for row in exports.doctor(house)["checks"]}
    assert looked["brakes"]["found"].startswith(f"sending is STOPPED by siti since {AT.isoformat()}")
    paying.brake(house, "resume", "bank siap lagi")
    assert exports.status(house, PERIOD)["stopped_at"] is None


def test_a_batch_with_a_person_on_hold_leaves_once_the_hold_has_ended(house: House, tmp_path: Path) -> None:
    paying.hold(house, "CONTOH0001", "hold", "uji")
    assert code_of(lambda: paying.submit(house, None, tmp_path / "out")) == PersonNeeded.exit_code
    assert set(instruction_states(house).values()) == {"released"}
    paying.hold(house, "CONTOH0001", "unhold", "selesai")
    assert len(paying.submit(house, None, tmp_path / "out")["files"]) == 1


def test_a_batch_rejected_after_its_release_frees_its_entitlements_and_its_consent_sends_nothing(
    house: House, tmp_path: Path
) -> None:
    name = batch_of(house)["batch"]
    assert paying.reject(house, name, "budi", "uji") == {"batch": name, "state": "withdrawn", "withdrawn": COUNT}
    assert paying.submit(house, None, tmp_path / "out") == {"files": []}
    paying.hold(house, "CONTOH0001", "hold", "uji")
    made = paying.instruct(house, PERIOD, "siti")
    assert (made["instructed"], made["left_out"]) == (COUNT - 1, {"on_hold": 1})
    with house.store.reading() as connection:
        attempts = Counter(queries.instruction_rows(connection)["attempt"].to_pylist())
    assert attempts == {1: COUNT, 2: COUNT - 1}
    assert paying.submit(house, None, tmp_path / "out") == {"files": []}  # the new batch needs a consent of its own
    proving.reconcile(house, PERIOD)
    assert unproved(house) == []


def test_what_was_sent_cannot_be_rejected(house: House, tmp_path: Path) -> None:
    paying.submit(house, None, tmp_path / "out")
    later = replace(house)
    assert code_of(lambda: paying.reject(later, batch_of(house)["batch"], "budi", "uji")) == InputRejected.exit_code
    assert set(instruction_states(house).values()) == {"submitted"}


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_brake_needs_a_reason_since_it_keeps_others_from_going_on(house: House, reason: str) -> None:
    for act in (lambda: paying.brake(house, "stop", reason), lambda: paying.hold(house, "CONTOH0001", "hold", reason)):
        assert code_of(act) == WrongUsage.exit_code
    assert exports.status(house, PERIOD)["stopped"] is None
