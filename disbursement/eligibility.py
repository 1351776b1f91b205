"""Who qualifies on a date: the conditions of a policy as columns, one place a person, every no with its reason code.

Nothing here loops over people. A column of reasons is a boolean array beside the people's table, and the table's order
is the order of every array. Missing dates are NaT, which compares false and passes through a maximum, so that what is
not known never makes anybody eligible.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from disbursement.policy import TrainingRules

Flags: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[np.int64]
Dates: TypeAlias = npt.NDArray[np.datetime64]
Reasons: TypeAlias = dict[str, Flags]
"""Reason code to a column that says whom it stands against."""

_WIB = np.timedelta64(7, "h")
"""Asia/Jakarta is seven hours ahead of UTC the whole year, since 1964."""

_FAR = np.datetime64("9999-12-31", "D")


@dataclass(frozen=True)
class CutOff:
    """The last instant that counts, in UTC, and its date in Jakarta."""

    instant: np.datetime64
    date: np.datetime64

    @classmethod
    def at(cls, moment: datetime) -> "CutOff":
        """The cut-off at a moment that knows its zone."""
        instant = np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
        return cls(instant, (instant + _WIB).astype("datetime64[D]"))


@dataclass(frozen=True)
class Training:
    """The training condition: its reasons, who meets it, by which completion, and on which date in Jakarta."""

    reasons: Reasons
    is_met: Flags
    completion_id: pa.Array
    done_on: Dates


# --- columns ----------------------------------------------------------------------------------------------------------
def flat(table: pa.Table, name: str) -> pa.Array:
    """One column of a table as a single array."""
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def dates(table: pa.Table, name: str) -> Dates:
    """A date column as datetime64[D], NaT where it is null."""
    return np.asarray(flat(table, name).to_numpy(zero_copy_only=False), dtype="datetime64[D]")


def instants(table: pa.Table, name: str) -> Dates:
    """A column of instants as datetime64[us] in UTC, NaT where it is null."""
    naive = flat(table, name).cast(pa.timestamp("us"))
    return np.asarray(naive.to_numpy(zero_copy_only=False), dtype="datetime64[us]")


def jakarta_dates(moments: Dates) -> Dates:
    """The dates in Jakarta of instants in UTC."""
    return (moments + _WIB).astype("datetime64[D]")


def beside(people: pa.Table, table: pa.Table) -> pa.Table:
    """The rows of `table` (at most one a participant) in the order of `people`; nulls where a person has none."""
    return table.take(pc.index_in(flat(people, "participant_id"), value_set=flat(table, "participant_id")))


def places(people: pa.Table, table: pa.Table) -> tuple[Numbers, Flags]:
    """Which rows of `table` are of somebody in `people`, as a flag a row, and the places in `people` of those that are."""
    found = pc.index_in(flat(table, "participant_id"), value_set=flat(people, "participant_id"))
    return _numbers(found.drop_null(), 0), as_flags(found.is_valid())


def as_flags(column: pa.Array) -> Flags:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _numbers(column: pa.Array, missing: int) -> Numbers:
    return np.asarray(column.fill_null(missing).to_numpy(zero_copy_only=False), dtype=np.int64)


def _is_known(table: pa.Table, name: str) -> Flags:
    return as_flags(flat(table, name).is_valid())


def _whether(count: int, who: Numbers, flags: Flags) -> Flags:
    """Per person: whether any of the rows that are theirs (`who`) is flagged."""
    found = np.zeros(count, dtype=np.bool_)
    found[who[flags]] = True
    return found


# --- the person -------------------------------------------------------------------------------------------------------
def person_reasons(people: pa.Table, listed: pa.Table, cut_off: CutOff) -> Reasons:
    """`participant_revoked`, `invalid_nik`, `duplicate_nik` and `blocklisted`, over everybody ever taken (people.v1).

    A listing (listed.v1) counts as soon as it is known, until it is delisted on or before the cut-off's date. A missing
    status is active. A missing NIK is invalid and nobody's duplicate.
    """
    delisted_on = dates(listed, "delisted_on")
    live = flat(listed, "nik_mac").filter(pa.array(~(delisted_on <= cut_off.date)))
    nik = flat(people, "nik_mac")
    return {
        "participant_revoked": as_flags(pc.equal(flat(people, "status"), "revoked").fill_null(False)),
        "invalid_nik": _is_known(people, "nik_problem") | ~_is_known(people, "nik_mac"),
        "duplicate_nik": _is_later_card(people),
        "blocklisted": as_flags(nik.is_valid()) & as_flags(pc.is_in(nik, value_set=live)),
    }


def _seniority(people: pa.Table) -> Numbers:
    """Each person's place in the order of (accepted_on with missing last, participant_id)."""
    accepted_on = dates(people, "accepted_on")
    by_id = pc.sort_indices(flat(people, "participant_id")).to_numpy()
    accepted = np.where(np.isnat(accepted_on), _FAR, accepted_on)
    order = by_id[np.argsort(accepted[by_id], kind="stable")]
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place


