"""What notifications tell before a statement does: each booking counts once, and by its statement as soon as there is one."""

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from datetime import timedelta

import pyarrow.compute as pc
import pytest

from reconciliation.matching import Matched, hold_moves
from tests.lib.reconciling import (
    DAY,
    LATE,
    PERIOD,
    TRANCHE,
    Row,
    World,
    breaks,
    debit_of,
    entry,
    return_of,
    states,
)


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


# --- a statement that says less than the notification did


@pytest.fixture
def paid() -> World:
    """A file of three that were credited, debited in one sum; and a file of two."""
    paid = World()
    paid.file("A", ["E1", "E2", "E3"])
    paid.file("B", ["E4", "E5"])
    paid.report("A", dict.fromkeys(("E1", "E2", "E3"), "ACCC"))
    paid.report("B", dict.fromkeys(("E4", "E5"), "ACCC"))
    paid.statement(1, [debit_of("A", 3 * TRANCHE), debit_of("B", 2 * TRANCHE)])
    return paid


def both(made: World, told: Sequence[Row], shown: Sequence[Row]) -> Matched:
    """What is found once a notification and a statement are both there, whichever the record knew before the other."""
    alone = deepcopy(made), deepcopy(made)
    for each in (made, alone[0]):
        each.notification(2, told)
    for each in (made, alone[1]):
        each.statement(2, shown)
    matched = made.matched()
    banks = dict.fromkeys((row["file_name"] for row in made.files), "bni")
    for each in alone:
        recorded = each.matched().matches.select(["end_to_end_id", "state"])
        kept, refused = hold_moves(matched.matches, recorded, banks, PERIOD)
        assert (refused.num_rows, kept.equals(matched.matches)) == (0, True), "what one alone had moved stands"
    return matched


def proved(matched: Matched) -> dict[str, int]:
    """The rupiah of credits by place, which are those that the statements show."""
    rows = [row for row in matched.placed.to_pylist() if row["direction"] == "credit"]
    sums = Counter[str]()
    for row in rows:
        sums[row["place"]] += row["amount_idr"]
    return dict(sums)


SUM = entry("credit", 2 * TRANCHE, bank_reference="R1")
ONE = entry("credit", TRANCHE, bank_reference="R1")
TWO = [return_of("E1", bank_reference="R1"), return_of("E2", bank_reference="R1", code="AC06")]


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (TWO[:1], [ONE]),
        (TWO[:1], [ONE | {"end_to_end_id": "NOTPROVIDED"}]),
        (TWO[:1], [ONE | {"message_id": "OF-THE-BANK"}]),
        (TWO, [SUM]),
        (TWO, [SUM | {"message_id": "OF-THE-BANK", "booking_date": DAY + timedelta(days=2)}]),
        (TWO, [ONE, ONE]),
        ([*TWO, SUM], [SUM]),
    ],
)
def test_the_notified_rows_are_the_details_of_a_booking_that_names_nobody_and_is_their_sum(
    paid: World, told: list[Row], shown: list[Row]
) -> None:
    matched = both(paid, told, shown)
    rows = {row["end_to_end_id"]: row for row in matched.matches.to_pylist()}
    back = {row["end_to_end_id"]: row["return_code"] for row in told if row.get("return_code")}
    assert {e: row["reason_code"] for e, row in rows.items() if row["state"] == "returned"} == back
    assert {rows[e]["evidence"] for e in back} == {"statement-bni-2"}
    assert breaks(matched) == []
    assert proved(matched) == {"reversal": len(back) * TRANCHE}


def test_details_of_a_whole_entry_are_numbered_within_it(paid: World) -> None:
    matched = both(paid, TWO, [entry("credit", 5), SUM])
    rows = [row for row in matched.entries.to_pylist() if row["statement_id"] == "S2"]
    assert [(row["entry_number"], row["detail_number"], row["amount_idr"], row["entry_amount_idr"]) for row in rows] == [
        (1, 0, 5, 5), (2, 1, TRANCHE, 2 * TRANCHE), (2, 2, TRANCHE, 2 * TRANCHE)
    ]  # fmt: skip


def test_a_file_that_only_the_notification_names_came_back_whole(paid: World) -> None:
    told = entry("credit", 3 * TRANCHE, bank_reference="R1", message_id="M-A", return_code="AC04")
    matched = both(paid, [told], [entry("credit", 3 * TRANCHE, bank_reference="R1")])
    assert {e for e, state in states(matched).items() if state == "returned"} == {"E1", "E2", "E3"}
    assert breaks(matched) == []


def test_a_debit_that_names_its_file_is_the_file_s_whatever_is_notified_of_its_payments(made: World) -> None:
    each = [entry("debit", TRANCHE, end_to_end_id=e, bank_reference="REF-0") for e in ("E1", "E2")]
    made.notification(1, each)
    made.statement(1, [DEBIT])
    assert {row["match_rule"] for row in made.matched().matches.to_pylist()} == {"statement:file"}
    assert breaks(made.matched()) == []


