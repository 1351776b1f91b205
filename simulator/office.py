"""A treasury's routine in a simulated programme: which step on which day, what is done about a refusal, and what goes wrong."""

from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from schemas.errors import SalurError, TryLater
from simulator.bank_desk import Truth
from simulator.cases import Cases
from simulator.chance import Chance
from simulator.claims import Claims
from simulator.desk import CHECKER, MAKER, Desk
from simulator.observed import CutOff, Row
from simulator.platform_feed import Drop, PlatformFeed
from simulator.restoring import Restored, Since

RUN_DAYS: Final = (2, 13)
"""On which days of the month after a period its decisions are made: once, and once more for those who were late."""
_SEND_ATTEMPTS: Final = 3
_WATCHED_DAYS: Final = 5
"""So many days after the last sending answers are fetched daily, after that twice a week."""
_PATIENCE_DAYS: Final = 4
"""A bank is asked in writing about what is unknown for so many days."""
_UNSENT: Final = ("drafted", "released", "unknown")


class Office:
    """What the operators know and do. `cut_offs`, `held`, `is_stopped` and `funded_idr` are what they were told is done."""

    def __init__(
        self, desk: Desk, feed: PlatformFeed, truth: Truth, months: tuple[str, ...], people: tuple[str, ...]
    ) -> None:
        self.desk = desk
        self.feed = feed
        self.cases = Cases(desk, truth)
        self.claims = Claims(desk)
        self.carried: Callable[[str], list[tuple[str, Path]]] = lambda _week: []
        self.since = Since()
        self.months = months
        self.people = people
        self.cut_offs: list[CutOff] = []
        self.instructs: list[tuple[str, datetime]] = []
        self.held: set[str] = set()
        self.is_stopped = False
        self.funded_idr: int | None = None
        self.reconciled: set[str] = set()
        self.periods: set[str] = set()
        self._untaken: list[Drop] = []
        self._redo: set[str] = set()
        self._has_unsent = False
        self._has_sent = False
        self._tries: dict[str, int] = {}
        self._keeps_funds = self._chance.of("funds").random() < 0.7
        self._receipts = 0
        self._last_sent = date.min

    @property
    def _chance(self) -> Chance:
        return self.desk.chance

    @property
    def _today(self) -> date:
        return self.desk.agenda.today

    @property
    def _now(self) -> datetime:
        return self.desk.agenda.now

    def _batches(self) -> list[Row]:
        return self.desk.export("batches")

    # --- what comes in, and who is due --------------------------------------------------------------------------------

    def morning(self) -> None:
        """Take what the platform has left; decide and instruct when it is time."""
        self._untaken += self.feed.drops(self._today)
        left = []
        for drop in self._untaken:
            result = self.desk.give("intake", source=drop.folder)
            if isinstance(result, dict):
                self.feed.taken(drop, self._now)
                self.since.drops.append(drop)
            elif isinstance(result, TryLater):
                left.append(drop)
        self._untaken = left
        self._hold_somebody()
        day = self._today
        last = (day.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
        due = {last} if day.day in RUN_DAYS else set()
        if self._chance.strikes("desk.decides_early", day.isoformat()):
            due.add(day.strftime("%Y-%m"))
        for period in sorted((due | self._redo) & set(self.months)):
            self.decide(period)

    def decide(self, period: str) -> None:
        """Receive money, decide, instruct: for one period."""
        self._redo.discard(period)
        result = self.desk.give("entitle", period=period)
        if not isinstance(result, dict):
            self._redo.add(period)
            return
        self.periods.add(period)
        self._decided(period, result)
        if self._keeps_funds and not self._chance.strikes("desk.money_late", f"{self._today} {period}"):
            self._receive_money(period, result)
        result = self.desk.give("instruct", period=period, maker=MAKER)
        if isinstance(result, dict):
            self.instructs.append((period, self._now))
        elif isinstance(result, SalurError):
            self._redo.add(period)
        self._has_unsent = True

    def _decided(self, period: str, result: dict[str, Any]) -> None:
        self.cut_offs.append(CutOff(period, datetime.fromisoformat(result["cut_off"]), self._now, self.funded_idr))

    def _receive_money(self, period: str, decided: dict[str, Any]) -> None:
        """Money comes in parts, roughly what the period will ask for; then it is decided again with it."""
        rng = self._chance.of("money", period, self._receipts)
        asked = max(decided["due_idr"], 600_000 * len(self.people) // 3)
        amount = asked * rng.randrange(60, 140) // 100 // 50_000 * 50_000
        self._receipts += 1
        receipt = {"amount_idr": amount, "reference": f"SP2D-{period}-{self._receipts}"}
        result = self.desk.give("fund", **receipt)
        if isinstance(result, dict):
            self.funded_idr = result["funded_idr"]
            self.since.acts.append(("fund", receipt))
            again = self.desk.give("entitle", period=period)
            if isinstance(again, dict):
                self._decided(period, again)

    def _hold_somebody(self) -> None:
        where = self._today.isoformat()
        if self._chance.strikes("desk.hold", where) and self.people:
            self._hold(self._chance.of("hold", where), self.people)

    def _hold_somebody_released(self) -> None:
        """A complaint about somebody whose payment is released and not sent yet."""
        where = self._today.isoformat()
        if self._chance.strikes("desk.hold_after_release", where):
            released = {row["participant_id"] for row in self.desk.export("instructions") if row["state"] == "released"}
            if people := sorted(released - self.held):
                self._hold(self._chance.of("hold after release", where), people)

    def _hold(self, rng: Random, people: Sequence[str]) -> None:
        person = people[rng.randrange(len(people))]
        held = {"participant": person, "reason": "diperiksa / under review"}
        if isinstance(self.desk.give("hold", **held), dict):
            self.held.add(person)
            self.since.acts.append(("hold", held))
            self.desk.agenda.after(24 * rng.randrange(1, 30), lambda: self.unhold(person))

    def unhold(self, person: str) -> None:
        """End a hold."""
        ended = {"participant": person, "reason": "selesai / done"}
        if isinstance(self.desk.give("unhold", **ended), dict):
            self.held.discard(person)
            self.since.acts.append(("unhold", ended))

    # --- release and sending --------------------------------------------------------------------------------------------

    def noon(self) -> None:
        """A second person looks at what waits, and agrees, mostly."""
        if not self._has_unsent:
            return
        for row in self._batches():
            if row["state"] == "drafted":
                self._release(row)

    def _release(self, row: Row) -> None:
        where = f"{self._today} {row['channel']} {row['period']}"
        if self._chance.strikes("desk.forgets_release", where):
            return
        if self._chance.strikes("desk.wrong_digest", where):
            self.desk.give("release", CHECKER, batch=row["batch"], digest="0" * 64)
        if self._chance.strikes("desk.maker_releases", where):
            self.desk.give("release", MAKER, batch=row["batch"], digest=row["digest"])
        if self._chance.strikes("desk.reject", where):
            self._reject(row)
        else:
            self.desk.give("release", CHECKER, batch=row["batch"], digest=row["digest"])

    def _reject(self, row: Row) -> None:
        if isinstance(self.desk.give("reject", CHECKER, batch=row["batch"], reason="salah / wrong"), dict):
            self._redo.add(row["period"])

    def afternoon(self) -> None:
        """Send what is released."""
        if not self._has_unsent:
            return
        where = self._today.isoformat()
        if self._chance.strikes("desk.stop", where):
            self.is_stopped = isinstance(self.desk.give("stop", reason="tunggu / wait"), dict) or self.is_stopped
            self.desk.agenda.after(24 * self._chance.of("stop", where).randrange(1, 4), self.resume)
        self._hold_somebody_released()
        self._has_sent, self._last_sent = True, self._today
        if isinstance(self.desk.give("submit"), SalurError):
            self._act_on_refusals()
        self._has_unsent = any(row["state"] in _UNSENT for row in self._batches())

    def resume(self) -> None:
        """End a stop."""
        if isinstance(self.desk.give("resume", reason="lanjut / go on"), dict):
            self.is_stopped = False

    def _act_on_refusals(self) -> None:
        """What could not be sent for days is looked at: consent anew, or withdrawn and made again."""
        for row in self._batches():
            if row["state"] != "released":
                continue
            tries = self._tries[row["batch"]] = self._tries.get(row["batch"], 0) + 1
            if tries == _SEND_ATTEMPTS:
                self.desk.give("release", CHECKER, batch=row["batch"], digest=row["digest"])
            elif tries > _SEND_ATTEMPTS and not self.is_stopped:
                self._reject(row)

    # --- what comes back ----------------------------------------------------------------------------------------------

    def evening(self) -> None:
        """Fetch answers; reconcile what they speak of, and everything once a week; give every new break an owner."""
        is_quiet = self._today - self._last_sent > timedelta(days=_WATCHED_DAYS)
        if not self._has_sent or (is_quiet and self._today.weekday() not in (0, 3)):
            return
        result = self.desk.give("collect")
        done = result.done if isinstance(result, SalurError) else result
        touched = set((done or {}).get("periods", ()))
        self.reconciled -= touched
        if self._today.toordinal() % 14 < 7 and self._today.weekday() == 0:
            touched |= self.periods
        if self._today.weekday() == 0:
            touched |= self._by_hand()
            self._work(_PATIENCE_DAYS)
        for period in sorted(touched | (self.periods - self.reconciled)):
            self.reconcile(period)
        if self._today.weekday() == 0:
            self.desk.give("outcomes")

    def _work(self, patience_days: int) -> None:
        """The weekly round of what no machine may decide."""
        self._has_unsent = self.cases.work(patience_days) or self._has_unsent
        rows = self.feed.told["participants"]
        revoked = frozenset(row["participant_id"] for row in rows if row["status"] == "revoked")
        self.claims.work(revoked, self._today)

    def _by_hand(self) -> set[str]:
        """Take what somebody has brought from the banks by hand, now and then twice; the periods that it speaks of."""
        touched: set[str] = set()
        for bank, path in self.carried(self._today.isoformat()):
            for _ in range(2 if self._chance.strikes("answer.by_hand_twice", f"{self._today} {path.name}") else 1):
                taken = self.desk.give("receive", path=path, bank=bank)
                if isinstance(taken, dict):
                    touched |= set(taken["periods"])
        self.reconciled -= touched
        return touched

    def reconcile(self, period: str) -> None:
        """Reconcile one period."""
        if isinstance(self.desk.give("reconcile", period=period), dict):
            self.reconciled.add(period)

    # --- a ledger that went back ----------------------------------------------------------------------------------------

    def copy_made(self) -> None:
        """A copy of the ledger is made now."""
        self.since = Since(len(self.cut_offs), {name: len(rows) for name, rows in self.feed.told.items()})

    def recover(self, put_back: Callable[[], None]) -> bool:
        """The ledger has gone back to that copy: walk the way forward. False where it is not found, and a later copy is put back.

        What cannot be found is a batch that no order of steps makes again with the same bytes, or a bank that stays out of reach.
        """
        since, runs, instructs = self.since, self.cut_offs, self.instructs
        self.instructs = [each for each in instructs if each[1].date() < self._now.date()]
        told = {name: list(rows) for name, rows in self.feed.told.items()}
        self.cut_offs = runs[: since.runs]
        self.feed.forget(since.rows)
        restored = Restored(self.desk)
        restored.stop()
        for drop in restored.give_again(since):
            self.feed.taken(drop, self._now)
        is_whole = restored.walk()
        if is_whole:
            self.cut_offs += restored.runs
            self._redo |= {run.period for run in runs[since.runs :]}
            self._has_unsent = True
            if not self.is_stopped:
                self.resume()
        else:
            put_back()
            self.cut_offs, self.instructs, self.feed.told = runs, instructs, told
        return is_whole

    # --- the end --------------------------------------------------------------------------------------------------------

    def finish(self, pause: Callable[[], None], judge: Callable[[], None]) -> None:
        """Everything that is left: holds and stops end, what waits is decided, released, sent and fetched, until nothing moves.

        The month that is then is decided as well: what waited for its day is taken up.
        """
        for person in sorted(self.held):
            self.unhold(person)
        if self.is_stopped:
            self.resume()
        for _ in range(2):
            for period in sorted((self._redo & set(self.months)) | {self._today.strftime("%Y-%m")}):
                self.decide(period)
            self.noon()
            self.afternoon()
            judge()  # what was decided, by what was known then
            pause()
            self._has_sent, self._last_sent = True, self._today
            self.evening()
            self._work(0)
            self._redo |= self.periods
            judge()
        for period in sorted(self.periods):
            self.reconcile(period)
        self._work(0)
        self.desk.give("outcomes")


def months_from(first: str, count: int) -> tuple[str, ...]:
    """So many periods from `first` on."""
    year, month = (int(part) for part in first.split("-"))
    return tuple(f"{year + (month - 1 + n) // 12}-{(month - 1 + n) % 12 + 1:02}" for n in range(count))


def days_of(months: tuple[str, ...]) -> int:
    """How many days the periods have together."""
    return sum(monthrange(int(month[:4]), int(month[5:]))[1] for month in months)
