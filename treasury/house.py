"""The one place where real edges are chosen: makes a home and opens it."""

import getpass
import json
import os
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ledger.archive import Archive
from ledger.dialects import in_home, without_password
from ledger.house import House
from ledger.instants import to_micros
from ledger.keyring import load_keyring, new_key_file
from ledger.store import Store
from schemas.errors import InputRejected, TryLater
from schemas.failpoints import around
from schemas.identifiers import check_person

CONFIG = "salur.toml"
KEY = "keys/master.key"
DSN = "sqlite:///ledger.db"
PASSWORD = "keys/ledger.pgpass"  # noqa: S105 - where it lies, in libpq's own format

_TEMPLATE = """\
# Salur: configuration of this home. Secrets lie in keys/, never here.
version = 1

[ledger]
dsn = {dsn}

[archive]
url = {archive}

[release]
# How long a consent holds, in hours.
consent_hours = 72

[run]
# How long `salur run` waits for the banks' answers before it goes on, in seconds.
wait_seconds = 60

# One table a bank that is reached over SFTP; without it the bank's files are written with `salur submit --to DIR`.
# [banks.bni]
# host = "127.0.0.1"
# port = 2022
# user = "salur"
# private_key = "keys/bank_ed25519"
# host_key = "ssh-ed25519 AAAA..."
# inbox = "/in"
# outbox = "/out"
# after_arrival = "left"   # only once the bank has said that it leaves our files where they arrived

# One table an outlet that is told what became of payments: files in a folder (or under any fsspec URL), or a platform's API.
# [outcomes.dashboard]
# folder = "outcomes"
# [outcomes.platform]
# url = "https://platform.example"
# token_file = "keys/platform.token"
# platform = "NAME"   # only people who have a completion on it; everybody, when not given
"""


def home_path(given: Path | None) -> Path:
    """The home: as given, else `$SALUR_HOME`, else `./var`."""
    return given or Path(os.environ.get("SALUR_HOME") or "var")


def init_house(home: Path | None, at: datetime, dsn: str | None = None, archive: str | None = None) -> bool:
    """Make the home: configuration, keys, archive folder and ledger. False when it was there; it is then left as it is.

    A password in the DSN of PostgreSQL goes to a file in `keys/` that only its owner reads, never into the configuration.
    """
    path = home_path(home)
    config = path / CONFIG
    made = not config.exists()
    dsn, password = without_password(dsn or DSN, PASSWORD)
    if made:
        Store(dsn)  # one that cannot be is refused before anything is written
    try:
        path.mkdir(parents=True, exist_ok=True)
        if made:
            if not (path / KEY).exists():
                new_key_file(path / KEY)
            if password is not None:
                _write_secret(path / PASSWORD, password)
            (path / "archive").mkdir(exist_ok=True)
            settings = {"dsn": _quoted(dsn), "archive": _quoted(archive or "archive")}
            coming = config.with_name(f".{CONFIG}.part")
            with around("config write"):
                coming.write_text(_TEMPLATE.format(**settings), encoding="utf-8")
            with around("config naming"):
                coming.replace(config)  # a home is one from here on, and whole
    except OSError as error:
        raise TryLater(
            f"The home {path} cannot be written.", error.strerror or type(error).__name__, "Give another --home."
        ) from None
    house = open_house(home, at)
    house.store.create(to_micros(at))
    return made


def _write_secret(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with around("password write"), os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def _quoted(text: str) -> str:
    """As a TOML string, which JSON's is one of."""
    return json.dumps(text, ensure_ascii=False)


def open_house(
    home: Path | None,
    at: datetime | None = None,
    actor: str | None = None,
    say: Callable[[str], None] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> House:
    """Open a home at the instant `at` (now, when none is given) for `actor` (the system's user, when none is given).

    `say` and `progress` are told how far the work is; nobody is, when they are not given.
    """
    path = home_path(home).absolute()
    check_person(actor or "")
    try:
        config = tomllib.loads((path / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputRejected(f"There is no home in {path}.", f"{CONFIG} is not there.", "Run: salur init") from None
    except (OSError, ValueError) as error:
        raise InputRejected(f"{path / CONFIG} cannot be read.", str(error), "Mend the file.") from None
    keys = load_keyring(path / KEY)
    house = House(
        path=path,
        config=config,
        store=Store(_dsn(config, path)),
        archive=Archive(_archive_url(config, path), keys),
        keys=keys,
        at=at or datetime.now(UTC),
        actor=actor or getpass.getuser(),
    )
    return replace(house, say=say or house.say, progress=progress or house.progress)


def _dsn(config: dict[str, dict[str, str]], path: Path) -> str:
    return in_home(config.get("ledger", {}).get("dsn", DSN), path)


def _archive_url(config: dict[str, dict[str, str]], path: Path) -> str:
    url = config.get("archive", {}).get("url", "archive")
    return url if "://" in url else str(path / url)
