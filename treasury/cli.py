"""`salur`: one command a step, for scripts, for rehearsals and for people without a browser.

    salur [--home DIR] [--at INSTANT] COMMAND ... [--json]

With `--json` standard output is one JSON object and nothing else; progress goes to standard error. Exit codes are the
contract's: 0 done, 2 wrong usage, 10 input refused, 11 a check stopped the step, 12 a proof does not hold, 13 a person
must act first, 14 try again later, 15 evidence damaged, 1 a bug of ours.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.house import House
from schemas.errors import EXIT_BUG, SalurError, TryLater, WrongUsage
from schemas.money import format_idr
from treasury.house import home_path, init_house, open_house

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Pay the Kartu Prakerja incentive, exactly once each, and prove it. / Salurkan insentif, tepat satu kali.",
    epilog="Example: salur init && salur intake --source drop/ && salur entitle --period 2020-07",
)
exceptions_app = typer.Typer(no_args_is_help=True, help="Work on breaks: list, assign, comment, resolve, approve.")
simulate_app = typer.Typer(no_args_is_help=True, help="An invented country to pay, and banks that answer.")
app.add_typer(exceptions_app, name="exceptions")
app.add_typer(simulate_app, name="simulate")

Period = Annotated[str, typer.Option("--period", help="The month, YYYY-MM.", metavar="YYYY-MM")]
MaybePeriod = Annotated[str | None, typer.Option("--period", help="The month, YYYY-MM.", metavar="YYYY-MM")]
As = Annotated[str, typer.Option("--as", help="Who acts.", metavar="NAME")]
MaybeAs = Annotated[
    str | None, typer.Option("--as", help="Who acts; the system's user, when not given.", metavar="NAME")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, in words without personal data.")]
Bank = Annotated[str | None, typer.Option("--bank", help="One bank by its code; all of them, when not given.")]
Json = Annotated[bool, typer.Option("--json", help="Standard output is one JSON object.")]


class _Session:
    """What the options before the command say."""

    home: Path | None = None
    at: datetime | None = None
    started = 0.0


@app.callback()
def _options(
    home: Annotated[Path | None, typer.Option("--home", help="The home; else $SALUR_HOME, else ./var.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="The clock, for scripts: 2020-08-01T09:00:00+07:00.")] = None,
) -> None:
    _Session.home = home
    _Session.at = None if at is None else parse_instant(at)
    _Session.started = time.monotonic()


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant with its offset, in UTC."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise WrongUsage(f"{text!r} is no instant.", "An offset is needed.", "Write it as 2020-08-01T09:00:00+07:00.")
    return instant.astimezone(UTC)


def parse_period(text: str) -> str:
    """A month as YYYY-MM."""
    try:
        year, month = text.split("-")
        date(int(year), int(month), 1)
    except ValueError:
        raise WrongUsage(f"{text!r} is no period.", "A period is a month.", "Write it as 2020-07.") from None
    if len(year) != 4 or len(month) != 2:
        raise WrongUsage(f"{text!r} is no period.", "A period is a month.", "Write it as 2020-07.")
    return text


def parse_date(text: str | None) -> date | None:
    """A date as YYYY-MM-DD."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise WrongUsage(f"{text!r} is no date.", "", "Write it as 2020-08-03.") from None


def _say(message: str) -> None:
    print(f"[{time.monotonic() - _Session.started:7.1f} s] {message}", file=sys.stderr, flush=True)


def house(actor: str | None = None) -> House:
    """The home that the options name, opened."""
    return open_house(_Session.home, _Session.at, actor, _say)


def answer(result: dict[str, Any], as_json: bool, lines: Sequence[str] = ()) -> None:
    """Print a result: one JSON object, or words for a person."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False, default=str))
    else:
        print("\n".join(lines or [f"{key}: {value}" for key, value in result.items()]))


@app.command()
def init(
    ledger: Annotated[str | None, typer.Option(help="A SQLAlchemy DSN; SQLite in the home, when not given.")] = None,
    archive: Annotated[
        str | None, typer.Option(help="A folder or fsspec URL; a folder in the home by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Make the home: ledger, archive, keys and salur.toml. Example: salur --home /srv/salur init"""
    made = init_house(_Session.home, _Session.at or datetime.now(UTC), ledger, archive)
    path = str(home_path(_Session.home))
    answer({"home": path, "made": made}, json, [f"{'Made' if made else 'Already there'}: {path}"])


