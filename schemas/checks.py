"""The data checks: a table's expectations, run by Great Expectations, as findings.

Each table version has one suite in `schemas/expectations/NAME.json`. Every expectation says what its failure does:
`stop` (the step ends and leaves nothing behind), `quarantine` (the rows are set aside) or `warn`. Great Expectations
takes seconds to import, so it is imported when the first check runs, and never by a module of the core.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import pandas as pd
import pyarrow as pa

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


@cache
def _context() -> Any:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # noqa: TID251 - the library takes it from nowhere else
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context


@cache
def _suite(name: str) -> Any:
    import great_expectations as gx

    built = gx.ExpectationSuite(name=name)
    for each in suite(name):
        built.add_expectation_configuration(
            gx.expectations.expectation_configuration.ExpectationConfiguration(
                type=each["type"], kwargs=each["kwargs"], meta=each["meta"]
            )
        )
    return built


def check(table: pa.Table, name: str) -> list[Finding]:
    """Hold a table (its checked columns) against the suite of `name`; no row is changed."""
    if not table.num_rows:
        return []
    frame = _frame(table.select([c for c in table.column_names if c in _columns(name)]))
    results = _validator(frame).graph_validate(
        configurations=[each.configuration for each in _suite(name).expectations],
        runtime_configuration={"result_format": {"result_format": "COMPLETE", "partial_unexpected_count": 0}},
    )
    return [_finding(name, table.num_rows, each) for each in results]


def _validator(frame: pd.DataFrame) -> Any:
    """The library's validator straight over a frame. A data asset's batch would hash every value first, twice."""
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.validator.validator import Validator

    return Validator(execution_engine=PandasExecutionEngine(batch_data_dict={"whole": frame}), data_context=_context())


@cache
def _columns(name: str) -> frozenset[str]:
    found: set[str] = set()
    for each in suite(name):
        kwargs = each["kwargs"]
        found.update(
            value for key, value in kwargs.items() if key.lower().startswith("column") and isinstance(value, str)
        )
        found.update(kwargs.get("column_list", []))
    return frozenset(found)


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _finding(name: str, row_count: int, each: Any) -> Finding:
    configuration, result = each.expectation_config, each.result or {}
    exception = (each.exception_info or {}).get("raised_exception")
    assert not exception, f"{name}: the check {configuration.type} cannot run"
    failed = int(result.get("unexpected_count", 0 if each.success else row_count))
    observed = result.get("observed_value")
    action = configuration.meta["action"]
    return Finding(
        table=name,
        expectation=configuration.type,
        column=configuration.kwargs.get("column") or ",".join(_pair(configuration.kwargs)) or None,
        action=action,
        success=bool(each.success),
        failed_count=failed,
        row_count=row_count,
        observed=None if observed is None else str(observed),
        failed_rows=tuple(int(i) for i in result.get("unexpected_index_list") or ()) if action == "quarantine" else (),
    )


def _pair(kwargs: dict[str, Any]) -> Iterator[str]:
    yield from (kwargs[key] for key in ("column_A", "column_B") if key in kwargs)
    yield from kwargs.get("column_list", [])
