"""A column is defined once: its Arrow type, its meaning, its unit, and whether it is personal data.

Everything else is made from this: Arrow schemas, SQL columns, and the reference page. The same quantity has the same
name everywhere; a different quantity has a different name.
"""

from dataclasses import dataclass

import pyarrow as pa

INSTANT = pa.timestamp("us", tz="UTC")
DATE = pa.date32()
TEXT = pa.string()
WHOLE = pa.int64()
FLAG = pa.bool_()
BYTES = pa.binary()


@dataclass(frozen=True)
class Field:
    """One column: name, Arrow type, what it means, and whether a clear value of it is personal data."""

    name: str
    type: pa.DataType
    meaning: str
    personal: bool = False


def _fields(personal: bool, kind: pa.DataType, meanings: dict[str, str]) -> dict[str, Field]:
    return {name: Field(name, kind, meaning, personal) for name, meaning in meanings.items()}


FIELDS: dict[str, Field] = {
    # --- personal, in clear: only between a source and its seal, and between a seal and a bank's file
    **_fields(
        True,
        TEXT,
        {
            "nik": "the person's identity number, 16 digits",
            "kk": "the family card's number, 16 digits",
            "name": "the person's name",
            "account_number": "the account, or a wallet's mobile number",
            "owner_name": "the account owner's name at the bank",
            "owner_nik": "the account owner's NIK at the bank",
            "creditor_account": "the account as written to the bank",
            "creditor_name": "the name as written to the bank",
        },
    ),
    **_fields(
        False,
        TEXT,
        {
            "participant_id": "who, as the programme numbers them",
            "sk_number": "the decision (SK-PKP) that names the participant",
            "sk_line": "the line of that decision",
            "occupation": "unemployed, employee or business_owner",
            "status": "as the source, the bank or the programme words it",
            "status_english": "the programme's status in English",
            "to_do": "what the participant can do, as a code",
            "to_do_indonesian": "what the participant can do, in Indonesian",
            "to_do_english": "what the participant can do, in English",
            "outlet": "where outcomes are delivered to, by its name in salur.toml",
            "acknowledgement": "SHA-256 of what the receiver answered, which the archive keeps",
            "channel": "the bank or wallet that is asked to pay, by its profile's code",
            "training_id": "the training",
            "title": "the training's title",
            "provider": "who gives the training",
            "platform": "the digital platform",
            "completion_id": "one completion of one training by one participant",
            "certificate_number": "the certificate of the completion",
            "reason": "a reason, as its giver words it",
            "source": "where it comes from",
            "nik_mac": "keyed digest of the NIK, for matching",
            "kk_mac": "keyed digest of the KK, for matching; where there are not 16 digits a dash stands before it, and rules see null",
            "owner_nik_mac": "keyed digest of the account owner's NIK",
            "account_mac": "keyed digest of the account number",
            "row_mac": "keyed digest of a row's whole content",
            "name_mac": "keyed digest of the name",
            "owner_name_mac": "keyed digest of the account owner's name",
            "source_file": "the file of the drop that the row came in",
            "nik_problem": "why the NIK is rejected, else null",
            "province": "two-digit province of first registration, from the NIK, else null",
            "benefit": "incentive or survey",
            "period": "the month, YYYY-MM",
            "decision": "complete, lapsed, not_due, held or due",
            "reasons": "all reasons that apply, sorted, ; between",
            "policy": "the rules by which it was decided",
            "end_to_end_id": "15 characters that travel with the payment to the creditor's bank and back",
            "batch": "what one consent covers",
            "file_name": "the bank file",
            "sha256": "SHA-256 of the clear bytes, hex",
            "digest": "SHA-256 of the sorted lines 'FILE_NAME SHA256' of a batch's files",
            "message_id": "MsgId of a message",
            "payment_information_id": "PmtInfId: one debit within a message",
            "state": "where it stands",
            "maker": "who made the batch",
            "person": "who acted",
            "via": "where the act was given: cli, airflow or demo",
            "evidence": "what proves it: the SHA-256 of a file received, or an event",
            "reason_code": "the bank's reason code",
            "reason_text": "the bank's own words",
            "code_list": "status or return: the list that reason_code is from",
            "bank": "the bank, by its profile's code",
            "bank_reference": "the servicer's own reference",
            "level": "file, batch or transaction: what a status speaks of",
            "statement_id": "the statement's own identifier",
            "account": "our account at the bank",
            "direction": "debit or credit, seen from our account",
            "return_code": "why a payment came back",
            "kind": "of which kind",
            "stage": "the hand-over that an equation is about",
            "equation": "the equation in words",
            "scope": "what it is about: a file, a bank, a period",
            "expected": "our value",
            "found": "the other side's value",
            "run_id": "one run of a step, named by what went into it",
            "drop_id": "one source drop, named by its content",
            "table": "the table",
            "step": "the step of the pipeline",
            "actor": "who or what acted",
            "subject": "what an event is about, by its identifier",
            "details": "further facts, as JSON without personal data",
            "previous_hash": "the hash of the event before",
            "hash": "SHA-256 over the event and the hash before it",
            "match_rule": "by which rule two sides were joined",
            "break_id": "one difference, named by what it is about",
            "exception_id": "the case that a person works on",
            "act": "what was done",
            "note": "free words, without personal data",
            "expectation": "the expectation that was checked",
            "column": "the column that was checked",
            "action": "what a failed check does: stop, quarantine or warn",
            "observed": "what was seen",
            "archive_key": "SHA-256 under which the archive keeps the bytes",
            "reference": "the reference of money received (SP2D)",
            "remittance": "what the recipient reads of a payment on a statement",
            "corrects": "the reference of the receipt that this one corrects",
            "dimension": "by what a figure is parted: all, benefit, sk, fiscal_year, channel or period",
            "key": "which part of it",
            "figure": "which figure of the money",
            "currency": "ISO 4217",
            "end": "how an attempt ended without paying",
            "format": "the message format and version",
            "purpose": "what a consent is for",
            "debit": "the account of the journal that the money comes to",
            "credit": "the account of the journal that the money leaves",
            "warnings": "what is odd but allowed, ; between",
        },
    ),
    **_fields(
        False,
        WHOLE,
        {
            "wave": "the wave (gelombang) of acceptance",
            "version": "version of the account: 1, 2, ...",
            "account_version": "the account version that is paid to",
            "price_idr": "price of the training, whole rupiah",
            "rating": "1 to 5",
            "number": "which survey: 1 to 3",
            "sequence": "which tranche or survey, from 1",
            "attempt": "which try to pay one entitlement, from 1",
            "previous_attempt": "the attempt that ended before this one, null for the first",
            "amount_idr": "whole rupiah",
            "entry_amount_idr": "whole rupiah of the statement entry that the row is a detail of",
            "control_sum_idr": "sum of the amounts, whole rupiah",
            "transaction_count": "how many instructions",
            "opening_idr": "balance at the start of a statement, whole rupiah",
            "closing_idr": "balance at the end of a statement, whole rupiah",
            "left_count": "left side of an equation, in rows",
            "right_count": "right side of an equation, in rows",
            "left_idr": "left side of an equation, whole rupiah",
            "right_idr": "right side of an equation, whole rupiah",
            "row": "number of the row in its source file, from 1",
            "seq": "running number",
            "notice": "a set of outcomes that are told together, numbered from 1",
            "byte_count": "size in bytes",
            "sequence_number": "the statement's electronic sequence number",
            "entry_number": "which entry of the statement, from 1",
            "detail_number": "which detail of the entry, from 1; 0 where the entry has none",
            "failed_count": "how many rows fail a check",
            "row_count": "how many rows",
            "people_count": "how many people, each once",
            "training_aid_idr": "what the SK-PKP allocates to the person as training aid, whole rupiah",
            "incentive_idr": "what the SK-PKP allocates to the person as job-search incentive, whole rupiah",
            "survey_idr": "what the SK-PKP allocates to the person as survey incentive, whole rupiah",
            "fiscal_year": "the budget year (tahun anggaran): of a payment that of acceptance, of money received that of its SP2D",
        },
    ),
    **_fields(
        False,
        DATE,
        {
            "accepted_on": "when the participant was accepted, Jakarta",
            "listed_on": "when the NIK was put on the list",
            "delisted_on": "when the listing ended",
            "due_on": "when the tranche falls due, Jakarta",
            "last_payment_date": "after this date the entitlement lapses; null where none is known",
            "execution_date": "when the bank is asked to pay",
            "booking_date": "when the bank booked it",
            "value_date": "when the money counts from",
            "from_date": "first day of a statement",
            "to_date": "last day of a statement",
            "issued_on": "the date of the SP2D",
        },
    ),
    **_fields(
        False,
        INSTANT,
        {
            "status_at": "when the status was given",
            "verified_at": "when the bank verified the account; null: not verified",
            "closed_at": "when the account was closed; null: open",
            "purchased_at": "when the training was bought",
            "completed_at": "when it was completed",
            "reviewed_at": "when it was reviewed",
            "revoked_at": "when the completion was revoked",
            "recorded_at": "when the platform recorded the row",
            "taken_at": "when the drop was taken",
            "cut_off": "the last instant that counts",
            "known_at": "the instant by which what counts had been recorded",
            "at": "when it happened",
            "stated_at": "when a bank says that it wrote a message",
            "credited_at": "when the recipient had it: when the bank wrote so, and no later than we knew; null while it is not credited",
            "listed_at": "the time that a remote listing gives for a file",
            "created_at": "the creation time that the file bears: the cut-off of its run",
            "expires_at": "until when a consent holds",
        },
    ),
    **_fields(
        False,
        FLAG,
        {
            "has_certificate": "a certificate number is there",
            "is_companion": "a marker or checksum file beside a bank file",
            "is_reversal": "the bank marks the entry as the reversal of another",
            "holds": "whether the equation holds",
            "success": "whether the expectation is met",
        },
    ),
    **_fields(
        False, BYTES, {"sealed": "AES-GCM of the row's personal data", "raw_sealed": "AES-GCM of the row as it came"}
    ),
}
