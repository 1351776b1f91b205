"""Processes that end by `kill -9` at a chosen point, and what they leave: forked from this one, which has imported everything.

A world is a folder `BASE/NAME` with a home, a bank, and what steps write beside it. An act is done in a process of its own, in a copy of a
world; nothing of a home is open in the process that forks.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import shutil
import signal
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ledger import chain, store
from ledger.house import House
from schemas import exact_checks, failpoints
from tests.lib.databases import Server
from tests.lib.sftp_folders import BANK, LOG
from treasury.house import CONFIG, open_house

Result = TypeVar("Result")
Act = Callable[[House], object]
INTENT = re.compile("'(submission|inquiry)_intended'")
WORLD = "@"
"""What stands for the folder of a world where it is written down."""


class Killed(NamedTuple):
    """A process that ended at a point."""


def in_child(work: Callable[[], Result]) -> Result | Killed:
    """What `work` returns in a process forked from this one, or that it was killed. What it raises is raised here, as text."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _answer(writing, work)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, f"ended by signal {os.WTERMSIG(status)}"
        return Killed()
    outcome, value = pickle.loads(said)
    assert outcome == "done", value
    return value  # type: ignore[no-any-return]


def _answer(writing: int, work: Callable[[], object]) -> None:
    """Do the work and say what came of it; never returns."""
    try:
        try:
            said = pickle.dumps(("done", work()))
        except BaseException:  # noqa: BLE001 (told to the process that waits)
            said = pickle.dumps(("failed", traceback.format_exc()))
        with os.fdopen(writing, "wb") as stream:
            stream.write(said)
    finally:
        os._exit(0)


def all_in_children(works: list[Callable[[], Result]], at_once: int = 2) -> list[Result]:
    """What each returns in a process of its own, so many at a time, in their order."""
    lanes = [lambda lane=lane: [work() for work in works[lane::at_once]] for lane in range(at_once)]
    found: list[Any] = [None] * len(works)
    running = []
    for lane in lanes:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            _answer(writing, lane)
        os.close(writing)
        running.append((pid, reading))
    for number, (pid, reading) in enumerate(running):
        with os.fdopen(reading, "rb") as stream:
            said = stream.read()
        os.waitpid(pid, 0)
        outcome, value = pickle.loads(said)
        assert outcome == "done", value
        found[number::at_once] = value
    return found


_READ: dict[tuple[str, int, int], bytes] = {}


# --- worlds ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class World:
    """A folder with a home in it and a bank beside it."""

    path: Path
    server: Server | None = None
    """Where its ledger is a database; else it is a file in the home."""

    @property
    def home(self) -> Path:
        """The home."""
        return self.path / "home"

    @property
    def bank(self) -> Path:
        """The bank's folder as its customer sees it."""
        return self.path / BANK

    @property
    def dsn(self) -> str:
        """The DSN of its ledger."""
        return str(tomllib.loads((self.home / CONFIG).read_text())["ledger"]["dsn"])

    def copied(self, name: str) -> World:
        """This world under another name, with a ledger of its own; the copy's user at the bank bears its name."""
        other = replace(self, path=self.path.parent / name)
        shutil.copytree(self.path, other.path)
        config = other.home / CONFIG
        text = config.read_text().replace(f'user = "{self.path.name}"', f'user = "{name}"')
        config.write_text(text if self.server is None else text.replace(self.dsn, self.server.copy(self.dsn)))
        return other

    def remove(self) -> None:
        """Take the world away."""
        if self.server is not None:
            self.server.drop(self.dsn)
        shutil.rmtree(self.path)

    def house(self, at: datetime, actor: str = "siti") -> House:
        """The home, opened, with data checks that need no library."""
        return replace(open_house(self.home, at, actor, lambda _message: None), check=exact_checks.check)


def done(world: World, at: datetime, act: Act) -> None:
    """Do an act in a world in this process, and leave nothing of it open."""
    house = world.house(at)
    try:
        act(house)
    finally:
        house.store.engine.dispose()


def state_of(world: World, at: datetime) -> str:
    """A digest of everything in a world, half files included; what a killed writer drew at random counts as the same."""
    digest = hashlib.sha256(repr(left_in(world, at)).encode())
    for path in sorted((world.home / "archive").rglob("*")):
        digest.update(f"{re.sub('[0-9a-f]{16}.partial', 'partial', path.name)} {path.stat().st_size}\n".encode())
    return digest.hexdigest()


def recorded(act: Callable[[], object]) -> list[str]:
    """Do an act and return the points that it comes to, in their order. To be called in a child."""
    points: list[str] = []
    failpoints.reached = points.append
    act()
    return points


