"""PutObject."""

from __future__ import annotations

import msgspec

from holdfast.authn.bodies import stored_content_encoding
from holdfast.model.errors import MissingContentLength
from holdfast.model.messages import Body, Request, Response
from holdfast.model.objects import Facts
from holdfast.objects.conditions import for_write, within
from holdfast.objects.encryption import FACT
from holdfast.objects.names import check_key, content_type_of
from holdfast.objects.tags import tags_of_header
from holdfast.objects.versioning import shown_version_id
from holdfast.objects.write import put
from holdfast.s3.acl_request import ObjectAclHeaders, owned
from holdfast.s3.checksum_headers import CHECKSUM_MEMBERS, claim_of
from holdfast.s3.encryption import WRITE_MEMBERS, encryption_headers, wish_of
from holdfast.s3.object_headers import check_metadata, check_redirect, check_storage_class, stored_expires
from holdfast.s3.object_lock import asked_lock
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of


class Input(ObjectAclHeaders, frozen=True, kw_only=True):
    bucket: str
    key: str
    body: Body | None = None
    cache_control: str = ""
    content_disposition: str = ""
    content_encoding: str = ""
    content_language: str = ""
    content_type: str = ""
    if_match: str | None = None
    if_none_match: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    storage_class: str | None = None
    website_redirect_location: str = ""
    tagging: str = ""
    object_lock_mode: str | None = None
    object_lock_retain_until_date: float | None = None
    object_lock_legal_hold_status: str | None = None


# `expires` is kept verbatim, so it is read from the header and not as a date.
@operation("PutObject", "s3:PutObject", ignores=("expires", *CHECKSUM_MEMBERS, *WRITE_MEMBERS))
async def put_object(call: Call[Input]) -> Response:
    """Stores the body as the latest version of the key (S3 API Reference, PutObject).

    Errors: MissingContentLength, EntityTooLarge, InvalidDigest, BadDigest, InvalidRequest, InvalidArgument, InvalidTag, MetadataTooLarge,
    KeyTooLongError, InvalidStorageClass, PreconditionFailed, NoSuchKey (If-Match), those of `owned`."""
    given = call.input
    bucket = bucket_of(call)
    headers = call.request.headers
    check_key(given.key)
    require_length(call.request)
    if given.metadata:
        check_metadata(given.metadata)
    if given.website_redirect_location:
        check_redirect(given.website_redirect_location)
    owner, extra = await owned(call, given, bucket)
    if given.object_lock_mode or given.object_lock_retain_until_date is not None or given.object_lock_legal_hold_status:
        extra = extra | asked_lock(given, bucket, call.now_ms)
    claim = claim_of(headers)
    version = await put(
        call.engine,
        bucket,
        given.key,
        given.body or call.request.body,
        facts=Facts(
            content_type=given.content_type or content_type_of(given.key),
            content_encoding=stored_content_encoding(given.content_encoding) if given.content_encoding else "",
            content_disposition=given.content_disposition,
            content_language=given.content_language,
            cache_control=given.cache_control,
            expires=stored_expires(headers),
            website_redirect_location=given.website_redirect_location,
            metadata=given.metadata,
            tags=tags_of_header(given.tagging) if given.tagging else {},
            extra=extra,
        ),
        owner=owner,
        claim=claim,
        expect=within(for_write(given.if_match, given.if_none_match), call.half),
        storage_class=check_storage_class(given.storage_class),
        now_ms=call.now_ms,
        size_max=call.settings.put_bytes_max,
        wish=wish_of(call.request),
    )
    head = [
        (b"ETag", b'"%b"' % version.etag.encode("ascii")),
        (claim.algorithm.header, version.facts.checksum_value.encode("ascii")),
        (b"x-amz-checksum-type", version.facts.checksum_type.encode("ascii")),
    ]
    if FACT in version.facts.extra:
        head += encryption_headers(version.facts, call.request)
    shown = shown_version_id(version.version_id)
    if shown is not None:
        head.append((b"x-amz-version-id", shown.encode("ascii")))
    return Response(200, head)


def require_length(request: Request) -> None:
    """A body must say how long it is or be chunked. Errors: MissingContentLength."""
    headers = request.headers
    if b"content-length" not in headers and b"transfer-encoding" not in headers and b"x-amz-decoded-content-length" not in headers:
        raise MissingContentLength
