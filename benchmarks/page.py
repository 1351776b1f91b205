"""Results as a page that people read: docs/performance.md and its picture, made from the measured figures alone.

`python -m benchmarks.page benchmarks/results/2026-01-31.json` makes them anew without measuring.
"""

import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from benchmarks.cases import CASES, OURS
from benchmarks.cycle import SHARE_MAX

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.svg"
TEMPLATE = "performance.md.in"
_CASES = {case.key: case for case in CASES}
_LABELS = {(case.key, each.name): each.label for case in CASES for each in case.contenders}

REASONS = {
    "intake": (
        "every person's identifiers are turned into keyed digests and sealed under a key of their own, and the database checks"
        " each row against its keys: work a row that must be done once, when a source is first taken. A daily intake takes"
        " only what is new."
    ),
}
"""Why a stage may take more than a third of a cycle."""


def write(results: dict[str, Any]) -> None:
    """Make the page and the picture from the results of a whole run."""
    heavy = list(shares(results)) or ["No stage takes more than a third of a cycle."]
    page = Template((Path(__file__).parent / TEMPLATE).read_text())
    PAGE.write_text(
        page.substitute(
            date=results["date"],
            machine=_machine(results),
            tables=tables(results),
            shares="\n".join(f"- {one}" for one in heavy),
        )
    )
    PICTURE.write_text(picture(results))


def tables(results: dict[str, Any]) -> str:
    """Every comparison with its claims, and every cycle, in Markdown."""
    parts = [part for found in results["cases"] for part in _case(found)]
    parts += [part for found in results["cycles"] for part in _cycle(found)]
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    ruler = ["---", *["--:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in (head, ruler, *rows)]


def _case(found: dict[str, Any]) -> Iterator[str]:
    case = _CASES[found["case"]]
    yield f"\n### {case.title}: {found['rows']:,} {case.unit}\n"
    if case.note:
        yield case.note + "\n"
    ours = found["contenders"][OURS]
    rows = []
    for name, cost in found["contenders"].items():
        version = found["versions"].get(name)
        label = _LABELS[case.key, name] + (f" ({version})" if version else "")
        speed = f"{found['rows'] / cost['best_s']:,.0f}"
        rows.append(
            [f"**{label}**" if name == OURS else label, f"{cost['runs']:.0f}", f"{cost['best_s']:.3f}",
             f"{cost['median_s']:.3f}", f"{cost['cpu_s']:.3f}", speed, f"{cost['best_s'] / ours['best_s']:.2f}",
             f"{cost['growth_mib']:,.0f}", f"{cost['peak_mib']:,.0f}"]
        )  # fmt: skip
    head = ["", "runs", "best s", "median s", "CPU s", f"{case.unit} a second", "times ours", "growth MiB", "peak MiB"]
    yield from _table(head, rows)
    yield ""
    yield from (f"- {told(claim)}" for claim in found["claims"])
    yield from (f"- {_LABELS[case.key, name]}: not installed, so not measured." for name in found["missing"])


def told(claim: dict[str, Any]) -> str:
    """A claim and what became of it: reached, not reached with the ratio there is, or not measured."""
    if not claim["measured"]:
        return f"**Not measured**: {claim['text']}."
    verdict = "Reached" if claim["reached"] else "**Not reached**"
    ratios = f"{claim['ratio']:.2f} by the best runs, {claim['ratio_median']:.2f} by the median, {claim['ratio_cpu']:.2f} in CPU"
    return f"{verdict}: {claim['text']}. {claim['peer']} takes {ratios} of our time."


def _cycle(found: dict[str, Any]) -> Iterator[str]:
    yield f"\n### A cycle on {found['ledger']}: {found['instructions']:,} due of {found['people']:,} people\n"
    rows = [
        [row["stage"], str(row["runs"]), f"{row['wall_s']:.1f}", f"{row['cpu_s']:.1f}",
         f"{row['peak_mib']:,.0f}" if row["peak_mib"] else "", "" if row["share"] is None else f"{row['share']:.0%}"]
        for row in found["stages"]
    ]  # fmt: skip
    rows.append(["**the pipeline**", "", f"{found['whole_s']:.1f}", "", "", ""])
    yield from _table(["stage", "runs", "wall s", "CPU s", "peak MiB", "of the whole"], rows)


def shares(results: dict[str, Any]) -> Iterator[str]:
    """Every stage that takes over a third of its cycle, with its reason."""
    for found in results["cycles"]:
        for row in found["stages"]:
            if row["share"] is not None and row["share"] > SHARE_MAX:
                reason = REASONS.get(row["stage"], "**no reason is known; this is to be looked into.**")
                yield f"`{row['stage']}` on {found['ledger']} takes {row['share']:.0%}: {reason}"


def _machine(results: dict[str, Any]) -> str:
    machine = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gib']} GiB, {machine['system']},"
        f" Python {machine['python']}; {packages}. Load {machine['load_before']} before and {machine['load_after']} after."
    )


# --- the picture: one bar a contender, its length the logarithm of its time

_WIDTH, _LEFT, _ROW, _HEAD = 860, 330, 20, 34
_OURS_COLOUR, _PEER_COLOUR = "#0b6e4f", "#b8b8b8"


def picture(results: dict[str, Any]) -> str:
    """Bars of best times on one logarithmic scale, ours in colour."""
    times = [cost["best_s"] for found in results["cases"] for cost in found["contenders"].values()]
    if not times:
        return "<svg xmlns='http://www.w3.org/2000/svg'/>\n"
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    unit = (_WIDTH - _LEFT - 90) / max(high - low, 1)
    parts, top = [], 10
    for found in results["cases"]:
        case = _CASES[found["case"]]
        parts.append(_text(10, top + 20, f"{case.title}: {found['rows']:,} {case.unit}", "bold"))
        top += _HEAD
        for name, cost in found["contenders"].items():
            length = max(2.0, (math.log10(cost["best_s"]) - low) * unit)
            colour = _OURS_COLOUR if name == OURS else _PEER_COLOUR
            parts.append(_text(20, top + 13, _LABELS[case.key, name]))
            parts.append(f'<rect x="{_LEFT}" y="{top + 2}" width="{length:.1f}" height="14" fill="{colour}"/>')
            parts.append(_text(_LEFT + length + 6, top + 13, f"{cost['best_s']:.3f} s"))
            top += _ROW
    parts.append(_text(10, top + 24, f"Best run, seconds, logarithmic: each {unit:.0f} pixels are ten times as long."))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top + 40}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _text(x: float, y: float, text: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}">{escape(text)}</text>'


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text()))
