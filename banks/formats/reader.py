"""The common way into a bank's XML: bytes are held to be what they claim before a fast parser may read them.

The fast parser (xml2arrow) maps paths to columns at some hundred thousand records a second, but is lenient: a file cut
between two elements, a second root, control characters and text behind the end pass unnoticed. So expat reads the whole
file first (well-formed, to the last byte; no DOCTYPE, hence no entities to expand), the root must name its message, and
each reader counts the record elements in the bytes and compares.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Literal, NoReturn
from xml.parsers import expat

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from xml2arrow import XmlToArrowParser
from xml2arrow.exceptions import Xml2ArrowError

from banks.formats import OtherMessage, UnreadableFile

BYTES_MAX = 1 << 30
"""A gigabyte: about 1.5 million statement entries. Nothing honest is larger, and memory is finite."""
LEGACY_ENCODINGS = ("us-ascii", "iso-8859-1", "iso-8859-15", "windows-1250", "windows-1252")
BLANKS = " \t\n\r"
"""XML's white space, which pretty printing puts around a value."""

_DECLARATION = re.compile(rb"""^\s*<\?xml\s[^>]*?\?>""")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_PROLOG = re.compile(rb"(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_ROOT = re.compile(rb"""<([A-Za-z_][\w.:-]*)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*/?>""")
_ATTRIBUTE = re.compile(rb"""([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_MESSAGE = re.compile(rb"(?<![a-z])([a-z]{4}\.[0-9]{3})\.001\.([0-9]{2})(?![0-9])")
_NOT_MARKUP = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>", re.DOTALL)
_NAME_ENDS = np.frombuffer(b" \t\n/>", dtype=np.uint8)
_LOOK_AHEAD = 64
"""More than any element's name is long."""
_ONCE = re.compile(r"at path (/[\w/@.]+)")


@dataclass(frozen=True)
class Layout:
    """Which messages a reader takes (`pain.002`, versions from and to), and the mapping file beside this module."""

    message: str
    version_min: int
    version_max: int
    element: str
    mapping: str


@dataclass(frozen=True)
class Message:
    """The columns read from one message by table name, all of them text, and its bytes in UTF-8 for counting."""

    kind: str
    version: int
    tables: dict[str, pa.Table]
    data: bytes

    @cached_property
    def _openings(self) -> tuple[bytes, npt.NDArray[np.int64]]:
        """The bytes without comments and CDATA, padded so that one may look ahead, and where every element opens in them."""
        text = _NOT_MARKUP.sub(b"", self.data) if b"<!" in self.data else self.data
        text += b" " * _LOOK_AHEAD
        characters = np.frombuffer(text, dtype=np.uint8)
        places = np.flatnonzero(characters == ord("<"))
        return text, places[characters[places + 1] != ord("/")]

    def positions(self, element: str) -> npt.NDArray[np.int64]:
        """Where elements of that local name open, in document order, found in the bytes without the parser."""
        text, places = self._openings
        if b"xmlns:" in text:
            pattern = rb"<(?:[A-Za-z_][\w.-]*:)?" + element.encode() + rb"(?=[\s/>])"
            return np.array([found.start() for found in re.finditer(pattern, text)], dtype=np.int64)
        # Where no prefix is declared no element has one: compare letter after letter, each time with fewer places left.
        characters = np.frombuffer(text, dtype=np.uint8)
        for offset, letter in enumerate(element.encode(), 1):
            places = places[characters[places + offset] == letter]
        return places[np.isin(characters[places + len(element) + 1], _NAME_ENDS)]

    def expect(self, element: str, found: int) -> None:
        """Raise unless the bytes hold exactly as many of the element as were found at their place."""
        count = len(self.positions(element))
        if count != found:
            raise UnreadableFile(
                f"It holds {count} elements {element}, of which {found} are at their place and readable."
            )


def sniff(data: bytes) -> Literal["status_report", "statement"] | None:
    """What a file says it is: a status report (pain.002), a statement (camt.053), or neither. It may still be unreadable."""
    try:
        kind, _ = _identify(_as_utf8(data))
    except UnreadableFile:
        return None
    kinds: dict[str, Literal["status_report", "statement"]] = {"pain.002": "status_report", "camt.053": "statement"}
    return kinds.get(kind)


def parse(data: bytes, layout: Layout) -> Message:
    """The message in `data` as columns of text, blanks trimmed, empty as null; raises `UnreadableFile` saying why not."""
    if len(data) > BYTES_MAX:
        raise UnreadableFile(f"It has {len(data)} bytes; {BYTES_MAX} is the limit.")
    text = _as_utf8(data)
    kind, version = _identify(text)
    if kind != layout.message or not layout.version_min <= version <= layout.version_max:
        raise OtherMessage(f"{kind}.001.{version:02d}", f"{layout.message}, {_versions(layout)}")
    _check_well_formed(text)
    try:
        batches = _parser(layout.mapping).parse(text)
    except Xml2ArrowError as error:
        # The library's words may quote a value, so only the path is repeated.
        where = _ONCE.search(str(error))
        place = f" at {where[1]}" if where else ""
        raise UnreadableFile(f"An element that may stand once is repeated, or a value cannot be read{place}.") from None
    tables = {name: _trimmed(pa.Table.from_batches([batch])) for name, batch in batches.items()}
    if not any(table.num_rows for table in tables.values()):
        raise UnreadableFile(f"It says that it is a {layout.message} and holds no {layout.element}.")
    return Message(kind, version, tables, text)


def _versions(layout: Layout) -> str:
    return f"versions {layout.version_min:02d} to {layout.version_max:02d}"


@lru_cache(maxsize=8)
def _parser(mapping: str) -> XmlToArrowParser:
    with resources.as_file(resources.files("banks.formats").joinpath("layouts", mapping)) as path:
        return XmlToArrowParser(path)


def _as_utf8(data: bytes) -> bytes:
    """The same document in UTF-8 without byte order mark and declaration, line ends as XML wants them read."""
    if not data or data.isspace():
        raise UnreadableFile("It is empty.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = _decoded(data, "utf-16").encode()
        encoding = "utf-8"
    else:
        data = data.removeprefix(b"\xef\xbb\xbf")
        encoding = _declared_encoding(data)
    data = _DECLARATION.sub(b"", data, count=1)
    if encoding not in ("utf-8", "utf8"):
        if encoding not in LEGACY_ENCODINGS:
            raise UnreadableFile(f"It declares the encoding {encoding}, which is not read.")
        data = _decoded(data, encoding).encode()
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


def _declared_encoding(data: bytes) -> str:
    declaration = _DECLARATION.match(data)
    found = _ENCODING.search(declaration[0]) if declaration else None
    return found[1].decode().lower() if found else "utf-8"


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"It is not {encoding} from byte {error.start} on.") from None


def _identify(text: bytes) -> tuple[str, int]:
    """The message and version that the root element's namespace names, e.g. `pain.002` and 3.

    Only the token counts: banks put their own prefixes and suffixes around it. Where the root has no namespace at all
    (`Xmlns=` has been seen), any attribute of the root may hold the token.
    """
    start = _PROLOG.match(text)
    position = start.end() if start else 0
    if text.startswith(b"<!", position):
        raise UnreadableFile("It declares a document type or entities, which a bank's message does not.")
    root = _ROOT.match(text, position)
    if root is None:
        raise UnreadableFile("It does not begin as an XML document.")
    prefix, _, local = root[1].rpartition(b":")
    if local != b"Document":
        raise UnreadableFile("Its outermost element is not Document.")
    attributes = {name: double or single for name, double, single in _ATTRIBUTE.findall(root[2])}
    namespace = attributes.get(b"xmlns:" + prefix if prefix else b"xmlns")
    candidates = [namespace] if namespace is not None else [v for n, v in attributes.items() if b":" not in n]
    tokens = [found for value in candidates for found in _MESSAGE.finditer(value)]
    if not tokens:
        raise UnreadableFile("Its namespace names no ISO 20022 message.")
    return tokens[-1][1].decode(), int(tokens[-1][2])


def _check_well_formed(text: bytes) -> None:
    parser = expat.ParserCreate(encoding="utf-8")

    def refuse_doctype(*_: object) -> NoReturn:
        raise UnreadableFile("It declares a document type or entities, which a bank's message does not.")

    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        raise UnreadableFile(f"It is not well-formed XML: {why}, line {error.lineno}.") from None


def _trimmed(table: pa.Table) -> pa.Table:
    """Texts without white space around them, empty ones null; the level columns (`<name>`) lose their brackets."""
    columns = []
    for column in table.columns:
        if pa.types.is_string(column.type):
            trimmed = pc.utf8_trim(column, characters=BLANKS)
            column = pc.if_else(pc.equal(pc.binary_length(trimmed), 0), pa.scalar(None, pa.string()), trimmed)
        columns.append(column)
    return pa.table(columns, names=[name.strip("<>") for name in table.column_names])
