"""The common way into a bank's XML: bytes are held to be what they claim before a fast parser may read them.

The fast parser (xml2arrow) maps paths to columns at some hundred thousand records a second, and refuses a tag that closes
another element than the one that is open, but is lenient else: a file cut between two elements, a second root, control
characters and text behind the end pass unnoticed. So nothing that it has read is believed before the whole file is known
to be well-formed to the last byte (no DOCTYPE, hence no entities to expand); the root must name its message, and each
reader counts the record elements in the bytes and compares.

Well-formed is what expat says. Most files are plainer than XML allows: no comment, CDATA, instruction or prefix inside,
no attribute but a currency. For these expat reads the prolog and the root alone. The rest is held against one regular
expression, in compiled code at several times expat's speed, which leaves a single thing open that no regular expression
can tell, whether the tags match; and that the fast parser does. What is not plain is read by expat as a whole.
"""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal, NoReturn
from xml.parsers import expat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from xml2arrow import XmlToArrowParser
from xml2arrow.exceptions import Xml2ArrowError

from banks.formats import OtherMessage, UnreadableFile
from banks.formats.columns import letters

BYTES_MAX = 1 << 30
"""A gigabyte: about 1.5 million statement entries. Nothing honest is larger, and memory is finite."""
LEGACY_ENCODINGS = ("us-ascii", "iso-8859-1", "iso-8859-15", "windows-1250", "windows-1252")
BLANKS = " \t\n\r"
"""XML's white space, which pretty printing puts around a value."""

