"""The database keeps the promises itself: history only grows, and no entitlement has two attempts at once."""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from ledger import money, store
from ledger.house import House
from ledger.store import Store
from schemas.errors import EvidenceDamaged, InputRejected, TryLater
from schemas.fields import BYTES, DATE, FIELDS, FLAG, INSTANT, WHOLE
from tests.lib.small_home import AT, drafted, instruction, small_home
from treasury.house import init_house

UNIQUE, FOREIGN_KEY = "(?i)unique", "(?i)foreign key"


@pytest.fixture
def house(tmp_path: Path, dsn: str) -> House:
    made = small_home(tmp_path, dsn)
    drafted(made, "B1", people=1)
    return made


@pytest.fixture
def ledger(dsn: str) -> Store:
    made = Store(dsn)
    made.create(0)
    return made


def row_of(table: sa.Table) -> dict[str, Any]:
    """A made-up row with a value of the right type in every column."""
    samples: dict[Any, Any] = {WHOLE: 7, INSTANT: 1, DATE: date(2020, 1, 1), FLAG: True, BYTES: b"x"}
    row = {column.name: samples.get(FIELDS[column.name].type, "x") for column in table.columns}
    checked = {"instructions": {"previous_attempt": 6}, "journal": {"debit": "cash", "credit": "debited"}}
    return row | checked.get(table.name, {})


_BY_DATABASE = {
    "sqlite": ("PRAGMA foreign_keys = OFF", ['INSERT OR REPLACE INTO "{0}" SELECT * FROM "{0}"']),
    "postgresql": (
        "SET session_replication_role = replica",
        [
            'TRUNCATE "{0}" CASCADE',
            'DELETE FROM "{0}" WHERE false',
            'INSERT INTO "{0}" SELECT * FROM "{0}" ON CONFLICT ({2}) DO UPDATE SET "{1}" = EXCLUDED."{1}"',
        ],
    ),
}
"""How foreign keys are put off, and what changes rows there beside UPDATE and DELETE."""


def test_no_row_of_any_table_is_ever_changed_or_removed(ledger: Store) -> None:
    """Not even by a session that keeps no foreign keys; each row here asks for no meaning."""
    put_off, more = _BY_DATABASE[ledger.engine.dialect.name]
    sa.event.listen(ledger.engine, "connect", lambda connection, _: connection.execute(put_off).close())
    ledger.engine.dispose()
    with ledger.transaction() as connection:
        for table in store.METADATA.tables.values():
            store.insert_new(connection, table, [row_of(table)])
    before = {name: ledger.read(sa.select(table)) for name, table in store.METADATA.tables.items()}
    assert all(rows.num_rows for rows in before.values())
    for name, table in store.METADATA.tables.items():
        key = ", ".join(f'"{column.name}"' for column in table.primary_key)
        for act in ('UPDATE "{0}" SET "{1}" = "{1}"', 'DELETE FROM "{0}"', *more):
            with pytest.raises(sa.exc.IntegrityError, match="is insert-only"), ledger.of_any_version() as connection:
                connection.exec_driver_sql(act.format(name, next(iter(table.columns)).name, key))
    assert all(ledger.read(sa.select(store.METADATA.tables[name])).equals(rows) for name, rows in before.items())


