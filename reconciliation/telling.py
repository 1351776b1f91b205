"""Telling the platforms and the programme's dashboard what became of payments: work out the news, keep it, deliver it.

A notice is kept before it is delivered, and delivered until it is acknowledged: always the same rows under the same name and
keys, so that a receiver who has it already can drop it. A platform out of reach never keeps others from their news.
"""

from collections import Counter
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger import queries, reissues, told
from ledger.house import House
from ledger.instants import jakarta_date
from ledger.lock import alone
from ledger.parquet import get_table, put_table
from ledger.store import Connection
from reconciliation.outcomes import KEY, Decided, audible, changes, outcomes, worded
from reconciliation.outlets import Folder, Outlet, open_outlets
from schemas.errors import SalurError, TryLater, first_of


def tell(house: House, outlet: str | None = None, out: str | None = None) -> dict[str, Any]:
    """Keep what is news as a notice, then deliver to every outlet (to one, when named) what it has not acknowledged.

    With `out` nothing is delivered: what the outlet would get, or everything, is written to that folder, to be carried by
    hand. Counts by status of the new notice, what was delivered and what waits. Errors: the first outlet's, bearing all
    that was done all the same.
    """
    outlets = open_outlets(house, outlet)
    with alone(house.store, "outcomes", house.lock_wait_seconds):
        made = _keep_news(house)
        if out is not None:
            return {**made, "written": _write(house, out, outlets.get(outlet or "")), "waiting": waiting(house)}
        errors: list[SalurError] = []
        delivered = {name: _deliver(house, each, errors) for name, each in sorted(outlets.items())}
    result = {**made, "delivered": delivered, "waiting": waiting(house)}
    if errors:
        raise first_of(errors, result)
    return result


def waiting(house: House) -> dict[str, int]:
    """How many notices each configured outlet has not acknowledged."""
    with house.store.reading() as connection:
        return {name: len(told.undelivered(connection, name)) for name in sorted(house.config.get("outcomes", {}))}


def standing(house: House, period: str | None = None) -> pa.Table:
    """outcomes.v1: where every payment stands now (those of one period, when given), told already or not."""
    with house.store.reading() as connection:
        rows = worded(audible(_outcomes(house, connection), told.last_told(connection)))
    if period is None:
        return rows
    return rows.filter(pc.equal(rows["period"], period))


def _outcomes(house: House, connection: Connection) -> pa.Table:
    last = told.last_cut_off(connection)
    return outcomes(
        (Decided(*each) for each in told.decided(connection, house.archive)),
        _with_next_acts(told.instructed(connection), reissues.next_acts(connection, house.archive)),
        on_hold=queries.held_people(connection),
        reached=jakarta_date(last)
        if last
        else date.min,  # not the clock: a rehearsal of a past month is the same on any day
    )


def _with_next_acts(instructed: pa.Table, next_acts: pa.Table) -> pa.Table:
    """Every attempt, with what follows of those that have ended and are not asked for again."""
    keys = [*KEY, "attempt"]
    return instructed.join(next_acts.select([*keys, "verdict", "reasons"]), keys, join_type="left outer")


def _keep_news(house: House) -> dict[str, Any]:
    """Work out what is news and keep it as the next notice; nothing is kept when there is none."""
    with house.store.reading() as connection:
        before = told.last_notice(connection)
        news = changes(told.last_told(connection), _outcomes(house, connection), house.at)
        counts = dict(sorted(Counter(news["status"].to_pylist()).items()))
        if not news.num_rows:
            return {"batch": None, "rows": 0, "statuses": counts}
        rows = worded(news).append_column("platforms", told.platforms(connection, news["participant_id"]))
    key = put_table(house.archive, rows)
    with house.store.transaction() as connection:
        if told.last_notice(connection) != before:
            raise TryLater("Other news was kept meanwhile.", "Nothing of these was.", "Give the command again.")
        told.save_notice(connection, before + 1, news, key=key, counts=counts, at=house.at, actor=house.actor)
    house.say(f"{told.name_of(before + 1)}: {news.num_rows:,} changes to tell")
    return {"batch": told.name_of(before + 1), "rows": news.num_rows, "statuses": counts}


def _deliver(house: House, outlet: Outlet, errors: list[SalurError]) -> list[str]:
    """Give an outlet what it has not acknowledged, in order, up to the first that it does not take; what it took."""
    with house.store.reading() as connection:
        missing = told.undelivered(connection, outlet.name)
    done: list[str] = []
    for each in missing:
        number = each["notice"]
        try:
            answer = outlet.give(told.name_of(number), _rows_for(house, each["archive_key"], outlet.platform))
        except SalurError as error:
            errors.append(error)
            break
        key = house.archive.put(answer)
        with house.store.transaction() as connection:
            told.save_delivery(connection, outlet.name, number, key, house.at, house.actor)
        done.append(told.name_of(number))
        house.progress(f"notices to {outlet.name}", len(done), len(missing))
    return done


def _write(house: House, folder: str, like: Outlet | None) -> list[str]:
    """Write every notice that is not yet whole in a folder, as an outlet would get it; which were written."""
    target = Folder("by hand", folder, like.platform if like else None)
    with house.store.reading() as connection:
        notices = told.notices(connection)
    written = []
    for each in notices:
        name = told.name_of(each["notice"])
        if not target.has(name):
            written.append(name)
        target.give(name, _rows_for(house, each["archive_key"], target.platform))
    return written


def _rows_for(house: House, key: str, platform: str | None) -> pa.Table:
    """outcomes.v1 of a notice: all of it, or of those who have a completion on a platform, as it was when it was kept."""
    rows = get_table(house.archive, key)
    if platform is not None:
        lists = rows["platforms"].combine_chunks()
        here = pc.equal(pc.list_flatten(lists), platform)
        places = pc.unique(pc.list_parent_indices(lists).filter(here))
        rows = rows.take(places)
    return rows.drop_columns(["platforms"])
