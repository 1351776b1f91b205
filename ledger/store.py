"""The record in SQL: tables built from the definitions in `schemas`, insert-only, on SQLite.

Uniqueness is the database's business. At most one attempt of an entitlement can be open or successful, by keys alone:
`instructions` is unique on (participant, benefit, sequence, attempt); `attempt_ends` holds how an attempt ended without
paying; attempt n > 1 refers to the end of attempt n-1. Triggers refuse UPDATE and DELETE, so history only grows.

Instants are whole microseconds since 1970 in UTC (`BigInteger`), which is what Arrow holds: no conversion loses a digit.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from schemas.errors import EvidenceDamaged, InputRejected, SalurError, TryLater
from schemas.fields import BYTES, DATE, FIELDS, FLAG, INSTANT, WHOLE
from schemas.tables import TABLES

SCHEMA_VERSION = 3
"""Counted up with every change of a table below: a ledger of another version is refused, not guessed at."""
BATCH_ROWS = 50_000

METADATA = sa.MetaData()

Connection = sa.Connection
"""An open transaction of the ledger, as steps pass it on."""
Relation = sa.Table
"""A table of the ledger."""


def _sql_type(kind: pa.DataType) -> sa.types.TypeEngine[Any]:
    if kind in (WHOLE, INSTANT):
        return sa.BigInteger()
    if kind == DATE:
        return sa.Date()
    if kind == FLAG:
        return sa.Boolean()
    if kind == BYTES:
        return sa.LargeBinary()
    return sa.Text()


def _define(name: str, columns: str, key: str, *constraints: sa.Constraint | sa.Index) -> sa.Table:
    """A SQL table from field names; a question mark marks a column that may be null."""
    keys = key.split()
    built = [
        sa.Column(
            word.rstrip("?"),
            _sql_type(FIELDS[word.rstrip("?")].type),
            primary_key=word.rstrip("?") in keys,
            nullable=word.endswith("?"),
            autoincrement=False,
        )
        for word in columns.split()
    ]
    return sa.Table(name, METADATA, *built, *constraints)


def _from_definition(name: str, key: str, *constraints: sa.Constraint | sa.Index) -> sa.Table:
    """The SQL table of a definition in `schemas.tables`, under its name without the version."""
    definition = TABLES[name]
    columns = " ".join(c + ("?" if c in definition.optional else "") for c in definition.columns)
    return _define(definition.short_name, columns, key, *constraints)


# --- intake: every distinct row of every drop ------------------------------------------------------------------------
drops = _define("drops", "drop_id source taken_at row_count", "drop_id")
source_participants = _define(
    "source_participants",
    "participant_id row_mac drop_id source_file row recorded_at? status_at? nik_mac? kk_mac? name_mac? nik_problem?"
    " province? wave? accepted_on? occupation? status? sk_number? sk_line? warnings? sealed",
    "participant_id row_mac",
)
source_accounts = _define(
    "source_accounts",
    "participant_id version row_mac drop_id source_file row recorded_at? channel? owner_nik_mac? owner_name_mac?"
    " account_mac? verified_at? closed_at? sealed",
    "participant_id version row_mac",
)
source_trainings = _define(
    "source_trainings",
    "training_id row_mac drop_id source_file row recorded_at? title? provider? platform? price_idr?",
    "training_id row_mac",
)
source_completions = _define(
    "source_completions",
    "completion_id row_mac drop_id source_file row recorded_at? platform? participant_id? training_id? purchased_at?"
    " completed_at? certificate_number? rating? reviewed_at? revoked_at?",
    "completion_id row_mac",
    sa.Index("source_completions_by_person", "participant_id"),
)
source_blocklist = _define(
    "source_blocklist",
    "nik_mac source row_mac drop_id source_file row recorded_at? reason? listed_on? delisted_on?",
    "nik_mac source row_mac",
)
source_surveys = _define(
    "source_surveys",
    "participant_id number row_mac drop_id source_file row recorded_at? completed_at?",
    "participant_id number row_mac",
)
decisions_people = _define("decisions_people", "sk_number row_count amount_idr drop_id", "sk_number drop_id")
quarantine = _from_definition("quarantine.v1", "table row reason source row_mac")

# --- disbursement ----------------------------------------------------------------------------------------------------
entitlement_runs = _define(
    "entitlement_runs",
    "seq run_id period cut_off at archive_key row_count details",
    "seq",
    sa.UniqueConstraint("run_id"),
)
# `run_id` is that of the run of `entitle` whose decisions were instructed.
instruct_runs = _define("instruct_runs", "seq run_id period at archive_key row_count", "seq")
funds = _define("funds", "reference amount_idr at person", "reference")
batches = _from_definition("batches.v1", "batch")
files = _from_definition(
    "files.v1",
    "file_name",
    sa.UniqueConstraint("message_id", "is_companion"),
    sa.ForeignKeyConstraint(["batch"], ["batches.batch"]),
)
attempt_ends = _define(
    "attempt_ends",
    "participant_id benefit sequence attempt end code_list? reason_code? evidence at",
    "participant_id benefit sequence attempt",
    sa.ForeignKeyConstraint(
        ["participant_id", "benefit", "sequence", "attempt"],
        ["instructions.participant_id", "instructions.benefit", "instructions.sequence", "instructions.attempt"],
        use_alter=True,
        name="attempt_ends_instruction",
    ),
)
instructions = _from_definition(
    "instructions.v1",
    "end_to_end_id",
    sa.UniqueConstraint("participant_id", "benefit", "sequence", "attempt"),
    sa.ForeignKeyConstraint(["file_name"], ["files.file_name"]),
    sa.ForeignKeyConstraint(
        ["participant_id", "benefit", "sequence", "previous_attempt"],
        [
            "attempt_ends.participant_id",
            "attempt_ends.benefit",
            "attempt_ends.sequence",
            "attempt_ends.attempt",
        ],
    ),
    sa.CheckConstraint(
        "(attempt = 1 AND previous_attempt IS NULL)"
        " OR (attempt > 1 AND previous_attempt IS NOT NULL AND previous_attempt = attempt - 1)",
        name="attempt_follows_an_end",
    ),
    sa.CheckConstraint("amount_idr > 0", name="amount_is_positive"),
    sa.Index("instructions_by_period", "period"),
    sa.Index("instructions_by_file", "file_name"),
)
file_states = _define(
    "file_states", "seq file_name state evidence at", "seq", sa.UniqueConstraint("file_name", "state", "evidence")
)
instruction_states = _define(
    "instruction_states",
    "seq end_to_end_id state code_list? reason_code? evidence at",
    "seq",
    sa.UniqueConstraint("end_to_end_id", "state", "evidence"),
    sa.Index("instruction_states_by_id", "end_to_end_id"),
)
consents = _define(
    "consents",
    "seq purpose subject digest person via at expires_at",
    "seq",
    sa.UniqueConstraint("purpose", "subject", "digest", "person", "at"),
)
consent_uses = _define("consent_uses", "purpose subject digest at actor", "purpose subject digest")
holds = _define("holds", "seq participant_id act reason person at", "seq")
brakes = _define("brakes", "seq act reason person at", "seq")

journal = _from_definition(
    "journal.v1",
    "seq",
    sa.CheckConstraint("amount_idr > 0", name="amount_is_positive"),
    sa.CheckConstraint("debit <> credit", name="money_moves"),
    sa.Index("journal_by_period", "period"),
)

# --- what came back ---------------------------------------------------------------------------------------------------
inbound_files = _define(
    "inbound_files",
    "seq sha256 bank file_name byte_count kind state reason? archive_key? row_count at",
    "seq",
    sa.UniqueConstraint("sha256", "bank"),
)
inbound_names = _define(
    "inbound_names", "bank file_name byte_count listed_at sha256 at", "bank file_name byte_count listed_at"
)
# Of which periods a received file (by its `seq`) speaks, and up to which file a period was reconciled.
inbound_periods = _define("inbound_periods", "seq period", "seq period")
reconciled_evidence = _define("reconciled_evidence", "period seq at", "period seq")
reconciliation_runs = _define("reconciliation_runs", "seq run_id period at archive_key row_count details", "seq")
breaks = _define(
    "breaks",
    "seq run_id break_id period kind bank end_to_end_id? file_name? expected? found? amount_idr? state at",
    "seq",
    sa.Index("breaks_by_id", "break_id"),
)
proofs = _define(
    "proofs", "run_id period stage scope equation left_count right_count left_idr right_idr holds", "run_id stage scope"
)
exception_acts = _define("exception_acts", "seq break_id act person note at", "seq")

# --- what participants were told ---------------------------------------------------------------------------------------
# A notice is a set of outcomes that are told together: kept before it is delivered, and delivered to each outlet once.
notices = _define("notices", "notice at row_count archive_key details", "notice")
told_outcomes = _define(
    "told_outcomes",
    "participant_id benefit sequence notice period status status_at amount_idr due_on? to_do",
    "participant_id benefit sequence notice",
    sa.ForeignKeyConstraint(["notice"], ["notices.notice"]),
)
notice_deliveries = _define(
    "notice_deliveries",
    "outlet notice acknowledgement at",
    "outlet notice",
    sa.ForeignKeyConstraint(["notice"], ["notices.notice"]),
)

# --- the record of the record ----------------------------------------------------------------------------------------
check_results = _define(
    "check_results",
    "seq run_id period? step table expectation column? action success failed_count row_count observed? at",
    "seq",
)
events = _from_definition("events.v1", "seq", sa.UniqueConstraint("previous_hash"))
schema_versions = _define("schema_versions", "version at", "version")


def _insert_only(table: sa.Table) -> None:
    for act in ("UPDATE", "DELETE"):
        statement = sa.DDL(  # type: ignore[no-untyped-call]
            f"CREATE TRIGGER IF NOT EXISTS {table.name}_no_{act.lower()} BEFORE {act} ON {table.name} "
            f"BEGIN SELECT RAISE(ABORT, '{table.name} is insert-only'); END"
        )
        sa.event.listen(table, "after_create", statement)


for _each in METADATA.tables.values():
    _insert_only(_each)


class Store:
    """The ledger's database: transactions, bulk inserts and reads as Arrow tables."""

    def __init__(self, dsn: str) -> None:
        try:
            url = sa.make_url(dsn)
        except sa.exc.ArgumentError:
            raise InputRejected(
                "The ledger's DSN cannot be read.", "", "Give a SQLAlchemy URL in salur.toml."
            ) from None
        if url.get_backend_name() != "sqlite":
            raise InputRejected(
                f"The ledger cannot be kept in {url.get_backend_name()}.",
                "What makes it insert-only is written for SQLite alone.",
                "Give a DSN that begins with sqlite:///.",
            )
        self.engine = sa.create_engine(url)
        self._is_checked = False
        sa.event.listen(self.engine, "connect", _sqlite_connect)
        sa.event.listen(self.engine, "begin", _sqlite_begin)

    def create(self, at_us: int) -> None:
        """Make the tables of this version; a ledger that has them already is left as it is, one of another refused."""
        with _told(), self.engine.begin() as connection:
            if sa.inspect(connection).has_table(schema_versions.name):
                _check_version(connection)
            else:
                METADATA.create_all(connection)
                insert(connection, schema_versions, [{"version": SCHEMA_VERSION, "at": at_us}])
        self._is_checked = True

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """All or nothing. The write lock is taken at once, so two writers wait for each other."""
        with _told(), self.engine.begin() as connection:
            self._check(connection)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read by; nothing is kept of what is written through it."""
        with _told(), self.engine.connect().execution_options(reading=True) as connection:
            self._check(connection)
            yield connection
            connection.rollback()

    def _check(self, connection: sa.Connection) -> None:
        if not self._is_checked:
            _check_version(connection)
            self._is_checked = True

    def read(self, query: sa.Select[Any], schema: pa.Schema | None = None) -> pa.Table:
        """The rows of `query` as an Arrow table; types come from the fields' definitions, or from `schema`."""
        with self.reading() as connection:
            return read(connection, query, schema)


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _sqlite_begin, not by the driver's guess
    cursor = connection.cursor()
    # recursive_triggers: else a row that is replaced (INSERT OR REPLACE) would be removed without the trigger that forbids it
    for pragma in (
        "foreign_keys = ON",
        "recursive_triggers = ON",
        "journal_mode = WAL",
        "synchronous = FULL",
        "busy_timeout = 60000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE")


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the database in an operator's words; one of a broken key stays what it is."""
    try:
        yield
    except sa.exc.DatabaseError as error:
        told = _words(error)
        if told is None:
            raise
        raise told from None


