"""`salur` in processes of its own that are forked from one which has imported everything: an import anew takes seconds each."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cycle import Measure
from treasury import terminal
from treasury.cli import app

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["great_expectations", "disbursement.steps", "reconciliation.steps", "tests.lib.warm"])


def measure(stage: str, command: Sequence[str]) -> tuple[Measure, str]:
    """What `benchmarks.cycle.measure` does, for `PYTHON -m treasury.cli WORDS…`, without what importing costs."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        out, cost = Path(folder, "out"), _CONTEXT.Queue()
        process = _CONTEXT.Process(target=_salur, args=(list(command[3:]), out, cost))
        process.start()
        cpu_s, peak_mib = cost.get()
        process.join()
        assert process.exitcode == 0, f"{stage}: {' '.join(command)}"
        return Measure(stage, 1, time.monotonic() - begun, cpu_s, peak_mib), out.read_text()


def _salur(words: list[str], out: Path, cost: multiprocessing.Queue[tuple[float, float]]) -> None:
    """In the process: the command, its standard output in a file, and what it took."""
    with out.open("w") as file:
        os.dup2(file.fileno(), 1)
    code = terminal.run(app, words)
    sys.stdout.flush()
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost.put((used.ru_utime + used.ru_stime, used.ru_maxrss / 1024))
    sys.exit(code)
