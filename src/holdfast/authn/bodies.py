"""How a body must be read so that what the client promised about it is verified before its end is believed."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from holdfast.authn.chunked import Decoder, Seal
from holdfast.authn.signing import EMPTY_SHA256
from holdfast.model.errors import EntityTooLarge, IncompleteBody, InvalidArgument, InvalidRequest, MissingContentLength, XAmzContentSHA256Mismatch
from holdfast.model.messages import Body

_HEX_64 = re.compile(rb"[0-9a-f]{64}")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHECKSUM_TRAILER = re.compile(rb"x-amz-checksum-[a-z0-9]+")
_EMPTY = EMPTY_SHA256.encode()
_STREAMS = {
    b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD": (True, False),
    b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (True, True),
    b"STREAMING-UNSIGNED-PAYLOAD-TRAILER": (False, True),
}


class HashedBody:
    """A body whose SHA-256 the request promised. Errors of reading: XAmzContentSHA256Mismatch at the end, before b"" is given."""

    __slots__ = ("_body", "_hash", "expected", "length")

    def __init__(self, body: Body, expected: str) -> None:
        self._body = body
        self._hash: Any = sha256()
        self.expected = expected
        self.length = body.length

    @property
    def trailers(self) -> dict[bytes, bytes]:
        return self._body.trailers

    @trailers.setter
    def trailers(self, value: dict[bytes, bytes]) -> None:
        self._body.trailers = value

    async def read(self) -> bytes:
        piece = await self._body.read()
        if self._hash is not None:
            if piece:
                self._hash.update(piece)
            else:
                self.check(self._hash.hexdigest())
        return piece

    async def read_all(self, limit: int) -> bytes:
        data = await self._body.read_all(limit)
        if self._hash is not None:
            self._hash.update(data)
            self.check(self._hash.hexdigest())
        return data

    def hand_over(self) -> None:
        """Called before the first read by whoever hashes the body anyway (in a thread, or for a SHA-256 checksum): from then on
        `read` hashes nothing, and the caller must call `check` before it commits."""
        self._hash = None

    def check(self, computed: str) -> None:
        """Errors: XAmzContentSHA256Mismatch unless `computed` (lower-case hex) is what the request promised."""
        if computed != self.expected:
            raise XAmzContentSHA256Mismatch(ClientComputedContentSHA256=self.expected, S3ComputedContentSHA256=computed)


class ChunkedBody:
    """An aws-chunked body, decoded: `length` is that of the decoded bytes, `trailers` are verified where they are signed."""

    __slots__ = ("_body", "_decoder", "length", "trailers")

    def __init__(self, body: Body, decoder: Decoder, length: int) -> None:
        self._body = body
        self._decoder = decoder
        self.length: int | None = length
        self.trailers: dict[bytes, bytes] = decoder.trailers

    async def read(self) -> bytes:
        while True:
            piece = await self._body.read()
            if not piece:
                self._decoder.finish()
                return b""
            decoded = self._decoder.feed(piece)
            if decoded:
                return decoded

    async def read_all(self, limit: int) -> bytes:
        assert self.length is not None
        if self.length > limit:
            raise EntityTooLarge()
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def verified(body: Body, payload: bytes, headers: dict[bytes, bytes], seal: Seal | None) -> Body:
    """The body as it must be read for the value of x-amz-content-sha256 (`payload`; b"" where there is none).

    Errors: InvalidArgument for a value that S3 does not define, XAmzContentSHA256Mismatch and IncompleteBody where the lengths alone
    tell, MissingContentLength without a decoded length, InvalidRequest for signed chunks of a request that is not signed.
    """
    if payload == b"UNSIGNED-PAYLOAD" or (payload == _EMPTY and body.length == 0):
        return body
    if not payload:
        if b"x-amz-decoded-content-length" not in headers or not has_aws_chunked(headers.get(b"content-encoding", b"")):
            return body
        payload = b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    stream = _STREAMS.get(payload)
    if stream is None:
        return _hashed(body, payload)
    signed, trailing = stream
    if signed and seal is None:
        raise InvalidRequest("A body of signed chunks needs a request signed with Signature Version 4.")
    promised = headers.get(b"x-amz-decoded-content-length")
    if promised is None:
        raise MissingContentLength("You must provide the x-amz-decoded-content-length HTTP header.")
    if _LENGTH.fullmatch(promised) is None:
        raise InvalidArgument("x-amz-decoded-content-length is not a length.", ArgumentName="x-amz-decoded-content-length", ArgumentValue="")
    length = int(promised)
    if body.length is not None and body.length < length:
        raise IncompleteBody()
    announced = frozenset(name.strip().lower() for name in headers.get(b"x-amz-trailer", b"").split(b",") if name.strip())
    if announced and not trailing:
        raise InvalidRequest("x-amz-trailer needs a value of x-amz-content-sha256 that allows trailers.")
    if any(_CHECKSUM_TRAILER.fullmatch(name) is None for name in announced):
        raise InvalidRequest("The value specified in the x-amz-trailer header is not supported")
    return ChunkedBody(body, Decoder(length, seal=seal if signed else None, announced=announced, trailing=trailing), length)


def _hashed(body: Body, payload: bytes) -> Body:
    if _HEX_64.fullmatch(payload) is None:
        raise InvalidArgument(
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
            ArgumentName="x-amz-content-sha256",
            ArgumentValue=payload.decode("latin-1"),
        )
    if body.length is not None and (body.length == 0) != (payload == _EMPTY):
        if body.length == 0:
            raise XAmzContentSHA256Mismatch(ClientComputedContentSHA256=payload.decode(), S3ComputedContentSHA256=EMPTY_SHA256)
        raise XAmzContentSHA256Mismatch(ClientComputedContentSHA256=payload.decode())
    return HashedBody(body, payload.decode())


def check_plain(headers: dict[bytes, bytes]) -> None:
    """A body that is not decoded must not say that it is framed. Errors: InvalidRequest."""
    if headers[b"x-amz-decoded-content-length"] != headers.get(b"content-length") and has_aws_chunked(headers.get(b"content-encoding", b"")):
        raise InvalidRequest("An aws-chunked body needs a value of x-amz-content-sha256 that begins with STREAMING-.")


def has_aws_chunked(content_encoding: bytes) -> bool:
    """Whether a Content-Encoding names aws-chunked."""
    return b"aws-chunked" in content_encoding.lower()


def stored_content_encoding(content_encoding: str) -> str:
    """A Content-Encoding as it is stored: without aws-chunked, which speaks of the transfer and not of the object."""
    return ", ".join(kept for part in content_encoding.split(",") if (kept := part.strip()) and kept.lower() != "aws-chunked")
