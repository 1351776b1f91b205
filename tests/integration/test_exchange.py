"""Files to and from a bank over real SFTP: what arrives, and what is known when something goes wrong."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from banks.exchange import (
    BankConnection,
    BankRefuses,
    BankUnreachable,
    HostKeyChanged,
    KeyRefused,
    NameTaken,
    UploadUnknown,
    download,
    listing,
    probe,
    remote_state,
    upload,
)
from schemas.errors import InputRejected, PersonNeeded, TryLater
from simulator.sftp_server import Pace, serve
from tests.lib.sshd import SshServer

DATA = b"<Document>isi sintetis</Document>\n" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
PATIENCE_SECONDS = 30.0


@pytest.fixture
def bank(sftp_server: SshServer) -> BankConnection:
    """The way to an OpenSSH server with an inbox and an outbox."""
    sftp_server.folders("in", "out")
    return BankConnection(
        code="bni",
        host=sftp_server.host,
        port=sftp_server.port,
        user=sftp_server.user,
        private_key=sftp_server.client_key,
        host_key=sftp_server.host_key,
        inbox="in",
        outbox="out",
        temporary_suffix=".part",
        timeout_seconds=10,
    )


def names(server: SshServer) -> list[str]:
    """What lies in the bank's inbox, seen on its own disk."""
    return sorted(path.name for path in (server.root / "in").iterdir())


@pytest.mark.needs("openssh")
class TestAgainstOpenSsh:
    """The server that many banks run."""

    def test_a_file_arrives_whole_under_its_final_name_alone(
        self, sftp_server: SshServer, bank: BankConnection
    ) -> None:
        delivery = upload(bank, "A.xml", DATA)
        assert names(sftp_server) == ["A.xml"]
        assert (sftp_server.root / "in" / "A.xml").read_bytes() == DATA
        assert (delivery.sha256, delivery.size, delivery.was_there) == (SHA256, len(DATA), False)
        assert [(file.name, file.size) for file in delivery.listing] == [("A.xml", len(DATA))]

    def test_the_same_file_again_counts_as_delivered_and_is_not_written(
        self, sftp_server: SshServer, bank: BankConnection
    ) -> None:
        upload(bank, "A.xml", DATA)
        before = (sftp_server.root / "in" / "A.xml").stat()
        assert upload(bank, "A.xml", DATA).was_there
        after = (sftp_server.root / "in" / "A.xml").stat()
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)

    def test_other_content_under_a_name_is_never_overwritten(
        self, sftp_server: SshServer, bank: BankConnection
    ) -> None:
        (sftp_server.root / "in" / "A.xml").write_bytes(b"other")
        with pytest.raises(NameTaken):
            upload(bank, "A.xml", DATA)
        assert (sftp_server.root / "in" / "A.xml").read_bytes() == b"other"
        assert names(sftp_server) == ["A.xml"]

    def test_a_changed_host_key_is_not_spoken_to(self, sftp_server: SshServer, bank: BankConnection) -> None:
        sftp_server.change_host_key()
        with pytest.raises(HostKeyChanged) as refused:
            upload(bank, "A.xml", DATA)
        assert isinstance(refused.value, PersonNeeded)
        assert "host_key" in refused.value.do
        assert names(sftp_server) == []

    def test_a_key_that_the_bank_does_not_know_needs_a_person(
        self, sftp_server: SshServer, bank: BankConnection
    ) -> None:
        sftp_server.let_in()
        with pytest.raises(KeyRefused):
            upload(bank, "A.xml", DATA)
        assert names(sftp_server) == []

    def test_a_private_key_that_is_not_there_needs_a_person(self, bank: BankConnection, tmp_path: Path) -> None:
        with pytest.raises(PersonNeeded, match="private key"):
            probe(replace(bank, private_key=tmp_path / "none"))

    def test_a_bank_out_of_reach_is_tried_later(self, sftp_server: SshServer, bank: BankConnection) -> None:
        sftp_server.stop()
        for act in (lambda: upload(bank, "A.xml", DATA), lambda: listing(bank), lambda: remote_state(bank, "A.xml")):
            with pytest.raises(BankUnreachable) as refused:
                act()
            assert isinstance(refused.value, TryLater)

    def test_a_folder_that_is_not_there_needs_a_person(self, bank: BankConnection) -> None:
        with pytest.raises(BankRefuses):
            upload(replace(bank, inbox="elsewhere"), "A.xml", DATA)
        with pytest.raises(BankRefuses):
            probe(replace(bank, outbox="elsewhere"))

    def test_a_line_that_breaks_during_the_upload_leaves_nobody_knowing(
        self, sftp_server: SshServer, bank: BankConnection
    ) -> None:
        large = bytes(200_000_000)
        temporary = sftp_server.root / "in" / "A.xml.part"
        breaker = threading.Thread(target=_when, args=(temporary.exists, sftp_server.stop))
        breaker.start()
        with pytest.raises(UploadUnknown) as unknown:
            upload(bank, "A.xml", large)
        breaker.join()
        assert not isinstance(unknown.value, TryLater)
        sftp_server.start()
        assert remote_state(bank, "A.xml").state == "temporary"
        assert not upload(bank, "A.xml", DATA).was_there
        assert remote_state(bank, "A.xml") == ("present", len(DATA), SHA256)
        assert names(sftp_server) == ["A.xml"]

    def test_nothing_there_is_absent(self, bank: BankConnection) -> None:
        assert remote_state(bank, "A.xml").state == "absent"

    def test_answers_are_listed_without_those_still_being_written_and_stay_where_they_are(
        self, sftp_server: SshServer, bank: BankConnection
    ) -> None:
        out = sftp_server.root / "out"
        for name in ("b.xml", "a.xml", "c.xml.part"):
            (out / name).write_bytes(name.encode())
        (out / "folder").mkdir()
        assert [(file.name, file.size) for file in listing(bank)] == [("a.xml", 5), ("b.xml", 5)]
        assert download(bank, "a.xml") == b"a.xml"
        assert (out / "a.xml").exists()

    def test_an_answer_above_the_limit_is_left_where_it_lies(
        self, sftp_server: SshServer, bank: BankConnection
    ) -> None:
        (sftp_server.root / "out" / "large.xml").write_bytes(bytes(1001))
        with pytest.raises(InputRejected, match="1001 bytes"):
            download(bank, "large.xml", bytes_max=1000)

    @pytest.mark.parametrize("name", ["../secret", "a/b", "..", ""])
    def test_a_listed_name_that_leads_elsewhere_is_not_followed(self, bank: BankConnection, name: str) -> None:
        with pytest.raises(InputRejected):
            download(bank, name)


