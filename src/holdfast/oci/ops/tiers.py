"""RestoreObjects and UpdateObjectStorageTier."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Expect, Gone
from holdfast.model.errors import InvalidArgument, NoSuchKey, NoSuchVersion, OperationAborted
from holdfast.model.messages import Response
from holdfast.model.objects import Version
from holdfast.objects.write import commit
from holdfast.oci.object_head import CLASS_OF, TIER_OF, native_version_id, stored_version_id
from holdfast.oci.operation import Call, operation

_ACTIONS = "/n/{namespaceName}/b/{bucketName}/actions"
HOURS_MAX = 240
_TRIES = 4


class RestoreObjectsDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The archived object that shall be readable for so many hours."""

    object_name: str
    hours: int | None = None
    version_id: str | None = None


class UpdateObjectStorageTierDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The tier that an object shall have."""

    object_name: str
    storage_tier: str
    version_id: str | None = None


@operation("RestoreObjects", "POST", _ACTIONS + "/restoreObjects", body=RestoreObjectsDetails, asks=False)
async def restore_objects(call: Call) -> Response:
    """Archived objects are kept like all others and can be read at any time, so that they are restored already.

    Errors: NoSuchKey, InvalidArgument (an object that is not archived, hours outside of 1..240)."""
    given: RestoreObjectsDetails = call.body
    await call.require(bucket=call.place(), key=given.object_name)
    if given.hours is not None and not 1 <= given.hours <= HOURS_MAX:
        raise InvalidArgument(f"hours must be from 1 to {HOURS_MAX}.", ArgumentName="hours")
    version = await _find(call, given.object_name, given.version_id)
    if TIER_OF.get(version.storage_class) != "Archive":
        raise InvalidArgument(f"The object '{given.object_name}' is not archived.", ArgumentName="objectName")
    return Response(202, [])


@operation(
    "UpdateObjectStorageTier", "POST", _ACTIONS + "/updateObjectStorageTier", body=UpdateObjectStorageTierDetails, asks=False
)
async def update_object_storage_tier(call: Call) -> Response:
    """Gives the latest version of an object another tier. Errors: NoSuchKey, InvalidArgument (an older version), OperationAborted."""
    given: UpdateObjectStorageTierDetails = call.body
    bucket = call.place()
    await call.require(bucket=bucket, key=given.object_name)
    wanted = CLASS_OF.get(given.storage_tier)
    if wanted is None:
        raise InvalidArgument(f"storageTier must be one of {', '.join(CLASS_OF)}.", ArgumentName="storageTier")
    for _ in range(_TRIES):
        version = await _find(call, given.object_name, given.version_id)
        if TIER_OF.get(version.storage_class, "Standard") == given.storage_tier:
            return Response(200, [])
        if not version.is_latest:
            raise InvalidArgument("Only the latest version of an object can be given another tier.", ArgumentName="versionId")
        try:
            changed = msgspec.structs.replace(version, storage_class=wanted)
            await commit(call.engine, bucket, changed, Expect(present=True, seq=version.seq, facts=version.facts))
            return Response(200, [])
        except Gone:
            continue
    raise OperationAborted


async def _find(call: Call, key: str, version_id: str | None) -> Version:
    """The version, with its blobs. Errors: NoSuchKey, NoSuchVersion."""
    bucket = call.place()
    found = await call.engine.catalog.version(bucket.id, key, body=True)
    if version_id is not None and (found is None or native_version_id(bucket.id, found) != version_id):
        found = await call.engine.catalog.version(bucket.id, key, stored_version_id(version_id), body=True)
        if found is None:
            raise NoSuchVersion(f"The version '{version_id}' of the object '{key}' was not found in the bucket '{bucket.name}'")
    if found is None or found.is_delete_marker:
        raise NoSuchKey(f"The object '{key}' was not found in the bucket '{bucket.name}'")
    return found
