"""A source drop from a database, taken as `salur intake` takes it: from SQLite and, where there is a server, PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from disbursement.sources import sql
from disbursement.sources.drop import read_part
from disbursement.sources.origin import origin_of
from schemas.tables import SOURCES
from tests.lib.commands import Salur, new_home
from tests.lib.records import decided, taken
from tests.lib.small_drop import Row, people, write_drop
from tests.lib.sql_drop import add_rows, make_tables

PASSWORD = "contoh-sandi"


@pytest.fixture(scope="module", name="_home")
def home_made_once(tmp_path_factory: pytest.TempPathFactory) -> Salur:
    """An empty home."""
    return new_home(tmp_path_factory.mktemp("home") / "home")


@pytest.fixture
def salur(_home: Salur, tmp_path: Path) -> Salur:
    """A copy of it."""
    return _home.copy(tmp_path / "home")


def refused(salur: Salur, source: str, code: int, says: str) -> str:
    """Taking the source ends with the code and these words, and nothing was taken."""
    before = taken(salur)
    answer = salur("intake", "--source", source)
    assert (answer.code, says in answer.err) == (code, True), answer.err
    assert "Traceback" not in answer.err
    assert taken(salur) == before
    return answer.err


def reasons(dsn: str) -> tuple[int, list[str]]:
    """How many rows of a database can be read, and why the others cannot."""
    with sql.open_drop(origin_of(dsn), {}, print) as drop:
        read = [rows for part in drop.parts for rows in read_part(drop, part)]
    return sum(rows.table.num_rows for rows in read), [reason for rows in read for _, reason, _ in rows.quarantined]


def test_a_database_gives_the_same_record_as_its_files(salur: Salur, empty_dsn: str, tmp_path: Path) -> None:
    make_tables(empty_dsn, people(12))
    assert sql.reach(origin_of(empty_dsn)) == "offers participants, accounts, trainings, completions"
    result = salur.ask("intake", "--source", empty_dsn)
    assert (result["taken"], result["quarantined"]) == (12 * 3 + 1, 0)
    by_files = new_home(tmp_path / "other")
    by_files.ask("intake", "--source", write_drop(tmp_path / "drop", people(12)))
    assert decided(salur) == decided(by_files)


def test_a_drop_taken_twice_changes_nothing(salur: Salur, empty_dsn: str) -> None:
    make_tables(empty_dsn, people(12))
    first = salur.ask("intake", "--source", empty_dsn)
    record = taken(salur)
    again = salur.ask("intake", "--source", empty_dsn)
    assert (again["taken"], again["drop_id"] == first["drop_id"]) == (0, True)
    assert taken(salur) == record


def test_rows_of_one_key_and_rows_without_one_are_all_read(empty_dsn: str) -> None:
    first = people(1)["completions"][0]
    later = first | {"rating": 4, "recorded_at": datetime(2020, 6, 4, tzinfo=UTC)}
    make_tables(empty_dsn, {"completions": [later, first, first | {"completion_id": None}]})
    assert reasons(empty_dsn) == (2, ["missing_key"])


def test_no_query_gives_more_than_a_page_unless_keys_are_shared_or_cannot_be_compared_with(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path}/source.db"
    training = people(1)["trainings"][0]
    names = ["1", "2", "3", "3", "3", "4", None, None, "5", "6", "7", b"\xff", b"\xff\xff", b"\xff\xff\xff"]
    make_tables(dsn, {"trainings": [training | {"training_id": name} for name in names]})
    with closing(sqlite3.connect(tmp_path / "source.db")) as connection:
        connection.execute("UPDATE trainings SET training_id = CAST(training_id AS TEXT)")
        connection.commit()
    table = SOURCES["trainings.v1"]
    with sql._snapshot(origin_of(dsn)) as connection:
        pages = sql._pages(connection, table, sql._query(table, list(table.columns), None, None), 2)
        counts = [len(connection.execute(page).all()) for page in pages]
    assert counts == [2, 3, 2, 2, 3, 2]


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("char(4)", ["a", "a ", "b", "B"]),
        ("uuid", [UUID(int=n) for n in range(4)]),
        ("numeric", [Decimal("0.1"), Decimal(10) ** 30, Decimal("NaN"), 1]),
        ("real", [0.1, 0.2, 0.3, 0.4]),
        ("bytea", [b"", b"\0", b"a", b"\xff"]),
        ("boolean", [False, True, True, None]),
        ("date", ["-infinity", "2020-06-01", "2020-06-01", "infinity"]),
        ("timestamptz", ["0044-03-15 00:00+00 BC", "2020-06-01 02:00+07", "2020-06-01 02:00+00", "infinity"]),
        ("text[]", [[], ["a"], ["a", "b"], None]),
    ],
)
def test_a_key_of_any_type_is_read_in_pages_without_loss(postgresql: Any, kind: str, values: list[Any]) -> None:
    dsn = postgresql.dsn(made=False)
    training = people(1)["trainings"][0]
    make_tables(dsn, {"trainings": []})
    engine = sa.create_engine(dsn)
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE trainings ALTER training_id TYPE {kind} USING NULL"))
    engine.dispose()
    for number, value in enumerate(values):
        add_rows(dsn, "trainings", [training | {"training_id": value, "title": str(number)}])
    with sql.open_drop(origin_of(dsn, page_rows=1), {}, print) as drop, drop.open(drop.parts[0]) as stream:
        assert sorted(json.loads(line)["title"] for line in stream) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (sa.Numeric(20, 2), Decimal("500000.00"), None),
        (sa.Numeric(20, 2), Decimal("500000.50"), "price_invalid"),
        (sa.Numeric(20, 2), Decimal("-1.00"), "price_invalid"),
        (sa.Float(53), 500000.0, None),
        (sa.Float(53), 0.5, "price_invalid"),
        (sa.Float(53), 1e300, "price_invalid"),
        (sa.Text(), "500000", None),
        (sa.Text(), "Rp500.000", "price_invalid"),
        (sa.LargeBinary(), b"500000", "wrong_type"),
    ],
    ids=str,
)
def test_a_price_is_taken_only_if_it_is_whole_rupiah(empty_dsn: str, kind: Any, value: Any, reason: str | None) -> None:
    training = people(1)["trainings"][0] | {"price_idr": value}
    make_tables(empty_dsn, {"trainings": [training]}, types={"price_idr": kind})
    assert reasons(empty_dsn) == ((1, []) if reason is None else (0, [reason]))


@pytest.mark.parametrize(
    ("column", "kind", "value", "reason"),
    [
        ("training_id", sa.BigInteger(), 17, "wrong_type"),
        ("training_id", sa.Text(), "17", None),
        ("training_id", sa.Uuid(), UUID(int=17), None),
        ("recorded_at", sa.Text(), "2020-06-01 10:00:00+07", None),
        ("recorded_at", sa.Text(), "2020-06-01 10:00:00", "instant_without_offset"),
        ("recorded_at", sa.Text(), "kemarin", "wrong_type"),
    ],
)
def test_a_native_value_of_another_type_is_judged_as_in_a_file(
    empty_dsn: str, column: str, kind: Any, value: Any, reason: str | None
) -> None:
    training = people(1)["trainings"][0] | {column: value}
    make_tables(empty_dsn, {"trainings": [training]}, types={column: kind})
    assert reasons(empty_dsn) == ((1, []) if reason is None else (0, [reason]))


def test_a_text_that_is_no_utf_8_is_set_aside_alone(tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path}/source.db"
    make_tables(dsn, people(3))
    with closing(sqlite3.connect(tmp_path / "source.db")) as connection:
        connection.execute("UPDATE participants SET name = CAST(x'ff41' AS TEXT) WHERE participant_id = 'CONTOH0002'")
        connection.commit()
    assert reasons(dsn) == (9, ["unreadable_row"])


def test_a_column_that_is_missing_or_misnamed_refuses_the_drop(salur: Salur, empty_dsn: str) -> None:
    make_tables(empty_dsn, people(2), without="owner_nik")
    refused(salur, empty_dsn, 10, "Its table accounts lacks the column owner_nik.")


def test_a_database_without_tables_is_no_drop(salur: Salur, empty_dsn: str, tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()  # where SQLite's would be
    refused(salur, empty_dsn, 10, "There is no source drop in")


def test_a_database_that_is_not_there_is_not_made(salur: Salur, tmp_path: Path) -> None:
    refused(salur, f"sqlite:///{tmp_path}/none.db", 14, "cannot be read now")
    assert not (tmp_path / "none.db").exists()


def test_a_source_is_read_and_never_written(salur: Salur, tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path}/source.db"
    make_tables(dsn, people(2))
    before = (tmp_path / "source.db").read_bytes()
    salur.ask("intake", "--source", dsn)
    assert (tmp_path / "source.db").read_bytes() == before


def test_no_password_is_said_when_the_server_is_away(salur: Salur, free_port: Callable[[], int]) -> None:
    dsn = f"postgresql+psycopg://salur:{PASSWORD}@127.0.0.1:{free_port()}/contoh?password={PASSWORD}"
    said = refused(salur, dsn, 14, "cannot be read now")
    assert PASSWORD not in said


def test_a_source_of_the_configuration_is_read_in_its_schema(salur: Salur, tmp_path: Path) -> None:
    dsn = f"sqlite:///{tmp_path}/source.db"
    make_tables(dsn, people(2))
    config = salur.home / "salur.toml"
    config.write_text(f'{config.read_text()}\n[sources.registri]\nurl = "{dsn}"\nschema = "main"\n')
    assert salur.ask("intake", "--source", "registri")["taken"] == 7
    assert salur.ask("intake", "--source", f"{dsn}?salur_schema=main")["taken"] == 0
    refused(salur, f"{dsn}?salur_schema=temp", 10, "Name their schema")


@pytest.mark.needs("postgresql")
def test_instants_that_only_postgresql_has_are_set_aside(postgresql: Any) -> None:
    dsn = postgresql.dsn(made=False)
    made = people(4)["trainings"][0]
    make_tables(dsn, {"trainings": []})
    rows: list[Row] = [made | {"training_id": f"T-{n}"} for n in range(4)]
    for row, recorded_at in zip(
        rows, ["infinity", "0044-03-15 00:00:00+00 BC", "2020-06-01 02:00+00", None], strict=True
    ):
        add_rows(dsn, "trainings", [row | {"recorded_at": recorded_at}])
    assert reasons(dsn) == (2, ["wrong_type", "wrong_type"])


@pytest.mark.needs("postgresql")
def test_all_tables_are_read_as_they_were_at_one_moment(postgresql: Any) -> None:
    dsn = postgresql.dsn(made=False)
    make_tables(dsn, people(2))
    with sql._snapshot(origin_of(dsn)) as connection:
        count = sa.text("SELECT count(*) FROM completions")
        before = connection.scalar(count)
        add_rows(dsn, "completions", [people(3)["completions"][2]])
        assert connection.scalar(count) == before == 2
        with pytest.raises(sa.exc.DBAPIError, match="read-only"):
            connection.execute(sa.text("DELETE FROM completions"))


@pytest.mark.needs("postgresql")
def test_only_what_is_new_is_read_with_a_day_of_overlap(salur: Salur, postgresql: Any) -> None:
    dsn = postgresql.dsn(made=False)
    made = people(3)
    first, second, third = made["completions"]
    first["recorded_at"] -= timedelta(days=30)
    make_tables(dsn, made | {"completions": [first, second]})
    assert salur.ask("intake", "--source", dsn)["read"] == 9
    late = third | {"recorded_at": second["recorded_at"] - timedelta(hours=23)}
    add_rows(dsn, "completions", [late, third | {"completion_id": "C-UNDATED", "recorded_at": None}])
    assert salur.ask("intake", "--source", dsn)["taken"] == 2
    result = salur.ask("intake", "--source", dsn)
    assert (result["read"], result["repeated"]) == (10, 10)
    assert salur.ask("intake", "--source", dsn, "--full")["read"] == 11
