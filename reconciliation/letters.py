"""A bank's written answer about what is unknown: entered by one person, confirmed by another, kept with the letter's bytes.

What a letter says becomes a state as any evidence does: never over what a bank has proved otherwise. What the bank's files
say later, and what contradicts it, is a break. An answer is bound to the state that it was entered about: whoever sends, or
hears from the bank, in between makes it void.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from banks import exchange
from ledger import chain, clock, consent, journal, marks, queries, reissues, returned, store, unknowns
from ledger.house import House
from ledger.instants import from_micros, to_micros
from ledger.lock import alone
from ledger.store import Connection
from reconciliation import evidence
from schemas.codes import FINAL_WITHOUT_PAYMENT, remedy
from schemas.errors import InputRejected, PersonNeeded, SalurError, TryLater, WrongUsage
from schemas.identifiers import same_person

PURPOSE = "bank_answer"
"""What a consent to a written answer is for; its subject is the file or the payment."""
SAYS = {"never_arrived": "never_arrived", "received": "submitted", "credited": "credited", "rejected": "rejected"}
"""The state that each answer leads to."""
LETTER_BYTES_MAX = 32 << 20
_WHY = {"submission_intended": "the upload broke off", marks.RECOVERED: "the ledger was restored after it was sent"}
_CODE = re.compile("[A-Z]{2}[A-Z0-9]{2}")
_BOUND = ("says", "code_list", "reason_code", "letter_sha256", "standing")


@dataclass(frozen=True)
class Subject:
    """What a letter is about: a whole file, or one payment of it. `rows`: its instructions, as the ledger has them;
    `standing`: the evidence of the file's state."""

    name: str
    place: Mapping[str, Any]
    rows: pa.Table
    standing: str

    @property
    def is_file(self) -> bool:
        """Whether it is a whole file."""
        return bool(self.place["is_file"])


def waiting(house: House, period: str | None = None) -> list[dict[str, Any]]:
    """What is unknown, oldest first: subject, bank, period, count, sum_idr, since, age_days, why, may_be_sent, do and answer
    (what a person has entered of the bank's written answer and waits for a second person, or null)."""
    with house.store.reading() as connection:
        broken_off = unknowns.broken_off(connection)
        files = [
            _waits(
                house,
                row["file_name"],
                row,
                row["transaction_count"],
                row["control_sum_idr"],
                row["file_name"] in broken_off,
            )
            for row in unknowns.unknown_files(connection, period)
        ]
        alone_ = [
            _waits(house, row["end_to_end_id"], row, 1, row["amount_idr"], False)
            for row in unknowns.unknown_alone(connection, period)
        ]
        rows = files + alone_
        entered = queries.events_about(connection, unknowns.ENTERED, {row["subject"] for row in rows})
        standing = queries.file_standing(connection)
        for row in rows:
            event = entered.get(row["subject"])
            said = _details(event) if event else {}
            is_about_this = bool(event) and said["standing"] == standing[row["file_name"]][1]
            row["answer"] = _shown(event, said) if event and is_about_this else None
    return sorted(rows, key=lambda row: (row["since"], row["subject"]))


def _waits(
    house: House, subject: str, row: Mapping[str, Any], count: int, sum_idr: int, may_be_sent: bool
) -> dict[str, Any]:
    since = from_micros(row["at"])
    details = json.loads(row["details"] or "{}")
    return {
        "subject": subject,
        "file_name": row["file_name"],
        "bank": row["channel"],
        "period": row["period"],
        "count": count,
        "sum_idr": sum_idr,
        "since": since.isoformat(),
        "age_days": (house.at - since).days,
        "why": details["found"] if row["kind"] == unknowns.SILENCE else _WHY.get(row["kind"], row["kind"]),
        "may_be_sent": may_be_sent,
        "do": "salur submit looks at the bank, and settles it or says what is missing"
        if may_be_sent
        else "ask the bank; take its file (salur collect, receive) or its letter (salur unknown answer)",
    }


