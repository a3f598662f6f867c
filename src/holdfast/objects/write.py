"""Writing an object: take the bytes in, hash them on the way, hold them against what the client claimed, commit."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from itertools import count
from typing import Protocol

import msgspec

from holdfast.engine.api import ANYTHING, BlobWriter, Conflict, Engine, EngineError, Expect, Full, Gone, Stale
from holdfast.model.buckets import Bucket
from holdfast.model.errors import EntityTooLarge, NoSuchBucket, OperationAborted, Refusal
from holdfast.model.messages import Body
from holdfast.model.objects import Blob, Facts, Version
from holdfast.objects.checksums import FULL_OBJECT, NO_CLAIM, Claim, Hash, encode, md5, verify
from holdfast.objects.conditions import refuse_write
from holdfast.objects.encryption import SETTING as ENCRYPTION
from holdfast.objects.encryption import Wish, seal
from holdfast.objects.locks import FACT as LOCKED
from holdfast.objects.locks import SETTING as LOCK
from holdfast.objects.locks import new_lock
from holdfast.objects.versioning import new_version_id

PUT_BYTES_MAX = 5 * 1024**3
"""The largest body of one PutObject or UploadPart (S3 User Guide, "Uploading objects"), unless a setting says otherwise."""
BATCH_BYTES = 512 * 1024
"""Pieces of a large body are gathered to this size before they are hashed and written."""
THREADED_BYTES = 64 * 1024
"""From this size a batch is hashed in a thread; a hand-over costs as much as hashing about 40 KiB."""
AHEAD = 2
"""How many batches of one body may wait for their hash."""
STALE_RETRIES = 8
NOT_COMMITTED = (Refusal, Full, Gone)
"""After these a step has certainly done nothing, and what was received for it is thrown away; after any other end the sweep decides."""
SHA256 = "SHA256"
HASH_LANES = max(1, min(4, os.cpu_count() or 1))


class Received(msgspec.Struct, frozen=True):
    """A body taken in and verified: its blobs, size in bytes, MD5 in hex, and checksum in base64."""

    blobs: tuple[Blob, ...]
    size: int
    etag: str
    checksum: str


class Promised(Protocol):
    """A body whose signer promised its SHA-256, checked while it is read unless its reader takes that over."""

    def hand_over(self) -> None:
        """Called before the first read: from then on the caller hashes, and calls `check` before anything is kept."""

    def check(self, computed: str) -> None:
        """Refuses a SHA-256 (lower-case hex) that is not the promised one."""


class Sink(Protocol):
    """Where a body is written: the engine's blobs, or what seals on the way to them."""

    def inline_max(self) -> int: ...

    def inline(self, data: bytes) -> Blob: ...

    def writer(self, size: int | None, storage_class: str = "") -> BlobWriter: ...


async def receive(
    blobs: Sink, body: Body, claim: Claim = NO_CLAIM, *, size_max: int = PUT_BYTES_MAX, storage_class: str = "STANDARD"
) -> Received:
    """Reads the whole body into blobs that no version names yet; the caller commits or discards them.

    A promised length above `size_max` is refused before the first byte is read. A body of at most `inline_max` bytes
    neither suspends (once its bytes are there) nor uses a thread.
    Errors: EntityTooLarge, BadDigest; what the body and the engine raise. Nothing is left behind after an error."""
    length = body.length
    if length is not None and length > size_max:
        raise too_large(length, size_max)
    inline_max = blobs.inline_max()
    if length is not None and length <= inline_max:
        return _inline(blobs, body, claim, await body.read_all(inline_max))
    promised: Promised | None = body if hasattr(body, "hand_over") else None  # type: ignore[assignment]
    if promised is not None:
        promised.hand_over()
    first: list[bytes] = []
    size = 0
    if length is None:
        while size <= inline_max:
            piece = await body.read()
            if not piece:
                data = b"".join(first)
                if promised is not None:
                    promised.check(sha256(data).hexdigest())
                return _inline(blobs, body, claim, data)
            first.append(piece)
            size += len(piece)
    return await _stream(blobs.writer(length, storage_class), body, claim, promised, first, size_max)


