"""`salur run`: a whole cycle by one command against banks on SFTP, which stops for people and goes on from there."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from simulator.descriptions import bank_descriptions
from simulator.sftp_server import Pace, serve
from tests.lib.commands import PERIOD, Salur, new_home
from tests.lib.small_drop import people, write_drop
from treasury.rehearsal import BANK_KEY, configure


@pytest.fixture
def with_banks(tmp_path: Path) -> Iterator[Salur]:
    """An empty home whose banks are simulated ones that close their day at once."""
    salur = new_home(tmp_path / "home")
    pair = asyncssh.generate_private_key("ssh-ed25519")
    pair.write_private_key(salur.home / BANK_KEY)
    (salur.home / BANK_KEY).chmod(0o600)
    pair.write_public_key(tmp_path / "bank.pub")
    pace = Pace(poll_seconds=0.1, close_day_after_quiet_seconds=0.3)
    with serve(
        tmp_path / "banks", sorted(bank_descriptions()), authorized_key=tmp_path / "bank.pub", pace=pace
    ) as banks:
        configure(salur.home / "salur.toml", banks.addresses)
        yield salur


def release_as_told(salur: Salur, error: dict[str, Any], person: str) -> None:
    """Give the commands that the error names, and no others."""
    for line in error["do"].splitlines():
        words = shlex.split(line.replace("NAME", person))
        if words[:2] == ["salur", "release"]:
            salur.ask(*words[1:])


def test_a_cycle_stops_for_its_release_and_goes_on_from_there_doing_nothing_twice(
    with_banks: Salur, drop_of_twelve: Path, tmp_path: Path
) -> None:
    run = ("run", "--period", PERIOD, "--source", drop_of_twelve, "--as", "siti")
    error = with_banks.ask(*run, code=13)["error"]
    drafted = with_banks.batches()
    assert all(row["batch"] in error["what"] and row["digest"] in error["do"] for row in drafted)
    assert with_banks.ask(*run, code=13)["error"] == error

    release_as_told(with_banks, error, "budi")
    done = with_banks.ask(*run)
    assert len(done["submit"]["files"]) == 6
    assert done["collect"]["still_open"] == []
    assert sum(done["reconcile"]["states"].values()) == 12
    assert not {"drafted", "released", "submitted", "unknown"} & set(done["reconcile"]["states"])
    assert {row["batch"]: row["digest"] for row in with_banks.batches()} == {
        row["batch"]: row["digest"] for row in drafted
    }

    again = with_banks.ask(*run)
    assert (again["submit"]["files"], again["instruct"]["instructed"], again["collect"]["files"]) == ([], 0, [])
    assert again["reconcile"]["states"] == done["reconcile"]["states"]
    assert len(list((tmp_path / "banks").glob("*/files/in/*.xml"))) == 6
    with_banks.ask("doctor")


def test_whoever_comes_while_a_batch_waits_is_taken_and_has_to_wait_for_the_next_run(
    with_banks: Salur, drop_of_twelve: Path, tmp_path: Path
) -> None:
    error = with_banks.ask("run", "--period", PERIOD, "--source", drop_of_twelve, "--as", "siti", code=13)["error"]
    more = write_drop(tmp_path / "more", people(13))
    run_again = ("run", "--period", PERIOD, "--source", more, "--as", "siti")
    for later in ("2020-07-02T08:00:00+07:00", "2026-01-05T08:00:00+07:00"):
        assert with_banks.ask(*run_again, code=13, at=later)["error"] == error
    next_day = Salur(with_banks.home, "2020-07-02T08:00:00+07:00")
    release_as_told(next_day, error, "budi")
    assert next_day.ask(*run_again)["submit"]["files"]
    late = next_day.ask(*run_again, code=13)["error"]
    assert late["what"].startswith("1 batches")


def test_a_run_says_how_far_it_is_and_ends_with_what_was_proved(with_banks: Salur, drop_of_twelve: Path) -> None:
    run = ("run", "--period", PERIOD, "--source", drop_of_twelve, "--as", "siti")
    assert with_banks(*run).code == 13
    with_banks.release_all()
    answer = with_banks(*run, at="2020-07-02T08:00:00+07:00")
    assert answer.code == 0
    assert answer.out.splitlines()[-1].endswith("proofs hold.")
    steps = [line.partition("] ")[2] for line in answer.err.splitlines()]
    assert [step for step in steps if step in ("intake", "entitle", "instruct", "submit", "reconcile")] == [
        "submit",
        "reconcile",
    ]


def test_a_bank_that_stays_silent_is_waited_for_no_longer_than_configured(
    instructed: Salur, drop_of_twelve: Path, tmp_path: Path
) -> None:
    config = instructed.home / "salur.toml"
    config.write_text(
        config.read_text(encoding="utf-8").replace("wait_seconds = 60", "wait_seconds = 0"), encoding="utf-8"
    )
    instructed.release_all()
    instructed.ask("submit", "--to", tmp_path / "out")
    done = instructed.ask("run", "--period", PERIOD, "--source", drop_of_twelve, "--as", "siti")
    assert done["collect"] == {"files": [], "still_open": ["bca", "bni", "dana", "gopay", "linkaja", "ovo"]}
    assert done["reconcile"]["states"] == {"submitted": 12}
