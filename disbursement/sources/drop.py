"""A source drop, wherever it comes from: its parts, named by content, and what its manifest promises of them.

Contract, section 1. A drop is refused whole, before any row is taken, when it contradicts its manifest or holds a part
that cannot be that of its table. How one part is read stands in `readers`.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from disbursement.sources import readers
from disbursement.sources.readers import Part, Rows
from schemas.errors import InputRejected, TryLater
from schemas.money import IDR_MAX
from schemas.tables import SOURCES

MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 64 * 1024 * 1024
TABLES_LISTED = ", ".join(table.short_name for table in SOURCES.values())
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Drop:
    """A source drop. `called` is what errors and the record call its source, `open` gives the bytes of a part.

    `passed_over` names what lies beside the parts and is no table of a drop. `watched` is the identity under which the
    ledger keeps how far the source was taken (empty for files), `partial` names the tables that were only asked for
    what is new.
    """

    called: str
    parts: tuple[Part, ...]
    open: Callable[[Part], AbstractContextManager[BinaryIO]] = field(repr=False)
    manifest_bytes: bytes = b""
    decisions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    watched: str = ""
    partial: frozenset[str] = frozenset()

    @property
    def drop_id(self) -> str:
        """Names the drop by the names and bytes of its parts."""
        lines = [f"{part.name} {part.sha256}\n" for part in self.parts]
        if self.manifest_bytes:
            lines.append(f"{MANIFEST} {hashlib.sha256(self.manifest_bytes).hexdigest()}\n")
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def checked(
    called: str,
    parts: tuple[Part, ...],
    opener: Callable[[Part], AbstractContextManager[BinaryIO]],
    *,
    manifest: bytes = b"",
    passed_over: tuple[str, ...] = (),
    watched: str = "",
    partial: frozenset[str] = frozenset(),
) -> Drop:
    """The drop of these parts, each held against its manifest, when there is one, and against the columns of its table.

    Raises `InputRejected` when it contradicts itself or a part cannot be that of its table.
    """
    files, decisions = _promises(manifest)
    drop = Drop(called, parts, opener, manifest, decisions, passed_over, watched, partial)
    _hold_against_manifest(drop, files)
    for part in parts:
        with drop.open(part) as stream:
            readers.check_header(part, stream)
    return drop


def fingerprint(stream: BinaryIO) -> tuple[str, int]:
    """SHA-256 and size of all that a stream holds."""
    digest = hashlib.sha256()
    while data := stream.read(_CHUNK_BYTES):
        digest.update(data)
    return digest.hexdigest(), stream.tell()


def read_part(drop: Drop, part: Part, seen: Callable[[int], None] = lambda _: None) -> Iterator[Rows]:
    """The rows of one part in bounded batches, in its order; ends with `TryLater` if it changed meanwhile.

    `seen` is told before each batch where in the part's bytes the reading is.
    """
    with drop.open(part) as stream:
        for rows in readers.read(part, stream):
            seen(stream.tell())
            yield rows
    with drop.open(part) as stream:
        if fingerprint(stream) != (part.sha256, part.byte_count):
            raise changed(part)


def changed(part: Part) -> TryLater:
    """The error for a part that was written to while it was read."""
    return TryLater(f"{part.name} changed while it was read.", "Nothing was taken.", "Try again when it is complete.")


# --- manifest ---------------------------------------------------------------------------------------------------------


def _no_manifest(why: str) -> InputRejected:
    return InputRejected(f"{MANIFEST} cannot be read.", why, "Nothing was taken. Ask the platform to send it anew.")


def _promises(data: bytes) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """What a manifest promises of files and of decisions; nothing when there is none."""
    if not data:
        return {}, {}
    if len(data) > MANIFEST_BYTES_MAX:
        raise _no_manifest("It is larger than any manifest.")
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
        if not isinstance(promise, dict) or not all(
            _is_count(promise.get(k, 0)) and promise.get(k, 0) <= IDR_MAX for k in ("people", "amount_idr")
        ):
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
    if parts[0].table.short_name in drop.partial:  # it speaks of all rows, and not all were asked for
        return
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
