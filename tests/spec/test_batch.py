"""How instructions are grouped into batches and files, and how those are named."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from banks.profiles import load_profile
from disbursement.batch import Batch, Target, form_batches
from disbursement.instruction import COLUMNS
from schemas.identifiers import end_to_end_id
from schemas.tables import TABLES

CREATED_AT = datetime(2020, 10, 31, 16, 59, 59, 999999, tzinfo=UTC)
DAY = date(2020, 11, 2)


def _instructions(*channels: str, amount_idr: int = 600_000) -> pa.Table:
    rows = [
        {
            "end_to_end_id": end_to_end_id(f"P{n}", "incentive", 1, 1),
            "participant_id": f"P{n}",
            "benefit": "incentive",
            "sequence": 1,
            "attempt": 1,
            "period": "2020-10",
            "policy": "prakerja-2020",
            "amount_idr": amount_idr,
            "due_on": date(2020, 10, 5),
            "channel": channel,
            "account_version": 1,
            "account_mac": f"mac {n}",
            "last_payment_date": date(2021, 3, 5) if n % 2 else None,
        }
        for n, channel in enumerate(channels)
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["instructions.v1"].schema).select(COLUMNS)


def _form(
    instructions: pa.Table, *, limit: int = 99_999, day: date = DAY, first: int = 1, at: datetime = CREATED_AT
) -> list[Batch]:
    targets = {code: Target(replace(load_profile(code), row_limit=limit), day, first) for code in ("bni", "bca", "ovo")}
    return form_batches(instructions, targets=targets, period="2020-10", created_at=at)


def _names(batches: list[Batch]) -> set[str]:
    return {
        name
        for b in batches
        for f in b.files
        for name in (b.batch, f.file_name, f.message_id, f.payment_information_id)
    }


def test_a_batch_holds_the_instructions_of_one_channel() -> None:
    batches = _form(_instructions("ovo", "bni", "ovo"))
    assert [(b.channel, b.transaction_count, b.control_sum_idr) for b in batches] == [
        ("bni", 1, 600_000),
        ("ovo", 2, 1_200_000),
    ]
    for batch in batches:
        assert set(batch.instructions.column("batch").to_pylist()) == {batch.batch}
        assert set(batch.instructions.column("channel").to_pylist()) == {batch.channel}


def test_without_instructions_there_is_no_batch() -> None:
    assert _form(_instructions()) == []


@pytest.mark.parametrize("count, sizes", [(1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])])
def test_files_are_filled_up_to_the_row_limit(count: int, sizes: list[int]) -> None:
    (batch,) = _form(_instructions(*["bni"] * count), limit=3)
    assert [file.instructions.num_rows for file in batch.files] == sizes
    references = batch.instructions.column("end_to_end_id").to_pylist()
    assert references == sorted(references)
    assert [set(f.instructions.column("file_name").to_pylist()) for f in batch.files] == [
        {f.file_name} for f in batch.files
    ]


def test_files_are_numbered_on_from_the_number_given() -> None:
    (batch,) = _form(_instructions("bni", "bni"), limit=1, first=8)
    assert [file.message_id[:11] for file in batch.files] == ["20201102008", "20201102009"]


def test_the_order_of_instructions_changes_nothing() -> None:
    instructions = _instructions("bni", "ovo", "bni", "bni", "ovo")
    backwards = instructions.take(pa.array([4, 3, 2, 1, 0]))
    assert _names(_form(instructions, limit=2)) == _names(_form(backwards, limit=2))
    for one, other in zip(_form(instructions, limit=2), _form(backwards, limit=2), strict=True):
        assert one.instructions.equals(other.instructions)


@pytest.mark.parametrize(
    "other",
    [
        _form(_instructions("bni", "bni", "bni")),
        _form(_instructions("bni", "bni", amount_idr=50_000)),
        _form(_instructions("bca", "bca")),
        _form(_instructions("bni", "bni"), day=date(2020, 11, 3)),
        _form(_instructions("bni", "bni"), at=CREATED_AT.replace(day=30)),
    ],
    ids=["another payment", "another amount", "another channel", "another day", "another cut-off"],
)
def test_other_content_has_other_names(other: list[Batch]) -> None:
    assert not _names(_form(_instructions("bni", "bni"))) & _names(other)


def test_message_ids_fit_the_iso_field_and_differ() -> None:
    (batch,) = _form(_instructions(*["bni"] * 3), limit=1)
    ids = [name for file in batch.files for name in (file.message_id, file.payment_information_id)]
    assert len(set(ids)) == 6
    assert all(re.fullmatch("[A-Z0-9]{1,35}", name) for name in ids)


def test_a_batch_ends_with_the_earliest_last_payment_date() -> None:
    (batch,) = _form(_instructions("bni", "bni"))
    assert batch.last_payment_date == date(2021, 3, 5)
    (without,) = _form(_instructions("bni"))
    assert without.last_payment_date is None
