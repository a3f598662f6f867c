"""One-time codes by which a command line gets the session that its user allowed in a browser.

Source: RFC 8252 (loopback redirect), RFC 7636 (the code is worth nothing without the verifier, which never leaves the program).
"""

from __future__ import annotations

import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

LIFE_S = 120.0
CODES_MAX = 1000
_WAITING = re.compile(r"([0-9]{4,5})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{16,86})")


class Waiting(NamedTuple):
    """A program that waits on a port of its user's machine: "PORT.CHALLENGE.STATE"."""

    port: int
    challenge: str
    state: str


def waiting_of(text: str) -> Waiting | None:
    """None for what is no such text."""
    found = _WAITING.fullmatch(text)
    return Waiting(int(found[1]), found[2], found[3]) if found is not None and 1024 <= int(found[1]) <= 65535 else None


class _Made(NamedTuple):
    user_id: str
    challenge: str
    at: float


class Codes:
    """The codes of this process; the oldest is forgotten when there are CODES_MAX."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, _Made] = OrderedDict()

    def make(self, user_id: str, challenge: str) -> str:
        code = secrets.token_urlsafe(32)
        self._made[sha256(code.encode()).hexdigest()] = _Made(user_id, challenge, time.monotonic())
        if len(self._made) > CODES_MAX:
            self._made.popitem(last=False)
        return code

    def take(self, code: str, verifier: str) -> str:
        """Whose code it is, once; "" for one that is not there (any more), or whose verifier is another one."""
        found = self._made.pop(sha256(code.encode()).hexdigest(), None)
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if found is None or time.monotonic() - found.at > LIFE_S or not compare_digest(challenge, found.challenge):
            return ""
        return found.user_id
