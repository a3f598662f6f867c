"""Buckets as OCI writes them: the documents that create and change one, and those that say what one is.

Source: OCI API, CreateBucketDetails, UpdateBucketDetails, Bucket and BucketSummary.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

import msgspec

from holdfast.model.buckets import VERSIONING_ENABLED, VERSIONING_OFF, Bucket, tenancy_namespace
from holdfast.model.errors import InvalidArgument, InvalidBucketName, NotImplemented
from holdfast.model.ocids import bucket_ocid
from holdfast.model.public_access import PUBLIC_TYPE, PUBLIC_TYPES
from holdfast.oci.object_facts import BUCKET_TIER
from holdfast.wire.values import iso_date_ms

NO_PUBLIC_ACCESS = "NoPublicAccess"
TAGS, DEFINED_TAGS, METADATA, EVENTS, CREATOR = "tagging", "definedTags", "ociMetadata", "objectEvents", "createdBy"
"""Settings of a bucket. Freeform tags are S3's bucket tags; the others are OCI's alone."""
METADATA_BYTES_MAX = 4096

_NAME = re.compile(r"[A-Za-z0-9._-]{1,256}\Z")
_DOCUMENT_BYTES_MAX = 64 * 1024
DefinedTags = dict[str, dict[str, str | int | float | bool | None]]


class CreateBucketDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a new bucket shall be."""

    name: str
    compartment_id: str
    metadata: dict[str, str] | None = None
    public_access_type: str | None = None
    storage_tier: str | None = None
    object_events_enabled: bool | None = None
    freeform_tags: dict[str, str] | None = None
    defined_tags: DefinedTags | None = None
    kms_key_id: str | None = None
    is_bucket_key_enabled: bool | None = None
    versioning: str | None = None
    auto_tiering: str | None = None
    bucket_scope: str | None = None


class UpdateBucketDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What of a bucket shall change; what is left out stays."""

    namespace: str | None = None
    compartment_id: str | None = None
    name: str | None = None
    metadata: dict[str, str] | None = None
    public_access_type: str | None = None
    object_events_enabled: bool | None = None
    freeform_tags: dict[str, str] | None = None
    defined_tags: DefinedTags | None = None
    kms_key_id: str | None = None
    is_bucket_key_enabled: bool | None = None
    versioning: str | None = None
    auto_tiering: str | None = None
    bucket_scope: str | None = None


def check_bucket_name(name: str) -> None:
    """OCI allows more names than S3. Errors: InvalidBucketName."""
    if _NAME.match(name) is None:
        raise InvalidBucketName("A bucket's name has 1 to 256 letters, digits, periods, hyphens and underscores.", BucketName=name)


def settings_of(given: CreateBucketDetails | UpdateBucketDetails, before: dict[str, str]) -> dict[str, str]:
    """The bucket's settings with what the document says of them. Errors: InvalidArgument, NotImplemented."""
    _refuse_unbuilt(given)
    settings = dict(before)
    if given.public_access_type is not None:
        if given.public_access_type in PUBLIC_TYPES:
            settings[PUBLIC_TYPE] = given.public_access_type
        elif given.public_access_type == NO_PUBLIC_ACCESS:
            settings.pop(PUBLIC_TYPE, None)
        else:
            raise InvalidArgument(f"publicAccessType must be one of {NO_PUBLIC_ACCESS}, {', '.join(PUBLIC_TYPES)}.", ArgumentName="publicAccessType")
    if given.object_events_enabled is not None:
        _put(settings, EVENTS, "true" if given.object_events_enabled else "")
    if given.metadata is not None:
        metadata = given.metadata
        if isinstance(given, UpdateBucketDetails):  # keys are added and replaced, as OCI says of UpdateBucketDetails
            metadata = {**read_texts(before, METADATA), **metadata}
        if sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items()) > METADATA_BYTES_MAX:
            raise InvalidArgument(f"The metadata of a bucket has at most {METADATA_BYTES_MAX} bytes.", ArgumentName="metadata")
        _put(settings, METADATA, _json(metadata))
    if given.freeform_tags is not None:
        _put(settings, TAGS, _json(given.freeform_tags))
    if given.defined_tags is not None:
        _put(settings, DEFINED_TAGS, _json(given.defined_tags))
    return settings


