"""Instructions into batches, one a channel and execution date, and batches into files that a bank can take.

Names and message ids are derived from what they name: the channel, the execution date, the running number of the file
on that day, and a code for everything that decides the file's bytes. So a name never stands for other content, and no
key of the house and no personal data enters it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from banks.profiles import Profile, file_name
from schemas.identifiers import content_code
from schemas.tables import conform


@dataclass(frozen=True)
class Target:
    """How and when a channel is asked to pay; `first_number` is the running number of its next file for that date."""

    profile: Profile
    execution_date: date
    first_number: int = 1


@dataclass(frozen=True)
class File:
    """One bank file to be written: its name and ids, and its instructions (instructions.v1) in the file's order."""

    file_name: str
    message_id: str
    payment_information_id: str
    instructions: pa.Table


@dataclass(frozen=True)
class Batch:
    """What one consent covers: the files of one channel and execution date."""

    batch: str
    channel: str
    execution_date: date
    files: tuple[File, ...]

    @property
    def instructions(self) -> pa.Table:
        """All instructions of the batch (instructions.v1)."""
        return pa.concat_tables([file.instructions for file in self.files])

    @property
    def transaction_count(self) -> int:
        """How many instructions the batch holds."""
        return sum(file.instructions.num_rows for file in self.files)

    @property
    def control_sum_idr(self) -> int:
        """What the batch pays, whole rupiah."""
        return sum(pc.sum(file.instructions.column("amount_idr")).as_py() for file in self.files)

    @property
    def last_payment_date(self) -> date | None:
        """The earliest last payment date of its instructions, None where none has one."""
        last: date | None = pc.min(self.instructions.column("last_payment_date")).as_py()
        return last


def form_batches(
    instructions: pa.Table, *, targets: Mapping[str, Target], period: str, created_at: datetime
) -> list[Batch]:
    """Batches by channel of drafted instructions (`instruction.COLUMNS`), each in files under the profile's row limit.

    `targets` says for each channel how and when it is asked; `created_at` is the creation time that the files will
    bear. Instructions go by end_to_end_id, so their order on arrival plays no part. None for a channel without any.
    """
    ordered = instructions.sort_by("end_to_end_id")
    channels = sorted(pc.unique(ordered.column("channel")).to_pylist())
    batches = []
    for channel in channels:
        mine = ordered.filter(pc.equal(ordered.column("channel"), channel))
        batches.append(_form(mine, channel, targets[channel], period, created_at))
    return batches


def _form(mine: pa.Table, channel: str, target: Target, period: str, created_at: datetime) -> Batch:
    limit = target.profile.row_limit
    parts = [mine.slice(start, limit) for start in range(0, mine.num_rows, limit)]
    codes = [_content(part, channel, target, created_at) for part in parts]
    batch = f"{period}-{channel}-{target.execution_date:%Y%m%d}-{content_code(' '.join(codes))}"
    numbered = enumerate(zip(parts, codes, strict=True), target.first_number)
    files = tuple(_file(part, code, number, batch, target) for number, (part, code) in numbered)
    return Batch(batch, channel, target.execution_date, files)


def _file(part: pa.Table, code: str, number: int, batch: str, target: Target) -> File:
    day = target.execution_date
    name = file_name(target.profile, day, number, code)
    message_id = f"{day:%Y%m%d}{number:03d}{code}"
    rows = part.append_column("batch", pa.repeat(batch, part.num_rows))
    rows = rows.append_column("file_name", pa.repeat(name, part.num_rows))
    return File(name, message_id, f"{message_id}P1", conform(rows, "instructions.v1"))


def _content(part: pa.Table, channel: str, target: Target, created_at: datetime) -> str:
    """A code for what decides the bytes of a file: whom it pays what, to which account version, when, in which form."""
    facts = (channel, target.profile.format, f"{target.execution_date}", created_at.astimezone(UTC).isoformat())
    columns = (part.column(name).to_pylist() for name in ("end_to_end_id", "amount_idr", "account_version"))
    lines = (f"{reference} {amount} {version}" for reference, amount, version in zip(*columns, strict=True))
    return content_code("\n".join((" ".join(facts), *lines)), 12)
