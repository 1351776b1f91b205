"""What a report's tables and charts show, worked out from `CycleFacts`: sums, shares, steps and rests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reconciliation.breaks import AGES, RESOLVED_BY, SEVERITIES, SEVERITY, age_band
from reconciliation.reports import words
from reconciliation.reports.facts import CycleFacts
from reconciliation.reports.words import Text
from schemas.codes import BREAKS, DECISIONS, INSTRUCTION_STATES, REASONS, REMEDIES, remedy
from schemas.identifiers import same_person
from schemas.money import format_idr
from schemas.zone import JAKARTA

OUTCOMES = ("credited", "debited", "accepted", "submitted", "unknown", "rejected", "returned", "never_arrived")
"""Where a sent instruction may stand, best first."""
WAITING = ("drafted", "released")
PROCESS = ("accepted", "submitted", "unknown")
_ACCEPTED = frozenset({"accepted", "debited", "credited", "returned"})
_DEBITED = frozenset({"debited", "credited", "returned"})
AGE_BANDS = (*(band for _, band in AGES), ">60")


class Sum(NamedTuple):
    """People (rows) and whole rupiah."""

    people: int
    idr: int

    def __add__(self, other: object) -> "Sum":
        assert isinstance(other, Sum)
        return Sum(self.people + other.people, self.idr + other.idr)

    def __sub__(self, other: "Sum") -> "Sum":
        return Sum(self.people - other.people, self.idr - other.idr)

    def __neg__(self) -> "Sum":
        return Sum(-self.people, -self.idr)


NOTHING = Sum(0, 0)


def total(sums: Iterable[Sum]) -> Sum:
    """All together."""
    return sum(sums, NOTHING)


def sums_by(table: pa.Table, *columns: str) -> dict[Any, Sum]:
    """People and rupiah by the values of a column (or tuples of several)."""
    grouped = table.group_by(list(columns)).aggregate([("people", "sum"), ("amount_idr", "sum")]).to_pylist()
    return {
        row[columns[0]] if len(columns) == 1 else tuple(row[c] for c in columns): Sum(
            row["people_sum"] or 0, row["amount_idr_sum"] or 0
        )
        for row in grouped
    }


def _pick(sums: Mapping[Any, Sum], keys: Iterable[Any]) -> Sum:
    return total(sums.get(key, NOTHING) for key in keys)


@dataclass(frozen=True)
class Line:
    """One labelled figure of a table or chart; `key` picks its colour, `note` stands beside it."""

    key: str
    label: Text
    sum: Sum
    note: Text | str = ""


# --- the month at a glance --------------------------------------------------------------------------------------------


def funnel(facts: CycleFacts) -> list[Line]:
    """From participants to money on their accounts; each line holds what reached that stage or a later one."""
    decided, states = sums_by(facts.decided, "decision"), sums_by(facts.paid, "state")
    reissued = sums_by(facts.paid, "is_reissue").get(True, NOTHING)
    people = Sum(max((each.people for each in sums_by(facts.decided, "benefit").values()), default=0), 0)
    sent = _pick(states, OUTCOMES)
    lines = [
        Line("people", Text("Peserta diputuskan", "Participants decided"), people),
        Line("due", Text("Jatuh tempo", "Due"), decided.get("due", NOTHING)),
        Line("instructed", Text("Diinstruksikan", "Instructed"), total(states.values()), _reissues(reissued)),
        Line("sent", Text("Terkirim ke mitra", "Sent to banks"), sent),
        Line("accepted", Text("Diterima mitra", "Accepted by banks"), _pick(states, _ACCEPTED)),
        Line("debited", Text("Didebit", "Debited"), _pick(states, _DEBITED)),
        Line("credited", Text("Dikreditkan ke peserta", "Credited to participants"), states.get("credited", NOTHING)),
    ]
    return [line for line in lines if line.key in ("people", "due") or states]


def _reissues(sum_: Sum) -> Text | str:
    if not sum_.people:
        return ""
    n = words.count(sum_.people)
    return Text(f"termasuk {n} penerbitan ulang", f"{n} reissues among them")


def outcomes(facts: CycleFacts) -> list[Line]:
    """Every instruction of the period in the one place where it stands."""
    states = sums_by(facts.paid, "state")
    order = (*OUTCOMES, *WAITING, "withdrawn")
    assert set(order) == set(INSTRUCTION_STATES)
    return [Line(state, words.STATES[state], states[state]) for state in order if state in states]


def unsettled(facts: CycleFacts) -> int:
    """How many of the period's instructions still wait to be sent or answered, so that no minutes can be final."""
    return _pick(sums_by(facts.paid, "state"), (*WAITING, *PROCESS)).people


