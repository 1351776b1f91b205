"""The report as tables: every figure in long form, the breakdowns in wide form, and the lists as they are.

Nothing is worked out here: figures are those of `html.worked_out`, lists those of `CycleFacts`. A section or a list that
is added there is a row, a sheet and a Parquet file here by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import singledispatch
from typing import Any

import pyarrow as pa

from reconciliation.reports import facts as told
from reconciliation.reports import words
from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.figures import AGE_BANDS, Line, Sum
from reconciliation.reports.providers import COLUMNS, Share, Shares
from reconciliation.reports.words import Text
from schemas.fields import TEXT, WHOLE

_LISTED = frozenset(
    {
        "facts",
        "channels",
        "money_bars",
        "trial",
        "breaks",
        "open_breaks",
        "failing",
        "releases",
        "sk_rows",
        "trained",
        "check_groups",
    }
)
"""What the page is given besides figures: lists that have tables of their own, and words."""
_FIRST = (
    "funnel",
    "decided",
    "decided_of",
    "reasons",
    "outcomes",
    "unsettled",
    "steps",
    "ways",
    "stages",
    "equations",
    "money",
    "money_apart",
    "money_by",
    "money_equations",
)
"""The sections that are read first; the others follow in the page's order."""
_REPEATED = frozenset({"sums"})
"""The figures of other sections once more, for tiles and minutes."""


@dataclass(frozen=True)
class Figure:
    """One figure: the section and line it stands on, what of the line it is, and its count and whole rupiah."""

    section: str
    line: str
    label_id: str
    label_en: str
    scope: str
    measure: str
    count: int | None
    amount_idr: int | None


_SCHEMA = pa.schema(
    [(field.name, WHOLE if field.name in ("count", "amount_idr") else TEXT) for field in fields(Figure)]
)


def tables(facts: CycleFacts, view: Mapping[str, Any]) -> dict[str, pa.Table]:
    """Every table of the report that has rows, by name, in the order in which they are read.

    `view` is `html.worked_out(facts)`. `figures` has all of the page's figures; `breakdown` and `by_…` the same once more
    with a line a row; the others are the tables of `CycleFacts`.
    """
    found = {
        "figures": long_form(view),
        "breakdown": _breakdown(view["breakdowns"]),
        **{f"by_{shares.key}": _by(shares) for shares, _ in view["trained"]},
        **{name: getattr(facts, name) for name in sorted(told.tables(), key=_is_counted)},
    }
    return {name: table for name, table in found.items() if table.num_rows}


def _is_counted(name: str) -> bool:
    """Whether a table counts rows by what they have in common: what the figures are summed from is read last."""
    return "people" in told.schema(name).names


# --- long form --------------------------------------------------------------------------------------------------------


def long_form(view: Mapping[str, Any]) -> pa.Table:
    """All figures of the report: section, line, label_id, label_en, scope, measure, count, amount_idr."""
    order = [*(section for section in _FIRST if section in view), *(each for each in view if each not in _FIRST)]
    rows = [vars(row) for section in order for row in _section(section, view[section])]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _section(section: str, value: Any) -> Iterator[Figure]:
    if section == "ways":
        return _ways(value)
    if section == "ageing":
        return _ageing(value)
    if section in _LISTED | _REPEATED:
        return iter(())
    return _walk(value, _Place(section))


_NO_LABEL = Text("", "")


@dataclass(frozen=True)
class _Place:
    """Where a value was found."""

    section: str
    line: str = ""
    label: Text = _NO_LABEL
    scope: str = ""
    measure: str = ""

    def figure(self, count: int | None, amount_idr: int | None) -> Figure:
        text = self.label
        return Figure(self.section, self.line, text.id, text.en, self.scope, self.measure, count, amount_idr)


@singledispatch
def _walk(value: Any, at: _Place) -> Iterator[Figure]:
    """The figures in a value, whatever holds them: a sum, a line, a dataclass with sums, or several of these."""
    return _of_dataclass(value, at) if is_dataclass(value) else iter(())


@_walk.register
def _(value: Sum, at: _Place) -> Iterator[Figure]:
    yield at.figure(value.people, value.idr)


@_walk.register
def _(value: Line, at: _Place) -> Iterator[Figure]:
    yield replace(at, line=value.key, label=value.label).figure(value.sum.people, value.sum.idr)


