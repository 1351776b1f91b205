"""Money that is to come back, and money that goes back: what a claim, a repayment and a deposit to the treasury must be.

Who was paid and turns out not to qualify must repay what was received; after 60 days the programme's management sues
(Perpres 76/2020, art. 31C). What is repaid, what came back and nobody is owed any more, and what is left of the funds is paid
to the treasury, which gives two numbers for it: NTPN and NTB.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from schemas.errors import InputRejected, PersonNeeded, WrongUsage
from schemas.identifiers import same_person
from schemas.money import IDR_MAX, format_idr

PURPOSE = "clawback"
"""What the second person's consent to a claim is for."""
DAYS_TO_REPAY = 60
"""Perpres 76/2020, art. 31C: from the day of the notice."""
_NTPN = re.compile(r"[A-Z0-9]{16}", re.ASCII)
_NTB = re.compile(r"[0-9]{12,20}", re.ASCII)


class Part(NamedTuple):
    """Whole rupiah in an account of the journal, by bank or wallet, period and budget year, and of how many payments."""

    account: str
    channel: str | None
    period: str | None
    fiscal_year: int | None
    amount_idr: int
    transaction_count: int = 0


def claim_digest(participant: str, reason: str, items: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over who, why and the sorted lines `END_TO_END_ID AMOUNT`: what the second person agrees to."""
    return hashlib.sha256("\n".join([participant, reason, *_lines(items)]).encode()).hexdigest()


def items_digest(items: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over the sorted lines `END_TO_END_ID AMOUNT` of the returned payments that a deposit took."""
    return hashlib.sha256("\n".join(_lines(items)).encode()).hexdigest()


def _lines(items: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted(f"{row['end_to_end_id']} {row['amount_idr']}" for row in items)


def check_second(claim: Mapping[str, Any], person: str) -> None:
    """Refuse the consent of whoever proposed the claim."""
    if same_person(person, claim["person"]):
        raise PersonNeeded(
            f"{claim['claim']} was proposed by {person}.",
            "A second person must agree.",
            "Ask somebody else to confirm it.",
        )


def repay_by(noticed_on: date) -> date:
    """The last day to repay."""
    return noticed_on + timedelta(days=DAYS_TO_REPAY)


def check_notice(noticed_on: date, today: date) -> None:
    """Refuse a notice that has not been given yet."""
    if noticed_on > today:
        raise WrongUsage(
            f"{noticed_on} has not come yet.", "The days to repay count from the notice.", "Give its date."
        )


def spread(amounts: Sequence[int], total_idr: int) -> list[int]:
    """How much of a total falls on each of some amounts, the first ones first."""
    left, found = total_idr, []
    for amount_idr in amounts:
        found.append(min(left, amount_idr))
        left -= found[-1]
    return found


def repayment_parts(items: Sequence[Mapping[str, Any]], before_idr: int, after_idr: int) -> list[Part]:
    """What a repayment changes of each payment claimed, as parts of `repaid`; below zero where it takes back."""
    amounts = [row["amount_idr"] for row in items]
    moved = zip(items, spread(amounts, before_idr), spread(amounts, after_idr), strict=True)
    return merged(
        Part("repaid", row["channel"], row["period"], row["fiscal_year"], after - before)
        for row, before, after in moved
    )


def merged(parts: Iterable[Part]) -> list[Part]:
    """Parts of one account, bank, period and year together, in that order; those that come to nothing are left out."""
    sums: dict[tuple[str, str | None, str | None, int | None], tuple[int, int]] = {}
    for part in parts:
        amount_idr, count = sums.get(part[:4], (0, 0))
        sums[part[:4]] = amount_idr + part.amount_idr, count + part.transaction_count
    ordered = sorted(sums.items(), key=lambda each: [(value is not None, str(value)) for value in each[0]])
    return [Part(*key, amount_idr, count) for key, (amount_idr, count) in ordered if amount_idr]


def check_repayment(
    claim: Mapping[str, Any], amount_idr: int, corrects: str | None, known: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse a repayment of a claim that does not stand, of more than is open, or a correction of what is not there.

    `claim` has its state, amount_idr and repaid_idr; `known` the repayments recorded, by reference.
    """
    name = claim["claim"]
    if claim["state"] in ("proposed", "cancelled"):
        raise InputRejected(f"{name} is {claim['state']}.", "Nothing is owed by it.", "See: salur receivables")
    if amount_idr == 0 or abs(amount_idr) > IDR_MAX or (amount_idr < 0) != (corrects is not None):
        raise WrongUsage(
            f"{amount_idr} is no amount of a repayment.",
            "It is positive, and below zero only where it corrects another.",
            "Correct one with: --amount -N --corrects REFERENCE",
        )
    if corrects is not None:
        wrong = known.get(corrects)
        if wrong is None or wrong["claim"] != name or wrong["corrects"] is not None:
            raise InputRejected(f"There is no repayment {corrects} of {name}.", "", "See: salur export repayments")
        left_idr = sum(row["amount_idr"] for key, row in known.items() if corrects in (key, row["corrects"]))
        if left_idr + amount_idr < 0:
            raise InputRejected(f"{corrects} brought {format_idr(left_idr)}.", "", "Check the amount.")
    elif claim["repaid_idr"] + amount_idr > claim["amount_idr"]:
        raise InputRejected(
            f"{format_idr(claim['amount_idr'] - claim['repaid_idr'])} of {name} are open.",
            "More than that is not owed.",
            "Check the amount and the claim.",
        )


def check_receipt_numbers(ntpn: str, ntb: str) -> None:
    """Refuse what can be no receipt of the treasury.

    An NTPN is taken to be 16 capital letters and digits, an NTB 12 to 20 digits, as on receipts of MPN G3.
    """
    if not _NTPN.fullmatch(ntpn):
        raise WrongUsage(f"{ntpn!r} is no NTPN.", "It has 16 capital letters and digits.", "Copy it from the receipt.")
    if not _NTB.fullmatch(ntb):
        raise WrongUsage(f"{ntb!r} is no NTB.", "It has 12 to 20 digits.", "Copy it from the receipt.")


def check_deposit(amount_idr: int) -> None:
    """Refuse what is no amount."""
    if not 0 < amount_idr <= IDR_MAX:
        raise WrongUsage(f"{amount_idr} is no amount of a deposit.", "It is positive.", "Check the receipt.")


class Taken(NamedTuple):
    """What a deposit takes: parts of `repaid`, `returned` and `cash`, and the returned payments that it takes whole."""

    parts: list[Part]
    items: list[Mapping[str, Any]]

    def idr(self, account: str) -> int:
        """Whole rupiah out of one account."""
        return sum(part.amount_idr for part in self.parts if part.account == account)


def take(
    amount_idr: int,
    repaid: Iterable[Part],
    lapsed: Iterable[Mapping[str, Any]],
    free_idr: int,
    fiscal_year: int | None = None,
) -> Taken:
    """Where a deposit comes from: first what participants repaid, then returned payments that nobody is owed any more (each
    whole, in order), then money received that nothing counts on.

    More than all of that is refused: it is owed to somebody.
    """
    left, parts, items, lapsed = amount_idr, [], [], list(lapsed)
    for part in repaid:
        idr = min(left, part.amount_idr)
        parts.append(part._replace(amount_idr=idr))
        left -= idr
    for row in lapsed:
        if row["amount_idr"] <= left:
            items.append(row)
            parts.append(Part("returned", row["channel"], row["period"], row["fiscal_year"], row["amount_idr"], 1))
            left -= row["amount_idr"]
    if left > max(free_idr, 0):
        there = amount_idr - left + max(free_idr, 0)
        raise InputRejected(
            f"{format_idr(amount_idr)} are not there to be deposited: {format_idr(there)} are.",
            "The rest is paid, on its way, or owed to somebody. Returned payments go whole.",
            "See: salur money, salur trial-balance. What is due is decided anew by salur entitle.",
        )
    parts.append(Part("cash", None, None, fiscal_year, left))
    return Taken(merged(parts), items)
