"""Finding references and numbering groups with whole columns gives what a dictionary gives, one after the other."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.lookup import positions
from reconciliation.sides import first_rows, to_groups

of_one_length = st.integers(1, 18).flatmap(lambda n: st.lists(st.text("AB0", min_size=n, max_size=n), unique=True))
of_any = st.lists(st.text(max_size=4), unique=True)
asked = st.lists(st.none() | st.text("AB0é", max_size=18))


@given(of_one_length | of_any, asked, st.integers(0, 3), st.data())
def test_a_reference_is_found_where_it_stands_and_nowhere_else(
    among: list[str], others: list[str | None], skipped: int, data: st.DataObject
) -> None:
    wanted = others + data.draw(st.lists(st.sampled_from(among or [None])))
    places = {text: place for place, text in enumerate(among)}
    found = positions(pa.array(wanted, pa.string()).slice(skipped), pa.array(among, pa.string()))
    assert found.tolist() == [-1 if text is None else places.get(text, -1) for text in wanted[skipped:]]


def test_many_references_that_differ_in_little_are_all_found() -> None:
    among = [f"SYN{number:011d}X" for number in range(20_000)]
    assert positions(pa.array(among[::-1]), pa.array(among)).tolist() == list(range(20_000))[::-1]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", None]))))
def test_rows_of_one_combination_bear_one_number_and_no_others_do(rows: list[tuple[str, str | None]]) -> None:
    table = pa.table(
        {"one": pa.array([a for a, _ in rows], pa.string()), "two": pa.array([b for _, b in rows], pa.string())}
    )
    numbers, firsts = to_groups(table, ("one", "two"))
    assert {rows[first] for first in firsts.tolist()} == set(rows)
    assert [rows[firsts[number]] for number in numbers.tolist()] == rows
    assert len(firsts) == len(set(rows))
    assert [rows[place] for place in first_rows(numbers, len(firsts)).tolist()] == [rows[first] for first in firsts]
