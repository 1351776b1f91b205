"""What is claimed back from participants, what they repaid, and what went to the treasury: the questions about it."""

from datetime import date
from functools import cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ledger import returned, store
from ledger.allocations import whole
from ledger.instants import jakarta_date
from ledger.returned import EVER
from schemas.fields import TEXT, WHOLE


def _cancelled(until_us: int = EVER) -> sa.Select[Any]:
    a = store.claim_acts.c
    return sa.select(a.claim).where(a.act == "cancelled", a.at <= until_us)


def claims(connection: sa.Connection, today: date, participant: str | None = None) -> list[dict[str, Any]]:
    """Every claim in the order of their numbers, with what became of it.

    `state` is proposed, open, overdue (past its last day to repay), repaid or cancelled; repaid_idr and open_idr are whole
    rupiah; age_days counts from the notice, before it from the proposal.
    """
    only = store.given(participant_id=participant)
    proposed = store.read(connection, _claims(*only), values=only).to_pylist()
    if not proposed:
        return []
    acts = {(row["claim"], row["act"]): row for row in store.read(connection, _ACTS, values={}).to_pylist()}
    repaid: dict[str, int] = dict(store.rows(connection, _REPAID))
    counts: dict[str, int] = dict(store.rows(connection, _COUNTS))
    found = []
    for row in proposed:
        confirmed, cancelled = (acts.get((row["claim"], act)) for act in ("confirmed", "cancelled"))
        repaid_idr = int(repaid.get(row["claim"], 0))
        open_idr = row["amount_idr"] - repaid_idr if confirmed and not cancelled else 0
        since = confirmed["noticed_on"] if confirmed else jakarta_date(row["at"])
        due = confirmed["repay_by"] if confirmed else None
        state = "cancelled" if cancelled else "open" if open_idr else "repaid" if confirmed else "proposed"
        found.append(
            {
                **{name: row[name] for name in ("claim", "participant_id", "reason", "person", "digest")},
                "proposed_at": row["at"],
                "confirmed_by": confirmed["person"] if confirmed else None,
                "noticed_on": confirmed["noticed_on"] if confirmed else None,
                "repay_by": due,
                "payment_count": int(counts.get(row["claim"], 0)),
                "amount_idr": int(row["amount_idr"]),
                "repaid_idr": repaid_idr,
                "open_idr": open_idr,
                "age_days": (today - since).days,
                "state": "overdue" if state == "open" and due and today > due else state,
            }
        )
    return found


@cache
def _claims(*only: str) -> sa.Select[Any]:
    c = store.claims.c
    return sa.select(store.claims).where(*(c[name] == sa.bindparam(name) for name in only)).order_by(c.claim)


_A, _R, _T = store.claim_acts.c, store.repayments.c, store.claim_items.c
_ACTS = sa.select(store.claim_acts).order_by(_A.seq)
_REPAID = sa.select(_R.claim, whole(_R.amount_idr)).group_by(_R.claim)
_COUNTS = sa.select(_T.claim, sa.func.count()).group_by(_T.claim)


