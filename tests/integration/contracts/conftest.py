"""A home with twelve people instructed, made once and copied for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lib.commands import Salur, instructed_home, new_home
from tests.lib.small_drop import people, write_drop


@pytest.fixture(scope="session")
def drop_of_twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drop of twelve people, two a channel, all due for June 2020."""
    return write_drop(tmp_path_factory.mktemp("drop") / "twelve", people(12))


@pytest.fixture(scope="session")
def _instructed_once(tmp_path_factory: pytest.TempPathFactory, drop_of_twelve: Path) -> Salur:
    return instructed_home(tmp_path_factory.mktemp("instructed") / "home", drop_of_twelve)


@pytest.fixture
def instructed(_instructed_once: Salur, tmp_path: Path) -> Salur:
    """Six batches of two people each, made by siti, not released."""
    return _instructed_once.copy(tmp_path / "home")


@pytest.fixture
def empty(tmp_path: Path) -> Salur:
    """A home in which nothing has been done."""
    return new_home(tmp_path / "home")
