"""What PostgreSQL alone can do to a ledger: be away, refuse, break off; and what an operator is told then, without a secret."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from ledger import store
from ledger.dialects import parse_dsn
from ledger.lock import LockLost, alone
from ledger.store import Store
from schemas.errors import InputRejected, SalurError, TryLater
from tests.lib.commands import new_home
from tests.lib.databases import Server
from tests.lib.small_home import AT
from treasury import local_postgres
from treasury.house import init_house, open_house

pytestmark = pytest.mark.needs("postgresql")
SECRET = "kata:sandi\\rahasia"
WHO = "CONTOH-RAHASIA"


@pytest.fixture
def dsn(postgresql: Server) -> Iterator[str]:
    made = postgresql.dsn()
    yield made
    postgresql.drop(made)


@pytest.fixture
def ledger(dsn: str) -> Store:
    return Store(dsn)


def money(reference: str) -> dict[str, Any]:
    return {"reference": reference, "amount_idr": 1, "at": 0, "person": "siti"}


def add(ledger: Store, *rows: dict[str, Any]) -> None:
    with ledger.transaction() as connection:
        store.insert(connection, store.funds, rows)


def count(ledger: Store) -> int:
    return int(ledger.read(sa.select(store.funds)).num_rows)


@pytest.mark.parametrize("many", [1, 200])
def test_a_broken_key_is_named_and_its_values_are_not(ledger: Store, many: int) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="funds_pkey") as broken:
        add(ledger, *[money(WHO)] * (many + 1))
    assert WHO not in str(broken.value)
    assert broken.value.__cause__ is None
    assert broken.value.__suppress_context__


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([money(f"{WHO}\0")], "no text"),
        ([money(f"{WHO}\0")] * 200, "CharacterNotInRepertoire"),
        ([money(WHO + "".join(chr(0x4E00 + n) for n in range(9000)))], "index row"),
    ],
)
def test_a_value_that_the_database_cannot_keep_is_refused_and_not_shown(
    ledger: Store, rows: list[dict[str, Any]], says: str
) -> None:
    with pytest.raises(InputRejected, match=says) as refused:
        add(ledger, *rows)
    assert WHO not in str(refused.value)
    assert count(ledger) == 0


def test_a_number_that_does_not_fit_is_a_bug_without_its_value(ledger: Store) -> None:
    with pytest.raises((sa.exc.DataError, OverflowError)) as broken:
        add(ledger, money("x") | {"amount_idr": 2**70 + 12345})
    assert "12345" not in str(broken.value)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda url: url.set(database="nobodys"), "does not exist"),
        (lambda url: url.update_query_dict({"port": "1"}), "connection"),
        (lambda url: url.set(username="nobody", password=SECRET), "nobody"),
        (lambda url: sa.make_url("postgresql+psycopg://?service=nobodys"), "nobodys"),
    ],
)
def test_a_server_that_does_not_let_us_in_is_tried_later_and_no_password_told(
    dsn: str, spoil: Callable[[sa.URL], sa.URL], says: str
) -> None:
    away = spoil(parse_dsn(dsn)).render_as_string(hide_password=False)
    for act in (count, lambda made: made.create(0), add):
        with pytest.raises(TryLater, match=says) as told:
            act(Store(away))
        assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    "dsn", ["postgresql://u:kata-sandi@h:port/d", "postgresql://u:kata-sandi@127.0.0.1:1/d?sandi=kata-sandi"]
)
def test_a_dsn_that_cannot_be_read_is_refused_and_not_shown(dsn: str) -> None:
    with pytest.raises(InputRejected) as refused:
        count(Store(dsn))
    assert "kata-sandi" not in str(refused.value)


def test_a_database_of_another_encoding_is_refused_before_a_table_is_made(postgresql: Server) -> None:
    postgresql.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    ledger = Store(local_postgres.dsn(postgresql.folder, "latin"))
    try:
        for act in (count, lambda made: made.create(0)):
            with pytest.raises(InputRejected, match="LATIN1"):
                act(ledger)
        assert sa.inspect(ledger.engine).get_table_names() == []
    finally:
        postgresql.execute("DROP DATABASE latin WITH (FORCE)")


def test_text_is_compared_by_its_bytes_whatever_the_databases_locale(ledger: Store) -> None:
    inspector = sa.inspect(ledger.engine)
    collations = {
        getattr(column["type"], "collation", None)
        for name in inspector.get_table_names()
        for column in inspector.get_columns(name)
        if isinstance(column["type"], sa.Text)
    }
    assert collations == {"C"}


def break_off(connection: sa.Connection, server: Server) -> None:
    """End the connection from outside, as a server does that is stopped."""
    pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    server.execute(f"SELECT pg_terminate_backend({pid}, 10000)")


def test_of_a_transaction_that_breaks_off_nothing_is_kept(ledger: Store, postgresql: Server) -> None:
    def broken_in_between() -> None:
        with ledger.transaction() as connection:
            store.insert(connection, store.funds, [money("a")])
            break_off(connection, postgresql)
            store.insert(connection, store.funds, [money("b")] * 200)

    with pytest.raises(TryLater, match="cannot be used now"):
        broken_in_between()
    assert count(ledger) == 0
    add(ledger, money("a"))
    assert count(ledger) == 1


def test_a_commit_that_breaks_off_is_told_as_unknown(ledger: Store, postgresql: Server) -> None:
    def broken_at_the_end() -> None:
        with ledger.transaction() as connection:
            store.insert(connection, store.funds, [money("a")])
            break_off(connection, postgresql)

    with pytest.raises(TryLater, match="not known") as told:
        broken_at_the_end()
    assert told.value.exit_code == 14
    add(ledger, money("b"))


def test_an_act_that_fails_under_a_lock_says_its_own_error_even_if_the_lock_broke(
    ledger: Store, postgresql: Server
) -> None:
    sessions = f"FROM pg_stat_activity WHERE datname = '{ledger.engine.url.database}'"

    def failing() -> None:
        with alone(ledger, "uji"):
            postgresql.execute(f"SELECT pg_terminate_backend(pid, 10000) {sessions}")
            raise SalurError("the act failed")

    with pytest.raises(SalurError, match="the act"):
        failing()
    with alone(ledger, "uji"):
        pass


def test_a_lock_whose_session_broke_is_known_to_be_lost_and_is_let_go_without_a_word(
    ledger: Store, postgresql: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    with alone(ledger, "uji") as still_alone:
        still_alone()
        postgresql.execute(
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{ledger.engine.url.database}'"
        )
        with pytest.raises(LockLost, match="lost while it was held"):
            still_alone()
    assert capfd.readouterr().err == ""


def test_a_reader_sees_one_moment_from_its_first_question_to_its_last(ledger: Store) -> None:
    with ledger.reading() as connection:
        before = store.read(connection, sa.select(store.funds)).num_rows
        add(ledger, money("a"))
        assert store.read(connection, sa.select(store.funds)).num_rows == before
    assert count(ledger) == before + 1


def test_a_commit_is_on_disk_when_it_is_told_whatever_the_server_is_set_to(dsn: str, postgresql: Server) -> None:
    database = parse_dsn(dsn).database
    postgresql.execute(f"ALTER DATABASE {database} SET synchronous_commit = off")
    with Store(dsn).transaction() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_password_given_once_goes_to_a_file_of_its_owners_and_serves_from_there(
    dsn: str, postgresql: Server, tmp_path: Path
) -> None:
    database, port = parse_dsn(dsn).database, local_postgres.port(postgresql.folder)
    postgresql.execute("DROP ROLE IF EXISTS tamu", f"CREATE ROLE tamu LOGIN SUPERUSER PASSWORD '{SECRET}'")
    given = sa.URL.create("postgresql", "tamu", SECRET, "127.0.0.1", port, database)
    init_house(tmp_path / "home", AT, given.render_as_string(hide_password=False))
    assert count(open_house(tmp_path / "home", AT).store) == 0
    kept = tmp_path / "home" / "keys" / "ledger.pgpass"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    config = (tmp_path / "home" / "salur.toml").read_text()
    assert "sandi" not in config
    assert "ledger.pgpass" in config
    kept.unlink()
    with pytest.raises(TryLater):
        count(open_house(tmp_path / "home", AT).store)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_spelling_of_the_scheme_means_psycopg(scheme: str) -> None:
    assert parse_dsn(f"{scheme}://siti@db/salur?service=x").drivername == "postgresql+psycopg"


def test_salur_init_makes_a_ledger_there_and_says_what_keeps_it_away(dsn: str, tmp_path: Path) -> None:
    salur = new_home(tmp_path / "home", ledger=dsn)
    assert salur.ask("batches") == {"batches": []}
    assert salur.ask("upgrade") == {"from": store.SCHEMA_VERSION, "to": store.SCHEMA_VERSION}
    with psycopg.connect(parse_dsn(dsn).set(drivername="postgresql").render_as_string()) as connection:
        connection.execute("ALTER TABLE schema_versions DISABLE TRIGGER ALL")
        connection.execute("UPDATE schema_versions SET version = 2")
    assert salur("batches").code == 10
    assert "Run: salur upgrade" in salur("batches").err
