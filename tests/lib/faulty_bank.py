"""A bank's SFTP server that fails in one named way, once or for good, and remembers which whole files were handed to it.

    with faulty_bank(folder, "cut_after:512", takes_away=True) as bank:
        ...                     # bank.connection is what [banks.CODE] of salur.toml says; bank.delivered what it was handed
        bank.heal()

The faults, by name: `cut_after:N` ends the connection once N bytes of an upload were written (0: as it is opened), `cut_before_rename` and
`cut_after_rename` around the final name; `rename_not_done` says yes and does nothing; `rename_denied_but_done` says no and has done it;
`truncates` keeps half of what is written and says nothing; `truncates_named` halves a file as it gets its name; `old_listing` shows the
folder as it was when the server started.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

USER = "salur"
FAULTS = (
    "cut_after:0",
    "cut_after:512",
    "cut_after:-1",
    "cut_after:all",
    "cut_before_rename",
    "cut_after_rename",
    "rename_not_done",
    "rename_denied_but_done",
    "truncates",
    "truncates_named",
    "old_listing",
)


class FaultyBank:
    """One running server. `whole` is how many bytes the file is that will come, for what is told from its end."""

    def __init__(self, folder: Path, fault: str, whole: int, takes_away: bool) -> None:
        self.root, self.fault, self.whole, self.takes_away = folder / "root", fault, whole, takes_away
        self.delivered: list[bytes] = []
        """Each whole upload that got its final name, in order, as the bank reads it."""
        self.meanwhile: Callable[[], object] = lambda: None
        """What happens while a file is being written."""
        for name in ("in", "out"):
            (self.root / name).mkdir(parents=True)
        self.key = folder / "client_key"
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(self.key)
        self.key.chmod(0o600)
        self._allowed = asyncssh.read_private_key(self.key).export_public_key()
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self.port = 0

    @property
    def connection(self) -> dict[str, Any]:
        """The `[banks.CODE]` table of a home that is to reach it."""
        return {
            "host": "127.0.0.1", "port": self.port, "user": USER, "private_key": str(self.key), "inbox": "/in",
            "outbox": "/out", "host_key": self._host_key.export_public_key().decode().strip(), "timeout_seconds": 10,
            "after_arrival": "taken" if self.takes_away else "left",
        }  # fmt: skip

    @property
    def cut_at(self) -> int | None:
        """After how many bytes of an upload the connection ends."""
        name, _, at = self.fault.partition(":")
        if name != "cut_after":
            return None
        return self.whole if at == "all" else int(at) % self.whole if at == "-1" else int(at)

    def heal(self) -> None:
        """From now on it is a bank as banks should be."""
        self.fault = "none"

    @property
    def inbox(self) -> list[str]:
        """The names that lie in the folder for our files."""
        return sorted(path.name for path in (self.root / "in").iterdir())

    def start(self) -> None:
        """Listen on a free port of loopback."""
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._acceptor = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(30)
        self.port = self._acceptor.get_port()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self._host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(self._allowed.decode()),
            sftp_factory=lambda channel: _Folder(channel, self),
            config=None,
        )

    def stop(self) -> None:
        """Stop listening and end."""
        self._loop.call_soon_threadsafe(self._acceptor.close)
        self._loop.call_soon_threadsafe(self._loop.stop)


class _Folder(asyncssh.SFTPServer):
    def __init__(self, channel: Any, bank: FaultyBank) -> None:
        super().__init__(channel, chroot=os.fsencode(bank.root))
        self._bank = bank

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        opened = super().open(path, pflags, attrs)
        if pflags & asyncssh.FXF_WRITE and self._bank.cut_at == 0:
            self._cut()
        return opened

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        self._bank.meanwhile()
        cut_at = self._bank.cut_at
        if cut_at is not None and offset + len(data) >= cut_at:
            super().write(file_obj, offset, data[: cut_at - offset])
            file_obj.flush()  # type: ignore[attr-defined]
            self._cut()
        kept = data[: len(data) // 2] if self._bank.fault == "truncates" else data
        super().write(file_obj, offset, kept)
        return len(data)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        fault, bank = self._bank.fault, self._bank
        if fault == "cut_before_rename":
            self._cut()
        if fault == "rename_not_done":
            return
        super().rename(oldpath, newpath)
        final = Path(os.fsdecode(self.map_path(newpath)))
        if fault == "truncates_named":
            final.write_bytes(final.read_bytes()[:100])
        bank.delivered.append(final.read_bytes())
        if bank.takes_away:
            final.unlink()
        if fault == "cut_after_rename":
            self._cut()
        if fault == "rename_denied_but_done":
            raise asyncssh.SFTPFailure("no")

    def stat(self, path: bytes) -> Any:
        if self._bank.fault == "old_listing" and b"/in/" in path:
            raise asyncssh.SFTPNoSuchFile("not in this listing")
        return super().stat(path)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        if self._bank.fault != "old_listing":
            async for name in super().scandir(path):
                yield name

    def _cut(self) -> None:
        self._bank.heal()
        self.connection.abort()
        raise asyncssh.SFTPConnectionLost("cut")


@contextmanager
def faulty_bank(folder: Path, fault: str, whole: int, takes_away: bool = False) -> Iterator[FaultyBank]:
    """A server that is up inside the `with`; a cut strikes once, every other fault until it is healed."""
    bank = FaultyBank(folder, fault, whole, takes_away)
    bank.start()
    try:
        yield bank
    finally:
        bank.stop()
