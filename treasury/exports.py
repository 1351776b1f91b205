"""Tables for outsiders, the story of one person, where a cycle stands, and whether the house is in order."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial, reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from banks.calendars import next_banking_day
from banks.profiles import profiles
from disbursement.entitlement import decision_counts
from disbursement.traces import refuse_forgotten
from ledger import chain, claims, inbound, journal, queries, reissues, store
from ledger.house import House
from ledger.instants import from_micros, jakarta_date
from reconciliation import evidence, letters, telling
from reconciliation.outlets import open_outlets
from reconciliation.reports import money, trial
from schemas.codes import REISSUE_OWNER
from schemas.errors import EXIT_DONE, SalurError, WrongUsage
from schemas.failpoints import around
from schemas.money import format_idr
from schemas.tables import TABLES as TABLES_BY_NAME
from schemas.tables import instants_as_text
from treasury import sources
from treasury.story import plain

_BATCHES = pa.schema([*TABLES_BY_NAME["batches.v1"].schema, pa.field("state", pa.string())])
_EXCEPTIONS = pa.schema(
    [
        *TABLES_BY_NAME["breaks.v1"].schema,
        *(
            pa.field(name, pa.string())
            for name in ("severity", "owner", "case_state", "resolution", "outcome", "age_band")
        ),
        pa.field("age_days", pa.int64()),
    ]
)


def table(house: House, name: str, period: str | None) -> pa.Table:
    """One of TABLES, as outsiders get it: no personal data, whole rupiah, instants in UTC."""
    if name not in TABLES:
        raise WrongUsage(f"There is no table {name!r}.", f"Tables: {', '.join(TABLES)}.", "Name one of them.")
    if name == "outcomes":
        return telling.standing(house, period)
    if name == "batches":
        return pa.Table.from_pylist(queries.batches(house.store, period), schema=_BATCHES)
    with house.store.reading() as connection:
        return _TABLE[name](house, connection, period)


def _entitlements(house: House, connection: store.Connection, period: str | None) -> pa.Table:
    return queries.decisions_in_force(connection, house.archive, period)


def _instructions(_: House, connection: store.Connection, period: str | None) -> pa.Table:
    hidden = ["own_state", "file_state", "account_mac"]
    return queries.instruction_rows(connection, period=period).drop_columns(hidden)


def _answers(name: str, house: House, connection: store.Connection, period: str | None) -> pa.Table:
    """`responses` or `entries`: all of them, or those that name a file or an instruction of the period."""
    # A bank's own words may name people and accounts: they stay in the archive, sealed.
    said: pa.Table = getattr(evidence.load(connection, house.archive), name)
    rows = said.drop_columns(["reason_text"])
    if period is None:
        return rows
    mine = queries.instruction_rows(connection, period=period)
    named = [
        pc.is_in(rows.column(column), value_set=mine.column(column).combine_chunks())
        for column in ("message_id", "payment_information_id", "end_to_end_id")
    ]
    return rows.filter(reduce(pc.or_, named))


def _exceptions(house: House, connection: store.Connection, period: str | None) -> pa.Table:
    return pa.Table.from_pylist(evidence.work(connection, period, house.at), schema=_EXCEPTIONS)


def _money(house: House, connection: store.Connection, period: str | None) -> pa.Table:
    """Now, or as it was known at the period's end."""
    return money.position(connection, house.archive, money.moment(house, None, period)).figures


def _receivables(house: House, connection: store.Connection, period: str | None) -> pa.Table:
    """Every claim, or those over a payment of the period."""
    rows = claims.claims(connection, jakarta_date(house.at))
    mine = None if period is None else claims.claims_of_period(connection, period)
    return pa.Table.from_pylist(
        [row for row in rows if mine is None or row["claim"] in mine], schema=claims.RECEIVABLES
    )


def _next_acts(house: House, connection: store.Connection, period: str | None) -> pa.Table:
    """What happens next to what has ended without paying (of a period's instructions, when given): reissues.v1."""
    rows = reissues.next_acts(connection, house.archive)
    if period is None:
        return rows
    mine = queries.instruction_rows(connection, period=period)["end_to_end_id"].combine_chunks()
    return rows.filter(pc.is_in(rows["end_to_end_id"], value_set=mine))


