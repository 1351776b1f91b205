"""Two homes with other keys that live through the same months write the same files, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator.observed import Day, Violation
from simulator.oracle import Oracle
from simulator.world import Plan, World
from treasury import worlds

PLAN = Plan(seed=11, months=1, people=tuple(range(1, 31)), profile="usual")


def files(folder: Path, keys_of: int, judge: Callable[[Day], list[Violation]]) -> dict[str, str]:
    """SHA-256 by name of all files of the world, played in a home whose keys are another seed's."""

    def settle(*given: Any) -> worlds.HomePipeline:
        return worlds.settle(*given[:-1], keys_of)

    world = World(PLAN, folder, settle, judge)
    played = world.play()
    assert played.violations == ()
    return {row["file_name"]: row["sha256"] for row in world.observe().record.files}


@pytest.mark.slow
def test_the_files_of_a_history_are_the_same_bytes_in_another_home(tmp_path: Path) -> None:
    first = files(tmp_path / "first", 1, Oracle())
    again = Oracle()

    def with_the_first(day: Day) -> list[Violation]:
        day.derived_again.update(first if day.is_final_day else {})
        return again(day)

    assert files(tmp_path / "second", 2, with_the_first) == first != {}
