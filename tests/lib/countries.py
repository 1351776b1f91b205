"""Small random countries in which much collides: few people, few NIKs, few family cards, few instants, many gaps.

    @given(countries())
    def test_both_agree(country): ...

Every value is a Python value as `reconciliation.reports.verifier` reads it. The NIKs are invented: their serial is 99xx.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, NamedTuple

from hypothesis import strategies as st

WIB = timezone(timedelta(hours=7))
PROVINCES = frozenset({"31", "32", "91"})
CHANNELS = frozenset({"bni", "ovo"})

Row = dict[str, Any]
Draw = st.DrawFn


class Country(NamedTuple):
    """What a run of the rules takes: source tables, cut-off, instructions so far, channels, and the money there is.

    history rows: participant_id, benefit, sequence, attempt, period, due_on, ended. refused: (participant_id, version).
    """

    tables: dict[str, list[Row]]
    cut_off: datetime
    history: list[Row]
    channels: frozenset[str]
    balance_idr: int | None
    period: str
    refused: frozenset[tuple[str, int]]


def _mostly(usual: Sequence[Any], rare: Sequence[Any]) -> st.SearchStrategy[Any]:
    """A usual value in about five of six draws, so that a person often gets past all conditions but one."""
    times = max(1, 5 * len(rare) // len(usual))
    return st.sampled_from([*rare, *(list(usual) * times)][::-1])


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
_PEOPLE = ("P1", "P10", "P2", "P3", "P4")
_NIKS = ("3171010101909901", "3201024112859902", "9101030203799903", "3171042902009904")
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


def _participants(cut_off: datetime) -> dict[str, st.SearchStrategy[Any]]:
    today = cut_off.astimezone(WIB).date()
    return {
        "nik": _mostly(_NIKS, _BAD_NIKS),
        "kk": _mostly(_KKS, _BAD_KKS),
        "name": st.just("Contoh"),
        "wave": _mostly((4, 11, 12, 23), (None, 0, 1, 22, 47, 48)),
        "accepted_on": _mostly(_ACCEPTED, (None, today, today + timedelta(days=1), date(2021, 1, 31))),
        "status": _mostly(("active",), (None, "revoked")),
        "status_at": st.sampled_from((None, datetime(2020, 9, 1, tzinfo=UTC), datetime(2020, 9, 2, tzinfo=UTC))),
    }


def _accounts(cut_off: datetime) -> dict[str, st.SearchStrategy[Any]]:
    return {
        "channel": _mostly(("bni", "ovo"), (None, "bca")),
        "account_number": st.just("0000000000"),
        "owner_nik": _mostly(_NIKS, (None, "", f" {_NIKS[0]}")),
        "verified_at": _mostly(_DONE, (None, *_edges(cut_off))),
        "closed_at": _mostly((None,), _edges(cut_off)[:3]),
    }


def _completions(cut_off: datetime, people: Sequence[str]) -> dict[str, st.SearchStrategy[Any]]:
    return {
        "participant_id": _mostly(people, ("P99",)),
        "training_id": _mostly(_TRAININGS, (None, "T9")),
        "purchased_at": _mostly(_BOUGHT, (*_BOUGHT_ODDLY, *_edges(cut_off))),
        "completed_at": _mostly(_DONE, (None, *_edges(cut_off))),
        "certificate_number": _mostly(("C-1",), (None, "")),
        "rating": _mostly((5,), (None,)),
        "reviewed_at": _mostly(_DONE, (None, *_edges(cut_off))),
        "revoked_at": _mostly((None,), (cut_off, cut_off + timedelta(days=1))),
    }


def _trainings() -> dict[str, st.SearchStrategy[Any]]:
    return {"price_idr": st.sampled_from((500_000, 250_000, 500_001, 1_000_000, 0, None))}


def _blocklist(cut_off: datetime) -> dict[str, st.SearchStrategy[Any]]:
    today = cut_off.astimezone(WIB).date()
    return {
        "listed_on": st.sampled_from((today, None, today + timedelta(days=1))),
        "delisted_on": st.sampled_from((None, today - timedelta(days=1), today, today + timedelta(days=1))),
    }


def _rows(draw: Draw, keys: Sequence[Row], columns: dict[str, st.SearchStrategy[Any]], repeats: bool) -> list[Row]:
    """A row for each key; with `repeats` some keys again, in any order, the same or different, recorded or not."""
    whole = st.fixed_dictionaries({**columns, "recorded_at": st.sampled_from(_RECORDED) if repeats else st.none()})
    rows = [key | draw(whole) for key in keys]
    if repeats and rows:
        for row in draw(st.lists(st.sampled_from(rows), max_size=3)):
            again = draw(whole)
            changed = draw(st.sets(st.sampled_from(sorted(again)), max_size=3))
            rows.append(row | {column: again[column] for column in changed})
        rows = draw(st.permutations(rows))
    return rows


def _months_before(period: str, months: int) -> str:
    year, month = divmod(int(period[:4]) * 12 + int(period[5:]) - 1 - months, 12)
    return f"{year:04}-{month + 1:02}"


def _history(draw: Draw, who: str, period: str, cut_off: datetime) -> list[Row]:
    """The incentive's instructions of one participant, in order and without a gap: none, or up to four tranches.

    The last tranche may be of this period. A tranche may have failed and been issued again, or have been withdrawn
    before it stood; the last one may have been withdrawn for good, which frees it.
    """
    count = draw(_mostly((0,), (1, 1, 2, 3, 4)))
    last_is_new = draw(st.booleans())
    first_due_on = draw(st.sampled_from((date(2020, 5, 31), date(2020, 8, 31), date(2020, 9, 30), cut_off.date())))
    rows = []
    for sequence in range(1, count + 1):
        months = count - sequence + (not last_is_new)
        base = {
            "participant_id": who,
            "benefit": "incentive",
            "sequence": sequence,
            "period": _months_before(period, months),
            "due_on": first_due_on + timedelta(days=30 * (sequence - 1)),
        }
        endings: list[str | None] = draw(st.sampled_from(_ENDINGS))
        if sequence == count and draw(st.integers(0, 4)) == 4:
            endings = ["withdrawn"]
        for attempt, ended in enumerate(endings, 1):
            issued_again = attempt > 1 and endings[attempt - 2] != "withdrawn"
            rows.append(base | {"attempt": attempt, "ended": ended} | ({"period": period} if issued_again else {}))
    return rows


@st.composite
def countries(draw: Draw, *, repeats: bool = False) -> Country:
    """A country of up to five people. Keys are unique unless `repeats`, with which rows of one key differ or agree."""
    cut_off = draw(st.sampled_from(CUT_OFFS))
    period = cut_off.astimezone(WIB).strftime("%Y-%m")
    people = list(_PEOPLE[: draw(st.integers(1, len(_PEOPLE)))])
    versions = [(who, version) for who in people for version in range(1, 1 + draw(_mostly((1,), (0, 2))))]
    participants = _rows(draw, [{"participant_id": who} for who in people], _participants(cut_off), repeats)
    niks = {row["participant_id"]: row["nik"] for row in participants}
    accounts = _rows(draw, [{"participant_id": who, "version": n} for who, n in versions], _accounts(cut_off), repeats)
    for row in accounts:  # an account mostly belongs to its participant
        if draw(_mostly((True,), (False,))):
            row["owner_nik"] = niks[row["participant_id"]]
    completed = [{"completion_id": f"K{n}"} for n in range(draw(st.integers(0, 7)))]
    listed = draw(st.sets(st.tuples(st.sampled_from(_NIKS), st.sampled_from(("pddikti", "asn"))), max_size=2))
    tables = {
        "participants": participants,
        "accounts": accounts,
        "trainings": _rows(
            draw,
            [{"training_id": name} for name in draw(st.sets(st.sampled_from(_TRAININGS), min_size=2))],
            _trainings(),
            repeats,
        ),
        "completions": _rows(draw, completed, _completions(cut_off, people), repeats),
        "blocklist": _rows(
            draw, [{"nik": nik, "source": source} for nik, source in sorted(listed)], _blocklist(cut_off), repeats
        ),
    }
    covered = {row["participant_id"] for row in participants if row["wave"] is not None and 1 <= row["wave"] <= 47}
    outside = {row["participant_id"] for row in participants} - covered
    history = [row for who in people if who not in outside for row in _history(draw, who, period, cut_off)]
    refused = frozenset(draw(st.sets(st.sampled_from(versions), max_size=1)) if versions else ())
    balance_idr = draw(st.sampled_from((None, None, 0, 600_000, 1_199_999, 1_200_000)))
    return Country(tables, cut_off, history, CHANNELS, balance_idr, period, refused)
