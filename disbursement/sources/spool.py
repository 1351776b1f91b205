"""What a server gives, put down until the drop has been taken: rows as the JSON Lines of a table, files as they are.

A drop is named by its content and held against its manifest before any row is taken, and a server may not answer the same
twice: so it is put down first. It lies in a file without a name, under a key that only this process knows: when it
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

from disbursement.sources.drop import Drop, checked
from disbursement.sources.readers import Part
from schemas.errors import TryLater
from schemas.tables import Table

_CHUNK_BYTES = 1024 * 1024
_TAG_BYTES = 16


class Spool:
    """The bytes of one part of a drop, written once and then read as often as needed."""

    def __init__(self, table: Table, name: str = "", form: str = "jsonl") -> None:
        self.table = table
        self.name = name or f"{table.short_name}.{form}"
        self.row_count = 0
        self._form = form
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it lives as long as the drop; see `spooled`
        self._seal = AESGCM(AESGCM.generate_key(256))
        self._digest = hashlib.sha256()
        self._held = bytearray()
        self._chunk_count = 0
        self.byte_count = 0

    def write_rows(self, rows: Iterable[bytes]) -> None:
        """Add rows, each the JSON of one line."""
        for row in rows:
            self.write(row + b"\n")
            self.row_count += 1

    def write(self, data: bytes) -> None:
        """Add bytes."""
        self._held += data
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
        """The part of a drop that it is; nothing can be added afterwards."""
        if self._held:
            self._put(bytes(self._held))
            self._held.clear()
        return Part(self.name, self.name, self.table, self._form, self._digest.hexdigest(), self.byte_count)

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


class Spools(dict[str, Spool]):
    """The spools of a drop, by the names of its parts."""

    def add(self, table: Table, name: str = "", form: str = "jsonl") -> Spool:
        """A new one, to be filled."""
        spool = Spool(table, name, form)
        self[spool.name] = spool
        return spool

    def drop(self, called: str, **more: Any) -> Drop:
        """The drop that they hold, checked; `more` as `checked` takes it. Raises `InputRejected` when it cannot be one."""
        parts = tuple(spool.finished() for spool in self.values())
        return checked(called, parts, lambda part: self[part.name].reading(), **more)

    def close(self) -> None:
        """Give the disk back."""
        for spool in self.values():
            spool.close()


@contextmanager
def spooled() -> Iterator[Spools]:
    """Spools to be filled; they end with the block, whatever ends it."""
    spools = Spools()
    try:
        yield spools
    finally:
        spools.close()
