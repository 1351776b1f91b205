"""As on SQLite, with the ledger on PostgreSQL: one point of each kind in each step that writes, each in a database of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lib.crash_cases import Case, crashed, played
from tests.lib.crash_cycle import begun, cycle
from tests.lib.crashing import World, all_in_children, in_child
from tests.lib.databases import Server
from tests.lib.sftp_folders import sftp_folders

pytestmark = [pytest.mark.slow, pytest.mark.needs("postgresql")]

LAST = "outcomes"
"""After it a cycle only reads."""


@pytest.fixture
def cases(postgresql: Server) -> Iterator[list[Case]]:
    """The cycle up to its last write in the ledger, each step in a copy of the world before it."""
    with tempfile.TemporaryDirectory(prefix="salur-crash-") as folder, sftp_folders(Path(folder)) as address:
        world = in_child(lambda: begun(Path(folder), address, postgresql))
        assert isinstance(world, World)
        worlds, found = [world], []
        for step in cycle():
            step.before(world)
            found.append(played(step, world))
            world = found[-1].after
            worlds.append(world)
            if step.name == LAST:
                break
        yield found
        for each in worlds:
            each.remove()


def test_one_point_of_each_kind(cases: list[Case], capsys: pytest.CaptureFixture[str]) -> None:
    chosen: dict[str, tuple[Case, int]] = {}
    for case in cases:
        for ordinal, point in enumerate(case.points):
            chosen[point] = (case, ordinal)  # the last of a kind: the most has been done by then
    with capsys.disabled():
        print(f" {len(chosen)} kinds of points", end="", flush=True)
    works = [lambda case=case, ordinal=ordinal: crashed(case, [ordinal]) for case, ordinal in chosen.values()]  # type: ignore[misc]
    assert [each for wrong in all_in_children(works) for each in wrong] == []
