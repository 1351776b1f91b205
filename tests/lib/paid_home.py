"""A home in which one cycle has been paid and reconciled: invented people, real steps, simulated banks without a network."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from disbursement import steps as paying
from ledger.house import House
from reconciliation import steps as reconciling
from simulator.bank import SimulatedBank
from simulator.descriptions import describe_bank
from simulator.people import generate
from treasury.house import init_house, open_house

PERIOD = "2020-12"
PAID_AT = datetime(2021, 1, 3, 2, 0, tzinfo=UTC)
RECONCILED_AT = datetime(2021, 1, 6, 2, 0, tzinfo=UTC)


def paid_home(root: Path, people: int = 60, seed: int = 7, answered: bool = True, dsn: str | None = None) -> House:
    """From a source drop to a reconciled cycle, carried by hand; returns the home as at its reconciliation.

    Unless `answered`, banks have said nothing by then.
    """
    home = root / "home"
    init_house(home, PAID_AT, dsn)
    house = open_house(home, PAID_AT, "siti", _silent)
    generate(root / "drop", people, seed, None, "csv", lambda _done, _of: None)
    paying.fund(house, 101_000_000, "SP2D-1")
    paying.fund(house, -1_000_000, "SP2D-1K", corrects="SP2D-1")
    paying.intake(house, str(root / "drop"))
    paying.entitle(house, PERIOD)
    paying.instruct(house, PERIOD, "siti")
    release_all(house, "budi")
    paying.submit(house, None, root / "out")
    later = replace(house, at=RECONCILED_AT)
    if answered:
        answer_all(later, root)
    reconciling.reconcile(later, PERIOD)
    return later


def release_all(house: House, person: str) -> None:
    """Consent to every batch that waits for it."""
    from ledger import queries

    for row in queries.batches(house.store, PERIOD):
        if row["state"] == "drafted":
            paying.release(house, row["batch"], person, row["digest"], "cli")


def answer_all(house: House, root: Path) -> None:
    """Every bank answers what was carried to it; the answers are carried back."""
    for file in sorted((root / "out").rglob("*.xml")):
        bank = file.name.split("_")[1].lower()
        answers = SimulatedBank(describe_bank(bank), seed=3).take(file.name, file.read_bytes())
        for name, data in answers:
            answer = root / name
            answer.write_bytes(data)
            reconciling.receive(house, answer, bank)


def _silent(_message: str) -> None:
    """Progress for nobody."""
