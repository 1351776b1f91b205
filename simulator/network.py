"""A bank's SFTP server in memory: the few calls that a session asks for, without a socket, and with all that goes wrong there.

It raises asyncssh's own errors, as a session over SSH does, so that whoever calls tells them apart by the same code.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any

import asyncssh

from simulator.agenda import Agenda
from simulator.chance import Chance

_REFUSALS: dict[str, Callable[[], Exception]] = {
    "net.refused": lambda: ConnectionRefusedError("nobody listens"),
    "net.timeout": lambda: TimeoutError("no answer"),
    "net.key_refused": lambda: asyncssh.PermissionDenied("key not accepted"),
    "net.host_key": lambda: asyncssh.HostKeyNotVerifiable("another host key"),
}


class Server:
    """One bank's folders. `arrived` is told when a file gets its final name in `inbox`."""

    def __init__(self, code: str, inbox: str, agenda: Agenda, chance: Chance) -> None:
        self.code = code
        self.inbox = inbox
        self.files: dict[str, tuple[bytes, datetime]] = {}
        self.arrived: Callable[[str], None] = lambda _path: None
        self.chance = chance
        self._agenda = agenda
        self._sessions: dict[str, int] = {}

    async def connect(self, _connection: object) -> tuple["Line", "Session"]:
        """A line and a session, or one of the refusals."""
        day = self._agenda.today.isoformat()
        number = self._sessions[day] = self._sessions.get(day, 0) + 1
        where = f"{self.code} {day} {number}"
        for kind, error in _REFUSALS.items():
            if self.chance.strikes(kind, where):
                raise error()
        return Line(), Session(self, where)

    def put(self, path: str, data: bytes) -> None:
        """Lay a file down, now."""
        self.files[path] = (data, self._agenda.now)

    def is_upload(self, path: str) -> bool:
        """Whether this is the final name of a file for the bank."""
        return path.startswith(f"{self.inbox}/") and path.endswith(".xml")


class Line:
    """Nothing lies under a session in memory."""

    def close(self) -> None:
        """It is closed."""

    async def wait_closed(self) -> None:
        """It is closed."""


class Session:
    """One session; `where` names it for what may strike it."""

    def __init__(self, server: Server, where: str) -> None:
        self._server = server
        self._where = where

    def strikes(self, kind: str) -> bool:
        """Whether this trouble strikes this session."""
        return self._server.chance.strikes(kind, self._where)

    def _found(self, path: str) -> bytes:
        if path not in self._server.files:
            raise asyncssh.SFTPNoSuchFile("no such file")
        return self._server.files[path][0]

    async def exists(self, path: str) -> bool:
        """Whether something lies there."""
        return path in self._server.files

    async def stat(self, path: str) -> asyncssh.SFTPAttrs:
        """Its size."""
        return asyncssh.SFTPAttrs(size=len(self._found(path)))

    async def readdir(self, path: str) -> Sequence[asyncssh.SFTPName]:
        """The files of a folder, in no order that anybody may count on; some hidden, or twice, when that strikes."""
        names = [name for name in self._server.files if name.rpartition("/")[0] == path.rstrip("/")]
        if names and self.strikes("net.listing_hides"):
            names = names[::2]
        if names and self.strikes("net.listing_doubles"):
            names = names + names
        return [self._entry(name) for name in reversed(names)]

    def _entry(self, path: str) -> asyncssh.SFTPName:
        data, at = self._server.files[path]
        kind = asyncssh.FILEXFER_TYPE_REGULAR
        attrs = asyncssh.SFTPAttrs(type=kind, size=len(data), mtime=int(at.timestamp()))
        return asyncssh.SFTPName(path.rpartition("/")[2], attrs=attrs)

    def open(self, path: str, pflags_or_mode: str) -> "OpenFile":
        """A file to read (`rb`) or to write (`wb`), whole."""
        assert pflags_or_mode in ("rb", "wb"), "files are read or written whole"
        return OpenFile(self, path)

    def read(self, path: str) -> bytes:
        """The bytes of a file."""
        if self.strikes("net.lost_reading"):
            raise asyncssh.ConnectionLost("the line was cut")
        return self._found(path)

    def write(self, path: str, data: bytes) -> None:
        """Lay bytes down: all, or as many as arrive before the line or the disk ends."""
        part = data[: self._server.chance.of("cut", self._where).randrange(len(data) + 1)]
        if self.strikes("net.cut_writing"):
            self._server.put(path, part)
            raise asyncssh.ConnectionLost("the line was cut")
        if self.strikes("net.disk_full"):
            self._server.put(path, part)
            raise asyncssh.SFTPNoSpaceOnFilesystem("disk full")
        self._server.put(path, part if self.strikes("net.changed_on_the_way") else data)

    async def rename(self, oldpath: str, newpath: str) -> None:
        """Give a file another name, unless it is taken; or say so, or say not so, against the truth."""
        data = self._found(oldpath)
        if newpath in self._server.files:
            raise asyncssh.SFTPFailure("name is taken")
        if self.strikes("net.rename_refused"):
            raise asyncssh.SFTPFailure("not now")
        if self.strikes("net.rename_lost"):
            raise asyncssh.ConnectionLost("the line was cut")
        if self.strikes("net.rename_lie"):
            return
        del self._server.files[oldpath]
        self._server.put(newpath, data)
        if self._server.is_upload(newpath):
            self._server.arrived(newpath)
        if self.strikes("net.rename_done_refused"):
            raise asyncssh.SFTPFailure("failure")
        if self.strikes("net.acknowledgement_lost"):
            raise asyncssh.ConnectionLost("the line was cut")

    async def remove(self, path: str) -> None:
        """Take a file away."""
        self._found(path)
        if self.strikes("net.remove_lost"):
            raise asyncssh.ConnectionLost("the line was cut")
        del self._server.files[path]

    def exit(self) -> None:
        """The session ends."""


class OpenFile:
    """A file of a session, open for one read or one write of all of it."""

    def __init__(self, session: Session, path: str) -> None:
        self._session = session
        self._path = path
        self._written = b""

    async def __aenter__(self) -> "OpenFile":
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        return None

    async def read(self, size: int = -1) -> bytes:
        """The bytes, at most so many."""
        data = self._session.read(self._path)
        return data if size < 0 else data[:size]

    async def write(self, data: bytes) -> Any:
        """Lay the bytes down, after those written before."""
        self._written += data
        self._session.write(self._path, self._written)
        return len(data)
