"""Answers fetched from a real SFTP server: each once, and one that cannot be had never keeps the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from disbursement import steps as paying
from ledger import store
from ledger.house import House
from reconciliation import steps as proving
from schemas.errors import InputRejected, PersonNeeded, TryLater
from simulator.bank import SimulatedBank
from simulator.descriptions import describe_bank
from tests.lib.small_home import PERIOD, bytes_of, dump, events, instruction_states, released, small_home
from tests.lib.sshd import SshServer

pytestmark = pytest.mark.needs("openssh")


@pytest.fixture
def house(tmp_path: Path, sftp_server: SshServer, dsn: str) -> Iterator[House]:
    """A home whose batch lies at bank `bni`, whose answers lie in its outbox."""
    sftp_server.folders("in", "out")
    bank = {
        "host": sftp_server.host, "port": sftp_server.port, "user": sftp_server.user, "timeout_seconds": 10,
        "private_key": str(sftp_server.client_key), "host_key": sftp_server.host_key, "inbox": "in", "outbox": "out",
    }  # fmt: skip
    made = small_home(tmp_path, dsn)
    made = replace(made, config={**made.config, "banks": {"bni": bank}})
    released(made)
    paying.submit(made)
    at_bank = SimulatedBank(replace(describe_bank("bni"), rejects_per_million=0))
    for name, data in at_bank.take("B1-1.xml", bytes_of(made, "B1-1.xml")):
        (sftp_server.root / "out" / name).write_bytes(data)
    return made


def outbox(server: SshServer) -> set[str]:
    return {path.name for path in (server.root / "out").iterdir()}


def test_each_answer_is_fetched_once_and_stays_at_the_bank(house: House, sftp_server: SshServer) -> None:
    names = outbox(sftp_server)
    told = proving.collect(house)
    assert (told["periods"], told["warnings"]) == ([PERIOD], [])
    assert {file["file_name"] for file in told["files"]} == names == outbox(sftp_server)
    assert set(instruction_states(house).values()) == {"debited"}
    before = dump(house)
    assert proving.collect(house)["files"] == []
    assert dump(house) == before


def test_the_same_answer_under_another_name_changes_nothing_and_leaves_its_trace(
    house: House, sftp_server: SshServer
) -> None:
    proving.collect(house)
    states = instruction_states(house)
    one = min((sftp_server.root / "out").iterdir())
    one.rename(one.with_name(f"again-{one.name}"))
    (told,) = proving.collect(house)["files"]
    assert (told["state"], instruction_states(house)) == ("repeated", states)
    assert len(events(house, "received")) == len(outbox(sftp_server)) + 1


def test_a_file_that_cannot_be_had_keeps_no_other_and_is_said(house: House, sftp_server: SshServer) -> None:
    names = outbox(sftp_server)
    os.truncate(os.open(sftp_server.root / "out" / "00-huge.xml", os.O_CREAT | os.O_RDWR), 2 << 30)
    with pytest.raises(InputRejected, match=r"00-huge\.xml"):
        proving.collect(house)
    fetched = house.store.read(sa.select(store.inbound_names.c.file_name))["file_name"].to_pylist()
    assert set(fetched) == names
    assert set(instruction_states(house).values()) == {"debited"}
    assert proving.unreconciled(house) == [PERIOD], "what could be had is reconciled all the same"


def test_a_file_that_is_no_answer_is_kept_and_set_aside_beside_the_others(house: House, sftp_server: SshServer) -> None:
    (sftp_server.root / "out" / "00-readme.txt").write_bytes(b"maintenance on sunday")
    states = {file["file_name"]: file["state"] for file in proving.collect(house)["files"]}
    assert states.pop("00-readme.txt") == "quarantined"
    assert set(states.values()) == {"taken"}
    assert set(instruction_states(house).values()) == {"debited"}


def test_nothing_is_taken_from_a_server_that_shows_another_key(house: House, sftp_server: SshServer) -> None:
    before = dump(house)
    sftp_server.change_host_key()
    with pytest.raises(PersonNeeded):
        proving.collect(house)
    sftp_server.stop()
    with pytest.raises((PersonNeeded, TryLater)):
        proving.collect(house)
    assert dump(house, "check_results") == {k: v for k, v in before.items() if k != "check_results"}


def test_a_bank_that_is_away_keeps_no_other(house: House, sftp_server: SshServer) -> None:
    banks = house.config["banks"]
    far = {**banks["bni"], "port": 1}
    both = replace(house, config={**house.config, "banks": {"bca": far, "bni": banks["bni"]}})
    with pytest.raises(TryLater, match="bca"):
        proving.collect(both)
    assert set(instruction_states(house).values()) == {"debited"}
