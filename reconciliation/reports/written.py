"""The report on disk: page, workbook, Parquet tables with their manifest, data docs, and the pack that binds them by hash."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from ledger.house import House
from ledger.lock import alone_in
from ledger.parquet import to_parquet
from reconciliation.reports.cycle import gather
from reconciliation.reports.data_docs import write_docs
from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.html import render, worked_out
from reconciliation.reports.pack import write_pack
from reconciliation.reports.pack_report import made_by
from reconciliation.reports.tables import tables
from reconciliation.reports.workbook import workbook
from schemas.errors import TryLater
from schemas.failpoints import around

MANIFEST = "manifest.json"


def write_report(house: House, period: str, out: Path, data_docs: bool = True) -> dict[str, Any]:
    """Write everything that a cycle's report is into the folder `out`, each file whole or not at all; returns its paths.

    `data_docs`: whether Great Expectations' pages of the period's checks are written too, which takes some seconds. A folder that cannot be written raises `TryLater`. The pack comes last, as it names the SHA-256 of what lies beside it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with alone_in(out):
            return _write_all(house, period, out, data_docs)
    except OSError as error:
        raise TryLater(
            f"The report of {period} cannot be written.", error.strerror or type(error).__name__, "Give another --out."
        ) from None


def _write_all(house: House, period: str, out: Path, data_docs: bool) -> dict[str, Any]:
    facts = gather(house, period)
    view = worked_out(facts)
    found = tables(facts, view)
    page, book, folder = out / f"report-{period}.html", out / f"report-{period}.xlsx", out / f"report-{period}-tables"
    folder.mkdir(exist_ok=True)
    beside = _written(page, render(facts).encode()) | _written(book, workbook(facts, found, view["final"]))
    listed = _write_tables(folder, facts, found)
    beside |= {f"{folder.name}/{name}": sha256 for name, sha256 in listed.items()}
    docs = write_docs(facts, out) if data_docs else None
    beside |= _hashes(docs.parent, out) if docs else {}
    pack = write_pack(house, period, out, facts, beside)
    return {
        "period": period,
        "report": str(page),
        "workbook": str(book),
        "tables": str(folder),
        "data_docs": str(docs) if docs else None,
        "pack": str(pack),
    }


def _write_tables(folder: Path, facts: CycleFacts, found: Mapping[str, pa.Table]) -> dict[str, str]:
    """The tables as Parquet and a manifest of their SHA-256; tables of an earlier report that are no more are taken away."""
    listed: dict[str, Any] = {}
    for name, table in found.items():
        content = bytes(to_parquet(table))
        (sha256,) = _written(folder / f"{name}.parquet", content).values()
        listed[f"{name}.parquet"] = {"sha256": sha256, "bytes": len(content), "rows": table.num_rows}
    for old in folder.glob("*.parquet"):
        if old.name not in listed:
            with around("report removal"):
                old.unlink()
    said = {
        "format": "salur-report-tables",
        "version": 1,
        "period": facts.period,
        "at": facts.at.isoformat(),
        "made_by": made_by,
        "chain": {"events": facts.event_count, "head": facts.chain_head},
        "files": listed,
    }
    own = _written(folder / MANIFEST, json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return {**{name: about["sha256"] for name, about in listed.items()}, **own}


def _hashes(folder: Path, out: Path) -> dict[str, str]:
    """The SHA-256 of every page in a folder, by its name as seen from `out`."""
    pages = sorted(folder.rglob("*.html"))
    return {page.relative_to(out).as_posix(): hashlib.sha256(page.read_bytes()).hexdigest() for page in pages}


def _written(path: Path, content: bytes) -> dict[str, str]:
    """Write a file under its name only when it is complete; returns its name and SHA-256."""
    partial = path.with_name(f".{path.name}.partial")
    with around("report write"):
        partial.write_bytes(content)
    with around("report naming"):
        partial.replace(path)
    return {path.name: hashlib.sha256(content).hexdigest()}
