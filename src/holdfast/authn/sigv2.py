"""Signature Version 2, in the Authorization header and in the query.

Source: "Signing and authenticating REST requests (AWS signature version 2)" in the S3 API Reference.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from urllib.parse import unquote_to_bytes

from holdfast.authn import times
from holdfast.authn.canonical import parameters, without_secrets
from holdfast.authn.presigned import hoist
from holdfast.authn.settings import Settings
from holdfast.authn.sigv4 import Finder, Proof, check_skew, check_transport, usable
from holdfast.model.errors import AccessDenied, InvalidArgument, InvalidToken, SignatureDoesNotMatch
from holdfast.model.identity import Credential
from holdfast.model.messages import Request

_RESPONSE = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")
SUBRESOURCES = frozenset(
    b"accelerate acl analytics cors defaultObjectAcl delete inventory lifecycle location logging metrics notification object-lock partNumber "
    b"policy replication requestPayment restore select select-type storageClass tagging torrent uploadId uploads versionId versioning versions "
    b"website".split()
) | {f"response-{name}".encode() for name in _RESPONSE}
"""The parameters that are part of what is signed, as SDKs sign them."""

_UNSIGNED_IN_QUERY = frozenset(
    (
        *("AWSAccessKeyId", "Expires", "Signature", "content-type", "content-md5", "x-id", "prefix", "delimiter", "marker", "max-keys"),
        *("list-type", "continuation-token", "start-after", "encoding-type", "fetch-owner", "key-marker", "version-id-marker"),
        *("upload-id-marker", "max-uploads", "part-number-marker", "max-parts"),
    )
)
_UNCOVERED = frozenset(
    b"abac annotation attributes encryption intelligent-tiering legal-hold metadataAnnotationTable metadataConfiguration metadataInventoryTable "
    b"metadataJournalTable metadataTable ownershipControls policyStatus publicAccessBlock renameObject retention session".split()
)
"""Sub-resources younger than Version 2: they make another operation of a request, and its signature does not cover them."""
_OWN = frozenset(("AWSAccessKeyId", "Expires", "Signature"))
_REPRESENTATION = frozenset(("content-type", "content-md5"))
_SPLITS = re.compile(rb"&([A-Za-z-]+)(?=[=&]|\Z)")


async def verify_v2_header(request: Request, authorization: bytes, keys: Finder, now: float, settings: Settings, bucket: str) -> Proof:
    """Proves who signed a request by `Authorization: AWS key:signature`.

    Errors: InvalidArgument, AccessDenied (no valid date), RequestTimeTooSkewed, InvalidAccessKeyId, InvalidToken, SignatureDoesNotMatch.
    """
    access_key, colon, signature = authorization[4:].strip().decode("latin-1").rpartition(":")
    if not colon or not access_key:
        raise InvalidArgument("AWS authorization header is invalid.  Expected AwsAccessKeyId:signature", ArgumentName="Authorization")
    headers = request.headers
    date = headers.get(b"x-amz-date")  # takes the place of Date even when it is empty
    if date is None:
        date = headers.get(b"date", b"")
    sent = times.http_date(date.decode("latin-1"))
    if sent is None or sent < 0:
        raise AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
    check_skew(sent, date.decode("latin-1"), now, settings)
    if b"x-amz-security-token" in headers:
        raise InvalidToken()
    if request.query:
        _refuse_uncovered(request.query)
    credential = await _usable(request, keys, access_key, now, settings)
    return _prove(request, credential, b"" if b"x-amz-date" in headers else headers[b"date"], signature, "v2-header", bucket)


def _refuse_uncovered(query: bytes) -> None:
    """In a header's signature, plain arguments may stay unsigned as they always did; what names another operation, or is read as an
    x-amz-* header, may not: whoever hears the request could add it. Errors: AccessDenied."""
    for name, _ in parameters(query):
        if name.encode() in _UNCOVERED or name.lower().startswith("x-amz-"):
            raise AccessDenied(f"The parameter {name[:100]!r} of the query is not covered by Signature Version 2; sign with Version 4.")


async def verify_v2_query(request: Request, keys: Finder, now: float, settings: Settings, bucket: str) -> Proof:
    """Proves who signed a URL with AWSAccessKeyId, Expires and Signature. Signed headers that the query holds are put among the headers.

    A parameter that changes meaning and that the signature does not cover is refused: the bearer may not add one.
    Errors: AccessDenied, InvalidAccessKeyId, InvalidToken, InvalidArgument, SignatureDoesNotMatch.
    """
    given: dict[str, str] = {}
    for name, value in parameters(request.query):
        if name in _OWN and name in given:
            raise InvalidArgument("A parameter of the signature was given more than once.", ArgumentName=name)
        given[name] = value
        if name not in _UNSIGNED_IN_QUERY and name.encode() not in SUBRESOURCES and not name.lower().startswith("x-amz-"):
            raise AccessDenied(f"The parameter {name[:100]!r} of the query is not covered by Signature Version 2; sign with Version 4.")
    if not given.get("AWSAccessKeyId") or not given.get("Signature") or not given.get("Expires"):
        raise AccessDenied("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
    expires = given["Expires"]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        raise AccessDenied("Invalid date (should be seconds since epoch): " + expires[:40])
    if now > int(expires):
        raise AccessDenied("Request has expired", Expires=times.to_iso(int(expires)), ServerTime=times.to_iso(now))
    hoist(request, _OWN, _REPRESENTATION)
    if b"x-amz-security-token" in request.headers:
        raise InvalidToken()
    credential = await _usable(request, keys, given["AWSAccessKeyId"], now, settings)
    return _prove(request, credential, expires.encode(), given["Signature"], "v2-query", bucket)


async def _usable(request: Request, keys: Finder, access_key: str, now: float, settings: Settings) -> Credential:
    found = await keys.find(access_key)
    if found is None or found.bearer:
        check_transport(request, access_key, settings)
    return usable(found, access_key, now)


def _prove(request: Request, credential: Credential, date: bytes, signature: str, how: str, bucket: str) -> Proof:
    headers = request.headers
    if credential.bearer:
        return Proof(credential, "token", headers.get(b"x-amz-content-sha256", b""))
    amz = b"".join(b"%b:%b\n" % (name, headers[name]) for name in sorted(headers) if name.startswith(b"x-amz-"))
    start = b"%b\n%b\n%b\n%b\n%b" % (
        request.method.encode(), headers.get(b"content-md5", b""), headers.get(b"content-type", b""), date, amz
    )  # fmt: skip
    texts = [start + resource for resource in canonical_resources(request.path, request.query, bucket)]
    for text in texts:
        expected = b64encode(hmac.digest(credential.secret.encode(), text, "sha1"))
        if hmac.compare_digest(expected, signature.encode("utf-8")):
            return Proof(credential, how, headers.get(b"x-amz-content-sha256", b""))
    shown = without_secrets(texts[0])
    raise SignatureDoesNotMatch(
        AWSAccessKeyId=credential.access_key,
        StringToSign=shown.decode("utf-8", "replace"),
        SignatureProvided=signature,
        StringToSignBytes=shown.hex(" "),
    )


def canonical_resources(path: bytes, query: bytes, bucket: str) -> list[bytes]:
    """What may stand in the string to sign for a resource (`bucket` is that of a virtual host, or ""): sub-resources in
    order of name, their values decoded (as AWS documents) or as sent,
    and an empty value with its "=" or without.

    A bucket without the slash behind it may be signed with one: botocore and boto2 do so, and both paths name the same bucket.
    A decoded value that could be read as a further sub-resource counts only as sent, so that one signature never fits two meanings.
    """
    resource = b"/" + bucket.encode() + path if bucket else path
    resources = [resource, resource + b"/"] if len(resource) > 1 and resource.rfind(b"/") == 0 else [resource]
    return [form + suffix for suffix in _canonical_queries(query) for form in resources]


def _canonical_queries(query: bytes) -> list[bytes]:
    pairs = sorted(pair.partition(b"=") for pair in query.split(b"&") if pair.partition(b"=")[0] in SUBRESOURCES)
    if not pairs:
        return [b""]
    forms = [b"&".join([b"".join(pair) for pair in pairs])]
    if all(not SUBRESOURCES.intersection(_SPLITS.findall(unquote_to_bytes(value))) for _, _, value in pairs):
        decoded = [(name, equals, unquote_to_bytes(value.replace(b"+", b" "))) for name, equals, value in pairs]
        forms.insert(0, b"&".join([b"".join(pair) for pair in decoded]))
        forms.append(b"&".join([name + b"=" + value if value else name for name, _, value in decoded]))
    return [b"?" + form for form in dict.fromkeys(forms)]
