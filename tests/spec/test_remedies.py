"""What is done about each code of a bank, as a policy officer can check it."""

from datetime import date

import pytest

from schemas.codes import REISSUE_OWNER, REISSUES, is_classified, remedy
from schemas.remedies import ACTIONS, REMEDIES, parse

ROW = """
attempts_max = 3
attempts_source = "S"
[lists]
status = "S"
return = "S"
end = "S"
[unclassified]
action = "review"
spacing = 0
retries_max = 0
source = "S"
[[remedies]]
"""
GOOD = 'action = "review"\nspacing = 1\nretries_max = 1\nsource = "S"\nstatus = ["MS03"]\n'


@pytest.mark.parametrize(
    "code_list, code, action",
    [
        ("status", "AC04", "fix_account"),
        ("status", "AC14", "fix_account"),
        ("return", "AC14", "review"),  # an agent in the return list: not ours to guess
        ("status", "AM21", "retry_later"),
        ("return", "AM21", "review"),
        ("status", "AM04", "stop_file"),
        ("return", "AM05", "find_earlier"),
        ("status", "MD07", "hold_for_person"),
        ("status", "MS03", "review"),
        ("status", "ZZ99", "review"),
        ("return", None, "review"),
        ("end", "never_arrived", "review"),  # an end is no bank's code
    ],
)
def test_each_list_gives_its_codes_their_own_remedy(code_list: str, code: str | None, action: str) -> None:
    assert remedy(code_list, code) == action


def test_a_code_that_no_row_names_is_unclassified() -> None:
    assert is_classified("status", "MS03")
    assert not is_classified("status", "ZZ99")
    assert not is_classified("return", "BE22")


@pytest.mark.parametrize(
    "end, code_list, code, ended_on, from_day",
    [
        ("rejected", "status", "AM21", date(2020, 10, 1), date(2020, 11, 1)),
        ("rejected", "status", "AM14", date(2020, 10, 31), date(2020, 11, 1)),
        ("rejected", "status", "AM21", date(2020, 12, 31), date(2021, 1, 1)),
        ("rejected", "status", "AM21", date(2021, 1, 31), date(2021, 2, 1)),
        ("rejected", "status", "AM02", date(2021, 2, 25), date(2021, 3, 4)),
        ("returned", "return", "AM02", date(2020, 12, 28), date(2021, 1, 4)),
        ("rejected", None, "TM01", date(2020, 10, 31), date(2020, 11, 1)),
        ("rejected", "status", "AC04", date(2020, 10, 31), date(2020, 10, 31)),
        ("never_arrived", None, None, date(2020, 10, 31), date(2020, 10, 31)),
    ],
)
def test_the_next_attempt_is_spaced_by_days_or_waits_for_the_next_calendar_month(
    end: str, code_list: str | None, code: str | None, ended_on: date, from_day: date
) -> None:
    assert REMEDIES.rule(end, code_list, code).from_day(ended_on) == from_day


def test_nothing_that_may_be_paid_or_that_nobody_understands_moves_without_people() -> None:
    alone = {rule.action for rule in REMEDIES.rules.values() if not rule.needs_person}
    assert alone == {"fix_account", "retry_later", "review"}
    assert REMEDIES.unclassified.needs_person
    assert REMEDIES.rule("rejected", "status", "MS03").retries_max == 1
    assert {rule.action for rule in REMEDIES.rules.values()} == set(ACTIONS)


@pytest.mark.parametrize(
    "row",
    [
        GOOD.replace("review", "guess"),
        GOOD.replace("spacing = 1", 'spacing = "next_year"'),
        GOOD.replace("spacing = 1", "spacing = -1"),
        GOOD.replace("retries_max = 1", "retries_max = -1"),
        GOOD.replace('source = "S"\n', ""),
        GOOD.replace('"S"', '""'),
        GOOD.replace("status", "statuses"),
        GOOD.replace('"MS03"', '"MS03", "MS03"'),
        f"{GOOD}[[remedies]]\n{GOOD}",
    ],
)
def test_a_row_that_is_not_as_the_file_says_is_refused(row: str) -> None:
    assert parse(ROW + GOOD).attempts_max == 3
    with pytest.raises((ValueError, KeyError, TypeError)):
        parse(ROW + row)


def test_every_verdict_has_words_and_who_acts_next() -> None:
    assert REISSUES.keys() == REISSUE_OWNER.keys()
    assert [verdict for verdict, owner in REISSUE_OWNER.items() if not owner] == ["lapsed", "deposited"]
