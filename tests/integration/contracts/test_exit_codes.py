"""Every exit code of the contract, each by a situation that brings it about. What cannot be foreseen is 1, and none is here."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lib.commands import PERIOD, Salur, call
from tests.lib.ports import free_port


def plant_instruction(salur: Salur, amount_idr: int) -> None:
    """An instruction that no step of ours made, put into the record behind its back."""
    with sqlite3.connect(salur.home / "ledger.db") as ledger:
        ledger.execute(
            "INSERT INTO instructions SELECT 'PLANTED00000000', 'PLANTED', benefit, sequence, attempt, previous_attempt,"
            " period, policy, ?, due_on, channel, account_version, account_mac, batch, file_name, last_payment_date,"
            " sk_number, sk_line, fiscal_year"
            " FROM instructions LIMIT 1",
            [amount_idr],
        )


def change_object(salur: Salur, sha256: str) -> None:
    """One byte of an archived object, changed."""
    path = salur.home / "archive" / sha256[:2] / sha256
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def sha256_of_a_file(salur: Salur) -> str:
    """The archive's key of the first bank file."""
    with sqlite3.connect(salur.home / "ledger.db") as ledger:
        return str(ledger.execute("SELECT sha256 FROM files ORDER BY file_name LIMIT 1").fetchone()[0])


def point_at_nobody(salur: Salur, banks: tuple[str, ...] = ("bca", "bni", "dana", "gopay", "linkaja", "ovo")) -> None:
    """Configure banks at a port where nobody listens."""
    port = free_port()
    key = salur.home / "keys" / "bank_ed25519"
    import asyncssh

    asyncssh.generate_private_key("ssh-ed25519").write_private_key(key)
    key.chmod(0o600)
    public = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    tables = "".join(
        f'[banks.{code}]\nhost = "127.0.0.1"\nport = {port}\nuser = "salur"\nprivate_key = "keys/bank_ed25519"\n'
        f'host_key = "{public}"\ninbox = "/in"\noutbox = "/out"\n'
        for code in banks
    )
    config = salur.home / "salur.toml"
    config.write_text(config.read_text(encoding="utf-8") + tables, encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        ("init",),
        ("submit",),
        ("collect",),
        ("batches", "--period", "2020-01"),
        ("reconcile", "--period", PERIOD),
        ("resume",),
        ("status",),
        ("exceptions", "list"),
    ],
    ids=" ".join,
)
def test_nothing_to_do_is_done(empty: Salur, words: tuple[str, ...]) -> None:
    empty.ask(*words)


def test_quarantined_rows_are_no_failure(empty: Salur, tmp_path: Path) -> None:
    (tmp_path / "surveys.csv").write_text("participant_id,number,completed_at\nP1,one,\n,1,\n", encoding="utf-8")
    done = empty.ask("intake", "--source", tmp_path)
    assert (done["taken"], done["quarantined"]) == (0, 2)


def test_open_breaks_are_no_failure(instructed: Salur, tmp_path: Path) -> None:
    instructed.release_all()
    instructed.ask("submit", "--to", tmp_path / "out")
    done = instructed.ask("reconcile", "--period", PERIOD, at="2020-08-01T08:00:00+07:00")
    assert sum(done["breaks"].values()) > 0
    assert len(instructed.ask("exceptions", "list")["exceptions"]) == sum(done["breaks"].values())


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("entitle",),
        ("entitle", "--period", "2020-13"),
        ("entitle", "--period", "202-006"),
        ("entitle", "--period", "2020-06", "--as-of", "2020-06-30T23:59:59"),
        ("instruct", "--period", "2020-06", "--execution-date", "30-06-2020"),
        ("fund", "--amount", "0", "--reference", "SP2D-1"),
        ("fund", "--amount", "1.5", "--reference", "SP2D-1"),
        ("export", "people", "--out", "people.csv"),
        ("export", "files", "--out", "files.xlsx"),
        ("submit", "--bank", "nobank"),
        ("collect", "--bank", "nobank"),
        ("receive", "answer.xml", "--bank", "nobank"),
        ("exceptions", "nonsense"),
        ("money", "--at-date", "9999-12-31"),
        ("money", "--period", "9999-12"),
        ("money", "--fiscal-year", "99999999999999999999"),
        ("stop", "--reason", "x\udcff"),
    ],
    ids=lambda words: " ".join(words).encode(errors="replace").decode(),
)
def test_wrong_usage_is_2(empty: Salur, words: tuple[str, ...]) -> None:
    assert empty(*words).code == 2


def test_a_clock_without_an_offset_is_wrong_usage(empty: Salur) -> None:
    assert empty("status", at="2020-07-01T08:00:00").code == 2


def test_input_that_is_refused_is_10_and_nothing_is_taken(empty: Salur, tmp_path: Path) -> None:
    empty.ask("intake", "--source", tmp_path / "nowhere", code=10)
    (tmp_path / "surveys.csv").write_text("number\n1\n", encoding="utf-8")
    empty.ask("intake", "--source", tmp_path, code=10)
    (tmp_path / "surveys.csv").write_text("participant_id,number\nP1,1\n", encoding="utf-8")
    (tmp_path / "manifest.json").write_text('{"files": {"surveys.csv": {"rows": 2}}}', encoding="utf-8")
    empty.ask("intake", "--source", tmp_path, code=10)
    (tmp_path / "manifest.json").unlink()
    assert empty.ask("intake", "--source", tmp_path)["taken"] == 1
    empty.ask("receive", tmp_path / "nowhere.xml", "--bank", "bni", code=10)


