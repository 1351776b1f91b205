"""Working on breaks by command, and what the report leaves for whoever checks it without a home."""

from __future__ import annotations

from pathlib import Path

from tests.lib.commands import PERIOD, Salur, call

LATE = "2020-08-01T08:00:00+07:00"


def with_breaks(salur: Salur, folder: Path) -> list[str]:
    """Everything is sent and nobody answers for a month: the breaks of that."""
    salur.release_all()
    salur.ask("submit", "--to", folder)
    salur.ask("reconcile", "--period", PERIOD, at=LATE)
    return [row["break_id"] for row in salur.ask("exceptions", "list", "--period", PERIOD, at=LATE)["exceptions"]]


def case_states(salur: Salur) -> set[str]:
    """Where the listed cases stand."""
    return {row["case_state"] for row in salur.ask("exceptions", "list", at=LATE)["exceptions"]}


def test_a_case_is_resolved_by_one_person_and_approved_by_another(instructed: Salur, tmp_path: Path) -> None:
    first, *_ = with_breaks(instructed, tmp_path / "out")
    instructed.ask("exceptions", "assign", first, "--as", "siti", "--to", "siti", at=LATE)
    instructed.ask("exceptions", "comment", first, "--as", "siti", "--note", "bank ditanya", at=LATE)
    instructed.ask("exceptions", "approve", first, "--as", "budi", code=10, at=LATE)
    resolve = ("exceptions", "resolve", first, "--as", "siti", "--reason", "jawaban menyusul")
    instructed.ask(*resolve, "--outcome", "paid", code=2, at=LATE)  # nobody says that it may have been paid
    instructed.ask("exceptions", "resolve", first, "--as", "siti", "--reason", "jawaban menyusul", at=LATE)
    instructed.ask("exceptions", "approve", first, "--as", " SITI", code=13, at=LATE)
    instructed.ask("exceptions", "approve", first, "--as", "budi", at=LATE)
    assert "approved" in case_states(instructed)


def test_a_resolution_can_be_refused_and_an_unknown_case_is(instructed: Salur, tmp_path: Path) -> None:
    first, *_ = with_breaks(instructed, tmp_path / "out")
    instructed.ask("exceptions", "resolve", first, "--as", "siti", "--reason", "jawaban menyusul", at=LATE)
    instructed.ask("exceptions", "refuse", first, "--as", "budi", "--reason", "belum ada surat", at=LATE)
    assert "proposed" not in case_states(instructed)
    instructed.ask("exceptions", "assign", "no-such-break", "--as", "siti", "--to", "budi", code=10, at=LATE)


def test_the_pack_of_a_report_is_checked_without_a_home_and_a_changed_one_is_damaged(
    instructed: Salur, tmp_path: Path
) -> None:
    with_breaks(instructed, tmp_path / "out")
    done = instructed.ask("report", "--period", PERIOD, "--out", tmp_path / "report", at=LATE)
    pack = Path(done["pack"])
    assert Path(done["report"]).is_file()
    assert call("verify", pack).code == 0
    changed = bytearray(pack.read_bytes())
    changed[len(changed) // 2] ^= 1
    (tmp_path / "changed.zip").write_bytes(changed)
    assert call("verify", tmp_path / "changed.zip", "--json").code == 15


def test_what_is_no_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(b"no zip")
    assert call("verify", tmp_path / "nowhere.zip").code == 10
    assert call("verify", tmp_path / "pack.zip").code == 10