def _words(error: sa.exc.DatabaseError) -> SalurError | None:
    if isinstance(error, sa.exc.OperationalError):
        return TryLater(
            "The ledger cannot be used now.", str(error.orig), "Mend the cause, then give the command again."
        )
    if type(error) is sa.exc.DatabaseError:  # SQLite's word for a file that is no database, or is damaged
        return EvidenceDamaged("The ledger is not what was recorded.", str(error.orig), "Restore it from a backup.")
    return None


def _check_version(connection: sa.Connection) -> None:
    """Refuse a ledger whose tables are of another version than this code reads and writes."""
    has_versions = sa.inspect(connection).has_table(schema_versions.name)
    found = connection.scalar(sa.select(sa.func.max(schema_versions.c.version))) if has_versions else None
    if found != SCHEMA_VERSION:
        raise InputRejected(
            f"The ledger's tables are of version {found}; this Salur needs {SCHEMA_VERSION}."
            if found
            else "The ledger has no tables.",
            "",
            "Use the Salur that made this home, or make a new one." if found else "Run: salur init",
        )


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a column by its field's definition."""
    return FIELDS[name].type


def read(connection: sa.Connection, query: sa.Select[Any], schema: pa.Schema | None = None) -> pa.Table:
    """The rows of `query` as an Arrow table, read in bounded batches."""
    target = schema or pa.schema([pa.field(c.name, FIELDS[c.name].type) for c in query.selected_columns])
    batches = []
    with connection.execute(query) as result:
        # The driver's own rows: SQLAlchemy's, with a conversion a value, would take as long again as the query.
        cursor = result.cursor
        while cursor is not None and (rows := cursor.fetchmany(BATCH_ROWS)):
            columns = [
                _arrow_column(list(values), field.type)
                for values, field in zip(zip(*rows, strict=True), target, strict=True)
            ]
            batches.append(pa.record_batch(columns, schema=target))
    return pa.Table.from_batches(batches, target)


