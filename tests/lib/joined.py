"""A home in which a batch of eight to one bank is drafted, and that bank: real rules, real ledger, carried by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree

from disbursement import steps as paying
from ledger import queries
from ledger.house import House
from reconciliation import steps as proving
from simulator.bank import Answer, SimulatedBank
from simulator.descriptions import describe_bank
from simulator.faults import parse_faults
from tests.lib.small_drop import people, write_drop
from tests.lib.small_home import instruction_states
from treasury.house import init_house, open_house

PERIOD = "2020-06"
AT = datetime(2020, 7, 1, 2, 0, tzinfo=UTC)
LATER = AT + timedelta(days=6)
COUNT = 8
TRANCHE = 600_000
BANK = "bca"


def instructed(root: Path, dsn: str | None = None) -> Path:
    """Make that home in a folder, on SQLite or with the ledger of a DSN; returns the folder."""
    init_house(root / "home", AT, dsn)
    house = opened(root / "home")
    paying.intake(house, str(write_drop(root / "drop", people(COUNT, [BANK]))))
    paying.entitle(house, PERIOD)
    paying.instruct(house, PERIOD, "siti")
    house.store.engine.dispose()
    return root


def opened(home: Path, at: datetime = AT) -> House:
    """The home at an instant, by its maker."""
    return open_house(home, at, "siti", lambda _message: None)


def batch_of(house: House) -> dict[str, Any]:
    """The one batch that is not withdrawn."""
    (row,) = (row for row in queries.batches(house.store) if row["state"] != "withdrawn")
    return row


def release(house: House) -> dict[str, Any]:
    """Consent of a second person to that batch."""
    batch = batch_of(house)
    return paying.release(house, batch["batch"], "budi", batch["digest"], "cli")


class Sent(NamedTuple):
    """A home whose batch was carried to a bank, at a later instant, and what the bank takes and says."""

    house: House
    bank: SimulatedBank
    file_name: str
    data: bytes

    def answers(self) -> list[Answer]:
        """What the bank says on the file's arrival."""
        return self.bank.take(self.file_name, self.data)

    def receive(self, answers: list[Answer], bank: str = BANK) -> list[str]:
        """Take answers as if carried by hand; the state of each."""
        folder = self.house.path.parent / "answers"
        folder.mkdir(exist_ok=True)
        states = []
        for name, data in answers:
            (folder / name).write_bytes(data)
            states += [file["state"] for file in proving.receive(self.house, folder / name, bank)["files"]]
        return states

    def tally(self) -> dict[str, int]:
        """How many instructions stand in each state."""
        return dict(Counter(instruction_states(self.house).values()))


def sent_to(home: Path, fault: str = "none", rejects: int = 0) -> Sent:
    """Release, carry, and hand to a bank with these faults that rejects so many of a million."""
    house = opened(home)
    release(house)
    (file,) = paying.submit(house, None, home.parent / "out")["files"]
    description = replace(describe_bank(BANK), rejects_per_million=rejects)
    bank = SimulatedBank(description, seed=1, faults=parse_faults(fault))
    data = (home.parent / "out" / file["file_name"]).read_bytes()
    return Sent(opened(home, LATER), bank, file["file_name"], data)


def unproved(house: House) -> list[str]:
    """The stages of the proofs that do not hold."""
    with house.store.reading() as connection:
        return [row["stage"] for row in queries.proofs_in_force(connection, PERIOD).to_pylist() if not row["holds"]]


def without(report: bytes, reference: str) -> bytes:
    """A status report without one transaction."""
    root = etree.fromstring(report)
    for row in root.iter("{*}TxInfAndSts"):
        if row.findtext("{*}OrgnlEndToEndId") == reference:
            row.getparent().remove(row)
            break
    for group in root.iter("{*}GrpSts", "{*}PmtInfSts"):
        group.text = "PART"
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
