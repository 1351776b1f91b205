"""Version 3: what participants were told, how far sources were taken, when a bank wrote its report, what a decision allocates
line by line, dated and corrected receipts; PostgreSQL keeps it too.
"""

import sqlalchemy as sa

from ledger.migrations.shape import add_columns, create_table

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make what came with version 3."""
    _what_was_told()
    add_columns("inbound_files", "stated_at:n?")
    create_table("source_watermarks", "source table recorded_at:n drop_id at:n", "source table recorded_at")
    _what_is_allocated()
    add_columns("funds", "issued_on:d? fiscal_year:n? corrects?")
    add_columns("instructions", "sk_number? sk_line? fiscal_year:n?")


def _what_was_told() -> None:
    create_table("notices", "notice:n at:n row_count:n archive_key details", "notice")
    create_table(
        "told_outcomes",
        "participant_id benefit sequence:n notice:n period status status_at:n amount_idr:n due_on:d? to_do",
        "participant_id benefit sequence notice",
        sa.ForeignKeyConstraint(["notice"], ["notices.notice"]),
    )
    create_table(
        "notice_deliveries",
        "outlet notice:n acknowledgement at:n",
        "outlet notice",
        sa.ForeignKeyConstraint(["notice"], ["notices.notice"]),
    )


def _what_is_allocated() -> None:
    create_table(
        "source_allocations",
        "sk_number participant_id row_mac drop_id source_file row:n recorded_at:n? sk_line? training_aid_idr:n?"
        " incentive_idr:n? survey_idr:n?",
        "sk_number participant_id row_mac",
        sa.Index("source_allocations_by_person", "participant_id"),
    )
