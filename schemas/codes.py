"""States and their allowed moves, decisions and reason codes, and what to do about what a bank answers."""

from typing import Final

from schemas import remedies

# --- benefits (contract, section 2) ----------------------------------------------------------------------------------
BENEFITS: Final[dict[str, tuple[str, str]]] = {
    # benefit: (Indonesian, English)
    "incentive": ("insentif", "incentive"),
    "survey": ("survei", "survey"),
}

# --- decisions of `entitle` (contract, section 2, rule 5) ------------------------------------------------------------
DECISIONS: Final = ("complete", "lapsed", "not_due", "held", "due")

REASONS: Final[dict[str, tuple[str, str]]] = {
    # code: (Indonesian, English)
    "no_completion": ("belum ada pelatihan yang selesai", "nothing completed by the cut-off"),
    "completion_revoked": ("semua penyelesaian pelatihan dibatalkan", "all that is completed is revoked"),
    "no_certificate": ("belum ada sertifikat", "no certificate number"),
    "no_rating": ("belum memberi rating", "no rating"),
    "no_review": ("belum memberi ulasan", "no review by the cut-off"),
    "purchase_late": ("dibeli di luar tenggat pembelian skemanya", "bought outside the time that the scheme allows"),
    "training_unknown": ("pelatihan tidak dikenal", "training not in the catalogue"),
    "over_balance": ("pembelian melebihi saldo pelatihan", "purchases exceed the training balance"),
    "not_yet_due": ("belum jatuh tempo", "not yet due"),
    "survey_not_completed": ("survei ini belum diisi", "this survey is not completed by the cut-off"),
    "first_tranche_not_credited": ("insentif tahap 1 belum dikreditkan", "tranche 1 is not credited by the cut-off"),
    "participant_revoked": ("kepesertaan dicabut", "participant revoked"),
    "invalid_nik": ("NIK tidak valid", "NIK fails its checks"),
    "duplicate_nik": ("NIK sudah dipakai peserta lain", "not the first card of this NIK"),
    "blocklisted": ("tercantum dalam daftar blokir", "on the blocklist"),
    "kk_limit": ("lebih dari dua penerima dalam satu KK", "more than two recipients in one KK"),
    "no_account": ("belum menautkan rekening", "no account linked"),
    "channel_unknown": ("mitra pembayaran tidak dikenal", "channel has no bank profile"),
    "account_unverified": ("rekening belum terverifikasi", "account not verified by the cut-off"),
    "account_closed": ("rekening ditutup", "account closed"),
    "owner_mismatch": ("pemilik rekening berbeda", "account owner's NIK differs"),
    "account_refused": ("rekening pernah ditolak bank", "a bank has refused this account version"),
    "funds_short": ("dana belum mencukupi", "funds do not reach this person"),
    "policy_unknown": ("gelombang tanpa aturan", "no policy covers this wave"),
}

LEFT_OUT: Final = frozenset(
    {
        "on_hold",
        "account_changed",
        "account_unwritable",
        "past_last_payment",
        "name_unwritable",
        "name_too_long",
        "amount_not_positive",
        "answers_unread",
        "disputed",
        "participant_revoked",
        "deposited",
        "settled",
    }
)
"""Why a due decision is not instructed now; it stays due."""

# --- states -----------------------------------------------------------------------------------------------------------
# A state that a whole file shares is a row of the file; an instruction has rows of its own only where it differs.
INSTRUCTION_STATES: Final = (
    "drafted",
    "released",
    "submitted",
    "unknown",
    "accepted",
    "debited",
    "credited",
    "rejected",
    "returned",
    "withdrawn",
    "never_arrived",
)
FINAL_WITHOUT_PAYMENT: Final = frozenset({"rejected", "returned", "withdrawn", "never_arrived"})

MOVES: Final[dict[str, frozenset[str]]] = {
    "drafted": frozenset({"released", "withdrawn"}),
    "released": frozenset({"submitted", "unknown", "withdrawn"}),
    "unknown": frozenset({"released", "submitted", "accepted", "debited", "credited", "rejected", "never_arrived"}),
    "submitted": frozenset({"accepted", "debited", "credited", "rejected", "unknown"}),
    "accepted": frozenset({"debited", "credited", "rejected"}),
    "debited": frozenset({"credited", "rejected", "returned"}),
    "credited": frozenset({"returned"}),
    "rejected": frozenset(),
    "returned": frozenset(),
    "withdrawn": frozenset(),
    "never_arrived": frozenset(),
}
"""Allowed moves. A state may be skipped when evidence of a later one arrives first; any other move is a break. From
`unknown` back to `released` leads only the bank's refusal of the upload, which proves that nothing was sent."""


