"""Version 2: of which periods a received file speaks, and up to which file a period was reconciled."""

from alembic import op

from ledger.migrations.shape import create_table

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the two tables; what was received before may speak of any period, so each is reconciled once more."""
    create_table("inbound_periods", "seq:n period", "seq period")
    create_table("reconciled_evidence", "period seq:n at:n", "period seq")
    op.execute(
        "INSERT INTO inbound_periods (seq, period)"
        " SELECT f.seq, b.period FROM inbound_files AS f CROSS JOIN (SELECT DISTINCT period FROM batches) AS b"
    )
