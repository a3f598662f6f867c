"""Who is asking: tells the mechanisms apart, proves the caller, and sets how the body must be read."""

from __future__ import annotations

from holdfast.authn.bodies import check_plain, verified
from holdfast.authn.chunked import Seal
from holdfast.authn.presigned import verify_alike, verify_query
from holdfast.authn.settings import Settings
from holdfast.authn.sigv2 import verify_v2_header, verify_v2_query
from holdfast.authn.sigv4 import Finder, Proof, verify_header
from holdfast.model.errors import AccessDenied, InvalidArgument, InvalidRequest
from holdfast.model.identity import ANONYMOUS, Caller
from holdfast.model.messages import Request

_V4_NAMES = frozenset((b"X-Amz-Algorithm", b"X-Amz-Credential", b"X-Amz-Signature"))
_V2_NAMES = frozenset((b"AWSAccessKeyId", b"Signature"))


async def authenticate(request: Request, keys: Finder, now: float, settings: Settings, bucket: str = "") -> Caller:
    """The caller of a request: anonymous, or proven by Signature Version 4 or 2, in the header or in the query, or by a token that is
    the access key of any of these.

    `now` is in seconds since the epoch; `bucket` is the one that a virtual host names (Version 2 signs it), or "".
    `request.body` is replaced by one that verifies what was signed of it while it is read: nothing read may be kept for
    good before `read` has given b"" (or `read_all` returned); its `length` is then that of the decoded body, and its
    `trailers` are the verified ones. Signed `x-amz-*` parameters of a presigned query are put among `request.headers`.
    Suspends only where `keys.find` or the body of a signature without x-amz-content-sha256 does.
    Errors: any refusal of `sigv4`, `presigned`, `sigv2` and `bodies.verified`; InvalidArgument for two mechanisms in one request.
    """
    headers = request.headers
    authorization = headers.get(b"authorization")
    if authorization is None and request.query:
        caller = verify_alike(request, keys, now, settings)
        if caller is not None:
            return caller
    in_query = _mechanism_in(request.query) if request.query else ""
    if authorization is None:
        if not in_query:
            payload = headers.get(b"x-amz-content-sha256", b"")
            if payload or b"x-amz-decoded-content-length" in headers:
                request.body = verified(request.body, payload, headers, None)
            return ANONYMOUS
        proof = await (verify_query(request, keys, now, settings) if in_query == "v4" else verify_v2_query(request, keys, now, settings, bucket))
    elif in_query:
        raise InvalidArgument(
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the "
            "Authorization header should be specified",
            ArgumentName="Authorization",
        )
    elif authorization[:17] == b"AWS4-HMAC-SHA256 ":
        proof = await verify_header(request, authorization, keys, now, settings)
    else:
        proof = await _verify_other_header(request, authorization, keys, now, settings, bucket)
    return _admit(request, proof)


def _admit(request: Request, proof: Proof) -> Caller:
    """Sets the body of the request to the one that verifies, and names the caller."""
    payload = proof.payload
    if proof.body is not None:
        request.body = proof.body
    if payload[:9] == b"STREAMING":
        seal = Seal(proof.signer, proof.stamp, proof.scope, proof.signature) if proof.stamp else None
        request.body = verified(request.body, payload, request.headers, seal)
    else:
        if payload and b"x-amz-decoded-content-length" in request.headers:
            check_plain(request.headers)
        if payload != b"UNSIGNED-PAYLOAD":
            request.body = verified(request.body, payload, request.headers, None)
    credential = proof.credential
    return Caller(how=proof.how, user=credential.user, access_key=credential.access_key, grants=credential.grants)


def _mechanism_in(query: bytes) -> str:
    """The signature that a query carries, however incomplete: "v4", "v2" or "". Errors: InvalidArgument for both."""
    if b"X-Amz-" not in query and b"Signature" not in query and b"AWSAccessKeyId" not in query:
        return ""
    if query.count(b"Signature") == 1 and b"&X-Amz-Signature=" in query and b"AWSAccessKeyId" not in query:
        return "v4"
    names = {pair.partition(b"=")[0] for pair in query.split(b"&")}
    v4 = not names.isdisjoint(_V4_NAMES)
    v2 = not names.isdisjoint(_V2_NAMES)
    if v4 and v2:
        raise InvalidArgument("Only one auth mechanism allowed; the query holds the parameters of two signatures.")
    return "v4" if v4 else "v2" if v2 else ""


async def _verify_other_header(request: Request, authorization: bytes, keys: Finder, now: float, settings: Settings, bucket: str) -> Proof:
    if not authorization:
        raise AccessDenied()
    if authorization.startswith(b"AWS "):
        return await verify_v2_header(request, authorization, keys, now, settings, bucket)
    if authorization.startswith(b"AWS4-"):
        if authorization.startswith(b"AWS4-HMAC-SHA256"):
            return await verify_header(request, authorization, keys, now, settings)
        raise InvalidRequest("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
    raise InvalidArgument("Unsupported Authorization Type", ArgumentName="Authorization")
