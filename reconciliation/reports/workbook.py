"""The cycle report as an Excel workbook: a sheet a table, exact whole rupiah, and no text that becomes a formula or a link.

The same facts give the same bytes. A list longer than a sheet goes on on further sheets, each of which says so.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from reconciliation.reports import headings, words
from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.words import Text
from schemas.fields import INSTANT
from schemas.money import format_idr
from schemas.zone import JAKARTA

ROWS_MAX = 1_048_576
"""Rows of a sheet, Excel's limit."""
CELL_MAX = 32_767
"""Characters of a cell, Excel's limit."""
WHOLE_MAX = 999_999_999_999_999
"""The largest number of which Excel shows every digit; a larger one is written as text, with all of them."""
_HEAD_ROWS = 3
_FIRST_DAY = date(1900, 3, 1)
"""Excel counts days from 1900 and takes that for a leap year; earlier dates are written as text."""
_CUT = " … (dipotong / cut)"
_NUMBERS_THAT_NAME = frozenset({"wave", "sequence", "attempt"})
_SAMPLE = 400


@dataclass(frozen=True)
class _Sheet:
    """A part of a table that one sheet holds: rows from `start`, `name` as its tab says."""

    name: str
    title: Text
    empty: Text | None
    table: pa.Table
    start: int
    stop: int


def workbook(facts: CycleFacts, tables: Mapping[str, pa.Table], final: bool, rows_max: int = ROWS_MAX) -> bytes:
    """The bytes of the workbook with a sheet for each of `tables` (see `tables.tables`), behind one that lists them.

    Texts stand as they are: never a formula, link or number, whatever they begin with. An error of the disk is an OSError.
    """
    sink = io.BytesIO()
    book = xlsxwriter.Workbook(
        sink,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "remove_timezone": False,
            "default_date_format": "yyyy-mm-dd",
        },
    )
    book.set_properties(
        {"title": f"Laporan siklus {facts.period}", "created": facts.at.astimezone(UTC).replace(tzinfo=None)}
    )
    formats = _Formats(book)
    sheets = list(_sheets(tables, rows_max - _HEAD_ROWS))
    _cover(book, formats, facts, final, sheets)
    for sheet in sheets:
        _write(book, formats, facts, sheet)
    try:
        book.close()
    except FileCreateError as error:  # the library's word for an error of the disk under its temporary files
        raise OSError(str(error)) from None
    return sink.getvalue()


def _sheets(tables: Mapping[str, pa.Table], rows_max: int) -> Iterator[_Sheet]:
    taken: set[str] = set()
    for name, table in tables.items():
        title = headings.title_of(name)
        for number, start in enumerate(range(0, max(table.num_rows, 1), rows_max), 1):
            tab = _tab(title, number, taken)
            yield _Sheet(tab, title, headings.EMPTY.get(name), table, start, min(start + rows_max, table.num_rows))


def _tab(title: Text, number: int, taken: set[str]) -> str:
    """A name for a sheet's tab: at most 31 characters, given once."""
    behind = f" ({number})" if number > 1 else ""
    name = title.id[: 31 - len(behind)] + behind
    while name.lower() in taken:
        number += 1
        behind = f" ({number})"
        name = title.id[: 31 - len(behind)] + behind
    taken.add(name.lower())
    return name


