"""The source drop as files: Parquet, CSV or JSON Lines, whole or in parts, in a folder or under any fsspec URL.

Contract, section 1. A drop is refused whole, before any row is taken, when it contradicts its manifest or holds a file
that cannot be that of its table. How one file is read stands in `readers`.
"""

import hashlib
import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import fsspec

from disbursement.sources import readers
from disbursement.sources.readers import Part, Rows
from schemas.errors import InputRejected, TryLater
from schemas.tables import SOURCES

MANIFEST = "manifest.json"
_MANIFEST_BYTES_MAX = 64 * 1024 * 1024
_NAMES = "|".join(table.short_name for table in SOURCES.values())
_PART = re.compile(rf"(?P<table>{_NAMES})(-[^/]*)?\.(?P<format>parquet|csv|jsonl)")


@dataclass(frozen=True)
class Drop:
    """A source drop: its parts, named by content, and what its manifest says.

    `passed_over` names what lies beside them and is no table of a drop.
    """

    url: str
    parts: tuple[Part, ...]
    manifest_bytes: bytes
    decisions: Mapping[str, Mapping[str, int]]
    passed_over: tuple[str, ...]
    fs: Any = field(repr=False)

    @property
    def drop_id(self) -> str:
        """Names the drop by the names and bytes of its files."""
        lines = [f"{part.name} {part.sha256}\n" for part in self.parts]
        if self.manifest_bytes:
            lines.append(f"{MANIFEST} {hashlib.sha256(self.manifest_bytes).hexdigest()}\n")
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @contextmanager
    def open(self, part: Part) -> Iterator[BinaryIO]:
        """The bytes of a part. Raises `TryLater` when the source goes away while they are read."""
        with _opened(self.fs, part.path) as stream:
            yield stream


def open_drop(url: str) -> Drop:
    """List a drop, fingerprint its files, look at their headers and hold them against `manifest.json` when there is one.

    Raises `TryLater` when the source is out of reach and `InputRejected` when it is no drop, or one that contradicts itself.
    """
    fs, root, names = _listing(url)
    found = [(name, match) for name in names if (match := _PART.fullmatch(name))]
    parts = tuple(
        Part(
            name,
            posixpath.join(root, name),
            SOURCES[f"{match['table']}.v1"],
            match["format"],
            *_fingerprint(fs, posixpath.join(root, name)),
        )
        for name, match in found
    )
    if not parts:
        raise InputRejected(
            f"There is no source drop in {url}.",
            "None of participants, accounts, trainings, completions, blocklist or surveys is there as .parquet, .csv or"
            " .jsonl.",
            "Give the folder or URL that holds the files.",
        )
    manifest_bytes = _manifest_bytes(fs, root) if MANIFEST in names else b""
    files, decisions = _manifest(manifest_bytes)
    passed_over = tuple(sorted(set(names) - {part.name for part in parts} - {MANIFEST}))
    drop = Drop(url, parts, manifest_bytes, decisions, passed_over, fs)
    _hold_against_manifest(drop, files)
    for part in parts:
        with drop.open(part) as stream:
            readers.check_header(part, stream)
    return drop


def _listing(url: str) -> tuple[Any, str, list[str]]:
    """The file system, the folder and the sorted names in it."""
    try:
        fs, root = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise InputRejected(f"{url!r} is no address of a source.", type(error).__name__, "Check it.") from None
    try:
        paths = fs.ls(root, detail=False) if url and fs.isdir(root) else []
    except OSError as error:
        raise TryLater(
            f"The source {url} cannot be reached.", _why(error), "Check the address and its rights."
        ) from None
    return fs, root, sorted(posixpath.basename(path.rstrip("/")) for path in paths)


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__


@contextmanager
def _opened(fs: Any, path: str) -> Iterator[Any]:
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


def _fingerprint(fs: Any, path: str) -> tuple[str, int]:
    """SHA-256 and size of a file."""
    with _opened(fs, path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), stream.tell()


