"""The story of a person: every step in order, each with a key under which its evidence is found, and nothing personal."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from disbursement import claiming
from ledger import inbound, queries
from ledger.house import House
from schemas.errors import InputRejected
from tests.lib.commands import PERIOD, Salur
from tests.lib.credited_home import LATER, by, comes_back, credited_home, who
from tests.lib.small_drop import nik
from tests.lib.small_home import TRANCHE, at
from treasury.house import open_house
from treasury.story import explain

NTPN, NTB = "0A1B2C3D4E5F6G7H", "202012010001"


def told(story: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """What each step is, with some of its facts."""
    return [(step["what"], *(step["facts"].get(name) for name in names)) for step in story]


def lost(house: House, story: list[dict[str, Any]]) -> list[str]:
    """The steps whose evidence is not found where they say that it is."""
    with house.store.reading() as connection:
        events = set(queries.whole(connection, "events")["hash"].to_pylist())
        files = set(inbound.inbound(connection)["sha256"].to_pylist())
        drops = {row["drop_id"][:12] for row in queries.whole(connection, "drops").to_pylist()}
    found: dict[str, Callable[[str], object]] = {
        "event": lambda key: key in events,
        "bank_file": lambda key: key in files,
        "archive": house.archive.has,
        "drop": lambda key: key.split()[1] in drops,
        "ledger": bool,
    }
    return [step["what"] for step in story if not found[step["found_in"]](step["evidence"])]


@pytest.fixture
def claimed(tmp_path: Path) -> House:
    """Person 0 was held once and must repay; the payment of person 1 came back, lapsed, and went to the treasury and back."""
    house = credited_home(tmp_path, last_day=date(2020, 12, 20))
    claiming.claim(house, who(0), "tidak berhak")
    claiming.confirm(by(house, "budi"), "C000001")
    claiming.repay(house, "C000001", 200_000, "BNI-1")
    comes_back(house, 1)
    later = at(house, LATER)
    claiming.deposit(later, TRANCHE + 200_000, NTPN, NTB)
    claiming.correct_deposit(later, NTPN)
    return later


def test_a_claim_is_told_from_its_proposal_to_its_repayment(claimed: House) -> None:
    story = explain(claimed, who(0))
    assert told(story, "person")[-4:] == [
        ("credited", None), ("claim_proposed", "siti"), ("claim_confirmed", "budi"), ("repaid", "siti"),
    ]  # fmt: skip
    assert [step["facts"]["repay_by"] for step in story if step["what"] == "claim_confirmed"] == ["2021-01-30"]
    assert lost(claimed, [step for step in story if step["found_in"] == "event"]) == []


def test_a_release_names_who_agreed_to_which_digest(claimed: House) -> None:
    (step,) = [each for each in explain(claimed, who(0)) if each["what"] == "released"]
    assert (step["facts"]["person"], len(step["facts"]["digest"]), step["found_in"]) == ("budi", 64, "event")


def test_what_came_back_is_told_to_its_deposit_and_the_entry_that_took_it_back(claimed: House) -> None:
    story = explain(claimed, who(1))
    deposits = [step for step in told(story, "ntpn", "corrects") if step[0] == "deposited"]
    assert deposits == [("deposited", NTPN, None), ("deposited", NTPN, "D000001")]
    assert ("returned", "AC04") in told(story, "reason_code")


def test_of_two_decisions_of_a_period_the_earlier_is_superseded_and_every_key_is_found(
    instructed: Salur, tmp_path: Path
) -> None:
    instructed.ask("hold", "CONTOH0001", "--reason", "uji", "--as", "rina")
    instructed.ask("entitle", "--period", PERIOD, at="2020-07-02T08:00:00+07:00")
    instructed.ask("entitle", "--period", "2020-05")
    instructed.ask("entitle", "--period", "2020-05", "--as-of", "2020-05-20T00:00:00+07:00")
    story = instructed.ask("explain", "CONTOH0001")["story"]
    superseded = [step["facts"].get("superseded") for step in story if step["facts"].get("period") == "2020-05"]
    assert superseded.count(True) == superseded.count(None) == 2
    assert ("hold", "rina", "uji") in told(story, "person", "reason")
    house = open_house(instructed.home, LATER, "siti", lambda _message: None)
    assert lost(house, story) == []
    assert instructed.ask("explain", "CONTOH0001")["story"] == story
    assert [secret for secret in (nik(1), "PESERTA CONTOH", "0099000001") if secret in json.dumps(story)] == []


def test_nobody_has_no_story(claimed: House) -> None:
    with pytest.raises(InputRejected, match="Nothing is known"):
        explain(claimed, "P-SIAPA")
