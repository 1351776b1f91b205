"""What comes back from people, and what goes back to the treasury: claims after a revocation, repayments, cancellations, deposits."""

from datetime import date
from typing import Final

from schemas.errors import SalurError
from simulator.desk import CHECKER, MAKER, Desk
from simulator.observed import Row

_AFTER_LAST_PAYMENT: Final = date(2021, 3, 6)
"""The first day on which nothing is paid any more to the first eleven waves."""
_ROUND_IDR: Final = 50_000


class Claims:
    """The weekly round. Each claim has its own draw: whether it is repaid, in whole or in part, and when; or turns out wrong."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._deposits = 0

    def work(self, revoked: frozenset[str], today: date) -> None:
        """Claim from whoever was paid and is revoked since, take what people repay, and pay to the treasury what is its."""
        for row in self._desk.export("candidates"):
            claimed = self._desk.give("clawback", participant=row["participant_id"], reason="dicabut / revoked")
            if isinstance(claimed, dict):
                self._confirm(claimed["claim"])
        for row in self._desk.export("receivables"):
            if row["state"] == "proposed":
                self._confirm(row["claim"])
            elif row["state"] in ("open", "overdue"):
                self._answered(row)
        self._deposit(revoked, today)

    def _confirm(self, claim: str) -> None:
        """A second person agrees; what has come back from a bank meanwhile is not owed, and the claim is taken back."""
        if isinstance(self._desk.give("clawback_confirm", CHECKER, claim=claim), SalurError):
            self._desk.give("clawback_cancel", CHECKER, claim=claim, reason="tidak berlaku / void")

    def _answered(self, row: Row) -> None:
        """Nobody answers, the claim was wrong, or the person repays: all of it, or a part and the rest later, or never."""
        rng = self._desk.chance.of("claim", row["claim"])
        kind, days, rest_days = rng.random(), rng.randrange(3, 75), rng.randrange(7, 40)
        if row["age_days"] < days or kind >= 0.9:
            return
        if kind < 0.2 and not row["repaid_idr"]:
            self._desk.give("clawback_cancel", CHECKER, claim=row["claim"], reason="salah / wrong")
        elif kind < 0.6 and not row["repaid_idr"]:
            part_idr = max(row["amount_idr"] // 2 // _ROUND_IDR, 1) * _ROUND_IDR
            self._repay(row["claim"], 1, min(part_idr, row["open_idr"]))
        elif kind >= 0.6 or (kind >= 0.4 and row["age_days"] >= days + rest_days):
            self._repay(row["claim"], 2, row["open_idr"])

    def _repay(self, claim: str, number: int, amount_idr: int) -> None:
        self._desk.give("repaid", claim=claim, amount_idr=amount_idr, reference=f"TRF-{claim}-{number}")

    def _deposit(self, revoked: frozenset[str], today: date) -> None:
        """What was repaid, what came back of people who are revoked, and after the last payment date what came back at all.

        The operator adds up from the record; where that is more than is there, the step refuses and it is less next time.
        """
        journal, instructions = self._desk.export("journal"), self._desk.export("instructions")
        amount_idr = sum(
            row["amount_idr"] * ((row["debit"] == "repaid") - (row["credit"] == "repaid")) for row in journal
        )
        is_over = today >= _AFTER_LAST_PAYMENT
        last = {(row["participant_id"], row["benefit"], row["sequence"]): row for row in instructions}
        gone = {row["end_to_end_id"] for row in self._desk.export("deposit_items")}
        amount_idr += sum(
            row["amount_idr"]
            for row in last.values()
            if row["state"] == "returned"
            and row["end_to_end_id"] not in gone
            and (is_over or row["participant_id"] in revoked)
        )
        if amount_idr <= 0:
            return
        number = self._deposits = self._deposits + 1
        self._desk.give("deposit", MAKER, amount_idr=amount_idr, ntpn=f"NTPN{number:012}", ntb=f"{number:012}")
