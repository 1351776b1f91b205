"""What is due to whom at a cut-off: one decision a participant and benefit, with all its reasons.

`complete`, `lapsed`, `not_due`, `held` or `due`, the first that fits, about the tranche or survey after those already
instructed. Figures come from the policies; what looks across people (first card of a NIK, rank in a KK, order of funds)
is worked out once over everybody, and what stands against a person or an account once for all benefits.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from disbursement import eligibility as rules
from disbursement.eligibility import CutOff, Dates, Flags, Numbers, Reasons
from disbursement.policy import Benefit, Policy
from schemas.codes import REASONS
from schemas.tables import conform

INCENTIVE = "incentive"

_CODES = sorted(REASONS)
_NAT = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class _Facts:
    """What is known of a set of people, whatever the benefit: their table, and columns beside it."""

    people: pa.Table
    account: pa.Table
    person: Reasons
    account_reasons: Reasons
    kk_rank: Numbers
    credited_on: Dates
    """When tranche 1 of the incentive was credited; NaT while it is not."""

    def only(self, chosen: Flags) -> "_Facts":
        """The same of the chosen people."""
        mask = pa.array(chosen)
        return _Facts(
            self.people.filter(mask),
            self.account.filter(mask),
            {code: flags[chosen] for code, flags in self.person.items()},
            {code: flags[chosen] for code, flags in self.account_reasons.items()},
            self.kk_rank[chosen],
            self.credited_on[chosen],
        )


class _SoFar(NamedTuple):
    """What people have been instructed for of one benefit: how many in order, and when the first fell due."""

    instructed: Numbers
    first_due_on: Dates

    def only(self, chosen: Flags) -> "_SoFar":
        """The same of the chosen people."""
        return _SoFar(self.instructed[chosen], self.first_due_on[chosen])


class _Done(NamedTuple):
    """What people have done for their benefits: learning.v1 with trainings.v1, and surveys.v1."""

    completions: pa.Table
    trainings: pa.Table
    surveys: pa.Table


class _Next(NamedTuple):
    """What each person's next payment of a benefit waits for: reasons, the day it falls due, and its completion.

    `due_on` is NaT while a part of it is missing; `is_early` says of whom something that the day rests on has not happened.
    """

    lacking: Reasons
    due_on: Dates
    is_early: Flags
    completion_id: pa.Array


def decide(  # noqa: PLR0913 - one argument a table that the contract names
    *,
    people: pa.Table,
    accounts: pa.Table,
    trainings: pa.Table,
    completions: pa.Table,
    surveys: pa.Table,
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
    """Decides each benefit of every participant: decisions.v1, sorted by participant_id and benefit, whatever order rows
    come in.

    In: people.v1, current_accounts.v1, trainings.v1, learning.v1, surveys.v1, listed.v1, history.v1 (what was already
    instructed, but for what was withdrawn), refused_accounts.v1; `channels`, the codes that have a profile; `cut_off`,
    the last instant that counts. `balance_idr` is the money left for new payments in whole rupiah, None where no funds
    are checked. `kept` (decisions.v1) are decisions in force of people already instructed for a new payment of that
    benefit in the period: they stand as they are and take nothing from the balance.
    """
    at = CutOff.at(cut_off)
    people = people.take(pc.sort_indices(rules.flat(people, "participant_id")))
    facts = _facts(people, accounts, blocklist, history, refused, channels, at)
    done = _Done(completions, trainings, surveys)
    parts = []
    for name in sorted({name for policy in policies for name in policy.benefits}):
        is_open = ~_is_kept(people, kept, name)
        so_far = _so_far(people, history, name)
        is_covered = np.zeros(people.num_rows, dtype=np.bool_)
        for policy in policies:
            covers = _covers(people, policy)
            is_covered |= covers
            if name in policy.benefits:
                chosen = covers & is_open
                parts.append(_decide_benefit(facts.only(chosen), so_far.only(chosen), policy, name, done, at))
        parts.append(_without_policy(facts.only(~is_covered & is_open), name))
    decided = _apply_funds(pa.concat_tables(parts), balance_idr)
    decided = conform(decided.append_column("period", _repeat(period, decided.num_rows)), "decisions.v1")
    if kept is not None:
        decided = pa.concat_tables([decided, conform(kept, "decisions.v1")])
    return decided.sort_by([("participant_id", "ascending"), ("benefit", "ascending")]).combine_chunks()


def decision_counts(decisions: pa.Table) -> dict[str, dict[str, int]]:
    """How many decisions (decisions.v1) there are of each kind, by benefit."""
    counts: dict[str, dict[str, int]] = {}
    for row in (
        decisions.group_by(["benefit", "decision"]).aggregate([([], "count_all")]).sort_by("decision").to_pylist()
    ):
        counts.setdefault(row["benefit"], {})[row["decision"]] = row["count_all"]
    return dict(sorted(counts.items()))


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
    incentive = history.filter(pc.equal(history.column("benefit"), INCENTIVE))
    who, known = rules.places(people, incentive)
    incentive = incentive.filter(pa.array(known))
    return _Facts(
        people,
        account,
        rules.person_reasons(people, blocklist, at),
        rules.account_reasons(people, account, refused, channels, at),
        rules.kk_rank(people, np.bincount(who, minlength=people.num_rows) > 0),
        _credited_on(incentive, who, people.num_rows, at),
    )


def _credited_on(incentive: pa.Table, who: Numbers, people_count: int, at: CutOff) -> Dates:
    """The date in Jakarta on which each person's tranche 1 was credited, by the cut-off."""
    credited_at = rules.instants(incentive, "credited_at")
    counts = rules.as_flags(pc.equal(incentive.column("sequence"), 1)) & (credited_at <= at.instant)
    credited_on = np.full(people_count, _NAT)
    credited_on[who[counts]] = rules.jakarta_dates(credited_at[counts])
    return credited_on


