"""Released files on their way to a bank that is a real OpenSSH server: once, whole, and only what is permitted."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from disbursement import steps
from ledger import journal, store
from ledger.house import House
from ledger.lock import alone
from schemas.errors import EvidenceDamaged, InputRejected, PersonNeeded, SalurError, TryLater
from tests.lib.ports import free_port
from tests.lib.small_home import (
    AT,
    EXECUTION,
    begun,
    bytes_of,
    digest_of,
    drafted,
    events,
    file_states,
    instruction_states,
    released,
    small_home,
)
from tests.lib.sshd import SshServer

pytestmark = pytest.mark.needs("openssh")


@pytest.fixture
def house(tmp_path: Path, dsn: str) -> House:
    return small_home(tmp_path, dsn)


@pytest.fixture
def online(house: House, sftp_server: SshServer) -> House:
    """The home, told how to reach the server as bank `bni`."""
    sftp_server.folders("in", "out")
    return pointed(house, bni=sftp_server)


def pointed(house: House, **servers: SshServer) -> House:
    banks = {
        code: {
            "host": server.host, "port": server.port, "user": server.user, "private_key": str(server.client_key),
            "host_key": server.host_key, "inbox": "in", "outbox": "out", "timeout_seconds": 10,
            "after_arrival": "left",
        }
        for code, server in servers.items()
    }  # fmt: skip
    return replace(house, config={**house.config, "banks": banks})


def code_of(act: Callable[[], object]) -> int:
    """The exit code with which an act ends."""
    try:
        act()
    except SalurError as error:
        return error.exit_code
    return 0


def there(server: SshServer) -> dict[str, bytes]:
    """What lies in the bank's inbox, temporary names included."""
    return {path.name: path.read_bytes() for path in (server.root / "in").iterdir()}


def test_a_released_file_arrives_whole_under_its_name_and_is_sent_once(online: House, sftp_server: SshServer) -> None:
    released(online, files=2)
    told = steps.submit(online)
    assert told == {"files": [{"file_name": f"B1-{n}.xml", "bank": "bni", "state": "submitted"} for n in (1, 2)]}
    assert there(sftp_server) == {name: bytes_of(online, name) for name in ("B1-1.xml", "B1-2.xml")}
    assert set(instruction_states(online).values()) == {"submitted"}
    for path in (sftp_server.root / "in").iterdir():
        path.unlink()  # even gone from the bank, what was confirmed is not sent again
    assert steps.submit(online) == {"files": []}
    assert there(sftp_server) == {}
    assert events(online, "submission_intended") == ["B1-1.xml", "B1-2.xml"]


def test_what_nobody_released_is_not_sent_whatever_else_is_marked(online: House, sftp_server: SshServer) -> None:
    drafted(online)
    assert steps.submit(online) == {"files": []}
    assert (there(sftp_server), file_states(online)) == ({}, {"B1-1.xml": "drafted"})
    begun(online, "B1-1.xml", "bni")  # a record of sending is no consent to it
    assert code_of(lambda: steps.submit(online)) == PersonNeeded.exit_code
    assert there(sftp_server) == {}


