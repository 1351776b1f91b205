"""Write banks/calendars/indonesia/YEAR.toml from the `holidays` package; run once a year, then read the result.

    .venv/bin/python scripts/build_calendars.py 2020 2026

The package knows national holidays (category public) and collective leave (category government). The file, not the
package, is what the project pays by, so that a later version of the package cannot move a payment. CHECKED says what
the days of a year were compared with beyond the package.
"""

import sys
from datetime import date
from pathlib import Path

import holidays

TARGET = Path(__file__).parent.parent / "banks" / "calendars" / "indonesia"

CHECKED = {
    2020: "Cabinet Secretariat, 2 December 2020 (SKB 744/2020, 05/2020, 06/2020, fourth change): the same list",
    2021: "Bank Indonesia, April 2021 (SKB 281/2021, 1/2021, 1/2021): no clearing on 12, 13 and 14 May",
}

HEAD = """\
# Days of {year} on which banks in Indonesia do not clear: national holidays, and collective leave (cuti bersama), on which
# SKNBI and RTGS stop too. Saturdays and Sundays never clear and are not listed unless a holiday falls on one.
# Source: the joint decree (SKB) of the ministers of religion, manpower and administrative reform for {year}, as carried by
# the Python package holidays {version} (MIT), country ID, categories public and government.
# Compared with: {checked}.
"""


def _section(title: str, days: dict[date, str]) -> str:
    return f"\n[{title}]\n" + "".join(f'{day.isoformat()} = "{name}"\n' for day, name in sorted(days.items()))


def render(year: int) -> str:
    """The calendar of one year as TOML text: a day that is both is a national holiday."""
    public = dict(holidays.country_holidays("ID", years=year, categories="public", language="id"))
    leave = dict(holidays.country_holidays("ID", years=year, categories="government", language="id"))
    leave = {day: name.replace("Pegangti", "Pengganti") for day, name in leave.items() if day not in public}
    checked = CHECKED.get(year, "nothing beyond the package")
    head = HEAD.format(year=year, version=holidays.__version__, checked=checked)
    return head + _section("national_holidays", public) + _section("collective_leave", leave)


def main() -> None:
    """Write every year from the first to the last argument."""
    first, last = (int(word) for word in sys.argv[1:3])
    for year in range(first, last + 1):
        (TARGET / f"{year}.toml").write_text(render(year), encoding="utf-8")


if __name__ == "__main__":
    main()
