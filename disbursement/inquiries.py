"""Asking a bank about a file that was sent: where its payments stand, or for those back that it has not paid.

An inquiry is drafted and kept before it is sent, sent once with its intent stored first, and moves nothing by itself: its answer is
evidence like any other, or it is none. To ask where payments stand needs nobody else. To ask for payments back takes money from
people, so that a second person releases exactly these bytes, and a stop holds it.
"""

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from banks import exchange
from banks.exchange import BankConnection, BankRefuses, BankUnreachable, HostKeyChanged, KeyRefused, NameTaken
from banks.formats import inquiries as message
from banks.profiles import INQUIRIES, Profile, file_name, profiles
from disbursement.orders import PromiseBroken
from ledger import chain, clock, consent, queries, unknowns
from ledger.house import House
from ledger.instants import jakarta_date
from ledger.keyring import sha256_hex
from ledger.lock import alone
from ledger.store import Connection
from schemas.errors import InputRejected, PersonNeeded, SalurError, TryLater, WrongUsage, first_of
from schemas.identifiers import content_code, same_person

PURPOSE = "inquiry"
"""What a consent to ask for payments back is for; its subject is the inquiry's file name, its digest the SHA-256 of its bytes."""
_ASKED_ABOUT = {
    "status": ("unknown", "submitted", "accepted", "debited"),
    "cancel": ("unknown", "submitted", "accepted", "debited"),
}
"""States of payments that can be asked about: those that may be at the bank and have not ended there."""
_DRAFTED, _RELEASED, _INTENDED, _REFUSED, _SENT = unknowns.INQUIRY_EVENTS
_STATES = {_DRAFTED: "drafted", _RELEASED: "released", _INTENDED: "unknown", _REFUSED: "refused", _SENT: "submitted"}


def listed(house: House) -> list[dict[str, Any]]:
    """Every inquiry: file_name, about, kind, bank, count, sum_idr, sha256, maker, state (drafted, released, unknown, refused, submitted)."""
    with house.store.reading() as connection:
        return [_row(each) for each in unknowns.inquiries(connection)]


def _row(inquiry: dict[str, Any]) -> dict[str, Any]:
    names = ("file_name", "about", "kind", "bank", "count", "sum_idr", "sha256", "day")
    return {name: inquiry[name] for name in names} | {
        "maker": inquiry["actor"],
        "state": _STATES[inquiry["kind_of_event"]],
    }


def draft(house: House, about: str, kind: str, person: str) -> dict[str, Any]:
    """Write and keep an inquiry about a file that was sent; nothing is sent by it.

    One a file, kind and Jakarta day for `status`, one a file for `cancel`: asked for again, the same is given back.
    Errors: `WrongUsage`, `InputRejected` (no such file, nothing of it to ask about, a bank that takes no such message).
    """
    if kind not in INQUIRIES:
        raise WrongUsage(f"{kind!r} is no kind of inquiry.", f"Kinds: {', '.join(INQUIRIES)}.", "Name one of them.")
    if not person.strip():
        raise InputRejected("An inquiry needs a name.", "A person asks.", "Give --as NAME.")
    house = clock.in_order(house)
    with house.store.transaction() as connection:
        file = _file(connection, about)
        day = str(jakarta_date(house.at))
        for known in unknowns.inquiries(connection):
            if (known["about"], known["kind"]) == (about, kind) and (kind == "cancel" or known["day"] == day):
                return _row(known)
        rows = _asked_about(connection, file, kind)
        made, data = _written(house, connection, file, kind, rows)
        details = made | {
            "about": about,
            "kind": kind,
            "day": day,
            "sha256": house.archive.put(data),
            "bank": file["channel"],
        }
        name = details.pop("file_name")
        chain.append(connection, at=house.at, actor=person.strip(), kind=_DRAFTED, subject=name, details=details)
        return _row(next(each for each in unknowns.inquiries(connection) if each["file_name"] == name))


def _file(connection: Connection, about: str) -> dict[str, Any]:
    for row in queries.file_rows(connection).to_pylist():
        if row["file_name"] == about:
            return dict(row)
    raise InputRejected(f"There is no file {about}.", "", "See: salur unknown list, salur export files")


def _asked_about(connection: Connection, file: dict[str, Any], kind: str) -> pa.Table:
    rows = queries.instruction_rows(connection, batch=file["batch"])
    rows = rows.filter(pc.equal(rows["file_name"], file["file_name"]))
    open_ = rows.filter(pc.is_in(rows["state"], pa.array(_ASKED_ABOUT[kind])))
    if not open_.num_rows:
        raise InputRejected(
            f"Of {file['file_name']} nothing is open at bank {file['channel']}.",
            "Its payments were not sent, or have ended.",
            "See: salur status",
        )
    return open_


