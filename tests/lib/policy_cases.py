"""Cases of the rules as policy staff write them (tests/spec/policy/cases), filled up to whole tables.

A case names what differs from `usual.toml`. A table that it does not name gets one usual row for each participant.
"""

import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciliation.reports.verifier import JAKARTA, is_empty

FOLDER = Path(__file__).parents[1] / "spec" / "policy" / "cases"

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One case: what an engine is given, and what it must say of the participants that `expect` names."""

    name: str
    tables: dict[str, list[Row]]
    cut_off: datetime
    period: str
    history: list[Row]
    channels: frozenset[str]
    refused: frozenset[tuple[str, int]]
    balance_idr: int | None
    expect: list[Row]

    def __str__(self) -> str:
        return self.name

    def reversed(self) -> "Case":
        """The same with all rows in the opposite order."""
        tables = {name: rows[::-1] for name, rows in self.tables.items()}
        return Case(**{**self.__dict__, "tables": tables, "history": self.history[::-1]})


def decision_cases() -> list[Case]:
    """All cases of rules 1 to 7, of the scheme of 2023 and of surveys, in the order of their files."""
    usual = _read(FOLDER / "usual.toml")
    files = sorted(FOLDER.glob("[0-9]_*.toml"))
    return [_whole(case, usual) for file in files for case in _read(file)["case"]]


def standing_cases() -> list[Row]:
    """Cases of which row stands: name, rows, stands (absent: none), aside (absent: none)."""
    cases: list[Row] = _read(FOLDER / "standing.toml")["case"]
    return cases


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _whole(case: Row, usual: Row) -> Case:
    participants = [usual["participants"] | row for row in case.get("participants", [{}])]
    niks = {row["participant_id"]: row["nik"] for row in participants}
    everyone = [{"participant_id": who} for who in niks]
    first = {"participant_id": "P1"}
    accounts = [first | row for row in case.get("accounts", everyone)]
    tables = {
        "participants": participants,
        "accounts": [{"owner_nik": niks.get(row["participant_id"])} | usual["accounts"] | row for row in accounts],
        "trainings": [usual["trainings"] | row for row in case.get("trainings", [{}])],
        "completions": [
            {"completion_id": f"K-{row.get('participant_id')}"} | first | usual["completions"] | row
            for row in case.get("completions", everyone)
        ],
        "blocklist": [usual["blocklist"] | row for row in case.get("blocklist", [])],
        "surveys": [first | usual["surveys"] | row for row in case.get("surveys", [])],
    }
    cut_off: datetime = case["cut_off"] if "cut_off" in case else usual["cut_off"]
    period = cut_off.astimezone(JAKARTA).strftime("%Y-%m")
    return Case(
        name=case["name"],
        tables={name: [_cleared(row) for row in rows] for name, rows in tables.items()},
        cut_off=cut_off,
        period=period,
        history=[
            first | usual["history"] | {"ended": None, "credited_at": None} | row for row in case.get("history", [])
        ],
        channels=frozenset(usual["channels"]),
        refused=frozenset(
            (row["participant_id"], row["version"])
            for row in (first | usual["refused"] | row for row in case.get("refused", []))
        ),
        balance_idr=case.get("balance_idr"),
        expect=[_cleared(first | usual["expect"] | {"period": period} | row) for row in case["expect"]],
    )


def _cleared(row: Row) -> Row:
    return {column: None if is_empty(value) else value for column, value in row.items()}
