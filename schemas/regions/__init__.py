"""District codes that may begin a NIK, and the provinces' names, from a reviewed data file (its header names the sources)."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType


def read_codes(text: str) -> frozenset[str]:
    """Six-digit codes from the table `districts` of a TOML text, such as `9102 = "01 03-04"`."""
    codes: set[str] = set()
    for regency, districts in tomllib.loads(text)["districts"].items():
        for first, _, last in (part.partition("-") for part in districts.split()):
            codes.update(f"{regency}{number:02d}" for number in range(int(first), int(last or first) + 1))
    return frozenset(codes)


_TEXT = resources.files(__name__).joinpath("districts.toml").read_text(encoding="utf-8")

DISTRICTS: frozenset[str] = read_codes(_TEXT)
"""Six-digit codes of every district from 2018 to 2025."""
PROVINCES: Mapping[str, str] = MappingProxyType(tomllib.loads(_TEXT)["provinces"])
"""Two-digit province codes with the names that reports show."""
