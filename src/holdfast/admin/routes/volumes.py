"""Volumes, and the buckets and links in them (Apache Ozone, "Volume and Bucket" and "S3 Protocol")."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import Fault, invalid
from holdfast.admin.names import Reference
from holdfast.admin.route import Call, Found, Input, Listed, Route, Shown
from holdfast.buckets.volumes import Path, Volumes, parse_path
from holdfast.model.buckets import LINK, Bucket, Volume, volume_of
from holdfast.model.errors import Refusal
from holdfast.model.identity import User
from holdfast.objects.encryption import SSE_KMS, Wish, default_of

Plain = Annotated[str, Meta(max_length=200)]


class CreateVolume(Input):
    """`owner` is a user or service account who may do everything in it; else the caller."""

    name: Plain
    owner: Reference | None = None


class CreateBucket(Input):
    """`encryption-key`: what is stored without asking for encryption is encrypted under that key of the key service. `owner` is a user or service
    account, else the caller; `compartment` a path or OCID, else the root."""

    name: Plain
    encryption_key: Plain = ""
    owner: Reference | None = None
    compartment: Reference = ""
    versioning: Literal["", "Enabled", "Suspended"] = ""


class CreateLink(Input):
    """`source` is the path of the bucket that it stands for, `/volume/bucket`."""

    name: Plain
    source: Plain


class ShownVolume(Shown):
    name: str
    owner: str
    """The canonical id of its owner; "" for s3v, which is everybody's."""
    time_created: str | None


class ShownBucket(Shown):
    volume: str
    name: str
    owner: str
    source: str | None
    """The path that a link stands for; null for a bucket."""
    compartment_id: str
    versioning: str
    encryption_key: str | None
    time_created: str | None


def _volumes(call: Call) -> Volumes:
    return Volumes(call.services.engine, call.tenancy.namespace)


def _volume(volume: Volume) -> ShownVolume:
    return ShownVolume(name=volume.name, owner=volume.owner, time_created=shown.moment(volume.created_ms))


def _bucket(call: Call, bucket: Bucket) -> ShownBucket:
    wish = default_of(bucket.settings)
    return ShownBucket(
        volume=volume_of(bucket.namespace),
        name=bucket.name,
        owner=bucket.owner,
        source="/" + bucket.settings[LINK] if LINK in bucket.settings else None,
        compartment_id=bucket.compartment or call.tenancy.id,
        versioning=bucket.versioning,
        encryption_key=wish.key_id if wish is not None and wish.algorithm == SSE_KMS else None,
        time_created=shown.moment(bucket.created_ms),
    )


def _path(call: Call) -> Path:
    return Path(call.path["volume"], call.path["bucket"])


async def the_bucket(call: Call) -> Found:
    """The bucket or link itself, not what a link stands for."""
    try:
        bucket = await _volumes(call).bucket(_path(call))
    except Refusal:
        return Found(compartment=call.tenancy.id, words=f"bucket {_path(call)}")
    return Found(thing=bucket, bucket=bucket, compartment=bucket.compartment or call.tenancy.id)


async def the_volume(call: Call) -> Found:
    """What is about everything in a volume."""
    try:
        return Found(thing=await _volumes(call).get(call.path["volume"]), compartment=call.tenancy.id)
    except Refusal:
        return Found(compartment=call.tenancy.id, words=f"volume {call.path['volume']!r}")


async def where_made(call: Call) -> Found:
    """Where a bucket is to be made: in a volume, and in the compartment that the body names."""
    volume = await the_volume(call)
    place = await find.compartment_of(call, call.body.compartment)
    if place is None:
        return Found(compartment=call.tenancy.id, words=f"compartment {call.body.compartment!r}")
    return volume if volume.thing is None else Found(thing=volume.thing, compartment=place.id)


async def list_volumes(call: Call) -> list[Listed]:
    return [Listed(target=None, compartment=call.tenancy.id, shown=_volume(volume)) for volume in await _volumes(call).all()]


async def create_volume(call: Call) -> ShownVolume:
    owner = await _owner(call)
    return _volume(await _volumes(call).create(call.body.name, owner.canonical_id, call.now_ms))


