"""From a simulated bank's bytes to states and breaks: readers, inbox and matching together, one fault at a time."""

from collections import Counter
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from reconciliation.inbox import TAKEN, Received
from reconciliation.matching import Matched
from reconciliation.proof import Again, Books, prove
from schemas.tables import empty
from simulator.bank import SimulatedBank
from simulator.descriptions import bank_descriptions, describe_bank
from simulator.faults import parse_faults
from tests.lib.payment_files import payment_file, pays
from tests.lib.reconciling import LATE, PERIOD, TRANCHE, World, balances
from tests.spec.reconciliation.test_inbox import Shelf, take_all

COUNT = 40


def reconciled(code: str, fault: str = "none", *, rejects: int = 250_000, close: bool = True) -> tuple[World, Matched]:
    """A file of 40 sent to a bank that rejects a quarter, and all that the bank ever answers."""
    description = replace(describe_bank(code), rejects_per_million=rejects)
    bank = SimulatedBank(description, seed=1, faults=parse_faults(fault))
    paid = pays(COUNT)
    answers = bank.take("F1.xml", payment_file(description, paid, message_id="M-F1"))
    if close:
        answers += bank.close_day()
    made = World(modes={code: "exceptions_only" if fault == "exceptions_only" else "full"})
    ids = [pay.end_to_end_id for pay in paid]
    made.file("F1", ids, bank=code, payment_information_id="M-F1-P", execution_date=date(2020, 5, 5))
    made.files[0] |= {"statement_due_on": date(2020, 5, 6), "reversal_due_on": date(2020, 5, 7)}
    for order, received in enumerate(take_all(answers, code, Shelf())):
        _keep(made, received, order)
    return made, made.matched(LATE)


def _keep(made: World, received: Received, order: int) -> None:
    bound = {"bank": received.bank, "evidence": received.sha256}
    about = {"received": order, "stated_at": received.stated_at}
    made.responses += [row | bound | about for row in received.responses.to_pylist()]
    made.statements += [row | bound | {"received": order} for row in received.statements.to_pylist()]
    made.entries += [row | bound | {"kind": received.kind} for row in received.entries.to_pylist()]


def kinds(matched: Matched) -> dict[str, int]:
    return dict(Counter(matched.breaks["kind"].to_pylist()))


def tally(matched: Matched) -> dict[str, int]:
    return dict(Counter(matched.matches["state"].to_pylist()))


def unproved(made: World, matched: Matched) -> list[str]:
    nothing = empty("decisions.v1")
    recorded = matched.matches.select(["end_to_end_id", "file_name", "state", "amount_idr"])
    nobody = empty("reissues.v1")
    again = Again(nobody, nobody, nobody.select(["participant_id", "benefit", "sequence", "attempt"]))
    books = Books(
        PERIOD, nothing, nothing, nothing.select(["participant_id", "benefit", "sequence", "amount_idr"]),
        pa.concat_tables([empty("instructions.v1"), recorded], promote_options="default"), empty("batches.v1"),
        made.tables()[1], balances(), {}, matched, again,
    )  # fmt: skip
    answered = ("outcome", "statement", "sent_back")
    return [row["stage"] for row in prove(books).to_pylist() if not row["holds"] and row["stage"].startswith(answered)]


@pytest.mark.parametrize("code", sorted(bank_descriptions()))
def test_an_honest_bank_leaves_no_break(code: str) -> None:
    made, matched = reconciled(code)
    paid = "credited" if describe_bank(code).settled_status == "ACCC" else "debited"
    assert set(tally(matched)) == {paid, "rejected"}
    assert kinds(matched) == {}
    assert unproved(made, matched) == []
    assert pa.compute.all(pa.compute.is_valid(matched.matches["evidence"])).as_py()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("duplicated_answer", {}),
        ("late_statement", {}),
        ("exceptions_only", {}),
        ("wrong_totals", {"totals_differ": 4}),
        ("stranger", {"unknown_to_us": 1}),
        ("amount_differs", {"amount_differs": 1}),
        ("contradiction", {"contradiction": 1}),
        ("silent", {"missing_at_bank": 1}),
        ("truncated_answer", {}),
        ("returned_after_credit", {}),
        ("notified", {}),
        ("returned_after_credit+notified", {}),
        ("returned_after_credit+return_notified", {}),
        ("returned_twice", {"duplicate": 1}),
        ("returned_less", {"amount_differs": 1}),
        ("returned_stranger", {"unknown_to_us": 1}),
        ("returned_unpaid", {"duplicate": 1}),
        ("paid_after_rejection", {"contradiction": 1, "duplicate": 1}),
        ("report_id_reused", {"report_conflict": 1}),
        ("debited_twice", {"duplicate": 1}),
        ("executed_late", {"date_outside_window": 1}),
        ("statement_corrected", {"statement_conflict": 1}),
        ("notified+statement_corrected", {"statement_conflict": 1}),
    ],
)
def test_each_fault_shows_as_the_break_that_it_is_and_every_equation_holds(
    fault: str, expected: dict[str, int]
) -> None:
    made, matched = reconciled("bca", fault)
    assert kinds(matched) == expected
    assert unproved(made, matched) == []


def test_a_refused_file_is_rejected_whole_and_no_money_is_missed() -> None:
    _, matched = reconciled("bni", "group_reject")
    assert tally(matched) == {"rejected": COUNT}
    assert kinds(matched) == {}
    assert set(matched.matches["reason_code"].to_pylist()) == {"MS03"}


def test_money_that_comes_back_after_settlement_is_returned_with_its_own_reason() -> None:
    _, matched = reconciled("bca", "returned_after_credit", rejects=0)
    assert tally(matched) == {"debited": COUNT - 1, "returned": 1}
    row = next(row for row in matched.matches.to_pylist() if row["state"] == "returned")
    assert (row["reason_code"], row["code_list"], row["amount_idr"]) == ("AC04", "return", TRANCHE)


def test_a_return_that_is_only_notified_so_far_is_returned_and_proved() -> None:
    made, matched = reconciled("bca", "returned_after_credit+return_notified", rejects=0)
    assert tally(matched) == {"debited": COUNT - 1, "returned": 1}
    assert unproved(made, matched) == []
    assert "notification" in made.tables()[4]["kind"].to_pylist()


def test_a_statement_never_sent_shows_as_a_gap() -> None:
    description = replace(describe_bank("bca"), rejects_per_million=0)
    first, second = (SimulatedBank(description, faults=parse_faults(fault)) for fault in ("none", "statement_gap"))
    made = World(modes={"bca": "full"})
    answers = first.take("F1.xml", payment_file(description, pays(2), message_id="M-F1"))
    answers += second.take("F2.xml", payment_file(description, pays(2, 3), message_id="M-F2"))
    for order, received in enumerate(take_all(answers, "bca", Shelf())):
        assert received.state == TAKEN
        _keep(made, received, order)
    assert kinds(made.matched(LATE))["statement_gap"] == 1
