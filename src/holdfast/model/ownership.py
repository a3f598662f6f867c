"""Object ownership: whose a new object is, and whether access control lists count in a bucket.

Source: S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket". A bucket that nobody gave ownership
controls behaves as ObjectWriter: access control lists count.
"""

from __future__ import annotations

from holdfast.model.acl import BUCKET_OWNER_FULL_CONTROL
from holdfast.model.buckets import Bucket

OWNERSHIP = "ownershipControls"
"""The bucket's setting: the ObjectOwnership that somebody asked for."""
ENFORCED, PREFERRED, WRITER = "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"
OWNERSHIPS = frozenset((ENFORCED, PREFERRED, WRITER))


def acls_count(bucket: Bucket) -> bool:
    """False where the bucket's owner owns everything in it by decree."""
    return bucket.settings.get(OWNERSHIP) != ENFORCED


def owner_of(bucket: Bucket, owner: str) -> str:
    """Whose something in the bucket is; `owner` is who it was written down for, "" where nobody was."""
    return owner if owner and bucket.settings.get(OWNERSHIP) != ENFORCED else bucket.owner


def is_strangers(bucket: Bucket, owner: str) -> bool:
    """Whether something in the bucket, written down for `owner`, belongs to somebody else than the bucket does."""
    return owner_of(bucket, owner) != bucket.owner


def owner_of_new(bucket: Bucket, writer: str, canned_acl: str | None) -> str:
    """Whose an object is that `writer` (a canonical id; "" for an anonymous caller) makes with that canned ACL, if any.

    What an anonymous caller writes belongs to the bucket's owner, since nobody else could answer for it."""
    ownership = bucket.settings.get(OWNERSHIP)
    if not writer or ownership == ENFORCED or (ownership == PREFERRED and canned_acl == BUCKET_OWNER_FULL_CONTROL):
        return bucket.owner
    return writer
