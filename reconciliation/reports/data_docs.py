"""Great Expectations' Data Docs of a period: its own pages of the stored check results, made to open without a network.

The library's pages ask five hosts for styles, scripts and pictures. Here nothing is asked of anybody: scripts and addresses
are taken out, one small style stands in for the library's, and the index, which a script would fill, is a page of ours.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from reconciliation.reports import html, words
from reconciliation.reports.facts import CycleFacts
from schemas import checks
from schemas.checks import Validated
from schemas.failpoints import around
from schemas.suites import suite

INDEX = "index.html"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_TAKEN_OUT = (
    re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<footer\b.*?</footer>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<(?:link|img)\b[^>]*>", re.IGNORECASE),
    re.compile(r"\son[a-z]+=\"[^\"]*\"", re.IGNORECASE),
)
_DRAWN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def write_docs(facts: CycleFacts, out: Path) -> Path | None:
    """Write the period's Data Docs to `out/data-docs/PERIOD`, in place of earlier ones; returns the index's path.

    None, and no folder, where nothing was checked. An error of the disk is raised as it is.
    """
    folder = out / "data-docs" / facts.period
    validated = _validated(facts)
    if not validated:
        with around("docs removal"):
            shutil.rmtree(folder, ignore_errors=True)
        return None
    site = out / f".data-docs-{facts.period}"
    try:
        with around("docs write"):
            shutil.rmtree(site, ignore_errors=True)  # what a process has left that was killed
            _write_site(facts, validated, site)
        with around("docs removal"):
            shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(exist_ok=True)
        with around("docs naming"):
            site.rename(folder)
    finally:
        shutil.rmtree(site, ignore_errors=True)
    return folder / INDEX


def _write_site(facts: CycleFacts, validated: Sequence[Validated], site: Path) -> None:
    checks.build_docs(validated, site)
    shutil.rmtree(site / "static")
    for page in sorted(site.rglob("*.html")):
        page.write_text(offline(page.read_text(encoding="utf-8")), encoding="utf-8")
    (site / INDEX).write_text(_index(facts, validated, site), encoding="utf-8")


def offline(page: str) -> str:
    """A page of the library's without scripts, addresses and drawn identifiers, in our style: the same results, the same bytes."""
    for pattern in _TAKEN_OUT:
        page = pattern.sub("", page)
    numbers: dict[str, str] = {}
    page = _DRAWN.sub(lambda found: numbers.setdefault(found[0], str(len(numbers) + 1)), page)
    style = html.text_of("data_docs.css")
    head = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n<style>{style}</style>\n</head>'
    return page.replace("</head>", head, 1)


def _validated(facts: CycleFacts) -> list[Validated]:
    """The stored results by step and table, in the order of the steps."""
    order = [*words.STEPS]
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in facts.checks.to_pylist():
        groups.setdefault((row["step"], row["table"]), []).append(row)
    found = [Validated(step, table, max(row["at"] for row in rows), rows) for (step, table), rows in groups.items()]
    return sorted(found, key=lambda each: (order.index(each.step) if each.step in order else 99, each.step, each.table))


def _index(facts: CycleFacts, validated: Sequence[Validated], site: Path) -> str:
    """Our index: each validation with how many of its checks are met, and each suite, with links to the library's pages."""
    pages = {path.stem: path for path in (site / "validations").rglob("*.html")}
    lines = [(each, _address(pages[f"{each.step}-{each.table}"], site), _met(each)) for each in validated]
    suites = [
        (name, f"expectations/{name.replace('.', '/')}.html") for name in sorted({each.table for each in validated})
    ]
    return html.page(
        "data_docs.html",
        facts=facts,
        month=words.month(facts.period),
        lines=lines,
        suites=[(name, address, len(suite(name))) for name, address in suites],
        style=Markup(html.text_of("data_docs.css")),  # noqa: S704 - ours, from this package
        policy=_POLICY,
    )


def _met(each: Validated) -> int:
    return sum(1 for row in each.rows if row["success"])


def _address(page: Path, site: Path) -> str:
    return quote(page.relative_to(site).as_posix())
