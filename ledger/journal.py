"""Double entry: where the programme's money stands. A row moves an amount from one account to another, so that the books
balance row by row; nothing is ever changed, and money that comes back is a row of its own.

The accounts are `schemas.codes.ACCOUNTS`; which of them an instruction's money stands in follows from its state by
`ACCOUNT_OF`. Rows are written in the transaction that records the state.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ledger import returned, store
from ledger.allocations import whole
from ledger.instants import to_micros
from schemas.codes import ACCOUNT_OF, ACCOUNTS
from schemas.fields import TEXT, WHOLE

_NUMBERS = ("debits_idr", "credits_idr", "balance_idr", "transaction_count")


@dataclass(frozen=True)
class Posting:
    """One movement of money: whole rupiah of so many instructions (none for money received) from `credit` to `debit`.

    `subject` is the file or the reference that it is about; `evidence` the hash of an event or the SHA-256 of a received
    file. Money received belongs to no channel and no period, but to a budget year.
    """

    debit: str
    credit: str
    amount_idr: int
    subject: str
    evidence: str
    transaction_count: int = 0
    channel: str | None = None
    period: str | None = None
    fiscal_year: int | None = None


def movement(before: str, after: str) -> tuple[str, str] | None:
    """(debit, credit) of an instruction that passes from one state to another; None where its money stays where it is."""
    credit, debit = ACCOUNT_OF[before], ACCOUNT_OF[after]
    return None if debit == credit else (debit, credit)


def of_file(connection: sa.Connection, file_name: str, before: str, after: str, evidence: str) -> list[Posting]:
    """The movements of a file that passes from one state to another: one for each budget year of its instructions.

    Where it leaves our hands, what it sends again of payments that came back goes first from `returned` to the cash; where the
    bank refused the upload, or all of it, it goes back.
    """
    way = movement(before, after)
    if way is None:
        return []
    i = store.instructions.c
    keys = (i.channel, i.period, i.fiscal_year)
    query = sa.select(*keys, sa.func.count(), sa.func.sum(i.amount_idr)).where(i.file_name == file_name)
    own = [(*row[:3], int(row[3]), int(row[4])) for row in connection.execute(query.group_by(*keys).order_by(*keys))]
    postings = [
        Posting(*way, amount_idr, file_name, evidence, count, channel, period, year)
        for channel, period, year, count, amount_idr in own
    ]
    if before in returned.WITHOUT_MONEY:
        behind = returned.behind_file(connection, file_name)
        return [*_of_returned(("cash", "returned"), behind, file_name, evidence), *postings]
    if after in returned.WITHOUT_MONEY:
        behind = returned.behind_file(connection, file_name)
        return [*postings, *_of_returned(("returned", "cash"), behind, file_name, evidence)]
    return postings


def given_back(connection: sa.Connection, ended: Mapping[str, tuple[str, str]]) -> list[Posting]:
    """What goes on to `returned` where attempts that sent again what had come back were rejected, or never arrived.

    `ended`: of each such instruction (end_to_end_id) its file and the evidence. Its own money is posted to the cash before.
    """
    groups: dict[tuple[str, str], list[returned.Behind]] = {}
    for each in returned.behind_some(connection, ended):
        groups.setdefault(ended[each.again], []).append(each)
    return [posting for key in sorted(groups) for posting in _of_returned(("returned", "cash"), groups[key], *key)]


def _of_returned(
    way: tuple[str, str], behind: Iterable[returned.Behind], file_name: str, evidence: str
) -> list[Posting]:
    """Movements of payments that came back: one for each bank, period and budget year of theirs."""
    sums: dict[tuple[str, str, int | None], list[int]] = {}
    for each in behind:
        sums.setdefault((each.channel, each.period, each.fiscal_year), []).append(each.amount_idr)
    return [
        Posting(*way, sum(amounts), file_name, evidence, len(amounts), channel, period, year)
        for (channel, period, year), amounts in sorted(sums.items(), key=str)
    ]


def post(connection: sa.Connection, postings: Iterable[Posting], at: datetime) -> int:
    """Add rows within the caller's transaction, in their order; returns how many.

    An account that is not in the list, or an amount that is not positive, breaks a CHECK.
    """
    first = store.next_seq(connection, store.journal)
    added = [{"seq": seq, "at": to_micros(at), **asdict(each)} for seq, each in enumerate(postings, first)]
    return store.insert(connection, store.journal, added)


def rows(connection: sa.Connection, period: str | None = None) -> pa.Table:
    """journal.v1 in its order; of one period, when given, with the money received, which belongs to none."""
    only = store.given(period=period)
    return store.read(connection, _rows(*only), values=only)


@cache
def _rows(*only: str) -> sa.Select[Any]:
    j = store.journal
    mine = (sa.or_(j.c[name] == sa.bindparam(name), j.c[name].is_(None)) for name in only)
    return sa.select(j).where(*mine).order_by(j.c.seq)


def rows_about(connection: sa.Connection, subject: str) -> pa.Table:
    """journal.v1 of one subject, in its order."""
    return store.read(
        connection, sa.select(store.journal).where(store.journal.c.subject == subject).order_by(store.journal.c.seq)
    )


def _sides(mine: Sequence[sa.ColumnElement[bool]], *by: str) -> sa.Subquery:
    """Each row twice, once for each of its accounts: account, debits, credits and count, and some of its columns."""
    j = store.journal.c
    return sa.union_all(
        sa.select(
            *(j[name] for name in by), j.debit.label("account"), j.amount_idr.label("debits"),
            sa.literal(0).label("credits"), j.transaction_count.label("count"),
        ).where(*mine),
        sa.select(*(j[name] for name in by), j.credit, sa.literal(0), j.amount_idr, -j.transaction_count).where(*mine),
    ).subquery()  # fmt: skip


def trial_balance(
    connection: sa.Connection,
    period: str | None = None,
    until_us: int | None = None,
    *,
    channel: str | None = None,
    fiscal_year: int | None = None,
) -> pa.Table:
    """Every account in the list's order: account, debits_idr, credits_idr, balance_idr (debits less credits, whole rupiah)
    and transaction_count, how many instructions the balance is made of. Of one period, bank or wallet, or budget year, or of
    what was posted by an instant, when given; balances add to zero.
    """
    only = store.given(period=period, channel=channel, fiscal_year=fiscal_year, until=until_us)
    rows = store.rows(connection, _trial_balance(*only), **only)
    moved = {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in rows}
    return _balances({(account,): moved.get(account, (0, 0, 0)) for account in ACCOUNTS}, [("account", TEXT)])


@cache
def _trial_balance(*only: str) -> sa.Select[Any]:
    j = store.journal.c
    sides = _sides([j.at <= sa.bindparam(name) if name == "until" else j[name] == sa.bindparam(name) for name in only])
    sums = (whole(sides.c.debits), whole(sides.c.credits), whole(sides.c.count))
    return sa.select(sides.c.account, *sums).group_by(sides.c.account)


PARTS = ("period", "channel", "fiscal_year")
"""By what the trial balance is parted."""


def balances_by_part(connection: sa.Connection, until_us: int) -> pa.Table:
    """The trial balance of each period, bank or wallet and budget year by an instant, accounts without movements left out.

    A null is what belongs to none, or to none that is known: money received has no period and no bank.
    """
    sides = _sides([store.journal.c.at <= until_us], *PARTS)
    keys = [*(sides.c[name] for name in PARTS), sides.c.account]
    query = sa.select(*keys, whole(sides.c.debits), whole(sides.c.credits), whole(sides.c.count)).group_by(*keys)
    order = {account: place for place, account in enumerate(ACCOUNTS)}
    rows = sorted(
        connection.execute(query).all(),
        key=lambda row: (*((value is not None, str(value)) for value in row[:3]), order[row[3]]),
    )
    named = [*((name, store.arrow_type(name)) for name in PARTS), ("account", TEXT)]
    return _balances({tuple(row[:4]): (int(row[4]), int(row[5]), int(row[6])) for row in rows}, named)


def _balances(sums: Mapping[tuple[Any, ...], tuple[int, int, int]], named: list[tuple[str, pa.DataType]]) -> pa.Table:
    """Keys and what came, what left and how many, with the balance, as a table."""
    rows = [
        dict(zip([name for name, _ in named], key, strict=True))
        | dict(zip(_NUMBERS, (came, left, came - left, count), strict=True))
        for key, (came, left, count) in sums.items()
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema([*named, *((name, WHOLE) for name in _NUMBERS)]))
