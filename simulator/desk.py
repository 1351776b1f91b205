"""The people of the treasury in a simulated programme: every step that they give, and the mistakes that people make.

The steps are the pipeline's own, handed in by name. What a step refuses is an answer that a person acts on; anything else
that it raises is a bug, and ends up among the violations.
"""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from schemas.errors import SalurError
from simulator.agenda import Agenda, Trace
from simulator.chance import Chance
from simulator.observed import Row, Violation

MAKER, CHECKER, NIGHT = "siti", "budi", "wati"
_POINTS_MAX: Final = 40
"""A crash strikes at one of a step's first so many points."""


class Killed(BaseException):
    """The process that was at work is gone, at some point of its work. Nothing in the pipeline may catch it."""


class Pipeline(Protocol):
    """The steps of a real home, in this process.

    `steps` by the name of their command; each takes the instant and the person, then its own arguments by name. `export` is a
    table as anybody may export it. `head` is the hash at the end of the chain. After a step was killed, `restart` is called,
    as a new process would begin. `back_up` keeps a copy of the ledger by a name, `put_back` puts it in the ledger's place.
    `checks_differing` names the suites of which the two engines of data checks say different things, on the last tables.
    """

    steps: Mapping[str, Callable[..., dict[str, Any]]]

    def export(self, table: str, at: datetime) -> list[Row]: ...
    def head(self) -> str: ...
    def restart(self) -> None: ...
    def back_up(self, name: str) -> None: ...
    def put_back(self, name: str) -> None: ...
    def checks_differing(self) -> list[str]: ...


@dataclass
class Points:
    """The points of a step's work (before and after each write), where it may be killed, or another may come in between."""

    seen: int = 0
    doom: int | None = None
    guest: tuple[int, Callable[[], None]] | None = None
    where: str = ""

    def pass_by(self, name: str) -> None:
        """A point is reached (`schemas.failpoints`): nothing happens, mostly."""
        self.seen += 1
        if self.guest is not None and name == "after commit" and self.seen >= self.guest[0]:
            (_, act), self.guest = self.guest, None
            act()
        if self.doom is not None and self.seen >= self.doom:
            self.doom = None
            raise Killed(name)


@dataclass
class Desk:
    """Gives steps, one at a time, and says how each ended."""

    agenda: Agenda
    chance: Chance
    trace: Trace
    pipeline: Pipeline
    points: Points
    violations: list[Violation] = field(default_factory=list)
    acts: int = 0
    _given: dict[str, int] = field(default_factory=dict)

    def give(self, step: str, person: str = MAKER, **arguments: Any) -> dict[str, Any] | SalurError | None:
        """Give a step: its result, what it refused, or None after a bug. With the mistakes and accidents of this occasion."""
        day = self.agenda.today.isoformat()
        number = self._given[day] = self._given.get(day, 0) + 1
        where = f"{day} {number} {step}"
        at = self.agenda.now
        if self.chance.strikes("step.clock_ahead", where):
            at += timedelta(hours=self.chance.of("ahead", where).randrange(3, 90))
        elif self.chance.strikes("step.clock_behind", where):
            at -= timedelta(hours=self.chance.of("behind", where).randrange(3, 60))
        result = self._accidents(step, person, at, where, arguments)
        if self.chance.strikes("step.twice", where):
            self._once(step, NIGHT if person == MAKER else person, at, arguments)
        return result

    def _accidents(
        self, step: str, person: str, at: datetime, where: str, arguments: dict[str, Any]
    ) -> dict[str, Any] | SalurError | None:
        self.points.seen, self.points.doom, self.points.guest = 0, None, None
        if self.chance.threatens("step.crash", where):
            self.points.doom = 1 + self.chance.of("crash", where).randrange(_POINTS_MAX)
        if self.chance.threatens("step.race", where):

            def come_in() -> None:
                self.chance.note("step.race", where)
                self._once(step, NIGHT, at, arguments)

            self.points.guest = (1 + self.chance.of("race", where).randrange(6), come_in)
        try:
            return self._once(step, person, at, arguments)
        except Killed as killed:
            self.chance.note("step.crash", where)
            self.trace.add(person, f"{step} killed at {killed}")
            self.pipeline.restart()
            return self._once(step, person, at, arguments)
        finally:
            self.points.doom, self.points.guest = None, None

    def _once(
        self, step: str, person: str, at: datetime, arguments: dict[str, Any]
    ) -> dict[str, Any] | SalurError | None:
        self.acts += 1
        words = " ".join(f"{name}={_said(value)}" for name, value in arguments.items())
        try:
            result = self.pipeline.steps[step](at, person, **arguments)
        except SalurError as error:
            self.trace.add(person, f"{step} {words}: {type(error).__name__} {error.what}")
            return error
        except Exception as error:  # noqa: BLE001 - whatever a step raises is what the world is looking for
            self.trace.add(person, f"{step} {words}: {self._bug(step, error)}")
            return None
        self.trace.add(person, f"{step} {words}: done")
        return result

    def _bug(self, what: str, error: Exception) -> str:
        place = traceback.extract_tb(error.__traceback__)[-1]
        found = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        self.violations.append(Violation("a step ends well or says why not", what, found))
        return found

    def export(self, table: str) -> list[Row]:
        """The rows of a table, as exported now."""
        try:
            return self.pipeline.export(table, self.agenda.now)
        except Exception as error:  # noqa: BLE001 - whatever an export raises is what the world is looking for
            self._bug(f"export {table}", error)
            return []


def _said(value: object) -> str:
    return value.name if isinstance(value, Path) else value.isoformat() if isinstance(value, date) else str(value)[:16]