_TABLE: dict[str, Callable[[House, store.Connection, str | None], pa.Table]] = {
    "entitlements": _entitlements,
    "instructions": _instructions,
    "files": lambda _, connection, period: queries.file_rows(connection, period=period),
    "responses": partial(_answers, "responses"),
    "entries": partial(_answers, "entries"),
    "breaks": lambda _, connection, period: queries.breaks_in_force(connection, period),
    "exceptions": _exceptions,
    "reissues": _next_acts,
    "funds": lambda _, connection, __: queries.whole(connection, "funds").sort_by("reference"),
    "money": _money,
    "journal": lambda _, connection, period: journal.rows(connection, period),
    "trial_balance": lambda house, connection, period: trial.by_part(connection, money.moment(house, None, period)),
    "receivables": _receivables,
    "repayments": lambda _, connection, __: queries.whole(connection, "repayments").sort_by("reference"),
    "deposits": lambda _, connection, __: queries.whole(connection, "deposits").sort_by("deposit"),
    "proofs": lambda _, connection, period: queries.proofs_in_force(connection, period),
    "events": lambda _, connection, __: queries.whole(connection, "events"),
    "quarantine": lambda _, connection, __: queries.whole(connection, "quarantine").drop_columns(
        ["raw_sealed", "row_mac"]
    ),
    "checks": lambda _, connection, __: queries.whole(connection, "check_results"),
}
"""How each table is got; funds, repayments, deposits, events, quarantine and checks belong to no period and come whole."""
TABLES = tuple(sorted([*_TABLE, "batches", "outcomes"]))


def write(house: House, name: str, period: str | None, out: Path) -> int:
    """Write a table as .csv or .parquet, whole or not at all; returns the number of rows."""
    if out.suffix not in (".csv", ".parquet"):
        raise WrongUsage(f"{out.name} is neither .csv nor .parquet.", "", "Give --out NAME.csv or NAME.parquet.")
    rows = table(house, name, period)
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}.partial")
    with around("export write"):
        if out.suffix == ".csv":
            pa_csv.write_csv(instants_as_text(rows), unfinished, pa_csv.WriteOptions(quoting_style="needed"))
        else:
            pq.write_table(rows, unfinished)
    with around("export naming"):
        unfinished.replace(out)
    return int(rows.num_rows)


def batches(house: House, period: str | None) -> list[dict[str, Any]]:
    """Batches as `queries.batches` has them, each with what it is made of: `benefits`, counts and whole rupiah."""
    with house.store.reading() as connection:
        parts = queries.batch_benefits(connection, period=period)
        return [row | {"benefits": parts[row["batch"]]} for row in queries.batch_rows(connection, period)]


def made_of(batch: Mapping[str, Any]) -> str:
    """What a batch is made of, for a person: `12 incentive Rp7.200.000, 3 survey Rp150.000`."""
    parts = batch["benefits"].items()
    return ", ".join(f"{each['transaction_count']:,} {name} {format_idr(each['amount_idr'])}" for name, each in parts)


def next_acts(house: House, period: str | None = None) -> list[dict[str, Any]]:
    """What happens next to each entitlement whose attempts have all ended (of a period, when given), and who acts: reissues.v1
    with `owner`.
    """
    with house.store.reading() as connection:
        rows = _next_acts(house, connection, period)
    return [
        {k: plain(v) for k, v in row.items()} | {"owner": REISSUE_OWNER[row["verdict"]]} for row in rows.to_pylist()
    ]


def status(house: House, period: str | None) -> dict[str, Any]:
    """Where the cycle stands: decisions, instructions by state, batches by state, breaks, what waits for a person."""
    with house.store.reading() as connection:
        decisions = queries.decisions_in_force(connection, house.archive, period)
        instructed = queries.instruction_rows(connection, period=period)
        breaks = queries.breaks_in_force(connection, period)
        stopped = queries.brake(connection)
        on_hold = queries.held_people(connection)
    listed = queries.batches(house.store, period)
    return {
        "period": period,
        "decisions": dict(sorted(Counter(decisions.column("decision").to_pylist()).items())),
        "benefits": decision_counts(decisions),
        "instructions": _by_state(instructed),
        "batches": dict(sorted(Counter(row["state"] for row in listed).items())),
        "open_breaks": dict(
            sorted(Counter(row["kind"] for row in breaks.to_pylist() if row["state"] == "open").items())
        ),
        "waiting_for_release": [row["batch"] for row in listed if row["state"] == "drafted"],
        "on_hold": sorted(on_hold),
        "reissues": dict(sorted(Counter(row["verdict"] for row in next_acts(house, period)).items())),
        "stopped": None if stopped is None else stopped["reason"],
        "stopped_by": None if stopped is None else stopped["person"],
        "stopped_at": None if stopped is None else from_micros(stopped["at"]).isoformat(),
        "unknown": letters.waiting(house, period),
        "outcomes_waiting": telling.waiting(house),
    }


