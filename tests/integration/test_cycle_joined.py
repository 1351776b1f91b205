"""A cycle's steps joined for real: real rules, real ledger, simulated banks that answer well and badly."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from lxml import etree

from disbursement import steps as paying
from ledger import queries, store
from ledger.house import House
from reconciliation import steps as proving
from schemas.errors import InputRejected, PersonNeeded, ProofFailed, SalurError, TryLater
from simulator.bank import SimulatedBank
from simulator.descriptions import describe_bank
from simulator.faults import parse_faults
from tests.lib.databases import Database
from tests.lib.joined import (
    AT,
    BANK,
    COUNT,
    LATER,
    PERIOD,
    TRANCHE,
    Sent,
    batch_of,
    instructed,
    opened,
    release,
    sent_to,
    unproved,
    without,
)
from tests.lib.payment_files import payment_file, pays
from tests.lib.small_home import begun, dump, events, file_states, instruction_states


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


def code_of(act: Callable[[], object]) -> int:
    try:
        act()
    except SalurError as error:
        return error.exit_code
    return 0


def breaks(house: House, state: str = "open") -> list[tuple[str, str | None, str | None]]:
    """Kind and both values of each break in a state."""
    with house.store.reading() as connection:
        rows = queries.breaks_in_force(connection).to_pylist()
    return sorted((row["kind"], row["expected"], row["found"]) for row in rows if row["state"] == state)


def attempts(house: House) -> list[tuple[int, int | None, str]]:
    """Attempt, the attempt before it, and the state, of every instruction, sorted."""
    with house.store.reading() as connection:
        rows = queries.instruction_rows(connection).to_pylist()
    return sorted((row["attempt"], row["previous_attempt"], row["state"]) for row in rows)


def paid_once(house: House) -> bool:
    """Nobody has two attempts that are open or paid, and nobody of the eight is missing."""
    with house.store.reading() as connection:
        rows = queries.instruction_rows(connection).to_pylist()
    ended = ("rejected", "returned", "withdrawn", "never_arrived")
    alive = Counter(row["participant_id"] for row in rows if row["state"] not in ended)
    return max(alive.values(), default=0) <= 1 and len({row["participant_id"] for row in rows}) == COUNT


class TestTwice:
    """Every step given twice leaves the record of giving it once."""

    def same(self, house: House, act: Callable[[], object]) -> None:
        act()
        before = dump(house, "check_results")  # that checks ran again is a fact of its own
        act()
        assert {name for name, rows in dump(house, "check_results").items() if rows != before[name]} == set()

    def test_intake(self, home: Path) -> None:
        self.same(opened(home), lambda: paying.intake(opened(home), str(home.parent / "drop")))

    def test_entitle(self, home: Path) -> None:
        self.same(opened(home), lambda: paying.entitle(opened(home), PERIOD))

    def test_entitle_on_another_day_after_the_month(self, home: Path) -> None:
        paying.entitle(opened(home, AT + timedelta(days=1)), PERIOD)
        before = dump(opened(home), "check_results")
        paying.entitle(opened(home, AT + timedelta(days=2)), PERIOD)
        assert dump(opened(home), "check_results") == before

    def test_fund(self, home: Path) -> None:
        self.same(opened(home), lambda: paying.fund(opened(home), 1_000_000, "SP2D-1"))

    def test_instruct(self, home: Path) -> None:
        self.same(opened(home), lambda: paying.instruct(opened(home), PERIOD, "siti"))
        assert len(queries.batches(opened(home).store)) == 1

    def test_release(self, home: Path) -> None:
        batch = batch_of(opened(home))
        self.same(opened(home), lambda: paying.release(opened(home), batch["batch"], "budi", batch["digest"], "cli"))

    def test_submit(self, home: Path) -> None:
        release(opened(home))
        self.same(opened(home), lambda: paying.submit(opened(home), None, home.parent / "out"))

    def test_receive_and_reconcile(self, home: Path) -> None:
        sent = sent_to(home, rejects=400_000)
        answers = sent.answers()
        self.same(sent.house, lambda: sent.receive(answers))
        self.same(sent.house, lambda: proving.reconcile(sent.house, PERIOD))

    def test_reconcile_on_another_day_with_nothing_new(self, home: Path) -> None:
        sent = sent_to(home, rejects=400_000)
        sent.receive(sent.answers())
        proving.reconcile(sent.house, PERIOD)
        before = dump(sent.house, "check_results")
        proving.reconcile(opened(home, LATER + timedelta(hours=1)), PERIOD)
        assert dump(sent.house, "check_results") == before

    @pytest.mark.parametrize("act", ["hold", "unhold"])
    def test_hold(self, home: Path, act: str) -> None:
        self.same(opened(home), lambda: paying.hold(opened(home), "CONTOH0001", act, "uji"))

    @pytest.mark.parametrize("act", ["stop", "resume"])
    def test_brake(self, home: Path, act: str) -> None:
        self.same(opened(home), lambda: paying.brake(opened(home), act, "uji"))

    def test_reject(self, home: Path) -> None:
        batch = batch_of(opened(home))["batch"]
        self.same(opened(home), lambda: paying.reject(opened(home), batch, "budi", "uji"))


class TestBanks:
    """What banks do wrong shows as what it is, and moves nobody to where he is not."""

    def settle(self, sent: Sent, close: bool = True) -> None:
        sent.receive(sent.answers() + (sent.bank.close_day() if close else []))

    def test_an_honest_bank_leaves_no_break_and_every_proof_holds(self, home: Path) -> None:
        sent = sent_to(home, rejects=400_000)
        self.settle(sent)
        told = proving.reconcile(sent.house, PERIOD)
        assert (told["breaks"], unproved(sent.house)) == ({}, [])
        assert sum(sent.tally().values()) == COUNT
        assert set(sent.tally()) == {"debited", "rejected"}
        assert paid_once(sent.house)

    @pytest.mark.parametrize(
        ("fault", "expected", "states"),
        [
            (
                "silent",
                [("missing_at_bank", "an answer by 2020-07-02T02:00:00Z", "8 of 8 silent")],
                {"unknown": COUNT},
            ),
            ("late_statement", [], {"debited": COUNT}),
            ("duplicated_answer", [], {"debited": COUNT}),
            (
                "truncated_answer",
                [
                    (
                        "unreadable_file",
                        "a file that can be read",
                        "It is not well-formed XML: unclosed token, line 9.",
                    )
                ],
                {"debited": COUNT},
            ),
            ("stranger", [("unknown_to_us", None, "#.../15")], {"debited": COUNT}),
            ("amount_differs", [("amount_differs", "4800000", "4900000")], {"debited": COUNT}),
            ("group_reject", [], {"rejected": COUNT}),
            ("returned_after_credit", [], {"debited": COUNT - 1, "returned": 1}),
        ],
    )
    def test_each_fault_shows_with_both_values(
        self, home: Path, fault: str, expected: list[tuple[str, str | None, str | None]], states: dict[str, int]
    ) -> None:
        sent = sent_to(home, fault)
        self.settle(sent)
        proving.reconcile(sent.house, PERIOD)
        found = [(kind, ours, re.sub("#[0-9a-f]+", "#...", theirs or "")) for kind, ours, theirs in breaks(sent.house)]
        assert found == expected, "a reference that is not ours is shown by its digest and its length"
        assert sent.tally() == states
        assert unproved(sent.house) == []
        assert paid_once(sent.house)

    def test_totals_that_the_bank_echoes_wrongly_are_four_breaks(self, home: Path) -> None:
        sent = sent_to(home, "wrong_totals")
        self.settle(sent)
        proving.reconcile(sent.house, PERIOD)
        assert breaks(sent.house) == [("totals_differ", "4800000", "4900000")] * 2 + [("totals_differ", "8", "9")] * 2
        assert sent.tally() == {"debited": COUNT}

    def test_a_contradiction_never_frees_what_may_have_been_paid(self, home: Path) -> None:
        sent = sent_to(home, "contradiction")
        self.settle(sent)
        proving.reconcile(sent.house, PERIOD)
        ((kind, expected, found),) = breaks(sent.house)
        assert (kind, expected.partition(" ")[0], found.partition(" ")[0]) == ("contradiction", "debited", "rejected")
        before = attempts(sent.house)
        paying.entitle(sent.house, PERIOD)
        assert paying.instruct(sent.house, PERIOD, "siti")["instructed"] == 0
        assert attempts(sent.house) == before

    def test_a_list_of_exceptions_from_a_bank_that_names_all_proves_nothing_of_the_others(self, home: Path) -> None:
        sent = sent_to(home, "exceptions_only", rejects=400_000)
        report, *_ = sent.answers()
        sent.receive([report])
        assert set(sent.tally()) == {"rejected", "unknown"}
        assert sum(sent.tally().values()) == COUNT

    def test_a_late_file_changes_yesterdays_answer_and_both_are_kept(self, home: Path) -> None:
        sent = sent_to(home)
        report, *statement = sent.answers()
        proving.reconcile(sent.house, PERIOD)
        assert [row[0] for row in breaks(sent.house)] == ["missing_at_bank"]
        sent.receive([*statement, *sent.bank.close_day(), report])
        proving.reconcile(sent.house, PERIOD)
        assert breaks(sent.house) == []
        assert [row[0] for row in breaks(sent.house, "closed")] == ["missing_at_bank"]
        with sent.house.store.reading() as connection:
            runs = queries.runs_of(connection, store.reconciliation_runs, PERIOD).to_pylist()
        assert len({run["archive_key"] for run in runs}) == len(runs) == 2
        assert events(sent.house, "reconciled") == [run["run_id"] for run in runs]

    def test_who_is_not_named_by_any_report_in_time_is_unknown(self, home: Path) -> None:
        """Most of a file settles; the few of whom nothing is said are not carried along."""
        sent = sent_to(home)
        (report, data), *_ = sent.answers()
        with sent.house.store.reading() as connection:
            silent = str(connection.scalar(sa.select(store.instructions.c.end_to_end_id)))
        sent.receive([(report, without(data, silent))])
        assert sent.tally() == {"debited": COUNT - 1, "unknown": 1}
        assert instruction_states(sent.house)[silent] == "unknown"
        proving.reconcile(sent.house, PERIOD)
        assert instruction_states(sent.house)[silent] == "unknown"
        sent.receive([(f"late-{report}", data)])
        assert sent.tally() == {"debited": COUNT}

    def test_word_that_it_is_under_way_proves_nothing_more_however_often_it_comes(self, home: Path) -> None:
        sent = sent_to(home)
        (report, data), *_ = sent.answers()
        for status in (b"PDNG", b"RCVD", b"PDNG"):
            under_way = data.replace(b"<TxSts>ACSC", b"<TxSts>" + status).replace(b"Sts>ACSC</", b"Sts>PART</")
            sent.receive([(f"{status.decode()}-{report}", under_way)])
        proving.reconcile(sent.house, PERIOD)
        assert sent.tally() == {"submitted": COUNT}
        sent.receive([(report, data)])
        assert sent.tally() == {"debited": COUNT}

    @pytest.fixture
    def other_home(self, instructed_once: Path, tmp_path: Path, database: Database) -> Iterator[Path]:
        with database.copied(instructed_once, tmp_path / "other") as copied:
            yield copied

    def test_answers_in_any_order_end_in_the_same_place(self, home: Path, other_home: Path) -> None:
        one, two = sent_to(home, rejects=400_000), sent_to(other_home, rejects=400_000)
        answers = one.answers() + one.bank.close_day()
        one.receive(answers)
        two.receive([*answers[::-1], *answers])
        assert instruction_states(one.house) == instruction_states(two.house)
        assert proving.reconcile(one.house, PERIOD) == proving.reconcile(two.house, PERIOD)
        with one.house.store.reading() as first, two.house.store.reading() as second:
            assert queries.last_reconciliation(first, PERIOD) == queries.last_reconciliation(second, PERIOD)

    def test_a_statement_that_never_came_shows_as_a_gap(self, home: Path) -> None:
        sent = sent_to(home)
        sent.receive(sent.answers())
        other = SimulatedBank(sent.bank.description, seed=1, faults=parse_faults("statement_gap"))
        foreign = other.take("F.xml", payment_file(sent.bank.description, pays(2)))
        sent.receive([answer for answer in foreign if "camt053" in answer[0]])
        proving.reconcile(sent.house, PERIOD)
        assert "statement_gap" in {kind for kind, _, _ in breaks(sent.house)}
        assert sent.tally() == {"debited": COUNT}

    def test_a_file_that_no_bank_wrote_is_set_aside_and_stops_nothing(self, home: Path) -> None:
        sent = sent_to(home)
        assert sent.receive([("photo.jpg", b"\xff\xd8\xff"), ("empty.xml", b"")]) == ["quarantined", "quarantined"]
        assert set(sent.receive(sent.answers())) == {"taken"}
        assert sent.tally() == {"debited": COUNT}

    def test_answers_to_a_file_that_is_not_ours_move_nobody_and_show(self, home: Path) -> None:
        sent = sent_to(home)
        before = instruction_states(sent.house)
        foreign = SimulatedBank(sent.bank.description).take("F.xml", payment_file(sent.bank.description, pays(3)))
        assert sent.receive(foreign) == ["taken"] * len(foreign)
        assert instruction_states(sent.house) == before
        proving.reconcile(sent.house, PERIOD)
        assert {row[0] for row in breaks(sent.house)} == {"missing_at_bank", "unknown_to_us"}

    def test_a_banks_answer_from_another_bank_moves_nobody(self, home: Path) -> None:
        sent = sent_to(home)
        sent.receive(sent.answers(), bank="bni")
        assert sent.tally() == {"unknown": COUNT}

    def test_a_proof_that_does_not_hold_is_said_once_it_is_kept(self, home: Path) -> None:
        sent = sent_to(home)
        answers = sent.answers()
        statements = [(name, wrong_closing(data)) for name, data in answers if "camt053" in name]
        sent.receive([answer for answer in answers if "camt053" not in answer[0]] + statements)
        assert code_of(lambda: proving.reconcile(sent.house, PERIOD)) == ProofFailed.exit_code
        assert unproved(sent.house) != []
        assert sent.tally() == {"debited": COUNT}
        sent.receive([(f"corrected-{name}", data) for name, data in answers if "camt053" in name])
        proving.reconcile(sent.house, PERIOD)
        assert unproved(sent.house) == [], "a corrected statement takes the wrong one's place"
        assert {kind for kind, _, _ in breaks(sent.house)} == {"statement_conflict"}


def wrong_closing(statement: bytes) -> bytes:
    """A statement whose closing balance is one rupiah off."""
    root = etree.fromstring(statement)
    closing = root.findall(".//{*}Bal")[-1].find("{*}Amt")
    assert closing is not None
    closing.text = str(int(closing.text) + 1)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


class TestNewAttempts:
    """What was withdrawn is asked for anew, with its line of descent; what a bank refused is not, by itself."""

    def test_a_rejected_batch_is_instructed_anew_as_second_attempts(self, home: Path) -> None:
        house = opened(home)
        first, digest = batch_of(house)["batch"], batch_of(house)["digest"]
        release(house)
        paying.reject(house, first, "budi", "uji")
        assert attempts(house) == [(1, None, "withdrawn")] * COUNT
        paying.entitle(house, PERIOD)
        again = paying.instruct(house, PERIOD, "siti")
        assert (again["instructed"], again["instructed_idr"]) == (COUNT, COUNT * TRANCHE)
        assert attempts(house) == [(1, None, "withdrawn")] * COUNT + [(2, 1, "drafted")] * COUNT
        assert paid_once(house)
        assert batch_of(house)["batch"] != first
        assert code_of(lambda: paying.release(house, first, "ani", digest, "cli")) == InputRejected.exit_code
        assert len(set(instruction_states(house))) == 2 * COUNT

    def test_a_third_attempt_follows_the_second(self, home: Path) -> None:
        house = opened(home)
        for _ in range(2):
            paying.reject(house, batch_of(house)["batch"], "budi", "uji")
            paying.instruct(house, PERIOD, "siti")
        assert attempts(house)[-COUNT:] == [(3, 2, "drafted")] * COUNT
        assert paid_once(house)

    def test_a_withdrawn_batch_is_never_sent(self, home: Path) -> None:
        house = opened(home)
        release(house)
        paying.reject(house, batch_of(house)["batch"], "budi", "uji")
        assert paying.submit(house, None, home.parent / "out") == {"files": []}
        assert not (home.parent / "out").exists()

    def test_what_a_bank_refused_stays_rejected_and_is_not_instructed_again(self, home: Path) -> None:
        sent = sent_to(home, "group_reject")
        sent.receive(sent.answers())
        proving.reconcile(sent.house, PERIOD)
        paying.entitle(sent.house, PERIOD)
        assert paying.instruct(sent.house, PERIOD, "siti")["instructed"] == 0
        assert attempts(sent.house) == [(1, None, "rejected")] * COUNT

    def test_the_next_months_tranche_follows_a_rejected_one_without_repeating_it(self, home: Path) -> None:
        sent = sent_to(home, "group_reject")
        sent.receive(sent.answers())
        july = opened(home, datetime(2020, 8, 1, 2, 0, tzinfo=UTC))
        paying.entitle(july, "2020-07")
        paying.instruct(july, "2020-07", "siti")
        with july.store.reading() as connection:
            i = store.instructions.c
            rows = connection.execute(sa.select(i.participant_id, i.sequence, i.attempt)).fetchall()
        assert len(rows) == len(set(rows))
        assert {(row.sequence, row.attempt) for row in rows} <= {(1, 1), (2, 1)}

    def test_the_last_payment_date_withdraws_what_was_not_sent(self, home: Path) -> None:
        house = opened(home, datetime(2021, 3, 6, 2, 0, tzinfo=UTC))  # wave 1 was payable until 2021-03-05
        release(opened(home))
        told = paying.entitle(house, "2021-03")
        assert len(told["withdrawn_batches"]) == 1
        assert told["benefits"] == {"incentive": {"lapsed": COUNT}, "survey": {"lapsed": COUNT}}
        assert set(file_states(house).values()) == {"withdrawn"}


def test_decisions_are_not_kept_over_instructions_made_meanwhile(home: Path) -> None:
    house = opened(home)
    paying.reject(house, batch_of(house)["batch"], "budi", "uji")
    before = events(house, "entitled")
    crossing = replace(opened(home), say=lambda _message: paying.instruct(house, PERIOD, "siti") and None)
    paying.hold(house, "CONTOH0001", "hold", "uji")
    assert code_of(lambda: paying.entitle(crossing, PERIOD)) == TryLater.exit_code
    assert events(house, "entitled") == before
    assert attempts(house)[-(COUNT - 1) :] == [(2, 1, "drafted")] * (COUNT - 1)
    paying.entitle(house, PERIOD)
    assert paid_once(house)


def test_whoever_is_held_after_the_release_keeps_the_file_from_leaving(home: Path) -> None:
    house = opened(home)
    release(house)
    paying.hold(house, "CONTOH0001", "hold", "uji")
    assert code_of(lambda: paying.submit(house, None, home.parent / "out")) == PersonNeeded.exit_code
    assert set(file_states(house).values()) == {"released"}
    paying.hold(house, "CONTOH0001", "unhold", "uji")
    assert len(paying.submit(house, None, home.parent / "out")["files"]) == 1


def test_an_answer_that_comes_before_the_sender_has_noted_its_success_is_not_undone(home: Path) -> None:
    """Killed between rename and note: the bank answers, the answer is taken, and the next run finds nothing to do."""
    house = opened(home)
    release(house)
    ((name, _),) = file_states(house).items()
    begun(house, name, BANK)
    with house.store.reading() as connection:
        key = str(connection.scalar(sa.select(store.files.c.sha256)))
    bank = SimulatedBank(replace(describe_bank(BANK), rejects_per_million=0))
    sent = Sent(opened(home, LATER), bank, name, house.archive.get(key))
    sent.receive(sent.answers())
    assert sent.tally() == {"debited": COUNT}
    assert paying.submit(opened(home, LATER), None, home.parent / "out") == {"files": []}
    assert sent.tally() == {"debited": COUNT}


def test_the_same_file_twice_at_the_bank_is_a_duplicate_and_pays_once(home: Path) -> None:
    """A bank that takes files away although it said that it leaves them: sent again, it refuses the second as the first."""
    sent = sent_to(home, "files_taken_away")
    sent.receive(sent.answers())
    sent.receive(sent.bank.take(sent.file_name, sent.data))
    proving.reconcile(sent.house, PERIOD)
    assert sent.tally() == {"debited": COUNT}
    assert {row[0] for row in breaks(sent.house)} == {"duplicate"}
    assert paid_once(sent.house)
