"""A plain country's tables as the fast path takes them: the rows that stand, as Arrow, with digests for personal data."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from disbursement.policy import Policy
from reconciliation.reports import verifier
from schemas.identifiers import BLANKS, check_nik
from schemas.tables import TABLES
from tests.lib.countries import Country

Row = Mapping[str, Any]


def arguments(country: Country, *policies: Policy) -> dict[str, Any]:
    """What `disbursement.entitlement.decide` takes, for the country's tables and history."""
    stands = {name: verifier.standing(country.tables.get(name, ()), key)[0] for name, key in verifier.KEYS.items()}
    taken = {row["participant_id"] for row in stands["participants"]}
    tranches = [row for row in _tranches(country.history) if row["participant_id"] in taken]
    new = [row for row in tranches if row["period"] == country.period]
    return {
        "people": table("people.v1", [_person(row) for row in stands["participants"]]),
        "accounts": table("current_accounts.v1", _current(stands["accounts"])),
        "trainings": table("trainings.v1", stands["trainings"]),
        "completions": table("learning.v1", [_completion(row) for row in stands["completions"]]),
        "surveys": table("surveys.v1", stands["surveys"]),
        "blocklist": table("listed.v1", [row | {"nik_mac": mac(row["nik"])} for row in stands["blocklist"]]),
        "history": table("history.v1", tranches),
        "refused": table(
            "refused_accounts.v1", [{"participant_id": who, "account_version": n} for who, n in country.refused]
        ),
        "policies": policies,
        "channels": country.channels,
        "period": country.period,
        "cut_off": country.cut_off,
        "balance_idr": country.balance_idr,
        "kept": table("decisions.v1", [{**row, "decision": "due", "reasons": ""} for row in new]),
    }


def table(name: str, rows: Sequence[Row]) -> pa.Table:
    """Rows as the table of that definition; columns that it does not have are left out."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=TABLES[name].schema)


def mac(identifier: str | None) -> str | None:
    """A plain digest in place of the keyed one; blanks around an identifier play no part, an empty one has none."""
    trimmed = (identifier or "").strip(BLANKS)
    return hashlib.sha256(trimmed.encode()).hexdigest() if trimmed else None


def _person(row: Row) -> Row:
    kk = (row.get("kk") or "").strip(BLANKS)
    return {
        **row,
        "nik_mac": mac(row.get("nik")),
        "kk_mac": mac(kk) if len(kk) == 16 and kk.isdecimal() else None,
        "nik_problem": check_nik(row.get("nik"))[0],
    }


def _current(accounts: Sequence[Row]) -> list[Row]:
    highest = {row["participant_id"]: row for row in sorted(accounts, key=lambda row: row["version"])}
    return [{**row, "owner_nik_mac": mac(row.get("owner_nik"))} for row in highest.values()]


def _completion(row: Row) -> Row:
    return {**row, "has_certificate": bool(row.get("certificate_number"))}


def _tranches(history: Sequence[Row]) -> list[Row]:
    """Each tranche and survey by its first attempt that was not withdrawn, with the credit of whichever attempt has one."""
    standing: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in sorted(history, key=lambda row: row["attempt"]):
        if row["ended"] != "withdrawn":
            tranche = standing.setdefault((row["participant_id"], row["benefit"], row["sequence"]), dict(row))
            tranche["credited_at"] = tranche["credited_at"] or row["credited_at"]
    return list(standing.values())
