"""Signature Version 4 in the Authorization header, and what its query form shares with it.

Sources: "Authenticating Requests (AWS Signature Version 4)" in the S3 API Reference; error words as S3 answers them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hmac import compare_digest
from operator import add, itemgetter
from typing import NamedTuple, Protocol

from holdfast.authn import times
from holdfast.authn.canonical import header_lines, other_forms, sorted_query, without_secrets
from holdfast.authn.settings import Settings
from holdfast.authn.signing import EMPTY_SHA256, UNSIGNED_PAYLOAD, Signer, sha256_hex, signer_for
from holdfast.model.errors import (
    AccessDenied,
    AuthorizationHeaderMalformed,
    EntityTooLarge,
    InvalidAccessKeyId,
    InvalidRequest,
    InvalidToken,
    RequestTimeTooSkewed,
    SignatureDoesNotMatch,
)
from holdfast.model.identity import Credential, looks_like_token
from holdfast.model.messages import Body, Request

ALGORITHM = b"AWS4-HMAC-SHA256"
_HEX_64 = re.compile(rb"[0-9a-f]{64}")
_SIGNED_NAMES = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+(;[!#$%&'*+.^_`|~0-9a-z-]+)*")
_DATE = re.compile(r"[0-9]{8}")
_CACHED_HEADS_MAX = 4096
_CACHED_BYTES_MAX = 2048
_SOUND_MAX = 16


class Finder(Protocol):
    """Where access keys are looked up (`identities.cache.Keys`)."""

    async def find(self, access_key: str) -> Credential | None: ...

    def remembered(self, access_key: str) -> Credential | None:
        """What `find` would give at once; None says nothing."""
        ...


class Scope(NamedTuple):
    """A credential taken apart from the right, so that an access key may hold "/" and "@"; `text` is what is signed."""

    access_key: str
    date: str
    region: str
    service: str
    text: bytes

    def __repr__(self) -> str:
        """Without the access key, which may be a token."""
        return f"Scope(text={self.text!r})"


class Head:
    """All of an Authorization header but its signature: the same for every request of a client on one day.

    `values` picks the signed headers, so that C lays them out behind their `labels`. `sound` remembers which sets of header names
    were seen to hold no unsigned x-amz-* header.
    """

    __slots__ = ("amz", "date", "labels", "names", "scope", "signed", "sound", "tail", "values")

    def __init__(self, scope: Scope, signed: bytes, names: tuple[bytes, ...]) -> None:
        self.scope = scope
        self.date = scope.date.encode()
        self.names = names
        self.signed = signed
        self.amz = frozenset(name for name in names if name.startswith(b"x-amz-"))
        self.values: Callable[[dict[bytes, bytes]], tuple[bytes, ...]] = itemgetter(*names) if len(names) > 1 else lambda sent: (sent[names[0]],)
        self.labels = [(b"\n" if at else b"") + name + b":" for at, name in enumerate(names)]
        self.tail = b"\n\n" + signed
        self.sound: set[tuple[bytes, ...]] = set()

    def canonical(self, headers: dict[bytes, bytes]) -> bytes:
        """The canonical headers, an empty line, and the names of the signed headers."""
        try:
            block = b"".join(map(add, self.labels, self.values(headers))) + self.tail
        except KeyError:
            return header_lines(self.names, headers) + b"\n" + self.signed
        if b"  " in block or b"\t" in block:
            return header_lines(self.names, headers) + b"\n" + self.signed
        return block


class Proof(NamedTuple):
    """A verified signature: whose it is, how the body is to be read, and where the chain of chunk signatures starts.

    `signer` is None where no signature counts: Version 2, and a token. `stamp` is b"" for Version 2."""

    credential: Credential
    how: str
    payload: bytes
    signer: Signer | None = None
    stamp: bytes = b""
    scope: bytes = b""
    signature: bytes = b""
    body: Body | None = None


_heads: dict[bytes, Head] = {}


async def verify_header(request: Request, authorization: bytes, keys: Finder, now: float, settings: Settings) -> Proof:
    """Proves who signed a request by its Authorization header.

    Errors: AuthorizationHeaderMalformed, AccessDenied (no date, an unsigned x-amz-* header), RequestTimeTooSkewed,
    InvalidAccessKeyId, InvalidToken, InvalidRequest (no x-amz-content-sha256), SignatureDoesNotMatch.
    """
    head = _heads.get(authorization[:-64])
    new = head is None
    if head is None:
        head, signature = _parse(authorization)
    else:
        signature = authorization[-64:]
    scope = head.scope
    if scope.region != settings.region or scope.service != settings.service:
        _refuse_scope(scope, settings)
    headers = request.headers
    stamp = headers.get(b"x-amz-date", b"")
    sent = times.STAMPS.get(stamp)
    if sent is None or stamp[:8] != head.date or not -settings.skew_s_max <= now - sent <= settings.skew_s_max:
        stamp = _stamp(headers, scope, now, settings)
    if tuple(headers) not in head.sound:
        _check_signed(headers, head)
    if b"x-amz-security-token" in headers:
        raise InvalidToken()
    found = await keys.find(scope.access_key)
    payload = headers.get(b"x-amz-content-sha256")
    if found is None or found.bearer:
        proof = believe(request, found, scope, now, settings, payload, stamp, signature)
        if new:
            _remember(authorization, head)
        return proof
    credential = usable(found, scope.access_key, now)
    signer = signer_for(credential.secret, scope.text)
    prefix = b"AWS4-HMAC-SHA256\n" + stamp + b"\n" + scope.text + b"\n"
    block = head.canonical(headers)
    if payload is None:
        return await _verify_as_curl(request, credential, signer, prefix, block, signature, settings)
    query = request.query
    canonical = b"\n".join((request.method.encode(), request.path, sorted_query(query) if query else b"", block, payload))
    if not compare_digest(signer.sign(prefix + sha256_hex(canonical).encode()).encode(), signature) and not fits_otherwise(
        request, query, signer, prefix, block, payload, signature
    ):
        raise mismatch(scope.access_key, prefix, canonical, signature)
    if new:
        _remember(authorization, head)
    return Proof(credential, "v4-header", payload, signer, stamp, scope.text, signature)


def _check_signed(headers: dict[bytes, bytes], head: Head) -> None:
    """Errors: AccessDenied for an x-amz-* header that is not signed."""
    for name in headers:
        if name.startswith(b"x-amz-") and name not in head.amz:
            raise AccessDenied("There were headers present in the request which were not signed", HeadersNotSigned=name.decode("latin-1"))
    if len(head.sound) < _SOUND_MAX and sum(map(len, headers)) <= _CACHED_BYTES_MAX:
        head.sound.add(tuple(headers))


def _parse(authorization: bytes) -> tuple[Head, bytes]:
    """Takes an Authorization header apart, its three parts in any order. Errors: AuthorizationHeaderMalformed."""
    parts: dict[bytes, bytes] = {}
    for part in authorization[len(ALGORITHM) :].split(b","):
        name, equals, value = part.strip().partition(b"=")
        if not equals or name in parts:
            raise AuthorizationHeaderMalformed("The authorization header is malformed; each of its parts must be given once as name=value.")
        parts[name] = value
    if parts.keys() != {b"Credential", b"SignedHeaders", b"Signature"}:
        raise AuthorizationHeaderMalformed(
            "The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature."
        )
    scope = parse_scope(parts[b"Credential"])
    if scope is None:
        raise AuthorizationHeaderMalformed(
            'The authorization header is malformed; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        )
    names = parse_names(parts[b"SignedHeaders"])
    if names is None or b"host" not in names:
        raise AuthorizationHeaderMalformed("The authorization header is malformed; SignedHeaders must name host and be in lower case.")
    signature = parts[b"Signature"]
    if _HEX_64.fullmatch(signature) is None:
        raise AuthorizationHeaderMalformed("The authorization header is malformed; the Signature must be 64 lower-case hexadecimal digits.")
    return Head(scope, parts[b"SignedHeaders"], names), signature


def _remember(authorization: bytes, head: Head) -> None:
    """Keeps what was parsed of a header that was proven and whose signature stands at its end: strangers fill no memory."""
    if len(authorization) <= _CACHED_BYTES_MAX and authorization[-74:-64] == b"Signature=":
        if len(_heads) >= _CACHED_HEADS_MAX:
            del _heads[next(iter(_heads))]
        _heads[authorization[:-64]] = head


def parse_scope(credential: bytes) -> Scope | None:
    """`access-key/date/region/service/aws4_request`; None when it is not of that form."""
    try:
        parts = credential.decode().rsplit("/", 4)
    except UnicodeDecodeError:
        return None
    if len(parts) != 5 or not parts[0] or parts[4] != "aws4_request" or _DATE.fullmatch(parts[1]) is None:
        return None
    return Scope(parts[0], parts[1], parts[2], parts[3], "/".join(parts[1:]).encode())


def parse_names(signed: bytes) -> tuple[bytes, ...] | None:
    """The signed header names, in the order given; None when one is not a header name in lower case."""
    return tuple(signed.split(b";")) if _SIGNED_NAMES.fullmatch(signed) else None


def _refuse_scope(scope: Scope, settings: Settings) -> None:
    if scope.service != settings.service:
        raise AuthorizationHeaderMalformed(
            f"The authorization header is malformed; incorrect service {scope.service!r}. This endpoint belongs to {settings.service!r}."
        )
    if not settings.region:
        return
    raise AuthorizationHeaderMalformed(
        f"The authorization header is malformed; the region {scope.region!r} is wrong; expecting {settings.region!r}", Region=settings.region
    )


def _stamp(headers: dict[bytes, bytes], scope: Scope, now: float, settings: Settings) -> bytes:
    """The date that was signed, in its basic form: x-amz-date, or else Date. Errors: AccessDenied, RequestTimeTooSkewed."""
    stamp = headers.get(b"x-amz-date")
    if stamp is not None:
        sent = times.iso_basic(stamp)
    else:
        sent = times.http_date(headers.get(b"date", b"").decode("latin-1"))
        if sent is not None and sent >= 0:
            stamp = times.to_iso_basic(sent).encode()
    if sent is None or stamp is None:
        raise AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
    check_skew(sent, stamp.decode("latin-1"), now, settings)
    if not stamp.startswith(scope.date.encode()):
        raise AuthorizationHeaderMalformed(
            f'The authorization header is malformed; Invalid credential date "{scope.date}". '
            f'This date is not the same as X-Amz-Date: "{stamp[:8].decode()}".'
        )
    return stamp


def check_skew(sent: float, text: str, now: float, settings: Settings) -> None:
    """Errors: RequestTimeTooSkewed when `sent` (seconds) is further from `now` than the setting allows."""
    if not -settings.skew_s_max <= now - sent <= settings.skew_s_max:
        raise RequestTimeTooSkewed(RequestTime=text, ServerTime=times.to_iso(now), MaxAllowedSkewMilliseconds=str(settings.skew_s_max * 1000))


def usable(credential: Credential | None, access_key: str, now: float) -> Credential:
    """Errors: InvalidAccessKeyId for a key that is unknown, inactive or past its time - one answer for all three, in which a token
    is not repeated."""
    if credential is None or credential.status != "ACTIVE" or (credential.expires_ms and credential.expires_ms <= now * 1000):
        raise InvalidAccessKeyId() if looks_like_token(access_key) else InvalidAccessKeyId(AWSAccessKeyId=access_key)
    return credential


def check_transport(request: Request, access_key: str, settings: Settings) -> None:
    """What may be a token is not even looked for where it came in clear, unless the settings allow it: the client must learn that it leaks.

    Errors: AccessDenied."""
    allowed = settings.token_transport
    if request.secure or allowed == "any" or not looks_like_token(access_key):
        return
    if allowed == "loopback" and (request.peer == "::1" or request.peer.removeprefix("::ffff:").startswith("127.")):
        return
    raise AccessDenied("An access token is a secret by itself: it is accepted over TLS only.")


def believe(
    request: Request,
    found: Credential | None,
    scope: Scope,
    now: float,
    settings: Settings,
    payload: bytes | None,
    stamp: bytes,
    signature: bytes,
) -> Proof:
    """The proof of a token that came as access key of a Version 4 signature, whatever the signature is.

    Errors: AccessDenied (in clear), InvalidAccessKeyId; InvalidRequest (no x-amz-content-sha256, but from curl)."""
    check_transport(request, scope.access_key, settings)
    credential = usable(found, scope.access_key, now)
    if payload is None:
        if not request.headers.get(b"user-agent", b"").startswith(b"curl/"):
            raise InvalidRequest("Missing required header for this request: x-amz-content-sha256")
        payload = UNSIGNED_PAYLOAD.encode()
    return Proof(credential, "token", payload, None, stamp, scope.text, signature)


def fits_otherwise(request: Request, query: bytes, signer: Signer, prefix: bytes, block: bytes, payload: bytes, signature: bytes) -> bool:
    """Whether the signature fits another form of the same path and query (see `canonical`)."""
    method = request.method.encode()
    for path, form in other_forms(request.path, query):
        canonical = b"\n".join((method, path, form, block, payload))
        if compare_digest(signer.sign(prefix + sha256_hex(canonical).encode()).encode(), signature):
            return True
    return False


def mismatch(access_key: str, prefix: bytes, canonical: bytes, signature: bytes) -> SignatureDoesNotMatch:
    """The refusal that shows what the server signed, so that it can be laid beside what the client signed."""
    text = prefix + sha256_hex(canonical).encode()
    canonical = without_secrets(canonical)
    return SignatureDoesNotMatch(
        AWSAccessKeyId=access_key,
        StringToSign=text.decode("utf-8", "replace"),
        SignatureProvided=signature.decode("latin-1"),
        StringToSignBytes=text.hex(" "),
        CanonicalRequest=canonical.decode("utf-8", "replace"),
        CanonicalRequestBytes=canonical.hex(" "),
    )


async def _verify_as_curl(
    request: Request, credential: Credential, signer: Signer, prefix: bytes, block: bytes, signature: bytes, settings: Settings
) -> Proof:
    """A request without x-amz-content-sha256, as curl before 8 sends it: it signs the hash of --data, and for
    --upload-file the hash of nothing, so that such a body is as good as unsigned. Other clients must send the header.

    The body of --data must be read before the signature can be verified: at most `unhashed_body_bytes_max` bytes.
    """
    missing = InvalidRequest("Missing required header for this request: x-amz-content-sha256")
    if not request.headers.get(b"user-agent", b"").startswith(b"curl/"):
        raise missing
    query = request.query
    first = (request.path, sorted_query(query))
    forms = [first, *other_forms(request.path, query)]

    def fits(payload: bytes) -> bool:
        for path, form in forms:
            canonical = b"\n".join((request.method.encode(), path, form, block, payload))
            if compare_digest(signer.sign(prefix + sha256_hex(canonical).encode()).encode(), signature):
                return True
        return False

    unsigned = UNSIGNED_PAYLOAD.encode()
    if fits(EMPTY_SHA256.encode()) or fits(unsigned):
        return Proof(credential, "v4-header", unsigned)
    payload = EMPTY_SHA256.encode()
    if request.body.length != 0:
        try:
            data = await request.body.read_all(settings.unhashed_body_bytes_max)
        except EntityTooLarge:
            raise missing from None
        payload = sha256_hex(data).encode()
        if fits(payload):
            return Proof(credential, "v4-header", unsigned, body=Held(data, request.body.trailers))
    canonical = b"\n".join((request.method.encode(), *first, block, payload))
    raise mismatch(credential.access_key, prefix, canonical, signature)


class Held:
    """A body that had to be read already."""

    __slots__ = ("_data", "length", "trailers")

    def __init__(self, data: bytes, trailers: dict[bytes, bytes]) -> None:
        self._data = data
        self.length: int | None = len(data)
        self.trailers = trailers

    async def read(self) -> bytes:
        data, self._data = self._data, b""
        return data

    async def read_all(self, limit: int) -> bytes:
        if len(self._data) > limit:
            raise EntityTooLarge()
        return await self.read()
