"""Take a source drop: land, check, quarantine, deduplicate, correct, revoke. Nothing is lost and nothing taken twice.

Every distinct row of every drop is kept, personal data sealed and replaced by keyed digests; which of several rows of
one key stands is decided when the rules look, by `disbursement.records`, so the order of arrival plays no part.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from disbursement.records import standing
from disbursement.sources.drop import Drop, changed, contradicts, read_part
from disbursement.sources.readers import Part, Rows
from ledger import allocations, chain, landing, store
from ledger.gate import Gate
from ledger.house import House
from ledger.instants import to_micros
from ledger.store import Connection
from schemas.errors import SalurError
from schemas.fields import INSTANT
from schemas.identifiers import check_niks, provinces_of
from schemas.money import format_idr

NO_KK = "-"
"""Before the digest of what is no KK: a row with it differs from one with another, and it is nobody's family card."""
_LANDING = {
    "row_mac",
    "drop_id",
    "source_file",
    "row",
    "sealed",
    "warnings",
    "nik_problem",
    "province",
    landing.ARRIVAL,
}
_FOLLOWS = {"nik_problem": "nik_mac", "province": "nik_mac"}
"""Columns that are derived from another and come from the row that gives the other."""
_SEALED = {"participants": ("nik", "kk", "name"), "accounts": ("account_number", "owner_name", "owner_nik")}
"""What the seal of a row holds."""
_JSON = json.JSONEncoder(ensure_ascii=False)


def take(house: House, drop: Drop, gate: Gate) -> dict[str, int]:
    """Take every row of a drop that has not been taken yet, in one transaction.

    Returns counts of the rows that were read: `taken` are new, `repeated` were known already, `quarantined` cannot be
    read, fail a check, or are new and contradict another; every row that is `read` is one of the three. Beside them
    `set_aside_earlier`: rows taken before that a row of this drop contradicts.
    """
    counts = {"read": 0, "taken": 0, "repeated": 0, "quarantined": 0, "set_aside_earlier": 0}
    latest: dict[str, int] = {}
    for part in drop.parts:
        with drop.open(part) as stream:
            if house.archive.put_stream(stream) != part.sha256:
                raise changed(part)
    if drop.manifest_bytes:
        house.archive.put(drop.manifest_bytes)
    with house.store.transaction() as connection:
        before = {name: landing.last_arrival(connection, name) for name in _tables(drop)}
        with landing.people_counted(connection) as people, allocations.lines_counted(connection) as lines:
            for part in drop.parts:
                for rows in read_part(drop, part, partial(_progress, house, drop, part)):
                    counts["read"] += rows.table.num_rows + len(rows.quarantined)
                    landed = _take_rows(house, connection, drop, _set_aside(gate, rows), counts)
                    _note_latest(latest, part.table.short_name, landed, to_micros(house.at))
                    if part.table.short_name == "participants":
                        people.add(_granted(landed, drop).select(["sk_number", "participant_id"]))
                    elif part.table.short_name == "allocations":
                        lines.add(_granted(landed, drop))
                house.say(f"{part.name}: {counts['taken']:,} taken, {counts['quarantined']:,} quarantined so far")
            gate.stop_if_failed()
            _hold_against_decisions(people.by_decision(), drop)
            _hold_lines_against_decisions(lines.by_decision(), drop)
        for name, last in before.items():
            _quarantine_conflicts(house, connection, drop.drop_id, name, last, counts)
        hold_together(counts)
        _save(house, connection, drop, counts)
        if drop.watched:
            landing.set_watermarks(connection, drop.watched, drop.drop_id, latest, to_micros(house.at))
    return counts


def _tables(drop: Drop) -> list[str]:
    return sorted({part.table.short_name for part in drop.parts})


def _note_latest(latest: dict[str, int], name: str, landed: pa.Table, now: int) -> None:
    """The latest instant at which a row of a table was recorded; one that has not come yet says nothing of how far we are."""
    recorded = landed.column("recorded_at").cast(pa.int64())
    found = pc.max(recorded.filter(pc.less_equal(recorded, now))).as_py()
    if found is not None:
        latest[name] = max(found, latest.get(name, found))


def hold_together(counts: Mapping[str, int]) -> None:
    """Stop unless every row that was read is taken, repeated or quarantined, and only one of them."""
    ends = [counts[name] for name in ("taken", "repeated", "quarantined")]
    if min(ends) < 0 or sum(ends) != counts["read"]:
        raise SalurError(
            "The rows of the drop do not add up.",
            f"{counts['read']} were read; taken, repeated and quarantined are {ends}. Nothing was taken.",
            "Report it.",
        )


def _progress(house: House, drop: Drop, part: Part, position: int) -> None:
    """Tell how many of the drop's bytes lie behind the reading when it stands there in `part`."""
    before = sum(each.byte_count for each in drop.parts[: drop.parts.index(part)])
    house.progress("bytes of the drop", before + position, sum(each.byte_count for each in drop.parts))


