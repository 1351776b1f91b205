"""Which tranche is due, case by case. The cases are data beside this file; every engine must give the same answers."""

import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from disbursement.entitlement import decide
from disbursement.policy import load_policy, policies, policy_file
from reconciliation.reports import verifier
from schemas.codes import DECISIONS, REASONS
from schemas.regions import PROVINCES
from tests.lib.countries import Country
from tests.lib.digested import arguments
from tests.lib.policy_cases import Case, decision_cases

POLICIES = [tomllib.loads(policy_file(name).decode("utf-8")) for name in policies()]
CASES = decision_cases()


def plain_reading(case: Case) -> list[dict[str, Any]]:
    return verifier.decide(
        case.tables,
        POLICIES,
        case.cut_off,
        case.history,
        case.channels,
        period=case.period,
        provinces=PROVINCES,
        refused=case.refused,
        balance_idr=case.balance_idr,
    )


def fast_path(case: Case) -> list[dict[str, Any]]:
    country = Country(
        case.tables, case.cut_off, case.history, case.channels, case.balance_idr, case.period, case.refused
    )
    rows = decide(**arguments(country, *map(load_policy, policies()))).to_pylist()
    return [row | {"reasons": tuple(filter(None, row["reasons"].split(";")))} for row in rows]


ENGINES: dict[str, Callable[[Case], list[dict[str, Any]]]] = {
    "plain_reading": plain_reading,
    "fast_path": fast_path,
}


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES.keys())
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_decision_is_the_one_that_the_rules_give(
    case: Case, engine: Callable[[Case], list[dict[str, Any]]]
) -> None:
    decisions = {(row["participant_id"], row["benefit"]): row for row in engine(case)}

    people = {row["participant_id"] for row in case.tables["participants"]}
    assert set(decisions) == {(who, benefit) for who in people for benefit in ("incentive", "survey")}
    for expected in case.expect:
        decided = decisions[expected["participant_id"], expected["benefit"]]
        found = {column: decided[column] for column in expected}
        assert found == expected | {"reasons": tuple(expected["reasons"])}


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES.keys())
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_order_of_rows_plays_no_part(case: Case, engine: Callable[[Case], list[dict[str, Any]]]) -> None:
    assert engine(case.reversed()) == engine(case)


def test_every_decision_and_every_reason_has_a_case() -> None:
    expected = [row for case in CASES for row in case.expect]

    assert {row["decision"] for row in expected} == set(DECISIONS)
    assert {reason for row in expected for reason in row["reasons"]} == set(REASONS)


def test_a_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
