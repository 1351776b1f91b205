"""What goes wrong in a simulated programme: drawn from one seed, noted as it strikes, and struck again from those notes.

Each draw has a generator of its own, named by the seed and the place (an actor, a day, a number within it). So leaving one
trouble or one person out changes nothing that the others draw: that is what lets a failing world be made smaller.
"""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import WrongUsage

RATES: Final[dict[str, int]] = {
    # kind: how often of 10,000 occasions, in a usual world. What an occasion is stands beside each group.
    # A session with a bank's server, or the call in it that the trouble is about.
    "net.refused": 100,
    "net.timeout": 60,
    "net.key_refused": 20,
    "net.host_key": 20,
    "net.lost_reading": 100,
    "net.cut_writing": 400,
    "net.disk_full": 150,
    "net.changed_on_the_way": 100,
    "net.rename_refused": 200,
    "net.rename_done_refused": 250,
    "net.rename_lost": 250,
    "net.acknowledgement_lost": 400,
    "net.rename_lie": 200,
    "net.remove_lost": 2_000,
    "net.listing_hides": 200,
    "net.listing_doubles": 200,
    # A payment file that a bank takes.
    "bank.slow": 800,
    "bank.very_slow": 200,
    "bank.silent": 200,
    "bank.group_reject": 150,
    "bank.wrong_totals": 150,
    "bank.stranger": 200,
    "bank.exceptions_only": 200,
    "bank.contradiction": 150,
    "bank.amount_differs": 100,
    "bank.debited_twice": 60,
    "bank.executed_late": 100,
    "bank.late_statement": 200,
    "bank.paid_after_rejection": 100,
    "bank.report_id_reused": 60,
    "bank.returned_less": 60,
    "bank.returned_stranger": 100,
    "bank.returned_twice": 60,
    "bank.returned_unpaid": 60,
    "bank.statement_corrected": 100,
    "bank.statement_gap": 100,
    "bank.many_refused": 300,
    "bank.flood_of_returns": 300,
    # An answer that a bank sends.
    "answer.late": 700,
    "answer.very_late": 200,
    "answer.twice": 400,
    "answer.again_much_later": 200,
    "answer.truncated": 300,
    "answer.missing": 150,
    "answer.in_pieces": 300,
    "answer.forged": 200,
    "answer.to_the_wrong_bank": 100,
    # An answer that never left a bank, each week; and a week at a bank whose answers lie there too.
    "answer.by_hand": 2_500,
    "answer.by_hand_too": 300,
    "answer.by_hand_twice": 500,
    # A transfer that a bank has credited.
    "transfer.returned": 100,
    # A drop of the platform.
    "drop.late": 800,
    "drop.twice": 800,
    "drop.wrong_manifest": 400,
    "drop.backwards": 600,
    # A step that somebody gives.
    "step.crash": 300,
    "step.twice": 500,
    "step.race": 200,
    "step.clock_ahead": 80,
    "step.clock_behind": 80,
    # A day of the operators.
    "desk.wrong_digest": 300,
    "desk.maker_releases": 300,
    "desk.stop": 150,
    "desk.hold": 300,
    "desk.hold_after_release": 1_500,
    "desk.reject": 250,
    "desk.forgets_release": 400,
    "desk.decides_early": 200,
    "desk.money_late": 1_000,
    "desk.ledger_restored": 300,
    # A file of which it is unknown what became, each week.
    "desk.asks_back": 1_000,
}
PROFILES: Final = {"none": 0, "usual": 1, "hostile": 4}
"""By what the rates are multiplied."""
_OCCASIONS: Final = 10_000


@dataclass(frozen=True, order=True)
class Fault:
    """One trouble: what, and where it strikes."""

    kind: str
    where: str


class Chance:
    """Draws for one world. `faults`, when given, are the only troubles that strike, wherever they were noted."""

    def __init__(self, seed: int, profile: str, faults: Iterable[Fault] | None = None) -> None:
        if profile not in PROFILES:
            raise WrongUsage(f"{profile!r} is no profile of faults.", f"Profiles: {', '.join(PROFILES)}.", "Give one.")
        self.seed = seed
        self._times = PROFILES[profile]
        self._given = None if faults is None else frozenset(faults)
        self.struck: dict[Fault, None] = {}
        self._is_calm = False

    def of(self, *place: Any) -> random.Random:
        """A generator of this place's own."""
        return random.Random(f"{self.seed}|{'|'.join(map(str, place))}")

    def threatens(self, kind: str, where: str) -> bool:
        """Whether this trouble is due here; it counts only once it is noted."""
        if self._is_calm:
            return False
        if self._given is not None:
            return Fault(kind, where) in self._given
        rate = RATES[kind] * self._times
        return rate > 0 and self.of(kind, where).randrange(_OCCASIONS) < rate

    def calm(self) -> None:
        """From now on nothing strikes."""
        self._is_calm = True

    def note(self, kind: str, where: str) -> None:
        """That it struck."""
        self.struck[Fault(kind, where)] = None

    def strikes(self, kind: str, where: str) -> bool:
        """Whether this trouble strikes here, which is noted."""
        if not self.threatens(kind, where):
            return False
        self.note(kind, where)
        return True

    def counts(self) -> dict[str, int]:
        """How often each kind has struck."""
        return dict(sorted(Counter(fault.kind for fault in self.struck).items()))
