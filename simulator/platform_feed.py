"""The platform of a simulated programme: what it knows of its people by now, in drops, some late, twice or with a wrong manifest."""

import csv
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from simulator.agenda import Agenda, clock_time
from simulator.chance import Chance
from simulator.lives import Known, Row

_COLUMNS = {
    "participants": "participant_id nik kk name wave accepted_on sk_number sk_line occupation status status_at recorded_at",
    "accounts": "participant_id version channel account_number owner_name owner_nik verified_at closed_at recorded_at",
    "trainings": "training_id title provider platform price_idr recorded_at",
    "completions": "completion_id platform participant_id training_id purchased_at completed_at certificate_number rating"
    " reviewed_at recorded_at revoked_at",
    "blocklist": "nik reason source listed_on delisted_on recorded_at",
    "surveys": "participant_id number completed_at recorded_at",
}


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop as it lies in its folder. `is_broken`: its manifest contradicts it, so it must be refused whole."""

    folder: Path
    rows: tuple[Known, ...]
    is_broken: bool = False


class PlatformFeed:
    """Writes drops into `root`. `told` is every row of a drop that was taken, with when it was."""

    def __init__(self, root: Path, agenda: Agenda, chance: Chance, rows: Iterable[Known]) -> None:
        self._root = root
        self._agenda = agenda
        self._chance = chance
        self._waiting = list(rows)
        self._number = 0
        self._last: Drop | None = None
        self._every = chance.of("feed").randrange(2, 6)
        self.told: dict[str, list[Row]] = {name: [] for name in _COLUMNS}

    def add(self, rows: Iterable[Known]) -> None:
        """Something more happens in somebody's life."""
        self._waiting.extend(rows)

    def drops(self, day: date) -> list[Drop]:
        """What lies there to be taken on this day: every few days a drop of what is new, now and then none or several."""
        where = day.isoformat()
        if day.toordinal() % self._every or self._chance.strikes("drop.late", where):
            return []
        new = [known for known in self._waiting if known.at <= clock_time(day, 0)]
        if not new:
            return []
        self._waiting = [known for known in self._waiting if known.at > clock_time(day, 0)]
        new.sort(key=lambda known: known.at, reverse=self._chance.strikes("drop.backwards", where))
        made = [self._write(new)]
        if self._chance.strikes("drop.wrong_manifest", where):
            made.insert(0, self._write(new, is_broken=True))
        if self._last is not None and self._chance.strikes("drop.twice", where):
            made.append(self._last)
        self._last = made[-1]
        return made

    def taken(self, drop: Drop, at: datetime) -> None:
        """The drop was taken at this instant."""
        for known in drop.rows:
            self.told[known.table].append({**known.row, "arrived_at": at})

    def forget(self, counts: dict[str, int]) -> None:
        """What was taken since there were so many rows is not in the record any more."""
        for table, rows in self.told.items():
            del rows[counts[table] :]

    def _write(self, rows: list[Known], *, is_broken: bool = False) -> Drop:
        self._number += 1
        folder = self._root / f"drop-{self._number:04}"
        folder.mkdir(parents=True)
        manifest: dict[str, Any] = {"files": {}}
        for table, columns in _COLUMNS.items():
            mine = [known.row for known in rows if known.table == table]
            if not mine:
                continue
            path = folder / f"{table}.csv"
            with path.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, columns.split(), lineterminator="\n")
                writer.writeheader()
                writer.writerows({name: _text(value) for name, value in row.items()} for row in mine)
            count = len(mine) + (1 if is_broken else 0)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            manifest["files"][path.name] = {"rows": count, "sha256": digest}
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        return Drop(folder, () if is_broken else tuple(rows), is_broken)


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