_DECLARATION = re.compile(rb"""^\s*<\?xml\s[^>]*?\?>""")
_USUAL_DECLARATION = re.compile(
    rb"""<\?xml version="1[.]0"(?: encoding="(?:UTF|utf)-8")?(?: standalone="(?:yes|no)")? ?\?>"""
)
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_PROLOG = re.compile(rb"(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_ROOT = re.compile(rb"""<([A-Za-z_][\w.:-]*)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*/?>""")
_ATTRIBUTE = re.compile(rb"""([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_MESSAGE = re.compile(rb"(?<![a-z])([a-z]{4}\.[0-9]{3})\.001\.([0-9]{2})(?![0-9])")
_NOT_MARKUP = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>", re.DOTALL)
_ONCE = re.compile(r"at path (/[\w/@.]+)")


def _plain_form() -> str:
    """What may stand between the root's tags in a plain file, for RE2.

    An element holds either elements, with blanks between, or one text that is not empty and has no blanks at its ends;
    so that in a plain file there is nothing to trim, and an element's opening is written in one way alone.
    """
    name, blanks = "[A-Za-z_][A-Za-z0-9_.-]*", r"[ \t\n]*"
    opening, closing = rf'<{name}(?: Ccy="[A-Z]{{3}}")?>', f"</{name}>"
    # Neither a blank nor <, > and &: XML's characters else, or one of its own five entities.
    visible = r"(?:[!-%'-;=?-\x{d7ff}\x{e000}-\x{fffd}\x{10000}-\x{10ffff}]|&(?:amp|lt|gt|quot|apos);)"
    text = rf"{visible}(?:[ \t\n]*{visible})*"
    return rf"\A{blanks}(?:(?:{opening}{blanks})*{opening}{text}{closing}{blanks}|{closing}{blanks})*\z"


_PLAIN = _plain_form()


@dataclass(frozen=True)
class Layout:
    """Which messages a reader takes (`pain.002`, versions from and to), and the mapping file beside this module.

    `element` holds the message. `records` are the elements that are counted, so that none is passed over in silence;
    none of them bears a currency.
    """

    message: str
    version_min: int
    version_max: int
    element: str
    mapping: str
    records: tuple[str, ...]


@dataclass(frozen=True)
class Message:
    """The columns read from one message by table name, all of them text; its bytes in UTF-8, and their records counted."""

    kind: str
    version: int
    tables: dict[str, pa.Table]
    data: bytes
    counts: dict[str, int]

    def expect(self, element: str, found: int) -> None:
        """Raise unless the bytes hold exactly as many of the element as were found at their place."""
        count = self.counts[element]
        if count != found:
            raise UnreadableFile(
                f"It holds {count} elements {element}, of which {found} are at their place and readable."
            )


Kind = Literal["status_report", "statement", "notification"]
_KINDS: dict[str, Kind] = {"pain.002": "status_report", "camt.053": "statement", "camt.054": "notification"}


def sniff(data: bytes) -> Kind | None:
    """What a file says it is: a status report (pain.002), a statement (camt.053), a notification (camt.054), or none of
    these. It may still be unreadable."""
    try:
        kind, _ = _identify(_as_utf8(data))
    except UnreadableFile:
        return None
    return _KINDS.get(kind)


def parse(data: bytes, layout: Layout) -> Message:
    """The message in `data` as columns of text, blanks trimmed, empty as null; raises `UnreadableFile` saying why not."""
    if len(data) > BYTES_MAX:
        raise UnreadableFile(f"It has {len(data)} bytes; {BYTES_MAX} is the limit.")
    text = _as_utf8(data)
    kind, version = _identify(text)
    if kind != layout.message or not layout.version_min <= version <= layout.version_max:
        raise OtherMessage(f"{kind}.001.{version:02d}", f"{layout.message}, {_versions(layout)}")
    # The parser lets go of Python's lock, so the two pass over the file side by side.
    with ThreadPoolExecutor(max_workers=1) as beside:
        reading = beside.submit(_parser(layout.mapping).parse, text)
        is_plain = _is_plain(text)
        if not is_plain:
            _check_well_formed(text)
        counts = _count(text, layout.records, is_plain)
        try:
            batches = reading.result()
        except Xml2ArrowError as error:
            if is_plain:
                _check_well_formed(text)
            # The library's words may quote a value, so only the path is repeated.
            where = _ONCE.search(str(error))
            place = f" at {where[1]}" if where else ""
            raise UnreadableFile(
                f"An element that may stand once is repeated, or a value cannot be read{place}."
            ) from None
    tables = {name: _trimmed(pa.Table.from_batches([batch]), is_plain) for name, batch in batches.items()}
    if not any(table.num_rows for table in tables.values()):
        raise UnreadableFile(f"It says that it is a {layout.message} and holds no {layout.element}.")
    return Message(kind, version, tables, text, counts)


def _versions(layout: Layout) -> str:
    return f"versions {layout.version_min:02d} to {layout.version_max:02d}"


@lru_cache(maxsize=8)
def _parser(mapping: str) -> XmlToArrowParser:
    with resources.as_file(resources.files("banks.formats").joinpath("layouts", mapping)) as path:
        return XmlToArrowParser(path)


def _as_utf8(data: bytes) -> bytes:
    """The same document in UTF-8 without byte order mark, line ends as XML wants them read.

    Without a declaration too, but the usual one, which is true and would cost a copy of the file.
    """
    if not data or data.isspace():
        raise UnreadableFile("It is empty.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = _decoded(data, "utf-16").encode()
        encoding = "utf-8"
    else:
        data = data.removeprefix(b"\xef\xbb\xbf")
        encoding = _declared_encoding(data)
    declaration = _DECLARATION.match(data)
    if declaration and not _USUAL_DECLARATION.match(data):
        data = data[declaration.end() :]
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


def _is_plain(text: bytes) -> bool:
    """Whether the document is of the plain form, in which it is well-formed if its tags match.

    The root closes once, with the last tag; where all tags match, everything is then inside it and everything is closed.
    """
    prolog = _PROLOG.match(text)
    root = _ROOT.match(text, prolog.end() if prolog else 0)
    end = text.rfind(b"<")
    if root is None or root[0].endswith(b"/>") or end < root.end():
        return False
    closing = b"</%s>" % root[1]
    if text[end:].rstrip(BLANKS.encode()) != closing or text.count(closing) != 1:
        return False
    try:
        expat.ParserCreate(encoding="utf-8").Parse(text[: root.end()] + closing, True)
    except expat.ExpatError:
        return False
    inside = pa.py_buffer(memoryview(text)[root.end() : end])
    ends = pa.py_buffer(np.array([0, inside.size], dtype=np.int64))
    whole = pa.Array.from_buffers(pa.large_string(), 1, [None, ends, inside])
    return bool(pc.match_substring_regex(whole, _PLAIN)[0].as_py())


def openings(text: bytes, elements: tuple[str, ...]) -> list[bytes]:
    """The local names of those of the elements that open in the bytes, in their order, found without the fast parser."""
    markup = _NOT_MARKUP.sub(b"", text) if b"<!" in text else text
    # Where no prefix is declared no element has one.
    prefix = rb"(?:[A-Za-z_][\w.-]*:)?" if b"xmlns:" in markup else b""
    names = b"|".join(element.encode() for element in elements)
    return re.findall(b"<" + prefix + b"(" + names + rb")(?=[\s/>])", markup)


def _count(text: bytes, elements: tuple[str, ...], is_plain: bool) -> dict[str, int]:
    """How many of each element open. In a plain file one without a currency opens as `<Name>`, byte for byte."""
    if is_plain:
        return {element: text.count(b"<%s>" % element.encode()) for element in elements}
    found = Counter(openings(text, elements))
    return {element: found[element.encode()] for element in elements}


def _trimmed(table: pa.Table, is_plain: bool) -> pa.Table:
    """Texts without white space around them, empty ones null; the level columns (`<name>`) lose their brackets."""
    columns = []
    for column in table.columns:
        if pa.types.is_string(column.type) and not (is_plain and _has_text_alone(column)):
            trimmed = pc.utf8_trim(column, characters=BLANKS)
            column = pc.if_else(pc.equal(pc.binary_length(trimmed), 0), pa.scalar(None, pa.string()), trimmed)
        columns.append(column)
    return pa.table(columns, names=[name.strip("<>") for name in table.column_names])


def _has_text_alone(column: pa.ChunkedArray) -> bool:
    """Whether no value of a plain file's column is empty or blanks: one is where an element holds elements."""
    return all(map(_begins_visibly, column.chunks))


def _begins_visibly(texts: pa.StringArray) -> bool:
    """Whether each text that is there begins with something else than a blank."""
    if texts.null_count == len(texts):
        return True
    letter, places = letters(texts)
    begins = places[:-1][np.diff(places) > 0]
    return len(begins) == len(texts) - texts.null_count and not np.any(letter[begins] <= ord(" "))
