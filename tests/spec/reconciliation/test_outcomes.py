"""What evidence makes of an instruction: one sentence a test, one small world each."""

from typing import Any

import pytest

from tests.lib.reconciling import (
    LATE,
    TRANCHE,
    World,
    breaks,
    debit_of,
    entry,
    reversal_of,
    states,
)

IDS = ["E1", "E2", "E3"]


def world(**more: str) -> World:
    made = World(modes={"bni": more.pop("mode", "full")})
    made.file("F1", IDS, **more)
    return made


# --- status reports


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("RCVD", "submitted"),
        ("ACTC", "submitted"),
        ("PDNG", "submitted"),
        ("ACWP", "submitted"),
        ("BLCK", "submitted"),
        ("ACCP", "accepted"),
        ("ACSP", "accepted"),
        ("ACWC", "accepted"),
        ("ACSC", "debited"),
        ("ACCC", "credited"),
        ("RJCT AC04", "rejected"),
    ],
)
def test_a_status_of_one_payment_says_no_more_than_it_means(status: str, state: str) -> None:
    made = world()
    made.report("F1", {"E1": status})
    assert states(made.matched()) == {"E1": state, "E2": "submitted", "E3": "submitted"}
    assert breaks(made.matched()) == []


def test_a_rejection_carries_its_reason_its_list_and_its_evidence() -> None:
    made = world()
    made.report("F1", {"E1": "RJCT AC04"})
    row = made.matched().matches.to_pylist()[0]
    assert (row["reason_code"], row["code_list"], row["match_rule"], row["evidence"]) == (
        "AC04", "status", "status:transaction", "report-1",
    )  # fmt: skip


@pytest.mark.parametrize(("group", "batch"), [("RJCT AM10", None), ("RJCT FF01", "RJCT FF01"), ("ACTC", "RJCT AM10")])
def test_a_rejected_file_or_batch_rejects_all_in_it(group: str, batch: str | None) -> None:
    made = world()
    made.report("F1", group=group, batch=batch)
    assert set(states(made.matched()).values()) == {"rejected"}
    assert breaks(made.matched()) == []


def test_a_file_accepted_as_a_whole_accepts_all_in_it() -> None:
    made = world()
    made.report("F1", group="ACSP")
    assert set(states(made.matched()).values()) == {"accepted"}


@pytest.mark.parametrize(
    ("mode", "unnamed"),
    [("full", "submitted"), ("positives_only", "submitted"), ("exceptions_only", "accepted")],
)
@pytest.mark.parametrize("group", ["PART", None])
def test_silence_is_acceptance_only_where_that_is_agreed(mode: str, unnamed: str, group: str | None) -> None:
    made = world(mode=mode)
    made.report("F1", {"E1": "RJCT AC04"}, group=group)
    assert states(made.matched()) == {"E1": "rejected", "E2": unnamed, "E3": unnamed}


def test_a_partly_accepted_file_says_nothing_of_a_payment_that_it_does_not_name() -> None:
    made = world()
    made.report("F1", group="PART")
    assert set(states(made.matched()).values()) == {"submitted"}


def test_where_exceptions_alone_are_told_the_rest_is_as_the_file() -> None:
    made = world(mode="exceptions_only")
    made.report("F1", {"E2": "RJCT AC01"}, group="ACSC")
    assert states(made.matched()) == {"E1": "debited", "E2": "rejected", "E3": "debited"}


def test_an_earlier_state_told_late_moves_nothing_back_and_is_no_break() -> None:
    made = world()
    made.report("F1", {"E1": "ACCC"})
    made.report("F1", group="ACTC")
    assert states(made.matched())["E1"] == "credited"
    assert breaks(made.matched()) == []


def test_a_payment_credited_and_then_rejected_stays_credited_and_is_a_contradiction() -> None:
    made = world()
    made.report("F1", {"E1": "ACCC"})
    made.report("F1", {"E1": "RJCT AC04"})
    assert states(made.matched())["E1"] == "credited"
    assert breaks(made.matched()) == [("contradiction", "E1")]


