"""The client of a training platform's HTTP interface, against a server that answers as platforms do on their bad days."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import logging
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from platforms.client import Client, NotThere, Patience
from schemas.errors import InputRejected, SalurError, TryLater
from tests.lib.platform_server import Fault, PlatformServer, platform_server
from tests.lib.ports import free_port
from tests.lib.small_drop import people

QUICK = Patience(tries=4, seconds=300, wait_seconds=0.001, wait_seconds_max=0.002)
PATH = "/v1/participants"


@pytest.fixture
def server() -> Iterator[PlatformServer]:
    with platform_server(PlatformServer(people(7))) as running:
        yield running


def client(server: PlatformServer, **settings: object) -> Client:
    given = {"patience": QUICK, "page_rows": 3, **settings}
    return Client(server.url, server.token, called="contoh", **given)  # type: ignore[arg-type]


def ids(server: PlatformServer, **settings: object) -> list[str]:
    """The participants that the client fetches, in the order in which it does."""
    with client(server, **settings) as asking:
        return [json.loads(row)["participant_id"] for rows in asking.pages(PATH) for row in rows]


ALL = [f"CONTOH{n:04}" for n in range(1, 8)]


@pytest.mark.parametrize("page_rows", [1, 3, 7, 100])
def test_every_row_comes_once_in_any_size_of_page(server: PlatformServer, page_rows: int) -> None:
    assert ids(server, page_rows=page_rows) == ALL
    assert {asked.params["limit"] for asked in server.asked} == {str(page_rows)}


def test_a_server_may_give_smaller_pages_than_asked(server: PlatformServer) -> None:
    server.rows_max = 2
    assert ids(server, page_rows=5) == ALL


@pytest.mark.parametrize(
    "fault",
    [Fault(429), Fault(500), Fault(502), Fault(503), Fault(504), Fault(is_cut=True)],
    ids=["429", "500", "502", "503", "504", "cut short"],
)
def test_what_passes_is_tried_again_until_it_has_passed(server: PlatformServer, fault: Fault) -> None:
    server.faults = [fault, Fault(), fault, fault]
    assert ids(server) == ALL
    assert len(server.asked) == 3 + 3


def test_a_silence_is_not_waited_for_longer_than_its_bound(server: PlatformServer) -> None:
    server.faults = [Fault(seconds=1.5)]
    assert ids(server, patience=replace(QUICK, timeout_seconds=0.5)) == ALL
    assert len(server.asked) > 3


@pytest.mark.parametrize("after", ["90", "Tue, 02 Jun 2020 01:01:30 GMT"])
def test_a_retry_is_not_made_before_the_moment_that_the_platform_names(server: PlatformServer, after: str) -> None:
    date = {"Date": "Tue, 02 Jun 2020 01:00:00 GMT"}
    server.faults = [Fault(429, {"Retry-After": after, **date})]
    waits: list[float] = []
    assert ids(server, sleep=waits.append) == ALL
    assert waits == [90.0]


def test_a_platform_that_asks_for_more_patience_than_there_is_is_left_for_later(server: PlatformServer) -> None:
    server.faults = [Fault(429, {"Retry-After": "3600"})]
    with pytest.raises(TryLater, match=r"contoh.*answers 429"):
        ids(server)
    assert len(server.asked) == 1


def test_tries_are_bounded(server: PlatformServer) -> None:
    server.faults = [Fault(500)] * 10
    with pytest.raises(TryLater, match="answers 500"):
        ids(server)
    assert len(server.asked) == QUICK.tries


def test_a_platform_that_nobody_answers_for_is_for_later() -> None:
    with (
        Client(f"http://127.0.0.1:{free_port()}", "contoh", patience=QUICK) as asking,
        pytest.raises(TryLater, match="No connection"),
    ):
        asking.get(PATH)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_what_does_not_pass_is_refused_at_once(server: PlatformServer, status: int) -> None:
    server.faults = [Fault(status)]
    with pytest.raises(InputRejected, match=f"answers {status} to {PATH}") as refused:
        ids(server)
    assert isinstance(refused.value, NotThere) == (status == 404)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"rows": [{"a": 1}',
        b'{"rows": [{"a": 1},], "next_cursor": null}',
        b'{"rows": [], "next_cursor": null} {}',
        b'{"rows": {"a": 1}, "next_cursor": null}',
        b'{"rows": []}',
        b'{"next_cursor": null}',
        b'{"rows": [{"a": 1}], "rows": [], "next_cursor": null}',
        b'{"rows": [], "next_cursor": 5}',
        b'{"rows": ["\xff"], "next_cursor": null}',
        b'[{"a": 1}]',
        b'{"rows": ' + b"[" * 100_000,
    ],
)
def test_nonsense_is_refused_and_not_repeated_in_the_error(server: PlatformServer, body: bytes) -> None:
    server.faults = [Fault(body=body)]
    with pytest.raises(InputRejected, match="cannot be used") as refused:
        ids(server)
    assert '"a"' not in str(refused.value)


def test_an_answer_larger_than_the_bound_is_refused(server: PlatformServer) -> None:
    with pytest.raises(InputRejected, match="larger than 500 bytes"):
        ids(server, body_bytes_max=500)


@pytest.mark.parametrize("cursors", [["3", "3"], ["3", "6", "3"]], ids=["stands still", "goes back"])
def test_a_cursor_that_comes_again_is_noticed(server: PlatformServer, cursors: list[str]) -> None:
    pages = [{"rows": [{"participant_id": f"CONTOH{n}"}], "next_cursor": cursor} for n, cursor in enumerate(cursors)]
    server.faults = [Fault(body=json.dumps(page).encode()) for page in pages]
    with pytest.raises(InputRejected, match="in a circle"):
        ids(server)


def test_a_server_that_never_ends_is_left(server: PlatformServer) -> None:
    pages = [{"rows": [], "next_cursor": f"ever on {n}"} for n in range(200)]
    server.faults = [Fault(body=json.dumps(page).encode()) for page in pages]
    with pytest.raises(InputRejected, match="nothing new"):
        ids(server)


def test_rows_are_handed_on_as_they_are_written(server: PlatformServer) -> None:
    page = b'{"next_cursor": null, "rows": [ {"price_idr":\r\n 1e2, "price_idr": 0.10 } , null,"text"]}'
    server.faults = [Fault(body=page)]
    with client(server) as asking:
        assert list(asking.pages(PATH)) == [[b'{"price_idr":   1e2, "price_idr": 0.10 }', b"null", b'"text"']]


def test_a_token_follows_no_redirect(server: PlatformServer) -> None:
    with platform_server(PlatformServer()) as other:
        server.faults = [Fault(302, {"Location": f"{other.url}{PATH}"})]
        with pytest.raises(InputRejected, match="sends us elsewhere"):
            ids(server)
        assert other.asked == []


@pytest.mark.parametrize(
    "url", ["http://platform.example/", "https://user:secret@platform.example/", "ftp://platform.example/", "https://"]
)
def test_an_address_that_would_give_something_away_is_refused(url: str) -> None:
    with pytest.raises(InputRejected) as refused:
        Client(url, "contoh")
    assert "secret@" not in str(refused.value)


def test_a_post_with_a_key_is_taken_once_however_often_it_is_sent(server: PlatformServer) -> None:
    server.faults = [Fault(503), Fault(is_cut=True)]
    with client(server) as asking:
        assert asking.post("/v1/outcomes", {"rows": [1]}, "outcome-1") == {"taken": "outcome-1"}
    assert server.posted == {"outcome-1": {"rows": [1]}}
    assert len(server.asked) == 3


def test_a_post_without_a_key_is_not_sent_again(server: PlatformServer) -> None:
    server.faults = [Fault(503)]
    with client(server) as asking, pytest.raises(TryLater, match="not known whether it arrived"):
        asking.post("/v1/outcomes", {"rows": [1]})
    assert len(server.asked) == 1


def test_neither_token_nor_rows_nor_cursor_reach_an_error_or_a_log(
    server: PlatformServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    page = {"rows": [{"participant_id": "3171010101909901"}], "next_cursor": "3171010101909902"}
    server.faults = [Fault(body=json.dumps(page).encode()), *[Fault(500)] * 10]
    with pytest.raises(SalurError) as raised:
        ids(server)
    said = f"{raised.value!r} {caplog.text} {[vars(record) for record in caplog.records]}"
    assert [word for word in (server.token, "3171010101909901", "3171010101909902") if word in said] == []


def test_a_server_that_cannot_prove_who_it_is_is_not_spoken_to(tmp_path: Path) -> None:
    certificate = _certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, tmp_path / "key.pem")
    with platform_server(PlatformServer(people(7)), tls) as server:
        with pytest.raises(InputRejected, match="cannot prove who it is"):
            ids(server)
        assert server.asked == []
        assert ids(server, ca_file=certificate) == ALL


def _certificate(folder: Path) -> Path:
    """A certificate for this machine that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "contoh")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(secret)
    (folder / "certificate.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    return folder / "certificate.pem"
