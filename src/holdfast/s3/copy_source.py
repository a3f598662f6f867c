"""The source of a copy: x-amz-copy-source read once and strictly, and the version it names, for CopyObject and UploadPartCopy."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from holdfast.buckets.links import source_of
from holdfast.model.buckets import LINK, Bucket, tenancy_namespace
from holdfast.model.errors import InvalidArgument, InvalidRequest, MethodNotAllowed, NoSuchBucket, NotImplemented
from holdfast.model.objects import Version
from holdfast.objects.conditions import check_read
from holdfast.s3.access import find_readable
from holdfast.s3.operation import Call
from holdfast.s3.place import bucket_of

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VERSION = "versionId="


class Source(NamedTuple):
    """What x-amz-copy-source names."""

    bucket: str
    key: str
    version_id: str | None


def parse_source(header: str) -> Source:
    """`[/]bucket/key[?versionId=id]`, bucket and key URL-encoded (CopyObject, x-amz-copy-source).

    The version is split off before anything is decoded, and all is decoded once: a "?" or "%" in a key comes encoded.
    Errors: InvalidArgument; NotImplemented for the ARN of an access point."""
    text = header[1:] if header.startswith("/") else header
    if text.startswith("arn:"):
        raise NotImplemented("Access points as the source of a copy are not implemented.", Header="x-amz-copy-source")
    path, question, query = text.partition("?")
    bucket, _, key = path.partition("/")
    version_id = None
    if question:
        if not query.startswith(_VERSION) or "&" in query:
            raise _malformed(header)
        version_id = _decoded(query[len(_VERSION) :], header)
    bucket, key = _decoded(bucket, header), _decoded(key, header)
    if not bucket or not key or "/" in bucket or "\0" in key:
        raise _malformed(header)
    return Source(bucket, key, version_id)


def _decoded(text: str, header: str) -> str:
    if "%" not in text:
        return text
    if _BROKEN_ESCAPE.search(text) is not None:
        raise _malformed(header)
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed(header) from None


def _malformed(header: str) -> InvalidArgument:
    return InvalidArgument(
        "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", ArgumentName="x-amz-copy-source", ArgumentValue=header
    )


class Found(NamedTuple):
    """The source of a copy: its bucket, the version with its blobs, and whether the request named the version by its id."""

    bucket: Bucket
    version: Version
    named: bool


async def find_source(call: Call[Any]) -> Found:
    """The version that the call's `copy_source` names, when the caller may read it and its `copy_source_if_*` conditions hold.

    Errors: NoSuchBucket, AccessDenied, NoSuchKey, NoSuchVersion, PreconditionFailed, InvalidArgument, InvalidRequest (a delete
    marker by its id), NotImplemented."""
    given = call.input
    source = parse_source(given.copy_source)
    here = bucket_of(call)
    bucket: Bucket | None = here
    if source.bucket != given.bucket:
        user = call.caller.user
        namespace, _, name = source.bucket.rpartition(":")  # Ceph's form of a bucket of another tenancy
        home = tenancy_namespace(here.namespace) if user is None else user.namespace
        bucket = await call.engine.catalog.bucket(namespace or home, name)
    if bucket is None:
        raise NoSuchBucket(None, BucketName=source.bucket)
    if LINK in bucket.settings:
        bucket = await source_of(call.engine, bucket)
    action = "s3:GetObject" if source.version_id is None else "s3:GetObjectVersion"
    try:
        version = await find_readable(call, action, bucket, source.key, source.version_id)
    except MethodNotAllowed:
        raise InvalidRequest("The source of a copy request may not specifically refer to a delete marker by version id.") from None
    check_read(
        version.etag,
        version.modified_ms,
        given.copy_source_if_match,
        given.copy_source_if_none_match,
        given.copy_source_if_modified_since,
        given.copy_source_if_unmodified_since,
        copying=True,
    )
    return Found(bucket, version, source.version_id is not None)
