"""What a bucket that OCI calls public lets everybody do: read its objects, and list them where that is said too.

Source: OCI, "Managing Public Buckets": ObjectRead and ObjectReadWithoutList. Every door follows it; a block of public access overrides it.
"""

from __future__ import annotations

from holdfast.authz.decide import Effect, Policy, Question
from holdfast.model.public_access import OBJECT_READ, public_type

_READS = frozenset(("s3:GetObject",))
_LISTS = frozenset(("s3:ListBucket",))


class PublicBucket:
    """The public access type of the bucket."""

    name = "public access type of the bucket"

    def says(self, question: Question) -> Effect:
        bucket = question.bucket
        if bucket is None:
            return ""
        found = public_type(bucket)
        if not found:
            return ""
        return "allow" if question.action in _READS or (found == OBJECT_READ and question.action in _LISTS) else ""


PUBLIC: tuple[Policy, ...] = (PublicBucket(),)
