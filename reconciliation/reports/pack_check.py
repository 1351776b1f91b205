"""Check an evidence pack from its own bytes: no home, no network, no database.

Hashes show that nothing in the pack was changed after it was written; the event chain, the digests that people consented
to and the sums show that its tables fit each other, so that rewriting one of them and its hash is found too.
"""

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ledger.chain import GENESIS, event_hash
from reconciliation.reports import facts, money_check, pack_again, pack_back
from reconciliation.reports.pack_report import contradicted, details_of, facts_of, made_by, pages
from schemas.codes import ACCOUNT_OF, ACCOUNTS
from schemas.errors import EvidenceDamaged, InputRejected, ProofFailed
from schemas.identifiers import same_person
from schemas.money import format_idr

FORMAT, VERSION, MANIFEST = "salur-evidence-pack", 3, "manifest.json"
TABLES = (
    "acts", "attempt_ends", "batches", "breaks", "checks", "claim_items", "consents", "deposit_items", "deposits", "entitlements",
    "entries", "events", "files", "inbound", "instructions", "journal", "matches", "proofs", "qualified", "quarantine",
    "receivables", "reissue_acts", "reissues", "repayments", "responses", "statements",
)  # fmt: skip
"""The tables that every pack holds, each as Parquet and as CSV."""
_UNSENT = ("drafted", "withdrawn")
_OF_BREAKS = ("break_id", "kind", "bank", "file_name", "expected", "found", "amount_idr")
_OF_PROOFS = ("stage", "scope", "equation", "left_count", "right_count", "left_idr", "right_idr", "holds")
_BESIDE = re.compile(
    r"report-[0-9-]+(\.html|\.xlsx|-tables/[a-z_]+\.(parquet|json))|data-docs/[0-9-]+(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+\.html"
)


def canonical(said: Mapping[str, Any]) -> str:
    """SHA-256 over a manifest's content in one fixed JSON form."""
    return hashlib.sha256(
        json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    ).hexdigest()


