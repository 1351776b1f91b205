"""The fast path decides as the plain reading of the rules does, whatever the country and whatever order rows come in."""

import tomllib
from importlib import resources
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from disbursement.entitlement import decide
from disbursement.policy import parse_policy
from reconciliation.reports import verifier
from schemas.tables import conform
from tests.lib.countries import PROVINCES, Country, countries
from tests.lib.digested import arguments

TOML = (resources.files("disbursement.policy") / "prakerja-2020.toml").read_text("utf-8")
IN_DAYS = TOML.replace('purchase_window = "calendar_year"', 'purchase_window = "days"\npurchase_days = 2')
"""The same scheme, but for the other window in which a policy may want the first training bought."""
CORE = ("participant_id", "benefit", "sequence", "period", "decision", "reasons", "amount_idr", "due_on", "policy")


def _plainly(country: Country, toml: str) -> list[dict[str, Any]]:
    decisions = verifier.decide(
        country.tables,
        tomllib.loads(toml),
        country.cut_off,
        country.history,
        country.channels,
        period=country.period,
        provinces=PROVINCES,
        refused=country.refused,
        balance_idr=country.balance_idr,
    )
    return [{**row, "reasons": ";".join(row["reasons"])} for row in decisions]


@given(countries(repeats=True), st.sampled_from([TOML, IN_DAYS]))
def test_both_readings_of_the_rules_decide_the_same(country: Country, toml: str) -> None:
    decided = decide(**arguments(country, parse_policy(toml.encode()))).select(CORE).to_pylist()
    assert decided == [{name: row[name] for name in CORE} for row in _plainly(country, toml)]


@given(countries(), st.data())
def test_the_order_of_rows_changes_no_decision(country: Country, data: st.DataObject) -> None:
    given_once = arguments(country, parse_policy(TOML.encode()))
    shuffled = {
        name: value.take(pa.array(data.draw(st.permutations(range(value.num_rows))), pa.int64()))
        if isinstance(value, pa.Table)
        else value
        for name, value in given_once.items()
    }
    decided = decide(**given_once)
    assert decide(**shuffled).equals(decided)
    assert conform(decided, "decisions.v1").equals(decided)
