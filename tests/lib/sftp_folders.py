"""A bank's SFTP server in a process of its own, with a folder a user: whoever logs in as NAME sees `BASE/NAME/bank`.

It lets nothing be overwritten, and notes in `BASE/NAME/received.log` what got the name of a whole file, each time that it happens.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import asyncssh

BANK, LOG = "bank", "received.log"


class Address(NamedTuple):
    """Where the server is, the key that it shows, and the private key of whoever may log in."""

    port: int
    host_key: str
    private_key: Path


@contextmanager
def sftp_folders(base: Path) -> Iterator[Address]:
    """The server, up inside the `with`."""
    key = base / "bank_ed25519"
    pair = asyncssh.generate_private_key("ssh-ed25519")
    pair.write_private_key(key)
    key.chmod(0o600)
    shown = asyncssh.generate_private_key("ssh-ed25519")
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(base, shown, pair.public_data, theirs), daemon=True)
    process.start()
    try:
        assert ours.poll(30), "the server does not start"
        yield Address(ours.recv(), shown.export_public_key().decode().strip(), key)
    finally:
        process.kill()
        process.join()


def _serve(base: Path, shown: asyncssh.SSHKey, allowed: bytes, ready: Connection) -> None:
    async def run() -> None:
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Login(allowed),
            server_host_keys=[shown],
            sftp_factory=lambda channel: _Folder(channel, base),
            config=None,
        )
        ready.send(server.get_port())
        await asyncio.Event().wait()

    asyncio.run(run())


class _Login(asyncssh.SSHServer):
    def __init__(self, allowed: bytes) -> None:
        self._allowed = allowed

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key.public_data == self._allowed


class _Folder(asyncssh.SFTPServer):
    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], base: Path) -> None:
        self._home = base / str(channel.get_extra_info("username"))
        super().__init__(channel, chroot=os.fsencode(self._home / BANK))

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().rename(oldpath, newpath)
        arrived = Path(os.fsdecode(self.map_path(newpath)))
        line = f"{arrived.name} {hashlib.sha256(arrived.read_bytes()).hexdigest()}\n"
        with (self._home / LOG).open("a", encoding="utf-8") as log:
            log.write(line)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """As `rename`: nothing is overwritten."""
        self.rename(oldpath, newpath)