def _by_state(instructed: pa.Table) -> dict[str, dict[str, int]]:
    sums = instructed.group_by("state").aggregate([("amount_idr", "count"), ("amount_idr", "sum")]).sort_by("state")
    return {
        row["state"]: {"count": row["amount_idr_count"], "amount_idr": row["amount_idr_sum"]}
        for row in sums.to_pylist()
    }


def doctor(house: House) -> dict[str, Any]:
    """Look at each part of the house; a part that is not in order is said, not raised.

    `exit_code` is that of the worst part: 15 evidence damaged, 14 out of reach, 13 a person must act, 10 refused, 0 all in order.
    """
    checks = [
        _look("ledger", lambda: f"{len(queries.batches(house.store))} batches"),
        _look("event chain", lambda: f"{_verify_chain(house)} events, whole"),
        _look("archive", lambda: _archive(house)),
        _look("sendings", lambda: _sendings(house)),
        _look("brakes", lambda: _brakes(house)),
        _look("unknown", lambda: _unknown(house)),
        *(
            _look(f"calendar {name}", partial(_next_day, house, name))
            for name in sorted({profile.calendar for profile in profiles().values()})
        ),
        *(_look(f"outlet {name}", partial(_outlet, house, name)) for name in house.config.get("outcomes", {})),
        *(_look(f"source {name}", partial(_source, house, name)) for name in house.config.get("sources", {})),
        *(_look(f"bank {code}", partial(evidence.reach, house, code)) for code in house.config.get("banks", {})),
    ]
    worst = max(int(each["exit_code"]) for each in checks)
    return {"ok": worst == EXIT_DONE, "exit_code": worst, "checks": checks}


def _brakes(house: House) -> str:
    """Whether sending is stopped, and how many people are on hold: acts of people, so that neither is out of order."""
    with house.store.reading() as connection:
        stopped, on_hold = queries.brake(connection), queries.held_people(connection)
    held = f"{len(on_hold):,} people on hold"
    if stopped is None:
        return f"none; {held}"
    return f"sending is STOPPED by {stopped['person']} since {from_micros(stopped['at']).isoformat()}: {stopped['reason']}; {held}"


def _unknown(house: House) -> str:
    rows = letters.waiting(house)
    if not rows:
        return "nothing"
    oldest = max(row["age_days"] for row in rows)
    return f"{len(rows):,} files and payments, the oldest for {oldest:,} days; see: salur unknown list"


def _source(house: House, name: str) -> str:
    from disbursement.sources.opening import reach  # late: it brings what reads databases and asks platforms

    return reach(sources.source(house, name))


def _verify_chain(house: House) -> int:
    with house.store.reading() as connection:
        return chain.verify(connection)


def _archive(house: House) -> str:
    """Write, read back, and read the bytes of every bank file and answer that the ledger names."""
    house.archive.get(house.archive.put(b"salur"))
    with house.store.reading() as connection:
        files = queries.file_rows(connection).column("sha256").to_pylist()
        answers = inbound.inbound(connection).column("sha256").to_pylist()
    named = sorted({*files, *answers})
    for number, key in enumerate(named, 1):
        for _ in house.archive.chunks(key):
            pass
        house.progress("files read back", number, len(named))
    return f"written to; {len(named):,} files read back whole"


def _sendings(house: House) -> str:
    """Whether the ledger knows of every sending that is noted outside it."""
    with house.store.reading() as connection:
        refuse_forgotten(house, connection)
    return "all that are noted outside the ledger are in it"


def _next_day(house: House, calendar: str) -> str:
    return f"next banking day {next_banking_day(calendar, jakarta_date(house.at))}"


def _outlet(house: House, name: str) -> str:
    open_outlets(house, name)
    return f"can be opened; {telling.waiting(house)[name]:,} notices wait for it"


def _look(what: str, check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"what": what, "ok": True, "found": check(), "exit_code": EXIT_DONE}
    except SalurError as error:
        return {"what": what, "ok": False, "found": str(error), "exit_code": error.exit_code}
