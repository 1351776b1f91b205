"""A plain, slow reading of what evidence makes of one instruction, row by row, to hold the fast one against.

It reads the same rows as `tests.lib.reconciling.World` keeps and shares no code with `reconciliation`.
"""

from collections import defaultdict
from typing import Any

from tests.lib.reconciling import World

Row = dict[str, Any]

RANK = {
    **dict.fromkeys(("RCVD", "ACTC", "PATC", "PDNG", "ACWP", "BLCK"), 1),
    **dict.fromkeys(("ACCP", "ACFC", "ACSP", "ACWC", "ACPD"), 2),
    "ACSC": 3,
    "ACCC": 4,
}
DUPLICATES = {"AM05", "DUPL", "DU01", "DU02", "DU03", "DU04", "DU05", "RF01"}
STATES = ("submitted", "submitted", "accepted", "debited", "credited")


def plain_states(world: World) -> dict[str, str]:
    """The state of every instruction."""
    files = {row["file_name"]: row for row in world.files}
    rejected = {row["end_to_end_id"]: _is_rejected(_claims(world, row, files)) for row in world.sent}
    return {row["end_to_end_id"]: _state(world, row, files, rejected) for row in world.sent}


def _state(world: World, sent: Row, files: dict[str, Row], rejected: dict[str, bool]) -> str:
    claims = _claims(world, sent, files)
    rank = max((rank for _, rank in claims if rank != 5), default=0)
    if _is_debited(world, sent, files, rejected):
        rank = max(rank, 3)
    back = _sent_back(world, sent, files, rejected)
    if back is not None and _may_come_back(world, [sent], files, rejected):
        if rejected[sent["end_to_end_id"]]:
            return "rejected"
        return _way_back(back, [rank for _, rank in claims], rank)
    if rejected[sent["end_to_end_id"]]:
        return "rejected"
    if rank == 0 and files[sent["file_name"]]["state"] == "unknown":
        return "unknown"
    return STATES[rank]


def _may_come_back(world: World, payments: list[Row], files: dict[str, Row], rejected: dict[str, bool]) -> bool:
    """Whether of each of them money went out, or was refused, by some evidence, or its file's debit is in dispute."""
    return all(
        rejected[sent["end_to_end_id"]]
        or any(rank in (3, 4) for _, rank in _claims(world, sent, files))
        or _is_debited(world, sent, files, rejected)
        or _is_in_dispute(world, files[sent["file_name"]], rejected)
        for sent in payments
    )


def _is_in_dispute(world: World, file: Row, rejected: dict[str, bool]) -> bool:
    """Whether debits bear the file's reference and none is for what it should be."""
    amounts = _file_debits(world, file)
    return bool(amounts) and not any(_makes_up(amounts, wanted) for wanted in _wanted(world, file, rejected))


def _file_debits(world: World, file: Row) -> list[int]:
    rows = [row for row in _booked(world, file, "debit") if not row["is_reversal"]]
    return [row["amount_idr"] for row in _about_file(rows, file)]


def _wanted(world: World, file: Row, rejected: dict[str, bool]) -> list[int]:
    """The file's control sum, and what is left of it without the refused."""
    members = [row for row in world.sent if row["file_name"] == file["file_name"]]
    whole = sum(row["amount_idr"] for row in members)
    net = sum(row["amount_idr"] for row in members if not rejected[row["end_to_end_id"]])
    return [whole, net] if 0 < net < whole else [whole]


def _makes_up(amounts: list[int], wanted: int) -> bool:
    return wanted in amounts or (len(amounts) > 1 and sum(amounts) == wanted)


def _way_back(back: Row, reported: list[int], rank: int) -> str:
    if rank == 4:
        return "returned"
    if back["return_code"] is None or 5 in reported:
        return "rejected"
    return "rejected" if back["is_reversal"] and 3 not in reported else "returned"


# --- reports ----------------------------------------------------------------------------------------------------------


def _claims(world: World, sent: Row, files: dict[str, Row]) -> list[tuple[str, int]]:
    """(how, rank) of each report that says something of the instruction; a rejection is rank 5.

    How: by its `name`, with its `file`, or by `agreement` because it is not named.
    """
    file = files[sent["file_name"]]
    reports: dict[str, list[Row]] = defaultdict(list)
    for row in world.responses:
        if row["bank"] == file["channel"] and row.get("message_id") == file["message_id"]:
            reports[row["evidence"]].append(row)
    claims = []
    for rows in reports.values():
        rank, how = _said(world, rows, sent, file)
        if rank:
            claims.append((how, rank))
    return claims


def _members(world: World, file: Row) -> set[str]:
    return {row["end_to_end_id"] for row in world.sent if row["file_name"] == file["file_name"]}


def _is_mute(world: World, rows: list[Row], file: Row) -> bool:
    """Whether a report names somebody who is not in the file, or one of its upper levels cannot be used or contradicts itself."""
    levels: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["level"] == "transaction":
            if row["end_to_end_id"] not in _members(world, file):
                return True
            continue
        levels[row["level"]].add(row["status"])
        ours = {"transaction_count": file["transaction_count"], "control_sum_idr": file["control_sum_idr"]}
        if not _is_usable(world, row, file) or any(row.get(name, own) != own for name, own in ours.items()):
            return True
    has_two = any(len(statuses) > 1 for statuses in levels.values())
    return has_two or (levels["file"] == {"RJCT"} and levels["batch"] not in (set(), {"RJCT"}))


