"""What a simulated bank remembers: files and ids it has seen, its ledger of the debtor's account, answers to come.

SQLite, in memory or in the bank's folder, so that a bank that is stopped goes on where it was. A step of the bank is
one transaction: killed in the middle, it is done again from the same state and says the same thing.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path

from simulator.statement import Entry

_TABLES = """
CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS files (file_name TEXT, sha256 TEXT, PRIMARY KEY (file_name, sha256));
CREATE INDEX IF NOT EXISTS files_by_digest ON files (sha256);
CREATE TABLE IF NOT EXISTS messages (message_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS transfers (end_to_end_id TEXT PRIMARY KEY, content BLOB, is_paid INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bookings (number INTEGER PRIMARY KEY, booking_date TEXT, is_booked INTEGER, entry TEXT);
CREATE TABLE IF NOT EXISTS later (number INTEGER PRIMARY KEY, file_name TEXT, data BLOB);
"""
_IDS_PER_QUERY = 10_000


class BankState:
    """The memory of one bank; see the module. Amounts in whole rupiah."""

    def __init__(self, path: Path | None) -> None:
        self._database = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._database.executescript(_TABLES)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def close(self) -> None:
        self._database.close()

    def number(self, name: str) -> int | None:
        row = self._database.execute("SELECT value FROM numbers WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def set_number(self, name: str, value: int) -> None:
        self._database.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?)", (name, value))

    def next_number(self, name: str) -> int:
        value = (self.number(name) or 0) + 1
        self.set_number(name, value)
        return value

    def has_file(self, sha256: str, file_name: str | None = None) -> bool:
        """Whether these bytes have been taken, under any name or under this one."""
        found = self._database.execute(
            "SELECT 1 FROM files WHERE sha256 = ? AND (? IS NULL OR file_name = ?)", (sha256, file_name, file_name)
        )
        return found.fetchone() is not None

    def remember_file(self, file_name: str, sha256: str) -> None:
        self._database.execute("INSERT OR IGNORE INTO files VALUES (?, ?)", (file_name, sha256))

    def remember_message(self, message_id: str) -> bool:
        """Note a message id; False when it was there already."""
        return self._database.execute("INSERT OR IGNORE INTO messages VALUES (?)", (message_id,)).rowcount == 1

    def known_transfers(self, end_to_end_ids: Sequence[str]) -> dict[str, tuple[bytes, bool]]:
        """Of these ids, those seen earlier: the digest of their content, and whether the transfer was paid."""
        known: dict[str, tuple[bytes, bool]] = {}
        for start in range(0, len(end_to_end_ids), _IDS_PER_QUERY):
            part = json.dumps(end_to_end_ids[start : start + _IDS_PER_QUERY])
            rows = self._database.execute(
                "SELECT * FROM transfers WHERE end_to_end_id IN (SELECT value FROM json_each(?))", (part,)
            )
            known.update((row[0], (row[1], bool(row[2]))) for row in rows)
        return known

    def remember_transfers(self, rows: Iterator[tuple[str, bytes, bool]]) -> None:
        """Note (end-to-end id, content, paid); the first content of an id stands, paid is never taken back."""
        self._database.executemany(
            "INSERT INTO transfers VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET is_paid = max(is_paid, excluded.is_paid)"
            " WHERE content = excluded.content",
            rows,
        )

    def add_booking(self, entry: Entry, is_booked: bool) -> None:
        """Note an entry for the next statement, booked now or (a return) only when its day comes."""
        row = (entry.booking_date.isoformat(), is_booked, json.dumps(asdict(entry), default=date.isoformat))
        self._database.execute("INSERT INTO bookings (booking_date, is_booked, entry) VALUES (?, ?, ?)", row)

    def book_due(self, until: date | None) -> date | None:
        """Book the noted entries whose day has come (all when `until` is None); the last of their days."""
        day = (until or date.max).isoformat()
        last = self._database.execute(
            "SELECT max(booking_date) FROM bookings WHERE NOT is_booked AND booking_date <= ?", (day,)
        ).fetchone()[0]
        self._database.execute("UPDATE bookings SET is_booked = 1 WHERE booking_date <= ?", (day,))
        return None if last is None else date.fromisoformat(last)

    def booked_entries(self) -> list[Entry]:
        """The entries booked since the last statement, in booking order."""
        rows = self._database.execute("SELECT entry FROM bookings WHERE is_booked ORDER BY booking_date, number")
        return [_entry(row[0]) for row in rows]

    def forget_booked_entries(self) -> None:
        """They are on a statement now."""
        self._database.execute("DELETE FROM bookings WHERE is_booked")

    def keep_for_later(self, file_name: str, data: bytes) -> None:
        self._database.execute("INSERT INTO later (file_name, data) VALUES (?, ?)", (file_name, data))

    def take_kept(self) -> list[tuple[str, bytes]]:
        """The answers kept for later, in the order in which they were made; they are not kept any longer."""
        rows = self._database.execute("SELECT file_name, data FROM later ORDER BY number").fetchall()
        self._database.execute("DELETE FROM later")
        return [(str(row[0]), bytes(row[1])) for row in rows]


def _entry(text: str) -> Entry:
    fields = json.loads(text)
    fields["booking_date"] = date.fromisoformat(fields["booking_date"])
    return Entry(**fields)
