"""All benchmarks: us beside our peers, then a monthly cycle on SQLite and on PostgreSQL. `make bench`.

python -m benchmarks --date 2026-01-31                     everything; writes benchmarks/results and docs/performance.md
python -m benchmarks --date 2026-01-31 --only pain001 --size 10000      a quick look at some of it; writes nothing
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import compare, cycle, page
from benchmarks.cases import CASES
from benchmarks.machine import facts
from treasury import local_postgres

RESULTS = Path(__file__).parent / "results"
SIZE = 100_000


def main() -> None:
    """Measure what was asked for, say what became of each claim, and where all was measured keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--date", required=True, help="the day that the results bear, YYYY-MM-DD")
    parser.add_argument("--size", type=int, default=SIZE, help="rows, and people due in a cycle (default: %(default)s)")
    parser.add_argument("--only", default="", help="a peer's name, `cycle`, or a part of a comparison's name")
    asked = parser.parse_args()
    cases = [case for case in CASES if asked.only in case.key or asked.only in {each.name for each in case.contenders}]
    with_cycle = asked.only in ("", "cycle")
    if not cases and not with_cycle:
        names = ", ".join([*(case.key for case in CASES), "cycle"])
        raise SystemExit(f"Nothing is named like {asked.only}: {names}, or a peer.")
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"bench {time.monotonic() - begun:5.0f} s  {text}", file=sys.stderr, flush=True)

    load = os.getloadavg()[0]
    results: dict[str, Any] = {"date": asked.date, "size": asked.size, "cases": [], "cycles": []}
    if cases:
        with tempfile.TemporaryDirectory(prefix="salur-bench-") as folder:
            results["cases"] = compare.compare_all(cases, asked.size, Path(folder), say)
    if with_cycle:
        kinds = ["SQLite"] + (["PostgreSQL"] if local_postgres.binaries() else [])
        results["cycles"] = [cycle.measured(kind, asked.size, say) for kind in kinds]
    results["machine"] = facts(load)
    print(page.tables(results))
    if not asked.only and asked.size == SIZE:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{asked.date}.json").write_text(json.dumps(results, indent=1) + "\n")
        page.write(results)


if __name__ == "__main__":
    main()
