"""The machine that a measurement was made on, and the versions that were measured."""

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

OUR_PACKAGES = ("pyarrow", "numpy", "pandas", "xml2arrow", "lxml", "sqlalchemy", "great-expectations")
_GIB = 1 << 30


def facts(load_before: float) -> dict[str, Any]:
    """Cores, processor, memory, system, Python, our packages, and how busy the machine was before and is now."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / _GIB),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in OUR_PACKAGES},
        "load_before": round(load_before, 1),
        "load_after": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def versions(python: Path, packages: Iterable[str]) -> dict[str, str]:
    """The versions of packages in another environment."""
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    done = subprocess.run([python, "-c", code, *packages], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found
