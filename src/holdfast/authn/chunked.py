"""A strict, incremental decoder of aws-chunked bodies: no I/O, every size and signature checked before the end is believed.

Sources: "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" and
"... Including Trailing Headers" in the S3 API Reference.
"""

from __future__ import annotations

import re
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from holdfast.authn.signing import EMPTY_SHA256, Signer, sha256_hex
from holdfast.model.errors import IncompleteBody, InvalidRequest, MalformedTrailerError, SignatureDoesNotMatch

_LINE_BYTES_MAX = 256
_TRAILER_BYTES_MAX = 8192
_PLAIN = re.compile(rb"([0-9a-fA-F]{1,16})")
_SIGNED = re.compile(rb"([0-9a-fA-F]{1,16});chunk-signature=([0-9a-f]{64})")
_TRAILER = re.compile(rb"([A-Za-z0-9-]+)[ \t]*:[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)[ \t]*")
_TRAILER_SIGNATURE = b"x-amz-trailer-signature"

_HEADER, _DATA, _DATA_END, _TRAILERS, _END = range(5)


class Seal(NamedTuple):
    """What chunk signatures are chained from: the signer, the date and scope of the request, and its own signature. Without a signer (the
    request came with a token) the chunks have the same form, and no signature is compared."""

    signer: Signer | None
    stamp: bytes
    scope: bytes
    signature: bytes