def too_large(size: int, size_max: int) -> EntityTooLarge:
    """The refusal of a body above the limit, with S3's fields."""
    return EntityTooLarge(None, ProposedSize=str(size), MaxSizeAllowed=str(size_max))


def _inline(blobs: Sink, body: Body, claim: Claim, data: bytes) -> Received:
    hashed = md5(data)
    checksum = encode(claim.algorithm.of(data))
    if claim is not NO_CLAIM:
        verify(claim, hashed.digest(), checksum, body.trailers)
    return Received((blobs.inline(data),) if data else (), len(data), hashed.hexdigest(), checksum)


async def _stream(writer: BlobWriter, body: Body, claim: Claim, promised: Promised | None, pieces: list[bytes], size_max: int) -> Received:
    hashing = BodyHashes(claim, promised)
    gathered = size = sum(map(len, pieces))
    try:
        while True:
            piece = await body.read()
            if piece:
                size += len(piece)
                gathered += len(piece)
                if size > size_max:
                    raise too_large(size, size_max)
                pieces.append(piece)
                if gathered < BATCH_BYTES:
                    continue
            if pieces:
                batch = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                pieces.clear()
                gathered = 0
                await hashing.update(batch)
                await writer.write(batch)
            if not piece:
                break
        etag, checksum = await hashing.verified(body.trailers)
        return Received(await writer.finish(), size, etag, checksum)
    except BaseException:
        await writer.abort()
        raise


class BodyHashes:
    """All hashes that one body needs, none twice: MD5 in one thread and, where it is slow too, the rest in another."""

    __slots__ = ("_claim", "_promised", "_running")

    def __init__(self, claim: Claim, promised: Promised | None) -> None:
        self._claim = claim
        self._promised = promised
        others = [claim.algorithm.new()]
        if promised is not None and claim.algorithm.name != SHA256:
            others.append(sha256())
        # a CRC costs a hundredth of MD5: not worth a thread of its own
        self._running = (Hashing(md5(), *others),) if promised is None and claim.algorithm.combine else (Hashing(md5()), Hashing(*others))

    async def update(self, batch: bytes) -> None:
        for each in self._running:
            await each.update(batch)

    async def verified(self, trailers: dict[bytes, bytes]) -> tuple[str, str]:
        """(MD5 in hex, checksum in base64) once all that was claimed or promised holds. Errors: BadDigest; as `Promised.check`."""
        digests = [digest for each in self._running for digest in await each.digests()]
        if self._promised is not None:
            self._promised.check(digests[-1].hex())
        checksum = encode(digests[1])
        verify(self._claim, digests[0], checksum, trailers)
        return digests[0].hex(), checksum


class Hashing:
    """Several hashes over one run of bytes, computed in a thread beside the caller, batch after batch in order."""

    __slots__ = ("_hashes", "_lane", "_waiting")

    def __init__(self, *hashes: Hash) -> None:
        self._hashes = hashes
        self._lane: ThreadPoolExecutor | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def update(self, batch: bytes) -> None:
        """Takes a batch; suspends while more than `AHEAD` batches wait."""
        if len(batch) < THREADED_BYTES and not self._waiting:
            self._hash(batch)
            return
        if self._lane is None:
            self._lane = _next_lane()
        if len(self._waiting) >= AHEAD:
            await self._waiting.popleft()
        self._waiting.append(asyncio.get_running_loop().run_in_executor(self._lane, self._hash, batch))

    async def digests(self) -> list[bytes]:
        """The digest of each hash over all that was taken."""
        while self._waiting:
            await self._waiting.popleft()
        return [each.digest() for each in self._hashes]

    def _hash(self, batch: bytes) -> None:
        for each in self._hashes:
            each.update(batch)


