"""The story of money that is to come back, a function a step: claimed by two people, repaid, and paid to the treasury.

Nothing recorded is changed: a claim is cancelled, a repayment and a deposit are corrected by an entry that names the wrong one.
Every movement is posted in the transaction of its act, whose event lists the postings.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from disbursement import facts, receivables
from disbursement.funding import check_reference
from disbursement.receivables import PURPOSE, Part
from ledger import chain, claims, clock, consent, journal, money, queries, reissues, returned, store
from ledger.house import House
from ledger.instants import from_micros, jakarta_date, to_micros
from ledger.store import Connection
from schemas.errors import InputRejected, PersonNeeded, WrongUsage
from schemas.identifiers import same_person


def _named(house: House, connection: Connection, claim: str) -> dict[str, Any]:
    for row in claims.claims(connection, jakarta_date(house.at)):
        if row["claim"] == claim:
            return row
    raise InputRejected(f"There is no claim {claim}.", "", "See: salur receivables")


def _post(
    house: House,
    connection: Connection,
    act: str,
    subject: str,
    ways: Iterable[tuple[str, str, Part]],
    said: dict[str, Any],
) -> str:
    """An event that lists movements (debit, credit, part), and the movements with it as their evidence; returns its hash."""
    moved = [(*((debit, credit) if part.amount_idr > 0 else (credit, debit)), part) for debit, credit, part in ways]
    listed = [
        [debit, credit, p.channel, p.period, p.fiscal_year, abs(p.amount_idr), abs(p.transaction_count)]
        for debit, credit, p in moved
    ]
    details = {**said, "postings": listed}
    event = chain.append(connection, at=house.at, actor=house.actor, kind=act, subject=subject, details=details)
    postings = [
        journal.Posting(
            debit,
            credit,
            abs(p.amount_idr),
            subject,
            event,
            abs(p.transaction_count),
            p.channel,
            p.period,
            p.fiscal_year,
        )
        for debit, credit, p in moved
    ]
    journal.post(connection, postings, house.at)
    return event


# --- claims -----------------------------------------------------------------------------------------------------------


def claim(
    house: House,
    participant: str,
    reason: str,
    benefits: Collection[str] = (),
    sequences: Collection[int] = (),
) -> dict[str, Any]:
    """Propose to claim back what was credited to a person: all of it, or of some benefits or numbers.

    A payment that a claim is over already is left out; the same proposal again is the one that waits. No money moves, and
    nothing is owed, before a second person agrees.
    """
    if not reason.strip():
        raise WrongUsage("A claim needs a reason.", "The person is told it.", "Give --reason")
    with house.store.transaction() as connection:
        waiting = [
            row for row in claims.claims(connection, jakarta_date(house.at), participant) if row["state"] == "proposed"
        ]
        taken = claims.claimed(connection)
        paid = [
            row
            for row in queries.instruction_rows(connection, participant=participant).to_pylist()
            if row["state"] == "credited"
            and (not benefits or row["benefit"] in benefits)
            and (not sequences or row["sequence"] in sequences)
        ]
        new = [row for row in paid if row["end_to_end_id"] not in taken]
        if new:
            return _propose(house, connection, participant, reason, new)
        digests = [receivables.claim_digest(participant, reason, claims.items(connection, r["claim"])) for r in waiting]
        for row, digest in zip(waiting, digests, strict=True):
            if digest == row["digest"] and row["reason"] == reason:
                return _told(row)
    raise InputRejected(
        f"Nothing that was credited to {participant} is left to claim.",
        f"{len(paid)} payments were credited; a claim is over each of them already." if paid else "",
        "See: salur receivables, salur explain",
    )


def _propose(
    house: House, connection: Connection, participant: str, reason: str, paid: list[dict[str, Any]]
) -> dict[str, Any]:
    name = claims.next_name(connection, store.claims, "C")
    digest, total = receivables.claim_digest(participant, reason, paid), sum(row["amount_idr"] for row in paid)
    row = {"claim": name, "participant_id": participant, "amount_idr": total, "reason": reason, "person": house.actor}
    store.insert(connection, store.claims, [{**row, "digest": digest, "at": to_micros(house.at)}])
    over = [
        {
            "end_to_end_id": each["end_to_end_id"],
            "claim_number": claims.next_number(connection, store.claim_items, each["end_to_end_id"]),
            "claim": name,
            "amount_idr": each["amount_idr"],
        }
        for each in paid
    ]
    store.insert(connection, store.claim_items, over)
    details = {"participant_id": participant, "count": len(paid), "sum_idr": total, "digest": digest}
    chain.append(connection, at=house.at, actor=house.actor, kind="claim_proposed", subject=name, details=details)
    return _told(_named(house, connection, name))


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("claim", "participant_id", "payment_count", "amount_idr", "state", "digest", "noticed_on", "repay_by")
    return {name: row[name] for name in names}


def confirm(house: House, name: str, noticed_on: date | None = None) -> dict[str, Any]:
    """A second person agrees to a claim; from the day of the notice (today, when not given) it is owed within 60 days.

    Given again it adds nothing. What was credited then must still be: else the claim is cancelled, and made anew.
    """
    today = jakarta_date(house.at)
    with house.store.transaction() as connection:
        row = _named(house, connection, name)
        if row["state"] == "cancelled":
            raise InputRejected(f"{name} is cancelled.", "", "Claim anew: salur clawback")
        if row["state"] != "proposed":
            return _told(row)
        receivables.check_second(row, house.actor)
        notice = noticed_on or today
        receivables.check_notice(notice, today)
        items = claims.items(connection, name)
        _check_still_credited(connection, row, items)
        _agree(house, connection, row)
        act = {"noticed_on": notice, "repay_by": receivables.repay_by(notice)}
        _act(house, connection, name, "confirmed", "", act)
        said = {"digest": row["digest"], "noticed_on": str(notice), "repay_by": str(act["repay_by"])}
        ways = [("receivable", "claims", part) for part in _parts_of(items)]
        _post(house, connection, "claim_confirmed", name, ways, said)
        return _told(_named(house, connection, name))


def _parts_of(items: Iterable[Mapping[str, Any]]) -> list[Part]:
    return receivables.merged(
        Part("receivable", row["channel"], row["period"], row["fiscal_year"], row["amount_idr"], 1) for row in items
    )


def _check_still_credited(connection: Connection, row: Mapping[str, Any], items: list[dict[str, Any]]) -> None:
    now = queries.instruction_rows(connection, participant=row["participant_id"]).to_pylist()
    state = {each["end_to_end_id"]: each["state"] for each in now}
    moved = [each["end_to_end_id"] for each in items if state[each["end_to_end_id"]] != "credited"]
    if moved:
        raise PersonNeeded(
            f"{len(moved)} payments of {row['claim']} are no longer credited.",
            "Money that came back is not owed.",
            f"Cancel it: salur clawback-cancel {row['claim']} --reason R --as NAME; then claim what is left.",
        )


def _agree(house: House, connection: Connection, row: Mapping[str, Any]) -> None:
    """The second person's consent, which takes effect as it is given."""
    about = {"purpose": PURPOSE, "subject": row["claim"], "digest": row["digest"]}
    consent.give(connection, **about, person=house.actor, via="cli", at=house.at, expires_at=house.at)
    consent.use(connection, **about, actor=house.actor, at=house.at)


