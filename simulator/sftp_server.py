"""Simulated banks on real SFTP: one asyncssh server a bank, key authentication, a host key of its own, a closed folder.

`banks.json` in the root folder says where they are, for whoever configures the other side.
"""

import asyncio
import json
import logging
import os
import signal
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import asyncssh

from schemas.errors import WrongUsage
from simulator.bank_files import BankFiles
from simulator.descriptions import BankDescription, describe_bank
from simulator.faults import Fault, parse_faults

USER = "salur"
CUT_AFTER_BYTES = 1_000
_log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the banks look for files, in seconds of the wall clock, and when they end their day.

    `close_day_after_quiet_seconds` ends a bank's day that long after its last new file; None leaves it to `close_day`.
    Only what comes late needs it: kept answers, returns, statements of a day.
    """

    poll_seconds: float = 0.5
    close_day_after_quiet_seconds: float | None = None


@dataclass(slots=True)
class _Line:
    """One bank's server side: who may come in, what is being written now, and whether the next upload is cut."""

    description: BankDescription
    files: BankFiles
    allowed: bytes
    host_key: asyncssh.SSHKey
    known_host_key: str
    faults: frozenset[Fault]
    writing: set[Path] = field(default_factory=set)
    connections: set[asyncssh.SSHServerConnection] = field(default_factory=set)
    is_cut_pending: bool = True
    port: int = 0
    # One thread a bank: its database has one user, and a large file never holds up the servers.
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))


class _Login(asyncssh.SSHServer):
    def __init__(self, line: _Line) -> None:
        self._line = line

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._line.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncssh's own signature)
        self._line.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        is_refused = Fault.REFUSE_KEY in self._line.faults
        return username == USER and key.public_data == self._line.allowed and not is_refused


class _Folder(asyncssh.SFTPServer):
    """The bank's folder as its customer sees it, with the line faults that strike an upload."""

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]", line: _Line) -> None:
        super().__init__(channel, chroot=os.fsencode(line.files.root))
        self._line = line

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        # Noted before the file exists, so that the bank never takes it for complete while it is being written.
        local = self._local(path)
        is_writing = bool(pflags & (asyncssh.FXF_WRITE | asyncssh.FXF_APPEND))
        if is_writing:
            self._line.writing.add(local)
        try:
            return super().open(path, pflags, attrs)
        except BaseException:
            self._line.writing.discard(local)
            raise

    def close(self, file_obj: object) -> None:
        super().close(file_obj)
        self._line.writing.discard(Path(os.fsdecode(getattr(file_obj, "name", b""))))

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        is_cut = Fault.CONNECTION_CUT in self._line.faults and self._line.is_cut_pending
        if is_cut and offset + len(data) > CUT_AFTER_BYTES:
            super().write(file_obj, offset, data[: max(0, CUT_AFTER_BYTES - offset)])
            self._cut()
        written = super().write(file_obj, offset, data)
        assert isinstance(written, int), "the plain server writes at once"
        return written

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().rename(oldpath, newpath)
        if Fault.CUT_AFTER_RENAME in self._line.faults and self._line.is_cut_pending:
            self._cut()

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """As `rename`: this bank lets nothing be overwritten."""
        self.rename(oldpath, newpath)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        """A name that goes while the folder is listed is left out, as real servers do; asyncssh's own listing would fail."""
        local = self._local(path)
        for name in (".", "..", *(entry.name for entry in local.iterdir())):
            try:
                attrs = asyncssh.SFTPAttrs.from_local((local / name).lstat())
            except FileNotFoundError:
                continue
            yield asyncssh.SFTPName(os.fsencode(name), attrs=attrs)

    def _cut(self) -> None:
        self._line.is_cut_pending = False
        self.connection.abort()
        raise asyncssh.SFTPConnectionLost("cut")

    def _local(self, path: bytes) -> Path:
        return Path(os.fsdecode(self.map_path(path)))


