"""What is unknown: by silence past a bank's deadline, and until evidence moves it; a bank's written answer by two people."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from disbursement import steps as paying
from ledger import journal, queries, unknowns
from ledger.house import House
from reconciliation import letters
from reconciliation import steps as proving
from reconciliation.reports.pack import verify_pack
from schemas.errors import InputRejected, PersonNeeded, SalurError, WrongUsage
from simulator.bank import SimulatedBank
from simulator.descriptions import describe_bank
from tests.lib.databases import Database
from tests.lib.joined import (
    AT,
    BANK,
    COUNT,
    LATER,
    PERIOD,
    TRANCHE,
    Sent,
    instructed,
    opened,
    sent_to,
    unproved,
    without,
)
from tests.lib.small_home import dump, events, file_states, instruction_states
from tests.lib.sshd import SshServer
from treasury import exports


@pytest.fixture(scope="module")
def sent_once(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """A batch of eight, carried to its bank, six days later."""
    made = sent_to(instructed(tmp_path_factory.mktemp("instructed")) / "home")
    made.house.store.engine.dispose()
    return made


@pytest.fixture(scope="module")
def silent_once(sent_once: Sent, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """The batch of which the bank has said nothing by its deadline."""
    made = copied(sent_once, tmp_path_factory.mktemp("silent"))
    proving.reconcile(made.house, PERIOD)
    made.house.store.engine.dispose()
    return made


@pytest.fixture
def sent(sent_once: Sent, tmp_path: Path) -> Sent:
    """The batch at its bank, in a home of its own, with a bank that has said nothing yet."""
    return copied(sent_once, tmp_path)


@pytest.fixture
def silent(silent_once: Sent, tmp_path: Path) -> Sent:
    """The silent batch, in a home of its own, with a bank that has said nothing yet."""
    return copied(silent_once, tmp_path)


def copied(made: Sent, to: Path) -> Sent:
    shutil.copytree(made.house.path, to / "home")
    bank = SimulatedBank(replace(describe_bank(BANK), rejects_per_million=0), seed=1)
    return made._replace(house=opened(to / "home", LATER), bank=bank)


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """A bank's letter."""
    path = tmp_path / "letter.pdf"
    path.write_bytes(b"SURAT BANK CONTOH: berkas tidak pernah kami terima")
    return path


def code_of(act: Callable[[], object]) -> int:
    """The exit code with which an act ends."""
    try:
        act()
    except SalurError as error:
        return error.exit_code
    return 0


def answered(house: House, subject: str, says: str, letter: Path, **more: Any) -> dict[str, Any]:
    """A written answer, entered by one person and confirmed by another."""
    entered = letters.answer(house, subject, says, letter, "siti", **more)
    return letters.confirm(house, subject, "budi", entered["digest"])


def breaks(house: House) -> list[tuple[str, str | None]]:
    """Kind, and payment or else file, of each open break."""
    rows = proving.exceptions(house, PERIOD)
    return sorted(((row["kind"], row["end_to_end_id"] or row["file_name"]) for row in rows), key=str)


def tally(house: House) -> dict[str, int]:
    states = list(instruction_states(house).values())
    return {state: states.count(state) for state in sorted(set(states))}


def at_day(sent: Sent, days: float) -> House:
    return replace(sent.house, at=LATER + timedelta(days=days))


