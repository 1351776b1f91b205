"""A home with a few hand-made batches whose bytes a bank could take: no intake, no rules, nothing but what sending needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from disbursement import steps
from disbursement.release import batch_digest
from disbursement.submission import record_state
from ledger import chain, queries, store
from ledger.house import House
from ledger.instants import to_micros
from schemas.identifiers import content_code, end_to_end_id
from simulator.descriptions import describe_bank
from tests.lib.payment_files import Pay, payment_file
from treasury.house import init_house, open_house

AT = datetime(2020, 12, 1, 3, 0, tzinfo=UTC)
PERIOD = "2020-12"
EXECUTION = date(2020, 12, 2)
TRANCHE = 600_000


def small_home(root: Path, dsn: str | None = None) -> House:
    """An empty home, opened by its maker; on SQLite, or with the ledger of a DSN."""
    init_house(root / "home", AT, dsn)
    return open_house(root / "home", AT, "siti", _silent)


def drafted(
    house: House,
    name: str = "B1",
    *,
    channel: str = "bni",
    files: int = 1,
    people: int = 3,
    last_day: date | None = None,
) -> str:
    """A batch as `instruct` leaves it: files in the archive, one instruction a person, drafted; returns its name."""
    made = [_file(house, name, channel, number, people) for number in range(1, files + 1)]
    digest = batch_digest({row["file_name"]: row["sha256"] for row in made})
    batch = {
        "batch": name, "period": PERIOD, "channel": channel, "execution_date": EXECUTION,
        "transaction_count": files * people, "control_sum_idr": files * people * TRANCHE, "digest": digest,
        "maker": "siti", "created_at": to_micros(AT), "last_payment_date": last_day,
    }  # fmt: skip
    with house.store.transaction() as connection:
        store.insert(connection, store.batches, [batch])
        store.insert(connection, store.files, made)
        orders = [
            instruction(row["file_name"], n, channel=channel, batch=name, last_payment_date=last_day)
            for row in made
            for n in range(people)
        ]
        store.insert(connection, store.instructions, orders)
        chain.append(connection, at=house.at, actor="siti", kind="instructed", subject=name, details={"digest": digest})
    return name


def instruction(file_name: str, number: int, **changed: Any) -> dict[str, Any]:
    """One instruction of a file, its first attempt; `changed` are columns."""
    row = {
        "end_to_end_id": reference(file_name, number), "participant_id": f"P-{file_name}-{number}",
        "benefit": "incentive", "sequence": 1, "attempt": 1, "previous_attempt": None, "period": PERIOD,
        "policy": "prakerja-2020", "amount_idr": TRANCHE, "due_on": date(2020, 11, 30), "channel": "bni",
        "account_version": 1, "account_mac": "0" * 32, "batch": "B1", "file_name": file_name,
        "last_payment_date": None,
    }  # fmt: skip
    return row | changed


def reference(file_name: str, number: int) -> str:
    """The end-to-end id of an instruction of `instruction`."""
    return end_to_end_id(f"P-{file_name}-{number}", "incentive", 1, 1)


def _file(house: House, batch: str, channel: str, number: int, people: int) -> dict[str, Any]:
    name = f"{batch}-{number}.xml"
    pays = [Pay(reference(name, n), str(TRANCHE)) for n in range(people)]
    message = f"{EXECUTION:%Y%m%d}{number:03}{content_code(name, 12)}"
    data = payment_file(
        describe_bank(channel), pays, message_id=message, created_at=AT.isoformat(), execution_date=f"{EXECUTION}"
    )
    return {
        "file_name": name, "channel": channel, "batch": batch, "message_id": message,
        "payment_information_id": f"{message}P1", "format": describe_bank(channel).pain001,
        "transaction_count": people, "control_sum_idr": people * TRANCHE, "sha256": house.archive.put(data),
        "byte_count": len(data), "is_companion": False,
    }  # fmt: skip


def released(house: House, name: str = "B1", **how: Any) -> str:
    """A drafted batch with the consent of a second person."""
    drafted(house, name, **how)
    steps.release(house, name, "budi", digest_of(house, name), "cli")
    return name


def digest_of(house: House, name: str) -> str:
    """The digest of a batch, as `salur batches` shows it."""
    return str(next(row["digest"] for row in queries.batches(house.store) if row["batch"] == name))


def file_states(house: House) -> dict[str, str]:
    """Where each file stands."""
    with house.store.reading() as connection:
        return {row["file_name"]: row["state"] for row in queries.file_rows(connection).to_pylist()}


def instruction_states(house: House) -> dict[str, str]:
    """Where each instruction stands."""
    with house.store.reading() as connection:
        return {row["end_to_end_id"]: row["state"] for row in queries.instruction_rows(connection).to_pylist()}


def begun(house: House, file_name: str, way: str) -> None:
    """The record as a sender leaves it that was killed after it had stored its intent."""
    with house.store.transaction() as connection:
        event = chain.append(
            connection, at=house.at, actor="siti", kind="submission_intended", subject=file_name, details={"to": way}
        )
        record_state(connection, file_name, "unknown", event, house.at)


def events(house: House, kind: str) -> list[str]:
    """The subjects of all events of a kind, oldest first."""
    with house.store.reading() as connection:
        e = store.events.c
        return list(connection.scalars(sa.select(e.subject).where(e.kind == kind).order_by(e.seq)))


def dump(house: House, *without: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but those named, for comparing two records."""
    with house.store.reading() as connection:
        return {
            name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for name, table in store.METADATA.tables.items()
            if name not in without
        }


def at(house: House, when: datetime) -> House:
    """The home at another instant."""
    return replace(house, at=when)


def bytes_of(house: House, file_name: str) -> bytes:
    """The bytes of one of our files."""
    with house.store.reading() as connection:
        key = connection.scalar(sa.select(store.files.c.sha256).where(store.files.c.file_name == file_name))
    return house.archive.get(str(key))


def _silent(_message: str) -> None:
    """Progress for nobody."""
