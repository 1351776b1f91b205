"""What participants are told of a payment: the programme's statuses, what a person can do, and what means which.

The one place where our states, decisions, reasons and the banks' codes become the words of the programme's dashboard. It is
total: a test fails when a state, a reason or a remedy has no word here.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from schemas.codes import remedy

SCHEDULED: Final = "dijadwalkan"
PROCESSING: Final = "sedang diproses"
PAID: Final = "berhasil"
FAILED: Final = "gagal"
HELD: Final = "dana tertahan"

STATUSES: Final[dict[str, str]] = {
    # the programme's word: English
    SCHEDULED: "scheduled",
    PROCESSING: "being processed",
    PAID: "paid",
    FAILED: "failed",
    HELD: "funds held",
}

TO_DO: Final[dict[str, tuple[str, str]]] = {
    # code: (Indonesian, English); where several apply the first of these is told
    "lapsed": (
        "Batas akhir pembayaran sudah lewat dan dana kembali ke kas negara.",
        "The last payment date has passed and the money is back with the treasury.",
    ),
    "contact_centre": ("Hubungi pusat layanan program.", "Contact the programme's contact centre."),
    "check_conditions": (
        "Syarat pembayaran tidak lagi terpenuhi: periksa pelatihan, sertifikat, ulasan, rating dan survei.",
        "The conditions of payment are no longer met: check training, certificate, review, rating and survey.",
    ),
    "link_account": ("Tautkan rekening bank atau dompet elektronik.", "Link a bank account or an e-wallet."),
    "relink_account": (
        "Perbaiki atau tautkan ulang rekening atau dompet elektronik: yang aktif, atas nama dan NIK sendiri.",
        "Mend or relink the account or e-wallet: an active one, in your own name and NIK.",
    ),
    "verify_account": (
        "Lengkapi verifikasi (KYC) rekening, atau tingkatkan dompet elektronik ke layanan penuh.",
        "Have the account verified (KYC), or upgrade the e-wallet to its full service.",
    ),
    "make_room": (
        "Kurangi saldo dompet elektronik, atau tunggu bulan berikutnya bila batas bulanannya tercapai.",
        "Spend down the e-wallet, or wait for the next month where its monthly limit is reached.",
    ),
    "wait": ("Tidak perlu melakukan apa pun; tunggu kabar berikutnya.", "Nothing to do: wait for the next news."),
    "nothing": ("Tidak perlu melakukan apa pun; dana sudah diterima.", "Nothing to do: the money has arrived."),
}


class Telling(NamedTuple):
    """A status and what the person can do. What is quiet is told only to those who were told something before."""

    status: str
    to_do: str
    is_quiet: bool = False


LAPSED: Final = Telling(FAILED, "lapsed")
UNMET: Final = Telling(HELD, "check_conditions", is_quiet=True)
"""Of whom the conditions of training, or of a survey, are not met: no news, unless a payment was announced to them before."""

OF_STATE: Final[dict[str, Telling | None]] = {
    **dict.fromkeys(
        ("drafted", "released", "submitted", "unknown", "accepted", "debited"), Telling(PROCESSING, "wait")
    ),
    "credited": Telling(PAID, "nothing"),
    # It never reached the bank, so nobody has failed: it is asked for again without anything to do for the person.
    "never_arrived": Telling(PROCESSING, "wait"),
    # Of these two the bank's code says more: OF_CODE and OF_REMEDY.
    "rejected": None,
    "returned": None,
    # Taken back before any bank was asked: the entitlement is free again, and its decision says where it stands.
    "withdrawn": None,
}
"""What the state of an instruction tells; null where something else decides. `unknown` is being processed, never failed:
only evidence can say that a payment has failed."""

OF_REMEDY: Final[dict[str, Telling]] = {
    "fix_account": Telling(FAILED, "relink_account"),
    "retry_later": Telling(FAILED, "wait"),
    "hold_for_person": Telling(FAILED, "contact_centre"),
    "review": Telling(FAILED, "wait"),
    # Our own trouble with the bank, of a whole file: no person has failed, and no person can do anything.
    "stop_file": Telling(PROCESSING, "wait"),
    # The bank says that it has this payment already, so it may well have been paid: not failed before it is looked into.
    "find_earlier": Telling(PROCESSING, "wait"),
}
"""What a rejection or a return tells, by the remedy of the bank's code."""

