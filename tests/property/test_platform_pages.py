"""A page of a platform's answer: its rows are those that a plain reading of the whole finds, each as it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platforms.pages import read_page

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
pages = st.fixed_dictionaries(
    {"rows": st.lists(values, max_size=5), "next_cursor": st.none() | st.text(min_size=1)},
    optional={"total": values, "rows ": values},
)


@given(pages, st.sampled_from([None, 0, 2]), st.booleans())
def test_for_any_page_however_it_is_laid_out_the_rows_are_found(
    page: dict[str, Any], indent: int | None, is_escaped: bool
) -> None:
    text = json.dumps(page, indent=indent, ensure_ascii=is_escaped)
    rows, cursor = read_page(text)
    assert [json.loads(row) for row in rows] == page["rows"]
    assert cursor == page["next_cursor"]
    assert not any(b"\n" in row for row in rows)


@given(pages, st.integers(1, 60))
def test_for_any_page_that_is_cut_short_nothing_is_believed(page: dict[str, Any], length: int) -> None:
    text = json.dumps(page)
    with pytest.raises(ValueError, match="It "):
        read_page(text[: -min(length, len(text))])