async def _owner(call: Call) -> User:
    """Whom the body names, else the caller. Errors: Fault."""
    if call.body.owner is None:
        return call.user
    found = await find.user_of(call, call.body.owner)
    if found is None:
        raise invalid(f"There is no user {call.body.owner!r}.")
    return found


async def get_volume(call: Call) -> ShownVolume:
    return _volume(await _volumes(call).get(call.path["volume"]))


async def delete_volume(call: Call) -> shown.Deleted:
    await _volumes(call).delete(call.path["volume"])
    return shown.Deleted(deleted="/" + call.path["volume"])


async def list_buckets(call: Call) -> list[Listed]:
    found: list[Listed] = []
    after = ""
    while page := await _volumes(call).buckets(call.path["volume"], after=after):
        found += [Listed(target=None, compartment=bucket.compartment or call.tenancy.id, shown=_bucket(call, bucket)) for bucket in page]
        after = page[-1].name
    return found


async def create_bucket(call: Call) -> ShownBucket:
    settings: dict[str, str] = {}
    body: CreateBucket = call.body
    if body.encryption_key:
        settings = Wish(SSE_KMS, key_id=await call.services.encryption.resolve(body.encryption_key)).as_setting()
    owner = await _owner(call)
    await giving.require_identity(call, owner, f"a bucket to {owner.name!r}")
    made = await _volumes(call).create_bucket(
        Path(call.path["volume"], body.name), owner=owner.canonical_id, region=call.services.region, now_ms=call.now_ms, settings=settings,
        compartment=call.found.compartment if body.compartment else "", versioning=body.versioning,
    )  # fmt: skip
    return _bucket(call, made)


async def create_link(call: Call) -> ShownBucket:
    body: CreateLink = call.body
    source = parse_path(body.source, of_bucket=True)
    made = await _volumes(call).create_bucket(
        Path(call.path["volume"], body.name), owner=call.user.canonical_id, region=call.services.region, now_ms=call.now_ms, link=source
    )
    return _bucket(call, made)


async def get_bucket(call: Call) -> ShownBucket:
    return _bucket(call, call.target)


async def delete_bucket(call: Call) -> shown.Deleted:
    bucket: Bucket = call.target
    if bucket.name != call.path["bucket"]:
        raise Fault(409, "Conflict", "It is being changed by somebody else; try again.")
    await _volumes(call).delete_bucket(_path(call))
    return shown.Deleted(deleted=str(_path(call)))


ROUTES = (
    Route(method="GET", path="/volumes", operation="HoldfastListVolumes", says="Lists volumes", does=list_volumes, about=find.in_tenancy,
          shows=list[ShownVolume], lists=True),
    Route(method="POST", path="/volumes", operation="HoldfastCreateVolume", says="Makes a volume", does=create_volume, about=find.in_tenancy,
          body=CreateVolume, shows=ShownVolume, status=201),
    Route(method="GET", path="/volumes/{volume}", operation="HoldfastGetVolume", says="Shows a volume", does=get_volume, about=the_volume,
          shows=ShownVolume),
    Route(method="DELETE", path="/volumes/{volume}", operation="HoldfastDeleteVolume", says="Deletes an empty volume", does=delete_volume,
          about=the_volume, shows=shown.Deleted),
    Route(method="GET", path="/volumes/{volume}/buckets", operation="ListBuckets", says="Lists the buckets and links of a volume",
          does=list_buckets, about=the_volume, shows=list[ShownBucket], lists=True),
    Route(method="POST", path="/volumes/{volume}/buckets", operation="CreateBucket", says="Makes a bucket in a volume", does=create_bucket,
          about=where_made, body=CreateBucket, shows=ShownBucket, status=201),
    Route(method="POST", path="/volumes/{volume}/links", operation="HoldfastCreateLink",
          says="Makes a link to a bucket: it has that bucket's data and rights", does=create_link, about=the_volume, body=CreateLink,
          shows=ShownBucket, status=201),
    Route(method="GET", path="/volumes/{volume}/buckets/{bucket}", operation="GetBucket", says="Shows a bucket or link", does=get_bucket,
          about=the_bucket, shows=ShownBucket),
    Route(method="DELETE", path="/volumes/{volume}/buckets/{bucket}", operation="DeleteBucket",
          says="Deletes an empty bucket, or a link, whose source stays", does=delete_bucket, about=the_bucket, shows=shown.Deleted),
)  # fmt: skip
