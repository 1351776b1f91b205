"""The case that a person works on for each break: an owner, words, and a resolution that a second person approves.

A case is its break's identifier and the acts on it, in order; nothing is changed, only added. A break that a late file
explains closes its case by itself. An approval is a consent to the break as it was: one that changes is open again.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from reconciliation.breaks import RESOLVED_BY, SEVERITIES, SEVERITY, age_band
from schemas.codes import DISPUTING, OUTCOME_OF, OUTCOMES
from schemas.errors import InputRejected, PersonNeeded, WrongUsage
from schemas.identifiers import same_person

ACTS = ("assign", "comment", *OUTCOME_OF, "approve", "refuse", "close", "reopen")
"""What can be done to a case. A resolution of what may have been paid says in its act whether it was. `close` and `reopen` are the reconciliation's: the break is gone, or found again."""
BY_PEOPLE = ("assign", "comment", *OUTCOME_OF, "approve", "refuse")
MACHINE = "reconciliation"
PURPOSE = "resolution"
"""What a consent to a resolution is for; its subject is the break."""


@dataclass(frozen=True)
class Case:
    """Where a case stands: `open`, `assigned`, `proposed` (resolved by one, not yet approved), `approved` or `closed`."""

    break_id: str
    state: str = "open"
    owner: str | None = None
    resolution: str | None = None
    resolved_by: str | None = None
    approved_by: str | None = None
    outcome: str | None = None
    """What the resolution says of the payment: paid or not_paid; null where it says nothing of it."""
    proposals: int = 0
    """How often a resolution was proposed: a consent is to the last of them."""


def digest(case: Case, row: Mapping[str, Any]) -> str:
    """What a second person consents to: this break with these values, resolved so. SHA-256; `row` is breaks.v1's."""
    values = [row["expected"], row["found"], row["amount_idr"], case.resolution, case.resolved_by, case.proposals]
    values += [case.outcome] if case.outcome else []
    about = "\x1f".join(["" if value is None else str(value) for value in (case.break_id, *values)])
    return hashlib.sha256(about.encode()).hexdigest()


def case_of(break_id: str, acts: Iterable[Mapping[str, Any]]) -> Case:
    """Where the case stands after its acts (rows with act, person, note), in the order in which they were done."""
    case = Case(break_id)
    for act in acts:
        case = _after(case, act["act"], act["person"], act["note"])
    return case


def _after(case: Case, act: str, person: str, note: str) -> Case:
    assert act in ACTS, f"an act on a case, not {act}"
    if act == "assign":
        return replace(case, state="assigned" if case.state == "open" else case.state, owner=note)
    if act in OUTCOME_OF:
        proposed = replace(case, state="proposed", proposals=case.proposals + 1, outcome=OUTCOME_OF[act])
        return replace(proposed, owner=case.owner or person, resolution=note, resolved_by=person)
    if act == "approve":
        return replace(case, state="approved", approved_by=person)
    if act in ("refuse", "reopen"):
        return Case(case.break_id, "assigned" if case.owner else "open", case.owner, proposals=case.proposals)
    return replace(case, state="closed") if act == "close" else case


def with_outcome(what: str, outcome: str | None, row: Mapping[str, Any]) -> str:
    """The act under which `what` is kept: a resolution of what may have been paid (`row`: breaks.v1's) says whether it was.

    Raises `WrongUsage` where the outcome is missing, is none of OUTCOMES, or nothing of the kind is asked.
    """
    asks = what == "resolve" and row["kind"] in DISPUTING and bool(row["end_to_end_id"] or row["file_name"])
    if asks and outcome is None:
        raise WrongUsage(
            f"The resolution of a {row['kind']} says whether the payment was made.",
            "Only what was not paid is asked for again.",
            "Give --outcome paid or --outcome not_paid.",
        )
    if outcome is not None and (not asks or outcome not in OUTCOMES):
        raise WrongUsage(
            f"{outcome!r} is no outcome of this act.",
            f"Of what may have been paid it is {' or '.join(OUTCOMES)}; of anything else there is none.",
            "See: salur exceptions list",
        )
    return what if outcome is None else f"{what}_{outcome}"


