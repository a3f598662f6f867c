"""API keys: the public halves of RSA keys that sign OCI requests."""

from __future__ import annotations

from hashlib import md5

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from holdfast.engine.api import AlreadyExists, Registry, Stale
from holdfast.identities.documents import Taken, Unknown, under
from holdfast.identities.users import Users
from holdfast.model.identity import ACTIVE, ApiKey, User

_API_KEY = msgspec.json.Decoder(ApiKey)
_BITS_MIN, _BITS_MAX = 2048, 16384
_PEM_CHARACTERS_MAX = 16384


class ApiKeys:
    """The API keys of a store; each is found by its user and its fingerprint."""

    def __init__(self, registry: Registry, users: Users) -> None:
        self._registry = registry
        self._users = users

    async def add(self, user_id: str, pem: str, now_ms: int) -> ApiKey:
        """Errors: Unknown; Taken where the user has it; ValueError for what is no public RSA key of 2048 bits or more, in PEM."""
        fingerprint, normal = read_public_key(pem)
        if await self._users.user(user_id) is None:
            raise Unknown(f"there is no user {user_id!r}")
        made = ApiKey(user_id=user_id, fingerprint=fingerprint, public_pem=normal, created_ms=now_ms)
        try:
            await self._registry.put("api-key", f"{user_id}/{fingerprint}", msgspec.json.encode(made), expect_revision=0)
        except (AlreadyExists, Stale):
            raise Taken(f"the user has the API key {fingerprint}") from None
        return made

    async def of_user(self, user_id: str) -> list[ApiKey]:
        """Oldest first."""
        found = [_API_KEY.decode(document.value) async for document in under(self._registry, "api-key", f"{user_id}/")]
        return sorted(found, key=lambda key: key.created_ms)

    async def delete(self, user_id: str, fingerprint: str) -> None:
        """Errors: Unknown."""
        if not await self._registry.delete("api-key", f"{user_id}/{fingerprint}"):
            raise Unknown(f"there is no API key {fingerprint!r} of the user")

    async def find(self, tenancy_id: str, user_id: str, fingerprint: str) -> tuple[ApiKey, User] | None:
        """A key that may sign, and whose it is: all three belong together, and key and user are ACTIVE."""
        found = await self._registry.get("api-key", f"{user_id}/{fingerprint}")
        key = None if found is None else _API_KEY.decode(found.value)
        user = None if key is None else await self._users.user(user_id)
        if key is None or user is None or user.tenancy != tenancy_id or key.status != ACTIVE or user.status != ACTIVE:
            return None
        return key, user


def read_public_key(pem: str) -> tuple[str, str]:
    """The fingerprint (MD5 of the DER, in pairs joined by colons, as OCI's "Required Keys and OCIDs" says) and the PEM in its usual form.

    Errors: ValueError says what is wrong."""
    if len(pem) > _PEM_CHARACTERS_MAX:
        raise ValueError("the key is too long to be a public RSA key")
    try:
        key = load_pem_public_key(pem.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the key is not a public key in PEM") from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("the key is not an RSA key")
    if not _BITS_MIN <= key.key_size <= _BITS_MAX:
        raise ValueError(f"the key has {key.key_size} bits; at least {_BITS_MIN} are needed")
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fingerprint = md5(der, usedforsecurity=False).hexdigest()
    normal = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return ":".join(fingerprint[at : at + 2] for at in range(0, 32, 2)), normal
