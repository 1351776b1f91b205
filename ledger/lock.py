"""One process at a time where the record alone cannot tell two apart: an act at a bank that is under way.

The lock is the operating system's, on a file of the home: it ends with the process that holds it, however that ends.
Homes of two machines do not see each other's locks.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import TryLater


@contextmanager
def alone(home: Path, name: str) -> Iterator[None]:
    """Hold the lock `name` of a home; `TryLater` at once when another process holds it."""
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
            raise TryLater(
                f"Another process is at work ({name}).", "Two at once could cross.", "Try again when it is done."
            ) from None
        yield
    finally:
        os.close(handle)
