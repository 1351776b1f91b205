"""What people are told, fast and set-based, against a slow and obvious reading, for any decisions and any attempts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciliation.outcomes import changes, outcomes
from schemas.codes import INSTRUCTION_STATES, LEFT_OUT
from schemas.outcomes import STATUSES, TO_DO
from tests.lib import plain_outcomes
from tests.lib.told import AT, REACHED, Row, aside, decided, decision, instruction, instructions, standing

PERIODS = ("2020-07", "2020-06", "2020-05")
DAYS = (None, date(2020, 6, 30), REACHED, date(2020, 7, 2))
people = st.sampled_from(("P1", "P2", "P3"))
keys = st.tuples(people, st.sampled_from(("incentive", "survey")), st.integers(1, 2))
meant = st.sampled_from(
    (
        ("complete", ""), ("lapsed", ""), ("lapsed", "no_completion"), ("due", ""), ("not_due", "not_yet_due"),
        ("not_due", "no_rating"), ("not_due", "account_closed;not_yet_due"), ("held", "blocklisted;no_account"),
        ("held", "funds_short"),
    )
)  # fmt: skip
codes = st.sampled_from((None, "AC04", "AM02", "AM05", "NOCM", "MD07", "ZZ99"))


def named(key: tuple[str, str, int]) -> Row:
    return dict(zip(("participant_id", "benefit", "sequence"), key, strict=True))


@st.composite
def periods(draw: st.DrawFn) -> list[tuple[list[Row], list[Row], datetime]]:
    """Some periods' decisions, the last one first, and what of them could not be instructed."""
    found = []
    for place, period in enumerate(draw(st.sampled_from((PERIODS, PERIODS[:1], ())))):
        rows = [
            decision(*draw(meant), **named(key), period=period, due_on=draw(st.sampled_from(DAYS)),
                     last_payment_date=draw(st.sampled_from(DAYS)))
            for key in sorted(draw(st.sets(keys, max_size=5)))
        ]  # fmt: skip
        out = [aside(draw(st.sampled_from(sorted(LEFT_OUT))), **named(key)) for key in draw(st.sets(keys, max_size=3))]
        found.append((rows, out, datetime(2020, 7 - place, 3, tzinfo=UTC)))
    return found


@st.composite
def orders(draw: st.DrawFn) -> list[Row]:
    """Some attempts, in any order."""
    rows = [
        instruction(draw(st.sampled_from(INSTRUCTION_STATES)), draw(codes), **named(key), attempt=attempt,
                    last_payment_date=draw(st.sampled_from(DAYS)))
        for key in sorted(draw(st.sets(keys, max_size=4)))
        for attempt in range(1, draw(st.integers(1, 3)) + 1)
    ]  # fmt: skip
    return list(draw(st.permutations(rows)))


def last_told(draw: st.DrawFn) -> list[Row]:
    """What some people were told last."""
    return [
        named(key)
        | {
            "period": "2020-05", "status": draw(st.sampled_from(sorted(STATUSES))), "status_at": AT,
            "amount_idr": 600_000, "due_on": draw(st.sampled_from(DAYS)), "to_do": draw(st.sampled_from(sorted(TO_DO))),
        }
        for key in sorted(draw(st.sets(keys, max_size=6)))
    ]  # fmt: skip


previous = st.composite(last_told)()


@given(periods(), orders(), st.sets(people, max_size=2), previous)
def test_what_is_told_and_what_of_it_is_news_is_what_a_plain_reading_says(
    known: list[Any], made: list[Row], on_hold: set[str], before: list[Row]
) -> None:
    tables = [decided(rows, out, at) for rows, out, at in known]
    now = outcomes(tables, instructions(*made), on_hold=on_hold, reached=REACHED)
    plain = plain_outcomes.outcomes(known, made, on_hold=on_hold, reached=REACHED)
    assert now.to_pylist() == plain
    news = changes(standing(*before), now, AT).to_pylist()
    assert news == plain_outcomes.changes(before, plain, AT)


@given(periods(), orders(), previous)
def test_once_told_nothing_is_news(known: list[Any], made: list[Row], before: list[Row]) -> None:
    now = outcomes(
        [decided(rows, out, at) for rows, out, at in known], instructions(*made), on_hold=(), reached=REACHED
    )
    news = changes(standing(*before), now, AT).to_pylist()
    told = {plain_outcomes.key_of(row): row for row in [*before, *news]}
    assert changes(standing(*told.values()), now, AT).num_rows == 0
