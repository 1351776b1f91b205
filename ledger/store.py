"""The record in SQL: tables built from the definitions in `schemas`, insert-only, on SQLite or PostgreSQL.

Uniqueness is the database's business. At most one attempt of an entitlement can be open or successful, by keys alone:
`instructions` is unique on (participant, benefit, sequence, attempt); `attempt_ends` holds how an attempt ended without
paying; attempt n > 1 refers to the end of attempt n-1. Triggers refuse UPDATE and DELETE, so history only grows.

Instants are whole microseconds since 1970 in UTC (`BigInteger`), which is what Arrow holds: no conversion loses a digit.
What differs between the two databases is in `ledger.dialects`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ledger.dialects import Rows, dialect_of, make_insert_only, parse_dsn, text_type
from schemas.codes import ACCOUNTS
from schemas.errors import InputRejected, TryLater
from schemas.failpoints import around
from schemas.fields import BYTES, DATE, FIELDS, FLAG, INSTANT, WHOLE
from schemas.tables import TABLES

SCHEMA_VERSION = 4
"""Counted up with every change of a table below, with a revision in `ledger/migrations/versions`: a ledger of another version is
refused, not guessed at, until `salur upgrade` has brought it here."""

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
    return text_type()


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
# How far a source that is asked over and over was taken, table by table; the latest of each is in force.
source_watermarks = _define("source_watermarks", "source table recorded_at drop_id at", "source table recorded_at")
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
source_allocations = _define(
    "source_allocations",
    "sk_number participant_id row_mac drop_id source_file row recorded_at? sk_line? training_aid_idr? incentive_idr?"
    " survey_idr?",
    "sk_number participant_id row_mac",
    sa.Index("source_allocations_by_person", "participant_id"),
)
decisions_people = _define("decisions_people", "sk_number row_count amount_idr drop_id", "sk_number drop_id")
quarantine = _from_definition("quarantine.v1", "table row reason source row_mac")

# --- disbursement ----------------------------------------------------------------------------------------------------
entitlement_runs = _define(
    "entitlement_runs",
    "seq run_id period cut_off at archive_key row_count details reissues_key?",
    "seq",
    sa.UniqueConstraint("run_id"),
)
# `run_id` is that of the run of `entitle` whose decisions were instructed.
instruct_runs = _define("instruct_runs", "seq run_id period at archive_key row_count", "seq")
# A receipt that corrects another names it in `corrects`; its amount may be negative.
funds = _define("funds", "reference amount_idr at person issued_on? fiscal_year? corrects?", "reference")
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
# What people agreed on about attempts that ended, or files that a bank stopped: `subject` is either.
reissue_acts = _define("reissue_acts", "seq subject act reason person at", "seq")
holds = _define("holds", "seq participant_id act reason person at", "seq")
brakes = _define("brakes", "seq act reason person at", "seq")

journal = _from_definition(
    "journal.v1",
    "seq",
    sa.CheckConstraint("amount_idr > 0", name="amount_is_positive"),
    sa.CheckConstraint("debit <> credit", name="money_moves"),
    sa.CheckConstraint(
        " AND ".join(f"{side} IN ({', '.join(repr(name) for name in ACCOUNTS)})" for side in ("debit", "credit")),
        name="accounts_of_the_list",
    ),
    sa.Index("journal_by_period", "period"),
)

# --- what is claimed back, and what goes back to the treasury ----------------------------------------------------------
claims = _define("claims", "claim participant_id amount_idr reason person digest at", "claim")
# Which payments a claim is over. A payment whose claim was cancelled may be claimed again, under the next number.
claim_items = _define(
    "claim_items",
    "end_to_end_id claim_number claim amount_idr",
    "end_to_end_id claim_number",
    sa.ForeignKeyConstraint(["claim"], ["claims.claim"]),
    sa.ForeignKeyConstraint(["end_to_end_id"], ["instructions.end_to_end_id"]),
)
claim_acts = _define(
    "claim_acts",
    "seq claim act person note at noticed_on? repay_by?",
    "seq",
    sa.UniqueConstraint("claim", "act"),
    sa.ForeignKeyConstraint(["claim"], ["claims.claim"]),
)
# As with receipts: one that corrects another names it, and may be negative.
repayments = _define(
    "repayments",
    "reference claim amount_idr person at corrects?",
    "reference",
    sa.ForeignKeyConstraint(["claim"], ["claims.claim"]),
)
# A correction takes back a whole deposit, which it names; so each can be corrected once.
deposits = _define(
    "deposits",
    "deposit ntpn ntb amount_idr cash_idr returned_idr repaid_idr fiscal_year? period? person at corrects?",
    "deposit",
    sa.UniqueConstraint("corrects"),
    sa.ForeignKeyConstraint(["corrects"], ["deposits.deposit"]),
)
deposit_items = _define(
    "deposit_items",
    "end_to_end_id deposit_number deposit amount_idr",
    "end_to_end_id deposit_number",
    sa.ForeignKeyConstraint(["deposit"], ["deposits.deposit"]),
    sa.ForeignKeyConstraint(["end_to_end_id"], ["instructions.end_to_end_id"]),
)

# --- what came back ---------------------------------------------------------------------------------------------------
# `stated_at`: when the bank says that it wrote a status report; null for other files and where a report does not say.
inbound_files = _define(
    "inbound_files",
    "seq sha256 bank file_name byte_count kind state reason? archive_key? row_count at stated_at?",
    "seq",
    sa.UniqueConstraint("sha256", "bank"),
)
inbound_names = _define(
    "inbound_names", "bank file_name byte_count listed_at sha256 at", "bank file_name byte_count listed_at"
)
# Of which periods a received file (by its `seq`) speaks, and up to which file a period was reconciled.
inbound_periods = _define("inbound_periods", "seq period", "seq period")
reconciled_evidence = _define("reconciled_evidence", "period seq at", "period seq")
# Statements that people set aside for a corrected one; `evidence` is the file that a statement stands in.
supersession_acts = _define(
    "supersession_acts", "seq bank evidence statement_id by_evidence by_statement_id act reason person at", "seq"
)
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


class Store:
    """The ledger's database: transactions, bulk inserts and reads as Arrow tables."""

    def __init__(self, dsn: str) -> None:
        url = parse_dsn(dsn)
        self.dialect = dialect_of(url.get_backend_name())
        self.engine = self.dialect.open_engine(url)
        self._is_checked = False

    def create(self, at_us: int) -> None:
        """Make the tables of this version; a ledger that has them already is left as it is, one of another refused."""
        with self.of_any_version() as connection:
            self.dialect.refuse_wrong(connection)
            if version_of(connection) is None:
                _tables(connection.dialect.name).create_all(connection)
                insert(connection, schema_versions, [{"version": SCHEMA_VERSION, "at": at_us}])
            else:
                _check_version(connection)
        self._is_checked = True

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """All or nothing, one writer at a time: the ledger's write lock is taken at once and held to the end.

        So whatever is read inside is what the last writer left, and stays true until this one is done: running numbers,
        the end of the chain, who has agreed. Another writer waits for it, up to a minute, then `TryLater`. Where the
        connection breaks before the end nothing is kept; where it breaks while the end is being told, `TryLater` says
        that nobody knows.
        """
        with self.of_any_version() as connection:
            # Each time: a process that lives long must not write in the old way after an upgrade.
            _check_version(connection, is_made=self._is_checked)
            yield connection

    @contextmanager
    def of_any_version(self) -> Iterator[sa.Connection]:
        """A transaction that does not ask for this version's tables: for making and upgrading them."""
        with self._told(), self.engine.connect() as connection:
            begun = connection.begin()
            try:
                yield connection
            except BaseException:
                begun.rollback()
                raise
            try:
                with around("commit"):
                    begun.commit()
            except sa.exc.DBAPIError as error:
                if self.dialect.is_lost(error):
                    raise _unknown() from None
                raise

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read by: all that is read through it is the record of one moment. Nothing is kept of what is written.

        It neither waits for a writer nor keeps one.
        """
        with self._told(), self.engine.connect().execution_options(purpose="read") as connection:
            begun = connection.begin()
            if not self._is_checked:
                self.dialect.refuse_wrong(connection)
                _check_version(connection)
                self._is_checked = True
            yield connection
            begun.rollback()

    def read(self, query: sa.Select[Any], schema: pa.Schema | None = None) -> pa.Table:
        """The rows of `query` as an Arrow table; types come from the fields' definitions, or from `schema`."""
        with self.reading() as connection:
            return read(connection, query, schema)

    @contextmanager
    def lock(self, name: str) -> Iterator[Callable[[], bool] | None]:
        """A lock that all who share the ledger see, taken at once or not at all: None where it is another's, else the question
        whether it is ours still.

        It belongs to a session of its own, so that writing goes on inside.
        """
        with self._told(), self.dialect.lock(self.engine, name) as is_ours:
            yield is_ours

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the database in an operator's words, and none with the values of a row."""
        try:
            yield
        except Exception as error:
            told = self.dialect.words(error)
            if told is None:
                raise
            raise told from None