@app.command()
def intake(
    source: Annotated[str, typer.Option(help="A folder or any fsspec URL that holds the drop.")], json: Json = False
) -> None:
    """Take a source drop. Example: salur intake --source drops/2020-07"""
    from disbursement import steps

    result = steps.intake(house(), source)
    answer(
        result,
        json,
        [
            "{read:,} rows read, {taken:,} taken, {repeated:,} known already, {quarantined:,} quarantined.".format(
                **result
            ),
            *(f"warning: {line}" for line in result["warnings"]),
        ],
    )


@app.command()
def entitle(
    period: Period,
    as_of: Annotated[str | None, typer.Option("--as-of", help="An earlier cut-off, an instant.")] = None,
    json: Json = False,
) -> None:
    """Decide every participant. Example: salur entitle --period 2020-07"""
    from disbursement import steps

    result = steps.entitle(house(), parse_period(period), None if as_of is None else parse_instant(as_of))
    counts = ", ".join(f"{count:,} {name}" for name, count in result["decisions"].items())
    answer(result, json, [f"{period}, cut-off {result['cut_off']}: {counts}.", f"Due: {format_idr(result['due_idr'])}"])


@app.command()
def fund(
    amount: Annotated[int, typer.Option(help="Whole rupiah received.", min=1)],
    reference: Annotated[str, typer.Option(help="Its reference, as on the SP2D.")],
    json: Json = False,
) -> None:
    """Record money received. Example: salur fund --amount 600000000 --reference SP2D-0001"""
    from disbursement import steps

    result = steps.fund(house(), amount, reference)
    answer(result, json, [f"Funded so far: {format_idr(result['funded_idr'])}."])


@app.command()
def instruct(
    period: Period,
    maker: MaybeAs = None,
    execution_date: Annotated[str | None, typer.Option("--execution-date", help="YYYY-MM-DD")] = None,
    json: Json = False,
) -> None:
    """Instructions, batches and files, archived; nothing is sent. Example: salur instruct --period 2020-07 --as siti"""
    from disbursement import steps

    opened = house(maker)
    result = steps.instruct(opened, parse_period(period), opened.actor, parse_date(execution_date))
    lines = [
        f"{result['instructed']:,} instructions, {format_idr(result['instructed_idr'])}, in {len(result['batches'])} batches."
    ]
    lines += [f"left out: {count:,} {reason}" for reason, count in result["left_out"].items()]
    answer(result, json, lines)


@app.command()
def batches(period: MaybePeriod = None, json: Json = False) -> None:
    """List batches. Example: salur batches --period 2020-07 --json"""
    from ledger import queries

    rows = queries.batches(house().store, parse_period(period) if period else None)
    lines = [
        f"{row['batch']}  {row['state']:<10} {row['transaction_count']:>7,}  {format_idr(row['control_sum_idr']):>20}"
        f"  maker {row['maker']}\n    digest {row['digest']}"
        for row in rows
    ]
    answer({"batches": rows}, json, lines or ["No batches."])


@app.command()
def release(
    batch: str,
    person: As,
    digest: Annotated[str, typer.Option(help="The batch's digest, as shown.")],
    json: Json = False,
) -> None:
    """Consent of a second person to exactly these bytes. Example: salur release B1 --as budi --digest 3f…"""
    from disbursement import steps

    result = steps.release(house(person), batch, person, digest, "cli")
    answer(result, json, [f"Batch {batch} is {result['state']}."])


@app.command()
def reject(batch: str, person: As, reason: Reason, json: Json = False) -> None:
    """Withdraw a batch; its entitlements are free again. Example: salur reject B1 --as budi --reason 'wrong list'"""
    from disbursement import steps

    result = steps.reject(house(person), batch, person, reason)
    answer(result, json, [f"Batch {batch} is withdrawn: {result['withdrawn']:,} instructions."])


@app.command()
def submit(
    bank: Bank = None,
    to: Annotated[Path | None, typer.Option(help="Write the files here, to be carried by hand.")] = None,
    json: Json = False,
) -> None:
    """Send what is released, once. Example: salur submit --bank bni"""
    from disbursement import steps

    result = steps.submit(house(), bank, to)
    answer(result, json, [f"{row['file_name']}: {row['state']}" for row in result["files"]] or ["Nothing to send."])


@app.command()
def collect(bank: Bank = None, json: Json = False) -> None:
    """Fetch what banks have left. Example: salur collect --bank bni"""
    from reconciliation import steps

    result = steps.collect(house(), bank)
    answer(
        result,
        json,
        [f"{row['bank']} {row['file_name']}: {row['state']}" for row in result["files"]] or ["Nothing new."],
    )


