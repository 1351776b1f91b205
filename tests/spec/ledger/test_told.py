"""What was told and where it was delivered, as the record keeps it, on each database."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from ledger import chain, store, told
from ledger.house import House
from reconciliation import telling
from tests.lib.small_home import AT, drafted, events, reference, small_home


@pytest.fixture
def house(tmp_path: Path, dsn: str) -> House:
    """A home with one batch of three, drafted."""
    made = small_home(tmp_path, dsn)
    drafted(made)
    return made


def moves(house: House, number: int, state: str, code: str | None = None) -> None:
    """A bank's answer moves one instruction."""
    with house.store.transaction() as connection:
        row = {
            "seq": store.next_seq(connection, store.instruction_states), "end_to_end_id": reference("B1-1.xml", number),
            "state": state, "code_list": code and "status", "reason_code": code, "evidence": state, "at": 1_000_000,
        }  # fmt: skip
        store.insert(connection, store.instruction_states, [row])


def test_back_and_forth_is_kept_and_the_last_word_is_the_one_that_counts(house: House) -> None:
    for state, code, expected in (
        ("submitted", None, {"sedang diproses": 3}),
        ("rejected", "AC04", {"gagal": 1}),
        ("credited", None, {"berhasil": 1}),
        ("returned", None, {"gagal": 1}),
    ):
        moves(house, 0, state, code)
        assert telling.tell(house)["statuses"] == expected
        assert telling.tell(house)["batch"] is None
    with house.store.reading() as connection:
        last = {row["participant_id"]: row["status"] for row in told.last_told(connection).to_pylist()}
        story = told.story(connection, "P-B1-1.xml-0")
        notices = [row["notice"] for row in told.notices(connection)]
        chain.verify(connection)
    assert last == {
        "P-B1-1.xml-0": "gagal", "P-B1-1.xml-1": "sedang diproses", "P-B1-1.xml-2": "sedang diproses"
    }  # fmt: skip
    assert [(row["notice"], row["status"], row["to_do"]) for row in story] == [
        (1, "sedang diproses", "wait"),
        (2, "gagal", "relink_account"),
        (3, "berhasil", "nothing"),
        (4, "gagal", "wait"),
    ]
    assert notices == [1, 2, 3, 4]
    assert events(house, "told") == [told.name_of(number) for number in notices]


def test_an_attempt_is_read_with_its_own_state_or_else_its_files(house: House) -> None:
    with house.store.transaction() as connection:
        row = {"seq": 1, "file_name": "B1-1.xml", "state": "submitted", "evidence": "-", "at": 5}
        store.insert(connection, store.file_states, [row])
    moves(house, 2, "rejected", "AC04")
    with house.store.reading() as connection:
        rows = told.instructed(connection).sort_by("participant_id").to_pylist()
    assert [(row["state"], row["reason_code"], row["status_at"].timestamp()) for row in rows] == [
        ("submitted", None, 5e-6),
        ("submitted", None, 5e-6),
        ("rejected", "AC04", 1.0),
    ]


def test_a_delivery_is_recorded_once_and_what_is_left_is_what_the_outlet_lacks(house: House) -> None:
    telling.tell(house)
    moves(house, 0, "credited")
    telling.tell(house)
    with house.store.transaction() as connection:
        for _ in range(2):
            told.save_delivery(connection, "lms", 1, "0" * 64, AT, "siti")
        assert [row["notice"] for row in told.undelivered(connection, "lms")] == [2]
        assert [row["notice"] for row in told.undelivered(connection, "other")] == [1, 2]
    assert events(house, "delivered") == ["outcomes-000001"]


def test_a_notice_tells_of_an_entitlement_once_and_an_outlet_takes_only_notices_that_are_kept(house: House) -> None:
    telling.tell(house)
    with house.store.reading() as connection:
        (row, *_) = connection.execute(sa.select(store.told_outcomes)).mappings()
    for table, given in (
        (store.told_outcomes, dict(row)),
        (store.notice_deliveries, {"outlet": "lms", "notice": 7, "acknowledgement": "0", "at": 0}),
    ):
        with pytest.raises(sa.exc.IntegrityError), house.store.transaction() as connection:
            store.insert(connection, table, [given])


def test_the_platforms_of_a_person_are_those_of_all_completions(house: House) -> None:
    known = [("C1", "P1", "zeta"), ("C2", "P1", "alfa"), ("C3", "P1", "alfa"), ("C4", "P2", None), ("C5", None, "alfa")]
    rows = [
        {"completion_id": completion, "participant_id": who, "platform": platform, "row_mac": "m", "drop_id": "d",
         "source_file": "f", "row": 1}
        for completion, who, platform in known
    ]  # fmt: skip
    with house.store.transaction() as connection:
        store.insert(connection, store.source_completions, rows)
        people = pa.chunked_array([["P2", "P1", "P1", "P3"]])
        found = told.platforms(connection, people).to_pylist()
    assert found == [[], ["alfa", "zeta"], ["alfa", "zeta"], []]
