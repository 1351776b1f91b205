"""The trial balance as `salur trial-balance` tells it: every account at a moment, of one period, bank or budget year, with what
stands beside the journal, since no rupiah moves by it: allocated, held, released.
"""

from datetime import date
from typing import Any

import pyarrow as pa

from ledger import journal
from ledger.house import House
from ledger.instants import to_micros
from ledger.store import Connection
from reconciliation.reports.money import ALL, UNKNOWN, moment, position
from schemas.codes import ACCOUNTS
from schemas.errors import ProofFailed
from schemas.fields import INSTANT
from schemas.zone import JAKARTA

BESIDE = ("allocated", "funded", "held", "released", "credited")
"""What is easily taken for one another, and shown beside the accounts."""


def by_part(connection: Connection, known_at: Any) -> pa.Table:
    """The export `trial_balance`: known_at, period, channel, fiscal_year, account, debits, credits, balance and count."""
    found = journal.balances_by_part(connection, to_micros(known_at))
    return found.add_column(0, "known_at", pa.array([known_at] * found.num_rows, INSTANT))


def show(
    house: House, on: date | None, period: str | None, bank: str | None, fiscal_year: int | None
) -> dict[str, Any]:
    """Accounts with words, debits, credits, balance and count, and figures beside them where at most one part is asked for.

    `ProofFailed` where the balances do not add to nothing, which the rows of the journal rule out one by one.
    """
    known_at = moment(house, on, None)
    parts = {"period": period, "channel": bank, "fiscal_year": None if fiscal_year is None else str(fiscal_year)}
    asked = [(dimension, key) for dimension, key in parts.items() if key is not None]
    with house.store.reading() as connection:
        rows = journal.trial_balance(
            connection, period, to_micros(known_at), channel=bank, fiscal_year=fiscal_year
        ).to_pylist()
        beside: dict[str, int] = {}
        if len(asked) < 2:
            found = position(connection, house.archive, known_at)
            dimension, key = asked[0] if asked else (ALL, UNKNOWN)
            told = {figure: found.idr(figure, dimension, key) for figure in BESIDE}
            beside = {figure: amount_idr for figure, amount_idr in told.items() if amount_idr is not None}
    if sum(row["balance_idr"] for row in rows):
        raise ProofFailed("The accounts of the journal do not add to nothing.", "", "See: salur export journal")
    return {
        "known_at": known_at.astimezone(JAKARTA),
        "period": period,
        "bank": bank,
        "fiscal_year": fiscal_year,
        "accounts": [
            {**row, "indonesian": ACCOUNTS[row["account"]][0], "english": ACCOUNTS[row["account"]][1]} for row in rows
        ],
        "beside": beside,
    }