class TestAttempts:
    """Attempts of one entitlement follow each other; the keys see to it, whatever a caller does."""

    def add(self, house: House, **changed: Any) -> None:
        attempt = changed.get("attempt", 1)
        row = instruction(
            changed.pop("file", "B1-1.xml"), 0, end_to_end_id=f"E{attempt}{changed.pop('mark', '')}", **changed
        )
        with house.store.transaction() as connection:
            store.insert(connection, store.instructions, [row])

    def end(self, house: House, attempt: int, how: str = "withdrawn", participant: str = "P-B1-1.xml-0") -> None:
        row = {
            "participant_id": participant, "benefit": "incentive", "sequence": 1, "attempt": attempt, "end": how,
            "code_list": None, "reason_code": None, "evidence": "e", "at": 0,
        }  # fmt: skip
        with house.store.transaction() as connection:
            store.insert(connection, store.attempt_ends, [row])

    def test_a_second_first_attempt_is_refused(self, house: House) -> None:
        with pytest.raises(sa.exc.IntegrityError, match=UNIQUE):
            self.add(house, mark="again")

    def test_a_second_attempt_is_refused_while_the_first_has_not_ended(self, house: House) -> None:
        with pytest.raises(sa.exc.IntegrityError, match=FOREIGN_KEY):
            self.add(house, attempt=2, previous_attempt=1)

    @pytest.mark.parametrize("how", ["withdrawn", "rejected", "returned", "never_arrived"])
    def test_attempts_follow_each_others_ends(self, house: House, how: str) -> None:
        self.end(house, 1, how)
        self.add(house, attempt=2, previous_attempt=1)
        with pytest.raises(sa.exc.IntegrityError, match=FOREIGN_KEY):
            self.add(house, attempt=3, previous_attempt=2)
        self.end(house, 2)
        self.add(house, attempt=3, previous_attempt=2)
        with house.store.reading() as connection:
            assert connection.scalar(sa.select(sa.func.max(store.instructions.c.attempt))) == 3

    @pytest.mark.parametrize(
        "numbers",
        [
            {"attempt": 3, "previous_attempt": 1},
            {"attempt": 2, "previous_attempt": None},
            {"attempt": 1, "previous_attempt": 1},
            {"attempt": 0, "previous_attempt": None},
        ],
    )
    def test_an_attempt_that_skips_one_or_follows_none_is_refused(self, house: House, numbers: dict[str, Any]) -> None:
        self.end(house, 1)
        with pytest.raises(sa.exc.IntegrityError, match="attempt_follows_an_end"):
            self.add(house, **numbers)

    def test_an_attempt_ends_once_and_only_if_it_was_made(self, house: House) -> None:
        with pytest.raises(sa.exc.IntegrityError, match=FOREIGN_KEY):
            self.end(house, 1, participant="P-nobody")
        with pytest.raises(sa.exc.IntegrityError, match=FOREIGN_KEY):
            self.end(house, 2)
        self.end(house, 1, "rejected")
        with pytest.raises(sa.exc.IntegrityError, match=UNIQUE):
            self.end(house, 1, "returned")

    def test_the_end_of_another_persons_attempt_frees_nobody(self, house: House) -> None:
        drafted(house, "B2", people=1)
        self.end(house, 1, participant="P-B2-1.xml-0")
        with pytest.raises(sa.exc.IntegrityError, match=FOREIGN_KEY):
            self.add(house, attempt=2, previous_attempt=1)

    @pytest.mark.parametrize("amount", [0, -600_000])
    def test_an_instruction_pays_more_than_nothing(self, house: House, amount: int) -> None:
        with pytest.raises(sa.exc.IntegrityError, match="amount_is_positive"):
            self.add(house, sequence=2, amount_idr=amount)

    def test_an_instruction_lies_in_a_file_and_a_file_in_a_batch(self, house: House) -> None:
        with pytest.raises(sa.exc.IntegrityError, match=FOREIGN_KEY):
            self.add(house, sequence=2, file="nowhere.xml")

    def test_the_cycle_between_attempts_and_their_ends_is_in_the_database(self, house: House) -> None:
        inspector = sa.inspect(house.store.engine)
        listed = {
            (child, each["referred_table"])
            for child in ("attempt_ends", "instructions")
            for each in inspector.get_foreign_keys(child)
        }
        assert {("attempt_ends", "instructions"), ("instructions", "attempt_ends"), ("instructions", "files")} <= listed


