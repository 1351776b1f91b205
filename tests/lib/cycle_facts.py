"""A hand-made cycle for the report: some thousands of invented people, with every part of the report filled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

from reconciliation.reports.facts import CycleFacts, table, tables

AT = datetime(2021, 1, 12, 2, 30, tzinfo=UTC)
CUT_OFF = datetime(2020, 12, 31, 16, 59, 59, 999999, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>"


def empty_cycle(**changed: Any) -> CycleFacts:
    """A cycle in which nothing has happened yet; `changed` are rows by table, or other fields."""
    rows = {name: table(name, changed.pop(name, [])) for name in tables()}
    plain = {"period": "2020-12", "at": AT, "cut_off": CUT_OFF, "event_count": 0, "chain_head": "0" * 64}
    return CycleFacts(**{**plain, "shared_accounts": 0, **rows, **changed})


def full_cycle(**changed: Any) -> CycleFacts:
    """A cycle with all parts: six channels, four waves, provinces, breaks, returns, checks and drops."""
    base = empty_cycle(
        event_count=148,
        chain_head=_sha("head"),
        shared_accounts=2,
        **_counted(),
        **_money(),
        **_listed(),
        **_evidence(),
    )
    return replace(base, **{k: table(k, v) if k in tables() else v for k, v in changed.items()})


def _sha(word: str) -> str:
    import hashlib

    return hashlib.sha256(word.encode()).hexdigest()


CHANNELS = {"bca": 4, "bni": 13, "dana": 9, "gopay": 28, "linkaja": 12, "ovo": 34}
WAVES = {4: 3, 5: 5, 8: 4, 10: 1}
PROVINCES = {"12": 2, "31": 4, "32": 7, "33": 5, "35": 6, "73": 1, None: 1}
OCCUPATIONS = {"unemployed": 8, "employee": 1, "business_owner": 1}
_HELD = {
    "account_unverified": 5,
    "kk_limit": 3,
    "blocklisted": 1,
    "account_closed;owner_mismatch": 1,
    "duplicate_nik": 1,
}
_NOT = {"no_completion": 6, "no_review": 2, "no_rating;no_review": 2, "not_yet_due": 30, "over_balance": 1}


def _counted() -> dict[str, list[dict[str, Any]]]:
    decided, paid, sides = [], [], []
    for (channel, c), (wave, w), (province, p), (occupation, o) in product(
        CHANNELS.items(), WAVES.items(), PROVINCES.items(), OCCUPATIONS.items()
    ):
        about = {
            "channel": channel,
            "wave": wave,
            "province": province,
            "occupation": occupation,
            "benefit": "incentive",
        }
        size = c * w * p * o // 18 + 1
        outcomes = {("due", ""): size, **{("held", r): n * size // 60 for r, n in _HELD.items()}}
        outcomes |= {("not_due", r): n * size // 80 for r, n in _NOT.items()} | {("complete", ""): size // 25}
        decided += [
            about | {"decision": d, "reasons": r, "people": n, "amount_idr": n * 600_000}
            for (d, r), n in outcomes.items()
            if n
        ]
        states = {
            ("rejected", "status", "BE01"): size // 90,
            ("rejected", "status", "AC04"): size // 120,
            ("rejected", "status", "AM21"): size // 200 if channel in ("gopay", "ovo", "dana") else 0,
            ("returned", "return", "AC06"): size // 300,
            ("unknown", None, None): 1 if size > 250 else 0,
            ("accepted", None, None): 2 if size > 180 else 0,
            ("debited", None, None): size // 12 if channel == "bca" else 0,
        }
        states[("credited", None, None)] = size - sum(states.values())
        for (state, code_list, code), n in states.items():
            if n:
                more = {"state": state, "code_list": code_list, "reason_code": code, "is_reissue": False}
                paid.append(about | more | {"people": n, "amount_idr": n * 600_000})
                seen = {
                    "credited": ("credited", "debited"),
                    "returned": ("credited", "sent_back"),
                    "rejected": ("rejected", "sent_back"),
                    "debited": ("debited", "debited"),
                    "accepted": ("accepted", "nothing"),
                }.get(state, ("silent", "nothing"))
                sides.append(
                    {"channel": channel, "reported": seen[0], "booked": seen[1], "people": n, "amount_idr": n * 600_000}
                )
    return {"decided": decided, "paid": paid, "sides": sides, **_totals(decided, paid), **_trained(decided, paid)}


FORMULA = '=HYPERLINK("http://example.invalid","klik")'
COMMAND = "+1+cmd|' /C calc'!A0"
TRAININGS = [
    {"training_id": f"T-{n:05}", "title": f"Pelatihan Contoh {n}", "provider": f"LEMBAGA CONTOH {n % 31:02}"}
    for n in range(1, 91)
]
TRAININGS[3] |= {"title": FORMULA, "provider": COMMAND}
TRAININGS[4] |= {"title": HOSTILE, "provider": HOSTILE}
TRAININGS[5] |= {"title": None, "provider": None}
_PLATFORMS = ("Platform Contoh A", "Platform Contoh B", "@SUM(1)", None)


def _trained(decided: list[dict[str, Any]], paid: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The same rows by training: each goes to one, and one in forty to none that is known."""

    def of(row: dict[str, Any], n: int, *more: str) -> dict[str, Any]:
        training = None if n % 40 == 39 else TRAININGS[n * 7 % 90]["training_id"]
        platform = _PLATFORMS[n % 3] if training else None
        kept = {name: row[name] for name in ("benefit", "people", "amount_idr", *more)}
        return kept | {"training_id": training, "platform": platform}

    due = [row for row in decided if row["decision"] == "due"]
    return {
        "trained_due": [of(row, n) for n, row in enumerate(due)],
        "trained_paid": [of(row, n, "state") for n, row in enumerate(paid)],
        "trainings": TRAININGS,
    }


