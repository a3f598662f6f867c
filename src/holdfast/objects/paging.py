"""Continuation tokens and page limits, shared by every operation that answers in pages."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from zlib import crc32

from holdfast.model.errors import InvalidArgument

_TOKEN_VERSION = b"\x01"


def continuation_token(after: str) -> str:
    """An opaque token that means "go on after this name": a version byte, a CRC-32 and the name in URL-safe base64.

    It holds nothing secret and no right: whoever may list the bucket may list from any place in it."""
    raw = after.encode("utf-8", "surrogatepass")
    return urlsafe_b64encode(_TOKEN_VERSION + crc32(raw).to_bytes(4, "big") + raw).decode("ascii")


def continuation_place(token: str) -> str:
    """The name that a token stands for. Errors: InvalidArgument when this store never gave it out."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii"))
        name = raw[5:].decode()
    except (UnicodeError, binascii.Error):
        name = None
    if not name or raw[:1] != _TOKEN_VERSION or raw[1:5] != crc32(raw[5:]).to_bytes(4, "big"):
        raise InvalidArgument("The continuation token provided is incorrect", ArgumentName="continuation-token")
    return name


def page_limit(value: int | None, argument: str, default: int = 1000, largest: int = 1000) -> int:
    """How many rows a page may hold: `default` when not asked, at most `largest`.

    Errors: InvalidArgument when negative or beyond 2**31 - 1."""
    if value is None:
        return default
    if not 0 <= value <= 0x7FFFFFFF:
        raise InvalidArgument(
            f"Argument {argument} must be an integer between 0 and 2147483647", ArgumentName=argument, ArgumentValue=str(value)
        )
    return min(value, largest)
