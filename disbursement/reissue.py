"""What follows an attempt that ended without paying: reissued now, later, after an act of somebody, or never.

A reissue is the same entitlement under a new reference. The remedy of the bank's code says when and how often; the person and the
account are asked again at the cut-off, as for any payment; the training is not (it is asked for the first tranche alone).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from disbursement import eligibility as rules
from disbursement.eligibility import CutOff
from disbursement.policy import Policy
from schemas.remedies import Remedies, Rule
from schemas.tables import TABLES, conform

ENTITLEMENT = ("participant_id", "benefit", "sequence")
KEY = (*ENTITLEMENT, "attempt")
_KEEPS_PLACE = frozenset({"kk_limit"})
"""What is not asked again: whoever has been instructed keeps the place on the family card."""
_CAME_BACK = "returned"
"""What came back is kept for the one who is owed it, by whichever attempt, and is no part of the balance; unless it was deposited."""
_CARRIED = tuple(TABLES["reissues.v1"].schema.names)


@dataclass(frozen=True)
class _Known:
    """What stands against a participant at the cut-off, and the account that counts."""

    against_person: frozenset[str]
    against_account: frozenset[str]
    version: int | None
    channel: str | None
    accepted_on: date


_NOBODY = _Known(frozenset({"invalid_nik"}), frozenset({"no_account"}), None, None, date.max)
"""A participant of whom no row stands any more, hence no NIK."""


def decide(  # noqa: PLR0913 - one argument a table that the rules ask
    *,
    ended: pa.Table,
    people: pa.Table,
    accounts: pa.Table,
    blocklist: pa.Table,
    refused: pa.Table,
    policies: Sequence[Policy],
    remedies: Remedies,
    channels: Collection[str],
    cut_off: datetime,
    balance_idr: int | None = None,
    kept: pa.Table | None = None,
) -> pa.Table:
    """What follows each entitlement whose attempts have all ended, by its last: reissues.v1, sorted by key.

    In: ended.v1 (withdrawn ones are none); people.v1, current_accounts.v1, listed.v1, refused_accounts.v1. `balance_idr` is the
    money left before new tranches, in whole rupiah: reissues come first, in the order due_on, accepted_on, participant_id. `kept`
    (reissues.v1) are due ones that were instructed in the period: they stand and take nothing.
    """
    attempts: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in ended.to_pylist():
        attempts[_entitlement(row)].append(row)
    known = _known(ended, people, accounts, blocklist, refused, channels, cut_off)
    asked = {(policy.name, name): benefit for policy in policies for name, benefit in policy.benefits.items()}
    today = CutOff.at(cut_off).date.astype(date)
    rows = []
    for key in sorted(attempts):
        of_one = sorted(attempts[key], key=lambda row: int(row["attempt"]))
        last, person = of_one[-1], known.get(key[0], _NOBODY)
        conditions = asked[last["policy"], last["benefit"]].reasons_asked(last["sequence"]) - _KEEPS_PLACE
        rule = remedies.rule(last["end"], last["code_list"], last["reason_code"])
        verdict = _verdict(of_one, person, conditions, rule, remedies, today)
        carried = {name: last.get(name) for name in _CARRIED}
        paid_to = {"channel": person.channel, "account_version": person.version}
        rows.append(carried | {"action": rule.action} | paid_to | verdict)
    if balance_idr is not None:
        _take_funds([row for row in rows if not _came_back(attempts[_entitlement(row)])], known, balance_idr)
    decided = conform(pa.Table.from_pylist(rows, schema=TABLES["reissues.v1"].schema), "reissues.v1")
    if kept is not None:
        decided = pa.concat_tables([decided, conform(kept, "reissues.v1")])
    return decided.sort_by([(name, "ascending") for name in KEY]).combine_chunks()


def _entitlement(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ENTITLEMENT)


def _came_back(attempts: Sequence[Mapping[str, Any]]) -> bool:
    return any(row["end"] == _CAME_BACK and not row["is_deposited"] for row in attempts)


def wanted_idr(decided: pa.Table, ended: pa.Table, kept: pa.Table | None = None) -> int:
    """Whole rupiah of the reissues that the balance must reach before any new tranche: those due, or that would be but for it.

    Of `ended` (ended.v1) is seen what came back by an earlier attempt: whatever ended since, its money is there.
    """
    waits_for_money = pc.equal(decided["reasons"], "funds_short")
    wanted = decided.filter(pc.or_(pc.equal(decided["verdict"], "due"), waits_for_money))
    is_there = pc.and_not(pc.equal(ended["end"], _CAME_BACK), ended["is_deposited"])
    came_back = ended.filter(is_there).select(list(ENTITLEMENT))
    wanted = wanted.join(came_back, list(ENTITLEMENT), join_type="left anti")
    if kept is not None:
        wanted = wanted.join(kept.select(KEY), list(KEY), join_type="left anti")
    return int(pc.sum(wanted["amount_idr"]).as_py() or 0)


def _verdict(
    attempts: Sequence[Mapping[str, Any]],
    person: _Known,
    conditions: frozenset[str],
    rule: Rule,
    remedies: Remedies,
    today: date,
) -> dict[str, Any]:
    """The first that fits, of the last of an entitlement's ended attempts: `verdict`, `waits_until` and `reasons`."""
    last = attempts[-1]
    from_day = rule.from_day(last["ended_on"])
    against_account = set(person.against_account)
    if rule.action == "fix_account" and person.version is not None and person.version <= last["account_version"]:
        against_account.add("account_refused")
    against_person, against_account = person.against_person & conditions, against_account & conditions
    stopped = None if last["is_agreed"] else _stopped(attempts, rule, remedies)
    is_past = last["last_payment_date"] is not None and today > last["last_payment_date"]
    if last["is_paid"] and not last["is_disputed"]:
        verdict = "paid"
    elif last["is_deposited"] and (is_past or against_person):
        verdict = "deposited"
    elif is_past:
        verdict = "lapsed"
    elif last["is_disputed"]:
        verdict = "disputed"
    elif against_person:
        verdict = "held"
    elif stopped:
        verdict = stopped
    elif against_account:
        verdict = "needs_account"
    else:
        verdict = "waits" if from_day > today else "due"
    return {
        "verdict": verdict,
        "waits_until": from_day if verdict == "waits" else None,
        "reasons": ";".join(sorted(against_person | against_account)),
    }


