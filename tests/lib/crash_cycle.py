"""A cycle of three people and one bank, step by step, for killing each step at each of its points."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from disbursement import claiming, inquiries
from disbursement import steps as paying
from ledger import queries
from ledger.house import House
from reconciliation import letters, superseding, telling
from reconciliation import steps as proving
from simulator.bank import SimulatedBank
from simulator.descriptions import Reason, describe_bank
from tests.lib.bank_messages import renamed
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
TRANCHE = 600_000
CHANNEL = "bca"
REFUSED = "0099000002"
"""The account to which the bank pays nothing."""
_REFUSAL = Reason("MS03", "reason not specified")
NEXT, NEXT_AT = "2020-07", datetime(2020, 8, 3, 2, 0, tzinfo=UTC)


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
            'status_inquiry = "pacs.028.001.03"\ncancel_inquiry = "camt.056.001.12"\n'
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


def silence() -> list[Step]:
    """What follows where the bank says nothing of what was sent: questions, its letter, and a claim on what it has credited."""
    return [
        Step("reconcile in silence", LATER, lambda house: proving.reconcile(house, PERIOD)),
        Step("assign the case", LATER, lambda house: _on_case(house, "assign", "siti", "budi")),
        Step("propose what settles it", LATER, lambda house: _on_case(house, "resolve", "siti", "surat bank")),
        Step("agree that it is settled", LATER, lambda house: _on_case(house, "approve", "budi", "")),
        Step("ask for the status", LATER, lambda house: inquiries.draft(house, _file(house), "status", "siti")),
        Step("ask for money back", LATER, lambda house: inquiries.draft(house, _file(house), "cancel", "siti")),
        Step("release the question", LATER, _release_question),
        Step("submit the questions", LATER, paying.submit),
        Step("enter the letter", LATER, _enter_letter),
        Step(
            "confirm the letter",
            LATER,
            lambda house: letters.confirm(house, _file(house), "budi", _shown(house).read_text()),
        ),
        Step("claim back", LATER, lambda house: claiming.claim(house, "CONTOH0001", "uji")),
        Step("confirm the claim", LATER, lambda house: claiming.confirm(replace(house, actor="budi"), "C000001")),
        Step("repay", LATER, lambda house: claiming.repay(house, "C000001", TRANCHE, "SETOR-1")),
        Step("deposit", LATER, lambda house: claiming.deposit(house, TRANCHE, "0A1B2C3D4E5F6G7H", "202007070001")),
    ]


def reissue() -> list[Step]:
    """What follows a payment that the bank refused: two people agree that it is sent again, and it is, with the next period's."""
    return [
        Step("propose the reissue", LATER, lambda house: _agree(house, "propose", "siti")),
        Step("approve the reissue", LATER, lambda house: _agree(house, "approve", "budi")),
        Step("entitle again", NEXT_AT, lambda house: paying.entitle(house, NEXT)),
        Step("instruct again", NEXT_AT, lambda house: paying.instruct(house, NEXT, "siti")),
    ]


def corrected() -> list[Step]:
    """What follows a second statement of the same days under another name: two people put it in the place of the first."""
    return [
        Step("collect the statement", LATER, proving.collect, _stated_anew),
        Step("propose the statement", LATER, _supersede),
        Step(
            "approve the statement", LATER, lambda house: superseding.decide(house, _wrong(house)[0], "approve", "budi")
        ),
    ]


def _stated_anew(world: World) -> None:
    (statement,) = (path for path in (world.bank / "out").iterdir() if "camt053" in path.name)
    again = statement.with_name(f"anew-{statement.name}")
    again.write_bytes(renamed(statement.read_bytes()))
    os.utime(again, (AT.timestamp(), AT.timestamp()))


def _wrong(house: House) -> tuple[str, str]:
    """The statement that came first, and the one that is to count instead."""
    listed = superseding.listed(house)
    (first,) = (row["name"] for row in listed if "900001" not in row["name"])
    (other,) = (row["name"] for row in listed if "900001" in row["name"])
    return first, other


def _supersede(house: House) -> object:
    return superseding.supersede(house, *_wrong(house), "siti", "surat bank")


def _on_case(house: House, act: str, person: str, note: str) -> object:
    (found,) = (row["break_id"] for row in proving.exceptions(house, PERIOD) if row["kind"] == "missing_at_bank")
    return proving.act_on_exception(house, found, act, person, note)


def _agree(house: House, act: str, person: str) -> object:
    with house.store.reading() as connection:
        rows = queries.instruction_rows(connection).to_pylist()
    (refused,) = (row["end_to_end_id"] for row in rows if row["state"] == "rejected")
    return paying.agree_on_reissue(house, refused, act, person, "uji")


def _file(house: House) -> str:
    """The file that was sent."""
    with house.store.reading() as connection:
        (name,) = (row["file_name"] for row in queries.file_rows(connection).to_pylist() if row["state"] != "withdrawn")
    return str(name)


def _release_question(house: House) -> object:
    (asked,) = (row for row in inquiries.listed(house) if row["kind"] == "cancel")
    return inquiries.release(house, asked["file_name"], "budi", asked["sha256"])


def _enter_letter(house: House) -> None:
    letter = house.path.parent / "drop" / "letter.txt"
    letter.write_text("Dana telah kami kreditkan.\n")
    _shown(house).write_text(letters.answer(house, _file(house), "credited", letter, "siti")["digest"])


def _shown(house: House) -> Path:
    """The digest that the second person was shown, noted outside the home."""
    return house.path.parent / "drop" / "digest.txt"


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
    bank = SimulatedBank(
        describe_bank(CHANNEL), fate=lambda transfer: _REFUSAL if transfer.account == REFUSED else None
    )
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
