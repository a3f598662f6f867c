"""The XML of the three object listings, written by hand: one f-string a row, because this text is the cost of a LIST."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import repeat
from urllib.parse import quote

from holdfast.model.errors import InvalidArgument
from holdfast.model.messages import Response
from holdfast.model.objects import Entry
from holdfast.wire.xml import Written

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<%s xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'

# Bytes of UTF-8 that need no care in XML text: all but control characters, the markup characters, and the lead byte of U+FFFE.
_XML_PLAIN = bytes(c for c in range(0x20, 0x100) if c not in b"&<>\"'\x7f\xef") + b"\n\t"
_URL_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/*"
_URL_SAFE = "/*"
_XML_SPECIAL = re.compile("[&<>\"\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_XML_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def _reference(match: re.Match[str]) -> str:
    character = match.group()
    return _XML_NAMED.get(character) or f"&#x{ord(character):x};"


def xml_text(text: str) -> str:
    """`text` as XML character data. Control characters become numeric references, as S3 writes them, though XML 1.0 has no form for
    them and strict parsers stop there: a client that meets such keys asks for `encoding-type=url`. A stand-in like U+FFFD would
    read well and be wrong: the key would name another object, and a page continued after it would skip keys in silence."""
    return _XML_SPECIAL.sub(_reference, text)


def url_text(text: str) -> str:
    """`text` as `encoding-type=url` has it: UTF-8 percent-encoded, all but letters, digits and `-_.~/*`. Safe in XML as it is."""
    return quote(text, safe=_URL_SAFE, errors="replace")


class Encoding:
    """How the names of one answer are written: as XML text, or percent-encoded (`encoding-type=url`)."""

    __slots__ = ("element", "one", "plain")

    def __init__(self, encoding_type: str | None) -> None:
        """Errors: InvalidArgument for another encoding type."""
        if encoding_type is None:
            self.one, self.plain, self.element = xml_text, _XML_PLAIN, ""
        elif encoding_type == "url":
            self.one, self.plain, self.element = url_text, _URL_PLAIN, "<EncodingType>url</EncodingType>"
        else:
            raise InvalidArgument("Invalid Encoding Method specified in Request", ArgumentName="encoding-type", ArgumentValue=encoding_type)

    def for_writer(self, name: str) -> Written:
        """A name for a writer of XML, which takes it as it is: the writers' own escaping has stand-ins for control characters."""
        return Written(self.one(name))

    def all(self, names: list[str]) -> list[str]:
        """Every name written; a page of plain names costs one look at its bytes."""
        if "".join(names).encode("utf-8", "replace").translate(None, self.plain):
            one = self.one
            return [one(name) for name in names]
        return names


_MINUTES = tuple(f"T{m // 60:02d}:{m % 60:02d}:" for m in range(1440))
_SECONDS = tuple(f"{s:02d}.000Z" for s in range(60))
_days: dict[int, str] = {}


def date_text(ms: int) -> str:
    """A time in milliseconds since the epoch as S3's listings write it: whole seconds, `.000Z`, so that it equals Last-Modified."""
    day, second = divmod(ms // 1000, 86400)
    text = _days.get(day)
    if text is None:
        if len(_days) > 10_000:
            _days.clear()
        text = _days[day] = datetime.fromtimestamp(day * 86400, UTC).strftime("%Y-%m-%d")
    return text + _MINUTES[second // 60] + _SECONDS[second % 60]


_checksum_elements: dict[str, str] = {"": ""}


def checksum_elements(checksum: str) -> str:
    """ChecksumAlgorithm and ChecksumType of a row, from "ALGORITHM/TYPE" or ""."""
    text = _checksum_elements.get(checksum)
    if text is None:
        algorithm, _, kind = checksum.partition("/")
        text = f"<ChecksumAlgorithm>{xml_text(algorithm)}</ChecksumAlgorithm>"
        if kind:
            text += f"<ChecksumType>{xml_text(kind)}</ChecksumType>"
        _checksum_elements[checksum] = text
    return text


def owner_elements(names: dict[str, str]) -> dict[str, str]:
    """The Owner element of each canonical id in `names` (canonical id -> display name)."""
    return {
        owner: f"<Owner><ID>{xml_text(owner)}</ID><DisplayName>{xml_text(display)}</DisplayName></Owner>" for owner, display in names.items()
    }


def contents(entries: list[Entry], encoding: Encoding, owners: dict[str, str], tag_sets: Iterable[str] = repeat("")) -> str:
    """The Contents rows. `owners`: the Owner element (or "") of each owner; `tag_sets`: a TagSet element (or "") for each row."""
    keys = encoding.all([entry[0] for entry in entries])
    checks = {checksum: checksum_elements(checksum) for checksum in {entry[7] for entry in entries}}
    dates = {ms: date_text(ms) for ms in {entry[2] for entry in entries}}
    return "".join(
        [
            f"<Contents><Key>{key}</Key><LastModified>{dates[ms]}</LastModified><ETag>&quot;{etag}&quot;</ETag>{checks[checksum]}"
            f"<Size>{size}</Size>{owners[owner]}<StorageClass>{storage_class}</StorageClass>{tags}</Contents>"
            for key, (_, _, ms, size, etag, storage_class, owner, checksum, _, _), tags in zip(keys, entries, tag_sets, strict=False)
        ]
    )


def versions(entries: list[Entry], encoding: Encoding, owners: dict[str, str]) -> str:
    """The Version and DeleteMarker rows, in one order."""
    rows = []
    for key, entry in zip(encoding.all([entry[0] for entry in entries]), entries, strict=True):
        _, version_id, ms, size, etag, storage_class, owner, checksum, is_marker, is_latest = entry
        latest = "true" if is_latest else "false"
        head = f"<Key>{key}</Key><VersionId>{version_id}</VersionId><IsLatest>{latest}</IsLatest><LastModified>{date_text(ms)}</LastModified>"
        if is_marker:
            rows.append(f"<DeleteMarker>{head}{owners[owner]}</DeleteMarker>")
        else:
            rows.append(
                f"<Version>{head}<ETag>&quot;{etag}&quot;</ETag>{checksum_elements(checksum)}<Size>{size}</Size>{owners[owner]}"
                f"<StorageClass>{storage_class}</StorageClass></Version>"
            )
    return "".join(rows)


def common_prefixes(prefixes: Iterable[str], encoding: Encoding) -> str:
    """The CommonPrefixes elements."""
    one = encoding.one
    return "".join([f"<CommonPrefixes><Prefix>{one(prefix)}</Prefix></CommonPrefixes>" for prefix in prefixes])


def element(name: str, text: str | None) -> str:
    """`<name>text</name>`, or nothing for None. `text` is already written for XML."""
    return "" if text is None else f"<{name}>{text}</{name}>"


def listing_response(text: str) -> Response:
    """The answer that carries a listing."""
    return Response(200, [(b"content-type", b"application/xml; charset=UTF-8")], text.encode("utf-8", "replace"))
