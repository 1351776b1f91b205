"""What is claimed back, repaid and paid to the treasury: two people for a claim, 60 days, receipt numbers, no second use of a rupiah."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from disbursement import claiming, steps
from disbursement.receivables import Part, check_receipt_numbers, repayment_parts, spread, take
from ledger import chain, journal, queries, reissues, returned
from ledger.archive import Archive
from ledger.house import House
from ledger.keyring import Keyring
from reconciliation import steps as proving
from reconciliation.reports.money import position
from schemas import exact_checks
from schemas.errors import InputRejected, PersonNeeded, ProofFailed, SalurError, WrongUsage
from tests.lib.credited_home import LATER, balances, by, comes_back, credited_home, who
from tests.lib.small_home import AT, PERIOD, TRANCHE, at, events

NTPN, NTB = "0A1B2C3D4E5F6G7H", "202012010001"
OTHER_NTPN = "ZZZZ2C3D4E5F6G7H"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return credited_home(tmp_path)


@pytest.fixture
def claimed(house: House) -> House:
    """C000001 over the payment of person 0, proposed by siti and confirmed by budi."""
    claiming.claim(house, who(0), "tidak berhak")
    claiming.confirm(by(house, "budi"), "C000001")
    return house


def states(house: House, when: datetime = AT) -> dict[str, tuple[str, int]]:
    """State and open rupiah of each claim."""
    return {row["claim"]: (row["state"], row["open_idr"]) for row in claiming.standing(at(house, when))["receivables"]}


def money_holds(house: House) -> dict[str, int]:
    """Whole rupiah of the figures of all, once every equation between the records holds."""
    with house.store.reading() as connection:
        found = position(connection, Archive("memory://", Keyring(bytes(32))), house.at)
    assert [row["stage"] for row in found.equations.to_pylist() if not row["holds"]] == []
    return {row["figure"]: row["amount_idr"] for row in found.figures.to_pylist() if row["dimension"] == "all"}


class TestClaim:
    def test_a_proposal_moves_no_money_and_owes_nothing(self, house: House) -> None:
        before = balances(house)
        told = claiming.claim(house, who(0), "tidak berhak")
        assert (told["claim"], told["amount_idr"], told["state"]) == ("C000001", TRANCHE, "proposed")
        assert states(house) == {"C000001": ("proposed", 0)}
        assert balances(house) == before

    def test_the_same_proposal_again_is_the_one_that_waits(self, house: House) -> None:
        one, two = (claiming.claim(house, who(0), "tidak berhak") for _ in range(2))
        assert one == two
        assert events(house, "claim_proposed") == ["C000001"]

    @pytest.mark.parametrize("person", ["siti", " SITI "])
    def test_whoever_proposed_it_cannot_confirm_it(self, house: House, person: str) -> None:
        claiming.claim(house, who(0), "tidak berhak")
        with pytest.raises(PersonNeeded, match="second person"):
            claiming.confirm(by(house, person), "C000001")
        assert states(house) == {"C000001": ("proposed", 0)}

    def test_confirmed_it_is_owed_within_sixty_days_of_the_notice(self, house: House) -> None:
        claiming.claim(house, who(0), "tidak berhak")
        told = claiming.confirm(by(house, "budi"), "C000001", date(2020, 11, 25))
        assert (told["state"], told["repay_by"]) == ("open", date(2021, 1, 24))
        last_day = datetime(2021, 1, 24, 16, 59, tzinfo=UTC)
        assert states(house, last_day) == {"C000001": ("open", TRANCHE)}
        assert states(house, last_day + timedelta(minutes=1)) == {"C000001": ("overdue", TRANCHE)}

    def test_a_notice_that_was_not_given_yet_is_refused(self, house: House) -> None:
        claiming.claim(house, who(0), "tidak berhak")
        with pytest.raises(WrongUsage, match="not come yet"):
            claiming.confirm(by(house, "budi"), "C000001", date(2020, 12, 2))

    def test_it_stands_as_a_receivable_against_what_is_claimed_and_moves_no_cash(self, claimed: House) -> None:
        assert balances(claimed) == {
            "funder": -10 * TRANCHE, "cash": 7 * TRANCHE, "credited": 3 * TRANCHE, "receivable": TRANCHE,
            "claims": -TRANCHE,
        }  # fmt: skip
        assert money_holds(claimed)["receivable"] == TRANCHE
        with claimed.store.reading() as connection:
            last = journal.rows(connection).to_pylist()[-1]
            assert last["evidence"] == chain.head(connection)[1]
        assert [last[name] for name in ("debit", "credit", "transaction_count", "channel", "period")] == [
            "receivable", "claims", 1, "bni", PERIOD,
        ]  # fmt: skip

    def test_confirming_again_adds_nothing(self, claimed: House) -> None:
        before = balances(claimed)
        assert claiming.confirm(by(claimed, "rina"), "C000001")["state"] == "open"
        assert balances(claimed) == before
        assert events(claimed, "claim_confirmed") == ["C000001"]

    def test_a_payment_is_claimed_once(self, claimed: House) -> None:
        with pytest.raises(InputRejected, match="left to claim"):
            claiming.claim(claimed, who(0), "lagi")

    def test_only_what_was_credited_can_be_claimed(self, house: House) -> None:
        comes_back(house, 0)
        for participant in (who(0), "P-SIAPA"):
            with pytest.raises(InputRejected, match="left to claim"):
                claiming.claim(house, participant, "tidak berhak")

    @pytest.mark.parametrize(("benefits", "sequences"), [(["survey"], []), ([], [2])])
    def test_only_the_benefits_and_numbers_asked_for_are_claimed(
        self, house: House, benefits: list[str], sequences: list[int]
    ) -> None:
        with pytest.raises(InputRejected, match="left to claim"):
            claiming.claim(house, who(0), "tidak berhak", benefits, sequences)

    def test_what_came_back_meanwhile_is_not_confirmed_as_owed(self, house: House) -> None:
        claiming.claim(house, who(0), "tidak berhak")
        comes_back(house, 0)
        with pytest.raises(PersonNeeded, match="no longer credited"):
            claiming.confirm(by(house, "budi"), "C000001")

    def test_a_cancelled_claim_stands_no_more_and_its_payment_can_be_claimed_anew(self, claimed: House) -> None:
        with pytest.raises(PersonNeeded, match="Somebody else"):
            claiming.cancel(claimed, "C000001", "keliru")
        claiming.cancel(by(claimed, "rina"), "C000001", "keliru")
        assert states(claimed) == {"C000001": ("cancelled", 0)}
        assert "receivable" not in balances(claimed)
        assert money_holds(claimed)["credited"] == 3 * TRANCHE
        assert claiming.claim(claimed, who(0), "benar")["claim"] == "C000002"


class TestRepayment:
    def test_it_lessens_the_receivable_and_is_kept_apart_from_the_cash(self, claimed: House) -> None:
        told = claiming.repay(claimed, "C000001", 200_000, "BNI-1")
        assert (told["repaid_idr"], told["open_idr"], told["state"]) == (200_000, TRANCHE - 200_000, "open")
        assert balances(claimed)["receivable"] == TRANCHE - 200_000
        assert (balances(claimed)["repaid"], balances(claimed)["cash"]) == (200_000, 7 * TRANCHE)
        assert money_holds(claimed)["left_of_funds"] == 7 * TRANCHE

    def test_a_claim_repaid_in_full_is_closed(self, claimed: House) -> None:
        claiming.repay(claimed, "C000001", TRANCHE, "BNI-1")
        assert states(claimed, LATER + timedelta(days=90)) == {"C000001": ("repaid", 0)}

    def test_a_reference_is_one_repayment(self, claimed: House) -> None:
        for _ in range(2):
            claiming.repay(claimed, "C000001", 200_000, "BNI-1")
        assert balances(claimed)["repaid"] == 200_000
        with pytest.raises(InputRejected, match="other content"):
            claiming.repay(claimed, "C000001", 300_000, "BNI-1")

    @pytest.mark.parametrize(
        ("amount", "reference", "corrects", "says"),
        [
            (TRANCHE + 1, "R", None, "are open"),
            (0, "R", None, "no amount"),
            (-1, "R", None, "no amount"),
            (5, "R", "BNI-1", "no amount"),
            (-200_001, "R", "BNI-1", "brought"),
            (-1, "R", "BNI-9", "no repayment"),
            (1, " R", None, "no reference"),
        ],
    )
    def test_what_can_be_no_repayment_is_refused(
        self, claimed: House, amount: int, reference: str, corrects: str | None, says: str
    ) -> None:
        claiming.repay(claimed, "C000001", 200_000, "BNI-1")
        with pytest.raises(SalurError, match=says):
            claiming.repay(claimed, "C000001", amount, reference, corrects)
        assert balances(claimed)["repaid"] == 200_000

    def test_a_mistake_is_corrected_by_an_entry_that_names_it(self, claimed: House) -> None:
        claiming.repay(claimed, "C000001", 200_000, "BNI-1")
        told = claiming.repay(claimed, "C000001", -50_000, "BNI-1K", "BNI-1")
        assert told["repaid_idr"] == balances(claimed)["repaid"] == 150_000
        assert money_holds(claimed)["repaid"] == 150_000

    def test_nothing_is_repaid_on_a_claim_that_nobody_confirmed(self, house: House) -> None:
        claiming.claim(house, who(0), "tidak berhak")
        with pytest.raises(InputRejected, match="is proposed"):
            claiming.repay(house, "C000001", 1, "R")

    def test_a_claim_that_was_repaid_in_part_is_not_cancelled(self, claimed: House) -> None:
        claiming.repay(claimed, "C000001", 200_000, "BNI-1")
        with pytest.raises(InputRejected, match="was repaid"):
            claiming.cancel(by(claimed, "rina"), "C000001", "keliru")


class TestDeposit:
    def test_what_was_repaid_goes_first_then_the_free_funds(self, claimed: House) -> None:
        claiming.repay(claimed, "C000001", TRANCHE, "BNI-1")
        told = claiming.deposit(claimed, 2 * TRANCHE, NTPN, NTB)
        assert (told["repaid_idr"], told["returned_idr"], told["cash_idr"]) == (TRANCHE, 0, TRANCHE)
        assert balances(claimed) == {
            "funder": -10 * TRANCHE, "cash": 6 * TRANCHE, "credited": 3 * TRANCHE, "claims": -TRANCHE,
            "deposited": 2 * TRANCHE,
        }  # fmt: skip
        figures = money_holds(claimed)
        assert (figures["deposited"], figures["repaid_deposited"]) == (TRANCHE, TRANCHE)
        assert figures["left_of_funds"] == figures["in_account"] == 6 * TRANCHE

    def test_what_went_to_the_treasury_pays_nobody(self, house: House) -> None:
        claiming.deposit(house, 7 * TRANCHE, NTPN, NTB)
        with house.store.reading() as connection:
            assert queries.funded_idr(connection) == returned.committed_idr(connection) == 10 * TRANCHE
        with pytest.raises(InputRejected, match="are committed"):
            steps.fund(house, -1, "SP2D-1K", corrects="SP2D-1")

    def test_never_more_than_is_there_and_owed_to_nobody(self, house: House) -> None:
        comes_back(house, 0)
        with pytest.raises(InputRejected, match="not there to be deposited"):
            claiming.deposit(house, 7 * TRANCHE + 1, NTPN, NTB)
        assert events(house, "deposited") == []

    def test_a_receipt_number_is_one_deposit(self, house: House) -> None:
        one, two = (claiming.deposit(house, TRANCHE, NTPN, NTB) for _ in range(2))
        assert one == two
        assert balances(house)["deposited"] == TRANCHE
        for wrong in ({"amount_idr": 1}, {"ntb": "202012010002"}, {"fiscal_year": 2020}):
            told: dict[str, Any] = {"amount_idr": TRANCHE, "ntpn": NTPN, "ntb": NTB} | wrong
            with pytest.raises(InputRejected, match="other content"):
                claiming.deposit(house, **told)

    def test_a_wrong_one_is_taken_back_whole_by_an_entry_that_names_it(self, claimed: House) -> None:
        claiming.repay(claimed, "C000001", TRANCHE, "BNI-1")
        before = balances(claimed)
        claiming.deposit(claimed, 2 * TRANCHE, NTPN, NTB)
        with pytest.raises(InputRejected, match="gone to the treasury"):
            claiming.repay(claimed, "C000001", -TRANCHE, "BNI-1K", "BNI-1")
        told = claiming.correct_deposit(claimed, NTPN)
        assert (told["deposit"], told["corrects"], told["amount_idr"]) == ("D000002", "D000001", -2 * TRANCHE)
        assert balances(claimed) == before
        money_holds(claimed)
        with pytest.raises(InputRejected, match="no deposit"):
            claiming.correct_deposit(claimed, NTPN)
        assert claiming.deposit(claimed, TRANCHE, NTPN, NTB)["deposit"] == "D000003"

    def test_of_one_period_nothing_is_taken_of_the_funds(self, claimed: House) -> None:
        claiming.repay(claimed, "C000001", TRANCHE, "BNI-1")
        with pytest.raises(InputRejected, match="not there"):
            claiming.deposit(claimed, TRANCHE + 1, NTPN, NTB, period=PERIOD)
        assert claiming.deposit(claimed, TRANCHE, NTPN, NTB, period=PERIOD)["repaid_idr"] == TRANCHE

    @pytest.mark.parametrize(("fiscal_year", "is_there"), [(2020, True), (2021, False)])
    def test_of_one_budget_year_no_more_than_is_left_of_that_year(
        self, house: House, fiscal_year: int, is_there: bool
    ) -> None:
        if is_there:
            assert claiming.deposit(house, TRANCHE, NTPN, NTB, fiscal_year=fiscal_year)["cash_idr"] == TRANCHE
        else:
            with pytest.raises(InputRejected, match="not there"):
                claiming.deposit(house, TRANCHE, NTPN, NTB, fiscal_year=fiscal_year)

    @pytest.mark.parametrize(
        ("ntpn", "ntb", "says"),
        [
            (NTPN[:-1], NTB, "no NTPN"),
            (NTPN.lower(), NTB, "no NTPN"),
            (NTPN + "\n", NTB, "no NTPN"),
            ("", NTB, "no NTPN"),
            (NTPN, NTB[:-1], "no NTB"),
            (NTPN, "2020-1201-0001", "no NTB"),
            (NTPN, "٢٠٢٠١٢٠١٠٠٠١", "no NTB"),
        ],
    )
    def test_what_can_be_no_receipt_number_is_refused(self, ntpn: str, ntb: str, says: str) -> None:
        with pytest.raises(WrongUsage, match=says):
            check_receipt_numbers(ntpn, ntb)


def test_a_returned_payment_that_lapsed_is_deposited_and_owed_no_more(tmp_path: Path, dsn: str) -> None:
    house = credited_home(tmp_path, dsn, last_day=date(2020, 12, 20))
    comes_back(house, 0)
    with pytest.raises(InputRejected, match="not there"):
        claiming.deposit(house, TRANCHE, NTPN, NTB, period=PERIOD)
    later = at(house, LATER)
    told = claiming.deposit(later, TRANCHE, NTPN, NTB, period=PERIOD)
    assert told["returned_idr"] == TRANCHE
    assert "returned" not in balances(later)
    assert money_holds(later)["owed_again"] == 0
    with later.store.reading() as connection:
        assert set(returned.gone(connection).values()) == {"deposited"}
        assert returned.committed_idr(connection) == 3 * TRANCHE
    claiming.correct_deposit(later, NTPN)
    assert balances(later)["returned"] == money_holds(later)["owed_again"] == TRANCHE
    assert claiming.deposit(later, TRANCHE, OTHER_NTPN, NTB)["returned_idr"] == TRANCHE


class TestRules:
    def test_a_total_falls_on_the_first_amounts_first(self) -> None:
        assert [spread([3, 3, 3], total) for total in (0, 2, 4, 9)] == [[0, 0, 0], [2, 0, 0], [3, 1, 0], [3, 3, 3]]

    def test_what_is_repaid_stands_with_the_payment_that_it_repays(self) -> None:
        items = [
            {"channel": c, "period": p, "fiscal_year": 2020, "amount_idr": 3} for c, p in (("bni", "a"), ("ovo", "b"))
        ]
        assert repayment_parts(items, 2, 5) == [
            Part("repaid", "bni", "a", 2020, 1),
            Part("repaid", "ovo", "b", 2020, 2),
        ]
        assert repayment_parts(items, 5, 2) == [
            Part("repaid", "bni", "a", 2020, -1),
            Part("repaid", "ovo", "b", 2020, -2),
        ]

    def test_returned_payments_go_whole_or_not_at_all(self) -> None:
        lapsed = [
            {"end_to_end_id": n, "channel": "bni", "period": "a", "fiscal_year": None, "amount_idr": 3} for n in "xy"
        ]
        taken = take(5, [], lapsed, free_idr=2)
        assert [row["end_to_end_id"] for row in taken.items] == ["x"]
        assert (taken.idr("returned"), taken.idr("cash")) == (3, 2)
        with pytest.raises(InputRejected, match="Rp4 are"):
            take(5, [], lapsed, free_idr=1)


class TestClaimedAndReturned:
    """A payment under a claim that comes back from the bank afterwards is never silently both."""

    def kinds(self, house: House) -> list[tuple[str | None, str]]:
        """Expected and found of the open breaks of that kind, after a reconciliation."""
        with pytest.raises(ProofFailed, match="first_attempts"):  # a home that nobody made decisions in
            proving.reconcile(replace(house, check=exact_checks.check), PERIOD)
        with house.store.reading() as connection:
            rows = queries.breaks_in_force(connection).to_pylist()
        mine = [row for row in rows if row["kind"] == "claimed_and_returned" and row["state"] == "open"]
        return [(row["end_to_end_id"], row["found"]) for row in mine]

    def test_it_is_a_break_until_somebody_else_ends_the_claim(self, claimed: House) -> None:
        assert self.kinds(claimed) == []
        came_back = comes_back(claimed, 0)
        comes_back(claimed, 1)
        assert self.kinds(claimed) == [(came_back, "returned, under claim C000001")]
        claiming.cancel(by(claimed, "budi"), "C000001", "dikembalikan bank")
        assert self.kinds(claimed) == []

    def test_what_was_repaid_besides_shows_and_is_not_asked_for_again_before_two_people_have_settled_it(
        self, claimed: House
    ) -> None:
        claiming.repay(claimed, "C000001", 100_000, "BNI-1")
        came_back = comes_back(claimed, 0)
        assert self.kinds(claimed) == [(came_back, "returned, under claim C000001, and Rp100.000 repaid")]
        with claimed.store.reading() as connection:
            assert reissues.ended(connection)["is_disputed"].to_pylist() == [True]
        with pytest.raises(InputRejected, match="Something was repaid"):
            claiming.cancel(by(claimed, "budi"), "C000001", "dikembalikan bank")