@pytest.mark.parametrize("order", [("ACSC", "RJCT AC04"), ("RJCT AC04", "ACSC")])
def test_a_payment_both_settled_and_rejected_is_not_sent_again_until_its_money_is_back(order: tuple[str, str]) -> None:
    made = world()
    for status in order:
        made.report("F1", {"E1": status})
    assert states(made.matched())["E1"] == "debited"
    assert breaks(made.matched()) == [("contradiction", "E1")]
    made.statement(1, [debit_of("F1", 3 * TRANCHE), reversal_of("E1", return_code="AC04")])
    assert states(made.matched())["E1"] == "rejected"
    assert breaks(made.matched()) == []


@pytest.mark.parametrize("code", [None, "AC04"])
@pytest.mark.parametrize("order", [("ACCC", "RJCT AC04"), ("RJCT AC04", "ACCC")])
def test_a_reversal_does_not_explain_a_payment_both_credited_and_rejected(
    order: tuple[str, str], code: str | None
) -> None:
    made = world()
    for status in order:
        made.report("F1", {"E1": status})
    made.statement(1, [debit_of("F1", 3 * TRANCHE), reversal_of("E1", return_code=code)])
    assert states(made.matched())["E1"] == "returned"
    assert breaks(made.matched()) == [("contradiction", "E1")]


def test_what_was_settled_by_agreement_alone_yields_to_a_rejection_by_name() -> None:
    made = world(mode="exceptions_only")
    made.report("F1", {"E2": "RJCT AC04"}, group="ACSC")
    made.report("F1", {"E1": "RJCT AC01"}, group="PART")
    assert states(made.matched()) == {"E1": "rejected", "E2": "rejected", "E3": "debited"}


def test_two_statuses_for_one_payment_in_one_report_count_for_nothing() -> None:
    made = world()
    made.report("F1", {"E1": "ACCC", "E2": "ACSC"})
    made.responses.append(made.responses[0] | {"status": "RJCT", "reason_code": "AC04"})
    assert states(made.matched())["E1"] == "submitted"
    assert breaks(made.matched()) == [("contradiction", "E1")]


def test_a_file_refused_as_a_duplicate_is_not_rejected() -> None:
    made = world()
    made.report("F1", group="RJCT DU01")
    assert set(states(made.matched()).values()) == {"submitted"}
    assert breaks(made.matched()) == [("duplicate", "F1")]


def test_a_payment_refused_as_a_duplicate_keeps_what_was_said_of_it_before() -> None:
    made = world()
    made.report("F1", {"E1": "ACSC"})
    made.report("F1", {"E1": "RJCT AM05"})
    assert states(made.matched())["E1"] == "debited"
    assert breaks(made.matched()) == [("duplicate", "E1")]


def test_a_payment_named_as_accepted_in_a_rejected_file_is_not_rejected() -> None:
    made = world()
    made.report("F1", {"E1": "ACSP"}, group="RJCT AM10")
    assert states(made.matched()) == {"E1": "accepted", "E2": "rejected", "E3": "rejected"}
    assert breaks(made.matched()) == [("contradiction", "E1")]


def test_unknown_status_codes_and_part_of_a_single_payment_move_nothing() -> None:
    made = world()
    made.report("F1", {"E1": "ABCD", "E2": "PART"})
    assert set(states(made.matched()).values()) == {"submitted"}
    assert breaks(made.matched()) == [("unknown_code", "E1"), ("unknown_code", "E2")]


def test_an_unknown_reason_rejects_all_the_same_and_goes_to_a_person_once() -> None:
    made = world()
    made.report("F1", {"E1": "RJCT ZZ99", "E2": "RJCT ZZ99"})
    assert states(made.matched()) == {"E1": "rejected", "E2": "rejected", "E3": "submitted"}
    assert breaks(made.matched()) == [("unknown_code", None)]


