"""Refusals and engine errors as S3 answers them: status, headers, and the Error document."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

from holdfast.engine import api as engine
from holdfast.model.errors import (
    InsufficientStorage,
    InternalError,
    NoSuchBucket,
    NotModified,
    OperationAborted,
    Refusal,
    SlowDown,
)
from holdfast.model.messages import Request, Response
from holdfast.wire.compile import CONTENT_TYPE_XML
from holdfast.wire.xml import DECLARATION, escape

HOST_ID = base64.b64encode(hashlib.sha256(secrets.token_bytes(32)).digest() + secrets.token_bytes(16)).decode("ascii")
"""x-amz-id-2 of this process: opaque, new at each start, and it tells nothing about the machine."""

_HOST_ID_BYTES = HOST_ID.encode("ascii")
_ELEMENT = re.compile(r"[A-Za-z][A-Za-z0-9]*\Z")


def identify(response: Response, request: Request) -> Response:
    """The same response with x-amz-request-id and x-amz-id-2, which every answer carries."""
    response.headers += ((b"x-amz-request-id", request.id.encode("ascii")), (b"x-amz-id-2", _HOST_ID_BYTES))
    return response


def refuse(refusal: Refusal, request: Request) -> Response:
    """The answer to a refused request. HEAD and 304 have no body (RFC 9110, 9.3.2 and 15.4.5)."""
    headers = list(refusal.headers)
    if request.method == "HEAD" or refusal.status == NotModified.status:
        return identify(Response(refusal.status, headers), request)
    headers.append(CONTENT_TYPE_XML)
    return identify(Response(refusal.status, headers, document(refusal, request)), request)


def document(refusal: Refusal, request: Request) -> bytes:
    """The Error document (S3 API Reference, "REST error responses"); the refusal's own fields stand before Resource."""
    out = [f"{DECLARATION}<Error><Code>{refusal.code}</Code><Message>{escape(refusal.message)}</Message>"]
    for name, value in refusal.fields.items():
        if _ELEMENT.match(name):
            out.append(f"<{name}>{escape(value)}</{name}>")
    if "Resource" not in refusal.fields:
        out.append(f"<Resource>{escape(request.path.decode('utf-8', 'replace'))}</Resource>")
    out.append(f"<RequestId>{request.id}</RequestId><HostId>{HOST_ID}</HostId></Error>")
    return "".join(out).encode("utf-8", "replace")


def refusal_of(error: engine.EngineError) -> Refusal:
    """What an engine's error means to a client when the operation did not say it better."""
    if isinstance(error, engine.Full):
        return InsufficientStorage()
    if isinstance(error, engine.Unavailable):  # a store that is moved, or whose backends do not answer: what every client tries again
        return SlowDown(headers=((b"Retry-After", b"1"),))
    if isinstance(error, engine.Stale | engine.Conflict):
        return OperationAborted()
    if isinstance(error, engine.Gone):
        return NoSuchBucket()
    return InternalError()
