"""Simulated time: what is to happen when, one thing after the other, and what happened."""

import heapq
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from simulator.descriptions import JAKARTA


class Agenda:
    """The clock of a world and all that waits for its time. Two things of one instant happen in the order of their entry."""

    def __init__(self, start: datetime) -> None:
        self.now = start
        self._waiting: list[tuple[datetime, int, Callable[[], None]]] = []
        self._entered = 0

    def at(self, when: datetime, act: Callable[[], None]) -> None:
        """Enter something; what is past happens next."""
        heapq.heappush(self._waiting, (max(when, self.now), self._entered, act))
        self._entered += 1

    def after(self, hours: float, act: Callable[[], None]) -> None:
        """Enter something so many hours from now."""
        self.at(self.now + timedelta(hours=hours), act)

    def run(self, until: datetime) -> None:
        """Let everything happen that has its time until then."""
        while self._waiting and self._waiting[0][0] <= until:
            self.now, _, act = heapq.heappop(self._waiting)
            act()
        self.now = until

    @property
    def today(self) -> date:
        """Jakarta's day."""
        return self.now.astimezone(JAKARTA).date()


def clock_time(day: date, hour: int, minute: int = 0) -> datetime:
    """An hour of Jakarta's day, in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=JAKARTA).astimezone(UTC)


class Trace:
    """What happened, in order, as one digest and (when asked for) in words. No personal data."""

    def __init__(self, agenda: Agenda, tell: Callable[[str], None] | None = None) -> None:
        self._agenda = agenda
        self._tell = tell
        self._digest = sha256()

    def add(self, who: str, what: str) -> None:
        """Add a line."""
        line = f"{self._agenda.now:%Y-%m-%dT%H:%M:%SZ} {who}: {what}"
        self._digest.update(line.encode() + b"\n")
        if self._tell is not None:
            self._tell(line)

    def hexdigest(self) -> str:
        """SHA-256 of all lines so far."""
        return self._digest.hexdigest()