def test_an_answer_with_another_amount_is_a_break_and_moves_nothing() -> None:
    made = world()
    made.report("F1", {"E1": "ACCC"}, amount_idr=60_000)
    matched = made.matched()
    assert states(matched)["E1"] == "submitted"
    row = matched.breaks.to_pylist()[0]
    assert (row["kind"], row["expected"], row["found"]) == ("amount_differs", "600000", "60000")


@pytest.mark.parametrize("status", ["ACCC", "RJCT AC04", "ACTC"])
@pytest.mark.parametrize("currency", ["USD", "IDR", "XXX"])
def test_an_answer_whose_amount_is_no_whole_rupiah_is_a_break_and_moves_nothing(status: str, currency: str) -> None:
    made = world(mode="exceptions_only")
    made.report("F1", {"E1": status}, group="ACCC", currency=currency)
    matched = made.matched()
    assert states(matched) == {"E1": "submitted", "E2": "credited", "E3": "credited"}
    row = matched.breaks.to_pylist()[0]
    assert (row["kind"], row["expected"], row["found"]) == ("amount_differs", "600000", f"no whole rupiah, {currency}")
    assert row["end_to_end_id"] == "E1"


@pytest.mark.parametrize("mode", ["full", "exceptions_only", "positives_only"])
@pytest.mark.parametrize("group", ["ACCC", "RJCT AC04"])
@pytest.mark.parametrize("named", ["RJCT AM05", "ZZZZ"])
def test_a_payment_that_is_named_and_not_understood_does_not_go_with_its_file(
    mode: str, group: str, named: str
) -> None:
    made = world(mode=mode)
    made.report("F1", {"E1": named}, group=group)
    assert states(made.matched())["E1"] == "submitted"
    assert ("duplicate" if named.startswith("RJCT") else "unknown_code", "E1") in breaks(made.matched())


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"message_id": "M-OTHER"}, "contradiction"),
        ({"payment_information_id": "P-OTHER"}, "contradiction"),
        ({"bank": "ovo"}, "unknown_to_us"),
    ],
)
def test_an_answer_whose_references_are_not_all_ours_moves_nothing(change: dict[str, str], kind: str) -> None:
    made = world()
    made.report("F1", {"E1": "RJCT AC04"}, **change)
    assert set(states(made.matched()).values()) == {"submitted"}
    assert [name for name, _ in breaks(made.matched())] == [kind]


def test_a_payment_and_a_message_that_are_not_ours_are_breaks() -> None:
    made = world()
    made.report("F1", {"X9": "ACCC"})
    made.report("ELSE", {"X7": "ACCC", "X8": "ACCC"}, group="ACCP")
    assert breaks(made.matched()) == [("unknown_to_us", "X9"), ("unknown_to_us", None)]


def test_an_answer_that_names_no_payment_is_ambiguous_whatever_its_amount() -> None:
    made = world()
    made.report("F1", {"E1": "RJCT AC04"}, end_to_end_id=None, amount_idr=TRANCHE)
    made.responses[0]["end_to_end_id"] = None
    assert set(states(made.matched()).values()) == {"submitted"}
    assert [kind for kind, _ in breaks(made.matched())] == ["ambiguous"]


@pytest.mark.parametrize("group", ["ACSP", "ACCC", "RJCT AC04"])
def test_a_bank_that_counts_otherwise_does_not_mean_our_file_and_says_nothing_of_whom_it_does_not_name(
    group: str,
) -> None:
    made = world(mode="exceptions_only")
    made.report("F1", {"E1": "ACCC"}, group=group, transaction_count=2, control_sum_idr=3 * TRANCHE)
    matched = made.matched()
    assert states(matched) == {"E1": "credited", "E2": "submitted", "E3": "submitted"}
    assert [(row["expected"], row["found"]) for row in matched.breaks.to_pylist()] == [("3", "2")]


