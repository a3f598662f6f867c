"""Pre-authenticated requests as facts: what a unique URL lets its holder do, and the tokens of uploads that were begun through one.

Source: OCI, "Using Pre-Authenticated Requests" and CreatePreauthenticatedRequestDetails. Neither noun holds a token, only its SHA-256.
"""

from __future__ import annotations

import msgspec

READING = frozenset(("ObjectRead", "ObjectReadWrite", "AnyObjectRead", "AnyObjectReadWrite"))
WRITING = frozenset(("ObjectWrite", "ObjectReadWrite", "AnyObjectWrite", "AnyObjectReadWrite"))
SINGLE = frozenset(("ObjectRead", "ObjectWrite", "ObjectReadWrite"))
LISTABLE = frozenset(("AnyObjectRead", "AnyObjectReadWrite"))
ACCESS_TYPES = ("ObjectRead", "ObjectWrite", "ObjectReadWrite", "AnyObjectRead", "AnyObjectWrite", "AnyObjectReadWrite")


class Par(msgspec.Struct, frozen=True, kw_only=True):
    """One pre-authenticated request. It is never changed, only deleted.

    `number` is given by the engine, grows, and is never used again. `id` is what people name it by, `digest` the SHA-256 (32 bytes) of
    the token in its URL, `namespace` and `bucket` the names that its URL has. `access` is one of ACCESS_TYPES; `target` the object's name
    (SINGLE), else a prefix of names, "" for the whole bucket. `creator` is a user's id (OCID): the request can do what that user can do
    now, and never more than is said here.
    """

    number: int = 0
    id: str
    bucket_id: int
    namespace: str
    bucket: str
    name: str
    access: str
    target: str = ""
    listing: bool = False
    creator: str
    created_ms: int
    expires_ms: int
    digest: bytes

    def covers(self, key: str) -> bool:
        """Whether it is about the object of that name."""
        return key == self.target if self.access in SINGLE else key.startswith(self.target)


class ParUpload(msgspec.Struct, frozen=True, kw_only=True):
    """The token (its SHA-256, 32 bytes) of one multipart upload that was begun through the request with the `number` `par`, and ends with it."""

    digest: bytes
    par: int
    bucket_id: int
    key: str
    upload_id: str
    created_ms: int
