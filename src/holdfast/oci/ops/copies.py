"""CopyObject and RenameObject."""

from __future__ import annotations

import asyncio
import logging
import time

import msgspec

from holdfast.buckets.links import source_of
from holdfast.engine.api import ANYTHING, EngineError, Expect, Gone
from holdfast.model.buckets import LINK, Bucket
from holdfast.model.errors import (
    InternalError,
    InvalidArgument,
    NoSuchBucket,
    NoSuchKey,
    NoSuchVersion,
    NotImplemented,
    OperationAborted,
    PreconditionFailed,
    Refusal,
)
from holdfast.model.messages import Response
from holdfast.model.objects import Facts, Version
from holdfast.model.ownership import owner_of_new
from holdfast.objects.conditions import ANY, entity_tags
from holdfast.objects.duplicate import duplicate, rewrites
from holdfast.objects.encryption import Wish
from holdfast.objects.names import check_key
from holdfast.objects.remove import remove
from holdfast.oci.answers import refusal_of
from holdfast.oci.encryption import source_key, wish_of
from holdfast.oci.errors import words_of
from holdfast.oci.object_facts import BUCKET_TIER, facts_of, storage_class_of
from holdfast.oci.object_head import CLASS_OF, NATIVE, native_etag, native_version_id, stored_version_id, written_head
from holdfast.oci.operation import Call, operation
from holdfast.oci.ops.storage_work_requests import of
from holdfast.oci.work_requests import CANCELED, CANCELING, COMPLETED, FAILED, IN_PROGRESS, Line, Resource, WorkRequest, WorkRequests, new_id

log = logging.getLogger("holdfast.oci")
_BUCKET = "/n/{namespaceName}/b/{bucketName}"
AT_ONCE_BYTES = 8 << 20
"""A copy whose bytes are written again is done before the answer up to this size, and after it beyond."""
BEAT_S = 10.0
_TRIES = 3
_WRITE = ("OBJECT_CREATE", "OBJECT_OVERWRITE")
_running: set[asyncio.Task[None]] = set()


class CopyObjectDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is copied, and to where. Metadata that is given takes the place of the source's."""

    source_object_name: str
    destination_region: str
    destination_namespace: str
    destination_bucket: str
    destination_object_name: str
    source_object_if_match_e_tag: str | None = msgspec.field(default=None, name="sourceObjectIfMatchETag")
    source_version_id: str | None = None
    destination_object_if_match_e_tag: str | None = msgspec.field(default=None, name="destinationObjectIfMatchETag")
    destination_object_if_none_match_e_tag: str | None = msgspec.field(default=None, name="destinationObjectIfNoneMatchETag")
    destination_object_metadata: dict[str, str] | None = None
    destination_object_storage_tier: str | None = None


class RenameObjectDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The name of an object, and its new one."""

    source_name: str
    new_name: str
    src_obj_if_match_e_tag: str | None = msgspec.field(default=None, name="srcObjIfMatchETag")
    new_obj_if_match_e_tag: str | None = msgspec.field(default=None, name="newObjIfMatchETag")
    new_obj_if_none_match_e_tag: str | None = msgspec.field(default=None, name="newObjIfNoneMatchETag")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One copy, ready to be done."""

    source: Version
    bucket: Bucket
    key: str
    facts: Facts
    owner: str
    storage_class: str
    expect: Expect
    wish: Wish | None
    customer_key: bytes


