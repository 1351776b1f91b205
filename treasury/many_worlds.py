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
    """The worlds as they end, in whatever order unless that of their seeds is asked for.

    So many as there are processes, the first, ask Great Expectations too.
    """
    asked = [(plan, number < processes) for number, plan in enumerate(wanted)]
    with multiprocessing.get_context("spawn").Pool(processes, _quiet) as pool:
        yield from (pool.imap if in_order else pool.imap_unordered)(_played, asked)


def _played(asked: tuple[Plan, bool]) -> Played:
    plan, asks_library = asked
    return play(plan, asks_library=asks_library)


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
    began, ended = time.monotonic(), list[Played]()
    try:
        for played in all_played(wanted, asked.processes, in_order=asked.until_broken):
            ended.append(played)
            if played.violations:
                first = played.violations[0]
                print(f"seed {played.plan.seed}: {first.claim}; {first.subject}: {first.found}", flush=True)
            pace = (time.monotonic() - began) / len(ended)
            left = f"{60 / pace:.1f} a minute, about {pace * (len(wanted) - len(ended)):,.0f} s left"
            print(f"{len(ended)} of {len(wanted)} worlds, {left}", file=sys.stderr)
            if asked.until_broken and played.violations:
                break
    finally:
        _total(ended, time.monotonic() - began)
    return 12 if any(played.violations for played in ended) else 0


def _total(ended: list[Played], seconds: float) -> None:
    """What came of the worlds that have ended, be it that the others were broken off."""
    faults, exempt = Counter[str](), Counter[str]()
    for played in ended:
        faults.update(played.fault_counts)
        exempt.update(played.exempt)
    acts = sum(played.acts for played in ended)
    print(f"{len(ended)} worlds, {acts:,} acts, {60 * len(ended) / max(seconds, 0.001):.1f} seeds a minute.")
    print(f"{sum(faults.values()):,} faults: {_counts(faults)}.")
    print(f"{sum(exempt.values()):,} times something did not agree that an open break explains: {_counts(exempt)}.")
    broken = [played.plan for played in ended if played.violations]
    print(f"{len(broken)} worlds break a claim.")
    for plan in broken:
        about = f"--seed {plan.seed} --months {plan.months} --people {len(plan.people)} --faults {plan.profile}"
        print(f"  salur simulate world {about} --shrink")


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{n:,} {kind}" for kind, n in sorted(counts.items())) or "none"


if __name__ == "__main__":
    sys.exit(main())
