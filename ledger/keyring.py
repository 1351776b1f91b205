"""The home's keys: matching by keyed digest, sealing by AES-GCM. The only module that holds secret key material.

One master key of 32 bytes (a file of mode 600, or `SALUR_KEY` in the environment) gives every other key by HKDF, so
that the key for matching says nothing of the key for sealing. A plain hash of a NIK is no protection: the space of
NIKs can be hashed through in seconds, hence HMAC (UU 27/2022; domain notes on personal data).
"""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.errors import EvidenceDamaged, InputRejected
from schemas.failpoints import around

KEY_BYTES = 32
MAC_HEX_DIGITS = 32
_NONCE_BYTES = 12


def new_key_file(path: Path) -> None:
    """Write a fresh master key to `path`, readable by its owner alone; an existing file is never touched."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coming = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(coming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with around("key write"), os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii") + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with around("key naming"):
            os.link(coming, path)  # whole, and never over one that is there
    finally:
        with around("key removal"):
            coming.unlink(missing_ok=True)


def load_keyring(path: Path) -> "Keyring":
    """The keyring of a home: from `SALUR_KEY` if set, else from the key file, which must be its owner's alone."""
    text = os.environ.get("SALUR_KEY", "")
    if not text:
        try:
            mode = path.stat().st_mode & 0o777
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise InputRejected(
                f"The key file {path} cannot be read.", str(error.__class__.__name__), "Restore it, or set SALUR_KEY."
            ) from None
        if mode & 0o077:
            raise InputRejected(
                f"The key file {path} can be read by others (mode {mode:o}).",
                "Whoever reads it can open all personal data.",
                f"Run: chmod 600 {path}",
            )
    try:
        master = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        master = b""
    if len(master) != KEY_BYTES:
        raise InputRejected("The master key is not 32 bytes in base64.", "", "Restore the key that made this home.")
    return Keyring(master)


class Keyring:
    """Keys derived from one master key."""

    def __init__(self, master: bytes) -> None:
        self._mac_key = self._derive(master, b"salur match v1")
        self._person_key = self._derive(master, b"salur person v1")
        self._archive_key = self._derive(master, b"salur archive v1")

    @staticmethod
    def _derive(master: bytes, info: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(master)

    def mac(self, kind: str, text: str) -> str:
        """Keyed digest of one value, 128 bits in hex; equal values of one kind have equal digests."""
        return hmac.digest(self._mac_key, f"{kind}\0{text}".encode(), "sha256").hex()[:MAC_HEX_DIGITS]

    def mac_array(self, kind: str, texts: pa.Array | pa.ChunkedArray) -> pa.Array:
        """`mac` over a column; nulls stay null."""
        prefix = f"{kind}\0".encode()
        key = self._mac_key
        return pa.array(
            [
                None if text is None else hmac.digest(key, prefix + text.encode(), "sha256").hex()[:MAC_HEX_DIGITS]
                for text in texts.to_pylist()
            ],
            pa.string(),
        )

    def _subject_key(self, subject: str) -> bytes:
        return hmac.digest(self._person_key, subject.encode(), "sha256")

    def seal(self, subject: str, clear: bytes) -> bytes:
        """AES-256-GCM under a key derived for `subject`. The nonce is derived from the content: same in, same out."""
        key = self._subject_key(subject)
        nonce = hmac.digest(key, clear, "sha256")[:_NONCE_BYTES]
        return nonce + AESGCM(key).encrypt(nonce, clear, subject.encode())

    def unseal(self, subject: str, sealed: bytes) -> bytes:
        """The clear bytes; a blob that was changed or sealed for another subject raises `EvidenceDamaged`."""
        try:
            return AESGCM(self._subject_key(subject)).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], subject.encode()
            )
        except (InvalidTag, ValueError):
            raise EvidenceDamaged(
                "Sealed personal data cannot be opened.",
                "It was changed, or the key is not this home's.",
                "Restore both.",
            ) from None

    def seal_chunk(self, name: str, number: int, is_last: bool, clear: bytes) -> bytes:
        """One chunk of an archived object; its place and whether it is the last are bound to it."""
        place = f"{name}:{number}:{int(is_last)}".encode()
        nonce = hmac.digest(self._archive_key, place, "sha256")[:_NONCE_BYTES]
        return AESGCM(self._archive_key).encrypt(nonce, clear, place)

    def unseal_chunk(self, name: str, number: int, is_last: bool, sealed: bytes) -> bytes:
        """The clear chunk; raises `InvalidTag` when the bytes or their place are not what was stored."""
        place = f"{name}:{number}:{int(is_last)}".encode()
        nonce = hmac.digest(self._archive_key, place, "sha256")[:_NONCE_BYTES]
        return AESGCM(self._archive_key).decrypt(nonce, sealed, place)


def sha256_hex(data: bytes | memoryview) -> str:
    """SHA-256 of bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()
