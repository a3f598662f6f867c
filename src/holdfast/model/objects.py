"""Objects as facts: versions, the blobs that hold their bytes, parts and multipart uploads."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

NULL_VERSION = "null"
"""The version id of an object written while versioning was off or suspended (S3: "null")."""
NEW, EXISTING = "new", "existing"
"""The keys that somebody may write who may not write all: those that are not there, those that are."""


class Blob(msgspec.Struct, frozen=True, array_like=True):
    """An immutable run of bytes. `id` is opaque and chosen by the engine; b"" for an inline blob.

    `size` is in bytes. `inline` holds the bytes of a small blob that the catalog keeps beside its row;
    `check` is the engine's own checksum of an inline blob (a stored blob carries its checks with it).
    """

    id: bytes
    size: int
    check: int = 0
    inline: bytes | None = None


class PartFact(msgspec.Struct, frozen=True, array_like=True):
    """A part of a completed multipart upload: its size in bytes, MD5 in hex, and checksum (base64) if it had one."""

    number: int
    size: int
    etag: str
    checksum: str = ""


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a version carries besides its listing columns. Names are S3's members in snake case; absent = empty.

    `metadata` keys are lower case without the `x-amz-meta-` prefix. `checksum_value` is base64 (with `-N`
    for COMPOSITE). `upload_id` names the multipart upload that made this version, so that a repeated
    completion can be answered. `extra` is the place of later features (ACL, retention, encryption).
    """

    content_type: str = ""
    content_encoding: str = ""
    content_disposition: str = ""
    content_language: str = ""
    cache_control: str = ""
    expires: str = ""
    website_redirect_location: str = ""
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    checksum_algorithm: str = ""
    checksum_type: str = ""
    checksum_value: str = ""
    parts: tuple[PartFact, ...] = ()
    upload_id: str = ""
    extra: dict[str, str] = {}

    def checksum_label(self) -> str:
        """What a listing shows of a version's checksum."""
        return f"{self.checksum_algorithm}/{self.checksum_type}" if self.checksum_algorithm else ""


class Version(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One version of one key, as the catalog gives it. Its `__dict__` is for what a dialect makes of it and may keep as long as it.

    `etag` has no quotes. `seq` orders the versions of a store (larger is newer) and is given by the
    engine. `blobs` is in order, and empty unless the body was asked for; their sizes add up to `size`.
    """

    key: str
    version_id: str = NULL_VERSION
    seq: int = 0
    modified_ms: int = 0
    size: int = 0
    etag: str = ""
    storage_class: str = "STANDARD"
    owner: str = ""
    is_delete_marker: bool = False
    is_latest: bool = True
    facts: Facts = Facts()
    blobs: tuple[Blob, ...] = ()


class Entry(NamedTuple):
    """One row of a listing. `checksum` is "ALGORITHM/TYPE" (for example "CRC64NVME/FULL_OBJECT") or ""."""

    key: str
    version_id: str
    modified_ms: int
    size: int
    etag: str
    storage_class: str
    owner: str
    checksum: str
    is_delete_marker: bool
    is_latest: bool


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded part of a multipart upload that is not complete. `etag` is the MD5 in hex, no quotes."""

    number: int
    size: int
    etag: str
    modified_ms: int
    checksum: str = ""  # base64, of the upload's algorithm
    blobs: tuple[Blob, ...] = ()


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A multipart upload in progress; `facts` are those of the object that it will become."""

    upload_id: str
    bucket_id: int
    key: str
    initiated_ms: int
    owner: str
    initiator: str
    storage_class: str = "STANDARD"
    facts: Facts = Facts()
