"""Completing a multipart upload: the client's list against the stored parts, the ETag, the checksum, and the one step that makes the object."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import md5

import msgspec

from holdfast.engine.api import Engine, Expect, Gone, ListQuery, Stale
from holdfast.model.buckets import Bucket
from holdfast.model.errors import (
    BadDigest,
    EntityTooSmall,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    InvalidRequest,
    MalformedXML,
    NoSuchUpload,
    OperationAborted,
)
from holdfast.model.objects import Blob, Part, PartFact, Upload, Version
from holdfast.model.ownership import owner_of
from holdfast.objects.checksums import ALGORITHMS, FULL_OBJECT, composite, full_object
from holdfast.objects.uploads import PART_NUMBER_MAX, asked_for_checksum, final_facts
from holdfast.objects.versioning import new_version_id
from holdfast.objects.write import STALE_RETRIES, current, discard

PART_SIZE_MIN = 5 << 20


class ListedPart(msgspec.Struct, frozen=True):
    """A part as the client lists it: ETag without quotes; checksums (base64) by algorithm, usually one or none."""

    number: int
    etag: str
    checksums: dict[str, str] = {}


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """What CompleteMultipartUpload asks: the parts, and what the client expects of the whole object."""

    parts: Sequence[ListedPart]
    checksums: dict[str, str] = {}
    checksum_type: str | None = None
    size: int | None = None


def check_list(parts: Sequence[ListedPart]) -> None:
    """A number may stand twice in a row, of a part that was sent again: the later one counts (`choose_parts`).

    Errors: MalformedXML (none, or more than 10,000), InvalidArgument (a number out of range), InvalidPartOrder."""
    if not parts or len(parts) > PART_NUMBER_MAX:
        raise MalformedXML
    last = 0
    for part in parts:
        if not 1 <= part.number <= PART_NUMBER_MAX:
            raise InvalidArgument("PartNumber must be >= 1 and <= 10000", ArgumentName="PartNumber", ArgumentValue=str(part.number))
        if part.number < last:
            raise InvalidPartOrder
        last = part.number


def choose_parts(upload: Upload, listed: Sequence[ListedPart], stored: Sequence[Part], size_min: int = PART_SIZE_MIN) -> list[Part]:
    """The stored parts that the client lists, in order.

    Errors: InvalidPart (not there, another ETag or checksum), InvalidRequest (a checksum of another algorithm),
    EntityTooSmall (any part but the last below 5 MiB)."""
    by_number = {part.number: part for part in stored}
    algorithm = upload.facts.checksum_algorithm
    strict = asked_for_checksum(upload)
    chosen: list[Part] = []
    for want in {part.number: part for part in listed}.values():
        part = by_number.get(want.number)
        if part is None or part.etag != want.etag:
            raise InvalidPart(None, UploadId=upload.upload_id, PartNumber=str(want.number), ETag=want.etag)
        for name, value in want.checksums.items():
            if name == algorithm:
                if value != part.checksum:
                    raise InvalidPart(None, UploadId=upload.upload_id, PartNumber=str(want.number), ETag=want.etag)
            elif strict:
                raise InvalidRequest(
                    f"Checksum Type mismatch occurred, expected checksum Type: {algorithm.lower()}, actual checksum Type: {name.lower()}"
                )
        chosen.append(part)
    for part in chosen[:-1]:
        if part.size < size_min:
            raise EntityTooSmall(
                None, ProposedSize=str(part.size), MinSizeAllowed=str(size_min), PartNumber=str(part.number), ETag=part.etag
            )
    return chosen


def multipart_etag(etags: Sequence[str]) -> str:
    """The MD5 (hex) of the parts' MD5s in a row, a hyphen, and how many they are."""
    return f"{md5(b''.join([bytes.fromhex(etag) for etag in etags]), usedforsecurity=False).hexdigest()}-{len(etags)}"


def whole_checksum(upload: Upload, parts: Sequence[Part]) -> str:
    """The object's checksum: combined over the full object, or COMPOSITE (the checksum of the parts' checksums) with `-N`."""
    algorithm = ALGORITHMS[upload.facts.checksum_algorithm]
    if upload.facts.checksum_type == FULL_OBJECT:
        return full_object(algorithm, [(part.checksum, part.size) for part in parts])
    return composite(algorithm, [part.checksum for part in parts])


