"""Outcomes and the archive on object storage: a real S3 interface, there and gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import s3fs
from moto.server import ThreadedMotoServer

from ledger.archive import Archive
from ledger.house import House
from ledger.keyring import load_keyring
from reconciliation import telling
from schemas.errors import TryLater
from tests.lib.small_home import drafted, small_home

pytestmark = pytest.mark.slow


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    """An empty object store with a bucket `contoh`, as the environment names it."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"ENDPOINT_URL": f"http://{host}:{port}", "ACCESS_KEY_ID": "contoh", "SECRET_ACCESS_KEY": "contoh"}
    for name, value in (settings | {"DEFAULT_REGION": "us-east-1", "MAX_ATTEMPTS": "1"}).items():
        monkeypatch.setenv(f"AWS_{name}", value)
    s3fs.S3FileSystem.clear_instance_cache()
    httpx.post(
        f"http://{host}:{port}/moto-api/reset"
    ).raise_for_status()  # its buckets are the process's, not the server's
    s3fs.S3FileSystem().mkdir("contoh")
    yield server
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = small_home(tmp_path)
    drafted(made)
    outlets = {"a-store": {"folder": "s3://contoh/told"}, "files": {"folder": str(tmp_path / "out")}}
    return replace(made, config={**made.config, "outcomes": outlets})


def test_a_notice_lies_whole_in_the_store(house: House, s3: ThreadedMotoServer) -> None:
    assert telling.tell(house)["waiting"] == {"a-store": 0, "files": 0}
    names = s3fs.S3FileSystem().ls("contoh/told", detail=False, refresh=True)
    assert sorted(name.rpartition("/")[2] for name in names) == [
        "outcomes-000001.csv", "outcomes-000001.manifest.json", "outcomes-000001.parquet"
    ]  # fmt: skip


def test_a_store_that_is_gone_is_tried_again_later_and_keeps_nobody_from_the_news(
    house: House, s3: ThreadedMotoServer
) -> None:
    s3.stop()
    with pytest.raises(TryLater, match="a-store") as caught:
        telling.tell(house)
    assert caught.value.done["waiting"] == {"a-store": 1, "files": 0}


def test_an_archive_that_is_gone_is_neither_a_bug_nor_damage(house: House, s3: ThreadedMotoServer) -> None:
    archive = Archive("s3://contoh/archive", load_keyring(house.path / "keys/master.key"))
    key = archive.put(b"kept")
    assert archive.get(key) == b"kept"
    s3.stop()
    with pytest.raises(TryLater):
        archive.get(key)
    with pytest.raises(TryLater):
        archive.put(b"more")
