"""Duplicating: the same bytes under another name, with the digests and parts that they came with, of any size and without reading them.

This is what OCI's CopyObject and RenameObject mean; S3's copy (`holdfast.objects.copy`) makes one object put whole of its source.
"""

from __future__ import annotations

import msgspec

from holdfast.engine.api import ANYTHING, Engine, Expect
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, Version
from holdfast.objects.copy import check_bytes, copy
from holdfast.objects.encryption import FACT, Wish, seal
from holdfast.objects.locks import SETTING as LOCK
from holdfast.objects.locks import new_lock
from holdfast.objects.versioning import new_version_id
from holdfast.objects.write import commit


async def rewrites(engine: Engine, source: Version, bucket: Bucket, wish: Wish | None, customer_key: bytes = b"") -> bool:
    """Whether the bytes must be written again, because one side is encrypted with a key of its own. Errors: as `seal`."""
    return bool(customer_key) or wish is not None or FACT in source.facts.extra or await seal(engine, bucket.settings, None) is not None


async def duplicate(
    engine: Engine,
    source: Version,
    bucket: Bucket,
    key: str,
    *,
    facts: Facts,
    owner: str,
    storage_class: str,
    expect: Expect = ANYTHING,
    now_ms: int,
    wish: Wish | None = None,
    customer_key: bytes = b"",
) -> Version:
    """A version of `key` with the bytes of `source` (found with its blobs) and the content headers, metadata and tags of `facts`.

    Errors: as `copy`."""
    if await rewrites(engine, source, bucket, wish, customer_key):
        return await copy(
            engine, source, bucket, key, facts=_own(facts, {}), owner=owner, algorithm=None, storage_class=storage_class, expect=expect,
            now_ms=now_ms, wish=wish, customer_key=customer_key,
        )  # fmt: skip
    await check_bytes(engine, source)
    extra = new_lock(bucket.settings, None, None, None, now_ms) if LOCK in bucket.settings else {}
    given = source.facts
    version = Version(
        key=key,
        version_id=new_version_id(bucket),
        modified_ms=now_ms,
        size=source.size,
        etag=source.etag,
        storage_class=storage_class,
        owner=owner,
        facts=msgspec.structs.replace(
            _own(facts, extra),
            checksum_algorithm=given.checksum_algorithm,
            checksum_type=given.checksum_type,
            checksum_value=given.checksum_value,
            parts=given.parts,
        ),
        blobs=source.blobs,
    )
    return await commit(engine, bucket, version, expect)


def _own(facts: Facts, extra: dict[str, str]) -> Facts:
    """Without the rights, locks and upload of another version."""
    return msgspec.structs.replace(facts, upload_id="", extra=extra)
