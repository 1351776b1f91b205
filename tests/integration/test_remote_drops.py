"""Drops of files at the other end of a line: a real OpenSSH server, and a server that answers as S3 does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from tests.lib.commands import Salur, new_home
from tests.lib.records import decided, taken
from tests.lib.small_drop import people, write_drop
from tests.lib.sshd import SshServer

SECRET = "contoh-rahasia"


@pytest.fixture(scope="module", name="_home")
def home_made_once(tmp_path_factory: pytest.TempPathFactory) -> Salur:
    """An empty home."""
    return new_home(tmp_path_factory.mktemp("home") / "home")


@pytest.fixture
def salur(_home: Salur, tmp_path: Path) -> Salur:
    """A copy of it."""
    return _home.copy(tmp_path / "home")


def configure(salur: Salur, **settings: object) -> None:
    """The source `contoh` of the home."""
    lines = [f'{name} = "{value}"' for name, value in settings.items()]
    config = salur.home / "salur.toml"
    config.write_text("\n".join([config.read_text(), "[sources.contoh]", *lines, ""]))


def refused(salur: Salur, code: int, says: str) -> str:
    """Taking the source ends with the code and these words, and nothing was taken."""
    before = taken(salur)
    answer = salur("intake", "--source", "contoh")
    assert (answer.code, says in answer.err) == (code, True), answer.err
    assert "Traceback" not in answer.err
    assert taken(salur) == before
    return answer.err


# --- SFTP -------------------------------------------------------------------------------------------------------------


def over_sftp(salur: Salur, server: SshServer, folder: str = "drop", **settings: object) -> None:
    """The server as the source `contoh`, its key pinned unless another is given."""
    url = f"sftp://{server.user}@{server.host}:{server.port}{server.root}/{folder}"
    given = {"url": url, "private_key": server.client_key, "host_key": server.host_key} | settings
    configure(salur, **{name: value for name, value in given.items() if value is not None})


@pytest.mark.needs("openssh")
@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_a_drop_over_sftp_is_taken_like_a_folder(
    salur: Salur, sftp_server: SshServer, tmp_path: Path, form: str
) -> None:
    write_drop(sftp_server.root / "drop", people(12), form, parts=2)
    over_sftp(salur, sftp_server)
    salur.ask("intake", "--source", "contoh")
    here = new_home(tmp_path / "other")
    here.ask("intake", "--source", sftp_server.root / "drop")
    assert decided(salur) == decided(here)


@pytest.mark.needs("openssh")
def test_a_folder_may_be_named_from_where_the_session_begins(salur: Salur, sftp_server: SshServer) -> None:
    write_drop(sftp_server.root / "drop", people(2))
    url = f"sftp://{sftp_server.user}@{sftp_server.host}:{sftp_server.port}/~/drop"
    over_sftp(salur, sftp_server, url=url)
    assert salur.ask("intake", "--source", "contoh")["taken"] == 7
    looked = {row["what"]: row["found"] for row in salur.ask("doctor")["checks"]}
    assert looked["source contoh"] == "holds 4 files of a drop"


@pytest.mark.needs("openssh")
def test_a_server_may_be_known_by_a_file_of_known_hosts(salur: Salur, sftp_server: SshServer, tmp_path: Path) -> None:
    write_drop(sftp_server.root / "drop", people(2))
    (tmp_path / "known_hosts").write_text(sftp_server.known_hosts)
    over_sftp(salur, sftp_server, host_key=None, known_hosts=tmp_path / "known_hosts")
    assert salur.ask("intake", "--source", "contoh")["taken"] == 7


@pytest.mark.needs("openssh")
def test_a_server_that_is_not_known_is_not_spoken_to(
    salur: Salur, sftp_server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_drop(sftp_server.root / "drop", people(2))
    over_sftp(salur, sftp_server, host_key=None)
    refused(salur, 10, "another host key")


@pytest.mark.needs("openssh")
def test_a_server_that_shows_another_key_is_not_spoken_to(salur: Salur, sftp_server: SshServer) -> None:
    write_drop(sftp_server.root / "drop", people(2))
    over_sftp(salur, sftp_server)
    sftp_server.change_host_key()
    refused(salur, 10, "another host key")


@pytest.mark.needs("openssh")
def test_a_server_that_does_not_let_us_in_or_is_away_is_told_apart(salur: Salur, sftp_server: SshServer) -> None:
    over_sftp(salur, sftp_server)
    sftp_server.let_in()
    refused(salur, 10, "does not let us in")
    sftp_server.stop()
    refused(salur, 14, "cannot be read now")


@pytest.mark.needs("openssh")
def test_a_key_that_is_none_is_said(salur: Salur, sftp_server: SshServer, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET)
    over_sftp(salur, sftp_server, private_key=tmp_path / "key")
    assert SECRET not in refused(salur, 10, "private_key")


# --- S3 ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a store of objects with an empty bucket `contoh`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client(endpoint).create_bucket(Bucket="contoh")
    yield endpoint
    server.stop()


def client(endpoint: str) -> Any:
    """The platform's own way into its store."""
    keys = {"aws_access_key_id": "contoh", "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    return botocore.session.get_session().create_client("s3", endpoint_url=endpoint, **keys)


def put(endpoint: str, folder: Path, prefix: str) -> None:
    """Put a folder's files into the bucket."""
    for file in folder.iterdir():
        client(endpoint).put_object(Bucket="contoh", Key=f"{prefix}/{file.name}", Body=file.read_bytes())


def in_s3(salur: Salur, endpoint: str, prefix: str) -> None:
    """The bucket as the source `contoh`, with its secret in a file."""
    (salur.home / "keys" / "contoh.secret").write_text(SECRET)
    configure(salur, url=f"s3://contoh/{prefix}", endpoint=endpoint, key_id="contoh", secret_file="keys/contoh.secret")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_drop_in_s3_is_taken_like_a_folder(salur: Salur, s3: str, tmp_path: Path, form: str) -> None:
    drop = write_drop(tmp_path / "drop", people(12), form, parts=2)
    put(s3, drop, form)
    in_s3(salur, s3, form)
    salur.ask("intake", "--source", "contoh")
    here = new_home(tmp_path / "other")
    here.ask("intake", "--source", drop)
    assert decided(salur) == decided(here)


def test_an_address_takes_its_keys_from_the_usual_environment(
    salur: Salur, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, write_drop(tmp_path / "drop", people(2)), "usual")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "contoh")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    assert salur.ask("intake", "--source", "s3://contoh/usual")["taken"] == 7


def test_a_prefix_without_a_drop_and_a_store_that_is_away_are_told_apart(
    salur: Salur, s3: str, free_port: Callable[[], int]
) -> None:
    in_s3(salur, s3, "nothing")
    refused(salur, 10, "There is no source drop in contoh.")
    config = salur.home / "salur.toml"
    config.write_text(config.read_text().replace(s3, f"http://127.0.0.1:{free_port()}"))
    assert SECRET not in refused(salur, 14, "cannot be read now")
