"""Three sides of each payment joined: what we sent, what status reports say, what statements show.

The state of an instruction is the furthest that the evidence allows, and is found from all evidence at once, so that
neither order nor repetition of what banks send plays a part; a late file changes yesterday's answer. What contradicts
what is proved is a break beside the state, never over it, and always leaves the state from which nothing is sent again.

    credited    a status report says ACCC; ACSC is settled on our side alone, which is `debited`
    rejected    a status report refuses it and none says that it settled, or its debit is reversed before any credit
    returned    its money came back after credit, or with a return code that does not go with a mere reversal

Money that comes back where none went out, by any evidence, moves nothing: `reconciliation.booked` makes it a break.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reconciliation import booked as statement_side
from reconciliation import reported as report_side
from reconciliation.booked import Booked, read_entries
from reconciliation.breaks import Findings
from reconciliation.contradictions import (
    tell_contradictions,
    tell_paid_late,
    tell_paid_twice,
    tell_reused_reports,
)
from reconciliation.lateness import tell_late
from reconciliation.lookup import beside
from reconciliation.notices import tell_notices
from reconciliation.reported import DEBITED, IN_FLIGHT, Reported, read_reports
from reconciliation.sides import Flags, Numbers, Ours, one_piece, to_flags
from reconciliation.statements import Statements, check_statements, take_once
from schemas.codes import INSTRUCTION_STATES, MOVES, is_classified
from schemas.tables import TABLES, conform

_BACK_ROW = "statement:reversal"
_BACK_WHOLE = "statement:file_reversal"
MATCH_RULES = (*report_side.RULES, *statement_side.RULES[1:], _BACK_ROW, _BACK_WHOLE)
"""How an instruction's state was found: `none` is silence; before the colon stands the side that decided."""

_STATE = {state: index for index, state in enumerate(INSTRUCTION_STATES)}
_BY_RANK = np.array([_STATE[state] for state in ("submitted", "submitted", "accepted", "debited", "credited")])


@dataclass(frozen=True)
class Matched:
    """Where every instruction stands, what differs, and where each statement row went.

    `matches` is matches.v1 sorted by end_to_end_id; `breaks` is breaks.v1; `placed` is described at
    `reconciliation.booked.Booked`; `bookings` has our own amounts of what statements show, by file: file_name, bank,
    debited_idr, back_idr. `statements` (with the period of the files they name) and `entries`
    are what counts of those given, each statement once.
    """

    matches: pa.Table
    breaks: pa.Table
    placed: pa.Table
    bookings: pa.Table
    statements: pa.Table
    entries: pa.Table


def match(
    sent: pa.Table,
    files: pa.Table,
    responses: pa.Table,
    statements: pa.Table,
    entries: pa.Table,
    *,
    modes: Mapping[str, str],
    period: str,
    at: datetime,
) -> Matched:
    """Match all that was sent in the files concerned with all that banks have said of it up to `at`.

    `sent`: one row an instruction (end_to_end_id, amount_idr, file_name, period; where known, settled_in_writing). `files`: files.v1 with state,
    execution_date and, where known, answer_due_at (instant), statement_due_on and reversal_due_on (Jakarta dates);
    without one nothing is late. The files concerned are those of the period and those that any evidence given names.
    `responses`, `statements`: their v1 with bank, evidence and received (order of arrival), `responses` also with stated_at
    (when the bank wrote the report); `entries`: with bank and evidence, and kind, where some are of notifications. `sent`
    with benefit, sequence, attempt, last_payment_date and state tells payments twice and after lapse as well. `modes`: each bank's response mode. A break without a file has the period of the files that the same report
    or statement names; `period` stands on those of evidence that names nothing of ours.
    """
    return match_stated(
        sent, files, responses, partial(take_once, statements, entries), modes=modes, period=period, at=at
    )


def match_stated(
    sent: pa.Table,
    files: pa.Table,
    responses: pa.Table,
    stated: Callable[[], Statements],
    *,
    modes: Mapping[str, str],
    period: str,
    at: datetime,
) -> Matched:
    """As `match`; `stated` is `take_once` of all statements and entries, or remembers what it said of them."""
    assert at.tzinfo is not None, "an instant with an offset"
    with beside(len(sent)) as begin:  # neither looks at the other
        taking = begin(stated)
        ours = Ours(sent, files)
        taken = taking()
    findings = Findings(period, {file.name: file.period for file in ours.files if file.period})
    reported = read_reports(ours, responses, modes, findings)
    booked = read_entries(ours, taken, reported.rejected, reported.rank >= DEBITED, findings)
    taken = taken._replace(statements=_with_periods(taken.statements, booked))
    check_statements(taken, findings)
    state = _states(ours, reported, booked)
    tell_contradictions(ours, reported, booked, findings)
    tell_paid_late(ours, reported, booked, state, findings)
    tell_paid_twice(ours, state, findings)
    tell_reused_reports(ours, responses, findings)
    if taken.told is not None:
        tell_notices(taken.told, taken.statements, booked.periods, findings)
    _tell_return_codes(ours, booked, state, findings)
    tell_late(ours, reported, booked, at, findings)
    return Matched(
        matches=_matches(ours, reported, booked, state),
        breaks=findings.table(),
        placed=booked.placed,
        bookings=_bookings(ours, booked),
        statements=taken.statements,
        entries=taken.entries,
    )


