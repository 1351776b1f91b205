"""What banks' two kinds of answers say of each payment, read plainly and apart from the matching that moves states.

An auditor's second look: a status report names a payment, its file or nothing; a statement shows a debit of the payment
or of its file, and perhaps money that came back.
"""

from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from schemas.codes import STATUS_MEANS

_ORDER = ("credited", "rejected", "debited", "accepted", "in_flight")
"""Of several answers about one payment, the one that comes first here."""
_SENT = ("submitted", "unknown", "accepted", "debited", "credited", "rejected", "returned")


def sides_of(instructed: pa.Table, files: pa.Table, responses: pa.Table, entries: pa.Table) -> pa.Table:
    """Sent instructions as channel, amount_idr, reported and booked (see `CycleFacts`).

    `instructed` has end_to_end_id, file_name, channel, state, amount_idr, message_id and payment_information_id; `files`
    has file_name, channel and control_sum_idr. `responses` and `entries` are their v1.
    """
    sent = instructed.filter(pc.is_in(instructed["state"], pa.array(_SENT)))
    reported = _reported(sent, responses)
    return pa.table(
        {
            "channel": sent["channel"],
            "amount_idr": sent["amount_idr"],
            "reported": reported,
            "booked": _booked(sent, files, entries, reported),
        }
    )


def _lookup(keys: pa.ChunkedArray, named: dict[str, str]) -> pa.Array:
    """The value of each key, null where it has none."""
    values = pa.array(named.values(), pa.string())
    place = pc.index_in(keys, pa.array(named.keys(), pa.string()))
    taken = values.take(place)
    return taken.combine_chunks() if isinstance(taken, pa.ChunkedArray) else taken


def _reported(sent: pa.Table, responses: pa.Table) -> pa.Array:
    by_payment = _said(responses, ("transaction",), "end_to_end_id")
    by_batch = _said(responses, ("batch",), "payment_information_id")
    by_file = _said(responses, ("file",), "message_id")
    return pc.coalesce(
        _lookup(sent["end_to_end_id"], by_payment),
        _lookup(sent["payment_information_id"], by_batch),
        _lookup(sent["message_id"], by_file),
        pa.scalar("silent"),
    )


def _said(responses: pa.Table, levels: tuple[str, ...], key: str) -> dict[str, str]:
    """What is said of each reference at a level. PART says nothing of a single payment."""
    rows = responses.filter(pc.and_(pc.is_in(responses["level"], pa.array(levels)), pc.is_valid(responses[key])))
    pairs = rows.group_by([key, "status"]).aggregate([]).to_pylist()
    said: dict[str, str] = {}
    for pair in pairs:
        means = STATUS_MEANS.get(pair["status"] or "", "part")
        if means in _ORDER:
            said[pair[key]] = min(said.get(pair[key], means), means, key=_ORDER.index)
    return said


_FILE_KEYS = ("payment_information_id", "message_id")


def _booked(sent: pa.Table, files: pa.Table, entries: pa.Table, reported: pa.Array) -> pa.Array:
    """`debited`, `sent_back` or `nothing`, by the payment's own entries and its file's."""
    own_debits = _references(entries, "debit", "end_to_end_id")
    own_credits = _references(entries, "credit", "end_to_end_id")
    whole_debit, net_debit = _files_debited(files, entries)
    back = _file_references(entries, "credit")
    names, messages = sent["file_name"], (sent["message_id"], sent["payment_information_id"])
    in_whole = pc.is_in(names, pa.array(sorted(whole_debit), pa.string()))
    in_net = pc.and_(
        pc.is_in(names, pa.array(sorted(net_debit), pa.string())), pc.invert(pc.equal(reported, "rejected"))
    )
    debited = pc.or_(pc.is_in(sent["end_to_end_id"], own_debits), pc.or_(in_whole, in_net))
    file_back = pc.or_(*(pc.is_in(column, back) for column in messages))
    sent_back = pc.or_(pc.is_in(sent["end_to_end_id"], own_credits), file_back)
    booked = pc.if_else(sent_back, "sent_back", pc.if_else(debited, "debited", "nothing"))
    return booked.combine_chunks() if isinstance(booked, pa.ChunkedArray) else booked


def _references(entries: pa.Table, direction: str, column: str) -> pa.Array:
    rows = entries.filter(pc.equal(entries["direction"], direction))
    return pc.unique(rows[column].drop_null())


def _file_references(entries: pa.Table, direction: str) -> pa.Array:
    """References to whole messages or batches: of entries that name no single payment."""
    whole = entries.filter(pc.is_null(entries["end_to_end_id"]))
    found = [_references(whole, direction, column) for column in ("message_id", "payment_information_id")]
    return pa.concat_arrays([pa.array(each.to_pylist(), pa.string()) for each in found])


def _files_debited(files: pa.Table, entries: pa.Table) -> tuple[set[str], set[str]]:
    """Files of which the whole control sum was debited, and files of which less was: the refused are left out there.

    What a notification tells counts where no statement shows a debit of the file.
    """
    rows = entries.filter(pc.and_(pc.equal(entries["direction"], "debit"), pc.is_null(entries["end_to_end_id"])))
    amount = pc.coalesce(rows["amount_idr"], rows["entry_amount_idr"])
    rows = rows.append_column("debited_idr", amount)
    sums: dict[str, int] = {}
    is_told = pc.equal(rows["kind"], "notification") if "kind" in rows.column_names else pa.nulls(len(rows), pa.bool_())
    is_told = pc.fill_null(is_told, False)
    for source, key in product((rows.filter(pc.invert(is_told)), rows.filter(is_told)), _FILE_KEYS):
        for row in source.group_by(key).aggregate([("debited_idr", "sum")]).to_pylist():
            if row[key] is not None:
                sums.setdefault(row[key], row["debited_idr_sum"] or 0)
    whole: set[str] = set()
    net: set[str] = set()
    for file in files.to_pylist():
        found = sums.get(file["payment_information_id"], sums.get(file["message_id"]))
        if found is not None and not file["is_companion"]:
            (whole if found >= file["control_sum_idr"] else net).add(file["file_name"])
    return whole, net
