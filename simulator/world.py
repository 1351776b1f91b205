"""A whole programme in one process: people, platform, treasury, banks, network, disk and clock, driven from one seed.

The steps and the record are real: they are handed in. The same plan gives the same world, byte for byte.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from schemas.errors import InputRejected
from simulator.agenda import Agenda, Trace, clock_time
from simulator.bank import Booked
from simulator.bank_desk import BankDesk, Truth, describe
from simulator.chance import Chance, Fault
from simulator.descriptions import Reason, bank_descriptions
from simulator.desk import Desk, Pipeline, Points
from simulator.lives import Country, Life, trainings
from simulator.network import Server
from simulator.observed import Day, Exported, Violation
from simulator.office import Office, days_of, months_from
from simulator.platform_feed import PlatformFeed

_TAIL_DAYS: Final = 45
"""How long a world goes on after its last period, for returns and late answers."""
_YESTERDAY, _TODAY = "yesterday.db", "today.db"
_LASTING: Final = ("AC01", "AC04", "AC06", "BE01", "BE06", "NOCM")
"""Reasons after which a person links another account."""

Judge = Callable[[Day], list[Violation]]
"""Says what is broken on a day."""


@dataclass(frozen=True)
class Plan:
    """What a world is made of. `people` are their numbers; `faults`, when given, are the only troubles that strike."""

    seed: int
    months: int
    people: tuple[int, ...]
    profile: str = "usual"
    faults: tuple[Fault, ...] | None = None

    def to_json(self) -> str:
        """As text, to be kept and played again."""
        faults = None if self.faults is None else [[fault.kind, fault.where] for fault in self.faults]
        plan = {"version": 1, "seed": self.seed, "months": self.months, "people": self.people, "profile": self.profile}
        return json.dumps({**plan, "faults": faults}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """The plan that `to_json` wrote. Errors: InputRejected."""
        try:
            plan = json.loads(text)
            faults = plan["faults"]
            return cls(
                seed=int(plan["seed"]),
                months=int(plan["months"]),
                people=tuple(int(number) for number in plan["people"]),
                profile=str(plan["profile"]),
                faults=None if faults is None else tuple(Fault(str(kind), str(where)) for kind, where in faults),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputRejected("This is no plan of a world.", f"Missing or wrong: {error}.", "Give another.") from None


@dataclass(frozen=True)
class Played:
    """A world that was played: what struck, what broke, and two digests by which two runs are held against each other."""

    plan: Plan
    violations: tuple[Violation, ...]
    faults: tuple[Fault, ...]
    fault_counts: Mapping[str, int]
    acts: int
    credits: int
    chain_head: str
    trace_digest: str
    last_day: date
    reissued: int = 0
    """How many instructions are a second or later attempt."""
    exempt: Mapping[str, int] = field(default_factory=dict)
    """By claim: how much did not agree and is explained by an open break."""


class Settle(Protocol):
    """Makes a home and hands over its steps: where, from which day on, and by which line each bank is reached."""

    def __call__(self, home: Path, start: date, lines: Mapping[str, "BankLine"], seed: int) -> Pipeline: ...


@dataclass(frozen=True)
class BankLine:
    """How a bank of this world is reached: what opens a session, and whether it takes files away on arrival."""

    connect: Callable[[Any], Any]
    takes_away: bool
    takes_inquiries: bool
    debtor_account: str
    upload_folder: str
    download_folder: str


class World:
    """One programme, from its first day to its last."""

    def __init__(
        self, plan: Plan, folder: Path, settle: Settle, judge: Judge, tell: Callable[[str], None] | None = None
    ) -> None:
        self.plan = plan
        self.chance = Chance(plan.seed, plan.profile, plan.faults)
        rng = self.chance.of("programme")
        first = rng.choice(("2020-05", "2020-06", "2020-07", "2020-08", "2020-10", "2020-11", "2020-12", "2021-01"))
        self.months = months_from(first, plan.months)
        start = date.fromisoformat(f"{first}-01")
        self.days = days_of(self.months) + _TAIL_DAYS
        self.agenda = Agenda(clock_time(start, 0))
        self.trace = Trace(self.agenda, tell)
        self.truth = Truth()
        self.points = Points()
        channels = sorted(rng.sample(sorted(bank_descriptions()), rng.randrange(2, 5)))
        self.fates: dict[str, tuple[Reason, date | None]] = {}
        self.lives: dict[int, Life] = {}
        country = Country(self.chance, start, self.days, channels)
        for number in plan.people:
            life = self.lives[number] = country.life(number)
            self.fates.update({account[-8:]: fate for account, fate in life.fates.items()})
        self.country = country
        self.desks = [self._bank(code) for code in channels]
        for desk in self.desks:
            desk.neighbours = [other for other in self.desks if other is not desk]
        lines = {desk.code: self._line(desk) for desk in self.desks}
        self.pipeline = settle(folder / "home", start, lines, plan.seed)
        rows = [*trainings(start), *(known for life in self.lives.values() for known in life.rows)]
        self.feed = PlatformFeed(folder / "drops", self.agenda, self.chance, rows)
        self.desk = Desk(self.agenda, self.chance, self.trace, self.pipeline, self.points)
        people = tuple(life.participant_id for life in self.lives.values())
        self.office = Office(self.desk, self.feed, self.truth, self.months, people)
        self.office.carried = lambda week: self._carried(folder / "by-hand", week)
        self._judge = judge
        self._judged = ("", 0)
        self._start = start
        self._is_restored = False

    def _bank(self, code: str) -> BankDesk:
        description = bank_descriptions()[code]
        server = Server(code, description.upload_folder, self.agenda, self.chance)
        desk = BankDesk(description, self.agenda, self.chance, server, self.truth, self.fates)
        desk.heard = lambda movement: self._heard(desk, movement)
        return desk

    @staticmethod
    def _line(desk: BankDesk) -> BankLine:
        about = desk.description
        return BankLine(
            desk.server.connect,
            desk.takes_away,
            desk.takes_inquiries,
            about.debtor_account,
            about.upload_folder,
            about.download_folder,
        )

    def _heard(self, desk: BankDesk, movement: Booked) -> None:
        """A transfer that failed for a lasting reason, or came back: the person links another account, if they are of that kind."""
        describe(self.trace, movement, desk.code)
        if movement.kind not in ("reversal", "return") or not movement.account:
            return
        life = self.lives.get(int(movement.account[-8:-2]))
        if life is None or life.relinks is None or life.versions != int(movement.account[-2:]):
            return
        fate = self.fates.get(movement.account[-8:])
        if movement.kind == "return":
            self.fates[movement.account[-8:]] = (Reason("AC04", "account closed"), None)
        elif fate is None or fate[0].code not in _LASTING:
            return
        rng = self.chance.of("relink", life.participant_id, life.versions)
        before = len(life.rows)
        self.country.link(life, self.agenda.now + timedelta(days=life.relinks), rng, is_next=True)
        self.feed.add(life.rows[before:])

    # --- a day ----------------------------------------------------------------------------------------------------------

    def play(self, until: date | None = None) -> Played:
        """Play to the end, to the first violation, or to the end of a day."""
        for number in range(self.days):
            day = self._start + timedelta(days=number)
            self._play_day(day)
            if self.desk.violations or day == until:
                return self.played()
        self.chance.calm()
        for desk in self.desks:
            desk.last_words()
        self.office.finish(self._pause, self.judge)
        self.judge(is_final=True)
        if not self.desk.violations:
            self.desk.violations += [
                Violation("checks agree", name, "the exact checks and the library find different things")
                for name in self.pipeline.checks_differing()
            ]
        return self.played()

    def _carried(self, folder: Path, week: str) -> list[tuple[str, Path]]:
        """What is brought by hand this week, as files: the bank and the file."""
        folder.mkdir(exist_ok=True)
        brought = []
        for desk in self.desks:
            for name, data in desk.carried(week):
                (folder / name).write_bytes(data)
                brought.append((desk.code, folder / name))
        return brought

    def _pause(self) -> None:
        """Some days on which nobody does anything but the banks."""
        for _ in range(5):
            self.agenda.run(self.agenda.now + timedelta(days=1))
            for desk in self.desks:
                desk.evening()

    def _play_day(self, day: date) -> None:
        office = self.office
        routine = ((9, office.morning), (11, office.noon), (13, office.afternoon), (17, office.evening))
        where = day.isoformat()
        is_copied = self.chance.threatens("desk.ledger_restored", where)
        if is_copied:
            self.pipeline.back_up(_YESTERDAY)
            office.copy_made()
        for hour, act in routine:
            if hour == 17 and is_copied and self._has_sent_on(day):
                self.agenda.run(clock_time(day, 15))
                self.chance.note("desk.ledger_restored", where)
                self._restore()
            self.agenda.run(clock_time(day, hour))
            act()
        self.agenda.run(clock_time(day, 20))
        for desk in self.desks:
            desk.evening()
        self.agenda.run(clock_time(day, 23, 59))
        self.judge()

    def _has_sent_on(self, day: date) -> bool:
        return any(one["kind"] == "arrival" and one["at"] >= clock_time(day, 0) for one in self.truth.movements)

    def _restore(self) -> None:
        """Yesterday's copy of the ledger is put back, while everything outside it stays as it is today."""
        self.pipeline.back_up(_TODAY)
        self.pipeline.put_back(_YESTERDAY)
        self._is_restored = True
        self.trace.add("disk", "the ledger is yesterday's again")
        is_whole = self.office.recover(lambda: self.pipeline.put_back(_TODAY))
        self.trace.add("disk", "nothing is forgotten" if is_whole else "the ledger is today's again")

    def judge(self, *, is_final: bool = False) -> None:
        """Hand the day to the judge, if anything has happened since it was last asked."""
        so_far = (self.pipeline.head(), len(self.truth.movements))
        if so_far == self._judged and not is_final:
            return
        self._judged = so_far
        self.desk.violations += self._judge(self.observe(is_final=is_final))

    def observe(self, *, is_final: bool = False) -> Day:
        """What is seen at this moment."""
        office = self.office
        names = Exported.__dataclass_fields__
        return Day(
            date=self.agenda.today,
            at=self.agenda.now,
            months=self.months,
            cut_offs_run=list(office.cut_offs),
            instructs_run=list(office.instructs),
            source_tables={name: list(rows) for name, rows in self.feed.told.items()},
            bank_credits=list(self.truth.movements),
            record=Exported(**{name: self.desk.export(name) for name in names}),
            paid_by_bank_fault=frozenset(self.truth.by_bank_fault),
            forged=frozenset(self.truth.forged),
            funded_idr=office.funded_idr,
            held_people=frozenset(office.held),
            stopped=office.is_stopped,
            is_restored=self._is_restored,
            is_final_day=is_final,
        )

    def played(self) -> Played:
        """What came of it so far."""
        struck = tuple(self.chance.struck)
        return Played(
            plan=self.plan,
            violations=tuple(self.desk.violations),
            faults=struck,
            fault_counts=self.chance.counts(),
            acts=self.desk.acts,
            credits=sum(movement["kind"] == "credit" for movement in self.truth.movements),
            chain_head=self.pipeline.head(),
            trace_digest=self.trace.hexdigest(),
            last_day=self.agenda.today,
            reissued=sum(row["attempt"] > 1 for row in self.desk.export("instructions")),
        )
