"""Who is due what, read plainly from the published contract: one person at a time, the standard library alone.

A third reading of the rules, written apart from the one that pays and the one that verifies, for whoever judges a simulated
programme. It imports nothing of ours, so no shared mistake can agree with itself. Rows are dicts with Python values.
"""

from calendar import monthrange
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final, NamedTuple

Row = Mapping[str, Any]
JAKARTA: Final = timezone(timedelta(hours=7))
INCENTIVE, SURVEY = "incentive", "survey"
CHANNELS: Final = frozenset("bni bca ovo gopay linkaja dana".split())
PROVINCES: Final = frozenset(
    "11 12 13 14 15 16 17 18 19 21 31 32 33 34 35 36 51 52 53 61 62 63 64 65 71 72 73 74 75 76 81 82 91 92 93 94 95 96".split()
)
REFUSING: Final = frozenset("AC01 AC03 AC04 AC06 AC07 AC14 AG01 BE01 BE06 BE22 CNOR NOCM RC04 UCRD".split())
"""Codes by which a bank says that it will not pay to this account, now or later."""
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "participants": ("participant_id",),
    "accounts": ("participant_id", "version"),
    "trainings": ("training_id",),
    "completions": ("completion_id",),
    "blocklist": ("nik", "source"),
    "surveys": ("participant_id", "number"),
}


@dataclass(frozen=True)
class Scheme:
    """What a scheme pays: how many tranches and surveys, the training balance, and within how many days the first is bought."""

    tranches: int
    surveys: int
    balance_idr: int
    purchase_days: int | None


TRANCHE_IDR, SURVEY_IDR = 600_000, 50_000
SCHEMES: Final = (
    (range(1, 48), Scheme(tranches=4, surveys=3, balance_idr=1_000_000, purchase_days=None)),
    (range(48, 10_000), Scheme(tranches=1, surveys=2, balance_idr=3_500_000, purchase_days=15)),
)
LAST_PAYMENT: Final = ((range(1, 12), date(2021, 3, 5)), (range(12, 23), date(2022, 3, 12)))


def scheme_of(wave: int | None) -> Scheme | None:
    """The scheme of a wave; None for one that none covers."""
    return next((scheme for waves, scheme in SCHEMES if wave in waves), None)


def last_payment_date(wave: int | None) -> date | None:
    """After this day nothing is paid to people of the wave; None where no such day is known."""
    return next((day for waves, day in LAST_PAYMENT if wave in waves), None)


def jakarta_day(instant: datetime) -> date:
    """The day in Jakarta."""
    return instant.astimezone(JAKARTA).date()


