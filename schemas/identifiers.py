"""Identifiers: what can be said of a NIK, phone or account number by looking at it, and ids that are derived, never drawn.

The checks of a NIK read its digits alone. No digit of it checks another, so a NIK that passes is well formed, nothing
more: only the civil registry can say that it exists.

Structure of a NIK (PP 37/2007 art. 37): province, regency or city, district of first registration, two digits each;
day (a woman's plus 40), month and year of birth, two digits each; a serial number of four, from 0001.
"""

import calendar
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import InputRejected
from schemas.regions import DISTRICTS, PROVINCES

PROBLEMS = ("not_16_digits", "unknown_province", "zero_region", "impossible_date", "zero_serial")
"""Why a NIK is rejected, in the order in which they are looked for; the first is reported."""
WARNINGS = ("district_unknown", "under_18")
"""What is worth a look but rejects nobody."""

Column: TypeAlias = pa.Array | pa.ChunkedArray
"""A column of a table, whole or in chunks."""

BLANKS = " \t\n\v\f\r\u00a0\ufeff"
"""Characters that identifiers are trimmed of: white space, no-break space, byte order mark."""

_UNSEEN = ("Cc", "Cf")
"""Unicode categories of characters that take no place on a page: controls and formats."""

AGE_MIN = 18
"""Full years at acceptance that the programme asks for (Permenko 11/2020 art. 2)."""
AGE_PLAUSIBLE_MAX = 100
"""A century that would make the holder this old or older is not taken for the century of birth."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DAYS_IN_MONTH = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)
_DISTRICT_KNOWN = np.zeros(1_000_000, dtype=bool)
_DISTRICT_KNOWN[[int(code) for code in DISTRICTS]] = True
_PROVINCE_KNOWN = np.zeros(100, dtype=bool)
_PROVINCE_KNOWN[[int(code) for code in PROVINCES]] = True


class NikChecks(NamedTuple):
    """One answer a row: `problem` (one of PROBLEMS, else null) and `warnings` (of WARNINGS, `;` between, else null)."""

    problem: pa.Array
    warnings: pa.Array


def check_nik(nik: str | None, accepted_on: date | None = None) -> tuple[str | None, tuple[str, ...]]:
    """The problem that rejects a NIK, or None, and the warnings about it (none if it is rejected).

    Plain reading of the rules. A missing NIK is `not_16_digits`. Without `accepted_on` no age is looked at.
    """
    digits = (nik or "").strip(BLANKS)
    if not re.fullmatch("[0-9]{16}", digits):
        return "not_16_digits", ()
    if digits[:2] not in PROVINCES:
        return "unknown_province", ()
    if "00" in (digits[2:4], digits[4:6]):
        return "zero_region", ()
    births = _births(digits)
    if not births:
        return "impossible_date", ()
    if digits[12:] == "0000":
        return "zero_serial", ()
    warnings = [] if digits[:6] in DISTRICTS else ["district_unknown"]
    if accepted_on is not None:
        ages = [age for born in births if 0 <= (age := _full_years(born, accepted_on)) < AGE_PLAUSIBLE_MAX]
        if ages and max(ages) < AGE_MIN:
            warnings.append("under_18")
    return None, tuple(warnings)


def _births(digits: str) -> list[tuple[int, int, int]]:
    """The real dates (year, month, day) that digits 7 to 12 can mean, in the 20th and the 21st century."""
    day, month, year = int(digits[6:8]), int(digits[8:10]), int(digits[10:12])
    day -= 40 if day > 40 else 0
    if not 1 <= month <= 12:
        return []
    return [(y, month, day) for y in (1900 + year, 2000 + year) if 1 <= day <= calendar.monthrange(y, month)[1]]


def _full_years(born: tuple[int, int, int], on: date) -> int:
    return on.year - born[0] - ((on.month, on.day) < born[1:])


def check_niks(niks: Column, accepted_on: Column | None = None) -> NikChecks:
    """`check_nik` for every row of `niks` (text) and `accepted_on` (dates, or None for all), as columns."""
    trimmed = trim(niks)
    is_digits = pc.fill_null(pc.match_substring_regex(trimmed, "^[0-9]{16}$"), False)
    mask = is_digits.to_numpy(zero_copy_only=False)
    part = _Parts(trimmed.filter(is_digits))
    conditions = [
        ~_PROVINCE_KNOWN[part.province],
        (part.regency == 0) | (part.district == 0),
        ~part.is_date,
        part.serial == 0,
    ]
    code = np.zeros(len(niks), dtype=np.int8)
    code[mask] = np.select(conditions, [1, 2, 3, 4], default=-1)
    problem = pa.DictionaryArray.from_arrays(pa.array(code, mask=code < 0), pa.array(PROBLEMS)).cast(pa.string())
    warning = np.zeros(len(niks), dtype=np.int8)
    district = part.province * 10_000 + part.regency * 100 + part.district
    found = (~_DISTRICT_KNOWN[district]).astype(np.int8)
    if accepted_on is not None:
        found += 2 * part.under_18(_flat(accepted_on).filter(is_digits)).astype(np.int8)
    warning[mask] = found
    warning[code >= 0] = 0
    names = pa.array(["", WARNINGS[0], WARNINGS[1], ";".join(WARNINGS)])
    warnings = pa.DictionaryArray.from_arrays(pa.array(warning, mask=warning == 0), names).cast(pa.string())
    return NikChecks(problem, warnings)


class _Parts:
    """The numbers in an array of 16-digit texts, as numpy columns."""

    def __init__(self, niks: pa.Array) -> None:
        text = niks.cast(pa.binary()).cast(pa.binary(16)).buffers()[1]
        digit = np.frombuffer(text, dtype=np.uint8, count=16 * len(niks)).reshape(-1, 16).astype(np.int64) - ord("0")
        pairs = digit[:, 0::2] * 10 + digit[:, 1::2]
        self.province, self.regency, self.district, day, self.month, self.year = pairs[:, :6].T
        self.serial = pairs[:, 6] * 100 + pairs[:, 7]
        self.day = np.where(day > 40, day - 40, day)
        month = np.clip(self.month, 1, 12)
        is_29_february = (month == 2) & (self.day == 29)
        in_month = (self.month == month) & (self.day >= 1) & (self.day <= _DAYS_IN_MONTH[month])
        self.is_date_19 = in_month & (~is_29_february | ((self.year % 4 == 0) & (self.year != 0)))
        self.is_date_20 = in_month & (~is_29_february | (self.year % 4 == 0))
        self.is_date = self.is_date_19 | self.is_date_20

    def under_18(self, accepted_on: pa.Array) -> npt.NDArray[np.bool_]:
        """True where some century is plausible and each plausible one makes the holder younger than 18."""
        accepted = [
            pc.fill_null(part(accepted_on), 0).to_numpy(zero_copy_only=False).astype(np.int64)
            for part in (pc.year, pc.month, pc.day)
        ]
        year, month, day = accepted
        before_birthday = (month * 100 + day) < (self.month * 100 + self.day)
        old_enough = np.zeros(len(year), dtype=np.bool_)
        plausible = np.zeros(len(year), dtype=np.bool_)
        for century, is_date in ((1900, self.is_date_19), (2000, self.is_date_20)):
            age = year - century - self.year - before_birthday
            here = is_date & (age >= 0) & (age < AGE_PLAUSIBLE_MAX)
            plausible |= here
            old_enough |= here & (age >= AGE_MIN)
        too_young: npt.NDArray[np.bool_] = plausible & ~old_enough & (year > 0)
        return too_young


def _flat(column: Column) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def trim(texts: Column) -> pa.Array:
    """The texts without BLANKS at either end, as one array of strings."""
    return pc.utf8_trim(_flat(texts).cast(pa.string()), characters=BLANKS)


def province_of(nik: str | None) -> str | None:
    """The two-digit code of the province where the holder was first registered; None if the NIK is rejected."""
    return None if nik is None or check_nik(nik)[0] else nik.strip(BLANKS)[:2]


def provinces_of(niks: Column) -> pa.Array:
    """`province_of` for every row. PROVINCES has the names."""
    trimmed = trim(niks)
    accepted = pc.is_null(check_niks(trimmed).problem)
    return pc.if_else(accepted, pc.utf8_slice_codeunits(trimmed, 0, 2), pa.scalar(None, pa.string()))


_PHONE_NOISE = "[ \t().\u00a0\u2010-\u2015-]"
_PHONE = "^(?:\\+?620?|0)?(?P<rest>8[1-9][0-9]{7,10})$"


def normalise_phone(text: str | None) -> str | None:
    """An Indonesian mobile number, however written, as `08…` (10 to 13 digits); None if it is not one.

    `+62 812-3456-7890`, `62812…`, `0812…` and `812…` are the same number.
    """
    found = re.fullmatch(_PHONE, re.sub(_PHONE_NOISE, "", text or ""))
    return f"0{found['rest']}" if found else None


def normalise_phones(texts: Column) -> pa.Array:
    """`normalise_phone` for every row."""
    plain = pc.replace_substring_regex(_flat(texts).cast(pa.string()), _PHONE_NOISE, "")
    rest = pc.struct_field(pc.extract_regex(plain, _PHONE), "rest")
    return pc.binary_join_element_wise("0", rest, "")


_ACCOUNT_NOISE = "[ \t.\u00a0\u2010-\u2015-]"
_ACCOUNT = "^[0-9]{1,34}$"


def normalise_account(text: str | None) -> str | None:
    """An account number as digits, leading zeros kept, at most 34 (ISO 20022 Max34Text); None if it is not one."""
    digits = re.sub(_ACCOUNT_NOISE, "", text or "")
    return digits if re.fullmatch(_ACCOUNT, digits) else None


def normalise_accounts(texts: Column) -> pa.Array:
    """`normalise_account` for every row."""
    digits = pc.replace_substring_regex(_flat(texts).cast(pa.string()), _ACCOUNT_NOISE, "")
    return pc.if_else(pc.match_substring_regex(digits, _ACCOUNT), digits, pa.scalar(None, pa.string()))


def end_to_end_id(participant_id: str, benefit: str, sequence: int, attempt: int) -> str:
    """The reference of one payment attempt: 15 characters of A-Z and 0-9, derived from its arguments alone.

    Twice seven base-36 characters of the SHA-256 of the four parts, each with its length before it (so that no two
    sets of parts read alike), then an ISO/IEC 7064 MOD 37,36 check character. Says nothing about the person.
    """
    return str(end_to_end_ids([participant_id], [benefit], [sequence], [attempt])[0])


def end_to_end_ids(
    participant_ids: Sequence[str], benefits: Sequence[str], sequences: Sequence[int], attempts: Sequence[int]
) -> pa.Array:
    """`end_to_end_id` for rows given as four columns of one length (lists, or `column.to_pylist()`)."""
    rows = zip(participant_ids, benefits, sequences, attempts, strict=True)
    digests = b"".join(hashlib.sha256(_encoded(*row)).digest()[:16] for row in rows)
    halves = np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    places = np.uint64(36) ** np.arange(6, -1, -1, dtype=np.uint64)
    values = (halves[:, :, None] // places % np.uint64(36)).astype(np.int64).reshape(-1, 14)
    last = (1 - _weighted(values)) % 36
    letters = np.frombuffer(_ALPHABET.encode(), dtype=np.uint8)[np.column_stack([values, last])]
    text = pa.py_buffer(np.ascontiguousarray(letters).tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(15), len(values), [None, text]).cast(pa.string())


def _encoded(*parts: str | int) -> bytes:
    texts = [str(part).encode() for part in parts]
    return b"".join(b"%d:%s," % (len(text), text) for text in texts)


def are_end_to_end_ids(texts: Column) -> pa.Array:
    """Whether each text has the shape of our references and its check character agrees; null for none. Case matters."""
    flat = _flat(texts)
    shaped = pc.fill_null(pc.match_substring_regex(flat, "^[A-Z0-9]{15}$"), False)
    data = flat.filter(shaped).cast(pa.binary()).cast(pa.binary(15))
    characters = np.frombuffer(data.buffers()[1], dtype=np.uint8, count=15 * len(data)).reshape(-1, 15).astype(np.int64)
    values = np.where(characters >= ord("A"), characters - ord("A") + 10, characters - ord("0"))
    agrees = np.zeros(len(flat), dtype=np.bool_)
    agrees[shaped.to_numpy(zero_copy_only=False)] = (_weighted(values[:, :14]) + values[:, 14]) % 36 == 1
    return pc.if_else(pc.is_valid(flat), pa.array(agrees), pa.scalar(None, pa.bool_()))


def _weighted(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """What the check character after the values must bring to 1 modulo 36 (ISO/IEC 7064 MOD 37,36)."""
    check = np.full(len(values), 18, dtype=np.int64)
    for place in range(values.shape[1]):
        check = (np.where(check == 0, 36, check) * 2 % 37 + values[:, place]) % 36
    return np.where(check == 0, 36, check) * 2 % 37


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person: case, blanks, ways to write one character, and what is not seen make no difference."""
    return _as_seen(one) == _as_seen(other)


