"""A training platform as it answers over HTTP: the tables of a drop in pages, and every way in which that goes wrong.

Cursors are places in the table. What is to go wrong is put in `faults`, one an answer, in order; then all is well again.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.lib.small_drop import Row, Tables, json_row


@dataclass(frozen=True)
class Fault:
    """One answer that is not the right one. Without a body it is cut short, delayed, or the right one after a wait."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    seconds: float = 0.0
    """Waited before the answer."""
    is_cut: bool = False
    """The connection ends in the middle of the body."""


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes


class PlatformServer:
    """One running platform: `tables` may be changed while it runs, `asked` is what it was asked, `posted` what it took."""

    def __init__(self, tables: Tables | None = None, token: str = "contoh-token") -> None:
        self.tables: Tables = tables or {}
        self.token = token
        self.manifest: dict[str, Any] | None = None
        self.rows_max = 1000
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.posted: dict[str, Any] = {}
        """What was posted, by idempotency key (or the number of the request): with a key once, however often it comes."""
        self.is_filtering = True
        """Whether `recorded_after` is heeded; a server may leave it aside."""
        self.url = ""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """Status and JSON of a request, when nothing goes wrong."""
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"error": "who are you?"}
        if asked.method == "POST":
            key = asked.headers.get("idempotency-key", str(len(self.asked)))
            self.posted.setdefault(key, json.loads(asked.body))
            return 201, {"taken": key}
        name = asked.path.rpartition("/v1/")[2]
        if name == "manifest" and self.manifest is not None:
            return 200, self.manifest
        if name not in self.tables:
            return 404, {"error": "no such table"}
        return 200, self.page(self._wanted(name, asked.params), asked.params)

    def _wanted(self, name: str, params: dict[str, str]) -> list[Row]:
        rows = self.tables[name]
        if not self.is_filtering or "recorded_after" not in params:
            return rows
        after = datetime.fromisoformat(params["recorded_after"])
        return [row for row in rows if row.get("recorded_at") is None or row["recorded_at"] > after]

    def page(self, rows: list[Row], params: dict[str, str]) -> dict[str, Any]:
        """The rows from the cursor on, and the cursor behind them."""
        first = int(params.get("cursor", "0"))
        behind = first + min(int(params.get("limit", "100")), self.rows_max)
        cursor = str(behind) if behind < len(rows) else None
        return {"rows": [json_row(row) for row in rows[first:behind]], "next_cursor": cursor}


def _handler(server: PlatformServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together: in two pieces, each answer would wait for an acknowledgement

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, *_: Any) -> None:
            """Silence."""

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            server.asked.append(asked)
            fault = server.faults.pop(0) if server.faults else Fault()
            time.sleep(fault.seconds)
            status, data = fault.status, fault.body or b""
            if fault.body is None and status == 200:
                status, value = server.answer(asked)
                data = json.dumps(value).encode()
            with suppress(ConnectionError):
                self._send(status, data, fault)

        def _send(self, status: int, data: bytes, fault: Fault) -> None:
            self.send_response_only(status)
            for name, value in {"Content-Type": "application/json", **fault.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if fault.is_cut else data)
            if fault.is_cut:
                self.close_connection = True

    return Handler


@contextmanager
def platform_server(server: PlatformServer, tls: ssl.SSLContext | None = None) -> Iterator[PlatformServer]:
    """The platform answers on a free loopback port inside the `with`."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    if tls is not None:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
    server.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
