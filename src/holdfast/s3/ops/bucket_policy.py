"""PutBucketPolicy, GetBucketPolicy and DeleteBucketPolicy."""

from __future__ import annotations

import msgspec

from holdfast.authz.bucket_policy import SETTING, BucketPolicy
from holdfast.authz.decide import Question
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied, NoSuchBucketPolicy
from holdfast.model.messages import Response
from holdfast.model.public_access import blocks_public_policy
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of
from holdfast.s3.settings import change


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class PutInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    policy: str
    confirm_remove_self_bucket_access: bool | None = None


@operation("PutBucketPolicy", "s3:PutBucketPolicy")
async def put_bucket_policy(call: Call[PutInput]) -> Response:
    """Replaces the policy, kept as it was written (S3 API Reference, PutBucketPolicy).

    Errors: MalformedPolicy, PolicyTooLarge, NotImplemented; AccessDenied for a public policy where those are blocked, and for one that
    takes PutBucketPolicy from its writer, who is not the bucket's owner, unless the request confirms that; OperationAborted."""
    bucket = bucket_of(call)
    text = call.input.policy
    policy = BucketPolicy(text, bucket)
    if policy.is_public and blocks_public_policy(bucket):
        raise AccessDenied
    if not call.input.confirm_remove_self_bucket_access and _locks_out(policy, call, bucket):
        raise AccessDenied("The policy would take from you the right to change it; x-amz-confirm-remove-self-bucket-access: true confirms that.")
    await change(call, lambda settings: {**settings, SETTING: text})
    return response(204)


def _locks_out(policy: BucketPolicy, call: Call[PutInput], bucket: Bucket) -> bool:
    question = Question(call.caller, "s3:PutBucketPolicy", bucket, "", None, call.request, call.operation)
    return policy.says(question) == "deny"


@operation("GetBucketPolicy", "s3:GetBucketPolicy")
async def get_bucket_policy(call: Call[Input]) -> dict[str, str]:
    """The policy as it was written. Errors: NoSuchBucketPolicy."""
    bucket = bucket_of(call)
    text = bucket.settings.get(SETTING)
    if text is None:
        raise NoSuchBucketPolicy(BucketName=bucket.name)
    return {"policy": text}


@operation("DeleteBucketPolicy", "s3:DeleteBucketPolicy")
async def delete_bucket_policy(call: Call[Input]) -> None:
    """Removes the policy; there may be none. Errors: OperationAborted."""
    await change(call, lambda settings: {key: value for key, value in settings.items() if key != SETTING})
