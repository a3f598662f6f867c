"""OCIDs, the ids of everything that identity knows: `ocid1.<type>.oc1..<60 characters a-z2-7>`, a bucket's with its region between the dots.

Source: Oracle Cloud Infrastructure, "Resource Identifiers".
"""

from __future__ import annotations

import re
import secrets
from base64 import b32encode
from hashlib import sha512

TYPES = frozenset(
    ("tenancy", "compartment", "user", "serviceaccount", "group", "groupmembership", "organisation", "policy", "credential", "bucket", "workrequest")
)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_UNIQUE_CHARACTERS = 60
_FORM = re.compile(r"ocid1\.([a-z]+)\.oc1\.([a-z0-9-]*)\.[a-z2-7]{60}")


def new_ocid(kind: str) -> str:
    """A new id of one of TYPES, 300 random bits."""
    return f"ocid1.{kind}.oc1..{''.join(secrets.choice(_ALPHABET) for _ in range(_UNIQUE_CHARACTERS))}"


def derived_ocid(kind: str, *parts: str, region: str = "") -> str:
    """The id that always belongs to these parts."""
    text = b32encode(sha512("\0".join((kind, *parts)).encode()).digest()).decode().lower()
    return f"ocid1.{kind}.oc1.{region}.{text[:_UNIQUE_CHARACTERS]}"


def bucket_ocid(region: str, namespace: str, bucket_id: int) -> str:
    """The id of a bucket, derived from its namespace and its engine's id: a bucket made anew under the old name has another one."""
    return derived_ocid("bucket", namespace, str(bucket_id), region=region)


def type_of(ocid: str) -> str:
    """The type that an id names ("user", ...); "" for what is no OCID of this store."""
    found = _FORM.fullmatch(ocid)
    return found[1] if found is not None and found[1] in TYPES else ""