class TestSilence:
    """A bank that was proved to have a file says nothing of it by its deadline."""

    def test_it_leaves_the_file_unknown_with_an_event_as_evidence_and_the_break_stays(self, silent: Sent) -> None:
        assert tally(silent.house) == {"unknown": COUNT}
        assert file_states(silent.house) == {silent.file_name: "unknown"}
        assert breaks(silent.house) == [("missing_at_bank", silent.file_name)]
        with silent.house.store.reading() as connection:
            _, event = queries.file_standing(connection)[silent.file_name]
            deadline = AT + timedelta(hours=24)
            assert queries.event_details(connection, event) == {
                "found": f"silence past {deadline:%Y-%m-%dT%H:%M:%SZ}", "count": COUNT, "sum_idr": COUNT * TRANCHE,
            }  # fmt: skip
        assert unproved(silent.house) == []

    def test_found_again_it_adds_nothing(self, silent: Sent) -> None:
        before = dump(silent.house, "check_results")
        proving.reconcile(silent.house, PERIOD)
        assert dump(silent.house, "check_results") == before

    def test_a_deadline_itself_is_not_past(self, sent: Sent) -> None:
        proving.reconcile(replace(sent.house, at=AT + timedelta(hours=24)), PERIOD)
        assert tally(sent.house) == {"submitted": COUNT}

    def test_the_period_of_a_silent_file_is_to_be_reconciled_until_it_is_unknown(self, sent: Sent) -> None:
        assert proving.unreconciled(replace(sent.house, at=AT)) == []
        assert proving.unreconciled(sent.house) == [PERIOD]
        proving.reconcile(sent.house, PERIOD)
        assert proving.unreconciled(sent.house) == []

    def test_a_late_answer_moves_it_on_as_any_does(self, silent: Sent) -> None:
        silent.receive(silent.answers())
        proving.reconcile(silent.house, PERIOD)
        assert tally(silent.house) == {"debited": COUNT}
        assert breaks(silent.house) == []
        assert unproved(silent.house) == []

    def test_of_a_file_that_is_answered_but_for_one_payment_that_one_alone_is_unknown(self, sent: Sent) -> None:
        left_out = all_but_one(sent)
        assert instruction_states(sent.house)[left_out] == "unknown"
        assert tally(sent.house) == {"debited": COUNT - 1, "unknown": 1}
        assert [row["subject"] for row in letters.waiting(sent.house)] == [left_out]
        assert unproved(sent.house) == []

    def test_it_is_never_sent_again_by_any_way(self, silent: Sent, tmp_path: Path) -> None:
        assert paying.submit(silent.house, None, tmp_path / "again") == {"files": []}
        assert paying.submit(silent.house) == {"files": []}  # and no bank need be configured for that
        assert events(silent.house, "submission_intended") == [silent.file_name]
        assert not (tmp_path / "again").exists()

    def test_it_is_shown_with_its_age_and_what_is_needed(self, silent: Sent) -> None:
        (row,) = exports.status(at_day(silent, 3), PERIOD)["unknown"]
        assert (row["subject"], row["count"], row["sum_idr"]) == (silent.file_name, COUNT, COUNT * TRANCHE)
        assert (row["age_days"], row["may_be_sent"], row["answer"]) == (3, False, None)
        assert row["do"].startswith("ask the bank")
        looked = {check["what"]: check for check in exports.doctor(at_day(silent, 3))["checks"]}
        assert looked["unknown"]["found"].startswith("1 files and payments, the oldest for 3 days")

    def test_it_is_never_withdrawn(self, silent: Sent) -> None:
        (batch,) = queries.batches(silent.house.store)
        assert code_of(lambda: paying.reject(silent.house, batch["batch"], "budi", "uji")) == InputRejected.exit_code


def all_but_one(sent: Sent) -> str:
    """The bank's status report leaves one payment out, and its statement is not there yet; which payment."""
    left_out = min(instruction_states(sent.house))
    (name, report), *_ = sent.answers()
    sent.receive([(name, without(report, left_out))])
    proving.reconcile(sent.house, PERIOD)
    return left_out