# One thread a lane keeps the batches of a body in order; bodies take turns on the lanes. Threads start when first used.
_lanes = [ThreadPoolExecutor(1, f"hash-{lane}") for lane in range(HASH_LANES)]
_turns = count()


def _next_lane() -> ThreadPoolExecutor:
    return _lanes[next(_turns) % HASH_LANES]


async def put(
    engine: Engine,
    bucket: Bucket,
    key: str,
    body: Body,
    *,
    facts: Facts,
    owner: str = "",
    claim: Claim = NO_CLAIM,
    expect: Expect = ANYTHING,
    storage_class: str = "STANDARD",
    now_ms: int,
    size_max: int = PUT_BYTES_MAX,
    wish: Wish | None = None,
) -> Version:
    """What PutObject means: the body becomes the latest version of `key`, durable, or nothing changes.

    `facts` come without their checksum. `owner` is the canonical id of the object's owner, by default the bucket's. `wish` is how it shall
    be encrypted, by default as the bucket says.
    Errors: as `receive`, `commit` and `seal`."""
    blobs: Sink = engine.blobs
    if wish is not None or ENCRYPTION in bucket.settings:
        sealing = await seal(engine, bucket.settings, wish)
        if sealing is not None:
            blobs = sealing.blobs(engine.blobs)
            facts = msgspec.structs.replace(facts, extra=facts.extra | sealing.extra)
    if LOCK in bucket.settings and LOCKED not in facts.extra:
        facts = msgspec.structs.replace(facts, extra=facts.extra | new_lock(bucket.settings, None, None, None, now_ms))
    received = await receive(blobs, body, claim, size_max=size_max, storage_class=storage_class)
    version = Version(
        key=key,
        version_id=new_version_id(bucket),
        modified_ms=now_ms,
        size=received.size,
        etag=received.etag,
        storage_class=storage_class,
        owner=owner or bucket.owner,
        facts=msgspec.structs.replace(facts, checksum_algorithm=claim.algorithm.name, checksum_type=FULL_OBJECT, checksum_value=received.checksum),
        blobs=received.blobs,
    )
    try:
        return await commit(engine, bucket, version, expect)
    except NOT_COMMITTED:
        await discard(engine, received.blobs)
        raise


async def commit(engine: Engine, bucket: Bucket, new: Version, expect: Expect = ANYTHING) -> Version:
    """Makes `new` the latest version and lets go of what it replaced. A bucket that changed meanwhile is read again, and the
    version id is given anew by what its versioning is now.

    Errors: PreconditionFailed, NoSuchKey (If-Match on a missing key), NoSuchBucket, OperationAborted (the bucket changes all the time);
    engine: Full, Unavailable, and Gone when a shared blob of a copy is gone while the bucket is still there."""
    for _ in range(STALE_RETRIES):
        try:
            committed = await engine.catalog.commit(bucket, new, expect)
        except Conflict as conflict:
            raise refuse_write(expect, conflict.current) from None
        except Stale:
            bucket = await current(engine, bucket)
            new = msgspec.structs.replace(new, version_id=new_version_id(bucket))
            continue
        except Gone:
            await current(engine, bucket)
            raise
        if committed.unneeded:
            await discard(engine, committed.unneeded)
        return committed.version or new
    raise OperationAborted


async def current(engine: Engine, bucket: Bucket) -> Bucket:
    """The bucket as it is now. Errors: NoSuchBucket when it is gone, or another one of the same name."""
    now = await engine.catalog.bucket(bucket.namespace, bucket.name)
    if now is None or now.id != bucket.id:
        raise NoSuchBucket(None, BucketName=bucket.name)
    return now


async def discard(engine: Engine, unneeded: tuple[Blob, ...]) -> None:
    """Lets go of blobs. What cannot be removed now is left to the sweep: the step that made them unneeded is done."""
    with suppress(EngineError):
        await engine.blobs.discard(unneeded)