def read_part(drop: Drop, part: Part, seen: Callable[[int], None] = lambda _: None) -> Iterator[Rows]:
    """The rows of one part in bounded batches, in the file's order; ends with `TryLater` if it changed meanwhile.

    `seen` is told before each batch where in the file's bytes the reading is.
    """
    with drop.open(part) as stream:
        for rows in readers.read(part, stream):
            seen(stream.tell())
            yield rows
    if _fingerprint(drop.fs, part.path) != (part.sha256, part.byte_count):
        raise changed(part)


def changed(part: Part) -> TryLater:
    """The error for a part that was written to while it was read."""
    return TryLater(f"{part.name} changed while it was read.", "Nothing was taken.", "Try again when it is complete.")


# --- manifest ---------------------------------------------------------------------------------------------------------


def _manifest_bytes(fs: Any, root: str) -> bytes:
    with _opened(fs, posixpath.join(root, MANIFEST)) as stream:
        data: bytes = stream.read(_MANIFEST_BYTES_MAX + 1)
    if len(data) > _MANIFEST_BYTES_MAX:
        raise _no_manifest("It is larger than any manifest.")
    return data


def _no_manifest(why: str) -> InputRejected:
    return InputRejected(f"{MANIFEST} cannot be read.", why, "Nothing was taken. Ask the platform to send it anew.")


def _manifest(data: bytes) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """What a manifest promises of files and of decisions; nothing when there is none."""
    if not data:
        return {}, {}
    try:
        manifest = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        manifest = None
    if not isinstance(manifest, dict):
        raise _no_manifest("It is no JSON object.")
    files, decisions = manifest.get("files", {}), manifest.get("decisions", {})
    if not isinstance(files, dict) or not isinstance(decisions, dict):
        raise _no_manifest("Its files and decisions are no objects.")
    for number, promise in decisions.items():
        if not isinstance(promise, dict) or not all(_is_count(promise.get(k, 0)) for k in ("people", "amount_idr")):
            raise _no_manifest(f"Its decision {number[:80]!r} has no whole people and amount_idr.")
    return files, decisions


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _hold_against_manifest(drop: Drop, promised: dict[str, Any]) -> None:
    """Names, digests and row counts as the manifest promises them; the first contradiction refuses the drop.

    A promise is about a file, or about a table by its name: then about all parts of that table together.
    """
    named: set[str] = set()
    for name, promise in sorted(promised.items()):
        parts = [part for part in drop.parts if name in (part.name, part.table.short_name)]
        named.update(part.name for part in parts)
        if parts:
            _hold_against_promise(drop, name, parts, promise)
        elif name not in drop.passed_over:
            raise contradicts(name, "it is not in the drop")
    if promised:
        for name in sorted({part.name for part in drop.parts} - named):
            raise contradicts(name, "the manifest does not name it")


def _hold_against_promise(drop: Drop, name: str, parts: list[Part], promise: Any) -> None:
    if not isinstance(promise, dict):
        raise contradicts(name, "its promise is no object of rows and sha256")
    if "sha256" in promise:
        if len(parts) > 1:
            raise contradicts(name, f"one SHA-256 is given for {len(parts)} files")
        if str(promise["sha256"]).lower() != parts[0].sha256:
            raise contradicts(name, "its SHA-256 differs")
    if "rows" in promise:
        rows = sum(_count(drop, part) for part in parts)
        if not _is_count(promise["rows"]) or promise["rows"] != rows:
            has = "the file has" if len(parts) == 1 else f"its {len(parts)} files have"
            raise contradicts(name, f"the manifest says {str(promise['rows'])[:20]} rows, {has} {rows}")


def _count(drop: Drop, part: Part) -> int:
    with drop.open(part) as stream:
        return readers.count(part, stream)


def contradicts(name: str, why: str) -> InputRejected:
    """The error for a drop that is not what its manifest says, at a file or a decision."""
    return InputRejected(
        f"The drop contradicts its manifest at {name[:255]}: {why}.",
        "Nothing was taken.",
        "Ask the platform to send it anew.",
    )
