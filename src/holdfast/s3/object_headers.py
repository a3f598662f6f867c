"""The headers of an object: those an upload stores, and those that GetObject and HeadObject answer with."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from holdfast.model.buckets import VERSIONING_OFF, Bucket
from holdfast.model.errors import InvalidArgument, InvalidStorageClass, MetadataTooLarge
from holdfast.model.messages import Lines
from holdfast.model.objects import Facts, Version
from holdfast.objects.checksums import ALGORITHMS
from holdfast.objects.locks import FACT as LOCKED
from holdfast.objects.locks import Lock, lock_of
from holdfast.objects.read import read_version_id
from holdfast.wire.values import header_text, header_value, http_date, metadata_header

METADATA_BYTES_MAX = 2048
"""User metadata, names and values in UTF-8 (S3 User Guide, "Working with object metadata")."""
STORAGE_CLASS_DEFAULT = "STANDARD"
STORAGE_CLASSES = frozenset(
    {"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "GLACIER_IR", "DEEP_ARCHIVE"}
)
"""The classes that a general purpose bucket takes. They are kept and given back; all bytes are stored alike."""

Header = tuple[bytes, bytes]
ACCEPT_RANGES: Header = (b"Accept-Ranges", b"bytes")


def check_storage_class(name: str | None) -> str:
    """The storage class to store; STANDARD for none. Errors: InvalidStorageClass."""
    if name is None:
        return STORAGE_CLASS_DEFAULT
    if name not in STORAGE_CLASSES:
        raise InvalidStorageClass(None, StorageClassRequested=name)
    return name


def check_metadata(metadata: dict[str, str]) -> None:
    """Errors: MetadataTooLarge."""
    size = sum(len(name.encode("utf-8", "replace")) + len(value.encode("utf-8", "replace")) for name, value in metadata.items())
    if size > METADATA_BYTES_MAX:
        raise MetadataTooLarge(None, Size=str(size), MaxSizeAllowed=str(METADATA_BYTES_MAX))


def check_redirect(location: str) -> None:
    """x-amz-website-redirect-location: another object of the bucket, or a URL (PutObject). Errors: InvalidArgument."""
    if not location.startswith(("/", "http://", "https://")):
        raise InvalidArgument(
            "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
            ArgumentName="x-amz-website-redirect-location", ArgumentValue=location,
        )  # fmt: skip


def stored_expires(headers: dict[bytes, bytes]) -> str:
    """The Expires header as the client wrote it: S3 keeps it verbatim, a date or not."""
    value = headers.get(b"expires")
    return header_text(value) if value is not None else ""


_LINES = (("lines with version id", "lines"), ("whole with version id", "whole"))
"""Where the lines of a version are kept: by whether they are of the whole, and whether the bucket never had versioning."""


@lru_cache(4096)
def last_modified(seconds: int) -> bytes:
    """The value of a Last-Modified header."""
    return http_date(seconds).encode("ascii")


def object_lines(bucket: Bucket, version: Version, *, whole: bool = False) -> Lines:
    """As `object_head`, written once for as long as the version is remembered; with Content-Length for answers with the `whole` of it."""
    memo = version.__dict__
    place = _LINES[whole][bucket.versioning == VERSIONING_OFF]
    lines: Lines | None = memo.get(place)
    if lines is None:
        lines = memo[place] = Lines(object_head(bucket, version), version.size if whole else -1)
    return lines


def object_head(bucket: Bucket, version: Version) -> list[Header]:
    """The headers that say what a version is, without its length, range and checksums."""
    facts = version.facts
    head = [
        (b"Last-Modified", last_modified(version.modified_ms // 1000)),
        (b"ETag", b'"%b"' % version.etag.encode("ascii")),
        ACCEPT_RANGES,
        (b"Content-Type", header_value(facts.content_type)),
    ]
    version_id = read_version_id(bucket, version)
    if version_id is not None:
        head.append((b"x-amz-version-id", version_id.encode("ascii")))
    if version.storage_class != STORAGE_CLASS_DEFAULT:
        head.append((b"x-amz-storage-class", version.storage_class.encode("ascii")))
    if facts.metadata:
        head.extend((b"x-amz-meta-" + name.encode("latin-1", "replace"), metadata_header(value)) for name, value in facts.metadata.items())
    if facts.tags:
        head.append((b"x-amz-tagging-count", b"%d" % len(facts.tags)))
    if LOCKED in facts.extra:
        head.extend(_lock_headers(lock_of(facts)))
    if facts.cache_control:
        head.append((b"Cache-Control", header_value(facts.cache_control)))
    if facts.content_disposition:
        head.append((b"Content-Disposition", header_value(facts.content_disposition)))
    if facts.content_encoding:
        head.append((b"Content-Encoding", header_value(facts.content_encoding)))
    if facts.content_language:
        head.append((b"Content-Language", header_value(facts.content_language)))
    if facts.expires:
        head.append((b"Expires", header_value(facts.expires)))
    if facts.website_redirect_location:
        head.append((b"x-amz-website-redirect-location", header_value(facts.website_redirect_location)))
    return head


def _lock_headers(lock: Lock) -> list[Header]:
    """Retention and legal hold (GetObject, x-amz-object-lock-*)."""
    found: list[Header] = []
    if lock.mode:
        until = datetime.fromtimestamp(lock.until_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        found += [(b"x-amz-object-lock-mode", lock.mode.encode()), (b"x-amz-object-lock-retain-until-date", until.encode())]
    if lock.hold:
        found.append((b"x-amz-object-lock-legal-hold", lock.hold.encode()))
    return found


def checksum_headers(facts: Facts) -> tuple[Header, ...]:
    """The checksum of the whole object and its type; none for an object that has none."""
    algorithm = ALGORITHMS.get(facts.checksum_algorithm)
    if algorithm is None or not facts.checksum_value:
        return ()
    return (algorithm.header, facts.checksum_value.encode("ascii")), (b"x-amz-checksum-type", facts.checksum_type.encode("ascii"))