def _set_aside(gate: Gate, rows: Rows) -> Rows:
    """The batch without the rows that the table's checks set aside; those join the quarantined."""
    aside = gate.check(rows.part.table.name, rows.table)
    if not aside:
        return rows
    failing = set(aside)
    keep = pa.array([place not in failing for place in range(rows.table.num_rows)])
    found = [
        (number, "check_failed", json.dumps(row, ensure_ascii=False, default=str))
        for number, row in zip(rows.numbers.take(aside).to_pylist(), rows.table.take(aside).to_pylist(), strict=True)
    ]
    return Rows(rows.part, rows.table.filter(keep), rows.numbers.filter(keep), [*rows.quarantined, *found])


def _take_rows(house: House, connection: Connection, drop: Drop, rows: Rows, counts: dict[str, int]) -> pa.Table:
    """Keep a batch and what of it is set aside; returns the rows as they landed, known ones among them."""
    name = rows.part.table.short_name
    landed = land(house, drop.drop_id, rows)
    taken = landing.add(connection, name, landed)
    counts["taken"] += taken
    counts["repeated"] += landed.num_rows - taken
    counts["quarantined"] += len(rows.quarantined)
    aside = [
        {
            "drop_id": drop.drop_id,
            "table": name,
            "row": number,
            "reason": reason,
            "source": rows.part.name,
            "row_mac": house.keys.mac("raw", raw),
            "raw_sealed": house.keys.seal(f"quarantine:{name}", raw.encode()),
        }
        for number, reason, raw in rows.quarantined
    ]
    landing.set_aside(connection, aside)
    return landed


def land(house: House, drop_id: str, rows: Rows) -> pa.Table:
    """Typed clear rows as rows of the ledger: personal data as keyed digests and a seal, the whole row as `row_mac`."""
    clear, name = rows.table, rows.part.table.short_name
    columns: dict[str, Any] = {c: clear.column(c) for c in clear.column_names}
    if name == "participants":
        niks, kk = columns["nik"], columns["kk"]
        columns["nik_problem"], columns["warnings"] = check_niks(niks, columns["accepted_on"])
        columns["province"] = provinces_of(niks)
        digest = house.keys.mac_array("kk", kk)
        is_kk = pc.match_substring_regex(kk, "^[0-9]{16}$")
        columns["kk_mac"] = pc.if_else(is_kk, digest, pc.binary_join_element_wise(NO_KK, digest, ""))
        columns["nik_mac"] = house.keys.mac_array("nik", niks)
        columns["name_mac"] = house.keys.mac_array("name", columns["name"])
    elif name == "accounts":
        columns["account_mac"] = house.keys.mac_array("account", columns["account_number"])
        columns["owner_nik_mac"] = house.keys.mac_array("nik", columns["owner_nik"])
        columns["owner_name_mac"] = house.keys.mac_array("name", columns["owner_name"])
    elif name == "blocklist":
        columns["nik_mac"] = house.keys.mac_array("nik", columns["nik"])
    columns["row_mac"] = house.keys.mac_array(name, content(clear))
    columns["drop_id"] = pa.repeat(drop_id, clear.num_rows)
    columns["source_file"] = pa.repeat(rows.part.name, clear.num_rows)
    columns["row"] = rows.numbers
    if name in _SEALED:
        columns["sealed"] = _seal(house, clear, _SEALED[name])
    return pa.table({column: columns[column] for column in landing.columns(name)})


def content(rows: pa.Table) -> pa.Array:
    """One text a row that holds all of its columns unambiguously; equal rows have equal texts, whatever their file."""
    parts = []
    for field in rows.schema:
        column = rows.column(field.name)
        text = (column.cast(pa.int64()) if field.type == INSTANT else column).cast(pa.string())
        sized = pc.binary_join_element_wise(pc.utf8_length(text).cast(pa.string()), text, ":")
        parts.append(pc.fill_null(sized, "-"))
    joined = pc.binary_join_element_wise(*parts, "|")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _seal(house: House, clear: pa.Table, names: tuple[str, ...]) -> pa.Array:
    people = clear.column("participant_id").to_pylist()
    values = [clear.column(name).to_pylist() for name in names]
    return pa.array(
        [
            house.keys.seal(who, _JSON.encode(dict(zip(names, row, strict=True))).encode())
            for who, *row in zip(people, *values, strict=True)
        ],
        pa.binary(),
    )


def _quarantine_conflicts(
    house: House, connection: Connection, drop_id: str, name: str, last: int, counts: dict[str, int]
) -> None:
    """Set aside the rows of one key that contradict each other; those that arrived up to `last` are earlier ones."""
    rows = landing.of_several_rows(connection, name, [*landing.columns(name), landing.ARRIVAL], drop_id)
    _, conflicting = standing(rows.drop_columns([c for c in rows.column_names if c in _LANDING]), landing.KEYS[name])
    found: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for row in rows.take(conflicting).to_pylist():
        found[row[landing.ARRIVAL] > last].append(
            {
                "drop_id": row["drop_id"],
                "table": name,
                "row": row["row"],
                "reason": "conflicting_record",
                "source": row["source_file"],
                "row_mac": row["row_mac"],
                "raw_sealed": row.get("sealed") or house.keys.seal(f"quarantine:{name}", _as_json(row)),
            }
        )
    new = landing.set_aside(connection, found[True])
    counts["taken"] -= new
    counts["quarantined"] += new
    counts["set_aside_earlier"] += landing.set_aside(connection, found[False])


