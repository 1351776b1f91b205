"""Refused, sent back, mended, asked for again, given up: each entitlement's way, over real months, through the real steps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from disbursement import claiming
from disbursement import steps as paying
from ledger import journal, queries, reissues, returned, store
from ledger.instants import to_micros
from reconciliation import letters
from reconciliation import steps as proving
from reconciliation.reports.money import position
from reconciliation.reports.pack_check import verify_pack
from schemas.codes import DISPUTING
from schemas.errors import InputRejected, PersonNeeded
from tests.lib.scripted import Attempt, Story
from treasury.story import explain


def who(number: int) -> str:
    return f"CONTOH{number:04}"


PAID, MENDED, LAZY, MONTHLY, SILENT, TWICE, REVOKED, UNLUCKY, ON_HOLD, GONE, STRANGE = map(who, range(1, 12))
SCRIPT: dict[Attempt, str] = {
    (MENDED, 1, 1): "AC04",
    (LAZY, 1, 1): "AC04",
    **{(MONTHLY, 1, attempt): "AM21" for attempt in (1, 2, 3, 4)},
    (SILENT, 1, 1): "MS03",
    (SILENT, 1, 2): "MS03",
    (TWICE, 1, 1): "AM05",
    (REVOKED, 1, 1): "AC04",
    (UNLUCKY, 1, 1): "AC04",
    (UNLUCKY, 1, 2): "AC01",
    (ON_HOLD, 1, 1): "AC06",
    (GONE, 1, 1): "MD07",
    (STRANGE, 1, 1): "ZZ99",
}


def verdicts(story: Story) -> dict[str, Any]:
    return {participant: row["verdict"] for participant, row in story.next_acts().items()}


@pytest.mark.slow
def test_four_tranches_on_every_way_that_there_is(tmp_path: Path) -> None:
    story = Story(tmp_path, SCRIPT)
    story.begin(11)
    story.month(2020, 6)
    assert set(verdicts(story).values()) == {"undecided"}, "what ended since the decisions is decided with the next"
    story.at += timedelta(days=2)
    for number in (2, 8, 9):
        story.relink(number, 2)
    story.revoke(7)
    paying.hold(story.house, ON_HOLD, "hold", "uji")
    _july(story)
    paying.hold(story.house, ON_HOLD, "unhold", "selesai")
    story.relink(8, 3)
    story.month(2020, 8)
    _august(story)
    story.month(2020, 9)
    assert story.standing()[SILENT] == ["rejected", "rejected"], "one person's word moves nothing"
    paying.agree_on_reissue(story.house, story.reference(SILENT, 2), "approve", "budi", "")
    story.month(2020, 10)
    assert story.standing()[SILENT] == ["rejected", "rejected", "credited"]
    assert story.next_acts()[MONTHLY]["verdict"] == "capped"
    story.agree(story.reference(MONTHLY, 4))
    story.month(2020, 11)
    assert story.standing()[MONTHLY] == ["rejected"] * 4 + ["credited"]
    story.month(2021, 3, 6)
    _the_end(story)


def _july(story: Story) -> None:
    july = story.month(2020, 7)
    assert (july["reissued"], july["left_out"]) == (4, {"on_hold": 2}), (
        "mended, monthly, silent, unlucky; two of one on hold"
    )
    states = story.standing()
    assert {each: states[each] for each in (MENDED, MONTHLY, SILENT, UNLUCKY, LAZY)} == {
        MENDED: ["rejected", "credited"],
        **{each: ["rejected", "rejected"] for each in (MONTHLY, SILENT, UNLUCKY)},
        LAZY: ["rejected"],
    }
    waiting = story.next_acts()
    assert {name: waiting[LAZY][name] for name in ("verdict", "reasons", "owner")} == {
        "verdict": "needs_account", "reasons": "account_refused", "owner": "participant",
    }  # fmt: skip
    assert (waiting[REVOKED]["verdict"], waiting[REVOKED]["reasons"]) == ("held", "account_refused;participant_revoked")
    assert {waiting[each]["verdict"] for each in (GONE, STRANGE)} == {"needs_person"}
    assert (states[TWICE], TWICE in waiting) == (["submitted"], False), (
        "a duplicate has ended nothing: its break has an owner"
    )
    on_their_day = (PAID, MENDED, MONTHLY, SILENT, TWICE, UNLUCKY, GONE, STRANGE)
    assert story.standing(2) == {each: ["credited"] for each in on_their_day}, "tranche 2 waits for no failed tranche 1"


def _august(story: Story) -> None:
    assert story.standing()[UNLUCKY] == ["rejected", "rejected", "credited"]
    assert story.standing()[ON_HOLD] == ["rejected", "credited"]
    assert story.next_acts()[SILENT]["verdict"] == "needs_person", "one retry at most"
    subject = story.reference(SILENT, 2)
    paying.agree_on_reissue(story.house, subject, "propose", "siti", "surat bank 1 September")
    with pytest.raises(PersonNeeded):
        paying.agree_on_reissue(story.house, subject, "approve", "Siti ", "")


def _the_end(story: Story) -> None:
    assert verdicts(story) == dict.fromkeys((LAZY, REVOKED, GONE, STRANGE), "lapsed")
    assert story.standing(4)[PAID] == ["credited"]
    for period in ("2020-06", "2020-07", "2021-03"):
        proving.reconcile(story.house, period)
        pack = proving.report(story.house, period, story.root / "report", data_docs=False)["pack"]
        assert verify_pack(Path(pack))["period"] == period
    told = [step["facts"]["act"] for step in explain(story.house, MONTHLY) if step["what"] == "reissue"]
    assert told == ["propose", "approve"]
    assert explain(story.house, LAZY)[-1]["facts"]["verdict"] == "lapsed"


def test_what_two_people_agree_on_is_what_a_code_asks_for(tmp_path: Path) -> None:
    story = Story(tmp_path, {(who(1), 1, 1): "AM04", (who(2), 1, 1): "AM04", (who(3), 1, 1): "MD07"})
    story.begin(3)
    story.month(2020, 6)
    with pytest.raises(InputRejected):
        paying.agree_on_reissue(story.house, "TIDAK-ADA", "propose", "siti", "uji")
    with pytest.raises(InputRejected):
        paying.agree_on_reissue(story.house, story.reference(who(1), 1), "approve", "budi", "")
    with pytest.raises(InputRejected):
        paying.agree_on_reissue(story.house, story.reference(who(1), 1), "propose", "siti", " ")
    (file,) = {row["file_name"] for row in story.instructions()}
    paying.agree_on_reissue(story.house, file, "propose", "siti", "saldo rekening diisi")
    paying.agree_on_reissue(story.house, file, "refuse", "budi", "belum")
    with pytest.raises(InputRejected):
        paying.agree_on_reissue(story.house, file, "approve", "budi", "")
    story.agree(file, "saldo rekening diisi")
    with pytest.raises(InputRejected):
        paying.agree_on_reissue(story.house, file, "propose", "siti", "sekali lagi")
    story.at += timedelta(days=1)
    paying.entitle(story.house, "2020-06")
    assert verdicts(story) == {who(1): "due", who(2): "due", who(3): "needs_person"}, (
        "the file is mended, a death is not"
    )


def test_in_one_month_a_reissue_follows_at_once_and_a_rejected_batch_of_it_frees_it_again(tmp_path: Path) -> None:
    story = Story(tmp_path, {(who(1), 1, 1): "TM01"})
    story.begin(2)
    story.month(2020, 6)
    assert verdicts(story) == {who(1): "undecided"}
    story.at += timedelta(days=1)
    paying.entitle(story.house, "2020-06")
    assert paying.instruct(story.house, "2020-06", "siti")["reissued"] == 1
    assert paying.instruct(story.house, "2020-06", "siti")["instructed"] == 0
    paying.entitle(story.house, "2020-06")
    (batch,) = (row["batch"] for row in queries.batches(story.house.store) if row["state"] == "drafted")
    paying.reject(story.house, batch, "budi", "uji")
    assert story.pay("2020-06")["reissued"] == 1
    assert story.standing()[who(1)] == ["rejected", "withdrawn", "credited"]
    proving.reconcile(story.house, "2020-06")
    assert verdicts(story) == {}


def test_a_reissue_that_is_refused_in_its_own_month_goes_by_its_own_remedy(tmp_path: Path) -> None:
    story = Story(tmp_path, {(who(1), 1, 1): "TM01", (who(1), 1, 2): "AC04"})
    story.begin(2)
    story.month(2020, 6)
    for reissued in (1, 0):
        story.at += timedelta(days=2)
        paying.entitle(story.house, "2020-06")
        assert paying.instruct(story.house, "2020-06", "siti")["reissued"] == reissued
        story.pay("2020-06")
        proving.reconcile(story.house, "2020-06")
    assert story.standing()[who(1)] == ["rejected", "rejected"]
    assert verdicts(story) == {who(1): "needs_account"}


def distrust(story: Story) -> None:
    """A person says that the clock has been wrong from now on."""
    with (story.root / "home" / "salur.toml").open("a", encoding="utf-8") as settings:
        settings.write(f"\n[clock]\ndistrust_after = {story.at.isoformat()}\n")


def sent_in_june(story: Story, count: int) -> str:
    """The programme begins and its one file is made, released and sent, not answered yet; the file's name."""
    story.begin(count)
    story.at = datetime(2020, 6, 28, 2, tzinfo=UTC)
    paying.entitle(story.house, "2020-06")
    paying.instruct(story.house, "2020-06", "siti")
    (batch,) = queries.batches(story.house.store)
    paying.release(story.house, batch["batch"], "budi", batch["digest"], "cli")
    (file,) = paying.submit(story.house, None, story.root / "out")["files"]
    return str(file["file_name"])


