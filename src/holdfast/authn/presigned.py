"""Signature Version 4 in the query: presigned URLs.

Source: "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)" in the S3 API Reference.
"""

from __future__ import annotations

import re
from hmac import compare_digest
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from holdfast.authn import times
from holdfast.authn.canonical import header_lines, parameters, sorted_query, without
from holdfast.authn.settings import Settings
from holdfast.authn.signing import UNSIGNED_PAYLOAD, Signer, sha256_hex, signer_for
from holdfast.authn.sigv4 import Finder, Proof, Scope, believe, fits_otherwise, mismatch, parse_names, parse_scope, usable
from holdfast.model.errors import AccessDenied, AuthorizationQueryParametersError, InvalidArgument, InvalidToken
from holdfast.model.identity import Caller, Credential
from holdfast.model.messages import Request

_REQUIRED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature")
_OWN = frozenset((*_REQUIRED, "X-Amz-Security-Token", "X-Amz-Content-Sha256"))
_PLAIN = rb"(?!(?i:x-amz-))[A-Za-z][A-Za-z-]*(?:=(?:[^&+%\x80-\xff]|%[0-7][0-9A-Fa-f])*)?"
"""A parameter whose name stands for itself and is no `x-amz-*`, and whose value is ASCII: it means nothing to a signature but its text."""
_USUAL = re.compile(
    rb"((?:" + _PLAIN + rb"&)*)X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=([^&+]+)"
    rb"&X-Amz-Date=([0-9]{8}T[0-9]{6}Z)(?:&X-Amz-Expires=([0-9]{1,9})&X-Amz-SignedHeaders=host|&X-Amz-SignedHeaders=host&X-Amz-Expires=([0-9]{1,9}))"
    rb"((?:&" + _PLAIN + rb")*)&X-Amz-Signature=([0-9a-f]{64})"
)
"""What signers write: most sort their parameters, AWS's signer in C puts the signed headers before the expiry."""
_DIGITS = re.compile(r"[0-9]{1,9}")
_HEX_64 = re.compile(r"[0-9a-f]{64}")
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_SCOPES_MAX = 4096
_SCOPE_BYTES_MAX = 512  # longer ones are not remembered: anybody may send them
_scopes: dict[bytes, Scope] = {}
_HOST_ONLY: tuple[bytes, ...] = (b"host",)
_SIGNED_ALIKE_MAX = 512


class SignedAlike(NamedTuple):
    """What the queries say that differ in their signature only: all that one key signs within one second, for one host.

    `until` is the last second of their validity. `signer` has taken what comes first in what is signed, `rest` is what follows the path.
    """

    credential: Credential
    caller: Caller
    signer: Signer
    region: str
    sent: int
    until: int
    expires_s: int
    host: bytes
    rest: bytes


_signed_alike: dict[bytes, SignedAlike] = {}
_METHODS = {name: name.encode() + b"\n" for name in ("GET", "HEAD", "PUT", "POST", "DELETE")}


def verify_alike(request: Request, keys: Finder, now: float, settings: Settings) -> Caller | None:
    """The caller, if the query is that of a request verified before but for a signature that is right for this one.

    None says nothing: `verify_query` then takes the query apart, and says what is wrong if anything is.
    """
    query = request.query
    known = _signed_alike.get(query[:-64])
    if known is None:
        return None
    credential, caller, signer, region, sent, until, expires_s, host, rest = known
    headers = request.headers
    method = _METHODS.get(request.method)
    if (
        region != settings.region
        or expires_s > settings.expires_s_max
        or not sent - settings.skew_s_max <= now <= until
        or method is None
        or headers.get(b"host") != host
        or keys.remembered(credential.access_key) is not credential
        or (credential.expires_ms and credential.expires_ms <= now * 1000)
    ):
        return None
    for name in headers:
        if name[:6] == b"x-amz-":
            return None
    expected = signer.sign(sha256_hex(method + request.path + rest).encode())
    return caller if compare_digest(expected.encode(), query[-64:]) else None


def _remember(
    query: bytes, signed: bytes, scope: Scope, stamp: bytes, expires_s: int, host: bytes, credential: Credential, signer: Signer, prefix: bytes
) -> None:
    """After such a query was verified: signed in the usual form, nothing but the host, no body's hash. `signed` is what was signed of it."""
    sent = times.iso_basic(stamp)
    if sent is None or len(query) + len(host) > _SCOPE_BYTES_MAX * 2:
        return
    if len(_signed_alike) >= _SIGNED_ALIKE_MAX:
        del _signed_alike[next(iter(_signed_alike))]
    rest = b"\n" + signed + b"\nhost:" + host + b"\n\nhost\nUNSIGNED-PAYLOAD"
    caller = Caller(how="v4-query", user=credential.user, access_key=credential.access_key, grants=credential.grants)
    _signed_alike[query[:-64]] = SignedAlike(
        credential, caller, signer.after(prefix), scope.region, sent, sent + expires_s, expires_s, host, rest
    )


