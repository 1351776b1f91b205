"""A ledger of an earlier version is brought to this one, on each database: the same tables as made anew, and nothing lost."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger import chain, store
from ledger.migrations import carry_out, upgrade
from ledger.store import Store
from schemas.errors import InputRejected
from tests.lib.commands import Salur
from tests.lib.databases import Database

AT = datetime(2026, 11, 24, tzinfo=UTC)
VERSIONS = range(1, store.SCHEMA_VERSION)


def ledger_of(dsn: str, version: int) -> Store:
    """A ledger as that version made it."""
    made = Store(dsn)
    with made.of_any_version() as connection:
        carry_out(connection, 0, version, 0)
    return made


def structure(ledger: Store) -> dict[str, Any]:
    """What the database says that it holds: columns, keys, checks, indexes and triggers of every table."""
    inspector = sa.inspect(ledger.engine)
    found: dict[str, Any] = {}
    for name in sorted(inspector.get_table_names()):
        columns = {
            column["name"]: (str(column["type"]), column["nullable"], getattr(column["type"], "collation", None))
            for column in inspector.get_columns(name)
        }
        found[name] = {
            "columns": columns,
            "key": inspector.get_pk_constraint(name)["constrained_columns"],
            "unique": sorted(tuple(each["column_names"]) for each in inspector.get_unique_constraints(name)),
            "checks": sorted((each["name"], _words(each["sqltext"])) for each in inspector.get_check_constraints(name)),
            "refers": sorted(
                (each["constrained_columns"], each["referred_table"], each["referred_columns"])
                for each in inspector.get_foreign_keys(name)
            ),
            "indexes": sorted(
                (each["name"], tuple(each["column_names"]), bool(each["unique"]))
                for each in inspector.get_indexes(name)
            ),
            "triggers": triggers(ledger, name),
        }
    return found


def _words(text: str) -> str:
    return re.sub(r"[\s()]+", " ", text).strip()


def triggers(ledger: Store, table: str) -> list[tuple[str, str]]:
    """The triggers of a table by name, each as it was written."""
    asked = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table ORDER BY name",
        "postgresql": "SELECT tgname, pg_get_triggerdef(oid) || CAST(tgenabled AS text) FROM pg_trigger"
        " WHERE tgrelid = CAST(:table AS regclass) AND NOT tgisinternal ORDER BY tgname",
    }
    with ledger.engine.connect().execution_options(purpose="read") as connection:
        return [tuple(row) for row in connection.execute(sa.text(asked[ledger.engine.dialect.name]), {"table": table})]


def fill(ledger: Store) -> None:
    """A few rows as an earlier version left them."""
    batch = dict(zip("transaction_count control_sum_idr created_at".split(), (1, 600_000, 0), strict=True))
    file = {"transaction_count": 1, "control_sum_idr": 600_000, "byte_count": 9, "is_companion": False}
    order = {
        "fiscal_year": None,
        "sequence": 1,
        "attempt": 1,
        "previous_attempt": None,
        "amount_idr": 600_000,
        "account_version": 1,
    }
    moved = {"seq": 1, "at": 0, "debit": "cash", "credit": "funder", "amount_idr": 5, "transaction_count": 0}
    with ledger.of_any_version() as connection:
        for table, facts in (
            (store.batches, batch | {"execution_date": date(2020, 8, 3), "last_payment_date": None}),
            (store.files, file),
            (store.instructions, order | {"due_on": date(2020, 7, 1), "last_payment_date": None}),
            (store.inbound_files, {"seq": 1, "byte_count": 9, "row_count": 1, "at": 0, "stated_at": None}),
            (store.journal, moved),
        ):
            there = [column["name"] for column in sa.inspect(connection).get_columns(table.name)]
            row = (
                dict.fromkeys(there, "x")
                | {"period": "2020-07", "batch": "B1", "fiscal_year": 2020, "stated_at": 0}
                | facts
            )
            store.insert(connection, table, [{name: row[name] for name in there}])
        chain.append(connection, at=AT, actor="siti", kind="file_taken", subject="s", details={})


def rows(ledger: Store, table: sa.Table) -> list[Any]:
    with ledger.engine.connect().execution_options(purpose="read") as connection:
        named = sa.inspect(connection).get_columns(table.name)
        return [tuple(row) for row in connection.execute(sa.select(*(table.c[column["name"]] for column in named)))]


def test_migrated_from_nothing_the_tables_are_those_that_are_made(
    empty_dsn: str, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    migrated = Store(empty_dsn)
    assert upgrade(migrated, AT, "siti") == (0, store.SCHEMA_VERSION)
    with database.ledger(tmp_path_factory.mktemp("made"), made=False) as other:
        made = Store(other)
        made.create(0)
        found = structure(made)
    assert structure(migrated) == found
    assert all(facts["triggers"] for facts in found.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_ledger_of_an_earlier_version_keeps_all_it_holds(empty_dsn: str, version: int) -> None:
    ledger = ledger_of(empty_dsn, version)
    fill(ledger)
    kept = (store.batches, store.files, store.instructions, store.inbound_files, store.journal, store.events)
    before = {table.name: rows(ledger, table) for table in kept}
    with pytest.raises(InputRejected) as refused, ledger.transaction():
        pass
    assert refused.value.do == "Run: salur upgrade"
    assert upgrade(ledger, AT, "siti") == (version, store.SCHEMA_VERSION)
    with ledger.reading() as connection:
        assert chain.verify(connection) == 2
    for table in kept[:-1]:
        width = len(before[table.name][0])
        assert [row[:width] for row in rows(ledger, table)] == before[table.name]
    with pytest.raises(sa.exc.IntegrityError, match="insert-only"), ledger.transaction() as connection:
        connection.execute(sa.delete(store.instructions))
    versions = [row["version"] for row in ledger.read(sa.select(store.schema_versions)).to_pylist()]
    assert sorted(versions) == list(range(1, store.SCHEMA_VERSION + 1))


def test_what_was_received_before_its_periods_were_noted_has_its_periods_reconciled_once_more(empty_dsn: str) -> None:
    ledger = ledger_of(empty_dsn, 1)
    fill(ledger)
    upgrade(ledger, AT, "siti")
    assert ledger.read(sa.select(store.inbound_periods)).to_pylist() == [{"seq": 1, "period": "2020-07"}]


def test_what_had_come_back_stands_in_its_own_account_as_of_the_day_it_came_back(empty_dsn: str) -> None:
    ledger = ledger_of(empty_dsn, 3)
    fill(ledger)
    end = {
        "participant_id": "x",
        "benefit": "x",
        "sequence": 1,
        "attempt": 1,
        "end": "returned",
        "evidence": "e",
        "at": 7,
    }
    with ledger.of_any_version() as connection:
        store.insert(connection, store.attempt_ends, [end])
    upgrade(ledger, AT, "siti")
    last = ledger.read(sa.select(store.journal).order_by(store.journal.c.seq)).to_pylist()[-1]
    said = {name: last[name] for name in ("seq", "debit", "credit", "amount_idr", "transaction_count", "evidence")}
    assert said == {
        "seq": 2, "debit": "returned", "credit": "cash", "amount_idr": 600_000, "transaction_count": 1, "evidence": "e",
    }  # fmt: skip


def test_upgrading_twice_changes_nothing(empty_dsn: str) -> None:
    ledger = ledger_of(empty_dsn, 1)
    upgrade(ledger, AT, "siti")
    before = structure(ledger)
    assert upgrade(ledger, AT, "siti") == (store.SCHEMA_VERSION, store.SCHEMA_VERSION)
    assert structure(ledger) == before
    assert ledger.read(sa.select(store.events)).num_rows == 1


def test_a_later_version_and_tables_of_no_version_are_refused_and_left_as_they_are(empty_dsn: str) -> None:
    ledger = ledger_of(empty_dsn, 2)
    with ledger.of_any_version() as connection:
        connection.exec_driver_sql("ALTER TABLE funds RENAME COLUMN person TO who")
    before = structure(ledger)
    with pytest.raises(InputRejected, match="funds"):
        upgrade(ledger, AT, "siti")
    assert structure(ledger) == before
    with ledger.of_any_version() as connection:
        connection.exec_driver_sql("INSERT INTO schema_versions VALUES (99, 0)")
    with pytest.raises(InputRejected, match="99"):
        upgrade(ledger, AT, "siti")


def test_a_command_on_an_earlier_ledger_says_salur_upgrade_which_then_says_from_where_to_where(
    database: Database, tmp_path: Path
) -> None:
    with database.ledger(tmp_path, made=False) as dsn:
        ledger = ledger_of(dsn, 2)
        fill(ledger)
        ledger.engine.dispose()
        salur = Salur(tmp_path / "home")
        assert salur("init", "--ledger", dsn).code == 10
        for words in (["batches"], ["entitle", "--period", "2020-06"], ["stop", "--reason", "uji"]):
            refused = salur(*words)
            assert refused.code == 10
            assert "version 2" in refused.err
            assert "Run: salur upgrade" in refused.err
        assert salur.ask("upgrade", "--as", "siti") == {"from": 2, "to": store.SCHEMA_VERSION}
        assert [row["batch"] for row in salur.batches()] == ["B1"]
        (told,) = [row for row in ledger.read(sa.select(store.events)).to_pylist() if row["kind"] == "ledger_upgraded"]
        assert (told["actor"], told["details"]) == ("siti", f'{{"from":2,"to":{store.SCHEMA_VERSION}}}')