def _so_far(people: pa.Table, history: pa.Table, benefit: str) -> _SoFar:
    history = history.filter(pc.equal(history.column("benefit"), benefit))
    who, known = rules.places(people, history)
    history = history.filter(pa.array(known))
    is_first = rules.as_flags(pc.equal(history.column("sequence"), 1))
    first_due_on = np.full(people.num_rows, _NAT)
    first_due_on[who[is_first]] = rules.dates(history, "due_on")[is_first]
    return _SoFar(_instructed_in_order(history, who, people.num_rows), first_due_on)


def _instructed_in_order(history: pa.Table, who: Numbers, people_count: int) -> Numbers:
    """How many payments of a benefit each person has been instructed for before the first that is missing.

    Usually all of them. A batch that is withdrawn after a later tranche was instructed leaves a hole, and the hole is
    decided about next: nobody loses a payment.
    """
    sequence = rules.flat(history, "sequence").to_numpy(zero_copy_only=False)
    count = np.zeros(people_count, dtype=np.int64)
    for each in range(1, int(sequence.max(initial=0)) + 1):
        has = np.zeros(people_count, dtype=np.bool_)
        has[who[sequence == each]] = True
        count += has & (count == each - 1)
    return count


def _is_kept(people: pa.Table, kept: pa.Table | None, benefit: str) -> Flags:
    if kept is None:
        return np.zeros(people.num_rows, dtype=np.bool_)
    who = kept.filter(pc.equal(kept.column("benefit"), benefit))
    return rules.as_flags(pc.is_in(rules.flat(people, "participant_id"), value_set=rules.flat(who, "participant_id")))


def _covers(people: pa.Table, policy: Policy) -> Flags:
    """Whom the policy covers, by wave; a missing wave is covered by none."""
    wave = rules.flat(people, "wave")
    last = policy.waves.last
    covers = pc.greater_equal(wave, policy.waves.first)
    if last is not None:
        covers = pc.and_(covers, pc.less_equal(wave, last))
    return rules.as_flags(covers.fill_null(False))


# --- one benefit of one policy ----------------------------------------------------------------------------------------
def _decide_benefit(facts: _Facts, so_far: _SoFar, policy: Policy, name: str, done: _Done, at: CutOff) -> pa.Table:
    benefit = policy.benefits[name]
    sequence = so_far.instructed + 1
    is_complete = sequence > benefit.tranches
    if benefit.schedule == "monthly":
        following = _next_tranche(facts, so_far, policy, done, at)
    else:
        following = _next_survey(facts, sequence, benefit, done.surveys, at)
    is_unaccepted = np.isnat(rules.accepted_dates(facts.people, at))
    due_on = np.where(is_complete, _NAT, following.due_on)
    not_yet_due = ~is_complete & (is_unaccepted | following.is_early | (due_on > at.date))
    last_payment_date = _last_payment_dates(facts.people, benefit)
    lacking = _asked({code: flags & ~is_complete for code, flags in following.lacking.items()}, benefit, sequence)
    person = {**facts.person, "kk_limit": (facts.kk_rank > policy.kk.people_max)}
    against = _asked({**person, **facts.account_reasons}, benefit, sequence)
    decision = np.select(
        [is_complete, at.date > last_payment_date, _any(lacking) | not_yet_due, _any(against)],
        ["complete", "lapsed", "not_due", "held"],
        default="due",
    )
    return _rows(
        facts,
        benefit=_repeat(name, len(sequence)),
        sequence=sequence,
        decision=pa.array(decision.astype(object), pa.string()),
        reasons=_joined({**lacking, **against, "not_yet_due": not_yet_due}),
        amount_idr=np.full(len(sequence), benefit.amount_idr, dtype=np.int64),
        due_on=pa.array(due_on, pa.date32()),
        policy=_repeat(policy.name, len(sequence)),
        completion_id=following.completion_id,
        last_payment_date=pa.array(last_payment_date, pa.date32()),
    )


