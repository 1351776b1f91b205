"""A bank's server cuts, lies or forgets while a file is on its way: looking settles it, and the file is handed over once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from disbursement import steps
from ledger.lock import LockLost
from schemas.errors import PersonNeeded, SalurError, TryLater
from tests.lib.databases import Database, Server
from tests.lib.faulty_bank import FAULTS, faulty_bank
from tests.lib.small_home import bytes_of, file_states, released, small_home

ARRIVED_UNSEEN = {"cut_after_rename", "rename_denied_but_done"}
"""Faults after which the file is at the bank and we cannot know it."""


@pytest.mark.parametrize("takes_away", [False, True], ids=["left", "taken"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_is_handed_over_once_whatever_the_server_does(tmp_path: Path, fault: str, takes_away: bool) -> None:
    house = small_home(tmp_path)
    released(house)
    data = bytes_of(house, "B1-1.xml")
    (tmp_path / "bank").mkdir()
    with faulty_bank(tmp_path / "bank", fault, len(data), takes_away) as bank:
        online = replace(house, config={**house.config, "banks": {"bni": bank.connection}})
        codes = []
        for attempt in range(3):
            try:
                steps.submit(online)
            except SalurError as error:
                codes.append(error.exit_code)
            if attempt == 0:  # one run under the fault, two after it
                bank.heal()
        whole = [found for found in bank.delivered if found == data]
        assert len(bank.delivered) == 1, "the bank was handed one file"
        (state,) = file_states(online).values()
    assert set(codes) <= {TryLater.exit_code, PersonNeeded.exit_code}
    if fault == "truncates_named":
        assert (state, whole) == ("submitted" if takes_away else "unknown", []), "a person looks at it with the bank"
    elif fault in ARRIVED_UNSEEN and takes_away:
        assert (state, codes[-1]) == ("unknown", PersonNeeded.exit_code), "the bank's answer is awaited"
    else:
        assert (state, whole) == ("submitted", [data])
    assert house.path.exists()


@pytest.mark.needs("postgresql")
def test_a_sender_that_lost_its_lock_names_no_file_and_the_next_run_does(tmp_path: Path, postgresql: Server) -> None:
    database = Database(postgresql)
    with database.for_home() as dsn:
        house = small_home(tmp_path, dsn)
        released(house)
        data = bytes_of(house, "B1-1.xml")
        (tmp_path / "bank").mkdir()
        with faulty_bank(tmp_path / "bank", "none", len(data)) as bank:
            online = replace(house, config={**house.config, "banks": {"bni": bank.connection}})
            name = house.store.engine.url.database
            ended = f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'"
            bank.meanwhile = lambda: postgresql.execute(ended)
            with pytest.raises(LockLost):
                steps.submit(online)
            assert (bank.delivered, file_states(house)) == ([], {"B1-1.xml": "unknown"})
            bank.meanwhile = lambda: None
            steps.submit(online)
            assert (bank.delivered, file_states(house)) == ([data], {"B1-1.xml": "submitted"})
        house.store.engine.dispose()
