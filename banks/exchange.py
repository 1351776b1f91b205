"""Files to and from a bank over SFTP: sent under a temporary name, read back, renamed; never overwritten, never guessed.

The bank's host key is pinned: a server that shows another is not spoken to. What went wrong is told apart by what it means
for the money: nothing was sent (`BankUnreachable`, `BankRefuses`), or nobody knows yet (`UploadUnknown`), and then only
looking (`remote_state`) settles it. Every call opens a connection of its own and has a deadline.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast

import asyncssh

from banks.profiles import AFTER_ARRIVAL, Profile
from schemas.errors import InputRejected, PersonNeeded, SalurError, TryLater
from schemas.failpoints import around, parts

DOWNLOAD_BYTES_MAX = 1 << 30
"""No answer of a bank is larger; what is, is left where it lies until a person has looked."""
BYTES_PER_SECOND_MIN = 100_000
"""Slower than this a transfer counts as broken off."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
"""Names that we give to files."""


class Session(Protocol):
    """What is asked of an SFTP session: the few calls of `asyncssh.SFTPClient` that sending and fetching need."""

    async def exists(self, path: str) -> bool: ...
    async def stat(self, path: str) -> asyncssh.SFTPAttrs: ...
    async def readdir(self, path: str) -> Sequence[asyncssh.SFTPName]: ...
    def open(self, path: str, pflags_or_mode: str) -> AbstractAsyncContextManager[Any]: ...
    async def rename(self, oldpath: str, newpath: str) -> None: ...
    async def remove(self, path: str) -> None: ...
    def exit(self) -> None: ...


class Line(Protocol):
    """The connection under a session."""

    def close(self) -> None: ...
    async def wait_closed(self) -> None: ...


Connect = Callable[["BankConnection"], Awaitable[tuple[Line, Session]]]
Result = TypeVar("Result")
LOST = (asyncssh.DisconnectError, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, OSError, EOFError)


class BankUnreachable(TryLater):
    """The bank could not be reached, or a look at it broke off. Nothing was sent."""


class BankRefuses(PersonNeeded):
    """The bank is there and does not let us do what is asked. Nothing was sent."""


class HostKeyChanged(PersonNeeded):
    """The server shows another host key than the one pinned. Nothing was sent."""


class KeyRefused(PersonNeeded):
    """The bank does not take our key. Nothing was sent."""


class NameTaken(PersonNeeded):
    """Under the file's final name other content lies at the bank. Nothing was sent."""


class UploadUnknown(SalurError):
    """An upload broke off: the file may or may not have arrived. It is not sent again before the bank has been looked at."""

    exit_code = TryLater.exit_code


@dataclass(frozen=True)
class BankConnection:
    """How to reach one bank. `host_key` is its public key as OpenSSH writes it; inbox is where it takes files, outbox
    where it leaves answers; relative folders start where the session does. `after_arrival` as in a profile.

    `connect` opens line and session in another way than over SSH, with asyncssh's errors: that of a rehearsal whose banks live
    in the same process."""

    code: str
    host: str
    port: int
    user: str
    private_key: Path
    host_key: str
    inbox: str
    outbox: str
    temporary_suffix: str
    after_arrival: str = "taken"
    timeout_seconds: float = 30.0
    connect: Connect | None = None

    @classmethod
    def from_config(cls, profile: Profile, table: Mapping[str, Any], home: Path) -> "BankConnection":
        """The connection that a `[banks.CODE]` table of the configuration describes.

        Folders and `after_arrival` default to the profile's. Errors: InputRejected when something is missing or wrong.
        """
        try:
            after_arrival = str(table.get("after_arrival", profile.after_arrival))
            if after_arrival not in AFTER_ARRIVAL:
                raise ValueError(f"after_arrival is one of {', '.join(AFTER_ARRIVAL)}")
            return cls(
                code=profile.code,
                host=str(table["host"]),
                port=int(table.get("port", 22)),
                user=str(table["user"]),
                private_key=home / str(table["private_key"]),
                host_key=str(table["host_key"]),
                inbox=str(table.get("inbox", profile.upload_folder)),
                outbox=str(table.get("outbox", profile.answer_folder)),
                temporary_suffix=profile.temporary_suffix,
                after_arrival=after_arrival,
                timeout_seconds=float(table.get("timeout_seconds", cls.timeout_seconds)),
                connect=table["connect"] if callable(table.get("connect")) else None,
            )
        except (KeyError, ValueError) as error:
            raise InputRejected(
                f"The configuration of bank {profile.code} is not complete.",
                f"Missing or wrong: {error}.",
                "Mend salur.toml.",
            ) from None