def _shown(event: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    about = {name: said[name] for name in ("says", "code_list", "reason_code", "letter_sha256")}
    return about | {"entered_by": event["actor"], "digest": digest(str(event["subject"]), said)}


def digest(subject: str, said: Mapping[str, Any]) -> str:
    """What a second person consents to: this answer about this subject as it stands, by a letter of these bytes. SHA-256."""
    values = [subject, *("" if said[name] is None else str(said[name]) for name in _BOUND)]
    return hashlib.sha256("\x1f".join(values).encode()).hexdigest()


def answer(
    house: House, subject: str, says: str, letter: Path, person: str, code: str | None = None, code_list: str = "status"
) -> dict[str, Any]:
    """Enter what a bank's letter says of an unknown file or payment; nothing moves before another person confirms it.

    `says` is one of SAYS; a rejection may name its `code` of the `status` or the `return` list. Entered again it replaces what
    was entered before. Returns the answer with the digest to confirm. Errors: `WrongUsage`, `InputRejected`, and `PersonNeeded`
    for `never_arrived` while the bank shows the file.
    """
    house, person = clock.in_order(house), person.strip()
    _check_words(says, person, code, code_list)
    with house.store.reading() as connection:
        about = _subject(connection, subject)
    looked = _look(house, about) if says == "never_arrived" else None
    said = {
        "says": says,
        "code_list": code_list if code else None,
        "reason_code": code,
        "letter_sha256": house.archive.put(_bytes_of(letter)),
        "standing": about.standing,
    }
    with house.store.transaction() as connection:
        _check_same(about, _subject(connection, subject))
        last = queries.events_about(connection, unknowns.ENTERED, {subject}).get(subject)
        if last is None or (_details(last), last["actor"]) != (said, person):
            chain.append(connection, at=house.at, actor=person, kind=unknowns.ENTERED, subject=subject, details=said)
    return {
        "subject": subject,
        **_of(about),
        **said,
        "entered_by": person,
        "looked": looked,
        "digest": digest(subject, said),
    }


def confirm(house: House, subject: str, person: str, agreed: str) -> dict[str, Any]:
    """Confirm, as a second person, the written answer with the digest `agreed`: from here on it is evidence.

    Looks at the bank first where the answer is that nothing arrived; `looked` says what was seen, or why nothing was. No file
    is sent to the bank meanwhile. Given again, it changes nothing.
    """
    house = clock.in_order(house)
    with house.store.reading() as connection:
        place = _place(connection, subject)
        done = _confirmed(connection, subject, agreed)
        entered = queries.events_about(connection, unknowns.ENTERED, {subject}).get(subject)
    if done:
        return done
    if entered is None:
        raise InputRejected(f"No answer about {subject} was entered.", "", "First: salur unknown answer")
    said = _details(entered)
    person = person.strip()
    _check_second(subject, person, str(entered["actor"]), agreed, digest(subject, said))
    with alone(house.store, f"send-{place['channel']}", house.lock_wait_seconds) as still_alone:
        with house.store.reading() as connection:
            about = _subject(connection, subject)
        looked = _look(house, about) if said["says"] == "never_arrived" else None
        still_alone()
        with house.store.transaction() as connection:
            now = _subject(connection, subject)
            _check_same(about, now)
            if now.standing != said["standing"]:
                raise InputRejected(
                    f"{subject} does not stand as it did when the answer was entered.",
                    "Something was sent or heard since.",
                    "Look at `salur unknown list`, and enter the answer again.",
                )
            return _take_effect(house, connection, now, said, str(entered["actor"]), person, looked)


def _check_words(says: str, person: str, code: str | None, code_list: str) -> None:
    if says not in SAYS:
        raise WrongUsage(f"{says!r} is no answer.", f"Answers: {', '.join(SAYS)}.", "Name one of them.")
    if not person:
        raise InputRejected("An answer needs a name.", "A person enters it.", "Give --as NAME.")
    if code_list not in ("status", "return"):
        raise WrongUsage(f"{code_list!r} is no list of codes.", "Lists: status, return.", "Name one of them.")
    if code is not None and (says != "rejected" or not _CODE.fullmatch(code)):
        raise WrongUsage("That is no reason of a rejection.", "A code has four characters: AC04.", "Leave --code out.")
    if code is not None and remedy(code_list, code) == "find_earlier":
        raise InputRejected(
            f"{code} says that the bank has the payment already.",
            "That is no rejection: what was paid once would be paid again.",
            "Ask the bank what became of the one that it has; enter `received` meanwhile.",
        )


def _bytes_of(letter: Path) -> bytes:
    if not letter.is_file() or not 0 < letter.stat().st_size <= LETTER_BYTES_MAX:
        raise InputRejected(
            "The letter cannot be taken.", f"It is a file of 1 to {LETTER_BYTES_MAX:,} bytes.", "Check it."
        )
    return letter.read_bytes()


def _place(connection: Connection, subject: str) -> dict[str, Any]:
    place = unknowns.place_of(connection, subject)
    if place is None:
        raise InputRejected(f"There is no file and no payment {subject}.", "", "See: salur unknown list")
    return place


def _subject(connection: Connection, subject: str) -> Subject:
    """What a letter may be about now: an unknown payment, or a file all of whose payments are."""
    place = _place(connection, subject)
    rows = queries.instruction_rows(connection, batch=place["batch"])
    rows = rows.filter(pc.equal(rows["file_name" if place["is_file"] else "end_to_end_id"], subject))
    states = set(rows["state"].to_pylist())
    if "unknown" not in states:
        raise InputRejected(
            f"{subject} is {', '.join(sorted(states))}: its outcome is not unknown.",
            "A written answer settles what is unknown and nothing else.",
            "See: salur unknown list",
        )
    if states != {"unknown"}:
        others = rows.num_rows - pc.sum(pc.equal(rows["state"], "unknown")).as_py()
        raise InputRejected(
            f"Of {subject} the bank has answered for {others} of {rows.num_rows} payments.",
            "A letter about the whole file would contradict it.",
            "Enter what the letter says payment by payment, by its end-to-end id.",
        )
    return Subject(subject, place, rows, queries.file_standing(connection)[place["file_name"]][1])


def _check_same(before: Subject, now: Subject) -> None:
    if (before.standing, before.rows) != (now.standing, now.rows):
        raise TryLater(
            f"{now.name} changed while it was looked at.", "Nothing was recorded.", "Give the command again."
        )


def _check_second(subject: str, person: str, first: str, agreed: str, expected: str) -> None:
    if not person:
        raise InputRejected("A confirmation needs a name.", "Consent is a person's.", "Give --as NAME.")
    if same_person(person, first):
        raise PersonNeeded(
            f"{person} entered the answer about {subject} and cannot confirm it.",
            "Two people are needed.",
            "Ask a second person.",
        )
    if agreed != expected:
        raise InputRejected(
            f"The digest is not that of the answer about {subject}.",
            "Another answer was entered, or another letter.",
            "Look at `salur unknown list` and at the letter again.",
        )


def _look(house: House, about: Subject) -> str:
    """What the bank shows of the file, in words; refuses when it shows it."""
    code, name = about.place["channel"], about.place["file_name"]
    if code not in house.config.get("banks", {}):
        return "the bank is not configured: nobody looked"
    try:
        there = exchange.remote_state(evidence.connection_of(house, code), name)
    except SalurError as error:
        return f"the bank could not be looked at ({type(error).__name__})"
    if there.state == "present":
        raise PersonNeeded(
            f"{name} is listed at bank {code}: it arrived.",
            "What is there cannot be said never to have arrived.",
            "Show the bank its own listing; `salur submit` records an upload that is found.",
        )
    return "not listed" if there.state == "absent" else "only the beginning of an upload is listed"


def _confirmed(connection: Connection, subject: str, agreed: str) -> dict[str, Any] | None:
    """What the confirmation of this very answer did, if there was one."""
    event = queries.events_about(connection, unknowns.CONFIRMED, {subject}).get(subject)
    said = _details(event) if event else {}
    return {"subject": subject, **said, "person": event["actor"]} if event and said["digest"] == agreed else None


def _take_effect(
    house: House,
    connection: Connection,
    about: Subject,
    said: Mapping[str, Any],
    first: str,
    person: str,
    looked: str | None,
) -> dict[str, Any]:
    agreed = digest(about.name, said)
    bound = {"purpose": PURPOSE, "subject": about.name, "digest": agreed}
    consent.give(connection, **bound, person=person, via="cli", at=house.at, expires_at=house.at)
    consent.use(connection, **bound, actor=person, at=house.at)
    facts = {name: said[name] for name in ("says", "code_list", "reason_code", "letter_sha256")}
    facts |= {**_of(about), "state": SAYS[said["says"]], "entered_by": first, "digest": agreed, "looked": looked}
    event = chain.append(
        connection, at=house.at, actor=person, kind=unknowns.CONFIRMED, subject=about.name, details=facts
    )
    _move(house, connection, about, said, event)
    return {"subject": about.name, **facts, "person": person}


def _move(house: House, connection: Connection, about: Subject, said: Mapping[str, Any], event: str) -> None:
    """Record the state that the answer leads to, the ends of attempts that it ends, and the money that moves."""
    state, file_name = SAYS[said["says"]], about.place["file_name"]
    shared = {"state": state, "evidence": event, "at": to_micros(house.at)}
    if about.is_file:
        seq = store.next_seq(connection, store.file_states)
        store.insert(connection, store.file_states, [{"seq": seq, "file_name": file_name, **shared}])
    why = {"code_list": said["code_list"], "reason_code": said["reason_code"]}
    rows = about.rows.to_pylist()
    own = [row["end_to_end_id"] for row in rows if not about.is_file or row["own_state"] is not None]
    first = store.next_seq(connection, store.instruction_states)
    store.insert(
        connection,
        store.instruction_states,
        [{"seq": seq, "end_to_end_id": name, **why, **shared} for seq, name in enumerate(own, first)],
    )
    if state in FINAL_WITHOUT_PAYMENT:
        end = {"end": state, **why, "evidence": event, "at": reissues.at_of_an_end(connection, house.at)}
        keys = ("participant_id", "benefit", "sequence", "attempt")
        store.insert(connection, store.attempt_ends, [{key: row[key] for key in keys} | end for row in rows])
    if way := journal.movement("unknown", state):
        sums = about.rows.group_by("fiscal_year").aggregate([([], "count_all"), ("amount_idr", "sum")])
        whose = {"channel": about.place["channel"], "period": about.place["period"]}
        postings = [
            journal.Posting(
                *way, row["amount_idr_sum"], file_name, event, row["count_all"], **whose, fiscal_year=row["fiscal_year"]
            )
            for row in sums.sort_by("fiscal_year").to_pylist()
        ]
        if state in returned.GAVE_BACK:
            sources = {row["end_to_end_id"]: (file_name, event) for row in rows}
            postings += journal.given_back(connection, sources)
        journal.post(connection, postings, house.at)


def _of(about: Subject) -> dict[str, Any]:
    return {"count": about.rows.num_rows, "sum_idr": pc.sum(about.rows["amount_idr"]).as_py()}


def _details(event: Mapping[str, Any]) -> dict[str, Any]:
    return dict(json.loads(event["details"]))
