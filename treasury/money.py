"""`salur fund`, `salur money` and `salur trial-balance`: money in, and where it stands at any date."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from treasury import terminal
from treasury.options import Bank, Json, MaybeAs, MaybePeriod
from treasury.terminal import answer, known_bank, maybe_period, parse_date, rupiah

_BESIDE = ("allocated", "funded", "committed", "credited", "held", "left_of_funds", "left_of_allocation")
"""What stands side by side for each benefit, decision, budget year, channel and period."""


def fund(
    amount: Annotated[int, typer.Option(help="Whole rupiah received; below zero only with --corrects.")],
    reference: Annotated[str, typer.Option(help="Its reference, as on the SP2D.")],
    on: Annotated[
        str | None, typer.Option("--on", help="The date of the SP2D, YYYY-MM-DD; today, when not given.")
    ] = None,
    budget_year: Annotated[
        int | None,
        typer.Option("--budget-year", help="The year whose budget it is of; that of its date, when not given."),
    ] = None,
    corrects: Annotated[
        str | None,
        typer.Option("--corrects", help="The reference of the receipt that this one corrects.", metavar="SP2D"),
    ] = None,
    person: MaybeAs = None,
    json: Json = False,
) -> None:
    """Record money received, or correct a receipt by another; without any, there is no funds check. Example: salur fund --amount 600000000 --reference SP2D-0001 --on 2020-07-20"""
    from disbursement import steps

    house = terminal.open_house(person)
    result = steps.fund(house, amount, reference, parse_date(on), budget_year, corrects)
    year = "no known budget year" if result["fiscal_year"] is None else f"budget year {result['fiscal_year']}"
    answer(
        result,
        json,
        [
            f"{reference}: {rupiah(result['amount_idr'])} of {result['issued_on']}, {year}.",
            f"Funded so far: {rupiah(result['funded_idr'])}.",
        ],
    )


def money(
    at_date: Annotated[
        str | None,
        typer.Option("--at-date", help="As it was known at this day's end, YYYY-MM-DD; now, when not given."),
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", help="As it was known at this month's end.", metavar="YYYY-MM")
    ] = None,
    fiscal_year: Annotated[
        int | None, typer.Option("--fiscal-year", help="Of one budget year alone.", min=1900, max=2999)
    ] = None,
    json: Json = False,
) -> None:
    """Allocated, funded, instructed, credited, held and left over, side by side, as it was known at a date. Example: salur money --at-date 2020-12-31"""
    from reconciliation.reports.money import show

    result = show(terminal.open_house(), parse_date(at_date), maybe_period(period), fiscal_year)
    answer(result, json, _lines(result))


def _counted(figure: str) -> str:
    return "receipts" if figure == "funded" else "payments"


def _lines(result: Mapping[str, Any]) -> list[str]:
    lines = [f"As it was known at {result['known_at'].isoformat(timespec='seconds')}:"]
    parts: dict[tuple[str, str], dict[str, str]] = {}
    for row in result["figures"]:
        if row["dimension"] == "all":
            counts = [
                f"{row[name]:,} {word}"
                for name, word in (("people_count", "people"), ("transaction_count", _counted(row["figure"])))
                if row[name] is not None
            ]
            lines.append(f"{row['figure']:<20} {rupiah(row['amount_idr']):>24}  {', '.join(counts)}".rstrip())
        elif row["figure"] in _BESIDE:
            parts.setdefault((row["dimension"], row["key"]), {})[row["figure"]] = rupiah(row["amount_idr"])
    for (dimension, key), figures in parts.items():
        beside = ", ".join(f"{figure} {amount}" for figure, amount in figures.items())
        lines.append(f"{dimension} {key or 'not known'}: {beside}")
    for row in result["differences"]:
        lines.append(
            f"differs: {row['sk_number']}: lines lack {rupiah(row['missing_idr'])} and {row['missing_count']} people;"
            f" drops differ by {rupiah(row['spread_idr'])}"
        )
    return [*lines, f"{len(result['equations'])} equations hold."]


def trial_balance(
    period: MaybePeriod = None,
    bank: Bank = None,
    fiscal_year: Annotated[
        int | None, typer.Option("--fiscal-year", help="Of one budget year alone.", min=1900, max=2999)
    ] = None,
    at_date: Annotated[
        str | None,
        typer.Option("--at-date", help="As it was known at this day's end, YYYY-MM-DD; now, when not given."),
    ] = None,
    json: Json = False,
) -> None:
    """Every account of the journal: what came, what left, what is in it (neraca saldo). Example: salur trial-balance --period 2020-07 --bank bni --at-date 2020-12-31"""
    from reconciliation.reports import trial

    where = maybe_period(period), known_bank(bank), fiscal_year
    result = trial.show(terminal.open_house(), parse_date(at_date), *where)
    lines = [f"As it was known at {result['known_at'].isoformat(timespec='seconds')}:"]
    for row in result["accounts"]:
        sums = (rupiah(row[name]).rjust(22) for name in ("debits_idr", "credits_idr", "balance_idr"))
        lines.append(f"{row['account']:<12}{''.join(sums)}  {row['indonesian']} / {row['english']}")
    lines += [f"beside: {figure} {rupiah(amount_idr)}" for figure, amount_idr in result["beside"].items()]
    answer(result, json, [*lines, "Debits and credits are equal."])
