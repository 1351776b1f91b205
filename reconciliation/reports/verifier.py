"""One plain reading of the rules: which row stands for a key, and which tranche or survey is due.

This is the second, independent copy of what `disbursement` decides, written to be read beside the published contract,
one person and one row at a time, with Python's standard library alone. It imports nothing else of this project, so that
a mistake in a shared helper cannot agree with itself. It is slow on purpose.

Rows are dicts with Python values: text, whole numbers, `date` for dates, aware `datetime` for instants. None and ""
are both an empty field, and an empty field is unknown.
"""

import itertools
from calendar import monthrange
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]

JAKARTA = timezone(timedelta(hours=7), "WIB")  # no daylight saving since 1964

KEYS: Mapping[str, tuple[str, ...]] = {
    "participants": ("participant_id",),
    "accounts": ("participant_id", "version"),
    "trainings": ("training_id",),
    "completions": ("completion_id",),
    "blocklist": ("nik", "source"),
    "surveys": ("participant_id", "number"),
}

_BLANKS = " \t\n\v\f\r\u00a0\ufeff"  # what identifiers are trimmed of: white space, and a byte order mark
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def is_empty(value: object) -> bool:
    """Whether a field is unknown."""
    return value is None or value == ""


# --- which row stands for a key ---------------------------------------------------------------------------------------


