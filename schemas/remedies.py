"""What is done about an attempt that ended without paying: the rows of remedies.toml, checked as they are read."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

ACTIONS: Final = ("fix_account", "retry_later", "stop_file", "find_earlier", "hold_for_person", "review")
LISTS: Final = ("status", "return", "end")
NEXT_MONTH: Final = "next_month"

_ROW = {"action", "spacing", "retries_max", "source"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what is done, from when after the end (days, or `next_month`), and how often without people."""

    action: str
    spacing: int | str
    retries_max: int
    source: str

    @property
    def needs_person(self) -> bool:
        """Whether nothing is reissued before people have agreed, be it the first time."""
        return self.retries_max == 0

    def from_day(self, ended_on: date) -> date:
        """The first day on which the next attempt may be decided, both days Jakarta's."""
        if isinstance(self.spacing, int):
            return ended_on + timedelta(days=self.spacing)
        return (ended_on.replace(day=1) + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True, slots=True)
class Remedies:
    """All rows: by (list, code), the one of a code that no row names, and the cap over all of them."""

    rules: Mapping[tuple[str, str], Rule]
    unclassified: Rule
    attempts_max: int

    def rule(self, end: str, code_list: str | None, code: str | None) -> Rule:
        """The row for an attempt that ended so. An empty list is that of the end."""
        if ("end", end) in self.rules:
            return self.rules["end", end]
        return self.rules.get((code_list or list_of(end), code or ""), self.unclassified)


def list_of(end: str) -> str:
    """The code list that an end's code is from where none is said."""
    return "return" if end == "returned" else "status"


def parse(text: str) -> Remedies:
    """The rows of a TOML text. A row that is not as the file's head says is a ValueError, KeyError or TypeError that names it."""
    data = tomllib.loads(text)
    if set(data["lists"]) != set(LISTS) or not all(data["lists"].values()):
        raise ValueError(f"lists are {', '.join(LISTS)}, each with its source")
    rules: dict[tuple[str, str], Rule] = {}
    for row in data["remedies"]:
        lists = {name: row.pop(name) for name in LISTS if name in row}
        rule = _rule(row)
        for key in ((name, code) for name, codes in lists.items() for code in codes):
            if key in rules:
                raise ValueError(f"{key} is in two rows")
            rules[key] = rule
    attempts_max = data["attempts_max"]
    if not isinstance(attempts_max, int) or attempts_max < 1 or not data["attempts_source"]:
        raise ValueError("attempts_max is a whole number from 1, with its source")
    return Remedies(MappingProxyType(rules), _rule(data["unclassified"]), attempts_max)


def _rule(row: dict[str, Any]) -> Rule:
    if set(row) != _ROW:
        raise KeyError(f"a row has {', '.join(sorted(_ROW))} and its codes, not {', '.join(sorted(row))}")
    rule = Rule(**row)
    if rule.action not in ACTIONS or not rule.source:
        raise ValueError(f"{rule.action!r} is no action with a source")
    is_spaced = rule.spacing == NEXT_MONTH if isinstance(rule.spacing, str) else rule.spacing >= 0
    if not is_spaced or not isinstance(rule.retries_max, int) or rule.retries_max < 0:
        raise ValueError(f"{rule.action}: spacing is days or next_month, retries_max a whole number from 0")
    return rule


REMEDIES: Final = parse(resources.files(__package__ or "schemas").joinpath("remedies.toml").read_text(encoding="utf-8"))
