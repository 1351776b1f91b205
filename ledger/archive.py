"""Every byte sent or received, under its SHA-256, encrypted, on a local folder or any fsspec URL.

An object is written once under a temporary name of the writer's own and renamed, so a name that exists is whole, also when
two write the same bytes at once. Reading checks both the AES-GCM tags and the SHA-256; a difference is damaged evidence,
never a value.
"""

import hashlib
import io
import os
import posixpath
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO, TypeVar

import fsspec
import pyarrow as pa
from cryptography.exceptions import InvalidTag

from ledger.keyring import Keyring, sha256_hex
from ledger.stores import reason_of, store_errors
from schemas.errors import EvidenceDamaged, TryLater
from schemas.failpoints import around, parts

CHUNK_BYTES = 4 * 1024 * 1024
_TAG_BYTES = 16
Made = TypeVar("Made")
MARKS = "marks"
"""The folder of empty objects whose names are keys of the archive: see `ledger.marks`."""


class Archive:
    """A store of immutable bytes, addressed by the SHA-256 of their clear content."""

    def __init__(self, url: str, keyring: Keyring) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(url)
        self._keyring = keyring
        self.tables: dict[str, pa.Table] | None = None
        """Tables read from here, kept by their key where somebody reads the same ones a thousand times: a rehearsal of months."""
        self._made: dict[str, tuple[object, Any]] = {}

    def once(self, what: str, of: object, make: Callable[[], Made]) -> Made:
        """What `make` makes of things kept here, which never change, and which `of` names; where tables are kept, the last is too."""
        if self.tables is None:
            return make()
        last = self._made.get(what)
        if last is None or last[0] != of:
            last = self._made[what] = (of, make())
        made: Made = last[1]
        return made

    def _path(self, key: str) -> str:
        return posixpath.join(self._root, key[:2], key)

    def put(self, data: bytes | memoryview) -> str:
        """Keep `data`; returns its key. Keeping the same bytes again changes nothing."""
        view = memoryview(data)
        return self._write(
            sha256_hex(view), (bytes(view[i : i + CHUNK_BYTES]) for i in range(0, len(view), CHUNK_BYTES))
        )

    def put_stream(self, stream: BinaryIO) -> str:
        """Keep all that a seekable stream holds, in bounded memory; returns its key."""
        digest = hashlib.sha256()
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
        stream.seek(0)
        return self._write(digest.hexdigest(), iter(lambda: stream.read(CHUNK_BYTES), b""))

    def _write(self, key: str, chunks: Iterator[bytes]) -> str:
        path = self._path(key)
        partial = f"{path}.{secrets.token_hex(8)}.partial"
        try:
            if self._fs.exists(path):
                return key
            self._fs.makedirs(posixpath.dirname(path), exist_ok=True)
            with around("archive write"):
                self._write_sealed(partial, key, chunks)
            with around("archive naming"):
                self._fs.mv(partial, path)
        except store_errors() as error:
            with suppress(*store_errors()):  # room for the next attempt
                self._fs.rm(partial)
            raise TryLater(
                "The archive cannot be written.", reason_of(error), "Free space or mend the store."
            ) from None
        return key

    def _write_sealed(self, partial: str, key: str, chunks: Iterator[bytes]) -> None:
        with self._fs.open(partial, "wb") as target:
            number, held = 0, next(chunks, b"")
            for following in chunks:
                target.write(self._keyring.seal_chunk(key, number, False, held))
                number, held = number + 1, following
            for part in parts("archive write", self._keyring.seal_chunk(key, number, True, held)):
                target.write(part)
            target.flush()
            with suppress(io.UnsupportedOperation, AttributeError):  # a local file; elsewhere the store answers for it
                os.fsync(target.fileno())

    def get(self, key: str) -> bytes:
        """The bytes kept under `key`, checked."""
        return b"".join(self.chunks(key))

    def chunks(self, key: str) -> Iterator[bytes]:
        """The bytes kept under `key`, chunk by chunk; the last chunk comes only if the whole is as it was stored."""
        digest = hashlib.sha256()
        sealed_bytes = CHUNK_BYTES + _TAG_BYTES
        try:
            with self._fs.open(self._path(key), "rb") as source:
                number, held = 0, source.read(sealed_bytes)
                while True:
                    following = source.read(sealed_bytes)
                    clear = self._keyring.unseal_chunk(key, number, not following, held)
                    digest.update(clear)
                    if not following:
                        break
                    yield clear
                    number, held = number + 1, following
        except (OSError, InvalidTag) as error:
            raise _damaged(
                key, "missing" if isinstance(error, FileNotFoundError) else "changed or unreadable"
            ) from None
        except store_errors() as error:
            raise TryLater("The archive cannot be reached.", reason_of(error), "Mend the store.") from None
        if digest.hexdigest() != key:
            raise _damaged(key, "not the bytes that were stored")
        yield clear

    def mark(self, key: str) -> None:
        """Note that what is kept under `key` is to be found by `marked`, without knowing its key."""
        path = posixpath.join(self._root, MARKS, key)
        try:
            self._fs.makedirs(posixpath.dirname(path), exist_ok=True)
            with around("archive mark"):
                self._fs.pipe_file(path, b"")
        except store_errors() as error:
            raise TryLater(
                "The archive cannot be written.", reason_of(error), "Free space or mend the store."
            ) from None

    def marked(self) -> list[str]:
        """The keys that were marked, sorted."""
        folder = posixpath.join(self._root, MARKS)
        try:
            self._fs.invalidate_cache(folder)
            return sorted(posixpath.basename(path) for path in self._fs.ls(folder, detail=False))
        except FileNotFoundError:
            return []
        except store_errors() as error:
            raise TryLater("The archive cannot be reached.", reason_of(error), "Mend the store.") from None

    def has(self, key: str) -> bool:
        """Whether something is kept under `key`."""
        return bool(self._fs.exists(self._path(key)))


def _damaged(key: str, why: str) -> EvidenceDamaged:
    return EvidenceDamaged(
        f"The archived object {key} is damaged.", f"It is {why}.", "Restore the archive from its copy."
    )
