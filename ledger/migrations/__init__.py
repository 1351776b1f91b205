"""From an earlier version of the ledger's tables to this one: revisions by Alembic, in one transaction, nothing lost.

The version is what `schema_versions` says, a table that only grows like every other; Alembic's own table, which would have
to be changed, is not made. A revision is its upgrade alone: history does not go back.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory

from ledger import chain, store
from ledger.instants import to_micros
from ledger.store import Store
from schemas.errors import InputRejected


def upgrade(ledger: Store, at: datetime, actor: str) -> tuple[int, int]:
    """Bring a ledger to this version's tables; returns from which version (0: there were no tables) and to which.

    It takes the write lock, and everything is done in its one transaction or nothing is. An event of the chain tells of it.
    A ledger of a later version, or one whose tables are not those of the version that it says, is refused.
    """
    with ledger.of_any_version() as connection:
        ledger.dialect.refuse_wrong(connection)
        found = store.version_of(connection) or 0
        if found > store.SCHEMA_VERSION:
            raise InputRejected(
                f"The ledger's tables are of version {found}; this Salur knows {store.SCHEMA_VERSION}.",
                "There is no way back to an earlier version.",
                "Use the Salur that upgraded this ledger.",
            )
        if found == store.SCHEMA_VERSION:
            return found, found
        carry_out(connection, found, store.SCHEMA_VERSION, to_micros(at))
        _hold_against_this_version(connection, found)
        details = {"from": found, "to": store.SCHEMA_VERSION}
        chain.append(connection, at=at, actor=actor, kind="ledger_upgraded", subject="ledger", details=details)
    return found, store.SCHEMA_VERSION


def carry_out(connection: sa.Connection, found: int, wanted: int, at_us: int) -> None:
    """Run each revision above the version `found`, up to `wanted`, within the caller's transaction, and note its version."""
    with Operations.context(MigrationContext.configure(connection)):
        for number, script in _revisions():
            if found < number <= wanted:
                script.module.upgrade()
                store.insert(connection, store.schema_versions, [{"version": number, "at": at_us}])


def _revisions() -> Iterator[tuple[int, Script]]:
    """Every revision with its version of the tables, the first one first."""
    scripts = ScriptDirectory(str(Path(__file__).parent)).walk_revisions()
    yield from ((int(script.revision), script) for script in reversed(list(scripts)))


def _hold_against_this_version(connection: sa.Connection, found: int) -> None:
    inspector = sa.inspect(connection)
    for name, table in store.METADATA.tables.items():
        columns = {column["name"] for column in inspector.get_columns(name)} if inspector.has_table(name) else set()
        if columns != {column.name for column in table.columns}:
            raise InputRejected(
                f"The ledger's table {name} is not what version {found} made.",
                "It was made by a Salur between two versions, or changed by hand. Nothing was upgraded.",
                "Use the Salur that made this home.",
            )