def _act(
    house: House, connection: Connection, name: str, act: str, note: str, more: Mapping[str, date] | None = None
) -> None:
    row = {"claim": name, "act": act, "person": house.actor, "note": note, "at": to_micros(house.at)}
    dates = {"noticed_on": None, "repay_by": None} | dict(more or {})
    store.insert(connection, store.claim_acts, [{"seq": store.next_seq(connection, store.claim_acts), **row, **dates}])


def cancel(house: House, name: str, reason: str) -> dict[str, Any]:
    """End a claim that was wrong: whoever proposed it may take it back; once it is confirmed, only somebody else cancels it.

    A claim on which a repayment stands is not cancelled before the repayment is corrected.
    """
    if not reason.strip():
        raise WrongUsage("A cancellation needs a reason.", "", "Give --reason")
    with house.store.transaction() as connection:
        row = _named(house, connection, name)
        if row["state"] == "cancelled":
            return _told(row)
        if row["repaid_idr"]:
            raise InputRejected(
                f"Something was repaid on {name}.", "It would be nobody's.", "Correct it first: salur repaid --corrects"
            )
        is_confirmed = row["state"] != "proposed"
        if is_confirmed and same_person(house.actor, row["person"]):
            raise PersonNeeded(
                f"{name} was proposed by {house.actor}.", "Somebody else must end what is owed.", "Ask a second person."
            )
        _act(house, connection, name, "cancelled", reason)
        parts = _parts_of(claims.items(connection, name)) if is_confirmed else []
        ways = [("claims", "receivable", part) for part in parts]
        _post(house, connection, "claim_cancelled", name, ways, {"digest": row["digest"]})
        return _told(_named(house, connection, name))


