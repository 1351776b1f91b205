"""What notifications tell before a statement does: each booking counts once, and by its statement as soon as there is one."""

from datetime import timedelta

import pyarrow.compute as pc
import pytest

from tests.lib.reconciling import DAY, LATE, TRANCHE, World, breaks, debit_of, entry, return_of, states


@pytest.fixture
def made() -> World:
    """A file of two, of which both are reported as settled."""
    made = World()
    made.file("F1", ["E1", "E2"])
    made.report("F1", {"E1": "ACSC", "E2": "ACSC"})
    return made


BACK = return_of("E1", bank_reference="REF-1")
DEBIT = debit_of("F1", 2 * TRANCHE, bank_reference="REF-0")


def test_a_booking_that_is_notified_counts_before_any_statement_shows_it(made: World) -> None:
    made.notification(1, [DEBIT])
    made.notification(2, [BACK])
    assert states(made.matched()) == {"E1": "returned", "E2": "debited"}
    assert breaks(made.matched()) == []
    row = made.matched().matches.to_pylist()[0]
    assert (row["code_list"], row["reason_code"], row["evidence"]) == ("return", "AC04", "notification-bni-2")


def test_a_booking_in_both_is_the_statement_s_and_no_duplicate(made: World) -> None:
    made.notification(1, [DEBIT])
    made.notification(2, [BACK])
    made.statement(1, [DEBIT])
    made.statement(2, [BACK])
    assert states(made.matched()) == {"E1": "returned", "E2": "debited"}
    assert breaks(made.matched(LATE)) == []
    assert made.matched().matches.to_pylist()[0]["evidence"] == "statement-bni-2"
    assert made.matched().entries.num_rows == 2


@pytest.mark.parametrize("told", ["REF-1", None])
@pytest.mark.parametrize("shown", ["REF-1", None])
def test_the_bank_s_reference_or_else_all_other_references_tell_a_booking(
    made: World, told: str | None, shown: str | None
) -> None:
    made.notification(2, [BACK | {"bank_reference": told}])
    made.statement(1, [DEBIT])
    made.statement(2, [BACK | {"bank_reference": shown}])
    assert made.matched().entries.num_rows == 2
    assert breaks(made.matched()) == []


@pytest.mark.parametrize(
    "other",
    [{"bank_reference": "REF-2"}, {"end_to_end_id": "E2"}, {"booking_date": DAY + timedelta(days=9)}],
)
def test_what_only_has_its_amount_in_common_is_another_booking(made: World, other: dict[str, object]) -> None:
    made.statement(1, [DEBIT])
    made.statement(
        2, [BACK | {"bank_reference": None} | ({"bank_reference": "REF-1"} if "bank_reference" in other else {})]
    )
    made.notification(2, [BACK | {"bank_reference": None} | other])
    assert made.matched().entries.num_rows == 3


def test_equal_amounts_without_any_reference_are_never_taken_for_one_booking(made: World) -> None:
    made.statement(1, [DEBIT, entry("debit", 100)])
    made.notification(1, [entry("debit", 100)])
    assert made.matched().entries.num_rows == 3


def test_what_several_notifications_tell_counts_as_often_as_the_one_that_tells_it_most(made: World) -> None:
    made.notification(1, [DEBIT])
    nameless = BACK | {"bank_reference": None}
    made.notification(2, [nameless, nameless])
    made.notification(3, [nameless | {"booking_date": DAY + timedelta(days=1)}])
    assert breaks(made.matched()) == [("duplicate", "E1")]
    assert pc.sum(pc.equal(made.matched().entries["end_to_end_id"], "E1")).as_py() == 2


def test_a_notification_and_a_statement_that_differ_in_the_amount_are_a_break_and_the_statement_counts(
    made: World,
) -> None:
    made.statement(1, [DEBIT])
    made.statement(2, [BACK])
    made.notification(2, [BACK | {"amount_idr": 5, "entry_amount_idr": 5}])
    assert states(made.matched())["E1"] == "returned"
    (found,) = made.matched().breaks.to_pylist()
    assert (found["kind"], found["expected"], found["found"]) == ("amount_differs", str(TRANCHE), "5")
    assert found["end_to_end_id"] == "E1"


def test_a_booking_told_in_parts_is_the_entry_that_is_their_sum(made: World) -> None:
    parts = {"bank_reference": "REF-0", "message_id": "M-F1", "payment_information_id": "P-F1"}
    made.notification(1, [entry("debit", TRANCHE, **parts), entry("debit", TRANCHE, **parts, value_date=DAY)])
    made.statement(1, [DEBIT])
    assert breaks(made.matched()) == []
    assert set(states(made.matched()).values()) == {"debited"}


def test_a_notified_booking_that_later_statements_leave_out_is_a_break(made: World) -> None:
    made.statement(1, [DEBIT])
    made.notification(2, [BACK])
    made.statement(2, [])
    assert breaks(made.matched()) == []
    made.statement(3, [])
    assert breaks(made.matched()) == [("notified_not_stated", "E1")]


def test_what_is_pending_moves_nothing(made: World) -> None:
    made.notification(1, [DEBIT | {"status": "PDNG"}])
    assert made.matched().entries.num_rows == 0
    assert set(states(made.matched()).values()) == {"debited"}
