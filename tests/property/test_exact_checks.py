"""The data checks' exact counterparts say of any table what Great Expectations says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import checks, exact_checks
from schemas.fields import DATE, FIELDS, INSTANT, TEXT, WHOLE
from schemas.suites import Finding, suite, suite_names

SUITES = suite_names()
ROWS = st.integers(1, 12)
TEXTS = [
    "",
    " ",
    "A",
    "ABCD",
    "ABCD\n",
    "ABCDé",
    "A1" * 7 + "B",
    "A1" * 7 + "B\n",
    "é" * 255,
    "x" * 256,
    "2020-09",
    "2020-13",
    "IDR",
]
INSTANTS = [datetime(2020, 4, day, tzinfo=UTC) for day in (1, 2, 3)]
DAYS = [instant.date() for instant in INSTANTS]


def kind(column: str) -> pa.DataType:
    return FIELDS[column].type if column in FIELDS else WHOLE


def columns_of(name: str) -> dict[str, list[Any]]:
    """The columns that a suite looks at, with values on both sides of whatever it asks of them."""
    found: dict[str, list[Any]] = {}
    for each in suite(name):
        kwargs = each["kwargs"]
        named = [kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs] + kwargs.get(
            "column_list", []
        )
        for column in named:
            values = found.setdefault(
                column,
                [None, *{TEXT: TEXTS, WHOLE: [-1, 0, 1, 7], INSTANT: INSTANTS, DATE: DAYS}.get(kind(column), [])],
            )
            values += kwargs.get("value_set", [])
            if kind(column) == WHOLE:
                values += [
                    kwargs[key] + step for key in ("min_value", "max_value") if key in kwargs for step in (-1, 0, 1)
                ]
    return found


@st.composite
def tables(draw: st.DrawFn, name: str) -> pa.Table:
    count = draw(ROWS)
    drawn = {}
    for column, values in columns_of(name).items():
        # One value often, for repeats; none at all sometimes.
        pool = draw(st.lists(st.sampled_from(values), min_size=1, max_size=6))
        drawn[column] = pa.array(draw(st.lists(st.sampled_from(pool), min_size=count, max_size=count)), kind(column))
    return pa.table(drawn)


def told(findings: list[Finding]) -> list[str]:
    return sorted(map(repr, findings))


@pytest.mark.slow  # imports Great Expectations, which takes seconds
@pytest.mark.parametrize("name", SUITES)
def test_for_any_table_both_engines_find_the_same_rows(name: str) -> None:
    @settings(max_examples=settings.default.max_examples // 5)
    @given(tables(name))
    def holds(table: pa.Table) -> None:
        assert told(exact_checks.check(table, name)) == told(checks.check(table, name))
        assert exact_checks.check(table.slice(0, 0), name) == checks.check(table.slice(0, 0), name) == []

    holds()


@pytest.mark.parametrize("name", SUITES)
def test_every_expectation_of_a_suite_has_its_exact_counterpart(name: str) -> None:
    assert {each["type"] for each in suite(name)} <= exact_checks.RULES.keys()


def test_every_exact_rule_is_one_that_a_suite_uses() -> None:
    assert {each["type"] for name in SUITES for each in suite(name)} == exact_checks.RULES.keys()


@pytest.mark.parametrize("name", SUITES)
def test_each_expectation_holds_for_some_of_these_tables_and_fails_for_others(name: str) -> None:
    verdicts: dict[int, set[bool]] = {}

    @settings(max_examples=60)
    @given(tables(name))
    def look(table: pa.Table) -> None:
        for place, finding in enumerate(exact_checks.check(table, name)):
            verdicts.setdefault(place, set()).add(finding.success)

    look()
    assert all(seen == {True, False} for seen in verdicts.values())


@pytest.mark.slow
def test_a_check_that_cannot_run_stops_the_run_with_either_engine() -> None:
    table = pa.table({"participant_id": ["P1"]})
    for engine in (checks.check, exact_checks.check):
        with pytest.raises((AssertionError, KeyError)):
            engine(table, "surveys.v1")