def test_an_end_that_comes_after_a_run_by_a_clock_ahead_is_not_lost(tmp_path: Path) -> None:
    story = Story(tmp_path, {(who(1), 1, 1): "TM01"})
    file = sent_in_june(story, 2)
    paying.entitle(replace(story.house, at=story.at + timedelta(minutes=5)), "2020-06")
    story.answer(file)
    proving.reconcile(story.house, "2020-06")
    assert verdicts(story) == {who(1): "undecided"}


def test_an_end_by_a_letter_after_a_run_by_a_clock_ahead_is_not_lost(tmp_path: Path) -> None:
    story = Story(tmp_path, {})
    file = sent_in_june(story, 1)
    story.at += timedelta(days=6)
    proving.reconcile(story.house, "2020-06")  # the bank is silent past its deadline
    paying.entitle(replace(story.house, at=story.at + timedelta(days=2)), "2020-06")
    distrust(story)
    letter = tmp_path / "letter.txt"
    letter.write_text("surat bank", encoding="utf-8")
    entered = letters.answer(story.house, file, "never_arrived", letter, "siti")
    letters.confirm(story.house, file, "budi", entered["digest"])
    assert story.standing()[who(1)] == ["never_arrived"]
    assert verdicts(story) == {who(1): "undecided"}


