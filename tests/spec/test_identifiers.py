"""What can be said of a NIK, a phone or an account number by looking at it, and what our own references promise."""

from datetime import date

import pyarrow as pa
import pytest

from schemas import identifiers
from schemas.errors import InputRejected
from schemas.identifiers import (
    are_end_to_end_ids,
    check_nik,
    check_niks,
    end_to_end_id,
    normalise_account,
    normalise_phone,
)
from schemas.regions import DISTRICTS, PROVINCES

ACCEPTED = date(2020, 7, 1)

NIKS = [
    # nik, problem, warnings
    ("3171011505909001", None, ()),
    ("3171015505909001", None, ()),  # a woman: day plus 40
    ("  3171011505909001 ", None, ()),
    ("9102180101909001", "", ("district_unknown",)),  # a gap in Papua's list
    ("9118230101909001", None, ()),  # Papua before 2022
    ("3171992902009001", None, ("district_unknown",)),  # 29 February 2000
    ("3171011505059001", None, ("under_18",)),
    ("3171010107029001", None, ()),  # eighteen on that day
    ("3171010207029001", None, ("under_18",)),  # a day short
    ("3171990101109001", None, ("district_unknown", "under_18")),
    ("", "not_16_digits", ()),
    (None, "not_16_digits", ()),
    ("317101150590901", "not_16_digits", ()),
    ("3.17101150590900E+15", "not_16_digits", ()),
    ("３１７１０１１５０５９０９００１", "not_16_digits", ()),  # full-width digits are not ASCII
    ("3171011505909001\n", None, ()),
    ("5401011505909001", "unknown_province", ()),  # East Timor left before NIKs were numbered
    ("0001011505909001", "unknown_province", ()),
    ("3100011505909001", "zero_region", ()),
    ("3171001505909001", "zero_region", ()),
    ("3171010005909001", "impossible_date", ()),
    ("3171013205909001", "impossible_date", ()),
    ("3171014005909001", "impossible_date", ()),
    ("3171017205909001", "impossible_date", ()),
    ("3171013104909001", "impossible_date", ()),
    ("3171011513909001", "impossible_date", ()),
    ("3171012902019001", "impossible_date", ()),  # neither 1901 nor 2001 was a leap year
    ("3171011505900000", "zero_serial", ()),
]


@pytest.mark.parametrize(("nik", "problem", "warnings"), [row for row in NIKS if row[1] != ""])
def test_a_nik_has_one_problem_or_its_warnings(nik: str | None, problem: str | None, warnings: tuple[str, ...]) -> None:
    assert check_nik(nik, ACCEPTED) == (problem, warnings)


def test_a_column_of_niks_is_judged_row_by_row() -> None:
    niks = pa.chunked_array([[row[0]] for row in NIKS], pa.string())
    checks = check_niks(niks, pa.array([ACCEPTED] * len(NIKS)))
    expected = [check_nik(row[0], ACCEPTED) for row in NIKS]
    assert checks.problem.to_pylist() == [problem for problem, _ in expected]
    assert checks.warnings.to_pylist() == [";".join(warnings) or None for _, warnings in expected]


def test_no_rows_have_no_findings() -> None:
    assert len(check_niks(pa.array([], pa.string())).problem) == 0


def test_without_a_date_of_acceptance_no_age_is_looked_at() -> None:
    assert check_niks(pa.array(["3171011505059001"])).warnings.to_pylist() == [None]
    assert check_niks(pa.array(["3171011505059001"]), pa.nulls(1, pa.date32())).warnings.to_pylist() == [None]


def test_the_region_list_joins_what_was_in_force_from_2018_to_2025() -> None:
    assert len(PROVINCES) == 38
    assert len(DISTRICTS) == 7_950
    assert {"910101", "927110", "930101", "317101"} <= DISTRICTS
    assert {code[:2] for code in DISTRICTS} == set(PROVINCES)


def test_the_province_of_a_nik_is_its_first_two_digits_unless_it_is_rejected() -> None:
    niks = ["3171011505909001", "9999011505909001", None, " 9118230101909001"]
    assert identifiers.provinces_of(pa.array(niks)).to_pylist() == ["31", None, None, "91"]
    assert [identifiers.province_of(nik) for nik in niks] == ["31", None, None, "91"]


