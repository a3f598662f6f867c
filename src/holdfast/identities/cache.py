"""Credentials, worlds and grants as one process remembers them: valid for one generation of the registry, so that a revocation counts at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.directory import Directory
from holdfast.model.identity import Caller, Credential, User, World, looks_like_token

Compile = Callable[[User, World], tuple[Any, ...]]
"""Makes the identity evidence of a user in its tenancy (`authz.grants.compile_grants`)."""

_KNOWN_MAX = 65536
_UNKNOWN_MAX = 4096
_UNKNOWN_CHARACTERS_MAX = 256  # longer ones are looked for each time: anybody may send them
_GRANTS_MAX = 65536


class Keys:
    """Finds the credential of an access key or token, with its grants. What is remembered, and what is known to be missing, is bounded."""

    __slots__ = ("_compile", "_directory", "_generation", "_grants", "_known", "_registry", "_unknown", "_worlds", "_worlds_before")

    def __init__(self, registry: Registry, directory: Directory, compile: Compile | None = None) -> None:
        self._registry = registry
        self._directory = directory
        self._compile = compile
        self._generation = -1
        self._known: dict[str, Credential] = {}
        self._unknown: set[str] = set()
        self._worlds: dict[str, World] = {}
        self._worlds_before: dict[str, World] = {}  # of the last generation: one that is as it was keeps what was compiled against it
        self._grants: dict[tuple[str, str], tuple[User, World, tuple[Any, ...]]] = {}  # by id and canonical id

    async def find(self, access_key: str) -> Credential | None:
        """Waits only for a key that this process has not seen since the registry last changed. Errors: MasterKeyError, EngineError."""
        generation = self._registry.generation()
        if generation != self._generation:
            self._forget(generation)
        found = self._known.get(access_key)
        if found is not None or access_key in self._unknown:
            return found
        directory = self._directory
        found = await (directory.tokens if looks_like_token(access_key) else directory.keys).credential(access_key)
        if found is not None:
            found = msgspec.structs.replace(found, grants=await self._grants_of(found.user))
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

    def remembered(self, access_key: str) -> Credential | None:
        """What `find` would give without waiting; None says nothing."""
        return self._known.get(access_key) if self._registry.generation() == self._generation else None

    async def grants_of(self, user: User) -> tuple[Any, ...]:
        """What a user may do, compiled. Errors: EngineError."""
        return await self._grants_of(user) or ()

    async def caller_of(self, user: User, how: str, access_key: str = "") -> Caller:
        """The caller that a door has proven otherwise than by an access key. Errors: EngineError."""
        return Caller(how=how, user=user, access_key=access_key, grants=await self._grants_of(user))

    async def world(self, tenancy_id: str) -> World | None:
        """A tenancy as it is now; None where there is none. Errors: EngineError."""
        generation = self._registry.generation()
        if generation != self._generation:
            self._forget(generation)
        found = self._worlds.get(tenancy_id)
        if found is not None:
            return found
        if await self._directory.tenancies.get(tenancy_id) is None:
            return None
        found = await self._directory.world(tenancy_id)
        before = self._worlds_before.get(tenancy_id)
        if before is not None and before == found:
            found = before
        if generation == self._generation == self._registry.generation():
            self._worlds[tenancy_id] = found
        return found

    async def _grants_of(self, user: User) -> tuple[Any, ...] | None:
        """None where nothing compiles, or the user belongs to no tenancy: then only its built-in rights count."""
        world = None if self._compile is None or not user.tenancy else await self.world(user.tenancy)
        if world is None or self._compile is None:
            return None
        known = self._grants.get((user.id, user.canonical_id))
        if known is not None and known[1] is world and known[0] == user:
            return known[2]
        grants = self._compile(user, world)
        if len(self._grants) >= _GRANTS_MAX:
            self._grants.clear()
        self._grants[user.id, user.canonical_id] = (user, world, grants)
        return grants

    def _forget(self, generation: int) -> None:
        self._known.clear()
        self._unknown.clear()
        self._worlds_before.update(self._worlds)
        self._worlds.clear()
        self._generation = generation
