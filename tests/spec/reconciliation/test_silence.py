"""Waiting for a bank that is not late is no break; silence past a deadline is, until a late file explains it."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from reconciliation.lateness import hold_silence
from schemas.fields import INSTANT
from tests.lib.reconciling import LATE, SOON, TRANCHE, World, breaks, debit_of, reversal_of, states

IDS = ["E1", "E2"]


@pytest.fixture
def made() -> World:
    world = World()
    world.file("F1", IDS)
    return world


def test_a_bank_that_is_not_late_is_no_break(made: World) -> None:
    assert breaks(made.matched(SOON)) == []


def test_a_file_of_which_a_late_bank_says_nothing_is_one_break_with_its_sum(made: World) -> None:
    row = made.matched(LATE).breaks.to_pylist()[0]
    assert (row["kind"], row["file_name"], row["end_to_end_id"]) == ("missing_at_bank", "F1", None)
    assert (row["amount_idr"], row["expected"], row["found"]) == (
        2 * TRANCHE, "an answer by 2020-05-05T12:00:00Z", "2 of 2 silent",
    )  # fmt: skip


def test_a_deadline_itself_is_not_late(made: World) -> None:
    assert breaks(made.matched(datetime(2020, 5, 5, 12, tzinfo=UTC))) == []


def test_the_day_on_which_a_statement_is_due_ends_in_jakarta(made: World) -> None:
    made.report("F1", group="ACSC")
    assert breaks(made.matched(datetime(2020, 5, 5, 16, 59, tzinfo=UTC))) == []
    assert breaks(made.matched(datetime(2020, 5, 5, 17, 0, tzinfo=UTC))) == [("credited_not_debited", "F1")]


def test_a_payment_left_out_of_a_full_report_is_a_break_of_its_own(made: World) -> None:
    made.report("F1", {"E1": "RJCT AC04"})
    assert breaks(made.matched(LATE)) == [("missing_at_bank", "E2")]


def test_a_late_report_and_a_late_statement_close_what_silence_opened(made: World) -> None:
    assert breaks(made.matched(LATE)) == [("missing_at_bank", "F1")]
    made.report("F1", {"E1": "ACSC", "E2": "ACSC"})
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    assert breaks(made.matched(LATE)) == []


def test_an_unknown_outcome_that_nobody_settles_is_a_break_when_late(made: World) -> None:
    made.files[0]["state"] = "unknown"
    assert set(states(made.matched(LATE)).values()) == {"unknown"}
    assert breaks(made.matched(LATE)) == [("missing_at_bank", "F1")]


def test_what_was_never_sent_is_never_late(made: World) -> None:
    made.files[0]["state"] = "released"
    assert breaks(made.matched(LATE)) == []


def test_a_debit_without_a_report_is_not_acknowledged(made: World) -> None:
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    assert breaks(made.matched(LATE)) == [("debited_not_acknowledged", "F1")]


@pytest.mark.parametrize(
    ("status", "kind"),
    [("ACSP", "accepted_not_debited"), ("ACSC", "credited_not_debited"), ("ACCC", "credited_not_debited")],
)
def test_a_payment_that_no_statement_shows_in_time_is_a_break(made: World, status: str, kind: str) -> None:
    made.report("F1", {"E1": status, "E2": "RJCT AC04"})
    assert breaks(made.matched(LATE)) == [(kind, "E1")]


def test_a_rejection_after_debit_without_its_reversal_is_a_break_when_late(made: World) -> None:
    made.report("F1", {"E1": "ACSC", "E2": "RJCT AC04"})
    made.statement(1, [debit_of("F1", 2 * TRANCHE)])
    assert breaks(made.matched(SOON)) == []
    assert breaks(made.matched(LATE)) == [("rejected_not_reversed", "E2")]
    made.statement(2, [reversal_of("E2")])
    assert breaks(made.matched(LATE)) == []


def test_money_that_came_back_without_ever_going_is_a_break_when_late(made: World) -> None:
    made.report("F1", {"E1": "RJCT AC04", "E2": "RJCT AC04"})
    made.statement(1, [reversal_of("E1")])
    assert breaks(made.matched(LATE)) == [("reversed_not_debited", "E1")]


def test_a_break_found_again_has_the_same_name(made: World) -> None:
    first = made.matched(LATE).breaks["break_id"].to_pylist()
    made.file("F2", ["E9"])
    made.report("F2", group="ACSP")
    assert set(first) <= set(made.matched(LATE).breaks["break_id"].to_pylist())


def test_what_most_of_a_file_shares_is_one_break_that_says_how_many() -> None:
    world = World()
    world.file("F1", ["E1", "E2", "E3"])
    world.report("F1", {"E1": "RJCT AC04"})
    row = world.matched(LATE).breaks.to_pylist()[0]
    assert (row["file_name"], row["end_to_end_id"], row["found"], row["amount_idr"]) == (
        "F1",
        None,
        "2 of 3 silent",
        2 * TRANCHE,
    )


DUE = datetime(2020, 5, 5, 12, tzinfo=UTC)


def held(recorded: str, at: datetime, word_due: datetime | None = None, report: str | None = None) -> tuple[str, bool]:
    """What becomes of one payment recorded so, and whether it is made unknown now; `report` is what the bank says of it."""
    world = World()
    world.file("F1", ["E1"])
    if report:
        world.report("F1", {"E1": report})
    words = [{"end_to_end_id": "E1", "answer_due_at": word_due}] if word_due else []
    schema = pa.schema([("end_to_end_id", pa.string()), ("answer_due_at", INSTANT)])
    silences = hold_silence(
        world.matched(SOON).matches,
        pa.table({"end_to_end_id": ["E1"], "state": [recorded]}),
        pa.table({"file_name": ["F1"], "answer_due_at": pa.array([DUE], INSTANT)}),
        pa.Table.from_pylist(words, schema),
        at,
    )
    return silences.matches["state"][0].as_py(), silences.lapsed.num_rows == 1


@pytest.mark.parametrize(
    ("recorded", "at", "word_due", "report", "becomes", "lapses"),
    [
        ("submitted", DUE, None, None, "submitted", False),
        ("submitted", LATE, None, None, "unknown", True),
        ("submitted", LATE, None, "RCVD", "submitted", False),  # it has spoken, if only of receipt
        ("unknown", LATE, None, None, "unknown", False),
        ("unknown", SOON, None, None, "unknown", False),  # an earlier look moves nothing back
        ("unknown", LATE, None, "RCVD", "submitted", False),
        ("submitted", LATE, LATE, None, "submitted", False),  # a letter began the deadline anew
        ("submitted", LATE, DUE, None, "unknown", True),
        ("credited", LATE, DUE, None, "credited", False),
        ("credited", LATE, DUE, "ACSC", "credited", False),  # the debit does not take the credit back
        ("credited", LATE, DUE, "RJCT AC04", "rejected", False),  # which the record then refuses to move to
        ("never_arrived", LATE, DUE, None, "never_arrived", False),
        ("never_arrived", LATE, DUE, "ACSC", "debited", False),
    ],
)
def test_silence_makes_unknown_what_was_submitted_and_moves_nothing_else(
    recorded: str, at: datetime, word_due: datetime | None, report: str | None, becomes: str, lapses: bool
) -> None:
    assert held(recorded, at, word_due, report) == (becomes, lapses)
