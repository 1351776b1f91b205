"""What the judge is shown on a day, put in order, and what it remembers of the days before."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from simulator.observed import CutOff, Day, Row, Violation

WITHOUT_PAYMENT: Final = frozenset({"rejected", "returned", "withdrawn", "never_arrived"})
SETTLED: Final = frozenset({"credited", "debited"})
"""Where the record may stand for good once the recipient has the money: some banks never say more than that it was debited."""
Entitlement = tuple[str, str, int]


def entitlement_of(row: Row) -> Entitlement:
    """Whose, of which benefit, the how-manieth."""
    return row["participant_id"], row["benefit"], row["sequence"]


def named(entitlement: Entitlement) -> str:
    """An entitlement as a violation names it."""
    return f"{entitlement[0]} {entitlement[1]} {entitlement[2]}"


@dataclass(slots=True)
class Transfer:
    """What one payment's money really did: how often it was credited, sent back, or refused; and when it first came back."""

    credits: int = 0
    returns: int = 0
    refusals: int = 0
    net_idr: int = 0
    back_at: datetime | None = None

    @property
    def stands(self) -> bool:
        """Whether the recipient has it."""
        return self.credits > self.returns


@dataclass
class Brakes:
    """What the chain has said so far of consents (by batch: digest, person, when), holds, stops and what was withdrawn.

    `proposed`: by ended attempt, or file, who proposed a reissue; `agreed`: in which event another approved it; `made`: by batch the
    event that made it.
    """

    consents: dict[str, list[tuple[str, str, datetime]]] = field(default_factory=lambda: defaultdict(list))
    held: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)
    is_stopped: bool = False
    proposed: dict[str, str] = field(default_factory=dict)
    agreed: dict[str, int] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)


@dataclass
class Memory:
    """What the judge has seen on the days before this one."""

    movements: int = 0
    transfers: dict[str, Transfer] = field(default_factory=lambda: defaultdict(Transfer))
    arrivals: Counter[tuple[str, str]] = field(default_factory=Counter)
    inquiries: set[str] = field(default_factory=set)
    arrived_at: dict[str, datetime] = field(default_factory=dict)
    """By file: when its bank first had it."""
    bank_idr: Counter[str] = field(default_factory=Counter)
    """By bank: what it took from our account for payments, less what it gave back."""
    instructions: dict[str, Row] = field(default_factory=dict)
    """By end-to-end id, as last shown."""
    credited_at: dict[str, datetime] = field(default_factory=dict)
    """When the record was first seen to show tranche 1 of a person as credited."""
    runs: int = 0
    events: int = 0
    chain_head: str = "0" * 64
    disputed: set[str] = field(default_factory=set)
    """Payments and files of which an open break says that they may have been paid, and nobody has agreed otherwise."""
    coming: dict[tuple[str, str], tuple[datetime, int]] = field(default_factory=dict)
    """By kind and subject of an act that comes by itself: since when it is shown, and after how many attempts."""
    brakes: Brakes = field(default_factory=Brakes)
    held: frozenset[str] = frozenset()
    is_stopped: bool = False
    """As the operators were told on the day before."""
    exempt: set[tuple[str, str]] = field(default_factory=set)
    """What does not agree and is explained by an open break: claim and subject."""
    told: set[Violation] = field(default_factory=set)


class Seen:
    """A day's record by its keys."""

    def __init__(self, day: Day, memory: Memory) -> None:
        record = day.record
        self.instructions = {row["end_to_end_id"]: row for row in record.instructions}
        self.files = {row["file_name"]: row for row in record.files}
        self.attempts: dict[Entitlement, list[Row]] = defaultdict(list)
        for row in sorted(record.instructions, key=lambda row: row["attempt"]):
            self.attempts[entitlement_of(row)].append(row)
        self.new = {name: row for name, row in self.instructions.items() if name not in memory.instructions}
        self.open_breaks = [row for row in record.breaks if row["state"] == "open"]
        self.under_break = {row["end_to_end_id"] or row["file_name"] for row in self.open_breaks} - {None}
        self.waiting = {str(row["subject"]) for row in record.next_acts}
        self._left_out: dict[str, list[Row]] = defaultdict(list)
        for row in record.next_acts:
            self._left_out[row["subject"]].append(row)
        self.runs: list[CutOff] = day.cut_offs_run[memory.runs :]

    def is_named(self, row: Row) -> bool:
        """Whether an instruction is named by an open break or by an act to come: it, its file or its batch."""
        names = {row["end_to_end_id"], row["file_name"]}
        return bool(names & self.under_break or (names | {row["batch"]}) & self.waiting)

    def is_left_out(self, entitlement: Entitlement, period: str) -> bool:
        """Whether an act names an entitlement that was due in this period and could not be instructed then."""
        return any(act.get("period", period) == period for act in self._left_out[named(entitlement)])


def explained_idr(breaks: Iterable[Row], amounts: Mapping[str, int]) -> int:
    """How much the open breaks of a bank can explain of a difference: those that are about money, none of them about a payment
    of ours (`amounts`), which is looked at by itself.
    """
    mine = [row for row in breaks if row["kind"] in _ABOUT_MONEY and row["end_to_end_id"] not in amounts]
    return sum(abs(row["amount_idr"] or 0) for row in mine)


_ABOUT_MONEY: Final = frozenset(
    "amount_differs duplicate ambiguous unknown_to_us credited_not_debited accepted_not_debited reversed_not_debited"
    " rejected_not_reversed paid_twice contradiction".split()
)
_DISPUTING: Final = frozenset(
    "contradiction duplicate ambiguous rejected_not_reversed amount_differs paid_twice report_conflict claimed_and_returned".split()
)


def remember(day: Day, seen: Seen, memory: Memory) -> None:
    """Keep what the next day is held against."""
    memory.instructions = seen.instructions
    memory.runs = len(day.cut_offs_run)
    memory.held, memory.is_stopped = day.held_people, day.stopped
    credited = {
        row["participant_id"]
        for row in day.record.instructions
        if (row["benefit"], row["sequence"], row["state"]) == ("incentive", 1, "credited")
    }
    memory.credited_at = {who: memory.credited_at.get(who, day.at) for who in credited}
    agreed = {row["break_id"] for row in day.record.exceptions if row["case_state"] == "approved"}
    disputing = [row for row in seen.open_breaks if row["kind"] in _DISPUTING and row["break_id"] not in agreed]
    attempts = {row["end_to_end_id"]: len(seen.attempts[entitlement_of(row)]) for row in day.record.instructions}
    shown = {(row["kind"], row["subject"]): attempts.get(row["subject"], 0) for row in day.record.next_acts}
    since = {key: memory.coming.get(key, (day.at, count)) for key, count in shown.items()}
    memory.coming = {key: at if at[1] == shown[key] else (day.at, shown[key]) for key, at in since.items()}
    memory.disputed = {row["end_to_end_id"] or row["file_name"] for row in disputing} - {None}