@operation("CopyObject", "POST", _BUCKET + "/actions/copyObject", body=CopyObjectDetails, asks=False, encrypts=True)
async def copy_object(call: Call) -> Response:
    """A work request that copies; nearly always it is done when the answer comes, since no byte is written again.

    Errors: those of the source and of the place it shall go to, which are known at once: NoSuchKey, NoSuchBucket, PreconditionFailed,
    NotImplemented (another region)."""
    given: CopyObjectDetails = call.body
    origin, user = call.place(), call.user
    reads = "GetObject" if given.source_version_id is None else "GetObjectVersion"
    await call.require(reads, bucket=origin, key=given.source_object_name)
    if given.destination_region != call.region:
        raise NotImplemented(f"There is no other region than {call.region}: destinationRegion must be that.")
    target = await _target(call, given)
    if given.destination_object_storage_tier is not None and given.destination_object_storage_tier not in CLASS_OF:
        raise InvalidArgument(f"destinationObjectStorageTier must be one of {', '.join(CLASS_OF)}.")
    source = await _source(call, origin, given.source_object_name, given.source_version_id)
    await call.require_of(source, reads, bucket=origin, key=source.key)
    _check_tag(origin, source, given.source_object_if_match_e_tag)
    onto_itself = origin.id == target.id and source.key == given.destination_object_name and given.source_version_id is None
    if onto_itself and given.destination_object_metadata is None and given.destination_object_storage_tier is None:
        raise InvalidArgument("An object is not copied to itself without a change.")
    expect = await _expect(
        call, target, given.destination_object_name, given.destination_object_if_match_e_tag, given.destination_object_if_none_match_e_tag
    )
    tier = given.destination_object_storage_tier
    storage_class = source.storage_class
    if tier is not None or BUCKET_TIER in target.settings:
        storage_class = storage_class_of({} if tier is None else {b"storage-tier": tier.encode()}, target)
    job = Job(
        source=source,
        bucket=target,
        key=given.destination_object_name,
        facts=_facts(given, source),
        owner=owner_of_new(target, user.canonical_id, None),
        storage_class=storage_class,
        expect=expect,
        wish=wish_of(call.request),
        customer_key=source_key(call.request),
    )
    request = await _begin(call, given, origin, target)
    if job.source.size > AT_ONCE_BYTES and await rewrites(call.engine, source, target, job.wish, job.customer_key):
        await of(call).store(request)  # whoever hears of it can ask for it
        task = asyncio.create_task(_later(call, job, request))
        _running.add(task)
        task.add_done_callback(_running.discard)
    else:
        await _now(call, job, request)
    return Response(202, [(b"opc-work-request-id", request.id.encode("ascii")), NATIVE])


async def _target(call: Call, given: CopyObjectDetails) -> Bucket:
    """The bucket that the copy goes to. Errors: NoSuchBucket."""
    check_key(given.destination_object_name)
    namespace, name = given.destination_namespace, given.destination_bucket
    found = None if "/" in namespace else await call.engine.catalog.bucket(namespace, name)
    needs = ("OBJECT_CREATE", "OBJECT_OVERWRITE", "OBJECT_INSPECT")
    if found is not None and LINK in found.settings:
        found = await source_of(call.engine, found)
    if found is None or not call.may(bucket=found, key=given.destination_object_name, permissions=needs):
        raise NoSuchBucket(BucketName=name, Namespace=namespace)
    return found


async def _source(call: Call, bucket: Bucket, key: str, version_id: str | None) -> Version:
    """The version to copy, with its blobs. Errors: NoSuchKey, NoSuchVersion."""
    found = await call.engine.catalog.version(bucket.id, key, body=True)
    if version_id is not None and (found is None or native_version_id(bucket.id, found) != version_id):
        found = await call.engine.catalog.version(bucket.id, key, stored_version_id(version_id), body=True)
        if found is None:
            raise NoSuchVersion(f"The version '{version_id}' of the object '{key}' was not found in the bucket '{bucket.name}'")
    if found is None or found.is_delete_marker:
        raise NoSuchKey(f"The object '{key}' was not found in the bucket '{bucket.name}'")
    return found


def _check_tag(bucket: Bucket, source: Version, tag: str | None) -> None:
    """Errors: PreconditionFailed."""
    if tag is not None and not {ANY, native_etag(bucket.id, source)} & set(entity_tags(tag)):
        raise PreconditionFailed(Condition="If-Match")