def killed_at(ordinal: int, act: Callable[[], object]) -> None:
    """Do an act up to its point of that number, and end there. To be called in a child."""
    left = ordinal

    def count(_point: str) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    failpoints.reached = count
    act()


# --- what a world holds, for comparing ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Left:
    """All that a world holds, without what must differ between two of them: where they lie, and the hashes of events."""

    events: tuple[str, ...]
    tables: dict[str, Counter[str]]
    archive: frozenset[bytes]
    files: dict[str, bytes]
    received: tuple[str, ...]

    def differences(self, other: Left) -> list[str]:
        """In which places this one is not the other; the events apart, which `beyond` compares."""
        found = [f"table {name}" for name in self.tables if self.tables[name] != other.tables[name]]
        found += ["archive"] if self.archive != other.archive else []
        found += [
            f"file {name}"
            for name in sorted(self.files.keys() | other.files.keys())
            if self.files.get(name) != other.files.get(name)
        ]
        found += ["the order of events"] if self.events != other.events else []
        return found + (["what the bank received"] if self.received != other.received else [])

    def beyond(self, other: Left) -> tuple[list[str], list[str]]:
        """Which events are here more often than in the other, and which are missing."""
        here, there = Counter(self.events), Counter(other.events)
        return sorted((here - there).elements()), sorted((there - here).elements())

    def without_repeated_intents(self) -> Left:
        """The same, where an intent of sending that was stored again counts once: each attempt states its own.

        An intent is an event, and makes its file `unknown`; the file, its way and its bytes are the same ones.
        """
        seen: set[str] = set()
        events = [e for e in self.events if not INTENT.search(e) or not (e in seen or seen.add(e))]  # type: ignore[func-returns-value]
        states = Counter(set(self.tables["file_states"]))
        return replace(self, events=tuple(events), tables=self.tables | {"file_states": states})


NUMBERED = ("events", "file_states", "check_results", "journal")
"""Tables of which a row's number says only how many came before."""


def left_in(world: World, at: datetime, *, without: tuple[str, ...] = ()) -> Left:
    """Read a world: verify its chain, and put words in place of the hashes of events. `without`: files not looked at."""
    house = world.house(at)
    with house.store.reading() as connection:
        chain.verify(connection)
        rows = {
            name: [dict(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"').mappings()]
            for name in store.METADATA.tables
        }
    house.store.engine.dispose()
    place = str(world.path.resolve())
    words: dict[str, str] = {}

    def said(value: object) -> str:
        text = str(value).replace(place, WORLD)
        return re.sub(r"[0-9a-f]{64}", lambda found: words.get(found[0], found[0]), text)

    events = []
    for row in sorted(rows["events"], key=lambda row: row["seq"]):
        event = said([row[name] for name in sorted(row) if name not in ("seq", "hash", "previous_hash")])
        words[row["hash"]] = f"<{event}>"
        events.append(event)
    tables = {
        name: Counter(said([row[column] for column in row if column != "seq" or name not in NUMBERED]) for row in found)
        for name, found in rows.items()
        if name != "events"
    }
    # That checks ran again is a fact of its own; the results are the same ones.
    tables["check_results"] = Counter(set(tables["check_results"]))
    files = _files(world, said, without)
    log = world.path / LOG
    return Left(
        tuple(events),
        tables,
        _archived(house, world, said),
        files,
        tuple(log.read_text().splitlines()) if log.exists() else (),
    )


def _archived(house: House, world: World, said: Callable[[object], str]) -> frozenset[bytes]:
    """Everything that the archive keeps, in clear, with words for hashes; half an object of a killed writer is none."""
    kept = set()
    for path in sorted((world.home / "archive").rglob("*")):
        if path.is_file() and path.parent.name != "marks" and not path.name.endswith(".partial"):
            found = path.stat()
            seen = (path.name, found.st_size, found.st_mtime_ns)  # copies of a world keep the times of their files
            data = _READ[seen] = _READ.get(seen) or house.archive.get(path.name)
            kept.add(said(data.decode()).encode() if data.startswith(b"{") else data)
    return frozenset(kept)


def _files(world: World, said: Callable[[object], str], without: tuple[str, ...]) -> dict[str, bytes]:
    """Every other file, by its name, but those of the database and what both worlds were given."""
    found = {}
    for path in sorted(world.path.rglob("*")):
        name = path.relative_to(world.path).as_posix()
        if not path.is_file() or name.startswith(("home/archive/", "home/ledger.db", "drop/", *without)):
            continue
        if name in (f"home/{CONFIG}", LOG):
            continue
        data = path.read_bytes()
        if name == "home/sent.jsonl":  # a line of its own for each intent
            data = "\n".join(sorted({said(line) for line in data.decode().splitlines()})).encode()
        found[name] = data
    return found