class RunningBanks:
    """Banks that are up. `addresses` is what banks.json says; leaving the `with` block stops the servers."""

    def __init__(self, lines: Sequence[_Line], addresses_path: Path, host: str) -> None:
        self._lines = {line.description.code: line for line in lines}
        self._host = host
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulated-banks", daemon=True)
        self._watches: list[asyncio.Task[None]] = []
        self._acceptors: list[asyncssh.SSHAcceptor] = []
        self.addresses_path = addresses_path
        self.addresses: dict[str, dict[str, str | int]] = {}

    def start(self, pace: Pace) -> None:
        """Open the servers and begin to look for files; what has been opened is closed again if one cannot be."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(pace), self._loop).result()
        except BaseException:
            self.stop()
            raise

    async def _open(self, pace: Pace) -> None:
        for line in self._lines.values():
            self._acceptors.append(await _listen(line, self._host))
            line.port = self._acceptors[-1].get_port()
            self.addresses[line.description.code] = _address(line, self._host)
            watch = asyncio.create_task(self._watch(line, pace))
            watch.add_done_callback(_report_death)
            self._watches.append(watch)

    async def _watch(self, line: _Line, pace: Pace) -> None:
        """Look for new files until stopped; after a quiet time, end the bank's day once."""
        quiet, is_day_open, quiet_max = 0.0, False, pace.close_day_after_quiet_seconds
        while not self._stopping.is_set():
            try:
                taken = await self._work(line, lambda: line.files.take_arrived(line.writing.__contains__))
                quiet = 0.0 if taken or line.writing else quiet + pace.poll_seconds
                is_day_open = is_day_open or bool(taken)
                if is_day_open and quiet_max is not None and quiet >= quiet_max:
                    await self._work(line, line.files.close_day)
                    is_day_open = False
            except (OSError, sqlite3.Error):  # a full disk heals: nothing was committed, the next look does it again
                _log.exception("the simulated bank %s could not finish its step", line.description.code)
            try:
                await asyncio.wait_for(self._stopping.wait(), pace.poll_seconds)
            except TimeoutError:
                continue

    async def _work(self, line: _Line, work: Callable[[], Result]) -> Result:
        return await self._loop.run_in_executor(line.worker, work)

    def close_day(self, code: str) -> list[str]:
        """End one bank's day now; the names of the answers that this brought out."""
        line = self._lines[code]
        return line.worker.submit(line.files.close_day).result()

    def wait_until_interrupted(self, when_waiting: Callable[[], None]) -> None:
        """Let the banks work until Ctrl-C or SIGTERM, having called `when_waiting` once. From the main thread only."""
        interrupted = threading.Event()
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            signal.signal(number, lambda *_: interrupted.set())
        try:
            when_waiting()
            interrupted.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def stop(self) -> None:
        """Finish what is being taken, close the servers and let go of everything. May be called twice."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for line in self._lines.values():
            line.worker.shutdown()
            line.files.close()

    async def _close(self) -> None:
        self._stopping.set()
        await asyncio.gather(*self._watches)
        for acceptor in self._acceptors:
            acceptor.close()
        for line in self._lines.values():
            for connection in tuple(line.connections):
                connection.abort()
        await asyncio.gather(*(acceptor.wait_closed() for acceptor in self._acceptors))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def serve(
    root: Path,
    banks: Sequence[str],
    *,
    authorized_key: Path,
    ports: Mapping[str, int] | None = None,
    seed: int = 0,
    faults: Mapping[str, str] | None = None,
    host: str = "127.0.0.1",
    pace: Pace = Pace(),
) -> RunningBanks:
    """Start SFTP servers for these banks under `root` and write `root/banks.json`; they answer until stopped.

    Args:
        authorized_key: the public key file with which the customer comes in, as user `salur`.
        ports: fixed ports by bank; a bank without one keeps the port it had under this root, or finds a free one.
        seed: decides which transfers fail, and the opening balances.
        faults: by bank, fault names joined by `+` (see simulator.faults).

    Raises WrongUsage for an unknown bank or fault, a key that cannot be read, or a fixed port that is in use.
    """
    root.mkdir(parents=True, exist_ok=True)
    allowed = _read_allowed_key(authorized_key)
    addresses_path = root / "banks.json"
    earlier = json.loads(addresses_path.read_text())["banks"] if addresses_path.exists() else {}
    lines = []
    for code in banks:
        description, bank_faults = describe_bank(code), parse_faults((faults or {}).get(code, "none"))
        folder = root / code
        files = BankFiles(description, folder, seed=seed, faults=bank_faults)
        own = _host_key(folder / "host_key")
        shown = _host_key(folder / "host_key_changed") if Fault.HOST_KEY_CHANGED in bank_faults else own
        line = _Line(description, files, allowed, shown, own.export_public_key().decode().strip(), bank_faults)
        line.port = (ports or {}).get(code) or _free_again(host, earlier.get(code, {}).get("port", 0))
        lines.append(line)
    running = RunningBanks(lines, addresses_path, host)
    running.start(pace)
    _write_addresses(running)
    return running


def _report_death(watch: "asyncio.Task[None]") -> None:
    """A bank that stops looking for files because of a bug of ours must not look like a silent bank."""
    error = None if watch.cancelled() else watch.exception()
    if error is not None:
        _log.critical("a simulated bank has stopped taking files", exc_info=error)


def _read_allowed_key(path: Path) -> bytes:
    try:
        return asyncssh.read_public_key(path).public_data
    except (OSError, asyncssh.KeyImportError) as error:
        raise WrongUsage(
            f"{path} is not a public key that can be read.", str(error), "Name the .pub file of the key of the home."
        ) from error


def _host_key(path: Path) -> asyncssh.SSHKey:
    if not path.exists():
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(path)
        path.chmod(0o600)
    return asyncssh.read_private_key(path)


def _free_again(host: str, port: int) -> int:
    """The port a bank had before if nobody has taken it since, otherwise 0: whichever is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return 0
    return port


async def _listen(line: _Line, host: str) -> asyncssh.SSHAcceptor:
    try:
        return await asyncssh.listen(
            host,
            line.port,
            server_factory=lambda: _Login(line),
            server_host_keys=[line.host_key],
            sftp_factory=lambda channel: _Folder(channel, line),
            config=None,
            allow_scp=False,
            agent_forwarding=False,
        )
    except OSError as error:
        raise WrongUsage(
            f"port {line.port} for {line.description.code} cannot be used.",
            str(error),
            "Leave it out to find a free one.",
        ) from error


def _address(line: _Line, host: str) -> dict[str, str | int]:
    return {
        "host": host,
        "port": line.port,
        "user": USER,
        "host_key": line.known_host_key,
        "upload_folder": line.description.upload_folder,
        "answer_folder": line.description.download_folder,
        "debtor_account": line.description.debtor_account,
    }


def _write_addresses(running: RunningBanks) -> None:
    """Written whole and renamed: whoever waits for the file reads it complete, once every server listens."""
    coming = running.addresses_path.with_suffix(".json.part")
    coming.write_text(json.dumps({"banks": running.addresses}, indent=2) + "\n", encoding="utf-8")
    coming.replace(running.addresses_path)
