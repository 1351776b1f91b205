"""The report as a workbook: the page's figures as exact numbers, and what sources and banks wrote as the text it is."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, date, datetime
from functools import cache
from html import unescape
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from openpyxl.cell import Cell
from openpyxl.utils.escape import unescape as unescaped
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from reconciliation.reports import facts as told
from reconciliation.reports import figures, headings, money_shown, words
from reconciliation.reports import tables as report_tables
from reconciliation.reports.figures import Line, Sum
from reconciliation.reports.html import render, worked_out
from reconciliation.reports.words import Text
from reconciliation.reports.workbook import CELL_MAX, WHOLE_MAX, workbook
from schemas.money import format_idr
from tests.lib.cycle_facts import COMMAND, FORMULA, HOSTILE, empty_cycle, full_cycle

HEAD = 3
TEXTS = [
    FORMULA,
    COMMAND,
    "@SUM(1)",
    "-2+3",
    "\t=1",
    "\r=1",
    "3171010101909901",
    "1e5",
    "TRUE",
    "_x0041_",
    " spasi ",
    "='A'!A1",
]


@cache
def _tables() -> dict[str, pa.Table]:
    """The tables of a full cycle; of the long ones the first rows, which is all that these tests look at."""
    found = report_tables.tables(full_cycle(), worked_out(full_cycle()))
    return {name: table if name.startswith(("figures", "by_")) else table.slice(0, 40) for name, table in found.items()}


def _written() -> bytes:
    return workbook(full_cycle(), _tables(), False)


@cache
def _book() -> Workbook:
    return openpyxl.load_workbook(io.BytesIO(_written()))


def _of(rows: pa.Table, name: str = "policies", **more: Any) -> Workbook:
    """A workbook of one table."""
    return openpyxl.load_workbook(io.BytesIO(workbook(empty_cycle(), {name: rows}, False, **more)))


def _only(rows: pa.Table) -> Cell:
    cell = _of(rows).worksheets[1].cell(HEAD + 1, 1)
    assert isinstance(cell, Cell)
    return cell


def _rows(sheet: Worksheet) -> list[dict[str, Any]]:
    """The rows of a sheet by the English headings; a column of meanings is left out."""
    names = [str(cell.value).split("\n")[1] for cell in sheet[HEAD]]
    found = []
    for row in sheet.iter_rows(min_row=HEAD + 1, values_only=True):
        found.append({name: value for name, value in zip(names, row, strict=True) if name != "Meaning"})
    return found


def _figures(section: str) -> list[tuple[Any, ...]]:
    rows = _rows(_book()["Semua angka"])
    wanted = ("Name (English)", "Measure", "Count", "Rupiah")
    return [tuple(row[name] for name in wanted) for row in rows if row["Section"] == _said(headings.SECTIONS[section])]


def _measure(code: str) -> str:
    return _said(headings.MEASURES[code])


def _said(text: Text) -> str:
    return text.id if text.id == text.en else f"{text.id} / {text.en}"


@pytest.mark.parametrize("section", ["funnel", "decided", "outcomes"])
def test_the_lines_of_the_page_are_the_rows_of_the_workbook(section: str) -> None:
    lines = {"funnel": figures.funnel, "decided": figures.decisions, "outcomes": figures.outcomes}[section](
        full_cycle()
    )
    assert _figures(section) == [(line.label.en, None, line.sum.people, line.sum.idr) for line in lines]


def test_hand_overs_with_what_no_name_explains_are_rows_of_the_workbook() -> None:
    expected = []
    for step in figures.hand_overs(full_cycle()):
        expected.append((step.label.en, _measure("sum"), *step.sum))
        expected += [(term.label.en, None, *term.sum) for term in step.terms]
        expected.append((step.label.en, _measure("rest"), *step.rest))
    assert _figures("steps") == expected


def test_the_money_at_both_moments_is_in_the_workbook() -> None:
    shown: list[tuple[Any, ...]] = [
        (line.label.en, None, *line.sum) for _, lines in money_shown.moments(full_cycle()) for line in lines
    ]
    assert _figures("money") == shown


def test_both_sides_of_every_equation_are_in_the_workbook() -> None:
    sides = [
        (_measure(m), *s)
        for each in figures.equations(full_cycle())
        for m, s in (("left", each.left), ("right", each.right))
    ]
    assert [row[1:] for row in _figures("equations")] == sides


def test_every_figure_of_the_workbook_stands_on_the_page_too() -> None:
    page = re.sub(r"<[^>]+>", " ", unescape(render(full_cycle())))
    rows = report_tables.long_form(worked_out(full_cycle())).to_pylist()
    missing = [
        (row["section"], row["label_en"], row["measure"])
        for row in rows
        if not row["measure"].startswith(("states.", "by_channel.")) and row["count"] != 0
        for text in (None if row["count"] is None else words.count(row["count"]), row["amount_idr"] and format_idr(row["amount_idr"]))
        if text and text not in page
        # The page tells of banks, waves and others how many were due and sent, not their rupiah.
        if not (row["section"] == "breakdowns" and text.startswith("Rp"))
    ]  # fmt: skip
    assert len(rows) > 200
    assert missing == []


def test_every_list_of_the_report_has_a_sheet_with_every_row() -> None:
    assert {*told.tables(), "figures", "breakdown", "by_provider", "by_platform", "by_training"} == _tables().keys()
    rows = {name: len(_rows(_book()[headings.title_of(name).id])) for name in _tables()}
    assert rows == {name: table.num_rows for name, table in _tables().items()}


def test_every_provider_is_in_the_workbook_though_the_page_sums_the_small_ones() -> None:
    rows = _rows(_book()["Penyedia pelatihan"])
    assert len(rows) == 34
    assert rows[-1]["Provider"] == "tidak diketahui / not known"
    whole = figures.total(Sum(row["Instructed"], row["Rupiah instructed"]) for row in rows)
    assert whole == figures.total(line.sum for line in figures.outcomes(full_cycle()))


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_stays_the_text_it_is_whatever_it_begins_with(text: str) -> None:
    cell = _only(pa.table({"title": [text]}))
    # Excel writes control characters as _xHHHH_, and so it must the text _x0041_; the reader here leaves that to us.
    assert (unescaped(cell.value), cell.data_type, cell.hyperlink, cell.number_format) == (text, "s", None, "@")


def test_no_cell_of_the_report_is_a_formula_and_the_only_links_lead_to_its_own_sheets() -> None:
    cells = [cell for sheet in _book() for row in sheet.iter_rows() for cell in row]
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
    assert {FORMULA, COMMAND, HOSTILE} <= {cell.value for cell in cells}
    links = [cell.hyperlink for cell in cells if cell.hyperlink]
    assert {link.target for link in links} == {None}
    assert len(links) == len(_book().sheetnames) - 1


def test_what_a_cell_cannot_hold_is_cut_and_says_so_and_what_xml_cannot_hold_is_replaced() -> None:
    long = _only(pa.table({"title": ["a" * (CELL_MAX + 1)]})).value
    assert len(str(long)) == CELL_MAX
    assert str(long).endswith("(dipotong / cut)")
    assert _only(pa.table({"title": ["a\ufffeb\uffff"]})).value == "a\ufffdb\ufffd"


@pytest.mark.parametrize("amount", [0, 600_000, -600_000, WHOLE_MAX, -WHOLE_MAX])
def test_rupiah_are_whole_numbers(amount: int) -> None:
    cell = _only(pa.table({"amount_idr": pa.array([amount], pa.int64())}))
    assert (cell.value, cell.data_type, cell.number_format.startswith('"Rp"')) == (amount, "n", True)
    assert isinstance(cell.value, int)


@pytest.mark.parametrize("amount", [WHOLE_MAX + 1, -WHOLE_MAX - 1, 2**53 + 1, 2**63 - 1])
def test_a_sum_of_which_excel_would_lose_digits_is_text_with_all_of_them(amount: int) -> None:
    cell = _only(pa.table({"amount_idr": pa.array([amount], pa.int64())}))
    assert (cell.value, cell.data_type) == (format_idr(amount), "s")


def test_dates_are_dates_and_instants_are_jakarta_s() -> None:
    at = datetime(2020, 12, 31, 17, 30, 59, tzinfo=UTC)
    assert _only(pa.table({"to_date": [date(2020, 2, 29)]})).value == datetime.fromisoformat("2020-02-29")
    assert _only(pa.table({"at": pa.array([at], pa.timestamp("us", "UTC"))})).value == datetime.fromisoformat(
        "2021-01-01 00:30:59"
    )
    assert _only(pa.table({"to_date": [date(1900, 1, 1)]})).value == "1900-01-01"


def test_a_list_longer_than_a_sheet_goes_on_on_the_next_and_each_says_which_rows_it_has() -> None:
    book = _of(pa.table({"policy": [f"P{n}" for n in range(10)]}), rows_max=HEAD + 4)
    assert book.sheetnames == ["Ringkasan", "Kebijakan", "Kebijakan (2)", "Kebijakan (3)"]
    held = [cell.value for sheet in book.worksheets[1:] for (cell,) in sheet.iter_rows(min_row=HEAD + 1)]
    assert held == [f"P{n}" for n in range(10)]
    assert "rows 5–8 of 10" in str(book["Kebijakan (2)"]["A2"].value)
    assert "rows" not in str(_of(pa.table({"policy": ["P"]})).worksheets[1]["A2"].value)


def test_a_table_that_nobody_named_has_a_sheet_under_its_own_name() -> None:
    book = _of(pa.table({"unheard_of": ["a"]}), "a_table_of_which_nothing_was_said_before")
    assert book.sheetnames[1] == "a_table_of_which_nothing_was_sa"
    assert book.worksheets[1].cell(HEAD, 1).value == "unheard_of\nunheard_of"


def test_a_section_that_is_added_to_the_report_is_in_the_workbook_by_itself() -> None:
    line = Line("new", Text("baru", "new"), Sum(2, 1_200_000))
    rows = report_tables.long_form({"added": [line], "more": {"part": [line]}, "plain_idr": 5}).to_pylist()
    assert [(r["section"], r["line"], r["count"], r["amount_idr"]) for r in rows] == [
        ("added", "new", 2, 1_200_000), ("more.part", "new", 2, 1_200_000), ("plain_idr", "", 5, None),
    ]  # fmt: skip


def test_a_sheet_prints_on_numbered_a4_pages_with_its_headings_and_can_be_filtered() -> None:
    for sheet in _book().worksheets[1:]:
        page = sheet.page_setup
        assert (page.paperSize, page.orientation, page.fitToHeight) == (9, "landscape", 0)
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.print_title_rows == "$1:$3"
        assert sheet.oddFooter.right.text == "&P / &N"
        assert sheet.freeze_panes == "A4"
        assert sheet.auto_filter.ref is not None


def test_the_same_facts_give_the_same_bytes_and_nothing_tells_when_they_were_written() -> None:
    data = _written()
    assert data == _written()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
        core = archive.read("docProps/core.xml").decode()
    assert re.findall(r">([0-9T:Z-]{20})<", core) == ["2021-01-12T02:30:00Z"] * 2


def test_a_code_is_followed_by_what_it_means() -> None:
    rows = told.table("ended", [full_cycle().ended.slice(0, 1).to_pylist()[0] | {"state": "rejected"}])
    values = [cell.value for cell in _of(rows, "ended").worksheets[1][HEAD + 1]]
    assert values[values.index("rejected") + 1] == "ditolak / rejected"


def test_every_section_and_measure_of_the_report_has_words_and_every_table_and_column_a_name() -> None:
    known = headings.meanings()
    figures_of_all = _tables()["figures"]
    for column in ("section", "measure"):
        assert {code for code in figures_of_all[column].to_pylist() if code} - known[column].keys() == set()
    assert _tables().keys() - headings.SHEETS.keys() == set()
    assert {column for table in _tables().values() for column in table.column_names} - headings.COLUMNS.keys() == set()
