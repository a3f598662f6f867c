"""Who can ask: users, keys, and the caller of one request."""

from __future__ import annotations

import msgspec


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A principal. `canonical_id` is the S3 identity that owns buckets and that ACLs name.

    `rights` is what its own policy allows until the policy language serves it: "all" (administrator),
    "own-buckets" (create buckets, and everything in those it owns) or "none".
    """

    id: str
    name: str
    canonical_id: str
    display_name: str
    email: str = ""
    namespace: str = "default"
    rights: str = "own-buckets"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An access key as stored: the secret sealed under the master key, never in clear."""

    access_key: str
    user_id: str
    sealed_secret: bytes
    status: str = "ACTIVE"
    created_ms: int = 0
    expires_ms: int = 0  # 0: never


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """An access key ready to verify with: the secret in clear (in memory only) and whose it is."""

    access_key: str
    secret: str
    user: User
    status: str = "ACTIVE"
    expires_ms: int = 0

    def __repr__(self) -> str:
        """Without the secret: what is printed ends up in logs."""
        return f"Credential(access_key={self.access_key!r}, status={self.status!r}, user={self.user!r})"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sent a request and how that was proven. `user` is None for an anonymous caller.

    `how` is one of "anonymous", "v4-header", "v4-query", "v2-header", "v2-query".
    """

    how: str = "anonymous"
    user: User | None = None
    access_key: str = ""


ANONYMOUS = Caller()
