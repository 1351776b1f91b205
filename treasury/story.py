"""The whole story of one person, in order: what was known, decided, asked for, agreed to, sent, answered, told and claimed back.

Each step bears the key of its evidence and where that key is looked up: an `event` of the chain (`salur export events`, by hash), a
`bank_file` by the SHA-256 of what was received, an object of the `archive`, a row of a `drop`, or the `ledger` itself where the step follows
from rows there. Nothing personal is in it: names, numbers and accounts stay sealed.
"""

import json
from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger import audit, claims, inbound, landing, queries, reissues, store, told
from ledger.house import House
from ledger.instants import jakarta_date
from ledger.parquet import get_table
from schemas.codes import REISSUE_OWNER
from schemas.errors import InputRejected

Step = dict[str, Any]

_HIDDEN = frozenset(
    {"sealed", "row_mac", "nik_mac", "kk_mac", "name_mac", "owner_nik_mac", "owner_name_mac", "account_mac"}
)
_DECISION = ("benefit", "sequence", "period", "decision", "reasons", "amount_idr", "due_on", "policy")
_INSTRUCTION = (
    "end_to_end_id", "benefit", "sequence", "attempt", "previous_attempt", "period", "amount_idr", "channel",
    "account_version", "file_name", "batch", "sk_number", "sk_line", "fiscal_year",
)  # fmt: skip
_NEXT = ("benefit", "sequence", "attempt", "end", "reason_code", "action", "verdict", "waits_until", "reasons")
_TOLD_BY_ROWS = frozenset({"instructed", "settled", "hold", "unhold"})
"""Events whose facts the story has from the rows that they are the evidence of."""
_LONG = frozenset({"postings", "files", "marks", "instructions_sha256", "participant_id"})
"""Details of events that are about more than one person, or are shown otherwise."""


def explain(house: House, participant: str) -> list[Step]:
    """Everything that was known and decided about one person, in order, each with its evidence; nothing in clear.

    A step has `at`, `what`, `facts`, `evidence`, `found_in` (where the evidence is looked up) and `order` (among those of one instant).
    The same record gives the same story.
    """
    with house.store.reading() as connection:
        paid = queries.instruction_rows(connection, participant=participant).to_pylist()
        story = [
            *_known(connection, participant),
            *_decided(house, connection, participant),
            *_instructed(connection, paid),
            *_differences(connection, paid),
            *_claimed(house, connection, participant, paid),
            *_held(connection, participant),
            *_told(connection, participant),
            *_what_next(connection, house, participant),
        ]
    if not story:
        raise InputRejected(f"Nothing is known about participant {participant}.", "", "Check the identifier.")
    return sorted(story, key=lambda step: (step["at"], step["order"]))  # the rest stays as it was recorded


def _step(at: Any, what: str, facts: dict[str, Any], evidence: str, found_in: str, order: int) -> Step:
    shown = {key: plain(value) for key, value in facts.items() if value is not None}
    return {
        "at": at.isoformat(), "what": what, "facts": shown, "evidence": evidence, "found_in": found_in, "order": order,
    }  # fmt: skip


