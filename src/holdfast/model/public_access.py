"""The public access block of a bucket: four switches, stored as the letters of those that are on.

Source: S3 User Guide, "Blocking public access to your Amazon S3 storage".
"""

from __future__ import annotations

from holdfast.model.buckets import Bucket

SETTING = "publicAccessBlock"
SWITCHES = {"block_public_acls": "B", "ignore_public_acls": "I", "block_public_policy": "P", "restrict_public_buckets": "R"}
"""S3's names in snake case, and the letter of each."""
NONE_ON = "-"


def stored(switches: dict[str, bool]) -> str:
    """The stored form, never empty."""
    return "".join([letter for name, letter in SWITCHES.items() if switches.get(name)]) or NONE_ON


def switches_of(text: str) -> dict[str, bool]:
    """Every switch by name."""
    return {name: letter in text for name, letter in SWITCHES.items()}


def blocks_public_acls(bucket: Bucket) -> bool:
    """New public lists are refused."""
    return "B" in bucket.settings.get(SETTING, "")


def ignores_public_acls(bucket: Bucket) -> bool:
    """Public grants count for nothing."""
    return "I" in bucket.settings.get(SETTING, "")


def blocks_public_policy(bucket: Bucket) -> bool:
    """New public policies are refused."""
    return "P" in bucket.settings.get(SETTING, "")


def restricts_public_buckets(bucket: Bucket) -> bool:
    """While its policy is public, nobody from outside the tenancy gets in."""
    return "R" in bucket.settings.get(SETTING, "")


PUBLIC_TYPE = "publicAccessType"
"""The setting of a bucket that everybody may read, as OCI's native API says it: one of PUBLIC_TYPES; a private bucket has none."""
OBJECT_READ, OBJECT_READ_WITHOUT_LIST = "ObjectRead", "ObjectReadWithoutList"
PUBLIC_TYPES = (OBJECT_READ, OBJECT_READ_WITHOUT_LIST)


def public_type(bucket: Bucket) -> str:
    """What everybody may do: read and list ("ObjectRead"), read ("ObjectReadWithoutList"), or nothing (""), which the block of public
    lists or policies makes of either."""
    found = bucket.settings.get(PUBLIC_TYPE, "")
    return "" if found and (ignores_public_acls(bucket) or restricts_public_buckets(bucket)) else found
