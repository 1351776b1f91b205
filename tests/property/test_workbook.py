"""Any text of a source or a bank is in the workbook as it is, and as text."""

from __future__ import annotations

import io

import openpyxl
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from reconciliation.reports.workbook import WHOLE_MAX, workbook
from schemas.money import format_idr
from tests.lib.cycle_facts import empty_cycle

# All that UTF-8 can hold; the last two of its first plane are no characters, and stand as U+FFFD.
_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\ufffe\uffff")
_BEGINNINGS = st.sampled_from(
    ["", "=", "+", "-", "@", "\t", "\r", "\n", " ", "'", "{=", "_x0041_", "http://", "mailto:", "internal:"]
)
_TEXTS = st.builds(str.__add__, _BEGINNINGS, st.text(_CHARACTERS, max_size=40)).filter(bool)


def _cells(table: pa.Table) -> list[openpyxl.cell.cell.Cell]:
    data = workbook(empty_cycle(), {"policies": table}, False)
    return [row[0] for row in openpyxl.load_workbook(io.BytesIO(data)).worksheets[1].iter_rows(min_row=4)]


@given(st.lists(_TEXTS, min_size=1, max_size=20))
def test_every_text_is_kept_and_never_a_formula_a_link_or_a_number(texts: list[str]) -> None:
    cells = _cells(pa.table({"policy": texts}))
    assert [unescape(cell.value) for cell in cells] == texts
    assert {(cell.data_type, cell.hyperlink, cell.number_format) for cell in cells} == {("s", None, "@")}


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_every_sum_keeps_all_its_digits(amounts: list[int]) -> None:
    cells = _cells(pa.table({"amount_idr": pa.array(amounts, pa.int64())}))
    assert [cell.value for cell in cells] == [each if abs(each) <= WHOLE_MAX else format_idr(each) for each in amounts]
