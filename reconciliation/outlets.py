"""Where outcomes are delivered: files in a folder or an object store, and a platform's HTTP interface.

`[outcomes.NAME]` of salur.toml configures each. Giving a notice again gives the same bytes under the same names and keys, so
that a receiver who has it already may drop it.
"""

import hashlib
import io
import json
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import fsspec
import pyarrow as pa
import pyarrow.csv as pa_csv

from ledger.house import House
from ledger.parquet import to_parquet
from ledger.stores import reason_of, store_errors
from platforms.client import Client, Patience
from schemas.errors import InputRejected, TryLater, WrongUsage
from schemas.failpoints import around
from schemas.tables import instants_as_text

PAGE_ROWS = 1000
"""At most so many rows are posted at once."""
PATIENCE_SECONDS = 60.0
"""How long one page is pursued before the notice waits for the next run."""
FORMATS = ("parquet", "csv", "jsonl")
_SETTINGS = frozenset(
    {"folder", "url", "token_file", "platform", "formats", "page_rows", "patience_seconds", "ca_file"}
)


class Outlet(Protocol):
    """A receiver of outcomes: all of them, or those of people who have a completion on `platform`."""

    name: str
    platform: str | None

    def give(self, notice: str, rows: pa.Table) -> bytes:
        """Hand over a notice (outcomes.v1); returns what acknowledges it. Errors: TryLater, InputRejected."""
        ...


def open_outlets(house: House, name: str | None = None) -> dict[str, Outlet]:
    """The outlets of salur.toml by name, or one of them. Errors: WrongUsage for a name that is none, InputRejected."""
    configured: Mapping[str, Any] = house.config.get("outcomes", {})
    if name is not None and name not in configured:
        known = ", ".join(sorted(configured)) or "none"
        raise WrongUsage(f"There is no outlet {name!r}.", f"Outlets: {known}.", "See [outcomes.NAME] of salur.toml.")
    return {each: _open(house, each, configured[each]) for each in sorted(configured) if name in (None, each)}


def _open(house: House, name: str, settings: Mapping[str, Any]) -> Outlet:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise _misconfigured("NAME", "A name has letters, digits, - and _ alone.")
    if unknown := sorted(settings.keys() - _SETTINGS):
        raise _misconfigured(name, f"Nobody knows {', '.join(unknown)}.")
    if ("folder" in settings) == ("url" in settings):
        raise _misconfigured(name, "It has a folder or a url, one of them.")
    if "folder" in settings:
        folder = str(settings["folder"])
        place = folder if "://" in folder else str(house.path / folder)
        return Folder(name, place, settings.get("platform"), tuple(settings.get("formats", FORMATS[:2])))
    token = settings.get("token_file")
    ca_file = settings.get("ca_file")
    seconds = float(settings.get("patience_seconds", PATIENCE_SECONDS))
    return Platform(
        name,
        str(settings["url"]),
        _token(house.path / token, name) if token else None,
        platform=settings.get("platform"),
        page_rows=int(settings.get("page_rows", PAGE_ROWS)),
        patience=Patience(seconds=seconds, wait_seconds=min(0.5, seconds / 10)),
        ca_file=house.path / ca_file if ca_file else None,
    )


def _misconfigured(name: str, why: str) -> InputRejected:
    return InputRejected(f"[outcomes.{name}] of salur.toml cannot be used.", why, "Mend it.")


