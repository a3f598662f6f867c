"""XML without its dangers: a parser that knows no DTD, no entity and no encoding but UTF-8, and escaping for the writers."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.parsers import expat  # hardened below: no DTD, so neither entities nor external files

import msgspec

from holdfast.model.errors import MalformedXML

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
SEPARATOR = " "
"""Between namespace and local name in the names that the parser gives."""


class Limits(msgspec.Struct, frozen=True):
    """How much one document may hold: size in bytes, elements, depth of nesting."""

    bytes_max: int = 1 << 20
    elements_max: int = 20_000
    depth_max: int = 16


ORDINARY = Limits()
_WIDE = re.compile(rb"\A(?:\xff\xfe|\xfe\xff|\x00|.\x00)", re.DOTALL)


def _refuse(*_: object) -> None:
    raise MalformedXML()


def _declared(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise MalformedXML("The XML must be in UTF-8.")


def parse(
    data: bytes,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
    limits: Limits = ORDINARY,
) -> None:
    """Feeds one document to the callbacks; names are `namespace local` or `local`.

    Refused: document types (and with them every entity), processing instructions, encodings other than UTF-8, anything past
    `limits`. Callbacks may raise. Errors: MalformedXML.
    """
    if len(data) > limits.bytes_max or _WIDE.match(data):
        raise MalformedXML()
    parser = expat.ParserCreate("utf-8", SEPARATOR)
    parser.buffer_text = True
    elements = depth = 0
    elements_max, depth_max = limits.elements_max, limits.depth_max

    def opened(name: str, attributes: dict[str, str]) -> None:
        nonlocal elements, depth
        elements += 1
        depth += 1
        if elements > elements_max or depth > depth_max:
            raise MalformedXML()
        start(name, attributes)

    def closed(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name)

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = text
    parser.XmlDeclHandler = _declared
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.UnparsedEntityDeclHandler = _refuse
    parser.NotationDeclHandler = _refuse
    parser.SkippedEntityHandler = _refuse
    parser.ProcessingInstructionHandler = _refuse
    parser.ExternalEntityRefHandler = lambda *_: 0
    try:
        parser.Parse(data, True)
    except expat.ExpatError:
        raise MalformedXML() from None


_SPECIAL = re.compile("[&<>\"\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_ENTITY = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}


def _replacement(found: re.Match[str]) -> str:
    char = found[0]
    entity = _ENTITY.get(char)
    if entity is not None:
        return entity
    return f"&#{ord(char)};" if "\x7f" <= char <= "\x9f" else "\ufffd"


class Written(str):
    """Text that is written for XML already: the writers leave it as it is. Only for who must write names otherwise than `escape`."""

    __slots__ = ()


def escape(text: str) -> str:
    """Text for an element or an attribute. What XML 1.0 cannot hold (control characters, lone surrogates) becomes U+FFFD,
    so that the document stays readable; listings of such keys ask for encoding-type=url."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(_replacement, text)