PHONES = [
    ("+62 812-3456-7890", "081234567890"),
    ("6281234567890", "081234567890"),
    ("0812 3456 7890", "081234567890"),
    ("81234567890", "081234567890"),
    ("+62 (0) 812.3456.7890", "081234567890"),
    ("0812\u20133456\u00a07890", "081234567890"),
    ("021 555 1234", None),
    ("0812345", None),
    ("081234567890123", None),
    ("0801234567890", None),
    ("+1 812 345 6789", None),
    ("0812-3456-789O", None),
    ("", None),
    (None, None),
]


def test_one_mobile_number_has_one_form() -> None:
    written = [row[0] for row in PHONES]
    expected = [row[1] for row in PHONES]
    assert [normalise_phone(text) for text in written] == expected
    assert identifiers.normalise_phones(pa.array(written)).to_pylist() == expected


ACCOUNTS = [
    ("0012 3456-78", "0012345678"),
    ("12.345.678", "12345678"),
    ("123456789A", None),
    ("1.23E+15", None),
    ("9" * 35, None),
    ("", None),
    (None, None),
]


def test_an_account_number_is_digits_with_its_leading_zeros() -> None:
    written = [row[0] for row in ACCOUNTS]
    expected = [row[1] for row in ACCOUNTS]
    assert [normalise_account(text) for text in written] == expected
    assert identifiers.normalise_accounts(pa.array(written)).to_pylist() == expected


def test_the_reference_of_an_attempt_never_changes() -> None:
    """Statements of years ago carry these: a change here breaks every match with them."""
    assert end_to_end_id("P-0000001", "incentive", 1, 1) == "2AN7WA00YXR3TE0"


def test_references_of_neighbours_differ() -> None:
    rows = [
        ("P1", "incentive", 1, 1),
        ("P1", "incentive", 1, 2),
        ("P1", "incentive", 2, 1),
        ("P1", "survey", 1, 1),
        ("P11", "incentive", 1, 1),
    ]
    references = {end_to_end_id(*row) for row in rows} | {end_to_end_id("P", "1incentive", 1, 1)}
    assert len(references) == 6


def test_only_a_whole_reference_in_capitals_is_one() -> None:
    reference = end_to_end_id("P1", "incentive", 1, 1)
    others = [reference.lower(), reference[:14], reference + "A", " " + reference, ""]
    assert are_end_to_end_ids(pa.array([reference, None, *others])).to_pylist() == [True, None, *[False] * len(others)]


def test_a_content_code_follows_the_content() -> None:
    assert identifiers.content_code("a", 12) == identifiers.content_code(b"a", 12)
    assert identifiers.content_code("a", 12)[:5] == identifiers.content_code("a", 5)
    assert identifiers.content_code("a") != identifiers.content_code("b")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Siti Aminah", " siti  aminah "),
        ("Siti Aminah", "SITI\u00a0AMINAH"),
        ("Jos\u00e9", "Jose\u0301"),
        ("siti", "s\u00adi\u200bti"),
        ("siti", "\uff53iti"),
    ],
)
def test_names_that_read_alike_are_one_person(one: str, other: str) -> None:
    assert identifiers.same_person(one, other)


def test_names_that_read_otherwise_are_two_people() -> None:
    assert not identifiers.same_person("Siti Aminah", "Siti Aminahh")
    assert not identifiers.same_person("siti", "sitia minah")


@pytest.mark.parametrize("name", ["s\u0456ti", "siti\u200b", "si\u00adti", "si\tti"])
def test_a_name_that_could_be_read_as_anothers_is_refused(name: str) -> None:
    with pytest.raises(InputRejected):
        identifiers.check_person(name)


@pytest.mark.parametrize(
    "name", ["siti", "Siti Aminah, S.E.", "Jos\u00e9", "\u0441\u0438\u0442\u0438", "siti.2@contoh.example"]
)
def test_a_name_in_one_script_is_taken(name: str) -> None:
    identifiers.check_person(name)
