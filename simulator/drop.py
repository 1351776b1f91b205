"""Writes a source drop, version 1: tables in parts as Parquet, CSV or JSON Lines, and a manifest that they must agree with."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from schemas.errors import WrongUsage
from simulator.columns import JAKARTA_SECONDS

FEW_VALUED = ["wave", "sk_number", "occupation", "status", "version", "channel", "platform", "training_id", "rating"]
"""Columns worth a dictionary in Parquet; for the others it costs time and saves nothing."""

Format: TypeAlias = Literal["parquet", "csv", "jsonl"]


class DropWriter:
    """One folder under construction. `files` says of each file what the manifest will: rows and SHA-256."""

    def __init__(self, folder: Path, form: Format) -> None:
        """Makes the folder; an existing one must be empty, because old parts would be taken for new ones (`WrongUsage`)."""
        if folder.exists() and any(folder.iterdir()):
            raise WrongUsage(
                f"{folder} is not empty.", "A drop is made of all files in its folder.", "Name a new folder."
            )
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.form = form
        self.files: dict[str, dict[str, str | int]] = {}

    @property
    def is_text(self) -> bool:
        """Whether instants and dates are written as text."""
        return self.form != "parquet"

    def write(self, name: str, part: int, table: pa.Table) -> None:
        """Writes one part of the table `name`; nothing if it has no rows."""
        if not table.num_rows:
            return
        path = self.folder / f"{name}-{part:04d}.{self.form}"
        if self.form == "parquet":
            few = [name for name in FEW_VALUED if name in table.column_names]
            pq.write_table(table, path, compression="zstd", compression_level=1, use_dictionary=few)
        elif self.form == "csv":
            pacsv.write_csv(as_text(table), path)
        else:
            with path.open("w", encoding="utf-8", newline="\n") as file:
                for batch in as_text(table).to_batches(max_chunksize=10_000):
                    file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in batch.to_pylist())
        self.files[path.name] = {"rows": table.num_rows, "sha256": _sha256(path)}

    def finish(self, decisions: Mapping[str, Mapping[str, int]]) -> None:
        """Writes manifest.json: every file, and of every decision how many people it names and what it sets aside for them."""
        manifest = {"files": self.files, "decisions": decisions}
        text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
        (self.folder / "manifest.json").write_text(text, encoding="utf-8", newline="\n")


def as_text(table: pa.Table) -> pa.Table:
    """Instants as ISO 8601 with Jakarta's offset, dates as YYYY-MM-DD; other columns as they are."""
    for position, field in enumerate(table.schema):
        column = table.column(position)
        if pa.types.is_timestamp(field.type):
            local = pc.add(column.cast(pa.timestamp("s", tz="UTC")), pa.scalar(JAKARTA_SECONDS, pa.duration("s")))
            column = pc.strftime(local, format="%Y-%m-%dT%H:%M:%S+07:00")
        elif pa.types.is_date(field.type):
            column = pc.strftime(column, format="%Y-%m-%d")
        else:
            continue
        table = table.set_column(position, field.name, column)
    return table


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
