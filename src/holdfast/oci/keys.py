"""The keys that sign OCI requests, as one process remembers them for one generation of the registry: a deleted key stops at once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from holdfast.authn.oci_signature import SigningKey, load_public_key
from holdfast.authn.session_tokens import PREFIX, Claims, SessionTokens, key_of
from holdfast.identities.cache import Keys
from holdfast.identities.directory import Directory
from holdfast.model.identity import ACTIVE

_KNOWN_MAX = 16384
Secret = Callable[[], Awaitable[bytes]]
"""The secret that session tokens of this store are signed with."""


class SigningKeys:
    """Finds the key of a keyId, with the caller that it proves. Only what was found is remembered."""

    def __init__(self, directory: Directory, keys: Keys, secret: Secret) -> None:
        self._directory = directory
        self._keys = keys
        self._secret = secret
        self._tokens: SessionTokens | None = None
        self._generation = -1
        self._known: dict[str, tuple[SigningKey, float]] = {}

    async def find(self, key_id: str) -> SigningKey | None:
        """`<tenancy>/<user>/<fingerprint>` or `ST$<token>`. Errors: EngineError, MasterKeyError."""
        generation = self._directory.registry.generation()
        if generation != self._generation:
            self._known.clear()
            self._generation = generation
        known = self._known.get(key_id)
        if known is not None and (not known[1] or time.time() < known[1]):
            return known[0]
        expires = 0.0
        if key_id.startswith(PREFIX):
            claims = (await self.tokens()).read(key_id[len(PREFIX) :], time.time())
            found = None if claims is None else await self._of_session(claims)
            expires = 0.0 if claims is None else float(claims.exp)
        else:
            found = await self._of_api_key(key_id)
        if found is not None and generation == self._generation == self._directory.registry.generation():
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known[key_id] = (found, expires)
        return found

    async def tokens(self) -> SessionTokens:
        """What issues and reads session tokens."""
        if self._tokens is None:
            self._tokens = SessionTokens(await self._secret())
        return self._tokens

    async def _of_api_key(self, key_id: str) -> SigningKey | None:
        tenancy_id, _, rest = key_id.partition("/")
        user_id, _, fingerprint = rest.partition("/")
        if not (tenancy_id and user_id and fingerprint) or len(key_id) > 512:
            return None
        found = await self._directory.api_keys.find(tenancy_id, user_id, fingerprint)
        if found is None:
            return None
        key, user = found
        public = load_public_key(key.public_pem)
        return None if public is None else SigningKey(public, await self._keys.caller_of(user, "oci-key", key_id))

    async def _of_session(self, claims: Claims) -> SigningKey | None:
        """The user's state counts now, whatever the token says."""
        user = await self._directory.users.user(claims.sub)
        public = key_of(claims)
        if user is None or public is None or user.status != ACTIVE or user.tenancy != claims.tenant:
            return None
        caller = await self._keys.caller_of(user, "oci-session", f"session:{claims.jti}")
        return SigningKey(public, caller)
