"""A source that a run of `intake` names: an Airflow Connection, a name of salur.toml, or an address.

A Connection is looked up inside the task, when it runs, and goes from there into the step: neither an address nor a secret
of it is logged or handed to another task.
docs/sources.md says what of each type is used.
"""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from schemas.errors import InputRejected
from treasury import sources

if TYPE_CHECKING:
    from disbursement.sources.origin import Origin
    from ledger.house import House

_DIALECTS = {"postgres": "postgresql+psycopg", "mssql": "mssql+pyodbc"}
"""The SQLAlchemy name of a database's connection type, where the two differ."""
_DATABASES = ("postgres", "postgresql", "sqlite", "mysql", "mssql", "oracle", "redshift", "snowflake", "trino")


def source(house: "House", word: str) -> "Origin":
    """The source that `word` names: in salur.toml, as a Connection's id, or as an address; the first that there is.

    Errors: InputRejected when a Connection is of a type that no source is, or lacks what its type needs.
    """
    if word in house.config.get("sources", {}) or not re.fullmatch(r"[A-Za-z0-9_.-]+", word):
        return sources.source(house, word)
    try:
        connection = Connection.get(word)
    except AirflowNotFoundException:
        return sources.source(house, word)
    table = _table(connection)
    return sources.configured(word, table, house.path, connection.password or None)


def _table(connection: Connection) -> dict[str, Any]:
    """A Connection as a table `[sources.NAME]`, without its secret."""
    extra: dict[str, Any] = connection.extra_dejson
    kind = connection.conn_type
    if kind == "http":
        described = {"url": _http(connection)}
    elif kind in ("sftp", "ssh"):
        described = {"url": f"sftp://{_place(connection)}{_path(extra)}"} | _keys(extra)
    elif kind in ("aws", "s3"):
        described = _s3(connection, extra)
    elif kind in _DATABASES:
        described = {"url": _database(connection, extra)}
        if "salur_schema" in extra:
            described["schema"] = extra["salur_schema"]
    else:
        raise InputRejected(
            f"The connection {connection.conn_id} is of type {kind}, which is no source's.",
            "",
            "Use one of type http, sftp, aws, or of a database.",
        )
    settings = {name: extra[name] for name in ("page_rows", "overlap_hours", "ca_file") if name in extra}
    return settings | {name: value for name, value in described.items() if value}


def _place(connection: Connection) -> str:
    """Who asks, where."""
    who = f"{quote(connection.login, safe='')}@" if connection.login else ""
    port = f":{connection.port}" if connection.port else ""
    return f"{who}{connection.host or ''}{port}"


def _http(connection: Connection) -> str:
    host = connection.host or ""
    port = f":{connection.port}" if connection.port else ""
    return f"{host}{port}" if "://" in host else f"{connection.schema or 'https'}://{host}{port}"


def _path(extra: dict[str, Any]) -> str:
    path = str(extra.get("path", ""))
    return path if path.startswith("/") else f"/~/{path}"


def _keys(extra: dict[str, Any]) -> dict[str, Any]:
    """How an SFTP server knows us, and we it. A host key without its kind is one of RSA, as Airflow has it."""
    host_key = extra.get("host_key")
    if host_key and " " not in host_key:
        host_key = f"ssh-rsa {host_key}"
    return {"private_key": extra.get("key_file"), "host_key": host_key, "known_hosts": extra.get("known_hosts")}


def _s3(connection: Connection, extra: dict[str, Any]) -> dict[str, Any]:
    if not extra.get("bucket"):
        raise InputRejected(
            f"The connection {connection.conn_id} names no bucket.", "", "Add bucket, and prefix, to its extra."
        )
    url = f"s3://{extra['bucket']}/{extra.get('prefix', '')}".rstrip("/")
    return {"url": url, "endpoint": extra.get("endpoint_url"), "key_id": connection.login}


def _database(connection: Connection, extra: dict[str, Any]) -> str:
    kind = str(connection.conn_type)
    scheme = extra.get("sqlalchemy_scheme") or _DIALECTS.get(kind, kind)
    if kind == "sqlite":
        return f"sqlite:///{connection.host or ''}"
    query = urlencode([(name, str(extra[name])) for name in ("sslmode", "sslrootcert") if name in extra])
    return f"{scheme}://{_place(connection)}/{connection.schema or ''}{'?' if query else ''}{query}"
