"""A process killed by `kill -9` at any write of any step: given again, the step leaves what it leaves without the crash.

Every step of a small cycle runs once to count its points (before, amid and after each commit, each object of the archive, each file's
name, each act at the bank). Then, for every point, a process is killed there in a copy of the world, and the step is given again.
What two crashes leave alike is finished once. A report reads the record and writes files: as a kill could release nothing else of its
process, the files are kept as they are at each of its points, without killing it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger import queries
from ledger.house import House
from reconciliation import letters
from reconciliation import steps as proving
from schemas import failpoints
from schemas.errors import PersonNeeded
from tests.lib.crash_cases import Case, crashed, given_again, played
from tests.lib.crash_cycle import (
    AT,
    LATER,
    PERIOD,
    Step,
    answer,
    begun,
    by_hand,
    cycle,
    received_by_hand,
    taken_away,
)
from tests.lib.crashing import Killed, Left, World, all_in_children, done, in_child, killed_at, left_in, recorded
from tests.lib.sftp_folders import Address, sftp_folders
from treasury.house import CONFIG, init_house

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

REPORT = "report"


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of small files are synced."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="salur-crash-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def address(base: Path) -> Iterator[Address]:
    with sftp_folders(base) as running:
        yield running


@pytest.fixture(scope="module")
def cases(base: Path, address: Address) -> dict[str, Case]:
    """The whole cycle, done once, each step in a copy of the world before it."""
    world = in_child(lambda: begun(base, address))
    assert isinstance(world, World)
    found = {}
    for step in cycle():
        step.before(world)
        found[step.name] = played(step, world)
        if step.name == "submit":
            found["submit by hand"] = played(Step("submit by hand", AT, by_hand), world)
        if step.name == "collect":
            found["receive"] = played(Step("receive", LATER, received_by_hand), world)
        world = found[step.name].after
    return found


def reported(case: Case, ordinals: range) -> list[str]:
    """As `crashed`, with the files as they are at each of the points in place of a kill."""
    world, seen = case.before.copied(f"{case.step.name} {ordinals.start}"), []
    places: list[World] = []

    def keep(point: str) -> None:
        if len(seen) in ordinals and not point.startswith("before"):  # before a write all is as it was after the last
            places.append(world.copied(f"{case.step.name} at {len(seen)}"))
        seen.append(point)

    failpoints.reached = keep
    done(world, case.step.at, case.step.act)
    failpoints.reached = None
    wrong = [each for place in places for each in given_again(case, int(place.path.name.split()[-1]), place)]
    for place in [world, *places]:
        place.remove()
    return wrong


STEPS = [step.name for step in cycle()] + ["submit by hand", "receive"]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_given_again_after_a_crash_at_any_write_leaves_the_same(
    cases: dict[str, Case], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case, way = cases[name], reported if name == REPORT else crashed
    middle = len(case.points) // 2
    halves = [range(middle), range(middle, len(case.points))]
    with capsys.disabled():
        print(f" {name}: {len(case.points)} points", end="", flush=True)
    wrong = all_in_children([lambda half=half: way(case, half) for half in halves])  # type: ignore[misc]
    assert not wrong[0] + wrong[1], "\n".join(wrong[0] + wrong[1])


def test_what_is_sent_again_after_a_crash_goes_on_to_the_same_end(cases: dict[str, Case]) -> None:
    """An intent stored twice is the one thing that a crash may leave; the steps after it come to the same record."""
    case = cases["submit"]

    def finished() -> list[str]:
        world = case.before.copied("twice")
        ordinal = case.points.index("before bank naming")
        assert isinstance(in_child(lambda: killed_at(ordinal, lambda: case.step.act(world.house(AT)))), Killed)
        done(world, AT, case.step.act)
        for step in cycle()[STEPS.index("submit") + 1 : STEPS.index(REPORT)]:
            step.before(world)
            done(world, step.at, step.act)
        return left_in(world, LATER).without_repeated_intents().differences(cases["outcomes"].left)

    assert in_child(finished) == []


def test_where_a_bank_takes_files_away_no_crash_sends_one_twice_and_evidence_leads_to_the_same_end(
    cases: dict[str, Case],
) -> None:
    case, end = cases["submit"], cases["reconcile"].left

    def go(ordinal: int) -> list[str]:
        where = f"point {ordinal} ({case.points[ordinal]})"
        world = case.before.copied(f"taken {ordinal}")
        config = world.home / CONFIG
        config.write_text(config.read_text().replace('after_arrival = "left"', 'after_arrival = "taken"'))
        in_child(lambda: killed_at(ordinal, lambda: case.step.act(world.house(AT))))
        data = taken_away(world)
        try:
            done(world, AT, case.step.act)
        except PersonNeeded:
            if not data:
                done(world, AT, lambda house: _written_off(house, world))
        data += taken_away(world)
        answer(world, data)
        done(world, LATER, proving.collect)
        done(world, LATER, lambda house: proving.reconcile(house, PERIOD))
        left = left_in(world, LATER)
        world.remove()
        if len(left.received) != len(data) or len(data) > 1:
            return [f"{where}: the bank received {left.received}"]
        if data and left.tables["instruction_states"].total() != end.tables["instruction_states"].total():
            return [f"{where}: the instructions do not end as without the crash"]
        return []

    halves = [range(start, len(case.points), 2) for start in range(2)]
    works: list[Callable[[], list[str]]] = [
        lambda half=half: [each for n in half for each in go(n)]  # type: ignore[misc]
        for half in halves
    ]
    assert [each for lane in all_in_children(works) for each in lane] == []


def _written_off(house: House, world: World) -> None:
    """The bank writes that nothing arrived: one person enters it, another confirms it."""
    letter = world.path / "letter.txt"
    letter.write_text("Berkas tidak kami terima.\n")
    with house.store.reading() as connection:
        (name,) = (row["file_name"] for row in queries.file_rows(connection).to_pylist() if row["state"] == "unknown")
    entered = letters.answer(house, name, "never_arrived", letter, "siti")
    letters.confirm(house, name, "budi", entered["digest"])


def test_a_home_is_made_by_the_command_given_again_wherever_its_making_was_killed(base: Path) -> None:
    def go() -> list[str]:
        points = in_child(lambda: recorded(lambda: init_house(base / "init" / "home", AT)))
        assert isinstance(points, list)
        expected = in_child(lambda: left_in(World(base / "init"), AT))
        assert isinstance(expected, Left)
        wrong = []
        for ordinal, point in enumerate(points):
            world = World(base / f"init {ordinal}")
            in_child(lambda: killed_at(ordinal, lambda: init_house(world.home, AT)))  # noqa: B023
            init_house(world.home, AT)
            left = left_in(world, AT)
            # A key is drawn, each time another; a killed process may leave, beside it, the hidden name under which it wrote.
            differing = {each for each in left.differences(expected) if "master.key" not in each}
            if differing or (world.home / CONFIG).read_bytes() != (base / "init" / "home" / CONFIG).read_bytes():
                wrong.append(f"{point}: {differing}")
            shutil.rmtree(world.path)
        return wrong

    assert in_child(go) == []
