"""A source column as it came, read as its field says: the values that can be read, and why the others cannot.

Contract, section 1: identifiers are text, instants carry an offset, dates are `YYYY-MM-DD`, an empty field is unknown.
Nothing is repaired on the way: a number where text belongs is a wrong type, since a spreadsheet may have rounded it.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from schemas.fields import DATE, FIELDS, INSTANT, TEXT, WHOLE
from schemas.money import parse_idr_array

Read = tuple[pa.Array, pa.Array]
"""The values (null where unknown or unreadable) and the reasons (null where readable)."""

BROKEN_BYTES = 0x10FE00
"""A byte that is no UTF-8 stands in a text read from CSV as this private character plus its value."""
_NO_TEXT_IS = rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x{{{BROKEN_BYTES:x}}}-\x{{{BROKEN_BYTES + 255:x}}}]"
_DATES = pa.scalar(date.min, DATE), pa.scalar(date.max, DATE)
_INSTANTS = (
    pa.scalar(datetime(1, 1, 2, tzinfo=UTC), INSTANT),
    pa.scalar(datetime(9999, 12, 31, 16, 59, 59, 999999, tzinfo=UTC), INSTANT),
)
"""First and last that have a date in Jakarta with a year of four digits, which is how the contract writes them."""
_NO_TEXT = pa.scalar(None, TEXT)
NUMBERED = frozenset({"sk_line"})
"""Texts that count something: a whole number is as good as its digits, for there is no leading zero to lose."""
_AMOUNTS = {
    "price_idr": "price_invalid",
    **dict.fromkeys(("training_aid_idr", "incentive_idr", "survey_idr"), "amount_invalid"),
}
"""Columns of whole rupiah, none of them negative, with the reason where one cannot be read so."""
ALLOCATED_MAX = 10**12 - 1
"""No one person's allocation has more than twelve digits; so the sum of millions stays within 64 bits."""
_NO_LIMIT = 2**63 - 1
_LISTED = {"status": pa.array(["active", "revoked"])}


def read_column(name: str, column: pa.Array) -> Read:
    """`column` as the field `name`: values of the field's type, and a reason code where a value cannot be read."""
    kind = FIELDS[name].type
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind), pa.nulls(len(column), TEXT)
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(TEXT)
    if column.type == TEXT and not _is_utf8(
        column
    ):  # a writer's mistake: such bytes are no text, whatever the type says
        column = column.view(pa.binary())
    if pa.types.is_binary(column.type):
        column, broken = _decode(column)
        values, reasons = _READERS[kind](name, column)
        return values, pc.coalesce(broken, reasons)
    return _READERS[kind](name, column)