async def _expect(call: Call, bucket: Bucket, key: str, if_match: str | None, if_none_match: str | None) -> Expect:
    """The precondition on what stands where the new version goes. Errors: PreconditionFailed, InvalidArgument."""
    if if_match is None and if_none_match is None:
        return ANYTHING
    latest = await call.engine.catalog.version(bucket.id, key)
    there = latest is not None and not latest.is_delete_marker
    if if_none_match is not None:
        if if_none_match != ANY or if_match is not None:
            raise InvalidArgument("The condition that nothing may match can only be '*', and stands alone.")
        if there:
            raise PreconditionFailed(Condition="If-None-Match")
        return Expect(absent=True)
    assert if_match is not None
    if latest is None or not there or not {ANY, native_etag(bucket.id, latest)} & set(entity_tags(if_match)):
        raise PreconditionFailed(Condition="If-Match")
    return Expect(present=True, seq=latest.seq)


def _facts(given: CopyObjectDetails, source: Version) -> Facts:
    if given.destination_object_metadata is None:
        return source.facts
    headers: dict[bytes, bytes] = {}
    for name, value in given.destination_object_metadata.items():
        if not name.isascii() or "\r" in value or "\n" in value or "\0" in value:
            raise InvalidArgument("The metadata cannot be sent as headers.", ArgumentName="destinationObjectMetadata")
        headers[b"opc-meta-" + name.lower().removeprefix("opc-meta-").encode("ascii")] = value.encode()
    return msgspec.structs.replace(source.facts, metadata=facts_of(headers).metadata)


async def _begin(call: Call, given: CopyObjectDetails, origin: Bucket, target: Bucket) -> WorkRequest:
    """The work request, stored."""
    def resource(action: str, namespace: str, bucket: str, key: str) -> Resource:
        about = {"REGION": call.region, "NAMESPACE": namespace, "BUCKET": bucket, "OBJECT": key}
        return Resource(action, "object", key, f"/n/{namespace}/b/{bucket}/o/{key}", about)

    now_ms = call.now_ms
    requests = of(call)
    await requests.forget(now_ms)
    request = WorkRequest(
        id=new_id(now_ms),
        namespace=target.namespace,
        compartment=target.compartment or call.user.tenancy,
        bucket=target.name,
        operation="COPY_OBJECT",
        status=IN_PROGRESS,
        resources=(
            resource("READ", call.names["namespaceName"], origin.name, given.source_object_name),
            resource("WRITTEN", given.destination_namespace, target.name, given.destination_object_name),
        ),
        accepted_ms=now_ms,
        started_ms=now_ms,
        heard_ms=now_ms,
        log=(Line("The copy was accepted.", now_ms),),
    )
    return request


async def _now(call: Call, job: Job, request: WorkRequest) -> None:
    """Copies, and stores how it ended."""
    await of(call).store(await _done(call, job, request))


async def _done(call: Call, job: Job, request: WorkRequest) -> WorkRequest:
    """The work request as it ended."""
    try:
        version = await _copied(call, job)
    except (Refusal, EngineError) as error:
        refusal = error if isinstance(error, Refusal) else refusal_of(error)
        _, code, message = words_of(refusal, None)
        now_ms = int(time.time() * 1000)
        lines = (Line(message, now_ms, code),)
        return msgspec.structs.replace(request, status=FAILED, finished_ms=now_ms, heard_ms=now_ms, errors=lines)
    now_ms = int(time.time() * 1000)
    line = Line(f"Copied {version.size} bytes.", now_ms)
    return msgspec.structs.replace(request, status=COMPLETED, percent=100.0, finished_ms=now_ms, heard_ms=now_ms, log=(*request.log, line))


async def _copied(call: Call, job: Job) -> Version:
    source = job.source
    for _ in range(_TRIES):
        try:
            return await duplicate(
                call.engine, source, job.bucket, job.key, facts=job.facts, owner=job.owner, storage_class=job.storage_class, expect=job.expect,
                now_ms=int(time.time() * 1000), wish=job.wish, customer_key=job.customer_key,
            )  # fmt: skip
        except Gone:
            found = await call.engine.catalog.version(call.place().id, source.key, body=True)
            if found is None or found.is_delete_marker:
                raise NoSuchKey(f"The object '{source.key}' was deleted while it was copied") from None
            await call.require_of(found, "GetObject", bucket=call.place(), key=found.key)
            source = found
    raise InternalError