def _with_periods(statements: pa.Table, booked: Booked) -> pa.Table:
    keys = statements.select(["bank", "evidence", "statement_id"]).to_pylist()
    return statements.append_column(
        "period", pa.array([booked.periods.get(tuple(k.values())) for k in keys], pa.string())
    )


def _states(ours: Ours, reported: Reported, booked: Booked) -> Numbers:
    """The state of each instruction, as a position in INSTRUCTION_STATES."""
    base = np.array([_STATE["unknown" if f.state == "unknown" else "submitted" if f.was_sent else f.state]
                     for f in ours.files], dtype=np.int64)[ours.file]  # fmt: skip
    rank = np.where(booked.debited, np.maximum(reported.rank, DEBITED), reported.rank)
    heard = rank >= IN_FLIGHT
    state = np.where(heard, _BY_RANK[rank], base)
    state = np.where(reported.rejected, _STATE["rejected"], state)
    is_return = _has_return_code(booked) & (reported.rejected_row < 0)
    is_return &= ~_is_marked_reversal(booked) | (reported.rank >= DEBITED)
    returned = ~reported.rejected & ((rank == report_side.CREDITED) | is_return)
    back = np.where(returned, _STATE["returned"], _STATE["rejected"])
    decided: Numbers = np.where(booked.sent_back, back, state)
    return decided


def _has_return_code(booked: Booked) -> Flags:
    codes = np.append(to_flags(pc.is_valid(booked.rows["return_code"])), False)
    flags: Flags = codes[booked.back_row]
    return flags


def _is_marked_reversal(booked: Booked) -> Flags:
    flags: Flags = np.append(to_flags(booked.rows["is_reversal"]), False)[booked.back_row]
    return flags


def _tell_return_codes(ours: Ours, booked: Booked, state: Numbers, findings: Findings) -> None:
    """Reasons of returns that are in no list: one break a code."""
    positions = np.flatnonzero((state == _STATE["returned"]) & booked.sent_back)
    codes = _take(booked.rows["return_code"], booked.back_row[positions])
    for code in pc.unique(codes.drop_null()).to_pylist():
        if not is_classified("return", code):
            of_code = positions[to_flags(pc.equal(codes, code))]
            for bank, period in ours.earliest_periods(ours.file[of_code]).items():
                findings.within(period).add(
                    "unknown_code", bank, "a reason of the return list", code, subject=f"return {code}"
                )


def _matches(ours: Ours, reported: Reported, booked: Booked, state: Numbers) -> pa.Table:
    """One row an instruction. Evidence, rule and reason are those of the side that decided the state."""
    is_back, rejected = booked.sent_back, state == _STATE["rejected"]
    by_report = reported.rejected & ~is_back
    by_debit = booked.debited & ~is_back & ~rejected & (reported.rank < report_side.CREDITED)
    reason_row = np.where(rejected & reported.rejected, reported.rejected_row, -1)
    report_row = np.where(by_report, reported.rejected_row, reported.rank_row)
    report_rule = np.where(by_report, reported.rejected_rule, reported.rank_rule)
    entry_row = np.where(is_back, booked.back_row, np.where(by_debit, booked.debit_row, -1))
    report_row = np.where(entry_row >= 0, -1, report_row)
    status_reason = _take(reported.rows["reason_code"], reason_row)
    return_reason = _take(booked.rows["return_code"], np.where(is_back, booked.back_row, -1))
    from_status, from_return = pc.is_valid(status_reason), pc.is_valid(return_reason)
    lists = pc.if_else(from_status, "status", pc.if_else(from_return, "return", pa.scalar(None, pa.string())))
    table = pa.table(
        {
            "end_to_end_id": ours.ids,
            "file_name": ours.names.take(pa.array(ours.file)),
            "state": pa.array(INSTRUCTION_STATES).take(pa.array(state)),
            "reason_code": _first(status_reason, return_reason),
            "code_list": lists,
            "match_rule": pa.array(MATCH_RULES).take(pa.array(_rules(booked, report_rule, entry_row, is_back))),
            "evidence": _first(_take(booked.rows["evidence"], entry_row), _take(reported.rows["evidence"], report_row)),
            "amount_idr": pa.array(ours.amount),
        }
    )
    return conform(table, "matches.v1")


def _bookings(ours: Ours, booked: Booked) -> pa.Table:
    sums = {"debited_idr": ours.sum_by_file(booked.debited), "back_idr": ours.sum_by_file(booked.sent_back)}
    return pa.table({"file_name": ours.names, "bank": ours.banks, **sums})


