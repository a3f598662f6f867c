"""Access keys as one process remembers them: valid for one generation of the registry, so that a revocation counts at once."""

from __future__ import annotations

from holdfast.engine.api import Registry
from holdfast.identities.users import Users
from holdfast.model.identity import Credential

_KNOWN_MAX = 65536
_UNKNOWN_MAX = 4096
_UNKNOWN_CHARACTERS_MAX = 256  # longer ones are looked for each time: anybody may send them


class Keys:
    """Finds the credential of an access key. What is remembered, and what is known to be missing, is bounded."""

    __slots__ = ("_generation", "_known", "_registry", "_unknown", "_users")

    def __init__(self, registry: Registry, users: Users) -> None:
        self._registry = registry
        self._users = users
        self._generation = -1
        self._known: dict[str, Credential] = {}
        self._unknown: set[str] = set()

    async def find(self, access_key: str) -> Credential | None:
        """Waits only for a key that this process has not seen since the registry last changed. Errors: MasterKeyError, EngineError."""
        generation = self._registry.generation()
        if generation != self._generation:
            self._known.clear()
            self._unknown.clear()
            self._generation = generation
        found = self._known.get(access_key)
        if found is not None or access_key in self._unknown:
            return found
        found = await self._users.credential(access_key)
        if generation == self._generation:
            if found is None:
                if len(access_key) > _UNKNOWN_CHARACTERS_MAX:
                    return None
                if len(self._unknown) >= _UNKNOWN_MAX:
                    self._unknown.clear()
                self._unknown.add(access_key)
            else:
                if len(self._known) >= _KNOWN_MAX:
                    self._known.clear()
                self._known[access_key] = found
        return found
