"""CreateBucket, ListBuckets, GetBucket, HeadBucket, UpdateBucket, DeleteBucket, MakeBucketWritable."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.authz.gather import authorize
from holdfast.authz.listing import visible
from holdfast.buckets.amend import amend_bucket
from holdfast.buckets.listing import list_buckets as list_page
from holdfast.engine.api import AlreadyExists, Gone, HasPars, NotEmpty
from holdfast.model.buckets import Bucket, tenancy_namespace
from holdfast.model.errors import (
    AccessDenied,
    BucketAlreadyExists,
    BucketNotEmpty,
    InvalidArgument,
    NoSuchBucket,
    NotImplemented,
    NotModified,
    PreconditionFailed,
)
from holdfast.model.messages import Response
from holdfast.model.public_access import PUBLIC_TYPE, blocks_public_acls, blocks_public_policy
from holdfast.objects.conditions import ANY, entity_tags
from holdfast.objects.locks import SETTING as LOCK
from holdfast.objects.paging import continuation_place, continuation_token
from holdfast.objects.write import discard
from holdfast.oci.answers import document
from holdfast.oci.bucket_documents import (
    CREATOR,
    CreateBucketDetails,
    UpdateBucketDetails,
    bucket_document,
    bucket_etag,
    check_bucket_name,
    settings_of,
    summary,
    versioning_of,
)
from holdfast.oci.counting import count
from holdfast.oci.object_facts import BUCKET_TIER
from holdfast.oci.operation import Call, operation, whole_number
from holdfast.oci.ops.namespaces import require_compartment

_BUCKET = "/n/{namespaceName}/b/{bucketName}"
_FIELDS = {"approximatecount", "approximatesize", "autotiering"}
PAGE_MAX = 1000


@operation("CreateBucket", "POST", "/n/{namespaceName}/b", body=CreateBucketDetails, asks=False)
async def create_bucket(call: Call) -> Response:
    """A new bucket in the compartment that the document names; it belongs to the caller. Errors: BucketAlreadyExists, InvalidBucketName."""
    given: CreateBucketDetails = call.body
    user = call.user
    try:
        await call.require(compartment=given.compartment_id)
        await require_compartment(call, given.compartment_id)
    except AccessDenied as denied:
        raise BucketAlreadyExists(None, BucketName=given.name) from denied
    check_bucket_name(given.name)
    settings = settings_of(given, {CREATOR: user.id})
    place = "" if given.compartment_id == user.tenancy else given.compartment_id
    bare = Bucket(namespace=user.namespace, name=given.name, region=call.region, owner=user.canonical_id, compartment=place)
    await _require_to_publish(call, bare, settings)
    if given.storage_tier not in (None, "Standard"):
        if given.storage_tier != "Archive":
            raise InvalidArgument("storageTier must be Standard or Archive.", ArgumentName="storageTier")
        settings[BUCKET_TIER] = "Archive"
    try:
        made = await call.engine.catalog.create_bucket(
            Bucket(
                namespace=user.namespace,
                name=given.name,
                region=call.region,
                owner=user.canonical_id,
                compartment=place,
                created_ms=call.now_ms,
                versioning=versioning_of(given.versioning, ""),
                settings=settings,
            )
        )
    except AlreadyExists:
        raise BucketAlreadyExists(None, BucketName=given.name) from None
    location = f"/n/{user.namespace}/b/{made.name}".encode()
    return document(await _document(call, made), 200, _etag(made), (b"location", location))


@operation("ListBuckets", "GET", "/n/{namespaceName}/b", query=("compartmentId!", "limit", "page", "fields"), asks=False)
async def list_buckets(call: Call) -> Response:
    """The buckets of one compartment, in order of name; those that the caller may see."""
    wanted, user = call.query["compartmentId"], call.user
    await call.require(compartment=wanted)
    await require_compartment(call, wanted)
    fields = {field.strip() for field in call.query.get("fields", "").split(",")} - {""}
    if fields - {"tags"}:
        raise InvalidArgument("fields can only be tags.", ArgumentName="fields")
    place = "" if wanted == user.tenancy else wanted
    owner, sees = visible(call.caller, call.request)
    limit = whole_number(call.query.get("limit"), "limit", 1, PAGE_MAX, PAGE_MAX)
    page = call.query.get("page")
    found, more = await list_page(
        call.engine, user.namespace, owner, prefix="", after=continuation_place(page) if page else "", region=None, limit=limit,
        sees=lambda bucket: bucket.compartment == place and (sees is None or sees(bucket)),
    )  # fmt: skip
    creators: dict[str, str] = {}
    rows = []
    for bucket in found:
        if bucket.owner not in creators:
            creators[bucket.owner] = await creator_of(call, bucket)
        rows.append(summary(bucket, user.tenancy, creators[bucket.owner], tags="tags" in fields))
    headers = [(b"opc-next-page", continuation_token(found[-1].name).encode("ascii"))] if more else []
    return document(rows, 200, *headers)


@operation("GetBucket", "GET", _BUCKET, query=("fields",), conditional=True)
async def get_bucket(call: Call) -> Response:
    """All there is to say of a bucket; counts only where `fields` asks for them."""
    bucket = call.place()
    check_conditions(call, bucket, reading=True)
    fields = {field.strip().lower() for field in call.query.get("fields", "").split(",")} - {""}
    if fields - _FIELDS:
        raise InvalidArgument("fields can be approximateCount, approximateSize and autoTiering.", ArgumentName="fields")
    told = await _document(call, bucket)
    if fields & {"approximatecount", "approximatesize"}:
        objects, size = await count(call.engine, bucket.id)
        told["approximateCount"] = objects if "approximatecount" in fields else None
        told["approximateSize"] = size if "approximatesize" in fields else None
    if "autotiering" in fields:
        told["autoTiering"] = "Disabled"
    return document(told, 200, _etag(bucket))


@operation("HeadBucket", "HEAD", _BUCKET, conditional=True)
async def head_bucket(call: Call) -> Response:
    """Whether there is such a bucket."""
    bucket = call.place()
    check_conditions(call, bucket, reading=True)
    return Response(200, [_etag(bucket)])


@operation("UpdateBucket", "POST", _BUCKET, body=UpdateBucketDetails, conditional=True)
async def update_bucket(call: Call) -> Response:
    """Changes what the document says, all of it or nothing. To move a bucket takes the right to make buckets in both compartments.

    Errors: PreconditionFailed, InvalidArgument, NotImplemented (another name)."""
    given: UpdateBucketDetails = call.body
    bucket, tenancy_id = call.place(), await _tenancy_id(call, call.place())
    if given.name not in (None, call.names["bucketName"]):
        raise NotImplemented("A bucket cannot be renamed.")
    if given.namespace not in (None, call.names["namespaceName"]):
        raise InvalidArgument("A bucket stays in its namespace.", ArgumentName="namespace")
    await _require_to_publish(call, bucket, settings_of(given, bucket.settings))
    compartment = bucket.compartment
    if given.compartment_id is not None:
        compartment = "" if given.compartment_id == tenancy_id else given.compartment_id
        if compartment != bucket.compartment:
            if tenancy_id != call.user.tenancy:
                raise InvalidArgument("A bucket of another tenancy stays in its compartment.", ArgumentName="compartmentId")
            await require_compartment(call, given.compartment_id)
            await call.require(compartment=given.compartment_id, permissions=("BUCKET_CREATE",))
            await call.require(compartment=bucket.compartment, permissions=("BUCKET_CREATE",))

    def changed(now: Bucket) -> Bucket:
        check_conditions(call, now)
        settings, versioning = settings_of(given, now.settings), versioning_of(given.versioning, now.versioning)
        check_change(now, settings, versioning)
        return msgspec.structs.replace(now, settings=settings, versioning=versioning, compartment=compartment)

    bucket = await amend_bucket(call.engine, bucket, changed)
    return document(await _document(call, bucket), 200, _etag(bucket))


async def _require_to_publish(call: Call, bucket: Bucket, settings: dict[str, str]) -> None:
    """To make a bucket public, or more so, is to say who else may: a role to edit, or a block of public access, does not allow it.

    Errors: AccessDenied."""
    wanted = settings.get(PUBLIC_TYPE)
    if wanted is None or wanted == bucket.settings.get(PUBLIC_TYPE):
        return
    await authorize(call.caller, ("s3:PutBucketPublicAccessBlock",), bucket, "", None, call.request, call.operation)
    if blocks_public_acls(bucket) or blocks_public_policy(bucket):
        raise AccessDenied


@operation("DeleteBucket", "DELETE", _BUCKET, conditional=True)
async def delete_bucket(call: Call) -> Response:
    """Removes a bucket without objects, versions, uploads and pre-authenticated requests. Errors: BucketNotEmpty, PreconditionFailed."""
    bucket = call.place()
    check_conditions(call, bucket)
    catalog = call.engine.catalog
    if (await catalog.uploads(bucket.id, limit=1)).uploads:
        raise BucketNotEmpty(f"Bucket named '{bucket.name}' has pending multipart uploads. Stop all multipart uploads first.")
    try:
        committed = await catalog.delete_bucket(bucket.id)
    except HasPars:
        raise BucketNotEmpty(f"Bucket named '{bucket.name}' has pre-authenticated requests. Delete all pre-authenticated requests first.") from None
    except NotEmpty:
        raise BucketNotEmpty from None
    except Gone:
        raise NoSuchBucket from None
    if committed.unneeded:
        await discard(call.engine, committed.unneeded)
    return Response(204, [])


@operation("MakeBucketWritable", "POST", _BUCKET + "/actions/makeBucketWritable")
async def make_bucket_writable(call: Call) -> Response:
    """Ends the replication that makes a bucket read-only. No bucket is one, so that this is done already."""
    return Response(200, [])


def check_conditions(call: Call, bucket: Bucket, *, reading: bool = False) -> None:
    """If-Match and If-None-Match against the bucket's ETag. Errors: PreconditionFailed, NotModified."""
    headers, etag = call.request.headers, bucket_etag(bucket)
    if b"if-match" in headers and not {etag, ANY} & set(entity_tags(call.header(b"if-match"))):
        raise PreconditionFailed("The If-Match header is set but it didn't match the current etag of the bucket", Condition="If-Match")
    if b"if-none-match" in headers and {etag, ANY} & set(entity_tags(call.header(b"if-none-match"))):
        if reading:
            raise NotModified(None, headers=(_etag(bucket),))
        raise PreconditionFailed(Condition="If-None-Match")