class RemoteFile(NamedTuple):
    """A file at the bank as a listing shows it."""

    name: str
    size: int
    modified_at: datetime | None


class RemoteState(NamedTuple):
    """What lies at the bank under a name: nothing, the file, or only its temporary beginning."""

    state: Literal["absent", "present", "temporary"]
    size: int | None = None
    sha256: str | None = None


class Delivery(NamedTuple):
    """A file that is at the bank: what was read back of it, whether it was there already, and the folder's listing."""

    name: str
    size: int
    sha256: str
    was_there: bool
    listing: tuple[RemoteFile, ...]


def probe(connection: BankConnection) -> None:
    """Connect and look into both folders; raises what is in the way. Changes nothing."""
    listing(connection, "inbox")
    listing(connection, "outbox")


def listing(
    connection: BankConnection, folder: Literal["inbox", "outbox"] = "outbox", with_temporary: bool = False
) -> list[RemoteFile]:
    """The files in a folder at the bank, by name; files still being written (temporary names) only when asked for."""
    path = connection.inbox if folder == "inbox" else connection.outbox

    async def work(client: Session) -> list[RemoteFile]:
        return await _list(client, path)

    files = _look(connection, work)
    suffix = connection.temporary_suffix
    return [file for file in files if with_temporary or not file.name.endswith(suffix)]


def download(
    connection: BankConnection,
    name: str,
    bytes_max: int = DOWNLOAD_BYTES_MAX,
    folder: Literal["inbox", "outbox"] = "outbox",
) -> bytes:
    """The bytes of an answer (or of what we sent); it stays at the bank. One that grows meanwhile is not taken yet (`BankUnreachable`)."""
    if "/" in name or "\0" in name or name in ("", ".", ".."):
        raise InputRejected(f"Bank {connection.code} lists a file whose name leads elsewhere.", "", "Ask the bank.")

    async def work(client: Session) -> tuple[int, bytes]:
        path = _join(connection.inbox if folder == "inbox" else connection.outbox, name)
        size = (await client.stat(path)).size or 0
        if size > bytes_max:
            raise InputRejected(
                f"{name} at bank {connection.code} has {size} bytes.", f"{bytes_max} is the limit.", "Ask the bank."
            )
        with around("bank read"):
            return size, await _read(client, path, bytes_max + 1)

    size, data = _look(connection, work, bytes_max)
    if len(data) != size:
        raise BankUnreachable(f"{name} at bank {connection.code} is still being written.", "", "Collect again later.")
    return data


def remote_state(connection: BankConnection, name: str) -> RemoteState:
    """What lies in the bank's inbox under `name`, by size and SHA-256: the evidence after an upload broke off.

    Absent can also mean that the bank has taken the file away already.
    """

    async def work(client: Session) -> RemoteState:
        for path, state in _paths(connection, name):
            if await client.exists(path):
                data = await _read(client, path)
                return RemoteState(state, len(data), hashlib.sha256(data).hexdigest())
        return RemoteState("absent")

    return _look(connection, work, DOWNLOAD_BYTES_MAX)


def upload(
    connection: BankConnection, name: str, data: bytes, before_naming: Callable[[], None] = lambda: None
) -> Delivery:
    """Put `data` under `name` into the bank's inbox, once.

    The bytes go under a temporary name in the same folder, are read back whole, and then get their final name, which is
    never overwritten. The same content already there under that name counts as delivered; other content raises
    `NameTaken`. When the connection is lost on the way the outcome is not known and `UploadUnknown` is raised. What
    `before_naming` raises leaves the temporary name as it is.
    """
    assert NAME.fullmatch(name), "a file name of ours"
    return asyncio.run(_upload(connection, name, data, before_naming))


