"""Access keys: pairs of an id and a secret that sign S3 requests. The secret is sealed, because signatures are computed again from it."""

from __future__ import annotations

import secrets
from base64 import b64encode

import msgspec

from holdfast.engine.api import AlreadyExists, Registry, Stale
from holdfast.identities.documents import Taken, Unknown, under
from holdfast.identities.master import MasterKey
from holdfast.identities.users import Users
from holdfast.model.identity import ACTIVE, INACTIVE, Credential, Key, looks_like_token

_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_KEY = msgspec.json.Decoder(Key)
_TRIES = 8


def new_access_key() -> str:
    """20 upper-case characters, 100 random bits, as AWS's look."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(20))


def new_secret() -> str:
    """40 characters with "+" and "/" among them, 240 random bits."""
    return b64encode(secrets.token_bytes(30)).decode()


class AccessKeys:
    """The access keys of a store."""

    def __init__(self, registry: Registry, master: MasterKey, users: Users) -> None:
        self._registry = registry
        self._master = master
        self._users = users

    async def create(
        self,
        user_id: str,
        now_ms: int,
        access_key: str = "",
        secret: str = "",
        display_name: str = "",
        kind: str = "static",
        expires_ms: int = 0,
    ) -> Credential:
        """A new key, ACTIVE; what is not given is made. Its secret can be had from the answer only.

        Errors: Unknown; Taken, also for an access key that would be taken for a token.
        """
        user = await self._users.user(user_id)
        if user is None:
            raise Unknown(f"there is no user {user_id!r}")
        access_key = access_key or new_access_key()
        secret = secret or new_secret()
        if looks_like_token(access_key):
            raise Taken("the access key has the form of an access token")
        key = Key(
            access_key=access_key,
            user_id=user_id,
            sealed_secret=self._seal(access_key, secret),
            created_ms=now_ms,
            expires_ms=expires_ms,
            kind=kind,
            display_name=display_name,
        )
        found = await self._registry.get("key", access_key)
        if found is not None and await self._users.user(_KEY.decode(found.value).user_id) is not None:
            raise Taken(f"the access key {access_key!r} is in use")
        try:  # one that its deleted user left behind is free
            await self._registry.put("key", access_key, msgspec.json.encode(key), expect_revision=0 if found is None else found.revision)
        except (AlreadyExists, Stale):
            raise Taken(f"the access key {access_key!r} is in use") from None
        return Credential(access_key=access_key, secret=secret, user=user, expires_ms=expires_ms)

    async def get(self, access_key: str) -> Key | None:
        found = await self._registry.get("key", access_key)
        return None if found is None else _KEY.decode(found.value)

    async def of_user(self, user_id: str) -> list[Key]:
        """Oldest first."""
        keys = [key async for document in under(self._registry, "key") if (key := _KEY.decode(document.value)).user_id == user_id]
        return sorted(keys, key=lambda key: key.created_ms)

    async def set_status(self, access_key: str, status: str) -> Key:
        """ACTIVE or INACTIVE. Errors: Unknown."""
        return await self._change(access_key, {"status": status})

    async def set_secret(self, access_key: str, secret: str) -> Key:
        """Errors: Unknown."""
        return await self._change(access_key, {"sealed_secret": self._seal(access_key, secret)})

    async def rename(self, access_key: str, display_name: str) -> Key:
        """Errors: Unknown."""
        return await self._change(access_key, {"display_name": display_name})

    async def change(self, access_key: str, *, status: str, expires_ms: int, display_name: str) -> Key:
        """All three at once; `expires_ms` 0 is never. Errors: Unknown."""
        return await self._change(access_key, {"status": status, "expires_ms": expires_ms, "display_name": display_name})

    async def delete(self, access_key: str) -> None:
        """Errors: Unknown."""
        if not await self._registry.delete("key", access_key):
            raise Unknown(f"there is no access key {access_key!r}")

    async def rotate(self, access_key: str, overlap_ms: int, now_ms: int) -> Credential:
        """A new key in the place of an active one, which expires after the overlap (at once for 0), or earlier if it was to.

        Errors: Unknown, also for a key that is not active.
        """
        old = await self.get(access_key)
        if old is None or old.status != ACTIVE or (old.expires_ms and old.expires_ms <= now_ms):
            raise Unknown(f"there is no active access key {access_key!r}")
        made = await self.create(old.user_id, now_ms, display_name=old.display_name, kind="static")
        ends_ms = now_ms + max(0, overlap_ms)
        await self._change(access_key, {"expires_ms": min(ends_ms, old.expires_ms or ends_ms)})
        return made

    async def credential(self, access_key: str) -> Credential | None:
        """A key ready to verify with, INACTIVE with its user; None where it or its user is not there. Errors: MasterKeyError."""
        key = await self.get(access_key)
        user = None if key is None else await self._users.user(key.user_id)
        if key is None or user is None:
            return None
        secret = self._master.open("key", access_key, key.sealed_secret).decode()
        status = key.status if user.status == ACTIVE else INACTIVE
        return Credential(access_key=access_key, secret=secret, user=user, status=status, expires_ms=key.expires_ms)

    def _seal(self, access_key: str, secret: str) -> bytes:
        return self._master.seal("key", access_key, secret.encode())

    async def _change(self, access_key: str, what: dict[str, object]) -> Key:
        for _ in range(_TRIES):
            found = await self._registry.get("key", access_key)
            if found is None:
                raise Unknown(f"there is no access key {access_key!r}")
            changed: Key = msgspec.structs.replace(_KEY.decode(found.value), **what)
            try:
                await self._registry.put("key", access_key, msgspec.json.encode(changed), expect_revision=found.revision)
            except (AlreadyExists, Stale):
                continue
            return changed
        raise Stale(f"key/{access_key}")


async def secrets_exist(registry: Registry) -> bool:
    """Whether the store holds anything sealed under a master key."""
    return bool(await registry.all("key", limit=1))
