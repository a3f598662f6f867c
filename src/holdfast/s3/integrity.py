"""Whether the XML body of a request is the one that its sender meant: Content-MD5 and x-amz-checksum headers or trailers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from holdfast.model.errors import BadDigest, InvalidDigest, InvalidRequest
from holdfast.model.messages import Request
from holdfast.objects.checksums import ALGORITHMS
from holdfast.wire.model import OperationModel

_SIGNED_HASH = re.compile(rb"[0-9a-f]{64}\Z")

STRICT = frozenset({
    "DeleteObjects", "PutBucketCors", "PutBucketLifecycleConfiguration", "PutBucketReplication", "PutBucketTagging", "PutObjectLegalHold",
    "PutObjectLockConfiguration", "PutObjectRetention", "PutObjectTagging",
})  # fmt: skip
"""Operations for which S3 refuses a body without a checksum. The model marks more (PutBucketAcl, PutBucketVersioning, ...), because
SDKs send one to all of them; S3 itself takes those without, and old clients (boto2, s3cmd) send none."""


def verify(model: OperationModel, own: frozenset[bytes], request: Request, body: bytes) -> None:
    """Checks the whole body of an operation with an XML payload. `own`: headers that are the operation's members and mean something else
    (CompleteMultipartUpload's checksum is the object's). A signed SHA-256 of the body counts as a checksum where one is needed.

    Errors: InvalidDigest, BadDigest, InvalidRequest.
    """
    headers = request.headers
    checked = False
    given = headers.get(b"content-md5")
    if given is not None:
        if decode(given, 16) is None:
            raise InvalidDigest()
        if decode(given, 16) != hashlib.md5(body, usedforsecurity=False).digest():
            raise BadDigest()
        checked = True
    trailers = request.body.trailers
    for algorithm in ALGORITHMS.values():
        name = algorithm.header
        if name in own:
            continue
        value = headers.get(name) or trailers.get(name)
        if value is None:
            continue
        digest = decode(value, algorithm.size)
        if digest is None:
            raise InvalidRequest(f"Value for {name.decode()} header is invalid.")
        if digest != algorithm.of(body):
            raise BadDigest(f"The {algorithm.name} you specified did not match the calculated checksum.")
        checked = True
    if checked:
        return
    if model.checksum_member and b"x-amz-sdk-checksum-algorithm" in headers:
        raise InvalidRequest("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
    if model.name in STRICT and _SIGNED_HASH.match(headers.get(b"x-amz-content-sha256", b"")) is None:
        raise InvalidRequest("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")


def decode(value: bytes, size: int) -> bytes | None:
    """A digest in base64, or None when it is not one of `size` bytes."""
    try:
        digest = base64.b64decode(value, validate=True)
    except binascii.Error:
        return None
    return digest if len(digest) == size else None