async def _upload(connection: BankConnection, name: str, data: bytes, before_naming: Callable[[], None]) -> Delivery:
    final, temporary = (path for path, _ in _paths(connection, name))
    sha256 = hashlib.sha256(data).hexdigest()
    seconds = _deadline(connection, 2 * len(data))
    async with _session(connection) as client:
        async with _looking(connection, seconds):
            was_there = await client.exists(final)
            found = hashlib.sha256(await _read(client, final)).hexdigest() if was_there else sha256
        if found != sha256:
            raise NameTaken(
                f"At bank {connection.code} {name} is there with other content.",
                "A name never carries two contents.",
                "Compare both with the bank before anything is sent again.",
            )
        if not was_there:
            await _send(connection, client, (temporary, final), data, seconds, before_naming)
        seen: list[RemoteFile] = []
        # The file is there; a listing that fails now takes nothing from that.
        with suppress(*LOST, asyncssh.SFTPError):
            async with asyncio.timeout(seconds):
                seen = await _list(client, connection.inbox)
    return Delivery(name, len(data), sha256, was_there, tuple(seen))


async def _send(
    connection: BankConnection,
    client: Session,
    paths: tuple[str, str],
    data: bytes,
    seconds: float,
    before_naming: Callable[[], None],
) -> None:
    """Write under the temporary name, read back, rename. A refusal leaves nothing; a broken line leaves nobody knowing.

    A server may say no to a rename that it has done: only what still lies under its temporary name was refused. And it
    may say yes to one that it has not done: so what it shows afterwards is looked at.
    """
    temporary, final = paths
    try:
        async with asyncio.timeout(seconds):
            try:
                with around("bank write"):
                    async with client.open(temporary, "wb") as file:
                        for part in parts("bank write", data):
                            await file.write(part)
                if await _read(client, temporary) != data:
                    raise BankUnreachable(
                        "The bytes read back are not those sent.", "Nothing was sent.", "Try again later."
                    )
            except (asyncssh.SFTPError, BankUnreachable) as error:
                if not isinstance(error, LOST):
                    with suppress(asyncssh.SFTPError), around("bank removal"):
                        await client.remove(temporary)
                raise
            before_naming()
            try:
                with around("bank naming"):
                    await client.rename(temporary, final)
            except asyncssh.SFTPError as error:
                if not isinstance(error, LOST):
                    await _take_back(connection, client, temporary)
                raise
            await _look_at_named(connection, client, paths, len(data))
    except LOST as error:
        raise _broken_off(connection, error, final) from None
    except asyncssh.SFTPError as error:
        raise _refused(connection, error) from None


async def _take_back(connection: BankConnection, client: Session, temporary: str) -> None:
    try:
        with around("bank removal"):
            await client.remove(temporary)
    except asyncssh.SFTPError as error:
        raise _broken_off(connection, error, temporary.removesuffix(connection.temporary_suffix)) from None


async def _look_at_named(connection: BankConnection, client: Session, paths: tuple[str, str], byte_count: int) -> None:
    """Look at what a rename has left: the whole file under its final name, or nothing where the bank takes files away."""
    temporary, final = paths
    try:
        found = await _size(client, final)
        left_behind = found is None and await _size(client, temporary) is not None
    except asyncssh.SFTPError as error:
        raise _broken_off(connection, error, final) from None
    if found == byte_count or (found is None and not left_behind and connection.after_arrival == "taken"):
        return
    shown = "it is not there" if found is None else f"{found} of its {byte_count} bytes are there"
    raise UploadUnknown(
        f"Bank {connection.code} says that it has {Path(final).name}, and {shown}.",
        "What it says and what it shows differ.",
        "Nothing is sent again: the next run looks at the bank first.",
    )


async def _size(client: Session, path: str) -> int | None:
    """How many bytes lie under a path; None where nothing does."""
    try:
        return int((await client.stat(path)).size or 0)
    except asyncssh.SFTPNoSuchFile:
        return None


def _broken_off(connection: BankConnection, error: BaseException, path: str) -> UploadUnknown:
    return UploadUnknown(
        f"The upload of {Path(path).name} to bank {connection.code} broke off.",
        f"{type(error).__name__} before the bank had confirmed it.",
        "Nothing is sent again: the next run looks at the bank first.",
    )


def _look(connection: BankConnection, work: Callable[[Session], Awaitable[Result]], bytes_max: int = 0) -> Result:
    """Do `work`, which changes nothing at the bank, in a session of its own."""

    async def run() -> Result:
        async with (
            _session(connection) as client,
            _looking(connection, _deadline(connection, bytes_max)),
        ):
            return await work(client)

    return asyncio.run(run())


