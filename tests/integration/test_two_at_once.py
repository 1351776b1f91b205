"""Two processes at once do what excludes each other: one does it, the other ends with an answer that says why.

The same step begun twice is `tests/trouble/test_two_at_once.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from disbursement import steps
from ledger import chain, queries
from ledger.house import House
from schemas.errors import SalurError
from tests.lib.databases import Database
from tests.lib.small_drop import people, write_drop
from tests.lib.small_home import dump, events, file_states
from treasury.house import init_house, open_house

PERIOD = "2020-06"
AT = datetime(2020, 7, 1, 2, 0, tzinfo=UTC)
COUNT = 6
ALLOWED = {0, 10, 13, 14}
"""Done or nothing to do, refused, a person must act, try again: never a bug of ours."""


def opened(home: Path) -> House:
    return open_house(home, AT, "siti", lambda _message: None)


def entitle(house: House) -> None:
    steps.entitle(house, PERIOD)


def instruct(house: House) -> None:
    steps.instruct(house, PERIOD, "siti")


def release(house: House) -> None:
    (batch,) = queries.batches(house.store)
    steps.release(house, batch["batch"], "budi", batch["digest"], "cli")


def submit(house: House) -> None:
    steps.submit(house, None, house.path.parent / "out")


def reject(house: House) -> None:
    (batch,) = queries.batches(house.store)
    steps.reject(house, batch["batch"], "budi", "uji")


Act = Callable[[House], None]
Together = Callable[[Act, Act, Path], list[int]]
_SHARED: dict[str, Barrier] = {}


def _meet(barrier: Barrier) -> None:
    _SHARED["start"] = barrier


def _do(act: Act, home: Path) -> int:
    house = opened(home)
    _SHARED["start"].wait(120)
    try:
        act(house)
    except SalurError as error:
        return error.exit_code
    return 0


@pytest.fixture(scope="module")
def taken_once(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("taken")
    with database.for_home() as dsn:
        init_house(root / "home", AT, dsn)
        house = opened(root / "home")
        steps.intake(house, str(write_drop(root / "drop", people(COUNT, ["bca"]))))
        house.store.engine.dispose()
        yield root


@pytest.fixture(scope="module")
def together(taken_once: Path) -> Iterator[Together]:
    """Runs two acts in two processes at the same moment; their exit codes. They are forked when all is imported."""
    assert taken_once.exists()
    context = get_context("fork")
    barrier = context.Barrier(2)
    with ProcessPoolExecutor(2, context, initializer=_meet, initargs=(barrier,)) as pool:

        def run(one: Act, two: Act, home: Path) -> list[int]:
            return [future.result(180) for future in (pool.submit(_do, one, home), pool.submit(_do, two, home))]

        yield run


@pytest.fixture
def home(taken_once: Path, tmp_path: Path, database: Database) -> Iterator[Path]:
    with database.copied(taken_once, tmp_path) as copied:
        yield copied


def verified(house: House) -> int:
    with house.store.reading() as connection:
        return chain.verify(connection)


@pytest.mark.parametrize("first", [True, False])
def test_a_withdrawal_and_a_sending_never_both_succeed(home: Path, together: Together, first: bool) -> None:
    for act in (entitle, instruct, release):
        act(opened(home))
    pair = (submit, reject) if first else (reject, submit)
    codes = together(*pair, home)
    assert set(codes) <= ALLOWED
    house = opened(home)
    (state,) = set(file_states(house).values())
    ended = dump(house)["attempt_ends"]
    carried = len(list((home.parent / "out").glob("*")))
    assert (state, len(ended), carried) in {("submitted", 0, 1), ("withdrawn", COUNT, 0)}
    assert len(events(house, "submitted")) + len(events(house, "withdrawn")) == 1
    assert verified(house) > 0
