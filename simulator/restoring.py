"""Yesterday's copy of the ledger is put back while banks have today's files; and the way forward that treasury walks then."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from schemas.errors import PersonNeeded, SalurError, TryLater
from simulator.desk import CHECKER, Desk
from simulator.observed import CutOff
from simulator.platform_feed import Drop

_MAKE_AGAIN: Final = re.compile(r"entitle --period (\S+) --as-of (\S+); .* --execution-date (\S+) --as (\w+);")
_RELEASE: Final = re.compile(r"salur release (\S+) --as NAME --digest (\w+)")
_ROUNDS_MAX: Final = 24
_TRIES_MAX: Final = 4


@dataclass
class Since:
    """What was known when the copy was made, and what was given since that leaves no trace outside the ledger.

    `runs`: how many decisions had been made; `rows`: how many rows of each table had been taken; `drops` and `acts` are given
    again, in their order.
    """

    runs: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    drops: list[Drop] = field(default_factory=list)
    acts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


class Restored:
    """Somebody whose ledger has gone back to an earlier day, until it knows again what left."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.runs: list[CutOff] = []

    def stop(self) -> None:
        """The sending is given, which shows that the ledger is behind what is noted outside it; then everything is stopped."""
        self._desk.give("submit")
        self._desk.give("stop", reason="buku besar dipulihkan / ledger restored")

    def walk(self) -> bool:
        """Recover, and do what it asks for until it asks for nothing more; False where a bank is out of reach or it stays refused."""
        done, tries = set[str](), 0
        for _ in range(_ROUNDS_MAX):
            found = self._desk.give("recover")
            if isinstance(found, dict):
                return True
            if isinstance(found, TryLater) and tries < _TRIES_MAX:
                tries += 1
                continue
            if not isinstance(found, PersonNeeded) or found.do in done:
                return False
            done.add(found.do)
            self._do(found)
        return False

    def _do(self, asked: SalurError) -> None:
        """The commands that are printed, as they are printed."""
        if again := _MAKE_AGAIN.search(asked.do):
            period, as_of, execution_date, maker = again.groups()
            decided = self._desk.give("entitle", period=period, as_of=as_of)
            if isinstance(decided, dict):
                run = CutOff(period, datetime.fromisoformat(decided["cut_off"]), self._desk.agenda.now)
                self.runs.append(run)
            self._desk.give("instruct", period=period, maker=maker, execution_date=execution_date)
        elif agree := _RELEASE.search(asked.do):
            self._desk.give("release", CHECKER, batch=agree[1], digest=agree[2])

    def give_again(self, since: Since) -> list[Drop]:
        """The drops of that day are taken again, and receipts, holds and their ends are given again; the drops that were taken."""
        taken = [drop for drop in since.drops if isinstance(self._desk.give("intake", source=drop.folder), dict)]
        for step, arguments in since.acts:
            self._desk.give(step, **arguments)
        return taken
