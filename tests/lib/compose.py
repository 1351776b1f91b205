"""The composition in `docker/compose.yaml` as its reader sees it: aliases and merges resolved."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
COMPOSE = DOCKER / "compose.yaml"


@cache
def composition() -> dict[str, Any]:
    """The whole document; only to be read."""
    return yaml.load(COMPOSE.read_text(), Loader=yaml.CSafeLoader)


def services() -> dict[str, dict[str, Any]]:
    """Every service by its name."""
    return composition()["services"]


def airflow_settings() -> set[tuple[str, str]]:
    """Section and option of every setting of Airflow's that a service is given, by the names of its environment."""
    names = {name for part in services().values() for name in part.get("environment", {})}
    found = [name.removeprefix("AIRFLOW__").lower().split("__") for name in names if name.startswith("AIRFLOW__")]
    return {(section, option) for section, option in found}
