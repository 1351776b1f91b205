"""A home, opened: where its record, bytes and keys are, at which instant it is looked at, and its configuration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from ledger.archive import Archive
from ledger.keyring import Keyring
from ledger.lock import WAIT_SECONDS
from ledger.store import Store
from schemas import checks
from schemas.suites import Finding


def _silent(_message: str) -> None:
    """Words for nobody."""


def _unseen(_what: str, _done: int, _total: int) -> None:
    """Progress for nobody."""


@dataclass(frozen=True)
class House:
    """What every step is handed. `at` is the run's clock; `say` tells a person what is
    going on and `progress` how much of something is done, both without personal data; `check` holds a table against the suite of
    a name (`schemas.checks.check`, unless a rehearsal hands `schemas.exact_checks.check`, or `checks.both`)."""

    path: Path
    config: Mapping[str, Any]
    store: Store
    archive: Archive
    keys: Keyring
    at: datetime
    actor: str
    say: Callable[[str], None] = field(default=_silent)
    progress: Callable[[str, int, int], None] = field(default=_unseen)
    check: Callable[[pa.Table, str], list[Finding]] = field(default=checks.check)

    @property
    def lock_wait_seconds(self) -> float:
        """How long a step waits for another process that does the same; `[run] lock_wait_seconds` of salur.toml says otherwise."""
        return float(self.config.get("run", {}).get("lock_wait_seconds", WAIT_SECONDS))
