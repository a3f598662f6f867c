"""Static keys (customer secret keys): a key id and a secret that sign requests. The secret is in the answer that made it, and nowhere else."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import conflict
from holdfast.admin.names import AccessKey, Moment, Secret, Text, expiry_ms
from holdfast.admin.route import Call, Found, Input, Route
from holdfast.model.identity import Key, User


class CreateKey(Input):
    """`id` and `key` fix what is else made."""

    display_name: Text = ""
    id: AccessKey | None = None
    key: Secret | None = None
    expires: Moment | None = None

    def __repr__(self) -> str:
        """Without the secret: what is printed ends up in logs."""
        return f"CreateKey(id={self.id!r})"


class UpdateKey(Input):
    display_name: Text | None = None
    status: Literal["ACTIVE", "INACTIVE"] | None = None


class RotateKey(Input):
    overlap_s: Annotated[int, Meta(ge=0, le=366 * 86400)] = 0


async def the_key(call: Call) -> Found:
    """The decision looks at whose it is."""
    id = call.path["key"]
    key = await call.directory.keys.get(id)
    user = None if key is None else await call.directory.users.user(key.user_id)
    if key is None or user is None or user.tenancy != call.tenancy.id:
        return Found(compartment=call.tenancy.id, words=f"key {id!r}")
    return Found(target=user, thing=key, compartment=user.compartment or call.tenancy.id)


async def list_keys(call: Call) -> list[shown.Key]:
    return [shown.key(key, call.now_ms) for key in await call.directory.keys.of_user(call.target.id)]


async def create_key(call: Call) -> shown.NewKey:
    body: CreateKey = call.body
    user: User = call.target
    await giving.require_identity(call, user, f"a key of {user.name!r}")
    if body.id:
        await _refuse_name(call, body.id, user)
    made = await call.directory.keys.create(
        user.id,
        call.now_ms,
        access_key=body.id or "",
        secret=body.key or "",
        display_name=body.display_name,
        expires_ms=expiry_ms(body.expires, call.now_ms),
    )
    return shown.new_key(made, await _stored(call, made.access_key))


async def _refuse_name(call: Call, access_key: str, user: User) -> None:
    """A name is the access key of `getsecret`: nobody takes that of somebody else. Errors: Fault (409)."""
    for tenancy in await call.directory.tenancies.all():
        found = await call.directory.users.by_name(access_key, tenancy.id)
        if found is not None and found.id != user.id:
            raise conflict(f"The access key {access_key!r} is kept for the user of that name.")


async def get_key(call: Call) -> shown.Key:
    return shown.key(call.target, call.now_ms)


async def update_key(call: Call) -> shown.Key:
    body: UpdateKey = call.body
    key: Key = call.target
    if body.display_name is not None:
        key = await call.directory.keys.rename(key.access_key, body.display_name)
    if body.status is not None:
        key = await call.directory.keys.set_status(key.access_key, body.status)
    return shown.key(key, call.now_ms)


async def rotate_key(call: Call) -> shown.NewKey:
    user = call.found.target
    assert isinstance(user, User)
    await giving.require_identity(call, user, f"a key of {user.name!r}")
    made = await call.directory.keys.rotate(call.target.access_key, call.body.overlap_s * 1000, call.now_ms)
    return shown.new_key(made, await _stored(call, made.access_key))


async def delete_key(call: Call) -> shown.Deleted:
    await call.directory.keys.delete(call.target.access_key)
    return shown.Deleted(deleted=call.target.access_key)


async def _stored(call: Call, access_key: str) -> Key:
    stored = await call.directory.keys.get(access_key)
    assert stored is not None
    return stored


ROUTES = (
    Route(method="GET", path="/users/{user}/keys", operation="ListCustomerSecretKeys", of_robot="HoldfastListServiceAccountKeys",
          says="Lists the keys of a user or service account, without secrets", does=list_keys, about=find.the_principal, shows=list[shown.Key]),
    Route(method="POST", path="/users/{user}/keys", operation="CreateCustomerSecretKey", of_robot="HoldfastCreateServiceAccountKey",
          says="Makes a key of a user or service account; its secret is shown only here", does=create_key, about=find.the_principal,
          body=CreateKey, shows=shown.NewKey, status=201, secret=True),
    Route(method="GET", path="/keys/{key}", operation="ListCustomerSecretKeys", of_robot="HoldfastListServiceAccountKeys",
          says="Shows a key, without its secret", does=get_key, about=the_key, shows=shown.Key),
    Route(method="PUT", path="/keys/{key}", operation="UpdateCustomerSecretKey", of_robot="HoldfastUpdateServiceAccountKey",
          says="Renames a key, switches it off or on", does=update_key, about=the_key, body=UpdateKey, shows=shown.Key),
    Route(method="POST", path="/keys/{key}/rotate", operation="HoldfastRotateKey", of_robot="HoldfastRotateServiceAccountKey",
          says="Makes a new key in the place of one, which ends after the overlap", does=rotate_key, about=the_key, body=RotateKey,
          shows=shown.NewKey, status=201, secret=True),
    Route(method="DELETE", path="/keys/{key}", operation="DeleteCustomerSecretKey", of_robot="HoldfastDeleteServiceAccountKey",
          says="Deletes a key: it is refused at once", does=delete_key, about=the_key, shows=shown.Deleted),
)  # fmt: skip