def _totals(decided: list[dict[str, Any]], paid: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    totals, standing = [], []
    for channel in CHANNELS:
        due = sum(r["people"] for r in decided if r["channel"] == channel and r["decision"] == "due")
        mine = [r for r in paid if r["channel"] == channel]
        told = sum(r["people"] for r in mine if r["state"] != "unknown")
        debited = sum(r["people"] for r in mine if r["state"] in ("credited", "debited", "returned", "rejected"))
        for stage, n in {
            "due": due, "batches": due, "file_headers": due, "file_details": due, "reported": told, "debited": debited,
        }.items():  # fmt: skip
            totals.append({"stage": stage, "channel": channel, "people": n, "amount_idr": n * 600_000})
    for state in ("credited", "rejected", "returned", "unknown", "accepted", "debited"):
        n = sum(r["people"] for r in paid if r["state"] == state)
        standing.append({"period": "2020-12", "state": state, "people": n, "amount_idr": n * 600_000})
    standing.append({"period": "2020-11", "state": "credited", "people": 9000, "amount_idr": 5_400_000_000})
    return {"totals": totals, "standing": standing}


def _money() -> dict[str, list[dict[str, Any]]]:
    """Half of the money received at the period's end, all of it and some payments at the report; one equation that fails."""
    figures = {
        CUT_OFF: {"allocated": (20_400, 72_420_000_000), "funded": (1, 25_000_000_000), "instructed": (0, 0), "credited": (0, 0)},
        AT: {
            "allocated": (20_400, 72_420_000_000), "funded": (2, 43_000_000_000), "instructed": (3_214, 1_928_400_000),
            "released": (3_150, 1_890_000_000),
            "credited": (2_900, 1_740_000_000), "committed": (3_100, 1_860_000_000), "held": (310, 186_000_000),
            "in_account": (0, 41_260_000_000), "left_of_funds": (0, 41_140_000_000), "over_allocated": (2, 300_000),
        },
    }  # fmt: skip
    rows = [
        {
            "known_at": known_at, "dimension": "all", "key": "", "figure": figure, "amount_idr": idr,
            "people_count": None if figure == "funded" else people, "transaction_count": people,
        }
        for known_at, found in figures.items()
        for figure, (people, idr) in found.items()
    ]  # fmt: skip
    parts = [
        ("benefit", "incentive"),
        ("sk", "SK-2/2020"),
        ("sk", HOSTILE),
        ("fiscal_year", "2020"),
        ("channel", "ovo"),
        ("period", ""),
    ]
    rows += [
        {
            "known_at": AT, "dimension": dimension, "key": key, "figure": "committed", "amount_idr": 1_860_000_000,
            "people_count": 3_100, "transaction_count": 3_100,
        }
        for dimension, key in parts
    ]  # fmt: skip
    proofs = [
        {
            "known_at": AT, "stage": stage, "scope": scope, "equation": "left = right", "left_count": 5, "right_count": 5,
            "left_idr": 3_000_000, "right_idr": right, "holds": right == 3_000_000,
        }
        for stage, scope, right in (("money_received", "all", 3_000_000), ("money_account", "credited", 2_400_000))
    ]  # fmt: skip
    differing = {
        "sk_number": "SK-3/2020",
        "stated_idr": 22_720_000_000,
        "missing_count": 2,
        "missing_idr": 7_100_000,
        "spread_idr": 50,
    }
    return {"money": rows, "money_proofs": proofs, "sk_differences": [differing], **_back()}


def _back() -> dict[str, list[dict[str, Any]]]:
    """A claim in each state, a deposit and its correction, and the journal of two periods."""
    claims = [
        ("proposed", None, 600_000, 0), ("open", date(2020, 12, 1), 1_200_000, 200_000), ("overdue", date(2020, 10, 1), 600_000, 0),
        ("repaid", date(2020, 9, 1), 600_000, 600_000), ("cancelled", date(2020, 9, 2), 600_000, 0),
    ]  # fmt: skip
    receivables = [
        {
            "claim": f"C{number:06d}", "payment_count": amount_idr // 600_000, "amount_idr": amount_idr, "repaid_idr": repaid_idr,
            "owed_idr": amount_idr - repaid_idr if state in ("open", "overdue") else 0, "noticed_on": noticed_on,
            "repay_by": noticed_on and noticed_on + timedelta(days=60), "age_days": (AT.date() - (noticed_on or CUT_OFF.date())).days,
            "state": state, "person": "siti", "confirmed_by": noticed_on and "budi", "proposed_at": CUT_OFF,
        }
        for number, (state, noticed_on, amount_idr, repaid_idr) in enumerate(claims, 1)
    ]  # fmt: skip
    deposits = [
        {
            "deposit": f"D00000{number}", "ntpn": "0A1B2C3D4E5F6G7H", "ntb": "202012010001", "at": AT, "person": "rina",
            "amount_idr": sign * 1_400_000, "repaid_idr": sign * 800_000, "returned_idr": sign * 600_000, "cash_idr": 0,
            "period": "2020-12", "fiscal_year": 2020, "corrects": corrects,
        }
        for number, sign, corrects in ((1, 1, None), (2, -1, "D000001"))
    ]  # fmt: skip
    item = {
        "deposit": "D000001", "end_to_end_id": "PRK0000001XA", "period": "2020-12", "channel": "bni", "benefit": "incentive",
        "sequence": 2, "attempt": 1, "fiscal_year": 2020, "amount_idr": 600_000,
    }  # fmt: skip
    parts = [
        (None, None, 2020, {"funder": -43_000_000_000, "cash": 43_000_000_000}, 0),
        ("2020-12", "bni", 2020, {"cash": -600_000_000, "in_transit": 59_400_000, "credited": 540_000_000, "returned": 600_000}, 1_000),
        ("2020-12", "ovo", 2020, {"receivable": 1_600_000, "claims": -1_600_000}, 3),
    ]  # fmt: skip
    balances = [
        {
            "period": period, "channel": channel, "fiscal_year": year, "journal_account": account, "balance_idr": idr,
            "debits_idr": max(idr, 0), "credits_idr": max(-idr, 0), "transaction_count": count,
        }
        for period, channel, year, accounts, count in parts
        for account, idr in accounts.items()
    ]  # fmt: skip
    return {"receivables": receivables, "deposits": deposits, "deposit_items": [item], "trial_balance": balances}


def _listed() -> dict[str, list[dict[str, Any]]]:
    breaks = [
        ("missing_at_bank", "ovo", None, "PRAKERJA_OVO_20201231_0001_K7.xml", "600000", None, 600_000, 4, "budi"),
        ("amount_differs", "gopay", "E2E000000000A1B", "PRAKERJA_GOPAY_1.xml", "600000", "60000", 540_000, 12, None),
        ("credited_not_debited", "dana", "E2E000000000A1C", "PRAKERJA_DANA_1.xml", "600000", None, 600_000, 40, "siti"),
        ("unknown_to_us", "bni", None, None, None, HOSTILE, 600_000, 70, None),
    ]
    ended = [
        (f"PRK0000{i:06d}XA", ch, "returned" if i % 4 == 0 else "rejected", code, "credited" if i % 3 == 0 else None)
        for i, (ch, code) in enumerate(product(("bni", "gopay", "ovo"), ("AC04", "BE01", "AM21", "AC06")))
    ]
    return {
        "decisions_people": [
            {"sk_number": f"SK-{i}/2020", "row_count": n, "amount_idr": n * 3_550_000, "taken": n - (i == 2), "revoked": r}
            for i, n, r in ((1, 4200, 31), (2, 9800, 122), (3, 6400, 40))
        ],
        "funds": [
            {"reference": "SP2D-200801", "amount_idr": 25_000_000_000, "at": AT - timedelta(days=120), "person": "rina"},
            {"reference": "SP2D-200934", "amount_idr": 18_000_000_000, "at": AT - timedelta(days=30), "person": "rina"},
        ],
        "proofs": [
            _proof("entitled", "2020-12 incentive", "due = instructed + withdrawn + not instructed + decided since the last instruct", 3214),
            _proof("batched", "2020-12 ovo", "instructed = batched", 988),
            _proof("file_total", "PRAKERJA_OVO_1.xml", "control sum of the file = sum of its instructions", 988),
            _proof("outcome", "2020-12 ovo", "sent = credited + debited + accepted + in flight or silent", 988, 987),
        ],
        "breaks": [
            {
                "break_id": _sha(k + b)[:16], "kind": k, "bank": b, "file_name": f, "expected": e, "found": g,
                "amount_idr": a, "state": "open", "first_at": AT - timedelta(days=d), "owner": o,
                "case_state": "assigned" if o else "open",
            }
            for k, b, _, f, e, g, a, d, o in breaks
        ],
        "ended": [
            {
                "end_to_end_id": e, "channel": ch, "benefit": "incentive", "sequence": 1 + i % 4, "attempt": 1,
                "amount_idr": 600_000, "state": s, "code_list": "return" if s == "returned" else "status",
                "reason_code": code, "next_state": after,
            }
            for i, (e, ch, s, code, after) in enumerate(ended)
        ],
    }  # fmt: skip


def _proof(stage: str, scope: str, equation: str, left: int, right: int | None = None) -> dict[str, Any]:
    other = left if right is None else right
    sums = {"left_count": left, "right_count": other, "left_idr": left * 600_000, "right_idr": other * 600_000}
    return {"stage": stage, "scope": scope, "equation": equation, **sums, "holds": left == other}


def _evidence() -> dict[str, list[dict[str, Any]]]:
    batches, consents, files, inbound, balances = [], [], [], [], []
    for i, channel in enumerate(CHANNELS):
        batch, digest, name = f"B2020120{i}K", _sha(channel), f"PRAKERJA_{channel.upper()}_20201231_0001_{i}K7Q.xml"
        size = {"transaction_count": 400 + 97 * i, "control_sum_idr": (400 + 97 * i) * 600_000}
        state = "unknown" if channel == "ovo" else "credited"
        batches.append(
            size | {
                "batch": batch, "channel": channel, "execution_date": date(2021, 1, 4), "digest": digest,
                "maker": "siti", "created_at": CUT_OFF, "state": state,
            }
        )  # fmt: skip
        consents.append(
            {
                "purpose": "release", "subject": batch, "digest": digest, "person": "budi" if i else "Siti ",
                "via": "airflow", "at": AT - timedelta(days=8, hours=i), "used_at": AT - timedelta(days=8),
            }
        )  # fmt: skip
        files.append(
            size | {
                "file_name": name, "channel": channel, "batch": batch, "is_companion": False, "sha256": _sha(name),
                "state": state,
            }
        )  # fmt: skip
        inbound.append(
            {
                "bank": channel, "file_name": f"PSR_{channel}_0001.xml", "kind": "status_report", "state": "taken",
                "reason": None, "row_count": 400, "sha256": _sha("psr" + channel), "at": AT - timedelta(days=6),
            }
        )  # fmt: skip
        balances.append(
            {
                "bank": channel, "account": f"000000090{i}", "statement_id": f"STM-{channel}-9",
                "to_date": date(2021, 1, 11), "closing_idr": 2_000_000_000 + i * 1_200_000,
            }
        )  # fmt: skip
    inbound.append(
        {
            "bank": "ovo", "file_name": HOSTILE, "kind": "untold", "state": "quarantined", "reason": "not XML",
            "row_count": 0, "sha256": _sha("bad"), "at": AT - timedelta(days=5),
        }
    )  # fmt: skip
    return {
        "batches": batches, "consents": consents, "files": files, "inbound": inbound, "balances": balances,
        **_inputs_and_checks(),
    }  # fmt: skip


def _inputs_and_checks() -> dict[str, list[dict[str, Any]]]:
    return {
        "acts": [{"kind": "hold", "subject": "P000123", "person": "budi", "reason": HOSTILE, "at": AT - timedelta(days=9)}],
        "drops": [
            {"drop_id": _sha("drop"), "source": f"drops/{HOSTILE}", "taken_at": AT - timedelta(days=11), "row_count": 61_204}
        ],
        "drop_files": [
            {"drop_id": _sha("drop"), "file_name": f"{n}.parquet", "sha256": _sha(n)}
            for n in ("accounts", "blocklist", "completions", "participants", "surveys", "trainings")
        ],
        "policies": [{"policy": p, "sha256": _sha(p)} for p in ("prakerja-2020", "prakerja-2023")],
        "blocklist": [{"source": "dukcapil", "row_count": 212, "in_force": 209, "listed_on": date(2020, 12, 20)}],
        "runs": [
            {
                "step": "entitle", "run_id": "E000001-2020-12", "at": AT - timedelta(days=11), "cut_off": CUT_OFF,
                "archive_key": _sha("decisions"), "row_count": 20_399,
            },
            {
                "step": "reconcile", "run_id": "R000003-2020-12", "at": AT, "cut_off": None,
                "archive_key": _sha("matches"), "row_count": 3214,
            },
        ],
        "checks": [
            {
                "step": s, "table": t, "expectation": e, "column": c, "action": a, "success": n == 0, "failed_count": n,
                "row_count": r, "observed": o, "at": AT - timedelta(days=11),
            }
            for s, t, e, c, a, n, r, o in (
                ("intake", "participants.v1", "expect_column_values_to_not_be_null", "participant_id", "quarantine", 3, 20_402, None),
                ("intake", "participants.v1", "expect_column_values_to_be_between", "wave", "warn", 0, 20_402, None),
                ("entitle", "decisions.v1", "expect_column_values_to_be_in_set", "decision", "stop", 0, 20_399, None),
                ("entitle", "cycle_changes.v1", "expect_column_values_to_be_between", "due_change_percent", "warn", 1, 1, "41"),
            )
        ],
        "quarantine": [
            {"table": "participants", "reason": "missing_key", "row_count": 3},
            {"table": "completions", "reason": "rating_out_of_range", "row_count": 11},
        ],
    }  # fmt: skip
