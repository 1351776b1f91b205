"""Which of several rows with one key stands, in whatever order they came, and which contradict each other.

The rule (contract, section 1): the later `recorded_at` stands, as a whole; a row without one is earlier than any with.
Among those without, the later `status_at` stands, and a field that it leaves empty is filled from the earlier. Different
rows of one key and `recorded_at` contradict each other, as do two filled values at one `status_at`: those rows are set
aside together (`conflicting_record`), and the rest decides.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Row: TypeAlias = dict[str, Any]
Numbers: TypeAlias = npt.NDArray[np.int64]

_UNKNOWN = np.iinfo(np.int64).min
"""Before every instant."""


def standing(
    rows: pa.Table, key: Sequence[str], follows: Mapping[str, str] = MappingProxyType({})
) -> tuple[pa.Table, pa.Array]:
    """The row that stands for each key, sorted by key, and the places in `rows` of those that are set aside.

    `rows` holds one source table, of one drop or of all; identical rows are one. `follows` names columns derived from
    another one (nik_problem from nik_mac): they are not compared, and come from the row that gives the other.
    """
    if not rows.num_rows:
        return rows, pa.array([], pa.int64())
    group = _groups(rows, key)
    recorded_at = _micros(rows, "recorded_at")
    order = np.lexsort((recorded_at, group))
    ordered, ordered_at = group[order], recorded_at[order]
    is_last = np.append(ordered[1:] != ordered[:-1], True)
    is_repeated = np.append(False, ~is_last[:-1] & (ordered_at[1:] == ordered_at[:-1]))
    is_unclear = np.zeros(len(order), dtype=np.bool_)
    is_unclear[ordered[is_repeated]] = True
    clear = order[is_last & ~is_unclear[ordered]]
    merged, aside = _settle(rows, group, np.flatnonzero(is_unclear[group]), follows)
    stands = pa.concat_tables([rows.take(pa.array(clear)), pa.Table.from_pylist(merged, schema=rows.schema)])
    return stands.sort_by([(name, "ascending") for name in key]), pa.array(sorted(aside), pa.int64())


def _groups(rows: pa.Table, key: Sequence[str]) -> Numbers:
    """A number below the count of rows for each distinct key."""
    group = np.zeros(rows.num_rows, dtype=np.int64)
    for name in key:
        codes = rows.column(name).combine_chunks().dictionary_encode().indices
        code = np.asarray(codes.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
        _, group = np.unique(group * (rows.num_rows + 1) + code, return_inverse=True)
    return group


def _micros(rows: pa.Table, name: str) -> Numbers:
    """A column of instants as whole numbers; one that is unknown, or not a column of this table, comes before all."""
    if name not in rows.column_names:
        return np.full(rows.num_rows, _UNKNOWN)
    numbers = rows.column(name).combine_chunks().cast(pa.int64()).fill_null(_UNKNOWN)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.int64)


def _settle(
    rows: pa.Table, group: Numbers, unclear: Numbers, follows: Mapping[str, str]
) -> tuple[list[Row], list[int]]:
    """Row by row, for the few keys whose rows share an instant or have none."""
    by_key: dict[int, list[tuple[int, Row]]] = defaultdict(list)
    for place, number, row in zip(
        unclear.tolist(), group[unclear].tolist(), rows.take(pa.array(unclear)).to_pylist(), strict=True
    ):
        by_key[number].append((place, {name: value for name, value in row.items() if value not in (None, "")}))
    merged, aside = [], []
    for number in sorted(by_key):
        stands, contradicting = _of_one_key(by_key[number], follows)
        aside += contradicting
        if stands:
            merged.append(stands)
    return merged, aside


def _of_one_key(rows: list[tuple[int, Row]], follows: Mapping[str, str]) -> tuple[Row, list[int]]:
    """The filled fields of what stands (none: nothing does), and the places of the rows that contradict."""
    stands: Row = {}
    aside: list[int] = []
    undated = [(place, row) for place, row in rows if "recorded_at" not in row]
    for together in _by_instant(undated, "status_at"):
        if _differ([row for _, row in together], follows):
            aside += [place for place, _ in together]
        else:
            stands = _over(stands, [row for _, row in together], follows)
    for together in _by_instant([(place, row) for place, row in rows if "recorded_at" in row], "recorded_at"):
        first = together[0][1]
        if any(row != first for _, row in together):
            aside += [place for place, _ in together]
        else:
            stands = first
    return stands, aside


def _by_instant(rows: list[tuple[int, Row]], name: str) -> Iterator[list[tuple[int, Row]]]:
    """The rows of each instant, earliest first; those without it come before all."""
    at: dict[Any, list[tuple[int, Row]]] = defaultdict(list)
    for place, row in rows:
        at[row.get(name)].append((place, row))
    if None in at:
        yield at.pop(None)
    for instant in sorted(at):
        yield at[instant]


def _differ(rows: list[Row], follows: Mapping[str, str]) -> bool:
    """Whether two of the rows hold two different filled values in one column."""
    names = {name for row in rows for name in row} - follows.keys()
    return any(len({row[name] for row in rows if name in row}) > 1 for name in names)


def _over(earlier: Row, rows: list[Row], follows: Mapping[str, str]) -> Row:
    """The rows, which agree, laid over an earlier one: what they leave empty stays; derived columns go along."""
    result = dict(earlier)
    for row in rows:
        result |= {name: value for name, value in row.items() if name not in follows}
    for name, origin in follows.items():
        givers = [row for row in rows if origin in row] or ([earlier] if origin in earlier else rows)
        result.pop(name, None)
        for row in givers:
            if name in row:
                result[name] = row[name]
    return result
