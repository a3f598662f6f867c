"""Copying: a new version that shares its source's blobs, so that no byte is written again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec

from holdfast.engine.api import ANYTHING, Engine, Expect
from holdfast.model.buckets import Bucket
from holdfast.model.errors import InvalidRequest
from holdfast.model.objects import Facts, Version
from holdfast.objects.checksums import ALGORITHMS, DEFAULT, FULL_OBJECT, Algorithm, Claim, encode, md5
from holdfast.objects.encryption import FACT, Sealing, Wish, seal
from holdfast.objects.locks import FACT as LOCKED
from holdfast.objects.locks import SETTING as LOCK
from holdfast.objects.locks import new_lock
from holdfast.objects.read import open_bytes, read_bytes
from holdfast.objects.versioning import new_version_id
from holdfast.objects.write import NOT_COMMITTED, Hashing, Sink, commit, discard, receive

COPY_BYTES_MAX = 5 * 1024**3
"""The largest source of one CopyObject (S3 API Reference, CopyObject)."""


def check_size(source: Version) -> None:
    """Errors: InvalidRequest."""
    if source.size > COPY_BYTES_MAX:
        raise InvalidRequest(f"The specified copy source is larger than the maximum allowable size for a copy source: {COPY_BYTES_MAX}")


async def copy(
    engine: Engine,
    source: Version,
    bucket: Bucket,
    key: str,
    *,
    facts: Facts,
    owner: str = "",
    algorithm: Algorithm | None,
    storage_class: str,
    expect: Expect = ANYTHING,
    now_ms: int,
    wish: Wish | None = None,
    customer_key: bytes = b"",
) -> Version:
    """What CopyObject means: `key` gets a version with the bytes of `source` (found with its blobs) and `facts`,
    and belongs to `owner`, by default the bucket's.

    A copy is one object put whole, as in S3: the copy of a multipart object has no parts, its ETag is the MD5 of its bytes
    and its checksum FULL_OBJECT. The checksum keeps the source's algorithm unless `algorithm` names another. The bytes are read again only
    where one of these is not known yet.
    An encrypted source is decrypted (with `customer_key` where it needs one), an encrypted target encrypted anew, as `wish` or
    the bucket says: then the bytes are written again, as they are where the storage class lies elsewhere.
    Errors: as `commit`, `seal` and `data_key_of`; engine: Gone when the source was overwritten meanwhile and its bytes are gone."""
    check_size(source)
    sealing = await seal(engine, bucket.settings, wish)
    owner = owner or bucket.owner
    if LOCK in bucket.settings and LOCKED not in facts.extra:
        facts = msgspec.structs.replace(facts, extra=facts.extra | new_lock(bucket.settings, None, None, None, now_ms))
    if sealing is not None or customer_key or FACT in source.facts.extra or not engine.blobs.belongs(source.blobs, storage_class):
        blank = Version(key=key, modified_ms=now_ms, storage_class=storage_class, owner=owner, facts=facts)
        return await _rewritten(engine, source, bucket, blank, sealing, algorithm, expect, customer_key)
    await check_bytes(engine, source)
    etag, checksummed = await _identity(engine, source, algorithm)
    version = Version(
        key=key,
        version_id=new_version_id(bucket),
        modified_ms=now_ms,
        size=source.size,
        etag=etag,
        storage_class=storage_class,
        owner=owner,
        facts=msgspec.structs.replace(
            facts,
            checksum_algorithm=checksummed.checksum_algorithm,
            checksum_type=checksummed.checksum_type,
            checksum_value=checksummed.checksum_value,
            parts=(),
            upload_id="",
        ),
        blobs=source.blobs,
    )
    return await commit(engine, bucket, version, expect)


async def _rewritten(
    engine: Engine,
    source: Version,
    bucket: Bucket,
    blank: Version,
    sealing: Sealing | None,
    algorithm: Algorithm | None,
    expect: Expect,
    customer_key: bytes,
) -> Version:
    """A copy whose bytes are read and written again, because one side of it is encrypted or its class lies elsewhere. `blank` is the version
    without what its bytes say."""
    wanted = algorithm or ALGORITHMS[source.facts.checksum_algorithm or DEFAULT]
    blobs: Sink = engine.blobs if sealing is None else sealing.blobs(engine.blobs)
    async with aclosing(read_bytes(engine, source, 0, source.size, customer_key)) as pieces:
        received = await receive(blobs, Pieces(pieces, source.size), Claim(wanted), storage_class=blank.storage_class)
    facts = msgspec.structs.replace(
        blank.facts,
        checksum_algorithm=wanted.name,
        checksum_type=FULL_OBJECT,
        checksum_value=received.checksum,
        parts=(),
        upload_id="",
        extra=blank.facts.extra | (sealing.extra if sealing is not None else {}),
    )
    version = msgspec.structs.replace(
        blank, version_id=new_version_id(bucket), size=received.size, etag=received.etag, facts=facts, blobs=received.blobs
    )
    try:
        return await commit(engine, bucket, version, expect)
    except NOT_COMMITTED:
        await discard(engine, received.blobs)
        raise


async def _identity(engine: Engine, source: Version, algorithm: Algorithm | None) -> tuple[str, Facts]:
    """The ETag of a copy, and facts that hold its checksum."""
    facts = source.facts
    wanted = algorithm or ALGORITHMS[facts.checksum_algorithm or DEFAULT]
    whole = "-" not in source.etag
    if whole and facts.checksum_value and facts.checksum_type == FULL_OBJECT and facts.checksum_algorithm == wanted.name:
        return source.etag, facts
    etag, checksum = await hash_bytes(engine, source, 0, source.size, wanted)
    return source.etag if whole else etag, Facts(checksum_algorithm=wanted.name, checksum_type=FULL_OBJECT, checksum_value=checksum)


async def check_bytes(engine: Engine, source: Version) -> None:
    """That the bytes of a version found with its blobs are there: a copy that shares them must not multiply a loss.

    Errors: Gone; Damaged and Unavailable, as far as the first piece tells."""
    found = await open_bytes(engine, source, 0, source.size)
    if not isinstance(found, bytes):
        await found.aclose()


class Pieces:
    """Bytes of a stored version, read as a request's body is read."""

    def __init__(self, pieces: AsyncIterator[bytes], length: int) -> None:
        self.length: int | None = length
        self.trailers: dict[bytes, bytes] = {}
        self._pieces = pieces

    async def read(self) -> bytes:
        """As Body.read."""
        return await anext(self._pieces, b"")

    async def read_all(self, limit: int) -> bytes:
        """As Body.read_all."""
        return b"".join([piece async for piece in self._pieces])


async def hash_bytes(engine: Engine, source: Version, start: int, length: int, algorithm: Algorithm) -> tuple[str, str]:
    """(MD5 in hex, checksum in base64) of the bytes [start, start + length) of a version that was found with its blobs."""
    hashing = Hashing(md5(), algorithm.new())
    if length:
        async for piece in engine.blobs.read(source.blobs, start, length):
            await hashing.update(piece)
    md5_digest, digest = await hashing.digests()
    return md5_digest.hex(), encode(digest)
