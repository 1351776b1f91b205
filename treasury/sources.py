"""Which source a word means: the address itself, or the table `[sources.NAME]` of salur.toml, with its secret read for it.

A secret stands in a file of its own or in the environment, never in salur.toml and, with a name, never on a command line.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from disbursement.sources.origin import Origin, origin_of
from ledger.house import House
from schemas.errors import InputRejected

TOKEN = "SALUR_SOURCE_TOKEN"  # noqa: S105 - the name of a variable
"""The token for an HTTP address that is given without a name."""
_SECRETS = ("token_file", "token_env", "password_file", "password_env", "secret_file", "secret_env")
_FILES = ("ca_file", "private_key", "known_hosts")
_TEXTS = ("schema", "host_key", "endpoint", "key_id")
_NUMBERS = ("page_rows", "overlap_hours")
SETTINGS = frozenset({*_FILES, *_TEXTS, *_NUMBERS})
"""What a source may be told beside its address and its secret; see `Origin`."""


def source(house: House, word: str) -> Origin:
    """The source that `word` names, or whose address it is.

    Errors: InputRejected when its configuration is not complete, or its secret cannot be read.
    """
    tables = house.config.get("sources", {})
    if word in tables:
        return configured(word, tables[word], house.path)
    origin = origin_of(word)
    if origin.scheme in ("http", "https") and origin.secret is None:
        return origin_of(word, secret=os.environ.get(TOKEN))
    return origin


def configured(name: str, table: Mapping[str, Any], home: Path, secret: str | None = None) -> Origin:
    """The source that a table of settings describes: its url, SETTINGS, and where its secret lies, unless that is given.

    Errors: InputRejected when the url is missing, a setting is not known, or the secret cannot be read.
    """
    known = {"url", *SETTINGS, *(() if secret else _SECRETS)}
    wrong = sorted({key for key in table if key not in known} | {key for key in _NUMBERS if not _is_number(table, key)})
    if not isinstance(table.get("url"), str) or wrong:
        raise InputRejected(
            f"The configuration of source {name} is not complete.",
            f"Wrong: {', '.join(wrong)}." if wrong else "It has no url.",
            "Mend salur.toml.",
        )
    settings = {key: table[key] for key in (*_TEXTS, *_NUMBERS) if key in table}
    files = {key: str(home / str(table[key])) for key in _FILES if key in table}
    url = str(table["url"])
    for prefix in ("", "sqlite:///"):  # a file, as seen from the home; an absolute one stays where it is
        if url.startswith(prefix) and "://" not in (place := url.removeprefix(prefix)):
            url = f"{prefix}{home / place}"
    return origin_of(url, name, secret or _secret(name, table, home), **settings, **files)


def _is_number(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, 1)
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _secret(name: str, table: Mapping[str, Any], home: Path) -> str | None:
    given = [key for key in _SECRETS if key in table]
    if not given:
        return None
    key = given[0]
    if key.endswith("_env"):
        found = os.environ.get(str(table[key]))
    else:
        try:
            found = (home / str(table[key])).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            found = None
    if not found:
        raise InputRejected(
            f"The secret of source {name} cannot be read.", f"{key} leads to none.", "Mend salur.toml, or the secret."
        )
    return found