def plain(value: Any) -> Any:
    """Dates and instants as ISO text, all else as it is."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _known(connection: store.Connection, participant: str) -> Iterator[Step]:
    """Source rows by the drop that brought them: which file and row, and what they say, personal data left out."""
    taken = {row["drop_id"]: row["taken_at"] for row in landing.taken_drops(connection).to_pylist()}
    for name in ("participants", "accounts", "completions", "surveys", "allocations"):
        for row in landing.rows_about(connection, name, participant, _HIDDEN).to_pylist():
            drop = row.pop("drop_id")
            place = f"drop {drop[:12]} {row.pop('source_file')} row {row.pop('row')}"
            yield _step(taken[drop], name, row, place, "drop", 1)


def _decided(house: House, connection: store.Connection, participant: str) -> Iterator[Step]:
    """Every decision of every run, those that a later run of the period superseded too."""
    runs = queries.runs_of(connection, store.entitlement_runs, None).to_pylist()
    last = {run["period"]: run["run_id"] for run in runs}
    for run in runs:
        decisions = get_table(house.archive, run["archive_key"])
        mine = decisions.filter(pc.equal(decisions.column("participant_id"), participant)).to_pylist()
        about = {"run": run["run_id"], "cut_off": run["cut_off"]}
        if run["run_id"] != last[run["period"]]:
            about["superseded"] = True
        for row in mine:
            facts = {name: row[name] for name in _DECISION} | about
            yield _step(run["at"], "decided", facts, run["archive_key"], "archive", 2)


def _instructed(connection: store.Connection, paid: list[dict[str, Any]]) -> Iterator[Step]:
    """Each attempt with its lineage, who agreed to its batch, how its file went, and every state with what proves it."""
    batches, files = ({row[name] for row in paid} for name in ("batch", "file_name"))
    made = queries.events_about(connection, "instructed", batches)
    events = {row["hash"]: row for row in _events(connection, batches | files)}
    proved: set[str] = set()
    received = {row["sha256"]: row for row in inbound.inbound(connection).to_pylist()}
    for row in paid:
        event = made[row["batch"]]
        facts = {name: row[name] for name in _INSTRUCTION} | {"maker": event["actor"]}
        yield _step(event["at"], "instructed", facts, event["hash"], "event", 3)
        for state in audit.states_of(connection, row["file_name"], row["end_to_end_id"]).to_pylist():
            proof = state["evidence"]
            file, act = received.get(proof), events.get(proof)
            about = {"end_to_end_id": row["end_to_end_id"], "reason_code": state["reason_code"]}
            about |= {"from": f"{file['bank']} {file['kind']}"} if file else _said(act) if act else {}
            found_in = "bank_file" if file else "event" if act else "ledger"
            proved.add(proof)
            yield _step(state["at"], state["state"], about, proof, found_in, 5)
    yield from _acts(connection, batches | files, 4, proved)


def _events(connection: store.Connection, subjects: set[str]) -> list[dict[str, Any]]:
    return audit.events_on(connection, subjects).to_pylist() if subjects else []


def _said(event: dict[str, Any]) -> dict[str, Any]:
    """Who acted, on what, and what the event says of it."""
    said = {name: value for name, value in json.loads(event["details"]).items() if name not in _LONG}
    return {"subject": event["subject"], "person": event["actor"], **said}


def _acts(connection: store.Connection, subjects: set[str], order: int, shown: Collection[str] = ()) -> Iterator[Step]:
    """What people and steps did about some subjects, as the chain has it, but for events that are `shown` already."""
    for event in _events(connection, subjects):
        if event["kind"] not in _TOLD_BY_ROWS and event["hash"] not in shown:
            yield _step(event["at"], event["kind"], _said(event), event["hash"], "event", order)


def _differences(connection: store.Connection, paid: list[dict[str, Any]]) -> Iterator[Step]:
    """Breaks about the person's payments or their files, found, changed and closed, and what was done about their cases."""
    references, files = ({row[name] for row in paid} for name in ("end_to_end_id", "file_name"))
    runs = {row["run_id"]: row["details"] for row in queries.whole(connection, "reconciliation_runs").to_pylist()}
    named = set()
    for row in queries.whole(connection, "breaks").to_pylist():
        is_own = row["end_to_end_id"] in references
        if is_own or (row["end_to_end_id"] is None and row["file_name"] in files):
            named.add(row["break_id"])
            facts = {
                name: row[name] for name in ("break_id", "kind", "state", "bank", "expected", "found", "amount_idr")
            }
            about = row["end_to_end_id"] if is_own else row["file_name"]
            yield _step(row["at"], "break", facts | {"about": about}, runs[row["run_id"]], "event", 6)
    yield from _acts(connection, named | references, 7)


def _claimed(
    house: House, connection: store.Connection, participant: str, paid: list[dict[str, Any]]
) -> Iterator[Step]:
    """Claims, their repayments, and deposits of what came back."""
    mine = {row["claim"] for row in claims.claims(connection, jakarta_date(house.at), participant)}
    subjects = mine | {name for name, row in claims.repayments(connection).items() if row["claim"] in mine}
    references = {row["end_to_end_id"] for row in paid}
    subjects |= claims.deposits_of(connection, references)
    yield from _acts(connection, subjects, 8)


def _held(connection: store.Connection, participant: str) -> Iterator[Step]:
    acts = {(row["kind"], row["at"]): row["hash"] for row in _events(connection, {participant})}
    for row in audit.holds_of(connection, participant).to_pylist():
        proof = acts.get((row["act"], row["at"]))
        facts = {"reason": row["reason"], "person": row["person"]}
        yield _step(row["at"], row["act"], facts, proof or "ledger", "event" if proof else "ledger", 4)


def _told(connection: store.Connection, participant: str) -> Iterator[Step]:
    for row in told.story(connection, participant):
        facts = {name: row[name] for name in ("benefit", "sequence", "status", "to_do", "due_on")}
        yield _step(row["at"], "told", facts, row["archive_key"], "archive", 8)


def _what_next(connection: store.Connection, house: House, participant: str) -> Iterator[Step]:
    """What happens next to what ended without paying, and who acts: the last step of the story, as at now."""
    rows: pa.Table = reissues.next_acts(connection, house.archive)
    run = reissues.last_run(connection)
    key = run and run["reissues_key"]
    for row in rows.filter(pc.equal(rows["participant_id"], participant)).to_pylist():
        facts = {name: row[name] for name in _NEXT} | {"owner": REISSUE_OWNER[row["verdict"]]}
        yield _step(house.at, "next", facts, key or "ledger", "archive" if key else "ledger", 9)
