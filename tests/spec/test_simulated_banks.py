"""What a simulated bank does with a payment file: what it refuses, what it answers, what its statement adds up to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from lxml import etree

from schemas.errors import WrongUsage
from simulator.bank import Answer, SimulatedBank
from simulator.descriptions import BankDescription, bank_descriptions, describe_bank, load_schema, schema_path
from simulator.faults import parse_faults
from tests.lib.payment_files import Pay, payment_file, pays

CODES = sorted(bank_descriptions())
NO_REJECTS = replace(describe_bank("bca"), rejects_per_million=0)
HALF_REJECTED = replace(describe_bank("bca"), rejects_per_million=500_000)


def nodes(data: bytes, path: str) -> list[etree._Element]:
    """Elements under the root by local names, whatever the version."""
    return etree.fromstring(data).findall("/".join(f"{{*}}{name}" for name in path.split("/")))


def texts(data: bytes, path: str) -> list[str]:
    return [node.text or "" for node in nodes(data, path)]


@dataclass
class Answers:
    """The answers to one file, told apart by what they are."""

    all: list[Answer]

    @property
    def reports(self) -> list[bytes]:
        return [data for name, data in self.all if "-pain002-" in name]

    @property
    def statements(self) -> list[bytes]:
        return [data for name, data in self.all if "-camt053-" in name]

    @property
    def notifications(self) -> list[bytes]:
        return [data for name, data in self.all if "-camt054-" in name]

    def statuses(self, report: int = -1) -> dict[str, str]:
        rows = nodes(self.reports[report], "CstmrPmtStsRpt/OrgnlPmtInfAndSts/TxInfAndSts")
        return {str(row.findtext("{*}OrgnlEndToEndId")): str(row.findtext("{*}TxSts")) for row in rows}

    def reasons(self) -> list[str]:
        return texts(self.reports[-1], "CstmrPmtStsRpt/OrgnlGrpInfAndSts/StsRsnInf/Rsn/Cd")

    def group_status(self) -> str:
        return texts(self.reports[-1], "CstmrPmtStsRpt/OrgnlGrpInfAndSts/GrpSts")[0]


def take(bank: SimulatedBank, data: bytes, name: str = "file.xml") -> Answers:
    return Answers(bank.take(name, data))


def amounts(statement: bytes) -> tuple[int, list[int], int]:
    """Opening balance, signed entries, closing balance."""
    opening, closing = (int(text) for text in texts(statement, "BkToCstmrStmt/Stmt/Bal/Amt"))
    entries = nodes(statement, "BkToCstmrStmt/Stmt/Ntry")
    signs = [1 if entry.findtext("{*}CdtDbtInd") == "CRDT" else -1 for entry in entries]
    return (
        opening,
        [sign * int(str(entry.findtext("{*}Amt"))) for sign, entry in zip(signs, entries, strict=True)],
        closing,
    )


@pytest.mark.parametrize("code", CODES)
def test_every_answer_of_every_bank_is_valid_against_the_official_schema(code: str) -> None:
    bank = replace(describe_bank(code), rejects_per_million=500_000, fee_idr=100)
    answers = take(SimulatedBank(bank), payment_file(bank, pays(20)))
    assert len(answers.reports) == (2 if bank.status_flow == "acknowledge_then_results" else 1)
    for _, data in answers.all:
        message = str(etree.QName(etree.fromstring(data)).namespace).rpartition(":")[2]
        assert message in (bank.pain002, bank.camt053)
        if schema_path(message) is None:  # no package ships .10; what we write of it is the same in .12
            data, message = data.replace(message.encode(), b"pain.002.001.12"), "pain.002.001.12"
        load_schema(message).assertValid(etree.fromstring(data))


@pytest.mark.parametrize("code", CODES)
def test_every_transfer_of_a_good_file_is_answered_once_with_the_settled_status(code: str) -> None:
    bank = replace(describe_bank(code), rejects_per_million=0)
    answers = take(SimulatedBank(bank), payment_file(bank, pays(7)))
    assert answers.statuses() == {pay.end_to_end_id: bank.settled_status for pay in pays(7)}
    assert answers.group_status() == bank.settled_status


def test_a_file_is_debited_once_and_each_rejected_transfer_is_reversed_by_itself() -> None:
    answers = take(SimulatedBank(HALF_REJECTED), payment_file(HALF_REJECTED, pays(10)))
    rejected = [identifier for identifier, status in answers.statuses().items() if status == "RJCT"]
    assert 0 < len(rejected) < 10
    (statement,) = answers.statements
    opening, entries, closing = amounts(statement)
    assert entries == [-6_000_000] + [600_000] * len(rejected)
    assert opening + sum(entries) == closing
    details = "BkToCstmrStmt/Stmt/Ntry/NtryDtls"
    assert texts(statement, f"{details}/Btch/PmtInfId") == ["MSG-1-P"]
    assert texts(statement, f"{details}/Btch/NbOfTxs") == ["10"]
    assert texts(statement, f"{details}/TxDtls/Refs/EndToEndId") == rejected
    assert texts(statement, "BkToCstmrStmt/Stmt/Ntry/RvslInd") == ["true"] * len(rejected)
    given = texts(answers.reports[-1], "CstmrPmtStsRpt/OrgnlPmtInfAndSts/TxInfAndSts/StsRsnInf/Rsn/Cd")
    assert texts(statement, f"{details}/TxDtls/RtrInf/Rsn/Cd") == given


def test_statements_follow_one_another_without_a_gap_in_number_or_balance() -> None:
    bank = SimulatedBank(HALF_REJECTED)
    statements = []
    for number in range(3):
        data = payment_file(HALF_REJECTED, pays(5, start=1 + 5 * number), message_id=f"MSG-{number}")
        statements += take(bank, data).statements
    assert [texts(statement, "BkToCstmrStmt/Stmt/ElctrncSeqNb") for statement in statements] == [["1"], ["2"], ["3"]]
    balances = [amounts(statement) for statement in statements]
    assert [opening for opening, _, _ in balances[1:]] == [closing for _, _, closing in balances[:-1]]


def test_a_bank_that_states_once_a_day_puts_all_files_of_the_day_on_one_statement() -> None:
    daily = replace(NO_REJECTS, statements="per_day", fee_idr=50)
    bank = SimulatedBank(daily)
    for number in range(2):
        data = payment_file(daily, pays(2, start=1 + 2 * number), message_id=f"MSG-{number}")
        assert take(bank, data).statements == []
    (statement,) = Answers(bank.close_day()).statements
    assert amounts(statement)[1] == [-1_200_000, -100, -1_200_000, -100]
    assert bank.close_day() == []


def test_the_same_files_under_the_same_seed_are_answered_with_the_same_bytes() -> None:
    data = payment_file(HALF_REJECTED, pays(40))
    assert take(SimulatedBank(HALF_REJECTED, seed=5), data).all == take(SimulatedBank(HALF_REJECTED, seed=5), data).all
    other = take(SimulatedBank(HALF_REJECTED, seed=6), data).statuses()
    assert other != take(SimulatedBank(HALF_REJECTED, seed=5), data).statuses()


@pytest.mark.parametrize("code", ["bni", "dana"])
def test_about_four_transfers_in_a_thousand_fail_for_the_reasons_of_their_channel(code: str) -> None:
    bank = describe_bank(code)
    answers = take(SimulatedBank(bank, seed=1), payment_file(bank, pays(20_000)))
    failed = texts(answers.reports[-1], "CstmrPmtStsRpt/OrgnlPmtInfAndSts/TxInfAndSts/StsRsnInf/Rsn/Cd")
    assert 40 < len(failed) < 120
    assert set(failed) <= {reason.code for _, reason in bank.reasons}


REFUSED_WHOLE = {
    "count in the header": ({"count": 4}, ["AM19"]),
    "count in the block": ({"block_count": 2}, ["AM18"]),
    "sum in the header": ({"control_sum": "1800001"}, ["AM10"]),
    "sum in the block": ({"block_sum": "1799999"}, ["AM10"]),
    "another version": ({"message": "pain.001.001.09"}, ["FF01"]),
    "another debtor account": ({"debtor_account": "0000000000"}, ["AC02"]),
    "another bank": ({"debtor_agent": "BNINIDJA"}, ["RC03"]),
    "execution before creation": ({"execution_date": "2020-05-03"}, ["DT01"]),
    "execution in a year": ({"execution_date": "2021-05-05"}, ["DT01"]),
    "execution on an impossible day": ({"execution_date": "2020-02-30"}, ["FF01"]),
}


@pytest.mark.parametrize("wrong", REFUSED_WHOLE)
def test_a_file_that_is_wrong_as_a_whole_is_refused_and_books_nothing(wrong: str) -> None:
    changes, codes = REFUSED_WHOLE[wrong]
    bank = SimulatedBank(NO_REJECTS)
    answers = take(bank, payment_file(NO_REJECTS, pays(3), **changes))  # type: ignore[arg-type]
    assert (answers.group_status(), answers.reasons()) == ("RJCT", codes)
    assert answers.statements == []
    assert bank.close_day() == []
    assert texts(answers.reports[-1], "CstmrPmtStsRpt/OrgnlGrpInfAndSts/OrgnlMsgId") == ["MSG-1"]


REFUSED_FOR_ONE = {
    "decimals": (Pay("SYNTHETIC000009", amount="600000.50"), ["AM12"]),
    "nothing": (Pay("SYNTHETIC000009", amount="0"), ["AM01"]),
    "foreign money": (Pay("SYNTHETIC000009", currency="USD"), ["AM03"]),
    "a long id": (Pay("SYNTHETIC0000009"), ["CH16"]),
    "a small letter": (Pay("sYNTHETIC000009"), ["CH16"]),
}


@pytest.mark.parametrize("wrong", REFUSED_FOR_ONE)
def test_one_transfer_that_no_bank_could_read_refuses_the_file(wrong: str) -> None:
    pay, codes = REFUSED_FOR_ONE[wrong]
    answers = take(SimulatedBank(NO_REJECTS), payment_file(NO_REJECTS, [*pays(2), pay]))
    assert (answers.group_status(), answers.reasons()) == ("RJCT", codes)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not XML at all",
        payment_file(NO_REJECTS, pays(3))[:900],
        payment_file(NO_REJECTS, pays(3)).replace(b"<PmtMtd>TRF</PmtMtd>", b""),
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + payment_file(NO_REJECTS, pays(1)).partition(b"\n")[2],
        b"\xff\xfe\x00" * 100,
    ],
    ids=["empty", "text", "cut short", "element missing", "entities", "binary"],
)
def test_what_is_no_valid_payment_file_is_refused_as_a_format_error(data: bytes) -> None:
    answers = take(SimulatedBank(NO_REJECTS), data)
    assert (answers.group_status(), answers.reasons()) == ("RJCT", ["FF01"])
    load_schema(NO_REJECTS.pain002).assertValid(etree.fromstring(answers.reports[-1]))


def test_a_refusal_never_repeats_a_name_or_an_account() -> None:
    person = Pay("SYNTHETIC000001", account="12345\u00a067890123456789012345678901234567890", name="RAHASIA" * 30)
    (answer,) = SimulatedBank(NO_REJECTS).take("file.xml", payment_file(NO_REJECTS, [person]))
    assert b"RJCT" in answer[1]
    assert b"RAHASIA" not in answer[1]
    assert b"67890" not in answer[1]


def test_a_file_with_more_rows_than_the_limit_is_refused_without_reading_on() -> None:
    small = replace(NO_REJECTS, row_limit=3)
    answers = take(SimulatedBank(small), payment_file(small, pays(5)))
    assert (answers.group_status(), answers.reasons()) == ("RJCT", ["AM18"])


def test_a_file_that_the_balance_does_not_cover_is_refused() -> None:
    bank = SimulatedBank(NO_REJECTS, opening_balance_idr=1_800_000)
    assert take(bank, payment_file(NO_REJECTS, pays(3))).group_status() == "ACSC"
    answers = take(bank, payment_file(NO_REJECTS, pays(1, start=4), message_id="MSG-2"))
    assert (answers.group_status(), answers.reasons()) == ("RJCT", ["AM04"])


def test_the_same_bytes_are_never_paid_twice_under_any_name() -> None:
    bank, data = SimulatedBank(NO_REJECTS), payment_file(NO_REJECTS, pays(3))
    take(bank, data, "one.xml")
    answers = take(bank, data, "two.xml")
    assert (answers.group_status(), answers.reasons(), answers.statements) == ("RJCT", ["AM05", "DU01"], [])


def test_a_message_id_is_good_for_one_file() -> None:
    bank = SimulatedBank(NO_REJECTS)
    take(bank, payment_file(NO_REJECTS, pays(3)))
    answers = take(bank, payment_file(NO_REJECTS, pays(3, start=4)))
    assert (answers.group_status(), answers.reasons()) == ("RJCT", ["DU01"])


def reason_by_transfer(answers: Answers) -> dict[str, str]:
    rows = nodes(answers.reports[-1], "CstmrPmtStsRpt/OrgnlPmtInfAndSts/TxInfAndSts")
    return {str(row.findtext("{*}OrgnlEndToEndId")): row.findtext("{*}StsRsnInf/{*}Rsn/{*}Cd") or "" for row in rows}


def test_an_end_to_end_id_is_paid_once_and_never_for_another_content() -> None:
    bank = SimulatedBank(NO_REJECTS)
    take(bank, payment_file(NO_REJECTS, pays(3)))
    again, dearer, other = pays(3)
    dearer, other = replace(dearer, amount="700000"), replace(other, remittance="SURVEI 1 CONTOH")
    answers = take(bank, payment_file(NO_REJECTS, [again, dearer, other, *pays(1, start=4)], message_id="MSG-2"))
    assert list(reason_by_transfer(answers).values()) == ["AM05", "DU04", "DU04", ""]
    assert amounts(answers.statements[0])[1] == [-2_500_000, 600_000, 700_000, 600_000]


def test_an_end_to_end_id_twice_in_one_file_is_paid_once() -> None:
    answers = take(SimulatedBank(NO_REJECTS), payment_file(NO_REJECTS, [*pays(1), *pays(1)]))
    assert amounts(answers.statements[0])[1] == [-1_200_000, 600_000]


def test_a_creditor_at_another_bank_or_with_a_malformed_account_is_rejected_alone() -> None:
    wrong = [Pay("SYNTHETIC000001", agent="BNINIDJA"), Pay("SYNTHETIC000002", account="12"), *pays(1, start=3)]
    answers = take(SimulatedBank(NO_REJECTS), payment_file(NO_REJECTS, wrong))
    assert reason_by_transfer(answers) == {"SYNTHETIC000001": "RC04", "SYNTHETIC000002": "AC01", "SYNTHETIC000003": ""}


def test_a_bank_that_is_started_again_remembers_what_it_has_paid(tmp_path: Path) -> None:
    first = SimulatedBank(NO_REJECTS, folder=tmp_path)
    data = payment_file(NO_REJECTS, pays(2))
    closing = amounts(take(first, data).statements[0])[2]
    first.close()
    second = SimulatedBank(NO_REJECTS, folder=tmp_path, seed=99)
    assert second.has_taken("file.xml", data)
    assert not second.has_taken("other.xml", data)
    assert take(second, data, "other.xml").group_status() == "RJCT"
    (statement,) = take(second, payment_file(NO_REJECTS, pays(1, start=3), message_id="MSG-2")).statements
    assert amounts(statement)[0] == closing
    assert texts(statement, "BkToCstmrStmt/Stmt/ElctrncSeqNb") == ["2"]
    second.close()


def test_a_bank_killed_while_it_answers_says_the_same_when_it_is_started_again(tmp_path: Path) -> None:
    told: list[Answer] = []

    def die_after_telling(answers: list[Answer]) -> None:
        told.extend(answers)
        raise KeyboardInterrupt

    data = payment_file(HALF_REJECTED, pays(6))
    killed = SimulatedBank(HALF_REJECTED, folder=tmp_path, deliver=die_after_telling)
    with pytest.raises(KeyboardInterrupt):
        killed.take("file.xml", data)
    killed.close()
    again = SimulatedBank(HALF_REJECTED, folder=tmp_path)
    assert again.take("file.xml", data) == told
    again.close()


# --- faults -----------------------------------------------------------------------------------------------------------


def faulty(fault: str, count: int = 6, bank: BankDescription = NO_REJECTS) -> tuple[SimulatedBank, Answers]:
    simulated = SimulatedBank(bank, faults=parse_faults(fault))
    return simulated, take(simulated, payment_file(bank, pays(count)))


def test_a_silent_bank_answers_nothing_ever() -> None:
    bank, answers = faulty("silent")
    assert answers.all == []
    assert bank.close_day() == []


def test_a_late_statement_comes_when_the_day_is_closed_and_is_the_honest_one() -> None:
    bank, answers = faulty("late_statement")
    assert answers.statements == []
    assert Answers(bank.close_day()).statements == faulty("none")[1].statements


def test_a_duplicated_answer_comes_twice_with_the_same_bytes_under_two_names() -> None:
    _, answers = faulty("duplicated_answer")
    assert answers.all[0][1] == answers.all[1][1]
    assert answers.all[0][0] != answers.all[1][0]


def test_a_truncated_report_is_a_beginning_of_the_whole_one_that_comes_later() -> None:
    bank, answers = faulty("truncated_answer")
    whole = bank.close_day()[0][1]
    assert whole.startswith(answers.reports[0])
    assert whole != answers.reports[0]
    assert whole == faulty("none")[1].reports[0]


def test_wrong_totals_are_not_those_of_the_file_at_either_level() -> None:
    _, answers = faulty("wrong_totals")
    for level in ("OrgnlGrpInfAndSts", "OrgnlPmtInfAndSts"):
        assert texts(answers.reports[0], f"CstmrPmtStsRpt/{level}/OrgnlNbOfTxs") == ["7"]
        assert texts(answers.reports[0], f"CstmrPmtStsRpt/{level}/OrgnlCtrlSum") == ["3700000"]


def test_a_group_reject_refuses_a_good_file_and_books_nothing() -> None:
    _, answers = faulty("group_reject")
    assert (answers.group_status(), answers.reasons(), answers.statements) == ("RJCT", ["MS03"], [])


def test_a_stranger_is_answered_beside_every_payment_of_ours() -> None:
    _, answers = faulty("stranger")
    ours = {pay.end_to_end_id for pay in pays(6)}
    assert ours < set(answers.statuses())
    assert len(answers.statuses()) == 7


def test_a_debit_that_differs_still_leaves_a_statement_that_adds_up() -> None:
    _, answers = faulty("amount_differs")
    opening, entries, closing = amounts(answers.statements[0])
    assert entries == [-3_700_000]
    assert opening + sum(entries) == closing


def test_a_statement_gap_leaves_out_a_number_and_its_money() -> None:
    bank, first = faulty("statement_gap")
    second = take(bank, payment_file(NO_REJECTS, pays(1, start=7), message_id="MSG-2"))
    numbers = [texts(answers.statements[0], "BkToCstmrStmt/Stmt/ElctrncSeqNb") for answers in (first, second)]
    assert numbers == [["2"], ["4"]]
    assert amounts(second.statements[0])[0] - amounts(first.statements[0])[2] == 1_000_000


def test_an_exceptions_only_report_lists_the_rejected_alone() -> None:
    _, answers = faulty("exceptions_only", 20, HALF_REJECTED)
    assert set(answers.statuses().values()) == {"RJCT"}
    assert 0 < len(answers.statuses()) < 20


def test_a_contradiction_rejects_what_was_accepted_and_the_statement_knows_nothing_of_it() -> None:
    _, answers = faulty("contradiction")
    assert answers.statuses(0)["SYNTHETIC000001"] == "ACSC"
    assert answers.statuses(1) == {"SYNTHETIC000001": "RJCT"}
    assert amounts(answers.statements[0])[1] == [-3_600_000]


def test_a_return_comes_on_a_later_statement_with_its_reason_and_is_no_reversal() -> None:
    bank, answers = faulty("returned_after_credit")
    assert answers.statuses()["SYNTHETIC000001"] == "ACSC"
    (statement,) = Answers(bank.close_day()).statements
    assert amounts(statement)[1] == [600_000]
    assert texts(statement, "BkToCstmrStmt/Stmt/Ntry/NtryDtls/TxDtls/RtrInf/Rsn/Cd") == ["AC04"]
    assert texts(statement, "BkToCstmrStmt/Stmt/Ntry/BookgDt/Dt") == ["2020-05-06"]
    assert nodes(statement, "BkToCstmrStmt/Stmt/Ntry/RvslInd") == []


NOTIFIED = "BkToCstmrDbtCdtNtfctn/Ntfctn/Ntry"


@pytest.mark.parametrize("code", CODES)
def test_a_notification_tells_what_the_statement_shows_and_is_valid_against_the_official_schema(code: str) -> None:
    bank = replace(describe_bank(code), rejects_per_million=500_000, statements="per_file")
    answers = take(SimulatedBank(bank, faults=parse_faults("notified")), payment_file(bank, pays(10)))
    (notification,), (statement,) = answers.notifications, answers.statements
    load_schema(bank.camt053.replace("053", "054")).assertValid(etree.fromstring(notification))
    for what in ("Amt", "AcctSvcrRef", "NtryDtls/TxDtls/Refs/EndToEndId"):
        told = texts(notification, f"{NOTIFIED}/{what}")
        assert told == texts(statement, f"BkToCstmrStmt/Stmt/Ntry/{what}")
        assert told


def test_a_return_that_is_notified_is_stated_a_day_later() -> None:
    bank, _ = faulty("returned_after_credit+return_notified")
    first, second = Answers(bank.close_day()), Answers(bank.close_day())
    assert texts(first.notifications[0], f"{NOTIFIED}/NtryDtls/TxDtls/RtrInf/Rsn/Cd") == ["AC04"]
    assert (first.statements, second.notifications) == ([], [])
    assert amounts(second.statements[0])[1] == [600_000]


COME_BACK = {
    "returned_twice": [("SYNTHETIC000001", 600_000), ("SYNTHETIC000001", 600_000)],
    "returned_less": [("SYNTHETIC000001", 595_000)],
    "returned_stranger": [("STRANGER0000001", 600_000)],
    "returned_unpaid": [],
}


@pytest.mark.parametrize("fault", COME_BACK)
def test_each_fault_of_returns_sends_back_what_its_name_says(fault: str) -> None:
    bank, _ = faulty(fault)
    statements = Answers(bank.close_day()).statements
    found = [
        (str(entry.findtext(".//{*}EndToEndId")), int(str(entry.findtext("{*}Amt"))))
        for statement in statements
        for entry in nodes(statement, "BkToCstmrStmt/Stmt/Ntry")
    ]
    assert found == COME_BACK[fault]


def test_what_was_refused_comes_back_or_is_paid_once_more_on_a_later_day() -> None:
    bank, answers = faulty("returned_unpaid+paid_after_rejection", 10, HALF_REJECTED)
    refused = next(identifier for identifier, status in answers.statuses().items() if status == "RJCT")
    later = Answers(bank.close_day())
    assert later.statuses() == {refused: "ACSC"}
    (statement,) = later.statements
    assert amounts(statement)[1] == [600_000, -600_000]
    assert texts(statement, "BkToCstmrStmt/Stmt/Ntry/NtryDtls/TxDtls/Refs/EndToEndId") == [refused] * 2


def test_a_file_debited_twice_is_so_under_two_references() -> None:
    (statement,) = faulty("debited_twice")[1].statements
    assert amounts(statement)[1] == [-3_600_000] * 2
    assert len(set(texts(statement, "BkToCstmrStmt/Stmt/Ntry/AcctSvcrRef"))) == 2


def test_a_file_that_is_executed_late_is_booked_ten_days_after_the_day_asked_for() -> None:
    (statement,) = faulty("executed_late")[1].statements
    assert texts(statement, "BkToCstmrStmt/Stmt/Ntry/BookgDt/Dt") == ["2020-05-15"]


def test_a_reused_report_id_stands_on_two_reports_of_other_content() -> None:
    _, answers = faulty("report_id_reused")
    ids = [texts(report, "CstmrPmtStsRpt/GrpHdr/MsgId") for report in answers.reports]
    assert ids[0] == ids[1]
    assert (len(answers.statuses(0)), answers.statuses(1)) == (6, {"SYNTHETIC000001": "PDNG"})


def test_a_corrected_statement_bears_the_id_of_the_wrong_one_and_a_later_time() -> None:
    bank, wrong = faulty("statement_corrected")
    (corrected,) = Answers(bank.close_day()).statements
    assert [amounts(one)[1] for one in (wrong.statements[0], corrected)] == [[-3_700_000], [-3_600_000]]
    written = [texts(one, "BkToCstmrStmt/Stmt/CreDtTm") for one in (wrong.statements[0], corrected)]
    assert written[0] < written[1]
    assert len({tuple(texts(one, "BkToCstmrStmt/Stmt/Id")) for one in (wrong.statements[0], corrected)}) == 1


def test_an_unknown_fault_or_bank_is_wrong_usage_and_names_the_known_ones() -> None:
    with pytest.raises(WrongUsage, match="late_statement"):
        parse_faults("late_statment")
    with pytest.raises(WrongUsage, match="linkaja"):
        describe_bank("link-aja")
