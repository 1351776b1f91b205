"""Money side by side, as it was known at an instant: allocated, funded, instructed, credited, held and left over.

Three totals that are easily taken for one another stand apart here: what the decisions (SK-PKP) allocate, what was received on
the holding account (SP2D), and what has reached people. The equations that must hold between the records are of the whole
ledger, whatever part of it is shown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger import allocations, claims, journal, money
from ledger.archive import Archive
from ledger.house import House
from ledger.instants import end_of_month, to_micros
from ledger.parquet import get_table
from ledger.store import Connection
from schemas.codes import ACCOUNT_OF, INSTRUCTION_STATES
from schemas.errors import ProofFailed, WrongUsage
from schemas.fields import INSTANT
from schemas.money import format_idr
from schemas.tables import TABLES, conform
from schemas.zone import JAKARTA

FIGURES = (
    "allocated",
    "funded",
    *money.STATES_OF,
    "owed_again",
    "held",
    "deposited",
    "receivable",
    "repaid",
    "repaid_deposited",
    "in_account",
    "left_of_funds",
    "left_of_allocation",
    "over_allocated",
    "untraced",
)
"""Every figure, in the order in which money moves. `deposited` went back to the treasury out of the funds; `receivable` is claimed
from participants and not repaid, `repaid` what they repaid, `repaid_deposited` what of that went to the treasury. `in_account` is funded less credited, debited and deposited, `left_of_funds` funded less committed, owed again and deposited, `left_of_allocation` allocated
less credited; `owed_again` came back and was neither sent again nor deposited; `over_allocated` is asked for beyond a person's line, `untraced` has no number and line of a decision."""
LEFT = {
    "in_account": ("funded", ("credited", "debited", "deposited")),
    "left_of_funds": ("funded", ("committed", "owed_again", "deposited")),
    "left_of_allocation": ("allocated", ("credited",)),
}
"""What is left over: of which figure, less which."""
ALL = "all"
NOT_SPLIT = "not_split"
"""The part of an allocation that no line splits by benefit."""
UNKNOWN = ""
"""The key of what is of no known part."""
EQUATIONS = {
    "money_received": "receipts, corrections included = what the funder gave by the journal",
    "money_whereabouts": "received + repaid = cash + in transit + debited + credited + returned + not deposited + deposited",
    "money_receivable": "claimed - repaid = receivable by the journal",
    "money_deposited": "paid to the treasury = deposited by the journal",
    "money_account": "balance of the account in the journal = instructions that stand in it",
    "money_batched": "instructed = what batches state",
    "money_committed": "instructed - ended without paying = open or paid",
}
"""The wording of each equation between two records."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Position:
    """Where the money stood by `known_at`: figures (money.v1), equations (proofs.v1), and where the manifests' word on a
    decision is not the lines' (see `ledger.allocations.differences`).
    """

    known_at: datetime
    figures: pa.Table
    equations: pa.Table
    differences: pa.Table

    def idr(self, figure: str, dimension: str = ALL, key: str = UNKNOWN) -> int | None:
        """Whole rupiah of a figure; None where there is nothing to say."""
        for row in self.figures.to_pylist():
            if (row["figure"], row["dimension"], row["key"]) == (figure, dimension, key):
                return int(row["amount_idr"])
        return None


def end_of_day(day: date) -> datetime:
    """The last microsecond of a day in Jakarta."""
    return datetime.combine(day + timedelta(days=1), time(), JAKARTA) - timedelta(microseconds=1)


def moment(house: House, on: date | None, period: str | None) -> datetime:
    """By when it must have been recorded: the end of a day or of a period's last, in Jakarta, but not after the clock."""
    if on is not None and period is not None:
        raise WrongUsage("A day and a period are given.", "The money is shown at one moment.", "Give one of them.")
    if period is not None:
        return min(end_of_month(period), house.at)
    return house.at if on is None else min(end_of_day(on), house.at)


