"""The cycle report as one HTML file: no network, no script needed, on screen, on a phone and on paper."""

import base64
import hashlib
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from banks.profiles import profiles
from reconciliation.reports import charts, figures, money_shown, providers, words
from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.words import Text, natural
from schemas.money import format_idr, in_words
from schemas.regions import PROVINCES

ROWS_MAX = 200
"""A list that is longer is cut in the report and whole in the evidence pack."""

_ENVIRONMENT = Environment(
    loader=PackageLoader("reconciliation.reports", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(facts: CycleFacts) -> str:
    """The report's HTML. The same facts give the same bytes; whatever comes from a source or a bank is escaped."""
    style = text_of("style.css")
    script = text_of("switch.js")
    return _ENVIRONMENT.get_template("cycle.html").render(
        **_view(facts),
        style=Markup(style),  # noqa: S704 - ours, from this package
        script=Markup(script),  # noqa: S704 - ours, from this package
        style_hash=_hash(style),
        script_hash=_hash(script),
        **_HELPERS,
    )


def page(template: str, **view: Any) -> str:
    """A page by another template of this package, with the report's way of writing figures, dates and words."""
    return _ENVIRONMENT.get_template(template).render(**view, **_HELPERS)


def text_of(name: str) -> str:
    """A style or script of this package."""
    assert _ENVIRONMENT.loader is not None
    return _ENVIRONMENT.loader.get_source(_ENVIRONMENT, name)[0].strip()


def _hash(text: str) -> str:
    """What the page's own security policy asks of an inline style or script."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _both(indonesian: str, english: str) -> Text:
    return Text(indonesian, english)


def _on(value: Any) -> Any:
    return words.short_instant(value) if isinstance(value, datetime) else value


_HELPERS: dict[str, Any] = {
    "t": _both,
    "idr": format_idr,
    "n": words.count,
    "pct": words.percent,
    "instant": words.instant,
    "on": words.on,
    "at": _on,
    "named": words.named,
    "words": words,
    "bar": charts.bar,
    "money_legend": money_shown.legend(),
    "in_words": in_words,
    "ROWS_MAX": ROWS_MAX,
    "AGE_BANDS": figures.AGE_BANDS,
    "abs": abs,
}


def _view(facts: CycleFacts) -> dict[str, Any]:
    """Everything that the template shows, by name."""
    view = worked_out(facts)
    parts = _parts(facts, view)
    return {**view, "parts": parts, "numbers": {key: (number, title) for number, key, title in parts}}


def worked_out(facts: CycleFacts) -> dict[str, Any]:
    """The report's figures by name, worked out once: what the page, the workbook and the Parquet tables show."""
    found = figures.breaks(facts)
    equations = figures.equations(facts)
    money_equations = money_shown.equations(facts)
    open_breaks = [each for each in found if each.is_open]
    unsettled = figures.unsettled(facts)
    decided, outcomes, funnel = figures.decisions(facts), figures.outcomes(facts), figures.funnel(facts)
    instructed = next((line for line in funnel if line.key == "instructed"), None)
    channels = {code: Text(profile.name, profile.name) for code, profile in profiles().items()}
    return {
        "facts": facts,
        "month": words.month(facts.period),
        "final": bool(equations)
        and all(each.holds for each in [*equations, *money_equations])
        and not open_breaks
        and not unsettled,
        "unsettled": unsettled,
        "open_breaks": open_breaks,
        "breaks": found,
        "ageing": figures.ageing(found),
        "equations": equations,
        "failing": [each for each in equations if not each.holds],
        "stages": figures.stages(facts),
        "decided": decided,
        "decided_of": [
            (label, lines) for benefit, label in words.BENEFITS.items() if (lines := figures.decisions(facts, benefit))
        ],
        "outcomes": outcomes,
        "funnel": funnel,
        "chart": charts.flow(decided, instructed, outcomes) if instructed and outcomes else None,
        "steps": figures.hand_overs(facts),
        "ways": figures.three_ways(facts),
        "money": money_shown.moments(facts),
        "money_apart": money_shown.apart(facts),
        "money_by": money_shown.by_part(facts),
        "money_equations": money_equations,
        "money_bars": money_shown.bars(facts),
        "trial": money_shown.trial(facts),
        "balances": figures.balances(facts),
        "refusals": figures.refusals(facts),
        "reasons": {key: figures.reasons(facts, key) for key in ("held", "not_due", "lapsed")},
        "channels": channels,
        "breakdowns": _breakdowns(facts, channels),
        "trained": [(each, providers.equations(facts, each.lines)) for each in providers.shares(facts)],
        "releases": figures.releases(facts),
        "sums": {line.key: line.sum for line in [*decided, *outcomes]},
        "prevented": _prevented(facts),
        "sk_rows": sorted(facts.decisions_people.to_pylist(), key=lambda row: natural(row["sk_number"])),
        "check_groups": _check_groups(facts),
    }


_PARTS = (
    ("summary", Text("Ringkasan", "Summary")),
    ("population", Text("Populasi dan SK-PKP", "Population and SK-PKP")),
    ("decisions", Text("Keputusan dan alasannya", "Decisions and their reasons")),
    ("totals", Text("Total kendali setiap serah-terima", "Control totals at each hand-over")),
    ("match", Text("Pencocokan tiga arah", "Three-way match")),
    ("money", Text("Uang: posisi dana", "Money: where it stands")),
    ("breaks", Text("Selisih dan kasus", "Breaks and exceptions")),
    ("ended", Text("Ditolak dan retur", "Rejected and returned")),
    ("duplicates", Text("Pembayaran ganda yang dicegah", "Duplicates prevented")),
    ("breakdown", Text("Rincian", "Breakdown")),
    ("trained", Text("Penyedia pelatihan dan platform", "Training providers and platforms")),
    ("eligibility", Text("Bukti kelayakan", "Eligibility evidence")),
    ("segregation", Text("Pemisahan tugas", "Segregation of duties")),
    ("checks", Text("Pemeriksaan data dan karantina", "Data checks and quarantine")),
    ("files", Text("Berkas", "Files")),
    ("reproduce", Text("Sidik digital untuk pengulangan", "Fingerprints for reproduction")),
    ("sign_off", Text("Berita Acara Rekonsiliasi", "Reconciliation minutes")),
)


def _parts(facts: CycleFacts, view: dict[str, Any]) -> list[tuple[int, str, Text]]:
    """The parts that there is something to say in, numbered; an empty heading says nothing."""
    there = {
        "population": facts.decisions_people.num_rows,
        "decisions": view["decided"],
        "totals": view["steps"] or view["equations"],
        "match": view["ways"],
        "money": view["money"],
        "breaks": view["breaks"],
        "ended": view["refusals"],
        "duplicates": view["prevented"] or facts.shared_accounts,
        "breakdown": view["breakdowns"],
        "trained": view["trained"],
        "eligibility": facts.drops.num_rows or facts.policies.num_rows,
        "segregation": view["releases"] or facts.acts.num_rows,
        "checks": facts.checks.num_rows or facts.quarantine.num_rows,
        "files": facts.files.num_rows or facts.inbound.num_rows,
    }
    shown = [(key, title) for key, title in _PARTS if there.get(key, True)]
    return [(number, key, title) for number, (key, title) in enumerate(shown, 1)]


def _breakdowns(facts: CycleFacts, channels: dict[str, Text]) -> list[tuple[Text, list[figures.Group]]]:
    waves = {wave: Text(f"Gelombang {wave}", f"Wave {wave}") for wave in facts.decided["wave"].unique().to_pylist()}
    waves.pop(None, None)
    tables = [
        (Text("Menurut manfaat", "By benefit"), figures.groups(facts, "benefit", words.BENEFITS)),
        (Text("Menurut mitra pembayaran", "By bank and wallet"), figures.groups(facts, "channel", channels)),
        (Text("Menurut gelombang", "By wave"), figures.groups(facts, "wave", waves)),
        (
            Text("Menurut provinsi (kode NIK)", "By province (code in the NIK)"),
            figures.groups(facts, "province", {code: Text(name, name) for code, name in PROVINCES.items()}),
        ),
        (Text("Menurut pekerjaan", "By occupation"), figures.groups(facts, "occupation", words.OCCUPATIONS)),
    ]
    return [(title, rows) for title, rows in tables if rows]


def _prevented(facts: CycleFacts) -> list[tuple[Text, figures.Sum]]:
    """What would have been a second payment, and where it was stopped."""
    held = {line.key: line.sum for line in [*figures.reasons(facts, "held"), *figures.reasons(facts, "not_due")]}
    refused = figures.total(each.sum for each in figures.refusals(facts) if each.code in ("AM05", "DUPL"))
    lines = [
        (
            Text("NIK sudah dipakai kartu terdahulu", "NIK used by an earlier card"),
            held.get("duplicate_nik"),
        ),
        (Text("lebih dari dua penerima dalam satu KK", "more than two recipients in one KK"), held.get("kk_limit")),
        (Text("ditolak mitra sebagai ganda (AM05)", "refused by banks as a duplicate (AM05)"), refused),
    ]
    return [(label, sum_) for label, sum_ in lines if sum_ and sum_.people]


def _check_groups(facts: CycleFacts) -> list[tuple[tuple[str, str], dict[str, int]]]:
    """How many checks of each step's tables are met and unmet."""
    groups: dict[tuple[str, str], dict[str, int]] = {}
    for row in facts.checks.to_pylist():
        group = groups.setdefault((row["step"], row["table"]), {"met": 0, "unmet": 0})
        group["met" if row["success"] else "unmet"] += 1
    return list(groups.items())
