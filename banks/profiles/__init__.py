"""One file a bank: identifiers, formats, limits, names, folders and how it answers. A new bank is a new file."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from banks.formats import Agent
from schemas.errors import InputRejected, WrongUsage

FORMATS = ("pain.001.001.03", "pain.001.001.09")
ROW_LIMIT_MAX = 99_999
"""Five-digit counters are common in bulk layouts; no file of ours holds more instructions."""
NAME_LENGTH_MAX = 140
"""Max140Text of a party's name in pain.001.001.03 and .09."""
CHARACTERS = {"swift-x": "A-Za-z0-9/?:().,'+ -"}
"""Character sets by name, as the inside of a regular expression's class. A hyphen stands last."""
ACCOUNT_NUMBERS = ("account", "mobile")
"""What an account of this channel is: a bank's account number, or a wallet's mobile number."""
AFTER_ARRIVAL = ("left", "taken")
"""Whether the bank leaves our files where they arrived, or takes them away, so that absence proves nothing."""
MODES = ("full", "exceptions_only", "positives_only")
DEBITS = ("consolidated", "single")
REJECTS = ("reversals", "not_booked")
INQUIRIES = {"status": ("pacs.028.001.03",), "cancel": ("camt.056.001.12",)}
"""The messages in which a bank can be asked where payments stand, or for payments back, by what is asked."""
PLACEHOLDERS = ("date", "sequence", "content")


class ProfileInvalid(InputRejected):
    """A profile cannot be used as it is written."""


@dataclass(frozen=True)
class Profile:
    """How one bank or wallet wants to be asked and how it answers.

    `calendar` names a folder of banks/calendars; `account_numbers` is one of ACCOUNT_NUMBERS; `name_characters` is the inside of a regular expression's class;
    `file_name` holds {date}, {sequence} and {content}; deadlines count from submission (hours) and from the execution
    date (banking days); `debtor_name` and `debtor_account` are defaults that the configuration overrides; an inquiry
    is the message in which the bank agreed to be asked, None where it did not.
    """

    code: str
    name: str
    agent: Agent
    calendar: str
    account_numbers: str
    format: str
    row_limit: int
    category_purpose: str
    name_length_max: int
    name_characters: str
    file_name: str
    upload_folder: str
    answer_folder: str
    temporary_suffix: str
    after_arrival: str
    response_mode: str
    status_report_hours: int
    statement_banking_days: int
    statement_debit: str
    statement_rejects: str
    debtor_name: str
    debtor_account: str
    status_inquiry: str | None = None
    cancel_inquiry: str | None = None

    def inquiry_format(self, kind: str, table: Mapping[str, Any]) -> str | None:
        """The message in which the bank can be asked (`status`) or asked back (`cancel`), None where it takes none.

        `table` is its table of the configuration, which may name one where the profile does not; a version that is not
        written raises `InputRejected`.
        """
        own = self.status_inquiry if kind == "status" else self.cancel_inquiry
        found = table.get(f"{kind}_inquiry", own)
        if found is not None and found not in INQUIRIES[kind]:
            raise InputRejected(
                f"{kind}_inquiry of bank {self.code} is not written.",
                f"Written are {', '.join(INQUIRIES[kind])}.",
                "Mend salur.toml.",
            )
        return None if found is None else str(found)


def file_name(profile: Profile, day: date, sequence: int, content: str) -> str:
    """The name of a bank file: its date, its number among the day's files, and a code for its content.

    `content` is derived by the caller from what is in the file (letters and digits), so that the same name never
    carries other content.
    """
    assert re.fullmatch("[A-Za-z0-9]+", content), "a content code is letters and digits"
    return profile.file_name.format(date=f"{day:%Y%m%d}", sequence=f"{sequence:03d}", content=content)


def load_profile(code: str, extra: Path | None = None) -> Profile:
    """The profile of the bank `code`, from those installed and those in the folder `extra`."""
    known = profiles(extra)
    if code not in known:
        raise WrongUsage(
            f"No bank profile {code!r}.", f"Profiles: {', '.join(known)}.", "Name one, or add a profile file."
        )
    return known[code]


def profiles(extra: Path | None = None) -> dict[str, Profile]:
    """All profiles by code, sorted: those installed and, taking precedence, the TOML files in the folder `extra`."""
    found = dict(_installed())
    for path in sorted(extra.glob("*.toml")) if extra else ():
        profile = read_profile(path)
        found[profile.code] = profile
    return dict(sorted(found.items()))


