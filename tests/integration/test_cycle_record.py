"""What a joined cycle records beside its money: proofs at any moment, what is still to be reconciled, what was agreed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from disbursement import steps as paying
from ledger import queries, store
from reconciliation import evidence
from reconciliation import steps as proving
from reconciliation.inbox import take
from schemas.errors import EvidenceDamaged
from tests.lib.databases import Database
from tests.lib.joined import BANK, COUNT, PERIOD, batch_of, instructed, opened, release, sent_to, unproved, without
from tests.lib.small_drop import people, write_drop
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


def test_a_rejected_batch_of_people_who_are_not_due_any_more_leaves_every_proof(home: Path) -> None:
    house = opened(home)
    paying.reject(house, batch_of(house)["batch"], "budi", "uji")
    proving.reconcile(house, PERIOD)
    before_any_review = datetime(2020, 6, 2, 1, tzinfo=UTC)
    assert paying.entitle(house, PERIOD, before_any_review)["benefits"]["incentive"] == {"not_due": COUNT}
    proving.reconcile(house, PERIOD)
    assert unproved(house) == []


def test_reconciling_between_a_decision_and_its_instructions_leaves_every_proof(home: Path) -> None:
    house = opened(home)
    paying.intake(house, str(write_drop(home.parent / "more", people(COUNT + 2, [BANK]))))
    assert paying.entitle(house, PERIOD)["benefits"]["incentive"] == {"due": COUNT + 2}
    proving.reconcile(house, PERIOD)
    assert unproved(house) == []
    paying.hold(house, "CONTOH0009", "hold", "uji")
    assert paying.instruct(house, PERIOD, "siti")["left_out"] == {"on_hold": 1}
    proving.reconcile(house, PERIOD)
    assert unproved(house) == []


def test_an_approved_resolution_ends_when_its_break_changes(home: Path) -> None:
    sent = sent_to(home)
    (report, data), *_ = sent.answers()
    proving.reconcile(sent.house, PERIOD)
    (case,) = proving.exceptions(sent.house, PERIOD)
    for act, person, words in (("resolve", "siti", "bank ditanya"), ("approve", "budi", "")):
        proving.act_on_exception(sent.house, case["break_id"], act, person, words)
    proving.reconcile(sent.house, PERIOD)
    assert [row["case_state"] for row in proving.exceptions(sent.house, PERIOD)] == ["approved"]
    for reference in sorted(instruction_states(sent.house))[1:]:
        data = without(data, reference)
    sent.receive([(report, data)])
    proving.reconcile(sent.house, PERIOD)
    found = {row["break_id"]: row for row in proving.exceptions(sent.house, PERIOD)}
    now = found[case["break_id"]]
    assert (case["found"], now["found"], now["case_state"]) == ("8 of 8 silent", "7 of 8 silent", "assigned")


def test_what_was_received_is_reconciled_once_however_the_taking_ended(home: Path) -> None:
    sent = sent_to(home)
    proving.reconcile(sent.house, PERIOD)  # its silence, which is to be reconciled too
    assert proving.unreconciled(sent.house) == []
    report, *rest = sent.answers()
    one = take(report[1], BANK, report[0], sent.house.archive, set())
    with sent.house.store.transaction() as connection:
        evidence.save_received(sent.house, connection, one)  # and killed before anything more
    assert proving.unreconciled(sent.house) == [PERIOD]
    proving.reconcile(sent.house, PERIOD)
    assert (proving.unreconciled(sent.house), sent.tally()) == ([], {"debited": COUNT})
    sent.receive([report])
    assert proving.unreconciled(sent.house) == [], "the same bytes say nothing new"
    sent.receive(rest)
    assert proving.unreconciled(sent.house) == [PERIOD]


def test_what_the_checks_of_an_answer_warn_of_is_said_with_it(home: Path) -> None:
    sent = sent_to(home)
    _, data = next(answer for answer in sent.answers() + sent.bank.close_day() if "camt053" in answer[0])
    told = proving.receive(sent.house, written(home, data.replace(b'Ccy="IDR"', b'Ccy="USD"')), BANK)
    assert any("entries.v1" in warning and "(currency)" in warning for warning in told["warnings"])


def test_a_statement_that_names_a_file_where_a_payment_stands_touches_its_period(home: Path) -> None:
    sent = sent_to(home)
    (statement,) = (answer for answer in sent.answers() + sent.bank.close_day() if "camt053" in answer[0])
    assert proving.receive(sent.house, written(home, naming_by_payment(statement[1])), BANK)["periods"] == [PERIOD]
    assert sent.tally() == {"debited": COUNT}


def naming_by_payment(statement: bytes) -> bytes:
    """A statement that names our file as the payment's reference, and nowhere else."""
    root = etree.fromstring(statement)
    for refs in root.iter("{*}Refs"):
        (named,) = (child.text for child in refs if child.tag.endswith("MsgId"))
        space = refs.tag.removesuffix("Refs")
        for child in list(refs):
            refs.remove(child)
        etree.SubElement(refs, f"{space}EndToEndId").text = named
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def written(home: Path, statement: bytes) -> Path:
    """A statement as a file to carry."""
    path = home.parent / "statement.xml"
    path.write_bytes(statement)
    return path


def test_nobody_is_instructed_while_a_payment_is_recorded_as_withdrawn_that_a_bank_may_have(home: Path) -> None:
    house = opened(home)
    release(house)
    paying.submit(house, None, home.parent / "out")
    with house.store.transaction() as connection:
        payment = queries.instruction_rows(connection).to_pylist()[0]
        key = {name: payment[name] for name in ("participant_id", "benefit", "sequence", "attempt")}
        freed = {**key, "end": "withdrawn", "code_list": None, "reason_code": None, "evidence": "0" * 64, "at": 0}
        store.insert(connection, store.attempt_ends, [freed])
    with pytest.raises(EvidenceDamaged, match="1 payments are recorded as withdrawn"):
        paying.instruct(house, PERIOD, "siti")