class _Formats:
    """The formats of the workbook, each made once."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        def made(**how: Any) -> Format:
            return book.add_format({"font_name": "Arial", "font_size": 10, "valign": "top", **how})

        self.title = made(bold=True, font_size=15, font_color="#0D5C63")
        self.quiet = made(font_color="#51646D")
        self.bold = made(bold=True)
        head = {"bold": True, "font_color": "#FFFFFF", "bg_color": "#0D5C63", "text_wrap": True, "valign": "vcenter"}
        self.head = made(**head, border=1, border_color="#D7DFE2")
        self.head_right = made(**head, border=1, border_color="#D7DFE2", align="right")
        self.text = made(num_format="@")
        self.code = made(num_format="@", font_name="Consolas", font_size=9)
        self.meaning = made(num_format="@", font_color="#51646D")
        self.count = made(num_format="#,##0")
        self.name = made(num_format="0", align="left")
        self.idr = made(num_format='"Rp"#,##0;[Red]-"Rp"#,##0')
        self.idr_text = made(num_format="@", align="right")
        self.date = made(num_format="yyyy-mm-dd", align="left")
        self.instant = made(num_format="yyyy-mm-dd hh:mm:ss", align="left")
        self.flag = made(align="left")
        self.link = made(font_color="#0D5C63", underline=1)
        self.wrapped = made(text_wrap=True)


# --- the sheet in front -----------------------------------------------------------------------------------------------


def _cover(
    book: xlsxwriter.Workbook, formats: _Formats, facts: CycleFacts, final: bool, sheets: Sequence[_Sheet]
) -> None:
    sheet = book.add_worksheet("Ringkasan")
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 34)
    sheet.set_column(2, 2, 20)
    month, at = words.month(facts.period), words.instant(facts.at)
    _text(sheet, 0, 0, f"Laporan siklus {month.id} · Cycle report, {month.en}", formats.title)
    cut_off = words.instant(facts.cut_off) if facts.cut_off else Text("–", "–")
    verdict = Text("final", "final") if final else Text("sementara", "provisional")
    about = [
        (Text("Keadaan per", "As at"), _both(at)),
        (Text("Batas waktu data", "Cut-off"), _both(cut_off)),
        (Text("Rekonsiliasi", "Reconciliation"), _both(verdict)),
        (Text("Rantai bukti", "Event chain"), f"{words.count(facts.event_count)} · {facts.chain_head}"),
    ]
    for row, (label, value) in enumerate(about, 2):
        _text(sheet, row, 0, _both(label), formats.quiet)
        _text(sheet, row, 1, value, formats.bold)
    notes = (
        "Angka sama dengan laporan HTML. Uang dalam rupiah penuh, waktu dalam WIB. Tanpa data pribadi.",
        "The figures are the HTML report's. Money is in whole rupiah, times are Jakarta's. No personal data.",
    )
    for row, note in enumerate(notes, 7):
        _text(sheet, row, 0, note, formats.quiet)
    for column, head in enumerate(("Lembar", "Sheet", "Baris / Rows")):
        _text(sheet, 10, column, head, formats.head)
    for row, each in enumerate(sheets, 11):
        # The only links: to our own sheets, by names of ours.
        sheet.write_url(row, 0, f"internal:'{each.name}'!A1", formats.link, each.name)
        _text(sheet, row, 1, each.title.en, formats.text)
        sheet.write_number(row, 2, each.stop - each.start, formats.count)
    _paper(sheet, facts, 10)
    sheet.fit_to_pages(1, 1)


def _both(text: Text) -> str:
    return text.id if text.id == text.en else f"{text.id} / {text.en}"


# --- a table ----------------------------------------------------------------------------------------------------------

Write = Callable[[Worksheet, int, int, Any], None]


@dataclass(frozen=True)
class _Column:
    """A column of a sheet: heading, how a value is written, its width, and the values of its rows."""

    heading: Text
    write: Write
    width: int
    values: Callable[[pa.RecordBatch], list[Any]]
    is_number: bool = False


def _write(book: xlsxwriter.Workbook, formats: _Formats, facts: CycleFacts, part: _Sheet) -> None:
    sheet = book.add_worksheet(part.name)
    columns = list(_columns(part, formats))
    for place, column in enumerate(columns):
        sheet.set_column(place, place, column.width)
    sheet.set_row(0, 22)
    _text(sheet, 0, 0, f"{part.title.id} · {part.title.en}", formats.title)
    _text(sheet, 1, 0, _said(facts, part), formats.quiet)
    lines = max(-(-len(t) // (c.width - 2)) for c in columns for t in (c.heading.id, c.heading.en))
    sheet.set_row(2, 15 * (lines + 1))
    for place, column in enumerate(columns):
        _text(
            sheet,
            2,
            place,
            f"{column.heading.id}\n{column.heading.en}",
            formats.head_right if column.is_number else formats.head,
        )
    row = _HEAD_ROWS
    for batch in part.table.slice(part.start, part.stop - part.start).to_batches(max_chunksize=10_000):
        values = [column.values(batch) for column in columns]
        for line in zip(*values, strict=True):
            for place, (column, value) in enumerate(zip(columns, line, strict=True)):
                if value not in (None, ""):
                    column.write(sheet, row, place, value)
            row += 1
    last = max(row - 1, _HEAD_ROWS)
    sheet.freeze_panes(_HEAD_ROWS, 0)
    sheet.autofilter(2, 0, last, len(columns) - 1)
    sheet.ignore_errors({"number_stored_as_text": f"A1:{xlsxwriter.utility.xl_rowcol_to_cell(last, len(columns) - 1)}"})
    _paper(sheet, facts, 2)


def _said(facts: CycleFacts, part: _Sheet) -> str:
    """What stands under a sheet's title: the report's moment, and which rows these are when they are not all."""
    month, at = words.month(facts.period), words.instant(facts.at)
    said = f"{_both(month)} · keadaan per {at.id} / as at {at.en}"
    if part.stop - part.start == part.table.num_rows:
        return said
    first, last, whole = (words.count(n) for n in (part.start + 1, part.stop, part.table.num_rows))
    return f"{said} · baris {first}–{last} dari {whole}, lembar lain memuat sisanya / rows {first}–{last} of {whole}, other sheets have the rest"


def _columns(part: _Sheet, formats: _Formats) -> Iterator[_Column]:
    """The table's columns; one of codes is followed by what they mean, or gives way to it."""
    known = headings.meanings()
    for place, field in enumerate(part.table.schema):
        heading, name = headings.heading_of(field.name), field.name
        meant = {code: _both(text) for code, text in known.get(name, {}).items()}
        longest = max((len(meant.get(code) or code) for code in _codes(part.table, name, meant)), default=6)
        if name in headings.INSTEAD:
            yield _Column(
                heading, _text_writer(formats.text), min(longest + 1, 46), _meanings(name, meant, instead=True)
            )
            continue
        empty = _both(part.empty) if part.empty and place == 0 else None
        yield _Column(
            heading, _writer(field, formats), _width(part.table, field), _values(name, empty), _is_number(field)
        )
        if meant:
            yield _Column(_MEANING, _text_writer(formats.meaning), min(longest + 1, 40), _meanings(name, meant))


