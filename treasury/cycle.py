"""All steps of a cycle, one after the other, against the configured banks: for a machine without Airflow.

Given again, it goes on from where the last run stopped: a drop that was taken is not taken again, and while a batch of
the period waits to be released or sent, nothing new is decided or instructed.
"""

import time
from typing import Any

from disbursement import steps as paying
from disbursement.facts import cut_off
from disbursement.sources.origin import Origin
from ledger import queries, unknowns
from ledger.house import House
from ledger.instants import jakarta_date
from reconciliation import steps as proving
from reconciliation import telling
from schemas.errors import PersonNeeded, SalurError

WAIT_SECONDS = 60
"""How long banks are given to answer before the cycle goes on; `[run] wait_seconds` of salur.toml says otherwise."""
_POLL_SECONDS = 2.0
_UNSENT = ("drafted", "released")
_UNANSWERED = ("unknown", "submitted", "accepted")


def run(house: House, period: str, source: str | Origin) -> dict[str, Any]:
    """Intake, entitle, instruct, submit, collect, reconcile, outcomes for one period; what each step did, by its name.

    Errors: PersonNeeded naming the batches and the command while one waits for its release; else those of the steps;
    TryLater when all is done but an outlet could not be told of it. A bank that does not answer in time is no error: what
    is missing shows as open, and the next run looks again.
    """
    done: dict[str, Any] = {"period": period}
    if (taken := paying.intake_unless_taken(house, source)) is not None:
        done["intake"] = taken
    if not _goes_on(house, period):
        house.say("entitle")
        done["entitle"] = paying.entitle(house, period)
        house.say("instruct")
        done["instruct"] = paying.instruct(house, period, house.actor)
    _ask_for_release(house, period)
    house.say("submit")
    done["submit"] = paying.submit(house)
    done["collect"] = _collect(house, period)
    house.say("reconcile")
    done["reconcile"] = proving.reconcile(house, period)
    done["outcomes"] = _tell(house, done)
    return done


def _tell(house: House, done: dict[str, Any]) -> dict[str, Any]:
    """Tell the configured outlets what became of payments; their trouble is raised once everything else is done."""
    if not house.config.get("outcomes"):
        return {"batch": None, "rows": 0, "statuses": {}, "delivered": {}, "waiting": {}}
    house.say("outcomes")
    try:
        return telling.tell(house)
    except SalurError as error:
        error.done = {**done, "outcomes": error.done}
        raise


def _goes_on(house: House, period: str) -> bool:
    """Whether batches of the period wait to be sent, none of which `entitle` would withdraw as overdue: those come first."""
    with house.store.reading() as connection:
        unsettled = unknowns.broken_off(connection)
        files = queries.file_rows(connection, period=period).to_pylist()
        waiting = {file["batch"] for file in files if file["state"] in _UNSENT or file["file_name"] in unsettled}
        unsent = [row for row in queries.batch_rows(connection, period) if row["batch"] in waiting]
    day = jakarta_date(cut_off(period, None, house.at))
    return bool(unsent) and all(not row["last_payment_date"] or row["last_payment_date"] >= day for row in unsent)


def _ask_for_release(house: House, period: str) -> None:
    drafted = [row for row in queries.batches(house.store, period) if row["state"] == "drafted"]
    if drafted:
        commands = [f"  salur release {row['batch']} --as NAME --digest {row['digest']}" for row in drafted]
        error = PersonNeeded(
            f"{len(drafted)} batches of {period} wait for a release: {', '.join(row['batch'] for row in drafted)}.",
            "A second person, not the maker, agrees to the bytes of each; nothing is sent before all are released.",
            f"Look at `salur batches --period {period}`, then release (or reject) each:\n"
            f"{chr(10).join(commands)}\nThen give this command again; it goes on from there.",
        )
        try:
            _tell(house, {})  # who is scheduled hears of it while the release waits
        except SalurError as trouble:
            error.others = (str(trouble), *trouble.others)
        raise error


def _collect(house: House, period: str) -> dict[str, Any]:
    """Look for answers until each file of the period has its last one, or the time for it is over."""
    wait = float(house.config.get("run", {}).get("wait_seconds", WAIT_SECONDS))
    end = time.monotonic() + wait
    files: list[dict[str, Any]] = []
    while True:
        files += proving.collect(house)["files"]
        open_ = sorted({b["channel"] for b in queries.batches(house.store, period) if b["state"] in _UNANSWERED})
        left = end - time.monotonic()
        if not open_ or left <= 0:
            return {"files": files, "still_open": open_}
        house.say(f"collect: {len(files)} files so far, {', '.join(open_)} still open, {left:.0f} of {wait:.0f} s left")
        time.sleep(min(_POLL_SECONDS, left))
