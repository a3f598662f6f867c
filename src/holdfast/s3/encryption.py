"""Server-side encryption on the wire of S3: what request headers ask for, the keys that clients bring, and what answers say.

Source: S3 API Reference, PutObject, GetObject, CopyObject, UploadPart (x-amz-server-side-encryption*), and the S3 User Guide,
"Using server-side encryption with customer-provided keys": those must come over TLS; here loopback counts as safe too.
"""

from __future__ import annotations

import ipaddress
from base64 import b64decode
from binascii import Error as BadBase64
from hashlib import md5
from typing import Any

from holdfast.model.errors import InvalidArgument, InvalidRequest, NotImplemented
from holdfast.model.messages import Request
from holdfast.model.objects import Facts
from holdfast.objects.encryption import SSE_C, SSE_KMS, SSE_S3, Envelope, Wish, check_customer_key, data_key_of, envelope_of
from holdfast.s3.operation import Call
from holdfast.wire.values import header_text

CUSTOMER_MEMBERS = ("sse_customer_algorithm", "sse_customer_key", "sse_customer_key_md5")
"""Members of inputs that are read from the headers here."""
SOURCE_MEMBERS = tuple("copy_source_" + name for name in CUSTOMER_MEMBERS)
WRITE_MEMBERS = ("server_side_encryption", "sse_kms_key_id", "sse_kms_encryption_context", "bucket_key_enabled", *CUSTOMER_MEMBERS)

_SSE = b"x-amz-server-side-encryption"
_KEY_ID = b"x-amz-server-side-encryption-aws-kms-key-id"
_CONTEXT = b"x-amz-server-side-encryption-context"
_BUCKET_KEY = b"x-amz-server-side-encryption-bucket-key-enabled"
_CUSTOMER = b"x-amz-server-side-encryption-customer-"
_SOURCE = b"x-amz-copy-source-server-side-encryption-customer-"
SSE_C_HEADER = _CUSTOMER + b"algorithm"
_NAMES = frozenset((_SSE, _KEY_ID, _CONTEXT, _BUCKET_KEY, *(_CUSTOMER + name for name in (b"algorithm", b"key", b"key-md5"))))
Header = tuple[bytes, bytes]


def asks(request: Request) -> bool:
    """Whether a header of the request is about the encryption of what it writes."""
    return not _NAMES.isdisjoint(request.headers)


def customer_key(request: Request, prefix: bytes = _CUSTOMER) -> bytes:
    """The 32 bytes of the key that the client brings, b"" for none.

    Errors: InvalidArgument (an incomplete or wrong triple), InvalidRequest (no TLS)."""
    headers = request.headers
    algorithm, key, digest = (headers.get(prefix + name) for name in (b"algorithm", b"key", b"key-md5"))
    if algorithm is None and key is None and digest is None:
        return b""
    if algorithm is None:
        raise InvalidArgument(
            "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
            ArgumentName=(prefix + b"algorithm").decode(),
        )
    if algorithm != b"AES256":
        raise InvalidArgument("The encryption method specified is not supported", ArgumentName=(prefix + b"algorithm").decode())
    if not key:
        raise InvalidArgument(
            "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
            ArgumentName=(prefix + b"key").decode(),
        )
    try:
        found = b64decode(key, validate=True)
        given = b64decode(digest or b"", validate=True)
    except BadBase64:
        found = given = b""
    if len(found) != 32:
        raise InvalidArgument("The secret key was invalid for the specified algorithm.", ArgumentName=(prefix + b"key").decode())
    if given != md5(found, usedforsecurity=False).digest():
        raise InvalidArgument(
            "The calculated MD5 hash of the key did not match the hash that was provided.", ArgumentName=(prefix + b"key-MD5").decode()
        )
    if not request.secure and not _is_loopback(request.peer):
        raise InvalidRequest("Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.")
    return found