_MEANING = Text("Arti", "Meaning")


def _is_number(field: pa.Field) -> bool:
    return pa.types.is_integer(field.type) and field.name not in _NUMBERS_THAT_NAME


def _codes(table: pa.Table, name: str, meant: Mapping[str, str]) -> list[str]:
    return [code for code in pc.unique(table[name]).to_pylist() if code] if meant else []


def _values(name: str, empty: str | None) -> Callable[[pa.RecordBatch], list[Any]]:
    return lambda batch: [empty if value is None else value for value in batch.column(name).to_pylist()]


def _meanings(name: str, meant: Mapping[str, str], instead: bool = False) -> Callable[[pa.RecordBatch], list[Any]]:
    return lambda batch: [meant.get(value, value if instead else None) for value in batch.column(name).to_pylist()]


def _width(table: pa.Table, field: pa.Field) -> int:
    """Room for the heading and for what is held, within reason."""
    heading, column = headings.heading_of(field.name), table.column(field.name)
    words_in = [len(word) for text in (heading.id, heading.en) for word in text.split(" ")]
    longest = max(*words_in, min(len(heading.id), 14), min(len(heading.en), 14)) + 3
    if field.type == INSTANT:
        return max(longest, 19)
    if pa.types.is_integer(field.type):
        ends = pc.min_max(column).as_py()
        return max(longest, *(len(format_idr(end or 0)) for end in ends.values()))
    held = column.slice(0, _SAMPLE).to_pylist()
    return max(longest, min(max((len(str(value)) for value in held), default=0) + 2, 46))


def _writer(field: pa.Field, formats: _Formats) -> Write:
    if field.type == INSTANT:
        return lambda sheet, row, place, value: _instant(sheet, row, place, value, formats)
    if pa.types.is_date(field.type):
        return lambda sheet, row, place, value: _date(sheet, row, place, value, formats)
    if pa.types.is_boolean(field.type):
        return lambda sheet, row, place, value: _done(sheet.write_boolean(row, place, value, formats.flag))
    if pa.types.is_integer(field.type):
        is_idr = field.name.endswith("_idr")
        plain = formats.name if field.name in _NUMBERS_THAT_NAME else formats.count
        return lambda sheet, row, place, value: _whole(
            sheet, row, place, value, formats, formats.idr if is_idr else plain
        )
    is_code = field.name in ("sha256", "digest", "archive_key", "drop_id", "break_id")
    return _text_writer(formats.code if is_code else formats.text)


def _text_writer(how: Format) -> Write:
    return lambda sheet, row, place, value: _text(sheet, row, place, value, how)


def _text(sheet: Worksheet, row: int, place: int, value: Any, how: Format) -> None:
    """A text as it is. What XML cannot hold stands as U+FFFD, and what a cell cannot hold is cut and says so."""
    text = str(value).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
    if len(text) > CELL_MAX:
        text = text[: CELL_MAX - len(_CUT)] + _CUT
    _done(sheet.write_string(row, place, text, how))


def _whole(sheet: Worksheet, row: int, place: int, value: int, formats: _Formats, how: Format) -> None:
    if abs(value) <= WHOLE_MAX:
        _done(sheet.write_number(row, place, value, how))
    else:
        text = format_idr(value) if how is formats.idr else words.count(value)
        _done(sheet.write_string(row, place, text, formats.idr_text))


def _date(sheet: Worksheet, row: int, place: int, value: date, formats: _Formats) -> None:
    if value < _FIRST_DAY:
        _text(sheet, row, place, value.isoformat(), formats.text)
    else:
        _done(
            sheet.write_datetime(
                row, place, datetime(value.year, value.month, value.day, tzinfo=UTC).replace(tzinfo=None), formats.date
            )
        )


def _instant(sheet: Worksheet, row: int, place: int, value: datetime, formats: _Formats) -> None:
    local = value.astimezone(JAKARTA).replace(tzinfo=None, microsecond=0)
    if local.date() < _FIRST_DAY:
        _text(sheet, row, place, local.isoformat(" "), formats.text)
    else:
        _done(sheet.write_datetime(row, place, local, formats.instant))


def _done(status: int) -> None:
    assert status == 0, "a cell was not written"


# --- paper ------------------------------------------------------------------------------------------------------------


def _paper(sheet: Worksheet, facts: CycleFacts, last_head_row: int) -> None:
    """A4 across, as wide as the paper, headings on every page, pages numbered."""
    sheet.set_paper(9)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    sheet.repeat_rows(0 if last_head_row == 2 else last_head_row, last_head_row)
    sheet.set_footer(f"&L&8Salur · laporan siklus / cycle report {facts.period}&C&8&A&R&8&P / &N")
