"""Opens a source drop of whatever kind: files under a folder or URL, a platform's HTTP interface, a database."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from disbursement.sources import files, http, remote, sql
from disbursement.sources.drop import Drop
from disbursement.sources.origin import Origin


@contextmanager
def opened(origin: Origin, since: Mapping[str, datetime], say: Callable[[str], None]) -> Iterator[Drop]:
    """The drop at an origin; tables named in `since` are asked for what was recorded later, where that can be asked."""
    if origin.scheme in ("http", "https"):
        with http.open_drop(origin, since, say) as drop:
            yield drop
    elif origin.scheme in remote.SCHEMES:
        with remote.open_drop(origin) as drop:
            yield drop
    elif files.knows(origin):
        yield files.open_drop(origin)
    else:
        with sql.open_drop(origin, since, say) as drop:
            yield drop


def identity(origin: Origin) -> str:
    """Under what name the ledger keeps how far a source was taken; empty for files, which are taken whole."""
    if origin.scheme in ("http", "https"):
        return http.identity(origin)
    return "" if files.knows(origin) else sql.identity(origin)


def reach(origin: Origin) -> str:
    """Look whether a source is there and lets us in; says in words what it offers. Errors as when it is opened."""
    if origin.scheme in ("http", "https"):
        return http.reach(origin)
    if origin.scheme in remote.SCHEMES:
        return remote.reach(origin)
    return files.reach(origin) if files.knows(origin) else sql.reach(origin)