@app.command()
def receive(file: Path, bank: Annotated[str, typer.Option("--bank")], json: Json = False) -> None:
    """Take one file carried by hand. Example: salur receive status.xml --bank bni"""
    from reconciliation import steps

    result = steps.receive(house(), file, bank)
    answer(result, json, [f"{row['file_name']}: {row['state']} {row['reason'] or ''}" for row in result["files"]])


@app.command()
def reconcile(period: Period, json: Json = False) -> None:
    """Match, find breaks, prove. Example: salur reconcile --period 2020-07"""
    from reconciliation import steps

    result = steps.reconcile(house(), parse_period(period))
    lines = [f"{state}: {count:,}" for state, count in result["states"].items()]
    lines += [f"break {kind}: {count:,}" for kind, count in result["breaks"].items()]
    answer(result, json, [*lines, f"{result['proofs']:,} proofs hold."])


@app.command()
def hold(participant: str, reason: Reason, person: MaybeAs = None, json: Json = False) -> None:
    """Keep one person from being sent. Example: salur hold P0000001 --reason 'under review'"""
    _person_act("hold", participant, reason, person, json)


@app.command()
def unhold(participant: str, reason: Reason = "", person: MaybeAs = None, json: Json = False) -> None:
    """End a hold. Example: salur unhold P0000001 --reason 'reviewed'"""
    _person_act("unhold", participant, reason, person, json)


def _person_act(act: str, participant: str, reason: str, person: str | None, as_json: bool) -> None:
    from disbursement import steps

    answer(steps.hold(house(person), participant, act, reason), as_json, [f"{participant}: {act}"])


@app.command()
def stop(reason: Reason, person: MaybeAs = None, json: Json = False) -> None:
    """Nothing is sent until `salur resume`. Example: salur stop --reason 'bank asks us to wait'"""
    from disbursement import steps

    answer(steps.brake(house(person), "stop", reason), json, ["Stopped: nothing is sent."])


@app.command()
def resume(reason: Reason = "", person: MaybeAs = None, json: Json = False) -> None:
    """End a stop. Example: salur resume --reason 'bank is ready'"""
    from disbursement import steps

    answer(steps.brake(house(person), "resume", reason), json, ["Resumed."])


def _exception(act: str, break_id: str, person: str, note: str, as_json: bool) -> None:
    from reconciliation import steps

    answer(
        steps.act_on_exception(house(person), break_id, act, person, note), as_json, [f"{break_id}: {act} by {person}"]
    )


@exceptions_app.command("list")
def exceptions_list(period: MaybePeriod = None, json: Json = False) -> None:
    """Open cases with kind, owner and state."""
    from reconciliation import steps

    rows = steps.exceptions(house(), parse_period(period) if period else None)
    lines = [f"{r['break_id']}  {r['kind']:<24} {r['bank']:<8} {r['case_state']:<10} {r['owner'] or '-'}" for r in rows]
    answer({"exceptions": rows}, json, lines or ["No exceptions."])


@exceptions_app.command("assign")
def exceptions_assign(break_id: str, person: As, to: Annotated[str, typer.Option("--to")], json: Json = False) -> None:
    """Give a case to its owner."""
    _exception("assign", break_id, person, to, json)


@exceptions_app.command("comment")
def exceptions_comment(
    break_id: str, person: As, note: Annotated[str, typer.Option("--note")], json: Json = False
) -> None:
    """Add words to a case."""
    _exception("comment", break_id, person, note, json)


@exceptions_app.command("resolve")
def exceptions_resolve(break_id: str, person: As, reason: Reason, json: Json = False) -> None:
    """Propose a resolution; a second person approves it."""
    _exception("resolve", break_id, person, reason, json)


@exceptions_app.command("approve")
def exceptions_approve(break_id: str, person: As, json: Json = False) -> None:
    """Approve the resolution that another person proposed."""
    _exception("approve", break_id, person, "", json)


@app.command()
def report(
    period: Period, out: Annotated[Path, typer.Option(help="The folder to write to.")], json: Json = False
) -> None:
    """The cycle report and the evidence pack. Example: salur report --period 2020-07 --out reports/"""
    from reconciliation import steps

    result = steps.report(house(), parse_period(period), out)
    answer(result, json, [f"Report: {result['report']}", f"Evidence pack: {result['pack']}"])


@app.command()
def verify(pack: Path, json: Json = False) -> None:
    """Check an evidence pack without home, network or database. Example: salur verify reports/pack-2020-07.zip"""
    from reconciliation.reports.pack import verify_pack

    result = verify_pack(pack)
    answer(result, json, [f"{key}: {value}" for key, value in result.items()])


