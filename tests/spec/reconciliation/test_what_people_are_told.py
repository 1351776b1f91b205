"""What becomes of a payment in the programme's words, and what of it is news, by example."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from reconciliation.outcomes import audible, changes, outcomes, worded
from schemas.codes import INSTRUCTION_STATES, LEFT_OUT, REASONS, REMEDIES, REMEDY
from schemas.outcomes import OF_CODE, OF_REASON, OF_REMEDY, OF_STATE, STATUSES, TO_DO
from tests.lib.told import AT, REACHED, TRANCHE, Row, aside, decided, decision, instruction, instructions, standing


def told(
    decisions: list[Row], *orders: Row, left_out: Sequence[Row] = (), on_hold: tuple[str, ...] = (), reached: date = REACHED
) -> list[Row]:  # fmt: skip
    """Where each entitlement stands."""
    found = outcomes([decided(decisions, list(left_out))], instructions(*orders), on_hold=on_hold, reached=reached)
    rows: list[Row] = found.to_pylist()
    return rows


def said(rows: list[Row]) -> list[tuple[str, str, bool]]:
    return [(row["status"], row["to_do"], row["is_quiet"]) for row in rows]


class TestEveryWordOfOursHasOneOfTheProgramme:
    """A new state, reason or remedy must be given one here, or this fails."""

    def test_states(self) -> None:
        assert OF_STATE.keys() == set(INSTRUCTION_STATES)

    def test_reasons_of_decisions_and_of_what_could_not_be_instructed(self) -> None:
        assert OF_REASON.keys() == set(REASONS) | LEFT_OUT

    def test_remedies_and_codes(self) -> None:
        assert OF_REMEDY.keys() == set(REMEDIES)
        assert OF_CODE.keys() <= REMEDY.keys()

    def test_statuses_and_what_to_do(self) -> None:
        tellings = [*filter(None, OF_STATE.values()), *OF_REASON.values(), *OF_REMEDY.values(), *OF_CODE.values()]
        assert {each.status for each in tellings} == STATUSES.keys()
        assert {each.to_do for each in tellings} == TO_DO.keys()


@pytest.mark.parametrize(
    "state, code, status, to_do",
    [
        ("drafted", None, "sedang diproses", "wait"),
        ("released", None, "sedang diproses", "wait"),
        ("submitted", None, "sedang diproses", "wait"),
        ("unknown", None, "sedang diproses", "wait"),
        ("accepted", None, "sedang diproses", "wait"),
        ("debited", None, "sedang diproses", "wait"),
        ("never_arrived", None, "sedang diproses", "wait"),
        ("credited", None, "berhasil", "nothing"),
        ("rejected", "AC04", "gagal", "relink_account"),  # closed
        ("rejected", "BE01", "gagal", "relink_account"),  # somebody else's
        ("rejected", "NOCM", "gagal", "verify_account"),  # not upgraded
        ("rejected", "AM02", "gagal", "make_room"),  # full
        ("rejected", "AM21", "gagal", "make_room"),  # monthly limit
        ("rejected", "AB05", "gagal", "wait"),  # a bank that timed out
        ("rejected", "MD07", "gagal", "contact_centre"),  # a person of ours must look
        ("rejected", "MS03", "gagal", "wait"),  # says nothing
        ("rejected", "ZZ99", "gagal", "wait"),  # nobody knows it
        ("rejected", None, "gagal", "wait"),
        ("rejected", "AM04", "sedang diproses", "wait"),  # our account was short: nobody has failed
        ("rejected", "AM05", "sedang diproses", "wait"),  # the bank has it already: perhaps paid
        ("returned", "AC04", "gagal", "relink_account"),
        ("returned", "NOCM", "gagal", "verify_account"),
        ("returned", "AM02", "gagal", "make_room"),
        ("returned", None, "gagal", "wait"),
    ],
)
def test_an_instruction_is_told_by_its_state_and_by_the_banks_code(
    state: str, code: str | None, status: str, to_do: str
) -> None:
    (row,) = told([decision()], instruction(state, code))
    assert (row["status"], row["to_do"], row["is_quiet"]) == (status, to_do, False)
    assert (row["status_at"], row["due_on"], row["amount_idr"]) == (AT, date(2020, 6, 20), TRANCHE)


@pytest.mark.parametrize(
    "what, reasons, due_on, status, to_do",
    [
        ("due", "", 20, "dijadwalkan", "wait"),
        ("not_due", "not_yet_due", 20, "dijadwalkan", "wait"),
        ("not_due", "account_closed;not_yet_due", 20, "dijadwalkan", "relink_account"),
        ("not_due", "account_unverified;not_yet_due", 20, "dijadwalkan", "verify_account"),
        ("not_due", "no_account;not_yet_due", 20, "dijadwalkan", "link_account"),
        ("not_due", "not_yet_due;participant_revoked", 20, "dana tertahan", "contact_centre"),
        ("held", "account_unverified", None, "dana tertahan", "verify_account"),
        ("held", "no_account", None, "dana tertahan", "link_account"),
        ("held", "account_refused", 20, "dana tertahan", "relink_account"),
        ("held", "account_closed;owner_mismatch", 20, "dana tertahan", "relink_account"),
        ("held", "account_closed;blocklisted", 20, "dana tertahan", "contact_centre"),
        ("held", "kk_limit", 20, "dana tertahan", "contact_centre"),
        ("held", "funds_short", 20, "dana tertahan", "wait"),
        ("lapsed", "", 20, "gagal", "lapsed"),
        ("lapsed", "account_closed", 20, "gagal", "lapsed"),
    ],
)
def test_a_decision_is_told_by_the_strongest_of_its_reasons(
    what: str, reasons: str, due_on: int | None, status: str, to_do: str
) -> None:
    due = None if due_on is None else date(2020, 6, due_on)
    assert said(told([decision(what, reasons, due_on=due)])) == [(status, to_do, False)]


@pytest.mark.parametrize(
    "what, reasons, telling",
    [
        ("not_due", "no_completion", ("dana tertahan", "check_conditions", True)),
        ("not_due", "no_rating;no_review;not_yet_due", ("dana tertahan", "check_conditions", True)),
        ("not_due", "policy_unknown", ("dana tertahan", "check_conditions", True)),
        ("lapsed", "no_completion", ("gagal", "lapsed", True)),
    ],
)
def test_who_was_promised_nothing_hears_nothing_unless_told_before(
    what: str, reasons: str, telling: tuple[str, str, bool]
) -> None:
    now = outcomes([decided([decision(what, reasons)])], instructions(), on_hold=(), reached=REACHED)
    assert said(now.to_pylist()) == [telling]
    assert changes(standing(), now, AT).num_rows == 0
    assert audible(now, standing()).num_rows == 0
    before = standing(row_told())
    (news,) = changes(before, now, AT).to_pylist()
    assert (news["status"], news["to_do"]) == telling[:2]
    assert audible(now, before).to_pylist() == [news]


def test_a_date_that_nobody_knows_is_not_announced() -> None:
    (row,) = told([decision("not_due", "not_yet_due", due_on=None)])
    assert row["is_quiet"]


def test_all_four_paid_is_no_entitlement_to_tell_of() -> None:
    assert told([decision("complete", sequence=5)]) == []


@pytest.mark.parametrize(
    "reason, status, to_do",
    [
        ("account_changed", "dijadwalkan", "wait"),
        ("account_unwritable", "dana tertahan", "relink_account"),
        ("name_unwritable", "dana tertahan", "contact_centre"),
        ("past_last_payment", "gagal", "lapsed"),
        ("on_hold", "dijadwalkan", "wait"),  # as the last `instruct` saw it; nobody holds this person any more
    ],
)
def test_who_is_due_and_could_not_be_instructed_is_told_why(reason: str, status: str, to_do: str) -> None:
    assert said(told([decision()], left_out=[aside(reason)])) == [(status, to_do, False)]


def test_who_is_due_and_on_hold_is_told_to_ask() -> None:
    assert said(told([decision()], on_hold=("P1",))) == [("dana tertahan", "contact_centre", False)]


class TestTheLastAttemptSpeaks:
    def test_a_reissue_is_processed_again_after_its_first_attempt_failed(self) -> None:
        first, second = instruction("rejected", "AC04"), instruction("submitted", attempt=2)
        assert said(told([decision()], second, first)) == [("sedang diproses", "wait", False)]

    def test_a_withdrawn_one_leaves_it_to_the_decision(self) -> None:
        assert said(told([decision()], instruction("withdrawn"))) == [("dijadwalkan", "wait", False)]
        late = decision("lapsed", last_payment_date=date(2020, 6, 21))
        assert said(told([late], instruction("withdrawn"))) == [("gagal", "lapsed", False)]

    def test_a_withdrawn_reissue_does_not_bring_the_failure_back(self) -> None:
        first, second = instruction("rejected", "AC04", verdict="due"), instruction("withdrawn", attempt=2)
        assert said(told([decision()], first, second)) == [("dijadwalkan", "wait", False)]


@pytest.mark.parametrize(
    "code, verdict, reasons, status, to_do",
    [
        ("AC04", "due", "", "dijadwalkan", "wait"),
        ("AC04", "needs_account", "account_refused", "gagal", "relink_account"),
        ("NOCM", "needs_account", "account_refused", "gagal", "verify_account"),
        ("AC04", "needs_account", "account_unverified", "gagal", "verify_account"),
        ("AM02", "needs_account", "no_account", "gagal", "link_account"),
        ("AM21", "waits", "", "gagal", "make_room"),
        ("AC04", "held", "account_refused;participant_revoked", "dana tertahan", "contact_centre"),
        ("TM01", "held", "funds_short", "dana tertahan", "wait"),
        ("AC04", "deposited", "", "gagal", "lapsed"),
        ("AC04", "undecided", "", "gagal", "relink_account"),
    ],
)
def test_what_follows_an_attempt_that_ended_is_told_with_it(
    code: str, verdict: str, reasons: str, status: str, to_do: str
) -> None:
    ended = instruction("rejected", code, verdict=verdict, reasons=reasons)
    assert said(told([decision()], ended)) == [(status, to_do, False)]


@pytest.mark.parametrize(
    "order, expected",
    [
        (instruction("rejected", "AC04"), ("gagal", "lapsed")),
        (instruction("returned", "AC04"), ("gagal", "lapsed")),
        (instruction("never_arrived"), ("gagal", "lapsed")),
        (instruction("rejected", "AM05"), ("sedang diproses", "wait")),  # may be paid
        (instruction("unknown"), ("sedang diproses", "wait")),
        (instruction("debited"), ("sedang diproses", "wait")),
        (instruction("credited"), ("berhasil", "nothing")),
    ],
)
def test_after_the_last_payment_date_what_ended_unpaid_is_lapsed_and_nobody_is_sent_to_mend_an_account(
    order: Row, expected: tuple[str, str]
) -> None:
    (row,) = told([decision()], order | {"last_payment_date": REACHED - timedelta(days=1)})
    assert (row["status"], row["to_do"]) == expected


def test_on_the_last_payment_date_itself_nothing_is_lapsed_yet() -> None:
    assert said(told([decision(last_payment_date=REACHED)])) == [("dijadwalkan", "wait", False)]
    assert said(told([decision(last_payment_date=REACHED - timedelta(days=1))])) == [("gagal", "lapsed", False)]


def test_the_last_periods_decision_stands_and_each_entitlement_is_told_of_once() -> None:
    may = decided([decision("held", "no_account", period="2020-05"), decision(participant_id="P2", period="2020-05")])
    june = decided([decision("due"), decision("not_due", "not_yet_due", participant_id="P2", sequence=2)])
    survey = instruction("credited", benefit="survey", amount_idr=50_000)
    rows = outcomes([june, may], instructions(survey), on_hold=(), reached=REACHED).to_pylist()
    assert [(r["participant_id"], r["benefit"], r["sequence"], r["period"], r["status"]) for r in rows] == [
        ("P1", "incentive", 1, "2020-06", "dijadwalkan"),
        ("P1", "survey", 1, "2020-06", "berhasil"),
        ("P2", "incentive", 1, "2020-05", "dijadwalkan"),
        ("P2", "incentive", 2, "2020-06", "dijadwalkan"),
    ]


# --- news -------------------------------------------------------------------------------------------------------------
def row_told(**changed: Any) -> Row:
    """That tranche as it was told: scheduled."""
    row = {
        "participant_id": "P1", "benefit": "incentive", "sequence": 1, "period": "2020-06", "status": "dijadwalkan",
        "status_at": AT, "amount_idr": TRANCHE, "due_on": date(2020, 6, 20), "to_do": "wait",
    }  # fmt: skip
    return row | changed


@dataclass
class People:
    """What was told so far, and what is told next."""

    previous: list[Row]

    def news(self, *now: Row, at: datetime = AT) -> list[Row]:
        """What is told of `now`; it is then what was told last."""
        table = standing(*now)
        table = table.append_column("is_quiet", pa.repeat(False, len(now)))
        news: list[Row] = changes(standing(*self.previous), table, at).to_pylist()
        before = {(row["participant_id"], row["sequence"]): row for row in [*self.previous, *news]}
        self.previous = list(before.values())
        return news


def test_what_was_told_is_not_told_again() -> None:
    people = People([])
    assert people.news(row_told()) == [row_told()]
    assert people.news(row_told()) == []


@pytest.mark.parametrize(
    "other, is_news",
    [
        ({"status": "berhasil"}, True),
        ({"to_do": "relink_account"}, True),
        ({"due_on": date(2020, 6, 21)}, True),
        ({"due_on": None}, True),
        ({"amount_idr": 1}, True),
        ({"period": "2020-07"}, False),
        ({"status_at": AT + timedelta(days=1)}, False),
    ],
)
def test_news_is_another_status_act_date_or_amount(other: Row, is_news: bool) -> None:
    assert People([row_told()]).news(row_told(**other)) == [row_told(**other)] * is_news


def test_back_and_forth_is_told_each_time() -> None:
    people = People([])
    for status in ("berhasil", "gagal", "berhasil"):
        assert [row["status"] for row in people.news(row_told(status=status))] == [status]


def test_of_whom_nothing_is_known_any_more_is_told_once_that_the_conditions_are_not_met() -> None:
    people = People([row_told()])
    expected = row_told(status="dana tertahan", to_do="check_conditions", status_at=AT + timedelta(1))
    assert people.news(at=AT + timedelta(1)) == [expected]
    assert people.news(at=AT + timedelta(2)) == []
    assert people.news(row_told()) == [row_told()]


def test_the_words_stand_beside_the_codes_in_both_languages() -> None:
    (row,) = worded(standing(row_told(to_do="make_room", status="gagal"))).to_pylist()
    assert row["status_english"] == "failed"
    assert row["to_do_indonesian"].startswith("Kurangi saldo")
    assert row["to_do_english"].startswith("Spend down")


def test_the_page_for_platforms_has_every_status_and_every_act_in_its_words_and_order() -> None:
    page = (Path(__file__).parents[3] / "docs" / "outcomes.md").read_text(encoding="utf-8")
    statuses = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ", page.split("### Statuses")[1].split("###")[0], re.MULTILINE)
    assert dict(statuses) == STATUSES
    acts = page.split("### What the participant can do")[1].split("## ")[0]
    assert re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ", acts, re.MULTILINE) == [
        (code, english) for code, (_, english) in TO_DO.items()
    ]
