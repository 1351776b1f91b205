"""The journal follows what banks say, each movement with its evidence, and money that comes back is a row of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from disbursement import steps as paying
from ledger import inbound, journal
from ledger.house import House
from reconciliation import steps as proving
from schemas.errors import ProofFailed
from tests.lib.databases import Database
from tests.lib.joined import BANK, COUNT, LATER, PERIOD, TRANCHE, batch_of, instructed, opened, sent_to, unproved


@pytest.fixture(scope="module")
def instructed_once(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Path]:
    with database.for_home() as dsn:
        yield instructed(tmp_path_factory.mktemp("instructed"), dsn)


@pytest.fixture
def home(instructed_once: Path, tmp_path: Path, database: Database) -> Iterator[Path]:
    """The instructed home, copied."""
    with database.copied(instructed_once, tmp_path) as copied:
        yield copied


def routes(house: House) -> dict[tuple[str, str], int]:
    """How many instructions' money took each way, from account to account."""
    with house.store.reading() as connection:
        rows = journal.rows(connection, PERIOD).to_pylist()
    assert {row["amount_idr"] for row in rows} == {row["transaction_count"] * TRANCHE for row in rows}
    ways: Counter[tuple[str, str]] = Counter()
    for row in rows:
        ways[row["credit"], row["debit"]] += row["transaction_count"]
    return dict(ways)


def test_a_file_leaves_the_cash_and_what_the_bank_rejects_is_back_in_it(home: Path) -> None:
    sent = sent_to(home, rejects=400_000)
    assert routes(sent.house) == {("cash", "in_transit"): COUNT}
    sent.receive(sent.answers() + sent.bank.close_day())
    tally = sent.tally()
    assert routes(sent.house) == {
        ("cash", "in_transit"): COUNT,
        ("in_transit", "debited"): tally["debited"],
        ("in_transit", "cash"): tally["rejected"],
    }


def test_a_return_leaves_the_account_that_it_had_reached(home: Path) -> None:
    sent = sent_to(home, "returned_after_credit")
    sent.receive(sent.answers())
    before = routes(sent.house)
    sent.receive(sent.bank.close_day())
    assert sent.tally() == {"debited": COUNT - 1, "returned": 1}
    after = routes(sent.house)
    assert {way: after[way] - before.get(way, 0) for way in after if after[way] != before.get(way)} == {
        ("debited", "returned"): 1
    }


def test_what_moves_on_an_answer_is_proved_by_its_bytes(home: Path) -> None:
    sent = sent_to(home, rejects=400_000)
    sent.receive(sent.answers())
    with sent.house.store.reading() as connection:
        taken = set(inbound.inbound(connection)["sha256"].to_pylist())
        rows = journal.rows(connection, PERIOD).to_pylist()
    assert {row["evidence"] in taken for row in rows if row["credit"] != "cash"} == {True}


def test_what_is_instructed_anew_leaves_the_cash_once(home: Path) -> None:
    house = opened(home)
    paying.reject(house, batch_of(house)["batch"], "budi", "uji")
    paying.instruct(house, PERIOD, "siti")
    assert routes(house) == {}
    sent_to(home)
    assert routes(house) == {("cash", "in_transit"): COUNT}


def test_money_posted_past_the_record_is_said_by_how_much(home: Path) -> None:
    sent = sent_to(home)
    sent.receive(sent.answers())
    with sent.house.store.transaction() as connection:
        stray = journal.Posting("credited", "cash", TRANCHE, sent.file_name, "e", 1, BANK, PERIOD)
        journal.post(connection, [stray], LATER)
    with pytest.raises(ProofFailed, match="journal of 2020-06 credited"):
        proving.reconcile(sent.house, PERIOD)
    assert unproved(sent.house) == ["journal"]
