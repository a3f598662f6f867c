"""Volumes, and the buckets and links in them: what `holdfast sh` and the administration API mean.

Source: Apache Ozone, "Ozone Volume and Bucket" and "S3 Protocol". Every tenancy has the volume s3v, the one that S3 and OCI show; it
cannot be made or deleted. A path is `/volume` or `/volume/bucket`; `o3://...` addresses are not ours.
"""

from __future__ import annotations

import re
from contextlib import suppress

import msgspec

from holdfast.buckets.creation import create_bucket
from holdfast.buckets.links import source_of
from holdfast.engine.api import AlreadyExists, Engine, Gone, NotEmpty
from holdfast.model.buckets import LINK, S3_VOLUME, VERSIONING_OFF, Bucket, Volume, is_bucket_name, namespace_of_volume
from holdfast.model.errors import (
    BucketAlreadyExists,
    BucketNotEmpty,
    InvalidArgument,
    InvalidBucketName,
    NoSuchBucket,
    NoSuchVolume,
    VolumeAlreadyExists,
    VolumeNotEmpty,
)

_KIND = "volume"
_PAGE = 1000
_VOLUME = msgspec.json.Decoder(Volume)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]\Z")


class Path(msgspec.Struct, frozen=True):
    """`/volume/bucket`; `bucket` is "" where only a volume is named."""

    volume: str
    bucket: str = ""

    def __str__(self) -> str:
        return f"/{self.volume}/{self.bucket}" if self.bucket else f"/{self.volume}"


def parse_path(text: str, *, of_bucket: bool) -> Path:
    """A path as it is typed: `/vol1` or `/vol1/bucket1`, the first slash may be left out. Errors: InvalidArgument says which form is wanted."""
    parts = text.strip("/").split("/")
    if len(parts) != (2 if of_bucket else 1) or not all(parts):
        form = "/volume/bucket" if of_bucket else "/volume"
        raise InvalidArgument(f"{text!r} is not the path of a {'bucket' if of_bucket else 'volume'}: it has the form {form}.", ArgumentName="path")
    return Path(*parts)