def test_a_reissue_that_is_withdrawn_after_the_next_month_was_decided_is_with_somebody(tmp_path: Path) -> None:
    story = Story(tmp_path, {(who(1), 1, 1): "TM01"})
    story.begin(2)
    story.month(2020, 6)
    story.at += timedelta(days=1)
    paying.entitle(story.house, "2020-06")
    assert paying.instruct(story.house, "2020-06", "siti")["reissued"] == 1
    story.at = datetime(2020, 7, 20, 3, tzinfo=UTC)
    paying.entitle(story.house, "2020-07")
    assert verdicts(story) == {}, "its second attempt waits to be released"
    (batch,) = (row["batch"] for row in queries.batches(story.house.store) if row["state"] == "drafted")
    paying.reject(replace(story.house, at=story.at - timedelta(days=1)), batch, "budi", "uji")
    assert verdicts(story) == {who(1): "undecided"}
    proving.reconcile(story.house, "2020-06")
    paying.entitle(story.house, "2020-07")
    assert verdicts(story) == {who(1): "due"}


def test_a_run_in_a_time_that_has_not_come_is_passed_over_once_people_say_so(tmp_path: Path) -> None:
    story = Story(tmp_path, {(who(1), 1, 1): "TM01"})
    story.begin(2)
    story.month(2020, 6)
    paying.entitle(replace(story.house, at=datetime(2021, 1, 10, 2, tzinfo=UTC)), "2021-01")
    distrust(story)
    assert story.month(2020, 7)["reissued"] == 1
    assert story.standing()[who(1)] == ["rejected", "credited"]


def test_nothing_is_reissued_while_evidence_disagrees_or_is_unread(tmp_path: Path) -> None:
    story = Story(tmp_path, {(who(1), 1, 1): "TM01"})
    story.begin(2)
    story.month(2020, 6)
    (file,) = {row["file_name"] for row in story.instructions()}
    story.at += timedelta(days=1)
    paying.entitle(story.house, "2020-06")
    story.answer(file, script={})  # the bank says now that it paid after all
    made = paying.instruct(story.house, "2020-06", "siti")
    assert (made["instructed"], made["left_out"]) == (0, {"answers_unread": 1})
    proving.reconcile(story.house, "2020-06")
    made = paying.instruct(story.house, "2020-06", "siti")
    assert (made["instructed"], made["left_out"]) == (0, {"disputed": 1})
    paying.entitle(story.house, "2020-06")
    assert verdicts(story) == {who(1): "disputed"}
    assert paying.instruct(story.house, "2020-06", "siti")["left_out"] == {}
    with story.house.store.reading() as connection:
        assert reissues.ended(connection)["ended_on"].to_pylist() == [date(2020, 6, 28)]
    settle(story, "paid")
    july = story.month(2020, 7)
    assert (july["reissued"], story.standing()[who(1)], verdicts(story)) == (0, ["rejected"], {who(1): "paid"})
    settle(story, "not_paid")
    assert story.month(2020, 8)["reissued"] == 1


