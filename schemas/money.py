"""Whole rupiah as int64, and the exact decimals that banks write as text.

Rupiah has no circulating minor unit: an amount of ours is a whole number in a column whose name ends `_idr`. A
`Decimal` appears only between a bank's text and such a number; a float never does.
"""

from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc

IDR_MAX = 10**15
"""A thousand trillion (seribu triliun), a third of a whole state budget: no one receipt or decision states more. Thousands of
these still add up within 64 bits."""


def format_idr(amount_idr: int) -> str:
    """`Rp600.000`: how Indonesian reports write rupiah, thousands parted by dots, a minus before the sign."""
    sign = "-" if amount_idr < 0 else ""
    return f"{sign}Rp{abs(amount_idr):,}".replace(",", ".")


def parse_idr(text: str) -> int | None:
    """Whole rupiah from a bank's or a platform's decimal text, or None when the text is no whole, plain amount.

    `600000`, `600000.00` and `600000.0` are 600000; `600000.50`, `6E5`, `1,000`, a blank or a sign of infinity are None.
    """
    stripped = text.strip()
    if not stripped or not set(stripped) <= set("0123456789.-") or len(stripped) > 24:
        return None
    try:
        value = Decimal(stripped)
    except InvalidOperation:
        return None
    whole = int(value)
    return whole if value == whole and abs(whole) < 2**63 else None


def parse_idr_array(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """`parse_idr` over a string column: int64, null where the text is null or no whole amount."""
    column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    if column.null_count == len(column):
        return pa.nulls(len(column), pa.int64())
    trimmed = pc.utf8_trim_whitespace(column)
    plain = pc.match_substring_regex(trimmed, r"^-?[0-9]{1,18}([.]0*)?$")
    # No text without a point ends in a nought too many. (An expression would say this in one line, and cost ten times more.)
    whole = pc.utf8_rtrim(pc.utf8_rtrim(trimmed, "0"), ".")
    digits = pc.if_else(pc.match_substring(trimmed, "."), whole, trimmed)
    return pc.cast(pc.if_else(plain, digits, pa.scalar(None, pa.string())), pa.int64())


_ONES = ("", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan", "sepuluh", "sebelas")
_SCALES = ((10**15, "kuadriliun"), (10**12, "triliun"), (10**9, "miliar"), (10**6, "juta"))


def _words(number: int) -> str:
    if number < 12:
        return _ONES[number]
    if number < 20:
        return f"{_ONES[number - 10]} belas"
    if number < 100:
        return f"{_ONES[number // 10]} puluh {_words(number % 10)}".strip()
    if number < 200:
        return f"seratus {_words(number - 100)}".strip()
    if number < 1000:
        return f"{_ONES[number // 100]} ratus {_words(number % 100)}".strip()
    if number < 2000:
        return f"seribu {_words(number - 1000)}".strip()
    if number < 10**6:
        return f"{_words(number // 1000)} ribu {_words(number % 1000)}".strip()
    scale, name = next(pair for pair in _SCALES if number >= pair[0])
    return f"{_words(number // scale)} {name} {_words(number % scale)}".strip()


def in_words(amount_idr: int) -> str:
    """Terbilang: the amount in Indonesian words, as sign-off pages carry it (`enam ratus ribu rupiah`)."""
    if amount_idr == 0:
        return "nol rupiah"
    return ("minus " if amount_idr < 0 else "") + _words(abs(amount_idr)) + " rupiah"