def items(connection: sa.Connection, claim: str) -> list[dict[str, Any]]:
    """The payments that a claim is over, in the order in which they were due, as rows of `instructions`."""
    i, t = store.instructions.c, store.claim_items.c
    query = (
        sa.select(store.instructions, t.claim_number)
        .join(store.claim_items, t.end_to_end_id == i.end_to_end_id)
        .where(t.claim == claim)
        .order_by(i.benefit, i.sequence, i.attempt)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def claimed(connection: sa.Connection) -> set[str]:
    """The end_to_end_id of each payment that a claim which is not cancelled is over."""
    t = store.claim_items.c
    return set(connection.scalars(sa.select(t.end_to_end_id).where(t.claim.not_in(_cancelled()))))


def standing(connection: sa.Connection) -> pa.Table:
    """The payments of each claim that is confirmed and not cancelled: end_to_end_id, claim, and repaid_idr of the whole claim."""
    schema = pa.schema([("end_to_end_id", TEXT), ("claim", TEXT), ("repaid_idr", WHOLE)])
    return store.read(connection, _standing(), schema, values={})


@cache
def _standing() -> sa.Select[Any]:
    a, r, t = store.claim_acts.c, store.repayments.c, store.claim_items.c
    repaid = sa.select(r.claim, whole(r.amount_idr).label("repaid_idr")).group_by(r.claim).subquery()
    return (
        sa.select(t.end_to_end_id, t.claim, sa.func.coalesce(repaid.c.repaid_idr, 0).label("repaid_idr"))
        .outerjoin(repaid, repaid.c.claim == t.claim)
        .where(t.claim.in_(sa.select(a.claim).where(a.act == "confirmed")), t.claim.not_in(_cancelled()))
        .order_by(t.end_to_end_id, t.claim)
    )


def claims_of_period(connection: sa.Connection, period: str) -> set[str]:
    """The claims over a payment of a period."""
    i, t = store.instructions.c, store.claim_items.c
    query = sa.select(t.claim).join(store.instructions, t.end_to_end_id == i.end_to_end_id).where(i.period == period)
    return set(connection.scalars(query))


def next_number(connection: sa.Connection, table: sa.Table, end_to_end_id: str) -> int:
    """The number of the next claim over (`claim_items`), or deposit of (`deposit_items`), one payment."""
    query = sa.select(sa.func.count()).where(table.c.end_to_end_id == end_to_end_id)
    return int(connection.scalar(query) or 0) + 1


def next_name(connection: sa.Connection, table: sa.Table, letter: str) -> str:
    """The name of the next claim or deposit: a letter and six digits. It stays the next while the write lock is held."""
    return f"{letter}{int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0) + 1:06d}"


def repayments(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """Every repayment by its reference."""
    rows = connection.execute(sa.select(store.repayments).order_by(store.repayments.c.at)).mappings()
    return {row["reference"]: dict(row) for row in rows}


def standing_deposit(connection: sa.Connection, ntpn: str) -> dict[str, Any] | None:
    """The deposit of a receipt number that no other corrects."""
    d = store.deposits.c
    undone = sa.select(d.corrects).where(d.corrects.is_not(None))
    query = sa.select(store.deposits).where(d.ntpn == ntpn, d.corrects.is_(None), d.deposit.not_in(undone))
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def items_sent_again(connection: sa.Connection, deposit: str) -> list[str]:
    """The returned payments that a deposit took and that a later attempt has sent again since, by reference."""
    t = store.deposit_items.c
    query = sa.select(t.end_to_end_id).where(t.deposit == deposit, t.end_to_end_id.in_(returned.sent_again()))
    return list(connection.scalars(query.order_by(t.end_to_end_id)))


def deposits_of(connection: sa.Connection, references: set[str]) -> set[str]:
    """The deposits that took a returned payment of some to the treasury, and the entries that took those back."""
    t, d = store.deposit_items.c, store.deposits.c
    found = set(connection.scalars(sa.select(t.deposit).where(t.end_to_end_id.in_(sorted(references)))))
    return found | set(connection.scalars(sa.select(d.deposit).where(d.corrects.in_(sorted(found)))))


def lapsed(
    connection: sa.Connection, today: date, revoked: set[str], period: str | None, fiscal_year: int | None
) -> list[dict[str, Any]]:
    """Returned payments that stand in `returned` and are owed to nobody any more: past the last payment date, or of somebody
    who was revoked; none that has a later attempt drawn up.
    """
    o = returned.owed()
    query = sa.select(o).where(returned.not_drawn_up_again(o)).order_by(o.c.period, o.c.end_to_end_id)
    only = {"period": period, "fiscal_year": fiscal_year}
    query = query.where(*(o.c[name] == value for name, value in only.items() if value is not None))
    return [
        dict(row)
        for row in connection.execute(query).mappings()
        if row["participant_id"] in revoked or (row["last_payment_date"] and row["last_payment_date"] < today)
    ]


def parts(
    connection: sa.Connection, account: str, period: str | None = None, fiscal_year: int | None = None
) -> list[tuple[str | None, str | None, int | None, int]]:
    """What stands in an account of the journal: channel, period, budget year and whole rupiah, those of nothing left out."""
    j = store.journal.c
    signed = sa.case((j.debit == account, j.amount_idr), else_=-j.amount_idr)
    keys = (j.channel, j.period, j.fiscal_year)
    only = {"period": period, "fiscal_year": fiscal_year}
    query = (
        sa.select(*keys, whole(signed))
        .where(sa.or_(j.debit == account, j.credit == account))
        .where(*(j[name] == value for name, value in only.items() if value is not None))
        .group_by(*keys)
        .order_by(j.period, j.channel, j.fiscal_year)
    )
    return [(*row[:3], int(row[3])) for row in connection.execute(query) if row[3]]


# --- sums at an instant -----------------------------------------------------------------------------------------------


def claimed_at(connection: sa.Connection, until_us: int) -> tuple[int, int, int]:
    """People, payments and whole rupiah of the claims that stood confirmed at an instant, repaid or not."""
    c, a, t = store.claims.c, store.claim_acts.c, store.claim_items.c
    confirmed = sa.select(a.claim).where(a.act == "confirmed", a.at <= until_us)
    query = (
        sa.select(sa.func.count(sa.distinct(c.participant_id)), sa.func.count(), whole(t.amount_idr))
        .select_from(store.claims.join(store.claim_items, t.claim == c.claim))
        .where(c.claim.in_(confirmed), c.claim.not_in(_cancelled(until_us)))
    )
    people, count, amount_idr = connection.execute(query).one()
    return int(people), int(count), int(amount_idr)


def repaid_at(connection: sa.Connection, until_us: int) -> tuple[int, int]:
    """How many repayments, and whole rupiah of them, corrections included."""
    r = store.repayments.c
    count, amount_idr = connection.execute(
        sa.select(sa.func.count(), whole(r.amount_idr)).where(r.at <= until_us)
    ).one()
    return int(count), int(amount_idr)


def deposited_at(connection: sa.Connection, until_us: int) -> tuple[int, int, int]:
    """How many entries of deposits, whole rupiah out of the funds, and out of what participants repaid."""
    d = store.deposits.c
    query = sa.select(sa.func.count(), whole(d.cash_idr + d.returned_idr), whole(d.repaid_idr)).where(d.at <= until_us)
    count, of_funds, of_repaid = connection.execute(query).one()
    return int(count), int(of_funds), int(of_repaid)


def deposited_of_year(connection: sa.Connection, until_us: int) -> dict[int | None, int]:
    """Whole rupiah deposited out of the funds, by budget year: of cash as was told, of returned payments their own."""
    d, t, i = store.deposits.c, store.deposit_items.c, store.instructions.c
    cash = sa.select(d.fiscal_year, whole(d.cash_idr)).where(d.at <= until_us).group_by(d.fiscal_year)
    undone = sa.select(d.corrects).where(d.corrects.is_not(None), d.at <= until_us)
    back = (
        sa.select(i.fiscal_year, whole(t.amount_idr))
        .select_from(
            store.deposit_items.join(store.deposits, t.deposit == d.deposit).join(
                store.instructions, t.end_to_end_id == i.end_to_end_id
            )
        )
        .where(d.at <= until_us, t.deposit.not_in(undone))
        .group_by(i.fiscal_year)
    )
    found: dict[int | None, int] = {}
    for query in (cash, back):
        for year, amount_idr in connection.execute(query):
            found[year] = found.get(year, 0) + int(amount_idr)
    return {year: amount_idr for year, amount_idr in found.items() if amount_idr}


# --- tables for outsiders ---------------------------------------------------------------------------------------------

RECEIVABLES = pa.schema(
    [
        *((name, store.arrow_type(name)) for name in ("claim", "participant_id", "reason", "person", "digest")),
        ("proposed_at", pa.timestamp("us", tz="UTC")),
        ("confirmed_by", TEXT),
        ("noticed_on", pa.date32()),
        ("repay_by", pa.date32()),
        ("payment_count", WHOLE),
        ("amount_idr", WHOLE),
        ("repaid_idr", WHOLE),
        ("open_idr", WHOLE),
        ("age_days", WHOLE),
        ("state", TEXT),
    ]
)
"""The columns of `claims`, as an export has them."""


def listed(connection: sa.Connection, today: date) -> pa.Table:
    """`claims` as a table, in the order of their numbers."""
    return pa.Table.from_pylist(claims(connection, today), schema=RECEIVABLES)


def all_items(connection: sa.Connection) -> pa.Table:
    """Which payments each claim is over: claim, end_to_end_id, claim_number, amount_idr."""
    t = store.claim_items.c
    return store.read(
        connection, sa.select(t.claim, t.end_to_end_id, t.claim_number, t.amount_idr).order_by(t.claim, t.end_to_end_id)
    )


def all_repayments(connection: sa.Connection) -> pa.Table:
    """Every repayment and correction of one, by reference."""
    return store.read(connection, sa.select(store.repayments).order_by(store.repayments.c.reference))


def all_deposits(connection: sa.Connection) -> pa.Table:
    """Every deposit and entry that takes one back, in the order of their names."""
    return store.read(connection, sa.select(store.deposits).order_by(store.deposits.c.deposit))


def all_deposit_items(connection: sa.Connection) -> pa.Table:
    """The returned payments that each deposit took: deposit, end_to_end_id, amount_idr, and what the payment is of."""
    t, i = store.deposit_items.c, store.instructions.c
    of_payment = (i.period, i.channel, i.benefit, i.sequence, i.attempt, i.fiscal_year)
    query = (
        sa.select(t.deposit, t.end_to_end_id, t.amount_idr, *of_payment)
        .join(store.instructions, t.end_to_end_id == i.end_to_end_id)
        .order_by(t.deposit, t.end_to_end_id)
    )
    return store.read(connection, query)