def settle(story: Story, outcome: str) -> None:
    """Two people settle every case that says that something may have been paid."""
    for case in proving.exceptions(story.house, None):
        if case["kind"] in DISPUTING:
            proving.act_on_exception(story.house, case["break_id"], "resolve", "siti", "surat bank", outcome)
            proving.act_on_exception(story.house, case["break_id"], "approve", "budi", "")


def test_nothing_is_reissued_to_who_was_revoked_or_whose_money_went_to_the_treasury_since(tmp_path: Path) -> None:
    story = Story(tmp_path, {})
    story.begin(2)
    paying.fund(story.house, 60_000_000, "SP2D-1")
    story.month(2020, 6)
    comes_back(story, who(1))
    story.at = datetime(2020, 7, 15, 2, tzinfo=UTC)
    assert decided(story) == {"due": 1}
    story.revoke(1)
    receipt = ("0A1B2C3D4E5F6G7H", "202012010001", "2020-06")
    with pytest.raises(InputRejected, match="owed to somebody"):
        claiming.deposit(story.house, 600_000, *receipt)
    assert paying.instruct(story.house, "2020-07", "siti")["left_out"] == {"participant_revoked": 1}
    assert decided(story) == {"held": 1}
    claiming.deposit(story.house, 600_000, *receipt)
    assert decided(story) == {"deposited": 1}
    story.reinstate(1)
    assert decided(story) == {"needs_person": 1}
    story.agree(story.reference(who(1), 1))
    assert decided(story) == {"due": 1}
    assert paying.instruct(story.house, "2020-07", "siti")["reissued"] == 1
    for row in queries.batches(story.house.store, "2020-07"):
        paying.release(story.house, row["batch"], "budi", row["digest"], "cli")
    paying.submit(story.house, None, tmp_path / "out")
    with pytest.raises(InputRejected, match="sent again out of the funds"):
        claiming.correct_deposit(story.house, receipt[0])
    with story.house.store.reading() as connection:
        found = position(connection, story.house.archive, story.house.at)
        assert [row["stage"] for row in found.equations.to_pylist() if not row["holds"]] == []
        assert returned.committed_idr(connection) == queries.open_amount_idr(connection)


def decided(story: Story) -> Any:
    """How many of what ended have which verdict, a day later."""
    story.at += timedelta(days=1)
    return paying.entitle(story.house, "2020-07")["reissues"]


def comes_back(story: Story, *people: str) -> None:
    """What was credited to some people is returned by the bank, as reconciliation records it."""
    at = to_micros(story.at)
    with story.house.store.transaction() as connection:
        for row in queries.instruction_rows(connection).to_pylist():
            if row["participant_id"] in people and row["benefit"] == "incentive":
                key = {name: row[name] for name in reissues.KEY}
                proof = {"code_list": "return", "reason_code": "TM01", "evidence": row["end_to_end_id"], "at": at}
                store.insert(connection, store.attempt_ends, [{**key, **proof, "end": "returned"}])
                seq = store.next_seq(connection, store.instruction_states)
                state = {"seq": seq, "end_to_end_id": row["end_to_end_id"], "state": "returned", **proof}
                store.insert(connection, store.instruction_states, [state])
                parts = (row["channel"], row["period"], row["fiscal_year"])
                back = journal.Posting("returned", "credited", row["amount_idr"], row["file_name"], "r", 1, *parts)
                journal.post(connection, [back], story.at)


def test_money_reaches_reissues_before_new_tranches(tmp_path: Path) -> None:
    story = Story(tmp_path, {(who(2), 1, 1): "TM01"})
    story.begin(2)
    paying.fund(story.house, 1_200_000, "SP2D-1")
    story.month(2020, 6)
    story.at += timedelta(days=29)
    paying.fund(story.house, 600_000, "SP2D-2")
    july = story.month(2020, 7)
    assert (july["instructed"], july["reissued"]) == (2, 1), (
        "600,000 came back and 600,000 are new: one tranche 2 has to wait"
    )
    assert story.standing()[who(2)] == ["rejected", "credited"]