class Volumes:
    """The volumes of one tenancy's `namespace`. What is asked here has been allowed by the caller of these methods."""

    def __init__(self, engine: Engine, namespace: str) -> None:
        self._engine = engine
        self._namespace = namespace

    async def create(self, name: str, owner: str, now_ms: int) -> Volume:
        """Errors: InvalidArgument (its name), VolumeAlreadyExists."""
        if _NAME.match(name) is None or ".." in name:
            raise InvalidArgument(
                f"{name!r} cannot be a volume's name: 3 to 63 lower-case letters, digits, '.', '_' and '-', with a letter or digit at each end.",
                ArgumentName="volume",
            )
        made = Volume(namespace=self._namespace, name=name, owner=owner, created_ms=now_ms)
        if name == S3_VOLUME:
            raise VolumeAlreadyExists(f"The volume /{S3_VOLUME} is always there.")
        try:
            await self._engine.registry.put(_KIND, self._document(name), msgspec.json.encode(made), expect_revision=0)
        except AlreadyExists:
            raise VolumeAlreadyExists(f"The volume /{name} exists already.") from None
        return made

    async def get(self, name: str) -> Volume:
        """Errors: NoSuchVolume."""
        if name == S3_VOLUME:
            return Volume(namespace=self._namespace, name=name, owner="")
        found = await self._engine.registry.get(_KIND, self._document(name))
        if found is None:
            raise NoSuchVolume(f"There is no volume /{name}.")
        return _VOLUME.decode(found.value)

    async def all(self) -> list[Volume]:
        """In order of name, s3v among them."""
        found = [await self.get(S3_VOLUME)]
        after = self._document("")
        while True:
            page = await self._engine.registry.all(_KIND, after=after, limit=_PAGE)
            found += [_VOLUME.decode(document.value) for document in page if document.name.startswith(self._document(""))]
            if len(page) < _PAGE or not page[-1].name.startswith(self._document("")):
                return sorted(found, key=lambda volume: volume.name)
            after = page[-1].name

    async def delete(self, name: str) -> None:
        """Errors: NoSuchVolume, VolumeNotEmpty (it holds buckets or links), InvalidArgument for s3v."""
        if name == S3_VOLUME:
            raise InvalidArgument(f"The volume /{S3_VOLUME} cannot be deleted.", ArgumentName="volume")
        volume = await self.get(name)
        inside = namespace_of_volume(self._namespace, name)
        if not await self._engine.catalog.buckets(inside, limit=1):
            await self._engine.registry.delete(_KIND, self._document(name))
            if not await self._engine.catalog.buckets(inside, limit=1):
                return
            with suppress(AlreadyExists):  # a bucket was made meanwhile: the volume stays
                await self._engine.registry.put(_KIND, self._document(name), msgspec.json.encode(volume), expect_revision=0)
        raise VolumeNotEmpty(f"The volume /{name} still holds buckets.")

    async def create_bucket(
        self, path: Path, *, owner: str, region: str, now_ms: int, link: Path | None = None, settings: dict[str, str] | None = None,
        compartment: str = "", versioning: str = VERSIONING_OFF,
    ) -> Bucket:  # fmt: skip
        """A bucket with those settings, or with `link` a link to that source. Errors: NoSuchVolume, InvalidBucketName, BucketAlreadyExists (also
        where S3 gives its owner the one that is there); for a link NoSuchBucket (no such source) and InvalidArgument (a link to itself)."""
        await self.get(path.volume)
        if not is_bucket_name(path.bucket):
            raise InvalidBucketName(
                f"{path.bucket!r} cannot be a bucket's name: 3 to 63 lower-case letters, digits, '.' and '-', with a letter or digit at each end.",
                BucketName=path.bucket,
            )
        if await self._engine.catalog.bucket(namespace_of_volume(self._namespace, path.volume), path.bucket) is not None:
            raise BucketAlreadyExists(f"The bucket {path} exists already.", BucketName=path.bucket)
        settings = dict(settings or {})
        if link is not None:
            if link == path:
                raise InvalidArgument("A link cannot lead to itself.", ArgumentName="source")
            await source_of(self._engine, await self.bucket(link))
            settings[LINK] = str(link)[1:]
        bucket = Bucket(
            namespace=namespace_of_volume(self._namespace, path.volume), name=path.bucket, region=region, owner=owner, created_ms=now_ms,
            settings=settings, compartment=compartment, versioning=versioning,
        )  # fmt: skip
        made = await create_bucket(self._engine, bucket)
        try:
            await self.get(path.volume)
        except NoSuchVolume:  # it was deleted meanwhile
            with suppress(Gone, NotEmpty):
                await self._engine.catalog.delete_bucket(made.id)
            raise
        return made

    async def bucket(self, path: Path) -> Bucket:
        """The bucket or link at that path. Errors: NoSuchVolume, NoSuchBucket."""
        await self.get(path.volume)
        found = await self._engine.catalog.bucket(namespace_of_volume(self._namespace, path.volume), path.bucket)
        if found is None:
            raise NoSuchBucket(f"There is no bucket {path}.", BucketName=path.bucket)
        return found

    async def buckets(self, volume: str, *, prefix: str = "", after: str = "", limit: int = _PAGE) -> list[Bucket]:
        """A page of the buckets and links of a volume, in order of name. Errors: NoSuchVolume."""
        await self.get(volume)
        return await self._engine.catalog.buckets(namespace_of_volume(self._namespace, volume), prefix=prefix, after=after, limit=limit)

    async def delete_bucket(self, path: Path) -> None:
        """Removes an empty bucket, or a link (its source stays). Errors: NoSuchVolume, NoSuchBucket, BucketNotEmpty."""
        found = await self.bucket(path)
        try:
            committed = await self._engine.catalog.delete_bucket(found.id)
        except NotEmpty:
            raise BucketNotEmpty(None, BucketName=path.bucket) from None
        except Gone:
            raise NoSuchBucket(f"There is no bucket {path}.", BucketName=path.bucket) from None
        await self._engine.blobs.discard(committed.unneeded)

    def _document(self, name: str) -> str:
        return f"{self._namespace}/{name}"
