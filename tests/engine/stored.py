"""What the engine tests do to a store in a line."""

from __future__ import annotations

from holdfast.engine.api import Committed, Engine, Expect
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Blob, Facts, Version

FACTS = Facts(content_type="text/plain", metadata={"a": "ü"}, checksum_algorithm="CRC32", checksum_type="FULL_OBJECT", checksum_value="AAAA")


async def stored(engine: Engine, data: bytes) -> tuple[Blob, ...]:
    writer = engine.blobs.writer(len(data))
    await writer.write(data)
    return await writer.finish()


async def put(engine: Engine, bucket: Bucket, key: str, body: bytes = b"x", expect: Expect | None = None, **columns: object) -> Committed:
    blobs = await stored(engine, body)
    values: dict[str, object] = {"etag": f"e{len(body)}", "modified_ms": 1_000, "owner": "alice", "facts": FACTS, **columns}
    new = Version(key=key, size=len(body), blobs=blobs, **values)  # type: ignore[arg-type]
    return await engine.catalog.commit(bucket, new, expect or Expect())


async def mark(engine: Engine, bucket: Bucket, key: str, version_id: str) -> Committed:
    return await engine.catalog.commit(bucket, Version(key=key, version_id=version_id, is_delete_marker=True))


async def body(engine: Engine, bucket: Bucket, key: str, version_id: str | None = None, start: int = 0, length: int | None = None) -> bytes:
    version = await engine.catalog.version(bucket.id, key, version_id, body=True)
    assert version is not None
    assert sum(blob.size for blob in version.blobs) == version.size
    pieces = [piece async for piece in engine.blobs.read(version.blobs, start, version.size - start if length is None else length)]
    assert all(pieces)
    return b"".join(pieces)
