"""How a simulated bank judges what it has read: the file as a whole, then transfer by transfer."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from hashlib import blake2b

from simulator.bank_state import BankState
from simulator.descriptions import JAKARTA, BankDescription, Reason
from simulator.payment_file import NOT_PROVIDED, PaymentFile, Transfer

_MILLION = 1_000_000


def judge_file(read: PaymentFile, sha256: str, bank: BankDescription, state: BankState, available_idr: int) -> None:
    """Add to the file's own reasons those that only this bank can know. Notes the message id as seen.

    A message id is used up by the first readable file that bears it, even if that file is refused.
    """
    if state.has_file(sha256):
        read.object_to("AM05", "the same bytes have been received before")
    if read.message_id != NOT_PROVIDED and not state.remember_message(read.message_id):
        read.object_to("DU01", "the message id has been used before")
    if read.reasons:
        return
    identifiers = [payment.payment_information_id for payment in read.payments]
    if len(set(identifiers)) != len(identifiers):
        read.object_to("DU02", "a payment information id is used twice in the file")
    for number, payment in enumerate(read.payments, start=1):
        if payment.debtor_account != bank.debtor_account:
            read.object_to("AC02", f"payment information {number}: not an account of this debtor")
        if payment.debtor_agent != bank.agent:
            read.object_to("RC03", f"payment information {number}: the debtor's bank is not this bank")
        _judge_date(read, number, payment.execution_date, bank)
    if read.total_idr > available_idr:
        read.object_to("AM04", "the balance does not cover the file")


def _judge_date(read: PaymentFile, number: int, execution: date | None, bank: BankDescription) -> None:
    if execution is None or read.created_at is None:
        read.object_to("DT01", f"payment information {number}: no execution date")
        return
    created = read.created_at.astimezone(JAKARTA).date()
    if not created <= execution <= created + timedelta(days=bank.execution_days_ahead_max):
        read.object_to("DT01", f"payment information {number}: execution date before creation or too far ahead")


Fate = Callable[[Transfer], Reason | None]
"""Whether and why a transfer fails that is not wrong by itself."""


def judge_transfers(read: PaymentFile, bank: BankDescription, state: BankState, fate: Fate) -> dict[int, Reason]:
    """The refused transfers: position in the file to reason. Notes every transfer as seen, paid or not."""
    account = re.compile(bank.account_pattern)
    known = state.known_transfers([transfer.end_to_end_id for transfer in read.transfers])
    refused: dict[int, Reason] = {}
    for index, transfer in enumerate(read.transfers):
        content, is_paid = known.get(transfer.end_to_end_id, (transfer.content, False))
        reason: Reason | None
        if content != transfer.content:
            reason = Reason("DU04", "end-to-end id used before for another transfer")
        elif is_paid:
            reason = Reason("AM05", "end-to-end id already paid")
        elif transfer.agent not in ("", bank.agent):
            reason = Reason("RC04", "the creditor's bank is not this bank")
        elif not account.fullmatch(transfer.account):
            reason = Reason("AC01", "account number malformed")
        else:
            reason = fate(transfer)
        if reason:
            refused[index] = reason
        known[transfer.end_to_end_id] = (content, is_paid or reason is None)
    state.remember_transfers(
        (transfer.end_to_end_id, transfer.content, index not in refused)
        for index, transfer in enumerate(read.transfers)
    )
    return refused


def draw_failure(bank: BankDescription, seed: int, end_to_end_id: str) -> Reason | None:
    """Whether and why the bank fails this transfer; None for the most, which it pays.

    Drawn at the bank's own rate from the seed and the end-to-end id alone: the same transfer meets the same fate in whatever
    file it comes.
    """
    digest = blake2b(f"{seed}|{end_to_end_id}".encode(), digest_size=16).digest()
    if int.from_bytes(digest[:8]) % _MILLION >= bank.rejects_per_million:
        return None
    point = int.from_bytes(digest[8:]) % sum(weight for weight, _ in bank.reasons)
    for weight, reason in bank.reasons:
        point -= weight
        if point < 0:
            return reason
    raise AssertionError("weights of the reasons sum up to less than their total")
