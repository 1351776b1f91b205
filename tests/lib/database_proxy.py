"""A line to PostgreSQL that breaks at a chosen commit: before the server has heard of it, or after it was kept and before that is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ledger.dialects import parse_dsn
from treasury import local_postgres

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
TOLD = b"C\x00\x00\x00\x0bCOMMIT\x00"


class DatabaseProxy:
    """Counts the commits that pass; `cut_at` is the one (from 1) at which the line breaks, `is_kept` whether the server hears of it."""

    def __init__(self, folder: Path) -> None:
        self._target = f"{folder}/.s.PGSQL.{local_postgres.port(folder)}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.commits = 0
        self.cut_at: int | None = None
        self.is_kept = False
        threading.Thread(target=self._serve, daemon=True).start()

    def dsn(self, direct: str) -> str:
        """The DSN of a database through this line."""
        url = parse_dsn(direct)
        return f"postgresql+psycopg://{url.username}@127.0.0.1:{self.port}/{url.database}?sslmode=disable&gssencmode=disable"

    def break_at(self, commit: int, is_kept: bool) -> None:
        """Count anew, and break at that commit."""
        self.commits, self.cut_at, self.is_kept = 0, commit, is_kept

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()
                threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                if COMMIT in data:
                    self.commits += 1
                    if self.commits == self.cut_at and not self.is_kept:
                        break
                server.sendall(data)
        _end(client, server)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                if TOLD in data and self.commits == self.cut_at and self.is_kept:
                    break
                client.sendall(data)
        _end(client, server)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def database_proxy(folder: Path) -> Iterator[DatabaseProxy]:
    """A line that is up inside the `with`, to the server of this folder."""
    proxy = DatabaseProxy(folder)
    try:
        yield proxy
    finally:
        proxy.close()
