"""What the audit log says of a refused request, whichever door it came to; nothing of it is a secret."""

from __future__ import annotations

import hashlib
from typing import Any

from holdfast.model.errors import Refusal
from holdfast.model.identity import looks_like_token
from holdfast.model.messages import Request
from holdfast.observe.audit import Audit, Event

AUDITED = frozenset((
    "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity", "InvalidToken", "ExpiredToken", "RequestTimeTooSkewed",
    "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError", "MissingSecurityHeader", "XAmzContentSHA256Mismatch",
    "NotAuthenticated", "NotAuthorizedOrNotFound", "NotAuthorized",
))  # fmt: skip
"""The codes, of every door, that mean: not proven, or not allowed."""


def tell(audit: Audit, door: str, request: Request, refusal: Refusal, code: str = "") -> None:
    """Takes a refusal into the audit log if it is one of authentication or authorization. `code` is the door's own, S3's where it is ""."""
    code = code or refusal.code
    if code in AUDITED:
        audit.refusal(event_of(door, request, refusal, code))


def event_of(door: str, request: Request, refusal: Refusal, code: str) -> Event:
    """Who, from where, what and why; what became known of the request stands in `request.seen`."""
    seen: Any = request.seen
    known = seen is not None and bool(seen.access_key)
    bucket, key = (seen.bucket, seen.key) if seen is not None else ("", "")
    return Event(
        at=request.received_at,
        request_id=request.id,
        door=door,
        who=seen.user if seen is not None else "",
        principal=seen.principal if seen is not None else "",
        access_key=seen.access_key if known else claimed(refusal),
        address=request.peer,
        action=(seen.operation if seen is not None else "") or request.method,
        resource=f"{bucket}/{key}" if key else bucket,
        decision="deny",
        rule=refusal.because or code,
        details={"code": code, "method": request.method},
    )


def claimed(refusal: Refusal) -> str:
    """The access key that a caller who proved nothing named: as it stands where it exists, else only by its hash, since people put secrets in
    the wrong place; nothing of a token."""
    key = refusal.fields.get("AWSAccessKeyId", "")
    if not key or looks_like_token(key):
        return ""
    if refusal.code == "InvalidAccessKeyId":
        return "unknown:sha256:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return key