def check_change(bucket: Bucket, settings: dict[str, str], versioning: str) -> None:
    """What S3's own settings of the bucket, as it is now, forbid counts here too. Errors: InvalidArgument; AccessDenied (a public access block)."""
    if versioning != bucket.versioning and LOCK in bucket.settings:
        raise InvalidArgument("The bucket has an Object Lock: its versioning stays enabled.", ArgumentName="versioning")
    public = settings.get(PUBLIC_TYPE)
    if public and public != bucket.settings.get(PUBLIC_TYPE) and (blocks_public_acls(bucket) or blocks_public_policy(bucket)):
        raise AccessDenied


async def _tenancy_id(call: Call, bucket: Bucket) -> str:
    """The OCID of the tenancy that a bucket is in, which for once may be another than the caller's."""
    namespace = tenancy_namespace(bucket.namespace)
    if namespace == call.user.namespace:
        return call.user.tenancy
    found = await call.services.directory.tenancies.by_namespace(namespace)
    return found.id if found is not None else ""


async def creator_of(call: Call, bucket: Bucket) -> str:
    """The OCID of who owns a bucket, for one of which nobody wrote down who made it."""
    found = await call.services.directory.users.by_canonical_id(bucket.owner)
    return found.id if found is not None else ""


async def _document(call: Call, bucket: Bucket) -> dict[str, Any]:
    creator = "" if CREATOR in bucket.settings else await creator_of(call, bucket)
    return bucket_document(bucket, await _tenancy_id(call, bucket), creator)


def _etag(bucket: Bucket) -> tuple[bytes, bytes]:
    return b"etag", bucket_etag(bucket).encode("ascii")