def position(connection: Connection, archive: Archive, known_at: datetime, fiscal_year: int | None = None) -> Position:
    """The money as it was known at an instant, of one budget year when given; reads the record and adds nothing to it."""
    until = to_micros(known_at)
    totals = allocations.by_decision(connection, until)
    years = allocations.fiscal_years(connection, until)
    stated = [row | {"fiscal_year": years.get(row["sk_number"])} for row in totals.to_pylist()]
    if fiscal_year is not None:
        stated = [row for row in stated if row["fiscal_year"] == fiscal_year]
    rows = [
        *_allocated(stated),
        *_funded(money.received(connection, until), fiscal_year),
        *_instructed(connection, until, fiscal_year),
        *_held(archive, money.decided(connection, until), fiscal_year),
        *_back(connection, until, fiscal_year),
        *(_exceptions(connection, until) if fiscal_year is None else ()),
    ]
    rows += _left_over(rows)
    order = {figure: place for place, figure in enumerate(FIGURES)}
    rows.sort(key=lambda row: (row["dimension"] != ALL, row["dimension"], row["key"], order[row["figure"]]))
    figures = pa.Table.from_pylist([row | {"known_at": known_at} for row in rows], schema=TABLES["money.v1"].schema)
    return Position(
        known_at,
        conform(figures, "money.v1"),
        _equations(connection, until),
        allocations.differences(totals),
    )


def _row(
    figure: str,
    amount_idr: int,
    dimension: str = ALL,
    key: str | None = None,
    people: int | None = None,
    payments: int | None = None,
) -> Row:
    return {
        "dimension": dimension,
        "key": UNKNOWN if key is None else key,
        "figure": figure,
        "people_count": people,
        "transaction_count": payments,
        "amount_idr": amount_idr,
    }


# --- what was allocated and received ----------------------------------------------------------------------------------


def _allocated(stated: list[Row]) -> Iterator[Row]:
    """By decision as its manifest states it, else as its lines add up; by benefit as its lines split it."""
    if not stated:
        return
    by_year: dict[str | None, tuple[int, int]] = {}
    benefits = dict.fromkeys((*allocations.BENEFITS, NOT_SPLIT), 0)
    for row in stated:
        people, amount_idr, lines_idr = _of_decision(row)
        yield _row("allocated", amount_idr, "sk", row["sk_number"], people)
        year = None if row["fiscal_year"] is None else str(row["fiscal_year"])
        before = by_year.get(year, (0, 0))
        by_year[year] = before[0] + people, before[1] + amount_idr
        for benefit, column in allocations.BENEFITS.items():
            benefits[benefit] += row[column] or 0
        benefits[NOT_SPLIT] += amount_idr - lines_idr
    for year, (people, amount_idr) in by_year.items():
        yield _row("allocated", amount_idr, "fiscal_year", year, people)
    for benefit, amount_idr in benefits.items():
        if amount_idr:
            yield _row("allocated", amount_idr, "benefit", benefit)
    sums = [sum(values) for values in zip(*by_year.values(), strict=True)]
    yield _row("allocated", sums[1], people=sums[0])


def _of_decision(row: Mapping[str, Any]) -> tuple[int, int, int]:
    """People and whole rupiah of a decision, and what of it the lines come to."""
    lines_idr = allocations.lines_idr(row)
    stated_idr = row["stated_idr"]
    return row["stated_count"] or row["line_count"] or 0, lines_idr if stated_idr is None else stated_idr, lines_idr


def _funded(by_year: Mapping[int | None, tuple[int, int]], fiscal_year: int | None) -> Iterator[Row]:
    """Money received, by budget year; nothing at all where none was ever recorded. Counted are receipts."""
    mine = {year: sums for year, sums in by_year.items() if fiscal_year in (None, year)}
    for year, (count, amount_idr) in sorted(mine.items(), key=str):
        yield _row("funded", amount_idr, "fiscal_year", None if year is None else str(year), payments=count)
    if mine:
        sums = [sum(values) for values in zip(*mine.values(), strict=True)]
        yield _row("funded", sums[1], payments=sums[0])


# --- what was asked for, and what became of it ------------------------------------------------------------------------


