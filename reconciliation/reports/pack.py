"""The evidence pack of a cycle: its tables, its report and its rules in one zip that anyone can check without us.

The same ledger gives the same bytes: members are sorted by name and bear one fixed date. `manifest.json` has the SHA-256 and
the rows of every other member. `salur verify` reads nothing but the pack.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger import audit, chain, claims, journal, queries, reissues, store
from ledger.house import House
from ledger.instants import jakarta_date
from ledger.parquet import get_table, to_parquet
from reconciliation import evidence
from reconciliation.reports.cycle import gather, of_people
from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.facts import tables as tables_of_facts
from reconciliation.reports.pack_check import FORMAT, MANIFEST, VERSION, canonical, to_csv, verify_pack
from reconciliation.reports.pack_report import pages, stated
from reconciliation.reports.qualified import qualifications
from schemas.errors import TryLater
from schemas.failpoints import around
from schemas.tables import empty

__all__ = ["verify_pack", "write_pack"]

_DATE = (1980, 1, 1, 0, 0, 0)


def write_pack(
    house: House,
    period: str,
    out: Path,
    facts: CycleFacts | None = None,
    beside: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write `pack-PERIOD.zip` into the folder `out`; returns its path. `facts`, where they are gathered already, are reused.

    `beside` names the files of the report that lie beside the pack, each with its SHA-256: the manifest binds them.

    A broken event chain raises `EvidenceDamaged`: there is no pack of a record that was changed. A folder that cannot be
    written raises `TryLater`; half a pack is never left behind.
    """
    facts = facts or gather(house, period)
    with house.store.reading() as connection:
        chain.verify(connection)
        tables = _tables(house, connection, facts)
    members = {**pages(facts), **_policies(house, facts)}
    rows: dict[str, int] = {}
    for name in tables_of_facts():
        table, path = getattr(facts, name), f"report/{name}.parquet"
        members[path], rows[path] = bytes(to_parquet(table)), table.num_rows
    for name, table in tables.items():
        for path, content in (
            (f"tables/{name}.parquet", bytes(to_parquet(table))),
            (f"tables/{name}.csv", to_csv(table)),
        ):
            members[path], rows[path] = content, table.num_rows
    members[MANIFEST] = _manifest(facts, members, rows, beside)
    return _write(out / f"pack-{facts.period}.zip", members)


def _manifest(
    facts: CycleFacts, members: Mapping[str, bytes], rows: Mapping[str, int], beside: Mapping[str, str]
) -> bytes:
    said: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "period": facts.period,
        "at": facts.at.isoformat(),
        "cut_off": facts.cut_off.isoformat() if facts.cut_off else None,
        "report": stated(facts),
        "chain": {"events": facts.event_count, "head": facts.chain_head},
        "beside": dict(beside),
        "members": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "rows": rows.get(name)}
            for name, content in sorted(members.items())
        },
    }
    return (
        json.dumps({**said, "digest": canonical(said)}, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
    )


def _write(path: Path, members: Mapping[str, bytes]) -> Path:
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with around("pack write"), zipfile.ZipFile(partial, "w") as archive:
            for name, content in sorted(members.items()):
                entry = zipfile.ZipInfo(name, _DATE)
                entry.external_attr = 0o644 << 16
                packed = zipfile.ZIP_STORED if name.endswith(".parquet") else zipfile.ZIP_DEFLATED
                archive.writestr(entry, content, packed)
        with around("pack naming"):
            partial.replace(path)
    except OSError as error:
        raise TryLater(
            f"The pack {path.name} cannot be written.", error.strerror or type(error).__name__, "Give another --out."
        ) from None
    return path


def _policies(house: House, facts: CycleFacts) -> dict[str, bytes]:
    """The files of the policies applied, where the archive holds them under the digest that the run recorded."""
    return {
        f"policies/{row['policy']}.toml": house.archive.get(row["sha256"])
        for row in facts.policies.to_pylist()
        if house.archive.has(row["sha256"])
    }


def _tables(house: House, connection: store.Connection, facts: CycleFacts) -> dict[str, pa.Table]:
    """What the pack holds of the period, by name. No personal data: banks' free words and keyed digests stay behind."""
    period = facts.period
    instructions = queries.instruction_rows(connection, period=period)
    files = queries.file_rows(connection, period=period)
    said = evidence.load(connection, house.archive)
    concerning = _files_about(said, instructions, files)
    decisions = queries.decisions_in_force(connection, house.archive, period)
    return {
        "entitlements": _entitlements(house, connection, period),
        "reissues": reissues.in_force(connection, house.archive, period),
        "qualified": qualifications(connection, house.archive, period, of_people(decisions, instructions)),
        "instructions": instructions.drop_columns(["own_state", "file_state", "account_mac"]),
        "files": files,
        "batches": facts.batches,
        "consents": audit.consents(connection),
        "responses": _about(said.responses, concerning),
        "statements": _about(said.statements, concerning),
        "entries": _about(said.entries, concerning),
        "inbound": facts.inbound,
        "matches": _matches(house, connection, period),
        "breaks": facts.breaks,
        "acts": facts.acts,
        "journal": journal.rows(connection, period),
        "receivables": claims.listed(connection, jakarta_date(house.at)),
        "claim_items": claims.all_items(connection),
        "repayments": claims.all_repayments(connection),
        "deposits": claims.all_deposits(connection),
        "deposit_items": claims.all_deposit_items(connection),
        "attempt_ends": reissues.ends_before(connection, period),
        "reissue_acts": reissues.all_acts(connection),
        "proofs": facts.proofs,
        "checks": facts.checks,
        "quarantine": queries.whole(connection, "quarantine")
        .drop_columns(["raw_sealed", "row_mac"])
        .sort_by([(name, "ascending") for name in ("drop_id", "table", "source", "row", "reason")]),
        "events": queries.whole(connection, "events").sort_by("seq"),
    }


def _entitlements(house: House, connection: store.Connection, period: str) -> pa.Table:
    """The decisions in force just as their run wrote them, since the chain has the hash of those bytes."""
    run = queries.last_entitlement_run(connection, period)
    return get_table(house.archive, run["archive_key"]) if run else empty("decisions.v1")


def _matches(house: House, connection: store.Connection, period: str) -> pa.Table:
    runs = queries.runs_of(connection, store.reconciliation_runs, period)
    if not runs.num_rows:
        return empty("matches.v1")
    return get_table(house.archive, runs["archive_key"][-1].as_py())


_REFERENCES = ("end_to_end_id", "message_id", "payment_information_id")


def _files_about(said: evidence.Evidence, instructions: pa.Table, files: pa.Table) -> pa.Array:
    """The SHA-256 of the received files that name a payment or a file of the period."""
    found: set[str] = set()
    for rows in (said.responses, said.entries):
        for column in _REFERENCES:
            ours = (instructions if column == "end_to_end_id" else files)[column].combine_chunks()
            named = rows.filter(pc.is_in(rows[column], ours))
            found.update(pc.unique(named["evidence"]).to_pylist())
    return pa.array(sorted(found), pa.string())


def _about(rows: pa.Table, concerning: pa.Array) -> pa.Table:
    mine = rows.filter(pc.is_in(rows["evidence"], concerning))
    return mine.drop_columns(["reason_text"]) if "reason_text" in mine.column_names else mine
