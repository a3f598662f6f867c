"""Which operation of the model a request names, on which bucket and key: method, sub-resource in the query, copy-source header."""

from __future__ import annotations

import re
from typing import NamedTuple

from holdfast.model.errors import (
    BadRequest,
    InvalidArgument,
    InvalidBucketName,
    InvalidRequest,
    InvalidURI,
    KeyTooLongError,
    MethodNotAllowed,
)
from holdfast.model.messages import Request
from holdfast.s3.hosts import Hosts
from holdfast.wire import query
from holdfast.wire.model import Service, service

KEY_BYTES_MAX = 1024
POST_FORM = "PostObject"
"""The browser form upload: an operation of S3 that the model does not hold (S3 API Reference, "POST Object")."""

_ADDRESSABLE = re.compile(r"(?:[A-Za-z0-9._-]{0,64}:)?[A-Za-z0-9._-]{1,255}\Z")
_COPY_SOURCE = frozenset({b"x-amz-copy-source", b"X-Amz-Copy-Source"})  # presigned URLs may carry it as a parameter
_ARGUMENTS = frozenset({"partNumber", "select-type", "annotationName", "id", "list-type"})
"""Parameters that belong to a sub-resource but do not name one."""

_REMEMBERED_MAX = 4096
_SHARED_METHODS = (b"GET", b"PUT", b"POST", b"DELETE", b"HEAD")

_CHOSEN_BY_PARAMETER = {
    "GetBucketAnalyticsConfiguration": b"id", "GetBucketIntelligentTieringConfiguration": b"id", "GetBucketInventoryConfiguration": b"id",
    "GetBucketMetricsConfiguration": b"id", "GetObjectAnnotation": b"annotationName",
}  # fmt: skip
"""Of two operations on one sub-resource, the one that is meant only when this parameter is there."""


class Match(NamedTuple):
    """What a request names. `params` maps names to values that are still percent-encoded; bucket and key are decoded, "" where there is none.

    `host_bucket` is the bucket when the host names it, "" for path style.
    """

    operation: str
    bucket: str
    key: str
    params: dict[bytes, bytes]
    host_bucket: str


_match = tuple.__new__  # a third of the time of calling Match


class Preflight(Exception):
    """In the place of a match, since it is no operation: a browser asks what a page of another origin may do here, and nobody signs that."""

    def __init__(self, bucket: str) -> None:
        super().__init__(bucket)
        self.bucket = bucket


