"""Copying bytes of a stored version into a part: shared when it is the whole source, written again when it is a range."""

from __future__ import annotations

import re
from contextlib import aclosing

from holdfast.engine.api import Engine
from holdfast.model.errors import InvalidArgument, InvalidRange, InvalidRequest
from holdfast.model.objects import Part, Upload, Version
from holdfast.objects.checksums import ALGORITHMS, FULL_OBJECT, Claim
from holdfast.objects.copy import Pieces, check_bytes, hash_bytes
from holdfast.objects.encryption import FACT
from holdfast.objects.read import read_bytes
from holdfast.objects.uploads import add_part, add_received, sink_of
from holdfast.objects.write import PUT_BYTES_MAX, receive

_RANGE = re.compile(r"bytes=([0-9]{1,19})-([0-9]{1,19})\Z")


def copy_range(text: str | None, size: int) -> tuple[int, int]:
    """(start, length) that x-amz-copy-source-range names in a source of `size` bytes; all of it for None. Only `bytes=first-last` is a range.

    Errors: InvalidArgument (another form), InvalidRange (beyond the source), InvalidRequest (above 5 GiB)."""
    start, length = 0, size
    if text is not None:
        found = _RANGE.match(text)
        if found is None or int(found[1]) > int(found[2]):
            raise InvalidArgument(
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are"
                " the zero-based offsets of the first and last bytes to copy",
                ArgumentName="x-amz-copy-source-range",
                ArgumentValue=text,
            )
        start, length = int(found[1]), int(found[2]) - int(found[1]) + 1
        if start + length > size:
            raise InvalidRange(
                f"Range specified is not valid for source object of size: {size}", RangeRequested=text, ActualObjectSize=str(size)
            )
    if length > PUT_BYTES_MAX:
        raise InvalidRequest(f"The specified copy source is larger than the maximum allowable size for a copy source: {PUT_BYTES_MAX}")
    return start, length


async def copy_part(
    engine: Engine, upload: Upload, number: int, source: Version, start: int, length: int, *, now_ms: int, keys: tuple[bytes, bytes] = (b"", b"")
) -> Part:
    """Makes bytes [start, start + length) of `source` (found with its blobs) a part of the upload.

    The bytes of a whole source are read only where its MD5 or checksum is not known yet, or one of the two is encrypted. `keys` are the
    client's own for the source and for the upload.
    Errors: NoSuchUpload; as `data_key_of`; engine: Gone when the source was overwritten meanwhile and its bytes are gone."""
    algorithm = ALGORITHMS[upload.facts.checksum_algorithm]
    sealed = any(keys) or FACT in source.facts.extra or FACT in upload.facts.extra
    if length == source.size and not sealed and engine.blobs.belongs(source.blobs, upload.storage_class):
        await check_bytes(engine, source)
        facts = source.facts
        known = facts.checksum_type == FULL_OBJECT and facts.checksum_algorithm == algorithm.name and facts.checksum_value
        if known and "-" not in source.etag:
            etag, checksum = source.etag, facts.checksum_value
        else:
            etag, checksum = await hash_bytes(engine, source, 0, length, algorithm)
        part = Part(number=number, size=length, etag=etag, modified_ms=now_ms, checksum=checksum, blobs=source.blobs)
        await add_part(engine, upload, part)
        return part
    sink = await sink_of(engine, upload, keys[1])
    async with aclosing(read_bytes(engine, source, start, length, keys[0])) as pieces:
        received = await receive(sink, Pieces(pieces, length), Claim(algorithm), storage_class=upload.storage_class)
    part = Part(number=number, size=length, etag=received.etag, modified_ms=now_ms, checksum=received.checksum, blobs=received.blobs)
    await add_received(engine, upload, part)
    return part
