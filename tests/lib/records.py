"""What a home holds of a drop, so that two homes, or one before and after, can be held against each other."""

from __future__ import annotations

from typing import Any

from disbursement import steps
from disbursement.intake import current
from ledger import landing, queries
from ledger.house import House
from tests.lib.commands import PERIOD, Salur
from tests.lib.small_home import dump
from treasury.house import open_house
from treasury.terminal import parse_instant


def house_of(salur: Salur) -> House:
    """The home, opened at its clock."""
    return open_house(salur.home, parse_instant(salur.at), "siti", lambda _: None)


def taken(salur: Salur) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the record but what checks found, which is written each time."""
    return dump(house_of(salur), "check_results", "schema_versions")


def decided(salur: Salur) -> Any:
    """What stands of each table and what is decided, for homes of different keys: without digests."""
    house = house_of(salur)
    steps.entitle(house, PERIOD)
    with house.store.reading() as connection:
        stands = {name: current(connection, name).to_pylist() for name in landing.TABLES}
    plain = {
        name: sorted(({k: v for k, v in row.items() if not k.endswith("_mac")} for row in rows), key=repr)
        for name, rows in stands.items()
    }
    with house.store.reading() as connection:
        decisions = queries.decisions_in_force(connection, house.archive, PERIOD).to_pylist()
    return plain, decisions