@app.command()
def export(
    table: str,
    out: Annotated[Path, typer.Option(help="A .csv or .parquet file.")],
    period: MaybePeriod = None,
    json: Json = False,
) -> None:
    """Write a table. Example: salur export entitlements --period 2020-07 --out due.csv"""
    from treasury import exports

    count = exports.write(house(), table, parse_period(period) if period else None, out)
    answer({"table": table, "rows": count, "out": str(out)}, json, [f"{count:,} rows of {table}: {out}"])


@app.command()
def explain(participant: str, json: Json = False) -> None:
    """Everything known and decided about one person, in order. Example: salur explain P0000001"""
    from treasury import exports

    story = exports.explain(house(), participant)
    answer(
        {"participant_id": participant, "story": story},
        json,
        [f"{step['at']}  {step['what']}: {step['facts']}  [{step['evidence']}]" for step in story],
    )


@app.command()
def status(period: MaybePeriod = None, json: Json = False) -> None:
    """Where the cycle stands, in people and rupiah. Example: salur status --period 2020-07"""
    from treasury import exports

    result = exports.status(house(), parse_period(period) if period else None)
    answer(result, json)


@app.command()
def doctor(json: Json = False) -> None:
    """Check configuration, keys, ledger, archive, chain and banks. Example: salur doctor"""
    from treasury import exports

    result = exports.doctor(house())
    answer(result, json, [f"{'ok ' if row['ok'] else 'BAD'} {row['what']}: {row['found']}" for row in result["checks"]])
    if not result["ok"]:
        raise typer.Exit(14)


@app.command()
def run(period: Period, source: Annotated[str, typer.Option()], maker: MaybeAs = None, json: Json = False) -> None:
    """All steps of a cycle; stops with 13 until consent is there. Example: salur run --period 2020-07 --source drop/"""
    from treasury import cycle

    opened = house(maker)
    answer(cycle.run(opened, parse_period(period), source), json)


@simulate_app.command("people")
def simulate_people(
    count: Annotated[int, typer.Option(min=1)],
    out: Annotated[Path, typer.Option(help="The folder to write the drop to.")],
    seed: Annotated[int, typer.Option()] = 1,
    fmt: Annotated[str, typer.Option("--format", help="parquet, csv or jsonl")] = "parquet",
    period: Annotated[str | None, typer.Option(help="Move the calendar of 2020 so that it ends here.")] = None,
    json: Json = False,
) -> None:
    """Invent participants. Example: salur simulate people --count 4000 --seed 7 --out drop/"""
    from treasury import rehearsal

    answer(rehearsal.people(out, count, seed, fmt, parse_period(period) if period else None, _say), json)


@simulate_app.command("banks")
def simulate_banks(
    root: Annotated[
        Path | None, typer.Option(help="Where the banks keep their folders; <home>/banks by default.")
    ] = None,
    seed: Annotated[int, typer.Option()] = 1,
    json: Json = False,
) -> None:
    """Banks that answer on SFTP until interrupted; the home is configured to reach them. Example: salur simulate banks"""
    from treasury import rehearsal

    answer(rehearsal.banks(house(), root, seed), json)


def main() -> None:
    """The command line: errors in words, exit codes of the contract."""
    sys.exit(_run(app))


def _run(command: Callable[[], Any]) -> int:
    as_json = "--json" in sys.argv
    try:
        command()
    except SystemExit as end:  # how the command line ends by itself, wrong usage included
        return end.code if isinstance(end.code, int) else 0
    except SalurError as error:
        return _report(error, as_json)
    except BrokenPipeError:
        return 0
    except OSError as error:
        why = error.strerror or type(error).__name__
        return _report(
            TryLater("A file or folder cannot be used.", why, "Mend it, then give the command again."), as_json
        )
    except Exception as error:  # noqa: BLE001 - the last line: what is not foreseen is said as a bug, without data
        # The message of an error of ours may quote data; where it happened is enough to find it.
        print("".join(traceback.format_tb(error.__traceback__)), file=sys.stderr)
        print(f"{type(error).__name__}: a bug of ours. Nothing was half-written.", file=sys.stderr)
        return EXIT_BUG
    return 0


def _report(error: SalurError, as_json: bool) -> int:
    if as_json:
        facts = {"what": error.what, "why": error.why, "do": error.do, "exit_code": error.exit_code}
        print(json.dumps({"error": facts}, ensure_ascii=False))
    print(str(error), file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    main()
