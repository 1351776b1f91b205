"""A process killed by `kill -9` at any write of any step: given again, the step leaves what it leaves without the crash.

Every step of a small cycle runs once to count its points (before, amid and after each commit, each object of the archive, each file's
name, each act at the bank). Then, for every point, a process is killed there in a copy of the world, and the step is given again.
What two crashes leave alike is finished once. A report reads the record and only writes files, each of which it replaces: at each of its points
what it shows is whole, and given again over files that are all broken it is the same.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from disbursement import steps as paying
from ledger import chain, migrations, queries, store
from ledger.house import House
from reconciliation import letters
from reconciliation import steps as proving
from schemas import failpoints
from schemas.errors import PersonNeeded
from tests.lib.crash_cases import Case, crashed, played
from tests.lib.crash_cycle import (
    AT,
    LATER,
    PERIOD,
    Step,
    answer,
    begun,
    by_hand,
    corrected,
    cycle,
    received_by_hand,
    reissue,
    silence,
    taken_away,
)
from tests.lib.crashing import Killed, Left, World, all_in_children, done, in_child, killed_at, left_in, recorded
from tests.lib.sftp_folders import Address, sftp_folders
from treasury.house import CONFIG, init_house

pytestmark = pytest.mark.slow

REPORT = "report"


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="salur-crash-") as folder:
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
    found["recover"] = played(Step("recover", AT, paying.recover), _restored(found["submit"]))
    for last, steps in (("submit", silence()), ("reconcile", reissue()), ("outcomes", corrected())):
        world = found[last].after.copied(f"after {last}")
        for step in steps:
            step.before(world)
            found[step.name] = played(step, world)
            world = found[step.name].after
    return found


def _restored(submitted: Case) -> World:
    """The world after a submission, with the ledger that was there before it."""
    world = submitted.after.copied("restored")
    for path in submitted.before.home.glob("ledger.db*"):
        shutil.copy2(path, world.home)
    return world


AGAIN = "collect the statement"
"""What `collect` walks already."""
STEPS = [step.name for step in [*cycle(), *silence(), *reissue(), *corrected()] if step.name not in (REPORT, AGAIN)] + [
    "submit by hand",
    "receive",
    "recover",
]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_given_again_after_a_crash_at_any_write_leaves_the_same(
    cases: dict[str, Case], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case = cases[name]
    halves = [range(start, len(case.points), 2) for start in range(2)]
    with capsys.disabled():
        print(f" {name}: {len(case.points)} points", end="", flush=True)
    wrong = all_in_children([lambda half=half: crashed(case, half) for half in halves])  # type: ignore[misc]
    assert not wrong[0] + wrong[1], "\n".join(wrong[0] + wrong[1])


def test_a_report_shows_only_whole_files_at_any_of_its_points(
    cases: dict[str, Case], capsys: pytest.CaptureFixture[str]
) -> None:
    case, broken = cases[REPORT], []

    def look() -> list[str]:
        world = case.before.copied("report looked at")

        def hold(point: str) -> None:
            for path in (world.path / REPORT).rglob("*"):
                name = path.relative_to(world.path)
                is_seen = path.is_file() and not any(part.startswith(".") for part in name.parts)
                if is_seen and path.read_bytes() != case.left.files[name.as_posix()]:
                    broken.append(f"{point}: {name}")

        failpoints.reached = hold
        done(world, case.step.at, case.step.act)
        return broken

    with capsys.disabled():
        print(f" {REPORT}: {len(case.points)} points", end="", flush=True)
    assert in_child(look) == []


def test_a_report_given_again_over_whatever_a_crash_has_left_is_the_same(cases: dict[str, Case]) -> None:
    """Worse than any crash leaves: every file cut short, under its name and under the hidden one, and a table that is no more."""
    case = cases[REPORT]

    def again() -> list[str]:
        world = case.before.copied("report again")
        for name, content in case.left.files.items():
            if name.startswith(f"{REPORT}/"):
                path = world.path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                for each in (path, path.with_name(f".{path.name}.partial")):
                    each.write_bytes(content[: len(content) // 2])
        (world.path / REPORT / f"report-{PERIOD}-tables" / "gone.parquet").write_bytes(b"")
        done(world, case.step.at, case.step.act)
        return left_in(world, case.step.at).differences(case.left)

    assert in_child(again) == []


def test_what_is_sent_again_after_a_crash_goes_on_to_the_same_end(cases: dict[str, Case]) -> None:
    """An intent stored twice is the one thing that a crash may leave; the steps after it come to the same record."""
    case = cases["submit"]

    def finished() -> list[str]:
        world = case.before.copied("twice")
        ordinal = case.points.index("before bank naming")
        assert isinstance(in_child(lambda: killed_at(ordinal, lambda: case.step.act(world.house(AT)))), Killed)
        done(world, AT, case.step.act)
        for step in cycle()[STEPS.index("submit") + 1 : STEPS.index("outcomes") + 1]:
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


def test_a_ledger_is_upgraded_whole_or_not_at_all_wherever_it_was_killed(base: Path) -> None:
    def structure_of(ledger: store.Store) -> dict[str, object]:
        with ledger.of_any_version() as connection:
            chain.verify(connection)
            rows = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
            return {"version": store.version_of(connection), "tables": [tuple(row) for row in rows]}

    def go() -> list[str]:
        def old(name: str) -> store.Store:
            ledger = store.Store(f"sqlite:///{base / name}.db")
            with ledger.of_any_version() as connection:
                migrations.carry_out(connection, 0, 1, 0)
            ledger.engine.dispose()
            return ledger

        whole = old("upgraded")
        points = recorded(lambda: migrations.upgrade(whole, AT, "siti"))
        failpoints.reached = None
        expected, wrong = structure_of(whole), []
        for ordinal, point in enumerate(points):
            ledger = old(f"upgraded {ordinal}")
            in_child(lambda: killed_at(ordinal, lambda: migrations.upgrade(ledger, AT, "siti")))  # noqa: B023
            with ledger.of_any_version() as connection:
                left = store.version_of(connection)
            ledger.engine.dispose()
            migrations.upgrade(ledger, AT, "siti")
            if left not in (1, store.SCHEMA_VERSION) or structure_of(ledger) != expected:
                wrong.append(point)
        return wrong if points else ["it comes to no point"]

    assert in_child(go) == []
