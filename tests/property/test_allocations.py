"""Which line of a decision stands: the database's reading agrees with the plain one, whatever came by whatever instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger import allocations, store
from ledger.store import Store
from reconciliation.reports import verifier

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


def _ledger(drops: list[list[dict[str, Any]]]) -> Store:
    """A ledger in memory that took the drops, the n-th at n; a row that an earlier one brought is known already."""
    ledger = Store("sqlite://")
    ledger.create(0)
    with ledger.transaction() as connection:
        for number, rows in enumerate(drops):
            drop = {"drop_id": str(number), "source": "x", "taken_at": number, "row_count": len(rows)}
            store.insert(connection, store.drops, [drop])
            for row in rows:
                at = row["recorded_at"]
                kept = row | {"recorded_at": None if at is None else (at - _START) // timedelta(microseconds=1)}
                where = {"row_mac": repr(row), "drop_id": str(number), "source_file": "a", "row": 1}
                store.insert_new(connection, store.source_allocations, [kept | where])
    return ledger


@given(st.lists(_ROWS, min_size=1, max_size=3))
def test_what_stands_and_what_it_sums_to_at_every_instant(drops: list[list[dict[str, Any]]]) -> None:
    ledger = _ledger(drops)
    for until in range(len(drops)):
        known = [row for rows in drops[: until + 1] for row in rows]
        stands, _ = verifier.standing(known, _KEY)
        with ledger.reading() as connection:
            found = allocations.by_decision(connection, until).to_pylist()
        assert [(row["sk_number"], row["line_count"]) for row in found] == [
            (number, sum(row["sk_number"] == number for row in stands))
            for number in sorted({row["sk_number"] for row in stands})
        ]
        for row in found:
            mine = [each for each in stands if each["sk_number"] == row["sk_number"]]
            sums = {column: sum(each.get(column) or 0 for each in mine) for column in allocations.BENEFITS.values()}
            assert {column: row[column] for column in sums} == sums
            unknown = sum(any(each.get(column) is None for column in sums) for each in mine)
            assert row["unknown_count"] == unknown
    ledger.engine.dispose()
