"""`salur exceptions …`: what people do about breaks, one command an act."""

from typing import Annotated

import typer

from schemas.codes import DISPUTING
from treasury import terminal
from treasury.options import As, Json, MaybePeriod, Reason
from treasury.terminal import answer, maybe_period, rupiah

Outcome = Annotated[
    str | None,
    typer.Option(
        "--outcome",
        help=f"Asked for where a break says that a payment of ours may have been made ({', '.join(sorted(DISPUTING))}), and nowhere else."
        " paid: it was made, and is not asked for again. not_paid: it was not, and the entitlement is free again.",
        metavar="OUTCOME",
    ),
]

app = typer.Typer(
    no_args_is_help=True,
    help="Work on breaks, each with its case (kasus): list, assign, comment, resolve, approve, refuse.",
)


def _act(act: str, break_id: str, person: str, note: str, as_json: bool, outcome: str | None = None) -> None:
    from reconciliation import steps

    done = steps.act_on_exception(terminal.open_house(person), break_id, act, person, note, outcome)
    answer(done, as_json, [f"{break_id}: {done['act']} by {person}"])


@app.command("list")
def exceptions_list(period: MaybePeriod = None, json: Json = False) -> None:
    """Open breaks with kind, owner and state of their cases (kasus); where a payment may have been made, `resolve` asks for its outcome. Example: salur exceptions list --period 2020-07"""
    from reconciliation import steps

    rows = steps.exceptions(terminal.open_house(), maybe_period(period))
    lines = [
        f"{r['break_id']}  {r['kind']:<24} {r['bank']:<8} {r['case_state']:<10} {r['age_days']} d  {r['owner'] or '-'}\n"
        f"    {r['end_to_end_id'] or r['file_name'] or ''} {rupiah(r['amount_idr'] or 0)}"
        f"  expected: {r['expected'] or '-'}  found: {r['found'] or '-'}"
        for r in rows
    ]
    answer({"exceptions": rows}, json, lines or ["No exceptions."])


@app.command("assign")
def exceptions_assign(
    break_id: str,
    person: As,
    to: Annotated[str, typer.Option("--to", help="Its owner from now on.")],
    json: Json = False,
) -> None:
    """Give a case (kasus) to its owner. Example: salur exceptions assign BRK1 --as siti --to budi"""
    _act("assign", break_id, person, to, json)


@app.command("comment")
def exceptions_comment(
    break_id: str,
    person: As,
    note: Annotated[str, typer.Option("--note", help="Words without personal data.")],
    json: Json = False,
) -> None:
    """Add words to a case (kasus). Example: salur exceptions comment BRK1 --as siti --note 'bank asked'"""
    _act("comment", break_id, person, note, json)


@app.command("resolve")
def exceptions_resolve(break_id: str, person: As, reason: Reason, outcome: Outcome = None, json: Json = False) -> None:
    """Propose a resolution of a case (kasus); a second person approves it.

    Of a break that says that a payment may have been made, the outcome says whether it was: only what was not paid is asked for
    again. Another outcome can be proposed later.

    Example: salur exceptions resolve BRK1 --as siti --reason 'letter 12' --outcome not_paid
    """
    _act("resolve", break_id, person, reason, json, outcome)


@app.command("approve")
def exceptions_approve(break_id: str, person: As, json: Json = False) -> None:
    """Approve the resolution of a case (kasus) that another person proposed. Example: salur exceptions approve BRK1 --as budi"""
    _act("approve", break_id, person, "", json)


@app.command("refuse")
def exceptions_refuse(break_id: str, person: As, reason: Reason, json: Json = False) -> None:
    """Refuse the resolution of a case (kasus) that another person proposed. Example: salur exceptions refuse BRK1 --as budi --reason 'no letter'"""
    _act("refuse", break_id, person, reason, json)
