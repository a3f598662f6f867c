"""How the OCI dialect answers: the headers of every answer, JSON, and refusals as {"code", "message"}."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from holdfast.engine import api as engine
from holdfast.model.errors import InsufficientStorage, InternalError, NoSuchBucket, NotModified, OperationAborted, Refusal, ServiceUnavailable
from holdfast.model.messages import Request, Response

CONTENT_TYPE_JSON = (b"content-type", b"application/json")
_CLIENT_ID = re.compile(rb"[A-Za-z0-9/_.:-]{1,128}\Z")

encode = msgspec.json.Encoder().encode


def document(value: Any, status: int = 200, *headers: tuple[bytes, bytes]) -> Response:
    """An answer with a JSON body."""
    return Response(status, [CONTENT_TYPE_JSON, *headers], encode(value))


def identify(response: Response, request: Request, region: bytes) -> Response:
    """The same answer with opc-request-id, and opc-client-request-id where the client sent one."""
    response.headers.append((b"opc-request-id", b"%b-1:%b" % (region, request.id.encode("ascii"))))
    given = request.headers.get(b"opc-client-request-id")
    if given is not None and _CLIENT_ID.match(given) is not None:
        response.headers.append((b"opc-client-request-id", given))
    return response


def refuse(status: int, code: str, message: str, request: Request, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Response:
    """The answer to a refused request (OCI, "API Errors"). HEAD and 304 have no body."""
    if request.method == "HEAD" or status == NotModified.status:
        return Response(status, list(headers))
    return Response(status, [*headers, CONTENT_TYPE_JSON], encode({"code": code, "message": message}))


def refusal_of(error: engine.EngineError) -> Refusal:
    """What an engine's error means to a client when the operation did not say it better."""
    if isinstance(error, engine.Full):
        return InsufficientStorage()
    if isinstance(error, engine.Unavailable):
        return ServiceUnavailable(headers=((b"Retry-After", b"1"),))
    if isinstance(error, engine.Stale | engine.Conflict):
        return OperationAborted()
    if isinstance(error, engine.Gone):
        return NoSuchBucket()
    return InternalError()
