"""Refusals in the words of OCI's object storage and identity services; a missing permission looks like absence.

Source: OCI, "API Errors", and what the live service is known to answer.
"""

from __future__ import annotations

from holdfast.model.errors import (
    AccessDenied,
    BucketAlreadyExists,
    BucketAlreadyOwnedByYou,
    BucketNotEmpty,
    NoSuchBucket,
    NoSuchUpload,
    PreconditionFailed,
    Refusal,
)
from holdfast.model.messages import Request, Response
from holdfast.oci.answers import refuse
from holdfast.oci.router import Match

NAMESPACE = "You do not have authorization to perform this request, or the requested resource could not be found."
IDENTITY = "Authorization failed or requested resource not found."
IF_MATCH = "The If-Match header is set but it didn't match the current etag of the object"
IF_NONE_MATCH = "The If-None-Match header is '*' but there is an existing entity"


class NamespaceNotFound(Refusal):
    """Another namespace than the caller's, or one of which the caller may not see what was asked for."""

    status, message, oci = 404, NAMESPACE, (404, "NamespaceNotFound")


class NotFound(Refusal):
    """There is nothing at that path, or no rule, policy or request of that id."""

    status, message, oci = 404, "Not Found", (404, "NotFound")


class Locked(Refusal):
    """A version that a lock or a legal hold keeps."""

    status, message, oci = 409, "The object is under retention, and is neither deleted nor renamed before it ends.", (409, "RetentionRuleViolation")


def answer_of(refusal: Refusal, request: Request, match: Match | None) -> Response:
    """The answer to a refused request."""
    status, code, message = words_of(refusal, match)
    return refuse(status, code, message, request, refusal.headers)


def words_of(refusal: Refusal, match: Match | None) -> tuple[int, str, str]:
    """(status, code, message)."""
    names = match.names if match is not None else {}
    bucket, namespace = names.get("bucketName", ""), names.get("namespaceName", "")
    if isinstance(refusal, AccessDenied | NoSuchBucket):
        return _absence(refusal, match, bucket, namespace)
    if isinstance(refusal, BucketAlreadyExists | BucketAlreadyOwnedByYou):
        return _taken(refusal.fields.get("BucketName", bucket), namespace)
    if isinstance(refusal, BucketNotEmpty) and refusal.message == BucketNotEmpty.message:
        return 409, "BucketNotEmpty", f"Bucket named '{bucket}' is not empty. Delete all objects first."
    if isinstance(refusal, PreconditionFailed):
        if refusal.fields.get("Condition", "").endswith("If-None-Match"):
            return 412, "IfNoneMatchFailed", IF_NONE_MATCH if refusal.message == PreconditionFailed.message else refusal.message
        return 412, "IfMatchFailed", IF_MATCH if refusal.message == PreconditionFailed.message else refusal.message
    if isinstance(refusal, NoSuchUpload):
        return 404, "NoSuchUpload", "No such upload"
    return *refusal.oci, refusal.message


def _absence(refusal: Refusal, match: Match | None, bucket: str, namespace: str) -> tuple[int, str, str]:
    """What somebody learns who may not, or who asks for what is not there."""
    operation = match.operation if match is not None else None
    if bucket:
        bucket, namespace = refusal.fields.get("BucketName", bucket), refusal.fields.get("Namespace", namespace)
        message = f"Either the bucket named '{bucket}' does not exist in the namespace '{namespace}' or you are not authorized to access it"
        return 404, "BucketNotFound", message
    if operation is not None and operation.name == "CreateBucket":
        return _taken(refusal.fields.get("BucketName", ""), namespace)
    if operation is None or operation.path.startswith(("/n", "/workRequests")):
        return 404, "NamespaceNotFound", NAMESPACE
    if operation.name.startswith("Create") or operation.name == "AddUserToGroup":
        return 409, "NotAuthorizedOrResourceAlreadyExists", "Authorization failed or requested resource already exists."
    return 404, "NotAuthorizedOrNotFound", IDENTITY


def _taken(bucket: str, namespace: str) -> tuple[int, str, str]:
    """The same for a name that is in use, and for somebody who may not make buckets."""
    message = f"Either the bucket '{bucket}' in namespace '{namespace}' already exists or you are not authorized to create it"
    return 409, "BucketAlreadyExists", message