def decisions(facts: CycleFacts, benefit: str | None = None) -> list[Line]:
    """Decisions in force, with what they are worth; of one benefit, when given."""
    rows = facts.decided if benefit is None else facts.decided.filter(pc.equal(facts.decided["benefit"], benefit))
    sums = sums_by(rows, "decision")
    order = ("due", "held", "not_due", "lapsed", "complete")
    assert set(order) == set(DECISIONS)
    return [Line(name, words.DECISIONS[name], sums[name]) for name in order if name in sums]


def reasons(facts: CycleFacts, decision: str) -> list[Line]:
    """Reasons of a decision, most first. A decision with several reasons is in each, so the lines may sum to more."""
    found: dict[str, Sum] = {}
    rows = facts.decided.filter(pc.equal(facts.decided["decision"], decision))
    for listed, sum_ in sums_by(rows, "reasons").items():
        for code in filter(None, listed.split(";")):
            found[code] = found.get(code, NOTHING) + sum_
    ordered = sorted(found.items(), key=lambda item: (-item[1].people, item[0]))
    return [Line(code, _reason(code), sum_) for code, sum_ in ordered]


def _reason(code: str) -> Text:
    return Text(*REASONS[code]) if code in REASONS else Text(code, code)


# --- hand-overs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A hand-over: what arrived, the named differences from the step before, and what no name explains."""

    label: Text
    sum: Sum
    terms: list[Line] = field(default_factory=list)
    rest: Sum = NOTHING


def hand_overs(facts: CycleFacts) -> list[Step]:
    """Entitlement, batch, file header, file details, sent, status report, statement: each with its own count and sum."""
    stated, states = sums_by(facts.totals, "stage"), sums_by(facts.paid, "state")
    if not states:
        return []
    is_reissue = sums_by(facts.paid, "is_reissue")
    sides = sums_by(facts.sides, "reported", "booked")
    sent = _pick(states, OUTCOMES)
    due = sums_by(facts.decided, "decision").get("due", NOTHING)
    reported = total(sum_ for (told, _), sum_ in sides.items() if told != "silent")
    booked = total(sum_ for (_, seen), sum_ in sides.items() if seen != "nothing")
    refused = sides.get(("rejected", "nothing"), NOTHING)
    unbooked = (
        reported - total(s for (told, seen), s in sides.items() if told != "silent" and seen != "nothing") - refused
    )
    unreported = total(sum_ for (told, seen), sum_ in sides.items() if told == "silent" and seen != "nothing")
    not_instructed = due - is_reissue.get(False, NOTHING)
    plan: list[tuple[Text, Sum, list[Line]]] = [
        (Text("Keputusan: jatuh tempo", "Decisions: due"), due, []),
        (
            Text("Kelompok pembayaran", "Batches"),
            stated.get("batches", NOTHING),
            [
                Line("", Text("tidak diinstruksikan", "not instructed"), -not_instructed),
                Line("", Text("penerbitan ulang", "reissues"), is_reissue.get(True, NOTHING)),
            ],
        ),
        (Text("Kepala berkas", "File headers"), stated.get("file_headers", NOTHING), []),
        (Text("Isi berkas", "File details"), stated.get("file_details", NOTHING), []),
        (
            Text("Terkirim", "Sent"),
            sent,
            [Line("", words.STATES[state], -states.get(state, NOTHING)) for state in (*WAITING, "withdrawn")],
        ),
        (
            Text("Laporan status mitra", "Bank's status reports"),
            reported,
            [Line("", words.REPORTED["silent"], -total(s for (told, _), s in sides.items() if told == "silent"))],
        ),
        (
            Text("Rekening koran", "Statements"),
            booked,
            [
                Line("", Text("ditolak sebelum didebit", "rejected before debit"), -refused),
                Line("", Text("dilaporkan, belum ada mutasi", "reported, no entry"), -unbooked),
                Line("", Text("ada mutasi, belum dilaporkan", "entry, not reported"), unreported),
            ],
        ),
    ]
    steps, before = [], due
    for label, sum_, terms in plan:
        named = [term for term in terms if term.sum != NOTHING]
        steps.append(Step(label, sum_, named, sum_ - before - total(term.sum for term in named)))
        before = sum_
    return steps


