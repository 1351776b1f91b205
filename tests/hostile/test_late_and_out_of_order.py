"""However rows arrive - cut into drops, late, repeated, in any order and form - what stands is what the plain reading says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from disbursement import intake
from disbursement.sources.files import open_drop
from disbursement.sources.origin import origin_of
from ledger.archive import Archive
from ledger.house import House
from ledger.keyring import Keyring
from ledger.store import Store
from reconciliation.reports import verifier
from schemas.errors import SalurError
from tests.lib.countries import large_country
from tests.lib.small_drop import Row, Tables, write_drop

DERIVED = {"nik_problem", "province"}
UNSEEN = {"kk", "name", "account_number", "owner_name"}
"""What the ledger keeps of a row as digests alone, with no meaning beyond being equal."""


class OpenGate:
    """Lets every table through: the checks are another test's matter."""

    def check(self, name: str, table: pa.Table) -> list[int]:
        return []

    def stop_if_failed(self) -> None:
        return


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house whose record and bytes are in memory."""
    keys, at = Keyring(b"k" * 32), datetime(2020, 10, 1, tzinfo=UTC)
    record = Store("sqlite://")
    record.create(0)
    yield House(tmp_path, {}, record, Archive(f"memory://{tmp_path}", keys), keys, at, "test")
    record.engine.dispose()


def take(house: House, folder: Path) -> dict[str, int]:
    """Take one drop without checks; its counts add up."""
    counts = intake.take(house, open_drop(origin_of(str(folder))), OpenGate())  # type: ignore[arg-type]
    assert counts["read"] == counts["taken"] + counts["repeated"] + counts["quarantined"]
    return counts


def stripped(rows: list[Row]) -> list[Row]:
    """Text as a source is read: white space at its ends is not part of it."""
    return [{key: value.strip() if isinstance(value, str) else value for key, value in row.items()} for row in rows]


def dealt(tables: Tables, drops: int, chance: random.Random) -> list[Tables]:
    """The rows dealt to so many drops, shuffled, some of them to two."""
    hands: list[Tables] = [{} for _ in range(drops)]
    for name, rows in tables.items():
        for row in chance.sample(rows, len(rows)):
            for hand in chance.sample(hands, chance.choice((1, 1, 1, 2))):
                hand.setdefault(name, []).append(row)
    return hands


def digested(house: House, row: Row) -> Row:
    """A clear row as the ledger keeps it, unknown fields left out."""
    kept: dict[str, Any] = {}
    for key, value in row.items():
        if value in (None, "") or key in UNSEEN:
            continue
        if key in ("nik", "owner_nik"):
            key, value = f"{key}_mac", house.keys.mac("nik", value)
        kept[key] = value.astimezone(UTC) if isinstance(value, datetime) else value
    return kept


def in_force(house: House, name: str) -> list[Row]:
    """What stands in the ledger, in the same form."""
    digests = {f"{unseen}_mac" for unseen in UNSEEN} | {"account_mac"}
    with house.store.reading() as connection:
        rows = intake.current(connection, name).to_pylist()
    hidden = DERIVED | digests
    return [
        {
            k: v.astimezone(UTC) if isinstance(v, datetime) else v
            for k, v in row.items()
            if v is not None and k not in hidden
        }
        for row in rows
    ]


def ordered(rows: list[Row]) -> list[Row]:
    """Rows and their fields in an order of their own, to be compared."""
    return sorted(({key: row[key] for key in sorted(row)} for row in rows), key=lambda row: str(row.items()))


@pytest.mark.parametrize("seed", range(6))
def test_drops_cut_shuffled_late_and_repeated_leave_what_the_plain_reading_leaves(
    seed: int, house: House, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    tables = {name: stripped(rows) for name, rows in large_country(seed, 40, repeats=True).tables.items()}
    for number, hand in enumerate(dealt(tables, 3, chance)):
        form, parts = chance.choice(("csv", "jsonl", "parquet")), chance.choice((1, 2, 3))
        take(house, write_drop(tmp_path / str(number), hand, form, parts))
    for name, key in verifier.KEYS.items():
        stands, _ = verifier.standing(tables[name], key)
        expected = [digested(house, row) for row in stands]
        assert ordered(in_force(house, name)) == ordered(expected), name


def test_rows_that_differ_only_in_an_unusable_family_card_contradict_each_other(house: House, tmp_path: Path) -> None:
    rows = [
        {"participant_id": "P1", "kk": "123", "recorded_at": house.at},
        {"participant_id": "P1", "kk": "124", "recorded_at": house.at},
    ]
    counts = take(house, write_drop(tmp_path / "drop", {"participants": rows}))
    assert (counts["quarantined"], in_force(house, "participants")) == (2, [])


def test_a_person_who_arrives_after_the_completions_is_decided_with_them(house: House, tmp_path: Path) -> None:
    take(
        house,
        write_drop(tmp_path / "first", {"completions": [{"completion_id": "C1", "participant_id": "P1", "rating": 4}]}),
    )
    assert in_force(house, "completions") == [{"completion_id": "C1", "participant_id": "P1", "rating": 4}]
    take(house, write_drop(tmp_path / "second", {"participants": [{"participant_id": "P1", "wave": 1}]}))
    assert in_force(house, "participants") == [{"participant_id": "P1", "wave": 1}]


def test_the_same_drop_again_changes_nothing(house: House, tmp_path: Path) -> None:
    rows = [
        {"completion_id": "C1", "rating": 4},
        {"completion_id": "C1", "rating": 5},
        {"completion_id": "C2", "rating": 6},
    ]
    drop = write_drop(tmp_path / "drop", {"completions": rows})
    first, second = take(house, drop), take(house, drop)
    assert first == {"read": 3, "taken": 0, "repeated": 0, "quarantined": 3, "set_aside_earlier": 0}
    assert second == {"read": 3, "taken": 0, "repeated": 2, "quarantined": 1, "set_aside_earlier": 0}


def test_a_row_that_a_later_drop_contradicts_is_set_aside_with_it_and_counted_apart(
    house: House, tmp_path: Path
) -> None:
    tables = [
        {"completions": [{"completion_id": "C1", "rating": 4}, {"completion_id": "C2", "rating": 4}]},
        {"completions": [{"completion_id": "C1", "rating": 4}, {"completion_id": "C1", "rating": 5}]},
    ]
    drops = [write_drop(tmp_path / str(number), drop) for number, drop in enumerate(tables)]
    assert take(house, drops[0]) == {"read": 2, "taken": 2, "repeated": 0, "quarantined": 0, "set_aside_earlier": 0}
    assert take(house, drops[1]) == {"read": 2, "taken": 0, "repeated": 1, "quarantined": 1, "set_aside_earlier": 1}
    for drop in drops:
        assert take(house, drop) == {"read": 2, "taken": 0, "repeated": 2, "quarantined": 0, "set_aside_earlier": 0}


@pytest.mark.parametrize(("taken", "repeated"), [(1, 0), (3, 0), (3, -1)])
def test_counts_that_do_not_add_up_stop_intake(taken: int, repeated: int) -> None:
    with pytest.raises(SalurError, match="do not add up"):
        intake.hold_together({"read": 2, "taken": taken, "repeated": repeated, "quarantined": 0})
