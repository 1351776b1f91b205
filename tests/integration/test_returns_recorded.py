"""Returns, notifications, contradictions and corrected statements through the real steps: what the record says afterwards."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from lxml import etree

from ledger import inbound, journal, queries, store
from ledger.house import House
from reconciliation import steps as proving
from reconciliation import superseding
from reconciliation.reports.pack import verify_pack, write_pack
from schemas.errors import InputRejected, PersonNeeded, ProofFailed
from simulator.bank import Answer
from tests.lib.bank_messages import renamed
from tests.lib.databases import Database
from tests.lib.joined import COUNT, LATER, PERIOD, instructed, opened, sent_to, unproved
from tests.lib.small_home import instruction_states


@pytest.fixture(scope="module")
def instructed_once(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Path]:
    """A home in which a batch of eight to one bank is drafted."""
    with database.for_home() as dsn:
        yield instructed(tmp_path_factory.mktemp("instructed"), dsn)


@pytest.fixture
def home(instructed_once: Path, tmp_path: Path, database: Database) -> Iterator[Path]:
    """The instructed home, copied."""
    with database.copied(instructed_once, tmp_path) as copied:
        yield copied


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That home on SQLite alone, for what says the same on any database."""
    return instructed(tmp_path_factory.mktemp("on_sqlite"))


def copy_of(root: Path, to: Path) -> Path:
    """The home of a copy of that folder."""
    shutil.copytree(root, to)
    return to / "home"


def kinds(house: House) -> dict[str, int]:
    """Open breaks by kind."""
    with house.store.reading() as connection:
        rows = queries.breaks_in_force(connection).to_pylist()
    return dict(Counter(row["kind"] for row in rows if row["state"] == "open"))


def ends(house: House) -> list[tuple[str, str, str | None]]:
    """How attempts ended, by which list and code."""
    e = store.attempt_ends.c
    with house.store.reading() as connection:
        return sorted(tuple(row) for row in connection.execute(sa.select(e.end, e.code_list, e.reason_code)))


def of_kind(answers: list[Answer], message: str) -> list[Answer]:
    return [answer for answer in answers if message in answer[0]]


def test_a_return_told_by_a_notification_ends_the_attempt_and_its_statement_adds_nothing(home: Path) -> None:
    sent = sent_to(home, "returned_after_credit+return_notified")
    sent.receive(sent.answers())
    told, stated = sent.bank.close_day(), sent.bank.close_day()
    assert [set(sent.receive(answers)) for answers in (told,)] == [{"taken"}]
    assert sent.tally() == {"debited": COUNT - 1, "returned": 1}
    assert ends(sent.house) == [("returned", "return", "AC04")]
    proving.reconcile(sent.house, PERIOD)
    with sent.house.store.reading() as connection:
        before = journal.trial_balance(connection, PERIOD)
        (kind,) = set(inbound.inbound(connection, "notification")["state"].to_pylist())
    assert (kind, kinds(sent.house), unproved(sent.house)) == ("taken", {}, [])
    sent.receive(stated)
    proving.reconcile(sent.house, PERIOD)
    with sent.house.store.reading() as connection:
        assert journal.trial_balance(connection, PERIOD).equals(before)
    assert (kinds(sent.house), unproved(sent.house), ends(sent.house)) == ({}, [], [("returned", "return", "AC04")])


def test_a_pack_that_holds_returns_and_a_superseded_statement_is_verified(on_sqlite: Path, tmp_path: Path) -> None:
    sent = sent_to(copy_of(on_sqlite, tmp_path / "copy"), "returned_after_credit+return_notified+statement_corrected")
    sent.receive(sent.answers() + sent.bank.close_day() + sent.bank.close_day())
    proving.reconcile(sent.house, PERIOD)
    assert set(kinds(sent.house)) == {"statement_conflict"}
    assert verify_pack(write_pack(sent.house, PERIOD, tmp_path))["period"] == PERIOD


def test_a_late_word_of_settlement_after_a_reversed_refusal_moves_nothing_and_shows(home: Path) -> None:
    sent = sent_to(home, "paid_after_rejection", rejects=400_000)
    sent.receive(sent.answers())
    before = instruction_states(sent.house)
    proving.reconcile(sent.house, PERIOD)
    assert kinds(sent.house) == {}
    sent.receive(sent.bank.close_day())
    proving.reconcile(sent.house, PERIOD)
    assert instruction_states(sent.house) == before
    assert kinds(sent.house) == {"contradiction": 1, "duplicate": 1}
    assert unproved(sent.house) == []