def versioning_of(asked: str | None, now: str) -> str:
    """The state that a document asks for. Errors: InvalidArgument: versioning that was on is suspended, never disabled."""
    if asked is None:
        return now
    if asked == "Disabled" and now == VERSIONING_OFF:
        return now
    if asked == "Suspended" and now == VERSIONING_OFF:
        raise InvalidArgument("Versioning cannot be suspended before it was enabled.", ArgumentName="versioning")
    if asked not in (VERSIONING_ENABLED, "Suspended"):
        raise InvalidArgument("versioning must be Enabled or Suspended.", ArgumentName="versioning")
    return asked


def bucket_etag(bucket: Bucket) -> str:
    """A UUID of the bucket's revision."""
    digits = blake2b(f"{bucket.id}\0{bucket.revision}".encode(), digest_size=16, person=b"bucket-etag").hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def bucket_document(bucket: Bucket, tenancy_id: str, creator: str) -> dict[str, Any]:
    """Bucket, without counts."""
    settings = bucket.settings
    return {
        **summary(bucket, tenancy_id, creator, tags=True),
        "metadata": read_texts(settings, METADATA),
        "publicAccessType": settings.get(PUBLIC_TYPE, NO_PUBLIC_ACCESS),
        "storageTier": settings.get(BUCKET_TIER, "Standard"),
        "objectEventsEnabled": settings.get(EVENTS) == "true",
        "kmsKeyId": None,
        "isBucketKeyEnabled": None,
        "objectLifecyclePolicyEtag": None,
        "approximateCount": None,
        "approximateSize": None,
        "replicationEnabled": False,
        "isReadOnly": False,
        "id": bucket_ocid(bucket.region, tenancy_namespace(bucket.namespace), bucket.id),
        "versioning": bucket.versioning or "Disabled",
        "autoTiering": None,
    }


def summary(bucket: Bucket, tenancy_id: str, creator: str, *, tags: bool) -> dict[str, Any]:
    """BucketSummary."""
    settings = bucket.settings
    return {
        "namespace": tenancy_namespace(bucket.namespace),
        "name": bucket.name,
        "compartmentId": bucket.compartment or tenancy_id,
        "createdBy": settings.get(CREATOR) or creator,
        "timeCreated": iso_date_ms(bucket.created_ms),
        "etag": bucket_etag(bucket),
        "freeformTags": read_texts(settings, TAGS) if tags else None,
        "definedTags": msgspec.json.decode(settings.get(DEFINED_TAGS, "{}")) if tags else None,
        "bucketScope": "NAMESPACE",
    }


def read_texts(settings: dict[str, str], name: str) -> dict[str, str]:
    """A setting that is a map of texts."""
    return msgspec.json.decode(settings.get(name) or "{}", type=dict[str, str])


def _refuse_unbuilt(given: CreateBucketDetails | UpdateBucketDetails) -> None:
    """What would be a promise that nothing keeps. Errors: NotImplemented, InvalidArgument."""
    if given.kms_key_id or given.is_bucket_key_enabled:
        raise NotImplemented("Keys of a key management service are not implemented: kmsKeyId and isBucketKeyEnabled cannot be set.")
    if given.auto_tiering not in (None, "Disabled"):
        raise NotImplemented("Automatic tiering is not implemented: autoTiering can only be Disabled.")
    if given.bucket_scope not in (None, "NAMESPACE"):
        raise NotImplemented("Names of buckets are unique in their namespace: bucketScope can only be NAMESPACE.")


def _put(settings: dict[str, str], name: str, text: str) -> None:
    if text and text != "{}":
        settings[name] = text
    else:
        settings.pop(name, None)


def _json(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    if len(text) > _DOCUMENT_BYTES_MAX:
        raise InvalidArgument("The tags of a bucket are too large.")
    return text
