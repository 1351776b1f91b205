"""A million payments sent and a million bookings, made once and read by both sides of the comparison of matching.

Of every hundred payments one is missing in the statement; of every thousand bookings one is not ours; every 207th amount
is one rupiah apart. The bookings come shuffled, as a bank's do; the payments in the order of the ledger, by identifier.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.inputs import SURVEY_EVERY, SURVEY_IDR, TRANCHE_IDR

SENT, ENTRIES = "sent.arrow", "entries.arrow"
BANK, PERIOD, EVIDENCE = "bni", "2020-05", "5f" * 32
FILE_COUNT = 10
DAY = date(2020, 5, 4)
_MISSING_EVERY, _DIFFERS_EVERY, _STRANGER_EVERY = 100, 207, 1_000
_SEED = 3


def _ids(numbers: Any) -> pa.Array:
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 11, "0")
    return pc.binary_join_element_wise("SYN", digits, "X", "")


def _amounts(numbers: Any) -> Any:
    return np.where(numbers % SURVEY_EVERY == 0, SURVEY_IDR, TRANCHE_IDR)


def _is_missing(numbers: Any) -> Any:
    return numbers % _MISSING_EVERY == 0


def _differs(numbers: Any) -> Any:
    return (numbers % _DIFFERS_EVERY == 1) & ~_is_missing(numbers)


def make(size: int, folder: Path) -> None:
    """Write the two tables to `folder`: what was sent, and a statement's entries."""
    ours = np.arange(size)
    names = pa.array([f"F{number:02d}" for number in range(FILE_COUNT)])
    sent = {
        "end_to_end_id": _ids(ours),
        "participant_id": _ids(ours),
        "amount_idr": pa.array(_amounts(ours)),
        "channel": pa.repeat(BANK, size),
        "file_name": names.take(pa.array(ours % FILE_COUNT)),
        "period": pa.repeat(PERIOD, size),
    }
    theirs = np.concatenate([ours[~_is_missing(ours)], np.arange(size, size + size // _STRANGER_EVERY)])
    np.random.Generator(np.random.PCG64(_SEED)).shuffle(theirs)
    amounts = pa.array(_amounts(theirs) + (_differs(theirs) & (theirs < size)))
    count = len(theirs)
    days = pa.array([DAY]).take(pa.array(np.zeros(count, dtype=np.int64)))
    told = {
        "statement_id": pa.repeat("S1", count),
        "entry_number": pa.array(np.arange(1, count + 1)),
        "detail_number": pa.array(np.zeros(count, dtype=np.int64)),
        "booking_date": days,
        "value_date": days,
        "direction": pa.repeat("debit", count),
        "amount_idr": amounts,
        "entry_amount_idr": amounts,
        "currency": pa.repeat("IDR", count),
        "status": pa.repeat("BOOK", count),
        "is_reversal": pa.array(np.zeros(count, dtype=bool)),
        "end_to_end_id": _ids(theirs),
        "bank": pa.repeat(BANK, count),
        "evidence": pa.repeat(EVIDENCE, count),
    }
    for name, columns in ((SENT, sent), (ENTRIES, told)):
        table = pa.table(columns)
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)


def load(folder: Path) -> tuple[pa.Table, pa.Table]:
    """The two tables, in memory."""
    return _load(folder / SENT), _entries(_load(folder / ENTRIES))


def _load(path: Path) -> pa.Table:
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def _entries(told: pa.Table) -> pa.Table:
    """With the columns that a statement may leave empty."""
    for name in ("message_id", "payment_information_id", "bank_reference", "return_code", "reason_text"):
        told = told.append_column(name, pa.nulls(told.num_rows, pa.string()))
    return told.append_column("transaction_count", pa.nulls(told.num_rows, pa.int64()))


def files(size: int) -> pa.Table:
    """Our ten files, as the ledger has them."""
    numbers = np.arange(size)
    rows = []
    for number in range(FILE_COUNT):
        mine = numbers[numbers % FILE_COUNT == number]
        rows.append(
            {"file_name": f"F{number:02d}", "channel": BANK, "message_id": f"M{number}", "execution_date": DAY,
             "payment_information_id": f"P{number}", "transaction_count": len(mine), "is_companion": False,
             "control_sum_idr": int(_amounts(mine).sum()), "state": "submitted"}
        )  # fmt: skip
    return pa.Table.from_pylist(rows)


def statements(entries: pa.Table) -> pa.Table:
    """The one statement that the entries stand in."""
    opening = 10**15
    return pa.table(
        {"statement_id": ["S1"], "account": ["A"], "currency": ["IDR"], "sequence_number": [1], "from_date": [DAY],
         "to_date": [DAY], "opening_idr": [opening], "closing_idr": [opening - pc.sum(entries["amount_idr"]).as_py()],
         "row_count": [entries.num_rows], "bank": [BANK], "evidence": [EVIDENCE], "received": [1]}
    )  # fmt: skip


def no_responses() -> pa.Table:
    """No status report at all: this is about statements."""
    texts = "level message_id payment_information_id end_to_end_id status reason_code reason_text currency bank evidence".split()
    numbers = "amount_idr transaction_count control_sum_idr received".split()
    kinds: list[tuple[str, Callable[[], pa.DataType]]] = [(name, pa.string) for name in texts]
    kinds += [(name, pa.int64) for name in numbers]
    return pa.schema([(name, kind()) for name, kind in kinds]).empty_table()


def check(ids: pa.ChunkedArray, verdicts: pa.ChunkedArray, size: int) -> None:
    """Hold the verdict on every identifier of either side (both, differs, ours, theirs) against what was made."""
    numbers = np.arange(size + size // _STRANGER_EVERY)
    expected = np.where(
        numbers >= size,
        "theirs",
        np.where(_is_missing(numbers), "ours", np.where(_differs(numbers), "differs", "both")),
    )
    found = pa.table({"id": ids, "verdict": verdicts}).sort_by("id")
    assert found["id"].to_pylist() == _ids(numbers).to_pylist(), "an identifier is missing or stands twice"
    assert found["verdict"].to_pylist() == expected.tolist(), "a payment is told wrongly"
