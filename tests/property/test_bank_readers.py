"""What is written is what is read, and the fast readers see what the plain one sees."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from banks.formats import Agent, camt053, camt054, pain001, pain002
from banks.formats.names import fit, transliterate
from banks.profiles import load_profile
from banks.schema_check import validate
from schemas.tables import TABLES, conform
from tests.lib.bank_messages import TEXTS, notifications, render, statements, status_reports
from tests.lib.plain_bank_reader import plain_notifications, plain_statements, plain_status_report

PAIN002 = ["pain.002.001.03", "pain.002.001.10", "pain.002.001.12"]
CAMT053 = ["camt.053.001.02", "camt.053.001.08"]
ISO = "urn:iso:std:iso:20022:tech:xsd:"

names = TEXTS.map(str.strip).filter(bool)
transfers = st.lists(
    st.tuples(st.integers(1, 10**12), st.text("0123456789ABC", min_size=1, max_size=34), names, names),
    min_size=1,
    max_size=20,
)


def orders_of(rows: list[tuple[int, str, str, str]]) -> pa.Table:
    """orders.v1 with derived identifiers."""
    names = ("amount_idr", "creditor_account", "creditor_name", "remittance")
    records = [{"end_to_end_id": f"SYN{n:012}"} | dict(zip(names, row, strict=True)) for n, row in enumerate(rows)]
    return pa.Table.from_pylist(records, TABLES["orders.v1"].schema)


def header(message_format: str) -> pain001.Header:
    """A header whose texts need escaping."""
    return pain001.Header(
        format=message_format,
        message_id="MSG-1",
        payment_information_id="PMT-1",
        created_at=datetime(2020, 8, 31, 16, 59, 59, 999999, tzinfo=UTC),
        execution_date=date(2020, 9, 1),
        debtor_name="PROGRAM <SINTETIS> & UJI",
        debtor_account="0000000901",
        debtor_agent=Agent(bic="BNINIDJA"),
        creditor_agent=Agent(other_id="OVO"),
        category_purpose="SSBE",
    )


@given(transfers, st.sampled_from(sorted(pain001.FORMATS)))
def test_what_is_written_is_valid_and_is_read_back_as_it_was(
    rows: list[tuple[int, str, str, str]], version: str
) -> None:
    orders = orders_of(rows)
    data = pain001.write(orders, header(version))
    read = pain001.read_back(data)
    assert validate(data, version) == []
    assert (read.transaction_count, read.control_sum_idr) == (len(rows), sum(amount for amount, *_ in rows))
    assert read.orders.equals(conform(orders, "orders.v1"))


@given(st.lists(st.text(max_size=30), max_size=20))
def test_a_transliterated_name_is_in_the_banks_characters_and_stays_as_it_is_the_second_time(texts: list[str]) -> None:
    characters = load_profile("bni").name_characters
    once = transliterate(pa.array(texts, pa.string()), characters)
    assert all(set(name) <= set("/?:().,'+ -") or name.isascii() for name in once.to_pylist())
    assert transliterate(once, characters).equals(once)
    assert all(name == name.strip() and "  " not in name for name in once.to_pylist())


@given(transfers)
def test_every_order_is_either_written_or_refused_with_a_reason(rows: list[tuple[int, str, str]]) -> None:
    written, refused = fit(orders_of(rows), load_profile("bni"))
    ids = written["end_to_end_id"].to_pylist() + refused["end_to_end_id"].to_pylist()
    assert sorted(ids) == sorted(orders_of(rows)["end_to_end_id"].to_pylist())
    assert refused["reason"].null_count == 0


@given(status_reports, st.sampled_from(PAIN002), st.data())
def test_a_status_report_is_read_as_the_plain_reader_reads_it(root, version: str, style: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    data = render(root, ISO + version, style)
    assert pain002.read(data).responses.to_pylist() == plain_status_report(data)


@given(statements, st.sampled_from(CAMT053), st.data())
def test_statements_are_read_as_the_plain_reader_reads_them(root, version: str, style: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    data = render(root, ISO + version, style)
    read = camt053.read(data)
    assert (read.statements.to_pylist(), read.entries.to_pylist()) == plain_statements(data)


@given(notifications, st.sampled_from(["camt.054.001.02", "camt.054.001.04", "camt.054.001.08"]), st.data())
def test_notifications_are_read_as_the_plain_reader_reads_them(root, version: str, style: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    data = render(root, ISO + version, style)
    assert camt054.read(data).entries.to_pylist() == plain_notifications(data)