# --- accounts of the journal ------------------------------------------------------------------------------------------
ACCOUNTS: Final[dict[str, tuple[str, str]]] = {
    # account: (Indonesian, English)
    "funder": ("pemberi dana", "funder"),
    "cash": ("kas program", "cash"),
    "in_transit": ("dalam perjalanan", "in transit"),
    "debited": ("didebit bank, belum dikreditkan", "debited, not yet credited"),
    "credited": ("dikreditkan ke peserta", "credited to participants"),
    "returned": ("retur, belum dikirim lagi", "returned, not sent again"),
    "receivable": ("piutang peserta", "receivable from participants"),
    "claims": ("tagihan pengembalian", "claimed back"),
    "repaid": ("dikembalikan peserta, belum disetor", "repaid by participants, not deposited"),
    "deposited": ("disetor ke kas negara", "deposited to the treasury"),
}
"""Where money can stand. The funder's owes what was received; `claims` owes what is claimed back, the other side of
`receivable` and `repaid`: a claim moves no money, and what participants repay is the treasury's and pays nobody else."""

ACCOUNT_OF: Final[dict[str, str]] = {
    **dict.fromkeys(("drafted", "released", *sorted(FINAL_WITHOUT_PAYMENT - {"returned"})), "cash"),
    **dict.fromkeys(("unknown", "submitted", "accepted"), "in_transit"),
    "debited": "debited",
    "credited": "credited",
    "returned": "returned",
}
"""The account that the money of an instruction stands in, by the instruction's state. What may have reached a bank has
left the cash; what ended without paying is back in it, but for what was returned: that is owed again, and leaves its account
when the next attempt is sent, or by a deposit."""

# --- status codes of pain.002 (ISO 20022 external code sets 4Q2023) --------------------------------------------------
STATUS_MEANS: Final[dict[str, str]] = {
    "RCVD": "in_flight",
    "ACTC": "in_flight",
    "ACCP": "accepted",
    "ACFC": "accepted",
    "PATC": "in_flight",
    "ACSP": "accepted",
    "PDNG": "in_flight",
    "ACWC": "accepted",
    "ACPD": "accepted",
    "ACSC": "debited",
    "ACCC": "credited",
    "ACWP": "in_flight",
    "BLCK": "in_flight",
    "RJCT": "rejected",
    "PART": "part",
}
"""What a status says of money. ACSC is settled on our side only; ACCC alone says that the recipient has it. PART is a
group's status and says nothing of a single payment. A status that is not here is a break, never a default."""

REMEDIES: Final = remedies.ACTIONS

REMEDY: Final[dict[tuple[str, str], str]] = {
    (code_list, code): rule.action for (code_list, code), rule in remedies.REMEDIES.rules.items() if code_list != "end"
}
"""The action for each (list, code), out of remedies.toml. A code that is not here is unclassified: a person reviews it."""


def is_classified(code_list: str, code: str) -> bool:
    """Whether a code of the `status` or the `return` list has a remedy here; one that has none is an `unknown_code`."""
    return (code_list, code) in REMEDY


def remedy(code_list: str, code: str | None) -> str:
    """What to do about a code of the `status` or the `return` list; an unknown or missing code goes to a person."""
    return REMEDY.get((code_list, code or ""), remedies.REMEDIES.unclassified.action)


# --- what follows an attempt that ended without paying ----------------------------------------------------------------
REISSUES: Final[dict[str, tuple[str, str]]] = {
    # verdict: (Indonesian, English)
    "due": ("diterbitkan ulang dalam kelompok berikutnya", "reissued with the next batch"),
    "waits": ("menunggu tanggal percobaan berikutnya", "waits for the day of the next attempt"),
    "needs_account": ("menunggu rekening baru peserta", "waits for the participant's account"),
    "needs_person": ("menunggu keputusan dua petugas", "waits for two people"),
    "capped": ("batas percobaan tercapai, menunggu dua petugas", "attempts used up, waits for two people"),
    "disputed": ("bukti bertentangan, menunggu penyelesaian kasus", "evidence disagrees, waits for its case"),
    "held": ("ditahan", "held"),
    "lapsed": ("hangus, kembali ke kas negara", "lapsed, back to the treasury"),
    "deposited": ("sudah disetor ke kas negara", "deposited to the treasury"),
    "paid": (
        "sudah dibayar menurut dua petugas, tidak diterbitkan ulang",
        "paid, as two people settled; never reissued",
    ),
    "undecided": ("diputuskan pada penetapan hak berikutnya", "decided with the next entitle"),
}
"""What `entitle` says of an attempt that ended without paying. `lapsed` and `deposited` are final while person and date are as they are, `paid`
until two people settle its case otherwise; each but the first two has who acts next in REISSUE_OWNER. `undecided` is what ended since."""

