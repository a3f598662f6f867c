"""Access tokens: bearer secrets that are used as access keys, one for each user and organisation. Only their SHA-256 is stored.

A token counts as long as the slot of its user and organisation names it: a new one ends the old one in the same step.
"""

from __future__ import annotations

import secrets
from hashlib import sha256

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.documents import Unknown, under
from holdfast.identities.users import Users
from holdfast.model.identity import ACTIVE, INACTIVE, TOKEN_PREFIX, Credential, Token, User
from holdfast.model.ocids import new_ocid

_TOKEN = msgspec.json.Decoder(Token)
_CHARACTERS_MAX = 128


def new_token() -> str:
    """The prefix and 43 URL-safe characters, 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def digest_of(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Tokens:
    """The access tokens of a store."""

    def __init__(self, registry: Registry, users: Users) -> None:
        self._registry = registry
        self._users = users

    async def create(self, user_id: str, organisation_id: str, now_ms: int, expires_ms: int = 0, text: str = "") -> tuple[Token, str]:
        """A new token and its text, which can be had from here only; an older one of the same user and organisation ends.

        `organisation_id` is "" for the user as such. Errors: Unknown, also for a user who is not in the organisation.
        """
        user = await self._users.user(user_id)
        if user is None:
            raise Unknown(f"there is no user {user_id!r}")
        if identity_in(user, organisation_id) is None:
            raise Unknown(f"the user {user.name!r} is not in the organisation")
        text = text or new_token()
        token = Token(
            digest=digest_of(text),
            id=new_ocid("credential"),
            user_id=user_id,
            organisation=organisation_id,
            created_ms=now_ms,
            expires_ms=expires_ms,
        )
        slot = f"{user_id}/{organisation_id}"
        before = await self._registry.get("token-slot", slot)
        await self._registry.put("token-id", token.id, token.digest.encode())
        await self._registry.put("token", token.digest, msgspec.json.encode(token))
        await self._registry.put("token-slot", slot, token.digest.encode())
        if before is not None and before.value.decode() != token.digest:
            await self._forget(before.value.decode())
        return token, text

    async def of_user(self, user_id: str) -> list[Token]:
        found = [await self._get(slot.value.decode()) async for slot in under(self._registry, "token-slot", f"{user_id}/")]
        return sorted((token for token in found if token is not None), key=lambda token: token.created_ms)

    async def revoke(self, id: str) -> None:
        """Errors: Unknown."""
        found = await self._registry.get("token-id", id)
        if found is None or not await self._forget(found.value.decode()):
            raise Unknown(f"there is no token {id!r}")

    async def find(self, text: str) -> Token | None:
        """The token of that text, as long as it is there."""
        return await self._get(digest_of(text))

    async def credential(self, text: str) -> Credential | None:
        """A token ready to be believed, INACTIVE with its user; None where it, its user or its enrolment is not there."""
        if len(text) > _CHARACTERS_MAX:
            return None
        return await self._credential(digest_of(text))

    async def credential_of(self, id: str) -> Credential | None:
        """The same by the token's id, for what has no request to believe: to say who came with it."""
        found = await self._registry.get("token-id", id)
        return None if found is None else await self._credential(found.value.decode())

    async def _credential(self, digest: str) -> Credential | None:
        token = await self._get(digest)
        user = None if token is None else await self._users.user(token.user_id)
        if token is None or user is None:
            return None
        identity = identity_in(user, token.organisation)
        if identity is None:
            return None
        status = token.status if user.status == ACTIVE else INACTIVE
        return Credential(access_key=f"token:{token.id}", secret="", user=identity, status=status, expires_ms=token.expires_ms, bearer=True)

    async def _get(self, digest: str) -> Token | None:
        """A token that its slot still names."""
        found = await self._registry.get("token", digest)
        if found is None:
            return None
        token = _TOKEN.decode(found.value)
        slot = await self._registry.get("token-slot", f"{token.user_id}/{token.organisation}")
        return token if slot is not None and slot.value.decode() == digest else None

    async def _forget(self, digest: str) -> bool:
        found = await self._registry.get("token", digest)
        if found is None or not await self._registry.delete("token", digest):
            return False
        await self._registry.delete("token-id", _TOKEN.decode(found.value).id)
        return True


def identity_in(user: User, organisation_id: str) -> User | None:
    """The user as the S3 identity that it is in an organisation, with its own buckets beside what it is granted; None where it is not in it.
    "" is the user as such."""
    if not organisation_id:
        return user
    for enrolment in user.enrolments:
        if enrolment.organisation == organisation_id:
            return msgspec.structs.replace(
                user, canonical_id=enrolment.canonical_id, display_name=enrolment.display_name, rights="own-buckets"
            )
    return None
