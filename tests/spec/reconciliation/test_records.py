"""What the record keeps of an answer: a file's shared state, what differs from it, and moves that are not allowed."""

import pyarrow as pa

from reconciliation.matching import file_states, hold_moves
from tests.lib.reconciling import PERIOD, TRANCHE, World, breaks, debit_of, entry, states


def test_a_state_that_most_of_a_file_shares_is_the_file_s_and_the_rest_are_rows() -> None:
    made = World()
    made.file("F1", ["E1", "E2", "E3"])
    made.file("F2", ["E4"])
    made.report("F1", {"E1": "ACSC", "E2": "RJCT AC04", "E3": "ACSC"})
    shared, others = file_states(made.matched().matches)
    assert shared.to_pylist() == [
        {"file_name": "F1", "state": "debited", "transaction_count": 3},
        {"file_name": "F2", "state": "submitted", "transaction_count": 1},
    ]
    assert others["end_to_end_id"].to_pylist() == ["E2"]


def test_what_is_recorded_as_ended_is_not_moved_by_later_evidence() -> None:
    made = World()
    made.file("F1", ["E1", "E2", "E3"])
    made.report("F1", {"E1": "ACCC", "E2": "ACSC", "E3": "ACSC"})
    matched = made.matched()
    recorded = pa.table({"end_to_end_id": ["E1", "E2"], "state": ["rejected", "submitted"]})
    kept, found = hold_moves(matched.matches, recorded, {"F1": "bni"}, PERIOD)
    assert kept["state"].to_pylist() == ["rejected", "debited", "debited"]
    rows = [(row["kind"], row["end_to_end_id"], row["expected"], row["found"]) for row in found.to_pylist()]
    assert rows == [("contradiction", "E1", "rejected", "credited (file report-1)")]


def test_a_claim_that_moved_nothing_leaves_neither_its_evidence_nor_its_reason_beside_the_state() -> None:
    made = World()
    made.file("F1", ["E1", "E2"])
    made.report("F1", {"E1": "RJCT AC04", "E2": "RJCT AC04"})
    recorded = pa.table({"end_to_end_id": ["E1", "E2"], "state": ["never_arrived", "submitted"]})
    held, moved = hold_moves(made.matched().matches, recorded, {"F1": "bni"}, PERIOD)[0].to_pylist()
    told = ("state", "match_rule", "reason_code", "code_list", "evidence")
    assert tuple(held[name] for name in told) == ("never_arrived", "none", None, None, None)
    assert tuple(moved[name] for name in told) == ("rejected", "status:transaction", "AC04", "status", "report-1")


def test_files_of_two_banks_do_not_answer_for_each_other() -> None:
    made = World()
    made.file("F1", ["E1"])
    made.file("F2", ["E2"], bank="ovo")
    made.report("F1", {"E1": "ACSC"})
    made.report("F2", {"E2": "ACSC"}, bank="bni")
    assert states(made.matched()) == {"E1": "debited", "E2": "submitted"}
    assert [kind for kind, _ in breaks(made.matched())] == ["unknown_to_us"]


def test_a_break_without_a_file_belongs_to_the_period_of_the_evidence_that_shows_it() -> None:
    made = World()
    made.file("F1", ["E1"])
    made.sent[0]["period"] = "2020-04"
    made.report("F1", {"E1": "ACSC", "X9": "ACSC"})
    made.statement(1, [debit_of("F1", TRANCHE), entry("debit", 6_500)])
    made.statement(3, [])
    made.report("ELSE", group="ACSC")
    rows = sorted((row["kind"], row["found"], row["period"]) for row in made.matched().breaks.to_pylist())
    assert rows == [
        ("statement_gap", "number 3, opening 999393500", "2020-04"),
        ("unknown_to_us", "6500 in S1/2", "2020-04"),
        ("unknown_to_us", "X9", "2020-04"),
        ("unknown_to_us", "message M-ELSE (1 rows)", PERIOD),
    ]
