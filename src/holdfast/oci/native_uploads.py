"""Multipart uploads as the native doors do them, for a caller who has been let in: beginning, a part, and making the object of the parts."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Conflict, Engine, Expect
from holdfast.model.buckets import Bucket
from holdfast.model.errors import EntityTooLarge, InvalidArgument, InvalidPart, NoSuchKey, PreconditionFailed
from holdfast.model.messages import Request, Response
from holdfast.model.objects import Part, Upload
from holdfast.model.ownership import owner_of_new
from holdfast.objects.completion import Completion, ListedPart, complete_upload
from holdfast.objects.conditions import refuse_write
from holdfast.objects.encryption import seal
from holdfast.objects.uploads import ONLY_NEW, PART_NUMBER_MAX, new_upload, receive_part, start_upload
from holdfast.oci.encryption import customer_key, wish_of
from holdfast.oci.native_objects import PUT_BYTES_MAX, check_name, write_expectation
from holdfast.oci.object_facts import claim_of, facts_of, storage_class_of
from holdfast.oci.object_head import NATIVE, md5_of, written_head

OBJECT_BYTES_MAX = 10 << 40
_CHECKSUM_TYPES = {"CRC32C": "FULL_OBJECT", "SHA256": "COMPOSITE"}


async def begin(engine: Engine, bucket: Bucket, key: str, writer: str, request: Request, headers: dict[bytes, bytes], now_ms: int) -> Upload:
    """A new upload, stored. `writer` is a canonical id; `headers` are those that say what the object is, `request` has the rest: conditions,
    encryption, checksum. If-None-Match holds now and when it is committed.

    Errors: KeyTooLongError, InvalidArgument, MetadataTooLarge, PreconditionFailed; as `seal`."""
    check_name(key)
    expect = await write_expectation(engine, bucket, key, request)
    latest = await engine.catalog.version(bucket.id, key) if expect.absent else None
    if latest is not None and not latest.is_delete_marker:
        raise PreconditionFailed("The If-None-Match header is '*' but there is an existing entity", Condition="If-None-Match")
    facts, sealing = facts_of(headers), await seal(engine, bucket.settings, wish_of(request))
    extra = dict(facts.extra) if sealing is None else facts.extra | sealing.extra
    if expect.absent:
        extra[ONLY_NEW] = "1"
    asked = request.headers.get(b"opc-checksum-algorithm", b"").decode("latin-1").upper() or None
    if asked is not None and asked not in _CHECKSUM_TYPES:
        raise InvalidArgument("opc-checksum-algorithm of an upload can be CRC32C or SHA256.", ArgumentName="opc-checksum-algorithm")
    upload = new_upload(
        bucket.id,
        key,
        facts=msgspec.structs.replace(facts, extra=extra),
        owner=owner_of_new(bucket, writer, None),
        initiator=writer,
        storage_class=storage_class_of(headers, bucket),
        now_ms=now_ms,
        algorithm=asked,
        checksum_type=None if asked is None else _CHECKSUM_TYPES[asked],
    )
    await start_upload(engine, bucket, upload)
    return upload


def part_number(text: str) -> int:
    """Errors: InvalidArgument."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= PART_NUMBER_MAX):
        raise InvalidArgument(f"The number of a part must be from 1 to {PART_NUMBER_MAX}.", ArgumentName="uploadPartNum")
    return int(text)


async def put_part(engine: Engine, upload: Upload, number: int, request: Request, now_ms: int) -> Response:
    """Stores one part, or replaces it. Errors: NoSuchUpload, EntityTooLarge (before the body is read), BadDigest, InvalidRequest."""
    claim, key = claim_of(request.headers), customer_key(request)
    part, _ = await receive_part(engine, upload, number, request.body, claim, now_ms=now_ms, size_max=PUT_BYTES_MAX, customer_key=key)
    return Response(200, [(b"etag", part.etag.encode("ascii")), (b"opc-content-md5", md5_of(part.etag).encode("ascii")), NATIVE])


async def commit(engine: Engine, bucket: Bucket, upload: Upload, listed: list[ListedPart], request: Request) -> Response:
    """Makes the object of these parts, in order of their numbers and whatever their sizes.

    Errors: InvalidPart, NoSuchUpload, PreconditionFailed."""
    expect = Expect(absent=True) if ONLY_NEW in upload.facts.extra else await write_expectation(engine, bucket, upload.key, request)
    try:
        version = await complete_upload(engine, bucket, upload, Completion(parts=listed), expect, size_min=0)
    except Conflict as conflict:
        refusal = refuse_write(expect, conflict.current)
        raise PreconditionFailed(Condition="If-Match") if isinstance(refusal, NoSuchKey) else refusal from None
    return Response(200, written_head(bucket.id, version))


def check_parts(parts: list[Part]) -> None:
    """Errors: InvalidPart, EntityTooLarge."""
    if not parts:
        raise InvalidPart("There are no parts to commit")
    size = sum([part.size for part in parts])
    if size > OBJECT_BYTES_MAX:
        raise EntityTooLarge(f"The parts have {size} bytes together; an object has at most {OBJECT_BYTES_MAX}.")
