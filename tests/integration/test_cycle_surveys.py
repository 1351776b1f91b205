"""A month of tranches, and the month after with tranches and surveys: real rules, ledger and files, a simulated bank."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lxml import etree

from disbursement import steps as paying
from ledger import queries
from ledger.house import House
from reconciliation import steps as proving
from reconciliation.reports.pack_check import verify_pack
from schemas.identifiers import end_to_end_id
from simulator.bank import Answer, SimulatedBank
from simulator.descriptions import describe_bank
from simulator.faults import parse_faults
from tests.lib.joined import opened
from tests.lib.small_drop import Row, people, write_drop
from treasury import exports
from treasury.house import init_house

JUNE, JULY = "2020-06", "2020-07"
PAID_AT = datetime(2020, 7, 1, 2, 0, tzinfo=UTC)
"""When June is paid; its credits are of that day."""
COUNT = 6
BANK = "ovo"
"""A wallet that says of each payment that the recipient has it."""
OUT = "CONTOH0006"
"""Of the scheme of 2023; the others are of wave 1."""


def surveyed(number: int, survey: int, at: datetime) -> Row:
    """A survey row of one of the people."""
    return {"participant_id": f"CONTOH{number:04}", "number": survey, "completed_at": at}


class World(NamedTuple):
    """A home and a bank that has its files."""

    root: Path
    bank: SimulatedBank

    def house(self, at: datetime) -> House:
        """The home at an instant."""
        return opened(self.root / "home", at)

    def pay(self, period: str, at: datetime) -> tuple[bytes, list[Answer]]:
        """Entitle, instruct, release and carry what is due; the file and what the bank says."""
        house = self.house(at)
        paying.entitle(house, period)
        made = paying.instruct(house, period, "siti")
        (batch,) = made["batches"]
        (row,) = (row for row in queries.batches(house.store, period) if row["batch"] == batch)
        paying.release(house, batch, "budi", row["digest"], "cli")
        (file,) = paying.submit(house, None, self.root / "out")["files"]
        data = (self.root / "out" / file["file_name"]).read_bytes()
        return data, self.bank.take(file["file_name"], data) + self.bank.close_day()

    def receive(self, answers: Sequence[Answer], at: datetime) -> None:
        """Take answers as if carried by hand."""
        folder = self.root / "answers"
        folder.mkdir(exist_ok=True)
        for name, data in answers:
            (folder / name).write_bytes(data)
            proving.receive(self.house(at), folder / name, BANK)

    def decided(self, period: str, at: datetime, benefit: str = "survey") -> dict[str, Row]:
        """The decisions in force about a benefit, by participant."""
        house = self.house(at)
        paying.entitle(house, period)
        with house.store.reading() as connection:
            rows = queries.decisions_in_force(connection, house.archive, period).to_pylist()
        return {row["participant_id"]: row for row in rows if row["benefit"] == benefit}


def world_at(root: Path, fault: str = "none") -> World:
    """The home in that folder and its bank, which refuses nobody."""
    description = replace(describe_bank(BANK), rejects_per_million=0)
    return World(root, SimulatedBank(description, seed=1, faults=parse_faults(fault), folder=root / "bank"))


@pytest.fixture(scope="module")
def paid_june(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """June is paid and credited: six people, one of them of the scheme of 2023."""
    root = tmp_path_factory.mktemp("june")
    (root / "bank").mkdir()
    init_house(root / "home", PAID_AT)
    tables = people(COUNT, [BANK])
    tables["participants"][-1]["wave"] = 48
    world = world_at(root)
    paying.intake(world.house(PAID_AT), str(write_drop(root / "drop", tables)))
    _, answers = world.pay(JUNE, PAID_AT)
    world.receive(answers, PAID_AT + timedelta(hours=9))
    proving.reconcile(world.house(PAID_AT + timedelta(hours=9)), JUNE)
    world.bank.close()
    return root


@pytest.fixture
def world(paid_june: Path, tmp_path: Path) -> World:
    """That home, copied, and its bank."""
    shutil.copytree(paid_june, tmp_path, dirs_exist_ok=True)
    return world_at(tmp_path)


AUGUST = datetime(2020, 8, 3, 2, 0, tzinfo=UTC)
JULY_5 = datetime(2020, 7, 5, 3, 0, tzinfo=UTC)


def with_surveys(world: World, *rows: Row) -> World:
    """The world after a drop of surveys."""
    paying.intake(world.house(AUGUST), str(write_drop(world.root / f"surveys{len(rows)}", {"surveys": list(rows)})))
    return world


def transfers(data: bytes) -> dict[str, tuple[int, str, str]]:
    """Of each reference in a payment file the amount, the account and what the recipient reads."""
    return {
        row.findtext("{*}PmtId/{*}EndToEndId", ""): (
            int(row.findtext("{*}Amt/{*}InstdAmt", "")),
            row.findtext("{*}CdtrAcct/{*}Id/{*}Othr/{*}Id", ""),
            row.findtext("{*}RmtInf/{*}Ustrd", ""),
        )
        for row in etree.fromstring(data).iter("{*}CdtTrfTxInf")
    }


def test_the_month_after_pays_tranches_and_surveys_and_tells_them_apart_everywhere(world: World) -> None:
    with_surveys(world, surveyed(1, 1, JULY_5), surveyed(2, 1, PAID_AT - timedelta(days=9)), surveyed(6, 1, JULY_5))
    data, answers = world.pay(JULY, AUGUST)
    sent = transfers(data)
    tranche, survey = end_to_end_id("CONTOH0001", "incentive", 2, 1), end_to_end_id("CONTOH0001", "survey", 1, 1)
    account = "081299000001"
    assert sent[tranche] == (600_000, account, "INSENTIF TAHAP 2 KARTU PRAKERJA 2020-07")
    assert sent[survey] == (50_000, account, "SURVEI 1 KARTU PRAKERJA 2020-07")
    only_survey = [about for _, account, about in sent.values() if account == "081299000006"]
    assert only_survey == ["SURVEI 1 KARTU PRAKERJA 2020-07"], "the scheme of 2023 has one tranche"
    assert Counter(amount for amount, _, _ in sent.values()) == {600_000: COUNT - 1, 50_000: 3}

    later = AUGUST + timedelta(hours=9)
    world.receive(answers, later)
    house = world.house(later)
    told = proving.reconcile(house, JULY)
    assert (told["breaks"], told["states"]) == ({}, {"credited": COUNT - 1 + 3})
    with house.store.reading() as connection:
        proofs = queries.proofs_in_force(connection, JULY).to_pylist()
    assert all(proof["holds"] for proof in proofs)
    entitled = {row["scope"]: (row["left_count"], row["left_idr"]) for row in proofs if row["stage"] == "entitled"}
    assert entitled == {f"{JULY} incentive": (COUNT - 1, 3_000_000), f"{JULY} survey": (3, 150_000)}
    (batch,) = exports.batches(house, JULY)
    assert exports.made_of(batch) == "5 incentive Rp3.000.000, 3 survey Rp150.000"


def test_the_day_of_a_credit_is_the_banks_whenever_it_was_fetched(world: World) -> None:
    with_surveys(world, surveyed(1, 1, JULY_5), surveyed(2, 1, PAID_AT - timedelta(days=9)))
    found = world.decided(JULY, AUGUST)
    credited_on = date(2020, 7, 1)
    assert (found["CONTOH0001"]["decision"], found["CONTOH0001"]["due_on"]) == ("due", date(2020, 7, 5))
    assert (found["CONTOH0002"]["decision"], found["CONTOH0002"]["due_on"]) == ("due", credited_on)
    assert found["CONTOH0003"]["reasons"] == "not_yet_due;survey_not_completed"


def test_a_report_from_the_future_counts_from_when_it_was_recorded(paid_june: Path, tmp_path: Path) -> None:
    root = tmp_path / "odd"
    (root / "bank").mkdir(parents=True)
    init_house(root / "home", PAID_AT)
    world = world_at(root)
    paying.intake(world.house(PAID_AT), str(paid_june / "drop"))
    _, answers = world.pay(JUNE, PAID_AT)
    recorded = datetime(2020, 7, 2, 18, 0, tzinfo=UTC)  # the third in Jakarta
    odd = [(name, _created(data, b"2099-01-01T00:00:00")) for name, data in answers if b"CstmrPmtStsRpt" in data]
    world.receive(odd, recorded)
    with_surveys(world, surveyed(1, 1, PAID_AT))
    assert world.decided(JULY, AUGUST)["CONTOH0001"]["due_on"] == date(2020, 7, 3)


def _created(report: bytes, moment: bytes) -> bytes:
    before, _, rest = report.partition(b"<CreDtTm>")
    return before + b"<CreDtTm>" + moment + b"</CreDtTm>" + rest.partition(b"</CreDtTm>")[2]


def test_several_open_surveys_are_paid_one_a_month_in_order(world: World) -> None:
    with_surveys(world, surveyed(1, 3, JULY_5), surveyed(1, 2, JULY_5), surveyed(1, 1, JULY_5), surveyed(2, 2, JULY_5))
    _, answers = world.pay(JULY, AUGUST)
    world.receive(answers, AUGUST + timedelta(hours=9))
    september = AUGUST + timedelta(days=30)
    found = world.decided("2020-08", september)
    assert (found["CONTOH0001"]["sequence"], found["CONTOH0001"]["decision"]) == (2, "due")
    assert (found["CONTOH0002"]["sequence"], found["CONTOH0002"]["reasons"]) == (1, "not_yet_due;survey_not_completed")
    again = world.decided(JULY, september)
    assert (again["CONTOH0001"]["sequence"], again["CONTOH0001"]["decision"]) == (1, "due"), "what was paid is kept"


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"participants": {"status": "revoked", "status_at": JULY_5}}, "participant_revoked"),
        ({"accounts": {"version": 2, "verified_at": None}}, "account_unverified"),
        ({"accounts": {"closed_at": JULY_5}}, "account_closed"),
    ],
)
def test_what_became_of_a_person_since_the_credit_holds_the_survey(
    world: World, change: dict[str, Row], reasons: str
) -> None:
    tables = people(1, [BANK])
    rows = {name: [tables[name][0] | more] for name, more in change.items()}
    paying.intake(world.house(AUGUST), str(write_drop(world.root / "news", rows)))
    found = with_surveys(world, surveyed(1, 1, JULY_5)).decided(JULY, AUGUST)
    assert (found["CONTOH0001"]["decision"], found["CONTOH0001"]["reasons"]) == ("held", reasons)


def test_surveys_of_strangers_and_with_strange_numbers_wait_and_hurt_nobody(world: World) -> None:
    rows = [surveyed(44, 1, JULY_5), surveyed(1, 4, JULY_5), surveyed(6, 3, JULY_5), surveyed(2, 1, JULY_5)]
    found = with_surveys(world, *rows).decided(JULY, AUGUST)
    assert {who for who, row in found.items() if row["decision"] == "due"} == {"CONTOH0002"}
    stranger = people(44, [BANK])
    only = {name: [row for row in rows if row.get("participant_id") == "CONTOH0044"] for name, rows in stranger.items()}
    paying.intake(world.house(AUGUST), str(write_drop(world.root / "arrived", only)))
    assert world.decided(JULY, AUGUST)["CONTOH0044"]["reasons"] == "first_tranche_not_credited;not_yet_due"


def test_money_that_came_back_is_no_credit_any_more(paid_june: Path, tmp_path: Path) -> None:
    root = tmp_path / "returned"
    (root / "bank").mkdir(parents=True)
    init_house(root / "home", PAID_AT)
    world = world_at(root, "returned_after_credit")
    paying.intake(world.house(PAID_AT), str(paid_june / "drop"))
    _, answers = world.pay(JUNE, PAID_AT)
    world.receive(answers, PAID_AT + timedelta(days=2))
    with_surveys(world, *(surveyed(n, 1, JULY_5) for n in range(1, COUNT + 1)))
    counted = Counter((row["decision"], row["reasons"]) for row in world.decided(JULY, AUGUST).values())
    assert counted == {("due", ""): COUNT - 1, ("not_due", "account_refused;first_tranche_not_credited;not_yet_due"): 1}


def test_the_report_and_the_pack_hold_both_benefits(world: World, tmp_path: Path) -> None:
    with_surveys(world, surveyed(1, 1, JULY_5), surveyed(2, 1, JULY_5))
    _, answers = world.pay(JULY, AUGUST)
    later = AUGUST + timedelta(hours=9)
    world.receive(answers, later)
    house = world.house(later)
    proving.reconcile(house, JULY)
    made: dict[str, Any] = proving.report(house, JULY, tmp_path / "report")
    checked = verify_pack(Path(made["pack"]))
    assert (checked["entitlements"], checked["instructions"]) == (2 * COUNT, COUNT - 1 + 2)
