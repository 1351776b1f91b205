"""`salur statements …`: what banks have stated, and the corrected statement that two people put in the place of a wrong one."""

from typing import Annotated

import typer

from treasury import terminal
from treasury.options import As, Json, Reason
from treasury.terminal import answer, rupiah

app = typer.Typer(no_args_is_help=True, help="Banks' statements: list, supersede, approve, refuse.")

Name = Annotated[str, typer.Argument(metavar="STATEMENT", help="As salur statements list names it.")]


@app.command("list")
def statements_list(
    bank: Annotated[str | None, typer.Option(help="Of this bank alone.")] = None, json: Json = False
) -> None:
    """Every statement taken, whether it adds up and whether it counts. Example: salur statements list --bank bni"""
    from reconciliation import superseding

    rows = superseding.listed(terminal.open_house(), bank)
    lines = []
    for row in rows:
        balances = " -> ".join(
            "?" if row[name] is None else rupiah(row[name]) for name in ("opening_idr", "closing_idr")
        )
        sums = "" if row["adds_up"] else "  does not add up"
        by = f" {row['superseded_by']}" if row["superseded_by"] else ""
        lines.append(f"{row['name']}  {row['bank']}  {row['from_date']}  {balances}{sums}  {row['standing']}{by}")
        if row["proposal"]:
            lines.append(
                f"    {row['proposal']['person']} proposes {row['proposal']['by']} instead; a second person approves"
            )
    answer({"statements": rows}, json, lines or ["No statement has come."])


@app.command("supersede")
def statements_supersede(
    statement: Name,
    by: Annotated[str, typer.Option(help="The corrected statement, of the same account.")],
    person: As,
    reason: Reason,
    json: Json = False,
) -> None:
    """Propose a corrected statement instead of a wrong one. Example: salur statements supersede 3f…/S7 --by 9c…/S7B --as siti --reason 'letter'"""
    from reconciliation import superseding

    result = superseding.supersede(terminal.open_house(person), statement, by, person, reason)
    answer(
        result,
        json,
        [f"{statement}: {by} is proposed instead.", f"A second person: salur statements approve {statement}"],
    )


@app.command("approve")
def statements_approve(statement: Name, person: As, json: Json = False) -> None:
    """Agree to what another person proposed. Example: salur statements approve 3f…/S7 --as budi"""
    from reconciliation import superseding

    result = superseding.decide(terminal.open_house(person), statement, "approve", person)
    answer(result, json, [f"{statement} is superseded. Reconcile again: salur reconcile --period P"])


@app.command("refuse")
def statements_refuse(statement: Name, person: As, reason: Reason, json: Json = False) -> None:
    """Refuse what another person proposed. Example: salur statements refuse 3f…/S7 --as budi --reason 'the first is right'"""
    from reconciliation import superseding

    result = superseding.decide(terminal.open_house(person), statement, "refuse", person, reason)
    answer(result, json, [f"{statement} stays as it is."])
