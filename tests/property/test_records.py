"""Which row stands for a key: the columns of `disbursement.records` agree with the plain reading, in any order."""

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from disbursement.records import standing
from reconciliation.reports import verifier
from schemas.tables import SOURCES
from tests.lib.countries import Country, countries


def _as_dicts(rows: pa.Table) -> list[dict[str, Any]]:
    return sorted(rows.to_pylist(), key=repr)


def _distinct(rows: pa.Table) -> list[dict[str, Any]]:
    """Identical rows as one; an empty text is as unknown as a null."""
    emptied = [{name: None if value == "" else value for name, value in row.items()} for row in rows.to_pylist()]
    return sorted({repr(row): row for row in emptied}.values(), key=repr)


@given(countries(repeats=True), st.data())
def test_one_row_a_key_stands_as_in_the_plain_reading(country: Country, data: st.DataObject) -> None:
    for name, key in verifier.KEYS.items():
        given_rows = country.tables[name]
        rows = pa.Table.from_pylist(given_rows, schema=SOURCES[f"{name}.v1"].schema)
        rows = rows.take(pa.array(data.draw(st.permutations(range(rows.num_rows))), pa.int64()))
        stands, aside = standing(rows, key)
        plain_stands, plain_aside = verifier.standing(given_rows, key)
        filled = pa.Table.from_pylist(plain_stands, schema=rows.schema)
        assert _distinct(stands) == _as_dicts(filled)
        assert stands.num_rows == filled.num_rows
        assert _distinct(rows.take(aside)) == _as_dicts(pa.Table.from_pylist(plain_aside, schema=rows.schema))
