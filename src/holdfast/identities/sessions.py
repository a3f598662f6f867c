"""Sessions of the console: bearer secrets with an end, of which only the SHA-256 is stored."""

from __future__ import annotations

import secrets

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.departure import SessionDocument, end_sessions
from holdfast.identities.documents import Unknown, under
from holdfast.identities.tokens import digest_of
from holdfast.identities.users import Users
from holdfast.model.identity import ACTIVE, User

_PREFIX = "hfs_"
_CHARACTERS_MAX = 128
_PURGE_EVERY_MS = 3600 * 1000
_SESSION = msgspec.json.Decoder(SessionDocument)


class Sessions:
    """The sessions of a store."""

    def __init__(self, registry: Registry, users: Users) -> None:
        self._registry = registry
        self._users = users
        self._purged_ms = 0

    async def create(self, user_id: str, now_ms: int, ttl_s: float) -> str:
        """The text of a new session, "hfs_" and 43 URL-safe characters. Errors: Unknown."""
        if await self._users.user(user_id) is None:
            raise Unknown(f"there is no user {user_id!r}")
        text = _PREFIX + secrets.token_urlsafe(32)
        session = SessionDocument(user_id, now_ms, now_ms + int(ttl_s * 1000))
        await self._registry.put("session", digest_of(text), msgspec.json.encode(session), expect_revision=0)
        return text

    async def find(self, text: str, now_ms: int) -> User | None:
        """Whose session it is; None once it has ended, or its user is not ACTIVE."""
        if not text.startswith(_PREFIX) or len(text) > _CHARACTERS_MAX:
            return None
        found = await self._registry.get("session", digest_of(text))
        session = None if found is None else _SESSION.decode(found.value)
        if session is None or session.expires_ms <= now_ms:
            return None
        user = await self._users.user(session.user_id)
        return user if user is not None and user.status == ACTIVE else None

    async def end(self, text: str) -> bool:
        """Ends a session; whether there was one."""
        return await self._registry.delete("session", digest_of(text))

    async def end_all(self, user_id: str) -> None:
        """Ends every session of a user."""
        await end_sessions(self._registry, user_id)

    async def purge_seldom(self, now_ms: int) -> None:
        """As `purge`, once an hour at most in one process."""
        if now_ms - self._purged_ms >= _PURGE_EVERY_MS:
            self._purged_ms = now_ms
            await self.purge(now_ms)

    async def purge(self, now_ms: int) -> int:
        """Takes sessions that have ended out of the store; how many."""
        ended = [document.name async for document in under(self._registry, "session") if _SESSION.decode(document.value).expires_ms <= now_ms]
        for name in ended:
            await self._registry.delete("session", name)
        return len(ended)
