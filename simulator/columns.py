"""Columns of invented values, a block of rows at a time: numpy draws them, Arrow joins their text."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.tables import SOURCES

Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

DAY_SECONDS = 86_400
JAKARTA_SECONDS = 7 * 3_600
"""Jakarta's clock is seven hours ahead of UTC, all year."""


def digits(numbers: Ints, width: int) -> pa.Array:
    """Numbers as text of exactly `width` digits, zeros in front."""
    places = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    letters = (numbers[:, None] // places % 10 + ord("0")).astype(np.uint8)
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(numbers), [None, pa.py_buffer(letters.tobytes())]
    ).cast(pa.string())


def join(*parts: Any) -> pa.Array:
    """Texts joined row by row; a constant serves every row; null if any part is null."""
    return pc.binary_join_element_wise(*parts, "")


def words(choice: Sequence[str], indices: Ints) -> pa.Array:
    """The words of a list at `indices`."""
    return pa.array(choice, pa.string()).take(pa.array(indices))


def draw(rng: np.random.Generator, shares: Mapping[Any, float], count: int) -> Ints:
    """Indices into the keys of `shares`, drawn by their shares (which need not sum to one)."""
    weight = np.array(list(shares.values()), dtype=np.float64)
    return rng.choice(len(weight), size=count, p=weight / weight.sum())


def faults(rng: np.random.Generator, rates: Mapping[str, float], count: int, at_least_one: bool) -> dict[str, Ints]:
    """Rows for each fault, no row for two of them, about `rates` of `count`; each at least once if so asked."""
    numbers = [max(int(at_least_one), int(rng.binomial(count, rate))) for rate in rates.values()]
    order = rng.permutation(count)
    ends = np.minimum(np.cumsum(numbers), count)
    starts = [0, *ends[:-1]]
    return {name: np.sort(order[a:b]) for name, a, b in zip(rates, starts, ends, strict=True)}


def flags(rows: Ints, count: int) -> Flags:
    """True at `rows`."""
    found = np.zeros(count, dtype=np.bool_)
    found[rows] = True
    return found


def dates(days: Ints) -> pa.Array:
    """Days since 1970-01-01 as dates."""
    return pa.array(days.astype(np.int32), pa.int32()).cast(pa.date32())


def instants(seconds: Ints, present: Flags | None = None) -> pa.Array:
    """Seconds of Jakarta's clock since 1970-01-01 as UTC instants, null where not `present`."""
    mask = None if present is None else ~present
    return pa.array((seconds - JAKARTA_SECONDS) * 1_000_000, pa.int64(), mask=mask).cast(pa.timestamp("us", tz="UTC"))


def day_parts(days: Ints) -> tuple[Ints, Ints, Ints]:
    """Year, month and day of the month of days since 1970-01-01."""
    day = days.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    year = day.astype("datetime64[Y]")
    return (
        year.astype(np.int64) + 1970,
        (month - year).astype(np.int64) + 1,
        (day - month).astype(np.int64) + 1,
    )


def source_table(name: str, columns: Mapping[str, Any]) -> pa.Table:
    """The columns as the source drop's table `name` types them; columns that are not given stay away."""
    schema = SOURCES[f"{name}.v1"].schema
    types = [(column, schema.field(column).type) for column in columns]
    return pa.table([columns[column].cast(kind) for column, kind in types], schema=pa.schema(types))