def _as_seen(name: str) -> str:
    """A name as a reader takes it: Unicode's compatibility form without case, unseen characters, or more than one blank."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join("".join(one for one in plain if unicodedata.category(one) not in _UNSEEN).split())


def check_person(name: str) -> None:
    """Refuse a person's name that reads like another's: with letters of two scripts, or characters that are not seen.

    Raises `InputRejected`.
    """
    inner = name.strip()  # blanks around a name are nobody's, and `same_person` knows
    scripts = {unicodedata.name(one, "?").split()[0] for one in inner if unicodedata.category(one)[0] == "L"}
    if len(scripts) > 1 or any(unicodedata.category(one) in _UNSEEN for one in inner):
        raise InputRejected(
            "This name of a person has letters of two scripts, or characters that are not seen.",
            "It could be read as another person's, and two people would be one.",
            "Write it in the letters of one script.",
        )


def content_code(content: bytes | str, length: int = 8) -> str:
    """A short code of A-Z and 0-9 for a content: `length` base-36 characters (at most 40) of its SHA-256, for ids and names."""
    assert 1 <= length <= 40, "a SHA-256 has no more than 49 base-36 characters"
    number = int.from_bytes(hashlib.sha256(content.encode() if isinstance(content, str) else content).digest())
    characters = []
    for _ in range(length):
        number, value = divmod(number, 36)
        characters.append(_ALPHABET[value])
    return "".join(characters)