def _is_usable(world: World, row: Row, file: Row) -> bool:
    if row.get("payment_information_id") not in (None, file["payment_information_id"]):
        return False
    status = row["status"]
    if status == "RJCT" and row.get("reason_code") in DUPLICATES:
        return False
    if row["level"] != "transaction":
        return status in RANK or status in ("RJCT", "PART")
    mine = [s for s in world.sent if s["end_to_end_id"] == row["end_to_end_id"] and s["file_name"] == file["file_name"]]
    stated = row.get("amount_idr", -1 if row.get("currency") else None)
    if not mine or stated not in (None, mine[0]["amount_idr"]):
        return False
    return status in RANK or status == "RJCT"


def _said(world: World, rows: list[Row], sent: Row, file: Row) -> tuple[int, str]:
    """What one report says of the instruction, and how."""
    named = {row["end_to_end_id"] for row in rows if row["level"] == "transaction"} & _members(world, file)
    mine = [row for row in rows if row["level"] == "transaction" and row["end_to_end_id"] == sent["end_to_end_id"]]
    statuses = {row["status"] for row in mine}
    if mine:
        is_clear = len(statuses) == 1 and all(_is_usable(world, row, file) for row in mine)
        return (_rank(statuses.pop()), "name") if is_clear else (0, "")
    usable = [row for row in rows if _is_usable(world, row, file)]
    if not usable or _is_mute(world, rows, file):
        return 0, ""
    upper = _upper(usable)
    if upper == "RJCT":
        return 5, "file"
    if named or upper == "PART":
        if world.modes[file["channel"]] != "exceptions_only":
            return 0, ""
        return (2 if upper in (None, "PART") else _rank(upper)), "agreement"
    return (_rank(upper) if upper else 0), "file"


def _upper(rows: list[Row]) -> str | None:
    """What the batch says, else the file."""
    by_level = {row["level"]: row["status"] for row in rows if row["level"] != "transaction"}
    return by_level.get("batch", by_level.get("file"))


def _rank(status: str) -> int:
    return 5 if status == "RJCT" else RANK[status]


def _is_rejected(claims: list[tuple[str, int]]) -> bool:
    """Rejected, and nothing says that it settled, but for an agreed silence where the rejection is by name."""
    refused = {how for how, rank in claims if rank == 5}
    settled = {how for how, rank in claims if rank in (3, 4)}
    if "name" in refused:
        settled -= {"agreement"}
    return bool(refused) and not settled


# --- statements -------------------------------------------------------------------------------------------------------


def _booked(world: World, file: Row, direction: str) -> list[Row]:
    rows = [
        e
        for e in world.entries
        if e["bank"] == file["channel"] and e["status"] == "BOOK" and e["direction"] == direction
    ]
    rows = [{"return_code": None, "end_to_end_id": None, **row} for row in rows]
    rows = [row for row in rows if not _is_astray(world, row)]
    return sorted(rows, key=lambda row: (row["booking_date"], row["statement_id"], row["entry_number"]))


def _is_astray(world: World, row: Row) -> bool:
    """Whether an entry names a payment and bears the reference of a file that the payment is not in."""
    own = {sent["file_name"] for sent in world.sent if sent["end_to_end_id"] == row["end_to_end_id"]}
    return bool(own) and any(
        row.get(name) is not None and row[name] == file[name] and file["file_name"] not in own
        for file in world.files
        if file["channel"] == row["bank"]
        for name in ("message_id", "payment_information_id")
    )


def _about_file(rows: list[Row], file: Row) -> list[Row]:
    return [
        row for row in rows
        if row["end_to_end_id"] is None
        and (row.get("payment_information_id") == file["payment_information_id"] or row.get("message_id") == file["message_id"])
    ]  # fmt: skip


def _is_debited(world: World, sent: Row, files: dict[str, Row], rejected: dict[str, bool]) -> bool:
    file = files[sent["file_name"]]
    rows = [row for row in _booked(world, file, "debit") if not row["is_reversal"]]
    if any(row["end_to_end_id"] == sent["end_to_end_id"] and row["amount_idr"] == sent["amount_idr"] for row in rows):
        return True
    amounts = _file_debits(world, file)
    for place, wanted in enumerate(_wanted(world, file, rejected)):
        if amounts and _makes_up(amounts, wanted):
            return place == 0 or not rejected[sent["end_to_end_id"]]
    return False


def _sent_back(world: World, sent: Row, files: dict[str, Row], rejected: dict[str, bool]) -> Row | None:
    file = files[sent["file_name"]]
    coming = _booked(world, file, "credit")

    def named(row: Row) -> Row | None:
        fits = [
            c for c in coming if c["end_to_end_id"] == row["end_to_end_id"] and c["amount_idr"] == row["amount_idr"]
        ]
        return fits[0] if fits and _may_come_back(world, [row], files, rejected) else None

    if (own := named(sent)) is not None:
        return own
    together = _about_file(coming, file)
    if len(together) != 1:
        return None
    members = [row for row in world.sent if row["file_name"] == file["file_name"] and named(row) is None]
    refused = [row for row in members if rejected[row["end_to_end_id"]]]
    for candidates in (members, refused):
        if not _may_come_back(world, candidates, files, rejected):
            continue
        if candidates and together[0]["amount_idr"] == sum(row["amount_idr"] for row in candidates):
            return together[0] if sent in candidates else None
    return None
