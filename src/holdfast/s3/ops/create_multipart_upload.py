"""CreateMultipartUpload."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.authn.bodies import stored_content_encoding
from holdfast.model.errors import AccessDenied
from holdfast.model.objects import Facts
from holdfast.objects.encryption import seal
from holdfast.objects.names import check_key, content_type_of
from holdfast.objects.tags import tags_of_header
from holdfast.objects.uploads import asked_for_checksum, new_upload, start_upload
from holdfast.s3.acl_request import ObjectAclHeaders, owned
from holdfast.s3.encryption import WRITE_MEMBERS, encryption_members, wish_of
from holdfast.s3.object_headers import check_metadata, check_redirect, check_storage_class, stored_expires
from holdfast.s3.object_lock import asked_lock
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of, writer_of


class Input(ObjectAclHeaders, frozen=True, kw_only=True):
    bucket: str
    key: str
    cache_control: str = ""
    content_disposition: str = ""
    content_encoding: str = ""
    content_language: str = ""
    content_type: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    storage_class: str | None = None
    website_redirect_location: str = ""
    tagging: str = ""
    checksum_algorithm: str | None = None
    checksum_type: str | None = None
    object_lock_mode: str | None = None
    object_lock_retain_until_date: float | None = None
    object_lock_legal_hold_status: str | None = None


# `expires` is kept verbatim, so it is read from the header and not as a date.
@operation("CreateMultipartUpload", "s3:PutObject", ignores=("expires", *WRITE_MEMBERS))
async def create_multipart_upload(call: Call[Input]) -> dict[str, Any]:
    """Starts an upload of the object's later parts, with everything that PutObject takes but the bytes.

    Errors: as PutObject without those of the body; AccessDenied for an anonymous caller, who could not be told from another; InvalidRequest
    (checksum algorithm and type)."""
    if call.caller.user is None:
        raise AccessDenied("Anonymous users cannot initiate multipart uploads. Please authenticate.")
    given = call.input
    bucket = bucket_of(call)
    check_key(given.key)
    check_metadata(given.metadata)
    if given.website_redirect_location:
        check_redirect(given.website_redirect_location)
    owner, extra = await owned(call, given, bucket)
    if given.object_lock_mode or given.object_lock_retain_until_date is not None or given.object_lock_legal_hold_status:
        extra = extra | asked_lock(given, bucket, call.now_ms)
    sealing = await seal(call.engine, bucket.settings, wish_of(call.request))
    facts = Facts(
        content_type=given.content_type or content_type_of(given.key),
        content_encoding=stored_content_encoding(given.content_encoding) if given.content_encoding else "",
        content_disposition=given.content_disposition,
        content_language=given.content_language,
        cache_control=given.cache_control,
        expires=stored_expires(call.request.headers),
        website_redirect_location=given.website_redirect_location,
        metadata=given.metadata,
        tags=tags_of_header(given.tagging) if given.tagging else {},
        extra=extra | (sealing.extra if sealing is not None else {}),
    )
    upload = new_upload(
        bucket.id,
        given.key,
        facts=facts,
        owner=owner,
        initiator=writer_of(call),
        storage_class=check_storage_class(given.storage_class),
        now_ms=call.now_ms,
        algorithm=given.checksum_algorithm,
        checksum_type=given.checksum_type,
    )
    await start_upload(call.engine, bucket, upload)
    asked = asked_for_checksum(upload)
    return {
        "bucket": given.bucket,
        "key": given.key,
        "upload_id": upload.upload_id,
        "checksum_algorithm": upload.facts.checksum_algorithm if asked else None,
        "checksum_type": upload.facts.checksum_type if asked else None,
        **encryption_members(upload.facts, call.request),
    }
