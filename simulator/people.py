"""Invents a country's worth of participants and writes them as a source drop, version 1, one block of people at a time.

Nothing is kept from one block to the next, so memory does not grow with the number of people; each block draws from a
generator of its own, seeded by (seed, block), so the same arguments give the same bytes. Every invented person carries a
mark: a NIK and KK serial from 9000 on, a wallet number under 0844 (no operator has it), a bank account that starts with 99.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from faker.providers.person.id_ID import Provider as Names

from schemas.errors import WrongUsage
from schemas.regions import DISTRICTS, read_codes
from simulator import country, learning, trainings
from simulator.columns import (
    DAY_SECONDS,
    Flags,
    Ints,
    dates,
    day_parts,
    digits,
    draw,
    faults,
    flags,
    instants,
    join,
    source_table,
    words,
)
from simulator.drop import DropWriter, Format

BLOCK_PEOPLE: Final = 100_000
FAULTS_GUARANTEED_FROM: Final = 1_000
"""With at least so many people every bad case occurs at least once."""

_FIRST_NAMES = (*Names.first_names_male, *Names.first_names_female)
_APOSTROPHES = ("Ma'ruf", "Ja'far", "Nur'aini", "Sa'diyah", "Mu'min", "Isra'iyah")
_FORMULAS = ('=HYPERLINK("http://contoh.invalid","klik")', "+62-1", "@SUM(A1:A9)", "-2+3", '=1+1&"x"')
_EPOCH = date(1970, 1, 1)
_KK_FROM = (date(2003, 1, 1) - _EPOCH).days
_KK_DAYS = 6_000


@dataclass
class Summary:
    """What was written: people, rows by table, and how many people (or rows) each bad case has."""

    people: int
    rows: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Block:
    """Consecutive people: `first` counts from 0 among all. `accepted` is their day of acceptance since 1970-01-01."""

    rng: np.random.Generator
    first: int
    size: int
    serials: tuple[int, int]
    wave: Ints
    terms: learning.Terms
    accepted: Ints
    sk_line: Ints
    at_least_one: bool

    @property
    def numbers(self) -> Ints:
        """The people's numbers, from 1."""
        return np.arange(self.first + 1, self.first + self.size + 1)


def wave_sizes(count: int) -> Ints:
    """How many of `count` people belong to each wave: in proportion, largest remainders rounded up."""
    sizes = np.array([wave.size for wave in country.WAVES], dtype=np.int64)
    whole, rest = np.divmod(sizes * count, sizes.sum())
    whole[np.argsort(-rest, kind="stable")[: count - whole.sum()]] += 1
    return whole


