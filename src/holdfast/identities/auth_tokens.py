"""Auth tokens: passwords that a program sends for a user (OCI's, for Swift). Only their SHA-256 is stored.

Source: OCI IAM, "Working with Auth Tokens".
"""

from __future__ import annotations

import secrets
from hmac import compare_digest

import msgspec

from holdfast.engine.api import AlreadyExists, Registry, Stale
from holdfast.identities.departure import AuthToken
from holdfast.identities.documents import Unknown, under
from holdfast.identities.tokens import digest_of
from holdfast.identities.users import Users
from holdfast.model.identity import ACTIVE
from holdfast.model.ocids import new_ocid

_TOKEN = msgspec.json.Decoder(AuthToken)
_CHARACTERS_MAX = 128


def new_auth_token() -> str:
    """40 URL-safe characters, 240 random bits."""
    return secrets.token_urlsafe(30)


class AuthTokens:
    """The auth tokens of a store."""

    def __init__(self, registry: Registry, users: Users) -> None:
        self._registry = registry
        self._users = users

    async def create(self, user_id: str, description: str, now_ms: int) -> tuple[AuthToken, str]:
        """A new token and its text, which can be had from here only. Errors: Unknown."""
        if await self._users.user(user_id) is None:
            raise Unknown(f"there is no user {user_id!r}")
        text = new_auth_token()
        made = AuthToken(id=new_ocid("credential"), user_id=user_id, digest=digest_of(text), description=description, created_ms=now_ms)
        await self._registry.put("auth-token", f"{user_id}/{made.id}", msgspec.json.encode(made), expect_revision=0)
        return made, text

    async def of_user(self, user_id: str) -> list[AuthToken]:
        """Oldest first."""
        found = [_TOKEN.decode(document.value) async for document in under(self._registry, "auth-token", f"{user_id}/")]
        return sorted(found, key=lambda token: token.created_ms)

    async def get(self, user_id: str, id: str) -> AuthToken | None:
        found = await self._registry.get("auth-token", f"{user_id}/{id}")
        return None if found is None else _TOKEN.decode(found.value)

    async def describe(self, user_id: str, id: str, description: str) -> AuthToken:
        """Errors: Unknown; Stale when it changes at the same time."""
        return await self._change(user_id, id, description=description)

    async def renew(self, user_id: str, id: str) -> tuple[AuthToken, str]:
        """Another text in the place of one that nobody has seen. Errors: Unknown; Stale."""
        text = new_auth_token()
        return await self._change(user_id, id, digest=digest_of(text)), text

    async def delete(self, user_id: str, id: str) -> None:
        """Errors: Unknown."""
        if not await self._registry.delete("auth-token", f"{user_id}/{id}"):
            raise Unknown(f"there is no auth token {id!r} of the user")

    async def verify(self, user_id: str, text: str) -> bool:
        """Whether it is one of an ACTIVE user."""
        user = await self._users.user(user_id)
        if user is None or user.status != ACTIVE or len(text) > _CHARACTERS_MAX:
            return False
        digest = digest_of(text)
        return any(compare_digest(token.digest, digest) for token in await self.of_user(user_id))

    async def _change(self, user_id: str, id: str, **what: str) -> AuthToken:
        found = await self._registry.get("auth-token", f"{user_id}/{id}")
        if found is None:
            raise Unknown(f"there is no auth token {id!r} of the user")
        changed: AuthToken = msgspec.structs.replace(_TOKEN.decode(found.value), **what)
        try:
            await self._registry.put("auth-token", found.name, msgspec.json.encode(changed), expect_revision=found.revision)
        except AlreadyExists:
            raise Stale(f"auth-token/{id}") from None
        return changed
