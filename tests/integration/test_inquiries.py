"""Inquiries to a bank that is a real OpenSSH server: drafted, released where they take money back, sent once, and proving nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from banks.formats import inquiries as message
from disbursement import inquiries, steps
from ledger import store
from ledger.house import House
from reconciliation import letters
from reconciliation import steps as proving
from reconciliation.reports.pack import verify_pack
from schemas.errors import InputRejected, PersonNeeded, SalurError, TryLater, WrongUsage
from tests.lib.joined import BANK, COUNT, LATER, PERIOD, TRANCHE, Sent, instructed, opened, sent_to
from tests.lib.small_home import dump, events, instruction_states
from tests.lib.sshd import SshServer

pytestmark = pytest.mark.needs("openssh")


@pytest.fixture(scope="module")
def silent_once(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """A batch of eight that was carried to its bank six days ago, of which the bank says nothing."""
    made = sent_to(instructed(tmp_path_factory.mktemp("instructed")) / "home")
    proving.reconcile(made.house, PERIOD)
    made.house.store.engine.dispose()
    return made


@pytest.fixture
def sent(silent_once: Sent, tmp_path: Path) -> Sent:
    """That home, copied."""
    return copied(silent_once, tmp_path)


def copied(made: Sent, to: Path) -> Sent:
    shutil.copytree(made.house.path, to / "home")
    return made._replace(house=opened(to / "home", LATER))


@pytest.fixture
def online(sent: Sent, sftp_server: SshServer) -> House:
    """That home, with a bank that takes both kinds of inquiry over SFTP."""
    sftp_server.folders("in", "out")
    return pointed(sent.house, sftp_server)


def pointed(house: House, server: SshServer, **more: Any) -> House:
    table = {
        "host": server.host, "port": server.port, "user": server.user, "private_key": str(server.client_key),
        "host_key": server.host_key, "inbox": "in", "outbox": "out", "timeout_seconds": 10,
        "status_inquiry": "pacs.028.001.03", "cancel_inquiry": "camt.056.001.12",
    }  # fmt: skip
    return replace(house, config={**house.config, "banks": {BANK: table | more}})


def code_of(act: Callable[[], object]) -> int:
    """The exit code with which an act ends."""
    try:
        act()
    except SalurError as error:
        return error.exit_code
    return 0


def there(server: SshServer) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (server.root / "in").iterdir()}


def state_of(house: House, name: str) -> str:
    return str(next(row["state"] for row in inquiries.listed(house) if row["file_name"] == name))


def test_a_question_for_the_status_is_kept_sent_once_and_moves_nothing(
    online: House, sent: Sent, sftp_server: SshServer
) -> None:
    asked = inquiries.draft(online, sent.file_name, "status", "siti")
    assert (asked["state"], asked["count"], asked["sum_idr"]) == ("drafted", COUNT, COUNT * TRANCHE)
    assert there(sftp_server) == {}
    assert steps.submit(online)["files"] == [{"file_name": asked["file_name"], "bank": BANK, "state": "submitted"}]
    assert list(there(sftp_server)) == [asked["file_name"]]
    assert there(sftp_server)[asked["file_name"]] == online.archive.get(asked["sha256"])
    told = message.read_back(there(sftp_server)[asked["file_name"]])
    assert (told.transaction_count, told.control_sum_idr, told.payments) == (COUNT, COUNT * TRANCHE, ())
    (sftp_server.root / "in" / asked["file_name"]).unlink()
    assert steps.submit(online) == {"files": []}
    assert (there(sftp_server), state_of(online, asked["file_name"])) == ({}, "submitted")
    assert set(instruction_states(online).values()) == {"unknown"}


def test_asked_again_the_same_day_it_is_the_same_and_the_next_day_another(online: House, sent: Sent) -> None:
    first = inquiries.draft(online, sent.file_name, "status", "siti")
    before = dump(online)
    assert inquiries.draft(replace(online, at=online.at + timedelta(hours=1)), sent.file_name, "status", "ani") == first
    assert dump(online) == before
    tomorrow = replace(online, at=online.at + timedelta(days=1))
    assert inquiries.draft(tomorrow, sent.file_name, "status", "siti")["file_name"] != first["file_name"]


def test_the_same_question_at_the_same_instant_has_the_same_name_and_bytes(
    sent: Sent, online: House, silent_once: Sent, tmp_path: Path, sftp_server: SshServer
) -> None:
    other = copied(silent_once, tmp_path / "again")
    asked = [
        inquiries.draft(house, sent.file_name, kind, "siti")
        for house in (online, pointed(other.house, sftp_server))
        for kind in ("status", "cancel")
    ]
    assert asked[:2] == asked[2:]


class TestCancel:
    """Asking for payments back takes money from people."""

    @pytest.fixture
    def asked(self, online: House, sent: Sent) -> dict[str, Any]:
        return inquiries.draft(online, sent.file_name, "cancel", "siti")

    def test_it_waits_for_a_second_person_who_agrees_to_these_bytes(
        self, online: House, sftp_server: SshServer, asked: dict[str, Any]
    ) -> None:
        assert steps.submit(online) == {"files": []}
        name, digest = asked["file_name"], asked["sha256"]
        assert code_of(lambda: inquiries.release(online, name, " Siti", digest)) == PersonNeeded.exit_code
        assert code_of(lambda: inquiries.release(online, name, "budi", "0" * 64)) == InputRejected.exit_code
        assert inquiries.release(online, name, "budi", digest)["state"] == "released"
        assert len(steps.submit(online)["files"]) == 1
        assert list(there(sftp_server)) == [name]
        assert steps.submit(online) == {"files": []}

    def test_a_stop_holds_it_and_no_question_for_a_status(
        self, online: House, sent: Sent, sftp_server: SshServer, asked: dict[str, Any]
    ) -> None:
        inquiries.release(online, asked["file_name"], "budi", asked["sha256"])
        status = inquiries.draft(online, sent.file_name, "status", "siti")
        steps.brake(online, "stop", "uji")
        assert code_of(lambda: steps.submit(online)) == PersonNeeded.exit_code
        assert list(there(sftp_server)) == [status["file_name"]]
        steps.brake(online, "resume", "")
        steps.submit(online)
        assert set(there(sftp_server)) == {status["file_name"], asked["file_name"]}

    def test_its_consent_expires(self, online: House, sftp_server: SshServer, asked: dict[str, Any]) -> None:
        inquiries.release(online, asked["file_name"], "budi", asked["sha256"])
        later = replace(online, at=online.at + timedelta(hours=72))
        assert code_of(lambda: steps.submit(later)) == PersonNeeded.exit_code
        assert there(sftp_server) == {}

    def test_there_is_one_a_file(self, online: House, sent: Sent, asked: dict[str, Any]) -> None:
        later = replace(online, at=online.at + timedelta(days=9))
        assert inquiries.draft(later, sent.file_name, "cancel", "ani") == asked

    def test_its_answer_is_kept_and_shown_and_never_a_success(
        self, online: House, sent: Sent, asked: dict[str, Any], tmp_path: Path
    ) -> None:
        (tmp_path / "answer.xml").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.029.001.14">'
            f"<RsltnOfInvstgtn><RslvdCase><Id>{asked['file_name'][:30]}</Id></RslvdCase>"
            "<Sts><Conf>CNCL</Conf></Sts></RsltnOfInvstgtn></Document>"
        )
        (told,) = proving.receive(online, tmp_path / "answer.xml", BANK)["files"]
        assert (told["state"], "camt.029.001.14" in told["reason"]) == ("quarantined", True)
        proving.reconcile(online, PERIOD)
        assert "unreadable_file" in {row["kind"] for row in proving.exceptions(online, PERIOD)}
        assert set(instruction_states(online).values()) == {"unknown"}

    def test_a_pack_holds_its_consent(
        self, online: House, sftp_server: SshServer, asked: dict[str, Any], tmp_path: Path
    ) -> None:
        inquiries.release(online, asked["file_name"], "budi", asked["sha256"])
        steps.submit(online)
        proving.reconcile(online, PERIOD)
        verify_pack(Path(proving.report(online, PERIOD, tmp_path / "report", data_docs=False)["pack"]))


class TestBroken:
    """What breaks off is looked for, and not sent blind."""

    @pytest.fixture
    def asked(self, online: House, sent: Sent) -> dict[str, Any]:
        return inquiries.draft(online, sent.file_name, "status", "siti")

    def begun(self, house: House, asked: dict[str, Any]) -> None:
        from ledger import chain

        with house.store.transaction() as connection:
            chain.append(
                connection, at=house.at, actor="siti", kind="inquiry_intended", subject=asked["file_name"], details={}
            )

    def test_one_that_arrived_is_found(self, online: House, sftp_server: SshServer, asked: dict[str, Any]) -> None:
        self.begun(online, asked)
        (sftp_server.root / "in" / asked["file_name"]).write_bytes(online.archive.get(asked["sha256"]))
        assert len(steps.submit(online)["files"]) == 1
        assert events(online, "inquiry_intended") == [asked["file_name"]]

    def test_one_that_is_not_there_waits_where_absence_proves_nothing(
        self, online: House, sftp_server: SshServer, asked: dict[str, Any]
    ) -> None:
        self.begun(online, asked)
        assert code_of(lambda: steps.submit(online)) == PersonNeeded.exit_code
        assert (there(sftp_server), state_of(online, asked["file_name"])) == ({}, "unknown")
        assert len(steps.submit(pointed(online, sftp_server, after_arrival="left"))["files"]) == 1

    def test_a_refusal_leaves_it_to_be_sent(self, online: House, sftp_server: SshServer, asked: dict[str, Any]) -> None:
        elsewhere = pointed(online, sftp_server, inbox="elsewhere")
        assert code_of(lambda: steps.submit(elsewhere)) == PersonNeeded.exit_code
        assert state_of(online, asked["file_name"]) == "refused"
        assert len(steps.submit(online)["files"]) == 1

    def test_a_bank_out_of_reach_is_tried_later(
        self, online: House, sftp_server: SshServer, asked: dict[str, Any]
    ) -> None:
        sftp_server.stop()
        assert code_of(lambda: steps.submit(online)) == TryLater.exit_code
        assert state_of(online, asked["file_name"]) == "drafted"


def test_of_a_file_that_is_answered_in_part_only_the_open_payments_are_asked_about(
    online: House, sent: Sent, tmp_path: Path
) -> None:
    first, *others = sorted(instruction_states(online))
    (tmp_path / "letter.pdf").write_bytes(b"SURAT BANK CONTOH")
    entered = letters.answer(online, first, "rejected", tmp_path / "letter.pdf", "siti", "AC04")
    letters.confirm(online, first, "budi", entered["digest"])
    asked = inquiries.draft(online, sent.file_name, "cancel", "siti")
    assert asked["count"] == COUNT - 1
    assert sorted(message.read_back(online.archive.get(asked["sha256"])).payments) == others


def test_what_cannot_be_asked_is_refused(online: House, sent: Sent, sftp_server: SshServer) -> None:
    def draft(house: House, about: str, kind: str) -> int:
        return code_of(lambda: inquiries.draft(house, about, kind, "siti"))

    assert draft(online, sent.file_name, "recall") == WrongUsage.exit_code
    assert draft(online, "NOBODY.xml", "status") == InputRejected.exit_code
    assert draft(sent.house, sent.file_name, "status") == InputRejected.exit_code  # its profile names no message
    other = pointed(online, sftp_server, status_inquiry="pacs.028.001.99")
    assert draft(other, sent.file_name, "status") == InputRejected.exit_code
    with online.store.reading() as connection:
        assert not list(
            connection.scalars(sa.select(store.events.c.seq).where(store.events.c.kind == "inquiry_drafted"))
        )