@asynccontextmanager
async def _looking(connection: BankConnection, seconds: float) -> AsyncIterator[None]:
    """What goes wrong inside changed nothing at the bank."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except LOST as error:
        raise _unreachable(connection, error) from None
    except asyncssh.SFTPError as error:
        raise _refused(connection, error) from None


async def _connect(connection: BankConnection) -> tuple[Line, Session]:
    """SFTP over SSH with the bank that holds the pinned host key; nothing of the user's own SSH settings is used."""
    line = await asyncssh.connect(
        connection.host,
        connection.port,
        known_hosts=([_host_key(connection)], [], []),
        client_keys=[_private_key(connection)],
        username=connection.user,
        config=None,
        agent_path=None,
        preferred_auth="publickey",
        keepalive_interval=connection.timeout_seconds / 3,
    )
    return line, await line.start_sftp_client()


@asynccontextmanager
async def _session(connection: BankConnection) -> AsyncIterator[Session]:
    """A session with the bank; what keeps it from being opened is told apart."""
    try:
        async with asyncio.timeout(connection.timeout_seconds):
            line, client = await (connection.connect or _connect)(connection)
    except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
        raise HostKeyChanged(
            f"Bank {connection.code} shows another host key than the one pinned.",
            "Either the bank has changed it, or somebody stands in between. Nothing was sent.",
            f"Ask the bank by another way, then set host_key in [banks.{connection.code}] of salur.toml.",
        ) from None
    except asyncssh.PermissionDenied:
        raise KeyRefused(
            f"Bank {connection.code} does not let {connection.user} in.",
            "It refuses our key. Nothing was sent.",
            "Have the bank enter our public key, or correct user and private_key in salur.toml.",
        ) from None
    except (*LOST, asyncssh.Error) as error:
        raise _unreachable(connection, error) from None
    try:
        yield client
    finally:
        client.exit()
        line.close()
        with suppress(*LOST):
            async with asyncio.timeout(5):
                await line.wait_closed()


def _host_key(connection: BankConnection) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(connection.host_key)
    except asyncssh.KeyImportError:
        raise InputRejected(
            f"The pinned host key of bank {connection.code} is no public key.",
            "It is what the bank's server shows, e.g. ssh-ed25519 AAAA...",
            f"Set host_key in [banks.{connection.code}] of salur.toml.",
        ) from None


def _private_key(connection: BankConnection) -> asyncssh.SSHKey:
    try:
        return asyncssh.read_private_key(connection.private_key)
    except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise PersonNeeded(
            f"Our private key for bank {connection.code} cannot be read.",
            f"{type(error).__name__}. Nothing was sent.",
            f"Set private_key in [banks.{connection.code}] of salur.toml.",
        ) from None


def _unreachable(connection: BankConnection, error: BaseException) -> BankUnreachable:
    return BankUnreachable(
        f"Bank {connection.code} at {connection.host}:{connection.port} is out of reach.",
        f"{type(error).__name__}. Nothing was sent.",
        "Try again later.",
    )


def _refused(connection: BankConnection, error: asyncssh.SFTPError) -> SalurError:
    passing = (asyncssh.SFTPFailure, asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded)
    why = f"{type(error).__name__.removeprefix('SFTP')}. Nothing was sent."
    if isinstance(error, passing):
        return BankUnreachable(f"Bank {connection.code} could not do what was asked.", why, "Try again later.")
    return BankRefuses(
        f"Bank {connection.code} refuses what was asked.",
        why,
        f"Check inbox and outbox in [banks.{connection.code}] of salur.toml, and our rights, with the bank.",
    )


def _paths(
    connection: BankConnection, name: str
) -> tuple[tuple[str, Literal["present"]], tuple[str, Literal["temporary"]]]:
    path = _join(connection.inbox, name)
    return (path, "present"), (path + connection.temporary_suffix, "temporary")


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _deadline(connection: BankConnection, byte_count: int) -> float:
    return connection.timeout_seconds + byte_count / BYTES_PER_SECOND_MIN


async def _read(client: Session, path: str, limit: int = -1) -> bytes:
    async with client.open(path, "rb") as file:
        return cast(bytes, await file.read(limit))


async def _list(client: Session, folder: str) -> list[RemoteFile]:
    entries = await client.readdir(folder)
    files = [
        RemoteFile(
            str(entry.filename),
            entry.attrs.size or 0,
            None if entry.attrs.mtime is None else datetime.fromtimestamp(entry.attrs.mtime, UTC),
        )
        for entry in entries
        if entry.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR
    ]
    return sorted(files)