async def verify_query(request: Request, keys: Finder, now: float, settings: Settings) -> Proof:
    """Proves who signed a presigned URL. Parameters `x-amz-*` of the query count as headers and are put among them.

    Errors: AuthorizationQueryParametersError, AccessDenied (expired, not yet valid, an unsigned x-amz-* header), InvalidAccessKeyId,
    InvalidToken, SignatureDoesNotMatch.
    """
    headers = request.headers
    usual = _USUAL.fullmatch(request.query)
    known = None if usual is None else _scope(usual[2])
    if usual is not None and known is not None:
        scope = known
        before, _, stamp, expires, late, after, signature = usual.groups()
        names, signed, query, payload, expires_s = _HOST_ONLY, b"host", request.query[:-81], b"", int(expires or late)
        if before or after or late:
            query = sorted_query(query)
    else:
        scope, stamp, expires_s, names, signature, payload = _parse(request)
        signed = b";".join(names)
        query = without(request.query, b"X-Amz-Signature")
    if scope.region != settings.region or scope.service != "s3":
        _refuse_scope(scope, settings)
    _check_time(scope, stamp, expires_s, now, settings)
    for name in headers:
        if name[:6] == b"x-amz-" and name not in names and (name != b"x-amz-content-sha256" or headers[name][:9] == b"STREAMING"):
            # A hash of the body is all that the bearer may add: it only lets less through.
            raise AccessDenied("There were headers present in the request which were not signed", HeadersNotSigned=name.decode("latin-1"))
    found = await keys.find(scope.access_key)
    if found is None or found.bearer:
        payload = payload or headers.get(b"x-amz-content-sha256", b"") or UNSIGNED_PAYLOAD.encode()
        proof = believe(request, found, scope, now, settings, payload, stamp, signature)
        if usual is None:
            hoist(request, _OWN)
        return proof
    credential = usable(found, scope.access_key, now)
    signer = signer_for(credential.secret, scope.text)
    prefix = b"AWS4-HMAC-SHA256\n" + stamp + b"\n" + scope.text + b"\n"
    plain = names is _HOST_ONLY and b"  " not in headers.get(b"host", b"  ")
    block = b"host:" + headers[b"host"] + b"\n\nhost" if plain else header_lines(names, headers) + b"\n" + signed
    by_header = headers.get(b"x-amz-content-sha256", b"")
    payload = payload or (by_header if b"x-amz-content-sha256" in names else b"") or UNSIGNED_PAYLOAD.encode()
    canonical = b"\n".join((request.method.encode(), request.path, query if usual else sorted_query(query), block, payload))
    if not compare_digest(signer.sign(prefix + sha256_hex(canonical).encode()).encode(), signature) and not fits_otherwise(
        request, query, signer, prefix, block, payload, signature
    ):
        raise mismatch(scope.access_key, prefix, canonical, signature)
    if usual is None:
        hoist(request, _OWN)
    elif plain and not by_header and not usual[1] and not usual[6]:
        _remember(request.query, query, scope, stamp, expires_s, headers[b"host"], credential, signer, prefix)
    return Proof(credential, "v4-query", by_header if payload == b"UNSIGNED-PAYLOAD" and by_header else payload, signer, stamp, scope.text, signature)


def _scope(credential: bytes) -> Scope | None:
    """The scope in a percent-encoded credential: the same for every URL that a key signs on one day."""
    found = _scopes.get(credential)
    if found is None:
        found = parse_scope(unquote_to_bytes(credential))
        if found is not None and len(credential) <= _SCOPE_BYTES_MAX:
            if len(_scopes) >= _SCOPES_MAX:
                del _scopes[next(iter(_scopes))]
            _scopes[credential] = found
    return found


