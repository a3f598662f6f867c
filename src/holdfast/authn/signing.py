"""Signing keys of Signature Version 4, kept as half-finished HMAC states so that one signature costs two short updates."""

from __future__ import annotations

import hmac
from hashlib import sha256

EMPTY_SHA256 = sha256(b"").hexdigest()
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"

_CACHED_SIGNERS_MAX = 4096
_INNER = bytes(value ^ 0x36 for value in range(256))
_OUTER = bytes(value ^ 0x5C for value in range(256))
_START = sha256()


class Signer:
    """HMAC-SHA256 under one signing key (RFC 2104), with both padded blocks hashed once."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) > 64:
            key = sha256(key).digest()
        block = key.ljust(64, b"\0")
        self._inner = sha256(block.translate(_INNER))
        self._outer = sha256(block.translate(_OUTER))

    def after(self, start: bytes) -> Signer:
        """One that has taken the start of a message already: its `sign` is given the rest."""
        begun = Signer.__new__(Signer)
        begun._inner = self._inner.copy()
        begun._inner.update(start)
        begun._outer = self._outer
        return begun

    def sign(self, message: bytes) -> str:
        """The signature in lower-case hex."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


_signers: dict[tuple[str, bytes], Signer] = {}


def signer_for(secret: str, scope: bytes) -> Signer:
    """The signer of a secret for `scope` ("20260101/region/s3/aws4_request"); cached by secret, so a changed secret counts at once.

    Source: Signature Version 4, "Calculate the signature". A scope must have been checked before: it ends up in a bounded cache.
    """
    found = _signers.get((secret, scope))
    if found is None:
        key = b"AWS4" + secret.encode()
        for step in scope.split(b"/"):
            key = hmac.digest(key, step, "sha256")
        found = Signer(key)
        if len(_signers) >= _CACHED_SIGNERS_MAX:
            del _signers[next(iter(_signers))]
        _signers[(secret, scope)] = found
    return found


def sha256_hex(data: bytes) -> str:
    """SHA-256 in lower-case hex; a copied fresh state is a third cheaper than a new one for short input."""
    state = _START.copy()
    state.update(data)
    return state.hexdigest()
