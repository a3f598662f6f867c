"""Copies bodies from one engine to the other as they are stored, sealed ones sealed, and checks what was read and what was written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from holdfast.engine.api import Damaged, Engine
from holdfast.model.objects import Blob, Facts
from holdfast.objects.encryption import FACT as SEALED

Counted = Callable[[int], None]
"""Told of bytes that were copied."""

_MD5 = re.compile(r"[0-9a-f]{32}")
_NO_MD5 = "0" * 32


def md5_of(etag: str, facts: Facts) -> str:
    """The MD5 that stored bytes must have, in hex; "" where their ETag says nothing of them: encrypted, or put together from parts."""
    return etag if _MD5.fullmatch(etag) and etag != _NO_MD5 and not facts.parts and SEALED not in facts.extra else ""


async def copy(
    source: Engine, target: Engine, blobs: tuple[Blob, ...], md5: str, counted: Counted, *, inline: bool, storage_class: str
) -> tuple[Blob, ...]:
    """The blobs' bytes in the target, durable, each run a run of its own; the source engine has verified each piece by its own checksum.
    `inline`: in the row, whatever their size.

    Errors: Gone when the source replaced them meanwhile; Damaged, also where `md5` is not theirs; Full, Unavailable."""
    digest = hashlib.md5(usedforsecurity=False)
    size = sum([blob.size for blob in blobs])
    made: list[Blob] = []
    if inline or size <= target.blobs.inline_max():
        data = b"".join([piece async for piece in source.blobs.read(blobs, 0, size)])
        digest.update(data)
        counted(size)
        made = [target.blobs.inline(data)] if data else []
    else:
        try:
            for blob in blobs:
                writer = target.blobs.writer(blob.size, storage_class)
                try:
                    async for piece in source.blobs.read((blob,), 0, blob.size):
                        digest.update(piece)
                        counted(len(piece))
                        await writer.write(piece)
                    made += await writer.finish()
                except BaseException:
                    await writer.abort()
                    raise
        except BaseException:
            await target.blobs.discard(made)
            raise
    copied = sum([blob.size for blob in made])
    if copied != size or (md5 and digest.hexdigest() != md5):
        await target.blobs.discard(made)
        raise Damaged(f"{copied} bytes with MD5 {digest.hexdigest()} were read; {size} with {md5 or 'any'} were expected")
    return tuple(made)


async def same_bytes(source: Engine, target: Engine, one: tuple[Blob, ...], other: tuple[Blob, ...]) -> int:
    """Reads both back and compares; how many bytes. Errors: Damaged when they differ; as reading."""
    digests: list[tuple[int, bytes]] = []
    for engine, blobs in ((source, one), (target, other)):
        digest, read = hashlib.sha256(), 0
        async for piece in engine.blobs.read(blobs, 0, sum([blob.size for blob in blobs])):
            digest.update(piece)
            read += len(piece)
        digests.append((read, digest.digest()))
    if digests[0] != digests[1]:
        raise Damaged("the bytes of the two sides differ")
    return digests[0][0]
