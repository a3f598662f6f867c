"""A bucket as a fact, and the rules of its name."""

from __future__ import annotations

import re

import msgspec

VERSIONING_OFF = ""
VERSIONING_ENABLED = "Enabled"
VERSIONING_SUSPENDED = "Suspended"


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket. `id` is given by the engine and never used again; `revision` grows with each change.

    `owner` is the canonical id of an S3 identity. `settings` holds the bucket's configurations by
    S3's subresource name ("tagging", "policy", "cors", ...), each in the form its writer chose.
    """

    id: int = 0
    namespace: str
    name: str
    region: str
    owner: str
    compartment: str = ""
    created_ms: int = 0
    versioning: str = VERSIONING_OFF
    revision: int = 0
    settings: dict[str, str] = {}


S3_VOLUME = "s3v"
"""The volume whose buckets S3 and OCI show (Apache Ozone, "S3 Protocol"); its buckets have the plain namespace."""
LINK = "link"
"""The setting of a bucket that is a link: the path `volume/bucket` of its source in the same tenancy."""


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """A name space of buckets inside a tenancy (Ozone). `owner` is the canonical id of who may do everything in it."""

    namespace: str
    name: str
    owner: str
    created_ms: int = 0


def namespace_of_volume(namespace: str, volume: str) -> str:
    """Where the engine keeps the buckets of a volume: the tenancy's namespace itself for s3v, else `namespace/volume`."""
    return namespace if volume == S3_VOLUME else f"{namespace}/{volume}"


def tenancy_namespace(namespace: str) -> str:
    """The tenancy's namespace of an engine's namespace, whatever the volume."""
    return namespace.partition("/")[0]


def volume_of(namespace: str) -> str:
    """The volume of an engine's namespace."""
    return namespace.partition("/")[2] or S3_VOLUME


_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_NO_LABEL = re.compile(r"\.[.-]|-\.")
_IP = re.compile(r"\d+\.\d+\.\d+\.\d+\Z")


def is_bucket_name(name: str) -> bool:
    """S3's general purpose bucket naming rules (S3 User Guide, "Bucket naming rules"); each label is one of a host name, so that every
    bucket can be a virtual host (RFC 1123, 2.1)."""
    return (
        _NAME.match(name) is not None
        and _NO_LABEL.search(name) is None
        and _IP.match(name) is None
        and not name.startswith(("xn--", "sthree-", "amzn-s3-demo-"))
        and not name.endswith(("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"))
    )
