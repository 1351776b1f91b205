"""The DAG that takes a source drop: what its task does with an address, a name of salur.toml, and a Connection of Airflow's."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

import dags.intake
from disbursement.sources.origin import Origin
from ledger import landing
from ledger.house import House
from schemas.errors import InputRejected
from tests.lib.platform_server import PlatformServer, platform_server
from tests.lib.small_drop import people, write_drop
from tests.lib.small_home import small_home
from tests.lib.sql_drop import make_tables
from treasury.desk import connections, manners

SECRET = "contoh-rahasia-panjang"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """An empty home, which the environment names."""
    made = small_home(tmp_path)
    monkeypatch.setenv("SALUR_HOME", str(made.path))
    return made


@pytest.fixture
def server() -> Iterator[PlatformServer]:
    with platform_server(PlatformServer(people(3), SECRET)) as running:
        yield running


def connect(monkeypatch: pytest.MonkeyPatch, name: str, **settings: Any) -> None:
    """A Connection, as Airflow's environment gives one."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(settings))


def take(source: str | None, full: bool = False) -> tuple[str, list[str]]:
    """What the task hands on, and the months that it announces."""
    announced: list[str] = []
    outlet = SimpleNamespace(add_partitions=announced.append)
    context = {
        "params": {"source": source, "full": full, "period": "2020-07"},
        "dag_run": SimpleNamespace(partition_key=None),
    }
    task = dags.intake.intake().get_task("take")
    handed_on = task.python_callable(outlet_events={manners.COMPLETIONS: outlet}, **context)
    return str(handed_on), announced


def drops(house: House) -> list[dict[str, Any]]:
    with house.store.reading() as connection:
        return list(landing.taken_drops(connection).to_pylist())


def test_without_a_source_there_is_nothing_to_take(house: House) -> None:
    with pytest.raises(AirflowSkipException):
        take(None)


def test_a_folder_is_taken_and_its_month_announced(house: House, tmp_path: Path) -> None:
    handed_on, announced = take(str(write_drop(tmp_path / "drop", people(3))))
    assert [row["drop_id"] for row in drops(house)] == [handed_on]
    assert announced == ["2020-07"]


def test_a_platform_is_taken_by_the_id_of_its_connection_and_nothing_of_it_is_handed_on_or_logged(
    house: House, server: PlatformServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    port = int(server.url.rpartition(":")[2])
    connect(
        monkeypatch, "platform_contoh", conn_type="http", host="127.0.0.1", schema="http", port=port, password=SECRET
    )
    handed_on, _ = take("platform_contoh")
    assert [(row["drop_id"], row["source"], row["row_count"]) for row in drops(house)] == [
        (handed_on, "platform_contoh", 10)
    ]
    assert SECRET not in f"{handed_on}{caplog.text}"
    take("platform_contoh")
    take("platform_contoh", full=True)
    asked = [each.params.get("recorded_after") for each in server.asked if each.path == "/v1/completions"]
    assert [after is None for after in asked] == [True, False, True]


def test_a_database_is_taken_by_the_id_of_its_connection(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tables(f"sqlite:///{tmp_path}/source.db", people(3))
    connect(monkeypatch, "registri", conn_type="sqlite", host=str(tmp_path / "source.db"))
    take("registri")
    assert [(row["source"], row["row_count"]) for row in drops(house)] == [("registri", 10)]


@pytest.mark.parametrize(
    ("settings", "origin"),
    [
        (
            {"conn_type": "http", "host": "platform.example", "extra": {"page_rows": 10, "timeout": 5}},
            Origin("https://platform.example", "contoh", SECRET, {"page_rows": 10}),
        ),
        (
            {
                "conn_type": "postgres", "host": "db.example", "port": 5433, "login": "sa/lur", "schema": "prakerja",
                "extra": {"sslmode": "verify-full", "salur_schema": "mitra", "cursor": "dictcursor"},
            },
            Origin(
                "postgresql+psycopg://sa%2Flur@db.example:5433/prakerja?sslmode=verify-full", "contoh", SECRET,
                {"schema": "mitra"},
            ),
        ),
        (
            {
                "conn_type": "sftp", "host": "drops.example", "port": 2022, "login": "salur",
                "extra": {"path": "/keluar", "host_key": "AAAA", "key_file": "/keys/drops", "no_host_key_check": True},
            },
            Origin(
                "sftp://salur@drops.example:2022/keluar", "contoh", SECRET,
                {"private_key": "/keys/drops", "host_key": "ssh-rsa AAAA"},
            ),
        ),
        (
            {
                "conn_type": "aws", "login": "KUNCI",
                "extra": {"bucket": "mitra", "prefix": "salur/2020-07", "endpoint_url": "https://s3.example"},
            },
            Origin(
                "s3://mitra/salur/2020-07", "contoh", SECRET, {"endpoint": "https://s3.example", "key_id": "KUNCI"}
            ),
        ),
    ],
    ids=["http", "postgres", "sftp", "aws"],
)  # fmt: skip
def test_a_connection_becomes_the_source_that_it_describes(
    house: House, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], origin: Origin
) -> None:
    connect(monkeypatch, "contoh", password=SECRET, **settings)
    assert connections.source(house, "contoh") == origin
    assert SECRET not in repr(origin)


@pytest.mark.parametrize("settings", [{"conn_type": "smtp", "host": "surat.example"}, {"conn_type": "aws"}])
def test_a_connection_that_is_no_source_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    connect(monkeypatch, "contoh", password=SECRET, **settings)
    with pytest.raises(InputRejected) as refused:
        connections.source(house, "contoh")
    assert SECRET not in str(refused.value)


def test_a_name_of_the_configuration_comes_before_a_connection(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "contoh", conn_type="http", host="platform.example")
    configured = {"sources": {"contoh": {"url": str(tmp_path)}}}
    named = connections.source(SimpleNamespace(config=configured, path=house.path), "contoh")  # type: ignore[arg-type]
    assert named == Origin(str(tmp_path), "contoh")
