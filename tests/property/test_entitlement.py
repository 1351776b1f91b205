"""The fast path decides as the plain reading of the rules does, whatever the country and whatever order rows come in."""

import tomllib
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from disbursement.entitlement import decide
from disbursement.policy import Policy, parse_policy, policies, policy_file
from reconciliation.reports import verifier
from schemas.tables import conform
from tests.lib.countries import PROVINCES, Country, countries
from tests.lib.digested import arguments

SCHEMES = tuple(policy_file(name).decode("utf-8") for name in policies())
ONE_SCHEME = SCHEMES[:1]
"""Waves from 48 on without a policy."""
CORE = ("participant_id", "benefit", "sequence", "period", "decision", "reasons", "amount_idr", "due_on", "policy")


def _plainly(country: Country, schemes: Sequence[str]) -> list[dict[str, Any]]:
    decisions = verifier.decide(
        country.tables,
        [tomllib.loads(toml) for toml in schemes],
        country.cut_off,
        country.history,
        country.channels,
        period=country.period,
        provinces=PROVINCES,
        refused=country.refused,
        balance_idr=country.balance_idr,
    )
    return [{**row, "reasons": ";".join(row["reasons"])} for row in decisions]


def _policies(schemes: Sequence[str]) -> list[Policy]:
    return [parse_policy(toml.encode()) for toml in schemes]


@given(countries(repeats=True), st.sampled_from([SCHEMES, ONE_SCHEME]))
def test_both_readings_of_the_rules_decide_the_same(country: Country, schemes: Sequence[str]) -> None:
    decided = decide(**arguments(country, *_policies(schemes))).select(CORE).to_pylist()
    assert decided == [{name: row[name] for name in CORE} for row in _plainly(country, schemes)]


@given(countries(), st.data())
def test_the_order_of_rows_changes_no_decision(country: Country, data: st.DataObject) -> None:
    given_once = arguments(country, *_policies(SCHEMES))
    shuffled = {
        name: value.take(pa.array(data.draw(st.permutations(range(value.num_rows))), pa.int64()))
        if isinstance(value, pa.Table)
        else value
        for name, value in given_once.items()
    }
    decided = decide(**given_once)
    assert decide(**shuffled).equals(decided)
    assert conform(decided, "decisions.v1").equals(decided)
