"""Which training qualified each paid person: the completion that their first tranche rests on, for all tranches and surveys.

Only a first decision names its completion; later tranches and surveys follow from it and inherit it. Which row of a
completion or a training stands is read by the verifier's plain rule, not by the one that decided.
"""

import pyarrow as pa
import pyarrow.compute as pc

from ledger import audit, landing
from ledger.archive import Archive
from ledger.parquet import get_table
from ledger.store import Connection
from reconciliation.reports import facts, verifier
from schemas.fields import FIELDS, TEXT

_FIRST = ("participant_id", "benefit", "sequence", "completion_id")
_OF_LANDING = frozenset({"row_mac", "drop_id", "source_file", "row"})
SCHEMA = pa.schema([(name, TEXT) for name in ("participant_id", "completion_id", "training_id", "platform")])


def qualifications(connection: Connection, archive: Archive, period: str, people: pa.ChunkedArray) -> pa.Table:
    """One row a person of whom the completion behind tranche 1 is known (`SCHEMA`), sorted by participant_id.

    `people` are participant ids, in any number of rows. `platform` is the one that recorded the completion, else the
    catalogue's; a field that a source left empty is null, and a completion that no longer stands has no training.
    """
    first = _first_completions(connection, archive, period, pc.unique(people))
    completions = standing(connection, "completions", first["completion_id"], ("training_id", "platform"))
    found = first.join(completions, "completion_id", join_type="left outer")
    catalogue = standing(connection, "trainings", found["training_id"], ("platform",))
    found = found.join(catalogue, "training_id", join_type="left outer", right_suffix="_of_training")
    platform = pc.coalesce(found["platform"], found["platform_of_training"])
    found = found.set_column(found.schema.get_field_index("platform"), "platform", platform)
    return found.select(SCHEMA.names).cast(SCHEMA).sort_by("participant_id").combine_chunks()


def trainings(connection: Connection, wanted: pa.ChunkedArray) -> pa.Table:
    """Title and provider of the wanted trainings that the catalogue knows, by training_id."""
    found = standing(connection, "trainings", wanted, ("title", "provider"))
    return found.select(facts.schema("trainings").names).sort_by("training_id")


def with_training(rows: pa.Table, known: pa.Table) -> pa.Table:
    """Decisions or instructions with training_id and platform of their person, null where nothing is known."""
    return rows.join(known.drop_columns(["completion_id"]), "participant_id", join_type="left outer")


def _first_completions(connection: Connection, archive: Archive, period: str, people: pa.Array) -> pa.Table:
    """participant_id and completion_id by the latest decision about tranche 1 that names one, this period's or an earlier."""
    schema = pa.schema([SCHEMA.field(name) for name in ("participant_id", "completion_id")])
    parts = [schema.empty_table()]
    for _, key in audit.decisions_until(connection, period):
        if not len(people):
            break
        rows = get_table(archive, key, _FIRST)
        is_first = pc.and_(pc.equal(rows["sequence"], 1), pc.equal(rows["benefit"], "incentive"))
        rows = rows.filter(pc.and_(is_first, pc.is_valid(rows["completion_id"])))
        rows = rows.filter(pc.is_in(rows["participant_id"], people))
        parts.append(rows.select(schema.names).cast(schema))
        people = people.filter(pc.invert(pc.is_in(people, rows["participant_id"].combine_chunks())))
    return pa.concat_tables(parts)


def standing(connection: Connection, name: str, keys: pa.ChunkedArray, columns: tuple[str, ...]) -> pa.Table:
    """The rows of a source table that stand for some of its keys: the key and `columns`, empty texts as null."""
    (key,) = landing.KEYS[name]
    wanted, taken = [key, *columns], pc.unique(keys.drop_null())
    once = landing.of_one_row(connection, name, wanted)
    once = once.filter(pc.is_in(once[key], taken))
    every = [column for column in landing.columns(name) if column not in _OF_LANDING]
    often = landing.of_several_rows(connection, name, every)
    stand, _ = verifier.standing(often.filter(pc.is_in(often[key], taken)).to_pylist(), [key])
    rows = [{column: row.get(column) for column in wanted} for row in stand]
    schema = pa.schema([(column, FIELDS[column].type) for column in wanted])
    whole = pa.concat_tables([once.cast(schema), pa.Table.from_pylist(rows, schema=schema)])
    filled = {column: pc.if_else(pc.equal(whole[column], ""), None, whole[column]) for column in columns}
    return pa.table({key: whole[key], **filled})