def repay(house: House, name: str, amount_idr: int, reference: str, corrects: str | None = None) -> dict[str, Any]:
    """Record what a participant repaid on a claim, once a reference; a mistake is corrected by another that names it."""
    for each in (reference, corrects):
        if each is not None:
            check_reference(each)
    with house.store.transaction() as connection:
        known = claims.repayments(connection)
        row = {"reference": reference, "claim": name, "amount_idr": amount_idr, "corrects": corrects}
        if reference in known:
            if any(known[reference][column] != value for column, value in row.items()):
                raise InputRejected(
                    f"Reference {reference} is recorded with other content.",
                    "A reference is one repayment.",
                    "Correct it by one of its own: --amount -N --corrects REFERENCE",
                )
            return _repaid(_named(house, connection, name), row)
        claimed = _named(house, connection, name)
        receivables.check_repayment(claimed, amount_idr, corrects, known)
        before_idr = claimed["repaid_idr"]
        parts = receivables.repayment_parts(claims.items(connection, name), before_idr, before_idr + amount_idr)
        _check_not_deposited(connection, parts)
        store.insert(connection, store.repayments, [{**row, "person": house.actor, "at": to_micros(house.at)}])
        ways = [("repaid", "receivable", part) for part in parts]
        said = {name: value for name, value in row.items() if name != "reference"}
        _post(house, connection, "repaid", reference, ways, said)
        return _repaid(_named(house, connection, name), row)


def _check_not_deposited(connection: Connection, parts: list[Part]) -> None:
    """A correction takes back only what has not gone to the treasury yet."""
    there = {key[:3]: key[3] for key in claims.parts(connection, "repaid")}
    if any(there.get(part[1:4], 0) + part.amount_idr < 0 for part in parts):
        raise InputRejected(
            "What this corrects has gone to the treasury.",
            "",
            "Correct the deposit first: salur deposit --corrects NTPN --as NAME",
        )


