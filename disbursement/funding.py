"""Money received: what a receipt (SP2D) must be, what repeats one, and what a correction may take away."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from schemas.errors import InputRejected, PersonNeeded, WrongUsage
from schemas.money import IDR_MAX, format_idr

REFERENCE_MAX = 64
_YEARS = range(1900, 10_000)
_MOST_IDR = 2**63 - 1


@dataclass(frozen=True)
class Receipt:
    """One SP2D as it is told: whole rupiah (below zero only where it corrects another), its date and its budget year.

    What is not told is None; `settled` fills it in.
    """

    reference: str
    amount_idr: int
    issued_on: date | None = None
    fiscal_year: int | None = None
    corrects: str | None = None

    def settled(self, today: date, corrected: Mapping[str, Any] | None) -> "Receipt":
        """The receipt with nothing left unsaid: issued today, for the budget year of the one it corrects, else of its date."""
        issued_on = self.issued_on or today
        # A receipt of an earlier version of the ledger has no year; its correction in a year of its own would stand there alone.
        year = corrected["fiscal_year"] if corrected else self.fiscal_year or issued_on.year
        return Receipt(self.reference, self.amount_idr, issued_on, year, self.corrects)

    def is_repeated_by(self, known: Mapping[str, Any]) -> bool:
        """Whether a recorded receipt says all that this one tells."""
        told = {"amount_idr": self.amount_idr, "issued_on": self.issued_on, "fiscal_year": self.fiscal_year}
        same = all(known[name] == value for name, value in told.items() if value is not None)
        return same and self.corrects in (None, known["corrects"])


def check_words(receipt: Receipt, today: date) -> None:
    """Refuse what can be no receipt: `WrongUsage` with what is wrong."""
    for reference in (receipt.reference, receipt.corrects):
        if reference is not None:
            check_reference(reference)
    if receipt.amount_idr == 0 or abs(receipt.amount_idr) > IDR_MAX:
        raise WrongUsage(
            f"{receipt.amount_idr} is no amount of a receipt.",
            f"A receipt is of Rp1 to {format_idr(IDR_MAX)}.",
            "Check the SP2D.",
        )
    if receipt.amount_idr < 0 and receipt.corrects is None:
        raise WrongUsage(
            "Only a correction may be below zero.", "Money received is positive.", "Name the receipt: --corrects SP2D"
        )
    if receipt.corrects == receipt.reference:
        raise WrongUsage("A receipt cannot correct itself.", "", "Give the correction a reference of its own.")
    if receipt.issued_on is not None and receipt.issued_on > today:
        raise WrongUsage(f"{receipt.issued_on} has not come yet.", "", "Give the date on the SP2D.")
    if receipt.fiscal_year is not None and receipt.fiscal_year not in _YEARS:
        raise WrongUsage(f"{receipt.fiscal_year} is no budget year.", "", "Write it as 2020.")


def check_reference(text: str) -> None:
    """Refuse what can be no reference of a receipt: of money from the treasury, or of money repaid."""
    is_plain = text.isascii() and text.isprintable() and text == text.strip()
    if not (is_plain and 0 < len(text) <= REFERENCE_MAX):
        raise WrongUsage(
            "This is no reference of a receipt.",
            f"It has 1 to {REFERENCE_MAX} letters, digits and signs, without control characters or blanks at its ends.",
            "Write it as it stands on the receipt.",
        )


def other_content(reference: str) -> InputRejected:
    """The error for a reference that is recorded with another amount, date, budget year or correction."""
    return InputRejected(
        f"Reference {reference} is recorded with other content.",
        "A reference is one receipt.",
        "Check the SP2D; a mistake is corrected by a receipt of its own: --corrects SP2D",
    )


def check_sums(receipt: Receipt, known: Mapping[str, Mapping[str, Any]], committed_idr: int) -> None:
    """Refuse a correction of nothing known, one that takes more than was received, or what instructions already count on.

    `known`: the recorded receipts by reference; `committed_idr`: whole rupiah of all instructions that are open or paid.
    """
    funded_idr = sum(row["amount_idr"] for row in known.values()) + receipt.amount_idr
    if funded_idr > _MOST_IDR:
        raise InputRejected("All receipts together would be more than can be recorded.", "", "Check the amounts.")
    if receipt.corrects is None:
        return
    corrected = known.get(receipt.corrects)
    if corrected is None or corrected["corrects"] is not None:
        raise InputRejected(
            f"There is no receipt {receipt.corrects} to correct.",
            "It is not recorded, or is a correction itself.",
            "See: salur export funds",
        )
    if receipt.fiscal_year is not None and receipt.fiscal_year != corrected["fiscal_year"]:
        raise InputRejected(
            f"{receipt.corrects} is of {_year(corrected['fiscal_year'])}.",
            "A correction is of the year that it corrects.",
            "Leave --budget-year out.",
        )
    left_idr = receipt.amount_idr + sum(
        row["amount_idr"] for reference, row in known.items() if receipt.corrects in (reference, row["corrects"])
    )
    if left_idr < 0:
        raise InputRejected(
            f"The correction takes {format_idr(-left_idr)} more than {receipt.corrects} brought.",
            "",
            "Check the amount.",
        )
    if receipt.amount_idr < 0 and funded_idr < committed_idr:
        raise InputRejected(
            f"{format_idr(committed_idr - funded_idr)} of what would remain is asked for or paid already.",
            f"{format_idr(committed_idr)} are committed, {format_idr(funded_idr)} would remain.",
            "Withdraw batches first: salur reject BATCH. What was sent or paid must stay funded.",
        )


def _year(fiscal_year: int | None) -> str:
    return "no known budget year" if fiscal_year is None else f"budget year {fiscal_year}"


def check_covered(funded_idr: int | None, committed_idr: int, new_idr: int) -> None:
    """Instructions are never more than the money received, where any is recorded.

    Funds are checked when it is decided; a correction since, or another period that counts on the same money, shows here.
    """
    if funded_idr is not None and new_idr and committed_idr + new_idr > funded_idr:
        raise PersonNeeded(
            f"The money received is {format_idr(committed_idr + new_idr - funded_idr)} short of what would be instructed.",
            f"{format_idr(funded_idr)} received, {format_idr(committed_idr)} committed, {format_idr(new_idr)} decided as due.",
            "Nothing was instructed. Decide again with what is there now: salur entitle; or record what came: salur fund",
        )
