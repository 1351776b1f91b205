"""Holds requirements.lock against the known vulnerabilities of its packages (`make audit`), and never says "clean" unasked.

pip-audit does the asking, of PyPI's own advisories and, where those are out of reach, of OSV's. A package index that is only
a mirror of files knows no advisories: pip-audit then skips every package and ends well. Here a package that was not looked
up counts as not audited, and is said. Exit code 0: nothing known against what was looked up. 1: something is known, or with
`--strict` something could not be looked up. Accepted findings are named in `ACCEPTED`, each with its reason.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PIP_AUDIT = Path(sys.executable).with_name("pip-audit")
SERVICES = ("pypi", "osv")
ACCEPTED: dict[str, str] = {}
"""Advisory by identifier, and why it does not touch us."""


def ask(service: str, lock: Path) -> list[dict[str, Any]] | None:
    """What a service says of each package of the lock; None when it cannot be asked at all."""
    command = [
        PIP_AUDIT, "--vulnerability-service", service, "--requirement", lock, "--no-deps", "--disable-pip",
        "--format", "json", "--progress-spinner", "off", "--timeout", "10",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    return found


def told(found: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """What is known against packages, a line each, and the packages that the service did not know."""
    against = [
        f"{one['name']} {one['version']}: {what['id']}, mended in {', '.join(what['fix_versions']) or 'no release yet'}"
        for one in found
        for what in one.get("vulns", ())
        if what["id"] not in ACCEPTED
    ]
    return against, sorted(one["name"] for one in found if "skip_reason" in one)


def main(words: list[str]) -> int:
    """The command line."""
    is_strict = "--strict" in words
    lock = ROOT / "requirements.lock"
    for service in SERVICES:
        found = ask(service, lock)
        if found is None or len(told(found)[1]) == len(found):
            print(f"audit: {service} has no advisories for us from here", file=sys.stderr)
            continue
        against, unknown = told(found)
        for line in against:
            print(line)
        print(f"audit: {service}: {len(found) - len(unknown)} packages looked up, {len(against)} findings")
        if unknown:
            print(f"audit: NOT looked up: {', '.join(unknown)}", file=sys.stderr)
        return int(bool(against) or (is_strict and bool(unknown)))
    print("audit: NOTHING WAS AUDITED: no service of advisories can be reached from this machine.", file=sys.stderr)
    return int(is_strict)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
