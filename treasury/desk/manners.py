"""What every DAG of the house shares: its assets, when it tries again, whom it alerts, and which month a run is about."""

import json
import logging
import os
import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    Asset,
    CronPartitionTimetable,
    DeadlineAlert,
    ExceptionRetryPolicy,
    Param,
    PartitionedAtRuntime,
    RetryAction,
    RetryRule,
    SyncCallback,
    conf,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from schemas.errors import TryLater
from treasury.desk.plugin import RunStart

if TYPE_CHECKING:
    from ledger.house import House

log = logging.getLogger(__name__)

PERIOD_PATTERN = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
TIMEZONE = "Asia/Jakarta"
START_DATE = datetime(2020, 1, 1, tzinfo=UTC)

ANSWER_WITHIN = timedelta(hours=conf.getfloat("salur", "answer_hours", fallback=24.0))
"""How long a bank may stay silent about a file before somebody is told. Every profile of ours allows a day."""
RELEASE_WITHIN = timedelta(hours=20)
"""How long a disbursement may wait for its release and its uploads: the next one is made after a day."""
SILENCE_MAX = timedelta(days=14)
"""When waiting for an answer is given up: by then the break that reconciliation made of it is in somebody's hands."""
POKE_SECONDS = conf.getfloat("salur", "poke_seconds", fallback=900.0)
"""How often a waiting task looks again; the banks themselves are asked every quarter of an hour."""

# The month is the partition of each of them.
COMPLETIONS = Asset(name="completions", uri="salur://ledger/completions", group="salur")
SUBMISSIONS = Asset(name="submissions", uri="salur://ledger/submissions", group="salur")
RESPONSES = Asset(name="responses", uri="salur://ledger/responses", group="salur")
PROOFS = Asset(name="proofs", uri="salur://ledger/proofs", group="salur")

# A bank or a store out of reach is tried again. A failed check, a refused payment, a missing consent never is: the same
# answer would come again, or worse, another one.
NETWORK_ONLY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=TryLater,
            action=RetryAction.RETRY,
            retry_delay=timedelta(minutes=2),
            reason="out of reach, nothing was refused",
        )
    ],
    default=RetryAction.FAIL,
)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "treasury",
    "retries": 5,
    "retry_delay": timedelta(minutes=2),
    "retry_policy": NETWORK_ONLY,
    "execution_timeout": timedelta(hours=2),
}


def every(cron: str) -> CronPartitionTimetable | PartitionedAtRuntime:
    """A schedule in Jakarta's time whose runs have their month as key; in a rehearsal runs are only started by hand."""
    if conf.getboolean("salur", "rehearsal", fallback=False):
        return PartitionedAtRuntime()
    return CronPartitionTimetable(cron, timezone=TIMEZONE, key_format="%Y-%m")


def period_param() -> Param:
    """The month of a run by hand; empty when the run's partition key says it."""
    return Param(
        None,
        type=["null", "string"],
        pattern=PERIOD_PATTERN,
        title="Periode / period",
        description="Bulan, misalnya 2020-07. Kosong: kunci partisi. / The month; empty: the partition key.",
    )


def date_param() -> Param:
    """The execution date of a run by hand; empty for each channel's next banking day."""
    return Param(
        None,
        type=["null", "string"],
        format="date",
        title="Tanggal pelaksanaan / execution date",
        description="Kosong: hari perbankan berikutnya. / Empty: the channel's next banking day.",
    )


def period_of(context: Mapping[str, Any]) -> str:
    """The month that a run is about: its partition key, or the `period` param of a run by hand.

    Errors: AirflowFailException when neither is a month, or both are and differ.
    """
    key, param = context["dag_run"].partition_key, context["params"].get("period")
    if key and param and key != param:
        raise AirflowFailException(f"partition key {key} and period {param} differ: start the run with one of them")
    period = param or key
    if period is None or re.fullmatch(PERIOD_PATTERN, period) is None:
        raise AirflowFailException(f"{period!r} is no month: give the run a partition key such as 2020-07")
    return str(period)


def execution_date_of(context: Mapping[str, Any]) -> date | None:
    """The execution date that a run by hand asks for, or None."""
    asked = context["params"].get("execution_date")
    return date.fromisoformat(asked) if asked else None


def skip_unless_banking_day(context: Mapping[str, Any]) -> None:
    """Skip a scheduled run on a day on which none of the channels moves money. A run by hand always goes on.

    Errors: AirflowSkipException; CalendarMissing for a year whose holidays nobody has entered.
    """
    from banks.calendars import is_banking_day
    from banks.profiles import profiles

    run = context["dag_run"]
    day = run.run_after.astimezone(ZoneInfo(TIMEZONE)).date()
    if run.run_type == "scheduled" and not any(is_banking_day(each.calendar, day) for each in profiles().values()):
        raise AirflowSkipException(f"{day} is no banking day")


def house() -> "House":
    """The home that SALUR_HOME names, at the present moment: the one place where a DAG meets the clock.

    In a rehearsal the clock is moved by `[salur] clock_shift_seconds`, so that a month long past is paid in its own time.
    """
    from treasury.house import open_house  # late: a DAG file must load in no time, and ask nothing of the home

    home = os.environ.get("SALUR_HOME")
    rehearsed = conf.getboolean("salur", "rehearsal", fallback=False)
    shift = conf.getfloat("salur", "clock_shift_seconds", fallback=0.0) if rehearsed else 0.0
    return open_house(home=Path(home) if home else None, at=datetime.now(UTC) + timedelta(seconds=shift))


def bank_codes() -> list[str]:
    """The channels that the home has a bank profile for."""
    return sorted(house().config.get("banks", {}))


def note(result: Mapping[str, Any]) -> None:
    """Write what a step says of itself, counts and identifiers, to the task's log: the place for it, instead of XCom."""
    log.info("%s", json.dumps(result, ensure_ascii=False, default=str))


def announce(outlet_events: Any, asset: Asset, periods: Collection[str]) -> None:
    """Say of each month that `asset` has changed, which starts whatever waits for it; nothing to say is a skip."""
    if not periods:
        raise AirflowSkipException("nothing has changed")
    outlet_events[asset].add_partitions(sorted(periods))


def settled() -> EmptyOperator:
    """The last task of a run: failed when any channel has failed, whatever could be announced of the others."""
    return EmptyOperator(task_id="settled", trigger_rule="none_failed")


def silent(period: str) -> dict[str, list[str]]:
    """By bank, the month's files that it was sent, or may have been sent, and has said nothing about; also logged."""
    from ledger import queries

    with house().store.reading() as connection:
        rows = queries.file_rows(connection, period=period).to_pylist()
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["state"] in ("submitted", "unknown"):
            found.setdefault(row["channel"], []).append(row["file_name"])
    for bank, names in sorted(found.items()):
        log.info("%s has not answered %s", bank, ", ".join(names))
    return found


def overdue(message: str, **context: Any) -> None:
    """What a missed deadline does: an error in the log of the scheduler's callbacks, naming the run."""
    run = context.get("context", {}).get("dag_run", {})
    log.error("DEADLINE MISSED: %s (run %s of %s)", message, run.get("dag_run_id"), run.get("dag_id"))


def alert_after(interval: timedelta, message: str) -> DeadlineAlert:
    """An alert when a run is not over within `interval` of its start, with what it means and what to do."""
    return DeadlineAlert(
        reference=RunStart(),
        interval=interval,
        callback=SyncCallback(overdue, kwargs={"message": message}),
        name=message,
    )
