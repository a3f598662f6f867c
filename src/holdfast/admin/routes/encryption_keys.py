"""The keys of the key service, under which data keys of encrypted objects are wrapped. They are the whole store's; their material is never shown."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from holdfast.admin import find, shown
from holdfast.admin.names import Text
from holdfast.admin.route import Call, Found, Input, Listed, Route, Shown
from holdfast.identities.documents import Unknown
from holdfast.identities.key_service import EncryptionKey

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z", description="1 to 128 letters, digits and . _ -")]


class CreateEncryptionKey(Input):
    id: Id
    description: Text = ""


class UpdateEncryptionKey(Input):
    status: Literal["ENABLED", "DISABLED"]


class RotateEncryptionKey(Input):
    """Nothing to say."""


class ShownEncryptionKey(Shown):
    id: str
    description: str
    status: str
    versions: int
    time_created: str | None
    time_rotated: str | None


def _key(key: EncryptionKey) -> ShownEncryptionKey:
    return ShownEncryptionKey(
        id=key.id, description=key.description, status=key.status, versions=len(key.versions), time_created=shown.moment(key.created_ms),
        time_rotated=shown.moment(key.rotated_ms),
    )  # fmt: skip


async def the_encryption_key(call: Call) -> Found:
    id = call.path["encryption-key"]
    try:
        return Found(thing=await call.services.encryption.get(id), compartment=call.tenancy.id)
    except Unknown:
        return Found(compartment=call.tenancy.id, words=f"encryption key {id!r}")


async def list_keys(call: Call) -> list[Listed]:
    return [Listed(target=None, compartment=call.tenancy.id, shown=_key(key)) for key in await call.services.encryption.all()]


async def create_key(call: Call) -> ShownEncryptionKey:
    return _key(await call.services.encryption.create(call.body.id, call.now_ms, call.body.description))


async def get_key(call: Call) -> ShownEncryptionKey:
    return _key(call.target)


async def update_key(call: Call) -> ShownEncryptionKey:
    return _key(await call.services.encryption.set_status(call.target.id, call.body.status))


async def rotate_key(call: Call) -> ShownEncryptionKey:
    return _key(await call.services.encryption.rotate(call.target.id, call.now_ms))


async def delete_key(call: Call) -> shown.Deleted:
    await call.services.encryption.delete(call.target.id)
    return shown.Deleted(deleted=call.target.id)


ROUTES = (
    Route(method="GET", path="/encryption-keys", operation="HoldfastReadStore", says="Lists the keys of the key service", does=list_keys,
          about=find.in_tenancy, shows=list[ShownEncryptionKey], lists=True),
    Route(method="POST", path="/encryption-keys", operation="HoldfastManageStore", says="Makes a key of the key service", does=create_key,
          about=find.in_tenancy, body=CreateEncryptionKey, shows=ShownEncryptionKey, status=201),
    Route(method="GET", path="/encryption-keys/{encryption-key}", operation="HoldfastReadStore", says="Shows a key of the key service",
          does=get_key, about=the_encryption_key, shows=ShownEncryptionKey),
    Route(method="PUT", path="/encryption-keys/{encryption-key}", operation="HoldfastManageStore",
          says="Disables a key (what it encrypted cannot be read) or enables it again", does=update_key, about=the_encryption_key,
          body=UpdateEncryptionKey, shows=ShownEncryptionKey),
    Route(method="POST", path="/encryption-keys/{encryption-key}/rotate", operation="HoldfastManageStore",
          says="Gives a key new material, which encrypts from now on", does=rotate_key, about=the_encryption_key,
          body=RotateEncryptionKey, shows=ShownEncryptionKey),
    Route(method="DELETE", path="/encryption-keys/{encryption-key}", operation="HoldfastManageStore",
          says="Deletes a key: what it encrypted can never be read again", does=delete_key, about=the_encryption_key, shows=shown.Deleted),
)  # fmt: skip
