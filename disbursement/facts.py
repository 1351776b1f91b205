"""What the rules look at, loaded from the ledger: one row that stands for each key, as the definitions say."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from disbursement import intake
from ledger import landing, queries
from ledger.instants import end_of_month
from ledger.store import Connection
from schemas.codes import REMEDY
from schemas.tables import conform


@dataclass(frozen=True)
class Facts:
    """The tables that `disbursement.entitlement.decide` takes."""

    people: pa.Table
    accounts: pa.Table
    trainings: pa.Table
    completions: pa.Table
    surveys: pa.Table
    blocklist: pa.Table
    history: pa.Table
    refused: pa.Table


def load(connection: Connection) -> Facts:
    """Everything that is known now, in the form that the rules take. Order of rows carries no meaning."""
    people = intake.current(connection, "participants").drop_columns(["status_at", "recorded_at", "name_mac"])
    completions = intake.current(connection, "completions")
    has_certificate = pc.is_valid(completions.column("certificate_number"))
    learning = completions.append_column("has_certificate", has_certificate).drop_columns(
        ["certificate_number", "platform", "recorded_at"]
    )
    refusing = [(code_list, code) for (code_list, code), what in REMEDY.items() if what == "fix_account"]
    return Facts(
        people=conform(_with_usable_cards(people), "people.v1"),
        accounts=current_accounts(highest_versions(connection)),
        trainings=conform(intake.current(connection, "trainings"), "trainings.v1"),
        completions=conform(learning.filter(pc.is_valid(learning.column("participant_id"))), "learning.v1"),
        surveys=conform(intake.current(connection, "surveys"), "surveys.v1"),
        blocklist=conform(intake.current(connection, "blocklist").drop_columns(["reason", "recorded_at"]), "listed.v1"),
        history=conform(queries.history(connection), "history.v1"),
        refused=conform(queries.refused_accounts(connection, refusing), "refused_accounts.v1"),
    )


def _with_usable_cards(people: pa.Table) -> pa.Table:
    cards = people.column("kk_mac")
    usable = pc.if_else(pc.starts_with(cards, intake.NO_KK), pa.scalar(None, pa.string()), cards)
    return people.set_column(people.column_names.index("kk_mac"), "kk_mac", usable)


def current_accounts(highest: pa.Table) -> pa.Table:
    """current_accounts.v1 of `highest_versions`: earlier versions of a participant's account play no part."""
    return conform(highest.drop_columns(["recorded_at", "owner_name_mac"]), "current_accounts.v1")


def highest_versions(connection: Connection) -> pa.Table:
    """The account row that stands for the highest version of each participant, with all that is kept of it."""
    rows = intake.current(connection, "accounts")
    ordered = rows.sort_by([("participant_id", "ascending"), ("version", "descending")])
    people = ordered.column("participant_id").combine_chunks()
    if not len(people):
        return ordered
    return ordered.filter(pa.concat_arrays([pa.array([True]), pc.not_equal(people[1:], people[:-1])]))


def revoked(connection: Connection, among: Collection[str] | None = None) -> dict[str, datetime]:
    """Who is revoked now, of some people or of all, and since when."""
    ever = landing.ever_revoked(connection)
    if not (ever if among is None else ever.intersection(among)):
        return {}
    people = intake.current(connection, "participants")
    gone = people.filter(pc.fill_null(pc.equal(people["status"], "revoked"), False))
    since = dict(zip(gone["participant_id"].to_pylist(), gone["status_at"].to_pylist(), strict=True))
    return since if among is None else {who: since[who] for who in since.keys() & set(among)}


def cut_off(period: str, as_of: datetime | None, at: datetime) -> datetime:
    """The last instant that counts: the end of the period's month, `as_of`, or the moment of the run, the earliest."""
    return min(moment for moment in (end_of_month(period), as_of, at) if moment is not None)
