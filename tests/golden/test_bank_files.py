"""Bank files byte for byte: what we write never changes unseen, and what banks send is read to exactly these rows.

All people, accounts and references in these files are invented. A changed file is a changed promise to a bank, so it is
edited by hand.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from functools import reduce
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pytest

from banks.formats import Agent, camt053, camt054, pain001, pain002
from banks.schema_check import SCHEMAS, validate
from schemas.tables import TABLES

FOLDER = Path(__file__).parent / "bank_files"
ORDERS = pa.Table.from_pylist(
    [
        {
            "end_to_end_id": f"SYNTHETIC0000{n}X",
            "amount_idr": amount,
            "creditor_account": f"628000000010{n}",
            "creditor_name": name,
            "remittance": remittance,
        }
        for n, (amount, name, remittance) in enumerate(
            [
                (600_000, "CONTOH SATU", "Insentif tahap 1 contoh"),
                (50_000, "D'CONTOH DUA", "Survei 1 contoh"),
                (600_000, "TIGA & <EMPAT>", "Insentif & <tahap> 4"),
            ]
        )
    ],
    TABLES["orders.v1"].schema,
)


@pytest.mark.parametrize(
    ("version", "agent"), [("pain.001.001.03", Agent(bic="CENAIDJA")), ("pain.001.001.09", Agent(other_id="OVO"))]
)
def test_a_payment_file_is_written_byte_for_byte(version: str, agent: Agent) -> None:
    header = pain001.Header(
        format=version,
        message_id="SYN-MSG-0001",
        payment_information_id="SYN-PMT-0001",
        created_at=datetime(2020, 8, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=7))),
        execution_date=date(2020, 9, 1),
        debtor_name="PROGRAM SINTETIS",
        debtor_account="0000000901",
        debtor_agent=agent,
        creditor_agent=agent,
        category_purpose="SSBE",
    )
    written = pain001.write(ORDERS, header)
    assert written == (FOLDER / f"{version}.xml").read_bytes()
    assert validate(written, version) == []


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("pain.002*.xml")))
def test_a_status_report_is_read_to_these_rows(name: str) -> None:
    read = pain002.read((FOLDER / name).read_bytes())
    rows = [{key: value for key, value in row.items() if value is not None} for row in read.responses.to_pylist()]
    assert {"responses": rows, "findings": list(read.findings)} == _expected(name)


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("camt.053*.xml")))
def test_statements_are_read_to_these_rows(name: str) -> None:
    read = camt053.read((FOLDER / name).read_bytes())
    rows = {
        table: [{key: _plain(value) for key, value in row.items() if value is not None} for row in rows.to_pylist()]
        for table, rows in (("statements", read.statements), ("entries", read.entries))
    }
    assert {**rows, "findings": list(read.findings)} == _expected(name)


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("camt.054*.xml")))
def test_notifications_are_read_to_these_rows(name: str) -> None:
    read = camt054.read((FOLDER / name).read_bytes())
    rows = [{key: _plain(v) for key, v in row.items() if v is not None} for row in read.entries.to_pylist()]
    assert {"entries": rows, "findings": list(read.findings)} == _expected(name)


def test_notifications_are_laid_out_as_statements_are_but_for_their_names_and_balances() -> None:
    layouts = resources.files("banks.formats").joinpath("layouts")
    statement, notification = (
        [line for line in layouts.joinpath(f"{name}.yaml").read_text("utf-8").splitlines() if not line.startswith("#")]
        for name in ("camt053", "camt054")
    )
    names = (("BkToCstmrStmt/Stmt", "BkToCstmrDbtCdtNtfctn/Ntfctn"), ("BkToCstmrStmt", "BkToCstmrDbtCdtNtfctn"))
    renamed = [reduce(lambda text, pair: text.replace(*pair), names, line) for line in statement if "/Bal/" not in line]
    assert renamed == notification


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xml")), ids=lambda path: path.name)
def test_every_file_here_is_valid_by_the_official_schema_of_its_version(path: Path) -> None:
    version = path.name[: len("pain.001.001.09")]
    assert version in SCHEMAS
    assert validate(path.read_bytes(), version) == []


def _expected(name: str) -> object:
    return json.loads((FOLDER / name).with_suffix(".json").read_text(encoding="utf-8"))


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
