"""A drop of files at the other end of a line: over SFTP, or in an S3 store. Each file is fetched once and put down.

An SFTP server is spoken to only if it shows the host key that it is known by: the one of the configuration, or one in
known_hosts. Nobody is asked, and nobody is believed because it is the first time.
"""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from disbursement.sources import files
from disbursement.sources.drop import MANIFEST, MANIFEST_BYTES_MAX, Drop
from disbursement.sources.origin import Origin
from disbursement.sources.spool import spooled
from schemas.errors import InputRejected, SalurError, TryLater

SCHEMES = frozenset({"sftp", "s3"})
_CHUNK_BYTES = 4 * 1024 * 1024
_SECONDS = 30


@dataclass(frozen=True)
class _Store:
    """A file system, the folder of the drop in it, and what it raises beside `OSError` when the line breaks."""

    fs: Any
    root: str
    lost: tuple[type[Exception], ...]


@contextmanager
def open_drop(origin: Origin) -> Iterator[Drop]:
    """Fetch the files of a drop and hold them against `manifest.json` when there is one.

    Raises `TryLater` when the store is out of reach, `InputRejected` when it does not let us in, is not the one that we
    know, or holds no drop.
    """
    with spooled() as spools:
        store, names = _listed(origin)
        found = files.tables_among(origin, names)
        with _told(origin, store.lost):
            manifest = b""
            if MANIFEST in names:
                with store.fs.open(posixpath.join(store.root, MANIFEST), "rb") as stream:
                    manifest = stream.read(MANIFEST_BYTES_MAX + 1)
            for name, (table, form) in found.items():
                spool = spools.add(table, name, form)
                with store.fs.open(posixpath.join(store.root, name), "rb") as stream:
                    while data := stream.read(_CHUNK_BYTES):
                        spool.write(data)
        yield spools.drop(origin.called, manifest=manifest, passed_over=files.passed_over(names, found))


def reach(origin: Origin) -> str:
    """List the folder; says how many files of a drop are there."""
    _, names = _listed(origin)
    return f"holds {len(files.tables_among(origin, names))} files of a drop"


def _listed(origin: Origin) -> tuple[_Store, list[str]]:
    store = _sftp(origin) if origin.scheme == "sftp" else _s3(origin)
    with _told(origin, store.lost):
        paths = store.fs.ls(store.root, detail=False) if store.fs.isdir(store.root) else []
    return store, sorted(posixpath.basename(path.rstrip("/")) for path in paths)


@contextmanager
def _told(origin: Origin, lost: tuple[type[Exception], ...]) -> Iterator[None]:
    """Errors of the line in an operator's words."""
    kinds: tuple[type[Exception], ...] = (OSError, *lost)
    try:
        yield
    except PermissionError:
        raise _refused(origin, "It does not let us in, or not there.") from None
    except kinds as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise TryLater(
            f"The source {origin.called} cannot be read now.", f"{why}.", "Nothing was taken. Try again."
        ) from None


def _refused(origin: Origin, why: str) -> SalurError:
    return InputRejected(f"The source {origin.called} cannot be read.", why, "Nothing was taken. Mend salur.toml.")


def _sftp(origin: Origin) -> _Store:
    import asyncssh  # late: both take a moment to load, and most intakes need neither
    from sshfs import SSHFileSystem

    parts = urlsplit(origin.url)
    settings = origin.settings
    try:
        options = {
            "port": parts.port or 22,
            "known_hosts": _known_hosts(origin),
            "config": None,
            "client_keys": [settings["private_key"]] if "private_key" in settings else (),
            "password": origin.secret,
            "connect_timeout": _SECONDS,
        }
        if parts.username:
            options["username"] = parts.username
        with _told(origin, ()):
            fs = SSHFileSystem(parts.hostname or "", skip_instance_cache=True, **options)
    except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
        raise _refused(origin, "It shows another host key than the one that it is known by.") from None
    except ValueError:  # of asyncssh too, about keys
        raise _refused(origin, "Its private_key, host_key or port cannot be read.") from None
    except asyncssh.Error as error:
        raise TryLater(
            f"The source {origin.called} cannot be reached.", f"{type(error).__name__}.", "Try again."
        ) from None
    root = parts.path.removeprefix("/~/") if parts.path.startswith("/~/") else parts.path
    return _Store(fs, root or ".", (asyncssh.Error,))


def _known_hosts(origin: Origin) -> Any:
    """What the server's key is held against: one pinned key, a file, or the user's own known_hosts."""
    import asyncssh

    if "host_key" in origin.settings:
        return ([asyncssh.import_public_key(origin.settings["host_key"])], [], [])
    return origin.settings.get("known_hosts", ())


def _s3(origin: Origin) -> _Store:
    from botocore.exceptions import BotoCoreError, ClientError
    from s3fs import S3FileSystem

    settings = origin.settings
    fs = S3FileSystem(
        key=settings.get("key_id"),
        secret=origin.secret,
        endpoint_url=settings.get("endpoint"),
        config_kwargs={"connect_timeout": _SECONDS, "read_timeout": _SECONDS},
        skip_instance_cache=True,
        use_listings_cache=False,
    )
    return _Store(fs, origin.url.partition("://")[2].rstrip("/"), (BotoCoreError, ClientError))