class TestWrittenAnswer:
    """A letter of the bank, entered by one person and confirmed by another."""

    def test_that_a_file_never_arrived_ends_its_attempts_and_brings_the_money_back(
        self, silent: Sent, letter: Path, tmp_path: Path
    ) -> None:
        told = answered(silent.house, silent.file_name, "never_arrived", letter)
        assert (told["state"], told["count"], told["sum_idr"]) == ("never_arrived", COUNT, COUNT * TRANCHE)
        assert told["looked"] == "the bank is not configured: nobody looked"
        assert tally(silent.house) == {"never_arrived": COUNT}
        with silent.house.store.reading() as connection:
            assert set(queries.attempts(connection)["end"].to_pylist()) == {"never_arrived"}
            assert set(journal.trial_balance(connection)["balance_idr"].to_pylist()) == {0}
        proving.reconcile(silent.house, PERIOD)
        assert (tally(silent.house), breaks(silent.house), unproved(silent.house)) == ({"never_arrived": COUNT}, [], [])
        assert paying.submit(silent.house, None, tmp_path / "again") == {"files": []}
        verify_pack(Path(proving.report(silent.house, PERIOD, tmp_path, data_docs=False)["pack"]))

    def test_nothing_moves_before_it_is_confirmed(self, silent: Sent, letter: Path) -> None:
        entered = letters.answer(silent.house, silent.file_name, "never_arrived", letter, "siti")
        assert tally(silent.house) == {"unknown": COUNT}
        (row,) = letters.waiting(silent.house)
        assert (row["answer"]["says"], row["answer"]["entered_by"]) == ("never_arrived", "siti")
        assert row["answer"]["digest"] == entered["digest"]

    def test_the_letters_bytes_are_kept(self, silent: Sent, letter: Path) -> None:
        told = answered(silent.house, silent.file_name, "received", letter)
        assert silent.house.archive.get(told["letter_sha256"]) == letter.read_bytes()

    @pytest.mark.parametrize("person", ["siti", " SITI "])
    def test_who_entered_it_cannot_confirm_it(self, silent: Sent, letter: Path, person: str) -> None:
        digest = letters.answer(silent.house, silent.file_name, "never_arrived", letter, "siti")["digest"]
        confirm = lambda: letters.confirm(silent.house, silent.file_name, person, digest)  # noqa: E731
        assert code_of(confirm) == PersonNeeded.exit_code
        assert tally(silent.house) == {"unknown": COUNT}

    def test_consent_is_to_this_answer_by_this_letter_and_to_no_other(self, silent: Sent, letter: Path) -> None:
        first = letters.answer(silent.house, silent.file_name, "never_arrived", letter, "siti")["digest"]
        letter.write_bytes(b"another letter")
        second = letters.answer(silent.house, silent.file_name, "never_arrived", letter, "siti")["digest"]
        third = letters.answer(silent.house, silent.file_name, "received", letter, "siti")["digest"]
        assert len({first, second, third}) == 3
        for digest in (first, second):
            confirm = lambda digest=digest: letters.confirm(silent.house, silent.file_name, "budi", digest)  # noqa: E731
            assert code_of(confirm) == InputRejected.exit_code
        assert letters.confirm(silent.house, silent.file_name, "budi", third)["state"] == "submitted"

    def test_entered_or_confirmed_twice_it_is_one(self, silent: Sent, letter: Path) -> None:
        for _ in range(2):
            digest = letters.answer(silent.house, silent.file_name, "never_arrived", letter, "siti")["digest"]
        once = letters.confirm(silent.house, silent.file_name, "budi", digest)
        before = dump(silent.house)
        assert letters.confirm(silent.house, silent.file_name, "budi", digest) == once
        assert dump(silent.house) == before
        assert events(silent.house, unknowns.ENTERED) == [silent.file_name]

    def test_what_the_bank_says_in_between_makes_it_void(self, silent: Sent, letter: Path) -> None:
        digest = letters.answer(silent.house, silent.file_name, "never_arrived", letter, "siti")["digest"]
        silent.receive(silent.answers())
        confirm = lambda: letters.confirm(silent.house, silent.file_name, "budi", digest)  # noqa: E731
        assert code_of(confirm) == InputRejected.exit_code
        assert tally(silent.house) == {"debited": COUNT}

    def test_only_what_is_unknown_can_be_answered_in_writing(self, sent: Sent, letter: Path) -> None:
        for subject in (sent.file_name, "NOBODY"):
            answer = lambda subject=subject: letters.answer(sent.house, subject, "never_arrived", letter, "siti")  # noqa: E731
            assert code_of(answer) == InputRejected.exit_code

    def test_a_letter_about_a_file_cannot_speak_for_what_the_bank_has_answered(self, sent: Sent, letter: Path) -> None:
        (name, report), *_ = sent.answers()
        keep = min(instruction_states(sent.house))
        for reference in sorted(instruction_states(sent.house)):
            report = without(report, reference) if reference != keep else report
        sent.receive([(name, report)])
        proving.reconcile(sent.house, PERIOD)
        assert file_states(sent.house) == {sent.file_name: "unknown"}
        answer = lambda: letters.answer(sent.house, sent.file_name, "never_arrived", letter, "siti")  # noqa: E731
        assert code_of(answer) == InputRejected.exit_code

    def test_that_a_file_was_received_gives_the_bank_its_time_anew(self, silent: Sent, letter: Path) -> None:
        answered(silent.house, silent.file_name, "received", letter)
        assert tally(silent.house) == {"submitted": COUNT}
        proving.reconcile(at_day(silent, 1), PERIOD)
        assert tally(silent.house) == {"submitted": COUNT}
        proving.reconcile(at_day(silent, 1.01), PERIOD)
        assert tally(silent.house) == {"unknown": COUNT}
        again = replace(silent.house, at=LATER + timedelta(days=2))
        assert paying.submit(again) == {"files": []}
        answered(again, silent.file_name, "received", letter)  # the same letter is another answer by then
        assert tally(silent.house) == {"submitted": COUNT}

    def test_a_rejection_ends_the_one_payment_with_the_code_that_the_letter_names(
        self, sent: Sent, letter: Path
    ) -> None:
        left_out = all_but_one(sent)
        answered(sent.house, left_out, "rejected", letter, code="AC04")
        proving.reconcile(sent.house, PERIOD)
        with sent.house.store.reading() as connection:
            rows = queries.instruction_rows(connection).to_pylist()
        (row,) = (row for row in rows if row["end_to_end_id"] == left_out)
        assert (row["state"], row["code_list"], row["reason_code"]) == ("rejected", "status", "AC04")
        assert unproved(sent.house) == []

    def test_a_credit_stands_and_the_debit_that_a_statement_shows_is_no_contradiction(
        self, sent: Sent, letter: Path
    ) -> None:
        (name, report), *statements = sent.answers()
        left_out = min(instruction_states(sent.house))
        sent.receive([(name, without(report, left_out))])
        proving.reconcile(sent.house, PERIOD)
        answered(sent.house, left_out, "credited", letter)
        assert sent.receive(statements) == ["taken"]
        proving.reconcile(sent.house, PERIOD)
        assert tally(sent.house) == {"credited": 1, "debited": COUNT - 1}
        assert breaks(sent.house) == []
        assert unproved(sent.house) == []

    @pytest.mark.parametrize("code", ["AM05", "AC4", "ac04"])
    def test_a_reason_that_is_none_or_says_that_the_bank_has_it_is_refused(
        self, silent: Sent, letter: Path, code: str
    ) -> None:
        answer = lambda: letters.answer(silent.house, silent.file_name, "rejected", letter, "siti", code)  # noqa: E731
        assert code_of(answer) == (InputRejected if code == "AM05" else WrongUsage).exit_code


