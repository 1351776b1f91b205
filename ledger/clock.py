"""One clock for all who share a ledger: a step that decides on money records no instant before the latest event's.

Clocks of two machines differ by a little, and then the later one counts. One that is further behind than that is wrong, or the
ledger's events bear the instants of one that was: nobody but a person can tell which, so the step is refused before money moves.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from ledger import store
from ledger.house import House
from ledger.instants import from_micros, to_micros
from schemas.errors import InputRejected, PersonNeeded

SKEW_MINUTES = 5
"""How far behind the latest event a clock may be; `[clock] skew_minutes` of salur.toml says otherwise."""


def in_order(house: House) -> House:
    """The home at its own instant or at the latest event's, whichever is later; PersonNeeded when they are too far apart.

    Events after `[clock] distrust_after` of salur.toml do not count: a person says of them that a wrong clock made them.
    """
    settings = house.config.get("clock", {})
    with house.store.reading() as connection:
        last = _latest_event(connection, _instant(settings.get("distrust_after")))
    if last is None or last <= house.at:
        return house
    behind = last - house.at
    if behind > timedelta(minutes=int(settings.get("skew_minutes", SKEW_MINUTES))):
        raise PersonNeeded(
            f"The clock says {house.at.isoformat()}, and the ledger's latest event is of {last.isoformat()}.",
            "One of the two is wrong: cut-offs, consents and last payment dates could be taken for another day's. Nothing was done.",
            "Set the clock right; of events that a wrong clock made, see docs/recovery.md. Reading is always possible.",
        )
    return replace(house, at=last)


_E = store.events.c
# The latest, not the last recorded: sending is stopped, and goes on, at any instant, and that vouches for no clock.
_LATEST_EVENT = sa.select(sa.func.max(_E.at)).where(_E.at <= sa.bindparam("until"))


def _latest_event(connection: store.Connection, until: datetime | None) -> datetime | None:
    ((found,),) = store.rows(connection, _LATEST_EVENT, until=2**63 - 1 if until is None else to_micros(until))
    return None if found is None else from_micros(found)


def _instant(setting: object) -> datetime | None:
    """A setting as TOML gives it: an offset date-time, or its text."""
    try:
        found = setting if isinstance(setting, datetime) or setting is None else datetime.fromisoformat(str(setting))
    except ValueError:
        found = None
    if setting is not None and (found is None or found.tzinfo is None):
        raise InputRejected(
            "distrust_after in [clock] of salur.toml is no instant.", "An offset is needed.", "Mend salur.toml."
        )
    return found