def breaks_digest(breaks: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over those of a period's breaks (breaks.v1 with state) that are open, in whatever order they come."""
    return _rows_digest(_OF_BREAKS, (row for row in breaks if row["state"] == "open"))


def proofs_digest(proofs: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over a period's proofs (proofs.v1), in whatever order they come."""
    return _rows_digest(_OF_PROOFS, proofs)


def _rows_digest(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    lines = sorted(json.dumps([row[name] for name in columns], ensure_ascii=False) for row in rows)
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def to_csv(table: pa.Table) -> bytes:
    """The CSV that stands beside a table's Parquet, the same bytes each time."""
    sink = io.BytesIO()
    pa_csv.write_csv(table, sink, pa_csv.WriteOptions(quoting_style="needed"))
    return sink.getvalue()


def verify_pack(path: Path) -> dict[str, Any]:
    """Check a pack; returns how many of what were checked, and the chain's head to compare with the signed minutes.

    `EvidenceDamaged` when anything is not as it was written or does not fit, with where to look; `InputRejected` when
    the file is no evidence pack at all; `ProofFailed` when the pack is whole, and tells of a proof that does not hold.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputRejected(f"{path} cannot be read.", error.strerror or "", "Give the path of a pack.") from None
    if not content.startswith(b"PK"):
        raise _no_pack(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = _members(path, archive)
    # NotImplementedError and RuntimeError are zipfile's words for a compression it does not know, and for encryption.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
        _damaged("the zip itself", "It is cut short or changed.")
    said = _manifest(path, members)
    _check_members(said, members)
    tables = {name: _table(members, said, name) for name in TABLES}
    _check_chain(said, tables["events"])
    _check_decisions(said, tables, members)
    _check_qualified(tables)
    _check_matches(said, tables, members)
    _check_sums(tables)
    _check_consents(tables)
    _check_people(tables)
    _check_proofs(tables)
    _check_reconciled(said["period"], tables)
    _check_journal(said["period"], tables)
    _check_back(said["period"], tables)
    _stop_at(pack_back.differences(tables, datetime.fromisoformat(said["at"])))
    _stop_at(pack_again.differences(tables, knows_remedies=said["report"]["made_by"] == made_by))
    told = _check_pages(said, tables, members)
    beside = _check_beside(said, path.parent)
    _stop_at_failed_proof(pa.concat_tables([each.select(_OF_PROOFS) for each in (tables["proofs"], told.money_proofs)]))
    return {
        "period": said["period"],
        "members": len(members),
        "beside": beside,
        "events": tables["events"].num_rows,
        "chain_head": said["chain"]["head"],
        "entitlements": tables["entitlements"].num_rows,
        "instructions": tables["instructions"].num_rows,
        "batches": tables["batches"].num_rows,
        "files": tables["files"].num_rows,
        "consents": tables["consents"].num_rows,
        "proofs": tables["proofs"].num_rows,
        "open_breaks": pc.sum(pc.equal(tables["breaks"]["state"], "open").cast(pa.int64())).as_py() or 0,
    }


def _no_pack(path: Path) -> InputRejected:
    return InputRejected(f"{path.name} is no evidence pack.", "", "Give a pack that `salur report` wrote.")


def _damaged(where: str, why: str) -> NoReturn:
    raise EvidenceDamaged(
        f"The pack is damaged: {where}.", why, "Ask for the pack again and compare the chain's head with the minutes."
    )


def _stop_at(differences: Iterable[tuple[str, str]]) -> None:
    """Stop where tables do not fit, and name every place."""
    found = list(differences)
    if found:
        others = f" And {len(found) - 1} more: {'; '.join(where for where, _ in found[1:20])}." if found[1:] else ""
        _damaged(found[0][0], found[0][1] + others)


# --- bytes ------------------------------------------------------------------------------------------------------------


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, bytes]:
    names = archive.namelist()
    if MANIFEST not in names:
        raise _no_pack(path)
    if len(set(names)) != len(names):
        _damaged("the zip itself", "A member is there twice.")
    return {name: archive.read(name) for name in names}


def _manifest(path: Path, members: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads(members[MANIFEST])
        digest = said.pop("digest", None)
        is_ours = said.get("format") == FORMAT
    except (ValueError, AttributeError):
        _damaged(MANIFEST, "It cannot be read.")
    if not is_ours and digest is None:
        raise _no_pack(path)
    if digest != canonical(said):
        _damaged(MANIFEST, "It was changed after it was written.")
    if said["version"] != VERSION:
        raise InputRejected(
            f"The pack is of version {said['version']}.",
            f"This Salur reads version {VERSION}.",
            "Use the one it names.",
        )
    return said


def _check_members(said: Mapping[str, Any], members: Mapping[str, bytes]) -> None:
    promised = said["members"]
    for name in sorted(promised.keys() ^ (members.keys() - {MANIFEST})):
        _damaged(name, "It is missing." if name in promised else "It was put in.")
    for name, about in promised.items():
        if hashlib.sha256(members[name]).hexdigest() != about["sha256"]:
            _damaged(name, "Its SHA-256 is not the manifest's.")


def _parquet(members: Mapping[str, bytes], name: str) -> pa.Table:
    if name not in members:
        _damaged(name, "The table is missing.")
    try:
        return pq.read_table(io.BytesIO(members[name]))
    except pa.ArrowException:
        _damaged(name, "The table cannot be read.")


def _table(members: Mapping[str, bytes], said: Mapping[str, Any], name: str) -> pa.Table:
    parquet, csv = f"tables/{name}.parquet", f"tables/{name}.csv"
    if csv not in members:
        _damaged(csv, "The table is missing.")
    table = _parquet(members, parquet)
    if not table.num_rows == said["members"][parquet]["rows"] == said["members"][csv]["rows"]:
        _damaged(parquet, f"It has {table.num_rows} rows; the manifest states others.")
    if to_csv(table) != members[csv]:
        _damaged(csv, "It does not say what the Parquet beside it says.")
    return table


# --- what fits what ---------------------------------------------------------------------------------------------------


def _check_chain(said: Mapping[str, Any], events: pa.Table) -> None:
    previous = GENESIS
    instants = events["at"].cast(pa.int64()).to_pylist()
    for number, (row, at_us) in enumerate(zip(events.drop_columns(["at"]).to_pylist(), instants, strict=True), 1):
        again = event_hash(row["seq"], at_us, row["actor"], row["kind"], row["subject"], row["details"], previous)
        if row["seq"] != number or row["previous_hash"] != previous or row["hash"] != again:
            _damaged(f"tables/events, event {number}", "The chain of hashes breaks there.")
        previous = row["hash"]
    if previous != said["chain"]["head"] or events.num_rows != said["chain"]["events"]:
        _damaged("tables/events", "The chain does not end as the manifest says.")


def _check_decisions(said: Mapping[str, Any], tables: Mapping[str, pa.Table], members: Mapping[str, bytes]) -> None:
    """The decisions are the bytes whose hash the chain took when they were made; so are the rules."""
    runs = [details for _, details in details_of(tables["events"], "entitled") if details["period"] == said["period"]]
    if not runs:
        return
    digest = hashlib.sha256(members["tables/entitlements.parquet"]).hexdigest()
    if digest != runs[-1]["decisions_sha256"]:
        _damaged("tables/entitlements", "These are not the decisions that the chain of events names.")
    digest = hashlib.sha256(members["tables/reissues.parquet"]).hexdigest()
    if digest != runs[-1].get("reissues_sha256", digest if not tables["reissues"].num_rows else None):
        _damaged("tables/reissues", "These are not the reissues that the chain of events names.")
    if said["cut_off"] is None or datetime.fromisoformat(said["cut_off"]) != datetime.fromisoformat(
        runs[-1]["cut_off"]
    ):
        _damaged(MANIFEST, "The cut-off is not the one that the chain of events names.")
    for name, content in members.items():
        policy = name.removeprefix("policies/").removesuffix(".toml")
        if name.startswith("policies/") and hashlib.sha256(content).hexdigest() != runs[-1]["policies"].get(policy):
            _damaged(name, "These are not the rules that the chain of events names.")


def _check_qualified(tables: Mapping[str, pa.Table]) -> None:
    """Whoever is decided about tranche 1 here was qualified by the completion that the decision names."""
    decided = tables["entitlements"]
    is_first = pc.and_(pc.equal(decided["benefit"], "incentive"), pc.equal(decided["sequence"], 1))
    named = decided.filter(pc.and_(is_first, pc.is_valid(decided["completion_id"])))
    keys = ["participant_id", "completion_id"]
    known = tables["qualified"].filter(
        pc.is_in(tables["qualified"]["participant_id"], named["participant_id"].combine_chunks())
    )
    other = known.select(keys).join(named.select(keys), keys, join_type="left anti")
    if other.num_rows:
        _damaged("tables/qualified", f"{other.num_rows} completions are not those that the decisions name.")


def _check_matches(said: Mapping[str, Any], tables: Mapping[str, pa.Table], members: Mapping[str, bytes]) -> None:
    """The matches are those of the last reconciliation in the chain, each with its instruction's amount."""
    last = _last_reconciled(said["period"], tables["events"])
    if last is None:
        return
    if hashlib.sha256(members["tables/matches.parquet"]).hexdigest() != last["matches_sha256"]:
        _damaged("tables/matches", "These are not the matches that the chain of events names.")
    keys = ["end_to_end_id", "file_name", "amount_idr"]
    without = tables["matches"].select(keys).join(tables["instructions"].select(keys), keys, join_type="left anti")
    if without.num_rows:
        where = f"tables/instructions, {min(without['end_to_end_id'].to_pylist())}"
        _damaged(where, f"{without.num_rows} matches are of payments that are not as they were sent.")


def _sums(table: pa.Table, by: str, count: str | None, amount: str) -> dict[str, tuple[int, int]]:
    grouped = table.group_by(by).aggregate([([], "count_all") if count is None else (count, "sum"), (amount, "sum")])
    name = "count_all" if count is None else f"{count}_sum"
    return {row[by]: (row[name], row[f"{amount}_sum"] or 0) for row in grouped.to_pylist()}


def _check_sums(tables: Mapping[str, pa.Table]) -> None:
    """Instructions against file headers, files against batches, and each due decision against its first attempt."""
    files = tables["files"].filter(pc.invert(tables["files"]["is_companion"]))
    stated = _sums(files, "file_name", "transaction_count", "control_sum_idr")
    held = _sums(tables["instructions"], "file_name", None, "amount_idr")
    for name in sorted(stated.keys() | held.keys()):
        if stated.get(name) != held.get(name):
            _damaged(f"tables/files, {name}", f"It states {stated.get(name)}; its instructions are {held.get(name)}.")
    by_file = _sums(files, "batch", "transaction_count", "control_sum_idr")
    by_batch = _sums(tables["batches"], "batch", "transaction_count", "control_sum_idr")
    for name in sorted(by_file.keys() | by_batch.keys()):
        if by_file.get(name) != by_batch.get(name):
            _damaged(f"tables/batches, {name}", f"It states {by_batch.get(name)}; its files are {by_file.get(name)}.")
    _check_first_attempts(tables)
    _check_reissues(tables)


def _check_first_attempts(tables: Mapping[str, pa.Table]) -> None:
    instructions, decisions = tables["instructions"], tables["entitlements"]
    first = instructions.filter(
        pc.and_(pc.equal(instructions["attempt"], 1), pc.not_equal(instructions["state"], "withdrawn"))
    )
    keys = ["participant_id", "benefit", "sequence", "amount_idr"]
    due = decisions.filter(pc.equal(decisions["decision"], "due")).select(keys)
    without = first.select([*keys, "end_to_end_id"]).join(due, keys, join_type="left anti")
    if without.num_rows:
        ids = sorted(without["end_to_end_id"].to_pylist())
        _damaged(f"tables/instructions, {ids[0]}", f"{len(ids)} first attempts have no due decision of that amount.")


def _check_reissues(tables: Mapping[str, pa.Table]) -> None:
    """Each later attempt follows one that was due again, or is the first that was not withdrawn of what is due; of that amount."""
    instructions, decisions, again = tables["instructions"], tables["entitlements"], tables["reissues"]
    keys = ["participant_id", "benefit", "sequence", "amount_idr"]
    later = instructions.filter(
        pc.and_(pc.greater(instructions["attempt"], 1), pc.not_equal(instructions["state"], "withdrawn"))
    )
    allowed = [
        decisions.filter(pc.equal(decisions["decision"], "due")).select(keys),
        again.filter(pc.equal(again["verdict"], "due")).select(keys),
    ]
    for rows in allowed:
        later = later.join(rows, keys, join_type="left anti")
    if later.num_rows:
        ids = sorted(later["end_to_end_id"].to_pylist())
        _damaged(f"tables/instructions, {ids[0]}", f"{len(ids)} later attempts follow nothing that was due again.")


def _check_consents(tables: Mapping[str, pa.Table]) -> None:
    """Each batch's digest is that of its files; whoever released it is not its maker, and saw exactly that digest."""
    lines: dict[str, list[str]] = {}
    for row in tables["files"].select(["batch", "file_name", "sha256"]).to_pylist():
        lines.setdefault(row["batch"], []).append(f"{row['file_name']} {row['sha256']}\n")
    given: dict[str, list[dict[str, Any]]] = {}
    for row in tables["consents"].to_pylist():
        if row["purpose"] == "release":
            given.setdefault(row["subject"], []).append(row)
    recorded = {(batch, details["digest"]) for batch, details in details_of(tables["events"], "released")}
    for batch in tables["batches"].to_pylist():
        name, digest = batch["batch"], batch["digest"]
        where = f"tables/batches, {name}"
        if hashlib.sha256("".join(sorted(lines.get(name, []))).encode()).hexdigest() != digest:
            _damaged(where, "Its digest is not that of its files.")
        consents = given.get(name, [])
        if any(same_person(each["person"], batch["maker"]) for each in consents):
            _damaged(where, "Its maker consented to its release.")
        if batch["state"] not in _UNSENT and not any(each["digest"] == digest for each in consents):
            _damaged(where, "It went out without consent to these bytes.")
        if any((name, each["digest"]) not in recorded for each in consents):
            _damaged(where, "The chain of events knows nothing of a consent.")


def _check_people(tables: Mapping[str, pa.Table]) -> None:
    """Consents to batches are those of the chain, name by name and none left out; so is whoever approved a resolution, or confirmed
    a bank's written answer that another person had entered."""
    events, consents = tables["events"].to_pylist(), tables["consents"].to_pylist()
    recorded = Counter(_released(event) for event in events if event["kind"] == "released")
    given = Counter(
        (row["subject"], row["digest"], row["person"], row["via"], row["at"])
        for row in consents
        if row["purpose"] == "release"
    )
    for subject, *_ in sorted((recorded - given) + (given - recorded)):
        _damaged(f"tables/consents, {subject}", "These are not the consents that the chain of events names.")
    approved = {
        (event["subject"], event["actor"].strip(), event["at"])
        for event in events
        if event["kind"] == "claim_confirmed"
        or (event["kind"] in ("exception", "reissue") and json.loads(event["details"])["act"] == "approve")
    }
    for event in events:
        if event["kind"] == "inquiry_released":
            approved.add((event["subject"], event["actor"].strip(), event["at"]))
        elif event["kind"] == "bank_answer":
            if same_person(event["actor"], json.loads(event["details"])["entered_by"]):
                _damaged(
                    f"tables/events, {event['subject']}", "One person entered a bank's written answer and confirmed it."
                )
            approved.add((event["subject"], event["actor"].strip(), event["at"]))
    for row in consents:
        if row["purpose"] != "release" and (row["subject"], row["person"], row["at"]) not in approved:
            _damaged(f"tables/consents, {row['subject']}", "The chain of events knows nothing of this consent.")


def _released(event: Mapping[str, Any]) -> tuple[Any, ...]:
    details = json.loads(event["details"])
    return event["subject"], details["digest"], event["actor"], details["via"], event["at"]


def _last_reconciled(period: str, events: pa.Table) -> dict[str, Any] | None:
    runs = [details for run, details in details_of(events, "reconciled") if run.endswith(f"-{period}")]
    return runs[-1] if runs else None


def _check_reconciled(period: str, tables: Mapping[str, pa.Table]) -> None:
    """Open breaks and proofs are those of the last reconciliation in the chain; before the first there are none."""
    last = _last_reconciled(period, tables["events"]) or {
        "open_breaks_sha256": breaks_digest([]),
        "proofs_sha256": proofs_digest([]),
    }
    if breaks_digest(tables["breaks"].to_pylist()) != last.get("open_breaks_sha256"):
        _damaged("tables/breaks", "What is open is not what the chain of events names.")
    if proofs_digest(tables["proofs"].to_pylist()) != last.get("proofs_sha256"):
        _damaged("tables/proofs", "These are not the proofs that the chain of events names.")


def _check_pages(
    said: Mapping[str, Any], tables: Mapping[str, pa.Table], members: Mapping[str, bytes]
) -> facts.CycleFacts:
    """The report is the page that its figures give, byte for byte; its figures are what the tables come to. Returns them."""
    figures = {name: _parquet(members, f"report/{name}.parquet") for name in facts.tables()}
    for name, table in figures.items():
        if not table.schema.equals(facts.schema(name)):
            _damaged(f"report/{name}", "It has other columns than a report's.")
    told = facts_of(said, figures)
    wrong = contradicted(told, tables) or money_check.contradicted(told, tables)
    if wrong is not None:
        _damaged(f"report/{wrong}", "It is not what the pack's tables come to.")
    for name, content in pages(told).items():
        if content != members[name]:
            _stop_at_page(said, name)
    return told


def _check_beside(said: Mapping[str, Any], folder: Path) -> int:
    """Of the workbook, page and tables that were written with the pack, those that lie beside it are the ones; how many do."""
    found = 0
    for name, sha256 in said["beside"].items():
        if not _BESIDE.fullmatch(name):
            _damaged(MANIFEST, "It names a file beside the pack that no report has.")
        if (folder / name).is_file():
            found += 1
            with (folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    _damaged(name, "The file beside the pack is not the one that was written with it.")
    return found


def _stop_at_page(said: Mapping[str, Any], name: str) -> NoReturn:
    maker = said["report"]["made_by"]
    if maker == made_by:
        _damaged(name, "It is not the page that these figures give.")
    raise InputRejected(
        f"{name} is not as {made_by} would write it.",
        f"The pack says that {maker} did. All its tables fit each other.",
        f"Check the page with {maker}, or take its figures from the tables.",
    )


def _stop_at_failed_proof(proofs: pa.Table) -> None:
    failed = proofs.filter(pc.invert(proofs["holds"])).to_pylist()
    if failed:
        first = failed[0]
        raise ProofFailed(
            f"The pack is whole; {len(failed)} of its {proofs.num_rows} proofs do not hold: {first['stage']} of "
            f"{first['scope']}: {first['equation']}.",
            f"{first['left_count']} against {first['right_count']} rows, "
            f"{format_idr(first['left_idr'] - first['right_idr'])} apart.",
            "Release nothing before it is explained. All are in tables/proofs.csv.",
        )


def _check_proofs(tables: Mapping[str, pa.Table]) -> None:
    """An equation holds exactly when both sides are equal; the one of a file has the file's own count and sum."""
    files = _sums(tables["files"], "file_name", "transaction_count", "control_sum_idr")
    for row in tables["proofs"].to_pylist():
        where = f"tables/proofs, {row['stage']} {row['scope']}"
        left, right = (row["left_count"], row["left_idr"]), (row["right_count"], row["right_idr"])
        if row["holds"] != (left == right):
            _damaged(where, "It is said to hold and does not, or the other way round.")
        if row["stage"] == "file_total" and files.get(row["scope"]) != left:
            _damaged(where, f"The file states {files.get(row['scope'])}, the proof {left}.")


def _sent_again_idr(row: Mapping[str, Any]) -> int:
    """What a row of the journal takes from `returned` to be sent again or deposited; below zero where it gives it back."""
    if row["debit"] in ("cash", "deposited") and row["credit"] == "returned":
        return int(row["amount_idr"])
    return -int(row["amount_idr"]) if row["debit"] == "returned" and row["credit"] in ("cash", "deposited") else 0


_BACK = frozenset({"receivable", "claims", "repaid", "deposited"})
"""Accounts that only the acts of people move: claims, repayments and deposits, whose events list what they post."""


def _check_back(period: str, tables: Mapping[str, pa.Table]) -> None:
    """What is claimed, repaid and deposited is what the chain of events lists, movement by movement, of the period and of none."""
    listed = Counter(
        (event["hash"], event["subject"], *posting)
        for event in tables["events"].to_pylist()
        for posting in json.loads(event["details"]).get("postings", ())
        if posting[3] in (period, None)
    )
    names = ("debit", "credit", "channel", "period", "fiscal_year", "amount_idr", "transaction_count")
    posted = Counter(
        (row["evidence"], row["subject"], *(row[name] for name in names))
        for row in tables["journal"].to_pylist()
        if {row["debit"], row["credit"]} & _BACK
    )
    for _, subject, *_ in sorted((listed - posted) + (posted - listed), key=str):
        _damaged(
            f"tables/journal, {subject}", "What is claimed, repaid or deposited is not what the chain of events says."
        )


def _movements(period: str, tables: Mapping[str, pa.Table]) -> tuple[list[tuple[Any, ...]], Counter[str]]:
    """Money received, row by row, and what the movements of the period's payments come to, account by account."""
    seen = {*tables["events"]["hash"].to_pylist(), *tables["inbound"]["sha256"].to_pylist()}
    received, moved = [], Counter[str]()
    for row in tables["journal"].to_pylist():
        accounts, where = {row["debit"], row["credit"]}, f"tables/journal, row {row['seq']}"
        if row["amount_idr"] <= 0 or len(accounts) < 2 or not accounts <= ACCOUNTS.keys():
            _damaged(where, "It moves no money from one account to another.")
        if row["evidence"] not in seen:
            _damaged(where, "Its evidence is not in the pack.")
        if row["period"] is None and not _BACK & accounts:
            received.append((row["subject"], row["amount_idr"], row["debit"], row["credit"]))
        elif row["period"] == period:
            moved[row["debit"]] += row["amount_idr"]
            moved[row["credit"]] -= row["amount_idr"]
            # What is sent again leaves `returned` by a file of another period, or comes back to it where the upload was refused.
            moved["returned"] += _sent_again_idr(row)
    return received, moved


def _check_journal(period: str, tables: Mapping[str, pa.Table]) -> None:
    """Each movement has its evidence in the pack, money received is what the chain says, and each account of the period
    holds what the instructions come to that stand in it, unless a proof tells that it does not.
    """
    received, moved = _movements(period, tables)
    funded = [
        (name, abs(said["amount_idr"]), *(("cash", "funder") if said["amount_idr"] > 0 else ("funder", "cash")))
        for name, said in details_of(tables["events"], "funded")
    ]
    if received != funded:
        _damaged("tables/journal", "Money received is not what the chain of events says.")
    standing = Counter[str]()
    for state, (_, amount_idr) in _sums(tables["instructions"], "state", None, "amount_idr").items():
        standing[ACCOUNT_OF[state]] += amount_idr
    proofs = tables["proofs"].filter(pc.invert(tables["proofs"]["holds"])).to_pylist()
    told = {row["scope"] for row in proofs if row["stage"] == "journal"}
    for account in sorted({*moved, *standing} - {"cash", *_BACK}):
        if moved[account] != standing[account] and f"{period} {account}" not in told:
            _damaged(
                f"tables/journal, {account}",
                f"It holds Rp{moved[account]}; its instructions are Rp{standing[account]}.",
            )
