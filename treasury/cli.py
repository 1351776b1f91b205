"""`salur`: one command a step, for scripts, for rehearsals and for people without a browser.

    salur [--home DIR] [--at INSTANT] COMMAND ... [--json]

With `--json` standard output is one JSON object and nothing else; progress goes to standard error. Exit codes are the
contract's: 0 done, 2 wrong usage, 10 input refused, 11 a check stopped the step, 12 a proof does not hold, 13 a person
must act first, 14 try again later, 15 evidence damaged, 1 a bug of ours.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import PersonNeeded
from treasury import cases, money, receivables, recovery, reissues, statements, terminal, unknowns
from treasury.options import As, Bank, Full, Json, MaybeAs, MaybePeriod, Period, Reason, Source
from treasury.terminal import (
    Session,
    answer,
    counted,
    known_bank,
    maybe_period,
    parse_date,
    parse_instant,
    parse_period,
    rupiah,
)

if TYPE_CHECKING:
    from ledger.house import House

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Pay the Kartu Prakerja incentive, exactly once each, and prove it. / Salurkan insentif, tepat satu kali.",
    epilog="Example: salur init && salur intake --source drop/ && salur entitle --period 2020-07",
)
simulate_app = typer.Typer(no_args_is_help=True, help="An invented country to pay, and banks that answer.")
app.add_typer(cases.app, name="exceptions")
app.add_typer(unknowns.app, name="unknown")
app.add_typer(reissues.app, name="reissues")
app.add_typer(statements.app, name="statements")
app.add_typer(simulate_app, name="simulate")


@app.callback()
def _options(
    home: Annotated[Path | None, typer.Option("--home", help="The home; else $SALUR_HOME, else ./var.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="The clock, for scripts: 2020-08-01T09:00:00+07:00.")] = None,
) -> None:
    Session.begin(home, at)


@app.command()
def init(
    ledger: Annotated[
        str | None,
        typer.Option(help="sqlite:///FILE or postgresql://USER@HOST/DATABASE; SQLite in the home, when not given."),
    ] = None,
    archive: Annotated[
        str | None,
        typer.Option(help="A folder (seen from the home) or fsspec URL; a folder in the home, when not given."),
    ] = None,
    json: Json = False,
) -> None:
    """Make the home: ledger, archive, keys and salur.toml. Example: salur --home /srv/salur init"""
    from treasury.house import home_path, init_house

    made = init_house(Session.home, Session.at or datetime.now(UTC), ledger, archive)
    path = str(home_path(Session.home))
    answer({"home": path, "made": made}, json, [f"{'Made' if made else 'Already there'}: {path}"])


@app.command()
def upgrade(person: MaybeAs = None, json: Json = False) -> None:
    """Bring the tables of a ledger that an earlier Salur made to this version, all or nothing. Example: salur upgrade"""
    from ledger import migrations

    house = terminal.open_house(person)
    before, now = migrations.upgrade(house.store, house.at, house.actor)
    answer({"from": before, "to": now}, json, [f"The ledger was of version {before}, and is of version {now}."])


@app.command()
def intake(source: Source, full: Full = False, json: Json = False) -> None:
    """Take a source drop; a row that cannot be read is set aside, a drop that contradicts its manifest is refused. Example: salur intake --source drops/2020-07"""
    from disbursement import steps
    from treasury import sources

    house = terminal.open_house()
    result = steps.intake(house, sources.source(house, source), full)
    answer(
        result,
        json,
        [
            "{read:,} rows read, {taken:,} taken, {repeated:,} known already, {quarantined:,} quarantined.".format(
                **result
            ),
            *(
                ["{set_aside_earlier:,} rows taken earlier are contradicted and set aside with them.".format(**result)]
                if result["set_aside_earlier"]
                else []
            ),
            *(f"warning: {line}" for line in result["warnings"]),
        ],
    )


@app.command()
def entitle(
    period: Period,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="An earlier cut-off, an instant: 2020-07-20T23:59:59+07:00.")
    ] = None,
    json: Json = False,
) -> None:
    """Decide each benefit of every participant. Example: salur entitle --period 2020-07"""
    from disbursement import steps

    result = steps.entitle(terminal.open_house(), parse_period(period), None if as_of is None else parse_instant(as_of))
    lines = [f"{period}, cut-off {result['cut_off']}: {result['participants']:,} participants."]
    lines += [f"{benefit.capitalize()}: {counted(counts)}." for benefit, counts in result["benefits"].items()]
    lines += [f"Ended without paying: {counted(result['reissues'])}."] if result["reissues"] else []
    answer(result, json, [*lines, f"Due: {rupiah(result['due_idr'])}"])


app.command()(money.fund)


@app.command()
def instruct(
    period: Period,
    maker: MaybeAs = None,
    execution_date: Annotated[
        str | None,
        typer.Option(
            "--execution-date", help="YYYY-MM-DD; each channel's first banking day after the cut-off, when not given."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Instructions, batches and files, archived; nothing is sent. Example: salur instruct --period 2020-07 --as siti"""
    from disbursement import steps

    opened = terminal.open_house(maker)
    result = steps.instruct(opened, parse_period(period), opened.actor, parse_date(execution_date))
    lines = [
        f"{result['instructed']:,} instructions, {rupiah(result['instructed_idr'])}, in {len(result['batches'])} batches."
    ]
    lines += [f"{result['reissued']:,} of them reissues."] if result["reissued"] else []
    lines += [f"left out: {count:,} {reason}" for reason, count in result["left_out"].items()]
    answer(result, json, lines)


