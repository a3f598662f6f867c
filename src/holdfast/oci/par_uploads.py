"""Multipart uploads through a pre-authenticated request: begun with one header, then driven by a URL of their own.

Source: OCI, "Using Pre-Authenticated Requests", "To put a large object".
"""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Conflict, Engine, Gone
from holdfast.model.errors import EntityTooLarge, InvalidArgument, InvalidPart, NoSuchUpload, PreconditionFailed
from holdfast.model.messages import Request, Response
from holdfast.model.objects import Part, Upload
from holdfast.model.ownership import owner_of_new
from holdfast.model.pars import ParUpload
from holdfast.objects.completion import Completion, ListedPart, complete_upload
from holdfast.objects.conditions import refuse_write
from holdfast.objects.encryption import seal
from holdfast.objects.names import check_key
from holdfast.objects.uploads import PART_NUMBER_MAX, abort_upload, find_upload, new_upload, receive_part, start_upload
from holdfast.oci.answers import document
from holdfast.oci.encryption import customer_key, wish_of
from holdfast.oci.native_objects import PUT_BYTES_MAX, write_expectation
from holdfast.oci.object_facts import claim_of, facts_of, storage_class_of
from holdfast.oci.object_head import NATIVE, TIER_OF, md5_of, written_head
from holdfast.oci.par_door import NoSuchPar, Use
from holdfast.pars.creation import new_token
from holdfast.pars.url import digest_of, upload_uri
from holdfast.wire.values import iso_date_ms

OBJECT_BYTES_MAX = 10 << 40


async def start(engine: Engine, use: Use, request: Request, now_ms: int) -> Response:
    """CreateMultipartUpload by a PUT with `opc-multipart: true`: the answer says where the parts go.

    Metadata and content headers are those of this request; later ones have no effect.
    Errors: KeyTooLongError, InvalidArgument (a body), MetadataTooLarge, PreconditionFailed; NoSuchPar when the request is deleted meanwhile."""
    bucket, key, user = use.bucket, use.place.key, use.caller.user
    check_key(key)
    require_no_body(request, "opc-multipart: true")
    expect = await write_expectation(engine, bucket, key, request)
    latest = await engine.catalog.version(bucket.id, key) if expect.absent else None
    if latest is not None and not latest.is_delete_marker:
        raise PreconditionFailed("The If-None-Match header is '*' but there is an existing entity", Condition="If-None-Match")
    writer = user.canonical_id if user is not None else ""
    facts, sealing = facts_of(request.headers), await seal(engine, bucket.settings, wish_of(request))
    if sealing is not None:
        facts = msgspec.structs.replace(facts, extra=facts.extra | sealing.extra)
    upload = new_upload(
        bucket.id,
        key,
        facts=facts,
        owner=owner_of_new(bucket, writer, None),
        initiator=writer,
        storage_class=storage_class_of(request.headers),
        now_ms=now_ms,
        algorithm=None,
        checksum_type=None,
    )
    await start_upload(engine, bucket, upload)
    token = new_token()
    stored = ParUpload(
        digest=digest_of(token), par=use.par.number, bucket_id=bucket.id, key=key, upload_id=upload.upload_id, created_ms=now_ms
    )  # fmt: skip
    try:
        await engine.catalog.create_par_upload(stored)
    except Gone:
        await abort_upload(engine, upload)
        raise NoSuchPar("it was deleted meanwhile", use.caller.access_key) from None
    told = {
        "namespace": use.par.namespace,
        "bucket": use.par.bucket,
        "object": key,
        "uploadId": upload.upload_id,
        "timeCreated": iso_date_ms(now_ms),
        "storageTier": TIER_OF[upload.storage_class],
        "accessUri": upload_uri(use.par, token, key, upload.upload_id),
    }
    return document(told, 200, NATIVE)


async def put_part(engine: Engine, use: Use, request: Request, now_ms: int) -> Response:
    """UploadPart. Errors: InvalidArgument (its number), NoSuchUpload, EntityTooLarge (before the body is read), BadDigest."""
    text = use.place.part
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= PART_NUMBER_MAX):
        raise InvalidArgument(f"The number of a part must be from 1 to {PART_NUMBER_MAX}.", ArgumentName="uploadPartNum")
    upload = await _upload(engine, use)
    claim, key = claim_of(request.headers), customer_key(request)
    part, _ = await receive_part(
        engine, upload, int(text), request.body, claim, now_ms=now_ms, size_max=PUT_BYTES_MAX, customer_key=key
    )  # fmt: skip
    digest = md5_of(part.etag).encode("ascii")
    return Response(200, [(b"etag", part.etag.encode("ascii")), (b"opc-content-md5", digest), NATIVE])


async def commit(engine: Engine, use: Use, request: Request) -> Response:
    """CommitMultipartUpload of all parts there are, in order of their numbers; whatever their sizes.

    Errors: InvalidPart (there are none), NoSuchUpload, EntityTooLarge, PreconditionFailed, InvalidArgument (a body)."""
    require_no_body(request, "a commit through a pre-authenticated request")
    upload = await _upload(engine, use)
    parts = await engine.catalog.parts(upload, limit=PART_NUMBER_MAX)
    check_parts(parts)
    expect = await write_expectation(engine, use.bucket, upload.key, request)
    asked = Completion(parts=[ListedPart(part.number, part.etag) for part in parts])
    try:
        version = await complete_upload(engine, use.bucket, upload, asked, expect, size_min=0)
    except Conflict as conflict:
        raise refuse_write(expect, conflict.current) from None
    return Response(200, written_head(use.bucket.id, version))


def check_parts(parts: list[Part]) -> None:
    """Errors: InvalidPart, EntityTooLarge."""
    if not parts:
        raise InvalidPart("There are no parts to commit")
    size = sum([part.size for part in parts])
    if size > OBJECT_BYTES_MAX:
        raise EntityTooLarge(f"The parts have {size} bytes together; an object has at most {OBJECT_BYTES_MAX}.")


async def abort(engine: Engine, use: Use) -> Response:
    """AbortMultipartUpload. Errors: NoSuchUpload."""
    upload = await _upload(engine, use)
    try:
        await abort_upload(engine, upload)
    except NoSuchUpload:
        raise NoSuchUpload("No such upload") from None
    return Response(204, [])


async def _upload(engine: Engine, use: Use) -> Upload:
    try:
        return await find_upload(engine, use.bucket.id, use.place.key, use.place.upload_id)
    except NoSuchUpload:
        raise NoSuchUpload("No such upload") from None


def require_no_body(request: Request, what: str) -> None:
    """Errors: InvalidArgument."""
    if request.body.length != 0:
        raise InvalidArgument(f"A request with {what} has no body.")


