"""What invented participants do with their training balance: buy, complete, rate, review, answer surveys; and what goes wrong."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import country, trainings
from simulator.columns import DAY_SECONDS, Flags, Ints, digits, draw, faults, flags, instants, join, source_table, words
from simulator.drop import as_text

REVOKED_WHO_BOUGHT: Final = 0.1
"""Share of the revoked who bought a training all the same: revoked for another reason [assumed]."""
_SLOTS = max(country.COMPLETIONS)
_RATINGS = {1: 0.02, 2: 0.03, 3: 0.1, 4: 0.3, 5: 0.55}


class Completions(NamedTuple):
    """The table, and how many people have each bad case."""

    table: pa.Table
    faults: Counter[str]


class Trained(NamedTuple):
    """Who completed a first training (row of the block), and when (seconds of Jakarta's clock)."""

    people: Ints
    completed: Ints


@dataclass(frozen=True)
class Terms:
    """What the scheme of each person's wave grants: the fields of `country.Scheme`, in their order."""

    balance_idr: Ints
    incentive_idr: Ints
    survey_idr: Ints
    purchase_days: Ints
    surveys: Ints


def terms(wave: Ints) -> Terms:
    """The terms of people, by the position of their wave among the country's."""
    granted = np.array([each.scheme for each in country.WAVES], dtype=np.int64)[wave]
    return Terms(*granted.T)


@dataclass(frozen=True)
class _Purchases:
    """One row a purchase: whose (row of the block), their how manieth, which training (index), when; sorted by person."""

    person: Ints
    slot: Ints
    training: Ints
    purchased: Ints


def completions(
    rng: np.random.Generator,
    ids: pa.Array,
    accepted: Ints,
    terms: Terms,
    buyers: Flags,
    catalogue: trainings.Catalogue,
    at_least_one: bool,
) -> tuple[Completions, Trained]:
    """The completions of a block of people: who they are, the day each was accepted, on which terms, and whether each
    buys at all.

    The first purchase comes within the scheme's days of acceptance, all within its calendar year, and no more than the
    balance pays for; completion follows after days or weeks, the review mostly within a day. The bad cases break these rules.
    """
    count = len(accepted)
    fault = {
        kind: rows[buyers[rows]] for kind, rows in faults(rng, country.LEARNING_FAULTS, count, at_least_one).items()
    }
    has = {kind: flags(rows, count) for kind, rows in fault.items()}
    bought = _purchases(rng, accepted, terms, buyers, catalogue, has)
    person, rows = bought.person, len(bought.person)
    completed = bought.purchased + (DAY_SECONDS * (1 + rng.gamma(2.0, 4.0, rows))).astype(np.int64)
    is_complete = ~has["no_completion"][person] & ((bought.slot == 0) | (rng.random(rows) < 0.9))
    reviewed = completed + (DAY_SECONDS * rng.exponential(0.4, rows)).astype(np.int64) + 300
    is_reviewed = is_complete & ~has["no_review"][person]
    last = np.where(is_reviewed, reviewed, np.where(is_complete, completed, bought.purchased))
    revoked = completed + 10 * DAY_SECONDS
    rating = np.array(list(_RATINGS), dtype=np.int64)[draw(rng, _RATINGS, rows)]
    suffix = join(pc.utf8_slice_codeunits(ids.take(pa.array(person)), 2), "-", digits(bought.slot + 1, 1))
    columns: dict[str, Any] = {
        "completion_id": join("C-", suffix),
        "platform": words(trainings.PLATFORMS, catalogue.platform[bought.training]),
        "participant_id": ids.take(pa.array(person)),
        "training_id": trainings.training_ids(bought.training + 1 + 80_000 * has["unknown_training"][person]),
        "purchased_at": instants(bought.purchased),
        "completed_at": instants(completed, is_complete),
        "certificate_number": _where(is_complete & ~has["no_certificate"][person], join("SRT-", suffix)),
        "rating": pa.array(rating, mask=~(is_complete & ~has["no_rating"][person])),
        "reviewed_at": instants(reviewed, is_reviewed),
        "recorded_at": instants(last + 3_600),
        "revoked_at": instants(revoked, is_complete & has["revoked_completion"][person]),
    }
    done = is_complete & (bought.slot == 0)
    counts = Counter({kind: len(those) for kind, those in fault.items()})
    return Completions(source_table("completions", columns), counts), Trained(person[done], completed[done])


def _where(present: Flags, texts: pa.Array) -> pa.Array:
    return pc.if_else(pa.array(present), texts, pa.scalar(None, pa.string()))


def _purchases(
    rng: np.random.Generator,
    accepted: Ints,
    terms: Terms,
    buyers: Flags,
    catalogue: trainings.Catalogue,
    has: dict[str, Flags],
) -> _Purchases:
    count = len(accepted)
    over = has["over_balance"]
    too_many = terms.balance_idr // country.PRICE_MAX_IDR + 1  # so many dear ones are more than the balance
    wanted = np.array(list(country.COMPLETIONS))[draw(rng, country.COMPLETIONS, count)]
    buys = (np.arange(_SLOTS) < np.maximum(wanted, too_many * over)[:, None]) & buyers[:, None]
    training = rng.choice(len(catalogue.price_idr), size=(count, _SLOTS), p=catalogue.popularity)
    for balance_idr in np.unique(terms.balance_idr[over]).tolist():
        spender = over & (terms.balance_idr == balance_idr)
        dear = np.flatnonzero(catalogue.price_idr > balance_idr // (balance_idr // country.PRICE_MAX_IDR + 1))
        training[spender] = dear[rng.integers(0, len(dear), (int(spender.sum()), _SLOTS))]
    spent = np.zeros(count, dtype=np.int64)
    for slot in range(_SLOTS):
        price = catalogue.price_idr[training[:, slot]]
        buys[:, slot] &= over | (spent + price <= terms.balance_idr)
        spent += price * buys[:, slot]
    start = accepted * DAY_SECONDS + 9 * 3_600
    first_delay = np.minimum(rng.exponential(6.0, count), terms.purchase_days - 1.0)
    delays = np.cumsum(np.column_stack([first_delay, rng.uniform(2.0, 25.0, (count, _SLOTS - 1))]), axis=1)
    purchased = start[:, None] + (delays * DAY_SECONDS).astype(np.int64)
    next_year = accepted.astype("datetime64[D]").astype("datetime64[Y]") + np.timedelta64(1, "Y")
    year_end = next_year.astype("datetime64[D]").astype(np.int64) * DAY_SECONDS
    late = year_end[:, None] + (delays * DAY_SECONDS).astype(np.int64)
    purchased = np.where(has["late_purchase"][:, None], late, np.minimum(purchased, year_end[:, None] - 60))
    person, which = np.nonzero(buys)
    return _Purchases(person, which, training[person, which], purchased[person, which])


def spoiled_rows(
    rng: np.random.Generator, table: pa.Table, is_text: bool, at_least_one: bool
) -> tuple[pa.Table, Counter[str]]:
    """The completions with what befalls rows on their way added, and how many rows of each kind.

    Identical copies and earlier, poorer records of real completions change nobody's outcome. What must be quarantined
    comes under completion ids (`X-…`) of its own, or none, so it changes nobody's outcome either. In text formats instants
    become text here, because some of them lack their offset.
    """
    chosen = {
        kind: pa.array(rows) for kind, rows in faults(rng, country.ROW_FAULTS, table.num_rows, at_least_one).items()
    }
    copies = {kind: table.take(rows) for kind, rows in chosen.items()}
    completed = copies["corrected_row"].filter(pc.is_valid(copies["corrected_row"].column("completed_at")))
    copies["corrected_row"] = _set(
        completed,
        certificate_number=pa.nulls(completed.num_rows, pa.string()),
        rating=pa.nulls(completed.num_rows, table.schema.field("rating").type),
        reviewed_at=pa.nulls(completed.num_rows, table.schema.field("reviewed_at").type),
        recorded_at=pc.add(completed.column("completed_at"), pa.scalar(600, pa.duration("s"))),
    )
    for kind in ("conflicting_record", "rating_out_of_range", "no_offset"):
        copies[kind] = _set(copies[kind], completion_id=_foreign(kind, copies[kind]))
    copies["no_key"] = _set(copies["no_key"], completion_id=pa.nulls(copies["no_key"].num_rows, pa.string()))
    copies["rating_out_of_range"] = _set(
        copies["rating_out_of_range"], rating=_constant(copies["rating_out_of_range"], 9)
    )
    pairs = copies["conflicting_record"]
    copies["conflicting_record"] = pa.concat_tables(
        [_set(pairs, rating=_constant(pairs, 2)), _set(pairs, rating=_constant(pairs, 5))]
    )
    without_offset = copies.pop("no_offset")
    counts = Counter({kind: rows.num_rows for kind, rows in copies.items()})
    whole = pa.concat_tables([table, *copies.values()])
    if not is_text:
        return whole, counts
    counts["no_offset"] = without_offset.num_rows
    text = as_text(without_offset)
    naive = pc.utf8_slice_codeunits(text.column("purchased_at"), 0, 19)
    return pa.concat_tables([as_text(whole), _set(text, purchased_at=naive)]), counts


def _foreign(kind: str, table: pa.Table) -> pa.Array:
    """Completion ids that no completion of the country has."""
    return join(f"X-{kind}-", table.column("completion_id").combine_chunks())


def _constant(table: pa.Table, rating: int) -> pa.Array:
    return pa.array([rating] * table.num_rows, table.schema.field("rating").type)


def _set(table: pa.Table, **columns: pa.Array | pa.ChunkedArray) -> pa.Table:
    for name, column in columns.items():
        position = table.schema.get_field_index(name)
        table = table.set_column(position, name, column)
    return table


def surveys(rng: np.random.Generator, ids: pa.Array, terms: Terms, trained: Trained) -> pa.Table:
    """The surveys of those who completed a training, as many as their scheme has, each some weeks after the one before."""
    count, shares = len(trained.people), country.SURVEYS
    is_asked = np.arange(len(shares)) < terms.surveys[trained.people][:, None]
    answers = is_asked & (rng.random((count, 1)) * np.ones((1, len(shares))) < np.array(shares))
    delay = np.cumsum(rng.uniform(10.0, 40.0, (count, len(shares))), axis=1)
    row, number = np.nonzero(answers)
    columns: dict[str, Any] = {
        "participant_id": ids.take(pa.array(trained.people[row])),
        "number": pa.array(number + 1),
        "completed_at": instants(trained.completed[row] + (delay[row, number] * DAY_SECONDS).astype(np.int64)),
    }
    return source_table("surveys", columns)
