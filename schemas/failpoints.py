"""Named points around everything that a process cannot take back, at which a test may end it; nothing happens at them otherwise.

A commit, a file's name, bytes handed to a bank: each stands inside `around`, and a test finds one that does not. `tests/crash`
kills a process at every one of them, and a simulated programme (`treasury/worlds.py`) at some. What is called there is set by nobody else, and in
their own process: no setting and no variable of the environment reaches it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

reached: Callable[[str], None] | None = None
"""What a test or a simulated programme wants to know of each point, by its name; None in every other process."""


@contextmanager
def around(act: str) -> Iterator[None]:
    """The points `before ACT` and, once it is done without an error, `after ACT`."""
    reach(f"before {act}")
    yield
    reach(f"after {act}")


def reach(point: str) -> None:
    """Come to a point."""
    if reached is not None:
        reached(point)


def parts(act: str, data: bytes) -> Iterator[bytes]:
    """The bytes as they are to be written: all at once, or where a test looks on in two parts with the point `amid ACT` in between."""
    if reached is None:
        yield data
        return
    middle = len(data) // 2
    yield data[:middle]
    reached(f"amid {act}")
    yield data[middle:]