@dataclass(frozen=True)
class Equation:
    """A proof: its stage and scope, both sides, and whether it holds."""

    stage: Text
    scope: str
    wording: Text
    left: Sum
    right: Sum
    holds: bool


def equations(facts: CycleFacts) -> list[Equation]:
    """All proofs of the last reconciliation, those that do not hold first."""
    rows = [
        Equation(
            words.named(words.STAGES, row["stage"]),
            row["scope"],
            Text(words.EQUATIONS.get(row["stage"], row["equation"]), row["equation"]),
            Sum(row["left_count"], row["left_idr"]),
            Sum(row["right_count"], row["right_idr"]),
            row["holds"],
        )
        for row in facts.proofs.to_pylist()
    ]
    return sorted(rows, key=lambda each: each.holds)


@dataclass(frozen=True)
class Stage:
    """Proofs of one stage: how many hold, and their left sides together."""

    label: Text
    wording: Text
    count: int
    held: int
    sum: Sum


def stages(facts: CycleFacts) -> list[Stage]:
    """The proofs by stage, in the order in which money moves."""
    found: dict[str, list[Equation]] = {}
    for each in equations(facts):
        found.setdefault(each.stage.en, []).append(each)
    order = [words.STAGES[stage].en for stage in words.STAGES]
    return [
        Stage(
            group[0].stage,
            group[0].wording,
            len(group),
            sum(each.holds for each in group),
            total(each.left for each in group),
        )
        for name, group in sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else 99)
    ]


def three_ways(facts: CycleFacts) -> list[tuple[Text, list[Sum], Sum]]:
    """Sent instructions: a row for what status reports say, a column for what statements show, and the row's sum."""
    sides = sums_by(facts.sides, "reported", "booked")
    rows = []
    for told, label in words.REPORTED.items():
        cells = [sides.get((told, seen), NOTHING) for seen in words.BOOKED]
        if total(cells) != NOTHING:
            rows.append((label, cells, total(cells)))
    return rows


# --- balances ---------------------------------------------------------------------------------------------------------


def balances(facts: CycleFacts) -> list[Line]:
    """What the latest statements close with, all accounts together; nothing where there is none."""
    rows = facts.balances
    sum_ = Sum(rows.num_rows, pc.sum(rows["closing_idr"]).as_py() or 0)
    return [Line("balances", Text("Saldo rekening koran", "Statement balances"), sum_)] if rows.num_rows else []


# --- breaks and what came back ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Break:
    """A difference as a person reads it."""

    row: Mapping[str, Any]
    kind: Text
    severity: str
    days: int
    band: str
    resolved_by: Text
    ours: Text
    theirs: Text

    @property
    def is_open(self) -> bool:
        """Whether it still waits for evidence, or for a resolution that a second person approves."""
        return bool(self.row["state"] == "open" and self.row["case_state"] != "approved")


def breaks(facts: CycleFacts) -> list[Break]:
    """All breaks of the period, open ones first, then by severity, age and identifier."""
    today = facts.at.astimezone(JAKARTA).date()
    found = []
    for row in facts.breaks.to_pylist():
        first, kind = row["first_at"].astimezone(JAKARTA).date(), row["kind"]
        found.append(
            Break(
                row,
                Text(BREAKS[kind][0], kind.replace("_", " ")) if kind in BREAKS else Text(kind, kind),
                SEVERITY.get(kind, "high"),
                (today - first).days,
                age_band(first, today),
                Text(words.RESOLVED_BY.get(kind, "–"), RESOLVED_BY.get(kind, "–")),
                _value(kind, row["expected"]),
                _value(kind, row["found"]),
            )
        )
    return sorted(
        found, key=lambda b: (not b.is_open, SEVERITIES.index(b.severity), -b.days, b.row["kind"], b.row["break_id"])
    )


def _value(kind: str, value: str | None) -> Text:
    """One side of a break: a state in words, an amount as rupiah, anything else as it is."""
    if value is None:
        return Text("–", "–")
    if kind == "amount_differs" and value.isascii() and value.isdecimal():
        return Text(format_idr(int(value)), format_idr(int(value)))
    return words.named(words.STATES, value)