def source_key(request: Request) -> bytes:
    """The client's key for the source of a copy, b"" for none. Errors: as `customer_key`."""
    return customer_key(request, _SOURCE)


def wish_of(request: Request) -> Wish | None:
    """How the request wants its object encrypted, None where it says nothing. Errors: InvalidArgument, InvalidRequest, NotImplemented."""
    if not asks(request):
        return None
    headers = request.headers
    method = headers.get(_SSE)
    key_id = headers.get(_KEY_ID)
    own = customer_key(request)
    if own:
        if method is not None or key_id is not None:
            raise InvalidArgument("Server Side Encryption with Customer provided key is incompatible with the encryption method specified")
        return Wish(SSE_C, customer_key=own)
    if _CONTEXT in headers:
        raise NotImplemented("Encryption contexts are not implemented.", Header=_CONTEXT.decode())
    if method is None:
        if key_id is not None or _BUCKET_KEY in headers:
            raise InvalidArgument("Server side encryption with a KMS key needs x-amz-server-side-encryption: aws:kms.", ArgumentName=_SSE.decode())
        return None
    if method not in (b"AES256", b"aws:kms"):
        raise InvalidArgument("The encryption method specified is not supported", ArgumentName=_SSE.decode(), ArgumentValue=header_text(method))
    if method == b"AES256":
        if key_id is not None:
            raise InvalidArgument("A KMS key cannot be used with the encryption method AES256.", ArgumentName=_KEY_ID.decode())
        return Wish(SSE_S3)
    return Wish(SSE_KMS, key_id=header_text(key_id or b""), bucket_key=headers.get(_BUCKET_KEY, b"").lower() == b"true")


def encryption_headers(facts: Facts, request: Request) -> list[Header]:
    """What an answer says of how the object is encrypted."""
    envelope = envelope_of(facts)
    return [] if envelope is None else _headers(envelope, request)


def encryption_members(facts: Facts, request: Request, *, of_completion: bool = False) -> dict[str, Any]:
    """The same as members of an output; that of CompleteMultipartUpload has none for a customer's key."""
    names = {
        _SSE: "server_side_encryption", _KEY_ID: "sse_kms_key_id", _BUCKET_KEY: "bucket_key_enabled",
        _CUSTOMER + b"algorithm": "sse_customer_algorithm", _CUSTOMER + b"key-MD5": "sse_customer_key_md5",
    }  # fmt: skip
    found: dict[str, Any] = {names[name]: value.decode("latin-1") for name, value in encryption_headers(facts, request)}
    if "bucket_key_enabled" in found:
        found["bucket_key_enabled"] = True
    if of_completion:
        found = {name: value for name, value in found.items() if not name.startswith("sse_customer")}
    return found


def _headers(envelope: Envelope, request: Request) -> list[Header]:
    if envelope.algorithm == SSE_C:
        key_md5 = request.headers.get(_CUSTOMER + b"key-md5", b"")
        return [(_CUSTOMER + b"algorithm", b"AES256"), *([(_CUSTOMER + b"key-MD5", key_md5)] if key_md5 else [])]
    found = [(_SSE, envelope.algorithm.encode())]
    if envelope.algorithm == SSE_KMS:
        found.append((_KEY_ID, envelope.key_id.encode()))
        if envelope.bucket_key:
            found.append((_BUCKET_KEY, b"true"))
    return found


async def check_readable(call: Call[Any], facts: Facts) -> bytes:
    """For answers that say what an object is, but give no byte of it: the key that the client brought, which must be the object's.

    Errors: InvalidRequest, InvalidArgument; those of the key service."""
    own = customer_key(call.request)
    envelope = envelope_of(facts)
    if envelope is not None and envelope.algorithm == SSE_C:
        check_customer_key(envelope, own)
    elif own:
        await data_key_of(call.engine, facts, own)
    return own


def _is_loopback(peer: str) -> bool:
    try:
        return not peer or ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
