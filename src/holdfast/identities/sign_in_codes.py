"""One-time codes by which a program gets the session that its user allowed in a browser, at whichever server of the store it asks.

Source: RFC 7636: a code is worth nothing without the verifier, which never leaves the program. Only the SHA-256 of a code is stored.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest

import msgspec

from holdfast.engine.api import Registry
from holdfast.identities.documents import Taken, under
from holdfast.identities.tokens import digest_of

KIND = "sign-in-code"
LIFE_MS = 120_000
CODES_MAX = 1000


class SignInCode(msgspec.Struct, frozen=True):
    """A code as stored; `challenge` is the SHA-256 of the verifier in URL-safe base64."""

    user_id: str
    challenge: str
    expires_ms: int


_CODE = msgspec.json.Decoder(SignInCode)


class SignInCodes:
    """The codes of a store that nobody has used yet."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def make(self, user_id: str, challenge: str, now_ms: int) -> str:
        """43 URL-safe characters. What has ended is taken out of the store. Errors: Taken, while there are CODES_MAX."""
        there = 0
        for document in [document async for document in under(self._registry, KIND)]:
            if _CODE.decode(document.value).expires_ms <= now_ms:
                await self._registry.delete(KIND, document.name)
            else:
                there += 1
        if there >= CODES_MAX:
            raise Taken("too many programs are signed in at once; try again in a minute")
        code = secrets.token_urlsafe(32)
        await self._registry.put(KIND, digest_of(code), msgspec.json.encode(SignInCode(user_id, challenge, now_ms + LIFE_MS)), expect_revision=0)
        return code

    async def take(self, code: str, verifier: str, now_ms: int) -> str:
        """Whose code it is, once; "" for one that is not there (any more), or whose verifier is another one: then it has ended too."""
        found = await self._registry.get(KIND, digest_of(code))
        if found is None or not await self._registry.delete(KIND, found.name):
            return ""
        made = _CODE.decode(found.value)
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return made.user_id if made.expires_ms > now_ms and compare_digest(challenge, made.challenge) else ""