def _stopped(attempts: Sequence[Mapping[str, Any]], rule: Rule, remedies: Remedies) -> str | None:
    """Whether people must agree first: its money is with the treasury, its case was settled without a word on whether it was
    paid, the remedy asks for it, or its attempts or those of all remedies are used up.
    """
    last = attempts[-1]
    if last["is_deposited"] or last["is_unsaid"]:
        return "needs_person"
    refused = [row for row in attempts if row["end"] != "never_arrived"]
    alike = [row for row in attempts if remedies.rule(row["end"], row["code_list"], row["reason_code"]) == rule]
    if rule.needs_person or (rule.action == "review" and len(alike) > rule.retries_max):
        return "needs_person"
    return "capped" if len(alike) > rule.retries_max or len(refused) >= remedies.attempts_max else None


def _known(
    ended: pa.Table,
    people: pa.Table,
    accounts: pa.Table,
    blocklist: pa.Table,
    refused: pa.Table,
    channels: Collection[str],
    cut_off: datetime,
) -> dict[str, _Known]:
    """What is known of each participant of an ended attempt; what looks across people looks at everybody."""
    if not ended.num_rows:
        return {}
    at = CutOff.at(cut_off)
    who = pc.unique(ended["participant_id"])
    is_mine = pc.is_in(rules.flat(people, "participant_id"), value_set=who)
    chosen = rules.as_flags(is_mine)
    mine = people.filter(is_mine)
    account = rules.beside(mine, accounts)
    of_person = {code: flags[chosen] for code, flags in rules.person_reasons(people, blocklist, at).items()}
    of_account = rules.account_reasons(mine, account, refused, channels, at)
    columns = (mine["participant_id"], mine["accepted_on"], account["version"], account["channel"])
    return {
        participant: _Known(
            frozenset(code for code, flags in of_person.items() if flags[place]),
            frozenset(code for code, flags in of_account.items() if flags[place]),
            version,
            channel,
            accepted_on or date.max,
        )
        for place, (participant, accepted_on, version, channel) in enumerate(
            zip(*(column.to_pylist() for column in columns), strict=True)
        )
    }


def _take_funds(rows: list[dict[str, Any]], known: Mapping[str, _Known], balance_idr: int) -> None:
    """Hold, as `funds_short`, those due that the money does not reach; nobody further down overtakes."""

    def order(row: dict[str, Any]) -> tuple[Any, ...]:
        accepted_on = known.get(row["participant_id"], _NOBODY).accepted_on
        return row["due_on"], accepted_on, row["participant_id"], row["benefit"], row["sequence"]

    left = balance_idr
    wanting = (row for row in rows if row["verdict"] == "due")
    for row in sorted(wanting, key=order):
        left -= row["amount_idr"]
        if left < 0:
            row |= {"verdict": "held", "reasons": "funds_short"}
