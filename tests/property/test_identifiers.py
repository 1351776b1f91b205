"""The fast forms of the identifier rules against their plain twins."""

from datetime import date

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_37_36

from schemas import identifiers
from schemas.identifiers import BLANKS, are_end_to_end_ids, check_nik, check_niks, end_to_end_id, end_to_end_ids
from schemas.regions import DISTRICTS

PAIRS = st.integers(0, 99).map("{:02d}".format)
NEAR_NIKS = st.builds(
    "{}{}{}{}{}{}{}".format,
    st.sampled_from(["", "", "", " ", "\n"]),
    st.one_of(st.sampled_from(sorted(DISTRICTS)), st.tuples(PAIRS, PAIRS, PAIRS).map("".join)),
    st.integers(0, 73).map("{:02d}".format),
    st.integers(0, 13).map("{:02d}".format),
    PAIRS,
    st.sampled_from(["0000", "0001", "9001"]),
    st.sampled_from(["", "", "", "\ufeff", "x"]),
)
NIKS = st.one_of(st.none(), NEAR_NIKS, st.text(alphabet="0123456789 ３x" + BLANKS, max_size=18))
DATES = st.one_of(st.none(), st.dates(date(2019, 1, 1), date(2030, 12, 31)))


@given(st.lists(st.tuples(NIKS, DATES), max_size=30))
def test_a_column_of_niks_gets_the_answers_of_its_rows(rows: list[tuple[str | None, date | None]]) -> None:
    niks = pa.array([nik for nik, _ in rows], pa.string())
    checks = check_niks(niks, pa.array([accepted for _, accepted in rows], pa.date32()))
    expected = [check_nik(nik, accepted) for nik, accepted in rows]
    assert checks.problem.to_pylist() == [problem for problem, _ in expected]
    assert checks.warnings.to_pylist() == [";".join(warnings) or None for _, warnings in expected]


NUMBERS = st.text(alphabet="0123456789+ -.()\u2013\u00a0x", max_size=20)


@given(st.lists(st.one_of(st.none(), NUMBERS, NUMBERS.map("+62 81".__add__), NUMBERS.map("08".__add__)), max_size=20))
def test_columns_of_phones_and_accounts_get_the_answers_of_their_rows(texts: list[str | None]) -> None:
    column = pa.array(texts, pa.string())
    assert identifiers.normalise_phones(column).to_pylist() == [identifiers.normalise_phone(text) for text in texts]
    assert identifiers.normalise_accounts(column).to_pylist() == [identifiers.normalise_account(text) for text in texts]


KEYS = st.tuples(st.text(max_size=20), st.sampled_from(["incentive", "survey"]), st.integers(1, 4), st.integers(1, 99))


@given(st.lists(KEYS, max_size=20))
def test_references_are_the_same_one_by_one_and_pass_the_standards_check(keys: list[tuple[str, str, int, int]]) -> None:
    columns = [list(column) for column in zip(*keys, strict=True)] or [[], [], [], []]
    references = end_to_end_ids(*columns).to_pylist()
    assert references == [end_to_end_id(*key) for key in keys]
    assert all(mod_37_36.is_valid(reference) for reference in references)
    assert are_end_to_end_ids(pa.array(references, pa.string())).to_pylist() == [True] * len(keys)


@given(KEYS, st.integers(0, 14), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_one_changed_character_is_noticed(key: tuple[str, str, int, int], place: int, character: str) -> None:
    reference = end_to_end_id(*key)
    changed = reference[:place] + character + reference[place + 1 :]
    assert are_end_to_end_ids(pa.array([changed])).to_pylist() == [changed == reference]