def test_every_type_comes_back_as_it_was_kept_to_the_microsecond_and_with_its_nulls(ledger: Store) -> None:
    instant = datetime(2020, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
    table = pa.table(
        {
            "participant_id": ["P1", "P2"],
            "row_mac": ["m1", "m2"],
            "drop_id": ["d", "d"],
            "source_file": ["f", "f"],
            "row": [1, 2**53 + 1],
            "recorded_at": pa.array([instant, None], INSTANT),
            "wave": pa.array([None, 47], pa.int64()),
            "accepted_on": pa.array([date(1, 1, 1), None], DATE),
            "warnings": ["", None],
            "sealed": pa.array([b"\x00\xff", b""], pa.binary()),
        }
    )
    with ledger.transaction() as connection:
        assert store.insert(connection, store.source_participants, table) == 2
    columns = [store.source_participants.c[name] for name in table.column_names]
    again = ledger.read(sa.select(*columns).order_by(store.source_participants.c.participant_id))
    assert again.equals(table)


@pytest.mark.parametrize("micros", [-1, 0, 1, 1_606_780_799_999_999, 253_402_300_799_999_999])
def test_an_instant_keeps_its_last_microsecond(ledger: Store, micros: int) -> None:
    with ledger.transaction() as connection:
        store.insert(connection, store.schema_versions, [{"version": 99, "at": micros}])
    query = sa.select(store.schema_versions.c.at).where(store.schema_versions.c.version == 99)
    assert ledger.read(query).column("at").cast(pa.int64()).to_pylist() == [micros]


def test_flags_and_empty_answers_keep_their_types(house: House) -> None:
    rows = house.store.read(sa.select(store.files))
    assert rows.column("is_companion").to_pylist() == [False]
    none = house.store.read(sa.select(store.files).where(sa.false()))
    assert (none.num_rows, none.schema) == (0, rows.schema)


def test_rows_that_are_there_already_are_counted_out_or_refused(ledger: Store) -> None:
    row = {"reference": "SP2D-1", "amount_idr": 1, "at": 0, "person": "siti"}
    with ledger.transaction() as connection:
        assert store.insert_new(connection, store.funds, [row]) == 1
        assert store.insert_new(connection, store.funds, [row, row | {"reference": "SP2D-2"}]) == 1
    with pytest.raises(sa.exc.IntegrityError), ledger.transaction() as connection:
        store.insert(connection, store.funds, [row])


def test_what_fails_in_a_transaction_leaves_nothing_of_it(ledger: Store) -> None:
    row = {"reference": "SP2D-1", "amount_idr": 1, "at": 0, "person": "siti"}
    with pytest.raises(sa.exc.IntegrityError), ledger.transaction() as connection:
        store.insert(connection, store.funds, [row, row])
    assert ledger.read(sa.select(store.funds)).num_rows == 0


def test_nothing_is_kept_that_is_written_by_a_reader(ledger: Store) -> None:
    with contextlib.suppress(sa.exc.InternalError), ledger.reading() as connection:  # PostgreSQL does not even take it
        store.insert(connection, store.funds, [{"reference": "X", "amount_idr": 1, "at": 0, "person": "siti"}])
    assert ledger.read(sa.select(store.funds)).num_rows == 0


def test_a_writer_waits_for_the_one_before_it_and_sees_what_it_wrote(ledger: Store) -> None:
    holds_lock, seen = threading.Event(), []

    def second() -> None:
        holds_lock.wait(10)
        with ledger.transaction() as connection:
            seen.append(store.next_seq(connection, store.brakes))

    other = threading.Thread(target=second)
    other.start()
    with ledger.transaction() as connection:
        holds_lock.set()
        other.join(0.2)  # it cannot get on while this one writes
        assert seen == []
        row = {"seq": 1, "act": "stop", "reason": "uji", "person": "siti", "at": 0}
        store.insert(connection, store.brakes, [row])
    other.join(10)
    assert seen == [2]


def test_a_reader_is_not_kept_by_a_writer_and_sees_the_record_before_it(ledger: Store) -> None:
    with ledger.transaction() as connection:
        store.insert(connection, store.funds, [{"reference": "X", "amount_idr": 1, "at": 0, "person": "siti"}])
        assert ledger.read(sa.select(store.funds)).num_rows == 0
    assert ledger.read(sa.select(store.funds)).num_rows == 1


def test_a_ledger_that_cannot_be_reached_is_tried_later(tmp_path: Path) -> None:
    with pytest.raises(TryLater):
        Store(f"sqlite:///{tmp_path}/nowhere/ledger.db").read(sa.select(store.funds))


def test_where_each_instruction_stood_is_found_by_its_key_and_not_by_reading_all_states_for_each(
    tmp_path: Path,
) -> None:
    ledger = Store(f"sqlite:///{tmp_path}/ledger.db")
    ledger.create(0)
    found = money.instructions_at(0)
    counted = sa.select(found.c.channel, found.c.state, sa.func.count()).group_by(found.c.channel, found.c.state)
    asked = counted.compile(ledger.engine, compile_kwargs={"literal_binds": True})
    with ledger.reading() as connection:
        plan = [str(row.detail) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}")]
    joined = [step.split(" USING ")[0] for step in plan if step.endswith("LEFT-JOIN")]
    assert joined == ["SEARCH instruction_states", "SEARCH file_states"]


def test_a_database_that_keeps_no_history_is_refused_before_a_home_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputRejected) as refused:
        init_house(tmp_path / "home", AT, dsn="mysql://localhost/salur")
    assert "mysql" in refused.value.what
    assert not (tmp_path / "home").exists()


