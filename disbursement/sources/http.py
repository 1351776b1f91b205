"""The source drop from a training platform's HTTP interface: `GET /v1/TABLE?cursor=…&limit=…`, page by page.

Contract, section 1. A table that the platform does not know (404) is absent. `/v1/manifest` may hold a manifest, in which
tables stand by their names. A table that was taken before is asked for `recorded_after` an instant: for rows recorded later
and for those that do not say when. A platform that leaves this aside gives all rows, which is as right and takes longer.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from disbursement.sources.drop import Drop
from disbursement.sources.origin import Origin
from disbursement.sources.spool import Spool, spooled
from platforms.client import Client, NotThere, Patience
from schemas.errors import InputRejected
from schemas.tables import SOURCES

_SAY_ROWS = 100_000


@contextmanager
def open_drop(origin: Origin, since: Mapping[str, datetime], say: Callable[[str], None]) -> Iterator[Drop]:
    """Fetch every table, what is new `since` the instants of some of them, and hold them against the manifest.

    Raises `TryLater` when the platform is out of reach, `InputRejected` when it refuses, or offers no table at all.
    """
    with spooled() as spools, platform(origin) as client:
        for table in SOURCES.values():
            spool = spools.add(table)
            if not _fetch(client, spool, since.get(table.short_name), say):
                spools.pop(spool.name).close()
        if not spools:
            raise InputRejected(
                f"There is no source drop at {origin.called}.",
                "It answers 404 for every table under /v1/.",
                "Give the address before /v1/.",
            )
        manifest = _manifest(client)
        client.close()
        yield spools.drop(origin.called, manifest=manifest, watched=identity(origin), partial=frozenset(since))


def platform(origin: Origin, patience: Patience | None = None) -> Client:
    """The client that asks there."""
    settings = origin.settings
    ca_file = settings.get("ca_file")
    return Client(
        origin.url,
        origin.secret,
        called=origin.called,
        patience=patience,
        page_rows=int(settings.get("page_rows", 1000)),
        ca_file=Path(ca_file) if ca_file else None,
    )


def identity(origin: Origin) -> str:
    """What the ledger calls this source, to know how far it was taken: its address."""
    return origin.url.rstrip("/").removesuffix("/v1")


def reach(origin: Origin) -> str:
    """Ask for one row of each table; says which there are."""
    with platform(origin, Patience(tries=1)) as client:
        found = [table.short_name for table in SOURCES.values() if _offers(client, table.short_name)]
    return f"offers {', '.join(found) or 'no table'}"


def _offers(client: Client, name: str) -> bool:
    try:
        client.get(f"/v1/{name}", {"limit": "1"})
    except NotThere:
        return False
    return True


def _fetch(client: Client, spool: Spool, since: datetime | None, say: Callable[[str], None]) -> bool:
    """Put down the rows of a table; False when the platform has no such table."""
    name = spool.table.short_name
    params = {} if since is None else {"recorded_after": since.isoformat()}
    told = 0
    try:
        for rows in client.pages(f"/v1/{name}", params):
            spool.write_rows(rows)
            if spool.row_count - told >= _SAY_ROWS:
                told = spool.row_count
                say(f"{name}: {told:,} rows fetched")
    except NotThere:
        if spool.row_count:
            raise
        return False
    return True


def _manifest(client: Client) -> bytes:
    try:
        return client.get("/v1/manifest")
    except NotThere:
        return b""
