"""The door of pre-authenticated requests: what a URL below /p/ lets its holder do, decided as if its creator asked, and within its scope.

Every step is taken for every request, with a stand-in for what is not there, so that neither the answer nor the time it takes tells
an unknown token from a deleted or expired one, from a creator without rights, or from what the request is not for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from holdfast.authz.decide import Decision
from holdfast.authz.gather import asks_again
from holdfast.authz.limits import ParScope
from holdfast.engine.api import Engine
from holdfast.model.buckets import LINK, Bucket
from holdfast.model.errors import Refusal
from holdfast.model.identity import Caller, User
from holdfast.model.messages import Request
from holdfast.model.objects import Version
from holdfast.model.pars import Par, ParUpload
from holdfast.pars.url import Place, digest_of, read_path

CallerOf = Callable[[str], Awaitable[Caller | None]]
"""The caller that a user (its id) is now, with all its rights and `how` "par"; None where it is deleted or not active."""
Permits = Callable[..., Decision]
"""`holdfast.authz.gather.permits_operation`."""
SourceOf = Callable[[Engine, Bucket], Awaitable[Bucket]]

_KNOWN_MAX = 4096
_WRITE = ("OBJECT_CREATE", "OBJECT_OVERWRITE")
_CREATE, _OVERWRITE = _WRITE[:1], _WRITE[1:]

_NOBODY = Caller(how="par", user=User(id="", name="", canonical_id="", display_name="", namespace="", rights="none"), grants=())


class NoSuchPar(Exception):
    """The request is refused, and its sender is not told why. `because` and `access_key` ("par:" and an id, "" where no request was found) are
    for the audit log of the store."""

    def __init__(self, because: str, access_key: str = "") -> None:
        super().__init__(because)
        self.because = because
        self.access_key = access_key


class Use(msgspec.Struct, frozen=True):
    """A request that is let through: which operation it is, for whom, on what. `creates` and `overwrites`: which of the two a PutObject
    may do. `token` is that of the upload, where it is about one."""

    operation: str
    par: Par
    caller: Caller
    bucket: Bucket
    place: Place
    creates: bool = True
    overwrites: bool = True
    token: ParUpload | None = None


class ParDoor:
    """Finds out what a request may do. One for each process."""

    def __init__(self, engine: Engine, caller_of: CallerOf, permits: Permits, source_of: SourceOf) -> None:
        self._engine = engine
        self._caller_of = caller_of
        self._permits = permits
        self._source_of = source_of
        self._callers: dict[int, tuple[int, int, Caller]] = {}  # by the request's number: generation of the registry, id of the bucket
        self._stand_in = Par(
            id="", bucket_id=0, namespace="", bucket="", name="", access="AnyObjectReadWrite", listing=True, creator="",
            created_ms=0, expires_ms=0, digest=bytes(32),
        )  # fmt: skip

    async def enter(self, request: Request) -> Use:
        """Errors: NoSuchPar; EngineError."""
        place = read_path(request.path)
        operation = operation_of(request, place)
        catalog = self._engine.catalog
        digest = digest_of(place.token)
        token: ParUpload | None = None
        if place.kind == "u":
            found = await catalog.par_upload_of_token(digest)
            token, par = found if found is not None else (None, None)
        else:
            par = await catalog.par_of_token(digest)
        sought = par if par is not None else self._stand_in
        named = await catalog.bucket(sought.namespace, sought.bucket)
        bucket = named if named is None or LINK not in named.settings else await self._source(named)
        caller = await self._caller(sought, bucket)
        creates = overwrites = True
        if operation == "PutObject":
            creates = self._permits(caller, operation, bucket=bucket, key=place.key, request=request, permissions=_CREATE).allowed
            decision = self._permits(caller, operation, bucket=bucket, key=place.key, request=request, permissions=_OVERWRITE)
            overwrites = decision.allowed
            allowed = creates or overwrites
        else:
            needs = _WRITE if place.kind == "u" else ()
            decision = self._permits(caller, operation or "GetObject", bucket=bucket, key=place.key, request=request, permissions=needs)
            allowed = decision.allowed
        if par is None:
            if named is None:
                self._stand_for("", "")
            raise NoSuchPar("the token is not known")
        if named is not None and not self._stand_in.bucket:
            self._stand_for(par.namespace, par.bucket)
        because = ""
        if bucket is None or named is None or named.id != par.bucket_id or (place.namespace, place.bucket) != (par.namespace, par.bucket):
            because = "it is for another bucket"
        elif int(request.received_at * 1000) >= par.expires_ms:
            because = "it has expired"
        elif caller.user is _NOBODY.user:
            because = "its creator is deleted or not active"
        elif token is not None and (token.key, token.upload_id, token.bucket_id) != (place.key, place.upload_id, bucket.id):
            because = "it is for another upload"
        elif not operation or not allowed:
            because = decision.because if operation else "it is good for objects only"
        if because or bucket is None:
            raise NoSuchPar(because, caller.access_key)
        return Use(operation, par, caller, bucket, place, creates, overwrites, token)

    def check(self, use: Use, version: Version, request: Request) -> None:
        """Whether its creator may read what was found, which may be somebody else's in his bucket. Errors: NoSuchPar."""
        if asks_again(use.caller, use.bucket, version):
            decision = self._permits(use.caller, use.operation, bucket=use.bucket, key=use.place.key, request=request, target=version)
            if not decision.allowed:
                raise NoSuchPar(decision.because, use.caller.access_key)

    def _stand_for(self, namespace: str, bucket: str) -> None:
        """What is looked up for a token that is no request's: a bucket that is there, so that this costs the same."""
        self._stand_in = msgspec.structs.replace(self._stand_in, namespace=namespace, bucket=bucket)

    async def _source(self, link: Bucket) -> Bucket | None:
        try:
            return await self._source_of(self._engine, link)
        except Refusal:
            return None

    async def _caller(self, par: Par, bucket: Bucket | None) -> Caller:
        """The creator as it is now, limited to the scope; remembered for one generation of the registry."""
        generation = self._engine.registry.generation()
        bucket_id = bucket.id if bucket is not None else 0
        known = self._callers.get(par.number)
        if known is not None and known[0] == generation and known[1] == bucket_id:
            return known[2]
        creator = await self._caller_of(par.creator)
        scope: tuple[Any, ...] = (ParScope(par, bucket_id),)
        caller = msgspec.structs.replace(creator or _NOBODY, limits=scope, access_key=f"par:{par.id}")
        if generation == self._engine.registry.generation():
            if len(self._callers) >= _KNOWN_MAX:
                self._callers.clear()
            self._callers[par.number] = (generation, bucket_id, caller)
        return caller


def operation_of(request: Request, place: Place) -> str:
    """The operation that a method means at a place; "" where no pre-authenticated request is good for that."""
    method = request.method
    if place.kind == "o":
        if method == "GET":
            return "GetObject" if place.key else "ListObjects"
        if method == "HEAD":
            return "HeadObject" if place.key else ""
        if method == "PUT" and place.key:
            return "CreateMultipartUpload" if request.headers.get(b"opc-multipart", b"").lower() == b"true" else "PutObject"
    elif place.kind == "u":
        if method == "PUT" and place.part:
            return "UploadPart"
        if not place.part:
            return {"POST": "CommitMultipartUpload", "DELETE": "AbortMultipartUpload"}.get(method, "")
    return ""
