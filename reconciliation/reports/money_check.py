"""What an evidence pack says of the money, added up again from the pack alone: receipts and decisions from the chain of events, the
period's payments from its instructions, every part from its parts.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger import money
from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.money import ALL, EQUATIONS, LEFT, UNKNOWN
from schemas.codes import ACCOUNT_OF

Cells = dict[tuple[str, str, str], dict[str, Any]]
"""The figures of one moment, by dimension, key and figure."""

_PARTED = {
    **dict.fromkeys((*money.STATES_OF, "owed_again", "held"), tuple(money.DIMENSIONS)),
    "allocated": ("benefit", "sk", "fiscal_year"),
    "funded": ("fiscal_year",),
    "deposited": ("fiscal_year",),
}
"""By what each figure is parted whole, so that its parts come to it."""
_SIDES = {
    "money_received": ("left_idr", "funded"),
    "money_whereabouts": ("left_idr", "funded", "repaid"),
    "money_receivable": ("left_idr", "receivable"),
    "money_deposited": ("left_idr", "deposited", "repaid_deposited"),
    "money_batched": ("left_idr", "instructed"),
    "money_committed": ("right_idr", "committed"),
}
"""Which side of an equation is a figure, or the sum of several."""


def contradicted(told: CycleFacts, tables: Mapping[str, pa.Table]) -> str | None:
    """The first of the report's tables about the money that the pack does not bear out; None when it bears out all."""
    moments = sorted({row["known_at"] for row in told.money.to_pylist()})
    for known_at in moments:
        cells = _cells(told, known_at)
        if _parts_differ(cells) or _rests_differ(cells) or _receipts_differ(cells, tables["events"], known_at):
            return "money"
        if _back_differs(cells, tables["events"], known_at):
            return "money"
        if (
            known_at == told.at
            and _is_now(told, tables["events"])
            and _payments_differ(cells, told.period, tables["instructions"])
        ):
            return "money"
    if _is_now(told, tables["events"]) and _balances_differ(told, tables["journal"]):
        return "trial_balance"
    if told.at not in moments or _equations_differ(told, moments):
        return "money_proofs"
    return "decisions_people" if _decisions_differ(told, tables["events"]) else None


def _is_now(told: CycleFacts, events: pa.Table) -> bool:
    """Whether nothing was recorded after the report's moment; its clock may have been set back, and the tables are not."""
    return not events.num_rows or bool(pc.max(events["at"]).as_py() <= told.at)


def _cells(told: CycleFacts, known_at: datetime) -> Cells:
    return {
        (row["dimension"], row["key"], row["figure"]): row
        for row in told.money.to_pylist()
        if row["known_at"] == known_at
    }


def _idr(cells: Cells, dimension: str, key: str, figure: str) -> int:
    row = cells.get((dimension, key, figure))
    return int(row["amount_idr"]) if row else 0


def _parts_differ(cells: Cells) -> bool:
    """Whether the parts of a figure do not add up to it, in rupiah and payments, along one of its dimensions."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for (dimension, _, figure), row in cells.items():
        sums[dimension, figure, "idr"] += row["amount_idr"]
        sums[dimension, figure, "count"] += row["transaction_count"] or 0
    return any(
        sums[dimension, figure, "idr"] != sums[ALL, figure, "idr"]
        or (figure != "allocated" and sums[dimension, figure, "count"] != sums[ALL, figure, "count"])
        for figure, dimensions in _PARTED.items()
        for dimension in dimensions
    )


def _rests_differ(cells: Cells) -> bool:
    """Whether what is left over is not the one figure less the others, part by part."""
    return any(
        (dimension, key, left) not in cells
        or _idr(cells, dimension, key, left)
        != row["amount_idr"] - sum(_idr(cells, dimension, key, each) for each in spent)
        for (dimension, key, figure), row in cells.items()
        for left, (whole, spent) in LEFT.items()
        if figure == whole
    )


def _receipts_differ(cells: Cells, events: pa.Table, known_at: datetime) -> bool:
    """Whether the money received is not what the chain of events says by then, year by year."""
    received: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for row in events.filter(pc.equal(events["kind"], "funded")).to_pylist():
        if row["at"] <= known_at:
            said = json.loads(row["details"])
            year = said.get("fiscal_year")
            received[UNKNOWN if year is None else str(year)] += said["amount_idr"]
            counts[UNKNOWN if year is None else str(year)] += 1
    shown = {
        key: (row["amount_idr"], row["transaction_count"])
        for (dimension, key, figure), row in cells.items()
        if (dimension, figure) == ("fiscal_year", "funded")
    }
    return shown != {year: (received[year], counts[year]) for year in counts}


def _back_differs(cells: Cells, events: pa.Table, known_at: datetime) -> bool:
    """Whether what is owed by participants, was repaid and deposited is not what the acts by then come to."""
    sums: Counter[str] = Counter()
    for row in events.filter(pc.less_equal(events["at"], pa.scalar(known_at, events["at"].type))).to_pylist():
        said = json.loads(row["details"])
        sums["repaid"] += said["amount_idr"] if row["kind"] == "repaid" else 0
        for debit, credit, *_, amount_idr, _count in said.get("postings", ()):
            for account, signed_idr in ((debit, amount_idr), (credit, -amount_idr)):
                sums["receivable"] += signed_idr if account == "receivable" else 0
                sums["deposited"] += signed_idr if account == "deposited" else 0
                if account == "repaid" and "deposited" in (debit, credit):
                    sums["repaid_deposited"] -= signed_idr
    sums["deposited"] -= sums["repaid_deposited"]
    figures = ("receivable", "repaid", "repaid_deposited", "deposited")
    return any(_idr(cells, ALL, UNKNOWN, figure) != sums[figure] for figure in figures)


def _payments_differ(cells: Cells, period: str, instructions: pa.Table) -> bool:
    """Whether a figure of the pack's own period is not what its instructions come to."""
    for figure, states in money.STATES_OF.items():
        mine = instructions.filter(pc.is_in(instructions["state"], pa.array(sorted(states))))
        people = pc.count_distinct(mine["participant_id"]).as_py()
        sums = people, mine.num_rows, pc.sum(mine["amount_idr"]).as_py() or 0
        row = cells.get(("period", period, figure))
        shown = (row["people_count"], row["transaction_count"], row["amount_idr"]) if row else (0, 0, 0)
        if shown != sums:
            return True
    return False


