"""The server that the other tests rely on behaves as a bank's does."""

import asyncio

import asyncssh
import pytest

from tests.lib.sshd import SshServer

pytestmark = pytest.mark.needs("openssh")


async def _upload(server: SshServer, host_key: str, name: str) -> None:
    pinned = asyncssh.import_known_hosts(f"[{server.host}]:{server.port} {host_key}\n")
    async with (
        asyncssh.connect(
            server.host, server.port, username=server.user, client_keys=[str(server.client_key)], known_hosts=pinned
        ) as connection,
        connection.start_sftp_client() as sftp,
        sftp.open(name, "xb") as file,
    ):
        await file.write(b"isi berkas")


def test_a_file_sent_to_a_relative_path_lies_in_the_servers_folder(sftp_server: SshServer) -> None:
    sftp_server.folders("inbound")
    asyncio.run(_upload(sftp_server, sftp_server.host_key, "inbound/a.xml"))
    assert (sftp_server.root / "inbound" / "a.xml").read_bytes() == b"isi berkas"


def test_a_key_that_is_no_longer_let_in_is_refused(sftp_server: SshServer) -> None:
    sftp_server.let_in()
    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(_upload(sftp_server, sftp_server.host_key, "a.xml"))


def test_a_changed_host_key_is_seen_by_who_pinned_the_old_one(sftp_server: SshServer) -> None:
    pinned = sftp_server.host_key
    sftp_server.change_host_key()
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        asyncio.run(_upload(sftp_server, pinned, "a.xml"))
