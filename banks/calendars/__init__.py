"""Banking days, as data: one folder a calendar, one TOML file a year.

A calendar lists the days on which its rails do not clear, besides Saturdays and Sundays. `indonesia` is SKNBI and RTGS:
both stop on national holidays and on collective leave. A year that is not there is not guessed.
"""

import tomllib
from datetime import date, timedelta
from functools import lru_cache
from importlib import resources

from schemas.errors import PersonNeeded

SECTIONS = ("national_holidays", "collective_leave")


class CalendarMissing(PersonNeeded):
    """Nobody has said yet which days of a year are banking days."""


@lru_cache(maxsize=64)
def holidays(calendar: str, year: int) -> dict[date, str]:
    """The days of one year on which `calendar` does not clear, with their names; unknown years raise `CalendarMissing`."""
    file = resources.files("banks.calendars").joinpath(calendar, f"{year}.toml")
    if not calendar.isidentifier() or not file.is_file():
        raise CalendarMissing(
            f"Calendar {calendar} has no banking days for {year}.",
            "Holidays and collective leave are set each year by decree and are not guessed.",
            f"Add banks/calendars/{calendar}/{year}.toml from that year's decree.",
        )
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    return {date.fromisoformat(day): name for section in SECTIONS for day, name in document[section].items()}


def is_banking_day(calendar: str, day: date) -> bool:
    """Whether `calendar` clears on `day`: no weekend, no national holiday, no collective leave."""
    return day not in holidays(calendar, day.year) and day.weekday() < 5


def next_banking_day(calendar: str, day: date) -> date:
    """The first banking day strictly after `day`: when a bank is asked to pay what a cut-off on `day` made due."""
    following = day + timedelta(days=1)
    while not is_banking_day(calendar, following):
        following += timedelta(days=1)
    return following
