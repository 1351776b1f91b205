"""The judge's own reading of what may follow an attempt that ended: when two people are needed, and that it is the published one."""

from __future__ import annotations

import pytest

from schemas.remedies import REMEDIES
from simulator.oracle.plain_remedies import TABLE, against_the_next

ENDS: dict[str, tuple[list[tuple[str, str | None, str | None]], bool]] = {
    # how the attempts ended, each as state, list and code: whether the next one needs two people
    "a first refused account": ([("rejected", "status", "AC04")], False),
    "four refused accounts": ([("rejected", "status", "AC04")] * 4, False),
    "five refused accounts": ([("rejected", "status", "AC04")] * 5, True),
    "three monthly limits": ([("rejected", "status", "AM14")] * 3, False),
    "four monthly limits": ([("rejected", "status", "AM14")] * 4, True),
    "unclear once": ([("rejected", "status", "MS03")], False),
    "unclear twice": ([("rejected", "status", "MS03"), ("returned", "return", "NARR")], True),
    "a code of the other list": ([("returned", "return", "AM14")], True),
    "a list that nobody names": ([("returned", None, "AC04")], False),
    "no code": ([("rejected", "status", None)], True),
    "six attempts of three kinds": ([("rejected", "status", code) for code in ("AC04", "AM02", "TM01") * 2], True),
    "six attempts, one of which never arrived": (
        [
            ("never_arrived", None, None),
            *[("rejected", "status", code) for code in ("AC04", "AM02", "TM01", "AC04", "AM02")],
        ],
        False,
    ),
    "seven that never arrived": ([("never_arrived", None, None)] * 7, False),
}


@pytest.mark.parametrize("case", ENDS)
def test_two_people_are_needed_where_codes_say_so_or_their_attempts_are_used_up(case: str) -> None:
    ends, needs_people = ENDS[case]
    ended = [dict(zip(("state", "code_list", "reason_code"), end, strict=True)) for end in ends]
    assert (against_the_next(ended) is not None) == needs_people


def test_the_judges_reading_of_the_codes_is_the_published_table() -> None:
    ours = {key: (rule.spacing, rule.retries_max) for key, rule in REMEDIES.rules.items() if key[0] != "end"}
    assert {key: ("next_month" if one.days is None else one.days, one.times) for key, one in TABLE.items()} == ours
    alike = {key: {other for other, rule in REMEDIES.rules.items() if rule == REMEDIES.rules[key]} for key in TABLE}
    assert {key: {other for other, one in TABLE.items() if one == TABLE[key]} for key in TABLE} == alike