def generate(
    out: Path,
    count: int,
    seed: int,
    period: str | None = None,
    fmt: Format = "parquet",
    progress: Callable[[int, int], None] | None = None,
    block_people: int = BLOCK_PEOPLE,
) -> Summary:
    """Writes a drop about `count` people into the new or empty folder `out` and says what is in it.

    `period` (YYYY-MM) moves the calendar of 2020 by whole days so that what stands at the end of December 2020 (nearly
    all who will qualify have done so) stands at the end of that month; purchases stay in the year of acceptance.
    `progress` is told after each block how many people are done, of how many. Memory follows `block_people`. Same arguments, same bytes.
    """
    blocks = -(-count // block_people)
    if not 1 <= blocks <= country.SERIAL_MAX - country.SERIAL_MIN + 1:
        raise WrongUsage(
            f"Cannot invent {count} people.",
            f"Each block of {block_people} needs a reserved serial number.",
            "Ask for fewer.",
        )
    writer = DropWriter(out, fmt)
    summary = Summary(count)
    catalogue = trainings.catalogue(seed)
    _write(writer, summary, "trainings", 1, catalogue.table)
    bad = trainings.impossible_prices(country.TRAINING_FAULTS, text=fmt == "csv")
    _write(writer, summary, "trainings", 2, bad)
    summary.faults["impossible_price"] += bad.num_rows
    plan = _Plan(count, blocks, seed, wave_sizes(count), _calendar_shift(period))
    for number in range(blocks):
        block = _block(number, min(block_people, count - number * block_people), number * block_people, plan)
        people = _people(block, summary)
        for name, table in _tables(block, people, catalogue, writer.is_text, summary).items():
            _write(writer, summary, name, number + 1, table)
        if progress is not None:
            progress(block.first + block.size, count)
    writer.finish(
        {
            f"SK-{wave.number}/2020": {"people": int(size), "amount_idr": int(size) * wave.scheme.allocation_idr}
            for wave, size in zip(country.WAVES, plan.sizes, strict=True)
            if size
        }
    )
    return summary


def _write(writer: DropWriter, summary: Summary, name: str, part: int, table: pa.Table) -> None:
    writer.write(name, part, table)
    summary.rows[name] += table.num_rows


def _calendar_shift(period: str | None) -> int:
    """Days from the calendar's own month to `period`."""
    if period is None:
        return 0
    return (date.fromisoformat(f"{period}-01") - date.fromisoformat(f"{country.CALENDAR_PERIOD}-01")).days


@dataclass(frozen=True)
class _Plan:
    """What all blocks share: how many people in how many blocks, the seed, the waves' sizes, days to move the calendar by."""

    count: int
    blocks: int
    seed: int
    sizes: Ints
    shift: int


def _block(number: int, size: int, first: int, plan: _Plan) -> Block:
    ends = np.cumsum(plan.sizes)
    indices = np.arange(first, first + size)
    position = np.searchsorted(ends, indices, side="right")
    days = np.array([(wave.accepted_on - _EPOCH).days for wave in country.WAVES], dtype=np.int64)
    share = (country.SERIAL_MAX - country.SERIAL_MIN + 1) // plan.blocks
    start = country.SERIAL_MIN + number * share
    return Block(
        rng=np.random.Generator(np.random.PCG64([plan.seed, 2, number])),
        first=first,
        size=size,
        serials=(start, start + share),
        wave=np.array([wave.number for wave in country.WAVES], dtype=np.int64)[position],
        terms=learning.terms(position),
        accepted=days[position] + plan.shift,
        sk_line=indices - (ends - plan.sizes)[position] + 1,
        at_least_one=number == 0 and plan.count >= FAULTS_GUARANTEED_FROM,
    )


@dataclass(frozen=True)
class _People:
    """What later tables need to know of a block's people."""

    ids: pa.Array
    nik: pa.Array
    kk: pa.Array
    name: pa.Array
    plain_name: pa.Array
    revoked: Flags
    fault: dict[str, Ints]


def _people(block: Block, summary: Summary) -> _People:
    rng = block.rng
    fault = faults(rng, country.PERSON_FAULTS, block.size, block.at_least_one)
    is_woman = rng.random(block.size) < country.WOMEN
    district = _districts(rng, block.size)
    nik = _niks(block, district, is_woman)
    nik = _spoil(nik, fault["bad_nik"])
    fault["repeated_nik"], source = _repeats(rng, fault)
    position = np.arange(block.size)
    position[fault["repeated_nik"]] = source
    nik = nik.take(pa.array(position))
    fault["third_in_kk"], holder = _families(rng, block.size, fault["third_in_kk"])
    number = block.first + holder
    year, month, day = day_parts(_KK_FROM + number // 1_000 % _KK_DAYS)
    kk = join(
        digits(district[holder], 6),
        digits(day * 10_000 + month * 100 + year % 100, 6),
        digits(country.SERIAL_MIN + number % 1_000, 4),
    )
    plain = _names(rng, is_woman)
    formulas = words(_FORMULAS, rng.integers(0, len(_FORMULAS), len(fault["formula_name"])))
    name = pc.replace_with_mask(plain, pa.array(flags(fault["formula_name"], block.size)), formulas)
    revoked = (rng.random(block.size) < country.REVOKED) & (block.wave <= 10)
    summary.faults.update({kind: len(rows) for kind, rows in fault.items()})
    summary.faults["revoked"] += int(revoked.sum())
    return _People(join("P-", digits(block.numbers, 8)), nik, kk, name, plain, revoked, fault)


def _tables(
    block: Block, people: _People, catalogue: trainings.Catalogue, is_text: bool, summary: Summary
) -> dict[str, pa.Table]:
    buyers = ~people.revoked | (block.rng.random(block.size) < learning.REVOKED_WHO_BOUGHT)
    completions, trained = learning.completions(
        block.rng, people.ids, block.accepted, block.terms, buyers, catalogue, block.at_least_one
    )
    summary.faults.update(completions.faults)
    table, row_faults = learning.spoiled_rows(block.rng, completions.table, is_text, block.at_least_one)
    summary.faults.update(row_faults)
    return {
        "participants": _participants(block, people, summary),
        "accounts": _accounts(block, people, summary),
        "completions": table,
        "surveys": learning.surveys(block.rng, people.ids, block.terms, trained),
        "blocklist": _blocklist(block, people),
        "allocations": _allocations(block, people),
    }


def _region_lists() -> tuple[Ints, Ints, Ints, npt.NDArray[np.float64]]:
    """Districts sorted by province, where each province starts and how many it has, and the provinces' shares of people.

    Papua as it was in 2020: a NIK keeps the code of its first registration.
    """
    text = resources.files("schemas.regions").joinpath("papua_2018_2022.toml").read_text(encoding="utf-8")
    codes = sorted({code for code in DISTRICTS if code < "91"} | read_codes(text))
    province = np.array([int(code[:2]) for code in codes])
    numbers, starts, counts = np.unique(province, return_index=True, return_counts=True)
    people = np.array([country.POPULATION[str(number)] for number in numbers], dtype=np.float64)
    return np.array([int(code) for code in codes]), starts, counts, people / people.sum()


_CODES, _STARTS, _COUNTS, _SHARES = _region_lists()


def _districts(rng: np.random.Generator, count: int) -> Ints:
    """Districts: provinces by population, within a province all alike."""
    province = rng.choice(len(_SHARES), size=count, p=_SHARES)
    return _CODES[_STARTS[province] + (rng.random(count) * _COUNTS[province]).astype(np.int64)]


def _niks(block: Block, district: Ints, is_woman: Flags) -> pa.Array:
    """NIKs of people of 18 or more at acceptance; no two alike in the country, as each block has serials of its own."""
    numbers = np.zeros(block.size, dtype=np.int64)
    todo = np.arange(block.size)
    while len(todo):
        year, month, day = day_parts(block.accepted[todo] - _ages_in_days(block.rng, len(todo)))
        born = (day + 40 * is_woman[todo]) * 10_000 + month * 100 + year % 100
        serial = block.rng.integers(*block.serials, size=len(todo))
        numbers[todo] = (district[todo] * 1_000_000 + born) * 10_000 + serial
        _, firsts = np.unique(numbers, return_index=True)
        todo = np.setdiff1d(np.arange(block.size), firsts)
    return digits(numbers, 16)


def _ages_in_days(rng: np.random.Generator, count: int) -> Ints:
    bounds = np.array(list(country.AGES))[draw(rng, country.AGES, count)]
    years = rng.integers(bounds[:, 0], bounds[:, 1] + 1)
    days: Ints = np.ceil(years * 365.25).astype(np.int64) + rng.integers(1, 365, count)
    return days


def _spoil(nik: pa.Array, rows: Ints) -> pa.Array:
    """NIKs broken in five ways in turn: a digit short, through a spreadsheet, no such province, no such month, serial 0000."""
    broken = [
        (text[:15], f"{text[0]}.{text[1:6]}E+15", f"99{text[2:]}", f"{text[:8]}13{text[10:]}", f"{text[:12]}0000")[
            i % 5
        ]
        for i, text in enumerate(nik.take(pa.array(rows)).to_pylist())
    ]
    return pc.replace_with_mask(nik, pa.array(flags(rows, len(nik))), pa.array(broken, pa.string()))


def _repeats(rng: np.random.Generator, fault: dict[str, Ints]) -> tuple[Ints, Ints]:
    """Rows that repeat an earlier row's NIK, and that earlier row: a sound one, so that each repeat counts once."""
    rows = fault["repeated_nik"]
    source = (rng.random(len(rows)) * rows).astype(np.int64)
    unsound = np.concatenate([fault["bad_nik"], rows, fault["blocklisted"], fault["delisted"]])
    keep = (rows > 0) & ~np.isin(source, unsound)
    _, firsts = np.unique(source, return_index=True)
    keep &= np.isin(np.arange(len(rows)), firsts)
    return rows[keep], source[keep]


def _families(rng: np.random.Generator, count: int, thirds: Ints) -> tuple[Ints, Ints]:
    """The rows that are third in their KK (apart by three or more), and for each person the row whose KK they share."""
    kept: list[int] = []
    for row in thirds.tolist():
        if row >= 2 and (not kept or row - kept[-1] >= 3):
            kept.append(row)
    third = np.array(kept, dtype=np.int64)
    taken = flags(np.concatenate([third, third - 1, third - 2]), count)
    holder = np.arange(count)
    first = np.arange(0, count - 1, 2)
    first = first[(rng.random(len(first)) < country.SHARED_KK) & ~taken[first] & ~taken[first + 1]]
    holder[first + 1] = first
    holder[third] = holder[third - 1] = third - 2
    return third, holder


def _names(rng: np.random.Generator, is_woman: Flags) -> pa.Array:
    count = len(is_woman)
    men = len(Names.first_names_male)
    first = np.where(is_woman, men + rng.integers(0, len(Names.first_names_female), count), rng.integers(0, men, count))
    apostrophe = len(_FIRST_NAMES) + rng.integers(0, len(_APOSTROPHES), count)
    first = np.where(rng.random(count) < country.APOSTROPHE_NAMES, apostrophe, first)
    men_last = len(Names.last_names_male)
    last = np.where(
        is_woman, men_last + rng.integers(0, len(Names.last_names_female), count), rng.integers(0, men_last, count)
    )
    first_name = words((*_FIRST_NAMES, *_APOSTROPHES), first)
    whole = join(first_name, " ", words((*Names.last_names_male, *Names.last_names_female), last))
    return pc.if_else(pa.array(rng.random(count) < country.ONE_WORD_NAMES), first_name, whole)


def _participants(block: Block, people: _People, summary: Summary) -> pa.Table:
    """One row a person; a tenth of the revoked also have the older row that called them active."""
    start = (block.accepted * DAY_SECONDS) + 9 * 3_600
    columns: dict[str, Any] = {
        "participant_id": people.ids,
        "nik": people.nik,
        "kk": people.kk,
        "name": people.name,
        "wave": pa.array(block.wave),
        "accepted_on": dates(block.accepted),
        "sk_number": _sk_numbers(block),
        "sk_line": pa.array(block.sk_line).cast(pa.string()),
        "occupation": words(tuple(country.OCCUPATIONS), draw(block.rng, country.OCCUPATIONS, block.size)),
        "status": words(("active", "revoked"), people.revoked.astype(np.int64)),
        "status_at": instants(start + people.revoked * 31 * DAY_SECONDS),
    }
    now = source_table("participants", columns)
    older = np.flatnonzero(people.revoked & (block.rng.random(block.size) < 0.1))
    columns |= {"status": pa.array(["active"] * block.size), "status_at": instants(start)}
    summary.faults["superseded_status"] += len(older)
    return pa.concat_tables([now, source_table("participants", columns).take(pa.array(older))])


def _allocations(block: Block, people: _People) -> pa.Table:
    """The line of the decision that names each person, and what it sets aside for them."""
    columns: dict[str, Any] = {
        "sk_number": _sk_numbers(block),
        "participant_id": people.ids,
        "sk_line": pa.array(block.sk_line).cast(pa.string()),
        "training_aid_idr": pa.array(block.terms.balance_idr),
        "incentive_idr": pa.array(block.terms.incentive_idr),
        "survey_idr": pa.array(block.terms.survey_idr),
    }
    return source_table("allocations", columns)


def _sk_numbers(block: Block) -> pa.Array:
    return join("SK-", pa.array(block.wave).cast(pa.string()), "/2020")


def _accounts(block: Block, people: _People, summary: Summary) -> pa.Table:
    rng, count = block.rng, block.size
    fault = faults(rng, country.ACCOUNT_FAULTS, count, block.at_least_one)
    summary.faults.update({kind: len(rows) for kind, rows in fault.items()})
    has_account = ~flags(fault["no_account"], count)
    changed = has_account & (rng.random(count) < country.ACCOUNT_CHANGED)
    channel = draw(rng, country.CHANNELS, count)
    is_bank = channel < 2
    channel[fault["unknown_channel"]] = len(country.CHANNELS)
    other = np.arange(count)
    other[fault["owner_mismatch"]] = (fault["owner_mismatch"] + 1) % count
    verified = block.accepted * DAY_SECONDS + rng.integers(DAY_SECONDS, 15 * DAY_SECONDS, count)
    since = verified + changed * 15 * DAY_SECONDS
    columns: dict[str, Any] = {
        "participant_id": people.ids,
        "version": pa.array(1 + changed.astype(np.int64)),
        "channel": words((*country.CHANNELS, "dompetlama"), channel),
        "account_number": _account_numbers(rng, block.numbers, is_bank),
        "owner_name": people.plain_name.take(pa.array(other)),
        "owner_nik": people.nik.take(pa.array(other)),
        "verified_at": instants(since, ~flags(fault["unverified_account"], count)),
        "closed_at": instants(since + 20 * DAY_SECONDS, flags(fault["closed_account"], count)),
    }
    current = source_table("accounts", columns).filter(pa.array(has_account))
    columns |= {
        "version": pa.array(np.ones(count, dtype=np.int64)),
        "account_number": join("98", digits(block.numbers, 8)),
        "channel": pa.array(["bni"] * count),
        "verified_at": instants(verified),
        "closed_at": instants(verified, np.zeros(count, dtype=np.bool_)),
    }
    return pa.concat_tables([source_table("accounts", columns).filter(pa.array(changed)), current])


def _account_numbers(rng: np.random.Generator, numbers: Ints, is_bank: Flags) -> pa.Array:
    """Ten digits from 99 at a bank; a mobile number under 0844 at a wallet, now and then written the international way."""
    number = digits(numbers, 8)
    prefix = words(("0", "+62", "62"), rng.choice(3, size=len(numbers), p=[0.9, 0.05, 0.05]))
    return pc.if_else(pa.array(is_bank), join("99", number), join(prefix, "844", number))


def _blocklist(block: Block, people: _People) -> pa.Table:
    """NIKs listed since a month before acceptance; some of these listings ended before it and hold nobody."""
    rows = np.concatenate([people.fault["blocklisted"], people.fault["delisted"]])
    ended = np.arange(len(rows)) >= len(people.fault["blocklisted"])
    accepted = block.accepted[rows]
    delisted_on = pc.if_else(pa.array(ended), dates(accepted - 5), pa.scalar(None, pa.date32()))
    columns: dict[str, Any] = {
        "nik": people.nik.take(pa.array(rows)),
        "reason": words(("penerima bantuan lain", "dicabut pada gelombang lalu"), rows % 2),
        "source": pa.array(["daftar-hitam"] * len(rows)),
        "listed_on": dates(accepted - 30),
        "delisted_on": delisted_on,
    }
    return source_table("blocklist", columns)
