"""The disk of the home is full at every step: each says so and leaves nothing half-written; with room it goes on as if nothing had been."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.bank import SimulatedBank
from simulator.descriptions import describe_bank
from tests.lib.commands import AT, PERIOD, Salur, call
from tests.lib.records import house_of
from tests.lib.small_drop import people, write_drop
from tests.lib.small_home import dump, file_states, instruction_states

pytestmark = [pytest.mark.needs("tmpfs"), pytest.mark.slow]
LATER = "2020-07-02T08:00:00+07:00"
COUNT = 4
LEFT = (0, 40_000)
"""So many bytes are left on the disk: none, and enough for some of a step's files but not for all."""

MORE_THAN_ONE = ("init", "submit", "outcomes")
"""Steps that keep one thing before they do the next: an intent and that it was put back, a notice and who has it."""


class Disk:
    """A small file system of its own."""

    def __init__(self, path: Path) -> None:
        self.path, self._ballast = path, path / "ballast"

    def fill(self, left_bytes: int) -> None:
        """Leave so many bytes, rounded to a page."""
        found = os.statvfs(self.path)
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(found.f_bavail * found.f_frsize - left_bytes, 1))

    def empty(self) -> None:
        """Make room again."""
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Steps:
    """The commands of a cycle in a home on a disk, its files carried by hand."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self.salur, self.disk, self.root = Salur(disk.path / "home", AT), disk, root
        self.drop = write_drop(root / "drop", people(COUNT, ["bca"]))

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        yield ("init",)
        with (self.salur.home / "salur.toml").open("a") as config:
            config.write('\n[outcomes.files]\nfolder = "outcomes"\n')
        yield ("intake", "--source", str(self.drop))
        yield ("fund", "--amount", "6000000", "--reference", "SP2D-1", "--on", "2020-07-01", "--as", "siti")
        yield ("entitle", "--period", PERIOD)
        yield ("instruct", "--period", PERIOD, "--as", "siti")
        (batch,) = self.salur.batches()
        yield ("release", batch["batch"], "--as", "budi", "--digest", batch["digest"])
        yield ("submit", "--to", str(self.disk.path / "out"))
        for answer in self.answers():
            yield ("receive", str(answer), "--bank", "bca")
        yield ("reconcile", "--period", PERIOD)
        yield ("outcomes",)
        yield ("report", "--period", PERIOD, "--out", str(self.disk.path / "reports"), "--no-data-docs")

    def answers(self) -> list[Path]:
        """What the bank says to what was carried to it."""
        (file,) = (self.disk.path / "out").iterdir()
        teller = SimulatedBank(describe_bank("bca"), seed=1)
        found = teller.take(file.name, file.read_bytes())
        teller.close()
        for name, data in found:
            (self.root / name).write_bytes(data)
        return [self.root / name for name, _ in found]


def line(home: Path, words: tuple[str, ...]) -> list[str]:
    late = words[0] in ("receive", "reconcile", "outcomes", "report")
    return ["--home", str(home), "--at", LATER if late else AT, *words]


def test_each_step_on_a_full_disk_says_so_and_with_room_goes_on(tmp_path: Path, disk: Disk) -> None:
    steps = Steps(tmp_path, disk)
    home = steps.salur.home
    for words in steps:
        before = dump(house_of(steps.salur)) if words[0] != "init" else {}
        codes = []
        for left in LEFT:
            disk.fill(left)
            answer = call(*line(home, words))
            disk.empty()
            codes.append(answer.code)
            assert "Traceback" not in answer.err
            if answer.code == 0:
                break
            assert answer.err.strip(), "it says what is in the way"
            if words[0] not in MORE_THAN_ONE:
                assert dump(house_of(steps.salur)) == before, words
        assert set(codes) <= {0, 14}, (words, codes)
        assert codes[0] == 14, words
        again = call(*line(home, words))
        assert (again.code, words) == (0, words), again.err
    house = house_of(steps.salur)
    assert Counter(instruction_states(house).values()) == {"debited": COUNT}
    assert set(file_states(house).values()) == {"debited"}
    assert call("verify", disk.path / "reports" / f"pack-{PERIOD}.zip").code == 0
    leftovers = [path for path in disk.path.rglob("*") if ".part" in path.name]
    assert leftovers == []
    assert shutil.disk_usage(disk.path).free > 0