OF_CODE: Final[dict[tuple[str, str], Telling]] = {
    **dict.fromkeys((("status", "NOCM"), ("return", "NOCM")), Telling(FAILED, "verify_account")),
    **dict.fromkeys(
        (("status", "AM02"), ("status", "AM14"), ("status", "AM21"), ("return", "AM02")), Telling(FAILED, "make_room")
    ),
}
"""Codes that tell a person more than their remedy does: a wallet that is not upgraded, one that is full or at its limit."""

OF_REASON: Final[dict[str, Telling]] = {
    # training and surveys: nothing is promised yet
    **dict.fromkeys(
        (
            "no_completion",
            "completion_revoked",
            "no_certificate",
            "no_rating",
            "no_review",
            "purchase_late",
            "training_unknown",
            "over_balance",
            "policy_unknown",
            "survey_not_completed",
            "first_tranche_not_credited",
        ),
        UNMET,
    ),
    "not_yet_due": Telling(SCHEDULED, "wait"),
    # the person
    **dict.fromkeys(
        ("participant_revoked", "invalid_nik", "duplicate_nik", "blocklisted", "kk_limit", "on_hold"),
        Telling(HELD, "contact_centre"),
    ),
    # the account
    "no_account": Telling(HELD, "link_account"),
    **dict.fromkeys(
        ("channel_unknown", "account_closed", "owner_mismatch", "account_refused", "account_unwritable"),
        Telling(HELD, "relink_account"),
    ),
    "account_unverified": Telling(HELD, "verify_account"),
    # a name that a bank's file cannot bear is nothing that a person can mend alone
    **dict.fromkeys(("name_unwritable", "name_too_long"), Telling(HELD, "contact_centre")),
    # ours
    "funds_short": Telling(HELD, "wait"),
    "amount_not_positive": Telling(HELD, "wait"),
    # of a reissue: what a bank has said since is read first
    "answers_unread": Telling(PROCESSING, "wait"),
    **dict.fromkeys(("disputed", "deposited", "settled"), Telling(PROCESSING, "wait")),
    "account_changed": Telling(SCHEDULED, "wait"),
    "past_last_payment": LAPSED,
}
"""What a reason of a decision, or of a due one that could not be instructed, tells."""

_RANK: Final = {code: place for place, code in enumerate(TO_DO)}


def of_instruction(
    state: str, code_list: str, reason_code: str, is_past: bool, verdict: str = "", reasons: str = ""
) -> Telling:
    """What an instruction in a state other than `withdrawn` tells; `is_past`: its last payment date has passed.

    An empty list is that of the state. What ended without paying after that date is lapsed, but for a payment that the
    bank says it has already. `verdict` and `reasons` (`;` between) are of what follows it: one that is asked for again is
    scheduled, one that two people have settled as paid is paid, and what stands against the person or the account is told beside the bank's code.
    """
    if verdict == "deposited":
        return LAPSED
    if verdict == "paid":
        return Telling(PAID, "nothing")
    if (plain := OF_STATE[state]) is not None:
        return LAPSED if is_past and state == "never_arrived" else plain
    listed = (code_list or ("return" if state == "returned" else "status"), reason_code)
    what = remedy(*listed)
    if is_past and what != "find_earlier":
        return LAPSED
    if verdict == "due":
        return Telling(SCHEDULED, "wait")
    told = OF_CODE.get(listed, OF_REMEDY[what])
    if verdict in ("held", "needs_account") and reasons != "account_refused":
        strongest = min((OF_REASON[reason] for reason in reasons.split(";")), key=lambda each: _RANK[each.to_do])
        return strongest if verdict == "held" else Telling(told.status, strongest.to_do)
    return told


def of_decision(decision: str, reasons: Iterable[str], has_due_on: bool, is_past: bool) -> Telling | None:
    """What a decision without a standing instruction tells; null of one that is about nothing more to pay.

    `reasons` are the decision's, and why a due one was left out; `is_past`: its last payment date has passed. A tranche
    is scheduled once its date is known; what concerns the account is told with it, so that it is mended in time.
    """
    if decision == "complete":
        return None
    told = [OF_REASON[reason] for reason in reasons]
    is_quiet = any(each.is_quiet for each in told) or (decision == "not_due" and not has_due_on)
    if decision == "lapsed" or is_past:
        return LAPSED._replace(is_quiet=is_quiet)
    if is_quiet:
        return UNMET
    strongest = min(told, key=lambda each: _RANK[each.to_do], default=OF_REASON["not_yet_due"])
    if decision == "not_due" and strongest.to_do != "contact_centre":
        return Telling(SCHEDULED, strongest.to_do)
    return strongest
