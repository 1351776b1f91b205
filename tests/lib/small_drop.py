"""Source drops of a handful of invented people, written in any form that the contract allows.

`people(12)` are all due for tranche 1 by the end of June 2020; a test changes the rows that it is about.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.tables import SOURCES

CHANNELS = ("bni", "bca", "ovo", "gopay", "linkaja", "dana")
Row = dict[str, Any]
Tables = dict[str, list[Row]]


def people(count: int, channels: Sequence[str] = CHANNELS) -> Tables:
    """Tables of `count` people, each with an account, one completion, and a serial number 99xx in the NIK."""
    numbers = range(1, count + 1)
    return {
        "participants": [_participant(n) for n in numbers],
        "accounts": [_account(n, channels[n % len(channels)]) for n in numbers],
        "trainings": [_training()],
        "completions": [_completion(n) for n in numbers],
    }


def nik(number: int) -> str:
    """An invented NIK: born 1 January 1990, serial 99xx."""
    return f"31710101019099{number:02}"


def _participant(n: int) -> Row:
    return {
        "participant_id": f"CONTOH{n:04}",
        "nik": nik(n),
        "kk": f"31710101012099{n:02}",
        "name": f"PESERTA CONTOH {n}",
        "wave": 1,
        "accepted_on": date(2020, 5, 4),
        "sk_number": "SK-CONTOH/2020",
        "sk_line": str(n),
        "occupation": "unemployed",
        "status": "active",
        "status_at": datetime(2020, 5, 4, 2, tzinfo=UTC),
    }


def _account(n: int, channel: str) -> Row:
    number = f"00990{n:05}" if channel in ("bni", "bca") else f"0812990{n:05}"
    return {
        "participant_id": f"CONTOH{n:04}",
        "version": 1,
        "channel": channel,
        "account_number": number,
        "owner_name": f"PESERTA CONTOH {n}",
        "owner_nik": nik(n),
        "verified_at": datetime(2020, 5, 6, 2, tzinfo=UTC),
        "closed_at": None,
    }


def _training() -> Row:
    return {
        "training_id": "T-1",
        "title": "Pelatihan Contoh",
        "provider": "Lembaga Contoh",
        "platform": "Platform Contoh",
        "price_idr": 500_000,
    }


def _completion(n: int) -> Row:
    return {
        "completion_id": f"C-{n}",
        "platform": "Platform Contoh",
        "participant_id": f"CONTOH{n:04}",
        "training_id": "T-1",
        "purchased_at": datetime(2020, 5, 10, 2, tzinfo=UTC),
        "completed_at": datetime(2020, 6, 1, 2, tzinfo=UTC),
        "certificate_number": f"SERTIFIKAT-CONTOH-{n}",
        "rating": 5,
        "reviewed_at": datetime(2020, 6, 2, 2, tzinfo=UTC),
        "recorded_at": datetime(2020, 6, 3, 2, tzinfo=UTC),
        "revoked_at": None,
    }


def write_drop(folder: Path, tables: Tables, form: str = "csv", parts: int = 1, line_end: str = "\n") -> Path:
    """Write the tables as files of one form, each in so many parts; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        for part in range(parts):
            label = name if parts == 1 else f"{name}-{part:04}"
            _write(folder / f"{label}.{form}", name, rows[part::parts], line_end)
    return folder


def _write(path: Path, name: str, rows: list[Row], line_end: str) -> None:
    columns = _columns(name, rows)
    if path.suffix == ".parquet":
        schema = SOURCES[f"{name}.v1"].schema
        fields = [pa.field(column, schema.field(column).type) for column in columns]
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)), path)
    elif path.suffix == ".jsonl":
        lines = [json.dumps(json_row(row)) for row in rows]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns, lineterminator=line_end)
            writer.writeheader()
            writer.writerows({k: _text(v) for k, v in row.items()} for row in rows)


def json_row(row: Row) -> Row:
    """A row as JSON holds it: dates and instants as text."""
    return {name: _text(value) for name, value in row.items()}


def _columns(name: str, rows: Iterable[Row]) -> list[str]:
    given = {column for row in rows for column in row}
    known = SOURCES[f"{name}.v1"].columns
    return [*(c for c in known if c in given), *sorted(given - set(known))] or list(known)


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
