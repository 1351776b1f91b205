"""`salur clawback`, `clawback-confirm`, `clawback-cancel`, `repaid`, `receivables`, `deposit`: money that is to come back, and money that goes back to the treasury."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from schemas.errors import WrongUsage
from treasury import terminal
from treasury.options import As, Json, MaybePeriod, Reason
from treasury.terminal import answer, maybe_period, parse_date, rupiah


def clawback(
    participant: str,
    reason: Reason,
    person: As,
    benefit: Annotated[
        list[str] | None, typer.Option(help="Only this benefit; may be given again. All of them, when not given.")
    ] = None,
    sequence: Annotated[
        list[int] | None,
        typer.Option(help="Only this tranche or survey; may be given again. All, when not given.", min=1),
    ] = None,
    json: Json = False,
) -> None:
    """Propose to claim back what was credited to a person (tagih kembali); nothing is owed before a second person confirms. Example: salur clawback P0000001 --reason 'not eligible' --as siti"""
    from disbursement import claiming

    result = claiming.claim(terminal.open_house(person), participant, reason, benefit or (), sequence or ())
    lines = [_claimed(result), f"A second person: salur clawback-confirm {result['claim']} --as NAME"]
    answer(result, json, lines)


def clawback_confirm(
    claim: str,
    person: As,
    noticed_on: Annotated[
        str | None, typer.Option("--noticed-on", help="The day of the notice, YYYY-MM-DD; today, when not given.")
    ] = None,
    json: Json = False,
) -> None:
    """Agree to a claim as a second person; it is owed within 60 days of the notice. Example: salur clawback-confirm C000001 --as budi --noticed-on 2021-02-01"""
    from disbursement import claiming

    result = claiming.confirm(terminal.open_house(person), claim, parse_date(noticed_on))
    answer(result, json, [_claimed(result), f"To be repaid by {result['repay_by']} (Perpres 76/2020, art. 31C)."])


def clawback_cancel(claim: str, reason: Reason, person: As, json: Json = False) -> None:
    """End a claim that was wrong; once confirmed, only by somebody else than who proposed it. Example: salur clawback-cancel C000001 --reason 'wrong person' --as budi"""
    from disbursement import claiming

    result = claiming.cancel(terminal.open_house(person), claim, reason)
    answer(result, json, [_claimed(result)])


def _claimed(row: Mapping[str, Any]) -> str:
    return (
        f"{row['claim']}: {rupiah(row['amount_idr'])} from {row['participant_id']}, {row['payment_count']} payments: "
        f"{row['state']}."
    )


def repaid(
    claim: str,
    amount: Annotated[int, typer.Option(help="Whole rupiah repaid; below zero only with --corrects.")],
    reference: Annotated[str, typer.Option(help="The reference of the payment, as on its receipt.")],
    person: As,
    corrects: Annotated[
        str | None, typer.Option("--corrects", help="The reference of the repayment that this one corrects.")
    ] = None,
    json: Json = False,
) -> None:
    """Record what a participant repaid on a claim (pengembalian). Example: salur repaid C000001 --amount 600000 --reference BNI-7781 --as siti"""
    from disbursement import claiming

    result = claiming.repay(terminal.open_house(person), claim, amount, reference, corrects)
    lines = [
        f"{reference}: {rupiah(amount)} on {claim}.",
        f"Repaid {rupiah(result['repaid_idr'])} of {rupiah(result['claim_idr'])}, open {rupiah(result['open_idr'])}.",
    ]
    answer(result, json, lines)


def receivables(period: MaybePeriod = None, json: Json = False) -> None:
    """Claims with age and what is open, overdue after 60 days; and who was paid and is revoked since (piutang). Example: salur receivables --period 2020-07"""
    from disbursement import claiming

    result = claiming.standing(terminal.open_house(), maybe_period(period))
    lines = [
        f"{row['claim']}  {row['participant_id']}  {rupiah(row['amount_idr'])}, open {rupiah(row['open_idr'])}"
        f"  {row['state']}  {row['age_days']} d  repay by {row['repay_by'] or '-'}  {row['reason']}"
        for row in result["receivables"]
    ]
    lines += [
        f"paid and revoked, not claimed: {row['participant_id']}  {rupiah(row['amount_idr'])} in {row['payment_count']} payments"
        for row in result["candidates"]
    ]
    lines.append(f"Open: {rupiah(result['open_idr'])}; overdue: {rupiah(result['overdue_idr'])}.")
    answer(result, json, lines)


def deposit(
    person: As,
    amount: Annotated[int | None, typer.Option(help="Whole rupiah paid to the treasury.")] = None,
    ntpn: Annotated[
        str | None, typer.Option(help="The treasury's receipt number: 16 capital letters and digits.")
    ] = None,
    ntb: Annotated[str | None, typer.Option(help="The bank's number of it: 12 to 20 digits.")] = None,
    period: Annotated[
        str | None,
        typer.Option("--period", help="Of what was repaid or came back of this month alone.", metavar="YYYY-MM"),
    ] = None,
    fiscal_year: Annotated[
        int | None, typer.Option("--fiscal-year", help="Of one budget year alone.", min=1900, max=2999)
    ] = None,
    corrects: Annotated[
        str | None, typer.Option("--corrects", help="Take back the deposit with this NTPN, which was recorded wrongly.")
    ] = None,
    json: Json = False,
) -> None:
    """Record money paid to the treasury (setoran ke kas negara) by its receipt numbers. Example: salur deposit --amount 1800000 --ntpn 0A1B2C3D4E5F6G7H --ntb 202107150001 --as rina"""
    from disbursement import claiming

    if corrects is not None:
        if (amount, ntpn, ntb) != (None, None, None):
            raise WrongUsage(
                "A correction takes back a whole deposit.", "", "Give --corrects NTPN alone, then the right one."
            )
        result = claiming.correct_deposit(terminal.open_house(person), corrects)
    elif amount is None or ntpn is None or ntb is None:
        raise WrongUsage("A deposit has an amount and two numbers.", "", "Give --amount, --ntpn and --ntb.")
    else:
        result = claiming.deposit(terminal.open_house(person), amount, ntpn, ntb, maybe_period(period), fiscal_year)
    answer(
        result,
        json,
        [
            f"{result['deposit']}: {rupiah(result['amount_idr'])} with NTPN {result['ntpn']}, NTB {result['ntb']}.",
            f"Repaid {rupiah(result['repaid_idr'])}, returned {rupiah(result['returned_idr'])}, funds {rupiah(result['cash_idr'])}.",
        ],
    )
