"""What was made for a retry token: a client that lost an answer asks again with the same token, and is told of the same thing.

Source: OCI, "Retrying Requests" (opc-retry-token: 24 hours).
"""

from __future__ import annotations

from hashlib import sha256

import msgspec

from holdfast.engine.api import AlreadyExists, Registry, Stale
from holdfast.identities.documents import Taken, under

_LIFE_MS = 24 * 3600 * 1000
_WORKING_MS = 60 * 1000
_PURGE_EVERY_MS = 3600 * 1000


class Retry(msgspec.Struct, frozen=True):
    """A retry token as stored, under a digest of whose it is: of which request, and what was made for it ("" while it is being made)."""

    digest: str
    made: str
    created_ms: int


_RETRY = msgspec.json.Decoder(Retry)


class OtherRequest(Exception):
    """The token was used for another request."""


class Retries:
    """The retry tokens of a store."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._purged_ms = 0

    async def begin(self, user_id: str, operation: str, token: str, request: bytes, now_ms: int) -> tuple[str, str]:
        """(the name under which this token is kept, what was made for it before, or "").

        Errors: OtherRequest; Taken while the first request is still at work."""
        await self._purge(now_ms)
        name = sha256("\0".join((user_id, operation, token)).encode()).hexdigest()
        digest = sha256(request).hexdigest()
        found = await self._registry.get("retry", name)
        before = None if found is None else _RETRY.decode(found.value)
        if before is not None and before.created_ms + _LIFE_MS > now_ms:
            if before.digest != digest:
                raise OtherRequest
            if before.made:
                return name, before.made
            if before.created_ms + _WORKING_MS > now_ms:
                raise Taken("the first request with this retry token is still at work")
        try:
            value = msgspec.json.encode(Retry(digest, "", now_ms))
            await self._registry.put("retry", name, value, expect_revision=0 if found is None else found.revision)
        except (AlreadyExists, Stale):
            raise Taken("the first request with this retry token is still at work") from None
        return name, ""

    async def done(self, name: str, made: str) -> None:
        """What was made."""
        found = await self._registry.get("retry", name)
        if found is not None:
            await self._registry.put("retry", name, msgspec.json.encode(msgspec.structs.replace(_RETRY.decode(found.value), made=made)))

    async def failed(self, name: str) -> None:
        """Nothing was made: the token may be used again."""
        await self._registry.delete("retry", name)

    async def _purge(self, now_ms: int) -> None:
        """Takes out what is over, once an hour at most."""
        if now_ms - self._purged_ms < _PURGE_EVERY_MS:
            return
        self._purged_ms = now_ms
        over = [row.name async for row in under(self._registry, "retry") if _RETRY.decode(row.value).created_ms + _LIFE_MS <= now_ms]
        for name in over:
            await self._registry.delete("retry", name)
