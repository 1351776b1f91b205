"""Prints the part of requirements.lock that some packages need, hashes and all, so that an image gets no tools of ours.

    python scripts/part_of_lock.py                 what the pipeline needs to run: `dependencies` of pyproject.toml
    python scripts/part_of_lock.py setuptools      one package and what comes with it

The lock says under each package for whose sake it is there ("via"); that is followed downwards from the given packages.
Runs on a bare Python 3.11, standard library only.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_ENTRY = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==[^\n]*\n(?:    [^\n]*\n)*", re.MULTILINE)
_VIA = re.compile(r"^    # +(?:via )?(?P<name>[a-z0-9][a-z0-9.-]*)$", re.MULTILINE)


def entries(lock: str) -> dict[str, str]:
    """The lock's text about each package, by name."""
    return {found["name"]: found[0] for found in _ENTRY.finditer(lock)}


def needed(lock: str, roots: set[str]) -> dict[str, str]:
    """The entries of `roots` and of all that is in the lock for their sake, in the lock's order.

    Errors: SystemExit when the lock does not know a root.
    """
    known = entries(lock)
    if absent := roots - known.keys():
        sys.exit(f"requirements.lock does not name {', '.join(sorted(absent))}: run make lock")
    found: set[str] = set()
    more = roots
    while more:
        found |= more
        more = {name for name, text in known.items() if found & set(_VIA.findall(text))} - found
    return {name: text for name, text in known.items() if name in found}


def runtime_roots(pyproject: str) -> set[str]:
    """The names of the packages that the pipeline itself asks for."""
    stated = tomllib.loads(pyproject)["project"]["dependencies"]
    return {re.split(r"[^A-Za-z0-9._-]", one)[0].lower().replace("_", "-") for one in stated}


def main() -> int:
    """The command line."""
    roots = set(sys.argv[1:]) or runtime_roots((ROOT / "pyproject.toml").read_text())
    sys.stdout.write("".join(needed((ROOT / "requirements.lock").read_text(), roots).values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