def ageing(found: list[Break]) -> list[tuple[Text, str, list[int], int, int]]:
    """Open breaks by kind: words, severity, how many in each age band, how many in all, their rupiah."""
    kinds: dict[str, list[Break]] = {}
    for each in found:
        if each.is_open:
            kinds.setdefault(each.row["kind"], []).append(each)
    return [
        (
            group[0].kind,
            group[0].severity,
            [sum(each.band == band for each in group) for band in AGE_BANDS],
            len(group),
            sum(each.row["amount_idr"] or 0 for each in group),
        )
        for group in kinds.values()
    ]


@dataclass(frozen=True)
class Refusal:
    """Why payments did not arrive: code, remedy, and how many by channel."""

    code: str
    label: Text
    state: str
    remedy: Text
    sum: Sum
    by_channel: Mapping[str, int]


def refusals(facts: CycleFacts) -> list[Refusal]:
    """Rejected and returned instructions by reason, most first."""
    ended = facts.paid.filter(pc.is_in(facts.paid["state"], pa.array(["rejected", "returned"])))
    found: dict[tuple[str, str, str], dict[str, Sum]] = {}
    for (state, code_list, code, channel), sum_ in sums_by(
        ended, "state", "code_list", "reason_code", "channel"
    ).items():
        found.setdefault((state, code_list or "", code or ""), {})[channel] = sum_
    rows = []
    for (state, code_list, code), channels in found.items():
        what = remedy(code_list, code or None)
        assert what in REMEDIES
        label = words.named(words.CODES, code) if code else Text("tanpa kode", "no code")
        by_channel = {channel: sum_.people for channel, sum_ in sorted(channels.items())}
        rows.append(Refusal(code or "–", label, state, words.REMEDIES[what], total(channels.values()), by_channel))
    return sorted(rows, key=lambda each: (-each.sum.people, each.state, each.code))


# --- by bank, wave, province, occupation ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """One bank, wave, province or occupation: what was due and what became of its instructions."""

    label: Text
    due: Sum
    sent: Sum
    paid: Sum
    failed: Sum
    open: Sum
    states: Mapping[str, Sum]


def groups(facts: CycleFacts, column: str, label: Mapping[Any, Text]) -> list[Group]:
    """The period's decisions and instructions by the values of a column, most due first; waves in their order."""
    due = sums_by(facts.decided.filter(pc.equal(facts.decided["decision"], "due")), column)
    states: dict[Any, dict[str, Sum]] = {}
    for (value, state), sum_ in sums_by(facts.paid, column, "state").items():
        states.setdefault(value, {})[state] = sum_
    found = []
    for value in due.keys() | states.keys():
        mine = states.get(value, {})
        found.append(
            (
                value,
                Group(
                    label.get(value) or (_UNKNOWN if value is None else Text(str(value), str(value))),
                    due.get(value, NOTHING),
                    _pick(mine, OUTCOMES),
                    _pick(mine, ("credited", "debited")),
                    _pick(mine, ("rejected", "returned", "never_arrived")),
                    _pick(mine, (*PROCESS, *WAITING)),
                    mine,
                ),
            )
        )
    by_value = column == "wave"
    found.sort(
        key=lambda item: (
            item[0] is None,
            item[0] if by_value and item[0] is not None else -item[1].due.people,
            str(item[0]),
        )
    )
    return [group for _, group in found]


_UNKNOWN = Text("tidak diketahui", "unknown")


# --- two pairs of eyes ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Release:
    """A batch with the consents given to it, and what is wrong with them, if anything."""

    batch: Mapping[str, Any]
    consents: list[Mapping[str, Any]]
    fault: Text | None


def releases(facts: CycleFacts) -> list[Release]:
    """Batches with maker and checkers. A consent of the maker, or to other bytes, is a fault; so is sending without one."""
    given: dict[str, list[Mapping[str, Any]]] = {}
    for row in facts.consents.to_pylist():
        if row["purpose"] == "release":
            given.setdefault(row["subject"], []).append(row)
    return [
        Release(row, given.get(row["batch"], []), _fault(row, given.get(row["batch"], [])))
        for row in facts.batches.to_pylist()
    ]


def _fault(batch: Mapping[str, Any], consents: list[Mapping[str, Any]]) -> Text | None:
    if any(same_person(each["person"], batch["maker"]) for each in consents):
        return Text("pembuat menyetujui sendiri", "the maker consented")
    if any(each["digest"] != batch["digest"] for each in consents):
        return Text("persetujuan atas berkas lain", "consent to other bytes")
    if not consents and batch["state"] not in ("drafted", "withdrawn"):
        return Text("tanpa persetujuan", "no consent")
    return None
