"""A simulated programme joined to a real home: its steps, its ledger in SQLite, its archive, all in this process."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from disbursement import steps as paying
from ledger import chain, store
from ledger.archive import Archive
from ledger.house import House
from reconciliation import steps as proving
from schemas import exact_checks
from simulator.observed import Row
from simulator.world import BankLine
from treasury import exports
from treasury.house import KEY, init_house, open_house

Hook = Callable[[str], None]


class WatchedStore(store.Store):
    """The ledger, with a point before and after each commit."""

    def __init__(self, inner: store.Store, hook: Hook) -> None:
        self.__dict__.update(inner.__dict__)
        self._hook = hook

    @contextmanager
    def transaction(self) -> Iterator[store.Connection]:
        """As the ledger's own; a process killed before the commit leaves nothing of it."""
        with super().transaction() as connection:
            yield connection
            self._hook("commit before")
        self._hook("commit after")


class WatchedArchive(Archive):
    """The archive, with a point before and after each object."""

    def __init__(self, inner: Archive, hook: Hook) -> None:
        self.__dict__.update(inner.__dict__)
        self._hook = hook

    def put(self, data: bytes | memoryview) -> str:
        """As the archive's own."""
        self._hook("archive before")
        key = super().put(data)
        self._hook("archive after")
        return key


class HomePipeline:
    """The steps of one home, by the names of their commands: `simulator.desk.Pipeline`."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.steps: Mapping[str, Callable[..., dict[str, Any]]] = {
            "intake": lambda at, who, source: paying.intake(self._at(at, who), str(source)),
            "entitle": lambda at, who, period: paying.entitle(self._at(at, who), period),
            "fund": lambda at, who, amount_idr, reference: paying.fund(self._at(at, who), amount_idr, reference),
            "instruct": lambda at, who, period, maker: paying.instruct(self._at(at, who), period, maker),
            "release": lambda at, who, batch, digest: paying.release(self._at(at, who), batch, who, digest, "cli"),
            "reject": lambda at, who, batch, reason: paying.reject(self._at(at, who), batch, who, reason),
            "submit": lambda at, who: paying.submit(self._at(at, who)),
            "collect": lambda at, who: proving.collect(self._at(at, who)),
            "reconcile": lambda at, who, period: proving.reconcile(self._at(at, who), period),
            "hold": lambda at, who, participant, reason: paying.hold(self._at(at, who), participant, "hold", reason),
            "unhold": lambda at, who, participant, reason: paying.hold(
                self._at(at, who), participant, "unhold", reason
            ),
            "stop": lambda at, who, reason: paying.brake(self._at(at, who), "stop", reason),
            "resume": lambda at, who, reason: paying.brake(self._at(at, who), "resume", reason),
            "assign": lambda at, who, break_id, owner: proving.act_on_exception(
                self._at(at, who), break_id, "assign", who, owner
            ),
        }

    def _at(self, at: datetime, who: str) -> House:
        return replace(self._house, at=at, actor=who)

    def export(self, table: str, at: datetime) -> list[Row]:
        """A table's rows, all periods; none of a table that there is not."""
        if table not in exports.TABLES:
            return []
        rows: list[Row] = exports.table(replace(self._house, at=at), table, None).to_pylist()
        return rows

    def head(self) -> str:
        """The hash at the end of the chain."""
        with self._house.store.reading() as connection:
            return chain.head(connection)[1]

    def restart(self) -> None:
        """A new process has its own connections."""
        self._house.store.engine.dispose()


def settle(home: Path, start: date, lines: Mapping[str, BankLine], hook: Hook, seed: int) -> HomePipeline:
    """A new home whose keys are the seed's and whose banks are reached without a network. For rehearsals alone."""
    key = home / KEY
    key.parent.mkdir(parents=True)
    master = base64.b64encode(hashlib.sha256(f"simulated world {seed}".encode()).digest()).decode("ascii")
    key.write_text(master + "\n", encoding="ascii")
    key.chmod(0o600)
    at = datetime(start.year, start.month, start.day, tzinfo=UTC)
    init_house(home, at)
    house = open_house(home, at, "siti", lambda _message: None)
    banks = {
        code: {
            "host": "memory",
            "port": 22,
            "user": "salur",
            "private_key": "none",
            "host_key": "none",
            "inbox": line.upload_folder,
            "outbox": line.download_folder,
            "after_arrival": "taken" if line.takes_away else "left",
            "debtor_account": line.debtor_account,
            "connect": line.connect,
        }
        for code, line in lines.items()
    }
    return HomePipeline(
        replace(
            house,
            config={**house.config, "banks": banks},
            store=WatchedStore(house.store, hook),
            archive=WatchedArchive(house.archive, hook),
            check=exact_checks.check,
        )
    )