ANOTHER = {"level": "transaction", "status": "RJCT", "reason_code": "AC04"}


@pytest.mark.parametrize("mode", ["full", "exceptions_only", "positives_only"])
@pytest.mark.parametrize("group", ["ACCC", "RJCT AC04"])
@pytest.mark.parametrize(
    "beside",
    [
        pytest.param(
            {"level": "batch", "status": "XXXX", "payment_information_id": "P-F1"}, id="a batch not understood"
        ),
        pytest.param({"level": "batch", "status": "RJCT", "reason_code": "AM05"}, id="a batch refused as a duplicate"),
        pytest.param({"level": "batch", "status": "ACCC", "payment_information_id": "P-Z"}, id="a batch not ours"),
        pytest.param({"level": "file", "status": "XXXX"}, id="a second word not understood"),
        pytest.param(ANOTHER | {"end_to_end_id": "E9"}, id="a payment not ours"),
        pytest.param(ANOTHER, id="a payment without its id"),
        pytest.param(ANOTHER | {"end_to_end_id": "E4"}, id="a payment of another file"),
    ],
)
def test_a_report_that_is_not_whole_to_us_says_nothing_of_whom_it_does_not_name(
    mode: str, group: str, beside: dict[str, str]
) -> None:
    made = world(mode=mode)
    made.file("F2", ["E4"])
    made.report("F1", group=group)
    made.responses.append(
        {key: made.responses[0][key] for key in ("bank", "evidence", "received", "message_id")} | beside
    )
    matched = made.matched()
    assert set(states(matched).values()) == {"submitted"}
    assert matched.breaks.num_rows


@pytest.mark.parametrize(
    "other", [{"status": "XXXX"}, {"status": "RJCT", "reason_code": "AM05"}, {"status": "ACCC", "amount_idr": 60_000}]
)
@pytest.mark.parametrize("status", ["ACCC", "RJCT AC04"])
def test_of_two_words_on_one_payment_none_counts_where_one_cannot_be_used(status: str, other: dict[str, Any]) -> None:
    made = world()
    made.report("F1", {"E1": status})
    made.responses.append(made.responses[0] | {"reason_code": None} | other)
    matched = made.matched()
    assert states(matched)["E1"] == "submitted"
    assert [row["end_to_end_id"] for row in matched.breaks.to_pylist()] == ["E1"]


def test_an_answer_about_a_file_that_was_never_sent_contradicts_our_record() -> None:
    made = world(state="withdrawn")
    made.report("F1", {"E1": "ACCC"})
    assert set(states(made.matched()).values()) == {"withdrawn"}
    assert breaks(made.matched()) == [("contradiction", "E1"), ("contradiction", "F1")]


@pytest.mark.parametrize(
    ("group", "state"), [(None, "unknown"), ("ACTC", "submitted"), ("ACSP", "accepted"), ("RJCT FF01", "rejected")]
)
def test_an_unknown_outcome_is_settled_by_evidence_alone(group: str | None, state: str) -> None:
    made = world(state="unknown")
    made.report("F1", group=group)
    assert set(states(made.matched(LATE)).values()) == {state}


# --- statements


def test_one_debit_for_the_control_sum_debits_every_payment_of_the_file() -> None:
    made = world()
    made.statement(1, [debit_of("F1", 3 * TRANCHE)])
    matched = made.matched()
    assert set(states(matched).values()) == {"debited"}
    assert set(matched.matches["match_rule"].to_pylist()) == {"statement:file"}


@pytest.mark.parametrize("reference", ["P-F1", "M-F1"])
def test_a_debit_may_bear_the_file_s_reference_as_its_end_to_end_id(reference: str) -> None:
    made = world()
    made.statement(1, [entry("debit", 3 * TRANCHE, end_to_end_id=reference)])
    assert set(states(made.matched()).values()) == {"debited"}