def test_a_ledger_that_is_no_database_is_damaged_evidence(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database " * 100)
    for act in (lambda made: made.read(sa.select(store.funds)), lambda made: made.create(0)):
        with pytest.raises(EvidenceDamaged):
            act(Store(f"sqlite:///{tmp_path}/ledger.db"))


@pytest.mark.parametrize(
    "version, do",
    [
        (store.SCHEMA_VERSION - 1, "Run: salur upgrade"),
        (store.SCHEMA_VERSION + 1, "Use the Salur that upgraded this ledger."),
    ],
)
def test_a_ledger_of_another_version_is_refused_and_left_as_it_is(empty_dsn: str, version: int, do: str) -> None:
    other = Store(empty_dsn)
    with other.of_any_version() as connection:
        store.schema_versions.create(connection)
        store.insert(connection, store.schema_versions, [{"version": version, "at": 0}])
    for act in (_write, lambda made: made.read(sa.select(store.funds)), lambda made: made.create(0)):
        with pytest.raises(InputRejected, match=f"version {version}") as refused:
            act(Store(empty_dsn))
        assert refused.value.do == do
    assert sa.inspect(other.engine).get_table_names() == ["schema_versions"]


def _write(ledger: Store) -> None:
    with ledger.transaction() as connection:
        store.insert(connection, store.funds, [{"reference": "X", "amount_idr": 1, "at": 0, "person": "siti"}])


def test_a_process_that_was_open_during_an_upgrade_does_not_write_in_the_old_way(ledger: Store) -> None:
    _write(ledger)
    with ledger.of_any_version() as connection:
        store.insert(connection, store.schema_versions, [{"version": store.SCHEMA_VERSION + 1, "at": 0}])
    with pytest.raises(InputRejected, match="version"):
        _write(ledger)


def test_a_ledger_without_tables_says_how_they_are_made(empty_dsn: str) -> None:
    with pytest.raises(InputRejected) as refused:
        Store(empty_dsn).read(sa.select(store.funds))
    assert refused.value.do == "Run: salur init"


def test_a_dsn_that_says_nothing_is_refused() -> None:
    with pytest.raises(InputRejected):
        Store("not a dsn")


def test_making_a_ledger_again_changes_nothing(house: House) -> None:
    before = house.store.read(sa.select(store.schema_versions)).to_pylist()
    house.store.create(int(AT.timestamp()) + 1)
    assert house.store.read(sa.select(store.schema_versions)).to_pylist() == before
