"""Reads that are like one that was answered before: what they ask for besides their key was understood then, and is not read again.

Alike are presigned GETs and HEADs of one bucket whose queries differ in their signature only, and whose headers mean nothing to a read.
Who asks, whether they may, in which bucket and what is there now is asked each time, of the functions that everybody asks. Whatever is
not plainly there and allowed goes the whole way (`S3.answer`), and so does every bucket with settings, every object with `extra` facts
(lists, policies, locks, encryption) and what is not its own to the bucket's owner: what is built later has its effect without a word here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from holdfast.engine.api import Engine, EngineError
from holdfast.model.errors import Refusal
from holdfast.model.identity import Caller
from holdfast.model.messages import Request, Response
from holdfast.objects.read import inline_bytes
from holdfast.s3.errors import identify
from holdfast.s3.object_answer import whole_answer
from holdfast.s3.operation import Authorize
from holdfast.s3.router import KEY_BYTES_MAX, Match
from holdfast.wire.query import PERCENT

T = TypeVar("T")

_READS = {"GET": "GetObject", "HEAD": "HeadObject"}
_MEANINGLESS = frozenset(
    b"host user-agent accept accept-encoding accept-language connection referer amz-sdk-invocation-id amz-sdk-request".split()
)
"""Headers that no read looks at (the host and what policies look at are asked each time). With any other the request goes the whole way."""
_SIGNATURE = b"&X-Amz-Signature="
_SIGNATURE_BYTES = 64
_KNOWN_MAX = 512
_QUERY_BYTES_MAX = 1024


Recognise = Callable[[Request], Caller | None]
"""The proven caller of a presigned request that differs from one verified before in its signature only; None says nothing."""


class Known(NamedTuple):
    """What such requests say: `start` is the path up to the key, `namespace` where the host says in which one the bucket's name is looked up,
    "" for the caller's own. `host` decides what both mean, so that it is the same."""

    start: bytes
    host: bytes | None
    namespace: str
    bucket: str
    operation: str
    needs: tuple[str, ...]


class Alike:
    """What was understood of requests lately, by method and by what stands before the signature in their query; bounded."""

    __slots__ = ("_authorize", "_engine", "_known", "_recognise")

    def __init__(self, engine: Engine, recognise: Recognise | None, authorize: Authorize) -> None:
        self._engine = engine
        self._recognise = recognise if engine.at_once else None  # where a look-up waits there is nothing to gain
        self._authorize = authorize
        self._known: dict[str, dict[bytes, Known]] = {method: {} for method in _READS}

    def remember(self, request: Request, match: Match, needs: tuple[str, ...], namespace: str = "") -> None:
        """To be told of a request that was answered, with the query of a presigned URL and no more in it. `namespace`: that of its host, if any."""
        query = request.query
        stem = query[:-_SIGNATURE_BYTES]
        if (
            match.operation != _READS.get(request.method)
            or match.params
            or stem[-len(_SIGNATURE) :] != _SIGNATURE
            or len(query) > _QUERY_BYTES_MAX
            or not _MEANINGLESS.issuperset(request.headers)
        ):
            return
        known = self._known[request.method]
        if len(known) >= _KNOWN_MAX:
            del known[next(iter(known))]
        start = b"/" if match.host_bucket else request.path[: request.path.index(b"/", 1) + 1]
        known[stem] = Known(start, request.headers.get(b"host"), namespace, match.bucket, match.operation, needs)

    def answer(self, request: Request) -> Response | None:
        """The answer to a request that is like one before, if it is there at once. None says nothing."""
        by_stem = self._known.get(request.method)
        if by_stem is None or self._recognise is None:
            return None
        query, path, headers = request.query, request.path, request.headers
        known = by_stem.get(query[:-_SIGNATURE_BYTES])
        if known is None:
            return None
        start, host, namespace, name, operation, needs = known
        raw_key = path[len(start) :]
        if (
            not path.startswith(start)
            or not 0 < len(raw_key) <= KEY_BYTES_MAX
            or PERCENT in raw_key
            or not raw_key.isascii()
            or b"&" in query[-_SIGNATURE_BYTES:]
            or headers.get(b"host") != host
            or not _MEANINGLESS.issuperset(headers)
        ):
            return None
        key = raw_key.decode("ascii")
        catalog = self._engine.catalog
        reads = operation == "GetObject"
        try:
            caller = self._recognise(request)
            if caller is None or caller.user is None:
                return None
            user = caller.user
            bucket = at_once(catalog.bucket(namespace or user.namespace, name))
            if bucket is None or bucket.settings:
                return None
            at_once(self._authorize(caller, needs, bucket, key, None, request, operation))
            version = at_once(catalog.version(bucket.id, key, body=reads))
            if version is None or version.is_delete_marker or version.facts.extra or (
                version.owner != bucket.owner and user.canonical_id == bucket.owner
            ):
                return None
            response = whole_answer(bucket, version)
        except (Refusal, EngineError, Waits):
            return None
        if reads:
            response.body = inline_bytes(version)
            if response.body is None:
                return None
        seen: Any = request.seen
        if seen is not None:
            seen.operation, seen.bucket, seen.key, seen.only_signed = operation, name, key, True
            seen.access_key, seen.user, seen.principal = caller.access_key, user.name, user.id
        return identify(response, request)


class Waits(Exception):
    """A coroutine has to wait for something."""


def at_once(awaitable: Awaitable[T]) -> T:
    """What a coroutine gives that need not wait, and changes nothing where it has to. Errors: Waits; what it raises."""
    coroutine: Any = awaitable
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise Waits