@app.command()
def batches(period: MaybePeriod = None, json: Json = False) -> None:
    """Batches with what they pay, their digest and where they stand. Example: salur batches --period 2020-07 --json"""
    from treasury import exports

    rows = exports.batches(terminal.open_house(), maybe_period(period))
    lines = [
        f"{row['batch']}  {row['state']:<10} {row['transaction_count']:>7,}  {rupiah(row['control_sum_idr']):>20}"
        f"  maker {row['maker']}\n    {exports.made_of(row)}\n    digest {row['digest']}"
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

    result = steps.release(terminal.open_house(person), batch, person, digest, "cli")
    answer(result, json, [f"Batch {batch} is {result['state']}."])


@app.command()
def reject(batch: str, person: As, reason: Reason, json: Json = False) -> None:
    """Withdraw a batch; its entitlements are free again. Example: salur reject B1 --as budi --reason 'wrong list'"""
    from disbursement import steps

    result = steps.reject(terminal.open_house(person), batch, person, reason)
    answer(result, json, [f"Batch {batch} is withdrawn: {result['withdrawn']:,} instructions."])


@app.command()
def submit(
    bank: Bank = None,
    to: Annotated[Path | None, typer.Option(help="Write the files here, to be carried by hand.")] = None,
    json: Json = False,
) -> None:
    """Send what is released, once; over SFTP, or into a folder. Example: salur submit --bank bni"""
    from disbursement import steps

    house = terminal.open_house()
    result = steps.submit(house, known_bank(bank), to)
    if not result["files"]:
        _tell_what_waits(house, bank)
    answer(result, json, [f"{row['file_name']}: {row['state']}" for row in result["files"]] or ["Nothing to send."])


app.command()(unknowns.inquire)


def _tell_what_waits(house: "House", bank: str | None) -> None:
    """Nothing could be sent: a person must act first when a batch waits for its release."""
    from ledger import queries

    rows = [row for row in queries.batches(house.store) if bank in (None, row["channel"])]
    waiting = [row["batch"] for row in rows if row["state"] == "drafted"]
    if waiting:
        raise PersonNeeded(
            f"Nothing is sent: {len(waiting)} batches wait for a release: {', '.join(waiting)}.",
            "None of them has the consent of a second person.",
            "See `salur batches`, then: salur release BATCH --as NAME --digest DIGEST",
        )


@app.command()
def collect(bank: Bank = None, json: Json = False) -> None:
    """Fetch what banks have left. Example: salur collect --bank bni"""
    from reconciliation import steps

    result = steps.collect(terminal.open_house(), known_bank(bank))
    answer(
        result,
        json,
        [f"{row['bank']} {row['file_name']}: {row['state']}" for row in result["files"]] or ["Nothing new."],
    )


@app.command()
def receive(
    file: Path,
    bank: Annotated[str, typer.Option("--bank", help="The code of the bank that it came from.")],
    json: Json = False,
) -> None:
    """Take one file carried by hand. Example: salur receive status.xml --bank bni"""
    from reconciliation import steps

    known_bank(bank)
    result = steps.receive(terminal.open_house(), file, bank)
    answer(result, json, [f"{row['file_name']}: {row['state']} {row['reason'] or ''}" for row in result["files"]])


@app.command()
def reconcile(period: Period, json: Json = False) -> None:
    """Match what was sent with what came back, find breaks, prove. Example: salur reconcile --period 2020-07"""
    from reconciliation import steps

    result = steps.reconcile(terminal.open_house(), parse_period(period))
    lines = [f"{state}: {count:,}" for state, count in result["states"].items()]
    lines += [f"break {kind}: {count:,}" for kind, count in result["breaks"].items()]
    answer(result, json, [*lines, f"{result['proofs']:,} proofs hold."])


@app.command()
def outcomes(
    outlet: Annotated[
        str | None, typer.Option(help="One outlet by its name in salur.toml; all of them, when not given.")
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Write to this folder or fsspec URL what the outlet would get, or everything.")
    ] = None,
    json: Json = False,
) -> None:
    """Tell the platforms and the dashboard what became of payments: what is news, once. Example: salur outcomes --outlet dashboard"""
    from reconciliation import telling

    result = telling.tell(terminal.open_house(), outlet, out)
    lines = [f"{result['batch']}: {counted(result['statuses'])}." if result["batch"] else "No news."]
    lines += [f"{name}: {', '.join(done)}" for name, done in result.get("delivered", {}).items() if done]
    lines += [f"written: {name}" for name in result.get("written", ())]
    lines += [f"{name}: {count:,} waiting" for name, count in result["waiting"].items() if count]
    answer(result, json, lines)


@app.command()
def hold(participant: str, reason: Reason, person: MaybeAs = None, json: Json = False) -> None:
    """Keep one person from being sent (penahanan). Example: salur hold P0000001 --reason 'under review'"""
    _person_act("hold", participant, reason, person, json)


@app.command()
def unhold(participant: str, reason: Reason = "", person: MaybeAs = None, json: Json = False) -> None:
    """End a hold (mengakhiri penahanan). Example: salur unhold P0000001 --reason 'reviewed'"""
    _person_act("unhold", participant, reason, person, json)


def _person_act(act: str, participant: str, reason: str, person: str | None, as_json: bool) -> None:
    from disbursement import steps

    answer(steps.hold(terminal.open_house(person), participant, act, reason), as_json, [f"{participant}: {act}"])


@app.command()
def stop(reason: Reason, person: MaybeAs = None, json: Json = False) -> None:
    """Stop all sending (menghentikan pengiriman) until `salur resume`. Example: salur stop --reason 'bank asks us to wait'"""
    from disbursement import steps

    answer(steps.brake(terminal.open_house(person), "stop", reason), json, ["Stopped: nothing is sent."])


@app.command()
def resume(reason: Reason = "", person: MaybeAs = None, json: Json = False) -> None:
    """End a stop (melanjutkan pengiriman). Example: salur resume --reason 'bank is ready'"""
    from disbursement import steps

    answer(steps.brake(terminal.open_house(person), "resume", reason), json, ["Resumed."])


@app.command()
def report(
    period: Period,
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    data_docs: Annotated[
        bool, typer.Option(help="Great Expectations' pages of the data checks, in data-docs/.")
    ] = True,
    json: Json = False,
) -> None:
    """The cycle report as page, workbook and tables, and the evidence pack. Example: salur report --period 2020-07 --out reports/"""
    from reconciliation import steps

    result = steps.report(terminal.open_house(), parse_period(period), out, data_docs)
    lines = {
        "Report": "report",
        "Workbook": "workbook",
        "Tables": "tables",
        "Data docs": "data_docs",
        "Evidence pack": "pack",
    }
    answer(result, json, [f"{label}: {result[key]}" for label, key in lines.items() if result[key]])


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
    """Write entitlements, instructions, batches, files, responses, entries, breaks, exceptions, reissues, outcomes, proofs, journal, funds, money, events, quarantine or checks.

    Example: salur export entitlements --period 2020-07 --out due.csv"""
    from treasury import exports

    count = exports.write(terminal.open_house(), table, maybe_period(period), out)
    answer({"table": table, "rows": count, "out": str(out)}, json, [f"{count:,} rows of {table}: {out}"])


@app.command()
def explain(participant: str, json: Json = False) -> None:
    """Everything known and decided about one person, in order, in words (riwayat peserta). Example: salur explain P0000001"""
    from treasury import story, story_told

    steps = story.explain(terminal.open_house(), participant)
    answer({"participant_id": participant, "story": steps}, json, story_told.lines(steps))


@app.command()
def status(period: MaybePeriod = None, json: Json = False) -> None:
    """Where the cycle stands, in people and rupiah. Example: salur status --period 2020-07"""
    from treasury import exports

    result = exports.status(terminal.open_house(), maybe_period(period))
    lines = [f"Decisions, {benefit}: {counted(counts)}." for benefit, counts in result["benefits"].items()]
    lines.append(f"Batches: {counted(result['batches'])}.")
    lines += [
        f"Instructions {state}: {row['count']:,}, {rupiah(row['amount_idr'])}"
        for state, row in result["instructions"].items()
    ]
    lines.append(f"Open breaks: {counted(result['open_breaks'])}.")
    lines += [f"Waits for a release: {batch}" for batch in result["waiting_for_release"]]
    lines += [f"On hold: {who}" for who in result["on_hold"]]
    lines += [
        f"Outcomes not delivered to {name}: {count:,}" for name, count in result["outcomes_waiting"].items() if count
    ]
    if result["stopped"] is not None:
        who, since = result["stopped_by"], result["stopped_at"]
        lines.append(f"Sending is stopped: {result['stopped']} ({who}, {since}). It goes on with: salur resume")
    lines += [
        f"Unknown for {row['age_days']} d: {row['subject']}, {rupiah(row['sum_idr'])}: {row['why']}; {row['do']}"
        for row in result["unknown"]
    ]
    answer(result, json, lines)


app.command()(receivables.clawback)
app.command("clawback-confirm")(receivables.clawback_confirm)
app.command("clawback-cancel")(receivables.clawback_cancel)
app.command()(receivables.repaid)
app.command()(receivables.receivables)
app.command()(receivables.deposit)
app.command()(money.money)
app.command()(recovery.recover)
app.command("trial-balance")(money.trial_balance)


@app.command()
def doctor(json: Json = False) -> None:
    """Check configuration, keys, ledger, archive, chain and banks. Example: salur doctor"""
    from treasury import exports

    result = exports.doctor(terminal.open_house())
    answer(result, json, [f"{'ok ' if row['ok'] else 'BAD'} {row['what']}: {row['found']}" for row in result["checks"]])
    raise typer.Exit(result["exit_code"])


@app.command()
def run(
    period: Period,
    source: Source,
    maker: MaybeAs = None,
    json: Json = False,
) -> None:
    """All steps of a cycle; stops with 13 until consent is there. Example: salur run --period 2020-07 --source drop/"""
    from treasury import cycle, sources

    house = terminal.open_house(maker)
    result = cycle.run(house, parse_period(period), sources.source(house, source))
    proved = result["reconcile"]
    lines = [f"{len(result['submit']['files'])} files sent, {len(result['collect']['files'])} answers taken."]
    lines += [f"still open at: {', '.join(result['collect']['still_open'])}"] * bool(result["collect"]["still_open"])
    told = result["outcomes"]
    lines += [f"{told['batch']}: {counted(told['statuses'])}."] * bool(told["batch"])
    lines += [f"Instructions: {counted(proved['states'])}.", f"Breaks: {counted(proved['breaks'])}."]
    answer(result, json, [*lines, f"{proved['proofs']:,} proofs hold."])


@simulate_app.command("people")
def simulate_people(
    count: Annotated[int, typer.Option(help="How many.", min=1)],
    out: Annotated[Path, typer.Option(help="The folder to write the drop to.")],
    seed: Annotated[int, typer.Option(help="Another seed, another country.")] = 1,
    fmt: Annotated[str, typer.Option("--format", help="parquet, csv or jsonl.")] = "parquet",
    period: Annotated[str | None, typer.Option(help="Move the calendar of 2020 so that it ends here.")] = None,
    json: Json = False,
) -> None:
    """Invent participants. Example: salur simulate people --count 4000 --seed 7 --out drop/"""
    from treasury import rehearsal

    answer(rehearsal.people(out, count, seed, fmt, maybe_period(period), terminal.say), json)


@simulate_app.command("banks")
def simulate_banks(
    root: Annotated[
        Path | None, typer.Option(help="Where the banks keep their folders; <home>/banks by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another country.")] = 1,
    host: Annotated[str, typer.Option(help="The address or name of this machine where they listen.")] = "127.0.0.1",
    json: Json = False,
) -> None:
    """Banks that answer on SFTP until interrupted; the home is configured to reach them. Example: salur simulate banks"""
    from treasury import rehearsal

    answer(rehearsal.banks(terminal.open_house(), root, seed, host), json)


@simulate_app.command("world")
def simulate_world(
    seed: Annotated[int, typer.Option(help="Another seed, another programme.")] = 1,
    months: Annotated[int, typer.Option(help="How many periods.", min=1, max=24)] = 4,
    people: Annotated[int, typer.Option(help="How many people.", min=1, max=900)] = 150,
    faults: Annotated[str, typer.Option(help="none, usual or hostile.")] = "usual",
    plan: Annotated[Path | None, typer.Option(help="Play this plan again, as --shrink printed it.")] = None,
    shrink: Annotated[bool, typer.Option("--shrink", help="Make a failing world smaller, and print its plan.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Say each thing that happens.")] = False,
    json: Json = False,
) -> None:
    """A whole programme in one process: people, treasury, banks, network, disk and clock from one seed. Example: salur simulate world --seed 7"""
    from simulator.world import Plan
    from treasury import worlds

    asked = (
        Plan(seed, months, tuple(range(1, people + 1)), faults)
        if plan is None
        else Plan.from_json(plan.read_text(encoding="utf-8"))
    )
    result = worlds.simulate(asked, shrink, terminal.say, terminal.say if trace else None)
    lines = [
        f"World {asked.seed}: {asked.months} months, {len(asked.people)} people, {result['acts']:,} acts, {result['credits']:,} credits.",
        f"Faults: {counted(result['faults'])}.",
        "No claim is broken.",
        f"Chain head {result['chain_head']}, trace {result['trace_sha256']}.",
    ]
    answer(result, json, lines)


def main() -> None:
    """The command line: errors in words, exit codes of the contract."""
    sys.exit(terminal.run(app, sys.argv[1:]))


if __name__ == "__main__":
    main()
