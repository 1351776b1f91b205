"""Which line of a decision stands: the database's reading agrees with the plain one, whatever came by whatever instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import allocations, store
from ledger.store import Store
from reconciliation.reports import verifier
from tests.lib.databases import Database

_KEY = ("sk_number", "participant_id")
_SAID = ("sk_line", *allocations.BENEFITS.values())
_START = datetime(2020, 5, 1, tzinfo=UTC)
_AMOUNTS = st.sampled_from([None, 0, 50_000, 600_000])

_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "sk_number": st.sampled_from(["SK-1", "SK-2"]),
            "participant_id": st.sampled_from(["P1", "P2"]),
            "recorded_at": st.sampled_from([None, _START, _START + timedelta(hours=1)]),
            "sk_line": st.sampled_from([None, "1", "2"]),
            **dict.fromkeys(allocations.BENEFITS.values(), _AMOUNTS),
        }
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def ledger(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One ledger on each database; what an example took is rolled back."""
    with database.ledger(tmp_path_factory.mktemp("ledger")) as dsn:
        made = Store(dsn)
        made.create(0)
        yield made
        made.engine.dispose()


def _take(connection: store.Connection, number: int, rows: list[dict[str, Any]]) -> None:
    """Take the drop of that number at that moment; a row that an earlier one brought is known already."""
    drop = {"drop_id": str(number), "source": "x", "taken_at": number, "row_count": len(rows)}
    store.insert(connection, store.drops, [drop])
    for row in rows:
        at = row["recorded_at"]
        kept = row | {"recorded_at": None if at is None else (at - _START) // timedelta(microseconds=1)}
        where = {"row_mac": repr(row), "drop_id": str(number), "source_file": "a", "row": 1}
        store.insert_new(connection, store.source_allocations, [kept | where])


@given(drops=st.lists(_ROWS, min_size=1, max_size=3))
def test_what_stands_and_what_it_sums_to_at_every_instant(ledger: Store, drops: list[list[dict[str, Any]]]) -> None:
    with ledger.engine.connect() as connection:
        for number, rows in enumerate(drops):
            _take(connection, number, rows)
        for until in range(len(drops)):
            stands, _ = verifier.standing([row for rows in drops[: until + 1] for row in rows], _KEY)
            found = allocations.by_decision(connection, until).to_pylist()
            assert found == [_recounted(number, stands) for number in sorted({row["sk_number"] for row in stands})]
        connection.rollback()


def _recounted(number: str, stands: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of a decision that no manifest states, by walking through its lines."""
    mine = [row for row in stands if row["sk_number"] == number]
    columns = allocations.BENEFITS.values()
    return {
        "sk_number": number,
        **dict.fromkeys(("stated_count", "stated_idr", "stated_least_idr")),
        "line_count": len(mine),
        **{column: sum(row.get(column) or 0 for row in mine) for column in columns},
        "unknown_count": sum(any(row.get(column) is None for column in columns) for row in mine),
    }
