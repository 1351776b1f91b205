"""One process at a time where the record alone cannot tell two apart: an act at a bank that is under way.

The lock is the ledger's, whatever home it is asked for from: beside SQLite's file the operating system's, on PostgreSQL the database's, so that
it holds for every process and machine that shares the ledger. It ends with the process, or the session, that holds it. Who
comes second waits a while, then looks at what is left to do, and mostly finds nothing.

A session of PostgreSQL can break while its holder is at work; then another may take the lock. The holder can ask whether the
lock is still its own, and asks before a file gets its final name. Where both have passed that question, the bank's server decides: a
final name is never overwritten. A bank that takes files away at once could then be given the same bytes twice under one
name within the time of one rename; its own check of message identifiers stands behind ours.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ledger.store import Store
from schemas.errors import TryLater

WAIT_SECONDS = 60.0
"""How long the second waits for the first, as writers of the ledger wait for each other."""
_AGAIN_SECONDS = 0.2


class LockLost(TryLater):
    """The lock was another's to take while its holder was at work."""


@contextmanager
def alone(ledger: Store, name: str, wait_seconds: float = WAIT_SECONDS) -> Iterator[Callable[[], None]]:
    """Hold the lock `name` of a ledger; `TryLater` when another process still holds it after a wait.

    Yields what raises `LockLost` once the lock is no longer ours.
    """
    end = time.monotonic() + wait_seconds
    while True:
        with ledger.lock(name) as is_ours:
            if is_ours is not None:
                yield lambda: _insist(name, is_ours)
                return
        if time.monotonic() >= end:
            raise TryLater(
                f"Another process is at work ({name}).", "Two at once could cross.", "Try again when it is done."
            )
        time.sleep(_AGAIN_SECONDS)


def _insist(name: str, is_ours: Callable[[], bool]) -> None:
    if not is_ours():
        raise LockLost(
            f"The lock {name} was lost while it was held.",
            "The database ended the session that held it, and another process may be at work by now.",
            "Give the command again: it looks at what was done first.",
        )


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Write into a folder alone among processes of one machine; who comes second waits. A file system without locks gives none."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