def _next_tranche(facts: _Facts, so_far: _SoFar, policy: Policy, done: _Done, at: CutOff) -> _Next:
    """The incentive: the first tranche with the training, the others by calendar months after it.

    The first falls due on the latest of acceptance, the qualifying completion and the account's verification. Once
    instructed that day is fixed.
    """
    training = rules.training(facts.people, done.completions, done.trainings, policy.training, at)
    verified_at = rules.instants(facts.account, "verified_at")
    verified_on = rules.jakarta_dates(np.where(verified_at <= at.instant, verified_at, np.datetime64("NaT", "us")))
    first = np.maximum(np.maximum(rules.accepted_dates(facts.people, at), training.done_on), verified_on)
    due_on = np.where(so_far.instructed == 0, first, add_months(so_far.first_due_on, so_far.instructed))
    completion_id = pc.if_else(pa.array(so_far.instructed == 0), training.completion_id, pa.scalar(None, pa.string()))
    # What the first day rests on has reasons of its own, so a missing part is not told twice.
    return _Next(training.reasons, due_on, np.zeros(len(due_on), dtype=np.bool_), completion_id)


def _next_survey(facts: _Facts, sequence: Numbers, benefit: Benefit, surveys: pa.Table, at: CutOff) -> _Next:
    """A survey: once it is completed and tranche 1 is credited, on the later of the two days. One after the other: a later
    survey that is completed already waits for the earlier one.
    """
    completed_on = _surveyed_on(facts.people, surveys, benefit.tranches, at)
    place = np.minimum(sequence, benefit.tranches) - 1
    done_on = completed_on[np.arange(len(place)), place]
    lacking = {"survey_not_completed": np.isnat(done_on), "first_tranche_not_credited": np.isnat(facts.credited_on)}
    return _Next(lacking, np.maximum(done_on, facts.credited_on), _any(lacking), pa.nulls(len(place), pa.string()))


def _surveyed_on(people: pa.Table, surveys: pa.Table, tranches: int, at: CutOff) -> Dates:
    """A row a person and a column a survey: the date in Jakarta on which it was completed by the cut-off, else NaT.

    A survey with a number that the scheme does not pay plays no part.
    """
    who, known = rules.places(people, surveys)
    surveys = surveys.filter(pa.array(known))
    number = rules.flat(surveys, "number").to_numpy(zero_copy_only=False)
    completed_at = rules.instants(surveys, "completed_at")
    counts = (number >= 1) & (number <= tranches) & (completed_at <= at.instant)
    completed_on = np.full((people.num_rows, tranches), _NAT)
    completed_on[who[counts], number[counts] - 1] = rules.jakarta_dates(completed_at[counts])
    return completed_on


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


_OF_PEOPLE = ("participant_id", "wave", "province", "occupation", "accepted_on", "sk_number", "sk_line")


# --- rows -------------------------------------------------------------------------------------------------------------
def _rows(facts: _Facts, **columns: Any) -> pa.Table:
    people, account = facts.people, facts.account
    own = {name: people.column(name) for name in _OF_PEOPLE}
    paid_to = {"channel": account.column("channel"), "account_version": account.column("version")}
    return pa.table({**own, **paid_to, **columns})


def _without_policy(facts: _Facts, benefit: str) -> pa.Table:
    """People whose wave no policy covers: nothing can be said of them but that."""
    count = facts.people.num_rows
    return _rows(
        facts,
        benefit=_repeat(benefit, count),
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


_ORDER_OF_FUNDS = ("due_on", "accepted_on", "participant_id", "benefit")
"""A person has at most one new payment of a benefit in a period, so this tells any two apart."""


def _apply_funds(decided: pa.Table, balance_idr: int | None) -> pa.Table:
    """Money reaches what is due in the order of due_on, accepted_on, participant_id, then benefit; the rest is held.

    Once it does not reach somebody it reaches nobody further down, be their payment ever so small.
    """
    if balance_idr is None:
        return decided
    is_due = rules.as_flags(pc.equal(rules.flat(decided, "decision"), "due"))
    row = np.flatnonzero(is_due)
    due = decided.take(pa.array(row))
    order = pc.sort_indices(due, sort_keys=[(name, "ascending") for name in _ORDER_OF_FUNDS])
    spent = np.cumsum(due.column("amount_idr").take(order).to_numpy())
    is_short = np.zeros(decided.num_rows, dtype=np.bool_)
    is_short[row[order.to_numpy()[spent > balance_idr]]] = True
    short = pa.array(is_short)
    for column, text in (("decision", "held"), ("reasons", "funds_short")):
        place = decided.column_names.index(column)
        decided = decided.set_column(place, column, pc.if_else(short, text, rules.flat(decided, column)))
    return decided
