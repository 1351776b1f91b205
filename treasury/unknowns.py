"""`salur unknown …`: what nobody knows the outcome of, and what a bank writes of it: entered by one person, confirmed by another."""

from pathlib import Path
from typing import Annotated

import typer

from treasury import terminal
from treasury.options import As, Json, MaybePeriod
from treasury.terminal import answer, maybe_period, rupiah

app = typer.Typer(
    no_args_is_help=True, help="What is unknown at a bank (belum diketahui): list, answer, confirm; inquiries, release."
)


@app.command("list")
def unknown_list(period: MaybePeriod = None, json: Json = False) -> None:
    """Files and payments that are unknown (belum diketahui), since when, why, and what is needed. Example: salur unknown list --period 2020-07"""
    from reconciliation import letters

    rows = letters.waiting(terminal.open_house(), maybe_period(period))
    lines = []
    for row in rows:
        lines.append(
            f"{row['subject']}  {row['bank']}  {row['count']:,}  {rupiah(row['sum_idr'])}  {row['age_days']} d  {row['why']}"
        )
        said = row["answer"]
        lines.append(
            f"    waits for a second person: {said['says']} {said['reason_code'] or ''} entered by {said['entered_by']},"
            f" letter {said['letter_sha256']}\n    digest {said['digest']}"
            if said
            else f"    {row['do']}"
        )
    answer({"unknown": rows}, json, lines or ["Nothing is unknown."])


@app.command("answer")
def unknown_answer(
    subject: Annotated[str, typer.Argument(metavar="FILE_OR_E2E", help="A file's name or an end-to-end id.")],
    says: Annotated[
        str,
        typer.Option(
            help="never_arrived: the bank never got the file; its attempts have ended. received: the bank has it; its payments stand as"
            " submitted. credited: the money is on the recipients' accounts; only this is paid. rejected: refused, and no recipient"
            " has the money; the attempts have ended."
        ),
    ],
    letter: Annotated[Path, typer.Option(help="The bank's letter, as a file; its bytes are archived.")],
    person: As,
    code: Annotated[
        str | None, typer.Option(help="The reason of a rejection, where the letter names it: AC04.")
    ] = None,
    code_list: Annotated[
        str, typer.Option("--list", help="The list that the code is of: status or return.")
    ] = "status",
    json: Json = False,
) -> None:
    """Enter what a bank's letter says (jawaban tertulis bank). Example: salur unknown answer FILE --says never_arrived --letter letter.pdf --as siti"""
    from reconciliation import letters

    result = letters.answer(terminal.open_house(person), subject, says, letter, person, code, code_list)
    lines = [
        f"{subject}: {says}, {result['count']:,} payments, {rupiah(result['sum_idr'])}.",
        *([f"Looked at the bank: {result['looked']}."] if result["looked"] else []),
        f"A second person confirms: salur unknown confirm {subject} --as NAME --digest {result['digest']}",
    ]
    answer(result, json, lines)


@app.command("confirm")
def unknown_confirm(
    subject: Annotated[str, typer.Argument(metavar="FILE_OR_E2E", help="A file's name or an end-to-end id.")],
    person: As,
    digest: Annotated[str, typer.Option(help="The answer's digest, as shown.")],
    json: Json = False,
) -> None:
    """Confirm what another person entered (jawaban tertulis bank); it becomes evidence. Example: salur unknown confirm FILE --as budi --digest 3f…"""
    from reconciliation import letters

    result = letters.confirm(terminal.open_house(person), subject, person, digest)
    lines = [f"{subject}: {result['state']}, {result['count']:,} payments, {rupiah(result['sum_idr'])}."]
    lines += [f"Looked at the bank: {result['looked']}."] if result["looked"] else []
    answer(result, json, lines)


@app.command("inquiries")
def unknown_inquiries(json: Json = False) -> None:
    """What banks were asked (pertanyaan ke bank), by `salur inquire`, and where each inquiry stands. Example: salur unknown inquiries"""
    from disbursement import inquiries

    rows = inquiries.listed(terminal.open_house())
    lines = [
        f"{row['file_name']}  {row['state']}  {row['count']:,}  {rupiah(row['sum_idr'])}  maker {row['maker']}\n"
        f"    about {row['about']}\n    digest {row['sha256']}"
        for row in rows
    ]
    answer({"inquiries": rows}, json, lines or ["No inquiries."])


@app.command("release")
def unknown_release(
    inquiry: Annotated[str, typer.Argument(help="The inquiry's file name.")],
    person: As,
    digest: Annotated[str, typer.Option(help="The inquiry's digest, as shown.")],
    json: Json = False,
) -> None:
    """Consent of a second person (pelepasan) to ask for payments back. Example: salur unknown release INQUIRY --as budi --digest 3f…"""
    from disbursement import inquiries

    result = inquiries.release(terminal.open_house(person), inquiry, person, digest)
    answer(result, json, [f"{inquiry} is {result['state']}. It goes with: salur submit"])


def inquire(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of ours that was sent.")],
    kind: Annotated[str, typer.Option(help="status: where its payments stand; cancel: those back that are not paid.")],
    person: As,
    json: Json = False,
) -> None:
    """Write an inquiry (pertanyaan ke bank) to a bank that takes one; `salur submit` sends it. Example: salur inquire FILE --kind status --as siti"""
    from disbursement import inquiries

    result = inquiries.draft(terminal.open_house(person), file, kind, person)
    lines = [
        f"{result['file_name']}: {result['state']}, about {result['count']:,} payments, {rupiah(result['sum_idr'])}."
    ]
    if kind == "cancel" and result["state"] == "drafted":
        command = f"salur unknown release {result['file_name']} --as NAME --digest {result['sha256']}"
        lines.append(f"A second person releases it: {command}")
    answer(result, json, lines)
