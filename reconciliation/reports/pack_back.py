"""What an evidence pack says of claims, repayments and deposits, added up again from its chain of events and what that lists as posted."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from ledger.instants import jakarta_date
from schemas.identifiers import same_person

Row = Mapping[str, Any]
Difference = tuple[str, str]
_DAYS_TO_REPAY = 60
"""Perpres 76/2020, art. 31C."""


def differences(tables: Mapping[str, pa.Table], at: datetime) -> Iterator[Difference]:
    """Where, and why, a claim, a repayment or a deposit is not what the chain of events says of it, as of `at`."""
    events = _Events(tables["events"])
    yield from _of_claims(tables, events, at)
    yield from _of_repayments(tables["repayments"].to_pylist(), events)
    yield from _of_deposits(tables, events)
    yield from _of_balances(tables, events)


class _Events:
    """The events about money that is to come back, by kind, each with its details."""

    def __init__(self, events: pa.Table) -> None:
        self.of: dict[str, list[tuple[Row, Row]]] = {}
        self.balances: Counter[str] = Counter()
        for event in events.to_pylist():
            said = json.loads(event["details"])
            self.of.setdefault(event["kind"], []).append((event, said))
            for debit, credit, _channel, _period, _year, amount_idr, _count in said.get("postings", ()):
                self.balances[debit] += amount_idr
                self.balances[credit] -= amount_idr

    def by_subject(self, kind: str) -> dict[str, tuple[Row, Row]]:
        return {event["subject"]: (event, said) for event, said in self.of.get(kind, ())}


def _digest(head: Iterable[str], items: Iterable[Row]) -> str:
    lines = sorted(f"{row['end_to_end_id']} {row['amount_idr']}" for row in items)
    return hashlib.sha256("\n".join([*head, *lines]).encode()).hexdigest()


def _by(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found


def _unlike(where: str, row: Row, expected: Row) -> Iterator[Difference]:
    wrong = [name for name, value in expected.items() if row[name] != value]
    if wrong:
        yield where, f"The chain of events says otherwise of: {', '.join(wrong)}."


# --- claims -----------------------------------------------------------------------------------------------------------


def _of_claims(tables: Mapping[str, pa.Table], events: _Events, at: datetime) -> Iterator[Difference]:
    rows = {row["claim"]: row for row in tables["receivables"].to_pylist()}
    items = _by(tables["claim_items"].to_pylist(), "claim")
    proposed, confirmed, cancelled = (
        events.by_subject(f"claim_{act}") for act in ("proposed", "confirmed", "cancelled")
    )
    for name in sorted(rows.keys() ^ proposed.keys()):
        yield f"tables/receivables, {name}", "The chain of events and the table do not both know it."
    for name in sorted(items.keys() - rows.keys()):
        yield f"tables/claim_items, {name}", "There is no such claim."
    repaid: Counter[str] = Counter()
    for _, said in events.of.get("repaid", ()):
        repaid[said["claim"]] += said["amount_idr"]
    for name in sorted(rows.keys() & proposed.keys()):
        row, (event, said) = rows[name], proposed[name]
        where = f"tables/receivables, {name}"
        acts = confirmed.get(name), cancelled.get(name)
        expected = {
            "participant_id": said["participant_id"], "payment_count": said["count"], "amount_idr": said["sum_idr"],
            "digest": said["digest"], "person": event["actor"], "proposed_at": event["at"],
        }  # fmt: skip
        yield from _unlike(where, row, expected | _standing(said["sum_idr"], event, acts, repaid[name], at))
        yield from _people(where, event["actor"], said["digest"], acts)
        mine = items.get(name, [])
        if sum(item["amount_idr"] for item in mine) != said["sum_idr"] or len(mine) != said["count"]:
            yield f"tables/claim_items, {name}", "Its payments do not come to the claim."
        elif _digest([row["participant_id"], row["reason"]], mine) != said["digest"]:
            yield f"tables/claim_items, {name}", "These are not the payments and words that were agreed on."


_Act = tuple[Row, Row] | None


def _standing(amount_idr: int, proposal: Row, acts: tuple[_Act, _Act], repaid_idr: int, at: datetime) -> dict[str, Any]:
    """Where a claim stands, by its acts: who confirmed it, until when it is owed, what of it, its age in days and its state."""
    confirmed, cancelled = acts
    today = jakarta_date(at)
    open_idr = amount_idr - repaid_idr if confirmed and not cancelled else 0
    noticed_on = datetime.fromisoformat(confirmed[1]["noticed_on"]).date() if confirmed else None
    last_day = noticed_on and noticed_on + timedelta(days=_DAYS_TO_REPAY)
    state = "cancelled" if cancelled else "open" if open_idr else "repaid" if confirmed else "proposed"
    return {
        "confirmed_by": confirmed[0]["actor"] if confirmed else None,
        "noticed_on": noticed_on,
        "repay_by": last_day,
        "repaid_idr": repaid_idr,
        "open_idr": open_idr,
        "age_days": (today - (noticed_on or jakarta_date(proposal["at"]))).days,
        "state": "overdue" if state == "open" and last_day and today > last_day else state,
    }


def _people(where: str, proposer: str, digest: str, acts: tuple[_Act, _Act]) -> Iterator[Difference]:
    confirmed, cancelled = acts
    if confirmed and same_person(confirmed[0]["actor"], proposer):
        yield where, "One person proposed the claim and confirmed it."
    if confirmed and confirmed[1]["digest"] != digest:
        yield where, "What was confirmed is not what was proposed."
    if confirmed and cancelled and same_person(cancelled[0]["actor"], proposer):
        yield where, "Whoever proposed the claim ended it after it was confirmed."


# --- repayments and deposits ------------------------------------------------------------------------------------------


def _of_repayments(rows: list[Row], events: _Events) -> Iterator[Difference]:
    known, told = {row["reference"]: row for row in rows}, events.by_subject("repaid")
    for name in sorted(known.keys() ^ told.keys()):
        yield f"tables/repayments, {name}", "The chain of events and the table do not both know it."
    for name in sorted(known.keys() & told.keys()):
        event, said = told[name]
        expected = {key: said[key] for key in ("claim", "amount_idr", "corrects")}
        expected |= {"person": event["actor"], "at": event["at"]}
        yield from _unlike(f"tables/repayments, {name}", known[name], expected)


_OUT_OF = ("cash", "returned", "repaid")


def _of_deposits(tables: Mapping[str, pa.Table], events: _Events) -> Iterator[Difference]:
    rows = {row["deposit"]: row for row in tables["deposits"].to_pylist()}
    items = _by(tables["deposit_items"].to_pylist(), "deposit")
    told = events.by_subject("deposited")
    for name in sorted(rows.keys() ^ told.keys()):
        yield f"tables/deposits, {name}", "The chain of events and the table do not both know it."
    for name in sorted(items.keys() - rows.keys()):
        yield f"tables/deposit_items, {name}", "There is no such deposit."
    for name in sorted(rows.keys() & told.keys()):
        event, said = told[name]
        expected = {key: said[key] for key in ("ntpn", "ntb", "amount_idr", "corrects")}
        expected |= {"person": event["actor"], "at": event["at"], **_taken(said["postings"])}
        yield from _unlike(f"tables/deposits, {name}", rows[name], expected)
        mine = items.get(name, [])
        whole_idr = 0 if said["corrects"] else rows[name]["returned_idr"]
        if sum(item["amount_idr"] for item in mine) != whole_idr:
            yield f"tables/deposit_items, {name}", "Its payments do not come to what the deposit took of them."
        elif "items_sha256" in said and _digest([], mine) != said["items_sha256"]:
            yield f"tables/deposit_items, {name}", "These are not the payments that the chain of events names."
    yield from _deposited_twice(rows, items, tables["instructions"].to_pylist())


def _taken(postings: Iterable[list[Any]]) -> dict[str, int]:
    """What a deposit took out of each account, below zero where it gave back."""
    found = dict.fromkeys(_OUT_OF, 0)
    for debit, credit, _channel, _period, _year, amount_idr, _count in postings:
        account, sign = (credit, 1) if debit == "deposited" else (debit, -1)
        found[account] = found.get(account, 0) + sign * amount_idr
    return {f"{account}_idr": amount_idr for account, amount_idr in found.items()}


def _deposited_twice(
    rows: Mapping[str, Row], items: Mapping[str, list[Row]], instructions: Iterable[Row]
) -> Iterator[Difference]:
    """A returned payment is in one deposit that stands, with its own amount, and has ended as returned."""
    undone = {row["corrects"] for row in rows.values()}
    mine = {row["end_to_end_id"]: row for row in instructions}
    seen: set[str] = set()
    for name in sorted(items.keys() - undone):
        for item in items[name]:
            reference = item["end_to_end_id"]
            row = mine.get(reference)
            if reference in seen:
                yield f"tables/deposit_items, {reference}", "Two deposits took it."
            elif row and (row["state"], row["amount_idr"]) != ("returned", item["amount_idr"]):
                yield f"tables/deposit_items, {reference}", "It did not come back as such, or with another amount."
            seen.add(reference)


def _of_balances(tables: Mapping[str, pa.Table], events: _Events) -> Iterator[Difference]:
    """What is open, and what was deposited, against the movements that the chain of events lists (the journal's own are held
    against these one by one)."""
    claims, deposits, repaid = (tables[name].to_pylist() for name in ("receivables", "deposits", "repayments"))
    sums = {
        "receivable": sum(row["open_idr"] for row in claims),
        "deposited": sum(row["amount_idr"] for row in deposits),
        "repaid": sum(row["amount_idr"] for row in repaid) - sum(row["repaid_idr"] for row in deposits),
    }
    for account, amount_idr in sums.items():
        if events.balances[account] != amount_idr:
            yield (
                f"tables/journal, {account}",
                f"It holds Rp{events.balances[account]}; the tables come to Rp{amount_idr}.",
            )