def _token(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise _misconfigured(name, "Its token_file cannot be read.") from None


class Folder:
    """Files in a folder or under any fsspec URL: `NOTICE.parquet` and so on, and at last `NOTICE.manifest.json`.

    Each is written under a temporary name and renamed; a notice whose manifest is there is whole.
    """

    def __init__(self, name: str, place: str, platform: str | None = None, formats: tuple[str, ...] = FORMATS) -> None:
        if not formats or set(formats) - set(FORMATS):
            raise _misconfigured(name, f"Formats are {', '.join(FORMATS)}.")
        self.name = name
        self.platform = platform
        self._formats = formats
        try:
            self._fs, self._root = fsspec.core.url_to_fs(place)
        except (ValueError, ImportError, OSError):
            raise _misconfigured(name, "Its folder is in no place that can be reached.") from None

    def give(self, notice: str, rows: pa.Table) -> bytes:
        """Write the notice; returns the bytes of its manifest. What is there whole already is held against it."""
        try:
            return self._give(notice, rows)
        except store_errors() as error:
            raise TryLater(
                f"The outlet {self.name} cannot be written to now.",
                reason_of(error),
                "Mend the place, then give the command again.",
            ) from None

    def has(self, notice: str) -> bool:
        """Whether the notice is there, whole."""
        return bool(self._fs.exists(self._path(f"{notice}.manifest.json")))

    def _give(self, notice: str, rows: pa.Table) -> bytes:
        self._fs.makedirs(self._root, exist_ok=True)
        files = {
            f"{notice}.{form}": self._put_aside(f"{notice}.{form}", _bytes_of(rows, form)) for form in self._formats
        }
        stated = {"batch": notice, "rows": rows.num_rows, "files": files}
        manifest = (json.dumps(stated, sort_keys=True, indent=1) + "\n").encode()
        name = f"{notice}.manifest.json"
        if self.has(notice):
            is_same = self._fs.cat_file(self._path(name)) == manifest
            for each in files:
                with around("outlet removal"):
                    self._fs.rm_file(self._partial(each))
            if not is_same:
                raise InputRejected(
                    f"The outlet {self.name} holds another {notice}.",
                    "Another home writes there, or this one was restored from an older copy.",
                    "Give each home a folder of its own.",
                )
            return manifest
        self._put_aside(name, iter([manifest]))
        for each in [*files, name]:  # the manifest last: where it is, all is
            with (
                suppress(FileNotFoundError),
                around("outlet removal"),
            ):  # some servers refuse to rename onto a name that is there
                self._fs.rm_file(self._path(each))
            with around("outlet naming"):
                self._fs.mv(self._partial(each), self._path(each))
        return manifest

    def _path(self, name: str) -> str:
        return posixpath.join(self._root, name)

    def _partial(self, name: str) -> str:
        return self._path(f".{name}.partial")

    def _put_aside(self, name: str, chunks: Iterator[bytes]) -> str:
        """Write bytes under a temporary name; their SHA-256."""
        digest = hashlib.sha256()
        with around("outlet write"), self._fs.open(self._partial(name), "wb") as target:
            for chunk in chunks:
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            with suppress(io.UnsupportedOperation, AttributeError):  # a local file; elsewhere the store answers for it
                os.fsync(target.fileno())
        return digest.hexdigest()


class Platform:
    """A platform's `POST /v1/outcomes`: pages of at most `page_rows` rows, each with an idempotency key of its content."""

    def __init__(
        self,
        name: str,
        url: str,
        token: str | None,
        *,
        platform: str | None = None,
        page_rows: int = PAGE_ROWS,
        patience: Patience | None = None,
        ca_file: Path | None = None,
    ) -> None:
        if page_rows < 1:
            raise _misconfigured(name, "A page has at least one row.")
        self.name = name
        self.platform = platform
        self._page_rows = page_rows
        self._client = partial(Client, url, token, called=name, patience=patience, ca_file=ca_file)

    def give(self, notice: str, rows: pa.Table) -> bytes:
        """Post the notice page by page; returns what was answered to each, as JSON. Without rows it is one empty page."""
        count = max(1, -(-rows.num_rows // self._page_rows))
        answers = []
        with self._client() as client:
            for number in range(count):
                page = plain_rows(rows.slice(number * self._page_rows, self._page_rows))
                body = {"batch": notice, "page": number + 1, "pages": count, "rows": page}
                key = f"{notice}-{number + 1}-{_digest(body)[:32]}"
                answers.append(client.post("/v1/outcomes", body, idempotency_key=key))
        return _json({"batch": notice, "answers": answers})


def plain_rows(rows: pa.Table) -> list[dict[str, Any]]:
    """outcomes.v1 as JSON has it: instants with their offset, dates as YYYY-MM-DD, what is unknown as null."""
    text = instants_as_text(rows)
    text = text.set_column(text.column_names.index("due_on"), "due_on", text["due_on"].cast(pa.string()))
    plain: list[dict[str, Any]] = text.to_pylist()
    return plain


def _bytes_of(rows: pa.Table, form: str) -> Iterator[bytes]:
    if form == "parquet":
        yield bytes(to_parquet(rows))
    elif form == "csv":
        sink = io.BytesIO()
        pa_csv.write_csv(instants_as_text(rows), sink, pa_csv.WriteOptions(quoting_style="needed"))
        yield sink.getvalue()
    else:
        for start in range(0, rows.num_rows, PAGE_ROWS):
            yield b"".join(_json(row) + b"\n" for row in plain_rows(rows.slice(start, PAGE_ROWS)))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _digest(value: Any) -> str:
    return hashlib.sha256(_json(value)).hexdigest()
