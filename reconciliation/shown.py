"""What of a bank's own texts may be shown: codes and references as they are, a digest and a length for all else.

A bank writes into any field. Names, accounts and phone numbers have been seen as references and as reasons, and what is
read here ends in breaks, exports, the report and the pack. The bytes as received stay in the archive, sealed.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from schemas.identifiers import Column, are_end_to_end_ids

_CODE = "^[A-Z0-9]{2,4}$"
_FILE_REFERENCE = "^20[0-9]{6}[0-9]{3,}[A-Z0-9]{12}(P1)?$"
"""Our message ids and payment information ids: the execution date, the file's number, a code of its content."""
_BANKS_OWN = r"^[A-Za-z0-9./:_-]{0,35}$"
_PHONE = r"^(620?|0)8[0-9]{8,11}$"
_NO_REFERENCE = ["", "NONREF"]


def _matches(texts: pa.Array, pattern: str) -> pa.Array:
    return pc.match_substring_regex(texts, pattern)


def _is_code(texts: pa.Array) -> pa.Array:
    return _matches(texts, _CODE)


def _is_reference(texts: pa.Array) -> pa.Array:
    words = pc.is_in(texts, value_set=pa.array(_NO_REFERENCE))
    return pc.or_(pc.or_(are_end_to_end_ids(texts), _matches(texts, _FILE_REFERENCE)), words)


def _is_banks_own(texts: pa.Array) -> pa.Array:
    return pc.and_not(_matches(texts, _BANKS_OWN), _matches(texts, _PHONE))


_MAY_STAND: dict[str, Callable[[pa.Array], pa.Array]] = {
    **dict.fromkeys(("status", "reason_code", "return_code", "currency"), _is_code),
    **dict.fromkeys(("end_to_end_id", "message_id", "payment_information_id"), _is_reference),
    **dict.fromkeys(("bank_reference", "statement_id", "report_id", "account"), _is_banks_own),
}
_REASONS = ("reason_code", "return_code")


def shown(table: pa.Table, mac: Callable[[Column], pa.Array]) -> pa.Table:
    """responses.v1, statements.v1 or entries.v1 with every text that might be of a person as `#DIGEST/LENGTH`.

    `mac` digests a column with the home's key: the space of phone numbers can be hashed through without one. Equal texts
    have equal digests, so that each still is one break. A reason that is no code is kept in `reason_text`.
    """
    for name in (each for each in table.column_names if each in _MAY_STAND):
        texts = table[name].combine_chunks()
        other = pc.invert(pc.fill_null(_MAY_STAND[name](texts), True))
        if not pc.any(other, min_count=0).as_py():
            continue
        if name in _REASONS:
            told = pc.if_else(other, texts, pa.scalar(None, pa.string()))
            words = table["reason_text"].combine_chunks()
            joined = pc.binary_join_element_wise(told, words, "; ")
            at = table.schema.get_field_index("reason_text")
            table = table.set_column(at, table.schema.field(at), pc.coalesce(joined, told, words))
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), _hidden(texts, other, mac))
    return table


def _hidden(texts: pa.Array, other: pa.Array, mac: Callable[[Column], pa.Array]) -> pa.Array:
    distinct = pc.unique(texts.filter(other))
    lengths = pc.cast(pc.utf8_length(distinct), pa.string())
    digests = pc.binary_join_element_wise("#", pc.utf8_slice_codeunits(mac(distinct), 0, 12), "")
    marks = pc.binary_join_element_wise(digests, lengths, "/")
    return pc.if_else(other, marks.take(pc.index_in(texts, value_set=distinct)), texts)
