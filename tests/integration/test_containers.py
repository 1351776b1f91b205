"""What the containers would run, run here without an engine: commands, the wheel of the image, `init` against a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.lib.compose import DOCKER, ROOT, services

BIN = Path(sys.executable).parent
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("dags", "tests"))


def run(*command: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def commands() -> list[list[str]]:
    """What every part runs of ours and of Airflow's; `init` is the entrypoint's own."""
    return [part["command"] for part in services().values() if part.get("command", ["init"]) != ["init"]]


@pytest.mark.needs("airflow")
@pytest.mark.slow
@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_of_the_composition_exists_with_its_options(command: list[str], tmp_path: Path) -> None:
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "SALUR_HOME": str(tmp_path / "home")}
    done = run(BIN / command[0], *command[1:], "--help", env=environment)
    assert done.returncode == 0, done.stderr
    assert command[1] in done.stdout or command[1] == "--help"


@pytest.mark.slow
def test_the_wheel_of_the_image_holds_every_file_of_every_room(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    listed = run("git", "ls-files", "-z", *ROOMS, "pyproject.toml", "README.md", "LICENSE", cwd=ROOT).stdout.split("\0")
    for name in filter(None, listed):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    build = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    run(*build, "--wheel-dir", tmp_path, source).check_returncode()
    (wheel,) = tmp_path.glob("salur-*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    rooms = {name for name in listed if name.partition("/")[0] in ROOMS and not name.endswith(".md")}
    assert len(rooms) > 100
    assert rooms - held == set()


@pytest.mark.needs("airflow", "postgresql")
@pytest.mark.slow
def test_init_makes_two_databases_and_a_home_whose_user_owns_nothing_and_can_be_given_again(tmp_path: Path) -> None:
    from treasury import local_postgres

    secrets = tmp_path / "secrets"
    run("sh", DOCKER / "secrets.sh", secrets).check_returncode()
    binaries = local_postgres.binaries()
    assert binaries is not None
    with local_postgres.local_postgres() as dsn:
        socket, port = dsn.partition("host=")[2].split("&port=")
        path = f"{BIN}:{binaries}:{os.environ['PATH']}"
        server = {
            "PGHOST": socket,
            "PGPORT": port,
            "POSTGRES_USER": "owner",
            "SALUR_SECRETS": str(secrets),
            "PATH": path,
        }
        psql = (
            binaries / "psql",
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--username=owner",
            "postgres",
        )
        first = (binaries / "psql", "--username=salur", "--dbname=postgres", "--command")
        run(*first, "drop database salur", env=server).check_returncode()
        run(*first, "create role owner superuser login", env=server).check_returncode()
        run(*psql, "--command", "alter role salur rename to once", env=server).check_returncode()
        run("sh", DOCKER / "databases.sh", env=server).check_returncode()

        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PG"))
        } | {
            "PATH": path,
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg://airflow@127.0.0.1:{port}/airflow",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "SALUR_HOME": str(tmp_path / "home"),
            "SALUR_LEDGER": f"postgresql://salur@127.0.0.1:{port}/salur",
            "SALUR_LEDGER_OWNER": f"postgresql://salur_owner@127.0.0.1:{port}/salur",
            "SALUR_SECRETS": str(secrets),
        }  # fmt: skip
        entrypoint = ("sh", DOCKER / "entrypoint.sh")
        for _ in range(2):
            done = run(*entrypoint, "init", env=environment)
            assert done.returncode == 0, done.stderr[-2000:]
        asked = run(*entrypoint, sys.executable, DOCKER / "health.py", "ledger", env=environment)
        assert (asked.returncode, asked.stdout) == (0, "ledger: 0 batches in 1970\n")
        owners = run(*psql, "--command", "select datname, pg_get_userbyid(datdba) from pg_database", env=server).stdout
        assert {"airflow|airflow", "salur|salur_owner"} <= set(owners.split())
        for user, database, statement, refusal in (
            ("salur", "airflow", "select 1", "permission denied for database"),
            ("airflow", "salur", "select 1", "permission denied for database"),
            ("salur", "salur", "delete from events", "permission denied for table"),
            ("salur", "salur", "alter table events disable trigger all", "must be owner"),
        ):
            login = ("--host=127.0.0.1", f"--port={port}", f"--username={user}", f"--dbname={database}")
            done = run(*entrypoint, binaries / "psql", *login, f"--command={statement}", env=environment)
            assert refusal in done.stderr
    told = "".join(path.read_text() for path in (tmp_path / "home").glob("*.toml"))
    assert [path.name for path in secrets.iterdir() if path.read_text().strip() in told] == []