def _codes(column: pa.Array) -> Numbers:
    """A number for each distinct text; -1 for null."""
    return _numbers(column.dictionary_encode().indices, -1)


def _is_later_card(people: pa.Table) -> Flags:
    """Whether the person's NIK has an earlier card."""
    nik, seniority = _codes(flat(people, "nik_mac")), _seniority(people)
    first = np.full(len(nik) + 1, len(nik), dtype=np.int64)
    np.minimum.at(first, nik, seniority)
    return (nik >= 0) & (seniority > first[nik])


def kk_rank(people: pa.Table, is_instructed: Flags) -> Numbers:
    """Each person's rank in the KK, from 1, over everybody ever taken; 0 where no KK is known, hence no limit.

    Whoever has been instructed for the first tranche keeps the place and comes first. Then each NIK counts once, ranked
    by its best (accepted_on, participant_id); people of one NIK share its rank, one without a NIK counts alone.
    """
    kk, nik = _codes(flat(people, "kk_mac")), _codes(flat(people, "nik_mac"))
    count = len(kk)
    nik = np.where(nik >= 0, nik, count + np.arange(count))
    unit, first_row, unit_of = _distinct(kk * (2 * count + 1) + nik)
    best = np.full(unit, count, dtype=np.int64)
    np.minimum.at(best, unit_of, _seniority(people))
    waiting = ~_whether(unit, unit_of, is_instructed)
    unit_kk = kk[first_row]
    order = np.lexsort((best, waiting, unit_kk))
    ordered_kk = unit_kk[order]
    place = np.arange(unit)
    rank = np.empty(unit, dtype=np.int64)
    rank[order] = place - np.searchsorted(ordered_kk, ordered_kk) + 1
    return np.where(kk >= 0, rank[unit_of], 0)


def _distinct(keys: Numbers) -> tuple[int, Numbers, Numbers]:
    """How many distinct keys there are, a row of each, and for each row which one it has."""
    values, first_row, which = np.unique(keys, return_index=True, return_inverse=True)
    return len(values), first_row, which


# --- the account ------------------------------------------------------------------------------------------------------
def account_reasons(
    people: pa.Table, account: pa.Table, refused: pa.Table, channels: Collection[str], cut_off: CutOff
) -> Reasons:
    """What stands against each person's account (current_accounts.v1, laid `beside` the people).

    Without an account it is `no_account` and nothing else. A verification after the cut-off is missing; a closing counts
    whenever it is known. A version that a bank has refused (refused_accounts.v1) stays refused.
    """
    has_account = _is_known(account, "participant_id")
    known_channels = pa.array(sorted(channels), pa.string())
    who, known = places(people, refused)
    version = _numbers(flat(account, "version"), -1)
    refused_version = _numbers(flat(refused, "account_version"), -1)[known]
    is_same_owner = pc.equal(flat(account, "owner_nik_mac"), flat(people, "nik_mac")).fill_null(False)
    against: Reasons = {
        "channel_unknown": ~as_flags(pc.is_in(flat(account, "channel"), value_set=known_channels)),
        "account_unverified": ~(instants(account, "verified_at") <= cut_off.instant),
        "account_closed": _is_known(account, "closed_at"),
        "owner_mismatch": ~as_flags(is_same_owner),
        "account_refused": _whether(people.num_rows, who, version[who] == refused_version),
    }
    return {"no_account": ~has_account, **{code: has_account & flags for code, flags in against.items()}}