@pytest.mark.parametrize(("fault", "state"), [("connection_cut", "temporary"), ("cut_after_rename", "present")])
def test_after_a_cut_the_bank_itself_says_what_arrived(tmp_path: Path, fault: str, state: str) -> None:
    key = tmp_path / "id"
    pair = asyncssh.generate_private_key("ssh-ed25519")
    pair.write_private_key(key)
    pair.write_public_key(key.with_suffix(".pub"))
    running = serve(
        tmp_path / "banks", ["bni"], authorized_key=key.with_suffix(".pub"), faults={"bni": fault}, pace=Pace(60)
    )
    try:
        at = running.addresses["bni"]
        bank = BankConnection(
            "bni", str(at["host"]), int(at["port"]), str(at["user"]), key, str(at["host_key"]), "/in", "/out", ".part"
        )
        with pytest.raises(UploadUnknown):
            upload(bank, "A.xml", DATA)
        found = remote_state(bank, "A.xml")
        assert found.state == state
        assert (found.sha256 == SHA256) == (state == "present")
        assert upload(bank, "A.xml", DATA).was_there == (state == "present")
    finally:
        running.stop()


@pytest.mark.parametrize(("is_done", "error"), [(False, BankUnreachable), (True, UploadUnknown)])
def test_a_refused_rename_sent_nothing_only_if_it_was_not_done(
    tmp_path: Path, is_done: bool, error: type[Exception]
) -> None:
    class SaysNo(asyncssh.SFTPServer):
        def rename(self, oldpath: bytes, newpath: bytes) -> None:
            if is_done:
                super().rename(oldpath, newpath)
            raise asyncssh.SFTPFailure("no")

    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(tmp_path / "id")
    key.write_public_key(tmp_path / "id.pub")
    (tmp_path / "root" / "in").mkdir(parents=True)

    async def talk() -> None:
        async with asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[key], authorized_client_keys=str(tmp_path / "id.pub"),
            sftp_factory=lambda channel: SaysNo(channel, chroot=bytes(tmp_path / "root")),
        ) as server:  # fmt: skip
            pinned = key.export_public_key().decode()
            bank = BankConnection(
                "bni", "127.0.0.1", server.get_port(), "salur", tmp_path / "id", pinned, "/in", "/out", ".part"
            )
            with pytest.raises(error):
                await asyncio.to_thread(upload, bank, "A.xml", DATA)

    asyncio.run(talk())
    assert [path.name for path in (tmp_path / "root" / "in").iterdir()] == ["A.xml"] * is_done


def _when(condition: Callable[[], bool], act: Callable[[], None]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < until:
        time.sleep(0.001)
    act()
