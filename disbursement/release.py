"""What the release of a batch needs, and what the person who gives it is shown.

A batch is released by a named person who is not its maker, for exactly the bytes with one digest. The consent is bound
to that digest: other bytes need another consent.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from schemas.codes import BENEFITS
from schemas.errors import InputRejected, PersonNeeded
from schemas.identifiers import same_person
from schemas.money import format_idr

PURPOSE = "release"
RELEASABLE = frozenset({"drafted", "released", "unknown"})
"""States of a batch of which something is still to be sent, or may have to be."""


def batch_digest(files: Mapping[str, str]) -> str:
    """SHA-256 of the sorted lines `FILE_NAME SHA256` of a batch's files, in clear (contract, section 3)."""
    lines = sorted(f"{name} {sha256}\n" for name, sha256 in files.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check_release(batch: Mapping[str, Any], person: str, digest: str, given_by: Collection[str]) -> None:
    """Refuse a release that is not a second person's consent to exactly this batch, or one that comes too late.

    Too late is when the batch is withdrawn, or sent with the consent of others; `given_by`: who has ever consented.
    """
    if not person.strip():
        raise InputRejected("A release needs a name.", "Consent is a person's.", "Give --as NAME.")
    if digest != batch["digest"]:
        raise InputRejected(
            f"The digest is not that of batch {batch['batch']}.",
            "Consent covers exactly the bytes with one digest, and these are others.",
            "Look at `salur batches` and at the files again.",
        )
    if same_person(person, batch["maker"]):
        raise PersonNeeded(
            f"{person} made batch {batch['batch']} and cannot release it.",
            "Two people are needed.",
            "Ask a second person.",
        )
    if batch["state"] == "withdrawn":
        raise InputRejected(f"Batch {batch['batch']} was withdrawn.", "Its instructions are ended.", "Instruct anew.")
    if batch["state"] not in RELEASABLE and not any(same_person(person, each) for each in given_by):
        raise InputRejected(
            f"Batch {batch['batch']} is {batch['state']}: it was sent already.",
            "Consent comes before sending.",
            "See: salur batches",
        )


def shown(batch: Mapping[str, Any], benefits: Mapping[str, Mapping[str, int]]) -> str:
    """What a person is shown before agreeing, in Indonesian and English.

    `benefits`: what the batch is made of, by benefit transaction_count and amount_idr; they make up the whole batch.
    """
    assert sum(part["transaction_count"] for part in benefits.values()) == batch["transaction_count"], "all of it"
    parts = "".join(
        f"- {BENEFITS[name][0].capitalize()} / {BENEFITS[name][1]}: **{part['transaction_count']:,}** ="
        f" **{format_idr(part['amount_idr'])}**\n"
        for name, part in sorted(benefits.items())
    )
    count, amount = batch["transaction_count"], format_idr(batch["control_sum_idr"])
    return (
        f"**Batch {batch['batch']}** — {batch['channel'].upper()}\n\n"
        f"Jumlah perintah bayar / instructions: **{count:,}**\n\n"
        f"Jumlah uang / sum: **{amount}**\n\n{parts}\n"
        f"Tanggal pelaksanaan / execution date: **{batch['execution_date']:%Y-%m-%d}**\n\n"
        f"Pembuat / maker: {batch['maker']}\n\n"
        f"Digest: `{batch['digest']}`\n"
    )
