"""Version 1: the tables of the first month, before it was noted of which periods a received file speaks."""

import sqlalchemy as sa
from alembic import op

from ledger.migrations.shape import create_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table of version 1."""
    _sources()
    _decided()
    _instructed()
    _states_and_consent()
    _returns()
    _record()


def _sources() -> None:
    create_table(
        "drops",
        "drop_id source taken_at:n row_count:n",
        "drop_id",
    )
    create_table(
        "source_participants",
        "participant_id row_mac drop_id source_file row:n recorded_at:n? status_at:n? nik_mac? kk_mac?"
        " name_mac? nik_problem? province? wave:n? accepted_on:d? occupation? status? sk_number? sk_line?"
        " warnings? sealed:b",
        "participant_id row_mac",
    )
    create_table(
        "source_accounts",
        "participant_id version:n row_mac drop_id source_file row:n recorded_at:n? channel?"
        " owner_nik_mac? owner_name_mac? account_mac? verified_at:n? closed_at:n? sealed:b",
        "participant_id version row_mac",
    )
    create_table(
        "source_trainings",
        "training_id row_mac drop_id source_file row:n recorded_at:n? title? provider? platform? price_idr:n?",
        "training_id row_mac",
    )
    create_table(
        "source_completions",
        "completion_id row_mac drop_id source_file row:n recorded_at:n? platform? participant_id?"
        " training_id? purchased_at:n? completed_at:n? certificate_number? rating:n? reviewed_at:n?"
        " revoked_at:n?",
        "completion_id row_mac",
        sa.Index("source_completions_by_person", "participant_id"),
    )
    create_table(
        "source_blocklist",
        "nik_mac source row_mac drop_id source_file row:n recorded_at:n? reason? listed_on:d? delisted_on:d?",
        "nik_mac source row_mac",
    )
    create_table(
        "source_surveys",
        "participant_id number:n row_mac drop_id source_file row:n recorded_at:n? completed_at:n?",
        "participant_id number row_mac",
    )
    create_table(
        "decisions_people",
        "sk_number row_count:n amount_idr:n drop_id",
        "sk_number drop_id",
    )
    create_table(
        "quarantine",
        "drop_id table row:n reason source row_mac raw_sealed:b",
        "table row reason source row_mac",
    )


def _decided() -> None:
    create_table(
        "entitlement_runs",
        "seq:n run_id period cut_off:n at:n archive_key row_count:n details",
        "seq",
        sa.UniqueConstraint("run_id"),
    )
    create_table(
        "instruct_runs",
        "seq:n run_id period at:n archive_key row_count:n",
        "seq",
    )
    create_table(
        "funds",
        "reference amount_idr:n at:n person",
        "reference",
    )


def _instructed() -> None:
    create_table(
        "batches",
        "batch period channel execution_date:d transaction_count:n control_sum_idr:n digest maker"
        " created_at:n last_payment_date:d?",
        "batch",
    )
    create_table(
        "files",
        "file_name channel batch message_id payment_information_id format transaction_count:n"
        " control_sum_idr:n sha256 byte_count:n is_companion:f",
        "file_name",
        sa.ForeignKeyConstraint(["batch"], ["batches.batch"]),
        sa.UniqueConstraint("message_id", "is_companion"),
    )
    create_table(
        "attempt_ends",
        "participant_id benefit sequence:n attempt:n end code_list? reason_code? evidence at:n",
        "participant_id benefit sequence attempt",
        sa.ForeignKeyConstraint(
            ["participant_id", "benefit", "sequence", "attempt"],
            ["instructions.participant_id", "instructions.benefit", "instructions.sequence", "instructions.attempt"],
            use_alter=True,
            name="attempt_ends_instruction",
        ),
    )
    create_table(
        "instructions",
        "end_to_end_id participant_id benefit sequence:n attempt:n previous_attempt:n? period policy"
        " amount_idr:n due_on:d channel account_version:n account_mac batch file_name"
        " last_payment_date:d?",
        "end_to_end_id",
        sa.CheckConstraint(
            "(attempt = 1 AND previous_attempt IS NULL) OR (attempt > 1 AND previous_attempt IS NOT NULL AND previous_attempt = attempt - 1)",
            name="attempt_follows_an_end",
        ),
        sa.CheckConstraint("amount_idr > 0", name="amount_is_positive"),
        sa.ForeignKeyConstraint(["file_name"], ["files.file_name"]),
        sa.ForeignKeyConstraint(
            ["participant_id", "benefit", "sequence", "previous_attempt"],
            ["attempt_ends.participant_id", "attempt_ends.benefit", "attempt_ends.sequence", "attempt_ends.attempt"],
        ),
        sa.UniqueConstraint("participant_id", "benefit", "sequence", "attempt"),
        sa.Index("instructions_by_file", "file_name"),
        sa.Index("instructions_by_period", "period"),
    )
    if op.get_context().dialect.name != "sqlite":  # there it stands in the table itself, which may name one to come
        key = ["participant_id", "benefit", "sequence", "attempt"]
        op.create_foreign_key("attempt_ends_instruction", "attempt_ends", "instructions", key, key)


def _states_and_consent() -> None:
    create_table(
        "file_states",
        "seq:n file_name state evidence at:n",
        "seq",
        sa.UniqueConstraint("file_name", "state", "evidence"),
    )
    create_table(
        "instruction_states",
        "seq:n end_to_end_id state code_list? reason_code? evidence at:n",
        "seq",
        sa.UniqueConstraint("end_to_end_id", "state", "evidence"),
        sa.Index("instruction_states_by_id", "end_to_end_id"),
    )
    create_table(
        "consents",
        "seq:n purpose subject digest person via at:n expires_at:n",
        "seq",
        sa.UniqueConstraint("purpose", "subject", "digest", "person", "at"),
    )
    create_table(
        "consent_uses",
        "purpose subject digest at:n actor",
        "purpose subject digest",
    )
    create_table(
        "holds",
        "seq:n participant_id act reason person at:n",
        "seq",
    )
    create_table(
        "brakes",
        "seq:n act reason person at:n",
        "seq",
    )
    create_table(
        "journal",
        "seq:n at:n debit credit amount_idr:n transaction_count:n channel? period? subject evidence",
        "seq",
        sa.CheckConstraint("amount_idr > 0", name="amount_is_positive"),
        sa.CheckConstraint("debit <> credit", name="money_moves"),
        sa.Index("journal_by_period", "period"),
    )


def _returns() -> None:
    create_table(
        "inbound_files",
        "seq:n sha256 bank file_name byte_count:n kind state reason? archive_key? row_count:n at:n",
        "seq",
        sa.UniqueConstraint("sha256", "bank"),
    )
    create_table(
        "inbound_names",
        "bank file_name byte_count:n listed_at:n sha256 at:n",
        "bank file_name byte_count listed_at",
    )
    create_table(
        "reconciliation_runs",
        "seq:n run_id period at:n archive_key row_count:n details",
        "seq",
    )
    create_table(
        "breaks",
        "seq:n run_id break_id period kind bank end_to_end_id? file_name? expected? found? amount_idr:n? state at:n",
        "seq",
        sa.Index("breaks_by_id", "break_id"),
    )
    create_table(
        "proofs",
        "run_id period stage scope equation left_count:n right_count:n left_idr:n right_idr:n holds:f",
        "run_id stage scope",
    )
    create_table(
        "exception_acts",
        "seq:n break_id act person note at:n",
        "seq",
    )


def _record() -> None:
    create_table(
        "check_results",
        "seq:n run_id period? step table expectation column? action success:f failed_count:n row_count:n"
        " observed? at:n",
        "seq",
    )
    create_table(
        "events",
        "seq:n at:n actor kind subject details previous_hash hash",
        "seq",
        sa.UniqueConstraint("previous_hash"),
    )
    create_table(
        "schema_versions",
        "version:n at:n",
        "version",
    )
