"""The evidence pack of a paid cycle: complete, the same every time, checked from its own bytes, and no change unseen."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from disbursement import claiming
from ledger import chain, journal, queries, store
from ledger.house import House
from ledger.instants import end_of_month, to_micros
from ledger.parquet import to_parquet
from reconciliation import steps as reconciling
from reconciliation.reports import facts, figures, money_check
from reconciliation.reports.cycle import gather
from reconciliation.reports.html import render
from reconciliation.reports.pack import verify_pack, write_pack
from reconciliation.reports.pack_check import MANIFEST, TABLES, canonical, proofs_digest, to_csv
from schemas.errors import EvidenceDamaged, InputRejected, ProofFailed
from tests.lib.commands import call
from tests.lib.paid_home import PERIOD, paid_home
from treasury.house import open_house

Members = dict[str, bytes]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A paid cycle, of which one payment is claimed back, repaid in part, and deposited with some of the funds."""
    house = paid_home(tmp_path_factory.mktemp("paid"))
    with house.store.reading() as connection:
        rows = queries.instruction_rows(connection, period=PERIOD).to_pylist()
    participant = min(row["participant_id"] for row in rows if row["state"] == "credited")
    claiming.claim(house, participant, "tidak berhak")
    claiming.confirm(replace(house, actor="budi"), "C000001")
    claiming.repay(house, "C000001", 150_000, "BNI-1")
    claiming.repay(house, "C000001", -50_000, "BNI-1K", corrects="BNI-1")
    claiming.deposit(house, 300_000, "0A1B2C3D4E5F6G7H", "202012010001")
    return house


@pytest.fixture(scope="module")
def pack(home: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(home, PERIOD, tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="module")
def members(pack: Path) -> Members:
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _written(members: Members, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _forged(members: Members, name: str, change: Callable[[pa.Table], pa.Table], path: Path) -> Path:
    """A pack in which one table is another, rewritten by somebody who also knows how to write the manifest."""
    table = change(_table(members, name))
    new = {f"tables/{name}.parquet": bytes(to_parquet(table)), f"tables/{name}.csv": to_csv(table)}
    return _written(_sealed(members, new, table.num_rows), path)


def _table(members: Members, name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(members[f"tables/{name}.parquet"]))


def _sealed(members: Members, new: Members, rows: int | None) -> Members:
    """The members with some written anew, and a manifest that fits them."""
    said: dict[str, Any] = json.loads(members[MANIFEST])
    said.pop("digest")
    for name, content in new.items():
        said["members"][name] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "rows": rows}
    return members | new | {MANIFEST: json.dumps(said | {"digest": canonical(said)}).encode()}


def _with(table: pa.Table, column: str, row: int, value: object) -> pa.Table:
    values = table[column].to_pylist()
    values[row] = value
    index = table.schema.get_field_index(column)
    return table.set_column(index, table.schema.field(column), pa.array(values, table.schema.field(column).type))


def test_a_whole_pack_is_checked_and_says_how_much_was_looked_at(pack: Path, home: House) -> None:
    checked = verify_pack(pack)
    assert checked["instructions"] > 20
    assert checked["proofs"] > 10
    assert checked["entitlements"] == 2 * 60  # a tranche and a survey for each of them
    assert checked["batches"] == checked["consents"] - 1 == checked["files"] > 3, (
        "each with one consent; one to a claim"
    )
    assert checked["chain_head"] == gather(home, PERIOD).chain_head


def test_every_hand_over_of_a_paid_cycle_is_explained_to_the_last_rupiah(home: House) -> None:
    facts = gather(home, PERIOD)
    steps = figures.hand_overs(facts)
    sent = next(step for step in steps if step.label.en == "Sent")
    assert len(steps) == 7
    assert {step.label.en: step.rest for step in steps if step.rest != figures.NOTHING} == {}
    assert figures.total(whole for _, _, whole in figures.three_ways(facts)) == sent.sum
    for column in ("channel", "wave", "province", "occupation"):
        assert figures.total(group.sent for group in figures.groups(facts, column, {})) == sent.sum


def test_the_pack_holds_every_table_twice_the_report_and_the_rules(members: Members, home: House) -> None:
    tables = {f"tables/{name}.{kind}" for name in TABLES for kind in ("csv", "parquet")}
    figures = {f"report/{name}.parquet" for name in facts.tables()}
    policies = {"policies/prakerja-2020.toml", "policies/prakerja-2023.toml"}
    assert members.keys() == tables | figures | policies | {"README.txt", MANIFEST, "report.html"}
    assert members["report.html"].decode() == render(gather(home, PERIOD))


def test_the_same_ledger_gives_the_same_bytes(pack: Path, home: House, tmp_path: Path) -> None:
    assert write_pack(home, PERIOD, tmp_path).read_bytes() == pack.read_bytes()


def test_no_personal_data_is_in_the_pack(members: Members, home: House) -> None:
    drop = home.path.parent / "drop"
    people = pa_csv.read_csv(
        next(drop.glob("participants*.csv")),
        convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(("nik", "kk", "name"), pa.string())),
    )
    secrets = {value for column in ("nik", "kk", "name") for value in people[column].to_pylist() if value}
    text = b"\n".join(content for name, content in members.items() if not name.endswith(".parquet")).decode()
    assert len(secrets) > 100
    assert [secret for secret in secrets if secret in text] == []