def wrong(statement: bytes) -> bytes:
    """The statement with a closing balance that is one rupiah off."""
    root = etree.fromstring(statement)
    closing = root.findall(".//{*}Bal")[-1].find("{*}Amt")
    assert closing is not None
    closing.text = str(int(closing.text or "0") + 1)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def test_two_people_put_a_corrected_statement_in_the_place_of_one_that_does_not_add_up(home: Path) -> None:
    sent = sent_to(home)
    answers = sent.answers()
    ((name, right),) = of_kind(answers, "camt053")
    sent.receive([*of_kind(answers, "pain002"), (name, wrong(right)), (f"anew-{name}", renamed(right))])
    with pytest.raises(ProofFailed):
        proving.reconcile(sent.house, PERIOD)
    names = {row["adds_up"]: row["name"] for row in superseding.listed(sent.house)}
    bad, good = names[False], names[True]
    with pytest.raises(InputRejected, match="cannot supersede"):
        superseding.supersede(sent.house, bad, bad, "siti", "letter")
    superseding.supersede(sent.house, bad, good, "siti", "letter of the bank")
    with pytest.raises(PersonNeeded, match="cannot approve"):
        superseding.decide(sent.house, bad, "approve", "Siti")
    assert [row["standing"] for row in superseding.listed(sent.house)] == ["counts", "counts"]
    superseding.decide(sent.house, bad, "approve", "budi")
    proving.reconcile(sent.house, PERIOD)
    assert (unproved(sent.house), kinds(sent.house)) == ([], {})
    assert sent.tally() == {"debited": COUNT}
    listed = {row["name"]: (row["standing"], row["superseded_by"]) for row in superseding.listed(sent.house)}
    assert listed == {bad: ("superseded", good), good: ("counts", None)}, "the superseded one stays in the record"
    with pytest.raises(InputRejected, match="superseded already"):
        superseding.supersede(sent.house, bad, good, "siti", "again")


def test_what_one_person_proposes_another_may_refuse(home: Path) -> None:
    sent = sent_to(home)
    answers = sent.answers()
    ((name, right),) = of_kind(answers, "camt053")
    sent.receive([(name, wrong(right)), (f"anew-{name}", renamed(right))])
    names = {row["adds_up"]: row["name"] for row in superseding.listed(sent.house, "bca")}
    with pytest.raises(InputRejected, match="Nothing is proposed"):
        superseding.decide(sent.house, names[False], "approve", "budi")
    superseding.supersede(sent.house, names[False], names[True], "siti", "letter")
    superseding.decide(sent.house, names[False], "refuse", "budi", "the letter is of another month")
    assert all(row["proposal"] is None for row in superseding.listed(sent.house))
    with pytest.raises(InputRejected, match="names no statement"):
        superseding.supersede(sent.house, "x/y", names[True], "siti", "letter")


MIXED = (
    "returned_after_credit+return_notified+contradiction",
    "paid_after_rejection+returned_unpaid+notified",
    "returned_twice+statement_corrected+report_id_reused",
)


@pytest.mark.slow
@pytest.mark.parametrize("fault", MIXED)
def test_the_same_files_in_any_order_leave_the_same_record_or_a_break_of_each_payment_that_differs(
    on_sqlite: Path, fault: str, tmp_path: Path
) -> None:
    sent = sent_to(copy_of(on_sqlite, tmp_path / "sent"), fault, rejects=250_000)
    answers = sent.answers() + sent.bank.close_day() + sent.bank.close_day()
    sent.house.store.engine.dispose()
    outcomes = []
    for seed in range(2):
        mine = sent._replace(house=opened(copy_of(tmp_path / "sent", tmp_path / f"order{seed}"), LATER))
        mine.receive(random.Random(seed).sample(answers, len(answers)))
        proving.reconcile(mine.house, PERIOD)
        with mine.house.store.reading() as connection:
            rows = queries.breaks_in_force(connection).to_pylist()
        named = {row["end_to_end_id"] for row in rows if row["state"] == "open"}
        outcomes.append((instruction_states(mine.house), named))
        assert unproved(mine.house) == []
    first, _ = outcomes[0]
    for states, named in outcomes[1:]:
        differing = {reference for reference in first if first[reference] != states[reference]}
        assert differing <= outcomes[0][1] | named
