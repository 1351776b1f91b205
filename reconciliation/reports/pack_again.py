"""The reissues in an evidence pack, read plainly: each follows a recorded end, and where the remedy asks for two people two agreed."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from schemas.identifiers import same_person
from schemas.remedies import REMEDIES

Row = Mapping[str, Any]
Difference = tuple[str, str]
_ENTITLEMENT = ("participant_id", "benefit", "sequence")
_FINAL = ("rejected", "returned", "withdrawn", "never_arrived")


def differences(tables: Mapping[str, pa.Table], knows_remedies: bool = True) -> Iterator[Difference]:
    """Where, and why, an end or a later attempt does not fit what the pack holds of it.

    `knows_remedies`: whether the rules about codes here are those of who wrote the pack; of others it cannot be asked who had to agree.
    """
    instructions = tables["instructions"].to_pylist()
    ends = {_key(row): row for row in tables["attempt_ends"].to_pylist()}
    acts = tables["reissue_acts"].to_pylist()
    yield from _of_ends(ends, instructions, tables)
    yield from _of_acts(acts, tables["events"].to_pylist())
    agreed = _agreed(acts)
    for row in sorted(instructions, key=lambda row: str(row["end_to_end_id"])):
        if row["attempt"] > 1:
            where = f"tables/instructions, {row['end_to_end_id']}"
            before = [ends.get((*_key(row)[:3], number)) for number in range(1, row["attempt"])]
            known = [each for each in before if each is not None]
            if len(known) < len(before):
                yield where, "It follows an attempt of which no end is recorded."
            elif knows_remedies and (asked := _asks_for_people(known)) and not agreed & asked:
                yield where, "Its remedy, or the number of attempts, asks for two people, and no two agreed."


def _key(row: Row) -> tuple[Any, ...]:
    return (*(row[name] for name in _ENTITLEMENT), row["attempt"])


def _of_ends(
    ends: Mapping[tuple[Any, ...], Row], instructions: Sequence[Row], tables: Mapping[str, pa.Table]
) -> Iterator[Difference]:
    """An end has evidence that is in the pack; of the period's own attempts those that ended, and no others, have one."""
    seen = {*tables["events"]["hash"].to_pylist(), *tables["inbound"]["sha256"].to_pylist()}
    for row in ends.values():
        if row["evidence"] not in seen:
            yield f"tables/attempt_ends, {row['end_to_end_id']}", "Its evidence is not in the pack."
    for row in instructions:
        end = ends.get(_key(row))
        said = (end["end_to_end_id"], end["file_name"], end["end"]) if end else None
        state = (row["end_to_end_id"], row["file_name"], row["state"]) if row["state"] in _FINAL else None
        if said != state:
            yield f"tables/attempt_ends, {row['end_to_end_id']}", "Its end is not the state that it stands in."


def _of_acts(acts: Sequence[Row], events: Sequence[Row]) -> Iterator[Difference]:
    """What people did about reissues is what the chain of events says, act by act, and whoever approved had not proposed."""
    told: Counter[tuple[Any, ...]] = Counter()
    for event in events:
        if event["kind"] == "reissue":
            said = json.loads(event["details"])
            told[event["subject"], said["act"], event["actor"], said["reason"], event["at"]] += 1
    done = Counter((row["subject"], row["act"], row["person"], row["reason"], row["at"]) for row in acts)
    for subject, act, *_ in sorted((told - done) + (done - told), key=str):
        yield f"tables/reissue_acts, {subject}", f"The chain of events does not say so: {act}."
    last: dict[str, Row] = {}
    for row in sorted(acts, key=lambda row: int(row["seq"])):
        if row["act"] == "approve" and not _is_second(row, last.get(row["subject"])):
            yield f"tables/reissue_acts, {row['subject']}", "Nobody else had proposed what was approved."
        last[row["subject"]] = row


def _is_second(approval: Row, before: Row | None) -> bool:
    return before is not None and before["act"] == "propose" and not same_person(approval["person"], before["person"])


def _agreed(acts: Sequence[Row]) -> set[str]:
    return {row["subject"] for row in acts if row["act"] == "approve"}


def _asks_for_people(before: Sequence[Row]) -> set[str]:
    """The names under which people must have agreed to what follows these ends; empty where no people are needed."""
    ended = [row for row in before if row["end"] != "withdrawn"]
    if not ended:
        return set()
    rules = [REMEDIES.rule(row["end"], row["code_list"], row["reason_code"]) for row in ended]
    last, rule = ended[-1], rules[-1]
    at_a_bank = [row for row in ended if row["end"] != "never_arrived"]
    if rules.count(rule) <= rule.retries_max and len(at_a_bank) < REMEDIES.attempts_max:
        return set()
    return {last["end_to_end_id"], *([last["file_name"]] if rule.action == "stop_file" else [])}
