"""The policy files: what they say, that each figure has a source, and that the next scheme fits without a change of code."""

import hashlib
import tomllib
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import Any

import pytest

from disbursement.policy import load_policy, parse_policy, policies
from reconciliation.reports import verifier
from schemas.codes import REASONS
from schemas.regions import PROVINCES

NEXT_SCHEME = b"""
name = "contoh-2023"
title = "An invented scheme of the shape that followed: one tranche, a window of days, no last payment date"
source = "contoh"
waves = { first = 48, source = "contoh" }
kk = { people_max = 2, source = "contoh" }

[training]
balance_idr = 3_500_000
balance_source = "contoh"
purchase_window = "days"
purchase_days = 15
purchase_source = "contoh"

[benefits.incentive]
tranches = 1
amount_idr = 600_000
amount_source = "contoh"
schedule = "monthly"
schedule_source = "contoh"
conditions = [
    { name = "training", sequences = "first", reasons = ["no_completion", "purchase_late", "over_balance"], source = "contoh" },
]
"""


def test_the_scheme_of_2020_pays_what_was_published() -> None:
    policy = load_policy("prakerja-2020")

    incentive, survey = policy.incentive, policy.benefits["survey"]
    assert (incentive.tranches, incentive.amount_idr) == (4, 600_000)
    assert (survey.tranches, survey.amount_idr) == (3, 50_000)
    assert policy.training.balance_idr == 1_000_000
    total = sum(b.tranches * b.amount_idr for b in policy.benefits.values()) + policy.training.balance_idr
    assert total == 3_550_000  # what was set aside for each recipient


def test_a_wave_is_covered_by_one_policy_or_none() -> None:
    covering = [[name for name in policies() if wave in load_policy(name).waves] for wave in (0, 1, 47, 48)]
    assert covering == [[], ["prakerja-2020"], ["prakerja-2020"], []]


@pytest.mark.parametrize(
    "wave,last",
    [(1, date(2021, 3, 5)), (11, date(2021, 3, 5)), (12, date(2022, 3, 12)), (22, date(2022, 3, 12)), (23, None)],
)
def test_a_wave_has_its_last_payment_date(wave: int, last: date | None) -> None:
    assert load_policy("prakerja-2020").incentive.last_payment_date(wave) == last


def test_the_digest_is_that_of_the_file() -> None:
    content = resources.files("disbursement.policy").joinpath("prakerja-2020.toml").read_bytes()

    assert load_policy("prakerja-2020").digest == hashlib.sha256(content).hexdigest()


def test_a_policy_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError, match="prakerja-1999"):
        load_policy("prakerja-1999")


@pytest.mark.parametrize("name", policies())
def test_every_part_with_a_figure_names_its_source(name: str) -> None:
    data = tomllib.loads(resources.files("disbursement.policy").joinpath(f"{name}.toml").read_text(encoding="utf-8"))

    def without_source(part: Any, path: str) -> list[str]:
        if isinstance(part, list):
            return [each for n, item in enumerate(part) for each in without_source(item, f"{path}[{n}]")]
        if not isinstance(part, dict):
            return []
        below = [
            each
            for key, value in part.items()
            if not key.endswith("source")
            for each in without_source(value, f"{path}.{key}")
        ]
        figures = [key for key, value in part.items() if isinstance(value, (int, date))]
        sourced = any(key.endswith("source") and value for key, value in part.items())
        return below + ([path] if figures and not sourced else [])

    assert without_source(data, name) == []


@pytest.mark.parametrize("name", policies())
def test_a_policy_knows_only_reasons_that_have_words(name: str) -> None:
    for benefit in load_policy(name).benefits.values():
        assert benefit.reasons_asked(1) <= set(REASONS)


def test_training_and_family_card_are_asked_for_the_first_tranche_alone() -> None:
    incentive = load_policy("prakerja-2020").incentive

    only_first = incentive.reasons_asked(1) - incentive.reasons_asked(2)
    assert {"kk_limit", "no_completion", "over_balance"} <= only_first
    assert "account_closed" not in only_first


def test_the_next_scheme_fits_without_a_change_of_code() -> None:
    policy = parse_policy(NEXT_SCHEME)

    assert (policy.incentive.tranches, policy.training.purchase_days) == (1, 15)
    assert 48 in policy.waves
    assert 1000 in policy.waves
    assert 47 not in policy.waves
    assert policy.incentive.last_payment_date(48) is None


def test_a_window_of_days_without_its_days_is_refused() -> None:
    with pytest.raises(KeyError, match="purchase_window"):
        parse_policy(NEXT_SCHEME.replace(b"purchase_days = 15\n", b""))


@pytest.mark.parametrize("days,decision", [(15, "due"), (16, "not_due")])
def test_in_a_window_of_days_the_first_purchase_decides_for_all(days: int, decision: str) -> None:
    accepted_on, noon = date(2023, 4, 1), datetime(2023, 4, 1, 5, tzinfo=UTC)
    second = noon + timedelta(days=40)
    bought = {"K1": noon + timedelta(days=days), "K2": second}
    tables: dict[str, list[dict[str, Any]]] = {
        "participants": [{"participant_id": "P1", "nik": "3171010101909901", "wave": 48, "accepted_on": accepted_on}],
        "accounts": [
            {
                "participant_id": "P1",
                "version": 1,
                "channel": "bni",
                "owner_nik": "3171010101909901",
                "verified_at": noon,
            }
        ],
        "trainings": [{"training_id": "T1", "price_idr": 3_500_000}],
        "completions": [
            {
                "completion_id": name,
                "participant_id": "P1",
                "training_id": "T1" if name == "K2" else None,
                "purchased_at": at,
                "completed_at": second if name == "K2" else None,
                "reviewed_at": second,
                "certificate_number": "SERT-1",
                "rating": 5,
            }
            for name, at in bought.items()
        ],
    }

    (decided,) = verifier.decide(
        tables, tomllib.loads(NEXT_SCHEME.decode()), second, [], {"bni"}, period="2023-05", provinces=PROVINCES
    )

    assert (decided["decision"], decided["policy"]) == (decision, "contoh-2023")
    assert decided["reasons"] == (() if decision == "due" else ("purchase_late",))