@lru_cache(maxsize=1)
def _installed() -> dict[str, Profile]:
    files = [file for file in resources.files("banks.profiles").iterdir() if file.name.endswith(".toml")]
    return {profile.code: profile for profile in map(read_profile, files)}


def read_profile(file: Path | Traversable) -> Profile:
    """One profile file, checked: what is missing, unknown or out of bounds raises `ProfileInvalid` naming the key."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileInvalid(f"Profile {file.name} is not TOML.", str(error), "Mend the file.") from None
    reader = _Reader(file.name, document)
    profile = Profile(
        code=reader.text("code", "[a-z0-9_]{2,20}"),
        name=reader.text("name"),
        agent=_agent(reader),
        calendar=reader.text("calendar", "[a-z_]+"),
        account_numbers=reader.one_of("account_numbers", ACCOUNT_NUMBERS),
        format=reader.one_of("message.format", FORMATS),
        row_limit=reader.number("message.row_limit", ROW_LIMIT_MAX),
        category_purpose=reader.text("message.category_purpose", "[A-Z]{4}"),
        name_length_max=reader.number("names.length_max", NAME_LENGTH_MAX),
        name_characters=CHARACTERS[reader.one_of("names.characters", tuple(CHARACTERS))],
        file_name=_file_name_template(reader),
        upload_folder=reader.text("files.upload_folder", "/.*"),
        answer_folder=reader.text("files.answer_folder", "/.*"),
        after_arrival=reader.one_of("files.after_arrival", AFTER_ARRIVAL),
        temporary_suffix=reader.text("files.temporary_suffix", "[.][A-Za-z0-9]+"),
        response_mode=reader.one_of("answers.mode", MODES),
        status_report_hours=reader.number("answers.status_report_hours", 24 * 31),
        statement_banking_days=reader.number("answers.statement_banking_days", 31),
        statement_debit=reader.one_of("statement.debit", DEBITS),
        statement_rejects=reader.one_of("statement.rejects", REJECTS),
        debtor_name=reader.text("debtor.name", f".{{1,{NAME_LENGTH_MAX}}}"),
        debtor_account=reader.text("debtor.account", "[A-Za-z0-9]{1,34}"),
        status_inquiry=_inquiry(reader, "status"),
        cancel_inquiry=_inquiry(reader, "cancel"),
    )
    reader.refuse_unread()
    return profile


def _agent(reader: "_Reader") -> Agent:
    if reader.has("bic"):
        return Agent(bic=reader.text("bic", "[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?"))
    return Agent(other_id=reader.text("agent_id", "[A-Za-z0-9]{1,35}"))


def _inquiry(reader: "_Reader", kind: str) -> str | None:
    key = f"inquiries.{kind}"
    return reader.one_of(key, INQUIRIES[kind]) if reader.has(key) else None


def _file_name_template(reader: "_Reader") -> str:
    template = reader.text("files.name", r"[A-Za-z0-9_.{}-]+")
    if sorted(re.findall("{(.*?)}", template)) != sorted(PLACEHOLDERS):
        raise reader.wrong("files.name", f"holds each of {', '.join('{' + word + '}' for word in PLACEHOLDERS)} once")
    return template


class _Reader:
    """Values of a profile's document by dotted key, each checked as it is read."""

    def __init__(self, name: str, document: dict[str, Any]) -> None:
        self._name = name
        self._values = _flatten(document)
        self._read: set[str] = set()

    def has(self, key: str) -> bool:
        return key in self._values

    def wrong(self, key: str, rule: str) -> ProfileInvalid:
        return ProfileInvalid(f"Profile {self._name}: {key} is missing or wrong.", f"It {rule}.", f"Set {key}.")

    def text(self, key: str, pattern: str = ".+") -> str:
        self._read.add(key)
        value = self._values.get(key)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self.wrong(key, f"is a text of the form {pattern}")
        return value

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in allowed:
            raise self.wrong(key, f"is one of {', '.join(allowed)}")
        return value

    def number(self, key: str, limit: int) -> int:
        self._read.add(key)
        value = self._values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= limit:
            raise self.wrong(key, f"is a whole number from 1 to {limit}")
        return value

    def refuse_unread(self) -> None:
        unknown = sorted(set(self._values) - self._read)
        if unknown:
            raise ProfileInvalid(
                f"Profile {self._name}: {unknown[0]} means nothing here.", "Every key is read or refused.", "Remove it."
            )


def _flatten(document: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat
