"""One process at a time where the record alone cannot tell two apart: an act at a bank that is under way.

Beside SQLite the lock is the operating system's, on a file of the home: it ends with the process that holds it, however
that ends. Homes of two machines do not see each other's locks, nor each other's ledger. On PostgreSQL the lock is the
database's, for as long as the session that took it, so that it holds across all machines that share the ledger. Should that
session break, the lock is gone while its holder may still be at work: no file is sent twice even then, for its intent is
stored before it is sent, and who comes next finds it unknown.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.store import Store
from schemas.errors import TryLater


@contextmanager
def alone(ledger: Store, home: Path, name: str) -> Iterator[None]:
    """Hold the lock `name` of a ledger and its home; `TryLater` at once when another process holds it."""
    with ledger.lock(name) or _file_lock(home, name) as is_ours:
        if not is_ours:
            raise TryLater(
                f"Another process is at work ({name}).", "Two at once could cross.", "Try again when it is done."
            )
        yield


@contextmanager
def _file_lock(home: Path, name: str) -> Iterator[bool]:
    folder = home / "locks"
    try:
        folder.mkdir(exist_ok=True)
        handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise TryLater(f"No lock can be had in {folder}.", error.strerror or "", "Mend the folder.") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