@pytest.mark.parametrize("kind", ["changed", "missing", "emptied"])
def test_whatever_happens_to_any_member_is_seen(members: Members, tmp_path: Path, kind: str) -> None:
    unseen = []
    for name, content in members.items():
        if name == MANIFEST and kind == "missing":
            continue
        half = len(content) // 2
        tampered = {"changed": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :], "emptied": b""}
        others = {other: kept for other, kept in members.items() if other != name}
        with pytest.raises(EvidenceDamaged) as caught:
            verify_pack(_written(others | ({} if kind == "missing" else {name: tampered[kind]}), tmp_path / "pack.zip"))
        if name != MANIFEST and name not in str(caught.value):
            unseen.append(name)
    assert unseen == []


def test_a_member_that_was_put_in_is_seen(members: Members, tmp_path: Path) -> None:
    with pytest.raises(EvidenceDamaged, match="put in"):
        verify_pack(_written(members | {"tables/more.csv": b"a\n1\n"}, tmp_path / "pack.zip"))


def _batch_proof(proofs: pa.Table) -> int:
    return [stage != "file_total" for stage in proofs["stage"].to_pylist()].index(True)


FORGERIES: dict[str, tuple[str, Callable[[pa.Table], pa.Table]]] = {
    "an amount": ("instructions", lambda t: _with(t, "amount_idr", 0, 6_000_000)),
    "a payment taken out": ("instructions", lambda t: t.slice(1)),
    "a decision": ("entitlements", lambda t: _with(t, "decision", 0, "lapsed")),
    "a file's digest": ("files", lambda t: _with(t, "sha256", 0, "0" * 64)),
    "a file's total": ("files", lambda t: _with(t, "control_sum_idr", 0, 1)),
    "a batch's maker": ("batches", lambda t: _with(t, "maker", 0, "BUDI ")),
    "a batch's digest": ("batches", lambda t: _with(t, "digest", 0, "0" * 64)),
    "a consent taken out": ("consents", lambda t: t.slice(1)),
    "a consent by the maker": ("consents", lambda t: _with(t, "person", 0, "siti")),
    "a consent to other bytes": ("consents", lambda t: _with(t, "digest", 0, "0" * 64)),
    "a consent by another": ("consents", lambda t: _with(t, "person", 0, "dewi")),
    "a consent at another time": ("consents", lambda t: _with(t, "at", 0, t["at"][0].as_py() + timedelta(hours=1))),
    "a consent given twice": ("consents", lambda t: pa.concat_tables([t, t.slice(0, 1)])),
    "a difference made up": (
        "breaks",
        lambda t: pa.Table.from_pylist(
            [{"break_id": "X", "kind": "duplicate", "bank": "bni", "state": "open"}], schema=t.schema
        ),
    ),
    "both sides of a proof": (
        "proofs",
        lambda t: _with(_with(t, "left_idr", _batch_proof(t), 1), "right_idr", _batch_proof(t), 1),
    ),
    "a proof taken out": ("proofs", lambda t: t.slice(1)),
    "what qualified a person": ("qualified", lambda t: _with(t, "completion_id", 0, "C-9")),
    "a person's training": ("qualified", lambda t: _with(t, "training_id", 0, "T-9")),
    "a match": ("matches", lambda t: _with(t, "state", 0, "returned")),
    "a proof's side": ("proofs", lambda t: _with(t, "left_idr", 0, 1)),
    "a movement of money": ("journal", lambda t: _with(t, "amount_idr", t.num_rows - 1, 1)),
    "where money went": ("journal", lambda t: _with(t, "debit", t.num_rows - 1, "in_transit")),
    "a movement taken out": ("journal", lambda t: t.slice(0, t.num_rows - 1)),
    "money received": ("journal", lambda t: t.filter(pc.is_valid(t["period"]))),
    "what proves a movement": ("journal", lambda t: _with(t, "evidence", 1, "0" * 64)),
    "what is owed": ("receivables", lambda t: _with(t, "open_idr", 0, 0)),
    "who confirmed a claim": ("receivables", lambda t: _with(t, "confirmed_by", 0, "siti")),
    "the last day to repay": ("receivables", lambda t: _with(t, "repay_by", 0, date(2030, 1, 1))),
    "a claim taken out": ("receivables", lambda t: t.slice(1)),
    "what a claim is over": ("claim_items", lambda t: _with(t, "end_to_end_id", 0, "E-9")),
    "a repayment": ("repayments", lambda t: _with(t, "amount_idr", 0, 1)),
    "a receipt of the treasury": ("deposits", lambda t: _with(t, "ntpn", 0, "9" * 16)),
    "what a deposit took": ("deposits", lambda t: _with(_with(t, "repaid_idr", 0, 0), "cash_idr", 0, 300_000)),
    "how an attempt ended": ("attempt_ends", lambda t: _with(t, "end", 0, "never_arrived")),
    "an end taken out": ("attempt_ends", lambda t: t.slice(1)),
    "an end's evidence": ("attempt_ends", lambda t: _with(t, "evidence", 0, "0" * 64)),
    "an agreement that nobody gave": (
        "reissue_acts",
        lambda t: pa.Table.from_pylist(
            [{"seq": 1, "subject": "E", "act": "approve", "reason": "", "person": "budi"}], schema=t.schema
        ),
    ),
    "an event": ("events", lambda t: _with(t, "actor", 3, "somebody")),
    "an event taken out": ("events", lambda t: t.filter(pc.not_equal(t["seq"], 5))),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_table_rewritten_together_with_its_hash_does_not_fit_the_others(
    members: Members, tmp_path: Path, what: str
) -> None:
    name, change = FORGERIES[what]
    with pytest.raises(EvidenceDamaged):
        verify_pack(_forged(members, name, change, tmp_path / "pack.zip"))


@pytest.mark.parametrize("name", TABLES)
def test_a_csv_that_says_other_than_its_parquet_is_seen_though_its_hash_fits(
    members: Members, tmp_path: Path, name: str
) -> None:
    member, count = f"tables/{name}.csv", _table(members, name).num_rows
    forged = _sealed(members, {member: members[member].replace(b'"', b"'") + b"\n"}, count)
    with pytest.raises(EvidenceDamaged, match=member):
        verify_pack(_written(forged, tmp_path / "pack.zip"))


def test_a_pack_cut_short_is_damaged_and_what_was_never_one_is_refused(pack: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.zip"
    short.write_bytes(pack.read_bytes()[:-4000])
    with pytest.raises(EvidenceDamaged, match="cut short"):
        verify_pack(short)
    other = tmp_path / "other.zip"
    other.write_bytes(b"not a zip")
    for stranger in (other, _written({"a.txt": b"a"}, tmp_path / "a.zip"), tmp_path / "none.zip"):
        with pytest.raises(InputRejected):
            verify_pack(stranger)


def test_a_ledger_whose_past_was_changed_gives_no_pack(home: House, tmp_path: Path) -> None:
    shutil.copytree(home.path, tmp_path / "home")
    with sqlite3.connect(tmp_path / "home" / "ledger.db") as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET actor = 'somebody' WHERE seq = 3")
    copy = replace(open_house(tmp_path / "home"), at=home.at)
    with pytest.raises(EvidenceDamaged):
        write_pack(copy, PERIOD, tmp_path)


def test_the_command_says_by_its_exit_code_whether_a_pack_is_whole(
    pack: Path, members: Members, tmp_path: Path
) -> None:
    broken = _written(members | {"report.html": b"<p>all paid</p>"}, tmp_path / "broken.zip")
    codes = [call("verify", path, "--json").code for path in (pack, broken, Path(__file__))]
    assert codes == [0, 15, 10]


@pytest.mark.parametrize("name", ["report.html", "README.txt"])
def test_a_page_that_is_not_what_its_figures_give_is_seen_though_its_hash_fits(
    members: Members, tmp_path: Path, name: str
) -> None:
    forged = _sealed(members, {name: members[name].replace(b"1", b"2", 1)}, None)
    with pytest.raises(EvidenceDamaged, match=name):
        verify_pack(_written(forged, tmp_path / "pack.zip"))


FIGURES = {
    "decided": "people", "paid": "amount_idr", "sides": "people", "totals": "amount_idr", "funds": "amount_idr",
    "batches": "control_sum_idr", "files": "transaction_count", "proofs": "left_idr", "consents": "person",
    "trained_paid": "training_id", "trained_due": "people", "standing": "amount_idr", "policies": "sha256", "drop_files": "sha256",
    "receivables": "owed_idr", "deposits": "cash_idr", "trial_balance": "balance_idr", "money": "amount_idr", "money_proofs": "left_idr", "decisions_people": "amount_idr",
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_a_page_rendered_from_other_figures_than_the_tables_is_seen(
    members: Members, home: House, tmp_path: Path, name: str
) -> None:
    told, column = gather(home, PERIOD), FIGURES[name]
    was = getattr(told, name)
    other = replace(told, **{name: _with(was, column, 0, "dewi" if was[column].type == pa.string() else 7)})
    table = {f"report/{name}.parquet": bytes(to_parquet(getattr(other, name)))}
    forged = _sealed(_sealed(members, table, was.num_rows), {"report.html": render(other).encode()}, None)
    with pytest.raises(EvidenceDamaged, match=f"report/{name}"):
        verify_pack(_written(forged, tmp_path / "pack.zip"))


def test_whichever_figure_of_the_money_is_changed_does_not_add_up(members: Members, home: House) -> None:
    told, tables = gather(home, PERIOD), {name: _table(members, name) for name in TABLES}
    assert money_check.contradicted(told, tables) is None
    rows = told.money.to_pylist()
    assert {row["known_at"] for row in rows} == {end_of_month(PERIOD), home.at}
    unseen = [
        (row["dimension"], row["key"], row["figure"])
        for place, row in enumerate(rows)
        if row["figure"]
        not in ("over_allocated", "untraced")  # only the ledger knows of lines and of other periods' payments
        and money_check.contradicted(
            replace(told, money=_with(told.money, "amount_idr", place, row["amount_idr"] + 1)), tables
        )
        != "money"
    ]
    assert unseen == []


def test_an_equation_of_the_money_that_does_not_hold_is_told_with_12(home: House, tmp_path: Path) -> None:
    shutil.copytree(home.path, tmp_path / "home")
    copy = open_house(tmp_path / "home", home.at, "siti", lambda _: None)
    with copy.store.transaction() as connection:
        row = connection.execute(store.instructions.select().limit(1)).mappings().one()
        stray = {
            **row, "end_to_end_id": "STRAY0000000000", "participant_id": "STRAY", "period": "2020-11",
            "previous_attempt": None, "attempt": 1,
        }  # fmt: skip
        store.insert(connection, store.instructions, [stray])
    with pytest.raises(ProofFailed, match="money_batched"):
        verify_pack(write_pack(copy, PERIOD, tmp_path))


def test_a_cut_off_that_is_not_the_run_s_is_seen(members: Members, tmp_path: Path) -> None:
    said: dict[str, Any] = json.loads(members[MANIFEST])
    said["cut_off"] = "2020-11-30T16:59:59+00:00"
    with pytest.raises(EvidenceDamaged, match="cut-off"):
        verify_pack(_written(_sealed(members | {MANIFEST: json.dumps(said).encode()}, {}, None), tmp_path / "pack.zip"))


def test_a_page_of_another_version_is_refused_rather_than_believed(members: Members, tmp_path: Path) -> None:
    said: dict[str, Any] = json.loads(members[MANIFEST])
    said["report"]["made_by"] = "salur 0.0.1"
    foreign = members | {MANIFEST: json.dumps(said).encode()}
    with pytest.raises(InputRejected, match=r"salur 0\.0\.1"):
        verify_pack(_written(_sealed(foreign, {"report.html": b"<p>all paid</p>"}, None), tmp_path / "pack.zip"))
    assert verify_pack(_written(_sealed(foreign, {}, None), tmp_path / "same.zip"))["members"] == len(members)


@pytest.fixture(scope="module")
def unanswered(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A home whose banks have said nothing long after they must have: breaks are open."""
    return paid_home(tmp_path_factory.mktemp("unanswered"), answered=False)


def test_a_difference_that_is_open_cannot_be_closed_or_changed_in_a_pack(unanswered: House, tmp_path: Path) -> None:
    pack = write_pack(unanswered, PERIOD, tmp_path)
    assert verify_pack(pack)["open_breaks"] > 0
    with zipfile.ZipFile(pack) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    changes: list[tuple[str, object]] = [("state", "closed"), ("amount_idr", 1), ("kind", "duplicate")]
    for column, value in changes:
        change = partial(_with, column=column, row=0, value=value)
        with pytest.raises(EvidenceDamaged, match="tables/breaks"):
            verify_pack(_forged(members, "breaks", change, tmp_path / "forged.zip"))


def test_a_whole_pack_with_a_proof_that_does_not_hold_names_it(unanswered: House, tmp_path: Path) -> None:
    """The ledger is given a reconciliation of which one proof does not hold, recorded as any other."""
    with unanswered.store.transaction() as connection:
        last = queries.runs_of(connection, store.reconciliation_runs, PERIOD).to_pylist()[-1]
        rows = queries.proofs_in_force(connection, PERIOD).to_pylist()
        at = next(i for i, row in enumerate(rows) if row["stage"] != "file_total")
        rows[at] |= {"right_idr": rows[at]["left_idr"] + 1, "holds": False}
        told = queries.event_details(connection, last["details"])
        run = f"R{last['seq'] + 1:06d}-{PERIOD}"
        event = chain.append(
            connection,
            at=unanswered.at,
            actor="siti",
            kind="reconciled",
            subject=run,
            details=told | {"not_holding": 1, "proofs_sha256": proofs_digest(rows)},
        )
        again = last | {"seq": last["seq"] + 1, "run_id": run, "at": to_micros(unanswered.at), "details": event}
        store.insert(connection, store.reconciliation_runs, [again])
        store.insert(connection, store.proofs, [row | {"run_id": run} for row in rows])
    pack = write_pack(unanswered, PERIOD, tmp_path)
    with pytest.raises(ProofFailed, match=f"{rows[at]['stage']} of {rows[at]['scope']}"):
        verify_pack(pack)
    with zipfile.ZipFile(pack) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with pytest.raises(EvidenceDamaged, match="tables/proofs"):
        verify_pack(_forged(members, "proofs", lambda t: _with(t, "holds", at, True), tmp_path / "forged.zip"))


def test_an_account_that_a_recorded_proof_shows_to_be_wrong_is_no_damage(home: House, tmp_path: Path) -> None:
    shutil.copytree(home.path, tmp_path / "home")
    wrong = replace(open_house(tmp_path / "home"), at=home.at)
    with wrong.store.transaction() as connection:
        (file_name, seen) = next(
            (row["subject"], row["evidence"])
            for row in journal.rows(connection, PERIOD).to_pylist()
            if row["debit"] == "credited"
        )
        stray = journal.Posting("credited", "cash", 600_000, file_name, seen, 1, None, PERIOD)
        journal.post(connection, [stray], wrong.at)
    with pytest.raises(ProofFailed):
        reconciling.reconcile(wrong, PERIOD)
    with pytest.raises(ProofFailed, match=f"journal of {PERIOD} credited"):
        verify_pack(write_pack(wrong, PERIOD, tmp_path))
