"""Encryption on the wire of OCI: the keys that clients bring in opc-sse-customer-*, and the key of the store's key service that they name.

Source: OCI, "Using Your Own Keys for Server-Side Encryption": a key of the client's own must come over TLS; here loopback counts as safe too.
"""

from __future__ import annotations

import hmac
import ipaddress
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from hashlib import sha256

from holdfast.model.errors import InvalidArgument, InvalidRequest
from holdfast.model.messages import Request
from holdfast.model.objects import Facts
from holdfast.objects.encryption import FACT, SSE_C, SSE_KMS, Wish, check_customer_key, envelope_of
from holdfast.wire.values import header_text

_CUSTOMER = b"opc-sse-customer-"
_SOURCE = b"opc-source-sse-customer-"
_KEY_ID = b"opc-sse-kms-key-id"


def source_key(request: Request) -> bytes:
    """As `customer_key`, the key of the source of a copy."""
    return customer_key(request, _SOURCE)


def customer_key(request: Request, prefix: bytes = _CUSTOMER) -> bytes:
    """The 32 bytes of the key that the client brings, b"" for none.

    Errors: InvalidArgument (an incomplete or wrong triple), InvalidRequest (no TLS)."""
    algorithm, key, digest = (request.headers.get(prefix + name) for name in (b"algorithm", b"key", b"key-sha256"))
    if algorithm is None and key is None and digest is None:
        return b""
    if algorithm != b"AES256":
        raise InvalidArgument("opc-sse-customer-algorithm must be AES256.", ArgumentName="opc-sse-customer-algorithm")
    try:
        found, given = b64decode(key or b"", validate=True), b64decode(digest or b"", validate=True)
    except BadBase64:
        found = given = b""
    if len(found) != 32:
        raise InvalidArgument("opc-sse-customer-key must be 32 bytes in base64.", ArgumentName="opc-sse-customer-key")
    if not hmac.compare_digest(given, sha256(found).digest()):
        raise InvalidArgument(
            "opc-sse-customer-key-sha256 must be the SHA-256 of the key in base64.", ArgumentName="opc-sse-customer-key-sha256"
        )  # fmt: skip
    if not request.secure and not _is_loopback(request.peer):
        raise InvalidRequest("A request that brings an encryption key must be made over TLS.")
    return found


def wish_of(request: Request) -> Wish | None:
    """How the request wants its object encrypted, None where it says nothing. Errors: as `customer_key`; InvalidArgument for both kinds of keys."""
    own, key_id = customer_key(request), request.headers.get(_KEY_ID)
    if own:
        if key_id is not None:
            raise InvalidArgument("A key of one's own and opc-sse-kms-key-id cannot be used together.", ArgumentName=_KEY_ID.decode())
        return Wish(SSE_C, customer_key=own)
    return Wish(SSE_KMS, key_id=header_text(key_id)) if key_id is not None else None


def key_to_read(request: Request, facts: Facts) -> bytes:
    """The key that the client brought, which must be that of an object that needs one. Errors: InvalidRequest; as `customer_key`."""
    own = customer_key(request)
    envelope = envelope_of(facts) if FACT in facts.extra else None
    if envelope is not None and envelope.algorithm == SSE_C:
        check_customer_key(envelope, own)
    elif own:
        raise InvalidRequest("The object was not encrypted with a key of the client's own.")
    return own


def encryption_headers(request: Request, facts: Facts) -> list[tuple[bytes, bytes]]:
    """What an answer says of how the object is encrypted."""
    envelope = envelope_of(facts) if FACT in facts.extra else None
    if envelope is None:
        return []
    if envelope.algorithm == SSE_KMS:
        return [(_KEY_ID, envelope.key_id.encode())]
    if envelope.algorithm != SSE_C:
        return []
    own = customer_key(request)
    return [(_CUSTOMER + b"algorithm", b"AES256"), (_CUSTOMER + b"key-sha256", b64encode(sha256(own).digest()))]


def _is_loopback(peer: str) -> bool:
    try:
        return not peer or ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
