"""A statement is taken once, adds up, and follows the one before it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.lib.reconciling import DAY, TRANCHE, World, breaks, debit_of, entry, states


@pytest.fixture
def made() -> World:
    world = World()
    world.file("F1", ["E1", "E2"])
    return world


def test_statements_that_follow_each_other_are_no_break_even_with_no_entries(made: World) -> None:
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    made.statement(2, [])
    made.statement(3, [entry("credit", 5)])
    assert breaks(made.matched()) == []


def test_a_missing_statement_is_one_gap_and_closes_when_it_comes(made: World) -> None:
    made.statement(1, [])
    made.statement(2, [entry("credit", 5)])
    made.statement(3, [])
    late = made.statements.pop(1)
    kept, made.entries = made.entries, []
    row = made.matched().breaks.to_pylist()[0]
    assert (row["kind"], row["expected"], row["found"]) == (
        "statement_gap", "number 2, opening 1000000000", "number 3, opening 1000000005",
    )  # fmt: skip
    made.statements.append(late)
    made.entries = kept
    assert breaks(made.matched()) == []


def test_numbers_may_start_again_in_a_new_year(made: World) -> None:
    made.statement(
        1, [], sequence_number=366, from_date=DAY.replace(month=12, day=31), to_date=DAY.replace(month=12, day=31)
    )
    made.statement(2, [], sequence_number=1, from_date=DAY.replace(2021, 1, 1), to_date=DAY.replace(2021, 1, 1))
    assert breaks(made.matched()) == []


def test_a_number_out_of_turn_within_a_year_is_a_gap_though_balances_chain(made: World) -> None:
    made.statement(1, [], sequence_number=7)
    made.statement(2, [], sequence_number=9)
    assert breaks(made.matched()) == [("statement_gap", None)]


def test_a_statement_that_does_not_add_up_says_by_how_much(made: World) -> None:
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    made.statements[0]["closing_idr"] += 7
    row = made.matched().breaks.to_pylist()[0]
    assert (row["kind"], row["expected"], row["found"], row["amount_idr"]) == (
        "statement_arithmetic", "998800000", "998800007", 7,
    )  # fmt: skip


def test_a_statement_without_balances_is_a_break(made: World) -> None:
    made.statement(1, [])
    made.statements[0] |= {"opening_idr": None}
    assert breaks(made.matched()) == [("statement_arithmetic", None)]


def test_the_same_statement_again_changes_nothing(made: World) -> None:
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    made.statements.append(made.statements[0] | {"evidence": "again", "received": 999})
    made.entries.append(made.entries[0] | {"evidence": "again"})
    assert breaks(made.matched()) == []
    assert set(states(made.matched()).values()) == {"debited"}


def test_the_same_statement_with_other_content_is_a_break_and_the_first_counts(made: World) -> None:
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    made.statements.append(made.statements[0] | {"evidence": "again", "received": 999})
    made.entries.append(made.entries[0] | {"evidence": "again", "amount_idr": 5, "entry_amount_idr": 5})
    assert breaks(made.matched()) == [("statement_conflict", None)]
    assert set(states(made.matched()).values()) == {"debited"}


def test_details_that_do_not_sum_to_their_entry_are_a_break(made: World) -> None:
    shared = {"entry_amount_idr": 2 * TRANCHE, "entry_number": 1}
    rows = [entry("debit", TRANCHE, **shared, detail_number=1, end_to_end_id="E1")]
    made.statement(1, rows)
    assert breaks(made.matched()) == [("totals_differ", None)]


def test_an_entry_whose_details_go_both_ways_moves_what_they_say(made: World) -> None:
    shared = {"entry_amount_idr": 2 * TRANCHE - 5, "entry_number": 1}
    made.statement(1, [])
    rows = [
        entry("debit", 2 * TRANCHE, **shared, detail_number=1, payment_information_id="P-F1"),
        entry("credit", 5, **shared, detail_number=2),
    ]
    bound = {"statement_id": "S1", "bank": "bni", "evidence": "statement-bni-1", "booking_date": DAY}
    made.entries += [row | bound for row in rows]
    made.statements[0]["closing_idr"] -= 2 * TRANCHE - 5
    assert breaks(made.matched()) == []
    assert set(states(made.matched()).values()) == {"debited"}


def test_a_consolidated_debit_whose_one_detail_states_no_amount_is_its_entry_s(made: World) -> None:
    made.statement(1, [debit_of("F1", 2 * TRANCHE, detail_number=1) | {"amount_idr": None}])
    assert breaks(made.matched()) == []
    assert set(states(made.matched()).values()) == {"debited"}


@pytest.mark.parametrize("identifier", ["S1", "S1-CORRECTED"])
@pytest.mark.parametrize("corrected_first", [False, True])
def test_a_corrected_statement_takes_the_place_of_the_one_that_does_not_add_up(
    made: World, identifier: str, corrected_first: bool
) -> None:
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    right = made.statements[0]
    wrong = right | {"closing_idr": right["closing_idr"] + 7, "evidence": "wrong"}
    corrected = right | {"statement_id": identifier, "received": 1 if corrected_first else 999}
    made.statements[:] = [wrong, corrected]
    made.entries[:] = [
        row | {"statement_id": statement["statement_id"], "evidence": statement["evidence"]}
        for statement in (wrong, corrected)
        for row in made.entries
    ]
    assert breaks(made.matched()) == [("statement_conflict", None)], "the bank said two things, and a person is told"
    assert set(states(made.matched()).values()) == {"debited"}
    assert made.matched().statements.column("evidence").to_pylist() == [right["evidence"]]


def test_a_statement_of_another_number_corrects_nothing(made: World) -> None:
    made.statement(1, [])
    made.statements[0]["closing_idr"] += 7
    made.statement(2, [])
    assert ("statement_arithmetic", None) in breaks(made.matched())


WRITTEN = datetime(2020, 5, 4, 10, tzinfo=UTC)


def corrected(made: World, *, later: bool = True, **more: object) -> None:
    """The first statement once more, with half of its debit, written a day later or a day earlier."""
    right = made.statements[0] | {"evidence": "corrected", "received": 999} | more
    right["closing_idr"] += TRANCHE
    made.statements[0]["stated_at"] = WRITTEN
    made.statements.append(right | {"stated_at": WRITTEN + timedelta(days=1 if later else -1)})
    half = made.entries[0] | {"amount_idr": TRANCHE, "entry_amount_idr": TRANCHE, "end_to_end_id": "E1"}
    shared = {"evidence": "corrected", "statement_id": right["statement_id"]}
    made.entries.append(half | {"message_id": None, "payment_information_id": None} | shared)


@pytest.mark.parametrize("identifier", ["S1", "S1-CORRECTED"])
@pytest.mark.parametrize("later", [True, False])
def test_of_two_statements_in_one_place_the_one_written_last_counts_and_the_other_stays_on_the_break(
    made: World, identifier: str, later: bool
) -> None:
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    corrected(made, later=later, statement_id=identifier)
    counting = ["corrected"] if later else ["statement-bni-1"]
    for _ in range(2):
        matched = made.matched()
        assert matched.statements["evidence"].to_pylist() == counting
        assert states(matched) == {"E1": "debited", "E2": "submitted" if later else "debited"}
        (row,) = (row for row in matched.breaks.to_pylist() if row["kind"] == "statement_conflict")
        assert ("corrected" in row["expected"], "corrected" in row["found"]) == (later, not later)
        assert "written 2020-05-0" in row["found"]
        made.statements.reverse()


def test_a_number_that_a_bank_repeats_within_a_day_tells_no_statement(made: World) -> None:
    made.statement(1, [debit_of("F1", TRANCHE)])
    made.statement(2, [debit_of("F1", TRANCHE)], sequence_number=1, from_date=DAY, to_date=DAY)
    assert made.matched().statements.num_rows == 2
    assert set(states(made.matched()).values()) == {"debited"}


def test_a_statement_sent_anew_under_another_id_changes_nothing(made: World) -> None:
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    made.statements.append(made.statements[0] | {"statement_id": "S1-AGAIN", "evidence": "again", "received": 999})
    made.entries.append(made.entries[0] | {"statement_id": "S1-AGAIN", "evidence": "again"})
    assert breaks(made.matched()) == []
    assert made.matched().statements.num_rows == 1


def test_a_statement_that_two_people_set_aside_plays_no_part(made: World) -> None:
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    made.statements[0] |= {"superseded_by": "corrected/S9", "closing_idr": 0}
    made.statement(2, [], opening=10**9)
    assert breaks(made.matched()) == []
    assert set(states(made.matched()).values()) == {"submitted"}
