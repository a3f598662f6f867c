"""Object tags: what a tag may be, and how many an object may have (S3 User Guide, "Categorizing your storage using tags")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus

from holdfast.model.errors import InvalidArgument, InvalidTag, MalformedXML

TAGS_MAX = 10
KEY_CHARACTERS_MAX = 128
VALUE_CHARACTERS_MAX = 256
RESERVED_PREFIX = "aws:"
_ALLOWED = re.compile(r"[\w\s+\-=.:/@]*\Z")
_PLUS_OR_ESCAPE = re.compile(r"[%+]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def tag_set(pairs: Iterable[tuple[str, str]], tags_max: int = TAGS_MAX) -> dict[str, str]:
    """The tags as a dict, in the order given. Errors: InvalidTag for a key or value that may not be, twice the same key, or more than `tags_max`."""
    tags: dict[str, str] = {}
    for key, value in pairs:
        if not 1 <= len(key) <= KEY_CHARACTERS_MAX or _ALLOWED.match(key) is None:
            raise InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > VALUE_CHARACTERS_MAX or _ALLOWED.match(value) is None:
            raise InvalidTag("The TagValue you have provided is invalid", TagKey=key, TagValue=value)
        if key.startswith(RESERVED_PREFIX):
            raise InvalidTag("System tags cannot be added/updated by requester", TagKey=key)
        if key in tags:
            raise InvalidTag("Cannot provide multiple Tags with the same key", TagKey=key)
        tags[key] = value
    if len(tags) > tags_max:
        raise InvalidTag(f"Object tags cannot be greater than {tags_max}")
    return tags


def tags_of_header(header: str) -> dict[str, str]:
    """The tags in an `x-amz-tagging` header, "key=value&key=value" with URL escapes. Errors: InvalidArgument; as `tag_set`."""
    if not header:
        return {}
    if _BROKEN_ESCAPE.search(header) is not None:
        raise _malformed(header)
    pairs = []
    for pair in header.split("&"):
        key, _, value = pair.partition("=")
        if not key:
            raise _malformed(header)
        pairs.append((_unescape(key, header), _unescape(value, header)))
    return tag_set(pairs)


def _unescape(text: str, header: str) -> str:
    if _PLUS_OR_ESCAPE.search(text) is None:
        return text
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise _malformed(header) from None


def _malformed(header: str) -> InvalidArgument:
    return InvalidArgument(
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
        ArgumentName="x-amz-tagging", ArgumentValue=header,
    )  # fmt: skip


def tags_of_document(tagging: dict[str, Any], tags_max: int = TAGS_MAX) -> dict[str, str]:
    """The tags in a Tagging document, read into dicts with snake case keys. Errors: MalformedXML; as `tag_set`."""
    rows = tagging.get("tag_set")
    if rows is None:
        raise MalformedXML
    pairs = []
    for row in rows:
        if not isinstance(row, dict) or row.get("key") is None or row.get("value") is None:
            raise MalformedXML
        pairs.append((row["key"], row["value"]))
    return tag_set(pairs, tags_max)
