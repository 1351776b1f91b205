"""Evidence that contradicts other evidence: a break with both sides, never a state moved back."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from reconciliation.breaks import RESOLVED_BY, SEVERITY
from tests.lib.reconciling import DAY, LATE, TRANCHE, World, breaks, debit_of, entry, reversal_of, states

FIRST, LATER = datetime(2020, 5, 4, 9, tzinfo=UTC), datetime(2020, 5, 6, 9, tzinfo=UTC)


@pytest.fixture
def made() -> World:
    """A file of two."""
    made = World()
    made.file("F1", ["E1", "E2"])
    return made


def only_break(made: World) -> dict[str, Any]:
    (row,) = made.matched().breaks.to_pylist()
    return dict(row)


@pytest.mark.parametrize("order", [1, -1])
def test_rejected_after_credited_keeps_credited_and_both_reports(made: World, order: int) -> None:
    for status in ("ACCC", "RJCT AC04")[::order]:
        made.report("F1", {"E1": status}, stated_at=FIRST)
    found = only_break(made)
    assert states(made.matched())["E1"] == "credited"
    files = ("report-1", "report-2")[::order]
    assert (found["kind"], found["end_to_end_id"]) == ("contradiction", "E1")
    assert (found["expected"], found["found"]) == (f"credited (file {files[0]})", f"rejected (file {files[1]})")


@pytest.mark.parametrize(("stated", "kinds"), [(LATER, ["contradiction"]), (FIRST - timedelta(hours=1), [])])
def test_settled_by_a_report_written_after_refusal_and_reversal_is_a_contradiction(
    made: World, stated: datetime, kinds: list[str]
) -> None:
    made.report("F1", {"E1": "RJCT AC04", "E2": "ACSC"}, stated_at=FIRST)
    made.statement(1, [debit_of("F1", 2 * TRANCHE), reversal_of("E1")])
    made.report("F1", {"E1": "ACSC"}, stated_at=stated)
    assert states(made.matched())["E1"] == "rejected"
    assert breaks(made.matched()) == [(kind, "E1") for kind in kinds]


def test_credited_by_a_report_after_refusal_and_reversal_is_a_contradiction_whenever_it_was_written(
    made: World,
) -> None:
    made.report("F1", {"E1": "RJCT AC04", "E2": "ACSC"})
    made.statement(1, [debit_of("F1", 2 * TRANCHE), reversal_of("E1")])
    made.report("F1", {"E1": "ACCC"})
    assert breaks(made.matched()) == [("contradiction", "E1")]


def test_debited_by_itself_on_a_day_after_its_refusal_is_a_contradiction_until_it_is_sent_back(made: World) -> None:
    made.report("F1", {"E1": "RJCT AC04", "E2": "ACSC"}, stated_at=FIRST)
    made.statement(1, [debit_of("F1", TRANCHE)])
    made.statement(3, [entry("debit", TRANCHE, end_to_end_id="E1")])
    assert ("contradiction", "E1") in breaks(made.matched())
    made.statement(4, [reversal_of("E1")])
    assert ("contradiction", "E1") not in breaks(made.matched())


def test_debited_again_after_refusal_and_reversal_is_a_duplicate(made: World) -> None:
    made.report("F1", {"E1": "RJCT AC04", "E2": "ACSC"}, stated_at=FIRST)
    made.statement(1, [debit_of("F1", 2 * TRANCHE), reversal_of("E1"), entry("debit", TRANCHE, end_to_end_id="E1")])
    assert breaks(made.matched()) == [("duplicate", "E1")]
    assert states(made.matched())["E1"] == "rejected"


@pytest.mark.parametrize("second", ["bni", "ovo"])
@pytest.mark.parametrize(("words", "state"), [("ACCC", "credited"), ("ACSC", "debited"), (None, "submitted")])
def test_two_attempts_of_one_entitlement_that_are_paid_or_may_be_are_a_break_of_each(
    second: str, words: str | None, state: str
) -> None:
    made = World()
    made.file("F1", ["E1"], participant_id="P", attempt=1)
    made.file("F2", ["E2"], participant_id="P", attempt=2, bank=second)
    made.report("F1", {"E1": "ACCC"})
    if words:
        made.report("F2", {"E2": words}, bank=second)
    assert breaks(made.matched()) == [("paid_twice", "E1"), ("paid_twice", "E2")]
    told = {row["found"] for row in made.matched().breaks.to_pylist()}
    assert told == {f"attempt 1 at bni credited (E1); attempt 2 at {second} {state} (E2)"}


def test_an_attempt_that_ended_without_payment_leaves_the_next_one_alone() -> None:
    made = World()
    made.file("F1", ["E1"], participant_id="P", attempt=1)
    made.file("F2", ["E2"], participant_id="P", attempt=2)
    made.report("F1", {"E1": "RJCT AC04"})
    made.report("F2", {"E2": "ACCC"})
    assert breaks(made.matched()) == []
    made.report("F1", {"E1": "ACCC"})
    assert breaks(made.matched()) == [("contradiction", "E1"), ("paid_twice", "E1"), ("paid_twice", "E2")]


@pytest.mark.parametrize("entries", [[TRANCHE, TRANCHE], [2 * TRANCHE, 2 * TRANCHE]])
def test_what_is_debited_twice_is_a_duplicate(entries: list[int]) -> None:
    made = World()
    made.file("F1", ["E1", "E2"])
    single = entries[0] == TRANCHE
    made.statement(1, [entry("debit", TRANCHE, end_to_end_id="E1") if single else debit_of("F1", a) for a in entries])
    assert breaks(made.matched()) == [("duplicate", "E1" if single else "F1")]


def test_another_amount_in_a_report_or_a_statement_moves_nothing(made: World) -> None:
    made.report("F1", {"E1": "ACCC"}, amount_idr=5)
    made.statement(1, [entry("debit", 5, end_to_end_id="E2")])
    assert breaks(made.matched()) == [("amount_differs", "E1"), ("amount_differs", "E2")]
    assert set(states(made.matched()).values()) == {"submitted"}


@pytest.mark.parametrize(("number", "kinds"), [(1, []), (2, [("contradiction", "F1")])])
def test_what_is_debited_after_the_last_payment_date_shows_its_money(number: int, kinds: list[object]) -> None:
    made = World()
    made.file("F1", ["E1", "E2"], last_payment_date=DAY)
    made.statement(number, [debit_of("F1", 2 * TRANCHE)])
    assert breaks(made.matched()) == kinds
    assert [row["amount_idr"] for row in made.matched().breaks.to_pylist()] == [2 * TRANCHE] * len(kinds)
    assert set(states(made.matched()).values()) == {"debited"}


def test_what_is_only_reported_as_paid_after_the_last_payment_date_is_a_contradiction(made: World) -> None:
    made.sent[0]["last_payment_date"] = date(2020, 5, 5)
    made.report("F1", {"E1": "ACCC"}, stated_at=LATER)
    found = only_break(made)
    assert (found["kind"], found["expected"], found["found"]) == (
        "contradiction", "paid by 2020-05-05", "paid on 2020-05-06",
    )  # fmt: skip
    made.statement(1, [entry("debit", TRANCHE, end_to_end_id="E1")])
    assert breaks(made.matched()) == []


def test_a_report_id_used_again_with_other_content_is_a_break_and_with_the_same_is_none(made: World) -> None:
    made.report("F1", {"E1": "ACSP"}, report_id="R1")
    made.report("F1", {"E1": "ACSP"}, report_id="R1")
    assert breaks(made.matched()) == []
    made.report("F1", {"E1": "ACSC"}, report_id="R1")
    assert breaks(made.matched()) == [("report_conflict", "F1")]


@pytest.mark.parametrize(
    "kind",
    ["contradiction", "paid_twice", "report_conflict", "duplicate", "reversed_not_debited", "claimed_and_returned"],
)
def test_what_may_have_cost_money_twice_is_critical_and_says_what_resolves_it(kind: str) -> None:
    assert SEVERITY[kind] == "critical"
    assert RESOLVED_BY[kind]


def test_nothing_here_depends_on_the_time_of_reading(made: World) -> None:
    made.report("F1", {"E1": "ACCC", "E2": "ACCC"})
    made.report("F1", {"E1": "RJCT AC04"})
    assert set(breaks(made.matched())) <= set(breaks(made.matched(LATE)))


@pytest.mark.parametrize(
    "other",
    [
        {"message_id": "M-F2"},
        {"payment_information_id": "P-F2"},
        {"message_id": "M-F1", "payment_information_id": "P-F2"},
    ],
)
@pytest.mark.parametrize("side", ["debit", "credit"])
@pytest.mark.parametrize("told_by", ["statement", "notification"])
def test_a_booking_that_names_a_payment_under_another_file_s_reference_moves_nothing(
    made: World, other: dict[str, str], side: str, told_by: str
) -> None:
    made.file("F2", ["E3"])
    made.report("F1", {"E1": "ACSC", "E2": "ACSC"})
    made.report("F2", {"E3": "ACSC"})
    before = states(made.matched())
    getattr(made, told_by)(1, [entry(side, TRANCHE, end_to_end_id="E1", **other)])
    assert states(made.matched()) == before
    (row,) = made.matched().breaks.to_pylist()
    assert (row["kind"], row["end_to_end_id"], row["file_name"]) == ("contradiction", "E1", "F1")
    assert (row["expected"], row["found"]) == ("M-F1 P-F1", " ".join(other.values()))
    assert made.matched().placed["place"].to_pylist() == ["break"]


def test_a_message_id_of_the_bank_s_own_plays_no_part(made: World) -> None:
    made.statement(1, [entry("debit", TRANCHE, end_to_end_id="E1", message_id="OF-THE-BANK")])
    assert states(made.matched())["E1"] == "debited"
    assert ("contradiction", "E1") not in breaks(made.matched())