class Router:
    """Matches requests among all operations of the model. It decides by syntax alone: nothing here looks at what exists."""

    __slots__ = ("_by_parameter", "_by_subresource", "_host_buckets", "_hosts", "_names", "_plain", "_subresources")

    def __init__(self, hosts: Hosts | None = None) -> None:
        self._hosts = hosts if hosts else None
        self._host_buckets: dict[bytes, str] = hosts.known if hosts else {}
        self._names: dict[bytes, str] = {}
        self._plain: tuple[dict[str, str], ...] = ({}, {}, {})
        self._by_subresource: dict[tuple[str, int, bytes], str] = {}
        self._by_parameter: dict[tuple[str, int, bytes], tuple[bytes, str]] = {}
        self._build(service())
        self._subresources = frozenset(name for _, _, name in self._by_subresource)

    def _build(self, api: Service) -> None:
        level_of = {"service": 0, "bucket": 1, "object": 2}
        for name in api.names:
            model = api.operation(name)
            if model.deprecated or name in ("ListDirectoryBuckets", "WriteGetObjectResponse", "CopyObject", "UploadPartCopy", "ListObjectsV2"):
                continue  # twins of other operations, told apart by hand below
            level = level_of[model.level]
            words = [word for word, _ in model.query if word not in _ARGUMENTS]
            required = {m.wire for m in model.input.members if m.location == "querystring" and m.required}
            if "uploadId" in required:
                words = ["uploadId"]
            if not words:
                self._plain[level][model.method] = name
                continue
            place = (model.method, level, words[0].encode())
            if name in _CHOSEN_BY_PARAMETER:
                self._by_parameter[place] = (_CHOSEN_BY_PARAMETER[name], name)
            else:
                self._by_subresource[place] = name

    def match(self, request: Request) -> Match:
        """The path is percent-decoded once and never normalised: `..`, `//` and `.` are literal.

        Errors: MethodNotAllowed, InvalidURI, InvalidBucketName, KeyTooLongError, InvalidRequest, InvalidArgument; Preflight,
        or BadRequest for one that does not say what it asks.
        """
        path = request.path
        method = request.method
        if path[:1] != b"/":
            raise InvalidURI() if method != "OPTIONS" else BadRequest()
        host_bucket = ""
        if self._hosts is not None:
            host = request.headers.get(b"host", b"")
            found = self._host_buckets.get(host)
            host_bucket = found if found is not None else self._hosts.bucket(host)
        if host_bucket:
            bucket = self._names.get(host_bucket.encode("latin-1")) or self._name(host_bucket.encode("latin-1"))
            raw_key = path[1:]
        else:
            raw_bucket, slash, raw_key = path[1:].partition(b"/")
            if slash and not raw_bucket:
                raise InvalidURI()
            bucket = self._names.get(raw_bucket) or self._name(raw_bucket)
        if raw_key:
            key = query.path_text(raw_key) if query.PERCENT in raw_key or 0 in raw_key or not raw_key.isascii() else raw_key.decode("ascii")
            if len(key) > 256 and len(key.encode()) > KEY_BYTES_MAX:
                raise KeyTooLongError(Size=str(len(key.encode())), MaxSizeAllowed=str(KEY_BYTES_MAX))
            level = 2
        else:
            key = ""
            level = 1 if bucket else 0
        params = query.split(request.query) if request.query else query.EMPTY
        if params and not self._subresources.isdisjoint(params):
            return Match(self._subresource(request, level, params, bucket), bucket, key, params, host_bucket)
        name = self._plain[level].get(method)
        if name is None:
            name = self._without_subresource(request, level, bucket)
        elif method == "PUT":
            if level == 2:
                if b"partNumber" in params:
                    raise InvalidArgument("This operation does not accept partNumber without uploadId.", ArgumentName="partNumber")
                if b"x-amz-copy-source" in request.headers or (params and not _COPY_SOURCE.isdisjoint(params)):
                    name = "CopyObject"
        elif params and method == "GET" and level < 2:
            name = self._listing(name, level, params)
        return _match(Match, (name, bucket, key, params, host_bucket))

    def _name(self, raw: bytes) -> str:
        """The bucket in the path, remembered: a name that S3 has ever allowed, so legacy ones too. Errors: InvalidBucketName, InvalidURI."""
        bucket = query.path_text(raw)
        if bucket and _ADDRESSABLE.match(bucket) is None:
            raise InvalidBucketName(BucketName=bucket)
        if len(self._names) >= _REMEMBERED_MAX:
            self._names.clear()
        self._names[raw] = bucket
        return bucket

    def _listing(self, name: str, level: int, params: dict[bytes, bytes]) -> str:
        if level == 0:
            return "ListDirectoryBuckets" if params.get(b"x-id") == b"ListDirectoryBuckets" or b"max-directory-buckets" in params else name
        version = params.get(b"list-type")
        if version is None:
            return name
        if version == b"2":
            return "ListObjectsV2"
        raise InvalidArgument("The list-type must be 2.", ArgumentName="list-type", ArgumentValue=query.text(version))

    def _subresource(self, request: Request, level: int, params: dict[bytes, bytes], bucket: str) -> str:
        """The operation on a sub-resource. A sub-resource that S3 knows is never ignored."""
        method = request.method
        if method == "OPTIONS":
            raise self._preflight(request, bucket)
        named = [name for name in params if name in self._subresources]
        if len(named) > 1:
            listed = ", ".join(sorted(name.decode("latin-1") for name in named))
            raise InvalidRequest(f"Conflicting query string parameters: {listed}", ResourceType=listed)
        place = (method, level, named[0])
        chosen = self._by_parameter.get(place)
        if chosen is not None and chosen[0] in params:
            return chosen[1]
        operation = self._by_subresource.get(place)
        if operation is None:
            if chosen is not None:
                raise InvalidArgument(f"The parameter {chosen[0].decode()} is missing.", ArgumentName=chosen[0].decode())
            raise MethodNotAllowed(Method=method, ResourceType=named[0].decode("latin-1").upper())
        if operation == "UploadPart":
            if b"partNumber" not in params:
                raise InvalidArgument("This operation does not accept uploadId without partNumber.", ArgumentName="uploadId")
            if b"x-amz-copy-source" in request.headers or not _COPY_SOURCE.isdisjoint(params):
                return "UploadPartCopy"
        elif operation == "SelectObjectContent" and params.get(b"select-type") != b"2":
            raise InvalidArgument("The select-type must be 2.", ArgumentName="select-type")
        return operation

    def _without_subresource(self, request: Request, level: int, bucket: str) -> str:
        method = request.method
        if method == "OPTIONS":
            raise self._preflight(request, bucket)
        if method == "POST" and level == 1:
            return "WriteGetObjectResponse" if bucket == "WriteGetObjectResponse" else POST_FORM
        raise MethodNotAllowed(Method=method, ResourceType="OBJECT" if level == 2 else "BUCKET" if level else "SERVICE")

    def _preflight(self, request: Request, bucket: str) -> Preflight | BadRequest:
        if b"origin" not in request.headers:
            return BadRequest("Insufficient information. Origin request header needed.")
        method = request.headers.get(b"access-control-request-method")
        if method not in _SHARED_METHODS:
            return BadRequest(f"Invalid Access-Control-Request-Method: {'null' if method is None else method.decode('latin-1')}")
        return Preflight(bucket)
