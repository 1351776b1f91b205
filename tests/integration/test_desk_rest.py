"""The client of Airflow's API against a server that is too busy: what only looks is asked again, what changes something never is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from schemas.errors import TryLater
from treasury.desk.rest import ATTEMPTS, Desk


class Busy(ThreadingHTTPServer):
    """Logs everybody in, and hangs up on the first `busy` requests after that."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.busy = 0
        self.asked: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Busy

    def do_GET(self) -> None:
        self._answer({"dags": [{"dag_id": "intake"}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({"access_token": "invented"} if self.path == "/auth/token" else {"dag_run_id": "one"})

    def _answer(self, body: dict[str, object]) -> None:
        if self.path != "/auth/token":
            self.server.asked.append(self.command)
            if len(self.server.asked) <= self.server.busy:
                self.close_connection = True
                return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *words: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def server() -> Iterator[Busy]:
    with Busy() as busy:
        threading.Thread(target=busy.serve_forever, daemon=True).start()
        yield busy
        busy.shutdown()


@pytest.fixture
def desk(server: Busy) -> Iterator[Desk]:
    with Desk(f"http://127.0.0.1:{server.server_port}", "maker", "invented", lambda _: None) as session:
        yield session


def test_a_look_is_asked_for_again_until_it_is_answered(server: Busy, desk: Desk) -> None:
    server.busy = ATTEMPTS - 1
    assert desk.dag_ids() == {"intake"}
    assert server.asked == ["GET"] * ATTEMPTS


def test_a_server_that_stays_silent_is_given_up_in_words(server: Busy, desk: Desk) -> None:
    server.busy = 2 * ATTEMPTS
    with pytest.raises(TryLater, match="Airflow does not answer to GET /dags"):
        desk.dag_ids()
    assert server.asked == ["GET"] * ATTEMPTS


def test_a_run_is_never_asked_for_twice_because_an_answer_was_lost(server: Busy, desk: Desk) -> None:
    server.busy = 1
    with pytest.raises(TryLater, match="does not answer to POST"):
        desk.trigger("disburse", "2020-12")
    assert server.asked == ["POST"]