def _rules(booked: Booked, report_rule: Numbers, entry_row: Numbers, is_back: Flags) -> Numbers:
    """Positions in MATCH_RULES. A whole file's reversal has one row for many."""
    place = booked.placed["place"].slice(0, booked.rows.num_rows)
    wholly = np.append(to_flags(pc.equal(place, "file_reversal")), False)[booked.back_row]
    back = np.where(wholly, MATCH_RULES.index(_BACK_WHOLE), MATCH_RULES.index(_BACK_ROW))
    debit = booked.debit_rule + len(report_side.RULES) - 1
    rules: Numbers = np.where(is_back, back, np.where(entry_row >= 0, debit, report_rule))
    return rules


def _take(column: pa.ChunkedArray, rows: Numbers) -> pa.Array:
    """The rows' texts, null for -1. Codes and digests repeat, so that each is carried as a number as far as it goes."""
    if column.null_count == len(column) or not np.any(rows >= 0):
        return pa.nulls(len(rows), column.type)
    texts = one_piece(column).dictionary_encode()
    return texts.dictionary.take(texts.indices.take(pa.array(rows, mask=rows < 0)))


def _first(texts: pa.Array, others: pa.Array) -> pa.Array:
    """The texts, or where there is none the others'; nothing is copied where one side is silent."""
    if others.null_count == len(others):
        return texts
    return others if texts.null_count == len(texts) else pc.coalesce(texts, others)


def file_states(matches: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The state that most of a file's instructions share, and the matches that differ from it.

    Returns (file_name, state, transaction_count), sorted, and those rows of `matches` whose state is another. Of states
    shared by equally many the one that comes first in INSTRUCTION_STATES is the file's.
    """
    counts = matches.group_by(["file_name", "state"]).aggregate([("end_to_end_id", "count")]).to_pylist()
    counts.sort(key=lambda row: (row["file_name"], -row["end_to_end_id_count"], _STATE[row["state"]]))
    shared: dict[str, str] = {}
    total: dict[str, int] = {}
    for row in counts:
        shared.setdefault(row["file_name"], row["state"])
        total[row["file_name"]] = total.get(row["file_name"], 0) + row["end_to_end_id_count"]
    names = list(shared)
    states = pa.table(
        {
            "file_name": pa.array(names, pa.string()),
            "state": pa.array(shared.values(), pa.string()),
            "transaction_count": pa.array(total.values(), pa.int64()),
        }
    )
    of_file = states["state"].take(pc.index_in(matches["file_name"], pa.array(names, pa.string())))
    return states, matches.filter(pc.not_equal(matches["state"], of_file))


def hold_moves(
    matches: pa.Table, recorded: pa.Table, banks: Mapping[str, str], period: str
) -> tuple[pa.Table, pa.Table]:
    """Keep the record where new evidence asks for a move that is not allowed; each such move is a contradiction.

    `recorded`: (end_to_end_id, state) as the ledger has it, also of only some instructions; `banks`: bank by file name.
    A final state without payment (rejected, never arrived, ...) may have freed the entitlement already, so nothing moves
    it. Returns matches.v1 with the recorded state where the move is not allowed and nothing of the refused claim beside
    it, and breaks.v1.
    """
    place = pc.index_in(matches["end_to_end_id"], recorded["end_to_end_id"].combine_chunks())
    before = recorded["state"].take(place)
    pairs = pa.table({"old": before, "new": matches["state"]}).group_by(["old", "new"]).aggregate([])
    refused = [
        (pair["old"], pair["new"])
        for pair in pairs.to_pylist()
        if pair["old"] is not None and pair["old"] != pair["new"] and pair["new"] not in reach(pair["old"])
    ]
    findings = Findings(period, {})
    if not refused:
        return matches, findings.table()
    joined = pc.binary_join_element_wise(before, matches["state"], ">")
    wrong = pc.is_in(joined, pa.array([f"{old}>{new}" for old, new in refused], pa.string()))
    for row, old in zip(matches.filter(wrong).to_pylist(), before.filter(wrong).to_pylist(), strict=True):
        findings.add(
            "contradiction", banks[row["file_name"]], old, _told_by(row), end_to_end_id=row["end_to_end_id"],
            file_name=row["file_name"], amount_idr=row["amount_idr"], subject="recorded",
        )  # fmt: skip
    silent = {"state": before, "match_rule": pa.scalar("none")} | dict.fromkeys(
        _OF_A_CLAIM, pa.scalar(None, pa.string())
    )
    kept = matches
    for name, value in silent.items():
        field = TABLES["matches.v1"].schema.field(name)
        kept = kept.set_column(kept.schema.get_field_index(name), field, pc.if_else(wrong, value, matches[name]))
    return kept, findings.table()


def _told_by(match: Mapping[str, str | None]) -> str:
    return f"{match['state']} (file {match['evidence'][:12]})" if match["evidence"] else str(match["state"])


_OF_A_CLAIM = ("reason_code", "code_list", "evidence")
"""What a match says of the claim that moved it; a claim that moved nothing leaves none of it."""


def reach(state: str) -> frozenset[str]:
    """Every state that allowed moves lead to, skipped ones included."""
    reached, frontier = set[str](), set(MOVES[state])
    while frontier:
        reached |= frontier
        frontier = {further for each in frontier for further in MOVES[each]} - reached
    return frozenset(reached)