def test_a_debit_in_parts_that_sum_to_the_file_debits_it() -> None:
    made = world()
    made.statement(1, [debit_of("F1", TRANCHE), debit_of("F1", 2 * TRANCHE)])
    assert set(states(made.matched()).values()) == {"debited"}
    assert breaks(made.matched()) == []


def test_a_debit_without_what_was_refused_debits_the_rest() -> None:
    made = world()
    made.report("F1", {"E1": "ACSP", "E2": "RJCT AC04", "E3": "ACSP"})
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    assert states(made.matched(LATE)) == {"E1": "debited", "E2": "rejected", "E3": "debited"}
    assert breaks(made.matched(LATE)) == []


def test_a_debit_for_another_sum_is_a_break_and_debits_nobody() -> None:
    made = world()
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    matched = made.matched()
    assert set(states(matched).values()) == {"submitted"}
    row = matched.breaks.to_pylist()[0]
    assert (row["kind"], row["expected"], row["found"]) == ("amount_differs", "1800000", "1200000")
    assert row["amount_idr"] == TRANCHE, "what is in dispute, not the whole debit"


def test_a_second_debit_of_a_file_is_a_duplicate() -> None:
    made = world()
    made.statement(1, [debit_of("F1", 3 * TRANCHE)])
    made.statement(2, [debit_of("F1", 3 * TRANCHE)])
    assert set(states(made.matched()).values()) == {"debited"}
    assert breaks(made.matched()) == [("duplicate", "F1")]


def test_a_debit_with_no_reference_is_ambiguous_even_if_one_file_alone_has_that_sum() -> None:
    made = world()
    made.statement(1, [entry("debit", 3 * TRANCHE), entry("debit", 6_500)])
    assert set(states(made.matched()).values()) == {"submitted"}
    assert breaks(made.matched()) == [("ambiguous", None), ("unknown_to_us", None)]


def test_a_bank_may_debit_payment_by_payment() -> None:
    made = world()
    made.statement(1, [entry("debit", TRANCHE, end_to_end_id="E1"), entry("debit", TRANCHE, end_to_end_id="E3")])
    assert states(made.matched()) == {"E1": "debited", "E2": "submitted", "E3": "debited"}


def test_a_payment_debited_by_itself_and_with_its_file_is_a_duplicate() -> None:
    made = world()
    made.statement(1, [entry("debit", TRANCHE, end_to_end_id="E1"), debit_of("F1", 3 * TRANCHE)])
    assert breaks(made.matched()) == [("duplicate", "E1")]


def test_what_is_pending_moves_nothing() -> None:
    made = world()
    made.statement(1, [debit_of("F1", 3 * TRANCHE, status="PDNG")])
    assert set(states(made.matched()).values()) == {"submitted"}
    assert breaks(made.matched()) == []


def test_a_reversal_after_a_rejection_is_a_rejection_with_the_report_s_reason() -> None:
    made = world()
    made.report("F1", {"E1": "ACSC", "E2": "RJCT AC04", "E3": "ACSC"})
    made.statement(1, [debit_of("F1", 3 * TRANCHE), reversal_of("E2", return_code="AC01")])
    matched = made.matched(LATE)
    assert states(matched) == {"E1": "debited", "E2": "rejected", "E3": "debited"}
    row = matched.matches.to_pylist()[1]
    assert (row["reason_code"], row["code_list"], row["match_rule"]) == ("AC04", "status", "statement:reversal")
    assert breaks(matched) == []


@pytest.mark.parametrize("code", [None, "AC04"])
def test_a_reversal_before_any_credit_is_a_rejection_even_without_a_report(code: str | None) -> None:
    made = world()
    made.statement(1, [debit_of("F1", 3 * TRANCHE), reversal_of("E2", return_code=code)])
    assert states(made.matched()) == {"E1": "debited", "E2": "rejected", "E3": "debited"}
    assert made.matched().matches.to_pylist()[1]["reason_code"] == code


