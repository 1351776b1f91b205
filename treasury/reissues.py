"""`salur reissues …`: what follows attempts that ended without paying, and what two people agree on about them."""

from typing import Annotated

import typer

from treasury import terminal
from treasury.options import As, Json, MaybePeriod, Reason
from treasury.terminal import answer, maybe_period, rupiah

app = typer.Typer(no_args_is_help=True, help="Attempts that ended without paying: list, propose, approve, refuse.")

Subject = Annotated[
    str, typer.Argument(help="The ended attempt's end-to-end id, or a file that a bank stopped for trouble of ours.")
]


def _act(act: str, subject: str, person: str, reason: str, as_json: bool) -> None:
    from disbursement import steps

    result = steps.agree_on_reissue(terminal.open_house(person), subject, act, person, reason)
    answer(result, as_json, [f"{subject}: {act} by {person}"])


@app.command("list")
def reissues_list(period: MaybePeriod = None, json: Json = False) -> None:
    """What happens next to each payment that was refused, sent back or never arrived. Example: salur reissues list"""
    from treasury import exports

    rows = exports.next_acts(terminal.open_house(), maybe_period(period))
    lines = [
        f"{row['end_to_end_id']}  {row['verdict']:<13} {row['waits_until'] or '':<10} {row['owner'] or '-':<11}"
        f" {row['end']} {row['reason_code'] or '-'}: {row['action']}  {row['reasons'] or '-'}  {rupiah(row['amount_idr'])}"
        for row in rows
    ]
    answer({"reissues": rows}, json, lines or ["Nothing has ended without paying, or all of it is asked for again."])


@app.command("propose")
def reissues_propose(subject: Subject, person: As, reason: Reason, json: Json = False) -> None:
    """Propose a reissue that no machine may make. Example: salur reissues propose 5T… --as siti --reason 'letter of BNI, 3 Nov'"""
    _act("propose", subject, person, reason, json)


@app.command("approve")
def reissues_approve(subject: Subject, person: As, json: Json = False) -> None:
    """Agree to what another person proposed. Example: salur reissues approve 5T… --as budi"""
    _act("approve", subject, person, "", json)


@app.command("refuse")
def reissues_refuse(subject: Subject, person: As, reason: Reason, json: Json = False) -> None:
    """Refuse what another person proposed. Example: salur reissues refuse 5T… --as budi --reason 'it was paid'"""
    _act("refuse", subject, person, reason, json)