def _equations_differ(told: CycleFacts, moments: list[datetime]) -> bool:
    """Whether an equation is missing, says that it holds where its sides differ, or has a side that is not its figure."""
    rows = told.money_proofs.to_pylist()
    wanted = {(known_at, *each) for known_at in moments for each in _equations()}
    if {(row["known_at"], row["stage"], row["scope"]) for row in rows} != wanted or len(rows) != len(wanted):
        return True
    for row in rows:
        sides = [(row[f"{side}_count"], row[f"{side}_idr"]) for side in ("left", "right")]
        of_account = "owed_again" if row["scope"] == "returned" else row["scope"]
        side, *figures = _SIDES.get(row["stage"], ("right_idr", of_account))
        if row["holds"] != (sides[0] == sides[1]):
            return True
        cells = _cells(told, row["known_at"])
        if row[side] != sum(_idr(cells, ALL, UNKNOWN, figure) for figure in figures):
            return True
    return False


_PART = ("period", "channel", "fiscal_year")


def _balances_differ(told: CycleFacts, journal: pa.Table) -> bool:
    """Whether the trial balance of a part does not add to nothing, or, of the period and of none, is not what the journal comes to."""
    debits: Counter[tuple[Any, ...]] = Counter()
    credits_: Counter[tuple[Any, ...]] = Counter()
    for row in journal.to_pylist():
        part = tuple(row[name] for name in _PART)
        debits[*part, row["debit"]] += row["amount_idr"]
        credits_[*part, row["credit"]] += row["amount_idr"]
    shown, sums = {}, Counter[tuple[Any, ...]]()
    for row in told.trial_balance.to_pylist():
        part = tuple(row[name] for name in _PART)
        sums[part] += row["balance_idr"]
        if row["balance_idr"] != row["debits_idr"] - row["credits_idr"]:
            return True
        if row["period"] in (told.period, None):
            shown[*part, row["journal_account"]] = (row["debits_idr"], row["credits_idr"])
    return any(sums.values()) or shown != {key: (debits[key], credits_[key]) for key in debits.keys() | credits_.keys()}


def _equations() -> Iterator[tuple[str, str]]:
    for stage in EQUATIONS:
        scopes = sorted(set(ACCOUNT_OF.values()) - {"cash"}) if stage == "money_account" else [ALL]
        yield from ((stage, scope) for scope in scopes)


def _decisions_differ(told: CycleFacts, events: pa.Table) -> bool:
    """Whether a decision is not stated as the chain says, where every drop's event names its decisions."""
    drops = [json.loads(text) for text in events.filter(pc.equal(events["kind"], "drop_taken"))["details"].to_pylist()]
    if not all("decisions" in said for said in drops):
        return False
    stated: dict[str, tuple[int, int]] = {}
    for said in drops:
        for number, (people, amount_idr) in said["decisions"].items():
            before = stated.get(number, (0, 0))
            stated[number] = max(people, before[0]), max(amount_idr, before[1])
    rows = told.decisions_people.to_pylist()
    return {row["sk_number"]: (row["row_count"], row["amount_idr"]) for row in rows} != stated
