"""The version or upload that a request is about, when whether the caller may is up to the list or the tags that it carries.

The owner of a bucket and an administrator are let in before anything is looked up, unless the bucket's policy asks for tags; the owner is asked
again if what he finds is somebody else's. For everybody else the decision waits for the look-up that the operation makes anyway:
`Call.pending` holds the actions that are not allowed yet.
"""

from __future__ import annotations

from typing import Any

from holdfast.authz.actions import VERSIONED
from holdfast.authz.gather import asks_again
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied, MethodNotAllowed, NoSuchKey, NoSuchUpload, NoSuchVersion
from holdfast.model.objects import Upload, Version
from holdfast.objects.read import find
from holdfast.objects.uploads import find_upload
from holdfast.s3.operation import OPERATIONS, Call


async def find_allowed(
    call: Call[Any], bucket: Bucket, key: str, version_id: str | None, *, body: bool = False, tags: dict[str, str] | None = None
) -> Version:
    """The version that the request names, if the caller may do to it what the operation needs. `tags`: what its body gives to it.

    Errors: as `find`; AccessDenied, also for what is not there when the caller may not list the bucket."""
    if not call.pending:
        try:
            version = await find(call.engine, bucket, key, version_id, body=body)
        except (NoSuchKey, NoSuchVersion, MethodNotAllowed):
            await call.require("s3:ListBucket", bucket, "")
            raise
        if version.owner != bucket.owner and asks_again(call.caller, bucket, version):
            needs = OPERATIONS[call.operation].needs
            await call.judge(needs if version_id is None else tuple(VERSIONED.get(each, each) for each in needs), bucket, key, version, tags)
        return version
    version = await _look(call, bucket, key, version_id, body)
    await call.judge(call.pending, bucket, key, version, tags)
    return version


async def find_readable(call: Call[Any], action: str, bucket: Bucket, key: str, version_id: str | None) -> Version:
    """A version besides the one that the request is about, with its blobs, if the caller may do `action` on it. Errors: as `find_allowed`."""
    try:
        await call.require(action, bucket, key)
    except AccessDenied:
        version = await _look(call, bucket, key, version_id, True)
        await call.judge((action,), bucket, key, version)
        return version
    version = await _look(call, bucket, key, version_id, True)
    if asks_again(call.caller, bucket, version):
        await call.judge((action,), bucket, key, version)
    return version


async def find_upload_allowed(call: Call[Any], bucket: Bucket, key: str, upload_id: str) -> Upload:
    """The upload that the request names, if the caller may do to it what the operation needs.

    Errors: NoSuchUpload, AccessDenied (also for what is not there when the caller may not list the bucket)."""
    if not call.pending:
        return await find_upload(call.engine, bucket.id, key, upload_id)
    try:
        upload = await find_upload(call.engine, bucket.id, key, upload_id)
    except NoSuchUpload:
        await call.require("s3:ListBucketMultipartUploads", bucket, "")
        raise
    await call.judge(call.pending, bucket, key, upload)
    return upload


async def _look(call: Call[Any], bucket: Bucket, key: str, version_id: str | None, body: bool) -> Version:
    """As `find`, and only who may list the bucket learns what is not there (GetObject, "Permissions")."""
    try:
        return await find(call.engine, bucket, key, version_id, body=body)
    except (NoSuchKey, NoSuchVersion, MethodNotAllowed):
        await call.require("s3:ListBucket", bucket, key)
        raise