def _parse(request: Request) -> tuple[Scope, bytes, int, tuple[bytes, ...], bytes, bytes]:
    """Scope, date, expiry in seconds, signed headers, signature and payload hash of a query in any order."""
    given: dict[str, str] = {}
    for name, value in parameters(request.query):
        if name in _OWN:
            if name in given:
                raise AuthorizationQueryParametersError(f"The parameter {name} was given more than once.")
            given[name] = value
    if "X-Amz-Security-Token" in given:
        raise InvalidToken()
    if given.get("X-Amz-Algorithm", "AWS4-HMAC-SHA256") != "AWS4-HMAC-SHA256":
        raise AuthorizationQueryParametersError('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"')
    if any(not given.get(name) for name in _REQUIRED):
        raise AuthorizationQueryParametersError(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, "
            "X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
    scope = parse_scope(given["X-Amz-Credential"].encode())
    if scope is None:
        raise AuthorizationQueryParametersError(
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
            'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        )
    if times.iso_basic(given["X-Amz-Date"].encode()) is None:
        raise AuthorizationQueryParametersError("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    names = parse_names(given["X-Amz-SignedHeaders"].encode())
    if names is None or b"host" not in names:
        raise AuthorizationQueryParametersError("X-Amz-SignedHeaders must name host and be in lower case.")
    expires = given["X-Amz-Expires"]
    if _DIGITS.fullmatch(expires) is None:
        negative = expires.startswith("-") and _DIGITS.fullmatch(expires[1:])
        raise AuthorizationQueryParametersError("X-Amz-Expires must be non-negative" if negative else "X-Amz-Expires should be a number")
    if _HEX_64.fullmatch(given["X-Amz-Signature"]) is None:
        raise AuthorizationQueryParametersError("X-Amz-Signature must be 64 lower-case hexadecimal digits.")
    return (
        scope,
        given["X-Amz-Date"].encode(),
        int(expires),
        names,
        given["X-Amz-Signature"].encode(),
        given.get("X-Amz-Content-Sha256", "").encode(),
    )


def _refuse_scope(scope: Scope, settings: Settings) -> None:
    if scope.service != "s3":
        raise AuthorizationQueryParametersError(
            f"Error parsing the X-Amz-Credential parameter; incorrect service {scope.service!r}. This endpoint belongs to 's3'."
        )
    raise AuthorizationQueryParametersError(
        f"Error parsing the X-Amz-Credential parameter; the region {scope.region!r} is wrong; expecting {settings.region!r}", Region=settings.region
    )


def _check_time(scope: Scope, stamp: bytes, expires_s: int, now: float, settings: Settings) -> None:
    """Errors: AuthorizationQueryParametersError for an expiry out of range, AccessDenied before and after its time."""
    if not 1 <= expires_s <= settings.expires_s_max:
        raise AuthorizationQueryParametersError(
            "X-Amz-Expires must be less than a week (in seconds); that is, "
            f"the given X-Amz-Expires must be from 1 to {settings.expires_s_max} seconds"
        )
    sent = times.iso_basic(stamp)
    if sent is None or stamp[:8] != scope.text[:8]:
        raise AuthorizationQueryParametersError(
            f'Error parsing the X-Amz-Credential parameter; Invalid credential date "{scope.date}". '
            f'This date is not the same as X-Amz-Date: "{stamp[:8].decode()}".'
        )
    if now > sent + expires_s:
        expired = AccessDenied("Request has expired")
        expired.fields = {"X-Amz-Expires": str(expires_s), "Expires": times.to_iso(sent + expires_s), "ServerTime": times.to_iso(now)}
        raise expired
    if now < sent - settings.skew_s_max:
        early = AccessDenied("Request is not yet valid")
        early.fields = {"X-Amz-Date": stamp.decode(), "ServerTime": times.to_iso(now)}
        raise early


def hoist(request: Request, own: frozenset[str], also: frozenset[str] = frozenset()) -> None:
    """Puts the signed `x-amz-*` parameters of a presigned query among the headers, where their meaning is read.

    SDKs move headers into the query when they presign. Errors: InvalidArgument when a header says something else, or
    a value cannot be a header's.
    """
    for name, value in parameters(request.query):
        lower = name.lower()
        if name in own or not (lower.startswith("x-amz-") or lower in also):
            continue
        if _UNFIT.search(value) or _HEADER_NAME.fullmatch(lower) is None:
            raise InvalidArgument("A parameter of the query cannot be a header.", ArgumentName=lower, ArgumentValue="")
        header = lower.encode("ascii")
        if request.headers.setdefault(header, value.strip().encode()) != value.strip().encode():
            raise InvalidArgument("A header and a parameter of the query contradict each other.", ArgumentName=lower, ArgumentValue=value)


def claimed_key(query: bytes) -> str:
    """The access key that a presigned URL of either version names; "" for none. Nothing is proven by it."""
    try:
        given = dict(parameters(query))
    except InvalidArgument:
        return ""
    scope = parse_scope(given.get("X-Amz-Credential", "").encode())
    return scope.access_key if scope is not None else given.get("AWSAccessKeyId", "")
