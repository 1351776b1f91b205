"""The data checks: a table's expectations, run by Great Expectations, as findings.

The suites are described in `schemas.suites`. Great Expectations takes seconds to import, so it is imported when the first
check runs, and never by a module of the core.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from schemas import exact_checks
from schemas.suites import Finding, columns_named, suite


def both(table: pa.Table, name: str) -> list[Finding]:
    """By the library and by the exact counterparts in `schemas.exact_checks`, which must say the same."""
    found = check(table, name)
    exact = exact_checks.check(table, name)
    assert sorted(found, key=repr) == sorted(exact, key=repr), f"{name}: the exact checks disagree with the library"
    return found


@cache
def _context() -> Any:
    return _new_context()


def _new_context() -> Any:
    """The library's context in memory alone; the folder that it makes for a site of its own, unasked, is taken away."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # noqa: TID251 - the library takes it from nowhere else
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    for name, site in list((context.variables.data_docs_sites or {}).items()):
        shutil.rmtree(site["store_backend"]["base_directory"], ignore_errors=True)
        context.delete_data_docs_site(name)
    return context


@cache
def _suite(name: str) -> Any:
    return _build_suite(name)


def _build_suite(name: str) -> Any:
    import great_expectations as gx

    built = gx.ExpectationSuite(name=name)
    for each in suite(name):
        built.add_expectation_configuration(_configuration(each))
    return built


def _configuration(each: Mapping[str, Any]) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    return ExpectationConfiguration(type=each["type"], kwargs=each["kwargs"], meta=each["meta"])


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
    assert not _raised(each.exception_info or {}), f"{name}: the check {configuration.type} cannot run"
    failed = int(result.get("unexpected_count", 0 if each.success else row_count))
    observed = result.get("observed_value")
    action = configuration.meta["action"]
    return Finding(
        table=name,
        expectation=configuration.type,
        column=columns_named(configuration.kwargs),
        action=action,
        success=bool(each.success),
        failed_count=failed,
        row_count=row_count,
        observed=None if observed is None else str(observed),
        failed_rows=tuple(int(i) for i in result.get("unexpected_index_list") or ()) if action == "quarantine" else (),
    )


def _raised(told: Mapping[str, Any]) -> bool:
    """Whether a check broke off: the library says so of the whole, or of each figure that it could not work out."""
    return any(each["raised_exception"] for each in ([told] if "raised_exception" in told else told.values()))


# --- data docs --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Validated:
    """The stored results of one step's checks of one table: rows with the columns of check_results.v1."""

    step: str
    table: str
    at: datetime
    rows: Sequence[Mapping[str, Any]]


def build_docs(validated: Sequence[Validated], folder: Path) -> None:
    """Great Expectations' own static site of stored results and their suites, into an empty folder.

    The results are put together again from what the record holds: success, how many rows of how many, what was
    observed. No value of a row is in the record, so none is in the site.
    """
    context = _new_context()
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
    index = {"class_name": "DefaultSiteIndexBuilder", "show_cta_footer": False}
    site = {"class_name": "SiteBuilder", "show_how_to_buttons": False, "store_backend": store}
    context.add_data_docs_site("salur", {**site, "site_index_builder": index})
    for name in sorted({each.table for each in validated}):
        context.suites.add(_build_suite(name))
    for each in validated:
        key, result = _validation(each)
        context.validation_results_store.set(key, result)
    context.build_data_docs(site_names=["salur"])


def _validation(each: Validated) -> tuple[Any, Any]:
    """The library's key and result for the stored results of one table."""
    import great_expectations as gx
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types import resource_identifiers as identifiers

    run = RunIdentifier(run_name=each.step, run_time=each.at)
    key = identifiers.ValidationResultIdentifier(
        identifiers.ExpectationSuiteIdentifier(each.table), run, batch_identifier=f"{each.step}-{each.table}"
    )
    met = sum(1 for row in each.rows if row["success"])
    result = ExpectationSuiteValidationResult(
        success=met == len(each.rows),
        results=[_result(each.table, row) for row in each.rows],
        suite_name=each.table,
        statistics={
            "evaluated_expectations": len(each.rows),
            "successful_expectations": met,
            "unsuccessful_expectations": len(each.rows) - met,
            "success_percent": 100 * met / len(each.rows),
        },
        meta={
            "run_id": run,
            "great_expectations_version": gx.__version__,
            "batch_spec": {"data_asset_name": each.table.rpartition(".v")[0]},
        },
    )
    return key, result


def _result(table: str, row: Mapping[str, Any]) -> Any:
    """One stored result as the library would have given it, without any value of a row."""
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

    told: dict[str, Any] = {"element_count": row["row_count"], "unexpected_count": row["failed_count"]}
    told["unexpected_percent"] = 100 * row["failed_count"] / row["row_count"] if row["row_count"] else None
    if row["observed"] is not None:
        told["observed_value"] = row["observed"]
    return ExpectationValidationResult(
        success=row["success"],
        expectation_config=_configuration(_meant(table, row)),
        result=told,
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
        meta={},
    )


def _meant(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The expectation of the suite that a stored result is of; one that the suite no longer has, by what is stored of it."""
    asked = (row["expectation"], row["column"], row["action"])
    for each in suite(table):
        if (each["type"], columns_named(each["kwargs"]), each["meta"]["action"]) == asked:
            return each
    kwargs = {} if row["column"] is None else {"column": row["column"]}
    return {"type": row["expectation"], "kwargs": kwargs, "meta": {"action": row["action"]}}