def months_later(day: date, months: int) -> date:
    """So many calendar months later, the day held to that month's length."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def standing(rows: Sequence[Row], table: str) -> list[dict[str, Any]]:
    """The row that stands for each key: the latest recorded; of those that contradict under one instant, none."""
    by_key: dict[tuple[Any, ...], dict[datetime, list[dict[str, Any]]]] = {}
    for row in rows:
        key = tuple(row.get(column) for column in KEYS[table])
        if any(part in (None, "") for part in key):
            continue  # nobody can say whose it is: quarantined
        filled = {name: value for name, value in row.items() if value not in (None, "") and name != "arrived_at"}
        told = by_key.setdefault(key, {}).setdefault(filled.get("recorded_at") or datetime.min.replace(tzinfo=UTC), [])
        if filled not in told:
            told.append(filled)
    found = []
    for told_at in by_key.values():
        agreeing = [rows[0] for _, rows in sorted(told_at.items(), key=lambda each: each[0]) if len(rows) == 1]
        found += agreeing[-1:]
    return found


class Reading(NamedTuple):
    """What the rules say of one benefit of one person: `reasons` all that apply; `account` the version that would be paid to."""

    decision: str
    sequence: int
    amount_idr: int
    due_on: date | None
    reasons: frozenset[str]
    account: Row | None


@dataclass(frozen=True)
class Instructed:
    """A tranche or survey that is already asked for: its first attempt that was not withdrawn."""

    period: str
    due_on: date | None


@dataclass
class Known:
    """What is known when it is decided: the rows that have come in, what is asked for already, and what banks have told.

    `instructed`: (participant, benefit) to sequence to its first attempt; `refused`: account versions that a bank has refused;
    `credited_on`: the day by which the record knew that tranche 1 was credited.
    """

    tables: Mapping[str, Sequence[Row]]
    period: str
    cut_off: datetime
    instructed: Mapping[tuple[str, str], Mapping[int, Instructed]]
    refused: Collection[tuple[str, int]] = ()
    credited_at: Mapping[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = {name: standing(self.tables.get(name, ()), name) for name in KEYS}
        self.people = {row["participant_id"]: row for row in rows["participants"]}
        self.accounts: dict[str, dict[str, Any]] = {}
        for row in sorted(rows["accounts"], key=lambda row: int(row["version"])):
            self.accounts[row["participant_id"]] = row
        self.prices = {row["training_id"]: row.get("price_idr", 0) for row in rows["trainings"]}
        self.completions: dict[str, list[dict[str, Any]]] = {}
        for row in rows["completions"]:
            self.completions.setdefault(row.get("participant_id", ""), []).append(row)
        self.surveys = {(row["participant_id"], int(row["number"])): row.get("completed_at") for row in rows["surveys"]}
        self.today = jakarta_day(self.cut_off)
        self.listed = {
            row["nik"] for row in rows["blocklist"] if row.get("delisted_on") is None or row["delisted_on"] > self.today
        }
        in_order = sorted(self.people.values(), key=_card)
        self.first_cards: dict[str, str] = {}
        for person in in_order:
            self.first_cards.setdefault(person.get("nik", ""), person["participant_id"])
        self.beyond_family = _beyond_family(in_order, {who for who, benefit in self.instructed if benefit == INCENTIVE})

    def happened(self, instant: datetime | None) -> bool:
        """Good news counts from its own time."""
        return instant is not None and instant <= self.cut_off

    def readings(self) -> dict[tuple[str, str], Reading]:
        """One for each participant and benefit."""
        return {
            (who, benefit): self.read(who, benefit) for who in sorted(self.people) for benefit in (INCENTIVE, SURVEY)
        }

    def read(self, who: str, benefit: str) -> Reading:
        """What the rules say of one benefit of a person."""
        person, account = self.people[who], self.accounts.get(who)
        done = self.instructed.get((who, benefit), {})
        amount = TRANCHE_IDR if benefit == INCENTIVE else SURVEY_IDR
        new = [number for number, first in done.items() if first.period == self.period]
        if new:
            return Reading("due", max(new), amount, done[max(new)].due_on, frozenset(), account)
        scheme = scheme_of(person.get("wave"))
        if scheme is None:
            return Reading("not_due", 1, 0, None, frozenset({"policy_unknown"}), account)
        sequence = next(number for number in range(1, 20) if number not in done)
        obstacles = self.against_person(who, sequence if benefit == INCENTIVE else 2) | self.against_account(who)
        if sequence > (scheme.tranches if benefit == INCENTIVE else scheme.surveys):
            return Reading("complete", sequence, amount, None, frozenset(obstacles), account)
        if benefit == INCENTIVE:
            lacking, due_on = self._tranche(who, scheme, sequence, done)
        else:
            lacking, due_on = self._survey(who, sequence)
        accepted_on = person.get("accepted_on")
        if accepted_on is None or accepted_on > self.today or (due_on is not None and due_on > self.today):
            lacking = lacking | {"not_yet_due"}
        last = last_payment_date(person.get("wave"))
        if last is not None and self.today > last:
            decision = "lapsed"
        else:
            decision = "not_due" if lacking else "held" if obstacles else "due"
        return Reading(decision, sequence, amount, due_on, frozenset(lacking | obstacles), account)

    # --- rule 1 and rule 4 ------------------------------------------------------------------------------------------

    def _tranche(
        self, who: str, scheme: Scheme, sequence: int, done: Mapping[int, Instructed]
    ) -> tuple[set[str], date | None]:
        if sequence > 1:
            first = done[min(done)].due_on
            return set(), None if first is None else months_later(first, sequence - 1)
        lacking, learned_on = self._training(who, scheme)
        accepted_on, verified_at = self.people[who].get("accepted_on"), self.accounts.get(who, {}).get("verified_at")
        verified_on = jakarta_day(verified_at) if verified_at is not None and verified_at <= self.cut_off else None
        if accepted_on is not None and accepted_on > self.today:
            accepted_on = None
        parts = (accepted_on, learned_on, verified_on)
        return lacking, None if None in parts else max(part for part in parts if part is not None)

    def _training(self, who: str, scheme: Scheme) -> tuple[set[str], date | None]:
        rows = self.completions.get(who, [])
        live = [row for row in rows if "revoked_at" not in row]
        bought = [row for row in live if self.happened(row.get("purchased_at"))]
        spent = sum(self.prices.get(row.get("training_id", ""), 0) for row in bought)
        completed = [row for row in rows if self.happened(row.get("completed_at"))]
        candidates = [row for row in completed if "revoked_at" not in row]
        first_bought = min((row["purchased_at"] for row in bought), default=None)
        wants = [self._lacks(who, row, first_bought, scheme) for row in candidates]
        over = {"over_balance"} if spent > scheme.balance_idr else set()
        good = [
            max(row["completed_at"], row["reviewed_at"])
            for row, lacking in zip(candidates, wants, strict=True)
            if not lacking
        ]
        if good and not over:
            return set(), jakarta_day(min(good))
        if not completed:
            return over | {"no_completion"}, None
        if not candidates:
            return over | {"completion_revoked"}, None
        return over.union(*wants), None

    def _lacks(self, who: str, row: Row, first_bought: datetime | None, scheme: Scheme) -> set[str]:
        lacking = set()
        if not row.get("certificate_number"):
            lacking.add("no_certificate")
        if row.get("rating") is None:
            lacking.add("no_rating")
        if not self.happened(row.get("reviewed_at")):
            lacking.add("no_review")
        if row.get("training_id", "") not in self.prices:
            lacking.add("training_unknown")
        accepted_on = self.people[who].get("accepted_on")
        bought = row.get("purchased_at") if scheme.purchase_days is None else first_bought
        if accepted_on is None or bought is None:
            return lacking | {"purchase_late"}
        days = (jakarta_day(bought) - accepted_on).days
        in_time = (
            jakarta_day(bought).year == accepted_on.year
            if scheme.purchase_days is None
            else 0 <= days <= scheme.purchase_days
        )
        return lacking if in_time else lacking | {"purchase_late"}

    def _survey(self, who: str, number: int) -> tuple[set[str], date | None]:
        completed_at, credited_at = self.surveys.get((who, number)), self.credited_at.get(who)
        lacking = set() if self.happened(completed_at) else {"survey_not_completed"}
        if not self.happened(credited_at):
            lacking.add("first_tranche_not_credited")
        if lacking or completed_at is None or credited_at is None:
            return lacking | {"not_yet_due"}, None
        return lacking, max(jakarta_day(completed_at), jakarta_day(credited_at))

    # --- rules 2 and 3 ----------------------------------------------------------------------------------------------

    def against_person(self, who: str, sequence: int) -> set[str]:
        """What stands against paying this person; the family's limit only at the first tranche."""
        person = self.people[who]
        nik = person.get("nik", "")
        reasons = set()
        if person.get("status") == "revoked":
            reasons.add("participant_revoked")
        if not is_nik(nik):
            reasons.add("invalid_nik")
        if nik and self.first_cards[nik] != who:
            reasons.add("duplicate_nik")
        if nik in self.listed:
            reasons.add("blocklisted")
        if sequence == 1 and who in self.beyond_family:
            reasons.add("kk_limit")
        return reasons

    def against_account(self, who: str) -> set[str]:
        """What stands against paying to the account version with the highest number."""
        account = self.accounts.get(who)
        if account is None:
            return {"no_account"}
        reasons = set()
        if account.get("channel") not in CHANNELS:
            reasons.add("channel_unknown")
        if not self.happened(account.get("verified_at")):
            reasons.add("account_unverified")
        if "closed_at" in account:
            reasons.add("account_closed")
        nik = self.people[who].get("nik")
        if not nik or account.get("owner_nik") != nik:
            reasons.add("owner_mismatch")
        if (who, int(account["version"])) in self.refused:
            reasons.add("account_refused")
        return reasons


