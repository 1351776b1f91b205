"""Which row stands for a key, case by case, in every order that the rows can come in."""

from itertools import permutations
from typing import Any

import pytest

from reconciliation.reports.verifier import is_empty, standing
from tests.lib.policy_cases import standing_cases

CASES = standing_cases()


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in row.items() if not is_empty(value) and column != "participant_id"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_row_that_stands_is_the_same_in_every_order(case: dict[str, Any]) -> None:
    rows = [{"participant_id": "P1"} | row for row in case["rows"]]

    for order in permutations(rows):
        stand, aside = standing(order, ["participant_id"])

        assert [_filled(row) for row in stand] == ([case["stands"]] if "stands" in case else [])
        in_order = sorted(case.get("aside", []), key=str)
        assert sorted((_filled(row) for row in aside), key=str) == sorted(
            (dict(sorted(row.items())) for row in in_order), key=str
        )


def test_keys_do_not_mix() -> None:
    rows = [
        {"participant_id": "P1", "version": 2},
        {"participant_id": "P1", "version": 10},
        {"participant_id": "P10", "version": 1},
    ]

    stand, aside = standing(rows, ["participant_id", "version"])

    assert [(row["participant_id"], row["version"]) for row in stand] == [("P1", 2), ("P1", 10), ("P10", 1)]
    assert aside == []
