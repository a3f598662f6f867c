"""What goes with a user that is deleted: every credential. They are dead already, as they name nobody; this takes them out of the store."""

from __future__ import annotations

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.documents import under
from holdfast.model.identity import ACTIVE, Key, Token, User

_KEY = msgspec.json.Decoder(Key)
_TOKEN = msgspec.json.Decoder(Token)


class SessionDocument(msgspec.Struct, frozen=True):
    """A session as stored, under the SHA-256 of its text."""

    user_id: str
    created_ms: int
    expires_ms: int


class AuthToken(msgspec.Struct, frozen=True, kw_only=True):
    """An auth token as stored."""

    id: str
    user_id: str
    digest: str
    description: str = ""
    status: str = ACTIVE
    created_ms: int = 0


_SESSION = msgspec.json.Decoder(SessionDocument)


async def end_sessions(registry: Registry, user_id: str) -> None:
    """Ends every session of a user."""
    for name in [document.name async for document in under(registry, "session") if _SESSION.decode(document.value).user_id == user_id]:
        await registry.delete("session", name)


async def delete_credentials(registry: Registry, user: User) -> None:
    """Deletes keys, tokens, API keys, sessions, the password and the ids of memberships of a user that is no more."""
    for slot in [slot async for slot in under(registry, "token-slot", f"{user.id}/")]:
        token = await registry.get("token", slot.value.decode())
        if token is not None:
            await registry.delete("token-id", _TOKEN.decode(token.value).id)
            await registry.delete("token", token.name)
        await registry.delete("token-slot", slot.name)
    for kind in ("api-key", "auth-token"):
        for document in [document async for document in under(registry, kind, f"{user.id}/")]:
            await registry.delete(kind, document.name)
    for request in [document.name async for document in under(registry, "enrolment-request") if document.name.endswith("/" + user.id)]:
        await registry.delete("enrolment-request", request)
    for key in [document.name async for document in under(registry, "key") if _KEY.decode(document.value).user_id == user.id]:
        await registry.delete("key", key)
    await registry.delete("password", user.id)
    await end_sessions(registry, user.id)
    for membership in user.memberships:
        await registry.delete("membership", membership.id)
