"""The life of every request to a website on one page: which bucket, is it a website, a redirect or an object, else the error document.

Whoever asks is anybody: a signature changes nothing. Source: S3 User Guide, "Hosting a static website" and its pages.
"""

from __future__ import annotations

import logging
import time
from typing import Any, NamedTuple

from holdfast.authz.gather import authorize
from holdfast.buckets.links import source_of
from holdfast.buckets.website import KEY_BYTES_MAX, Website, website_of
from holdfast.engine.api import Engine, EngineError, Full, Gone, Unavailable
from holdfast.model.buckets import Bucket
from holdfast.model.errors import (
    AccessDenied,
    InsufficientStorage,
    InternalError,
    InvalidRange,
    InvalidURI,
    KeyTooLongError,
    MethodNotAllowed,
    NoSuchBucket,
    NoSuchKey,
    NoSuchWebsiteConfiguration,
    PreconditionFailed,
    Refusal,
    SlowDown,
)
from holdfast.model.identity import ANONYMOUS
from holdfast.model.messages import Request, Response
from holdfast.model.objects import Version
from holdfast.objects.encryption import FACT, data_key_of
from holdfast.objects.read import Bytes, find, open_bytes
from holdfast.observe.audit import Audit
from holdfast.observe.refused import tell
from holdfast.pars.url import is_par_path
from holdfast.website.answer import answer, content_headers
from holdfast.website.hosts import Site
from holdfast.website.pages import error_headers, page
from holdfast.website.redirects import of_object, of_rule, path_of, redirect, with_query
from holdfast.wire.query import path_text
from holdfast.wire.values import header_text

log = logging.getLogger("holdfast.website")

OPERATION = "GetWebsitePage"
"""What logs and counters call every request to a website."""
_READS = 3
_GET = ("s3:GetObject",)
_LIST = ("s3:ListBucket",)


class Visit(NamedTuple):
    """One request to a website. `asked` is what decisions may look at: the request without what it says of a caller."""

    request: Request
    asked: Request
    bucket: Bucket
    site: Website
    key: str