def is_nik(text: str) -> bool:
    """Whether a NIK is well made: province, regency, district, a date (a woman's day is 40 higher), a serial from 0001."""
    if not (len(text) == 16 and text.isascii() and text.isdigit()):
        return False
    day, month, year = int(text[6:8]), int(text[8:10]), int(text[10:12])
    day -= 40 if day > 40 else 0
    is_date = 1 <= month <= 12 and any(1 <= day <= monthrange(century + year, month)[1] for century in (1900, 2000))
    return text[:2] in PROVINCES and "00" not in (text[2:4], text[4:6]) and is_date and text[12:] != "0000"


def _card(person: Row) -> tuple[date, str]:
    return person.get("accepted_on") or date.max, person["participant_id"]


def _beyond_family(people: Sequence[Row], instructed: Collection[str]) -> set[str]:
    """Those from the third NIK of a family card on; whoever is instructed comes before whoever is not."""
    places: dict[str, list[str]] = {}
    beyond = set()
    for person in sorted(people, key=lambda row: row["participant_id"] not in instructed):
        kk, who = person.get("kk", ""), person["participant_id"]
        if len(kk) != 16 or not kk.isdigit():
            continue
        taken = places.setdefault(kk, [])
        nik = person.get("nik") or who
        if nik not in taken:
            taken.append(nik)
        if taken.index(nik) >= 2:
            beyond.add(who)
    return beyond
