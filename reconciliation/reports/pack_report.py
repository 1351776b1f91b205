"""The page of an evidence pack: what it is rendered from, and what of that follows from the pack's other tables."""

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from importlib import metadata
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.reports import facts
from reconciliation.reports.answers import sides_of
from reconciliation.reports.cycle import counted, due, of_batches, receivables, totals, with_people
from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.html import render
from reconciliation.reports.qualified import with_training

_README = """\
PAKET BUKTI / EVIDENCE PACK

report.html      laporan siklus / the cycle report
report/          angka laporan, dari situ halaman dibentuk / the report's figures, from which the page is rendered
tables/          tabel sebagai Parquet dan CSV / tables as Parquet and CSV
policies/        aturan yang dipakai / the rules that were applied
manifest.json    SHA-256 dan jumlah baris setiap berkas / SHA-256 and rows of every member

Periksa / check: salur verify PACK.zip
Buku kerja, tabel Parquet dan halaman pemeriksaan data yang ditulis bersama paket ini disebut di manifest.json (beside) dengan
SHA-256-nya; yang terletak di samping paket ikut diperiksa / the workbook, the Parquet tables and the data docs written with this
pack are named in manifest.json (beside) with their SHA-256; those that lie beside the pack are checked too.
CSV adalah untuk program; di Excel bukalah buku kerja / CSV is for programs; in Excel, open the workbook: a spreadsheet takes a
CSV's text that begins with = for a formula.
Tanpa Salur / without Salur: sha256sum tables/* dan bandingkan dengan / and compare with manifest.json.
Rantai bukti / event chain (tables/events): hash = SHA-256([seq, at, actor, kind, subject, details, previous_hash])
sebagai JSON tanpa spasi, at dalam mikrodetik sejak 1970 / as JSON without blanks, at in microseconds since 1970.

APA YANG DIBUKTIKAN / WHAT IT PROVES

Paket ini tidak ditandatangani: isinya terbukti saling cocok, bukan siapa pembuatnya. Bandingkan kepala rantai dengan
Berita Acara yang ditandatangani; siapa yang menulis ulang seluruh rantai memperoleh kepala yang lain.
The pack is not signed: it proves that its contents fit each other, not who made it. Compare the chain's head with the
signed minutes; whoever rewrites the whole chain gets another head.

Terikat pada rantai / bound by the chain: keputusan dan aturan / decisions and rules; hasil pencocokan / matches; selisih
terbuka dan persamaan / open breaks and proofs (rekonsiliasi terakhir / the last reconciliation); persetujuan rilis,
orang demi orang / consents to release, name by name; dana masuk dan koreksinya / money received and corrections; tagihan,
pengembalian dan setoran, dengan jurnalnya / claims, repayments and deposits, with their journal; tindakan atas penerbitan ulang, dan
dua orang di mana diperlukan / acts on reissues, and two people where they are needed; SK-PKP
menurut manifes / decisions (SK-PKP) as manifests state them; penyelesaian pelatihan di balik tahap 1
bulan ini / the completions behind this month's first tranches.
Terikat pada tabel itu / bound by those tables: instruksi, berkas, kelompok dan jurnal: jumlah dan total setiap keadaan /
instructions, files, batches and journal: count and sum of each state; setiap CSV, sama dengan Parquet-nya / each CSV, equal
to its Parquet; posisi dana periode ini, dan setiap rinciannya dijumlah ulang / this period's money, and every part of it added
up again; akhir setiap percobaan dan percobaan sebelumnya / the end of each attempt, and of those before it; neraca saldo periode ini /
this period's trial balance; halaman laporan, bita demi bita / the report's page, byte for byte.
Hanya oleh manifest.json / by manifest.json alone: penyelesaian pelatihan dari bulan lain, nama pelatihan, penyedia, platform /
completions of other months, names of trainings, providers, platforms; selisih yang sudah tertutup / closed breaks; catatan kasus dan
penahanan / notes on cases and holds; pemeriksaan data dan karantina / data checks and quarantine; isi jawaban bank / what
banks' answers say; waktu laporan / the time it was written at; angka laporan tentang baris SK-PKP, daftar blokir, saldo,
rekening bersama dan periode lain / the report's figures of lines of SK-PKP, blocklist, balances, shared accounts, other periods.
Semua ini dapat diperiksa di buku besar / check these against the ledger.
"""

made_by = f"salur {metadata.version('salur')}"
"""Who renders here. Another version may word a page in another way."""


def pages(told: CycleFacts) -> dict[str, bytes]:
    """The members of a pack that people read: the report and what the pack is."""
    return {"report.html": render(told).encode(), "README.txt": _README.encode()}


