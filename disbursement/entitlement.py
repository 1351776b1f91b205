"""Which tranche of the incentive is due to whom at a cut-off: one decision a participant, with all its reasons.

`complete`, `lapsed`, `not_due`, `held` or `due`, the first that fits, about the tranche after those already instructed.
Figures come from the policies; what looks across people (first card of a NIK, rank in a KK, order of funds) is worked
out once over everybody.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from disbursement import eligibility as rules
from disbursement.eligibility import CutOff, Dates, Flags, Numbers, Reasons
from disbursement.policy import Benefit, Policy
from schemas.codes import REASONS
from schemas.tables import conform

BENEFIT = "incentive"

_CODES = sorted(REASONS)
_NAT = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class _Facts:
    """What is known of a set of people: their table, columns beside it, and what they have been instructed for."""

    people: pa.Table
    account: pa.Table
    person: Reasons
    account_reasons: Reasons
    kk_rank: Numbers
    instructed_count: Numbers
    first_due_on: Dates

    def only(self, chosen: Flags) -> "_Facts":
        """The same of the chosen people."""
        mask = pa.array(chosen)
        return _Facts(
            self.people.filter(mask),
            self.account.filter(mask),
            {code: flags[chosen] for code, flags in self.person.items()},
            {code: flags[chosen] for code, flags in self.account_reasons.items()},
            self.kk_rank[chosen],
            self.instructed_count[chosen],
            self.first_due_on[chosen],
        )


def decide(  # noqa: PLR0913 - one argument a table that the contract names
    *,
    people: pa.Table,
    accounts: pa.Table,
    trainings: pa.Table,
    completions: pa.Table,
    blocklist: pa.Table,
    history: pa.Table,
    refused: pa.Table,
    policies: Sequence[Policy],
    channels: Collection[str],
    period: str,
    cut_off: datetime,
    balance_idr: int | None = None,
    kept: pa.Table | None = None,
) -> pa.Table:
    """Decides the incentive of every participant: decisions.v1, sorted by participant_id, whatever order rows come in.

    In: people.v1, current_accounts.v1, trainings.v1, learning.v1, listed.v1, history.v1 (tranches already instructed,
    but for withdrawn ones), refused_accounts.v1; `channels`, the codes that have a profile; `cut_off`, the last instant
    that counts. `balance_idr` is the money left for new tranches in whole rupiah, None where no funds are checked.
    `kept` (decisions.v1) are decisions in force of people already instructed for a new tranche in the period: they
    stand as they are and take nothing from the balance.
    """
    at = CutOff.at(cut_off)
    people = people.take(pc.sort_indices(rules.flat(people, "participant_id")))
    facts = _facts(people, accounts, blocklist, history, refused, channels, at)
    is_kept = _is_kept(people, kept)
    covered = np.zeros(people.num_rows, dtype=np.bool_)
    parts = []
    for policy in policies:
        covers = _covers(people, policy)
        covered |= covers
        parts.append(_decide_policy(facts.only(covers & ~is_kept), policy, completions, trainings, at))
    parts.append(_without_policy(facts.only(~covered & ~is_kept)))
    decided = _apply_funds(pa.concat_tables(parts), balance_idr)
    decided = decided.append_column("benefit", _repeat(BENEFIT, decided.num_rows))
    decided = decided.append_column("period", _repeat(period, decided.num_rows))
    columns = conform(decided, "decisions.v1")
    if kept is not None:
        columns = pa.concat_tables([columns, conform(kept, "decisions.v1")])
    return columns.take(pc.sort_indices(rules.flat(columns, "participant_id"))).combine_chunks()


def _facts(
    people: pa.Table,
    accounts: pa.Table,
    blocklist: pa.Table,
    history: pa.Table,
    refused: pa.Table,
    channels: Collection[str],
    at: CutOff,
) -> _Facts:
    account = rules.beside(people, accounts)
    history = history.filter(pc.equal(history.column("benefit"), BENEFIT))
    who, known = rules.places(people, history)
    history = history.filter(pa.array(known))
    is_first = rules.as_flags(pc.equal(history.column("sequence"), 1))
    first_due_on = np.full(people.num_rows, _NAT)
    first_due_on[who[is_first]] = rules.dates(history, "due_on")[is_first]
    return _Facts(
        people,
        account,
        rules.person_reasons(people, blocklist, at),
        rules.account_reasons(people, account, refused, channels, at),
        rules.kk_rank(people, np.bincount(who, minlength=people.num_rows) > 0),
        _instructed_in_order(history, who, people.num_rows),
        first_due_on,
    )


def _instructed_in_order(history: pa.Table, who: Numbers, people_count: int) -> Numbers:
    """How many tranches each person has been instructed for before the first that is missing.

    Usually all of them. A batch that is withdrawn after a later tranche was instructed leaves a hole, and the hole is
    decided about next: nobody loses a tranche.
    """
    sequence = rules.flat(history, "sequence").to_numpy(zero_copy_only=False)
    count = np.zeros(people_count, dtype=np.int64)
    for each in range(1, int(sequence.max(initial=0)) + 1):
        has = np.zeros(people_count, dtype=np.bool_)
        has[who[sequence == each]] = True
        count += has & (count == each - 1)
    return count


def _is_kept(people: pa.Table, kept: pa.Table | None) -> Flags:
    if kept is None:
        return np.zeros(people.num_rows, dtype=np.bool_)
    ids = rules.flat(people, "participant_id")
    return rules.as_flags(pc.is_in(ids, value_set=rules.flat(kept, "participant_id")))


def _covers(people: pa.Table, policy: Policy) -> Flags:
    """Whom the policy covers, by wave; a missing wave is covered by none."""
    wave = rules.flat(people, "wave")
    last = policy.waves.last
    covers = pc.greater_equal(wave, policy.waves.first)
    if last is not None:
        covers = pc.and_(covers, pc.less_equal(wave, last))
    return rules.as_flags(covers.fill_null(False))


# --- one policy -------------------------------------------------------------------------------------------------------
def _decide_policy(facts: _Facts, policy: Policy, completions: pa.Table, trainings: pa.Table, at: CutOff) -> pa.Table:
    benefit = policy.incentive
    sequence = facts.instructed_count + 1
    is_complete = sequence > benefit.tranches
    training = rules.training(facts.people, completions, trainings, policy.training, at)
    accepted_on = rules.accepted_dates(facts.people, at)
    due_on = np.where(is_complete, _NAT, _due_on(facts, training.done_on, accepted_on, at))
    not_yet_due = ~is_complete & (np.isnat(accepted_on) | (due_on > at.date))
    last_payment_date = _last_payment_dates(facts.people, benefit)
    lacking = _asked(training.reasons, benefit, sequence)
    person = {**facts.person, "kk_limit": (facts.kk_rank > policy.kk.people_max)}
    against = _asked({**person, **facts.account_reasons}, benefit, sequence)
    decision = np.select(
        [is_complete, at.date > last_payment_date, _any(lacking) | not_yet_due, _any(against)],
        ["complete", "lapsed", "not_due", "held"],
        default="due",
    )
    reasons = {**lacking, **against, "not_yet_due": not_yet_due}
    return _rows(
        facts,
        sequence=sequence,
        decision=pa.array(decision.astype(object), pa.string()),
        reasons=_joined(reasons),
        amount_idr=np.full(len(sequence), benefit.amount_idr, dtype=np.int64),
        due_on=pa.array(due_on, pa.date32()),
        policy=_repeat(policy.name, len(sequence)),
        completion_id=pc.if_else(pa.array(sequence == 1), training.completion_id, pa.scalar(None, pa.string())),
        last_payment_date=pa.array(last_payment_date, pa.date32()),
    )


def _due_on(facts: _Facts, done_on: Dates, accepted_on: Dates, at: CutOff) -> Dates:
    """When the next tranche falls due; NaT while a part of the first one's date is missing.

    The first: the latest of acceptance, the qualifying completion and the account's verification. Once instructed it is
    fixed, and the others follow it by calendar months.
    """
    verified_at = rules.instants(facts.account, "verified_at")
    verified_on = rules.jakarta_dates(np.where(verified_at <= at.instant, verified_at, np.datetime64("NaT", "us")))
    first = np.maximum(np.maximum(accepted_on, done_on), verified_on)
    return np.where(facts.instructed_count == 0, first, add_months(facts.first_due_on, facts.instructed_count))


def add_months(days: Dates, months: Numbers) -> Dates:
    """Dates that many calendar months later, the day held to the month's length (31 May, 30 June, 31 July)."""
    month = days.astype("datetime64[M]")
    later = month + months.astype("timedelta64[M]")
    month_end = (later + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    same_day: Dates = later.astype("datetime64[D]") + (days - month.astype("datetime64[D]"))
    return np.asarray(np.minimum(same_day, month_end), dtype="datetime64[D]")


def _last_payment_dates(people: pa.Table, benefit: Benefit) -> Dates:
    """Each wave's last payment date, NaT where none is known."""
    wave = rules.flat(people, "wave").to_numpy(zero_copy_only=False)
    last = np.full(people.num_rows, _NAT)
    for limit in benefit.last_payments:
        last[(wave >= limit.wave_first) & (wave <= limit.wave_last)] = np.datetime64(limit.date, "D")
    return last


def _asked(reasons: Reasons, benefit: Benefit, sequence: Numbers) -> Reasons:
    """The reasons that the benefit's policy asks for at each person's sequence; the others do not count there."""
    asked = {code: flags.copy() for code, flags in reasons.items()}
    for number in np.unique(sequence):
        here = sequence == number
        for code in asked.keys() - benefit.reasons_asked(int(number)):
            asked[code][here] = False
    return asked


def _any(reasons: Reasons) -> Flags:
    return np.asarray(np.logical_or.reduce(list(reasons.values())), dtype=np.bool_)


def _joined(reasons: Reasons) -> pa.Array:
    """The codes that apply to each person, sorted, `;` between; empty where none does."""
    count = len(next(iter(reasons.values())))
    mask = np.zeros(count, dtype=np.int64)
    for place, code in enumerate(_CODES):
        if code in reasons:
            mask |= reasons[code].astype(np.int64) << place
    masks, which = np.unique(mask, return_inverse=True)
    texts = [";".join(code for place, code in enumerate(_CODES) if mask >> place & 1) for mask in masks.tolist()]
    return pa.array(texts, pa.string()).take(pa.array(which))


# --- rows -------------------------------------------------------------------------------------------------------------
def _rows(facts: _Facts, **columns: Any) -> pa.Table:
    people, account = facts.people, facts.account
    own = {name: people.column(name) for name in ("participant_id", "wave", "province", "occupation", "accepted_on")}
    paid_to = {"channel": account.column("channel"), "account_version": account.column("version")}
    return pa.table({**own, **paid_to, **columns})


def _without_policy(facts: _Facts) -> pa.Table:
    """People whose wave no policy covers: nothing can be said of them but that."""
    count = facts.people.num_rows
    return _rows(
        facts,
        sequence=np.ones(count, dtype=np.int64),
        decision=_repeat("not_due", count),
        reasons=_repeat("policy_unknown", count),
        amount_idr=np.zeros(count, dtype=np.int64),
        due_on=pa.nulls(count, pa.date32()),
        policy=pa.nulls(count, pa.string()),
        completion_id=pa.nulls(count, pa.string()),
        last_payment_date=pa.nulls(count, pa.date32()),
    )


def _repeat(text: str, count: int) -> pa.Array:
    return pa.array([text], pa.string()).take(pa.array(np.zeros(count, dtype=np.int64)))


def _apply_funds(decided: pa.Table, balance_idr: int | None) -> pa.Table:
    """Money reaches those who are due in the order of due_on, accepted_on, participant_id; the rest is held."""
    if balance_idr is None:
        return decided
    is_due = rules.as_flags(pc.equal(rules.flat(decided, "decision"), "due"))
    row = np.flatnonzero(is_due)
    due = decided.take(pa.array(row))
    order = pc.sort_indices(
        due, sort_keys=[(name, "ascending") for name in ("due_on", "accepted_on", "participant_id")]
    )
    spent = np.cumsum(due.column("amount_idr").take(order).to_numpy())
    is_short = np.zeros(decided.num_rows, dtype=np.bool_)
    is_short[row[order.to_numpy()[spent > balance_idr]]] = True
    short = pa.array(is_short)
    for column, text in (("decision", "held"), ("reasons", "funds_short")):
        place = decided.column_names.index(column)
        decided = decided.set_column(place, column, pc.if_else(short, text, rules.flat(decided, column)))
    return decided
