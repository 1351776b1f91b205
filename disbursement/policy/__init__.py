"""Policies as dated data: what each scheme pays, when, under which conditions, and who made each figure public.

One TOML file a scheme lies beside this module. A participant's wave picks the policy. Every figure bears its source, a
rule that changes gets a new entry or a new file, and a decision names the policy it was taken by, so that a past cycle
decides the same again. The digest of a policy is the SHA-256 of its file's bytes.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Literal, cast, get_args

_SUFFIX = ".toml"

PurchaseWindow = Literal["calendar_year", "days"]
Sequences = Literal["first", "every"]
Schedule = Literal["monthly", "completed_and_credited"]
"""When a benefit's payments fall due. `monthly`: the first with the training, the others a month after one another.
`completed_and_credited`: each when its survey is completed and tranche 1 of the incentive is credited.
"""


@dataclass(frozen=True, slots=True)
class Waves:
    """The waves of participants that a policy covers, both ends included."""

    first: int
    last: int | None
    source: str

    def __contains__(self, wave: object) -> bool:
        return isinstance(wave, int) and wave >= self.first and (self.last is None or wave <= self.last)


@dataclass(frozen=True, slots=True)
class TrainingRules:
    """The balance that trainings are bought from (whole rupiah), and when a purchase must be made to count.

    `calendar_year`: each training, in the year of acceptance. `days`: the first training, at most `purchase_days` days
    after acceptance, or none counts.
    """

    balance_idr: int
    balance_source: str
    purchase_window: PurchaseWindow
    purchase_days: int | None
    purchase_source: str


@dataclass(frozen=True, slots=True)
class FamilyCard:
    """How many people of one family card (KK) may receive."""

    people_max: int
    source: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A group of reasons that may stand against a payment, and whether it is asked once or each time."""

    name: str
    sequences: Sequences
    reasons: tuple[str, ...]
    source: str

    def applies_to(self, sequence: int) -> bool:
        """Whether the condition is asked for this sequence of the benefit."""
        return self.sequences == "every" or sequence == 1


@dataclass(frozen=True, slots=True)
class LastPayment:
    """The last day on which a range of waves may be paid; what is unpaid then lapses."""

    wave_first: int
    wave_last: int
    date: date
    source: str


@dataclass(frozen=True, slots=True)
class Benefit:
    """One benefit of a scheme: how many payments of how much (whole rupiah), under which conditions, until when."""

    name: str
    tranches: int
    amount_idr: int
    amount_source: str
    schedule: Schedule
    schedule_source: str
    conditions: tuple[Condition, ...]
    last_payments: tuple[LastPayment, ...]

    def reasons_asked(self, sequence: int) -> frozenset[str]:
        """The reason codes that can stand against this sequence; any other is not asked of it."""
        return frozenset(
            reason for condition in self.conditions if condition.applies_to(sequence) for reason in condition.reasons
        )

    def last_payment_date(self, wave: int) -> date | None:
        """The wave's last payment date in Jakarta, or None where none was made public."""
        for last in self.last_payments:
            if last.wave_first <= wave <= last.wave_last:
                return last.date
        return None


@dataclass(frozen=True, slots=True)
class Policy:
    """One scheme, as its file says it. `digest` is the SHA-256 of the file's bytes, in hex."""

    name: str
    title: str
    source: str
    waves: Waves
    training: TrainingRules
    kk: FamilyCard
    benefits: Mapping[str, Benefit]
    digest: str

    @property
    def incentive(self) -> Benefit:
        """The job-search incentive, which every scheme has."""
        return self.benefits["incentive"]


def policies() -> list[str]:
    """The names of all policies, sorted."""
    return sorted(file.name.removesuffix(_SUFFIX) for file in _files())


@cache
def load_policy(name: str) -> Policy:
    """The policy of that name. A name that is not in `policies()` raises KeyError."""
    return parse_policy(policy_file(name))


def policy_file(name: str) -> bytes:
    """The bytes of the file of the policy of that name, whose SHA-256 is its digest."""
    for file in _files():
        if file.name == name + _SUFFIX:
            return file.read_bytes()
    raise KeyError(name)


def parse_policy(content: bytes) -> Policy:
    """A policy from the bytes of its file. A figure or source that is missing is a KeyError or TypeError."""
    data = tomllib.loads(content.decode("utf-8"))
    training = data["training"]
    window = training["purchase_window"]
    if window not in ("calendar_year", "days") or (window == "days") != ("purchase_days" in training):
        raise KeyError(f"purchase_window {window}")
    return Policy(
        name=data["name"],
        title=data["title"],
        source=data["source"],
        waves=Waves(data["waves"]["first"], data["waves"].get("last"), data["waves"]["source"]),
        training=TrainingRules(
            balance_idr=training["balance_idr"],
            balance_source=training["balance_source"],
            purchase_window=cast(PurchaseWindow, window),
            purchase_days=training.get("purchase_days"),
            purchase_source=training["purchase_source"],
        ),
        kk=FamilyCard(**data["kk"]),
        benefits={name: _benefit(name, benefit) for name, benefit in data["benefits"].items()},
        digest=hashlib.sha256(content).hexdigest(),
    )


def _files() -> list[Traversable]:
    return [file for file in resources.files(__name__).iterdir() if file.name.endswith(_SUFFIX)]


def _benefit(name: str, data: dict[str, Any]) -> Benefit:
    if data["schedule"] not in get_args(Schedule):
        raise KeyError(f"schedule {data['schedule']}")
    return Benefit(
        name=name,
        tranches=data["tranches"],
        amount_idr=data["amount_idr"],
        amount_source=data["amount_source"],
        schedule=data["schedule"],
        schedule_source=data["schedule_source"],
        conditions=tuple(_condition(each) for each in data["conditions"]),
        last_payments=tuple(LastPayment(**each) for each in data.get("last_payments", ())),
    )


def _condition(data: dict[str, Any]) -> Condition:
    if data["sequences"] not in get_args(Sequences):
        raise KeyError(f"sequences {data['sequences']}")
    return Condition(data["name"], data["sequences"], tuple(data["reasons"]), data["source"])