def _instructed(connection: Connection, until: int, fiscal_year: int | None) -> Iterator[Row]:
    for dimension in (None, *money.DIMENSIONS):
        for key, found in money.figures(connection, until, dimension, fiscal_year).items():
            for figure, (people, payments, amount_idr) in found.items():
                if payments or dimension is None:
                    yield _row(figure, amount_idr, dimension or ALL, key, people, payments)
        for key, (people, payments, amount_idr) in money.owed_again(connection, until, dimension, fiscal_year).items():
            yield _row("owed_again", amount_idr, dimension or ALL, key, people, payments)


def _held(archive: Archive, key: str | None, fiscal_year: int | None) -> Iterator[Row]:
    """Who is held by the decisions in force for the latest period: what money waits for, though nobody was asked to pay it."""
    if key is None:
        return
    decisions = conform(get_table(archive, key), "decisions.v1")
    held = decisions.filter(pc.equal(decisions["decision"], "held"))
    held = held.append_column("fiscal_year", pc.year(held["accepted_on"]))
    if fiscal_year is not None:
        held = held.filter(pc.fill_null(pc.equal(held["fiscal_year"], fiscal_year), False))
    for dimension, column in ((ALL, None), *money.DIMENSIONS.items()):
        grouped = held.group_by([] if column is None else [column]).aggregate(
            [("participant_id", "count_distinct"), ([], "count_all"), ("amount_idr", "sum")]
        )
        for row in grouped.to_pylist():
            key = None if column is None or row[column] is None else str(row[column])
            sums = row["amount_idr_sum"] or 0, dimension, key, row["participant_id_count_distinct"], row["count_all"]
            if row["count_all"] or column is None:
                yield _row("held", *sums)


def _back(connection: Connection, until: int, fiscal_year: int | None) -> Iterator[Row]:
    """What went back to the treasury out of the funds, by budget year; what is claimed, repaid and deposited of it, of all years."""
    by_year = claims.deposited_of_year(connection, until)
    mine = {year: idr for year, idr in by_year.items() if fiscal_year in (None, year)}
    for year, amount_idr in sorted(mine.items(), key=str):
        yield _row("deposited", amount_idr, "fiscal_year", None if year is None else str(year))
    if mine:
        yield _row("deposited", sum(mine.values()))
    people, payments, claimed_idr = claims.claimed_at(connection, until)
    count, repaid_idr = claims.repaid_at(connection, until)
    if fiscal_year is None and (payments or count):
        yield _row("receivable", claimed_idr - repaid_idr, people=people, payments=payments)
        yield _row("repaid", repaid_idr, payments=count)
        yield _row("repaid_deposited", claims.deposited_at(connection, until)[2])


def _exceptions(connection: Connection, until: int) -> Iterator[Row]:
    """What should not be: asked for beyond what a decision allocates, or traced to no decision and line. It holds nobody."""
    people, amount_idr = money.over_allocated(connection, until)
    yield _row("over_allocated", amount_idr, people=people)
    people, payments, amount_idr = money.untraced(connection, until)
    yield _row("untraced", amount_idr, people=people, payments=payments)


def _left_over(rows: list[Row]) -> list[Row]:
    """What is left of the money received, and of the allocations, wherever they are known by that part."""
    found = {(row["dimension"], row["key"], row["figure"]): row["amount_idr"] for row in rows}
    return [
        _row(left, amount_idr - sum(found.get((dimension, key, each), 0) for each in spent), dimension, key)
        for (dimension, key, figure), amount_idr in found.items()
        for left, (whole, spent) in LEFT.items()
        if figure == whole
    ]


# --- what must hold ---------------------------------------------------------------------------------------------------