def standing(rows: Sequence[Row], key: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The one row that stands for each key, and the rows set aside because they contradict (`conflicting_record`).

    The latest `recorded_at` stands, as a whole. Rows that differ under one `recorded_at` are set aside together, and
    the rest decide. Where no row with a `recorded_at` stands, the rows without one are laid over each other: the later
    `status_at` wins, a filled field wins over an empty one, and rows of one `status_at` that hold two different values
    are set aside together. Both lists come sorted; the order of `rows` plays no part. Every row must bear its key.
    """
    columns = sorted({column for row in rows for column in row})
    by_key: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        filled = {column: row[column] for column in columns if not is_empty(row.get(column))}
        same_key = by_key[tuple(filled[column] for column in key)]
        if filled not in same_key:
            same_key.append(filled)
    stand, aside = [], []
    for each in sorted(by_key):
        row_that_stands, contradicting = _of_one_key(by_key[each])
        if row_that_stands:
            stand.append(row_that_stands)
        aside += contradicting
    whole = [{column: row.get(column) for column in columns} for row in stand]
    return whole, sorted(({column: row.get(column) for column in columns} for row in aside), key=repr)


def _of_one_key(rows: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What stands of the different rows of one key (empty: nothing), and what contradicts."""
    result: dict[str, Any] = {}
    aside = []
    undated = [row for row in rows if "recorded_at" not in row]
    for _, group in _by_instant(undated, "status_at"):
        values = {column: {row[column] for row in group if column in row} for row in group for column in row}
        if any(len(different) > 1 for different in values.values()):
            aside += group
        else:
            result |= {column: value for column, (value,) in values.items()}
    for _, group in _by_instant([row for row in rows if "recorded_at" in row], "recorded_at"):
        if len(group) > 1:
            aside += group
        else:
            result = group[0]
    return result, aside


def _by_instant(rows: list[dict[str, Any]], column: str) -> list[tuple[datetime, list[dict[str, Any]]]]:
    """Rows in groups of one instant, earliest first; a row without the instant is the earliest."""
    groups: dict[datetime, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row.get(column, _BEFORE_ALL)].append(row)
    return sorted(groups.items(), key=lambda group: group[0])


# --- identity numbers -------------------------------------------------------------------------------------------------


def nik_problem(nik: str | None, provinces: Collection[str]) -> str | None:
    """Why a NIK cannot be one, or None. It shows only that the number is well made, never that it was issued.

    Sixteen digits PPKKCC DDMMYY SSSS: a known province, a regency and a district that are not 00, a birth date that
    exists (a woman's day is 40 higher), and a serial from 0001.
    """
    text = (nik or "").strip(_BLANKS)
    if not (len(text) == 16 and text.isascii() and text.isdigit()):
        return "not_16_digits"
    if text[0:2] not in provinces:
        return "unknown_province"
    if text[2:4] == "00" or text[4:6] == "00":
        return "zero_region"
    day, month, year = int(text[6:8]), int(text[8:10]), int(text[10:12])
    if not any(_is_a_date(century + year, month, day if day <= 40 else day - 40) for century in (1900, 2000)):
        return "impossible_date"
    if text[12:16] == "0000":
        return "zero_serial"
    return None


def _is_a_date(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _nik(row: Row, column: str = "nik") -> str:
    """The NIK as compared: trimmed text, malformed or not; "" is no NIK."""
    return (row.get(column) or "").strip(_BLANKS)


def _kk(row: Row) -> str:
    """The family card's number if it is sixteen digits, else "": no card, and no limit."""
    text = (row.get("kk") or "").strip(_BLANKS)
    return text if len(text) == 16 and text.isascii() and text.isdigit() else ""


# --- what is due ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Run:
    """What one run of `decide` holds fixed: the cut-off, and what is known of everybody."""

    period: str
    cut_off: datetime
    channels: Collection[str]
    refused: Collection[tuple[str, int]]
    provinces: Collection[str]
    instructed: Mapping[tuple[str, str], list[Row]]  # (participant, benefit) → what was instructed, by sequence
    accounts: Mapping[str, Row]  # participant → the version with the highest number
    completions: Mapping[str, list[Row]]
    surveys: Mapping[tuple[str, int], datetime | None]  # (participant, number) → when it was completed
    credited: Mapping[str, datetime]  # participant → when tranche 1 of the incentive was credited
    prices: Mapping[str, int]  # training → price, 0 where not known
    first_cards: Mapping[str, str]  # NIK → the participant whose card came first
    listed: Collection[str]  # NIKs on the blocklist
    family_ranks: Mapping[str, int]  # participant → place among those of the family card

    @property
    def today(self) -> date:
        """The cut-off's date in Jakarta."""
        return jakarta_date(self.cut_off)

    def happened(self, instant: datetime | None) -> bool:
        """Whether good news is known to have happened by the cut-off."""
        return instant is not None and instant <= self.cut_off

    def accepted_on(self, person: Row) -> date | None:
        """The date of acceptance, missing while it is still to come. (Places and first cards go by any date known.)"""
        day: date | None = person.get("accepted_on")
        return day if day is not None and day <= self.today else None

    def new_in_period(self, who: str, benefit: str) -> Row | None:
        """What was newly instructed of a benefit in this very period, if anything."""
        new = [each for each in self.instructed.get((who, benefit), []) if each["period"] == self.period]
        return new[-1] if new else None


def decide(  # noqa: PLR0913 - everything a decision rests on is an argument
    tables: Tables,
    policies: Sequence[Mapping[str, Any]],
    cut_off: datetime,
    history: Sequence[Row],
    channels: Collection[str],
    *,
    period: str,
    provinces: Collection[str],
    refused: Collection[tuple[str, int]] = (),
    balance_idr: int | None = None,
) -> list[dict[str, Any]]:
    """One decision a participant and benefit about its next payment, sorted by participant_id and benefit.

    tables: participants, accounts, trainings, completions, blocklist, surveys, as in a source drop; any may be absent,
    and of several rows with one key the one that stands counts. policies: their files as parsed TOML; a wave is covered
    by one or none. history: instructions with participant_id, benefit, sequence, attempt, period, policy, amount_idr,
    due_on, ended (None, or how the attempt ended without paying) and credited_at (None while it is not credited).
    channels: those with a bank profile. provinces: two-digit codes. refused: (participant_id, version) of accounts that a
    bank has refused. balance_idr: what is left for new payments; None leaves funds unchecked.
    Rows out: participant_id, benefit, sequence, period, decision, reasons (sorted), amount_idr, due_on, policy.
    """
    known = {name: standing(tables.get(name, ()), key)[0] for name, key in KEYS.items()}
    people = known["participants"]
    instructed = _instructed(history)
    completions: dict[str, list[Row]] = defaultdict(list)
    for completion in known["completions"]:
        completions[completion.get("participant_id") or ""].append(completion)
    run = _Run(
        period=period,
        cut_off=cut_off,
        channels=channels,
        refused=refused,
        provinces=provinces,
        instructed=instructed,
        accounts={row["participant_id"]: row for row in known["accounts"]},  # by version: the highest comes last
        completions=completions,
        surveys={(row["participant_id"], row["number"]): row.get("completed_at") for row in known["surveys"]},
        credited=_credited(history),
        prices={row["training_id"]: row.get("price_idr") or 0 for row in known["trainings"]},
        first_cards={
            _nik(person): person["participant_id"] for person in sorted(people, key=_card_order, reverse=True)
        },
        listed=_listed(known["blocklist"], jakarta_date(cut_off)),
        family_ranks=_family_ranks(people, {who for who, benefit in instructed if benefit == "incentive"}),
    )
    benefits = sorted({benefit for policy in policies for benefit in policy["benefits"]})
    decisions = [row for person in people for row in _decide_person(person, run, policies, benefits)]
    if balance_idr is not None:
        _share_out(decisions, people, run, balance_idr)
    return decisions


def _decide_person(
    person: Row, run: _Run, policies: Sequence[Mapping[str, Any]], benefits: Sequence[str]
) -> Iterable[dict[str, Any]]:
    policy = _policy_of(person, policies)
    for benefit in benefits:
        new = run.new_in_period(person["participant_id"], benefit)
        if new is not None:  # an instruction is out or on its way: the decision that it rests on is kept
            yield _decision(person, run, benefit, new, "due", set(), new["due_on"])
        elif policy is None:
            unknown = {"sequence": 1, "policy": None, "amount_idr": 0}
            yield _decision(person, run, benefit, unknown, "not_due", {"policy_unknown"}, None)
        elif benefit in policy["benefits"]:
            yield _decide_one(person, run, policy, benefit)


def _policy_of(person: Row, policies: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The policy that covers the person's wave; none for a wave that is not known or that none covers."""
    wave = person.get("wave")
    for policy in policies:
        if wave is not None and policy["waves"]["first"] <= wave <= policy["waves"].get("last", wave):
            return policy
    return None


def _decide_one(person: Row, run: _Run, policy: Mapping[str, Any], benefit: str) -> dict[str, Any]:
    rules = policy["benefits"][benefit]
    done = {each["sequence"] for each in run.instructed.get((person["participant_id"], benefit), [])}
    sequence = next(number for number in itertools.count(1) if number not in done)  # a withdrawn one comes again
    about = {"sequence": sequence, "policy": policy["name"], "amount_idr": rules["amount_idr"]}
    asked = {r for c in rules["conditions"] if c["sequences"] == "every" or sequence == 1 for r in c["reasons"]}
    obstacles = asked & (_against_person(person, run, policy) | _against_account(person, run))
    if sequence > rules["tranches"]:
        return _decision(person, run, benefit, about, "complete", obstacles, None)

    lacking, due_on = (
        _survey(person, run, sequence)
        if rules["schedule"] == "completed_and_credited"
        else _tranche(person, run, policy, benefit, sequence)
    )
    not_due = lacking & (asked | {"not_yet_due"})
    if run.accepted_on(person) is None or (due_on is not None and due_on > run.today):
        not_due.add("not_yet_due")

    last_payment = _last_payment_date(rules, person["wave"])
    if last_payment is not None and run.today > last_payment:
        decision = "lapsed"
    elif not_due:
        decision = "not_due"
    elif obstacles:
        decision = "held"
    else:
        decision = "due"
    return _decision(person, run, benefit, about, decision, not_due | obstacles, due_on)


def _decision(
    person: Row, run: _Run, benefit: str, about: Row, decision: str, reasons: set[str], due_on: date | None
) -> dict[str, Any]:
    """A row; `about` is the payment that it is about: its sequence, policy and amount."""
    return {
        "participant_id": person["participant_id"],
        "benefit": benefit,
        "sequence": about["sequence"],
        "period": run.period,
        "decision": decision,
        "reasons": tuple(sorted(reasons)),
        "amount_idr": about["amount_idr"],
        "due_on": due_on,
        "policy": about["policy"],
    }


def _share_out(decisions: list[dict[str, Any]], people: Sequence[Row], run: _Run, balance_idr: int) -> None:
    """Holds, as `funds_short`, what a balance does not reach, in the order due_on, accepted_on, participant_id, benefit.

    A kept decision has its money already: it draws nothing here.
    """
    accepted = {person["participant_id"]: person.get("accepted_on") for person in people}
    waiting = [
        row
        for row in decisions
        if row["decision"] == "due" and run.new_in_period(row["participant_id"], row["benefit"]) is None
    ]
    waiting.sort(
        key=lambda row: (row["due_on"], accepted[row["participant_id"]], row["participant_id"], row["benefit"])
    )
    left = balance_idr
    for row in waiting:
        left -= row["amount_idr"]
        if left < 0:  # nobody further down the line overtakes
            row |= {"decision": "held", "reasons": ("funds_short",)}


# --- rule 1: the training condition -----------------------------------------------------------------------------------


def _training(person: Row, run: _Run, policy: Mapping[str, Any]) -> tuple[set[str], date | None]:
    """What the training condition lacks, and the date on which the earliest qualifying completion was complete."""
    rows = run.completions.get(person["participant_id"], [])
    live = [row for row in rows if row.get("revoked_at") is None]
    bought = [row for row in live if run.happened(row.get("purchased_at"))]
    over_balance = sum(_price(row, run) for row in bought) > policy["training"]["balance_idr"]
    completed = [row for row in rows if run.happened(row.get("completed_at"))]
    candidates = [row for row in completed if row.get("revoked_at") is None]
    accepted_on = person.get("accepted_on")  # the year of acceptance is the date's own, even after the cut-off
    lacks = [_lacks(row, accepted_on, bought, run, policy["training"]) for row in candidates]
    learned = [_learned_at(row) for row, lacking in zip(candidates, lacks, strict=True) if not lacking]
    if learned and not over_balance:
        return set(), jakarta_date(min(learned))

    reasons = set().union(*lacks)
    if not completed:
        reasons.add("no_completion")
    elif not candidates:
        reasons.add("completion_revoked")
    if over_balance:
        reasons.add("over_balance")
    return reasons, None


def _price(completion: Row, run: _Run) -> int:
    return run.prices.get(completion.get("training_id") or "", 0)


def _learned_at(completion: Row) -> datetime:
    learned_at: datetime = max(completion["completed_at"], completion["reviewed_at"])
    return learned_at


def _lacks(
    completion: Row, accepted_on: date | None, bought: Sequence[Row], run: _Run, rules: Mapping[str, Any]
) -> set[str]:
    lacking = set()
    if is_empty(completion.get("certificate_number")):
        lacking.add("no_certificate")
    if completion.get("rating") is None:
        lacking.add("no_rating")
    if not run.happened(completion.get("reviewed_at")):
        lacking.add("no_review")
    if (completion.get("training_id") or "") not in run.prices:
        lacking.add("training_unknown")
    if not _bought_in_time(completion, accepted_on, bought, rules):
        lacking.add("purchase_late")
    return lacking


def _bought_in_time(completion: Row, accepted_on: date | None, bought: Sequence[Row], rules: Mapping[str, Any]) -> bool:
    if rules["purchase_window"] == "days":  # the first purchase decides for all
        purchased_at = min((row["purchased_at"] for row in bought), default=None)
    else:
        purchased_at = completion.get("purchased_at")
    if accepted_on is None or purchased_at is None:
        return False
    purchased_on = jakarta_date(purchased_at)
    if rules["purchase_window"] == "days":
        return bool(accepted_on <= purchased_on <= accepted_on + timedelta(days=rules["purchase_days"]))
    return bool(purchased_on.year == accepted_on.year)


# --- rules 2 and 3: the person and the account ------------------------------------------------------------------------


def _against_person(person: Row, run: _Run, policy: Mapping[str, Any]) -> set[str]:
    who, nik = person["participant_id"], _nik(person)
    reasons = set()
    if person.get("status") == "revoked":
        reasons.add("participant_revoked")
    if nik_problem(nik, run.provinces):
        reasons.add("invalid_nik")
    if nik and run.first_cards[nik] != who:
        reasons.add("duplicate_nik")
    if nik and nik in run.listed:
        reasons.add("blocklisted")
    if run.family_ranks.get(who, 0) > policy["kk"]["people_max"]:
        reasons.add("kk_limit")
    return reasons


def _against_account(person: Row, run: _Run) -> set[str]:
    account = run.accounts.get(person["participant_id"])
    if account is None:
        return {"no_account"}
    reasons = set()
    if account.get("channel") not in run.channels:
        reasons.add("channel_unknown")
    if not run.happened(account.get("verified_at")):
        reasons.add("account_unverified")
    if account.get("closed_at") is not None:
        reasons.add("account_closed")
    if not _nik(person) or _nik(account, "owner_nik") != _nik(person):
        reasons.add("owner_mismatch")
    if (account["participant_id"], account["version"]) in run.refused:
        reasons.add("account_refused")
    return reasons


def _card_order(person: Row) -> tuple[date, str]:
    """Cards in the order they were given; one without a date comes last."""
    return person.get("accepted_on") or date.max, person["participant_id"]


def _family_ranks(people: Sequence[Row], instructed: Collection[str]) -> dict[str, int]:
    """Each participant's place on the family card: those already instructed first, then by the order of cards.

    One NIK takes one place, whoever is revoked keeps theirs, and a person without a NIK takes one of their own.
    """
    ranks = {}
    places: dict[str, list[str]] = defaultdict(list)  # family card → those who hold a place, in order
    for person in sorted(people, key=lambda row: (row["participant_id"] not in instructed, *_card_order(row))):
        if _kk(person):
            taken = places[_kk(person)]
            holder = _nik(person) or f"without NIK: {person['participant_id']}"
            if holder not in taken:
                taken.append(holder)
            ranks[person["participant_id"]] = 1 + taken.index(holder)
    return ranks


def _listed(rows: Iterable[Row], today: date) -> set[str]:
    """NIKs on the blocklist: from when it is known, until the day of delisting."""
    return {_nik(row) for row in rows if row.get("delisted_on") is None or row["delisted_on"] > today}


# --- rules 4 to 6: dates and history ----------------------------------------------------------------------------------


def jakarta_date(instant: datetime) -> date:
    """The calendar date in Jakarta at an instant."""
    return instant.astimezone(JAKARTA).date()


def months_later(day: date, months: int) -> date:
    """The same day so many months later, held to that month's length."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _tranche(
    person: Row, run: _Run, policy: Mapping[str, Any], benefit: str, sequence: int
) -> tuple[set[str], date | None]:
    """What the incentive's tranche waits for, and the date from which it may be paid: None while a part of it is missing."""
    lacking, learned_on = _training(person, run, policy)
    if sequence > 1:  # fixed once tranche 1 is instructed
        first = run.instructed[person["participant_id"], benefit][0]
        return lacking, months_later(first["due_on"], sequence - 1)
    verified_at = run.accounts.get(person["participant_id"], {}).get("verified_at")
    verified_on = jakarta_date(verified_at) if verified_at is not None and run.happened(verified_at) else None
    dates = [each for each in (run.accepted_on(person), learned_on, verified_on) if each is not None]
    return lacking, max(dates) if len(dates) == 3 else None


def _survey(person: Row, run: _Run, number: int) -> tuple[set[str], date | None]:
    """What a survey's payment waits for, and the later of the two dates that it falls due on, once both are there."""
    completed_at = run.surveys.get((person["participant_id"], number))
    credited_at = run.credited.get(person["participant_id"])
    lacking = set()
    if not run.happened(completed_at):
        lacking.add("survey_not_completed")
    if not run.happened(credited_at):
        lacking.add("first_tranche_not_credited")
    if lacking or completed_at is None or credited_at is None:
        return lacking | {"not_yet_due"}, None
    return lacking, max(jakarta_date(completed_at), jakarta_date(credited_at))


def _last_payment_date(benefit: Mapping[str, Any], wave: int) -> date | None:
    for last in benefit.get("last_payments", ()):
        if last["wave_first"] <= wave <= last["wave_last"]:
            day: date = last["date"]
            return day
    return None


def _instructed(history: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """What has been instructed of each benefit for each participant, by sequence.

    A tranche or survey stands for its first attempt that was not withdrawn; a withdrawn one frees it again.
    """
    first: dict[tuple[str, str, int], Row] = {}
    for attempt in sorted(
        history, key=lambda row: (row["participant_id"], row["benefit"], row["sequence"], row["attempt"])
    ):
        if attempt.get("ended") != "withdrawn":
            first.setdefault((attempt["participant_id"], attempt["benefit"], attempt["sequence"]), attempt)
    instructed: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for (who, benefit, _), attempt in first.items():
        instructed[who, benefit].append(attempt)
    return dict(instructed)


def _credited(history: Iterable[Row]) -> dict[str, datetime]:
    """When tranche 1 of each participant's incentive was credited, by whichever of its attempts."""
    return {
        row["participant_id"]: row["credited_at"]
        for row in history
        if row["benefit"] == "incentive" and row["sequence"] == 1 and row.get("credited_at") is not None
    }
