"""One page of a platform's answer: the rows of a table as they are written, and the cursor of the page that follows.

Contract, section 1: `{"rows": [{…}], "next_cursor": "…" or null}`. The rows stay text, so that they are typed by the one
reading of JSON Lines that files go through: nothing is rounded or dropped on the way.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

Row: TypeAlias = bytes
"""One row as JSON text on one line, as it was answered: no number was rounded, no name that stands twice was dropped."""

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def read_page(text: str) -> tuple[list[Row], str | None]:
    """The rows of one answer as they are written, and its cursor. Raises ValueError with a reason that quotes nothing."""
    try:
        found = list(_members(text))
    except (ValueError, RecursionError, IndexError):
        raise ValueError("It is no JSON object.") from None
    members = dict(found)
    if len(members) < len(found):
        raise ValueError("It says something twice.")
    if not isinstance(rows := members.get("rows"), list):
        raise ValueError("It has no list of rows.")
    if "next_cursor" not in members:  # it may have been forgotten as well as reached its end
        raise ValueError("It does not say by next_cursor whether there is more.")
    cursor = members["next_cursor"]
    if cursor is not None and not (isinstance(cursor, str) and cursor):
        raise ValueError("Its next_cursor is neither text nor null.")
    return rows, cursor


def _members(text: str) -> Iterator[tuple[str, Any]]:
    """Name and value of each member of a JSON object; of `rows` the elements as they are written."""
    place = _after(text, 0, "{")
    is_done = text[place] == "}"
    while not is_done:
        name, place = _DECODER.raw_decode(text, place)
        if not isinstance(name, str):
            raise ValueError
        place = _after(text, place, ":")
        value, place = (
            _elements(text, place) if name == "rows" and text[place] == "[" else _DECODER.raw_decode(text, place)
        )
        yield name, value
        place, is_done = _next(text, place, "}")
    if _SPACE.fullmatch(text, place + 1) is None:
        raise ValueError


def _elements(text: str, place: int) -> tuple[list[Row], int]:
    """The elements of a JSON array as they are written, each on one line, and the place behind it."""
    found = []
    place = _after(text, place, "[")
    is_done = text[place] == "]"
    while not is_done:
        _, end = _DECODER.raw_decode(text, place)
        # A line break within an element can only stand between its tokens.
        found.append(text[place:end].replace("\n", " ").replace("\r", " ").encode())
        place, is_done = _next(text, end, "]")
    return found, place + 1


def _after(text: str, place: int, mark: str) -> int:
    """The place of what follows `mark`, which must come next."""
    place = _skip(text, place)
    if text[place] != mark:
        raise ValueError
    return _skip(text, place + 1)


def _next(text: str, place: int, end: str) -> tuple[int, bool]:
    """The place of the next member or element behind its comma, or of the end, and whether it is the end."""
    place = _skip(text, place)
    return (place, True) if text[place] == end else (_after(text, place, ","), False)


def _skip(text: str, place: int) -> int:
    space = _SPACE.match(text, place)
    assert space is not None, "no space at all is a match"
    return space.end()
