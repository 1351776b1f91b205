"""What must hold of the plain reading in any country at all, and of the fast path beside it in large ones."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disbursement import entitlement
from disbursement.policy import load_policy, policies, policy_file
from reconciliation.reports import verifier
from schemas.identifiers import check_nik
from schemas.regions import PROVINCES
from tests.lib.countries import Country, countries, large_country
from tests.lib.digested import arguments

POLICIES = [tomllib.loads(policy_file(name).decode("utf-8")) for name in policies()]
SEEDS = range(12)


def decide(country: Country) -> list[dict[str, Any]]:
    return verifier.decide(
        country.tables,
        POLICIES,
        country.cut_off,
        country.history,
        country.channels,
        period=country.period,
        provinces=PROVINCES,
        refused=country.refused,
        balance_idr=country.balance_idr,
    )


def filled(row: dict[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in row.items() if not verifier.is_empty(value)}


@settings(max_examples=60)
@given(countries(repeats=True), st.randoms(use_true_random=False))
def test_the_order_of_rows_plays_no_part(country: Country, chance: Any) -> None:
    shuffled = {name: chance.sample(rows, len(rows)) for name, rows in country.tables.items()}
    history = chance.sample(country.history, len(country.history))

    assert decide(country._replace(tables=shuffled, history=history)) == decide(country)


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_taken_again_change_nothing(seed: int) -> None:
    country = large_country(seed, 60, repeats=True)
    twice = {name: [*rows, *rows] for name, rows in country.tables.items()}
    stand = {name: verifier.standing(rows, verifier.KEYS[name])[0] for name, rows in country.tables.items()}

    assert decide(country._replace(tables=twice)) == decide(country)
    assert decide(country._replace(tables=stand)) == decide(country)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_key_is_lost_and_none_stands_twice(seed: int) -> None:
    for name, rows in large_country(seed, 60, repeats=True).tables.items():
        key = verifier.KEYS[name]
        stand, aside = verifier.standing(rows, key)
        keys = {tuple(row[column] for column in key) for row in rows}

        assert len(stand) == len({tuple(row[column] for column in key) for row in stand})
        assert {tuple(row[column] for column in key) for row in [*stand, *aside]} == keys
        assert all(filled(row) in [filled(each) for each in rows] for row in aside)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_is_due_with_a_reason_against_and_nobody_is_refused_without_one(seed: int) -> None:
    country = large_country(seed, 60)
    decisions = decide(country)

    people = {row["participant_id"] for row in country.tables["participants"]}
    assert [(row["participant_id"], row["benefit"]) for row in decisions] == [
        (who, benefit) for who in sorted(people) for benefit in ("incentive", "survey")
    ]
    for row in decisions:
        assert list(row["reasons"]) == sorted(set(row["reasons"]))
        if row["decision"] == "due":
            assert row["reasons"] == ()
            assert row["due_on"] is not None
        elif row["decision"] in ("not_due", "held"):
            assert row["reasons"]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_more_is_promised_than_there_is_and_nobody_waits_while_a_tranche_is_left(seed: int) -> None:
    country = large_country(seed, 60)._replace(balance_idr=2_000_000)
    kept = {
        (row["participant_id"], row["benefit"])
        for row in decide(country._replace(balance_idr=0))
        if row["decision"] == "due"
    }  # without any money only kept decisions are due

    decisions = decide(country)
    promised = sum(
        row["amount_idr"]
        for row in decisions
        if row["decision"] == "due" and (row["participant_id"], row["benefit"]) not in kept
    )

    assert promised <= 2_000_000
    if any("funds_short" in row["reasons"] for row in decisions):
        assert 2_000_000 - promised < 600_000


@pytest.mark.parametrize("seed", SEEDS)
def test_money_for_all_decides_as_no_check_of_funds_does(seed: int) -> None:
    country = large_country(seed, 60)

    assert decide(country._replace(balance_idr=650_000 * 60)) == decide(country._replace(balance_idr=None))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("repeats", [False, True])
def test_the_fast_path_decides_a_large_country_as_the_plain_reading_does(seed: int, repeats: bool) -> None:
    country = large_country(seed, 150, repeats=repeats)
    plain = [row | {"reasons": ";".join(row["reasons"])} for row in decide(country)]

    fast = entitlement.decide(**arguments(country, *map(load_policy, policies()))).select(list(plain[0])).to_pylist()

    assert fast == plain


NIK_LIKE = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", " ", "\ufeff"]),
        st.sampled_from(["31", "91", "99", "00", "3"]),
        st.sampled_from(["71", "00"]),
        st.sampled_from(["01", "00"]),
        st.integers(0, 99).map("{:02}".format),
        st.integers(0, 13).map("{:02}".format),
        st.sampled_from(["00", "01", "04", "99"]),
        st.sampled_from(["9901", "0000", "١٢٣٤"]),
        st.sampled_from(["", "\t", "\u00a0", "."]),
    ),
)


@settings(max_examples=300)
@given(NIK_LIKE)
def test_two_independent_readings_of_the_nik_agree(nik: str) -> None:
    assert verifier.nik_problem(nik, PROVINCES) == check_nik(nik)[0]
