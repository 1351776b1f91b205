"""Batches and the consent to them: what a second person agrees to, and what keeps a payment from being sent."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.lib.commands import PERIOD, Salur

PROMISED = {"batch", "channel", "transaction_count", "control_sum_idr", "digest", "state"}


def submitted(salur: Salur, folder: Path, code: int = 0) -> list[str]:
    """The names of the files that `submit --to` leaves in a folder."""
    salur.ask("submit", "--to", folder, code=code)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_batches_are_listed_with_all_that_is_promised(instructed: Salur) -> None:
    found = instructed.ask("batches", "--period", PERIOD)["batches"]
    assert len(found) == 6
    assert all(row.keys() >= PROMISED for row in found)
    assert {(row["transaction_count"], row["control_sum_idr"], row["state"]) for row in found} == {
        (2, 1_200_000, "drafted")
    }
    assert instructed.ask("batches", "--period", "2020-07")["batches"] == []


def test_the_digest_can_be_computed_from_the_files_that_a_bank_gets(instructed: Salur, tmp_path: Path) -> None:
    instructed.release_all()
    names = submitted(instructed, tmp_path / "out")
    for row in instructed.batches():
        mine = [name for name in names if row["channel"].upper() in name]
        lines = [f"{name} {hashlib.sha256((tmp_path / 'out' / name).read_bytes()).hexdigest()}\n" for name in mine]
        assert row["digest"] == hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


@pytest.mark.parametrize("name", ["siti", "SITI", " siti ", "Siti\t"])
def test_the_maker_cannot_release_however_the_name_is_written(instructed: Salur, name: str) -> None:
    batch = instructed.batches()[0]
    instructed.ask("release", batch["batch"], "--as", name, "--digest", batch["digest"], code=13)
    assert {row["state"] for row in instructed.batches()} == {"drafted"}


def test_who_instructs_without_a_name_is_the_systems_user(empty: Salur, drop_of_twelve: Path) -> None:
    empty.ask("intake", "--source", drop_of_twelve)
    empty.ask("entitle", "--period", PERIOD)
    empty.ask("instruct", "--period", PERIOD)
    batch = empty.batches()[0]
    empty.ask("release", batch["batch"], "--as", batch["maker"], "--digest", batch["digest"], code=13)


@pytest.mark.parametrize("digest", ["", "0" * 64])
def test_a_release_of_another_digest_is_refused(instructed: Salur, digest: str) -> None:
    batch = instructed.batches()[0]["batch"]
    instructed.ask("release", batch, "--as", "budi", "--digest", digest, code=10)
    assert {row["state"] for row in instructed.batches()} == {"drafted"}


def test_a_release_of_an_unknown_batch_or_by_nobody_is_refused(instructed: Salur) -> None:
    batch = instructed.batches()[0]
    instructed.ask("release", "no-such-batch", "--as", "budi", "--digest", batch["digest"], code=10)
    instructed.ask("release", batch["batch"], "--as", " ", "--digest", batch["digest"], code=10)


def test_a_release_given_twice_changes_nothing_and_a_second_checker_is_recorded(
    instructed: Salur, tmp_path: Path
) -> None:
    batch = instructed.batches()[0]
    events = []
    for person in ("budi", "budi", "ani"):
        done = instructed.ask("release", batch["batch"], "--as", person, "--digest", batch["digest"])
        assert done["state"] == "released"
        instructed.ask("export", "events", "--out", tmp_path / "events.csv")
        text = (tmp_path / "events.csv").read_text(encoding="utf-8")
        events.append([text.count('"released"'), text.count('"budi"'), text.count('"ani"')])
    assert events == [[1, 1, 0], [1, 1, 0], [2, 1, 1]]


def test_a_consent_that_expired_can_be_given_again_by_the_same_person(instructed: Salur, tmp_path: Path) -> None:
    instructed.release_all("budi")
    later = Salur(instructed.home, "2020-07-09T08:00:00+07:00")
    assert submitted(later, tmp_path / "out", code=13) == []
    for row in later.batches():
        later.ask("release", row["batch"], "--as", "budi", "--digest", row["digest"])
    assert len(submitted(later, tmp_path / "out")) == 6


def test_nothing_is_sent_without_consent(instructed: Salur, tmp_path: Path) -> None:
    assert submitted(instructed, tmp_path / "out", code=13) == []
    batch = instructed.batches()[0]
    instructed.ask("release", batch["batch"], "--as", "budi", "--digest", batch["digest"])
    assert len(submitted(instructed, tmp_path / "out")) == 1


def test_what_was_sent_is_not_sent_again(instructed: Salur, tmp_path: Path) -> None:
    instructed.release_all()
    assert len(submitted(instructed, tmp_path / "out")) == 6
    assert instructed.ask("submit", "--to", tmp_path / "again")["files"] == []
    assert not (tmp_path / "again").exists()


def test_a_rejected_batch_frees_its_entitlements_and_a_new_one_has_other_names(
    instructed: Salur, tmp_path: Path
) -> None:
    before = instructed.batches()
    instructed.ask("export", "instructions", "--out", tmp_path / "before.csv")
    for row in before:
        instructed.ask("reject", row["batch"], "--as", "budi", "--reason", "daftar salah")
    assert {row["state"] for row in instructed.batches()} == {"withdrawn"}
    instructed.ask("release", before[0]["batch"], "--as", "ani", "--digest", before[0]["digest"], code=10)
    again = instructed.ask("instruct", "--period", PERIOD, "--as", "siti")
    assert again["instructed"] == 12
    assert not {row["batch"] for row in before} & set(again["batches"])
    instructed.ask("export", "instructions", "--out", tmp_path / "after.csv")
    first, rows = (_columns(tmp_path / name) for name in ("before.csv", "after.csv"))
    assert len(rows["end_to_end_id"]) == len(set(rows["end_to_end_id"])) == 24
    assert len(set(rows["file_name"])) == 12
    assert set(first["end_to_end_id"]) < set(rows["end_to_end_id"])


def _columns(path: Path) -> dict[str, list[str]]:
    import csv

    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_rejecting_twice_is_done_and_rejecting_what_was_sent_is_refused(instructed: Salur, tmp_path: Path) -> None:
    first, *_ = instructed.batches()
    for _ in range(2):
        instructed.ask("reject", first["batch"], "--as", "budi", "--reason", "daftar salah")
    instructed.release_all()
    submitted(instructed, tmp_path / "out")
    sent = next(row for row in instructed.batches() if row["state"] == "submitted")
    instructed.ask("reject", sent["batch"], "--as", "budi", "--reason", "terlambat", code=10)
    instructed.ask("reject", "no-such-batch", "--as", "budi", "--reason", "daftar salah", code=10)


def test_a_held_person_is_not_sent_until_the_hold_ends(instructed: Salur, tmp_path: Path) -> None:
    instructed.release_all()
    for _ in range(2):
        instructed.ask("hold", "CONTOH0001", "--reason", "diperiksa")
    assert len(submitted(instructed, tmp_path / "out", code=13)) == 5
    held = [row["channel"] for row in instructed.batches() if row["state"] == "released"]
    assert held == ["bca"]
    instructed.ask("unhold", "CONTOH0001", "--reason", "selesai")
    assert len(submitted(instructed, tmp_path / "out")) == 6


def test_a_batch_that_cannot_leave_hides_neither_what_left_nor_who_holds_it(instructed: Salur, tmp_path: Path) -> None:
    instructed.release_all()
    for who in ("CONTOH0001", "CONTOH0002"):
        instructed.ask("hold", who, "--reason", "diperiksa")
    answer = instructed.ask("submit", "--to", tmp_path / "out", code=13)
    blocked = [row["batch"] for row in instructed.batches() if row["state"] == "released"]
    assert {row["file_name"] for row in answer["files"]} == {path.name for path in (tmp_path / "out").iterdir()}
    assert len(blocked) == 1 + len(answer["error"].get("others", ()))
    assert instructed.ask("status")["on_hold"] == ["CONTOH0001", "CONTOH0002"]


def test_a_person_on_hold_is_left_out_when_instructed_and_nobody_else_is(empty: Salur, drop_of_twelve: Path) -> None:
    empty.ask("intake", "--source", drop_of_twelve)
    empty.ask("hold", "CONTOH0001", "--reason", "diperiksa")
    empty.ask("entitle", "--period", PERIOD)
    done = empty.ask("instruct", "--period", PERIOD, "--as", "siti")
    assert (done["instructed"], sum(done["left_out"].values())) == (11, 1)
    empty.ask("hold", "NOBODY", "--reason", "diperiksa", code=10)


def test_a_stop_keeps_everything_from_being_sent_until_resumed(instructed: Salur, tmp_path: Path) -> None:
    instructed.release_all()
    for _ in range(2):
        instructed.ask("stop", "--reason", "bank meminta menunggu")
    assert submitted(instructed, tmp_path / "out", code=13) == []
    assert instructed.ask("status")["stopped"] == "bank meminta menunggu"
    instructed.ask("resume")
    assert len(submitted(instructed, tmp_path / "out")) == 6


def test_a_bank_that_is_not_configured_needs_a_person_and_says_how(instructed: Salur) -> None:
    instructed.release_all()
    error = instructed.ask("submit", "--bank", "bni", code=13)["error"]
    assert "salur.toml" in error["why"]
    assert "--to" in error["do"]
    assert {row["state"] for row in instructed.batches()} == {"released"}
