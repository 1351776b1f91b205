"""Where a drop comes from: an address, what it is called, and what opens it. Pure: who reads secrets hands them in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

_NAME_AND_PASSWORD = re.compile(r"^(?P<user>[^:@/]*)(:(?P<password>[^@]*))?@")


@dataclass(frozen=True)
class Origin:
    """One source. `url` holds no secret; `called` is what errors, logs and the record call it.

    `secret` is the token (HTTP), the password (a database, SFTP) or the secret key (S3). `settings` are those of its kind:
    http — page_rows, ca_file; a database — schema, page_rows; sftp — private_key, host_key, known_hosts; s3 — endpoint,
    key_id; http and databases — overlap_hours.
    """

    url: str
    called: str
    secret: str | None = field(default=None, repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def scheme(self) -> str:
        """What stands before `://`; empty for a folder."""
        return self.url.partition("://")[0].lower() if "://" in self.url else ""


def origin_of(address: str, called: str = "", secret: str | None = None, **settings: Any) -> Origin:
    """The source at an address; a password that stands in it is taken out of everything that is shown."""
    if "://" not in address:
        return Origin(address, called or address, secret, settings)
    scheme, _, rest = address.partition("://")
    found = _NAME_AND_PASSWORD.match(rest)
    if found and found["password"]:
        secret = secret or unquote(found["password"])
        rest = f"{found['user']}@{rest[found.end() :]}"
    url = f"{scheme}://{rest}"
    return Origin(url, called or _shown(url), secret, settings)


def _shown(url: str) -> str:
    """The address without who asks and without its query, where drivers take passwords too."""
    scheme, _, rest = url.partition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