async def _later(call: Call, job: Job, request: WorkRequest) -> None:
    """Copies beside other requests, says every few seconds that it is alive, and ends when somebody cancels it."""
    requests = of(call)
    copying = asyncio.ensure_future(_done(call, job, request))
    try:
        while not (await asyncio.wait({copying}, timeout=BEAT_S))[0]:
            if await _cancelled(requests, request):
                copying.cancel()
                await asyncio.wait({copying})
                now_ms = int(time.time() * 1000)
                await requests.store(msgspec.structs.replace(request, status=CANCELED, finished_ms=now_ms, heard_ms=now_ms))
                return
            await requests.store(msgspec.structs.replace(request, heard_ms=int(time.time() * 1000)))
        await requests.store(copying.result())
    except Exception:
        log.exception("a copy failed", extra={"request_id": call.request.id})


async def _cancelled(requests: WorkRequests, request: WorkRequest) -> bool:
    found = await requests.find(request.id, request.accepted_ms)
    return found is not None and found.status == CANCELING


@operation("RenameObject", "POST", _BUCKET + "/actions/renameObject", body=RenameObjectDetails, asks=False)
async def rename_object(call: Call) -> Response:
    """The object under its new name, and no longer under the old one; what came to the old name meanwhile stays.

    Errors: NoSuchKey, PreconditionFailed, InvalidArgument, OperationAborted (the object was written meanwhile, and nothing was renamed)."""
    given: RenameObjectDetails = call.body
    bucket, user = call.place(), call.user
    for does in ("RenameObject", "GetObject", "DeleteObject"):  # whatever denies one of these denies it under this name too
        await call.require(does, bucket=bucket, key=given.source_name, permissions=_WRITE)
    for does in ("RenameObject", "PutObject"):
        await call.require(does, bucket=bucket, key=given.new_name, permissions=_WRITE)
    check_key(given.new_name)
    if given.new_name == given.source_name:
        raise InvalidArgument("newName is the name that the object has.", ArgumentName="newName")
    source = await _source(call, bucket, given.source_name, None)
    await call.require_of(source, "GetObject", bucket=bucket, key=source.key, permissions=_WRITE)
    _check_tag(bucket, source, given.src_obj_if_match_e_tag)
    expect = await _expect(call, bucket, given.new_name, given.new_obj_if_match_e_tag, given.new_obj_if_none_match_e_tag)
    renamed = await _renamed(call, bucket, source, given.new_name, expect, owner_of_new(bucket, source.owner or user.canonical_id, None))
    try:
        await remove(call.engine, bucket, source.key, None, Expect(present=True, seq=source.seq), now_ms=call.now_ms)
    except (PreconditionFailed, NoSuchKey):
        if await _still(call, bucket, source) is not None:
            await remove(call.engine, bucket, renamed.key, renamed.version_id, Expect(seq=renamed.seq), now_ms=call.now_ms)
            raise OperationAborted from None
    return Response(200, written_head(bucket.id, renamed))


async def _renamed(call: Call, bucket: Bucket, source: Version, name: str, expect: Expect, owner: str) -> Version:
    try:
        return await duplicate(
            call.engine, source, bucket, name, facts=source.facts, owner=owner, storage_class=source.storage_class, expect=expect,
            now_ms=call.now_ms,
        )  # fmt: skip
    except NoSuchKey:
        raise PreconditionFailed(None, Condition="If-Match") from None
    except Gone:
        raise OperationAborted from None


async def _still(call: Call, bucket: Bucket, source: Version) -> Version | None:
    """What stands at the old name now."""
    found = await call.engine.catalog.version(bucket.id, source.key)
    return None if found is None or found.is_delete_marker else found
