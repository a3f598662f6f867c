"""What the native doors say of a version: its ETag, ids and digests in OCI's forms, and the headers of GetObject and HeadObject.

S3 and OCI name the same bytes differently: OCI's ETag is a UUID that tells nothing of the content, its MD5 is base64. Both forms are made from
what is stored once, so that whatever door wrote an object, each door shows it in its own words.
"""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from hashlib import blake2b

from holdfast.model.objects import NULL_VERSION, Entry, Facts, Version
from holdfast.wire.values import header_value, http_date, metadata_header

Header = tuple[bytes, bytes]

TIER_OF = {
    "STANDARD": "Standard", "REDUCED_REDUNDANCY": "Standard", "STANDARD_IA": "InfrequentAccess", "ONEZONE_IA": "InfrequentAccess",
    "INTELLIGENT_TIERING": "InfrequentAccess", "GLACIER_IR": "InfrequentAccess", "GLACIER": "Archive", "DEEP_ARCHIVE": "Archive",
}  # fmt: skip
CLASS_OF = {"Standard": "STANDARD", "InfrequentAccess": "STANDARD_IA", "Archive": "GLACIER"}
"""Storage tier to storage class and back; all bytes are stored alike."""

_CHECKSUMS = {
    "CRC32C": (b"opc-content-crc32c", b"opc-multipart-crc32c"),
    "SHA256": (b"opc-content-sha256", b"opc-multipart-sha256"),
}
"""Of objects put whole, or summed up over their parts; and of those whose checksum is one of the checksums of parts."""
ACCEPT_RANGES: Header = (b"accept-ranges", b"bytes")
NATIVE: Header = (b"x-api-id", b"native")
CONTENT_TYPE_DEFAULT = "application/octet-stream"


def native_etag(bucket_id: int, version: Version | Entry) -> str:
    """A UUID that is another one for each write, whatever the bytes."""
    return _uuid(bucket_id, version.key, version.version_id, version.modified_ms, version.etag, version.size, b"etag")


def native_version_id(bucket_id: int, version: Version | Entry) -> str:
    """A version's id as a UUID; that of an object without versioning is made up, and changes with each write as on the real service."""
    given = version.version_id
    if len(given) == 32 and given != NULL_VERSION:
        return _dashed(given)
    return _uuid(bucket_id, version.key, given, version.modified_ms, version.etag, version.size, b"version")


@lru_cache(8192)
def _uuid(bucket_id: int, key: str, version_id: str, modified_ms: int, etag: str, size: int, what: bytes) -> str:
    text = f"{bucket_id}\0{key}\0{version_id}\0{modified_ms}\0{etag}\0{size}"
    return _dashed(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, person=what).hexdigest())


def _dashed(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def stored_version_id(native: str) -> str:
    """The id that the store knows a version by, from the one that a client sends."""
    digits = native.replace("-", "")
    return digits if len(digits) == 32 else native


def md5_of(etag: str) -> str:
    """The MD5 in base64 of an ETag in hex; with "-N" for an object of N parts. "" where the ETag is no MD5."""
    digits, dash, parts = etag.partition("-")
    try:
        return b64encode(bytes.fromhex(digits)).decode("ascii") + dash + parts
    except ValueError:
        return ""


@lru_cache(4096)
def last_modified(seconds: int) -> bytes:
    return http_date(seconds).encode("ascii")


def written_head(bucket_id: int, version: Version) -> list[Header]:
    """What the answer to a write says of the version that it made."""
    digest = md5_of(version.etag)
    return [
        (b"etag", native_etag(bucket_id, version).encode("ascii")),
        (b"last-modified", last_modified(version.modified_ms // 1000)),
        (b"version-id", native_version_id(bucket_id, version).encode("ascii")),
        (b"opc-multipart-md5" if "-" in digest else b"opc-content-md5", digest.encode("ascii")),
        NATIVE,
        *checksum_header(version.facts),
    ]


def checksum_header(facts: Facts) -> tuple[Header, ...]:
    """The checksum of the object where it is one that OCI knows: somebody asked for it when the object was written."""
    names = _CHECKSUMS.get(facts.checksum_algorithm)
    if names is None or not facts.checksum_value:
        return ()
    return ((names[1 if "-" in facts.checksum_value else 0], facts.checksum_value.encode("ascii")),)


def object_head(bucket_id: int, version: Version) -> list[Header]:
    """The headers of GetObject and HeadObject, without length and range."""
    facts = version.facts
    digest = md5_of(version.etag)
    head = [
        ACCEPT_RANGES,
        (b"opc-multipart-md5" if "-" in digest else b"content-md5", digest.encode("ascii")),
        (b"last-modified", last_modified(version.modified_ms // 1000)),
        (b"etag", native_etag(bucket_id, version).encode("ascii")),
        (b"version-id", native_version_id(bucket_id, version).encode("ascii")),
        (b"storage-tier", TIER_OF.get(version.storage_class, "Standard").encode("ascii")),
        (b"content-type", header_value(facts.content_type or CONTENT_TYPE_DEFAULT)),
        NATIVE,
    ]
    if facts.checksum_algorithm in _CHECKSUMS:
        head.extend(checksum_header(facts))
    if facts.metadata:
        head.extend((b"opc-meta-" + name.encode("latin-1", "replace"), metadata_header(value)) for name, value in facts.metadata.items())
    for name, value in (
        (b"cache-control", facts.cache_control),
        (b"content-disposition", facts.content_disposition),
        (b"content-encoding", facts.content_encoding),
        (b"content-language", facts.content_language),
        (b"expires", facts.expires),
    ):
        if value:
            head.append((name, header_value(value)))
    return head
