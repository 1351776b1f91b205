"""Small random countries in which much collides: few people, few NIKs, few family cards, few instants, many gaps.

    @given(countries())                                  # small, and shrinks to the smallest that fails
    def test_both_agree(country): ...

    @pytest.mark.parametrize("seed", range(20))
    def test_both_agree_on_many(seed):
        country = large_country(seed, people=200)        # many people at once: for an engine that costs much a call

Every value is a Python value as `reconciliation.reports.verifier` reads it. The NIKs are invented: their serial is 99xx.
"""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, NamedTuple

from hypothesis import strategies as st

WIB = timezone(timedelta(hours=7))
PROVINCES = frozenset({"31", "32", "91"})
CHANNELS = frozenset({"bni", "ovo"})

Row = dict[str, Any]
Pick = Callable[[Sequence[Any]], Any]  # one of these: drawn by Hypothesis, or by a seeded generator
Pools = dict[str, Sequence[Any]]  # a column and what it may hold


class Country(NamedTuple):
    """What a run of the rules takes: source tables, cut-off, instructions so far, channels, and the money there is.

    history rows: participant_id, benefit, sequence, attempt, period, policy, amount_idr, due_on, ended, credited_at.
    refused: (participant_id, version).
    """

    tables: dict[str, list[Row]]
    cut_off: datetime
    history: list[Row]
    channels: frozenset[str]
    balance_idr: int | None
    period: str
    refused: frozenset[tuple[str, int]]


