"""The judge of a simulated programme: what the banks really did, what the sources said and what the record shows, day by day.

Written apart: it imports nothing of ours but the plain data that a day is shown as. It knows the published contracts (source
drop, rules, exports, how events are hashed), and remembers what it was shown before.
"""

from collections import Counter

from simulator.observed import Day, Violation
from simulator.oracle import acts, back, decisions, money, record
from simulator.oracle.memory import Memory, Seen, remember

CHECKS = (
    record.judge_chain,
    decisions.judge_decisions,
    money.judge_movements,
    money.judge_asked,
    money.judge_history,
    money.judge_states,
    money.judge_ends,
    acts.judge_acts,
    money.judge_sums,
    record.judge_journal,
    record.judge_proofs,
    record.judge_files,
    back.judge_claims,
    back.judge_accounts_back,
    back.judge_deposited,
    back.judge_sent,
    back.judge_told,
)


class Oracle:
    """Called with each day in its order; says what is broken on it, each violation once."""

    def __init__(self) -> None:
        self._memory = Memory()

    @property
    def exempt(self) -> dict[str, int]:
        """By claim: how much did not agree so far and is explained by an open break."""
        return dict(sorted(Counter(claim for claim, _ in self._memory.exempt).items()))

    def __call__(self, day: Day) -> list[Violation]:
        """The violations that this day shows for the first time."""
        memory = self._memory
        seen = Seen(day, memory)
        found = [violation for check in CHECKS for violation in check(day, seen, memory)]
        remember(day, seen, memory)
        fresh = [violation for violation in dict.fromkeys(found) if violation not in memory.told]
        memory.told.update(fresh)
        return fresh
