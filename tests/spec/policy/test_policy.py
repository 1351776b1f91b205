"""The policy files: what they say, that each figure has a source, and what is refused."""

import hashlib
import tomllib
from datetime import date
from importlib import resources
from typing import Any

import pytest

from disbursement.policy import load_policy, parse_policy, policies, policy_file
from schemas.codes import REASONS


def test_the_scheme_of_2020_pays_what_was_published() -> None:
    policy = load_policy("prakerja-2020")

    incentive, survey = policy.incentive, policy.benefits["survey"]
    assert (incentive.tranches, incentive.amount_idr) == (4, 600_000)
    assert (survey.tranches, survey.amount_idr) == (3, 50_000)
    assert policy.training.balance_idr == 1_000_000
    total = sum(b.tranches * b.amount_idr for b in policy.benefits.values()) + policy.training.balance_idr
    assert total == 3_550_000  # what was set aside for each recipient


def test_the_scheme_of_2023_pays_what_was_published() -> None:
    policy = load_policy("prakerja-2023")

    incentive, survey = policy.incentive, policy.benefits["survey"]
    assert (incentive.tranches, incentive.amount_idr, incentive.last_payments) == (1, 600_000, ())
    assert (survey.tranches, survey.amount_idr, survey.last_payments) == (2, 50_000, ())
    assert (policy.training.balance_idr, policy.training.purchase_days) == (3_500_000, 15)
    total = sum(b.tranches * b.amount_idr for b in policy.benefits.values()) + policy.training.balance_idr
    assert total == 4_200_000


def test_a_wave_is_covered_by_one_policy_or_none() -> None:
    covering = [[name for name in policies() if wave in load_policy(name).waves] for wave in (0, 1, 47, 48, 1000)]
    assert covering == [[], ["prakerja-2020"], ["prakerja-2020"], ["prakerja-2023"], ["prakerja-2023"]]


@pytest.mark.parametrize(
    "wave,last",
    [(1, date(2021, 3, 5)), (11, date(2021, 3, 5)), (12, date(2022, 3, 12)), (22, date(2022, 3, 12)), (23, None)],
)
def test_a_wave_has_its_last_payment_date(wave: int, last: date | None) -> None:
    for benefit in load_policy("prakerja-2020").benefits.values():
        assert benefit.last_payment_date(wave) == last


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


@pytest.mark.parametrize("name", policies())
def test_training_and_family_card_are_asked_for_the_first_tranche_alone(name: str) -> None:
    incentive = load_policy(name).incentive

    only_first = incentive.reasons_asked(1) - incentive.reasons_asked(2)
    assert {"kk_limit", "no_completion", "over_balance"} <= only_first
    assert "account_closed" not in only_first


@pytest.mark.parametrize("name", policies())
def test_a_survey_asks_every_time_what_a_later_tranche_asks_and_for_the_survey_itself(name: str) -> None:
    policy = load_policy(name)
    survey = policy.benefits["survey"]

    own = {"survey_not_completed", "first_tranche_not_credited"}
    assert survey.reasons_asked(1) == survey.reasons_asked(2) == policy.incentive.reasons_asked(2) | own


@pytest.mark.parametrize(
    "was,becomes,refused",
    [
        ("purchase_days = 15\n", "", "purchase_window"),
        ('schedule = "monthly"', 'schedule = "weekly"', "schedule"),
        ('sequences = "first"', 'sequences = "last"', "sequences"),
    ],
)
def test_a_policy_that_says_what_nobody_understands_is_refused(was: str, becomes: str, refused: str) -> None:
    with pytest.raises(KeyError, match=refused):
        parse_policy(policy_file("prakerja-2023").replace(was.encode(), becomes.encode()))
