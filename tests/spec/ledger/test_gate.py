"""The gate: what checks find is kept, also when they stop the step; of a step that they stop nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from ledger import audit, store
from ledger.gate import Gate
from ledger.house import House
from schemas import checks, exact_checks
from schemas.errors import CheckFailed, InputRejected
from tests.lib.small_home import small_home

pytestmark = pytest.mark.slow  # imports Great Expectations, which takes seconds

STOPS = pa.table({"end_to_end_id": ["E1", "E1"], "amount_idr": [600_000, 0], "state": ["submitted", "submitted"]})
HOLDS = pa.table({"end_to_end_id": ["E1", "E2"], "amount_idr": [600_000, 600_000], "state": ["submitted", "rejected"]})
FUND = {"reference": "SP2D-1", "amount_idr": 1, "at": 0, "person": "siti"}


@pytest.fixture
def house(tmp_path: Path, dsn: str) -> House:
    return small_home(tmp_path, dsn)


def kept(house: House) -> list[dict[str, Any]]:
    return house.store.read(sa.select(store.check_results).order_by(store.check_results.c.seq)).to_pylist()


def funded(house: House) -> int:
    return int(house.store.read(sa.select(store.funds)).num_rows)


def gated(house: House, table: pa.Table) -> None:
    with Gate(house, "uji", "run-1") as gate, house.store.transaction() as connection:
        store.insert(connection, store.funds, [FUND])
        gate.check("matches.v1", table)
        gate.stop_if_failed()


def test_a_step_whose_checks_hold_is_kept_with_what_they_found(house: House) -> None:
    gated(house, HOLDS)
    assert funded(house) == 1
    assert {(row["table"], row["success"], row["row_count"]) for row in kept(house)} == {("matches.v1", True, 2)}


def test_a_failed_stop_undoes_the_step_and_keeps_what_was_found(house: House) -> None:
    with pytest.raises(CheckFailed) as stopped:
        gated(house, STOPS)
    assert stopped.value.exit_code == 11
    assert funded(house) == 0
    failed = [row for row in kept(house) if not row["success"]]
    assert {(row["column"], row["failed_count"]) for row in failed} == {("end_to_end_id", 2), ("amount_idr", 1)}
    assert {(row["step"], row["run_id"]) for row in failed} == {("uji", "run-1")}


def test_a_step_that_is_refused_leaves_nothing_at_all(house: House) -> None:
    def refused() -> None:
        with Gate(house, "uji", "run-1") as gate:
            gate.check("matches.v1", HOLDS)
            raise InputRejected("uji")

    with pytest.raises(InputRejected):
        refused()
    assert kept(house) == []


def test_rows_to_be_set_aside_are_named_by_their_place_and_stop_nothing(house: House) -> None:
    people = pa.table({"participant_id": ["P1", "", "P3", "x" * 256], "wave": [1, 1, 1, 1]})
    columns = ("nik", "kk", "name", "accepted_on", "occupation", "sk_number")
    for column in columns:
        people = people.append_column(column, pa.array(["unemployed"] * 4))
    with Gate(house, "uji", "run-1") as gate:
        assert gate.check("participants.v1", people) == [1, 3]
        gate.stop_if_failed()
        assert gate.warnings() == []


def test_a_warning_is_told_and_stops_nothing(house: House) -> None:
    surveys = pa.table({"participant_id": ["P1", "P1"], "number": [1, 9]})
    with Gate(house, "uji", "run-1") as gate:
        assert gate.check("surveys.v1", surveys) == []
        gate.stop_if_failed()
        assert gate.warnings() == ["surveys.v1: expect_column_values_to_be_between (number), 1 rows"]


def test_batches_of_one_table_count_together(house: House) -> None:
    with Gate(house, "uji", "run-1") as gate:
        gate.check("matches.v1", STOPS)
        gate.check("matches.v1", HOLDS)  # the last batch is good; the first still stops
        with pytest.raises(CheckFailed):
            gate.stop_if_failed()
    rows = {row["column"]: (row["row_count"], row["failed_count"], row["success"]) for row in kept(house)}
    assert rows["end_to_end_id"] == (4, 2, False)


def test_a_table_without_rows_is_held_against_nothing(house: House) -> None:
    gated(house, HOLDS.slice(0, 0))
    assert kept(house) == []


def test_the_exact_checks_leave_the_same_results_as_the_library(house: House) -> None:
    engines = {"library": checks.check, "exact": exact_checks.check, "both": checks.both}
    results = {}
    for name, engine in engines.items():
        with Gate(replace(house, check=engine), name, "run-1") as gate:
            gate.check("matches.v1", STOPS)
        results[name] = [{**row, "step": "", "seq": 0} for row in kept(house) if row["step"] == name]
    assert results["exact"] == results["library"] == results["both"] != []


def test_what_a_period_is_told_of_checks_is_its_own_and_that_of_no_period(house: House) -> None:
    for step, run_id, period in (
        ("reconcile", "reconcile 2020-08 2020-09-02T08:00:00+07:00", "2020-08"),
        ("reconcile", "reconcile 2020-09 2020-10-02T08:00:00+07:00", "2020-09"),
        ("collect", "collect 2020-08-02T08:00:00+07:00", None),
    ):
        table = HOLDS if period != "2020-08" else HOLDS.slice(0, 1)
        with Gate(house, step, run_id, period) as gate:
            gate.check("matches.v1", table)
    with house.store.reading() as connection:
        told = {period: audit.last_checks(connection, period).to_pylist() for period in ("2020-08", "2020-09")}
    assert {(row["step"], row["row_count"]) for row in told["2020-08"]} == {("reconcile", 1), ("collect", 2)}
    assert {(row["step"], row["row_count"]) for row in told["2020-09"]} == {("reconcile", 2), ("collect", 2)}
