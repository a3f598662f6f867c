"""GetBucketPolicyStatus."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.authz.bucket_policy import policy_of
from holdfast.model import acl
from holdfast.model.ownership import acls_count
from holdfast.model.public_access import ignores_public_acls
from holdfast.s3.operation import Call, operation
from holdfast.s3.place import bucket_of


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


@operation("GetBucketPolicyStatus", "s3:GetBucketPolicyStatus")
async def get_bucket_policy_status(call: Call[Input]) -> dict[str, Any]:
    """Whether the bucket is public: by its policy, as S3 says (User Guide, "The meaning of public"), or by its access control list, which
    Ceph counts too: who asks wants to know whether strangers get in."""
    bucket = bucket_of(call)
    counts = acls_count(bucket) and not ignores_public_acls(bucket)
    by_list = counts and acl.is_public(acl.grants_of(bucket.settings.get(acl.SETTING, ""), bucket.owner))
    policy = policy_of(bucket)
    return {"policy_status": {"is_public": by_list or (policy is not None and policy.is_public)}}