@pytest.mark.parametrize(("status", "code"), [("ACCC", None), ("ACCC", "AC04"), ("ACSC", "AC04")])
def test_money_back_after_credit_or_with_a_return_code_is_a_return(status: str, code: str | None) -> None:
    made = world()
    made.report("F1", {"E2": status})
    made.statement(1, [debit_of("F1", 3 * TRANCHE)])
    made.statement(2, [entry("credit", TRANCHE, end_to_end_id="E2", return_code=code)])
    row = made.matched().matches.to_pylist()[1]
    assert (row["state"], row["reason_code"], row["code_list"]) == ("returned", code, "return" if code else None)


def test_a_reversal_of_another_amount_moves_nothing() -> None:
    made = world()
    made.statement(1, [debit_of("F1", 3 * TRANCHE), reversal_of("E2", 500_000)])
    assert states(made.matched())["E2"] == "debited"
    assert breaks(made.matched()) == [("amount_differs", "E2")]


def test_money_back_twice_is_a_duplicate() -> None:
    made = world()
    made.statement(1, [debit_of("F1", 3 * TRANCHE), reversal_of("E2"), reversal_of("E2")])
    assert states(made.matched())["E2"] == "rejected"
    assert breaks(made.matched()) == [("duplicate", "E2")]


def test_a_reversal_that_names_no_payment_is_ambiguous_though_its_amount_would_fit() -> None:
    made = world()
    made.statement(
        1, [debit_of("F1", 3 * TRANCHE), reversal_of(None), reversal_of(None, payment_information_id="P-F1")]
    )
    assert set(states(made.matched()).values()) == {"debited"}
    assert breaks(made.matched()) == [("ambiguous", "F1"), ("ambiguous", None)]


def test_one_credit_for_all_refused_payments_of_a_file_is_theirs() -> None:
    made = world()
    made.report("F1", {"E1": "ACSC", "E2": "RJCT AC04", "E3": "RJCT AC01"})
    made.statement(1, [debit_of("F1", 3 * TRANCHE), reversal_of(None, 2 * TRANCHE, payment_information_id="P-F1")])
    matched = made.matched(LATE)
    assert states(matched) == {"E1": "debited", "E2": "rejected", "E3": "rejected"}
    assert breaks(matched) == []


def test_a_whole_file_sent_back_is_rejected_as_a_whole() -> None:
    made = world()
    made.statement(1, [debit_of("F1", 3 * TRANCHE), reversal_of(None, 3 * TRANCHE, message_id="M-F1")])
    assert set(states(made.matched()).values()) == {"rejected"}


def test_money_received_is_no_break_and_a_credit_that_claims_a_payment_not_ours_is() -> None:
    made = world()
    made.statement(1, [entry("credit", 10**9), reversal_of("X9")])
    assert breaks(made.matched()) == [("unknown_to_us", "X9")]


def test_a_debit_booked_before_it_was_asked_for_is_outside_its_window() -> None:
    made = world()
    made.statement(0, [debit_of("F1", 3 * TRANCHE)])
    row = made.matched().breaks.to_pylist()[0]
    assert (row["kind"], row["expected"], row["found"]) == (
        "date_outside_window",
        "2020-05-04 to 2020-05-05",
        "2020-05-03",
    )


def test_an_amount_in_another_currency_is_not_ours() -> None:
    made = world()
    made.statement(1, [debit_of("F1", 3 * TRANCHE, currency="USD")])
    assert set(states(made.matched()).values()) == {"submitted"}
    assert ("amount_differs", "F1") in breaks(made.matched())


def test_an_unknown_return_code_returns_all_the_same_and_goes_to_a_person_once() -> None:
    made = world()
    made.statement(1, [debit_of("F1", 3 * TRANCHE)])
    made.statement(2, [entry("credit", TRANCHE, end_to_end_id=e, return_code="AM14") for e in ("E1", "E2")])
    assert states(made.matched()) == {"E1": "returned", "E2": "returned", "E3": "debited"}
    assert breaks(made.matched()) == [("unknown_code", None)]
