"""All that a cycle report says, as small tables: from here on nothing is asked of the ledger, and nothing of a clock."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import pyarrow as pa

from schemas.fields import FIELDS

_COLUMNS: dict[str, str] = {
    # counted: `people` are rows of decisions or instructions, `amount_idr` is their whole rupiah
    "decided": "benefit decision reasons channel wave province occupation people amount_idr",
    "paid": "benefit state code_list reason_code is_reissue channel wave province occupation people amount_idr",
    "trained_due": "benefit training_id platform people amount_idr",
    "trained_paid": "benefit training_id platform state people amount_idr",
    "standing": "period state people amount_idr",
    "sides": "channel reported booked people amount_idr",
    "totals": "stage channel people amount_idr",
    # listed
    "decisions_people": "sk_number row_count amount_idr taken revoked",
    "funds": "reference amount_idr at person issued_on fiscal_year corrects",
    "money": "known_at dimension key figure people_count transaction_count amount_idr",
    "money_proofs": "known_at stage scope equation left_count right_count left_idr right_idr holds",
    "receivables": "claim payment_count amount_idr repaid_idr owed_idr noticed_on repay_by age_days state person confirmed_by proposed_at",
    "deposits": "deposit ntpn ntb at person amount_idr repaid_idr returned_idr cash_idr period fiscal_year corrects",
    "deposit_items": "deposit end_to_end_id period channel benefit sequence attempt fiscal_year amount_idr",
    "trial_balance": "period channel fiscal_year journal_account debits_idr credits_idr balance_idr transaction_count",
    "sk_differences": "sk_number stated_idr missing_count missing_idr spread_idr",
    "proofs": "stage scope equation left_count right_count left_idr right_idr holds",
    "breaks": "break_id kind bank file_name expected found amount_idr state first_at owner case_state",
    "ended": "end_to_end_id channel benefit sequence attempt amount_idr state code_list reason_code next_state verdict waits_until",
    "batches": "batch channel execution_date transaction_count control_sum_idr digest maker created_at state",
    "consents": "purpose subject digest person via at used_at",
    "acts": "kind subject person reason at",
    "trainings": "training_id title provider",
    "drops": "drop_id source taken_at row_count",
    "drop_files": "drop_id file_name sha256",
    "policies": "policy sha256",
    "blocklist": "source row_count in_force listed_on",
    "runs": "step run_id at cut_off archive_key row_count",
    "checks": "step table expectation column action success failed_count row_count observed at",
    "quarantine": "table reason row_count",
    "files": "file_name channel batch is_companion transaction_count control_sum_idr sha256 state",
    "inbound": "bank file_name kind state reason row_count sha256 at stated_at",
    "balances": "bank account statement_id to_date closing_idr",
}

_MORE: dict[str, pa.DataType] = {
    "people": pa.int64(),
    "taken": pa.int64(),
    "revoked": pa.int64(),
    "in_force": pa.int64(),
    "stated_idr": pa.int64(),
    "missing_count": pa.int64(),
    "missing_idr": pa.int64(),
    "spread_idr": pa.int64(),
    "payment_count": pa.int64(),
    "owed_idr": pa.int64(),
    "age_days": pa.int64(),
    "debits_idr": pa.int64(),
    "credits_idr": pa.int64(),
    "balance_idr": pa.int64(),
    "confirmed_by": pa.string(),
    "journal_account": pa.string(),
    "proposed_at": FIELDS["at"].type,
    "is_reissue": pa.bool_(),
    "reported": pa.string(),
    "booked": pa.string(),
    "owner": pa.string(),
    "case_state": pa.string(),
    "next_state": pa.string(),
    "first_at": FIELDS["at"].type,
    "used_at": FIELDS["at"].type,
}
"""Columns that only a report has."""


def schema(name: str) -> pa.Schema:
    """The Arrow schema of a table of `CycleFacts`."""
    return pa.schema([(c, _MORE[c] if c in _MORE else FIELDS[c].type) for c in _COLUMNS[name].split()])


@dataclass(frozen=True)
class CycleFacts:
    """One cycle as it stands at `at`. Tables have the columns of `schema(NAME)` and are sorted by what they list.

    `decided`: decisions in force of the period. `paid`: its instructions, every attempt, where each stands.
    `trained_due` and `trained_paid`: the due ones and the instructions again, by the training that qualified each person
    for tranche 1 (null: not known); `trainings` names those trainings. `standing`: the instructions of all periods, for
    the balance of the account. `sides`: sent instructions by what status reports say of
    them (`credited`, `debited`, `accepted`, `in_flight`, `rejected`, `silent`) and what statements show (`debited`,
    `sent_back`, `nothing`). `totals`: each hand-over's own count and sum. `ended`: payments refused or sent back, with
    where the next attempt stands. `shared_accounts`: accounts that are paid for more than one participant.
    `money` and `money_proofs`: the money of all periods as it was known at the period's end and at `at`; `sk_differences`: the
    decisions of which manifests and lines say different things. `receivables`: every claim with its last day to repay, age and state;
    `deposits`: every entry about money paid to the treasury, `deposit_items` the returned payments that they took;
    `trial_balance`: the journal by period, bank and budget year at `at`.
    """

    period: str
    at: datetime
    cut_off: datetime | None
    event_count: int
    chain_head: str
    shared_accounts: int
    decided: pa.Table
    paid: pa.Table
    trained_due: pa.Table
    trained_paid: pa.Table
    standing: pa.Table
    sides: pa.Table
    totals: pa.Table
    decisions_people: pa.Table
    funds: pa.Table
    money: pa.Table
    money_proofs: pa.Table
    receivables: pa.Table
    deposits: pa.Table
    deposit_items: pa.Table
    trial_balance: pa.Table
    sk_differences: pa.Table
    proofs: pa.Table
    breaks: pa.Table
    ended: pa.Table
    batches: pa.Table
    consents: pa.Table
    acts: pa.Table
    trainings: pa.Table
    drops: pa.Table
    drop_files: pa.Table
    policies: pa.Table
    blocklist: pa.Table
    runs: pa.Table
    checks: pa.Table
    quarantine: pa.Table
    files: pa.Table
    inbound: pa.Table
    balances: pa.Table

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name in _COLUMNS:
                assert getattr(self, field.name).schema.equals(schema(field.name)), field.name


def table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """A table of `CycleFacts` from rows; a column that a row lacks is null."""
    return pa.Table.from_pylist(rows, schema=schema(name))


def tables() -> tuple[str, ...]:
    """The names of the tables of `CycleFacts`."""
    return tuple(_COLUMNS)