def _written(
    house: House, connection: Connection, file: dict[str, Any], kind: str, rows: pa.Table
) -> tuple[dict[str, Any], bytes]:
    """The inquiry's name and facts, and its bytes, read back and held against what was asked."""
    profile = profiles()[file["channel"]]
    configured = house.config.get("banks", {}).get(profile.code, {})
    version = profile.inquiry_format(kind, configured)
    if version is None:
        raise InputRejected(
            f"Bank {profile.code} takes no inquiry of this kind.",
            f"Its profile names no message for {kind}.",
            f"Ask it another way, or agree on {INQUIRIES[kind][0]} and set {kind}_inquiry in [banks.{profile.code}].",
        )
    is_whole = rows.num_rows == file["transaction_count"]
    keys = zip(rows["end_to_end_id"].to_pylist(), rows["amount_idr"].to_pylist(), strict=True)
    payments = () if is_whole else tuple(keys)
    name, message_id = _names(connection, house, profile, file, kind, payments)
    asked = message.Inquiry(
        format=version,
        message_id=message_id,
        created_at=house.at,
        about=file["message_id"],
        about_format=file["format"],
        transaction_count=rows.num_rows,
        control_sum_idr=pc.sum(rows["amount_idr"]).as_py(),
        payments=payments,
        asker=str(configured.get("debtor_name", profile.debtor_name)),
        agent=profile.agent,
    )
    data = message.write(asked)
    expected = (
        message_id,
        asked.about,
        asked.transaction_count,
        asked.control_sum_idr,
        tuple(key for key, _ in payments),
    )
    if message.read_back(data) != expected:
        raise PromiseBroken(f"{name} is not what was meant.", "It reads back otherwise.", "Report it.")
    facts = {"file_name": name, "format": version, "message_id": message_id}
    return facts | {"count": rows.num_rows, "sum_idr": asked.control_sum_idr}, data


def _names(
    connection: Connection,
    house: House,
    profile: Profile,
    file: dict[str, Any],
    kind: str,
    payments: tuple[tuple[str, int], ...],
) -> tuple[str, str]:
    """File name and message id: the day, the number among the channel's inquiries of that day, a code for the content."""
    day = jakarta_date(house.at)
    others = [
        each for each in unknowns.inquiries(connection) if (each["bank"], each["day"]) == (profile.code, str(day))
    ]
    facts = (kind, file["message_id"], house.at.isoformat(), *(f"{key} {amount}" for key, amount in payments))
    number, code = len(others) + 1, content_code("\n".join(facts), 12)
    return f"{kind.upper()}_{file_name(profile, day, number, code)}", f"Q{day:%Y%m%d}{number:03d}{code}"


def release(house: House, name: str, person: str, digest: str) -> dict[str, Any]:
    """Consent of a second person, not the maker, to ask for payments back by exactly the bytes with this SHA-256."""
    hours = int(house.config.get("release", {}).get("consent_hours", 72))
    house, person = clock.in_order(house), person.strip()
    with house.store.transaction() as connection:
        inquiry = _inquiry(connection, name)
        _check_release(inquiry, person, digest)
        given = inquiry["kind_of_event"] in (_DRAFTED, _REFUSED, _RELEASED) and consent.give(
            connection,
            **_bound(inquiry),
            person=person,
            via="cli",
            at=house.at,
            expires_at=house.at + timedelta(hours=hours),
        )
        if given:
            _note(house, connection, inquiry, _RELEASED, {"digest": digest, "about": inquiry["about"]}, person)
        return _row(_inquiry(connection, name))


def _check_release(inquiry: dict[str, Any], person: str, digest: str) -> None:
    if inquiry["kind"] != "cancel":
        raise InputRejected("An inquiry for a status needs no release.", "It moves no money.", "Run: salur submit")
    if not person:
        raise InputRejected("A release needs a name.", "Consent is a person's.", "Give --as NAME.")
    if same_person(person, inquiry["actor"]):
        raise PersonNeeded(
            f"{person} made {inquiry['file_name']} and cannot release it.",
            "Two people are needed.",
            "Ask a second person.",
        )
    if digest != inquiry["sha256"]:
        raise InputRejected("The digest is not that of the inquiry.", "", "Look at: salur unknown inquiries")


def _inquiry(connection: Connection, name: str) -> dict[str, Any]:
    for each in unknowns.inquiries(connection):
        if each["file_name"] == name:
            return each
    raise InputRejected(f"There is no inquiry {name}.", "", "See: salur unknown inquiries")


def _bound(inquiry: dict[str, Any]) -> dict[str, str]:
    return {"purpose": PURPOSE, "subject": inquiry["file_name"], "digest": inquiry["sha256"]}


