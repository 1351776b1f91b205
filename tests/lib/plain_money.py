"""The money as one would recount it by hand: every fact in a list, every figure by walking through all of it. Slow and obvious."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ENDED = ("rejected", "returned", "withdrawn", "never_arrived")
UNSENT = ("drafted", "released", "withdrawn")
GAVE_BACK = ("rejected", "never_arrived")


@dataclass
class Payment:
    """One instruction; `own` are its own states, each with the moment at which it was recorded."""

    reference: str
    who: str
    benefit: str
    sequence: int
    attempt: int
    amount_idr: int
    file: str
    channel: str
    period: str
    sk_number: str | None
    sk_line: str | None
    fiscal_year: int | None
    made_at: int
    own: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class PlainMoney:
    """Everything that was recorded, in order."""

    payments: list[Payment] = field(default_factory=list)
    files: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    receipts: list[tuple[int, int, int]] = field(default_factory=list)
    """When, whole rupiah, budget year."""
    stated: list[tuple[int, str, int, int]] = field(default_factory=list)
    """When, number of the decision, people, whole rupiah."""
    lines: list[tuple[int, str, str, dict[str, int]]] = field(default_factory=list)
    """When, number of the decision, who, amount by benefit: one line a person."""
    years: list[tuple[int, str, int]] = field(default_factory=list)
    """When, number of the decision, year of acceptance."""

    def state(self, payment: Payment, until: int) -> str:
        """Where a payment stood: its own last state, else its file's, else drafted."""
        for states in (payment.own, self.files[payment.file]):
            known = [state for at, state in states if at <= until]
            if known:
                return known[-1]
        return "drafted"

    def known(self, until: int) -> list[tuple[Payment, str]]:
        """Every payment made by a moment, with its state at it."""
        return [(each, self.state(each, until)) for each in self.payments if each.made_at <= until]

    def owed_again(self, until: int) -> list[Payment]:
        """Every payment that came back and whose money no later attempt has: none was sent, or what was sent gave it back."""
        known = self.known(until)

        def sent_again(one: Payment) -> bool:
            same = (one.who, one.benefit, one.sequence)
            return any(
                (each.who, each.benefit, each.sequence) == same
                and each.attempt > one.attempt
                and state not in (*UNSENT, *GAVE_BACK)
                for each, state in known
            )

        return [each for each, state in known if state == "returned" and not sent_again(each)]

    def allocated(self, until: int) -> dict[str, tuple[int, int]]:
        """People and rupiah of each decision: the largest that a manifest states, else what its lines add up to."""
        numbers = {sk for at, sk, *_ in [*self.stated, *self.lines] if at <= until}
        found = {}
        for number in numbers:
            said = [(people, idr) for at, sk, people, idr in self.stated if at <= until and sk == number]
            lines = [amounts for at, sk, _, amounts in self.lines if at <= until and sk == number]
            people = max((each[0] for each in said), default=0) or len(lines)
            most = max((each[1] for each in said), default=0)
            found[number] = (people, most or sum(sum(amounts.values()) for amounts in lines))
        return found

    def year_of(self, number: str, until: int) -> int | None:
        """The one year in which a decision's people were accepted."""
        years = {year for at, sk, year in self.years if at <= until and sk == number}
        return years.pop() if len(years) == 1 else None

    def over_allocated(self, until: int) -> tuple[int, int]:
        """People and rupiah beyond a line's benefit; beyond an equal whole share of the manifest, where somebody has no line."""
        lines = {(sk, who): amounts for at, sk, who, amounts in self.lines if at <= until}
        asked: dict[tuple[Any, ...], int] = {}
        for each, state in self.known(until):
            if state not in ENDED and each.sk_number is not None:
                has_line = (each.sk_number, each.who) in lines
                key = (each.sk_number, each.who, each.benefit if has_line else None)
                asked[key] = asked.get(key, 0) + each.amount_idr
        people, beyond = set(), 0
        for (number, who, benefit), idr in asked.items():
            if benefit is not None:
                allowed: int | None = lines[number, who][benefit]
            else:
                said = [(count, amount) for at, sk, count, amount in self.stated if at <= until and sk == number]
                count, amount = (max((each[n] for each in said), default=0) for n in (0, 1))
                allowed = amount // count if count and amount and amount % count == 0 else None
            if allowed is not None and idr > allowed:
                people.add(who)
                beyond += idr - allowed
        return len(people), beyond
