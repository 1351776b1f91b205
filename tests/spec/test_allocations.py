"""What decisions allocate: the manifest's word and the lines' word, in one drop and across drops, and which line stands."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from disbursement import steps
from ledger import allocations, store
from ledger.house import House
from ledger.instants import to_micros
from schemas.errors import InputRejected
from tests.lib.small_drop import Row, people, write_drop
from tests.lib.small_home import AT, at, small_home

SK = "SK-1/2020"
EACH = {"training_aid_idr": 1_000, "incentive_idr": 2_400, "survey_idr": 150}
EACH_IDR = sum(EACH.values())


@pytest.fixture
def house(tmp_path: Path) -> House:
    return small_home(tmp_path)


def line(number: int, **changed: Any) -> Row:
    """A line of the decision; `changed` are columns."""
    return {"sk_number": SK, "participant_id": f"P{number}", "sk_line": str(number), **EACH, **changed}


def take(house: House, lines: list[Row], **stated: int) -> dict[str, Any]:
    """Take a drop of these lines, whose manifest states this of the decision (nothing: there is no manifest)."""
    folder = house.path.parent / f"drop{len(list(house.path.parent.iterdir()))}"
    write_drop(folder, {"allocations": lines})
    if stated:
        (folder / "manifest.json").write_text(json.dumps({"decisions": {SK: stated}}), encoding="utf-8")
    return steps.intake(house, str(folder))


def totals(house: House, until: datetime = AT) -> dict[str, Any]:
    """What is known of the decision by an instant; nothing where it is not known."""
    with house.store.reading() as connection:
        rows = allocations.by_decision(connection, to_micros(until)).to_pylist()
    return {k: v for row in rows for k, v in row.items() if v is not None and k != "sk_number"}


REFUSED: list[tuple[list[Row], dict[str, int], str]] = [
    ([line(1), line(2)], {"people": 1}, "grants it to 1 people, its lines name 2"),
    ([line(1)], {"people": 2, "amount_idr": EACH_IDR - 1}, "allocates Rp3.549, its 1 lines Rp3.550: Rp1 beyond it"),
    ([line(1)], {"people": 1, "amount_idr": EACH_IDR + 50}, "allocates Rp3.600, its 1 lines Rp3.550: Rp50 missing"),
    ([line(1), line(2)], {"amount_idr": EACH_IDR}, "Rp3.550 beyond it"),
]


@pytest.mark.parametrize(("lines", "stated", "says"), REFUSED)
def test_lines_that_contradict_the_manifest_beside_them_refuse_the_drop_whole(
    house: House, lines: list[Row], stated: dict[str, int], says: str
) -> None:
    with pytest.raises(InputRejected, match=says):
        take(house, lines, **stated)
    assert totals(house) == {}
    assert house.store.read(sa.select(store.source_allocations)).num_rows == 0


TAKEN: list[tuple[list[Row], dict[str, int], list[str]]] = [
    ([line(1), line(2)], {"people": 2, "amount_idr": 2 * EACH_IDR}, []),
    ([line(1)], {"people": 2, "amount_idr": 2 * EACH_IDR}, [f"{SK}: of Rp7.100 allocated its lines lack Rp3.550 and 1 people"]),
    ([line(1, survey_idr=None)], {"people": 1, "amount_idr": EACH_IDR}, [f"{SK}: of Rp3.550 allocated its lines lack Rp150 and 0 people"]),
    ([line(1)], {}, []),
    ([line(1)], {"people": 1}, []),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "stated", "says"), TAKEN)
def test_lines_that_agree_or_are_still_incomplete_are_taken_and_what_is_missing_is_named(
    house: House, lines: list[Row], stated: dict[str, int], says: list[str]
) -> None:
    result = take(house, lines, **stated)
    assert result["taken"] == len(lines)
    assert [warning for warning in result["warnings"] if warning.startswith("SK-")] == says
    assert bool(says) == any(warning.startswith("sk_totals.v1") for warning in result["warnings"])


def test_across_drops_a_contradiction_is_taken_and_named_and_ends_with_its_correction(house: House) -> None:
    take(house, [line(1)], people=2, amount_idr=2 * EACH_IDR)
    result = take(house, [line(2, incentive_idr=2_000)])
    assert result["warnings"][0] == f"{SK}: of Rp7.100 allocated its lines lack Rp400 and 0 people"
    assert take(house, [line(2, recorded_at=AT)])["warnings"] == []


def test_drops_that_state_one_decision_differently_are_named_and_the_largest_counts(house: House) -> None:
    take(house, [line(1)], people=2, amount_idr=2 * EACH_IDR)
    warnings = take(house, [line(2)], people=2, amount_idr=2 * EACH_IDR + 7)["warnings"]
    assert f"{SK}: drops differ by Rp7; the largest, Rp7.107, counts" in warnings
    assert totals(house)["stated_idr"] == 2 * EACH_IDR + 7


def test_a_line_known_from_an_earlier_drop_counts_against_the_manifest_too(house: House) -> None:
    take(house, [line(1)])
    with pytest.raises(InputRejected, match="its lines name 2"):
        take(house, [line(1), line(2)], people=1)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("incentive_idr", "-1", "amount_invalid"),
        ("survey_idr", "50000.50", "amount_invalid"),
        ("training_aid_idr", "1000000000000", "amount_invalid"),
        ("incentive_idr", "Rp600000", "amount_invalid"),
        ("participant_id", None, "missing_key"),
    ],
)
def test_a_line_that_cannot_be_read_is_quarantined(house: House, column: str, value: object, reason: str) -> None:
    assert take(house, [line(1), line(2, **{column: value})])["quarantined"] == 1
    assert house.store.read(sa.select(store.quarantine.c.reason))["reason"].to_pylist() == [reason]
    assert totals(house)["line_count"] == 1


_DAY = datetime(2020, 5, 1, tzinfo=UTC)
STANDS: list[tuple[str, list[Row], dict[str, int]]] = [
    ("the later recorded_at stands", [line(1, recorded_at=_DAY), line(1, recorded_at=_DAY + timedelta(1), survey_idr=0)], {"survey_idr": 0}),
    ("a dated row stands before an undated one", [line(1, survey_idr=9), line(1, recorded_at=_DAY)], {"survey_idr": 150}),
    ("a filled field beats an empty one", [line(1, survey_idr=None), line(1, incentive_idr=None)], {"incentive_idr": 2_400, "survey_idr": 150}),
    ("two of one instant contradict, the earlier stands", [line(1, recorded_at=_DAY), *(line(1, recorded_at=_DAY + timedelta(1), survey_idr=n) for n in (1, 2))], {"survey_idr": 150}),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "expected"), [case[1:] for case in STANDS], ids=[case[0] for case in STANDS])
def test_one_line_stands_for_a_person_of_a_decision(house: House, rows: list[Row], expected: dict[str, int]) -> None:
    take(house, rows)
    assert {k: v for k, v in totals(house).items() if k in expected} == expected
    assert totals(house)["line_count"] == 1


def test_two_lines_that_contradict_are_set_aside_together_and_nothing_stands(house: House) -> None:
    assert take(house, [line(1, survey_idr=1), line(1, survey_idr=2)])["quarantined"] == 2
    assert totals(house) == {}


def test_what_was_known_at_an_instant_is_not_changed_by_what_comes_later(house: House) -> None:
    take(house, [line(1)], people=2, amount_idr=2 * EACH_IDR)
    before = totals(house)
    take(
        at(house, AT + timedelta(days=2)),
        [line(1, recorded_at=AT, incentive_idr=1), line(2)],
        people=3,
        amount_idr=9_999,
    )
    assert totals(house) == before
    later = totals(house, AT + timedelta(days=2))
    assert (later["stated_count"], later["stated_idr"], later["incentive_idr"]) == (3, 9_999, 1 + EACH["incentive_idr"])


def test_the_year_of_a_decision_is_that_of_the_acceptances_that_stand(house: House, tmp_path: Path) -> None:
    tables = people(2)
    first, second = tables["participants"]
    first["accepted_on"] = date(2021, 5, 4)
    steps.intake(house, str(write_drop(tmp_path / "mistyped", tables)))
    with house.store.reading() as connection:
        assert allocations.fiscal_years(connection, to_micros(AT)) == {}
    later = at(house, AT + timedelta(days=2))
    first |= {"accepted_on": second["accepted_on"], "status_at": first["status_at"] + timedelta(hours=1)}
    steps.intake(later, str(write_drop(tmp_path / "corrected", tables)))
    with house.store.reading() as connection:
        assert allocations.fiscal_years(connection, to_micros(AT)) == {}
        assert allocations.fiscal_years(connection, to_micros(later.at)) == {"SK-CONTOH/2020": 2020}
