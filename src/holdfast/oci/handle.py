"""The life of every OCI request on one page: what, who, on which bucket, may they, exactly what, run, answer."""

from __future__ import annotations

import logging
import time
from typing import Any

import msgspec

from holdfast.authn.oci_signature import verify_signature
from holdfast.buckets.links import source_of
from holdfast.engine.api import EngineError
from holdfast.model.buckets import LINK, Bucket
from holdfast.model.errors import AccessDenied, InternalError, InvalidArgument, NoSuchBucket, NotAuthenticated, Refusal
from holdfast.model.identity import ANONYMOUS, Caller
from holdfast.model.messages import Request, Response
from holdfast.observe.audit import Audit
from holdfast.oci import audited, ops
from holdfast.oci.answers import identify, refusal_of
from holdfast.oci.cors import preflight, share
from holdfast.oci.errors import NamespaceNotFound, NotFound, answer_of
from holdfast.oci.listing import parameters
from holdfast.oci.operation import OPERATIONS, Call, Operation, Services
from holdfast.oci.router import Match, Router

log = logging.getLogger("holdfast.oci")

_ENCRYPTION = (b"opc-sse-", b"opc-source-sse-")
_CONDITIONS = (b"if-match", b"if-none-match")


class OCI:
    """The OCI dialect as a handler of requests."""

    def __init__(self, services: Services, audit: Audit | None = None) -> None:
        ops.load()
        self._audit = audit
        self.services = services
        self.router = Router(OPERATIONS.values())
        self._region = services.settings.region.encode("ascii")

    async def __call__(self, request: Request) -> Response:
        """Never raises: every failure is an answer, and an unexpected one is logged once with the request's id."""
        match: Match | None = None
        try:
            if request.method == "OPTIONS":
                return share(identify(preflight(request), request, self._region))
            caller, match = await self.who(request)
            response = await self.answer(request, caller, match)
            if response.body.__class__ is not bytes and request.seen is not None:
                seen: Any = request.seen
                seen.answered = time.monotonic()  # a stream begins; for all else the answer is written at once
        except Refusal as refusal:
            response = self._refused(refusal, request, match)
        except EngineError as error:
            meaning = refusal_of(error)
            if meaning.status >= 500:
                log.error("engine: %s: %s", type(error).__name__, error, extra={"request_id": request.id})
            response = self._refused(meaning, request, match)
        except Exception:
            log.exception("unexpected", extra={"request_id": request.id})
            response = self._refused(InternalError(), request, match)
        return share(identify(response, request, self._region))

    async def who(self, request: Request) -> tuple[Caller, Match]:
        """What is asked is looked at first, as it says which headers a signature must cover; nothing of it is told before the signature is proven.

        Errors: NotAuthenticated; then those of `Router.match`, and NotFound."""
        trouble: Refusal | None = None
        match: Match | None = None
        try:
            match = self.router.match(request)
            _note(request, match)
        except Refusal as refusal:
            trouble = refusal
        caller = ANONYMOUS
        if b"authorization" in request.headers:
            streams = match is not None and match.operation.streams
            caller = await verify_signature(request, self.services.signing.find, request.received_at, unsigned_body=streams)
        elif match is None or not match.operation.public:
            raise NotAuthenticated
        if trouble is not None:
            raise trouble
        if match is None:
            raise NotFound
        return caller, match

    async def answer(self, request: Request, caller: Caller, match: Match) -> Response:
        """Errors: Refusal, EngineError."""
        operation, names = match
        seen: Any = request.seen
        if seen is not None and caller.user is not None:
            seen.access_key, seen.user, seen.principal = caller.access_key, caller.user.name, caller.user.id
        call = Call(request, caller, operation.name, names, {}, self.services)
        await self.locate(call)
        if operation.asks:
            await self.ask(call)
        check_headers(operation, request)
        call.query = read_query(operation, request)
        if operation.body is not None:
            call.body = await read_body(operation, request)
        elif not operation.streams and request.body.length != 0:
            await request.body.read_all(operation.body_bytes_max)  # what was signed of it must hold, though nothing is asked of it
        return await audited.run(operation, call, self._audit)

    async def locate(self, call: Call) -> None:
        """Finds the bucket that the path names; a link's source has the data and the rights. Errors: NamespaceNotFound, NoSuchBucket."""
        namespace = call.names.get("namespaceName")
        if namespace is None:
            return
        name = call.names.get("bucketName")
        if name is None:
            if "/" in namespace or namespace != call.user.namespace:
                raise NamespaceNotFound
            return
        bucket = None if "/" in namespace else await self.services.engine.catalog.bucket(namespace, name)
        if bucket is None:
            raise NoSuchBucket
        call.bucket = await self._source(bucket, call.operation)

    async def _source(self, bucket: Bucket, operation: str) -> Bucket:
        if LINK in bucket.settings and operation != "DeleteBucket":
            return await source_of(self.services.engine, bucket)
        return bucket

    async def ask(self, call: Call) -> None:
        """Errors: AccessDenied."""
        await call.require(bucket=call.bucket, key=call.key)

    def _refused(self, refusal: Refusal, request: Request, match: Match | None) -> Response:
        response = answer_of(refusal, request, match)
        seen: Any = request.seen
        if seen is not None:
            seen.error = "AccessDenied" if isinstance(refusal, AccessDenied) else refusal.code
        audited.refused(self._audit, request, refusal)
        return response


def _note(request: Request, match: Match | None) -> None:
    """Tells the logs what is asked, whoever asks."""
    seen: Any = request.seen
    if seen is not None and match is not None:
        operation, names = match
        seen.operation, seen.bucket, seen.key = operation.name, names.get("bucketName", ""), names.get("objectName", "")


def check_headers(operation: Operation, request: Request) -> None:
    """Errors: InvalidArgument for keys or conditions that the operation would not heed."""
    if not operation.encrypts:
        for name in request.headers:
            if name.startswith(_ENCRYPTION):
                raise InvalidArgument(f"{operation.name} takes no {name.decode('latin-1')}.")
    if not operation.conditional:
        for name in _CONDITIONS:
            if name in request.headers:
                raise InvalidArgument(f"{operation.name} takes no {name.decode()}.")


def read_query(operation: Operation, request: Request) -> dict[str, str]:
    """Errors: InvalidArgument."""
    found = parameters(request.query) if request.query else {}
    for name in found:
        if name not in operation.parameters:
            raise InvalidArgument(f"{operation.name} has no parameter {name}.", ArgumentName=name)
    for name in operation.required:
        if not found.get(name):
            raise MissingParameter(f"The parameter {name} is required.", ArgumentName=name)
    return found


async def read_body(operation: Operation, request: Request) -> Any:
    """The document of the request. Errors: InvalidArgument; EntityTooLarge; what reading the body raises."""
    assert operation.body is not None
    data = await request.body.read_all(operation.body_bytes_max)
    try:
        return msgspec.json.decode(data or b"{}", type=operation.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CannotParseRequest(f"The body is no {operation.body.__name__}: {error}") from None


class MissingParameter(Refusal):
    """A required parameter is not there."""

    status, message, oci = 400, "A required parameter is missing.", (400, "MissingParameter")


class CannotParseRequest(Refusal):
    """The document of the request is not what the operation takes."""

    status, message, oci = 400, "The body cannot be read.", (400, "CannotParseRequest")
