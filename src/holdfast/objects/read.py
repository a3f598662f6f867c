"""Reading a version: which one a request means, what is refused in its place, and its bytes."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator

from holdfast.engine.api import Engine
from holdfast.model.buckets import VERSIONING_OFF, Bucket
from holdfast.model.errors import InvalidArgument, MethodNotAllowed, NoSuchKey, NoSuchVersion, Refusal
from holdfast.model.objects import Version
from holdfast.objects.encryption import FACT, data_key_of, read_sealed

_VERSION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")


def check_version_id(version_id: str) -> None:
    """Errors: InvalidArgument for an id that no version can have."""
    if _VERSION_ID.match(version_id) is None:
        message = "Invalid version id specified" if version_id else "Version id cannot be the empty string"
        raise InvalidArgument(message, ArgumentName="versionId", ArgumentValue=version_id)


async def find(engine: Engine, bucket: Bucket, key: str, version_id: str | None = None, *, body: bool = False) -> Version:
    """The named version, or the latest; never a delete marker.

    Errors: NoSuchKey (with x-amz-delete-marker where a marker hides the key), NoSuchVersion, InvalidArgument (a malformed
    id), MethodNotAllowed (a delete marker by its id); engine: Damaged."""
    if version_id is not None:
        check_version_id(version_id)
    version = await engine.catalog.version(bucket.id, key, version_id, body=body)
    if version is None or version.is_delete_marker:
        raise absent(key, version_id, version)
    return version


def absent(key: str, version_id: str | None, marker: Version | None) -> Refusal:
    """The refusal of a read that found nothing, or found a delete marker (S3 User Guide, "Working with delete markers")."""
    if marker is None:
        return NoSuchKey(None, Key=key) if version_id is None else NoSuchVersion(None, Key=key, VersionId=version_id)
    headers = ((b"x-amz-delete-marker", b"true"), (b"x-amz-version-id", marker.version_id.encode("ascii")))
    if version_id is None:
        return NoSuchKey(None, headers=headers, Key=key)
    return MethodNotAllowed(None, headers=(*headers, (b"Allow", b"DELETE")), Method="GET", ResourceType="DeleteMarker")


def read_version_id(bucket: Bucket, version: Version) -> str | None:
    """The `x-amz-version-id` of an answer that read `version`: shown, "null" included, once the bucket has had versioning."""
    return None if bucket.versioning == VERSIONING_OFF else version.version_id


async def read_bytes(engine: Engine, version: Version, start: int, length: int, customer_key: bytes = b"") -> AsyncGenerator[bytes, None]:
    """The same as a stream of pieces, whatever the size. Errors: as `open_bytes`."""
    found = await open_bytes(engine, version, start, length, customer_key)
    if isinstance(found, bytes):
        if found:
            yield found
        return
    try:
        async for piece in found:
            yield piece
    finally:
        await found.aclose()


class Bytes:
    """A stream of exactly `length` bytes whose first piece is there already."""

    __slots__ = ("_first", "_rest", "length")

    def __init__(self, length: int, first: bytes, rest: AsyncIterator[bytes]) -> None:
        self.length = length
        self._first = first
        self._rest = rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._first
        async for piece in self._rest:
            yield piece

    async def aclose(self) -> None:
        """Lets go of what is not read: files are closed now, not when somebody collects garbage."""
        aclose = getattr(self._rest, "aclose", None)
        if aclose is not None:
            await aclose()


def inline_bytes(version: Version) -> bytes | None:
    """All bytes of a version that was found with its body, if they are here; None when they are in files."""
    blobs = version.blobs
    return blobs[0].inline if len(blobs) == 1 else b"" if not version.size else None


async def open_bytes(engine: Engine, version: Version, start: int, length: int, customer_key: bytes = b"") -> bytes | Bytes:
    """The bytes [start, start + length) of a version that was found with its body: at once where they are inline. An encrypted version
    is decrypted, with `customer_key` where it was encrypted with a client's own.

    Errors (before any byte is given): Gone when the version was overwritten meanwhile and its file is removed; Damaged, Unavailable;
    as `data_key_of`."""
    if customer_key or FACT in version.facts.extra:
        data_key = await data_key_of(engine, version.facts, customer_key)
        if data_key is not None:
            if not length:
                return b""
            pieces = read_sealed(engine, version, data_key, start, length)
            return Bytes(length, await anext(pieces), pieces)
    blobs = version.blobs
    if len(blobs) == 1:
        data = blobs[0].inline
        if data is not None:
            return data if length == len(data) else data[start : start + length]
    if not length:
        return b""
    pieces = engine.blobs.read(blobs, start, length)
    return Bytes(length, await anext(pieces), pieces)
