"""Money that comes back: after credit, after debit, in part, twice, for attempts and for whole files, and for what never went."""

import pytest

from tests.lib.reconciling import TRANCHE, Row, World, breaks, debit_of, entry, return_of, states


@pytest.fixture
def made() -> World:
    """A file of two that was debited."""
    made = World()
    made.file("F1", ["E1", "E2"])
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    return made


@pytest.mark.parametrize("status", ["ACCC", "ACSC", "ACSP", None])
def test_a_return_after_credit_or_debit_ends_the_payment_with_its_reason(made: World, status: str | None) -> None:
    if status:
        made.report("F1", {"E1": status})
    made.statement(2, [return_of("E1")])
    row = made.matched().matches.to_pylist()[0]
    assert (row["state"], row["code_list"], row["reason_code"]) == ("returned", "return", "AC04")
    assert (row["match_rule"], row["evidence"]) == ("statement:reversal", "statement-bni-2")
    assert breaks(made.matched()) == []


@pytest.mark.parametrize("amount", [TRANCHE - 5_000, TRANCHE + 5_000])
def test_a_return_of_another_amount_is_a_break_and_moves_nothing(made: World, amount: int) -> None:
    made.report("F1", {"E1": "ACCC", "E2": "ACCC"})
    made.statement(2, [return_of("E1", amount)])
    assert states(made.matched())["E1"] == "credited"
    assert breaks(made.matched()) == [("amount_differs", "E1")]


def test_each_part_of_a_return_in_parts_is_a_break_of_its_own(made: World) -> None:
    made.report("F1", {"E1": "ACCC", "E2": "ACCC"})
    made.statement(2, [return_of("E1", TRANCHE // 2), return_of("E1", TRANCHE // 2)])
    assert states(made.matched())["E1"] == "credited"
    assert breaks(made.matched()) == [("amount_differs", "E1")] * 2


def test_a_return_that_comes_twice_counts_once_and_the_second_is_a_duplicate(made: World) -> None:
    made.statement(2, [return_of("E1"), return_of("E1")])
    assert states(made.matched())["E1"] == "returned"
    assert breaks(made.matched()) == [("duplicate", "E1")]


def test_two_attempts_that_both_come_back_are_two_returns() -> None:
    made = World()
    made.file("F1", ["E1"], participant_id="P", attempt=1)
    made.file("F2", ["E2"], participant_id="P", attempt=2)
    made.statement(1, [debit_of("F1", TRANCHE), return_of("E1"), debit_of("F2", TRANCHE), return_of("E2")])
    assert states(made.matched()) == {"E1": "returned", "E2": "returned"}
    assert breaks(made.matched()) == []


def test_a_whole_file_that_comes_back_in_one_sum_is_returned_whole(made: World) -> None:
    made.statement(2, [return_of(None, 2 * TRANCHE, message_id="M-F1")])
    assert states(made.matched()) == {"E1": "returned", "E2": "returned"}
    assert breaks(made.matched()) == []


@pytest.mark.parametrize("status", [None, "ACSP", "PDNG"])
@pytest.mark.parametrize("back", [return_of("E1"), return_of(None, 2 * TRANCHE, message_id="M-F1")])
def test_a_return_of_what_never_went_out_moves_nothing_and_is_a_break(status: str | None, back: Row) -> None:
    made = World()
    made.file("F1", ["E1", "E2"])
    if status:
        made.report("F1", {"E1": status, "E2": status})
    before = states(made.matched())
    made.statement(1, [back])
    assert states(made.matched()) == before
    assert [kind for kind, _ in breaks(made.matched())] in (["reversed_not_debited"], ["ambiguous"])


def test_the_debit_that_comes_after_its_return_explains_it() -> None:
    made = World()
    made.file("F1", ["E1", "E2"])
    made.statement(2, [return_of("E1")], opening=10**9 - 2 * TRANCHE)
    assert breaks(made.matched()) == [("reversed_not_debited", "E1")]
    made.statement(1, [debit_of("F1", 2 * TRANCHE)], opening=10**9)
    assert states(made.matched()) == {"E1": "returned", "E2": "debited"}
    assert breaks(made.matched()) == []


def test_a_return_of_what_was_never_sent_names_the_payment() -> None:
    made = World()
    made.file("F1", ["E1"], state="withdrawn")
    made.statement(1, [return_of("E1")])
    assert states(made.matched()) == {"E1": "withdrawn"}
    assert breaks(made.matched()) == [("contradiction", "E1")]


def test_a_return_of_a_payment_that_is_not_ours_is_unknown_to_us(made: World) -> None:
    made.statement(2, [return_of("X1")])
    assert breaks(made.matched()) == [("unknown_to_us", "X1")]


def test_a_return_that_the_bank_takes_back_is_a_contradiction(made: World) -> None:
    made.statement(2, [return_of("E1"), entry("debit", TRANCHE, end_to_end_id="E1", is_reversal=True)])
    assert states(made.matched())["E1"] == "returned"
    assert breaks(made.matched()) == [("contradiction", "E1")]
