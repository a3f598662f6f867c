"""Users and their access keys as documents of the registry.

A user is one document; its name, canonical id and e-mail each have a small document that leads to it. One that leads to no
user (left by a crash between two steps) counts as free.
"""

from __future__ import annotations

import secrets
from base64 import b64encode

import msgspec

from holdfast.engine.api import AlreadyExists, Registry, Stale
from holdfast.identities.master import MasterKey
from holdfast.model.identity import Credential, Key, User

_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_USER = msgspec.json.Decoder(User)
_KEY = msgspec.json.Decoder(Key)


class Taken(Exception):
    """A name, canonical id, e-mail or access key that must be unique is in use."""


class Unknown(Exception):
    """There is no such user or key."""


def new_access_key() -> str:
    """20 upper-case characters, 100 random bits, as AWS's look."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(20))


def new_secret() -> str:
    """40 characters with "+" and "/" among them, 240 random bits."""
    return b64encode(secrets.token_bytes(30)).decode()


def new_canonical_id() -> str:
    """64 hexadecimal digits, as S3's canonical user ids."""
    return secrets.token_hex(32)


class Users:
    """The users and keys of a store."""

    def __init__(self, registry: Registry, master: MasterKey) -> None:
        self._registry = registry
        self._master = master

    async def create_user(self, user: User) -> User:
        """Stores a new user. Errors: Taken names what is in use."""
        if await self.user(user.id) is not None:
            raise Taken(f"the user id {user.id!r} is in use")
        await self._claim(user)
        await self._registry.put("user", user.id, msgspec.json.encode(user))
        return user

    async def change_user(self, user: User) -> User:
        """Replaces a user, found by its id. Errors: Unknown, Taken."""
        before = await self.user(user.id)
        if before is None:
            raise Unknown(f"there is no user {user.id!r}")
        await self._claim(user)
        await self._registry.put("user", user.id, msgspec.json.encode(user))
        after = dict(_leads(user))
        for kind, name in _leads(before):
            if after.get(kind) != name:
                await self._registry.delete(kind, name)
        return user

    async def user(self, id: str) -> User | None:
        found = await self._registry.get("user", id)
        return None if found is None else _USER.decode(found.value)

    async def by_name(self, name: str) -> User | None:
        return await self._lead("name", name)

    async def by_canonical_id(self, canonical_id: str) -> User | None:
        return await self._lead("canonical", canonical_id)

    async def by_email(self, email: str) -> User | None:
        """E-mail addresses are compared in lower case."""
        return await self._lead("email", email.lower())

    async def create_key(self, user_id: str, now_ms: int, *, access_key: str = "", secret: str = "") -> Credential:
        """A new key, ACTIVE; what is not given is made. Its secret can be had from the answer only. Errors: Unknown, Taken."""
        user = await self.user(user_id)
        if user is None:
            raise Unknown(f"there is no user {user_id!r}")
        access_key = access_key or new_access_key()
        secret = secret or new_secret()
        key = Key(access_key=access_key, user_id=user_id, sealed_secret=self._master.seal("key", access_key, secret.encode()), created_ms=now_ms)
        try:
            await self._registry.put("key", access_key, msgspec.json.encode(key), expect_revision=0)
        except (AlreadyExists, Stale):
            raise Taken(f"the access key {access_key!r} is in use") from None
        return Credential(access_key=access_key, secret=secret, user=user)

    async def key(self, access_key: str) -> Key | None:
        found = await self._registry.get("key", access_key)
        return None if found is None else _KEY.decode(found.value)

    async def change_key(self, access_key: str, *, secret: str = "", status: str = "", user_id: str = "") -> None:
        """Gives a key another secret, status or user. Errors: Unknown; Stale when it changes at the same time."""
        found = await self._registry.get("key", access_key)
        if found is None:
            raise Unknown(f"there is no access key {access_key!r}")
        key = _KEY.decode(found.value)
        changed = msgspec.structs.replace(
            key,
            sealed_secret=self._master.seal("key", access_key, secret.encode()) if secret else key.sealed_secret,
            status=status or key.status,
            user_id=user_id or key.user_id,
        )
        await self._registry.put("key", access_key, msgspec.json.encode(changed), expect_revision=found.revision)

    async def delete_key(self, access_key: str) -> bool:
        return await self._registry.delete("key", access_key)

    async def credential(self, access_key: str) -> Credential | None:
        """A key ready to verify with, or None where it or its user is not there. Errors: MasterKeyError."""
        key = await self.key(access_key)
        if key is None:
            return None
        user = await self.user(key.user_id)
        if user is None:
            return None
        secret = self._master.open("key", access_key, key.sealed_secret).decode()
        return Credential(access_key=access_key, secret=secret, user=user, status=key.status, expires_ms=key.expires_ms)

    async def _lead(self, kind: str, name: str) -> User | None:
        found = await self._registry.get(kind, name)
        user = None if found is None else await self.user(found.value.decode())
        return user if user is not None and (kind, name) in _leads(user) else None

    async def _claim(self, user: User) -> None:
        for kind, name in _leads(user):
            for _ in range(3):
                found = await self._registry.get(kind, name)
                if found is not None:
                    if found.value.decode() == user.id:
                        break
                    if await self._lead(kind, name) is not None:
                        raise Taken(f"the {_WORDS[kind]} {name!r} is in use")
                try:
                    await self._registry.put(kind, name, user.id.encode(), expect_revision=0 if found is None else found.revision)
                    break
                except (AlreadyExists, Stale):
                    continue
            else:
                raise Taken(f"the {_WORDS[kind]} {name!r} is being taken")


_WORDS = {"name": "user name", "canonical": "canonical id", "email": "e-mail address"}


def _leads(user: User) -> list[tuple[str, str]]:
    """The documents that lead to a user: kind and name."""
    leads = [("name", user.name), ("canonical", user.canonical_id)]
    return [*leads, ("email", user.email.lower())] if user.email else leads


async def secrets_exist(registry: Registry) -> bool:
    """Whether the store holds anything sealed under a master key."""
    return bool(await registry.all("key", limit=1))
