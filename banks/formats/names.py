"""Names in the characters that a bank takes, and the orders that cannot be written for it.

The rule, in order: curly and accent-like apostrophes become `'`, dashes become `-`; the text is decomposed (NFKD) and its
combining marks are dropped (`é` is `e`); every other character outside the bank's set becomes a blank; blanks in a row
become one and those at the ends go. Upper and lower case stay. Nothing is ever cut off.
"""

import pyarrow as pa
import pyarrow.compute as pc

from banks.profiles import Profile
from schemas.tables import conform

APOSTROPHES = "[\u2018\u2019\u201b\u02bb\u02bc`\u00b4]"
DASHES = "[\u2010-\u2015\u2212]"
ACCOUNT = "^[A-Za-z0-9]{1,34}$"
"""Max34Text of Othr/Id, and no bank or wallet numbers accounts with anything but letters and digits."""


def transliterate(names: pa.Array | pa.ChunkedArray, characters: str) -> pa.Array | pa.ChunkedArray:
    """The names by the rule above; `characters` is the inside of a regular expression's class. May leave empty texts."""
    plain = pc.replace_substring_regex(names, APOSTROPHES, "'")
    plain = pc.replace_substring_regex(plain, DASHES, "-")
    plain = pc.replace_substring_regex(pc.utf8_normalize(plain, form="NFKD"), r"\p{M}+", "")
    plain = pc.replace_substring_regex(plain, f"[^{characters}]", " ")
    return pc.utf8_trim(pc.replace_substring_regex(plain, " +", " "), characters=" ")


def fit(orders: pa.Table, profile: Profile) -> tuple[pa.Table, pa.Table]:
    """Orders as `profile` can write them, and those that it cannot.

    Takes `orders.v1` with names as people spell them. Gives `orders.v1` with transliterated names, and the refused as
    (end_to_end_id, reason), reason being `name_unwritable` (nothing is left of it), `name_too_long`,
    `account_unwritable` or `amount_not_positive`. Each order is in exactly one of the two, order kept.
    """
    names = transliterate(orders["creditor_name"], profile.name_characters)
    length = pc.utf8_length(names)
    reason = pc.case_when(
        pc.make_struct(
            pc.less_equal(orders["amount_idr"], 0),
            pc.invert(pc.match_substring_regex(orders["creditor_account"], ACCOUNT)),
            pc.equal(length, 0),
            pc.greater(length, profile.name_length_max),
        ),
        "amount_not_positive",
        "account_unwritable",
        "name_unwritable",
        "name_too_long",
        pa.scalar(None, pa.string()),
    )
    written = orders.set_column(orders.schema.get_field_index("creditor_name"), "creditor_name", names)
    refused = pa.table({"end_to_end_id": orders["end_to_end_id"], "reason": reason}).filter(pc.is_valid(reason))
    return conform(written.filter(pc.is_null(reason)), "orders.v1"), refused
