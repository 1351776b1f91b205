"""The data checks without Great Expectations: each type of expectation that a suite uses, as one exact vectorised rule.

Great Expectations takes seconds to import and tens of milliseconds a suite, which a simulated programme of many days
cannot spend. A test holds every rule here against the library, on the same tables: same counts, same rows, same verdict.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.suites import Finding, columns_named, suite

Rule = Callable[[pa.Table, Mapping[str, Any]], pa.ChunkedArray]


def check(table: pa.Table, name: str) -> list[Finding]:
    """Hold a table against the suite of `name`; no row is changed. A table without rows is held against nothing."""
    if not table.num_rows:
        return []
    return [_finding(table, name, each) for each in suite(name)]


def _finding(table: pa.Table, name: str, each: Mapping[str, Any]) -> Finding:
    kwargs, action = each["kwargs"], each["meta"]["action"]
    fails = pc.fill_null(RULES[each["type"]](table, kwargs), False)
    rows = np.flatnonzero(fails.to_numpy(zero_copy_only=False)) if pc.any(fails).as_py() else ()
    return Finding(
        table=name,
        expectation=each["type"],
        column=columns_named(kwargs),
        action=action,
        success=len(rows) == 0,
        failed_count=len(rows),
        row_count=table.num_rows,
        observed=None,
        failed_rows=tuple(int(row) for row in rows) if action == "quarantine" else (),
    )


# --- one rule a type: true where a row fails, false or null where it does not; what is unknown fails not_be_null alone


def _null(table: pa.Table, kwargs: Mapping[str, Any]) -> pa.ChunkedArray:
    return pc.is_null(table.column(kwargs["column"]))


def _outside(table: pa.Table, kwargs: Mapping[str, Any]) -> pa.ChunkedArray:
    return _beyond(table.column(kwargs["column"]), kwargs)


def _length_outside(table: pa.Table, kwargs: Mapping[str, Any]) -> pa.ChunkedArray:
    return _beyond(pc.utf8_length(table.column(kwargs["column"])), kwargs)


def _beyond(values: pa.ChunkedArray, kwargs: Mapping[str, Any]) -> pa.ChunkedArray:
    inside = pc.and_(
        pc.greater_equal(values, kwargs["min_value"]),
        pc.less_equal(values, kwargs["max_value"]),
    )
    return pc.invert(inside)


def _not_in_set(table: pa.Table, kwargs: Mapping[str, Any]) -> pa.ChunkedArray:
    column = table.column(kwargs["column"])
    inside = pc.is_in(column, value_set=pa.array(kwargs["value_set"], column.type))
    return pc.and_(pc.invert(inside), pc.is_valid(column))


def _no_match(table: pa.Table, kwargs: Mapping[str, Any]) -> pa.ChunkedArray:
    """By Python's own expressions, as the library has it: RE2 reads the end of a text differently."""
    pattern, column = re.compile(kwargs["regex"]), table.column(kwargs["column"])
    values = pc.drop_null(pc.unique(column))
    wrong = [value for value in values.to_pylist() if not pattern.search(value)]
    return pc.and_(pc.is_in(column, value_set=pa.array(wrong, column.type)), pc.is_valid(column))


def _repeated(table: pa.Table, kwargs: Mapping[str, Any]) -> pa.ChunkedArray:
    column = table.column(kwargs["column"])
    return pc.and_(_again([column]), pc.is_valid(column))


def _repeated_together(table: pa.Table, kwargs: Mapping[str, Any]) -> pa.ChunkedArray:
    """Unknown equals unknown here; a row of which nothing is known is left out."""
    columns = [table.column(name) for name in kwargs["column_list"]]
    known = pc.is_valid(columns[0])
    for column in columns[1:]:
        known = pc.or_(known, pc.is_valid(column))
    return pc.and_(_again(columns), known)


def _again(columns: list[pa.ChunkedArray]) -> pa.Array:
    """True where a row's values stand in another row too."""
    groups = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        encoded = column.combine_chunks().dictionary_encode()
        codes = pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy(zero_copy_only=False).astype(np.int64)
        _, groups = np.unique(groups * (len(encoded.dictionary) + 1) + codes, return_inverse=True)
    return pa.array(np.bincount(groups)[groups] > 1)


def _smaller(table: pa.Table, kwargs: Mapping[str, Any]) -> pa.ChunkedArray:
    """Where either is unknown the row is left out, which is the only way that a suite asks for."""
    assert kwargs["or_equal"]
    assert kwargs["ignore_row_if"] == "either_value_is_missing"
    return pc.less(table.column(kwargs["column_A"]), table.column(kwargs["column_B"]))


RULES: Mapping[str, Rule] = {
    "expect_column_pair_values_a_to_be_greater_than_b": _smaller,
    "expect_column_value_lengths_to_be_between": _length_outside,
    "expect_column_values_to_be_between": _outside,
    "expect_column_values_to_be_in_set": _not_in_set,
    "expect_column_values_to_be_unique": _repeated,
    "expect_column_values_to_match_regex": _no_match,
    "expect_column_values_to_not_be_null": _null,
    "expect_compound_columns_to_be_unique": _repeated_together,
}
"""By type of expectation; a suite may use no other."""
