"""Tables as lists of fields with their keys and a version; `conform` holds a table of rows to its definition."""

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import SalurError
from schemas.fields import FIELDS, INSTANT, Field


class SchemaBroken(SalurError):
    """A table that passes between two steps is not what both agreed on: a bug of ours."""


@dataclass(frozen=True)
class Table:
    """A table's name with its version, its columns in order, those that may be null, and its key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    optional: frozenset[str]

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The definitions of the columns, in order."""
        return tuple(FIELDS[column] for column in self.columns)

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema, nullability included."""
        return pa.schema([pa.field(f.name, f.type, nullable=f.name in self.optional) for f in self.fields])

    @property
    def short_name(self) -> str:
        """The name without its version: the SQL table's and the export's name."""
        return self.name.rpartition(".v")[0]


def _table(name: str, columns: str, key: str) -> tuple[str, Table]:
    """`a b? c`: a question mark behind a column says that it may be null."""
    words = columns.split()
    names = tuple(word.rstrip("?") for word in words)
    optional = frozenset(word[:-1] for word in words if word.endswith("?"))
    return name, Table(name, names, tuple(key.split()), optional)


SOURCES: dict[str, Table] = dict(
    [
        _table(
            "participants.v1",
            "participant_id nik? kk? name? wave? accepted_on? sk_number? sk_line? occupation? status? status_at? recorded_at?",
            "participant_id",
        ),
        _table(
            "accounts.v1",
            "participant_id version channel? account_number? owner_name? owner_nik? verified_at? closed_at? recorded_at?",
            "participant_id version",
        ),
        _table("trainings.v1", "training_id title? provider? platform? price_idr? recorded_at?", "training_id"),
        _table(
            "completions.v1",
            "completion_id platform? participant_id? training_id? purchased_at? completed_at? certificate_number? rating?"
            " reviewed_at? recorded_at? revoked_at?",
            "completion_id",
        ),
        _table("blocklist.v1", "nik source reason? listed_on? delisted_on? recorded_at?", "nik source"),
        _table("surveys.v1", "participant_id number completed_at? recorded_at?", "participant_id number"),
        _table(
            "allocations.v1",
            "sk_number participant_id sk_line? training_aid_idr? incentive_idr? survey_idr? recorded_at?",
            "sk_number participant_id",
        ),
    ]
)
"""The source drop, version 1, as its rows are read: identifiers are text, instants are UTC."""

TABLES: dict[str, Table] = {
    **SOURCES,
    **dict(
        [
            # --- what the rules look at: one row that stands for each key, personal data as keyed digests
            _table(
                "people.v1",
                "participant_id nik_mac? kk_mac? nik_problem? province? wave? accepted_on? occupation? status?"
                " sk_number? sk_line?",
                "participant_id",
            ),
            _table(
                "current_accounts.v1",
                "participant_id version channel? owner_nik_mac? account_mac? verified_at? closed_at?",
                "participant_id",
            ),
            _table(
                "learning.v1",
                "completion_id participant_id training_id? purchased_at? completed_at? has_certificate rating?"
                " reviewed_at? revoked_at?",
                "completion_id",
            ),
            _table("listed.v1", "nik_mac source listed_on? delisted_on?", "nik_mac source"),
            _table(
                "history.v1",
                "participant_id benefit sequence period due_on credited_at?",
                "participant_id benefit sequence",
            ),
            _table("refused_accounts.v1", "participant_id account_version", "participant_id account_version"),
            # --- disbursement
            _table(
                "decisions.v1",
                "participant_id benefit sequence period decision reasons amount_idr due_on? policy? channel?"
                " account_version? completion_id? last_payment_date? wave? province? occupation? accepted_on? sk_number?"
                " sk_line?",
                "participant_id benefit",
            ),
            _table(
                "instructions.v1",
                "end_to_end_id participant_id benefit sequence attempt previous_attempt? period policy amount_idr due_on"
                " channel account_version account_mac batch file_name last_payment_date? sk_number? sk_line? fiscal_year?",
                "end_to_end_id",
            ),
            _table(
                "left_out.v1",
                "participant_id benefit sequence amount_idr reason previous_attempt?",
                "participant_id benefit sequence",
            ),
            _table(
                "ended.v1",
                "participant_id benefit sequence attempt end_to_end_id end code_list? reason_code? ended_on amount_idr due_on"
                " policy account_version file_name last_payment_date? sk_number? sk_line? fiscal_year? is_agreed is_disputed"
                " is_deposited is_paid is_unsaid",
                "participant_id benefit sequence attempt",
            ),
            _table(
                "reissues.v1",
                "participant_id benefit sequence attempt end_to_end_id end code_list? reason_code? action verdict waits_until?"
                " reasons amount_idr due_on policy channel? account_version? last_payment_date? sk_number? sk_line? fiscal_year?",
                "participant_id benefit sequence attempt",
            ),
            _table(
                "batches.v1",
                "batch period channel execution_date transaction_count control_sum_idr digest maker created_at"
                " last_payment_date?",
                "batch",
            ),
            _table(
                "files.v1",
                "file_name channel batch message_id payment_information_id format transaction_count control_sum_idr"
                " sha256 byte_count is_companion",
                "file_name",
            ),
            _table(
                "orders.v1",
                "end_to_end_id amount_idr creditor_account creditor_name remittance",
                "end_to_end_id",
            ),
            # --- what came back
            _table(
                "responses.v1",
                "level message_id? payment_information_id? end_to_end_id? status? reason_code? reason_text? amount_idr?"
                " currency? transaction_count? control_sum_idr? report_id?",
                "",
            ),
            _table(
                "statements.v1",
                "statement_id account? currency? sequence_number? from_date? to_date? opening_idr? closing_idr?"
                " row_count stated_at?",
                "",
            ),
            _table(
                "entries.v1",
                "statement_id entry_number detail_number booking_date? value_date? direction amount_idr? entry_amount_idr?"
                " currency? status? is_reversal end_to_end_id? message_id? payment_information_id? bank_reference?"
                " return_code? transaction_count? reason_text?",
                "",
            ),
            # --- reconciliation
            _table(
                "matches.v1",
                "end_to_end_id file_name state reason_code? code_list? match_rule evidence? amount_idr",
                "end_to_end_id",
            ),
            _table(
                "breaks.v1",
                "break_id period kind bank end_to_end_id? file_name? expected? found? amount_idr? state",
                "break_id",
            ),
            _table(
                "proofs.v1",
                "stage scope equation left_count right_count left_idr right_idr holds",
                "stage scope",
            ),
            _table(
                "outcomes.v1",
                "participant_id benefit sequence period status status_english status_at amount_idr due_on? to_do"
                " to_do_indonesian to_do_english",
                "participant_id benefit sequence",
            ),
            _table(
                "money.v1",
                "known_at dimension key figure people_count? transaction_count? amount_idr",
                "known_at dimension key figure",
            ),
            _table(
                "journal.v1",
                "seq at debit credit amount_idr transaction_count channel? period? subject evidence fiscal_year?",
                "seq",
            ),
            _table(
                "quarantine.v1", "drop_id table row reason source row_mac raw_sealed", "drop_id table source row reason"
            ),
            _table(
                "check_results.v1",
                "run_id period? step table expectation column? action success failed_count row_count observed? at",
                "",
            ),
            _table("events.v1", "seq at actor kind subject details previous_hash hash", "seq"),
        ]
    ),
}


def conform(table: pa.Table, name: str) -> pa.Table:
    """`table` with exactly the columns, order and types of the definition `name`; a wrong one raises `SchemaBroken`.

    Columns that may be null may be missing; they come back as nulls. A null where none may be is refused.
    """
    definition = TABLES[name]
    given = dict(zip(table.column_names, table.columns, strict=True))
    columns = []
    for field in definition.fields:
        is_optional, column = field.name in definition.optional, given.get(field.name)
        if column is None and not is_optional:
            raise SchemaBroken(f"{name}: column {field.name} is missing.")
        if column is None:
            column = pa.nulls(table.num_rows, field.type)
        elif column.type != field.type:
            column = column.cast(field.type)
        if not is_optional and column.null_count:
            raise SchemaBroken(f"{name}: column {field.name} has {column.null_count} nulls.")
        columns.append(column)
    if unknown := given.keys() - definition.columns:
        raise SchemaBroken(f"{name}: unknown columns {', '.join(sorted(unknown))}.")
    return pa.table(columns, schema=definition.schema)


def empty(name: str) -> pa.Table:
    """A table of the definition `name` without rows."""
    return TABLES[name].schema.empty_table()


def instants_as_text(rows: pa.Table) -> pa.Table:
    """Instants as ISO 8601 with their offset, which a reader can tell from a local time."""
    for place, field in enumerate(rows.schema):
        if field.type == INSTANT:
            text = pc.strftime(rows.column(place), format="%Y-%m-%dT%H:%M:%SZ")
            rows = rows.set_column(place, field.name, text)
    return rows
