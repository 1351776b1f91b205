"""Rows from a source without files, put down as the JSON Lines of a table until the drop has been taken.

A drop is named by its content and held against its manifest before any row is taken, and a server may not answer the same
twice: so its rows are put down first. They lie in a file without a name, under a key that only this process knows: when it
ends, in whatever way, nothing that can be read is left. `$TMPDIR` says on which disk.
"""

import hashlib
import io
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from disbursement.sources import readers
from disbursement.sources.drop import Drop, hold_against_manifest, promises
from disbursement.sources.readers import Part
from schemas.errors import TryLater
from schemas.tables import Table

_CHUNK_BYTES = 1024 * 1024
_TAG_BYTES = 16


class Spool:
    """The rows of one table, written once and then read as often as needed."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.row_count = 0
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it lives as long as the drop; see `spooled`
        self._seal = AESGCM(AESGCM.generate_key(256))
        self._digest = hashlib.sha256()
        self._held = bytearray()
        self._chunk_count = 0
        self.byte_count = 0

    def write(self, rows: Iterable[bytes]) -> None:
        """Add rows, each the JSON of one line."""
        for row in rows:
            self._held += row + b"\n"
            self.row_count += 1
            if len(self._held) >= _CHUNK_BYTES:
                self._put_whole_chunks()

    def _put_whole_chunks(self) -> None:
        whole = len(self._held) - len(self._held) % _CHUNK_BYTES
        for first in range(0, whole, _CHUNK_BYTES):
            self._put(bytes(self._held[first : first + _CHUNK_BYTES]))
        del self._held[:whole]

    def _put(self, chunk: bytes) -> None:
        sealed = self._seal.encrypt(_nonce(self._chunk_count), chunk, None)
        try:
            while sealed:
                sealed = sealed[self._file.write(sealed) :]
        except OSError as error:
            raise TryLater(
                "What the source gives cannot be put down.",
                error.strerror or type(error).__name__,
                "Nothing was taken. Make room where TMPDIR points, then give the command again.",
            ) from None
        self._digest.update(chunk)
        self.byte_count += len(chunk)
        self._chunk_count += 1

    def finished(self) -> Part:
        """The part of a drop that these rows are; nothing can be added afterwards."""
        if self._held:
            self._put(bytes(self._held))
            self._held.clear()
        name = f"{self.table.short_name}.jsonl"
        return Part(name, name, self.table, "jsonl", self._digest.hexdigest(), self.byte_count)

    @contextmanager
    def reading(self) -> Iterator[BinaryIO]:
        """All bytes from the first on, as a stream in which one may go back."""
        with io.BufferedReader(_Reader(self), _CHUNK_BYTES) as stream:
            yield stream

    def chunk(self, number: int) -> bytes:
        """The clear bytes of a chunk; none behind the last."""
        if number >= self._chunk_count:
            return b""
        sealed = os.pread(self._file.fileno(), _CHUNK_BYTES + _TAG_BYTES, number * (_CHUNK_BYTES + _TAG_BYTES))
        return self._seal.decrypt(_nonce(number), sealed, None)

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


class _Reader(io.RawIOBase):
    """The clear bytes of a spool."""

    def __init__(self, spool: Spool) -> None:
        super().__init__()
        self._spool = spool
        self._place = 0
        self._number, self._chunk = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._spool.byte_count}[whence]
        self._place = base + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        number, first = divmod(self._place, _CHUNK_BYTES)
        if number != self._number:
            self._number, self._chunk = number, self._spool.chunk(number)
        given = self._chunk[first : first + len(buffer)]
        buffer[: len(given)] = given
        self._place += len(given)
        return len(given)


@contextmanager
def spooled() -> Iterator[dict[str, Spool]]:
    """Spools by the name of their table, to be filled; they end with the block, whatever ends it."""
    spools: dict[str, Spool] = {}
    try:
        yield spools
    finally:
        for spool in spools.values():
            spool.close()


def drop_of(
    spools: dict[str, Spool], *, called: str, watched: str, partial: frozenset[str], manifest: bytes = b""
) -> Drop:
    """The drop that spools hold, held against its manifest when there is one; columns are those of `Drop`.

    Raises `InputRejected` when it contradicts the manifest.
    """
    files, decisions = promises(manifest)
    drop = Drop(
        called=called,
        parts=tuple(spool.finished() for spool in spools.values()),
        open=lambda part: spools[part.table.short_name].reading(),
        manifest_bytes=manifest,
        decisions=decisions,
        watched=watched,
        partial=partial,
    )
    for part in drop.parts:
        with drop.open(part) as stream:
            readers.check_header(part, stream)
    hold_against_manifest(drop, files)
    return drop
