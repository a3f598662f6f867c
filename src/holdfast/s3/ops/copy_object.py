"""CopyObject."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.authn.bodies import stored_content_encoding
from holdfast.engine.api import Gone
from holdfast.model.buckets import Bucket
from holdfast.model.errors import InvalidArgument, InvalidRequest, OperationAborted
from holdfast.model.objects import Facts, Version
from holdfast.objects.checksums import ALGORITHMS
from holdfast.objects.conditions import for_write, within
from holdfast.objects.copy import copy
from holdfast.objects.names import check_key, content_type_of
from holdfast.objects.read import read_version_id
from holdfast.objects.tags import tags_of_header
from holdfast.objects.versioning import shown_version_id
from holdfast.s3.acl_request import ObjectAclHeaders, owned
from holdfast.s3.checksum_headers import algorithm_of
from holdfast.s3.copy_source import Found, find_source
from holdfast.s3.damage import Attempts
from holdfast.s3.encryption import SOURCE_MEMBERS, WRITE_MEMBERS, encryption_members, source_key, wish_of
from holdfast.s3.object_headers import check_metadata, check_redirect, check_storage_class, stored_expires
from holdfast.s3.object_lock import asked_lock
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of

COPY, REPLACE = "COPY", "REPLACE"
_TRIES = 3


class Input(ObjectAclHeaders, frozen=True, kw_only=True):
    bucket: str
    key: str
    copy_source: str
    copy_source_if_match: str | None = None
    copy_source_if_none_match: str | None = None
    copy_source_if_modified_since: float | None = None
    copy_source_if_unmodified_since: float | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    metadata_directive: str | None = None
    tagging_directive: str | None = None
    cache_control: str = ""
    content_disposition: str = ""
    content_encoding: str = ""
    content_language: str = ""
    content_type: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    tagging: str = ""
    storage_class: str | None = None
    website_redirect_location: str = ""
    checksum_algorithm: str | None = None
    object_lock_mode: str | None = None
    object_lock_retain_until_date: float | None = None
    object_lock_legal_hold_status: str | None = None


# `expires` is kept verbatim, so it is read from the header and not as a date.
@operation("CopyObject", "s3:PutObject", ignores=("expires", *WRITE_MEMBERS, *SOURCE_MEMBERS))
async def copy_object(call: Call[Input]) -> dict[str, Any]:
    """Makes a version from the bytes of another (S3 API Reference, CopyObject).

    Errors: those of the source (`find_source`), InvalidRequest (to itself without a change, too large, object lock), InvalidArgument,
    InvalidTag, MetadataTooLarge, InvalidStorageClass, PreconditionFailed, NotImplemented, OperationAborted (the source
    changes all the time), InternalError (its bytes are lost), those of `owned`."""
    given = call.input
    bucket = bucket_of(call)
    check_key(given.key)
    for member in ("metadata_directive", "tagging_directive"):
        if getattr(given, member) not in (None, COPY, REPLACE):
            raise InvalidArgument("Unknown directive.", ArgumentName="x-amz-" + member.replace("_", "-"), ArgumentValue=getattr(given, member))
    owner, extra = await owned(call, given, bucket)
    if given.object_lock_mode or given.object_lock_retain_until_date is not None or given.object_lock_legal_hold_status:
        extra = extra | asked_lock(given, bucket, call.now_ms)
    wish = wish_of(call.request)
    attempts = Attempts(call)
    for _ in range(_TRIES):
        source = await find_source(call)
        if wish is None:
            _refuse_idle(given, source, bucket)
        try:
            version = await copy(
                call.engine,
                source.version,
                bucket,
                given.key,
                facts=_facts(given, call.request.headers, source.version, extra),
                owner=owner,
                algorithm=algorithm_of(given.checksum_algorithm) if given.checksum_algorithm is not None else None,
                storage_class=check_storage_class(given.storage_class),
                expect=within(for_write(given.if_match, given.if_none_match), call.half),
                now_ms=call.now_ms,
                wish=wish,
                customer_key=source_key(call.request),
            )
        except Gone:  # the source was overwritten or deleted meanwhile: what is there now is the source
            attempts.failed(source.bucket, source.version)
            continue
        return _output(source, version) | encryption_members(version.facts, call.request)
    raise OperationAborted


def _refuse_idle(given: Input, source: Found, bucket: Bucket) -> None:
    """A copy of the latest version to itself must change something. Errors: InvalidRequest."""
    if source.bucket.id != bucket.id or source.version.key != given.key or source.named:
        return
    if REPLACE in (given.metadata_directive, given.tagging_directive):
        return
    if given.storage_class is not None or given.website_redirect_location or given.checksum_algorithm is not None:
        return
    raise InvalidRequest(
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, "
        "storage class, website redirect location or encryption attributes."
    )


def _facts(given: Input, headers: dict[bytes, bytes], source: Version, extra: dict[str, str]) -> Facts:
    """The facts of the copy. Metadata and tags come from the source unless replaced; the redirect and the access control list never
    do (CopyObject)."""
    if given.website_redirect_location:
        check_redirect(given.website_redirect_location)
    tags = tags_of_header(given.tagging) if given.tagging_directive == REPLACE else source.facts.tags
    if given.metadata_directive != REPLACE:
        return msgspec.structs.replace(source.facts, tags=tags, website_redirect_location=given.website_redirect_location, extra=extra)
    check_metadata(given.metadata)
    return Facts(
        content_type=given.content_type or content_type_of(given.key),
        content_encoding=stored_content_encoding(given.content_encoding),
        content_disposition=given.content_disposition,
        content_language=given.content_language,
        cache_control=given.cache_control,
        expires=stored_expires(headers),
        website_redirect_location=given.website_redirect_location,
        metadata=given.metadata,
        tags=tags,
        extra=extra,
    )


def _output(source: Found, version: Version) -> dict[str, Any]:
    result: dict[str, Any] = {"etag": f'"{version.etag}"', "last_modified": version.modified_ms / 1000}
    algorithm = ALGORITHMS.get(version.facts.checksum_algorithm)
    if algorithm is not None:
        result[algorithm.member] = version.facts.checksum_value
        result["checksum_type"] = version.facts.checksum_type
    return {
        "copy_object_result": result,
        "version_id": shown_version_id(version.version_id),
        "copy_source_version_id": read_version_id(source.bucket, source.version),
    }
