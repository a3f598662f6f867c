"""Passwords of the console, stored as argon2id (RFC 9106). To make or verify one takes tens of milliseconds, in a thread, few at a time."""

from __future__ import annotations

import asyncio
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from holdfast.engine.api import Registry
from holdfast.identities.documents import Unknown
from holdfast.identities.sessions import Sessions
from holdfast.identities.users import Users
from holdfast.model.identity import ACTIVE, USER

_CHARACTERS_MAX = 1024
_AT_ONCE = 2
_HASHER = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)
_working = threading.BoundedSemaphore(_AT_ONCE)
"""Each takes 32 MiB: whoever tries passwords in parallel waits, and the store keeps its memory."""


class Passwords:
    """The passwords of a store: of users, never of service accounts."""

    def __init__(self, registry: Registry, users: Users, sessions: Sessions) -> None:
        self._registry = registry
        self._users = users
        self._sessions = sessions
        self._nobodys = ""

    async def set(self, user_id: str, password: str) -> None:
        """Gives a user a password, and ends its sessions. Errors: Unknown; ValueError for one that is empty or too long."""
        user = await self._users.user(user_id)
        if user is None or user.kind != USER:
            raise Unknown(f"there is no user {user_id!r} that could have a password")
        if not 0 < len(password) <= _CHARACTERS_MAX:
            raise ValueError(f"a password has 1 to {_CHARACTERS_MAX} characters")
        hashed = await asyncio.to_thread(_hash, password)
        await self._registry.put("password", user_id, hashed.encode())
        await self._sessions.end_all(user_id)

    async def verify(self, user_id: str, password: str) -> bool:
        """Whether it is the password of an ACTIVE user; for one who has none, or is not there, it takes as long to say no."""
        if len(password) > _CHARACTERS_MAX:
            return False
        user = await self._users.user(user_id)
        found = await self._registry.get("password", user_id)
        if user is None or user.kind != USER or user.status != ACTIVE or found is None:
            if not self._nobodys:
                self._nobodys = await asyncio.to_thread(_hash, "")
            await asyncio.to_thread(_fits, self._nobodys, password)
            return False
        return await asyncio.to_thread(_fits, found.value.decode(), password)

    async def has(self, user_id: str) -> bool:
        return await self._registry.get("password", user_id) is not None

    async def clear(self, user_id: str) -> bool:
        """Takes the password away, and ends the sessions; whether there was one."""
        had = await self._registry.delete("password", user_id)
        await self._sessions.end_all(user_id)
        return had


def _hash(password: str) -> str:
    with _working:
        return _HASHER.hash(password.encode("utf-8", "surrogatepass"))


def _fits(hashed: str, password: str) -> bool:
    with _working:
        try:
            return _HASHER.verify(hashed, password.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return False