class TestNothingIsSent:
    """and the file stays released, so that it can be sent later or withdrawn."""

    def check(self, house: House, server: SshServer, error: type[SalurError]) -> None:
        assert code_of(lambda: steps.submit(house)) == error.exit_code
        assert (there(server), set(file_states(house).values())) == ({}, {"released"})

    def test_when_the_bank_shows_another_host_key(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        sftp_server.change_host_key()
        self.check(online, sftp_server, PersonNeeded)

    def test_when_the_bank_refuses_our_key(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        sftp_server.let_in()
        self.check(online, sftp_server, PersonNeeded)

    def test_when_the_bank_is_not_there(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        sftp_server.stop()
        self.check(online, sftp_server, TryLater)

    def test_when_the_bank_is_not_configured(self, house: House, online: House, sftp_server: SshServer) -> None:
        released(online)
        self.check(house, sftp_server, PersonNeeded)

    def test_when_the_bank_refuses_the_upload_itself(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        online.config["banks"]["bni"]["inbox"] = "elsewhere"
        self.check(online, sftp_server, PersonNeeded)
        assert events(online, "submission_refused") == ["B1-1.xml"]
        with online.store.reading() as connection:
            assert set(journal.trial_balance(connection)["balance_idr"].to_pylist()) == {0}
        online.config["banks"]["bni"]["inbox"] = "in"
        assert len(steps.submit(online)["files"]) == 1

    def test_when_all_is_stopped(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        steps.brake(online, "stop", "uji")
        self.check(online, sftp_server, PersonNeeded)
        steps.brake(online, "resume", "uji")
        assert len(steps.submit(online)["files"]) == 1

    def test_when_the_consent_expired(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        later = replace(online, at=AT + timedelta(hours=72))
        self.check(later, sftp_server, PersonNeeded)
        assert len(steps.submit(replace(online, at=later.at - timedelta(microseconds=1)))["files"]) == 1

    def test_when_it_would_be_executed_after_the_last_payment_date(self, online: House, sftp_server: SshServer) -> None:
        released(online, last_day=EXECUTION - timedelta(days=1))
        self.check(online, sftp_server, PersonNeeded)

    def test_when_another_process_is_sending_to_the_bank(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        online.config["run"] = {"lock_wait_seconds": 0}
        with alone(online.store, "send-bni"):
            self.check(online, sftp_server, TryLater)
        assert len(steps.submit(online)["files"]) == 1

    def test_when_the_archived_bytes_are_damaged(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        for path in (online.path / "archive").rglob("*"):
            if path.is_file():
                path.write_bytes(path.read_bytes()[:-1])
        self.check(online, sftp_server, EvidenceDamaged)

    def test_when_the_name_is_there_with_other_content(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        (sftp_server.root / "in" / "B1-1.xml").write_bytes(b"another")
        assert code_of(lambda: steps.submit(online)) == PersonNeeded.exit_code
        assert there(sftp_server) == {"B1-1.xml": b"another"}
        assert steps.reject(online, "B1", "budi", "nama terpakai")["state"] == "withdrawn"


def test_the_last_payment_date_is_held_against_the_execution_date_and_not_the_clock(
    house: House, tmp_path: Path
) -> None:
    late = replace(house, at=AT + timedelta(days=2_000))
    released(late, last_day=EXECUTION)
    assert len(steps.submit(late, None, tmp_path / "usb")["files"]) == 1


def test_a_person_on_hold_keeps_the_own_file_alone(online: House, sftp_server: SshServer) -> None:
    released(online, files=2)
    row = {"seq": 1, "participant_id": "P-B1-2.xml-0", "act": "hold", "reason": "uji", "person": "ani", "at": 0}
    with online.store.transaction() as connection:
        store.insert(connection, store.holds, [row])
    assert code_of(lambda: steps.submit(online)) == PersonNeeded.exit_code
    assert list(there(sftp_server)) == ["B1-1.xml"]
    assert file_states(online) == {"B1-1.xml": "submitted", "B1-2.xml": "released"}


def test_one_banks_trouble_keeps_no_other_bank(house: House, sftp_server: SshServer) -> None:
    sftp_server.folders("in", "out")
    far = pointed(house, ovo=sftp_server, bni=sftp_server)
    far.config["banks"]["bni"]["port"] = free_port()
    released(far, "B1", channel="bni")
    released(far, "B2", channel="ovo")
    assert code_of(lambda: steps.submit(far)) == TryLater.exit_code
    assert file_states(far) == {"B1-1.xml": "released", "B2-1.xml": "submitted"}
    assert list(there(sftp_server)) == ["B2-1.xml"]


def test_one_batchs_expired_consent_keeps_no_other_batch_that_is_sent_by_name(
    online: House, sftp_server: SshServer
) -> None:
    later = replace(online, at=AT + timedelta(days=4))
    released(online, "B1")
    released(later, "B2")
    assert code_of(lambda: steps.submit(later)) == PersonNeeded.exit_code
    released(later, "B3")
    assert [row["file_name"] for row in steps.submit(later, batch="B3")["files"]] == ["B3-1.xml"]
    assert file_states(later) == {"B1-1.xml": "released", "B2-1.xml": "submitted", "B3-1.xml": "submitted"}


class TestUnknown:
    """An intent without an end: the bank is looked at before anything else."""

    def test_a_file_that_arrived_is_found_and_not_sent_again(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        begun(online, "B1-1.xml", "bni")
        path = sftp_server.root / "in" / "B1-1.xml"
        path.write_bytes(bytes_of(online, "B1-1.xml"))
        before = path.stat()
        assert len(steps.submit(online)["files"]) == 1
        after = path.stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert file_states(online) == {"B1-1.xml": "submitted"}
        assert events(online, "submission_intended") == ["B1-1.xml"]

    def test_what_is_found_needs_no_consent_that_holds(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        begun(online, "B1-1.xml", "bni")
        (sftp_server.root / "in" / "B1-1.xml").write_bytes(bytes_of(online, "B1-1.xml"))
        steps.submit(replace(online, at=AT + timedelta(days=30)))
        assert file_states(online) == {"B1-1.xml": "submitted"}

    def test_a_file_of_which_only_a_beginning_arrived_is_sent_whole(
        self, online: House, sftp_server: SshServer
    ) -> None:
        released(online)
        begun(online, "B1-1.xml", "bni")
        data = bytes_of(online, "B1-1.xml")
        (sftp_server.root / "in" / "B1-1.xml.part").write_bytes(data[:100])
        steps.submit(online)
        assert there(sftp_server) == {"B1-1.xml": data}

    def test_a_file_that_is_not_there_is_not_sent_again_to_a_bank_that_may_take_files_away(
        self, online: House, sftp_server: SshServer
    ) -> None:
        released(online)
        begun(online, "B1-1.xml", "bni")
        del online.config["banks"]["bni"]["after_arrival"]
        assert code_of(lambda: steps.submit(online)) == PersonNeeded.exit_code
        assert (there(sftp_server), file_states(online)) == ({}, {"B1-1.xml": "unknown"})

    def test_a_file_that_is_not_there_is_sent_only_while_the_consent_holds(
        self, online: House, sftp_server: SshServer
    ) -> None:
        released(online)
        begun(online, "B1-1.xml", "bni")
        later = replace(online, at=AT + timedelta(days=30))
        assert code_of(lambda: steps.submit(later)) == PersonNeeded.exit_code
        assert (there(sftp_server), file_states(online)) == ({}, {"B1-1.xml": "unknown"})
        steps.submit(online)
        assert list(there(sftp_server)) == ["B1-1.xml"]

    def test_a_file_stays_unknown_while_the_bank_is_out_of_reach(self, online: House, sftp_server: SshServer) -> None:
        released(online)
        begun(online, "B1-1.xml", "bni")
        sftp_server.stop()
        assert code_of(lambda: steps.submit(online)) == TryLater.exit_code
        assert file_states(online) == {"B1-1.xml": "unknown"}

    def test_a_refusal_says_nothing_of_the_attempt_before_it(self, online: House) -> None:
        released(online)
        begun(online, "B1-1.xml", "bni")
        online.config["banks"]["bni"]["inbox"] = "elsewhere"
        assert code_of(lambda: steps.submit(online)) == PersonNeeded.exit_code
        assert file_states(online) == {"B1-1.xml": "unknown"}

    def test_it_is_never_withdrawn(self, online: House) -> None:
        released(online)
        begun(online, "B1-1.xml", "bni")
        assert code_of(lambda: steps.reject(online, "B1", "budi", "uji")) == InputRejected.exit_code
        assert set(instruction_states(online).values()) == {"unknown"}

    def test_it_goes_no_other_way_than_it_was_begun(
        self, online: House, sftp_server: SshServer, tmp_path: Path
    ) -> None:
        released(online)
        begun(online, "B1-1.xml", "bni")
        assert code_of(lambda: steps.submit(online, None, tmp_path / "usb")) == PersonNeeded.exit_code
        assert not (tmp_path / "usb").exists()
        released(online, "B2")
        begun(online, "B2-1.xml", f"hand {tmp_path / 'usb'}")
        assert code_of(lambda: steps.submit(online, None, tmp_path / "other")) == PersonNeeded.exit_code
        assert code_of(lambda: steps.submit(online)) == PersonNeeded.exit_code
        assert "B2-1.xml" not in there(sftp_server)
        assert file_states(online)["B2-1.xml"] == "unknown"

    @pytest.mark.parametrize("name", [".B1-1.xml.part", "B1-1.xml"])
    def test_one_begun_by_hand_is_finished_in_the_same_folder(self, house: House, tmp_path: Path, name: str) -> None:
        data = self.broken_off(house, tmp_path / "usb")
        (tmp_path / "usb" / name).write_bytes(data)
        assert len(steps.submit(house, None, tmp_path / "usb")["files"]) == 1
        assert {path.name: path.read_bytes() for path in (tmp_path / "usb").iterdir()} == {"B1-1.xml": data}

    def test_one_that_a_carrier_may_have_taken_is_not_written_again(self, house: House, tmp_path: Path) -> None:
        self.broken_off(house, tmp_path / "usb")
        assert code_of(lambda: steps.submit(house, None, tmp_path / "usb")) == PersonNeeded.exit_code
        assert (list((tmp_path / "usb").iterdir()), file_states(house)) == ([], {"B1-1.xml": "unknown"})

    def test_one_that_is_still_hidden_needs_consent_to_leave_and_stays(self, house: House, tmp_path: Path) -> None:
        (tmp_path / "usb" / ".B1-1.xml.part").write_bytes(self.broken_off(house, tmp_path / "usb"))
        later = replace(house, at=AT + timedelta(days=30))
        assert code_of(lambda: steps.submit(later, None, tmp_path / "usb")) == PersonNeeded.exit_code
        assert [path.name for path in (tmp_path / "usb").iterdir()] == [".B1-1.xml.part"]
        assert len(steps.submit(house, None, tmp_path / "usb")["files"]) == 1

    def broken_off(self, house: House, folder: Path) -> bytes:
        """A file whose intent to be written into this folder is stored; its bytes."""
        released(house)
        folder.mkdir()
        begun(house, "B1-1.xml", f"hand {folder}")
        return bytes_of(house, "B1-1.xml")


def test_a_line_that_breaks_in_the_middle_leaves_the_file_unknown_and_the_next_run_finishes(
    house: House, sftp_server: SshServer
) -> None:
    sftp_server.folders("in", "out")
    relay = _Relay(sftp_server.port, after_bytes=40_000)
    online = pointed(house, bni=sftp_server)
    cut = pointed(house, bni=sftp_server)
    released(online, people=2_000)
    cut.config["banks"]["bni"]["port"] = relay.port
    assert code_of(lambda: steps.submit(cut)) == TryLater.exit_code
    relay.close()
    assert file_states(online) == {"B1-1.xml": "unknown"}
    assert "B1-1.xml" not in there(sftp_server)
    steps.submit(online)
    assert there(sftp_server) == {"B1-1.xml": bytes_of(online, "B1-1.xml")}
    assert file_states(online) == {"B1-1.xml": "submitted"}


class TestWhileSending:
    """Two files leave one after the other, and something happens while the first is on the line."""

    def sent_over(self, house: House, server: SshServer, then: Callable[[], object], after_bytes: int = 40_000) -> int:
        released(house, files=2, people=500)
        relay = _Relay(server.port, after_bytes, then)
        slow = pointed(house, bni=server)
        slow.config["banks"]["bni"]["port"] = relay.port
        code = code_of(lambda: steps.submit(slow))
        relay.close()
        return code

    def test_a_stop_holds_back_the_file_that_has_not_left(self, online: House, sftp_server: SshServer) -> None:
        stop = replace(online)
        assert self.sent_over(online, sftp_server, lambda: steps.brake(stop, "stop", "uji")) == PersonNeeded.exit_code
        assert file_states(online) == {"B1-1.xml": "submitted", "B1-2.xml": "released"}
        assert list(there(sftp_server)) == ["B1-1.xml"]

    @pytest.mark.parametrize("act", ["stop", "hold"])
    def test_what_is_said_while_the_bank_is_looked_at_holds_back_the_first_file_too(
        self, online: House, sftp_server: SshServer, act: str
    ) -> None:
        meanwhile = replace(online)

        def then() -> None:
            if act == "stop":
                steps.brake(meanwhile, "stop", "uji")
                return
            row = {"seq": 1, "participant_id": "P-B1-1.xml-0", "act": "hold", "reason": "uji", "person": "ani", "at": 0}
            with meanwhile.store.transaction() as connection:
                store.insert(connection, store.holds, [row])

        assert self.sent_over(online, sftp_server, then, after_bytes=100) == PersonNeeded.exit_code
        assert set(file_states(online).values()) == {"released"}
        assert (there(sftp_server), events(online, "submission_intended")) == ({}, [])

    def test_a_rejection_takes_out_the_file_that_has_not_left_and_no_other(
        self, online: House, sftp_server: SshServer
    ) -> None:
        told: list[dict[str, object]] = []
        code = self.sent_over(online, sftp_server, lambda: told.append(steps.reject(online, "B1", "budi", "uji")))
        assert (code, [row["withdrawn"] for row in told]) == (TryLater.exit_code, [500])
        assert file_states(online) == {"B1-1.xml": "submitted", "B1-2.xml": "withdrawn"}
        assert list(there(sftp_server)) == ["B1-1.xml"]


class TestPartlySent:
    """A batch of two files of which one is at the bank."""

    @pytest.fixture
    def half(self, online: House, sftp_server: SshServer) -> House:
        released(online, files=2)
        (sftp_server.root / "in" / "B1-2.xml").write_bytes(b"another")
        assert code_of(lambda: steps.submit(online)) == PersonNeeded.exit_code
        assert file_states(online) == {"B1-1.xml": "submitted", "B1-2.xml": "released"}
        return online

    def test_the_next_run_sends_the_other_file_alone(self, half: House, sftp_server: SshServer) -> None:
        (sftp_server.root / "in" / "B1-2.xml").unlink()
        assert [row["file_name"] for row in steps.submit(half)["files"]] == ["B1-2.xml"]
        assert events(half, "submission_intended") == ["B1-1.xml", "B1-2.xml"]

    def test_a_rejection_frees_nobody_of_the_file_that_was_sent(self, half: House) -> None:
        assert steps.reject(half, "B1", "budi", "nama terpakai") == {
            "batch": "B1", "state": "submitted", "withdrawn": 3,
        }  # fmt: skip
        assert file_states(half) == {"B1-1.xml": "submitted", "B1-2.xml": "withdrawn"}
        assert sorted(instruction_states(half).values()) == ["submitted"] * 3 + ["withdrawn"] * 3
        assert _ended(half) == {f"P-B1-2.xml-{n}" for n in range(3)}
        assert code_of(lambda: steps.reject(half, "B1", "budi", "lagi")) == InputRejected.exit_code


def _ended(house: House) -> set[str]:
    with house.store.reading() as connection:
        return set(connection.scalars(sa.select(store.attempt_ends.c.participant_id)))


class TestByHand:
    """Files that are written to be carried."""

    def test_a_file_is_written_once_whole_with_its_own_bytes(self, house: House, tmp_path: Path) -> None:
        released(house)
        steps.submit(house, None, tmp_path / "usb")
        assert {p.name: p.read_bytes() for p in (tmp_path / "usb").iterdir()} == {
            "B1-1.xml": bytes_of(house, "B1-1.xml")
        }
        assert steps.submit(house, None, tmp_path / "usb") == {"files": []}

    def test_what_was_carried_is_not_sent_over_the_line_as_well(
        self, online: House, sftp_server: SshServer, tmp_path: Path
    ) -> None:
        released(online)
        steps.submit(online, None, tmp_path / "usb")
        assert steps.submit(online) == {"files": []}
        assert there(sftp_server) == {}

    def test_what_may_not_leave_leaves_nothing_in_the_folder(self, house: House, tmp_path: Path) -> None:
        released(house)
        late = replace(house, at=AT + timedelta(days=30))
        assert code_of(lambda: steps.submit(late, None, tmp_path / "usb")) == PersonNeeded.exit_code
        assert (list((tmp_path / "usb").iterdir()), file_states(house)) == ([], {"B1-1.xml": "released"})

    def test_another_file_of_that_name_is_left_alone(self, house: House, tmp_path: Path) -> None:
        released(house)
        (tmp_path / "B1-1.xml").write_bytes(b"another")
        assert code_of(lambda: steps.submit(house, None, tmp_path)) == InputRejected.exit_code
        assert (tmp_path / "B1-1.xml").read_bytes() == b"another"
        assert file_states(house) == {"B1-1.xml": "released"}

    def test_a_folder_that_cannot_be_written_is_tried_later(self, house: House, tmp_path: Path) -> None:
        released(house)
        (tmp_path / "file").write_bytes(b"")
        assert code_of(lambda: steps.submit(house, None, tmp_path / "file")) == TryLater.exit_code
        assert file_states(house) == {"B1-1.xml": "released"}


class TestRelease:
    """Consent to a batch, and its end."""

    def test_a_batch_that_was_withdrawn_takes_no_consent(self, house: House) -> None:
        drafted(house)
        steps.reject(house, "B1", "budi", "salah")
        digest = digest_of(house, "B1")
        assert code_of(lambda: steps.release(house, "B1", "budi", digest, "cli")) == InputRejected.exit_code
        assert (file_states(house), events(house, "released")) == ({"B1-1.xml": "withdrawn"}, [])

    def test_a_batch_that_was_sent_takes_no_other_consent_and_the_same_one_adds_nothing(
        self, house: House, tmp_path: Path
    ) -> None:
        released(house)
        steps.submit(house, None, tmp_path / "usb")
        later, digest = replace(house, at=AT + timedelta(days=30)), digest_of(house, "B1")
        assert code_of(lambda: steps.release(later, "B1", "cici", digest, "cli")) == InputRejected.exit_code
        assert steps.release(later, "B1", " Budi", digest, "cli")["state"] == "submitted"
        assert events(house, "released") == ["B1"]

    def test_the_same_person_may_consent_again_when_the_consent_expired(self, house: House, tmp_path: Path) -> None:
        released(house)
        later = replace(house, at=AT + timedelta(days=4))
        assert code_of(lambda: steps.submit(later, None, tmp_path / "usb")) == PersonNeeded.exit_code
        steps.release(later, "B1", "budi", digest_of(house, "B1"), "cli")
        assert len(steps.submit(later, None, tmp_path / "usb")["files"]) == 1


class _Relay:
    """A line to the server on which something happens, once so many bytes went up: by default it drops, both ways."""

    def __init__(self, port: int, after_bytes: int, then: Callable[[], object] | None = None) -> None:
        self._server, self._left, self._then = port, after_bytes, then
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                threading.Thread(target=self._copy, args=(server, client, False), daemon=True).start()
                threading.Thread(target=self._copy, args=(client, server, True), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket, is_up: bool) -> None:
        with suppress(OSError):
            while data := source.recv(4_096):
                if not self._may_pass(len(data) if is_up else 0):
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _may_pass(self, byte_count: int) -> bool:
        before, self._left = self._left, self._left - byte_count
        if self._then is None:
            return self._left >= 0
        if before >= 0 > self._left:
            self._then()
        return True

    def close(self) -> None:
        self._listener.close()