def act(case: Case, what: str, person: str, note: str) -> dict[str, str]:
    """The row (break_id, act, person, note) of a person's act on a case, if it may be done now.

    `assign` takes the new owner as `note`; a resolution and `refuse` need a reason, `comment` its words. A resolution counts
    once somebody else than the one who proposed it approves; another outcome may be proposed afterwards. Raises `WrongUsage`,
    `InputRejected` or `PersonNeeded`.
    """
    person, note = person.strip(), note.strip()
    if what not in BY_PEOPLE:
        raise WrongUsage(f"{what!r} is no act on a case.", f"Acts: {', '.join(BY_PEOPLE)}.", "Name one of them.")
    if not person:
        raise InputRejected("An act on a case needs a name.", "It is a person's.", "Give --as NAME.")
    if what != "approve" and not note:
        raise InputRejected(
            f"{what} needs words.", "A case is read by others, years later.", "Give an owner or a reason."
        )
    is_other = case.state == "approved" and OUTCOME_OF.get(what) not in (None, case.outcome)
    if case.state in ("approved", "closed") and what != "comment" and not is_other:
        raise InputRejected(
            f"Case {case.break_id} is {case.state}.", "It is done.", "Comment, or wait for it to reopen."
        )
    if what in ("approve", "refuse"):
        _check_second_person(case, what, person)
    return {"break_id": case.break_id, "act": what, "person": person, "note": note}


def _check_second_person(case: Case, what: str, person: str) -> None:
    if case.state != "proposed" or case.resolved_by is None:
        raise InputRejected(
            f"Case {case.break_id} has no resolution to {what}.",
            f"It is {case.state}.",
            "Resolve it first, with a reason.",
        )
    if what == "approve" and same_person(person, case.resolved_by):
        raise PersonNeeded(
            f"{person} proposed the resolution of {case.break_id} and cannot approve it.",
            "Two people are needed.",
            "Ask a second person.",
        )


def follow(
    breaks: Iterable[Mapping[str, Any]], cases: Mapping[str, Case], is_agreed: Callable[[str, str], bool]
) -> list[dict[str, str]]:
    """What the reconciliation adds after a run: cases whose break is gone are closed, closed ones found again reopened.

    `breaks` (breaks.v1) are those found now; `cases` all known so far, by break_id. `is_agreed` says of a break and a
    digest whether two people agreed to exactly that: an approved case whose break has changed since is reopened.
    """
    found = {row["break_id"]: row for row in breaks}
    rows = []
    for break_id, case in sorted(cases.items()):
        if break_id not in found and case.state not in ("closed", "approved"):
            rows.append(_machine(break_id, "close", "The break is no longer found."))
        elif break_id in found and case.state == "closed":
            rows.append(_machine(break_id, "reopen", "The break is found again."))
        elif break_id in found and case.state == "approved" and not is_agreed(break_id, digest(case, found[break_id])):
            rows.append(_machine(break_id, "reopen", "The break has changed since its resolution was approved."))
    return rows


def _machine(break_id: str, what: str, note: str) -> dict[str, str]:
    return {"break_id": break_id, "act": what, "person": MACHINE, "note": note}


def worklist(
    breaks: Iterable[Mapping[str, Any]], cases: Mapping[str, Case], found_on: Mapping[str, date], on: date
) -> list[dict[str, Any]]:
    """The breaks with their case, most urgent and oldest first: breaks.v1 and severity, owner, case_state, resolution,
    outcome, age_days, age_band, resolved_by_what.

    `found_on`: the Jakarta date on which each break was first found.
    """
    rows = []
    for row in breaks:
        break_id = row["break_id"]
        case, first = cases.get(break_id, Case(break_id)), found_on.get(break_id, on)
        about = {
            "severity": SEVERITY[row["kind"]],
            "owner": case.owner,
            "case_state": case.state,
            "resolution": case.resolution,
            "outcome": case.outcome,
            "age_days": (on - first).days,
            "age_band": age_band(first, on),
            "resolved_by_what": RESOLVED_BY[row["kind"]],
        }
        rows.append({**row, **about})
    return sorted(rows, key=lambda row: (SEVERITIES.index(row["severity"]), -row["age_days"], row["break_id"]))
