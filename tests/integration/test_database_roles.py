"""Each role of `ledger/roles.sql` does its own work on a real server, and not the others'."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

import ledger
from disbursement import steps as paying
from ledger.dialects import parse_dsn
from ledger.house import House
from ledger.store import Store
from reconciliation import steps as proving
from schemas.errors import InputRejected
from tests.lib import joined
from tests.lib.databases import Server
from tests.lib.joined import AT, BANK, COUNT, PERIOD
from tests.lib.small_drop import people, write_drop
from tests.lib.small_home import dump
from treasury import local_postgres
from treasury.house import init_house

pytestmark = pytest.mark.needs("postgresql")
Acting = Callable[[str], House]
ROLES = ("pipeline", "desk", "auditor")
SQL = Path(ledger.__file__).with_name("roles.sql").read_text()


def _user(role: str) -> str:
    """Who logs in as a role here: users belong to the server, which other processes of the session use too."""
    return f"a_{role}_{os.getpid()}"


@pytest.fixture(scope="module")
def dsn(postgresql: Server) -> Iterator[str]:
    """A ledger whose owner has given out the roles, twice, with a user of each."""
    made = postgresql.dsn()
    database = str(parse_dsn(made).database)
    postgresql.execute(SQL, SQL, database=database)
    for role in ROLES:
        postgresql.execute(f"CREATE ROLE {_user(role)} LOGIN IN ROLE salur_{role}")
    yield made
    postgresql.drop(made)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("roles")


@pytest.fixture(scope="module")
def acting(dsn: str, postgresql: Server, root: Path) -> Acting:
    """The home as one of the roles opens it."""
    init_house(root / "home", AT, dsn)
    house = joined.opened(root / "home")

    def by(role: str) -> House:
        database = str(parse_dsn(dsn).database)
        return replace(house, store=Store(local_postgres.dsn(postgresql.folder, database, _user(role))), actor=role)

    return by


@pytest.fixture(scope="module")
def drafted(acting: Acting, root: Path) -> Acting:
    """By the pipeline: a drop is taken, a month decided, and a batch drafted."""
    pipeline = acting("pipeline")
    paying.fund(pipeline, COUNT * joined.TRANCHE, "SP2D-1")
    paying.intake(pipeline, str(write_drop(root / "drop", people(COUNT, [BANK]))))
    paying.entitle(pipeline, PERIOD)
    paying.instruct(pipeline, PERIOD, "siti")
    return acting


@pytest.mark.parametrize(
    "role, act",
    [
        ("pipeline", joined.release),
        ("pipeline", lambda house: paying.hold(house, "CONTOH0001", "hold", "uji")),
        ("pipeline", lambda house: paying.brake(house, "stop", "uji")),
        ("desk", lambda house: paying.fund(house, 1, "SP2D-9")),
        ("desk", lambda house: paying.entitle(house, PERIOD)),
        ("auditor", lambda house: paying.fund(house, 1, "SP2D-9")),
        ("auditor", joined.release),
        ("auditor", lambda house: paying.hold(house, "CONTOH0001", "hold", "uji")),
    ],
)
def test_nobody_does_anothers_part(drafted: Acting, role: str, act: Callable[[House], object]) -> None:
    house = drafted(role)
    before = dump(house)
    with pytest.raises(InputRejected, match=r"permission denied for (table|function)"):
        act(house)
    assert dump(house) == before


def test_a_month_by_those_whose_part_each_is(drafted: Acting, root: Path) -> None:
    pipeline, desk, auditor = (drafted(role) for role in ROLES)
    paying.reject(desk, joined.batch_of(desk)["batch"], "budi", "uji")
    paying.entitle(pipeline, PERIOD)
    paying.instruct(pipeline, PERIOD, "siti")
    for act in ("hold", "unhold"):
        paying.hold(desk, "CONTOH0001", act, "uji")
    for act in ("stop", "resume"):
        paying.brake(desk, act, "uji")
    joined.release(desk)
    with pytest.raises(InputRejected, match="permission denied for table"):
        paying.submit(desk, None, root / "desk")
    (sent,) = paying.submit(pipeline, None, root / "out")["files"]
    assert sent["state"] == "submitted"
    proving.reconcile(replace(pipeline, at=joined.LATER), PERIOD)
    case, *_ = proving.exceptions(desk, PERIOD)
    for act, person in (("assign", "siti"), ("resolve", "siti"), ("approve", "budi")):
        proving.act_on_exception(desk, case["break_id"], act, person, "budi" if act == "assign" else "uji")
    assert Path(proving.report(auditor, PERIOD, root / "report")["pack"]).exists()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'x'",
        "DELETE FROM instructions",
        "TRUNCATE consents",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "DROP TABLE funds",
        "CREATE TABLE mine (x int)",
        "CREATE OR REPLACE FUNCTION salur_insert_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
        "INSERT INTO schema_versions VALUES (99, 0)",
    ],
)
def test_nobody_but_the_owner_changes_a_row_or_a_table(dsn: str, postgresql: Server, role: str, statement: str) -> None:
    url = parse_dsn(dsn)
    where = {"host": str(postgresql.folder), "port": local_postgres.port(postgresql.folder)}
    with (
        psycopg.connect(dbname=url.database, user=_user(role), **where) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    ["SELECT pg_advisory_lock(1, 0)", "SELECT pg_advisory_xact_lock_shared(1)", "SELECT lo_create(0)"],
)
def test_an_auditor_neither_keeps_writers_waiting_nor_fills_the_disk(
    dsn: str, postgresql: Server, statement: str
) -> None:
    with (
        psycopg.connect(
            dbname=parse_dsn(dsn).database,
            user=_user("auditor"),
            host=str(postgresql.folder),
            port=local_postgres.port(postgresql.folder),
        ) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())
