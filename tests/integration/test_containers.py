"""What the containers would run, run here without an engine: commands, the wheel of the image, `init` against a real PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lib.compose import DOCKER, ROOT, services
from treasury import local_postgres

BIN = Path(sys.executable).parent
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name not in ("dags", "tests"))


PARSED = """
import json, sys
from airflow.cli.cli_parser import get_parser
for words in json.loads(sys.argv[1]):
    get_parser().parse_args(words)
"""
"""Airflow's own reading of command lines, in one process for all of them: starting it takes seconds."""


def run(*command: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def commands() -> list[list[str]]:
    """What every part runs of ours and of Airflow's; `init` is the entrypoint's own."""
    return [part["command"] for part in services().values() if part.get("command", ["init"]) != ["init"]]


@pytest.mark.needs("airflow")
@pytest.mark.slow
def test_airflow_takes_every_command_of_the_composition_with_its_options(tmp_path: Path) -> None:
    given = [command[1:] for command in commands() if command[0] == "airflow"]
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "SALUR_HOME": str(tmp_path / "home")}
    done = run(sys.executable, "-c", PARSED, json.dumps(given), env=environment)
    assert done.returncode == 0, done.stderr
    assert len(given) > 3


@pytest.mark.parametrize("command", [each for each in commands() if each[0] != "airflow"], ids=" ".join)
def test_every_other_command_of_the_composition_exists_with_its_options(command: list[str], tmp_path: Path) -> None:
    done = run(BIN / command[0], *command[1:], "--help", env=os.environ | {"SALUR_HOME": str(tmp_path / "home")})
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


@dataclass
class Made:
    """What `init` has made in a server of its own, given twice."""

    home: Path
    secrets: Path
    psql: tuple[str | Path, ...]
    environment: dict[str, str]

    def enter(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run something as a container would, through the entrypoint."""
        return run("sh", DOCKER / "entrypoint.sh", *command, env=self.environment)

    def ask(self, user: str, database: str, statement: str) -> subprocess.CompletedProcess[str]:
        """Run a statement as a user who logs in with the password of the secrets."""
        return self.enter(*self.psql, f"--username={user}", f"--dbname={database}", f"--command={statement}")


def settings(folder: Path, port: int, path: str) -> dict[str, str]:
    """The environment of `init` in the composition, for a server on this machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PG"))}
    return kept | {
        "PATH": path,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg://airflow@127.0.0.1:{port}/airflow",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "SALUR_HOME": str(folder / "home"),
        "SALUR_LEDGER": f"postgresql://salur@127.0.0.1:{port}/salur",
        "SALUR_LEDGER_OWNER": f"postgresql://salur_owner@127.0.0.1:{port}/salur",
        "SALUR_SECRETS": str(folder / "secrets"),
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("init")
    run("sh", DOCKER / "secrets.sh", folder / "secrets").check_returncode()
    binaries = local_postgres.binaries()
    assert binaries is not None
    server = local_postgres.start()
    try:
        port = local_postgres.port(server)
        path = f"{BIN}:{binaries}:{os.environ['PATH']}"
        over = {"PGHOST": str(server), "PGPORT": str(port), "PATH": path, "SALUR_SECRETS": str(folder / "secrets")}
        # The image's server is empty and has a superuser whose name no database of ours bears.
        first = (binaries / "psql", "--username=salur", "--dbname=postgres", "--command")
        run(*first, "drop database salur", env=over).check_returncode()
        run(*first, "create role owner superuser login", env=over).check_returncode()
        other = (binaries / "psql", "--username=owner", "--dbname=postgres", "--command")
        run(*other, "alter role salur rename to once", env=over).check_returncode()
        run("sh", DOCKER / "databases.sh", env=over | {"POSTGRES_USER": "owner"}).check_returncode()
        psql = (binaries / "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--host=127.0.0.1", f"--port={port}")
        found = Made(folder / "home", folder / "secrets", psql, settings(folder, port, path))
        for _ in range(2):
            done = found.enter("init")
            assert done.returncode == 0, done.stderr[-2000:]
        yield found
    finally:
        local_postgres.stop(server)


@pytest.mark.needs("airflow", "postgresql")
@pytest.mark.slow
def test_init_can_be_given_again_and_what_pays_then_reads_the_ledger(made: Made) -> None:
    asked = made.enter(sys.executable, DOCKER / "health.py", "ledger")
    assert (asked.returncode, asked.stdout) == (0, "ledger: 0 batches in 1970\n")


@pytest.mark.needs("airflow", "postgresql")
@pytest.mark.slow
def test_each_database_has_an_owner_of_its_own(made: Made) -> None:
    owners = made.ask("salur", "salur", "select datname, pg_get_userbyid(datdba) from pg_database").stdout
    assert {"airflow|airflow", "salur|salur_owner"} <= set(owners.split())


@pytest.mark.needs("airflow", "postgresql")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "database", "statement", "refusal"),
    [
        ("salur", "airflow", "select 1", "permission denied for database"),
        ("airflow", "salur", "select 1", "permission denied for database"),
        ("salur", "salur", "delete from events", "permission denied for table"),
        ("salur", "salur", "alter table events disable trigger all", "must be owner"),
    ],
)
def test_what_pays_can_change_nothing_that_was_recorded(
    made: Made, user: str, database: str, statement: str, refusal: str
) -> None:
    assert refusal in made.ask(user, database, statement).stderr


@pytest.mark.needs("airflow", "postgresql")
@pytest.mark.slow
def test_the_home_holds_no_password(made: Made) -> None:
    told = "".join(path.read_text() for path in made.home.glob("*.toml"))
    assert told
    assert [path.name for path in made.secrets.iterdir() if path.read_text().strip() in told] == []
