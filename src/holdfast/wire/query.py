"""The query string of a request: split once, decoded late."""

from __future__ import annotations

import re

from holdfast.model.errors import InvalidArgument, InvalidURI

_ESCAPES = {(a + b).encode(): bytes.fromhex(a + b) for a in "0123456789abcdefABCDEF" for b in "0123456789abcdefABCDEF"}
_ONLY_SIGNED = re.compile(
    rb"X-Amz-Algorithm=[^&]*&X-Amz-Credential=[^&]*&X-Amz-Date=[^&]*"
    rb"&X-Amz-(?:Expires=[^&]*&X-Amz-SignedHeaders|SignedHeaders=[^&]*&X-Amz-Expires)=[^&]*&X-Amz-Signature=[^&]*\Z"
)
PERCENT, _PLUS = b"%+"  # as numbers: looking for a byte by its number costs a tenth of looking for bytes
EMPTY: dict[bytes, bytes] = {}
PARAMETERS_MAX = 256


def split(raw: bytes) -> dict[bytes, bytes]:
    """Names (decoded) to values (still percent-encoded). A name without "=" has the value b"".

    The query of a presigned URL that holds nothing but its signature (which is read elsewhere) is empty.
    A name that comes twice is refused: signer, policy and store could each take another one.
    Errors: InvalidURI, InvalidArgument.
    """
    if _ONLY_SIGNED.match(raw) is not None:
        return EMPTY
    pieces = raw.split(b"&")
    found = {name: value for name, _, value in [piece.partition(b"=") for piece in pieces]}
    if len(found) == len(pieces) <= PARAMETERS_MAX and b"" not in found:
        for name in found:
            if PERCENT in name:
                return _split_with_care(pieces)
        return found
    return _split_with_care(pieces)


def _split_with_care(pieces: list[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        if PERCENT in name:
            name = _decode(name)
        if name:
            if name in found:
                raise InvalidArgument("A query parameter may be given once.", ArgumentName=name.decode("utf-8", "replace"))
            found[name] = value
    if len(found) > PARAMETERS_MAX:
        raise InvalidURI()
    return found


def text(value: bytes) -> str:
    """A value as text: "+" is a space, escapes decoded, UTF-8. Errors: InvalidURI."""
    if _PLUS in value:
        value = value.replace(b"+", b" ")
    if PERCENT in value:
        value = _decode(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidURI() from None


def path_text(value: bytes) -> str:
    """A piece of the path as text: percent-decoded once, nothing else changed. Errors: InvalidURI for bad escapes, bad UTF-8 and NUL."""
    if PERCENT in value:
        value = _decode(value)
    if 0 in value:
        raise InvalidURI()
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidURI() from None


def _decode(value: bytes) -> bytes:
    pieces = value.split(b"%")
    try:
        return pieces[0] + b"".join([_ESCAPES[piece[:2]] + piece[2:] for piece in pieces[1:]])
    except KeyError:
        raise InvalidURI() from None
