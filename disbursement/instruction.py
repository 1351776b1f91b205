"""From a due entitlement to an instruction: one credit transfer that a bank will be asked for, or a reason why not yet."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from schemas.codes import LEFT_OUT
from schemas.fields import FIELDS
from schemas.identifiers import end_to_end_ids
from schemas.tables import TABLES, conform, empty

ENTITLEMENT = ("participant_id", "benefit", "sequence")

COLUMNS = tuple(name for name in TABLES["instructions.v1"].columns if name not in ("batch", "file_name"))
"""instructions.v1 before batches are formed."""


AGAIN = pa.schema(
    [
        *(
            pa.field(name, FIELDS[name].type)
            for name in (
                "participant_id", "benefit", "sequence", "period", "policy", "amount_idr", "due_on", "channel", "account_version",
                "last_payment_date", "sk_number", "sk_line", "fiscal_year", "previous_attempt",
            )
        ),
        pa.field("against", pa.string()),
    ]
)  # fmt: skip
"""A reissue to be instructed: reissues.v1 with the period, `previous_attempt` (the last one, be it withdrawn since) and `against`,
one of AGAINST or null."""
AGAINST = ("disputed", "settled", "deposited", "participant_revoked", "answers_unread")


def empty_again() -> pa.Table:
    """No reissues."""
    return AGAIN.empty_table()


@dataclass(frozen=True)
class Drafted:
    """Instructions to be batched (COLUMNS, by end_to_end_id), and the due ones that were left out (left_out.v1).

    `on_hold`: a person keeps the participant from being sent. `account_changed`: the account that was decided on is no
    longer the current one; the next decision sees the new one. `past_last_payment`: the bank would pay too late.
    """

    instructions: pa.Table
    aside: pa.Table


def draft(
    decisions: pa.Table,
    attempts: pa.Table,
    accounts: pa.Table,
    *,
    execution_dates: Mapping[str, date],
    on_hold: Collection[str] = (),
    again: pa.Table | None = None,
) -> Drafted:
    """Instructions for the due decisions (decisions.v1) that have none yet, and for what is to be reissued.

    `attempts` holds the last attempt of each entitlement (participant_id, benefit, sequence, attempt, end; end null
    while it is open or paid, `withdrawn` where all were). An entitlement gets its first attempt, or the next one after a withdrawn one; any other
    attempt stands, so that nothing is asked for twice. `again` (AGAIN) holds the due reissues, each with the attempt that the
    new one follows and why it may not be instructed now, else null. `accounts` is current_accounts.v1; `execution_dates` says when
    each channel would be asked to pay, which may not be after the last payment date.
    """
    rows = _without_attempt(decisions.filter(pc.equal(decisions.column("decision"), "due")), attempts)
    rows = _with_reissues(rows, empty_again() if again is None else again)
    current = accounts.select(["participant_id", "version", "account_mac"])
    current = current.rename_columns(["participant_id", "account_version", "account_mac"])
    current = current.append_column("is_current", pa.repeat(True, current.num_rows))
    rows = rows.join(current, ["participant_id", "account_version"], join_type="left outer")
    aside = [empty("left_out.v1")]
    stays_out: dict[str, Callable[[pa.Table], pa.ChunkedArray]] = {
        **{reason: partial(_is_against, reason) for reason in AGAINST},
        "on_hold": lambda rows: pc.is_in(rows.column("participant_id"), pa.array(sorted(on_hold), pa.string())),
        "account_changed": lambda rows: pc.is_null(rows.column("is_current")),
        "account_unwritable": lambda rows: pc.is_null(rows.column("account_mac")),
        "past_last_payment": lambda rows: _is_too_late(rows, execution_dates),
    }
    for reason, says in stays_out.items():
        flags = says(rows)
        aside.append(leave_out(rows.filter(flags), reason))
        rows = rows.filter(pc.invert(flags))
    return Drafted(_numbered(rows), pa.concat_tables(aside))


def leave_out(rows: pa.Table, reason: str) -> pa.Table:
    """Due rows (decisions or drafted instructions) as left_out.v1, all for one reason."""
    assert reason in LEFT_OUT, f"{reason} is no reason that others know of"
    wanted = rows.select([*ENTITLEMENT, "amount_idr", "previous_attempt"])
    return conform(wanted.append_column("reason", pa.repeat(reason, rows.num_rows)), "left_out.v1")


def _without_attempt(due: pa.Table, attempts: pa.Table) -> pa.Table:
    """The due rows of which no attempt stands, with `previous_attempt`: the withdrawn one, or null."""
    withdrawn = pc.fill_null(pc.equal(attempts.column("end"), "withdrawn"), False)
    standing = attempts.filter(pc.invert(withdrawn))
    free = due.join(standing.select(ENTITLEMENT), list(ENTITLEMENT), join_type="left anti")
    ended = attempts.filter(withdrawn).select([*ENTITLEMENT, "attempt"])
    return free.join(
        ended.rename_columns([*ENTITLEMENT, "previous_attempt"]), list(ENTITLEMENT), join_type="left outer"
    )


def _with_reissues(rows: pa.Table, again: pa.Table) -> pa.Table:
    """Decisions and reissues as rows alike: what a decision lacks is null."""
    rows = rows.append_column("fiscal_year", pc.year(rows.column("accepted_on")))
    rows = rows.append_column("against", pa.nulls(rows.num_rows, pa.string()))
    return pa.concat_tables([rows.select(AGAIN.names).cast(AGAIN), again.select(AGAIN.names).cast(AGAIN)])


def _is_against(reason: str, rows: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(pc.equal(rows.column("against"), reason), False)


def _is_too_late(rows: pa.Table, by_channel: Mapping[str, date]) -> pa.ChunkedArray:
    """Whether the row's channel would be asked to pay after the row's last payment date."""
    channels = sorted(by_channel)
    place = pc.index_in(rows.column("channel"), value_set=pa.array(channels, pa.string()))
    assert not place.null_count, "a due decision names a channel without an execution date"
    asked_on = pa.chunked_array([pa.array([by_channel[channel] for channel in channels], pa.date32())]).take(place)
    return pc.fill_null(pc.less(rows.column("last_payment_date"), asked_on), False)


def _numbered(rows: pa.Table) -> pa.Table:
    """The rows with their attempt, the reference derived from it and the year of acceptance, by reference."""
    attempt = pc.add(pc.fill_null(rows.column("previous_attempt"), 0), 1)
    keys = [rows.column(name).to_pylist() for name in ENTITLEMENT]
    references = end_to_end_ids(keys[0], keys[1], keys[2], attempt.to_pylist())
    assert pc.count_distinct(references).as_py() == rows.num_rows, "two instructions have one end-to-end id"
    rows = rows.append_column("attempt", attempt).append_column("end_to_end_id", references)
    return rows.select(COLUMNS).sort_by("end_to_end_id").combine_chunks()
