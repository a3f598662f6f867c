"""OCI request signatures: RSA-SHA256 over the headers that a request names, by an API key or by a session token's key.

Source: OCI, "Request Signatures". Every failure is the same refusal, so that nobody learns which user, key or tenancy there is.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from holdfast.authn.bodies import HashedBody
from holdfast.authn.times import http_date
from holdfast.model.errors import NotAuthenticated
from holdfast.model.identity import Caller
from holdfast.model.messages import Body, Request

SKEW_S_MAX = 300
SCHEME = b"Signature "
_AUTHORIZATION_BYTES_MAX = 16 * 1024
_PARAMETER = re.compile(rb'\s*([A-Za-z]+)="([^"]*)"\s*(?:,|\Z)')
_NAMES = re.compile(rb"[!-~]+( [!-~]+)*")
_TARGET = b"(request-target)"
_BODY_HEADERS = (b"content-length", b"content-type", b"x-content-sha256")
_WITH_BODY = frozenset(("PUT", "POST", "PATCH"))
_STAND_IN = RSAPublicNumbers(65537, (1 << 2047) | 1).public_key()
"""Verifies nothing, and takes as long: an unknown key is not told by the time that it takes."""
_PADDING, _SHA256 = PKCS1v15(), SHA256()


class SigningKey(NamedTuple):
    """A key that may sign now, and who the caller is that it proves."""

    public: RSAPublicKey
    caller: Caller


FindKey = Callable[[str], Awaitable[SigningKey | None]]
"""The key of a keyId (`<tenancy>/<user>/<fingerprint>` or `ST$<token>`); None where there is none that may sign."""


class SignedBody(HashedBody):
    """A body whose SHA-256 is signed; another one is refused at its end, before anything of it is kept."""

    __slots__ = ()

    def check(self, computed: str) -> None:
        """Errors: NotAuthenticated."""
        if not compare_digest(computed, self.expected):
            raise NotAuthenticated


async def verify_signature(request: Request, find: FindKey, now: float, *, unsigned_body: bool) -> Caller:
    """The caller of a signed request. `request.body` is replaced by one that verifies its digest where that is signed.

    `unsigned_body`: the operation is PutObject or UploadPart, whose clients sign no header of the body; what they sign all the same counts.
    Errors: NotAuthenticated, whatever is wrong."""
    authorization = request.headers.get(b"authorization", b"")
    if not authorization.startswith(SCHEME) or len(authorization) > _AUTHORIZATION_BYTES_MAX:
        raise NotAuthenticated
    given = parameters(authorization[len(SCHEME) :])
    if given.get(b"algorithm", b"").lower() != b"rsa-sha256" or given.get(b"version", b"1") != b"1":
        raise NotAuthenticated
    names = given.get(b"headers", b"")
    if _NAMES.fullmatch(names) is None:
        raise NotAuthenticated
    signed = names.lower().split(b" ")
    _require(request, signed, now, unsigned_body)
    text = signing_text(request, signed)
    try:
        key_id = given.get(b"keyId", b"").decode("ascii")
        signature = b64decode(given.get(b"signature", b""), validate=True)
    except (UnicodeDecodeError, Base64Error, ValueError):
        raise NotAuthenticated from None
    found = await find(key_id)
    try:
        (found.public if found is not None else _STAND_IN).verify(signature, text, _PADDING, _SHA256)
    except InvalidSignature:
        raise NotAuthenticated from None
    if found is None:
        raise NotAuthenticated
    if b"x-content-sha256" in signed:
        request.body = _promised(request.body, request.headers[b"x-content-sha256"])
    return found.caller


def parameters(text: bytes) -> dict[bytes, bytes]:
    """The parameters of the header, in any order. Errors: NotAuthenticated for another form, or one that stands twice."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None or match[1] in found:
            raise NotAuthenticated
        found[match[1]] = match[2]
        at = match.end()
    return found


def signing_text(request: Request, names: list[bytes]) -> bytes:
    """What is signed: a line for each named header; the target as it was sent, undecoded, with its query. Errors: NotAuthenticated."""
    headers = request.headers
    lines = []
    for name in names:
        if name == _TARGET:
            lines.append(b"%b: %b %b" % (_TARGET, request.method.lower().encode("ascii"), request.target))
        elif name in headers:
            lines.append(b"%b: %b" % (name, headers[name]))
        else:
            raise NotAuthenticated
    return b"\n".join(lines)


def _require(request: Request, signed: list[bytes], now: float, unsigned_body: bool) -> None:
    """That the signature covers what it must, and is fresh. Errors: NotAuthenticated."""
    headers = request.headers
    dated = b"x-date" if b"x-date" in signed else b"date"
    if len(set(signed)) != len(signed) or not {_TARGET, b"host", dated} <= set(signed):
        raise NotAuthenticated
    sent = http_date(headers.get(dated, b"").decode("latin-1"))
    if sent is None or not -SKEW_S_MAX <= now - sent <= SKEW_S_MAX:
        raise NotAuthenticated
    if request.method in _WITH_BODY and not unsigned_body and not set(_BODY_HEADERS) <= set(signed):
        raise NotAuthenticated
    if b"content-length" in signed:
        length = headers.get(b"content-length", b"")
        if not length.isdigit() or len(length) > 18 or int(length) != request.body.length:
            raise NotAuthenticated


def _promised(body: Body, digest: bytes) -> Body:
    """Errors: NotAuthenticated."""
    try:
        expected = b64decode(digest, validate=True)
    except (Base64Error, ValueError):
        raise NotAuthenticated from None
    if len(expected) != 32 or (body.length == 0 and not compare_digest(expected, sha256().digest())):
        raise NotAuthenticated
    return body if body.length == 0 else SignedBody(body, expected.hex())


def load_public_key(pem: str) -> RSAPublicKey | None:
    """None for what is no RSA key."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None