def send(house: House, bank: str | None = None) -> dict[str, Any]:
    """Send every inquiry that may go (of one bank, when given), once; a cancellation waits for its release.

    One whose sending broke off is looked for at the bank, and not sent again where that tells nothing.
    """
    with house.store.reading() as connection:
        waiting = [
            each
            for each in unknowns.inquiries(connection)
            if bank in (None, each["bank"]) and each["kind_of_event"] != _SENT and not _waits_for_release(each)
        ]
    sent: list[dict[str, Any]] = []
    errors: list[SalurError] = []
    for inquiry in waiting:
        try:
            with alone(house.store, f"send-{inquiry['bank']}", house.lock_wait_seconds) as still_alone:
                _send(house, inquiry, still_alone)
            sent.append({"file_name": inquiry["file_name"], "bank": inquiry["bank"], "state": "submitted"})
        except SalurError as error:
            errors.append(error)
    if errors:
        raise first_of(errors, {"files": sent})
    return {"files": sent}


def _waits_for_release(inquiry: dict[str, Any]) -> bool:
    return inquiry["kind"] == "cancel" and inquiry["kind_of_event"] in (_DRAFTED, _REFUSED)


def _send(house: House, inquiry: dict[str, Any], still_alone: Any) -> None:
    line, name = _line(house, inquiry["bank"]), inquiry["file_name"]
    data = house.archive.get(inquiry["sha256"])
    there = exchange.remote_state(line, name)
    if there.state == "present" and there.sha256 != inquiry["sha256"]:
        raise NameTaken(f"At bank {line.code} {name} is there with other content.", "", "Compare both with the bank.")
    if inquiry["kind_of_event"] == _INTENDED:
        if there.state == "present":
            _confirm(house, inquiry, sha256_hex(data))
            return
        if there.state == "absent" and line.after_arrival == "taken":
            raise PersonNeeded(
                f"Whether {name} arrived at bank {line.code} is not known.",
                "Its sending broke off, it is not listed, and the bank takes files away on arrival.",
                "Wait for its answer, or ask the bank. It is not sent again before there is evidence.",
            )
    with house.store.transaction() as connection:
        _permit(house, connection, inquiry)
        intent = _note(house, connection, inquiry, _INTENDED, {"sha256": inquiry["sha256"], "to": line.code})
    try:
        exchange.upload(line, name, data, still_alone)
    except (BankRefuses, BankUnreachable, HostKeyChanged, KeyRefused, NameTaken) as error:
        if inquiry["kind_of_event"] != _INTENDED:  # this refusal says nothing of an attempt before it
            _put_back(house, inquiry, intent, error)
        raise
    _confirm(house, inquiry, sha256_hex(data))


def _line(house: House, code: str) -> BankConnection:
    table = house.config.get("banks", {}).get(code)
    if table is None:
        raise PersonNeeded(
            f"Bank {code} is not configured.", "An inquiry goes over SFTP.", f"Add [banks.{code}] to salur.toml."
        )
    return BankConnection.from_config(profiles()[code], table, house.path)


def _permit(house: House, connection: Connection, inquiry: dict[str, Any]) -> None:
    """What sending needs, read in the transaction that stores the intent: that nothing happened since, a release, no stop."""
    if _inquiry(connection, inquiry["file_name"])["evidence"] != inquiry["evidence"]:
        raise TryLater(
            f"{inquiry['file_name']} changed while it was looked at.", "Nothing was sent.", "Give the command again."
        )
    if inquiry["kind"] != "cancel":
        return
    if stopped := queries.brake(connection):
        raise PersonNeeded("Sending is stopped.", stopped["reason"], "Run `salur resume` when the reason is gone.")
    people = consent.people(connection, **_bound(inquiry), at=house.at)
    if not any(not same_person(person, inquiry["actor"]) for person in people):
        raise PersonNeeded(
            f"{inquiry['file_name']} has no consent that holds.", "It expired.", "Run: salur unknown release"
        )
    if not queries.is_consent_spent(connection, **_bound(inquiry)):
        consent.use(connection, **_bound(inquiry), actor=house.actor, at=house.at)


def _confirm(house: House, inquiry: dict[str, Any], found: str) -> None:
    with house.store.transaction() as connection:
        if _inquiry(connection, inquiry["file_name"])["kind_of_event"] == _INTENDED:
            _note(house, connection, inquiry, _SENT, {"proof": f"listing sha256 {found}", "count": inquiry["count"]})


def _put_back(house: House, inquiry: dict[str, Any], intent: str, refusal: SalurError) -> None:
    """Record that it has not left: a status can be asked for again at once; a cancellation stands released as before."""
    with house.store.transaction() as connection:
        if _inquiry(connection, inquiry["file_name"])["evidence"] == intent:
            kind = _RELEASED if inquiry["kind"] == "cancel" else _REFUSED
            _note(house, connection, inquiry, kind, {"refusal": f"{type(refusal).__name__}: {refusal.why}"})


def _note(
    house: House,
    connection: Connection,
    inquiry: dict[str, Any],
    kind: str,
    details: dict[str, Any],
    actor: str | None = None,
) -> str:
    return chain.append(
        connection, at=house.at, actor=actor or house.actor, kind=kind, subject=inquiry["file_name"], details=details
    )
