"""From the ledger to `CycleFacts`: everything that a cycle's report says, read once and counted."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger import audit, claims, inbound, journal, queries, reissues, store
from ledger.archive import Archive
from ledger.house import House
from ledger.instants import from_micros, jakarta_date, to_micros
from reconciliation import evidence
from reconciliation.exceptions import MACHINE, Case
from reconciliation.reports import money
from reconciliation.reports.answers import sides_of
from reconciliation.reports.facts import CycleFacts, schema, table
from reconciliation.reports.qualified import qualifications, trainings, with_training

_ABOUT = ("wave", "province", "occupation")


def gather(house: House, period: str) -> CycleFacts:
    """The facts of a period as the ledger and the archive have them, as at `house.at`."""
    with house.store.reading() as connection:
        said = evidence.load(connection, house.archive)
        count, head = audit.head(connection)
        run = queries.last_entitlement_run(connection, period)
        cut_off = from_micros(run["cut_off"]) if run else None
        decisions = queries.decisions_in_force(connection, house.archive, period)
        instructed = with_people(queries.instruction_rows(connection, period=period), decisions)
        files = queries.file_rows(connection, period=period)
        batches = queries.batches(house.store, period)
        money_known, money_proofs, differing = money.for_report(connection, house.archive, period, house.at)
        learned = qualifications(connection, house.archive, period, of_people(decisions, instructed))
        return CycleFacts(
            period=period,
            at=house.at,
            cut_off=cut_off,
            event_count=count,
            chain_head=head,
            shared_accounts=audit.shared_accounts(connection, period),
            decided=counted("decided", decisions),
            paid=counted("paid", instructed),
            trained_due=counted("trained_due", with_training(due(decisions), learned)),
            trained_paid=counted("trained_paid", with_training(instructed, learned)),
            standing=_conform("standing", audit.standing(connection)),
            sides=counted("sides", sides_of(instructed, files, said.responses, said.entries)),
            totals=totals(instructed, files, batches),
            decisions_people=_conform("decisions_people", audit.decisions_people(connection)),
            funds=_conform("funds", queries.whole(connection, "funds").sort_by("reference")),
            money=_conform("money", money_known),
            money_proofs=_conform("money_proofs", money_proofs),
            receivables=receivables(claims.listed(connection, jakarta_date(house.at))),
            deposits=_conform("deposits", claims.all_deposits(connection)),
            deposit_items=_conform("deposit_items", claims.all_deposit_items(connection)),
            trial_balance=trial_balance(journal.balances_by_part(connection, to_micros(house.at))),
            sk_differences=_conform("sk_differences", differing),
            proofs=_conform("proofs", queries.proofs_in_force(connection, period)),
            breaks=_breaks(connection, period),
            ended=_ended(connection, house.archive, instructed),
            batches=table("batches", [_only("batches", row) for row in batches]),
            consents=_conform("consents", of_batches(audit.consents(connection), batches)),
            acts=_conform("acts", _by_people(audit.acts(connection))),
            trainings=_conform("trainings", trainings(connection, learned["training_id"])),
            drops=_conform("drops", queries.whole(connection, "drops").sort_by("taken_at")),
            drop_files=_drop_files(connection),
            policies=_policies(connection, run, decisions),
            blocklist=_conform("blocklist", audit.blocklist(connection, jakarta_date(cut_off or house.at))),
            runs=_runs(connection, period),
            checks=_conform("checks", audit.last_checks(connection, period)),
            quarantine=_conform("quarantine", audit.quarantined(connection)),
            files=_conform("files", files),
            inbound=_conform("inbound", inbound.inbound(connection)),
            balances=_balances(said.statements),
        )


def _conform(name: str, rows: pa.Table) -> pa.Table:
    return rows.select(schema(name).names).cast(schema(name))


def receivables(listed: pa.Table) -> pa.Table:
    """The claims as the report lists them, of `ledger.claims.listed`: nobody is named, and no words of a claim stand there."""
    named = ["owed_idr" if name == "open_idr" else name for name in listed.column_names]
    return _conform("receivables", listed.rename_columns(named))


def trial_balance(balances: pa.Table) -> pa.Table:
    """The journal by period, bank and budget year, of `ledger.journal.balances_by_part`."""
    named = ["journal_account" if name == "account" else name for name in balances.column_names]
    return _conform("trial_balance", balances.rename_columns(named))


def _only(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {column: row.get(column) for column in schema(name).names}


def counted(name: str, rows: pa.Table) -> pa.Table:
    """Rows counted by every column of the table `name` but the two figures, in a fixed order."""
    keys = [column for column in schema(name).names if column not in ("people", "amount_idr")]
    grouped = rows.group_by(keys).aggregate([("amount_idr", "sum"), ([], "count_all")])
    renamed = grouped.rename_columns(
        ["amount_idr" if c == "amount_idr_sum" else "people" if c == "count_all" else c for c in grouped.column_names]
    )
    return _conform(name, renamed.sort_by([(key, "ascending") for key in keys]))


def with_people(instructed: pa.Table, decisions: pa.Table) -> pa.Table:
    """Instructions with wave, province and occupation of their participant, from the period's decision of that benefit.

    A decision that is kept says what was known when it was taken, so a person's two decisions may differ in this.
    """
    people = decisions.select(["participant_id", "benefit", *_ABOUT])
    joined = instructed.join(people, ["participant_id", "benefit"], join_type="left outer")
    return joined.append_column("is_reissue", pc.greater(joined["attempt"], 1)).sort_by("end_to_end_id")


def due(decisions: pa.Table) -> pa.Table:
    """The decisions that something is due."""
    return decisions.filter(pc.equal(decisions["decision"], "due"))


def of_people(decisions: pa.Table, instructed: pa.Table) -> pa.ChunkedArray:
    """The participants to whom something is due or was instructed, some of them more than once."""
    who = [each["participant_id"] for each in (due(decisions), instructed)]
    return pa.chunked_array([chunk for each in who for chunk in each.chunks], who[0].type)


def totals(instructed: pa.Table, files: pa.Table, batches: list[dict[str, Any]]) -> pa.Table:
    """What batches and file headers state, and what the instructions of the files sum to, by channel."""
    own = files.filter(pc.invert(files["is_companion"])).to_pylist()
    stated = [("batches", row) for row in batches] + [("file_headers", row) for row in own]
    rows = [
        {
            "stage": stage,
            "channel": row["channel"],
            "people": row["transaction_count"],
            "amount_idr": row["control_sum_idr"],
        }
        for stage, row in stated
    ]
    details = instructed.group_by("channel").aggregate([("amount_idr", "sum"), ([], "count_all")]).sort_by("channel")
    rows += [
        {
            "stage": "file_details",
            "channel": row["channel"],
            "people": row["count_all"],
            "amount_idr": row["amount_idr_sum"],
        }
        for row in details.to_pylist()
    ]
    return table("totals", rows)


def _breaks(connection: store.Connection, period: str) -> pa.Table:
    """Breaks in force with the time at which each was first found, and where its case stands."""
    first, cases = queries.first_found(connection), evidence.cases(connection)
    rows = []
    for row in queries.breaks_in_force(connection, period).to_pylist():
        case = cases.get(row["break_id"], Case(row["break_id"]))
        more = {
            "first_at": from_micros(first[row["break_id"]]),
            "owner": case.owner,
            "case_state": case.state,
        }
        rows.append(_only("breaks", row | more))
    return table("breaks", rows)


def _ended(connection: store.Connection, archive: Archive, instructed: pa.Table) -> pa.Table:
    """Payments of the period that were refused or sent back, with where the attempt after each stands, or what follows."""
    ended = instructed.filter(pc.is_in(instructed["state"], pa.array(["rejected", "returned"])))
    keys = ["participant_id", "benefit", "sequence", "attempt"]
    joined = ended.join(audit.next_attempts(connection), keys, join_type="left outer")
    next_acts = reissues.next_acts(connection, archive).select([*keys, "verdict", "waits_until"])
    joined = joined.join(next_acts, keys, join_type="left outer")
    return _conform("ended", joined).sort_by([("channel", "ascending"), ("end_to_end_id", "ascending")])


def of_batches(consents: pa.Table, batches: list[dict[str, Any]]) -> pa.Table:
    """Of all consents those to the release of these batches."""
    mine = pa.array([row["batch"] for row in batches], pa.string())
    return consents.filter(pc.and_(pc.equal(consents["purpose"], "release"), pc.is_in(consents["subject"], mine)))


def _by_people(acts: pa.Table) -> pa.Table:
    return acts.filter(pc.not_equal(acts["person"], MACHINE))


def _drop_files(connection: store.Connection) -> pa.Table:
    rows = [
        {"drop_id": subject, "file_name": name, "sha256": sha256}
        for subject, details in audit.details_of_kind(connection, "drop_taken")
        for name, sha256 in sorted(json.loads(details).get("files", {}).items())
    ]
    return table("drop_files", rows)


def _policies(connection: store.Connection, run: dict[str, Any] | None, decisions: pa.Table) -> pa.Table:
    """The policies that the decisions in force were taken by, with the digest that the run recorded."""
    recorded: dict[str, str] = {}
    for subject, details in audit.details_of_kind(connection, "entitled"):
        if run and subject == run["run_id"]:
            recorded = json.loads(details).get("policies", {})
    used = {name for name in pc.unique(decisions["policy"]).to_pylist() if name}
    return table("policies", [{"policy": name, "sha256": recorded[name]} for name in sorted(recorded.keys() & used)])


def _runs(connection: store.Connection, period: str) -> pa.Table:
    parts = []
    for step, runs in (("entitle", store.entitlement_runs), ("reconcile", store.reconciliation_runs)):
        for row in queries.runs_of(connection, runs, period).to_pylist():
            parts.append(_only("runs", row | {"step": step}))
    return table("runs", parts)


def _balances(statements: pa.Table) -> pa.Table:
    """The latest statement of each account, by its last day and number."""
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in statements.to_pylist():
        key = (row["bank"], row["account"] or "")
        held = latest.get(key)
        if row["closing_idr"] is not None and (held is None or _day(row) > _day(held)):
            latest[key] = row
    return table("balances", [_only("balances", row) for _, row in sorted(latest.items())])


def _day(row: Mapping[str, Any]) -> tuple[str, int, str]:
    return (row["to_date"].isoformat() if row["to_date"] else "", row["sequence_number"] or 0, row["statement_id"])