def stated(told: CycleFacts) -> dict[str, Any]:
    """What the manifest says of the page besides its tables."""
    return {"made_by": made_by, "shared_accounts": told.shared_accounts}


def facts_of(said: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> CycleFacts:
    """The facts that a pack's page is rendered from, of its manifest and its tables under report/."""
    return CycleFacts(
        period=said["period"],
        at=datetime.fromisoformat(said["at"]),
        cut_off=datetime.fromisoformat(said["cut_off"]) if said["cut_off"] else None,
        event_count=said["chain"]["events"],
        chain_head=said["chain"]["head"],
        shared_accounts=said["report"]["shared_accounts"],
        **tables,
    )


def details_of(events: pa.Table, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Subject and details of every event of a kind, oldest first."""
    for row in events.filter(pc.equal(events["kind"], kind)).to_pylist():
        yield row["subject"], json.loads(row["details"])


def contradicted(told: CycleFacts, tables: Mapping[str, pa.Table]) -> str | None:
    """The first table of the report that is not what the pack's own tables come to; None when all are."""
    for name, expected in _expected(told.period, tables).items():
        if _rows(getattr(told, name)) != _rows(expected.select(facts.schema(name).names)):
            return name
    paid = counted("paid", with_people(tables["instructions"], tables["entitlements"]))
    ours = told.standing.filter(pc.equal(told.standing["period"], told.period))
    by_state = paid.group_by("state").aggregate([("people", "sum"), ("amount_idr", "sum")])
    if _rows(ours.select(["state", "people", "amount_idr"])) != _rows(by_state):
        return "standing"
    ended = told.ended.drop_columns(["next_state", "verdict", "waits_until"])
    refused = tables["instructions"].filter(
        pc.is_in(tables["instructions"]["state"], pa.array(["rejected", "returned"]))
    )
    return None if _rows(ended) == _rows(refused.select(ended.column_names)) else "ended"


def _rows(table: pa.Table) -> list[str]:
    """The rows in an order that is theirs; databases sort text each in its own way."""
    columns = [column.to_pylist() for column in table.columns]
    return sorted(map(repr, zip(*columns, strict=True)))


def _expected(period: str, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    instructed = with_people(tables["instructions"], tables["entitlements"])
    batches = tables["batches"].to_pylist()
    sides = sides_of(instructed, tables["files"], tables["responses"], tables["entries"])
    set_aside = tables["quarantine"].group_by(["table", "reason"]).aggregate([([], "count_all")])
    same = ("proofs", "breaks", "batches", "acts", "checks", "inbound", "files")
    return {
        **{name: tables[name] for name in same},
        "decided": counted("decided", tables["entitlements"]),
        "paid": counted("paid", instructed),
        "trained_due": counted("trained_due", with_training(due(tables["entitlements"]), tables["qualified"])),
        "trained_paid": counted("trained_paid", with_training(instructed, tables["qualified"])),
        "sides": counted("sides", sides),
        "totals": totals(instructed, tables["files"], batches),
        "consents": of_batches(tables["consents"], batches),
        "quarantine": set_aside.rename_columns({"count_all": "row_count"}),
        "funds": _funds(tables["events"]),
        "receivables": receivables(tables["receivables"]),
        "deposits": tables["deposits"],
        "deposit_items": tables["deposit_items"],
        "policies": _policies(period, tables),
        "drop_files": _drop_files(tables["events"]),
    }


def _funds(events: pa.Table) -> pa.Table:
    rows = events.filter(pc.equal(events["kind"], "funded")).to_pylist()
    return facts.table("funds", [_receipt(row, json.loads(row["details"])) for row in rows])


def _receipt(event: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    issued_on = said.get("issued_on")
    return {
        "reference": event["subject"],
        "amount_idr": said["amount_idr"],
        "at": event["at"],
        "person": event["actor"],
        "issued_on": issued_on and date.fromisoformat(issued_on),
        "fiscal_year": said.get("fiscal_year"),
        "corrects": said.get("corrects"),
    }


def _policies(period: str, tables: Mapping[str, pa.Table]) -> pa.Table:
    runs = [said["policies"] for _, said in details_of(tables["events"], "entitled") if said["period"] == period]
    used = set(tables["entitlements"]["policy"].to_pylist())
    recorded = runs[-1] if runs else {}
    return facts.table("policies", [{"policy": name, "sha256": recorded[name]} for name in recorded.keys() & used])


def _drop_files(events: pa.Table) -> pa.Table:
    rows = [
        {"drop_id": subject, "file_name": name, "sha256": sha256}
        for subject, said in details_of(events, "drop_taken")
        for name, sha256 in said.get("files", {}).items()
    ]
    return facts.table("drop_files", rows)
