"""The slow and obvious twin of `disbursement.reissue`: one entitlement and one sentence at a time, remedies as their TOML says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

Row = Mapping[str, Any]
CHANNELS = ("ovo", "bni")


def plainly(
    ended: Sequence[Row],
    people: Mapping[str, Row],
    accounts: Mapping[str, Row],
    refused: set[tuple[str, int]],
    remedies: Mapping[str, Any],
    today: date,
    balance_idr: int | None,
) -> dict[tuple[str, int], tuple[str, date | None, str]]:
    """Verdict, waits_until and reasons by participant and tranche. `people` and `accounts` say in flags what stands against each."""
    found: dict[tuple[str, int], tuple[str, date | None, str]] = {}
    for key in sorted({(row["participant_id"], row["sequence"]) for row in ended}):
        attempts = [row for row in ended if (row["participant_id"], row["sequence"]) == key]
        found[key] = _of_one(
            sorted(attempts, key=lambda row: int(row["attempt"])), people, accounts, refused, remedies, today
        )
    if balance_idr is not None:
        last = {
            key: max((r for r in ended if (r["participant_id"], r["sequence"]) == key), key=lambda r: int(r["attempt"]))
            for key in found
        }
        came_back = {
            (row["participant_id"], row["sequence"])
            for row in ended
            if row["end"] == "returned" and not row["is_deposited"]
        }
        line = [key for key, (verdict, _, _) in found.items() if verdict == "due" and key not in came_back]
        for key in sorted(line, key=lambda k: (last[k]["due_on"], people[k[0]]["accepted_on"], k)):
            balance_idr -= last[key]["amount_idr"]
            if balance_idr < 0:
                found[key] = ("held", None, "funds_short")
    return found


def _of_one(
    attempts: Sequence[Row],
    people: Mapping[str, Row],
    accounts: Mapping[str, Row],
    refused: set[tuple[str, int]],
    remedies: Mapping[str, Any],
    today: date,
) -> tuple[str, date | None, str]:
    last = attempts[-1]
    who = last["participant_id"]
    person = {"participant_revoked"} if people[who]["status"] == "revoked" else set()
    if people[who]["nik_mac"] is None:
        person.add("invalid_nik")
    account = accounts.get(who)
    wrong = _against_account(people[who], account, refused)
    remedy = _remedy(last, remedies)
    if remedy["action"] == "fix_account" and account is not None and account["version"] <= last["account_version"]:
        wrong.add("account_refused")
    reasons = ";".join(sorted(person | wrong))
    alike = len([each for each in attempts if _remedy(each, remedies) == remedy])
    refusals = len([each for each in attempts if each["end"] != "never_arrived"])
    day = _from_day(remedy["spacing"], last["ended_on"])
    wait = None
    if final := _final(last, bool(person), today):
        verdict = final
    elif last["is_disputed"]:
        verdict = "disputed"
    elif person:
        verdict = "held"
    elif not last["is_agreed"] and (last["is_deposited"] or last["is_unsaid"]):
        verdict = "needs_person"
    elif not last["is_agreed"] and (alike > remedy["retries_max"] or refusals >= remedies["attempts_max"]):
        verdict = _without_people(alike, remedy)
    elif wrong:
        verdict = "needs_account"
    elif day <= today:
        verdict = "due"
    else:
        verdict, wait = "waits", day
    return verdict, wait, reasons


def _final(last: Row, is_held: bool, today: date) -> str | None:
    """What nobody waits for any more."""
    if last["is_paid"] and not last["is_disputed"]:
        return "paid"
    if last["last_payment_date"] is not None and last["last_payment_date"] < today:
        return "deposited" if last["is_deposited"] else "lapsed"
    return "deposited" if is_held and last["is_deposited"] else None


def _without_people(alike: int, remedy: Mapping[str, Any]) -> str:
    """What keeps an attempt from being made by itself: its remedy, or that its attempts are used up."""
    if remedy["retries_max"] == 0 or (remedy["action"] == "review" and alike > remedy["retries_max"]):
        return "needs_person"
    return "capped"


def _against_account(person: Row, account: Row | None, refused: set[tuple[str, int]]) -> set[str]:
    if account is None:
        return {"no_account"}
    against = {
        "account_unverified": account["verified_at"] is None,
        "account_closed": account["closed_at"] is not None,
        "channel_unknown": account["channel"] not in CHANNELS,
        "owner_mismatch": person["nik_mac"] is None or account["owner_nik_mac"] != person["nik_mac"],
        "account_refused": (account["participant_id"], account["version"]) in refused,
    }
    return {code for code, stands in against.items() if stands}


def _remedy(row: Row, remedies: Mapping[str, Any]) -> Mapping[str, Any]:
    if row["end"] == "never_arrived":
        return next(each for each in remedies["remedies"] if "never_arrived" in each.get("end", ()))
    listed = row["code_list"] or {"rejected": "status", "returned": "return"}[row["end"]]
    for each in remedies["remedies"]:
        if row["reason_code"] in each.get(listed, ()):
            return dict(each)
    return dict(remedies["unclassified"])


def _from_day(spacing: int | str, ended_on: date) -> date:
    if spacing == "next_month":
        return date(ended_on.year + ended_on.month // 12, ended_on.month % 12 + 1, 1)
    return ended_on + timedelta(days=int(spacing))
