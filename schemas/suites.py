"""The suites of data checks as data, and what a check finds: shared by the engines that run them.

Each table version has one suite in `schemas/expectations/NAME.json`. Every expectation says what its failure does:
`stop` (the step ends and leaves nothing behind), `quarantine` (the rows are set aside) or `warn`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

ACTIONS = ("stop", "quarantine", "warn")


@dataclass(frozen=True)
class Finding:
    """What one expectation found in one table."""

    table: str
    expectation: str
    column: str | None
    action: str
    success: bool
    failed_count: int
    row_count: int
    observed: str | None
    failed_rows: tuple[int, ...]
    """Positions of the failing rows, for the action `quarantine`."""


@cache
def suite(name: str) -> list[dict[str, Any]]:
    """The expectations of the table `name`, as its file has them."""
    text = resources.files("schemas.expectations").joinpath(f"{name}.json").read_text(encoding="utf-8")
    expectations: list[dict[str, Any]] = json.loads(text)["expectations"]
    assert all(each["meta"]["action"] in ACTIONS for each in expectations), f"{name}: an action that does not exist"
    return expectations


def suite_names() -> list[str]:
    """The tables that have a suite."""
    files = resources.files("schemas.expectations").iterdir()
    return sorted(each.name.removesuffix(".json") for each in files if each.name.endswith(".json"))


def columns_named(kwargs: Mapping[str, Any]) -> str | None:
    """The column or columns that an expectation is about, as findings name them."""
    return kwargs.get("column") or ",".join(_several(kwargs)) or None


def _several(kwargs: Mapping[str, Any]) -> Iterator[str]:
    yield from (kwargs[key] for key in ("column_A", "column_B") if key in kwargs)
    yield from kwargs.get("column_list", [])