DISPUTING: Final = frozenset(
    {
        "contradiction",
        "duplicate",
        "ambiguous",
        "paid_twice",
        "rejected_not_reversed",
        "report_conflict",
        "amount_differs",
        "claimed_and_returned",
    }
)
"""Open breaks of these kinds about an attempt, or its file, say that it may have been paid, in whole or in part, or that its money
may be back twice: it is not reissued before two people have settled that it was not paid."""

PAID: Final = "paid"
NOT_PAID: Final = "not_paid"
OUTCOMES: Final = (PAID, NOT_PAID)
"""What a resolution of a DISPUTING break says of the payment, or of each of the file that ended without paying."""

OUTCOME_OF: Final[dict[str, str | None]] = {"resolve": None, **{f"resolve_{outcome}": outcome for outcome in OUTCOMES}}
"""The acts that propose a resolution, and what each says of the payment; null where it says nothing of it."""

REISSUE_OWNER: Final[dict[str, str]] = {
    **dict.fromkeys(("due", "waits", "undecided"), "salur"),
    "needs_account": "participant",
    **dict.fromkeys(("needs_person", "capped", "disputed", "held", "paid"), "treasury"),
    "lapsed": "",
    "deposited": "",
}
"""Who acts next, by the verdict; nobody where it is final."""


# --- breaks -----------------------------------------------------------------------------------------------------------
BREAKS: Final[dict[str, tuple[str, str]]] = {
    "missing_at_bank": ("tidak ada di bank", "sent, and the bank says nothing of it past its deadline"),
    "unknown_to_us": ("tidak kami kenal", "the bank names a payment that is not ours"),
    "amount_differs": ("jumlah berbeda", "the bank's amount is not ours"),
    "date_outside_window": ("tanggal di luar jendela", "booked outside the allowed dates"),
    "duplicate": ("ganda", "booked or answered more than once"),
    "ambiguous": ("ambigu", "more than one candidate and no reference to tell them apart"),
    "contradiction": ("bertentangan", "evidence that contradicts what was already proved"),
    "unknown_code": ("kode tidak dikenal", "a status or reason code that is in no list of ours"),
    "accepted_not_debited": ("diterima tanpa debit", "accepted, not found in the statement past its deadline"),
    "credited_not_debited": ("dikreditkan tanpa debit", "reported as paid, not found in the statement"),
    "debited_not_acknowledged": ("didebit tanpa laporan status", "in the statement, no status report"),
    "statement_gap": ("rekening koran terputus", "a statement is missing or its balances do not chain"),
    "statement_arithmetic": ("saldo rekening koran tidak cocok", "opening plus entries is not closing"),
    "unreadable_file": (
        "berkas mitra tidak terbaca",
        "a bank's file that cannot be read, and no readable one of its name",
    ),
    "statement_conflict": (
        "rekening koran berbeda isi",
        "two statements in one place (identifier, or number and dates) that differ",
    ),
    "report_conflict": (
        "laporan status berbeda isi",
        "two status reports of a bank under one message id that differ",
    ),
    "notified_not_stated": (
        "diberitahukan tanpa rekening koran",
        "booked by a notification, and in no statement of that time",
    ),
    "paid_twice": ("dibayar dua kali", "two attempts, or two banks, pay one entitlement"),
    "claimed_and_returned": ("ditagih dan dikembalikan bank", "a payment under a claim that the bank sent back"),
    "totals_differ": ("total berbeda", "the bank's count or sum of a file is not ours"),
    "reversed_not_debited": ("pengembalian tanpa debit", "money came back for what no statement shows as debited"),
    "rejected_not_reversed": ("ditolak tanpa pengembalian", "rejected after debit and no reversal seen"),
}
