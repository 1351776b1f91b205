"""One contender, once, in a process of its own: `python -m benchmarks.contend CASE NAME --size N --folder DIR`.

Imports and input lie outside the clock; the answer is checked after it. What it cost goes to standard output as JSON.
"""

import argparse
import gc
import importlib
import json
import time
from pathlib import Path

_KIB_PER_MIB = 1024


def main() -> None:
    """Run the contender that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case")
    parser.add_argument("name")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    module = importlib.import_module("benchmarks.ours" if asked.name == "salur" else "benchmarks.peers")
    job = module.CONTENDERS[asked.case, asked.name](asked.size, asked.folder)
    gc.collect()
    peak_before = resident_mib("VmHWM")
    forget_peak()
    before = resident_mib("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    answer = job.run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resident_mib("VmHWM")
    job.check(answer)
    cost = {
        "wall_s": wall,
        "cpu_s": cpu,
        "growth_mib": max(0.0, peak - before),
        "peak_mib": max(peak, peak_before),
    }
    print(json.dumps(cost))


def forget_peak() -> None:
    """Let the kernel count the highest resident set from here on: making the input is not what is measured."""
    Path("/proc/self/clear_refs").write_text("5")


def resident_mib(name: str) -> float:
    """A figure of this process as the kernel keeps it: VmRSS, or VmHWM for its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name + ":")).split()[1]) / _KIB_PER_MIB


if __name__ == "__main__":
    main()
