"""The life of every S3 request on one page: what, who, on which bucket, may they, exactly what, run, answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from holdfast.authz.bucket_policy import policy_of
from holdfast.buckets.links import source_of
from holdfast.engine.api import Engine, EngineError
from holdfast.model import errors
from holdfast.model.buckets import LINK, Bucket
from holdfast.model.errors import AccessDenied, InternalError, NoSuchBucket, Refusal
from holdfast.model.identity import ANONYMOUS, Caller
from holdfast.model.messages import Request, Response
from holdfast.observe.audit import Audit
from holdfast.observe.refused import tell
from holdfast.s3 import cors, integrity, ops
from holdfast.s3.access import find_allowed
from holdfast.s3.alike import Alike, Recognise
from holdfast.s3.copy_source import parse_source
from holdfast.s3.errors import identify, refusal_of, refuse
from holdfast.s3.hosts import Hosts
from holdfast.s3.operation import OPERATIONS, Authorize, Call
from holdfast.s3.place import bucket_of, expect_owner
from holdfast.s3.post_object import post_object
from holdfast.s3.route import Place, Route
from holdfast.s3.router import POST_FORM, Match, Preflight, Router
from holdfast.s3.write_rights import half_of_write
from holdfast.wire.values import header_text

log = logging.getLogger("holdfast.s3")

Authenticate = Callable[[Request, str], Awaitable[Caller]]
"""Who sent this request; the text is the bucket that a virtual host names, or "". It may set another body, which verifies what was
signed. Errors: the refusals of authentication."""

AuthenticateForm = Callable[[dict[str, str], Request], Awaitable[Caller]]
"""Who signed the policy of a form, by the fields of it. Errors: the refusals of authentication."""


async def nobody(fields: dict[str, str], request: Request) -> Caller:
    """For a dialect that knows no keys: forms are anonymous. Errors: AccessDenied for a signed one."""
    if "policy" in fields:
        raise AccessDenied
    return ANONYMOUS


class S3:
    """The S3 dialect as a handler of requests. `settings` is what operations see as `call.settings` (its `region` among it).
    `namespace_claimed` gives the namespace of the key that a URL claims, unproven, or ""."""

    of_host = ""
    """The namespace that the host names, whoever asks; "" where it is the caller's own."""

    def __init__(
        self,
        engine: Engine,
        settings: Any,
        authenticate: Authenticate,
        authorize: Authorize,
        *,
        domains: tuple[str, ...] = (),
        namespace: str = "default",
        namespace_claimed: Callable[[Request], Awaitable[str]] | None = None,
        audit: Audit | None = None,
        authenticate_form: AuthenticateForm = nobody,
        recognise: Recognise | None = None,
    ) -> None:
        ops.load()
        self.engine = engine
        self.settings = settings
        self.authenticate = authenticate
        self.authorize = authorize
        self.namespace = namespace
        self.namespace_claimed = namespace_claimed
        self.authenticate_form = authenticate_form
        self.router = Router(Hosts(domains))
        self.audit = audit
        self.alike = Alike(engine, recognise, authorize)
        self.routes = {name: Route(operation, audit) for name, operation in OPERATIONS.items()}

    async def __call__(self, request: Request) -> Response:
        """Never raises: every failure is an answer, and an unexpected one is logged once with the request's id."""
        place = Place() if b"origin" in request.headers else None
        try:
            response = identify(await self.answer(request, place), request)
            if response.body.__class__ is not bytes and request.seen is not None:
                seen: Any = request.seen
                seen.answered = time.monotonic()  # a stream begins; for all else the answer is written at once
            if place is None:
                return response
        except Refusal as refusal:
            response = self.refused(refusal, request)
        except EngineError as error:
            meaning = refusal_of(error)
            if meaning.status >= 500:
                log.error("engine: %s: %s", type(error).__name__, error, extra={"request_id": request.id})
            response = self.refused(meaning, request)
        except Preflight as asked:
            return await self.preflight(request, asked.bucket)
        except Exception:
            log.exception("unexpected", extra={"request_id": request.id})
            response = self.refused(InternalError(), request)
        return response if place is None else await self.share(request, response, place)

    async def answer(self, request: Request, place: Place | None = None) -> Response:
        """`place` is told where the request went, when somebody wants to know. Errors: Refusal, EngineError, Preflight."""
        match = self.router.match(request)  # what
        seen: Any = request.seen
        if seen is not None:
            seen.operation, seen.bucket, seen.key, seen.only_signed = match.operation, match.bucket, match.key, not match.params
        caller = await self.authenticate(request, match.host_bucket)  # who
        if seen is not None and caller.user is not None:
            seen.access_key, seen.user, seen.principal = caller.access_key, caller.user.name, caller.user.id
        route = self.routes.get(match.operation)
        if route is None:
            if match.operation == POST_FORM:
                return await post_object(self, request, match, caller, place)
            raise errors.NotImplemented(f"The operation {match.operation} is not implemented.", Operation=match.operation)
        bucket = await self.locate(route, match, caller)  # where
        if place is not None:
            place.bucket = bucket
        needs = route.needs_of_version if match.params and b"versionId" in match.params else route.needs
        pending: tuple[str, ...] = ()
        half = ""
        try:
            await self.authorize(caller, needs, bucket, match.key, None, request, match.operation)  # may they
        except AccessDenied:
            if route.writes:
                half = await half_of_write(self.authorize, caller, bucket, match.key, request, match.operation)
            if not half and not route.judges:
                raise
            if not half:
                pending = needs  # the list of what they ask for may still allow it
        if b"x-amz-expected-bucket-owner" in request.headers:
            expect_owner(bucket, request.headers[b"x-amz-expected-bucket-owner"])
        if b"x-amz-source-expected-bucket-owner" in request.headers:
            await self.expect_source_owner(request, caller)
        reader = route.reader
        found = reader.scalars(request.headers, match.params, match.bucket, match.key, request.body)  # exactly what
        if route.needs_body:
            if (pending or caller.user is None) and not (pending and waits_for_body(bucket, match.operation)):
                early = Call(None, request, caller, bucket, self.engine, 0, self.settings, self.authorize, pending, match.operation)
                await admit(early, route.operation.of_keys, match.key, found.get("version_id"))
            data = await request.body.read_all(reader.limits.bytes_max)
            integrity.verify(route.model, route.own_headers, request, data)
            reader.body(data, found)
        now_ms = int(request.received_at * 1000)
        given = reader.complete(found)
        call = Call(given, request, caller, bucket, self.engine, now_ms, self.settings, self.authorize, pending, match.operation, half)
        output = await route.run(call)
        if not call.judged:
            raise AccessDenied()
        if route.may_be_alike and not pending:
            self.alike.remember(request, match, needs, self.of_host)
        return route.writer.write(output, route.success)

    async def locate(self, route: Route, match: Match, caller: Caller) -> Bucket | None:
        """The bucket that the request names; None for ListBuckets, and for CreateBucket: to ask for a name that somebody else has is
        allowed, and answered with BucketAlreadyExists. Errors: NoSuchBucket."""
        if not match.bucket or route.creates:
            return None
        bucket = await self.engine.catalog.bucket(self.namespace_of(caller), match.bucket)
        if bucket is None:
            bucket = await self.abroad(match.bucket)
            if bucket is None:
                raise NoSuchBucket(BucketName=match.bucket)
        if LINK in bucket.settings and not route.of_link:
            return await source_of(self.engine, bucket)
        return bucket

    def namespace_of(self, caller: Caller) -> str:
        """Where the caller's bucket names are looked up: its own namespace, or the default one for an anonymous caller."""
        return self.namespace if caller.user is None else caller.user.namespace

    async def abroad(self, name: str) -> Bucket | None:
        """The bucket that `namespace:bucket` names, as Ceph writes a bucket of another tenancy; without a namespace it is the default one."""
        namespace, colon, bucket = name.rpartition(":")
        return await self.engine.catalog.bucket(namespace or self.namespace, bucket) if colon else None

    async def preflight(self, request: Request, name: str) -> Response:
        """Whether a page of another origin may ask (S3 API Reference, "OPTIONS object"): anybody hears that, signed or not."""
        try:
            return identify(cors.preflight(request, await self.found(request, name)), request)
        except Refusal as refusal:
            return self.refused(refusal, request)
        except EngineError as error:
            return self.refused(refusal_of(error), request)

    async def found(self, request: Request, name: str) -> Bucket | None:
        """The bucket of that name for a request whose sender is not proven: in the namespace of the key that its URL claims, if any."""
        namespace = await self.namespace_claimed(request) if self.namespace_claimed is not None and request.query else ""
        bucket = await self.engine.catalog.bucket(namespace or self.namespace, name) if name else None
        bucket = bucket or await self.abroad(name)
        return bucket and await source_of(self.engine, bucket)

    async def share(self, request: Request, response: Response, place: Place) -> Response:
        """The answer with what the bucket's cross-origin rules add to it, refused or not."""
        with suppress(Refusal, EngineError, Preflight):
            bucket = place.bucket or await self.found(request, self.router.match(request).bucket)
            response.headers += cors.share(request, bucket)
        return response

    async def expect_source_owner(self, request: Request, caller: Caller) -> None:
        """x-amz-source-expected-bucket-owner: the bucket of x-amz-copy-source must belong to that owner.

        Errors: AccessDenied; as `parse_source`."""
        source = request.headers.get(b"x-amz-copy-source")
        if source is None:
            return
        bucket = await self.engine.catalog.bucket(self.namespace_of(caller), parse_source(header_text(source)).bucket)
        bucket = bucket and await source_of(self.engine, bucket)
        expect_owner(bucket, request.headers[b"x-amz-source-expected-bucket-owner"])

    def refused(self, refusal: Refusal, request: Request) -> Response:
        seen: Any = request.seen
        if seen is not None:
            seen.error = refusal.code
            if seen.bucket == "p":  # no bucket: what follows may be the token of a pre-authenticated request
                seen.key = "..."
        if self.audit is not None and refusal.status < 500:
            tell(self.audit, "s3", request, refusal)
        return refuse(refusal, request)


async def admit(call: Call[None], of_keys: tuple[str, ...], key: str, version_id: str | None) -> None:
    """Refuses before the body is read, so that nobody without rights makes the store take in and parse a document: whom no list of the
    version allows it, and an anonymous caller who is allowed no action `of_keys` in the bucket. Errors: as `find_allowed`; AccessDenied."""
    if call.pending:
        await find_allowed(call, bucket_of(call), key, version_id)
    for action in of_keys if call.caller.user is None else ():
        try:
            return await call.require(action, bucket_of(call), "")
        except AccessDenied:
            if action == of_keys[-1]:
                raise


def waits_for_body(bucket: Bucket | None, operation: str) -> bool:
    """Whether the bucket's policy asks for tags that stand in the body, so that nothing can be decided before it is read."""
    policy = policy_of(bucket) if operation == "PutObjectTagging" and bucket is not None else None
    return policy is not None and policy.reads_tags
