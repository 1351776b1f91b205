"""A case is closed by evidence, or by two people; never by one."""

from datetime import date

import pytest

from reconciliation.exceptions import Case, act, case_of, digest, follow, with_outcome, worklist
from schemas.errors import InputRejected, PersonNeeded, WrongUsage


def case(*acts: tuple[str, str, str]) -> Case:
    return case_of("b1", [dict(zip(("act", "person", "note"), row, strict=True)) for row in acts])


PROPOSED = (("assign", "siti", "budi"), ("resolve", "budi", "paid after all, letter 12/BNI"))


def test_a_case_is_owned_resolved_by_one_and_approved_by_another() -> None:
    assert (case().state, case(*PROPOSED[:1]).owner) == ("open", "budi")
    assert case(*PROPOSED).state == "proposed"
    row = act(case(*PROPOSED), "approve", "siti", "")
    done = case(*PROPOSED, (row["act"], row["person"], row["note"]))
    assert (done.state, done.resolved_by, done.approved_by) == ("approved", "budi", "siti")


@pytest.mark.parametrize("name", ["budi", " Budi "])
def test_nobody_approves_a_resolution_of_their_own(name: str) -> None:
    with pytest.raises(PersonNeeded):
        act(case(*PROPOSED), "approve", name, "")


@pytest.mark.parametrize(
    ("what", "person", "note"), [("resolve", "budi", " "), ("assign", "siti", ""), ("comment", "", "x")]
)
def test_an_act_needs_a_name_and_words(what: str, person: str, note: str) -> None:
    with pytest.raises(InputRejected):
        act(case(), what, person, note)


def test_nothing_is_approved_that_nobody_has_resolved() -> None:
    with pytest.raises(InputRejected):
        act(case(), "approve", "siti", "")


def test_an_act_of_the_reconciliation_is_not_a_person_s() -> None:
    with pytest.raises(WrongUsage):
        act(case(), "close", "budi", "done")


def test_a_refused_resolution_goes_back_to_its_owner() -> None:
    assert case(*PROPOSED, ("refuse", "siti", "no letter")) == Case("b1", "assigned", "budi", proposals=1)


def test_a_case_that_two_have_closed_takes_comments_alone() -> None:
    done = case(*PROPOSED, ("approve", "siti", ""))
    assert act(done, "comment", "budi", "archived")["act"] == "comment"
    with pytest.raises(InputRejected):
        act(done, "resolve", "budi", "again")


MAY_BE_PAID = {"kind": "contradiction", "end_to_end_id": "E1", "file_name": "F1"}


def test_the_resolution_of_what_may_have_been_paid_says_whether_it_was() -> None:
    assert with_outcome("resolve", "paid", MAY_BE_PAID) == "resolve_paid"
    assert case(("resolve_paid", "budi", "letter 12/BNI")).outcome == "paid"
    assert with_outcome("resolve", None, {**MAY_BE_PAID, "kind": "unknown_code"}) == "resolve"


@pytest.mark.parametrize(
    ("what", "outcome", "kind"),
    [
        ("resolve", None, "contradiction"),
        ("resolve", "perhaps", "contradiction"),
        ("resolve", "paid", "unknown_code"),
        ("approve", "paid", "contradiction"),
    ],
)
def test_an_outcome_is_given_where_one_is_asked_for_and_nowhere_else(what: str, outcome: str | None, kind: str) -> None:
    with pytest.raises(WrongUsage):
        with_outcome(what, outcome, {**MAY_BE_PAID, "kind": kind})


def test_a_settled_case_takes_another_outcome_and_a_consent_is_to_one() -> None:
    proposed = case(("resolve_paid", "budi", "letter 12/BNI"))
    done = case(("resolve_paid", "budi", "letter 12/BNI"), ("approve", "siti", ""))
    assert act(done, "resolve_not_paid", "siti", "letter 13/BNI")["act"] == "resolve_not_paid"
    for again in ("resolve_paid", "resolve"):
        with pytest.raises(InputRejected):
            act(done, again, "siti", "letter 13/BNI")
    other = case(("resolve_not_paid", "budi", "letter 12/BNI"))
    assert digest(proposed, FOUND) != digest(other, FOUND)


def test_a_break_that_is_gone_closes_its_case_and_found_again_reopens_it() -> None:
    cases = {"b1": Case("b1", "assigned", "budi"), "b2": Case("b2", "closed"), "b3": Case("b3", "approved")}
    rows = follow([{"break_id": "b2"}], cases, lambda _break, _digest: False)
    assert [(row["break_id"], row["act"]) for row in rows] == [("b1", "close"), ("b2", "reopen")]
    assert follow([{"break_id": "b2"}], {"b2": Case("b2")}, lambda _break, _digest: False) == []


FOUND = {"break_id": "b1", "expected": "600000", "found": "500000", "amount_idr": 500_000}


@pytest.mark.parametrize(
    "change", [{}, {"found": "400000"}, {"expected": "700000"}, {"expected": None}, {"amount_idr": None}]
)
def test_an_approval_holds_for_the_break_as_it_was_and_no_other(change: dict[str, object]) -> None:
    approved = case(*PROPOSED, ("approve", "siti", ""))
    agreed = {("b1", digest(case(*PROPOSED), FOUND))}
    rows = follow([FOUND | change], {"b1": approved}, lambda name, said: (name, said) in agreed)
    assert [row["act"] for row in rows] == (["reopen"] if change else [])


def test_a_consent_is_to_one_proposal_of_one_person_in_these_words() -> None:
    again = case(*PROPOSED, ("refuse", "siti", "no letter"), PROPOSED[1])
    other = case(PROPOSED[0], ("resolve", "ani", PROPOSED[1][2]))
    words = case(PROPOSED[0], ("resolve", "budi", "never sent"))
    assert len({digest(each, FOUND) for each in (case(*PROPOSED), again, other, words)}) == 4


def test_the_most_urgent_and_oldest_come_first() -> None:
    breaks = [
        {"break_id": "b1", "kind": "unknown_code"},
        {"break_id": "b2", "kind": "duplicate"},
        {"break_id": "b3", "kind": "duplicate"},
    ]
    found = {"b3": date(2020, 4, 1), "b2": date(2020, 5, 1)}
    rows = worklist(breaks, {"b2": Case("b2", "assigned", "budi")}, found, date(2020, 5, 9))
    assert [(row["break_id"], row["age_band"], row["owner"]) for row in rows] == [
        ("b3", "31-60", None), ("b2", "8-30", "budi"), ("b1", "0-7", None),
    ]  # fmt: skip
