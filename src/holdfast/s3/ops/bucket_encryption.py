"""PutBucketEncryption, GetBucketEncryption and DeleteBucketEncryption: the encryption of objects whose writers ask for none."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.model.errors import InvalidArgument, MalformedXML, NotImplemented, ServerSideEncryptionConfigurationNotFoundError
from holdfast.model.messages import Response
from holdfast.objects.encryption import SETTING, SSE_KMS, SSE_S3, Wish, default_of
from holdfast.s3.operation import Call, operation, response
from holdfast.s3.place import bucket_of
from holdfast.s3.settings import change


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str


class PutInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    server_side_encryption_configuration: dict[str, Any]


@operation("PutBucketEncryption", "s3:PutEncryptionConfiguration")
async def put_bucket_encryption(call: Call[PutInput]) -> Response:
    """Sets SSE-S3 or SSE-KMS as the default. What is stored already stays as it is.

    Errors: MalformedXML, InvalidArgument, NotImplemented (dual-layer encryption, blocked types), KMSNotFoundException, KMSDisabledException."""
    wish = _wish(call.input.server_side_encryption_configuration)
    keyring = call.engine.keyring
    if keyring is None:
        raise NotImplemented("This store has no key service, so that nothing can be encrypted.")
    if wish.algorithm == SSE_KMS:
        await keyring.resolve(wish.key_id)
    text = msgspec.json.encode(wish).decode()
    await change(call, lambda settings: {**settings, SETTING: text})
    return response(200)


def _wish(document: dict[str, Any]) -> Wish:
    rules = document.get("rules") or []
    if len(rules) != 1:
        raise MalformedXML
    rule = rules[0]
    if rule.get("blocked_encryption_types"):
        raise NotImplemented("Blocked encryption types are not implemented.")
    default = rule.get("apply_server_side_encryption_by_default")
    if not default or "sse_algorithm" not in default:
        raise MalformedXML
    algorithm, key_id = default["sse_algorithm"], default.get("kms_master_key_id") or ""
    if algorithm == "aws:kms:dsse":
        raise NotImplemented("Dual-layer encryption is not implemented.")
    if algorithm not in (SSE_S3, SSE_KMS):
        raise MalformedXML
    if key_id and algorithm != SSE_KMS:
        raise InvalidArgument("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms")
    return Wish(algorithm, key_id=key_id, bucket_key=bool(rule.get("bucket_key_enabled")))


@operation("GetBucketEncryption", "s3:GetEncryptionConfiguration")
async def get_bucket_encryption(call: Call[Input]) -> dict[str, Any]:
    """Errors: ServerSideEncryptionConfigurationNotFoundError."""
    bucket = bucket_of(call)
    wish = default_of(bucket.settings)
    if wish is None:
        raise ServerSideEncryptionConfigurationNotFoundError(BucketName=bucket.name)
    default = {"sse_algorithm": wish.algorithm} | ({"kms_master_key_id": wish.key_id} if wish.key_id else {})
    rule = {"apply_server_side_encryption_by_default": default, "bucket_key_enabled": wish.bucket_key}
    return {"server_side_encryption_configuration": {"rules": [rule]}}


@operation("DeleteBucketEncryption", "s3:PutEncryptionConfiguration")
async def delete_bucket_encryption(call: Call[Input]) -> None:
    """Objects are stored as they come again; there may have been no default."""
    await change(call, lambda settings: {key: value for key, value in settings.items() if key != SETTING})
