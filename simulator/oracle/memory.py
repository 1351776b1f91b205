"""What the judge is shown on a day, put in order, and what it remembers of the days before."""

from collections import Counter, defaultdict
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
    """What one payment's money really did: how often it was credited, sent back, or refused."""

    credits: int = 0
    returns: int = 0
    refusals: int = 0

    @property
    def stands(self) -> bool:
        """Whether the recipient has it."""
        return self.credits > self.returns


@dataclass
class Brakes:
    """What the chain has said so far of consents (by batch: digest, person, when), holds, stops and what was withdrawn."""

    consents: dict[str, list[tuple[str, str, datetime]]] = field(default_factory=lambda: defaultdict(list))
    held: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)
    is_stopped: bool = False


@dataclass
class Memory:
    """What the judge has seen on the days before this one."""

    movements: int = 0
    transfers: dict[str, Transfer] = field(default_factory=lambda: defaultdict(Transfer))
    arrivals: Counter[tuple[str, str]] = field(default_factory=Counter)
    inquiries: set[str] = field(default_factory=set)
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
    has_acts: bool = False
    """Whether the record has ever named an act to come; one that never does is not asked who goes on with what."""
    brakes: Brakes = field(default_factory=Brakes)
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
        self.under_break = {row[name] for row in self.open_breaks for name in ("end_to_end_id", "file_name")} - {None}
        self.waiting = {str(row["subject"]) for row in record.next_acts}
        memory.has_acts = memory.has_acts or bool(record.next_acts)
        self.runs: list[CutOff] = day.cut_offs_run[memory.runs :]

    def is_named(self, row: Row) -> bool:
        """Whether an instruction is named by an open break or by an act to come: it, its file or its batch."""
        names = {row["end_to_end_id"], row["file_name"]}
        owned = names | {row["batch"], named(entitlement_of(row)), row["participant_id"]}
        return bool(names & self.under_break or owned & self.waiting)


_DISPUTING: Final = frozenset({"contradiction", "duplicate", "ambiguous", "rejected_not_reversed", "amount_differs"})


def remember(day: Day, seen: Seen, memory: Memory) -> None:
    """Keep what the next day is held against."""
    memory.instructions = seen.instructions
    memory.runs = len(day.cut_offs_run)
    credited = {
        row["participant_id"]
        for row in day.record.instructions
        if (row["benefit"], row["sequence"], row["state"]) == ("incentive", 1, "credited")
    }
    memory.credited_at = {who: memory.credited_at.get(who, day.at) for who in credited}
    agreed = {row["break_id"] for row in day.record.exceptions if row["case_state"] == "approved"}
    disputing = [row for row in seen.open_breaks if row["kind"] in _DISPUTING and row["break_id"] not in agreed]
    memory.disputed = {row["end_to_end_id"] or row["file_name"] for row in disputing} - {None}
