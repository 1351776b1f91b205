"""What follows an ended attempt is what a plain reading of the remedies says, whatever has ended and in whatever order rows come."""

import tomllib
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from disbursement.policy import load_policy
from disbursement.reissue import decide, wanted_idr
from schemas.remedies import REMEDIES
from schemas.tables import empty
from tests.lib.digested import table
from tests.lib.plain_reissues import CHANNELS, plainly

TOML = tomllib.loads(resources.files("schemas").joinpath("remedies.toml").read_text(encoding="utf-8"))
CUT_OFF = datetime(2020, 10, 31, 16, 59, 59, tzinfo=UTC)
TODAY = date(2020, 10, 31)
VERIFIED = datetime(2020, 9, 1, tzinfo=UTC)
CODES = ["AC04", "NOCM", "AM02", "AM21", "AM14", "TM01", "MS03", "AM04", "AM05", "MD07", "ZZ99", "AC14", None]
rare = st.sampled_from([False] * 9 + [True])


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    """Some people, what is known of them, and their ended attempts of tranches 1 and 2."""
    people, accounts, ended, refused = {}, {}, [], set()
    for number in range(draw(st.integers(1, 4))):
        who = f"P{number}"
        nik = None if draw(rare) else f"n{number}"
        people[who] = {
            "participant_id": who, "nik_mac": nik, "wave": draw(st.sampled_from([4, 48])), "accepted_on": date(2020, 8, draw(st.integers(1, 3))),
            "status": "revoked" if draw(rare) else "active",
        }  # fmt: skip
        if not draw(rare):
            version = draw(st.integers(1, 3))
            accounts[who] = {
                "participant_id": who, "version": version, "channel": draw(st.sampled_from([*CHANNELS, *CHANNELS, "lain"])),
                "owner_nik_mac": draw(st.sampled_from([nik, nik, nik, "x"])), "verified_at": None if draw(rare) else VERIFIED,
                "closed_at": VERIFIED if draw(rare) else None,
            }  # fmt: skip
            if draw(rare):
                refused.add((who, version))
        for sequence in draw(st.sampled_from([(1,), (1, 2)])):
            for attempt in range(1, draw(st.integers(1, 7)) + 1):
                end = draw(st.sampled_from(["rejected", "rejected", "returned", "never_arrived"]))
                code = None if end == "never_arrived" else draw(st.sampled_from(CODES))
                ended.append({
                    "participant_id": who, "benefit": "incentive", "sequence": sequence, "attempt": attempt,
                    "end_to_end_id": f"E{number}{sequence}{attempt}", "end": end, "reason_code": code,
                    "code_list": draw(st.sampled_from([None, "status"])) if end == "rejected" else None,
                    "ended_on": draw(st.sampled_from([TODAY - timedelta(days=n) for n in (0, 1, 6, 7, 30, 31, 60)])),
                    "amount_idr": 600_000, "due_on": date(2020, 10, draw(st.integers(1, 2))), "policy": "prakerja-2020",
                    "account_version": draw(st.integers(1, 2)), "file_name": "F",
                    "last_payment_date": draw(st.sampled_from([None, TODAY, TODAY - timedelta(days=1), date(2021, 3, 5)])),
                    "is_agreed": draw(rare), "is_disputed": draw(rare), "is_deposited": draw(rare),
                    "is_paid": draw(rare), "is_unsaid": draw(rare),
                })  # fmt: skip
    balance = draw(st.sampled_from([None, None, 0, 600_000, 1_200_000]))
    return {"people": people, "accounts": accounts, "ended": ended, "refused": refused, "balance_idr": balance}


def _decided(world: dict[str, Any], order: Any = None, kept: pa.Table | None = None) -> pa.Table:
    def rows(values: Any) -> list[Any]:
        listed = list(values)
        return order.sample(listed, len(listed)) if order else listed

    refused = [{"participant_id": who, "account_version": version} for who, version in world["refused"]]
    return decide(
        ended=table("ended.v1", rows(world["ended"])),
        people=table("people.v1", rows(world["people"].values())),
        accounts=table("current_accounts.v1", rows(world["accounts"].values())),
        blocklist=empty("listed.v1"),
        refused=table("refused_accounts.v1", rows(refused)),
        policies=[load_policy("prakerja-2020")],
        remedies=REMEDIES,
        channels=CHANNELS,
        cut_off=CUT_OFF,
        balance_idr=world["balance_idr"],
        kept=kept,
    )


@given(worlds())
def test_both_readings_of_the_remedies_say_the_same(world: dict[str, Any]) -> None:
    said = {
        (row["participant_id"], row["sequence"]): (row["verdict"], row["waits_until"], row["reasons"])
        for row in _decided(world).to_pylist()
    }
    plain = (world[name] for name in ("ended", "people", "accounts", "refused"))
    assert said == plainly(*plain, TOML, TODAY, world["balance_idr"])


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_rows_plays_no_part_and_nobody_is_lost(world: dict[str, Any], order: Any) -> None:
    decided = _decided(world)
    assert _decided(world, order).equals(decided)
    entitlements = {(row["participant_id"], row["sequence"]) for row in world["ended"]}
    assert {(row["participant_id"], row["sequence"]) for row in decided.to_pylist()} == entitlements
    last = {(row["participant_id"], row["sequence"]): row["attempt"] for row in world["ended"]}
    assert all(row["attempt"] == last[row["participant_id"], row["sequence"]] for row in decided.to_pylist())


@given(worlds())
def test_reissues_are_never_more_than_the_money_and_what_was_instructed_takes_none(world: dict[str, Any]) -> None:
    decided = _decided(world).to_pylist()
    came_back = {
        (row["participant_id"], row["sequence"])
        for row in world["ended"]
        if row["end"] == "returned" and not row["is_deposited"]
    }

    def draws(row: dict[str, Any]) -> bool:
        return (row["participant_id"], row["sequence"]) not in came_back

    taken = sum(row["amount_idr"] for row in decided if row["verdict"] == "due" and draws(row))
    assert world["balance_idr"] is None or taken <= world["balance_idr"]
    kept = table("reissues.v1", [row for row in decided if row["verdict"] == "due"])
    wanting = [row for row in decided if row["verdict"] == "due" or row["reasons"] == "funds_short"]
    wanted = sum(row["amount_idr"] for row in wanting if draws(row))
    ended = table("ended.v1", world["ended"])
    assert wanted_idr(table("reissues.v1", decided), ended) == wanted
    assert wanted_idr(table("reissues.v1", decided), ended, kept) == wanted - taken
