"""Pre-authenticated requests as a handler: the life of every request below /p/ on one page."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable
from typing import Any, cast

from holdfast.engine.api import Engine, EngineError
from holdfast.model.errors import AccessDenied, InternalError, PreconditionFailed, Refusal
from holdfast.model.messages import Request, Response
from holdfast.model.objects import EXISTING, NEW, Version
from holdfast.objects.conditions import within
from holdfast.observe.audit import Audit
from holdfast.observe.refused import tell
from holdfast.oci import par_uploads
from holdfast.oci.answers import document, identify, refusal_of, refuse
from holdfast.oci.cors import preflight, share
from holdfast.oci.listing import list_objects, read_query
from holdfast.oci.native_objects import put_object, read_object, write_expectation
from holdfast.oci.object_head import NATIVE
from holdfast.oci.par_door import NoSuchPar, ParDoor, Use

log = logging.getLogger("holdfast.oci")

MESSAGE = "PAR does not exist"
"""All that anybody learns of a token, scope, verb or time that is not right (OCI, "Using Pre-Authenticated Requests")."""


class ParHandler:
    """Answers what `ParDoor` lets in, on one engine; `region` is the first part of every opc-request-id."""

    def __init__(self, engine: Engine, door: ParDoor, region: str, audit: Audit | None = None) -> None:
        self._engine = engine
        self._door = door
        self._region = region.encode("ascii")
        self._audit = audit

    async def __call__(self, request: Request) -> Response:
        """Never raises: every failure is an answer, and an unexpected one is logged once with the request's id, never with its path."""
        try:
            response = await self.answer(request)
            if response.body.__class__ is not bytes and request.seen is not None:
                seen: Any = request.seen
                seen.answered = time.monotonic()  # a stream begins; for all else the answer is written at once
        except (NoSuchPar, AccessDenied) as error:
            response = refuse(401, "NotAuthenticated", MESSAGE, request)
            _seen(request, "NotAuthenticated")
            if self._audit is not None:
                tell(self._audit, "par", request, _for_operators(error, request), "NotAuthenticated")
        except Refusal as refusal:
            response = self._refused(refusal, request)
        except EngineError as error:
            meaning = refusal_of(error)
            if meaning.status >= 500:
                log.error("engine: %s: %s", type(error).__name__, error, extra={"request_id": request.id})
            response = self._refused(meaning, request)
        except Exception:
            log.exception("unexpected", extra={"request_id": request.id})
            response = self._refused(InternalError(), request)
        return share(identify(response, request, self._region))

    async def answer(self, request: Request) -> Response:
        """Errors: NoSuchPar, Refusal, EngineError."""
        if request.method == "OPTIONS":
            return preflight(request)
        use = await self._door.enter(request)
        seen: Any = request.seen
        if seen is not None:
            seen.operation, seen.bucket, seen.key = use.operation, use.bucket.name, use.place.key
            seen.access_key = use.caller.access_key
            if use.caller.user is not None:
                seen.user, seen.principal = use.caller.user.name, use.caller.user.id
        return await self._run(use, request)

    def _run(self, use: Use, request: Request) -> Awaitable[Response]:
        engine, now_ms = self._engine, int(request.received_at * 1000)
        operation = use.operation
        if operation in ("GetObject", "HeadObject"):
            return self._read(use, request)
        if operation == "PutObject":
            return self._put(use, request, now_ms)
        if operation == "ListObjects":
            return self._list(use, request)
        if operation == "CreateMultipartUpload":
            return par_uploads.start(engine, use, request, now_ms)
        if operation == "UploadPart":
            return par_uploads.put_part(engine, use, request, now_ms)
        if operation == "CommitMultipartUpload":
            return par_uploads.commit(engine, use, request)
        return par_uploads.abort(engine, use)

    async def _read(self, use: Use, request: Request) -> Response:
        async def found(version: Version) -> None:
            self._door.check(use, version, request)

        return await read_object(self._engine, use.bucket, use.place.key, request, found)

    async def _put(self, use: Use, request: Request, now_ms: int) -> Response:
        """A creator who may only create, or only overwrite, is as one without rights where the other is needed: the commit itself finds out."""
        half = NEW if not use.overwrites else EXISTING if not use.creates else ""
        expect = within(await write_expectation(self._engine, use.bucket, use.place.key, request), half)
        return await put_object(self._engine, use.bucket, use.place.key, use.caller, request, expect, now_ms)

    async def _list(self, use: Use, request: Request) -> Response:
        """The names that both the request and the query are about."""
        asked = read_query(request.query)
        target = use.par.target
        if asked.prefix.startswith(target):
            found = await list_objects(self._engine, use.bucket.id, asked)
        elif target.startswith(asked.prefix):
            found = await list_objects(self._engine, use.bucket.id, asked.within(target))
        else:
            found = {"objects": [], "prefixes": []} if asked.delimiter else {"objects": []}
        return document(found, 200, NATIVE)

    def _refused(self, refusal: Refusal, request: Request) -> Response:
        _seen(request, refusal.code)
        status, code = refusal.oci
        if isinstance(refusal, PreconditionFailed) and refusal.fields.get("Condition") == "If-None-Match":
            code = "IfNoneMatchFailed"
        return refuse(status, code, refusal.message, request, refusal.headers)


def _for_operators(error: NoSuchPar | AccessDenied, request: Request) -> AccessDenied:
    """The refusal as the audit log has it: with the reason, and with the id of the request whose token it was."""
    if isinstance(error, AccessDenied):
        return error
    denied, seen = AccessDenied(), cast(Any, request.seen)
    denied.because = error.because
    if seen is not None:
        seen.access_key = error.access_key
    return denied


def _seen(request: Request, code: str) -> None:
    seen: Any = request.seen
    if seen is not None:
        seen.error = code