def _unknown() -> TryLater:
    return TryLater(
        "Whether the ledger kept this is not known.",
        "The connection to the database broke while it was being kept.",
        "Give the same command again: it finds what was kept, and does the rest.",
    )


@cache
def _tables(_dialect: str) -> sa.MetaData:
    """The tables, to be made: a copy for each dialect, for SQLAlchemy marks what it leaves out on PostgreSQL, and would on SQLite then."""
    copied = sa.MetaData()
    for table in METADATA.tables.values():
        make_insert_only(table.to_metadata(copied))
    return copied


_VERSION = sa.select(sa.func.max(schema_versions.c.version))


def version_of(connection: sa.Connection, *, is_made: bool = False) -> int | None:
    """The version of a ledger's tables; None where there are none. They are not looked for where they were seen before."""
    if not is_made and not sa.inspect(connection).has_table(schema_versions.name):
        return None
    ((found,),) = rows(connection, _VERSION)
    return None if found is None else int(found)


def _check_version(connection: sa.Connection, *, is_made: bool = False) -> None:
    """Refuse a ledger whose tables are of another version than this code reads and writes."""
    found = version_of(connection, is_made=is_made)
    if found is None:
        raise InputRejected("The ledger has no tables.", "", "Run: salur init")
    if found != SCHEMA_VERSION:
        raise InputRejected(
            f"The ledger's tables are of version {found}; this Salur needs {SCHEMA_VERSION}.",
            "",
            "Run: salur upgrade" if found < SCHEMA_VERSION else "Use the Salur that upgraded this ledger.",
        )


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a column by its field's definition."""
    return FIELDS[name].type