def _mostly(usual: Sequence[Any], rare: Sequence[Any]) -> list[Any]:
    """A usual value in about five of six picks, so that a person often gets past all conditions but one."""
    return list(usual) * max(1, 5 * len(rare) // len(usual)) + list(rare) * max(1, len(usual) // (5 * len(rare)))


CUT_OFFS = (
    datetime(2020, 10, 31, 23, 59, 59, 999999, tzinfo=WIB),
    datetime(2020, 9, 30, 23, 59, 59, 999999, tzinfo=WIB),
    datetime(2020, 10, 15, 17, 0, tzinfo=UTC),  # midnight in Jakarta: the 16th begins
    datetime(2021, 2, 28, 23, 59, 59, 999999, tzinfo=WIB),
    datetime(2021, 3, 5, 23, 59, 59, 999999, tzinfo=WIB),  # the last payment date of waves 1-11 ends
    datetime(2021, 3, 6, 0, 0, tzinfo=WIB),
    datetime(2022, 3, 12, 16, 59, 59, 999999, tzinfo=UTC),
    datetime(2022, 3, 31, 23, 59, 59, 999999, tzinfo=WIB),
)
_NIKS = (
    "3171010101909901",
    "3201024112859902",
    "9101030203799903",
    "3171042902009904",
)  # the 2nd: a woman; the 4th: 29 Feb
_BAD_NIKS = (
    None,
    "",
    " ",
    "3171010101909901 ",
    "3.17101E+15",
    "9901010101909901",
    "3171010101900000",
    "3171013002909905",
)
_KKS = ("3171010101209901", "3201020202209902")
_BAD_KKS = (None, "", " 3171010101209901", "317101010120990", "317101010120990A")
_TRAININGS = ("T1", "T2", "T3", "T4")
_ACCEPTED = (date(2020, 8, 31), date(2020, 8, 30), date(2020, 4, 17))
_BOUGHT = (datetime(2020, 9, 1, 3, 0, tzinfo=UTC), datetime(2020, 8, 31, 16, 59, 59, 999999, tzinfo=UTC))
_BOUGHT_ODDLY = (
    None,
    datetime(2019, 12, 31, 16, 59, 59, 999999, tzinfo=UTC),  # still 2019 in Jakarta
    datetime(2019, 12, 31, 17, 0, tzinfo=UTC),  # 2020 has begun there
    datetime(2020, 12, 31, 16, 59, 59, 999999, tzinfo=UTC),
    datetime(2020, 12, 31, 17, 0, tzinfo=UTC),
)
_DONE = (
    datetime(2020, 9, 10, 3, 0, tzinfo=UTC),
    datetime(2020, 9, 20, 16, 59, 59, 999999, tzinfo=UTC),
    datetime(2020, 9, 20, 17, 0, tzinfo=UTC),
)
_ENDINGS: tuple[list[str | None], ...] = (  # how the attempts of one tranche ended, first to last
    [None],
    [None],
    ["rejected"],
    ["rejected", None],
    ["withdrawn", "returned", None],
)
_RECORDED = (None, datetime(2020, 10, 1, tzinfo=UTC), datetime(2020, 10, 2, tzinfo=UTC))


def _edges(cut_off: datetime) -> tuple[datetime, ...]:
    tick = timedelta(microseconds=1)
    return (cut_off, cut_off - tick, cut_off + tick, cut_off + timedelta(days=1))


def _niks(people: int) -> list[str]:
    """About as many NIKs as people; two people in three then have one of their own."""
    more = (f"317101{day:02}0190{serial}" for day in range(2, 29) for serial in range(9901, 10000))
    return [*_NIKS, *(nik for nik, _ in zip(more, range(2 * people - 8), strict=False))]


def _participants(cut_off: datetime, people: int) -> Pools:
    today = cut_off.astimezone(WIB).date()
    return {
        "nik": _mostly(_niks(people), _BAD_NIKS),
        "kk": _mostly([*_KKS, *(str(3171010101209903 + n) for n in range(people // 2 - 2))], _BAD_KKS),
        "name": ("Contoh",),
        "wave": _mostly((4, 11, 12, 23, 50, 51, 52), (None, 0, 1, 22, 47, 48)),
        "accepted_on": _mostly(_ACCEPTED, (None, today, today + timedelta(days=1), date(2021, 1, 31))),
        "status": _mostly(("active",), (None, "revoked")),
        "status_at": (None, datetime(2020, 9, 1, tzinfo=UTC), datetime(2020, 9, 2, tzinfo=UTC)),
    }


def _accounts(cut_off: datetime) -> Pools:
    return {
        "channel": _mostly(("bni", "ovo"), (None, "bca")),
        "account_number": ("0000000000",),
        "owner_nik": _mostly(_NIKS, (None, "", f" {_NIKS[0]}")),
        "verified_at": _mostly(_DONE, (None, *_edges(cut_off))),
        "closed_at": _mostly((None,), _edges(cut_off)[:3]),
    }


def _completions(cut_off: datetime, people: Sequence[str]) -> Pools:
    return {
        "participant_id": _mostly(people, ("P99999",)),
        "training_id": _mostly(_TRAININGS, (None, "T9")),
        "purchased_at": _mostly(_BOUGHT, (*_BOUGHT_ODDLY, *_edges(cut_off))),
        "completed_at": _mostly(_DONE, (None, *_edges(cut_off))),
        "certificate_number": _mostly(("C-1",), (None, "")),
        "rating": _mostly((5,), (None,)),
        "reviewed_at": _mostly(_DONE, (None, *_edges(cut_off))),
        "revoked_at": _mostly((None,), (cut_off, cut_off + timedelta(days=1))),
    }


def _surveys(cut_off: datetime) -> Pools:
    return {"completed_at": _mostly(_DONE, (None, *_edges(cut_off)))}


def _blocklist(cut_off: datetime) -> Pools:
    today = cut_off.astimezone(WIB).date()
    return {
        "listed_on": (today, None, today + timedelta(days=1)),
        "delisted_on": (None, today - timedelta(days=1), today, today + timedelta(days=1)),
    }


_PRICES: Pools = {"price_idr": (500_000, 250_000, 500_001, 1_000_000, 0, None)}


def _rows(pick: Pick, keys: Sequence[Row], pools: Pools, repeats: bool) -> list[Row]:
    """A row for each key; with `repeats` some keys again, in any order, the same or different, recorded or not."""
    pools = {**pools, "recorded_at": _RECORDED if repeats else (None,)}
    rows = [key | {column: pick(pool) for column, pool in pools.items()} for key in keys]
    if not (repeats and rows):
        return rows
    for _ in range(pick(range(1 + len(rows)))):
        again = dict(pick(rows))
        for column in pick(((), (pick(list(pools)),), tuple(pools))):
            again[column] = pick(pools[column])
        rows.insert(pick(range(1 + len(rows))), again)
    return rows


def _months_before(period: str, months: int) -> str:
    year, month = divmod(int(period[:4]) * 12 + int(period[5:]) - 1 - months, 12)
    return f"{year:04}-{month + 1:02}"


def _history(pick: Pick, who: str, benefit: str, period: str, cut_off: datetime) -> list[Row]:
    """The instructions of one participant for a benefit, in order and without a gap: none, or up to four.

    The last may be of this period. A payment may have failed and been issued again, or have been withdrawn before it
    stood; the last one may have been withdrawn for good, which frees it. What stands may be credited.
    """
    count = pick(_mostly((0,), (1, 2, 3, 4) if benefit == "incentive" else (1, 2, 3)))
    last_is_new = count and pick((True, False))
    first_due_on = pick((date(2020, 5, 31), date(2020, 8, 31), date(2020, 9, 30), cut_off.astimezone(WIB).date()))
    rows = []
    for sequence in range(1, count + 1):
        base = {
            "participant_id": who,
            "benefit": benefit,
            "sequence": sequence,
            "period": _months_before(period, count - sequence + (not last_is_new)),
            "policy": "prakerja-2020",
            "amount_idr": 600_000 if benefit == "incentive" else 50_000,
            "due_on": first_due_on + timedelta(days=30 * (sequence - 1)),
        }
        endings = pick(_ENDINGS)
        if sequence == count and pick(range(5)) == 4:
            endings = ["withdrawn"]
        for attempt, ended in enumerate(endings, 1):
            issued_again = attempt > 1 and endings[attempt - 2] != "withdrawn"
            more = {"attempt": attempt, "ended": ended} | ({"period": period} if issued_again else {})
            credited_at = None if ended else pick(_mostly(_DONE, (None, *_edges(cut_off)[:3])))
            rows.append(base | more | {"credited_at": credited_at})
    return rows


def _country(pick: Pick, people: Sequence[str], completion_count: int, repeats: bool) -> Country:
    cut_off: datetime = pick(CUT_OFFS)
    period = cut_off.astimezone(WIB).strftime("%Y-%m")
    persons = [{"participant_id": who} for who in people]
    participants = _rows(pick, persons, _participants(cut_off, len(people)), repeats)
    versions = [(who, version) for who in people for version in range(1, 1 + pick(_mostly((1,), (0, 2))))]
    accounts = _rows(pick, [{"participant_id": w, "version": n} for w, n in versions], _accounts(cut_off), repeats)
    niks = {row["participant_id"]: row["nik"] for row in participants}
    for row in accounts:  # an account mostly belongs to its participant
        if pick(_mostly((True,), (False,))):
            row["owner_nik"] = niks[row["participant_id"]]
    trainings = [{"training_id": name} for name in _TRAININGS[: pick((4, 3, 2))]]
    completed = [{"completion_id": f"K{n}"} for n in range(completion_count)]
    listed = [
        {"nik": nik, "source": by}
        for nik in _niks(len(people))[: 2 + len(people) // 9]
        for by in ("asn", "pddikti")
        if pick(range(3)) == 2
    ]
    answered = [
        {"participant_id": who, "number": number}
        for who in [*people, "P99999"]
        for number in range(1, 5)
        if pick((True, True, False))
    ]
    return Country(
        tables={
            "participants": participants,
            "accounts": accounts,
            "trainings": _rows(pick, trainings, _PRICES, repeats),
            "completions": _rows(pick, completed, _completions(cut_off, people), repeats),
            "blocklist": _rows(pick, listed, _blocklist(cut_off), repeats),
            "surveys": _rows(pick, answered, _surveys(cut_off), repeats),
        },
        cut_off=cut_off,
        history=[
            row
            for who in people
            for benefit in ("incentive", "survey")
            for row in _history(pick, who, benefit, period, cut_off)
        ],
        channels=CHANNELS,
        balance_idr=pick((None, None, 0, 50_000, 650_000, 1_199_999, 1_200_000, 60_000 * len(people))),
        period=period,
        refused=frozenset(version for version in versions if pick(range(8)) == 7),
    )


@st.composite
def countries(draw: st.DrawFn, *, repeats: bool = False) -> Country:
    """A country of up to four people. Keys are unique unless `repeats`, with which rows of one key differ or agree."""

    def pick(pool: Sequence[Any]) -> Any:
        return draw(st.sampled_from(pool))

    people = ("P1", "P10", "P2", "P3")[: pick((3, 4, 2, 1))]
    return _country(pick, people, pick(range(7)), repeats)


def large_country(seed: int, people: int, *, repeats: bool = False) -> Country:
    """A country of so many people, the same for the same seed; it does not shrink, and costs a hundredth a person."""
    pick = random.Random(seed).choice
    return _country(pick, [f"P{n}" for n in range(1, 1 + people)], 2 * people, repeats)
