"""The two folders of a simulated bank: where payment files arrive and where it leaves its answers.

A file counts as arrived once it is called .xml: with a leading dot, or `.part` or `.tmp` at the end, it is still on
its way. What has been taken stays where it is, as evidence for whoever lists the folder.
"""

import os
from collections.abc import Callable
from pathlib import Path

from simulator.bank import Answer, SimulatedBank
from simulator.descriptions import BankDescription
from simulator.faults import Fault


class BankFiles:
    """One bank behind its folders: `folder` holds its memory and, under `files`, what its customer sees."""

    def __init__(
        self,
        description: BankDescription,
        folder: Path,
        *,
        seed: int = 0,
        faults: frozenset[Fault] = frozenset(),
        opening_balance_idr: int | None = None,
    ) -> None:
        self.root = folder / "files"
        self._arrivals = self.root / description.upload_folder.strip("/")
        self._answers = self.root / description.download_folder.strip("/")
        for place in (self._arrivals, self._answers):
            place.mkdir(parents=True, exist_ok=True)
        self._faults = faults
        self._seen: set[tuple[str, int, int]] = set()
        self._bank = SimulatedBank(
            description,
            seed=seed,
            faults=faults,
            folder=folder,
            opening_balance_idr=opening_balance_idr,
            deliver=self._deliver,
        )

    def take_arrived(self, is_open: Callable[[Path], bool]) -> int:
        """Take every payment file that has arrived and is not being written, by name; how many were new."""
        taken = 0
        for path in sorted(self._arrivals.iterdir()):
            if not _is_finished(path) or is_open(path):
                continue
            status = path.stat()
            mark = (path.name, status.st_size, status.st_mtime_ns)
            if mark in self._seen:
                continue
            data = path.read_bytes()
            if not self._bank.has_taken(path.name, data):
                self._bank.take(path.name, data)
                taken += 1
            self._seen.add(mark)
            if Fault.FILES_TAKEN_AWAY in self._faults:
                path.unlink()
        return taken

    def close_day(self) -> list[str]:
        """End the bank's day; the names of the answers that this brought out."""
        return [name for name, _ in self._bank.close_day()]

    def close(self) -> None:
        """Let go of the bank's memory on disk."""
        self._bank.close()

    def _deliver(self, answers: list[Answer]) -> None:
        """Leave the answers in the download folder, each under its final name only when complete and on disk."""
        for name, data in answers:
            coming = self._answers / f".{name}.part"
            with coming.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            coming.replace(self._answers / name)


def _is_finished(path: Path) -> bool:
    """A payment file is called .xml once complete; a marker or checksum beside it says nothing this bank needs."""
    return path.suffix == ".xml" and not path.name.startswith(".") and path.is_file()