def _is_utf8(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _decode(column: pa.Array) -> Read:
    """Bytes as UTF-8 text; other encodings are not guessed."""
    try:
        return column.cast(TEXT), pa.nulls(len(column), TEXT)
    except pa.ArrowInvalid:
        texts = [_utf8(value) for value in column.to_pylist()]
        broken = [
            "wrong_type" if text is None and value is not None else None
            for text, value in zip(texts, column.to_pylist(), strict=True)
        ]
        return pa.array(texts, TEXT), pa.array(broken, TEXT)


def _utf8(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _where(wrong: pa.Array, reason: str) -> pa.Array:
    return pc.if_else(pc.fill_null(wrong, False), pa.scalar(reason, TEXT), _NO_TEXT)


def _all_wrong(column: pa.Array, kind: pa.DataType, reason: str) -> Read:
    return pa.nulls(len(column), kind), _where(column.is_valid(), reason)


def _text(name: str, column: pa.Array) -> Read:
    if name in NUMBERED and column.type != TEXT:
        values, reasons = _whole(name, column)
        return values.cast(TEXT), reasons
    if column.type != TEXT:
        return _all_wrong(column, TEXT, "wrong_type")
    trimmed = pc.utf8_trim_whitespace(column)
    values = pc.if_else(pc.equal(pc.binary_length(trimmed), 0), _NO_TEXT, trimmed)
    reasons = _where(pc.match_substring_regex(values, _NO_TEXT_IS), "wrong_type")
    if name in _LISTED:
        listed = pc.or_kleene(pc.is_in(values, _LISTED[name]), pc.is_null(values))
        reasons = pc.coalesce(reasons, _where(pc.invert(listed), "unknown_value"))
    return values, reasons


def _whole(name: str, column: pa.Array) -> Read:
    reason = _AMOUNTS.get(name, "wrong_type")
    if column.type == TEXT:
        trimmed = pc.utf8_trim_whitespace(column)
        given = pc.fill_null(pc.not_equal(pc.binary_length(trimmed), 0), False)
        plain = pc.match_substring_regex(trimmed, r"^-?[0-9]{1,18}$")
        values = parse_idr_array(pc.if_else(plain, trimmed, _NO_TEXT))
    elif pa.types.is_integer(column.type):
        given = column.is_valid()
        fits = pc.less_equal(column, pa.scalar(2**63 - 1, pa.uint64()).cast(column.type)) if _is_huge(column) else given
        values = pc.if_else(fits, column, pa.scalar(None, column.type)).cast(WHOLE)
    elif pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        # Tables that went through pandas hold whole numbers beside unknown ones as floats; only exact ones are taken.
        given = column.is_valid()
        values = pa.array([_exact(value) for value in column.to_pylist()], WHOLE)
    else:
        return _all_wrong(column, WHOLE, "wrong_type")
    reasons = _where(pc.and_(given, pc.is_null(values)), reason)
    return values, pc.coalesce(reasons, _out_of_range(name, values))


def _is_huge(column: pa.Array) -> bool:
    return bool(column.type == pa.uint64())


def _exact(value: float | Decimal | None) -> int | None:
    """The whole number that a value is, none if it has a fraction, is endless, or too large to be exact as a float."""
    if value is None or not -(2**53) < value < 2**53:
        return None
    return int(value) if value == int(value) else None


def _out_of_range(name: str, values: pa.Array) -> pa.Array:
    if name == "rating":
        return _where(pc.or_(pc.less(values, 1), pc.greater(values, 5)), "rating_out_of_range")
    if name in _AMOUNTS:
        most = _NO_LIMIT if name == "price_idr" else ALLOCATED_MAX
        return _where(pc.or_(pc.less(values, 0), pc.greater(values, most)), _AMOUNTS[name])
    if name in ("version", "number"):
        return _where(pc.less(values, 1), "wrong_type")
    return pa.nulls(len(values), TEXT)


def _date(_name: str, column: pa.Array) -> Read:
    if pa.types.is_date(column.type):
        days = column.cast(DATE, safe=False)
        fits = _is_between(days, *_DATES)
        return pc.if_else(fits, days, pa.scalar(None, DATE)), _where(pc.invert(fits), "impossible_date")
    if column.type != TEXT:
        return _all_wrong(column, DATE, "wrong_type")
    return _parse(column, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", DATE, date.fromisoformat, "wrong_type")


def _is_between(column: pa.Array, first: pa.Scalar, last: pa.Scalar) -> pa.Array:
    ends = (end.cast(column.type, safe=False) for end in (first, last))
    return pc.and_(pc.greater_equal(column, next(ends)), pc.less_equal(column, next(ends)))


_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?"
_OFFSET = r"([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$"


def _instant(_name: str, column: pa.Array) -> Read:
    if pa.types.is_timestamp(column.type):
        if column.type.tz is None:
            return _all_wrong(column, INSTANT, "instant_without_offset")
        seconds = column.cast(pa.timestamp("s", column.type.tz), safe=False)
        fits = _is_between(seconds, *_INSTANTS)
        values = pc.if_else(fits, column, pa.scalar(None, column.type)).cast(INSTANT, safe=False)
        return values, _where(pc.invert(fits), "impossible_date")
    if column.type != TEXT:
        return _all_wrong(column, INSTANT, "wrong_type")
    values, reasons = _parse(column, _INSTANT + _OFFSET, INSTANT, _parse_instant, "wrong_type")
    bare = pc.match_substring_regex(pc.utf8_trim_whitespace(column), _INSTANT + "$")
    return values, pc.if_else(pc.fill_null(bare, False), pa.scalar("instant_without_offset", TEXT), reasons)


def _parse_instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text.upper().replace(",", ".")).astimezone(UTC)
    if not _INSTANTS[0].as_py() <= instant <= _INSTANTS[1].as_py():
        raise OverflowError("beyond a year of four digits in Jakarta")
    return instant


def _parse(
    column: pa.Array, pattern: str, kind: pa.DataType, parse: Callable[[str], date | datetime], otherwise: str
) -> Read:
    trimmed = pc.utf8_trim_whitespace(column)
    given = pc.fill_null(pc.not_equal(pc.binary_length(trimmed), 0), False)
    shaped = pc.and_(given, pc.fill_null(pc.match_substring_regex(trimmed, pattern), False))
    texts = pc.if_else(shaped, trimmed, _NO_TEXT)
    distinct = texts.dictionary_encode()
    parsed = pa.array([_or_none(parse, text) for text in distinct.dictionary.to_pylist()], kind)
    values = parsed.take(distinct.indices)
    impossible = _where(pc.and_(shaped, pc.is_null(values)), "impossible_date")
    return values, pc.coalesce(impossible, _where(pc.and_(given, pc.invert(shaped)), otherwise))


def _or_none(parse: Callable[[str], date | datetime], text: str | None) -> date | datetime | None:
    try:
        return None if text is None else parse(text)
    except (ValueError, OverflowError):
        return None


_READERS: dict[pa.DataType, Callable[[str, pa.Array], Read]] = {
    TEXT: _text,
    WHOLE: _whole,
    DATE: _date,
    INSTANT: _instant,
}