@_walk.register
def _(value: int, at: _Place) -> Iterator[Figure]:
    if not isinstance(value, bool):
        yield at.figure(None, value) if at.measure.endswith("_idr") else at.figure(value, None)


@_walk.register(list)
def _(value: list[Any], at: _Place) -> Iterator[Figure]:
    for each in value:
        yield from _walk(each, at)


@_walk.register(Mapping)
def _(value: Mapping[str, Any], at: _Place) -> Iterator[Figure]:
    """A key names a part of a section when lines lie under it, else a measure of a line, else a line."""
    for key, each in value.items():
        if isinstance(each, list):
            yield from _walk(each, replace(at, section=f"{at.section}.{key}"))
        else:
            named = replace(at, measure=f"{at.measure}.{key}") if at.measure else replace(at, line=str(key))
            yield from _walk(each, named)


@_walk.register(tuple)
def _(value: tuple[Any, ...], at: _Place) -> Iterator[Figure]:
    """A text in front says what the rest is: the label of a sum, or the scope of the lines behind it."""
    label = next((each for each in value if isinstance(each, Text)), at.label)
    for each in value:
        if isinstance(each, list):
            yield from _walk(each, replace(at, scope=label.en))
        elif not isinstance(each, int):
            yield from _walk(each, replace(at, label=label))


def _of_dataclass(value: Any, at: _Place) -> Iterator[Figure]:
    names = {field.name: getattr(value, field.name) for field in fields(value)}
    label = next((each for each in names.values() if isinstance(each, Text)), at.label)
    scope = " · ".join(filter(None, [at.scope, *(each for each in names.values() if isinstance(each, str))]))
    for name, each in names.items():
        if isinstance(each, list):
            yield from _walk(each, replace(at, scope=label.en))
        else:
            yield from _walk(each, replace(at, label=label, scope=scope, measure=name))


def _ways(ways: Sequence[tuple[Text, list[Sum], Sum]]) -> Iterator[Figure]:
    """What status reports say, by what statements show."""
    for label, cells, whole in ways:
        for booked, cell in zip((*words.BOOKED, "total"), (*cells, whole), strict=True):
            yield _Place("ways", label=label, measure=booked).figure(cell.people, cell.idr)


def _ageing(ageing: Sequence[tuple[Text, str, list[int], int, int]]) -> Iterator[Figure]:
    """Open breaks by kind and age in days."""
    for label, severity, bands, count, amount_idr in ageing:
        at = _Place("ageing", label=label, scope=severity)
        for band, number in zip(AGE_BANDS, bands, strict=True):
            yield replace(at, measure=band).figure(number, None)
        yield replace(at, measure="total").figure(count, amount_idr)


# --- wide form --------------------------------------------------------------------------------------------------------


def _breakdown(breakdowns: Sequence[tuple[Text, Sequence[Any]]]) -> pa.Table:
    """The groups of every breakdown, one below the other."""
    return _wide(
        [
            {"list_id": title.id, "list_en": title.en, **_labelled(group), **_sums(group, _sum_names(group))}
            for title, groups in breakdowns
            for group in groups
        ]
    )


def _by(shares: Shares) -> pa.Table:
    """All lines of a list by provider, platform or training; what is not known is null."""
    return _wide([{**_named(shares.key, line), **_sums(line, COLUMNS)} for line in shares.lines])


def _named(kind: str, line: Share) -> dict[str, str | None]:
    name = None if line.is_unknown else line.label.id
    return {"training_id": line.key, "title": name} if kind == "training" else {kind: name}


def _labelled(line: Any) -> dict[str, str]:
    return {"label_id": line.label.id, "label_en": line.label.en}


def _sum_names(line: Any) -> list[str]:
    return [field.name for field in fields(line) if isinstance(getattr(line, field.name), Sum)]


def _sums(line: Any, names: Sequence[str]) -> dict[str, int]:
    return {
        f"{name}_{unit}": number
        for name in names
        for unit, number in zip(("people", "idr"), getattr(line, name), strict=True)
    }


def _wide(rows: list[dict[str, Any]]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    types = [WHOLE if name.endswith(("_people", "_idr")) else TEXT for name in names]
    return pa.Table.from_pylist(rows, schema=pa.schema(list(zip(names, types, strict=True))))