def _as_json(row: dict[str, Any]) -> bytes:
    """A row of a table without personal data, as the quarantine keeps it."""
    return json.dumps({key: value for key, value in row.items() if key not in _LANDING}, default=str).encode()


def _granted(landed: pa.Table, drop: Drop) -> pa.Table:
    """Of these rows those that stand under a decision of the manifest."""
    numbers = pa.array(sorted(drop.decisions), pa.string())
    return landed.filter(pc.is_in(landed.column("sk_number"), value_set=numbers))


def _hold_against_decisions(people: Mapping[str, int], drop: Drop) -> None:
    """Refuse a drop with more people of a decision than its manifest grants; fewer may still come, in another drop."""
    for number, count in sorted(people.items()):
        if count > drop.decisions[number].get("people", count):
            raise contradicts(
                number, f"the manifest grants it to {drop.decisions[number]['people']} people, the files name {count}"
            )


def _hold_lines_against_decisions(lines: Mapping[str, Mapping[str, int]], drop: Drop) -> None:
    """Refuse a drop whose lines of a decision name more people or rupiah than its manifest does, or all of its people and
    another sum. Fewer people may still come, in another drop.
    """
    for number, found in sorted(lines.items()):
        promise = drop.decisions[number]
        people, amount_idr = promise.get("people"), promise.get("amount_idr")
        count, sum_idr = found["line_count"], allocations.lines_idr(found)
        if people is not None and count > people:
            raise contradicts(number, f"the manifest grants it to {people} people, its lines name {count}")
        is_whole = count == people and not found["unknown_count"]
        if amount_idr and (sum_idr > amount_idr or (is_whole and sum_idr < amount_idr)):
            apart = f"{format_idr(abs(amount_idr - sum_idr))} {'beyond it' if sum_idr > amount_idr else 'missing'}"
            raise contradicts(
                number,
                f"the manifest allocates {format_idr(amount_idr)}, its {count} lines {format_idr(sum_idr)}: {apart}",
            )


def compare_decisions(house: House, drop: Drop, gate: Gate) -> list[str]:
    """What manifests and lines of all drops so far say differently of one decision, in words; a check of its own warns of it.

    Across drops nothing is refused: the rest of the lines may come, or one of the drops is wrong and a person must ask.
    """
    if not drop.decisions and "allocations" not in _tables(drop):
        return []
    with house.store.reading() as connection:
        found = allocations.differences(allocations.by_decision(connection, to_micros(house.at)))
    gate.check("sk_totals.v1", found)
    said = []
    for row in found.to_pylist():
        number, stated = row["sk_number"], format_idr(row["stated_idr"])
        if row["missing_count"] or row["missing_idr"]:
            said.append(
                f"{number}: of {stated} allocated its lines lack {format_idr(row['missing_idr'])} and {row['missing_count']} people"
            )
        if row["spread_idr"]:
            said.append(f"{number}: drops differ by {format_idr(row['spread_idr'])}; the largest, {stated}, counts")
    return said


def _save(house: House, connection: Connection, drop: Drop, counts: dict[str, int]) -> None:
    """Record the drop, its decisions and, the first time, the event."""
    _save_decisions(connection, drop)
    row = {
        "drop_id": drop.drop_id,
        "source": drop.called,
        "taken_at": to_micros(house.at),
        "row_count": counts["read"],
    }
    if store.insert_new(connection, store.drops, [row]):
        files = {part.name: part.sha256 for part in drop.parts}
        details = {**counts, "files": files, "decisions": _stated(drop)}
        chain.append(
            connection, at=house.at, actor=house.actor, kind="drop_taken", subject=drop.drop_id, details=details
        )


def _save_decisions(connection: Connection, drop: Drop) -> None:
    rows = [
        {"sk_number": number, "row_count": people, "amount_idr": amount_idr, "drop_id": drop.drop_id}
        for number, (people, amount_idr) in _stated(drop).items()
    ]
    store.insert_new(connection, store.decisions_people, rows)


def _stated(drop: Drop) -> dict[str, tuple[int, int]]:
    """People and whole rupiah of each decision of the manifest, 0 where it leaves one unsaid."""
    promises = sorted(drop.decisions.items())
    return {number: (promise.get("people", 0), promise.get("amount_idr", 0)) for number, promise in promises}


def current(connection: Connection, name: str) -> pa.Table:
    """The rows of a source table that stand, one a key, without what only landing needs.

    Most keys have one row and are read as they are; the few with several go through `standing`.
    """
    extra = _FOLLOWS if name == "participants" else {}
    wanted = [column for column in landing.columns(name) if column not in _LANDING or column in extra]
    stands, _ = standing(landing.of_several_rows(connection, name, wanted), landing.KEYS[name], _FOLLOWS)
    return pa.concat_tables([landing.of_one_row(connection, name, wanted), stands.select(wanted)])
