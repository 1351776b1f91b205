"""District codes that may begin a NIK, and the provinces' names, as a reviewed data file (its header tells the sources)."""

from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType


def _read() -> tuple[frozenset[str], Mapping[str, str]]:
    codes: set[str] = set()
    provinces: dict[str, str] = {}
    for line in resources.files(__name__).joinpath("districts.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            _, code, name = line.split(" ", 2)
            provinces[code] = name
        elif not line.startswith("#"):
            regency, *ranges = line.split()
            for first, _, last in (part.partition("-") for part in ranges):
                codes.update(f"{regency}{number:02d}" for number in range(int(first), int(last or first) + 1))
    return frozenset(codes), MappingProxyType(provinces)


DISTRICTS, PROVINCES = _read()
"""Six-digit district codes of 2018 to 2025; two-digit province codes with the names that reports show."""
