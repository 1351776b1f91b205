"""Version 3: what participants were told, how far sources were taken, when a bank wrote its report; PostgreSQL keeps it too."""

import sqlalchemy as sa

from ledger.migrations.shape import add_columns, create_table

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make what came with version 3."""
    _what_was_told()
    add_columns("inbound_files", "stated_at:n?")
    create_table("source_watermarks", "source table recorded_at:n drop_id at:n", "source table recorded_at")


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