Values = Mapping[str, Any]
"""What the parameters of a question stand for."""


def read(
    connection: sa.Connection, query: sa.Select[Any], schema: pa.Schema | None = None, values: Values | None = None
) -> pa.Table:
    """The rows of `query`, asked with `values`, as an Arrow table, read in bounded batches."""
    return dialect_of(connection.dialect.name).read(connection, query, schema or _schema(query), values)


def rows(connection: sa.Connection, query: sa.Select[Any], **values: Any) -> list[Any]:
    """The rows of a question that is built once and asked over and over, as tuples of whole numbers, texts and nulls alone.

    Neither SQLAlchemy's rows nor its execution stand in between, which take many times as long as the answer of few rows.
    """
    return dialect_of(connection.dialect.name).rows(connection, query, values)


@lru_cache(maxsize=256)
def _schema(query: sa.Select[Any]) -> pa.Schema:
    """The types of a question's columns by their fields' definitions; found once for a question that is asked over and over."""
    return pa.schema([pa.field(c.name, FIELDS[c.name].type) for c in query.selected_columns])


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None: the parameters with which a question is narrowed."""
    return {name: value for name, value in values.items() if value is not None}


def insert(connection: sa.Connection, table: sa.Table, rows: Rows) -> int:
    """Add rows; one that is there already breaks its key and stops the transaction. Returns how many were given."""
    return dialect_of(connection.dialect.name).insert(connection, table, rows)


def insert_new(connection: sa.Connection, table: sa.Table, rows: Rows) -> int:
    """Add the rows whose key is not there yet; returns how many were added."""
    return dialect_of(connection.dialect.name).insert_new(connection, table, rows)


def next_seq(connection: sa.Connection, table: sa.Table) -> int:
    """The next running number of a table that has one. It stays the next while the transaction holds the write lock."""
    ((last,),) = rows(connection, _last_seq(table))
    return int(last or 0) + 1


@cache
def _last_seq(table: sa.Table) -> sa.Select[tuple[int | None]]:
    return sa.select(sa.func.max(table.c.seq))
