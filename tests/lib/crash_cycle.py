"""A cycle of three people and one bank, step by step, for killing each step at each of its points."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from disbursement import steps as paying
from ledger import queries
from ledger.house import House
from reconciliation import steps as proving
from reconciliation import telling
from simulator.bank import SimulatedBank
from simulator.descriptions import describe_bank
from tests.lib.crashing import World
from tests.lib.databases import Server
from tests.lib.sftp_folders import BANK, Address
from tests.lib.small_drop import people, write_drop
from treasury import exports
from treasury.house import CONFIG, init_house

PERIOD = "2020-06"
AT = datetime(2020, 7, 1, 2, 0, tzinfo=UTC)
LATER = AT + timedelta(days=6)
COUNT = 3
CHANNEL = "bca"
SEED = 3
"""With which the bank refuses one of the three."""


@dataclass(frozen=True)
class Step:
    """One command of the cycle: its clock, what it does, and what others do to the world before it is given."""

    name: str
    at: datetime
    act: Callable[[House], object]
    before: Callable[[World], None] = lambda _world: None


def begun(base: Path, address: Address, server: Server | None = None) -> World:
    """A new home beside a new bank, and a drop to take; to be called in a child."""
    world = World(base / "begun", server)
    for folder in ("in", "out"):
        (world.path / BANK / folder).mkdir(parents=True)
    init_house(world.home, AT, server and server.dsn())
    with (world.home / CONFIG).open("a", encoding="utf-8") as config:
        config.write(
            f'\n[outcomes.dashboard]\nfolder = "outcomes"\n\n[banks.{CHANNEL}]\nhost = "127.0.0.1"\nport = {address.port}\n'
            f'user = "begun"\nprivate_key = "{address.private_key}"\nhost_key = "{address.host_key}"\ninbox = "/in"\n'
            f'outbox = "/out"\nafter_arrival = "left"\n'
        )
    write_drop(world.path / "drop", people(COUNT, [CHANNEL]))
    return world


def cycle() -> list[Step]:
    """Every step, in the order of the commands."""
    return [
        Step("intake", AT, lambda house: paying.intake(house, str(house.path.parent / "drop"))),
        Step("entitle", AT, lambda house: paying.entitle(house, PERIOD)),
        Step("fund", AT, lambda house: paying.fund(house, 10_000_000, "SP2D-CONTOH-1")),
        Step("hold", AT, lambda house: paying.hold(house, "CONTOH0001", "hold", "uji")),
        Step("unhold", AT, lambda house: paying.hold(house, "CONTOH0001", "unhold", "uji")),
        Step("stop", AT, lambda house: paying.brake(house, "stop", "uji")),
        Step("resume", AT, lambda house: paying.brake(house, "resume", "uji")),
        Step("instruct", AT, lambda house: paying.instruct(house, PERIOD, "siti")),
        Step("reject", AT, lambda house: paying.reject(house, _first(house), "budi", "uji")),
        Step("instruct anew", AT, lambda house: paying.instruct(house, PERIOD, "siti")),
        Step("release", AT, _release),
        Step("submit", AT, paying.submit),
        Step("collect", LATER, proving.collect, bank_answers),
        Step("reconcile", LATER, lambda house: proving.reconcile(house, PERIOD)),
        Step("outcomes", LATER, telling.tell),
        Step(
            "report", LATER, lambda house: proving.report(house, PERIOD, house.path.parent / "report", data_docs=False)
        ),
        Step("export", LATER, lambda house: exports.write(house, "events", None, house.path.parent / "events.csv")),
    ]


def by_hand(house: House) -> object:
    """The file of the released batch, written to a folder to be carried."""
    return paying.submit(house, None, house.path.parent / "carried")


def received_by_hand(house: House) -> object:
    """Every answer of the bank, carried back."""
    return [proving.receive(house, path, CHANNEL) for path in sorted((house.path.parent / BANK / "out").iterdir())]


def _first(house: House) -> str:
    """The batch that was made first, withdrawn or not."""
    return str(min(row["batch"] for row in queries.batches(house.store)))


def _release(house: House) -> object:
    (batch,) = (row for row in queries.batches(house.store) if row["state"] != "withdrawn")
    return paying.release(replace(house, actor="budi"), batch["batch"], "budi", batch["digest"], "cli")


def bank_answers(world: World) -> None:
    """The bank takes what lies in its folder, and answers."""
    answer(world, [path.read_bytes() for path in sorted((world.bank / "in").iterdir())])


def answer(world: World, files: list[bytes]) -> None:
    """The bank answers these files, and ends its day."""
    bank = SimulatedBank(replace(describe_bank(CHANNEL), rejects_per_million=400_000), seed=SEED)
    for number, file in enumerate(files):
        for name, data in [*bank.take(f"file-{number}", file), *bank.close_day()]:
            (world.bank / "out" / name).write_bytes(data)
            os.utime(world.bank / "out" / name, (AT.timestamp(), AT.timestamp()))


def taken_away(world: World) -> list[bytes]:
    """The bank takes what has arrived out of its folder; the bytes."""
    found = []
    for path in sorted((world.bank / "in").glob("*.xml")):
        found.append(path.read_bytes())
        path.unlink()
    return found