def _repaid(claimed: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("claim", "participant_id", "amount_idr", "repaid_idr", "open_idr", "state")
    told = {name: claimed[name] for name in names}
    return {"reference": row["reference"], **told, "claim_idr": told.pop("amount_idr"), "amount_idr": row["amount_idr"]}


def standing(house: House, period: str | None = None) -> dict[str, Any]:
    """Every claim with its age and what is open, and who was paid and is revoked now without a claim: for a person to judge."""
    with house.store.reading() as connection:
        rows = claims.claims(connection, jakarta_date(house.at))
        if period is not None:
            mine = claims.claims_of_period(connection, period)
            rows = [row for row in rows if row["claim"] in mine]
        candidates = _candidates(connection, period)
    return {
        "receivables": rows,
        "open_idr": sum(row["open_idr"] for row in rows),
        "overdue_idr": sum(row["open_idr"] for row in rows if row["state"] == "overdue"),
        "candidates": candidates,
    }


def _candidates(connection: Connection, period: str | None) -> list[dict[str, Any]]:
    since = facts.revoked(connection)
    if not since:
        return []
    paid = queries.instruction_rows(connection, period=period)
    is_theirs = pc.is_in(paid["participant_id"], pa.array(sorted(since), pa.string()))
    is_claimed = pc.is_in(paid["end_to_end_id"], pa.array(sorted(claims.claimed(connection)), pa.string()))
    paid = paid.filter(pc.and_(pc.equal(paid["state"], "credited"), pc.and_(is_theirs, pc.invert(is_claimed))))
    sums = paid.group_by("participant_id").aggregate([([], "count_all"), ("amount_idr", "sum")])
    return [
        {
            "participant_id": row["participant_id"],
            "status_at": since[row["participant_id"]],
            "payment_count": row["count_all"],
            "amount_idr": row["amount_idr_sum"],
        }
        for row in sums.sort_by("participant_id").to_pylist()
    ]


# --- back to the treasury ---------------------------------------------------------------------------------------------


def deposit(
    house: House,
    amount_idr: int,
    ntpn: str,
    ntb: str,
    period: str | None = None,
    fiscal_year: int | None = None,
) -> dict[str, Any]:
    """Record money paid to the treasury, once a receipt number; never more than is there and owed to nobody.

    What the decisions in force ask for again is owed, whatever was learnt since, until `entitle` says otherwise. Of one period it takes what was repaid or came back of that period; of none, also what is left of the funds.
    """
    receivables.check_receipt_numbers(ntpn, ntb)
    receivables.check_deposit(amount_idr)
    house = clock.in_order(house)
    told = {"amount_idr": amount_idr, "ntb": ntb, "period": period, "fiscal_year": fiscal_year}
    with house.store.transaction() as connection:
        known = claims.standing_deposit(connection, ntpn)
        if known is not None:
            if any(known[name] != value for name, value in told.items()):
                raise InputRejected(
                    f"NTPN {ntpn} is recorded with other content.",
                    "A receipt number is one deposit.",
                    "Take the wrong one back: salur deposit --corrects NTPN --as NAME; then record the right one.",
                )
            return _deposited(known)
        taken = receivables.take(
            amount_idr,
            [Part("repaid", *part) for part in claims.parts(connection, "repaid", period, fiscal_year)],
            _owed_to_nobody(house, connection, period, fiscal_year),
            0 if period else _free_idr(connection, fiscal_year),
            fiscal_year,
        )
        sums = {f"{account}_idr": taken.idr(account) for account in ("cash", "returned", "repaid")}
        row = {**told, "ntpn": ntpn, "corrects": None, **sums}
        return _save_deposit(house, connection, row, taken)


def _decided_until(connection: Connection, at: datetime) -> date:
    """The day until which it is decided who is owed what: today, or that of the last run of `entitle` where it is earlier.

    That a last payment date has passed is not for one clock to say: a deposit is an end for whoever it was owed to.
    """
    run = reissues.last_run(connection, to_micros(at))
    return min(jakarta_date(at), jakarta_date(from_micros(run["cut_off"]))) if run else jakarta_date(at)


def _owed_to_nobody(
    house: House, connection: Connection, period: str | None, fiscal_year: int | None
) -> list[dict[str, Any]]:
    """Returned payments that lapsed, or of somebody revoked, and that nobody is about to be paid again."""
    rows = claims.lapsed(
        connection, _decided_until(connection, house.at), set(facts.revoked(connection)), period, fiscal_year
    )
    due = reissues.due(connection, house.archive) if rows else set()
    return [row for row in rows if tuple(row[name] for name in reissues.KEY[:3]) not in due]


def _free_idr(connection: Connection, fiscal_year: int | None) -> int:
    """Whole rupiah of the money received that nothing counts on; of a budget year, no more than is free of that year."""
    free_idr = (queries.funded_idr(connection) or 0) - returned.committed_idr(connection)
    if fiscal_year is None:
        return free_idr
    _, of_year_idr = money.received(connection, returned.EVER).get(fiscal_year, (0, 0))
    committed = (
        money.figures(connection, returned.EVER, "fiscal_year").get(str(fiscal_year), {}).get("committed", (0, 0, 0))
    )
    owed = money.owed_again(connection, returned.EVER, "fiscal_year").get(str(fiscal_year), (0, 0, 0))
    gone_idr = claims.deposited_of_year(connection, returned.EVER).get(fiscal_year, 0)
    return min(free_idr, of_year_idr - committed[2] - owed[2] - gone_idr)


def _save_deposit(
    house: House, connection: Connection, row: dict[str, Any], taken: receivables.Taken
) -> dict[str, Any]:
    name = claims.next_name(connection, store.deposits, "D")
    bound = {"deposit": name, "person": house.actor, "at": to_micros(house.at)}
    store.insert(connection, store.deposits, [{**row, **bound}])
    items = [
        {
            "end_to_end_id": each["end_to_end_id"],
            "deposit_number": claims.next_number(connection, store.deposit_items, each["end_to_end_id"]),
            "deposit": name,
            "amount_idr": each["amount_idr"],
        }
        for each in taken.items
    ]
    store.insert(connection, store.deposit_items, items)
    ways = [("deposited", part.account, part) for part in taken.parts]
    said = {key: row[key] for key in ("ntpn", "ntb", "amount_idr", "corrects")}
    if taken.items:
        said |= {"items": len(taken.items), "items_sha256": receivables.items_digest(taken.items)}
    _post(house, connection, "deposited", name, ways, said)
    return _deposited(row | bound)


def correct_deposit(house: House, ntpn: str) -> dict[str, Any]:
    """Take back a deposit that was recorded wrongly, whole, by an entry that names it; the money stands where it stood."""
    with house.store.transaction() as connection:
        wrong = claims.standing_deposit(connection, ntpn)
        if wrong is None:
            raise InputRejected(f"There is no deposit with NTPN {ntpn}.", "", "See: salur export deposits")
        _check_not_paid_from_elsewhere(connection, wrong)
        back = [
            Part(
                moved["credit"], moved["channel"], moved["period"], moved["fiscal_year"], -moved["amount_idr"],
                -moved["transaction_count"],
            )
            for moved in journal.rows_about(connection, wrong["deposit"]).to_pylist()
        ]  # fmt: skip
        sums = {name: -wrong[name] for name in ("amount_idr", "cash_idr", "returned_idr", "repaid_idr")}
        row = {**{name: wrong[name] for name in ("ntpn", "ntb", "period", "fiscal_year")}, **sums}
        row["corrects"] = wrong["deposit"]
        return _save_deposit(house, connection, row, receivables.Taken(back, []))


def _check_not_paid_from_elsewhere(connection: Connection, wrong: Mapping[str, Any]) -> None:
    """A payment whose money is with the treasury, and that two people had paid again out of the funds, came back for nobody."""
    if again := claims.items_sent_again(connection, wrong["deposit"]):
        raise InputRejected(
            f"{len(again)} payments of {wrong['deposit']} have been sent again out of the funds.",
            f"The first is {again[0]}. What it took of them is owed to nobody any more.",
            "See: salur money",
        )


def _deposited(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("deposit", "ntpn", "ntb", "amount_idr", "repaid_idr", "returned_idr", "cash_idr", "period", "fiscal_year")
    return {**{name: row[name] for name in names}, "corrects": row["corrects"]}