def _arrow_column(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Values as the driver gives them (SQLite: instants whole microseconds, dates text, flags 0 and 1) in their type."""
    if kind == INSTANT:
        return pa.array(values, pa.int64()).cast(pa.timestamp("us")).cast(INSTANT)
    return pa.array(values).cast(kind) if kind in (DATE, FLAG) else pa.array(values, kind)


def insert(connection: sa.Connection, table: sa.Table, rows: pa.Table | Sequence[dict[str, Any]]) -> int:
    """Add rows; one that is there already breaks its key and stops the transaction. Returns how many were given."""
    return _write(connection, sa.insert(table), rows)


def insert_new(connection: sa.Connection, table: sa.Table, rows: pa.Table | Sequence[dict[str, Any]]) -> int:
    """Add the rows whose key is not there yet; returns how many were added."""
    return _write(connection, sqlite_insert(table).on_conflict_do_nothing(), rows)


def _write(connection: sa.Connection, statement: sa.Insert, rows: pa.Table | Sequence[dict[str, Any]]) -> int:
    """Run an insert for every row; returns how many were added, as the database counts them."""
    if not isinstance(rows, pa.Table):
        return connection.execute(statement, list(rows)).rowcount if rows else 0
    compiled = statement.compile(dialect=connection.dialect, column_keys=rows.column_names)
    # Arrow columns go to the driver as they are: building a dict and parameters a row costs more than SQLite's insert.
    order = compiled.positiontup or []
    added = 0
    for batch in pa.table([_plain(rows.column(name)) for name in order], names=order).to_batches(BATCH_ROWS):
        values = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        added += connection.exec_driver_sql(str(compiled), values).rowcount if values else 0
    return added


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as SQLite keeps it: instants as whole microseconds, dates as ISO text."""
    if column.type == INSTANT:
        return column.cast(pa.int64())
    return column.cast(pa.string()) if column.type == DATE else column


def next_seq(connection: sa.Connection, table: sa.Table) -> int:
    """The next running number of a table that has one."""
    return int(connection.scalar(sa.select(sa.func.coalesce(sa.func.max(table.c.seq), 0))) or 0) + 1
