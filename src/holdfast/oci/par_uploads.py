"""Multipart uploads through a pre-authenticated request: begun with one header, then driven by a URL of their own.

Source: OCI, "Using Pre-Authenticated Requests", "To put a large object".
"""

from __future__ import annotations

from holdfast.engine.api import Engine, Gone
from holdfast.model.errors import InvalidArgument, NoSuchUpload
from holdfast.model.messages import Request, Response
from holdfast.model.objects import Upload
from holdfast.model.pars import ParUpload
from holdfast.objects.completion import ListedPart
from holdfast.objects.uploads import PART_NUMBER_MAX, abort_upload, find_upload
from holdfast.oci import native_uploads
from holdfast.oci.answers import document
from holdfast.oci.object_head import NATIVE, TIER_OF
from holdfast.oci.par_door import NoSuchPar, Use
from holdfast.pars.creation import new_token
from holdfast.pars.url import digest_of, upload_uri
from holdfast.wire.values import iso_date_ms


async def start(engine: Engine, use: Use, request: Request, now_ms: int) -> Response:
    """CreateMultipartUpload by a PUT with `opc-multipart: true`: the answer says where the parts go.

    Metadata and content headers are those of this request; later ones have no effect.
    Errors: as `native_uploads.begin`; InvalidArgument (a body); NoSuchPar when the request is deleted meanwhile."""
    require_no_body(request, "opc-multipart: true")
    key, writer = use.place.key, use.caller.user.canonical_id if use.caller.user is not None else ""
    upload = await native_uploads.begin(engine, use.bucket, key, writer, request, request.headers, now_ms)
    token = new_token()
    stored = ParUpload(
        digest=digest_of(token), par=use.par.number, bucket_id=use.bucket.id, key=key, upload_id=upload.upload_id, created_ms=now_ms
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
    """UploadPart. Errors: InvalidArgument (its number); as `native_uploads.put_part`."""
    number = native_uploads.part_number(use.place.part)
    return await native_uploads.put_part(engine, await _upload(engine, use), number, request, now_ms)


async def commit(engine: Engine, use: Use, request: Request) -> Response:
    """CommitMultipartUpload of all parts there are, in order of their numbers; whatever their sizes.

    Errors: InvalidPart (there are none), NoSuchUpload, EntityTooLarge, PreconditionFailed, InvalidArgument (a body)."""
    require_no_body(request, "a commit through a pre-authenticated request")
    upload = await _upload(engine, use)
    parts = await engine.catalog.parts(upload, limit=PART_NUMBER_MAX)
    native_uploads.check_parts(parts)
    return await native_uploads.commit(engine, use.bucket, upload, [ListedPart(part.number, part.etag) for part in parts], request)


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