def test_on_either_database_silence_and_a_letter_end_what_never_arrived(
    database: Database, tmp_path: Path, letter: Path
) -> None:
    with database.for_home() as dsn:
        sent = sent_to(instructed(tmp_path, dsn) / "home")
        proving.reconcile(sent.house, PERIOD)
        assert [row["why"] for row in letters.waiting(sent.house)] == ["silence past 2020-07-02T02:00:00Z"]
        answered(sent.house, sent.file_name, "never_arrived", letter)
        proving.reconcile(sent.house, PERIOD)
        assert (tally(sent.house), unproved(sent.house)) == ({"never_arrived": COUNT}, [])
        sent.house.store.engine.dispose()


class TestContradiction:
    """The bank's files say otherwise than its letter said."""

    def test_a_file_that_never_arrived_and_is_answered_is_a_break_and_stays(self, silent: Sent, letter: Path) -> None:
        answered(silent.house, silent.file_name, "never_arrived", letter)
        silent.receive(silent.answers())
        proving.reconcile(silent.house, PERIOD)
        assert tally(silent.house) == {"never_arrived": COUNT}
        assert ("contradiction", silent.file_name) in breaks(silent.house)
        assert unproved(silent.house) == []

    @pytest.mark.parametrize("says", ["never_arrived", "rejected"])
    def test_a_payment_that_ended_in_writing_and_is_paid_is_a_break_and_stays(
        self, sent: Sent, letter: Path, says: str
    ) -> None:
        (_, report), *_ = sent.answers()
        left_out = all_but_one(sent)
        answered(sent.house, left_out, says, letter)
        sent.receive([("late.xml", report)])
        proving.reconcile(sent.house, PERIOD)
        assert tally(sent.house) == {"debited": COUNT - 1, says: 1}
        assert ("contradiction", left_out) in breaks(sent.house)
        assert unproved(sent.house) == []

    def test_a_credit_in_writing_that_a_report_rejects_is_a_break_and_stays(self, sent: Sent, letter: Path) -> None:
        left_out = all_but_one(sent)
        answered(sent.house, left_out, "credited", letter)
        bank = sent_bank_that_rejects(sent)
        sent.receive([("late.xml", bank)])
        proving.reconcile(sent.house, PERIOD)
        assert instruction_states(sent.house)[left_out] == "credited"
        assert ("contradiction", left_out) in breaks(sent.house)


