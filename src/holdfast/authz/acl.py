"""What the access control lists of buckets and objects say to a question.

Source: S3 User Guide, "Mapping of ACL permissions and access policy permissions". WRITE on a bucket includes to delete keys in it, as
S3's API Reference says of PutBucketAcl.
"""

from __future__ import annotations

from holdfast.authz.actions import UPLOADS
from holdfast.authz.decide import Effect, Policy, Question
from holdfast.model import acl
from holdfast.model.identity import User
from holdfast.model.objects import Upload, Version
from holdfast.model.ownership import acls_count, owner_of
from holdfast.model.public_access import ignores_public_acls

BUCKET_PERMISSIONS = {
    "s3:ListBucket": acl.READ,
    "s3:ListBucketVersions": acl.READ,
    "s3:ListBucketMultipartUploads": acl.READ,
    "s3:PutObject": acl.WRITE,
    "s3:DeleteObject": acl.WRITE,
    "s3:GetBucketAcl": acl.READ_ACP,
    "s3:PutBucketAcl": acl.WRITE_ACP,
}
"""The permission on the bucket that each action needs; deleting a version for good is its owner's."""

OBJECT_PERMISSIONS = {
    "s3:GetObject": acl.READ,
    "s3:GetObjectVersion": acl.READ,
    "s3:GetObjectTorrent": acl.READ,
    "s3:GetObjectAcl": acl.READ_ACP,
    "s3:GetObjectVersionAcl": acl.READ_ACP,
    "s3:PutObjectAcl": acl.WRITE_ACP,
    "s3:PutObjectVersionAcl": acl.WRITE_ACP,
}
"""The permission on the object that each action needs."""

_OF_OWNER = """
GetObjectAttributes GetObjectVersionAttributes GetObjectTagging GetObjectVersionTagging PutObjectTagging PutObjectVersionTagging
DeleteObjectTagging DeleteObjectVersionTagging GetObjectVersionTorrent
GetObjectAnnotation PutObjectAnnotation DeleteObjectAnnotation ListObjectAnnotations
"""
OF_OWNER = frozenset("s3:" + name for name in _OF_OWNER.split())
"""What no list gives, and the owner of an object may; the bucket's owner too, if the list gives him FULL_CONTROL by name."""

OF_VERSION = OF_OWNER | OBJECT_PERMISSIONS.keys()
"""What to own a bucket does not give on a version in it that is somebody else's: its bytes, headers, tags and list."""

WITH_UPLOAD = frozenset(("s3:PutObjectAcl", "s3:PutObjectTagging"))
"""What an upload needs besides when it brings a list or tags: who may write what is his own may give it both."""

_OF_INITIATOR = frozenset(("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"))


def _counted(grants: acl.Acl, user: User | None) -> acl.Acl:
    """The grants that count for a caller, who owns what they are on: those to itself do not, where it has no built-in rights."""
    if user is None or user.rights != "none":
        return grants
    return tuple(grant for grant in grants if grant.canonical_id != user.canonical_id)


class BucketAcl:
    """The list of the bucket itself."""

    name = "bucket ACL"

    def says(self, question: Question) -> Effect:
        bucket = question.bucket
        permission = BUCKET_PERMISSIONS.get(question.action)
        if question.action in WITH_UPLOAD and question.operation in UPLOADS:
            permission = acl.WRITE
        if bucket is None or permission is None:
            return ""
        text = bucket.settings.get(acl.SETTING)
        if not text or not acls_count(bucket):
            return ""
        user, upload = question.caller.user, question.target
        if isinstance(upload, Upload) and (user is None or upload.initiator != user.canonical_id):
            return ""  # leave to write is no leave to write into what somebody else began
        grants = acl.grants_of(text, bucket.owner)
        if user is not None and user.canonical_id == bucket.owner:
            grants = _counted(grants, user)
        return "allow" if acl.permits(grants, permission, user.canonical_id if user else "", public=not ignores_public_acls(bucket)) else ""


class ObjectAcl:
    """The list of the version that the question is about. Its owner may always read and write the list, so that nobody locks
    himself out, and the tags, of which no list speaks.

    A user without built-in rights has what policies and roles give it, judged at use: to have written an object gives it nothing."""

    name = "object ACL"

    def says(self, question: Question) -> Effect:
        bucket, version = question.bucket, question.target
        permission = OBJECT_PERMISSIONS.get(question.action)
        if permission is None and question.action not in OF_OWNER:
            return ""
        if bucket is None or not isinstance(version, Version) or not acls_count(bucket):
            return ""
        owner = owner_of(bucket, version.owner)
        user = question.caller.user
        canonical_id = user.canonical_id if user else ""
        grants = acl.grants_of(version.facts.extra.get(acl.SETTING, ""), owner)
        if canonical_id == owner:
            grants = _counted(grants, user)
            if permission != acl.READ and (user is None or user.rights != "none"):
                return "allow"
        if permission is None:
            given = canonical_id == bucket.owner and acl.permits(grants, acl.FULL_CONTROL, canonical_id, public=False)
            return "allow" if given else ""
        return "allow" if acl.permits(grants, permission, canonical_id, public=not ignores_public_acls(bucket)) else ""


class Initiator:
    """Who started a multipart upload may look at its parts and abort it ("Multipart upload API and permissions")."""

    name = "initiator of the upload"

    def says(self, question: Question) -> Effect:
        upload, user = question.target, question.caller.user
        if question.action not in _OF_INITIATOR or not isinstance(upload, Upload) or user is None:
            return ""
        return "allow" if upload.initiator == user.canonical_id else ""


ACLS: tuple[Policy, ...] = (BucketAcl(), ObjectAcl(), Initiator())