def test_a_reference_of_money_stands_for_one_amount(empty: Salur) -> None:
    for _ in range(2):
        assert empty.ask("fund", "--amount", "1000", "--reference", "SP2D-1")["funded_idr"] == 1000
    empty.ask("fund", "--amount", "2000", "--reference", "SP2D-1", code=10)


def test_a_place_that_is_no_home_is_refused(tmp_path: Path) -> None:
    assert call("--home", tmp_path, "status").code == 10


def test_a_data_check_that_fails_stops_the_step_with_11_and_leaves_its_finding(
    instructed: Salur, tmp_path: Path
) -> None:
    plant_instruction(instructed, amount_idr=2_000_000_000)
    instructed.ask("reconcile", "--period", PERIOD, code=11)
    instructed.ask("export", "proofs", "--out", tmp_path / "proofs.csv")
    assert (tmp_path / "proofs.csv").read_text(encoding="utf-8").count("\n") == 1
    instructed.ask("export", "checks", "--out", tmp_path / "checks.csv")
    failed = [line for line in (tmp_path / "checks.csv").read_text(encoding="utf-8").splitlines() if "false,1" in line]
    assert ["matches.v1" in line and '"stop"' in line for line in failed] == [True]


def test_a_proof_that_does_not_hold_is_12_and_is_kept(instructed: Salur, tmp_path: Path) -> None:
    plant_instruction(instructed, amount_idr=600_000)
    error = instructed.ask("reconcile", "--period", PERIOD, code=12)["error"]
    assert "Rp600.000" in error["why"]
    instructed.ask("export", "proofs", "--period", PERIOD, "--out", tmp_path / "proofs.csv")
    assert ",false" in (tmp_path / "proofs.csv").read_text(encoding="utf-8")


def test_what_a_person_must_do_first_is_13(empty: Salur) -> None:
    assert "salur entitle" in empty.ask("instruct", "--period", PERIOD, code=13)["error"]["do"]
    empty.ask("collect", "--bank", "bni", code=13)


def test_a_bank_out_of_reach_is_14_and_nothing_is_known_as_sent(instructed: Salur) -> None:
    point_at_nobody(instructed)
    instructed.release_all()
    for words in (("submit",), ("submit", "--bank", "bni"), ("collect",), ("doctor",)):
        assert instructed(*words).code == 14
    assert {row["state"] for row in instructed.batches()} == {"released"}


def test_a_home_that_cannot_be_written_is_14(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert call("--home", tmp_path / "file" / "home", "init").code == 14


def test_an_archive_that_cannot_be_written_is_14_and_nothing_is_taken(empty: Salur, drop_of_twelve: Path) -> None:
    (empty.home / "archive").rename(empty.home / "away")
    (empty.home / "archive").write_text("", encoding="utf-8")
    empty.ask("intake", "--source", drop_of_twelve, code=14)
    (empty.home / "archive").unlink()
    (empty.home / "away").rename(empty.home / "archive")
    assert empty.ask("intake", "--source", drop_of_twelve)["taken"] == 37


def test_a_ledger_that_cannot_be_opened_is_14(empty: Salur) -> None:
    (empty.home / "ledger.db").unlink()
    (empty.home / "ledger.db").mkdir()
    empty.ask("stop", "--reason", "uji", code=14)


def _changed_file(salur: Salur) -> None:
    change_object(salur, sha256_of_a_file(salur))


def _missing_file(salur: Salur) -> None:
    key = sha256_of_a_file(salur)
    (salur.home / "archive" / key[:2] / key).unlink()


def _changed_event(salur: Salur) -> None:
    with sqlite3.connect(salur.home / "ledger.db") as ledger:
        ledger.execute("DROP TRIGGER events_no_update")
        ledger.execute("UPDATE events SET actor = 'orang lain' WHERE seq = 2")


def _removed_event(salur: Salur) -> None:
    with sqlite3.connect(salur.home / "ledger.db") as ledger:
        ledger.execute("DROP TRIGGER events_no_delete")
        ledger.execute("DELETE FROM events WHERE seq = 2")


@pytest.mark.parametrize("damage", [_changed_file, _missing_file, _changed_event, _removed_event])
def test_damaged_evidence_is_15_and_doctor_finds_it(instructed: Salur, damage: Callable[[Salur], None]) -> None:
    assert instructed.ask("doctor")["ok"]
    damage(instructed)
    found = instructed.ask("doctor", code=15)
    assert [check["what"] for check in found["checks"] if not check["ok"]] in (["archive"], ["event chain"])


def test_changed_bytes_are_never_sent(instructed: Salur, tmp_path: Path) -> None:
    change_object(instructed, sha256_of_a_file(instructed))
    instructed.release_all()
    instructed.ask("submit", "--to", tmp_path / "out", code=15)
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_changed_decisions_are_not_instructed(empty: Salur, drop_of_twelve: Path) -> None:
    empty.ask("intake", "--source", drop_of_twelve)
    empty.ask("entitle", "--period", PERIOD)
    with sqlite3.connect(empty.home / "ledger.db") as ledger:
        (key,) = ledger.execute("SELECT archive_key FROM entitlement_runs").fetchone()
    change_object(empty, key)
    empty.ask("instruct", "--period", PERIOD, code=15)
    assert empty.batches() == []


def test_a_row_of_the_record_cannot_be_changed_or_removed(instructed: Salur) -> None:
    with sqlite3.connect(instructed.home / "ledger.db") as ledger:
        for act in ("UPDATE instructions SET amount_idr = 1", "DELETE FROM events"):
            with pytest.raises(sqlite3.IntegrityError, match="insert-only"):
                ledger.execute(act)
