"""API keys: the public halves of RSA keys that sign OCI requests."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from holdfast.admin import find, giving, shown
from holdfast.admin.faults import invalid
from holdfast.admin.route import Call, Found, Input, Route
from holdfast.model.identity import User


class UploadApiKey(Input):
    key: Annotated[str, Meta(max_length=16384, description="A public RSA key of 2048 bits or more, in PEM")]


async def the_api_key(call: Call) -> Found:
    found = await find.the_principal(call)
    user, fingerprint = found.target, call.path["fingerprint"]
    if not isinstance(user, User):
        return found
    key = next((key for key in await call.directory.api_keys.of_user(user.id) if key.fingerprint == fingerprint), None)
    return msgspec.structs.replace(found, thing=key, target=user if key else None, words=f"API key {fingerprint!r} of the user")


async def list_api_keys(call: Call) -> list[shown.ApiKey]:
    user: User = call.target
    return [shown.api_key(key, user) for key in await call.directory.api_keys.of_user(user.id)]


async def upload_api_key(call: Call) -> shown.ApiKey:
    user: User = call.target
    await giving.require_identity(call, user, f"an API key of {user.name!r}")
    try:
        return shown.api_key(await call.directory.api_keys.add(user.id, call.body.key, call.now_ms), user)
    except ValueError as error:
        raise invalid(f"key: {error}.") from None


async def delete_api_key(call: Call) -> shown.Deleted:
    await call.directory.api_keys.delete(call.target.user_id, call.target.fingerprint)
    return shown.Deleted(deleted=call.target.fingerprint)


ROUTES = (
    Route(method="GET", path="/users/{user}/api-keys", operation="ListApiKeys", of_robot="HoldfastListServiceAccountKeys",
          says="Lists the API keys of a user", does=list_api_keys, about=find.the_principal, shows=list[shown.ApiKey]),
    Route(method="POST", path="/users/{user}/api-keys", operation="UploadApiKey", of_robot="HoldfastCreateServiceAccountKey",
          says="Takes the public half of an RSA key", does=upload_api_key, about=find.the_principal, body=UploadApiKey, shows=shown.ApiKey,
          status=201),
    Route(method="DELETE", path="/users/{user}/api-keys/{fingerprint}", operation="DeleteApiKey", of_robot="HoldfastDeleteServiceAccountKey",
          says="Deletes an API key", does=delete_api_key, about=the_api_key, shows=shown.Deleted),
)  # fmt: skip
