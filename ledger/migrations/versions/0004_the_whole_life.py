"""Version 4: the journal's rows name their budget year and only accounts of the list; claims, repayments and deposits to the
treasury; what follows an attempt that ended without paying, and who agreed to it.
"""

import sqlalchemy as sa
from alembic import op

from ledger.migrations.shape import add_columns, create_table

revision = "0004"
down_revision = "0003"

_ACCOUNTS = (
    "'funder', 'cash', 'in_transit', 'debited', 'credited', 'returned', 'receivable', 'claims', 'repaid', 'deposited'"
)
_OF_THE_LIST = f"debit IN ({_ACCOUNTS}) AND credit IN ({_ACCOUNTS})"


def upgrade() -> None:
    """Make what came with version 4."""
    _journal()
    _claims()
    _deposits()
    _reissues()
    _supersessions()


_KEEP = """
CREATE TABLE journal_kept AS
SELECT seq, at, debit, credit, amount_idr, transaction_count, channel, period, subject, evidence FROM journal
"""
_TAKE_BACK = """
INSERT INTO journal (seq, at, debit, credit, amount_idr, transaction_count, channel, period, subject, evidence)
SELECT seq, at, debit, credit, amount_idr, transaction_count, channel, period, subject, evidence FROM journal_kept
"""
_RETURNED = """
INSERT INTO journal (seq, at, debit, credit, amount_idr, transaction_count, channel, period, subject, evidence)
SELECT (SELECT COALESCE(MAX(seq), 0) FROM journal) + ROW_NUMBER() OVER (ORDER BY i.end_to_end_id),
       e.at, 'returned', 'cash', i.amount_idr, 1, i.channel, i.period, i.file_name, e.evidence
FROM attempt_ends AS e JOIN instructions AS i
  ON i.participant_id = e.participant_id AND i.benefit = e.benefit AND i.sequence = e.sequence AND i.attempt = e.attempt
WHERE e."end" = 'returned'
"""


def _journal() -> None:
    """One more column and one more check; rows that are there keep what they say and are of no known year.

    SQLite takes no check on a table that is there, so there the table is made again and its rows are copied. What came back
    stood in the cash before; it is moved to the account of its own as of the day on which it came back.
    """
    if op.get_context().dialect.name == "sqlite":
        op.execute(_KEEP)
        op.drop_table("journal")
        create_table(
            "journal",
            "seq:n at:n debit credit amount_idr:n transaction_count:n channel? period? subject evidence fiscal_year:n?",
            "seq",
            sa.CheckConstraint("amount_idr > 0", name="amount_is_positive"),
            sa.CheckConstraint("debit <> credit", name="money_moves"),
            sa.CheckConstraint(_OF_THE_LIST, name="accounts_of_the_list"),
            sa.Index("journal_by_period", "period"),
        )
        op.execute(_TAKE_BACK)
        op.drop_table("journal_kept")
    else:
        add_columns("journal", "fiscal_year:n?")
        op.create_check_constraint("accounts_of_the_list", "journal", _OF_THE_LIST)
    op.execute(_RETURNED)


def _claims() -> None:
    create_table("claims", "claim participant_id amount_idr:n reason person digest at:n", "claim")
    create_table(
        "claim_items",
        "end_to_end_id claim_number:n claim amount_idr:n",
        "end_to_end_id claim_number",
        sa.ForeignKeyConstraint(["claim"], ["claims.claim"]),
        sa.ForeignKeyConstraint(["end_to_end_id"], ["instructions.end_to_end_id"]),
    )
    create_table(
        "claim_acts",
        "seq:n claim act person note at:n noticed_on:d? repay_by:d?",
        "seq",
        sa.UniqueConstraint("claim", "act"),
        sa.ForeignKeyConstraint(["claim"], ["claims.claim"]),
    )
    create_table(
        "repayments",
        "reference claim amount_idr:n person at:n corrects?",
        "reference",
        sa.ForeignKeyConstraint(["claim"], ["claims.claim"]),
    )


def _deposits() -> None:
    create_table(
        "deposits",
        "deposit ntpn ntb amount_idr:n cash_idr:n returned_idr:n repaid_idr:n fiscal_year:n? period? person at:n corrects?",
        "deposit",
        sa.UniqueConstraint("corrects"),
        sa.ForeignKeyConstraint(["corrects"], ["deposits.deposit"]),
    )
    create_table(
        "deposit_items",
        "end_to_end_id deposit_number:n deposit amount_idr:n",
        "end_to_end_id deposit_number",
        sa.ForeignKeyConstraint(["deposit"], ["deposits.deposit"]),
        sa.ForeignKeyConstraint(["end_to_end_id"], ["instructions.end_to_end_id"]),
    )


def _reissues() -> None:
    add_columns("entitlement_runs", "reissues_key?")
    create_table("reissue_acts", "seq:n subject act reason person at:n", "seq")


def _supersessions() -> None:
    columns = "seq:n bank evidence statement_id by_evidence by_statement_id act reason person at:n"
    create_table("supersession_acts", columns, "seq")