def sent_bank_that_rejects(sent: Sent) -> bytes:
    """A report of the same bank in which every payment is rejected."""
    description = replace(describe_bank(BANK), rejects_per_million=1_000_000)
    bank = SimulatedBank(description, seed=1)
    (_, report), *_ = bank.take(sent.file_name, sent.data)
    return bytes(report)


@pytest.mark.needs("openssh")
class TestLook:
    """The bank's own listing, before anything is said never to have arrived."""

    def configured(self, house: House, server: SshServer) -> House:
        server.folders("in", "out")
        table = {
            "host": server.host, "port": server.port, "user": server.user, "private_key": str(server.client_key),
            "host_key": server.host_key, "inbox": "in", "outbox": "out", "timeout_seconds": 10,
        }  # fmt: skip
        return replace(house, config={**house.config, "banks": {BANK: table}})

    def test_what_is_listed_cannot_be_said_never_to_have_arrived(
        self, silent: Sent, letter: Path, sftp_server: SshServer
    ) -> None:
        house = self.configured(silent.house, sftp_server)
        digest = letters.answer(house, silent.file_name, "never_arrived", letter, "siti")["digest"]
        (sftp_server.root / "in" / silent.file_name).write_bytes(silent.data)
        for act in (
            lambda: letters.answer(house, silent.file_name, "never_arrived", letter, "siti"),
            lambda: letters.confirm(house, silent.file_name, "budi", digest),
        ):
            assert code_of(act) == PersonNeeded.exit_code
        assert tally(house) == {"unknown": COUNT}
        (sftp_server.root / "in" / silent.file_name).unlink()
        assert letters.confirm(house, silent.file_name, "budi", digest)["looked"] == "not listed"

    def test_a_bank_out_of_reach_is_said_to_be(self, silent: Sent, letter: Path, sftp_server: SshServer) -> None:
        house = self.configured(silent.house, sftp_server)
        sftp_server.stop()
        looked = answered(house, silent.file_name, "never_arrived", letter)["looked"]
        assert looked == "the bank could not be looked at (BankUnreachable)"
        assert tally(house) == {"never_arrived": COUNT}

    def test_nothing_is_sent_again_even_to_a_bank_that_leaves_files_where_they_arrived(
        self, silent: Sent, sftp_server: SshServer
    ) -> None:
        house = self.configured(silent.house, sftp_server)
        house.config["banks"][BANK]["after_arrival"] = "left"
        assert paying.submit(house) == {"files": []}
        assert list((sftp_server.root / "in").iterdir()) == []
