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