class WebsiteDoor:
    """Answers for the websites of all buckets of one engine."""

    def __init__(self, engine: Engine, audit: Audit | None = None) -> None:
        self._engine = engine
        self._audit = audit

    async def __call__(self, place: Site, request: Request) -> Response:
        """Never raises: every failure is a page, and an unexpected one is logged once with the request's id."""
        seen: Any = request.seen
        try:
            response = await self._answer(place, request)
            if response.body.__class__ is not bytes and seen is not None:
                seen.answered = time.monotonic()  # a stream begins; for all else the answer is written at once
        except Refusal as refusal:
            response = self._refused(refusal, request)
        except EngineError as error:
            response = self._refused(self._meaning(error, request), request)
        except Exception:
            log.exception("unexpected", extra={"request_id": request.id})
            response = self._refused(InternalError(), request)
        response.headers.append((b"x-amz-request-id", request.id.encode("ascii")))
        return response

    async def _answer(self, place: Site, request: Request) -> Response:
        """Errors: Refusal, EngineError."""
        seen: Any = request.seen
        if seen is not None:
            seen.operation, seen.bucket, seen.only_signed = OPERATION, place.bucket, True
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(None, headers=((b"Allow", b"GET, HEAD"),), Method=request.method, ResourceType="OBJECT")
        key = key_of(request)
        if seen is not None:
            seen.key = "..." if is_par_path(request.path, signed=True) else key  # what follows would be the token of a pre-authenticated request
        visit = await self._enter(place, request, key)
        site = visit.site
        if site.elsewhere is not None:
            return redirect(site.elsewhere.code, with_query(of_rule(site.elsewhere, key, *_here(request)), request.query))
        rule = site.rule(key)
        if rule is not None:
            return redirect(rule.code, of_rule(rule, key, *_here(request)))
        try:
            return await self._page(visit)
        except (InvalidRange, PreconditionFailed):
            raise
        except Refusal as refusal:
            if refusal.status < 400:
                raise
            return await self._instead(visit, refusal)
        except EngineError as error:
            return await self._instead(visit, self._meaning(error, request))

    async def _enter(self, place: Site, request: Request, key: str) -> Visit:
        """Errors: NoSuchBucket, NoSuchWebsiteConfiguration; as `source_of`."""
        bucket = await self._engine.catalog.bucket(place.namespace, place.bucket) if place.bucket else None
        if bucket is None:
            raise NoSuchBucket(None, BucketName=place.bucket)
        bucket = await source_of(self._engine, bucket)
        site = website_of(bucket)
        if site is None:
            raise NoSuchWebsiteConfiguration(None, BucketName=place.bucket)
        return Visit(request, _unsigned(request), bucket, site, key)

    async def _page(self, visit: Visit) -> Response:
        """The object, its index document, or the way to the index document of a folder whose slash is missing.

        Errors: AccessDenied, NoSuchKey, and those of `answer` and `open_bytes`."""
        key, suffix = visit.key, visit.site.suffix
        if not key or key.endswith("/"):
            return await self._object(visit, key + suffix)
        try:
            return await self._object(visit, key)
        except (AccessDenied, NoSuchKey):  # alike, so that it does not tell whether something hidden is there
            if not await self._is_readable(visit, f"{key}/{suffix}"):
                raise
        return redirect(302, path_of(key + "/"))

    async def _object(self, visit: Visit, key: str) -> Response:
        request, seq = visit.request, -1
        for _ in range(_READS):
            version = await self._find(visit, key, body=request.method == "GET")
            if version.facts.website_redirect_location:
                return redirect(301, of_object(version.facts.website_redirect_location))
            status, head, start, length = answer(version, request)
            try:
                return await self._with_bytes(request, Response(status, head), version, start, length)
            except Gone:  # overwritten or deleted between the look-up and the read: what is there now is the answer
                if version.seq == seq:
                    log.error("damaged: the bytes of bucket %s, key %r are missing", visit.bucket.name, key, extra={"request_id": request.id})
                    break
                seq = version.seq
        raise InternalError

    async def _with_bytes(self, request: Request, response: Response, version: Version, start: int, length: int) -> Response:
        """The response with its body, or for HEAD with the length of it. Errors: as `open_bytes`."""
        if request.method == "HEAD":
            if FACT in version.facts.extra:
                await data_key_of(self._engine, version.facts)
            response.length = length
            return response
        body: bytes | Bytes = await open_bytes(self._engine, version, start, length)
        response.body = body
        return response

    async def _find(self, visit: Visit, key: str, *, body: bool) -> Version:
        """The latest version, if everybody may read it. Errors: NoSuchKey; AccessDenied, also for what is not there where not everybody may list."""
        bucket, asked = visit.bucket, visit.asked
        allowed = True
        try:
            await authorize(ANONYMOUS, _GET, bucket, key, None, asked, "GetObject")
        except AccessDenied:
            allowed = False  # the list or the tags of the object may still allow it
        try:
            version = await find(self._engine, bucket, key, body=body)
        except NoSuchKey:
            await authorize(ANONYMOUS, _LIST, bucket, "", None, asked, "GetObject")
            raise NoSuchKey(None, Key=key) from None
        if not allowed:
            await authorize(ANONYMOUS, _GET, bucket, key, version, asked, "GetObject")
        return version

    async def _is_readable(self, visit: Visit, key: str) -> bool:
        if len(key.encode("utf-8", "surrogatepass")) > KEY_BYTES_MAX:
            return False
        try:
            await self._find(visit, key, body=False)
        except (AccessDenied, NoSuchKey):
            return False
        return True

    async def _instead(self, visit: Visit, refusal: Refusal) -> Response:
        """What is shown in the place of an object: where a rule leads for its error, the error document with its status, or the plain page."""
        request, site = visit.request, visit.site
        rule = site.rule(visit.key, refusal.status)
        if rule is not None:
            self._note(refusal, request)
            return redirect(rule.code, of_rule(rule, visit.key, *_here(request)))
        without: Refusal | None = None
        if site.error and refusal.status < 500:
            try:
                version = await self._find(visit, site.error, body=request.method == "GET")
                response = Response(refusal.status, [*error_headers(refusal), *content_headers(version.facts)])
                response = await self._with_bytes(request, response, version, 0, version.size)
                self._note(refusal, request)
                return response
            except Refusal as found:
                without = found
            except EngineError as error:
                without = self._meaning(error, request)
        return self._refused(refusal, request, without)

    def _refused(self, refusal: Refusal, request: Request, without: Refusal | None = None) -> Response:
        self._note(refusal, request)
        return page(refusal, request, without) if refusal.status >= 400 else Response(refusal.status, list(refusal.headers))

    def _note(self, refusal: Refusal, request: Request) -> None:
        """For the logs."""
        seen: Any = request.seen
        if seen is not None:
            seen.error = refusal.code
        if self._audit is not None and refusal.status < 500:
            tell(self._audit, "website", request, refusal)

    def _meaning(self, error: EngineError, request: Request) -> Refusal:
        """What an engine's error is to a visitor."""
        if isinstance(error, Unavailable):
            return SlowDown(headers=((b"Retry-After", b"1"),))
        log.error("engine: %s: %s", type(error).__name__, error, extra={"request_id": request.id})
        return InsufficientStorage() if isinstance(error, Full) else InternalError()


def key_of(request: Request) -> str:
    """The key that the path names: percent-decoded once and never normalised, as S3 has it. Errors: InvalidURI, KeyTooLongError."""
    if request.path[:1] != b"/":
        raise InvalidURI
    key = path_text(request.path[1:])
    size = len(key.encode())
    if size > KEY_BYTES_MAX:
        raise KeyTooLongError(None, Size=str(size), MaxSizeAllowed=str(KEY_BYTES_MAX))
    return key


def _here(request: Request) -> tuple[str, str]:
    """Scheme and host of a request, as its sender has them."""
    return "https" if request.secure else "http", header_text(request.headers[b"host"])


def _unsigned(request: Request) -> Request:
    """The request as decisions may see it: nothing that it says of a caller, and no parameters, which mean nothing here."""
    headers = {name: value for name, value in request.headers.items() if name != b"authorization" and not name.startswith(b"x-amz-")}
    asked = Request(
        request.method, request.path, headers, request.body, peer=request.peer, secure=request.secure, received_at=request.received_at, id=request.id
    )
    asked.tls = request.tls
    return asked
