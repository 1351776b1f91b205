"""A training platform's HTTP interface: pages of rows are fetched, and outcomes posted, with bounds on everything.

What passes by itself (no connection, 429, 5xx) is tried again, later each time, and not before the moment that a
`Retry-After` names; what does not (401, 403, 404, nonsense) is refused at once. The token goes to the one host it is
for: a redirect is never followed, and clear HTTP is spoken to this machine alone. No error repeats what was sent or
answered: it names the platform, the path and the status.
"""

import hashlib
import ipaddress
import json
import logging
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import tenacity

from platforms.pages import Row, read_page
from schemas.errors import InputRejected, TryLater

UNMOVED_MAX = 100
"""So many pages on end that bring nothing new are a server that never ends."""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be others in a moment."""
_WHY = {
    401: "It does not take our token.",
    403: "It does not allow us this.",
    404: "It knows no such path.",
    413: "It takes no request of this size.",
}
_NAME_OF_KEY = re.compile(r"[A-Za-z0-9._:-]{1,255}")

# The library's log would repeat addresses with their cursors, in which a platform may have put anything.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


class NotThere(InputRejected):
    """The platform knows no such path (404): a table that it does not offer."""


@dataclass(frozen=True)
class Patience:
    """How long one request is pursued: so many tries, so many seconds altogether, so long between two tries."""

    tries: int = 8
    seconds: float = 300.0
    wait_seconds: float = 0.5
    wait_seconds_max: float = 60.0
    timeout_seconds: float = 30.0
    """The longest silence of a connection; a whole answer may take four times as long."""


class _Passing(Exception):
    """What may be better in a moment; `after` are the seconds that the platform asks us to wait."""

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.after = after


class _NotSent(_Passing):
    """Nothing has left this machine: the connection never came about."""


class Client:
    """The interface of one platform. `called` is what errors call it; `ca_file` holds the certificates of its own authority.

    Errors of every call: `TryLater` when it is out of reach or asks for more patience than there is, `InputRejected` when
    it refuses or answers what cannot be read, of that `NotThere` for 404.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        called: str = "",
        page_rows: int = 1000,
        body_bytes_max: int = 64 * 1024 * 1024,
        patience: Patience | None = None,
        ca_file: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        url = _address(base_url)
        self.called = called or url.host
        self._patience = patience or Patience()
        self._page_rows = page_rows
        self._body_bytes_max = body_bytes_max
        self._sleep = sleep
        headers = {"Accept": "application/json"}
        if token is not None:
            if not re.fullmatch(r"[!-~]+", token):
                raise InputRejected(f"The token for {self.called} is none.", "It has spaces, or is empty.", "Mend it.")
            headers["Authorization"] = f"Bearer {token}"
        is_here = _is_this_machine(url.host)
        self._http = httpx.Client(
            base_url=str(url).rstrip("/").removesuffix("/v1"),
            headers=headers,
            timeout=self._patience.timeout_seconds,
            verify=_trusted(url.scheme, ca_file, self.called),
            follow_redirects=False,
            trust_env=not is_here,
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> bytes:
        """The body of a path."""
        return self._pursued(path, lambda: self._once("GET", path, dict(params or {})))

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[list[Row]]:
        """The rows of a path, page by page, until no `next_cursor` comes. A page may repeat rows; a cursor may not come again."""
        asked = {**(params or {}), "limit": str(self._page_rows)}
        cursors: set[bytes] = set()
        last, unmoved = b"", 0
        while True:
            body = self.get(path, asked)
            try:
                rows, cursor = read_page(body.decode("utf-8-sig"))
            except ValueError as error:
                why = str(error) if type(error) is ValueError else "It is no UTF-8."
                raise self._nonsense(path, why) from None
            yield rows
            if cursor is None:
                return
            mark, digest = hashlib.sha256(cursor.encode()).digest(), hashlib.sha256(b"\n".join(rows)).digest()
            if mark in cursors:
                raise self._nonsense(path, "A cursor came again: its pages go in a circle, and some would be missed.")
            cursors.add(mark)
            unmoved = unmoved + 1 if not rows or digest == last else 0
            if unmoved > UNMOVED_MAX:
                raise self._nonsense(path, f"{UNMOVED_MAX} pages on end brought nothing new.")
            last = digest
            asked["cursor"] = cursor

    def post(self, path: str, body: Any, idempotency_key: str | None = None) -> Any:
        """Post `body` as JSON; returns what is answered, read as JSON (None when nothing is).

        With a key (the platform takes what bears it once, however often it comes) it is tried again like a fetch. Without
        one only a connection that never came about is: of anything else it is not known whether it arrived.
        """
        headers = {"Content-Type": "application/json"}
        if idempotency_key is not None:
            assert _NAME_OF_KEY.fullmatch(idempotency_key), "an idempotency key is derived, from plain characters"
            headers["Idempotency-Key"] = idempotency_key
        content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        data = self._pursued(
            path, lambda: self._once("POST", path, {}, content, headers), is_safe=idempotency_key is not None
        )
        if not data:
            return None
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise self._nonsense(path, "It is no JSON.") from None

    def _pursued(self, path: str, ask: Callable[[], bytes], is_safe: bool = True) -> bytes:
        """What `ask` gives, tried again while what goes wrong passes and patience lasts."""
        patience = self._patience
        end = time.monotonic() + patience.seconds
        kind = _Passing if is_safe else _NotSent
        backoff = tenacity.wait_exponential_jitter(
            multiplier=patience.wait_seconds, max=patience.wait_seconds_max, jitter=patience.wait_seconds
        )

        def again(error: BaseException) -> bool:
            return isinstance(error, kind) and time.monotonic() + error.after < end

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return max(backoff(state), error.after if isinstance(error, _Passing) else 0.0)

        trying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(again),
            stop=tenacity.stop_after_attempt(patience.tries) | tenacity.stop_after_delay(patience.seconds),
            wait=wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return trying(ask)
        except _Passing as error:
            tried_once = not is_safe and not isinstance(error, _NotSent)
            unknown = " It is not known whether it arrived, so it was not sent again." if tried_once else ""
            raise TryLater(
                f"The platform {self.called} cannot be asked for {path} now.",
                f"{error.why}{unknown}",
                "Give the same command again later.",
            ) from None

    def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """One request and its whole answer."""
        end = time.monotonic() + 4 * self._patience.timeout_seconds
        try:
            with self._http.stream(method, path, params=params, content=content, headers=headers) as response:
                self._refuse(path, response)
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > self._body_bytes_max:
                        raise self._nonsense(path, f"It is larger than {self._body_bytes_max:,} bytes.")
                    if time.monotonic() > end:
                        raise _Passing("Its answer takes too long.")
                return bytes(body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise InputRejected(
                    f"The platform {self.called} cannot prove who it is.",
                    "Its TLS certificate is not one that we trust.",
                    "Ask the platform. A certificate of its own authority is named by ca_file.",
                ) from None
            raise _NotSent("No connection comes about.") from None
        except httpx.TimeoutException:
            raise _Passing("It does not answer in time.") from None
        except httpx.DecodingError:
            raise self._nonsense(path, "Its compression cannot be undone.") from None
        except httpx.RequestError:
            raise _Passing("The connection broke off.") from None

    def _refuse(self, path: str, response: httpx.Response) -> None:
        """Raise what a status means, unless it is one of success."""
        status = response.status_code
        if response.is_success:
            return
        if status in _PASSING:
            raise _Passing(f"It answers {status}.", _retry_after(response))
        kind = NotThere if status == 404 else InputRejected
        redirects = "It sends us elsewhere, where our token does not belong." if response.is_redirect else "It refuses."
        raise kind(
            f"The platform {self.called} answers {status} to {path}.",
            _WHY.get(status, redirects),
            "Check its address and our token.",
        )

    def _nonsense(self, path: str, why: str) -> InputRejected:
        return InputRejected(
            f"What the platform {self.called} answers to {path} cannot be used.", why, "Tell the platform."
        )


def _address(base_url: str) -> httpx.URL:
    """The address, refused when it would carry a secret, or carry ours in clear."""
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    do = "Give it as https://HOST/PATH."
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise InputRejected("The address of a platform cannot be read.", "", do)
    if url.userinfo:
        raise InputRejected(f"The address of {url.host} holds a secret.", "It would stand in logs.", do)
    if url.scheme == "http" and not _is_this_machine(url.host):
        raise InputRejected(
            f"{url.host} would be spoken to in clear.", "People's data and our token would be seen.", do
        )
    return url


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trusted(scheme: str, ca_file: Path | None, called: str) -> ssl.SSLContext:
    """The authorities that are believed: the usual ones, or those of a file alone; where there is no TLS, none."""
    if scheme == "http":
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise InputRejected(f"The ca_file of {called} holds no certificate.", "", "Mend salur.toml.") from None


def _retry_after(response: httpx.Response) -> float:
    """The seconds of a `Retry-After`, which may be a date: then by the server's own clock. None is no wait."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(response.headers.get("Date", ""))
        return max(wait.total_seconds(), 0.0)
    except (TypeError, ValueError):
        return 0.0
