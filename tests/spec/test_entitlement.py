"""What the fast path adds to the decisions that both readings give: the columns for reports, and decisions that stand."""

from datetime import UTC, date, datetime
from typing import Any

from disbursement.entitlement import decide
from disbursement.policy import load_policy
from schemas.tables import TABLES, empty
from tests.lib.digested import table

CUT_OFF = datetime(2020, 10, 31, 16, 59, 59, 999999, tzinfo=UTC)
PERSON = {"nik_mac": "n", "wave": 4, "accepted_on": date(2020, 8, 31), "province": "31", "occupation": "employee"}
NAMED = {"sk_number": "SK-4/2020", "sk_line": "7"}
ACCOUNT = {"version": 2, "channel": "ovo", "owner_nik_mac": "n", "verified_at": datetime(2020, 9, 1, 3, tzinfo=UTC)}
LEARNED = {
    "participant_id": "P1",
    "training_id": "T1",
    "purchased_at": datetime(2020, 9, 1, 3, tzinfo=UTC),
    "completed_at": datetime(2020, 9, 10, 3, tzinfo=UTC),
    "has_certificate": True,
    "rating": 5,
    "reviewed_at": datetime(2020, 9, 10, 17, tzinfo=UTC),
}


def _decide(*completions: dict[str, Any], **changed: Any) -> list[dict[str, Any]]:
    arguments = {
        "people": table("people.v1", [{"participant_id": "P1", **PERSON, **NAMED}]),
        "accounts": table("current_accounts.v1", [{"participant_id": "P1", **ACCOUNT}]),
        "trainings": table("trainings.v1", [{"training_id": "T1", "price_idr": 250_000}]),
        "completions": table("learning.v1", [LEARNED | completion for completion in completions]),
        "surveys": empty("surveys.v1"),
        "blocklist": empty("listed.v1"),
        "history": empty("history.v1"),
        "refused": empty("refused_accounts.v1"),
        "policies": [load_policy("prakerja-2020")],
        "channels": {"ovo"},
        "period": "2020-10",
        "cut_off": CUT_OFF,
    }
    decided = decide(**(arguments | changed)).to_pylist()
    return [row for row in decided if row["benefit"] == "incentive"]


def test_a_decision_bears_what_it_rests_on() -> None:
    (decision,) = _decide({"completion_id": "K1"})
    assert decision == {
        "participant_id": "P1",
        "benefit": "incentive",
        "sequence": 1,
        "period": "2020-10",
        "decision": "due",
        "reasons": "",
        "amount_idr": 600_000,
        "due_on": date(2020, 9, 11),  # the review was on the 11th in Jakarta
        "policy": "prakerja-2020",
        "channel": "ovo",
        "account_version": 2,
        "completion_id": "K1",
        "last_payment_date": date(2021, 3, 5),
        "wave": 4,
        "province": "31",
        "occupation": "employee",
        "accepted_on": date(2020, 8, 31),
        **NAMED,
    }


def test_the_completion_named_is_the_earliest_done_and_of_two_at_once_the_first_by_id() -> None:
    later = {"completion_id": "K0", "reviewed_at": datetime(2020, 9, 12, tzinfo=UTC)}
    lacking = {"completion_id": "K00", "rating": None}
    (decision,) = _decide(later, {"completion_id": "K2"}, {"completion_id": "K1"}, lacking)
    assert decision["completion_id"] == "K1"


def test_a_decision_that_was_instructed_in_the_period_stands_whatever_has_become_known_since() -> None:
    (due,) = _decide({"completion_id": "K1"})
    kept = table("decisions.v1", [due])
    history = table("history.v1", [{name: due.get(name) for name in TABLES["history.v1"].columns}])
    closed = table("current_accounts.v1", [{"participant_id": "P1", **ACCOUNT, "closed_at": CUT_OFF}])
    assert _decide(accounts=closed, history=history, kept=kept, balance_idr=0) == [due]


def test_a_decision_that_was_instructed_stands_even_if_nothing_is_known_of_the_person_any_more() -> None:
    (due,) = _decide({"completion_id": "K1"})
    nobody = empty("people.v1")
    assert _decide(people=nobody, kept=table("decisions.v1", [due])) == [due]
    assert _decide(people=nobody) == []


def test_a_later_tranche_names_no_completion_and_follows_the_first_by_calendar_months() -> None:
    tranches = [
        {
            "participant_id": "P1",
            "benefit": "incentive",
            "sequence": n,
            "period": "2020-06",
            "due_on": date(2020, 5, 31),
        }
        for n in (1, 2, 3)
    ]
    by_count = [_decide(history=table("history.v1", tranches[:count]))[0] for count in (1, 2, 3)]
    assert [(d["sequence"], d["due_on"], d["completion_id"]) for d in by_count] == [
        (2, date(2020, 6, 30), None),
        (3, date(2020, 7, 31), None),
        (4, date(2020, 8, 31), None),
    ]


def test_money_reaches_those_whose_tranche_fell_due_first() -> None:
    people = [{"participant_id": f"P{n}", **PERSON, "nik_mac": f"n{n}"} for n in range(4)]
    accounts = [{"participant_id": f"P{n}", **ACCOUNT, "owner_nik_mac": f"n{n}"} for n in range(4)]
    done = [{"completion_id": f"K{n}", "participant_id": f"P{n}"} for n in range(4)]
    done[3]["reviewed_at"] = done[3]["completed_at"] = datetime(2020, 9, 5, tzinfo=UTC)
    decisions = _decide(
        *done,
        people=table("people.v1", people),
        accounts=table("current_accounts.v1", accounts),
        balance_idr=1_799_999,
    )
    assert [(d["participant_id"], d["decision"], d["reasons"]) for d in decisions] == [
        ("P0", "due", ""),
        ("P1", "held", "funds_short"),
        ("P2", "held", "funds_short"),
        ("P3", "due", ""),
    ]
