"""What goes with a user that is deleted: every credential. They are dead already, as they name nobody; this takes them out of the store."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.documents import under
from holdfast.model.identity import Key, User

_KEY = msgspec.json.Decoder(Key)


async def delete_credentials(registry: Registry, user: User) -> None:
    """Deletes keys, tokens, API keys, the password and the ids of memberships of a user that is no more."""
    for slot in [slot async for slot in under(registry, "token-slot", f"{user.id}/")]:
        await registry.delete("token", slot.value.decode())
        await registry.delete("token-slot", slot.name)
    for document in [document async for document in under(registry, "api-key", f"{user.id}/")]:
        await registry.delete("api-key", document.name)
    for key in [document.name async for document in under(registry, "key") if _KEY.decode(document.value).user_id == user.id]:
        await registry.delete("key", key)
    await registry.delete("password", user.id)
    for membership in user.memberships:
        await registry.delete("membership", membership.id)