def check_whole(upload: Upload, asked: Completion, checksum: str, size: int) -> None:
    """What the client expects of the whole object, compared.

    Errors: InvalidRequest (size, checksum type, a checksum of another algorithm), BadDigest."""
    if asked.size is not None and asked.size != size:
        raise InvalidRequest(f"The provided 'x-amz-mp-object-size' header value {asked.size} does not match what was computed: {size}")
    facts = upload.facts
    if asked.checksum_type is not None and asked.checksum_type != facts.checksum_type:
        raise InvalidRequest(
            f"The upload was created using the {facts.checksum_type} checksum mode."
            f" The complete request must use the same checksum mode, not {asked.checksum_type}."
        )
    for algorithm, value in asked.checksums.items():
        if algorithm != facts.checksum_algorithm:
            raise InvalidRequest(
                f"Checksum Type mismatch occurred, expected checksum Type: {facts.checksum_algorithm.lower()},"
                f" actual checksum Type: {algorithm.lower()}"
            )
        if value != checksum and (facts.checksum_type == FULL_OBJECT or value != checksum.partition("-")[0]):
            raise BadDigest(f"The {algorithm.lower()} you specified did not match the calculated checksum.")


async def complete_upload(
    engine: Engine, bucket: Bucket, upload: Upload, asked: Completion, expect: Expect, *, size_min: int = PART_SIZE_MIN
) -> Version:
    """Makes the object of the listed parts in one step; no byte is copied. The stored version, whose owner the upload names. All parts
    but the last must have `size_min` bytes: a rule of S3's that OCI does not have.

    Last-Modified is when the upload was initiated, as S3 documents it (User Guide, "Object metadata").
    Errors: those of the checks above, NoSuchUpload, NoSuchBucket, OperationAborted; Conflict (the engine's) when `expect` does not hold."""
    check_list(asked.parts)
    for _ in range(STALE_RETRIES):
        parts = choose_parts(upload, asked.parts, await engine.catalog.parts(upload, limit=PART_NUMBER_MAX), size_min)
        size = sum([part.size for part in parts])
        checksum = whole_checksum(upload, parts)
        check_whole(upload, asked, checksum, size)
        blobs: list[Blob] = []
        for part in parts:
            blobs += part.blobs
        new = Version(
            key=upload.key,
            version_id=new_version_id(bucket),
            modified_ms=upload.initiated_ms,
            size=size,
            etag=multipart_etag([part.etag for part in parts]),
            storage_class=upload.storage_class,
            owner=owner_of(bucket, upload.owner),
            facts=msgspec.structs.replace(
                final_facts(upload),
                checksum_value=checksum,
                parts=tuple([PartFact(part.number, part.size, part.etag, part.checksum) for part in parts]),
                upload_id=upload.upload_id,
            ),
            blobs=tuple(blobs),
        )
        try:
            committed = await engine.catalog.finish_upload(bucket, upload, new, expect)
        except Stale:
            bucket = await current(engine, bucket)
            continue
        except Gone:
            await current(engine, bucket)
            if await engine.catalog.upload(bucket.id, upload.key, upload.upload_id) is None:
                return await completed_before(engine, bucket, upload.key, upload.upload_id, asked)
            continue  # a part was replaced between the look and the step: look again
        if committed.unneeded:
            await discard(engine, committed.unneeded)
        return committed.version or new
    raise OperationAborted


async def completed_before(engine: Engine, bucket: Bucket, key: str, upload_id: str, asked: Completion) -> Version:
    """The version that an earlier completion of this upload made of the same parts, so that a retry gets the same answer.

    Errors: those of check_list; NoSuchUpload when there is no such version."""
    check_list(asked.parts)
    try:
        etag = multipart_etag(list({part.number: part.etag for part in asked.parts}.values()))
    except ValueError:
        raise NoSuchUpload(None, UploadId=upload_id) from None
    latest = await engine.catalog.version(bucket.id, key)
    if latest is not None and latest.etag == etag and latest.facts.upload_id == upload_id:
        return latest
    if bucket.versioning:
        page = await engine.catalog.list(ListQuery(bucket_id=bucket.id, prefix=key, start=key, versions=True))
        for entry in page.entries:
            if entry.key == key and entry.etag == etag:
                version = await engine.catalog.version(bucket.id, key, entry.version_id)
                if version is not None and version.facts.upload_id == upload_id:
                    return version
    raise NoSuchUpload(None, UploadId=upload_id)

