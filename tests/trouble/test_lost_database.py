"""The database goes away at a commit of a step, heard of or not: the step says 14, and given again leaves the record of once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from disbursement import steps as paying
from ledger.house import House
from ledger.store import Store
from reconciliation import steps as proving
from schemas import exact_checks
from schemas.errors import TryLater
from simulator.bank import SimulatedBank
from simulator.descriptions import describe_bank
from tests.lib.database_proxy import DatabaseProxy, database_proxy
from tests.lib.databases import Database, Server
from tests.lib.joined import AT, BANK, COUNT, LATER, PERIOD, opened, release
from tests.lib.small_drop import people, write_drop
from tests.lib.small_home import at, dump, file_states, instruction_states
from treasury.house import init_house

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow]
COMMITS_MAX = 12
"""No step has so many."""
Act = Callable[[House], object]


def out(house: House) -> Path:
    return house.path.parent / "out"


def receive(house: House) -> None:
    """The bank's answers to what was carried to it."""
    (file,) = out(house).iterdir()
    teller = SimulatedBank(describe_bank(BANK), seed=1)
    for name, data in teller.take(file.name, file.read_bytes()):
        (house.path.parent / name).write_bytes(data)
        proving.receive(house, house.path.parent / name, BANK)
    teller.close()


STEPS: dict[str, Act] = {
    "intake": lambda house: paying.intake(house, str(house.path.parents[1] / "drop")),
    "fund": lambda house: paying.fund(house, 9_000_000, "SP2D-1"),
    "entitle": lambda house: paying.entitle(house, PERIOD),
    "instruct": lambda house: paying.instruct(house, PERIOD, "siti"),
    "release": release,
    "submit": lambda house: paying.submit(house, None, out(house)),
    "receive": lambda house: receive(at(house, LATER)),
    "reconcile": lambda house: proving.reconcile(at(house, LATER), PERIOD),
}


@pytest.fixture
def proxy(postgresql: Server) -> Iterator[DatabaseProxy]:
    with database_proxy(postgresql.folder) as line:
        yield line


def through(house: House, proxy: DatabaseProxy) -> House:
    """The home, its ledger reached over that line."""
    direct = house.store.engine.url.render_as_string(hide_password=False)
    return replace(house, store=Store(proxy.dsn(direct)))


def opened_quickly(home: Path) -> House:
    return replace(opened(home), check=exact_checks.check)


def broken_at(house: House, proxy: DatabaseProxy, act: Act, commit: int, is_kept: bool) -> bool:
    """Do it over a line that breaks at that commit; False where it was done before it came to so many."""
    proxy.break_at(commit, is_kept)
    try:
        act(through(house, proxy))
    except TryLater:
        return True
    return False


def test_at_whatever_commit_of_a_cycle_the_line_breaks_the_step_is_given_again_and_the_record_is_that_of_once(
    tmp_path: Path, postgresql: Server, proxy: DatabaseProxy
) -> None:
    database = Database(postgresql)
    with database.for_home() as dsn:
        init_house(tmp_path / "made" / "home", AT, dsn)
        write_drop(tmp_path / "drop", people(COUNT, [BANK]))
        with (
            database.copied(tmp_path / "made", tmp_path / "once") as once,
            database.copied(tmp_path / "made", tmp_path / "cut") as cut,
        ):
            expected, house = opened_quickly(once), opened_quickly(cut)
            broken = set()
            for name, act in STEPS.items():
                for commit in range(1, COMMITS_MAX):
                    found = {broken_at(house, proxy, act, commit, is_kept) for is_kept in (False, True)}
                    if True in found:
                        broken.add(name)
                    if False in found:
                        break
                act(house)
                act(expected)
            assert broken == set(STEPS)
            assert facts(house) == facts(expected)
            assert instruction_states(house) == instruction_states(expected)
            assert file_states(house) == file_states(expected)
            assert [path.name for path in out(house).iterdir()] == [path.name for path in out(expected).iterdir()]


def facts(house: House) -> dict[str, list[tuple[object, ...]]]:
    """The record, but for what tells of each attempt: events, and the hash of one where a row names it."""
    record = dump(house, "check_results", "events", "file_states", "journal")
    hashes = {row[-1] for row in dump(house)["events"]}
    return {
        name: [tuple("event" if value in hashes else value for value in row) for row in rows]
        for name, rows in record.items()
    }
