"""The fast reconciliation against a plain reading, over random banks that repeat, omit, contradict and misbook."""

import random
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciliation.matching import file_states, match
from reconciliation.proof import prove
from tests.lib.plain_matching import plain_states
from tests.lib.reconciling import LATE, PERIOD, SOON, TRANCHE, World, debit_of, entry, reversal_of, states
from tests.spec.reconciliation.test_proofs import books

pytestmark = pytest.mark.slow  # worlds of many payments, drawn many times

STATUSES = ("ACTC", "PDNG", "ACSP", "ACSC", "ACCC", "RJCT AC04", "RJCT AM02", "RJCT DU04", "QQQQ", "PART")
GROUPS = (None, "PART", "ACTC", "ACSP", "ACSC", "ACCC", "RJCT FF01", "RJCT AM05")
MODES = ("full", "exceptions_only", "positives_only")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Two or three files at two banks, some reports about them, some statements."""
    made = World(modes={"bni": draw(st.sampled_from(MODES)), "ovo": draw(st.sampled_from(MODES))})
    number = 0
    for place in range(draw(st.integers(1, 3))):
        count = draw(st.integers(1, 4))
        ids = [f"E{number + index}" for index in range(count)]
        amounts = [draw(st.sampled_from((TRANCHE, TRANCHE, 50_000))) for _ in ids]
        state = draw(st.sampled_from(("submitted", "submitted", "unknown")))
        made.file(f"F{place}", ids, bank=("bni", "ovo")[place % 2], amounts=amounts, state=state)
        number += count
    for _ in range(draw(st.integers(0, 5))):
        _report(draw, made)
    for bank in ("bni", "ovo"):
        for place in range(1, draw(st.integers(0, 3)) + 1):
            made.statement(place, [_entry(draw, made, bank) for _ in range(draw(st.integers(0, 4)))], bank=bank)
    return made


def _report(draw: st.DrawFn, made: World) -> None:
    file = draw(st.sampled_from(made.files))
    ids = [row["end_to_end_id"] for row in made.sent if draw(st.booleans()) or row["file_name"] != file["file_name"]]
    mine = [
        e for e in ids if any(row["end_to_end_id"] == e and row["file_name"] == file["file_name"] for row in made.sent)
    ]
    statuses = {e: draw(st.sampled_from(STATUSES)) for e in mine}
    if draw(st.integers(0, 5)) == 0:
        statuses["X9"] = "ACCC"
    group, batch = draw(st.sampled_from(GROUPS)), None
    if draw(st.integers(0, 3)) == 0 and group != "RJCT FF01":
        batch = draw(st.sampled_from(GROUPS))
    more: dict[str, Any] = {"bank": file["channel"]}
    if draw(st.integers(0, 9)) == 0:
        more |= draw(
            st.sampled_from(
                ({"amount_idr": 50_000}, {"currency": "USD"}, {"transaction_count": 99}, {"control_sum_idr": 7})
            )
        )
    made.report(file["file_name"], statuses, group=group, batch=batch, **more)
    if statuses and draw(st.integers(0, 4)) == 0:
        made.responses.append(
            made.responses[-1] | {"status": draw(st.sampled_from(("ACSC", "RJCT"))), "reason_code": None}
        )


def _entry(draw: st.DrawFn, made: World, bank: str) -> dict[str, Any]:
    files = [row for row in made.files if row["channel"] == bank]
    if not files:
        return entry("credit", 10**6)
    file = draw(st.sampled_from(files))
    ids = [row["end_to_end_id"] for row in made.sent if row["file_name"] == file["file_name"]]
    total = file["control_sum_idr"]
    amount = draw(st.sampled_from((TRANCHE, 50_000)))
    code = draw(st.sampled_from((None, None, "AC04")))
    other = draw(st.sampled_from(files))["message_id"]
    made_entry = draw(
        st.sampled_from(
            [
                debit_of(file["file_name"], total),
                debit_of(file["file_name"], total),
                debit_of(file["file_name"], draw(st.sampled_from((total - TRANCHE, TRANCHE, 2 * TRANCHE)))),
                entry("debit", amount, end_to_end_id=draw(st.sampled_from(ids))),
                entry("debit", amount, end_to_end_id=draw(st.sampled_from(ids)), message_id=other),
                entry("debit", amount),
                reversal_of(draw(st.sampled_from(ids)), amount, return_code=code),
                reversal_of(draw(st.sampled_from(ids)), amount, return_code=code),
                reversal_of(draw(st.sampled_from(ids)), amount, return_code=code, message_id=other),
                reversal_of(None, draw(st.sampled_from((total, amount))), message_id=file["message_id"]),
                reversal_of(None, amount),
                reversal_of("X9", amount),
                entry("credit", 10**6),
                debit_of(file["file_name"], total, status="PDNG"),
            ]
        )
    )
    return dict(made_entry)


FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(worlds())
def test_every_instruction_stands_where_a_plain_reading_puts_it(made: World) -> None:
    assert states(made.matched(LATE)) == plain_states(made)


@FEW
@given(worlds(), st.integers(0, 2**32), st.sampled_from((SOON, LATE)))
def test_the_order_of_rows_plays_no_part(made: World, seed: int, at: datetime) -> None:
    first = made.matched(at)
    shuffler = random.Random(seed)
    for rows in (made.sent, made.files, made.responses, made.statements, made.entries):
        shuffler.shuffle(rows)
    again = made.matched(at)
    assert again.matches.equals(first.matches)
    assert again.breaks.equals(first.breaks)


@FEW
@given(worlds())
def test_what_is_received_twice_changes_nothing(made: World) -> None:
    first = made.matched(LATE)
    again = {row["evidence"]: row["evidence"] + " again" for row in [*made.responses, *made.statements]}
    made.statements += [
        row | {"evidence": again[row["evidence"]], "received": 500 + place} for place, row in enumerate(made.statements)
    ]
    made.entries += [row | {"evidence": again[row["evidence"]]} for row in made.entries]
    assert made.matched(LATE).matches.equals(first.matches)
    assert made.matched(LATE).breaks.equals(first.breaks)


@FEW
@given(worlds())
def test_every_rupiah_is_in_one_place_and_every_equation_holds(made: World) -> None:
    whole = books(made)
    sent = {row["participant_id"] for row in made.sent}
    decided = whole.decisions.filter(pc.is_in(whole.decisions["participant_id"], pc.cast(list(sent), "string")))
    proofs = prove(replace(whole, decisions=decided, not_instructed=whole.not_instructed.slice(0, 0)))
    apart = {row["stage"] for row in proofs.to_pylist() if not row["holds"]}
    assert apart <= {"journal", "ended"}, "the journal and the next acts of these books are of one world only"
    matched = whole.matched
    assert matched.matches.num_rows == len(made.sent)
    shared, others = file_states(matched.matches)
    counted = Counter(dict(zip(shared["file_name"].to_pylist(), shared["transaction_count"].to_pylist(), strict=True)))
    assert counted == Counter(row["file_name"] for row in made.sent)
    state_of = dict(zip(shared["file_name"].to_pylist(), shared["state"].to_pylist(), strict=True))
    told = states(matched)
    exceptions = {row["end_to_end_id"] for row in others.to_pylist()}
    assert exceptions == {
        row["end_to_end_id"] for row in made.sent if told[row["end_to_end_id"]] != state_of[row["file_name"]]
    }


@FEW
@given(worlds())
def test_a_break_has_one_name_and_no_break_hides_another(made: World) -> None:
    names = made.matched(LATE).breaks["break_id"].to_pylist()
    assert len(names) == len(set(names))


def test_a_table_without_rows_is_answered_without_rows() -> None:
    made = World()
    matched = match(*made.tables(), modes=made.modes, period=PERIOD, at=LATE)
    assert (matched.matches.num_rows, matched.breaks.num_rows) == (0, 0)


def _told_early(draw: st.DrawFn, made: World) -> None:
    """Notifications of some entries that statements show and that bear a reference, some of them told twice."""
    names = ("end_to_end_id", "message_id", "payment_information_id")
    stated = [row for row in made.entries if any(row.get(name) for name in names)]
    for number in range(draw(st.integers(1, 3))):
        for bank in ("bni", "ovo"):
            told = [row for row in stated if row["bank"] == bank and draw(st.booleans())]
            own = ("kind", "evidence", "statement_id", "entry_number", "bank")
            made.notification(number, [{k: v for k, v in row.items() if k not in own} for row in told], bank=bank)


@FEW
@given(worlds(), st.data())
def test_what_is_notified_as_well_as_stated_changes_nothing(made: World, data: st.DataObject) -> None:
    first = made.matched(LATE)
    data.draw(st.composite(_told_early)(made))
    again = made.matched(LATE)
    assert again.matches.equals(first.matches)
    assert again.breaks.equals(first.breaks)
    assert again.placed.equals(first.placed)


@FEW
@given(worlds(), st.data())
def test_what_is_only_notified_puts_every_instruction_where_a_statement_would(made: World, data: st.DataObject) -> None:
    stated = states(made.matched(LATE))
    late = [row for row in made.statements if data.draw(st.booleans())]
    for row in late:
        mine = [e for e in made.entries if (e["evidence"], e["statement_id"]) == (row["evidence"], row["statement_id"])]
        made.entries = [e for e in made.entries if e not in mine]
        about = {"kind": "notification", "evidence": row["evidence"] + " told"}
        made.entries += [e | about | {"bank_reference": f"{row['evidence']}/{e['entry_number']}"} for e in mine]
    made.statements = [row for row in made.statements if row not in late]
    assert states(made.matched(LATE)) == stated


@settings(FEW, max_examples=25)
@given(worlds(), st.data())
def test_a_statement_of_sums_with_its_details_notified_is_a_statement_with_the_details(
    made: World, data: st.DataObject
) -> None:
    for row in made.entries:
        row["bank_reference"] = f"{row['evidence']}/{row['entry_number']}"
    named = [row for row in made.entries if row.get("end_to_end_id") and row["direction"] == "credit"]
    for row in [row for row in named if data.draw(st.booleans())]:
        number = 1 + sum(each.get("kind") == "notification" for each in made.entries)
        about = {"kind": "notification", "evidence": f"told {number}", "statement_id": f"N{number}"}
        made.entries.append(row | about)
        row.update(dict.fromkeys(("end_to_end_id", "message_id", "return_code")), is_reversal=False)
    plain = deepcopy(made)
    told = {row["bank_reference"]: row for row in plain.entries if row.get("kind")}
    plain.entries = [
        told.get(row["bank_reference"], row)
        | {name: row[name] for name in ("evidence", "statement_id")}
        | {"kind": None}
        for row in plain.entries
        if not row.get("kind")
    ]
    found, expected = made.matched(LATE), plain.matched(LATE)
    assert states(found) == plain_states(plain)
    assert found.placed.equals(expected.placed)
    assert found.breaks.equals(expected.breaks)
