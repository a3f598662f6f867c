"""A sign-in under way: what is kept between the two redirects, sealed in the browser's own cookie, so that strangers fill no memory here.

Source: RFC 9700 (state bound to the browser), RFC 7636 (S256), OpenID Connect Core 1.0, 15.5.2 (nonce).
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256

import msgspec
from cryptography.fernet import Fernet, InvalidToken

LIFE_S = 600
_CHARACTERS_MAX = 2048


class Pending(msgspec.Struct, frozen=True):
    """One sign-in. `cli`: the request of a command line that waits for it, "" for none."""

    provider: str
    state: str
    nonce: str
    verifier: str
    cli: str = ""

    def __repr__(self) -> str:
        """Without its secrets."""
        return f"Pending(provider={self.provider!r})"

    @property
    def challenge(self) -> str:
        """S256 of the verifier."""
        return challenge_of(self.verifier)


_PENDING = msgspec.json.Decoder(Pending)


def new_pending(provider: str, cli: str = "") -> Pending:
    return Pending(provider, secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), cli)


def challenge_of(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Seal:
    """Seals what a browser keeps. `secret`: 32 bytes that only the servers of this store know."""

    def __init__(self, secret: bytes) -> None:
        self._fernet = Fernet(urlsafe_b64encode(secret))

    def close(self, pending: Pending) -> str:
        return self._fernet.encrypt(msgspec.json.encode(pending)).decode("ascii")

    def open(self, text: str) -> Pending | None:
        """None for what is not sealed here, changed, or older than LIFE_S."""
        if not 0 < len(text) <= _CHARACTERS_MAX:
            return None
        try:
            return _PENDING.decode(self._fernet.decrypt(text.encode("ascii"), ttl=LIFE_S))
        except (InvalidToken, ValueError, msgspec.DecodeError):
            return None
