"""The source drop as files: Parquet, CSV or JSON Lines, whole or in parts, in a folder or under any fsspec URL."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import fsspec

from disbursement.sources.drop import MANIFEST, MANIFEST_BYTES_MAX, TABLES_LISTED, Drop, checked, fingerprint
from disbursement.sources.origin import Origin
from disbursement.sources.readers import Part
from schemas.errors import InputRejected, TryLater
from schemas.tables import SOURCES, Table

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
    found = tables_among(origin, names)
    parts = tuple(_part(fs, posixpath.join(root, name), *table_and_form) for name, table_and_form in found.items())
    manifest = b""
    if MANIFEST in names:
        with _opened(fs, posixpath.join(root, MANIFEST)) as stream:
            manifest = stream.read(MANIFEST_BYTES_MAX + 1)
    return checked(
        origin.called,
        parts,
        lambda part: _opened(fs, part.path),
        manifest=manifest,
        passed_over=passed_over(names, found),
    )


def reach(origin: Origin) -> str:
    """List the folder; says how many files of a drop are there."""
    return f"holds {len(tables_among(origin, _listing(origin)[2]))} files of a drop"


def tables_among(origin: Origin, names: Iterable[str]) -> dict[str, tuple[Table, str]]:
    """Of the names in a folder those of a drop's files, each with its table and form; `InputRejected` when there are none."""
    found = {name: match for name in names if (match := _PART.fullmatch(name))}
    if not found:
        raise InputRejected(
            f"There is no source drop in {origin.called}.",
            f"None of {TABLES_LISTED} is there as .parquet, .csv or .jsonl.",
            "Give the folder or URL that holds the files.",
        )
    return {name: (SOURCES[f"{match['table']}.v1"], match["format"]) for name, match in found.items()}


def passed_over(names: Iterable[str], found: Iterable[str]) -> tuple[str, ...]:
    """The names that are no table of a drop, and not its manifest."""
    return tuple(sorted(set(names) - set(found) - {MANIFEST}))


def _part(fs: Any, path: str, table: Table, form: str) -> Part:
    with _opened(fs, path) as stream:
        return Part(posixpath.basename(path), path, table, form, *fingerprint(stream))


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
