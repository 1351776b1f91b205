"""What `salur report` writes: page, workbook, Parquet tables, data docs and pack, bound by hashes, the same every time."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from html import unescape
from pathlib import Path

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from ledger.house import House
from reconciliation import steps as reconciling
from reconciliation.reports.cycle import gather
from reconciliation.reports.data_docs import write_docs
from reconciliation.reports.html import worked_out
from reconciliation.reports.pack import verify_pack
from reconciliation.reports.pack_check import MANIFEST, canonical, to_csv
from reconciliation.reports.tables import tables
from schemas.errors import EvidenceDamaged, TryLater
from tests.lib.cycle_facts import HOSTILE, empty_cycle, full_cycle
from tests.lib.paid_home import PERIOD, paid_home

TABLES = f"report-{PERIOD}-tables"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> House:
    return paid_home(tmp_path_factory.mktemp("paid"), people=40)


@pytest.fixture(scope="module")
def out(home: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "new"
    reconciling.report(home, PERIOD, folder)
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def copy(out: Path, tmp_path: Path) -> Path:
    """The written report, to be tampered with."""
    for name, content in _files(out).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_every_file_of_the_report_is_there_and_no_half_one(home: House, out: Path) -> None:
    whole = [name for name in _files(out) if not name.startswith(("data-docs/", TABLES))]
    assert sorted(whole) == [f"pack-{PERIOD}.zip", f"report-{PERIOD}.html", f"report-{PERIOD}.xlsx"]
    named = re.findall(r'href="([^#"][^"]*)"', (out / f"report-{PERIOD}.html").read_text())
    assert len(named) == 4
    assert [name for name in named if not (out / name).is_file()] == []


def test_the_same_ledger_gives_the_same_bytes_of_every_file(home: House, out: Path, tmp_path: Path) -> None:
    reconciling.report(home, PERIOD, tmp_path)
    reconciling.report(home, PERIOD, tmp_path)
    assert _files(tmp_path) == _files(out)


def test_the_parquet_tables_are_the_report_s_and_their_manifest_has_the_hash_and_rows_of_each(
    home: House, out: Path
) -> None:
    facts = gather(home, PERIOD)
    expected = tables(facts, worked_out(facts))
    said = json.loads((out / TABLES / "manifest.json").read_text())
    assert said["files"].keys() == {f"{name}.parquet" for name in expected}
    for name, table in expected.items():
        content = (out / TABLES / f"{name}.parquet").read_bytes()
        about = said["files"][f"{name}.parquet"]
        assert about == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "rows": table.num_rows}
        assert pq.read_table(io.BytesIO(content)).equals(table), name
    assert (said["period"], said["chain"]["head"]) == (PERIOD, facts.chain_head)


def test_every_payment_of_a_paid_cycle_counts_for_a_training(home: House) -> None:
    facts = gather(home, PERIOD)
    for shares, parts in worked_out(facts)["trained"]:
        assert all(part.holds for part in parts.values()), shares.key
        assert not any(line.is_unknown for line in shares.lines), shares.key
    assert facts.trainings.num_rows > 5


def test_a_table_of_an_earlier_report_that_is_no_more_is_taken_away(home: House, copy: Path) -> None:
    (copy / TABLES / "gone.parquet").write_bytes(b"")
    reconciling.report(home, PERIOD, copy, data_docs=False)
    assert not (copy / TABLES / "gone.parquet").exists()


def test_the_pack_binds_the_files_beside_it_and_is_whole_without_them(out: Path, copy: Path) -> None:
    beside = len(_files(out)) - 1
    assert verify_pack(out / f"pack-{PERIOD}.zip")["beside"] == beside
    alone = copy / "alone" / f"pack-{PERIOD}.zip"
    alone.parent.mkdir()
    (copy / f"pack-{PERIOD}.zip").rename(alone)
    assert verify_pack(alone)["beside"] == 0


@pytest.mark.parametrize("name", [f"report-{PERIOD}.html", f"report-{PERIOD}.xlsx", f"{TABLES}/figures.parquet", f"{TABLES}/manifest.json", f"data-docs/{PERIOD}/index.html"])  # fmt: skip
def test_a_file_beside_the_pack_that_was_changed_is_seen(copy: Path, name: str) -> None:
    with (copy / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(EvidenceDamaged, match=re.escape(name)):
        verify_pack(copy / f"pack-{PERIOD}.zip")


@pytest.mark.parametrize(
    "name", ["/etc/hostname", "../report.html", "report-2020-12-tables/../x.parquet", "data-docs/2020-12/../x.html"]
)
def test_a_pack_that_names_a_file_elsewhere_is_refused(copy: Path, name: str) -> None:
    pack = copy / f"pack-{PERIOD}.zip"
    with zipfile.ZipFile(pack) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    said = json.loads(members[MANIFEST])
    del said["digest"]
    said["beside"] = {name: "0" * 64}
    members[MANIFEST] = json.dumps(said | {"digest": canonical(said)}).encode()
    with zipfile.ZipFile(pack, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    with pytest.raises(EvidenceDamaged, match="beside"):
        verify_pack(pack)


def test_no_personal_data_is_in_any_file(home: House, out: Path) -> None:
    drop = home.path.parent / "drop"
    personal = {"participants": ("nik", "kk", "name"), "accounts": ("account_number", "owner_name", "owner_nik")}
    secrets = set()
    for table, columns in personal.items():
        text = pa_csv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, "string"))
        rows = pa_csv.read_csv(next(drop.glob(f"{table}*.csv")), convert_options=text)
        secrets |= {value for column in rows.columns for value in column.to_pylist() if value and len(value) > 5}
    assert len(secrets) > 100
    text = "\n".join(_text(name, content) for name, content in _files(out).items())
    assert [secret for secret in secrets if secret in text] == []


def _text(name: str, content: bytes) -> str:
    if name.endswith(".parquet"):
        return to_csv(pq.read_table(io.BytesIO(content))).decode()
    if name.endswith((".xlsx", ".zip")):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.namelist() if not member.endswith(".csv")]
            return "\n".join(_text(member, archive.read(member)) for member in members)
    return content.decode()


def test_a_folder_that_cannot_be_written_is_told_to_the_operator(home: House, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(TryLater, match="cannot be written"):
        reconciling.report(home, PERIOD, tmp_path / "taken", data_docs=False)


# --- data docs --------------------------------------------------------------------------------------------------------


def _check(table: str, expectation: str, **more: object) -> dict[str, object]:
    row = {
        "step": "intake",
        "table": table,
        "expectation": expectation,
        "column": None,
        "action": "warn",
        "success": False,
    }
    return row | {"failed_count": 2, "row_count": 4, "at": full_cycle().at, **more}


def _pages(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.rglob("*.html")}


def test_the_data_docs_have_a_page_for_each_table_that_a_step_checked_and_for_each_suite(
    home: House, out: Path
) -> None:
    checked = {(row["step"], row["table"]) for row in gather(home, PERIOD).checks.to_pylist()}
    names = {path.name for path in (out / "data-docs" / PERIOD / "validations").rglob("*.html")}
    assert names == {f"{step}-{table}.html" for step, table in checked}
    suites = {
        str(path.relative_to(out / "data-docs" / PERIOD / "expectations"))
        for path in (out / "data-docs" / PERIOD / "expectations").rglob("*.html")
    }
    assert suites == {f"{table.replace('.', '/')}.html" for _, table in checked}


def test_no_page_of_the_data_docs_names_an_address_or_runs_a_script(out: Path) -> None:
    for name, page in _pages(out / "data-docs").items():
        assert "<script" not in page.lower(), name
        assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"|url\(|@import', page) == [], name
        assert "default-src 'none'" in unescape(page), name


def test_what_was_observed_stands_as_text_and_a_result_that_no_suite_knows_any_more_is_shown(tmp_path: Path) -> None:
    rows = [
        _check("trainings.v1", "expect_table_row_count_to_be_between", observed=f"{HOSTILE} $column"),
        _check("trainings.v1", "expect_column_values_to_be_unique", column="no_longer_here"),
    ]
    write_docs(full_cycle(checks=rows), tmp_path)
    page = _pages(tmp_path)["intake-trainings.v1.html"]
    assert HOSTILE not in page
    assert "no_longer_here" in page
    assert "2 unexpected values found. 50% of 4 total rows." in page


def test_a_period_without_a_check_has_no_data_docs_and_loses_earlier_ones(tmp_path: Path) -> None:
    assert write_docs(full_cycle(), tmp_path) is not None
    assert write_docs(empty_cycle(), tmp_path) is None
    assert _files(tmp_path) == {}