def _equations(connection: Connection, until: int) -> pa.Table:
    """Each equation with both sides from different records, in instructions and whole rupiah, as proofs.v1."""
    received = sum(amount_idr for _, amount_idr in money.received(connection, until).values())
    found = money.figures(connection, until).get(None, {})
    balances = {row["account"]: row for row in journal.trial_balance(connection, until_us=until).to_pylist()}
    ended_count, ended_idr = money.ended(connection, until)
    _, instructed_count, instructed_idr = found.get("instructed", (0, 0, 0))
    again = money.owed_again(connection, until)[None]
    where_idr = sum(balances[account]["balance_idr"] for account in balances if account not in _NOWHERE)
    _, claimed_count, claimed_idr = claims.claimed_at(connection, until)
    _, repaid_idr = claims.repaid_at(connection, until)
    deposited_idr = sum(claims.deposited_at(connection, until)[1:])
    rows = [
        _equation("money_received", ALL, (0, received), (0, -balances["funder"]["balance_idr"])),
        _equation("money_whereabouts", ALL, (0, received + repaid_idr), (0, where_idr)),
        _equation("money_receivable", ALL, (claimed_count, claimed_idr - repaid_idr), _side(balances["receivable"])),
        _equation("money_deposited", ALL, (0, deposited_idr), (0, balances["deposited"]["balance_idr"])),
        _equation("money_batched", ALL, (instructed_count, instructed_idr), money.batched(connection, until)),
        _equation(
            "money_committed",
            ALL,
            (instructed_count - ended_count, instructed_idr - ended_idr),
            found.get("committed", (0, 0, 0))[1:],
        ),
    ]
    for account in sorted(set(ACCOUNT_OF.values()) - {"cash"}):
        left = _side(balances[account])
        standing = again if account == "returned" else found.get(account, (0, 0, 0))
        rows.append(_equation("money_account", account, left, standing[1:]))
    return conform(pa.Table.from_pylist(rows, schema=TABLES["proofs.v1"].schema), "proofs.v1")


_NOWHERE = ("funder", "receivable", "claims")
"""Accounts that hold no money: what the funder gave, and what is owed to us."""


def _side(balance: Mapping[str, Any]) -> tuple[int, int]:
    return balance["transaction_count"], balance["balance_idr"]


assert {ACCOUNT_OF[state] for state in INSTRUCTION_STATES} - {"cash"} <= money.STATES_OF.keys(), "a figure an account"


def _equation(stage: str, scope: str, left: tuple[int, ...], right: tuple[int, ...]) -> Row:
    return {
        "stage": stage,
        "scope": scope,
        "equation": EQUATIONS[stage],
        "left_count": left[0],
        "right_count": right[0],
        "left_idr": left[1],
        "right_idr": right[1],
        "holds": left == right,
    }


def for_report(
    connection: Connection, archive: Archive, period: str, at: datetime
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Figures (money.v1) and equations (proofs.v1 with known_at) at a period's end and at the report's moment, and the
    decisions of which manifests and lines differ at the latter (`ledger.allocations.differences`).
    """
    found = [position(connection, archive, known_at) for known_at in sorted({min(end_of_month(period), at), at})]
    proofs = [
        each.equations.append_column("known_at", pa.array([each.known_at] * each.equations.num_rows, INSTANT))
        for each in found
    ]
    differing = found[-1].differences
    numbers = (differing[name] for name in ("missing_count", "missing_idr", "spread_idr"))
    is_one = reduce(pc.or_, (pc.not_equal(each, 0) for each in numbers))
    return pa.concat_tables([each.figures for each in found]), pa.concat_tables(proofs), differing.filter(is_one)


def show(house: House, on: date | None, period: str | None, fiscal_year: int | None) -> dict[str, Any]:
    """The money at a moment, as `salur money` tells it; raises `ProofFailed` with all of it where an equation does not hold."""
    with house.store.reading() as connection:
        found = position(connection, house.archive, moment(house, on, period), fiscal_year)
    told = {
        "known_at": found.known_at.astimezone(JAKARTA),
        "fiscal_year": fiscal_year,
        "figures": [{k: v for k, v in row.items() if k != "known_at"} for row in found.figures.to_pylist()],
        "equations": found.equations.to_pylist(),
        "differences": [
            row
            for row in found.differences.to_pylist()
            if row["missing_count"] or row["missing_idr"] or row["spread_idr"]
        ],
    }
    failed = [row for row in told["equations"] if not row["holds"]]
    if failed:
        first = failed[0]
        error = ProofFailed(
            f"{len(failed)} of {len(told['equations'])} equations of the money do not hold; {first['stage']} of "
            f"{first['scope']}: {first['equation']}.",
            f"{first['left_count']} against {first['right_count']} instructions, "
            f"{format_idr(first['left_idr'] - first['right_idr'])} apart.",
            "See `salur export journal`. Release nothing before it is explained.",
        )
        error.done = told
        raise error
    return told
