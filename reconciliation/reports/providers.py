"""Money by training provider, platform and training: whose participants were paid, and that the parts are the whole.

A person's tranches and surveys all count for the training that qualified them for tranche 1. Payments of which it is not
known stand on a line of their own, so that each list sums to the period.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.figures import NOTHING, OUTCOMES, PROCESS, WAITING, Sum, sums_by, total
from reconciliation.reports.words import Text

SHOWN_MAX = 15
"""Lines of a list in the HTML report; the others are summed there, and whole in the workbook and the Parquet tables."""
COLUMNS = ("due", "instructed", "paid", "failed", "open", "withdrawn")
"""The figures of a line. `instructed` is the four behind it together."""
UNKNOWN = Text("tidak diketahui", "not known")
_PAID, _FAILED, _OPEN = ("credited", "debited"), ("rejected", "returned", "never_arrived"), (*PROCESS, *WAITING)
assert {*_PAID, *_FAILED, *_OPEN} == {*OUTCOMES, *WAITING}


@dataclass(frozen=True)
class Share:
    """One provider, platform or training: what was due, what was instructed, and where it stands (`COLUMNS`)."""

    label: Text
    due: Sum
    instructed: Sum
    paid: Sum
    failed: Sum
    open: Sum
    withdrawn: Sum
    states: Mapping[str, Sum]
    key: str | None = None
    """Of a training its id; titles may repeat."""
    is_rest: bool = False
    """Whether this is several lines, summed."""

    @property
    def is_unknown(self) -> bool:
        """Whether this is the line of what is not known, and no provider who calls itself so."""
        return self.label == UNKNOWN


@dataclass(frozen=True)
class Shares:
    """One list: its title and every line, most instructed first, the unknown last."""

    key: str
    title: Text
    lines: Sequence[Share]

    @property
    def shown(self) -> Sequence[Share]:
        """The first lines, the others as one, and the unknown."""
        known = [line for line in self.lines if not line.is_unknown]
        if len(known) <= SHOWN_MAX + 1:
            return self.lines
        unknown = self.lines[len(known) :]
        return [*known[:SHOWN_MAX], _summed(known[SHOWN_MAX:]), *unknown]

    @property
    def most(self) -> int:
        """The most instructions on one line, by which bars are scaled."""
        return max((line.instructed.people for line in self.lines), default=0)


@dataclass(frozen=True)
class Part:
    """An equation: the lines of a list together, against the period's own figure."""

    lines: Sum
    whole: Sum

    @property
    def holds(self) -> bool:
        """Whether both are equal, in count and rupiah."""
        return self.lines == self.whole


def shares(facts: CycleFacts) -> list[Shares]:
    """The period by provider, by platform and by training; none where nothing is due or instructed."""
    named = {row["training_id"]: row for row in facts.trainings.to_pylist()}
    providers = {each: row["provider"] for each, row in named.items()}
    titles = {each: Text(row["title"], row["title"]) for each, row in named.items() if row["title"]}
    found = [
        Shares(
            "provider",
            Text("Menurut penyedia pelatihan", "By training provider"),
            _lines(facts, "training_id", providers),
        ),
        Shares("platform", Text("Menurut platform", "By platform"), _lines(facts, "platform")),
        Shares("training", Text("Menurut pelatihan", "By training"), _lines(facts, "training_id", titles=titles)),
    ]
    return [each for each in found if each.lines]


def _lines(
    facts: CycleFacts,
    column: str,
    stands_for: Mapping[str, str | None] | None = None,
    titles: Mapping[str, Text] | None = None,
) -> list[Share]:
    """A line a value of the column, or of what its values stand for; most instructed first, the unknown last."""
    due = _sums(facts.trained_due, column, "benefit", stands_for)
    states = _sums(facts.trained_paid, column, "state", stands_for)
    lines = []
    for name in due.keys() | states.keys():
        label = UNKNOWN if name is None else (titles or {}).get(name) or Text(name, name)
        key = name if titles is not None else None
        lines.append(_share(label, total(due.get(name, {}).values()), states.get(name, {}), key))
    return sorted(
        lines,
        key=lambda each: (
            each.is_unknown, -each.instructed.people, -each.due.people, each.label.id, each.key or "",
        ),
    )  # fmt: skip


def _sums(
    table: pa.Table, column: str, second: str, stands_for: Mapping[str, str | None] | None
) -> dict[str | None, dict[str, Sum]]:
    """Sums by a value (or what it stands for; None is unknown) and by a second column."""
    found: dict[str | None, dict[str, Sum]] = {}
    for (value, other), sum_ in sums_by(table, column, second).items():
        group = found.setdefault(value if stands_for is None else stands_for.get(value), {})
        group[other] = group.get(other, NOTHING) + sum_
    return found


def _share(label: Text, due: Sum, states: Mapping[str, Sum], key: str | None = None, is_rest: bool = False) -> Share:
    def pick(names: Sequence[str]) -> Sum:
        return total(states.get(name, NOTHING) for name in names)

    return Share(
        label,
        due,
        total(states.values()),
        pick(_PAID),
        pick(_FAILED),
        pick(_OPEN),
        pick(["withdrawn"]),
        states,
        key,
        is_rest,
    )


def _summed(lines: Sequence[Share]) -> Share:
    states: dict[str, Sum] = {}
    for line in lines:
        for state, sum_ in line.states.items():
            states[state] = states.get(state, NOTHING) + sum_
    n = len(lines)
    return _share(
        Text(f"{n} lainnya, dijumlahkan", f"{n} others, summed"),
        total(line.due for line in lines),
        states,
        is_rest=True,
    )


def equations(facts: CycleFacts, lines: Sequence[Share]) -> dict[str, Part]:
    """The lines of a list together against decisions and instructions as the rest of the report counts them, by column."""
    decided, states = sums_by(facts.decided, "decision"), sums_by(facts.paid, "state")
    whole = _share(Text("", ""), decided.get("due", NOTHING), states)
    return {name: Part(total(getattr(line, name) for line in lines), getattr(whole, name)) for name in COLUMNS}
