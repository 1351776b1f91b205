"""Each equation holds in a sound cycle, and says by how much it does not when a record is lost."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from reconciliation.proof import Again, Books, prove
from schemas.fields import FIELDS
from schemas.tables import TABLES
from tests.lib.reconciling import LATE, PERIOD, TRANCHE, World, balances, debit_of, entry, reversal_of, states

IDS = ["E1", "E2", "E3"]
LOST = TABLES["left_out.v1"].schema.empty_table()


@pytest.fixture
def made() -> World:
    world = World()
    world.file("F1", IDS)
    world.file("F2", ["E4"], bank="ovo")
    world.report("F1", {"E1": "ACSC", "E2": "RJCT AC04", "E3": "ACCC"})
    world.report("F2", {"E4": "ACCC"}, bank="ovo")
    world.statement(1, [entry("credit", 10**9), debit_of("F1", 3 * TRANCHE), reversal_of("E2"), entry("debit", 6_500)])
    world.statement(1, [debit_of("F2", TRANCHE)], bank="ovo")
    return world


def books(made: World, **changes: Any) -> Books:
    """The records of a period in which one more was due too and is on hold."""
    sent = [{**row, "benefit": "incentive", "sequence": 1} for row in made.sent]
    waiting = {"participant_id": "P-ON-HOLD", "benefit": "incentive", "sequence": 1, "amount_idr": TRANCHE}
    decisions = [{**row, "decision": "due"} for row in [*sent, waiting]]
    instructions = _table("instructions.v1", [{**row, "attempt": 1} for row in sent])
    state = states(made.matched(LATE))
    batches = [{**row, "period": PERIOD} for row in made.files]
    in_force = _table("decisions.v1", [*decisions, {**waiting, "participant_id": "P-HELD", "decision": "held"}])
    tables = {
        "decisions": in_force,
        "seen": in_force,
        "not_instructed": pa.Table.from_pylist([waiting]),
        "instructions": instructions.append_column("state", [[state[row["end_to_end_id"]] for row in sent]]),
        "batches": _table("batches.v1", batches),
        "files": made.tables()[1],
        "journal": balances(funder=-9, cash=6, debited=1, credited=2),
        "gone": {},
        "matched": made.matched(LATE),
        "again": again(*({**row, "attempt": 1} for row in sent if state[row["end_to_end_id"]] == "rejected")),
    }
    return Books(period=PERIOD, **(tables | changes))


def again(*next_acts: dict[str, Any], decided: list[dict[str, Any]] = [], followed: list[dict[str, Any]] = []) -> Again:  # noqa: B006
    """What follows attempts that ended: by its records."""
    schema = pa.schema([(name, FIELDS[name].type) for name in ("participant_id", "benefit", "sequence", "attempt")])
    made_again = pa.Table.from_pylist(followed, schema=schema)
    return Again(_table("reissues.v1", decided), _table("reissues.v1", list(next_acts)), made_again)


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([field.with_nullable(True) for field in TABLES[name].schema])
    return pa.Table.from_pylist([{key: row.get(key) for key in schema.names} for row in rows], schema=schema)


def failed(proofs: pa.Table) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    return {
        (row["stage"], row["scope"]): (row["left_count"], row["right_count"], row["left_idr"], row["right_idr"])
        for row in proofs.to_pylist()
        if not row["holds"]
    }


def test_in_a_sound_cycle_every_equation_holds(made: World) -> None:
    proofs = prove(books(made))
    assert failed(proofs) == {}
    assert set(proofs["stage"].to_pylist()) == {
        "batched", "ended", "entitled", "file_total", "first_attempts", "journal", "outcome", "outcome_of_bank", "outcome_of_period",
        "released", "sent_back", "statement", "statement_credits", "statement_debits",
    }  # fmt: skip


def test_the_sums_are_those_of_the_records(made: World) -> None:
    rows = {(row["stage"], row["scope"]): row for row in prove(books(made)).to_pylist()}
    assert rows["entitled", f"{PERIOD} incentive"]["left_idr"] == 5 * TRANCHE
    assert rows["statement_debits", "bni"]["right_idr"] == 3 * TRANCHE + 6_500
    assert rows["statement_credits", "bni"]["left_idr"] == 10**9 + TRANCHE
    assert rows["sent_back", "bni"]["left_count"] == 1
    assert rows["outcome_of_period", PERIOD]["right_count"] == 4


def test_a_due_decision_that_is_neither_instructed_nor_explained_is_found(made: World) -> None:
    lost = LOST
    expected = {("entitled", f"{PERIOD} incentive"): (5, 4, 5 * TRANCHE, 4 * TRANCHE)}
    assert failed(prove(books(made, not_instructed=lost))) == expected


def test_an_instruction_without_a_due_decision_is_found(made: World) -> None:
    decisions = books(made).decisions
    proofs = prove(books(made, decisions=decisions.slice(1)))
    assert failed(proofs) == {("first_attempts", f"{PERIOD} incentive"): (4, 3, 4 * TRANCHE, 3 * TRANCHE)}


def test_an_instruction_lost_between_the_record_and_its_file_is_found(made: World) -> None:
    proofs = prove(books(made, instructions=books(made).instructions.slice(0, 3)))
    assert ("file_total", "F2") in failed(proofs)
    assert ("batched", f"{PERIOD} ovo") in failed(proofs)


def test_whoever_is_due_since_the_last_instruct_waits_for_the_next(made: World) -> None:
    seen = books(made).seen
    proofs = prove(
        books(made, seen=seen.filter(pc.not_equal(seen["participant_id"], "P-ON-HOLD")), not_instructed=LOST)
    )
    assert failed(proofs) == {}


def test_whoever_was_left_out_and_is_due_no_more_is_no_longer_looked_for(made: World) -> None:
    decisions = books(made).decisions
    fewer = decisions.filter(pc.not_equal(decisions["participant_id"], "P-ON-HOLD"))
    assert failed(prove(books(made, decisions=fewer))) == {}


def test_one_who_is_instructed_and_left_out_is_found(made: World) -> None:
    twice = pa.concat_tables([books(made).not_instructed, _due_of(made, "E1")])
    expected = {("entitled", f"{PERIOD} incentive"): (5, 6, 5 * TRANCHE, 6 * TRANCHE)}
    assert failed(prove(books(made, not_instructed=twice))) == expected


def _due_of(made: World, end_to_end_id: str) -> pa.Table:
    due = books(made).decisions
    mine = due.filter(pc.equal(due["participant_id"], f"P{end_to_end_id}"))
    return mine.select(["participant_id", "benefit", "sequence", "amount_idr"])


@pytest.mark.parametrize("still_due", [True, False])
def test_a_withdrawn_first_attempt_needs_no_due_decision_any_more(made: World, still_due: bool) -> None:
    made.file("F3", ["E7"], state="withdrawn")
    decisions = books(made).decisions
    mine = pc.equal(decisions["participant_id"], "PE7")
    held = decisions.filter(pc.invert(mine))
    assert failed(prove(books(made, decisions=decisions if still_due else held))) == {}
    again = pa.concat_tables([books(made).not_instructed, _due_of(made, "E7")])
    assert failed(prove(books(made, not_instructed=again))) == {}, "and then left out by the next instruct"


def recorded(made: World, **states: str) -> Books:
    """The books with other states on record than matching found."""
    instructions = books(made).instructions
    now = zip(instructions["end_to_end_id"].to_pylist(), instructions["state"].to_pylist(), strict=True)
    column = pa.array([states.get(name, state) for name, state in now], pa.string())
    return books(made, instructions=instructions.set_column(instructions.num_columns - 1, "state", column))


def test_a_sent_payment_whose_record_stands_nowhere_is_found_whatever_matching_says(made: World) -> None:
    found = failed(prove(recorded(made, E3="drafted")))
    assert found["outcome", "F1"] == (3, 2, 3 * TRANCHE, 2 * TRANCHE)
    assert found["outcome_of_period", PERIOD] == (4, 3, 4 * TRANCHE, 3 * TRANCHE)


def test_a_payment_that_moved_although_its_file_was_withdrawn_is_found(made: World) -> None:
    made.file("F3", ["E7"], state="withdrawn")
    assert failed(prove(recorded(made, E7="submitted")))["released", f"{PERIOD} bni"] == (
        4,
        3,
        4 * TRANCHE,
        3 * TRANCHE,
    )


def test_money_sent_back_to_nobody_is_found(made: World) -> None:
    matches = made.matched(LATE).matches
    matched = replace(made.matched(LATE), matches=matches.filter(pc.not_equal(matches["end_to_end_id"], "E2")))
    assert failed(prove(books(made, matched=matched))) == {("sent_back", "bni"): (1, 0, TRANCHE, 0)}


def test_a_file_sent_back_as_a_whole_is_one_booking_for_one_file(made: World) -> None:
    made.statement(2, [debit_of("F2", TRANCHE), reversal_of(None, TRANCHE, message_id="M-F2")], bank="ovo")
    proofs = prove(books(made))
    (row,) = (row for row in proofs.to_pylist() if (row["stage"], row["scope"]) == ("sent_back", "ovo"))
    assert (row["left_count"], row["right_count"], row["left_idr"]) == (1, 1, TRANCHE)
    assert row["holds"]


def test_a_statement_that_does_not_add_up_fails_its_proof_by_that_much(made: World) -> None:
    made.statements[0]["closing_idr"] += 7
    assert list(failed(prove(books(made)))) == [("statement", "bni A S1")]


def test_what_the_bank_books_wrongly_is_under_breaks_and_the_proof_holds(made: World) -> None:
    wrong = [
        debit_of("F1", 3 * TRANCHE),
        reversal_of("E2"),
        reversal_of("E1", 5),
        entry("debit", TRANCHE, end_to_end_id="E3"),
    ]
    made.statement(2, wrong)
    assert failed(prove(books(made))) == {}


def test_a_withdrawn_file_is_batched_and_not_sent(made: World) -> None:
    made.file("F3", ["E7"], state="withdrawn")
    proofs = prove(books(made))
    assert failed(proofs) == {}
    assert ("outcome", "F3") not in {(row["stage"], row["scope"]) for row in proofs.to_pylist()}


@pytest.mark.parametrize(
    ("posted", "apart"),
    [
        ({"credited": 2}, {"debited": (0, 1, 0, TRANCHE)}),
        (
            {"debited": 2, "credited": 1},
            {"debited": (2, 1, 2 * TRANCHE, TRANCHE), "credited": (1, 2, TRANCHE, 2 * TRANCHE)},
        ),
        ({"in_transit": 1, "debited": 1, "credited": 2}, {"in_transit": (1, 0, TRANCHE, 0)}),
    ],
)
def test_money_that_the_journal_has_elsewhere_than_its_instructions_is_found(
    made: World, posted: dict[str, int], apart: dict[str, tuple[int, int, int, int]]
) -> None:
    expected = {("journal", f"{PERIOD} {account}"): sides for account, sides in apart.items()}
    assert failed(prove(books(made, journal=balances(**posted)))) == expected


def test_an_attempt_that_ended_and_of_which_nobody_knows_what_follows_is_found(made: World) -> None:
    assert failed(prove(books(made, again=again()))) == {("ended", f"{PERIOD} incentive"): (1, 0, TRANCHE, 0)}


def _reissued(made: World) -> tuple[dict[str, Any], dict[str, Any], Books]:
    """The refused payment, the next attempt of it in the same month, and the cycle with both."""
    sound = books(made)
    (refused,) = sound.instructions.filter(pc.equal(sound.instructions["state"], "rejected")).to_pylist()
    new = {**refused, "end_to_end_id": "E2A", "attempt": 2, "state": "drafted"}
    rows = pa.Table.from_pylist([new], schema=sound.instructions.schema)
    return refused, new, replace(sound, instructions=pa.concat_tables([sound.instructions, rows]))


def _of(proofs: pa.Table, stage: str) -> list[tuple[int, int]]:
    return [(row["left_count"], row["right_count"]) for row in proofs.to_pylist() if row["stage"] == stage]


def test_an_attempt_that_is_asked_for_again_has_followed(made: World) -> None:
    refused, new, cycle = _reissued(made)
    due = {**refused, "verdict": "due"}
    proofs = prove(replace(cycle, again=again(decided=[due], followed=[new])))
    assert (_of(proofs, "reissues"), _of(proofs, "ended")) == ([(1, 1)], [(1, 1)])


def test_a_later_attempt_of_nothing_that_was_due_again_is_found(made: World) -> None:
    refused, new, cycle = _reissued(made)
    others = cycle.decisions.filter(pc.not_equal(cycle.decisions["participant_id"], refused["participant_id"]))
    waits = {**refused, "verdict": "waits"}
    proofs = prove(replace(cycle, decisions=others, again=again(decided=[waits], followed=[new])))
    assert _of(proofs, "reissues") == [(1, 0)]
