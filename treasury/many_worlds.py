"""Many simulated programmes, on as many processors as there are: seeds a minute, faults by kind, and what breaks.

make simulate N=200 [FIRST=1] [FAULTS=hostile] [PEOPLE=150] [MONTHS=4]
"""

import argparse
import logging
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

from simulator.world import Plan, Played
from treasury.worlds import play


def plans(first: int, count: int, faults: str, people: int | None, months: int) -> list[Plan]:
    """So many seeds; people from 100 to 300 by the seed where nobody says how many, and every third world hostile."""
    return [
        Plan(
            seed,
            months,
            tuple(range(1, 1 + (people or 100 + seed * 37 % 201))),
            faults or ("hostile" if seed % 3 == 0 else "usual"),
        )
        for seed in range(first, first + count)
    ]


def _quiet() -> None:
    logging.disable(logging.ERROR)  # what banks send in a world is wrong on purpose


def all_played(wanted: list[Plan], processes: int, *, in_order: bool = False) -> Iterator[Played]:
    """The worlds as they end, in whatever order unless that of their seeds is asked for."""
    with multiprocessing.get_context("spawn").Pool(processes, _quiet) as pool:
        yield from (pool.imap if in_order else pool.imap_unordered)(play, wanted)


def main() -> int:
    """Play them; 12 when a claim was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--faults", default="")
    parser.add_argument("--people", type=int)
    parser.add_argument("--months", type=int, default=4)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--until-broken", action="store_true", help="in the order of seeds, to the first that breaks a claim"
    )
    asked = parser.parse_args()
    wanted = plans(asked.first, asked.count, asked.faults, asked.people, asked.months)
    began, faults, broken, acts = time.monotonic(), Counter[str](), list[Played](), 0
    for done, played in enumerate(all_played(wanted, asked.processes, in_order=asked.until_broken), 1):
        faults.update(played.fault_counts)
        acts += played.acts
        if played.violations:
            broken.append(played)
            first = played.violations[0]
            print(f"seed {played.plan.seed}: {first.claim}; {first.subject}: {first.found}", flush=True)
        pace = (time.monotonic() - began) / done
        left = pace * (len(wanted) - done)
        print(f"{done} of {len(wanted)} worlds, {60 / pace:.1f} a minute, about {left:,.0f} s left", file=sys.stderr)
        if asked.until_broken and broken:
            return 12
    print(f"{len(wanted)} worlds, {acts:,} acts, {60 * len(wanted) / (time.monotonic() - began):.1f} seeds a minute.")
    print(f"{sum(faults.values()):,} faults: {', '.join(f'{n:,} {kind}' for kind, n in sorted(faults.items()))}.")
    print(f"{len(broken)} worlds break a claim.")
    for played in broken:
        plan = played.plan
        about = f"--seed {plan.seed} --months {plan.months} --people {len(plan.people)} --faults {plan.profile}"
        print(f"  salur simulate world {about} --shrink")
    return 12 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
