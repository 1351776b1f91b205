"""The source drop as files: Parquet, CSV or JSON Lines, whole or in parts, in a folder or under any fsspec URL."""

import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import fsspec

from disbursement.sources import readers
from disbursement.sources.drop import MANIFEST, MANIFEST_BYTES_MAX, Drop, fingerprint, hold_against_manifest, promises
from disbursement.sources.origin import Origin
from disbursement.sources.readers import Part
from schemas.errors import InputRejected, TryLater
from schemas.tables import SOURCES

_NAMES = "|".join(table.short_name for table in SOURCES.values())
_PART = re.compile(rf"(?P<table>{_NAMES})(-[^/]*)?\.(?P<format>parquet|csv|jsonl)")


def knows(origin: Origin) -> bool:
    """Whether the address is that of a folder, here or under a scheme of fsspec's; a database's is not."""
    if not origin.scheme or "::" in origin.scheme:
        return True
    try:
        fsspec.get_filesystem_class(origin.scheme)
    except ValueError:
        return False
    except ImportError:  # known, and what it needs is not installed: that is said when it is opened
        pass
    return True


def open_drop(origin: Origin) -> Drop:
    """List a drop, fingerprint its files, look at their headers and hold them against `manifest.json` when there is one.

    Raises `TryLater` when the source is out of reach and `InputRejected` when it is no drop, or one that contradicts itself.
    """
    fs, root, names = _listing(origin)
    found = [(name, match) for name in names if (match := _PART.fullmatch(name))]
    parts = tuple(_part(fs, posixpath.join(root, name), match["table"], match["format"]) for name, match in found)
    if not parts:
        raise InputRejected(
            f"There is no source drop in {origin.called}.",
            "None of participants, accounts, trainings, completions, blocklist or surveys is there as .parquet, .csv or"
            " .jsonl.",
            "Give the folder or URL that holds the files.",
        )
    manifest_bytes = _manifest_bytes(fs, root) if MANIFEST in names else b""
    files, decisions = promises(manifest_bytes)
    passed_over = tuple(sorted(set(names) - {part.name for part in parts} - {MANIFEST}))
    drop = Drop(origin.called, parts, lambda part: _opened(fs, part.path), manifest_bytes, decisions, passed_over)
    hold_against_manifest(drop, files)
    for part in parts:
        with drop.open(part) as stream:
            readers.check_header(part, stream)
    return drop


def _part(fs: Any, path: str, table: str, form: str) -> Part:
    with _opened(fs, path) as stream:
        return Part(posixpath.basename(path), path, SOURCES[f"{table}.v1"], form, *fingerprint(stream))


def _listing(origin: Origin) -> tuple[Any, str, list[str]]:
    """The file system, the folder and the sorted names in it."""
    try:
        fs, root = fsspec.core.url_to_fs(origin.url)
    except (ValueError, ImportError) as error:
        raise InputRejected(
            f"{origin.called!r} is no address of a source.", type(error).__name__, "Check it."
        ) from None
    try:
        paths = fs.ls(root, detail=False) if origin.url and fs.isdir(root) else []
    except OSError as error:
        raise TryLater(
            f"The source {origin.called} cannot be reached.", _why(error), "Check the address and its rights."
        ) from None
    return fs, root, sorted(posixpath.basename(path.rstrip("/")) for path in paths)


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__


@contextmanager
def _opened(fs: Any, path: str) -> Iterator[BinaryIO]:
    """The bytes of a file. Raises `TryLater` when the source goes away while they are read."""
    name = posixpath.basename(path)
    try:
        with fs.open(path, "rb") as stream:
            yield stream
    except IsADirectoryError:
        raise InputRejected(f"{name} is a folder.", "A table is a file.", "Nothing was taken. Send a file.") from None
    except OSError as error:
        raise TryLater(
            f"{name} cannot be read.", _why(error), "Nothing was taken. Mend the source, try again."
        ) from None


def _manifest_bytes(fs: Any, root: str) -> bytes:
    with _opened(fs, posixpath.join(root, MANIFEST)) as stream:
        return stream.read(MANIFEST_BYTES_MAX + 1)