class Decoder:
    """Decodes one body of exactly `length` bytes. `seal` is None for unsigned chunks; `announced` are the trailers promised.

    `trailers` (lower-case names) is complete and verified once `finish` has returned.
    """

    __slots__ = (
        "_announced",
        "_ended",
        "_hash",
        "_left",
        "_line",
        "_promised",
        "_remaining",
        "_seal",
        "_signature",
        "_signer",
        "_state",
        "_trailed",
        "_trailing",
        "trailers",
    )

    def __init__(self, length: int, *, seal: Seal | None, announced: frozenset[bytes], trailing: bool) -> None:
        self._remaining = length  # bytes of the decoded body still to come
        self._seal = seal
        self._signer = None if seal is None else seal.signer
        self._signature = seal.signature if seal is not None else b""
        self._announced = announced
        self._trailing = trailing
        self._state = _HEADER
        self._line = b""  # the beginning of a line that is not complete
        self._left = 0  # bytes of the current chunk still to come
        self._promised = b""  # the signature that the current chunk's header gave
        self._hash = sha256()
        self._trailed = 0  # bytes of trailers seen
        self._ended = False  # an empty line after the end was seen
        self.trailers: dict[bytes, bytes] = {}

    def feed(self, piece: bytes) -> bytes:
        """Takes the next piece as received, and gives the decoded bytes that it brings (perhaps none).

        They are verified only up to the last complete chunk: nothing may be kept for good before `finish` has returned.
        Errors: IncompleteBody (sizes), InvalidRequest (framing), MalformedTrailerError, SignatureDoesNotMatch.
        """
        at, end = 0, len(piece)
        parts: list[bytes | memoryview] = []
        view = memoryview(piece)
        while at < end:
            if self._state == _DATA:
                taken = min(self._left, end - at)
                part = view[at : at + taken]
                parts.append(part)
                if self._signer is not None:
                    self._hash.update(part)
                at += taken
                self._left -= taken
                if not self._left:
                    self._state = _DATA_END
                continue
            newline = piece.find(b"\n", at)
            if newline < 0:
                self._line += piece[at:]
                self._bound()
                break
            line = self._line + piece[at:newline] if self._line else piece[at:newline]
            at = newline + 1
            self._line = line
            self._bound()
            self._line = b""
            self._take(line)
        if len(parts) == 1:
            return piece if len(parts[0]) == end else bytes(parts[0])
        return b"".join(parts)

    def finish(self) -> None:
        """Says that the body has ended. Errors: IncompleteBody unless everything promised has come and been verified."""
        if self._state != _END or self._line:
            raise IncompleteBody("The request body terminated unexpectedly")

    def _bound(self) -> None:
        if len(self._line) > (_TRAILER_BYTES_MAX if self._state == _TRAILERS else _LINE_BYTES_MAX):
            raise InvalidRequest("A chunk header or trailer of the aws-chunked body is too long.")

    def _take(self, line: bytes) -> None:
        """One line, without its line feed."""
        if self._state == _TRAILERS:
            self._take_trailer(line)
            return
        if not line.endswith(b"\r"):
            raise InvalidRequest("A line of the aws-chunked body does not end in CRLF.")
        line = line[:-1]
        if self._state == _HEADER:
            self._take_header(line)
        elif line:
            raise InvalidRequest("A chunk of the aws-chunked body is longer than its header says.")
        elif self._state == _DATA_END:
            self._verify_chunk()
            self._state = _HEADER
        else:  # one empty line after the end, as minio-go sends it
            if self._ended:
                raise InvalidRequest("There are bytes after the end of the aws-chunked body.")
            self._ended = True

    def _take_header(self, line: bytes) -> None:
        match = (_PLAIN if self._seal is None else _SIGNED).fullmatch(line)
        if match is None:
            if self._seal is not None and _PLAIN.fullmatch(line):
                raise SignatureDoesNotMatch("A chunk of the body carries no signature.")
            raise InvalidRequest("A chunk header of the aws-chunked body is malformed.")
        size = int(match[1], 16)
        if size > self._remaining:
            raise IncompleteBody("The chunks of the body hold more bytes than x-amz-decoded-content-length says.")
        if self._seal is not None:
            self._promised = match[2]
        if size:
            self._remaining -= size
            self._left = size
            self._state = _DATA
            return
        if self._remaining:
            raise IncompleteBody("The chunks of the body hold fewer bytes than x-amz-decoded-content-length says.")
        self._verify_chunk()
        self._state = _TRAILERS  # without a trailer announced only the empty line may follow

    def _verify_chunk(self) -> None:
        seal, signer = self._seal, self._signer
        if seal is None or signer is None:
            return
        text = b"AWS4-HMAC-SHA256-PAYLOAD\n%b\n%b\n%b\n%b\n%b" % (
            seal.stamp, seal.scope, self._signature, EMPTY_SHA256.encode(), self._hash.hexdigest().encode()
        )  # fmt: skip
        self._chain(signer, text, self._promised)
        self._hash = sha256()

    def _chain(self, signer: Signer, text: bytes, promised: bytes) -> None:
        signature = signer.sign(text).encode()
        if not compare_digest(signature, promised):
            raise SignatureDoesNotMatch(StringToSign=text.decode(), SignatureProvided=promised.decode("latin-1"), StringToSignBytes=text.hex(" "))
        self._signature = signature

    def _take_trailer(self, line: bytes) -> None:
        """A trailer, or the empty line that ends them. Lines may end in a bare line feed here: minio-go sends (and AWS documents) that."""
        self._trailed += len(line)
        if self._trailed > _TRAILER_BYTES_MAX:
            raise MalformedTrailerError()
        line = line.removesuffix(b"\r")
        signed = self._seal is not None and self._trailing
        if not line:
            if signed and _TRAILER_SIGNATURE not in self.trailers and self._announced <= self.trailers.keys():
                return  # the empty line between minio-go's trailers and their signature; the end cannot come without the latter
            self._end()
            return
        match = _TRAILER.fullmatch(line)
        if match is None or match[1].lower() in self.trailers:
            raise MalformedTrailerError()
        name, value = match[1].lower(), match[2]
        if name == _TRAILER_SIGNATURE and signed:
            self._verify_trailers(value)
        elif name not in self._announced or _TRAILER_SIGNATURE in self.trailers:
            raise MalformedTrailerError()
        self.trailers[name] = value

    def _verify_trailers(self, promised: bytes) -> None:
        seal, signer = self._seal, self._signer
        assert seal is not None
        if signer is None:
            return
        block = b"".join(b"%b:%b\n" % item for item in self.trailers.items())
        text = b"AWS4-HMAC-SHA256-TRAILER\n%b\n%b\n%b\n%b" % (seal.stamp, seal.scope, self._signature, sha256_hex(block).encode())
        self._chain(signer, text, promised)

    def _end(self) -> None:
        if self.trailers.keys() - {_TRAILER_SIGNATURE} != self._announced:
            raise MalformedTrailerError()
        if self._seal is not None and self._trailing and self.trailers.pop(_TRAILER_SIGNATURE, None) is None:
            raise SignatureDoesNotMatch("The trailers of the body carry no signature.")
        self._state = _END
