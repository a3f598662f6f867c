"""Which buckets of its tenancy a caller sees in a list: those for which its identity has BUCKET_INSPECT, and its own."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.authz.decide import Evidence, Question, decide
from holdfast.authz.gather import identity_of
from holdfast.model.buckets import Bucket
from holdfast.model.identity import Caller
from holdfast.model.messages import Request

_ACTION, _OPERATION, _NEEDS = "s3:ListAllMyBuckets", "ListBuckets", ("BUCKET_INSPECT",)


def visible(caller: Caller, request: Request | None = None) -> tuple[str | None, Callable[[Bucket], bool] | None]:
    """(owner, test): the canonical id that listed buckets must have, None for any; and what each must pass besides, None for nothing.

    Access control lists and bucket policies never make a bucket visible: only who the caller is does."""
    user = caller.user
    if user is None:
        return "", _never
    evidence = Evidence(identity_of(caller), (), caller.limits)
    if not caller.limits:
        lists = {getattr(policy, "lists_buckets", "some") for policy in evidence.identity} - {""}
        if "all" in lists:
            return None, None
        if lists <= {"own"}:
            return user.canonical_id, None if lists else _never

    def sees(bucket: Bucket) -> bool:
        return decide(Question(caller, _ACTION, bucket, "", None, request, _OPERATION, _NEEDS), evidence).allowed

    return None, sees


def _never(bucket: Bucket) -> bool:
    return False