@pytest.mark.parametrize(
    ("told", "shown", "expected", "found"),
    [
        (TWO, [ONE], TRANCHE, 2 * TRANCHE),
        (TWO[:1], [SUM], 2 * TRANCHE, TRANCHE),
        (TWO[:1], [ONE, ONE], 2 * TRANCHE, TRANCHE),
        (
            TWO,
            [SUM | {"amount_idr": 2 * TRANCHE - 1, "entry_amount_idr": 2 * TRANCHE - 1}],
            2 * TRANCHE - 1,
            2 * TRANCHE,
        ),
    ],
)
def test_where_the_sums_disagree_each_return_stays_as_notified_and_is_a_break(
    paid: World, told: list[Row], shown: list[Row], expected: int, found: int
) -> None:
    matched = both(paid, told, shown)
    named = [row["end_to_end_id"] for row in told]
    assert sorted(e for e, state in states(matched).items() if state == "returned") == named
    rows = matched.breaks.to_pylist()
    assert {(row["kind"], row["expected"], row["found"]) for row in rows} == {
        ("amount_differs", str(expected), str(found))
    }
    assert sorted(row["end_to_end_id"] for row in rows) == named


def test_another_reference_or_direction_has_no_part_in_the_sum(paid: World) -> None:
    told = [return_of("E1", bank_reference="R1"), return_of("E2", bank_reference="R2")]
    matched = both(paid, told, [ONE, ONE | {"direction": "debit"}])
    assert [e for e, state in states(matched).items() if state == "returned"] == ["E1", "E2"]
    assert breaks(matched) == [("unknown_to_us", None)], "the debit, which names nobody"
    assert proved(matched) == {"reversal": 2 * TRANCHE}


@pytest.mark.parametrize("reference", ["R1", None])
def test_a_reason_that_the_statement_leaves_out_is_the_notification_s(paid: World, reference: str | None) -> None:
    told = return_of("E1", bank_reference=reference, reason_text="account closed")
    less = told | {"return_code": None, "reason_text": None}
    paid.notification(2, [less], statement_id="N1", evidence="says less")
    matched = both(paid, [told], [less])
    row = matched.matches.to_pylist()[0]
    assert (row["state"], row["code_list"], row["reason_code"]) == ("returned", "return", "AC04")
    assert matched.entries["reason_text"].to_pylist() == [None, None, "account closed"]
    assert breaks(matched) == []


def test_a_reason_makes_a_return_of_what_a_statement_without_one_shows_unless_that_ended_it_before(made: World) -> None:
    made.statement(1, [DEBIT])
    made.statement(2, [BACK | {"return_code": None}])
    alone = made.matched().matches
    made.notification(2, [BACK])
    assert [states(made.matched())["E1"], alone["state"][0].as_py()] == ["returned", "rejected"]
    kept, refused = hold_moves(made.matched().matches, alone, {"F1": "bni"}, PERIOD)
    assert (kept["state"][0].as_py(), refused["kind"].to_pylist()) == ("rejected", ["contradiction"])


def test_a_reason_that_the_statement_states_is_not_overruled(made: World) -> None:
    made.statement(1, [DEBIT])
    made.notification(2, [BACK])
    made.statement(2, [BACK | {"return_code": "AC06"}])
    assert made.matched().matches.to_pylist()[0]["reason_code"] == "AC06"


def test_a_mark_of_reversal_that_the_statement_leaves_out_is_the_notification_s(made: World) -> None:
    made.responses.clear()
    made.statement(1, [entry("debit", TRANCHE, end_to_end_id="E1")])
    made.notification(2, [BACK | {"is_reversal": True}])
    before = states(made.matched())["E1"]
    made.statement(2, [BACK])
    assert made.matched().entries["is_reversal"].to_pylist() == [False, True]
    assert states(made.matched())["E1"] == before


@pytest.mark.parametrize("name", ["message_id", "payment_information_id"])
@pytest.mark.parametrize("is_told", [True, False])
def test_a_reference_that_one_side_leaves_out_does_not_make_two_bookings(made: World, name: str, is_told: bool) -> None:
    made.statement(1, [DEBIT])
    less = return_of("E1")
    more = less | {name: f"{name[0].upper()}-F1"}
    matched = both(made, [more if is_told else less], [less if is_told else more])
    assert states(matched)["E1"] == "returned"
    assert breaks(matched) == []
    assert matched.entries.num_rows == 2


def test_a_reference_that_both_bear_and_that_differs_makes_two_bookings(made: World) -> None:
    made.statement(1, [DEBIT])
    made.notification(2, [return_of("E1", message_id="M-F1")])
    made.statement(2, [return_of("E1", message_id="OF-THE-BANK")])
    assert breaks(made.matched()) == [("duplicate", "E1")]


def test_notifications_that_say_more_and_less_of_one_booking_tell_it_once(made: World) -> None:
    made.statement(1, [DEBIT])
    made.notification(2, [return_of("E1")])
    made.notification(
        2, [return_of("E1", message_id="M-F1") | {"return_code": None}], statement_id="N3", evidence="another"
    )
    assert breaks(made.matched()) == []
    assert made.matched().matches.to_pylist()[0]["reason_code"] == "AC04"