# --- the training -----------------------------------------------------------------------------------------------------
def training(
    people: pa.Table, completions: pa.Table, trainings: pa.Table, rules: TrainingRules, cut_off: CutOff
) -> Training:
    """The training condition of each person (people.v1), from what they bought and completed (learning.v1, trainings.v1).

    One live completion must lack nothing, and the purchases must not exceed the balance. Where the condition is not met,
    what the live completions lack is listed as a union. Of several that qualify the earliest done counts.
    """
    count = people.num_rows
    who, known = places(people, completions)
    completions = completions.filter(pa.array(known))
    accepted_on = dates(people, "accepted_on")  # the year of acceptance is the date's own, even after the cut-off
    is_revoked = _is_known(completions, "revoked_at")
    is_completed = instants(completions, "completed_at") <= cut_off.instant
    is_live = is_completed & ~is_revoked
    lacks = _lacks(completions, trainings, cut_off)
    lacks["purchase_late"] = _is_late(completions, who, accepted_on, is_revoked, rules, cut_off)
    over_balance = _spent(completions, who, count, trainings, cut_off) > rules.balance_idr
    qualifies = is_live & ~np.logical_or.reduce(list(lacks.values()))
    is_met = _whether(count, who, qualifies) & ~over_balance
    has_completed = _whether(count, who, is_completed)
    reasons = {code: ~is_met & _whether(count, who, is_live & flags) for code, flags in lacks.items()}
    reasons["no_completion"] = ~has_completed
    reasons["completion_revoked"] = has_completed & ~_whether(count, who, is_live)
    reasons["over_balance"] = over_balance
    completion_id, done_at = _earliest(completions, who, qualifies & ~over_balance[who], count)
    return Training(reasons, is_met, completion_id, jakarta_dates(done_at))


def accepted_dates(people: pa.Table, cut_off: CutOff) -> Dates:
    """The dates of acceptance as they stand at the cut-off: an acceptance still to come is missing."""
    accepted_on = dates(people, "accepted_on")
    return np.where(accepted_on <= cut_off.date, accepted_on, np.datetime64("NaT", "D"))


def _lacks(completions: pa.Table, trainings: pa.Table, cut_off: CutOff) -> Reasons:
    """What each completion lacks, but for its purchase."""
    is_training = pc.is_in(flat(completions, "training_id"), value_set=flat(trainings, "training_id"))
    return {
        "training_unknown": ~as_flags(is_training),
        "no_certificate": ~as_flags(flat(completions, "has_certificate")),
        "no_rating": ~_is_known(completions, "rating"),
        "no_review": ~(instants(completions, "reviewed_at") <= cut_off.instant),
    }


def _is_late(
    completions: pa.Table, who: Numbers, accepted_on: Dates, is_revoked: Flags, rules: TrainingRules, cut_off: CutOff
) -> Flags:
    """Whether the purchase is outside the policy's window, or that cannot be told for want of a date."""
    purchased_at = instants(completions, "purchased_at")
    purchased_on = jakarta_dates(purchased_at)
    if rules.purchase_days is None:
        is_same_year: Flags = purchased_on.astype("datetime64[Y]") == accepted_on[who].astype("datetime64[Y]")
        return ~is_same_year
    first_on = np.full(len(accepted_on), np.datetime64("NaT", "D"))
    counts = ~is_revoked & (purchased_at <= cut_off.instant)
    np.fmin.at(first_on, who[counts], purchased_on[counts])
    last_on = accepted_on + np.timedelta64(rules.purchase_days, "D")
    is_late: Flags = ~((accepted_on <= first_on) & (first_on <= last_on))
    return is_late[who]


def _spent(completions: pa.Table, who: Numbers, count: int, trainings: pa.Table, cut_off: CutOff) -> Numbers:
    """Whole rupiah that each person has bought for by the cut-off; what is revoked, or has no known price, is nothing."""
    training_row = pc.index_in(flat(completions, "training_id"), value_set=flat(trainings, "training_id"))
    price = _numbers(flat(trainings, "price_idr").take(training_row), 0)
    counts = ~_is_known(completions, "revoked_at") & (instants(completions, "purchased_at") <= cut_off.instant)
    spent = np.zeros(count, dtype=np.int64)
    np.add.at(spent, who[counts], price[counts])
    return spent


def _earliest(completions: pa.Table, who: Numbers, qualifies: Flags, count: int) -> tuple[pa.Array, Dates]:
    """Per person the qualifying completion that was completed and reviewed first, ties by id, and when it was."""
    done_at = np.maximum(instants(completions, "completed_at"), instants(completions, "reviewed_at"))
    first_at = np.full(count, np.datetime64("NaT", "us"))
    np.fmin.at(first_at, who[qualifies], done_at[qualifies])
    is_first = qualifies & (done_at == first_at[who])
    candidates = pa.table(
        {"who": who[is_first], "completion_id": flat(completions, "completion_id").filter(pa.array(is_first))}
    )
    chosen: Any = candidates.group_by("who").aggregate([("completion_id", "min")])
    row = pc.index_in(pa.array(np.arange(count)), value_set=flat(chosen, "who"))
    return flat(chosen, "completion_id_min").take(row), first_at
