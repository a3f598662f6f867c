"""M138: every caller x every access control list x every operation, allowed or denied, on a running server."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.acl.people import ALL_USERS, ANONYMOUS, AUTHENTICATED_USERS, IDS

GRANTED = {permission: {f"Grant{permission.title().replace('_', '').replace('Acp', 'ACP')}": f'id="{IDS["ben"]}"'}
           for permission in ("READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL")}  # fmt: skip
CANNED = {name: {"ACL": name} for name in ("private", "public-read", "public-read-write", "authenticated-read", "log-delivery-write",
                                           "aws-exec-read", "bucket-owner-read", "bucket-owner-full-control")}  # fmt: skip
GROUPS = {
    "everybody WRITE_ACP": {"GrantWriteACP": f"uri={ALL_USERS}"},
    "authenticated READ_ACP": {"GrantReadACP": f'uri="{AUTHENTICATED_USERS}"'},
}
LISTS = {**CANNED, **GRANTED, **GROUPS}

# What ben, eve and nobody may do with a bucket of Ann's: L list it and see that it is there, W write keys, D delete keys, R read its list,
# A change its list. Everything else is Ann's alone.
BUCKETS = {
    "private": ("", "", ""),
    "public-read": ("L", "L", "L"),
    "public-read-write": ("LWD", "LWD", "LWD"),
    "authenticated-read": ("L", "L", ""),
    "log-delivery-write": ("", "", ""),
    "aws-exec-read": ("", "", ""),
    "READ": ("L", "", ""),
    "WRITE": ("WD", "", ""),
    "READ_ACP": ("R", "", ""),
    "WRITE_ACP": ("A", "", ""),
    "FULL_CONTROL": ("LWDRA", "", ""),
    "everybody WRITE_ACP": ("A", "A", "A"),
    "authenticated READ_ACP": ("R", "R", ""),
}
# The same for an object of Ann's in a private bucket: G get and head it, R read its list, A change its list.
OBJECTS = {
    "private": ("", "", ""),
    "public-read": ("G", "G", "G"),
    "public-read-write": ("G", "G", "G"),
    "authenticated-read": ("G", "G", ""),
    "aws-exec-read": ("", "", ""),
    "bucket-owner-read": ("", "", ""),
    "bucket-owner-full-control": ("", "", ""),
    "READ": ("G", "", ""),
    "READ_ACP": ("R", "", ""),
    "WRITE_ACP": ("A", "", ""),
    "FULL_CONTROL": ("GRA", "", ""),
    "everybody WRITE_ACP": ("A", "A", "A"),
    "authenticated READ_ACP": ("R", "R", ""),
}
CALLERS = ("ben", "eve", ANONYMOUS)

ON_BUCKET = {
    "L": ("list_objects_v2", "list_objects", "list_object_versions", "list_multipart_uploads", "head_bucket"),
    "W": ("put_object",),
    "D": ("delete_object", "delete_objects"),
    "R": ("get_bucket_acl",),
    "A": ("put_bucket_acl",),
    "": ("get_bucket_versioning", "put_bucket_versioning", "get_bucket_location", "get_bucket_tagging", "get_public_access_block",
         "delete_public_access_block", "get_bucket_ownership_controls", "put_bucket_ownership_controls", "delete_bucket", "delete a version",
         "get_object", "get_object_acl", "put_object_acl", "get_object_tagging", "put_object_tagging"),
}  # fmt: skip
ON_OBJECT = {
    "G": ("get_object", "head_object", "copy_object"),
    "R": ("get_object_acl",),
    "A": ("put_object_acl",),
    "": ("put_object", "delete_object", "get_object_tagging", "put_object_tagging", "get_object_attributes", "list_objects_v2"),
}


def arguments(operation: str, bucket: str, key: str, given: dict[str, Any]) -> dict[str, Any]:
    """What an operation is called with; `given` is the list that is there already."""
    place: dict[str, Any] = {"Bucket": bucket, "Key": key}
    more: dict[str, dict[str, Any]] = {
        "put_object": {"Body": b""},
        "delete a version": {"VersionId": "null"},
        "put_object_acl": given,
        "put_object_tagging": {"Tagging": {"TagSet": []}},
        "get_object_attributes": {"ObjectAttributes": ["ETag"]},
        "delete_objects": {"Delete": {"Objects": [{"Key": key}]}},
        "put_bucket_acl": given,
        "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Suspended"}},
        "put_bucket_ownership_controls": {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}},
    }
    of_object = operation == "delete a version" or ("_object" in operation and not operation.startswith(("list_", "delete_objects")))
    return {**(place if of_object else {"Bucket": bucket}), **more.get(operation, {})}


def allowed(client: Any, operation: str, given: dict[str, Any]) -> bool:
    """Whether the operation was let through: 403 is the only way to be kept out."""
    try:
        answer = getattr(client, "delete_object" if operation == "delete a version" else operation)(**given)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, (operation, given, error)
        return False
    errors = answer.get("Errors", [])
    assert not errors or {row["Code"] for row in errors} == {"AccessDenied"}
    return not errors


@pytest.mark.parametrize("name", BUCKETS)
def test_m137_m138_bucket_lists(people: dict[str, Any], anns: str, name: str) -> None:
    ann = people["ann"]
    ann.put_object(Bucket=anns, Key="k", Body=b"x")
    ann.put_bucket_acl(Bucket=anns, **LISTS[name])
    for caller, letters in zip(CALLERS, BUCKETS[name], strict=True):
        for letter, operations in ON_BUCKET.items():
            for operation in operations:
                given = arguments(operation, anns, f"by-{caller}" if letter in ("W", "D") else "k", LISTS[name])
                assert allowed(people[caller], operation, given) is (letter != "" and letter in letters), (name, caller, operation)
    for operation in ("list_objects_v2", "head_bucket", "get_object", "put_object", "delete_object", "get_bucket_acl", "put_bucket_acl"):
        assert allowed(ann, operation, arguments(operation, anns, "k", {"ACL": "private"})), operation


@pytest.mark.parametrize("name", OBJECTS)
def test_m138_object_lists(people: dict[str, Any], anns: str, name: str) -> None:
    ann, ben = people["ann"], people["ben"]
    ann.put_object(Bucket=anns, Key="k", Body=b"x")
    ann.put_object_acl(Bucket=anns, Key="k", **LISTS[name])
    bens = anns + "-of-ben"
    ben.create_bucket(Bucket=bens, ACL="public-read-write")
    try:
        for caller, letters in zip(CALLERS, OBJECTS[name], strict=True):
            for letter, operations in ON_OBJECT.items():
                for operation in operations:
                    given = arguments(operation, anns, "k", LISTS[name])
                    if operation == "copy_object":
                        given = {"Bucket": bens, "Key": "copy", "CopySource": {"Bucket": anns, "Key": "k"}}
                    assert allowed(people[caller], operation, given) is (letter != "" and letter in letters), (name, caller, operation)
    finally:
        ben.delete_object(Bucket=bens, Key="copy")
        ben.delete_bucket(Bucket=bens)
    for operation in ("get_object", "head_object", "get_object_acl", "put_object_acl"):
        assert allowed(ann, operation, arguments(operation, anns, "k", {"ACL": "private"})), operation


def test_m139_a_revoked_grant_lets_nobody_in(people: dict[str, Any], anns: str) -> None:
    ann, ben = people["ann"], people["ben"]
    ann.put_object(Bucket=anns, Key="k", Body=b"x")
    for _ in range(2):
        ann.put_bucket_acl(Bucket=anns, **GRANTED["READ"])
        ann.put_object_acl(Bucket=anns, Key="k", **GRANTED["READ"])
        for _ in range(4):  # every worker knows at once
            assert allowed(ben, "list_objects_v2", {"Bucket": anns}) and allowed(ben, "get_object", {"Bucket": anns, "Key": "k"})
        ann.put_bucket_acl(Bucket=anns, ACL="private")
        ann.put_object_acl(Bucket=anns, Key="k", ACL="private")
        for _ in range(4):
            assert not allowed(ben, "list_objects_v2", {"Bucket": anns}) and not allowed(ben, "get_object", {"Bucket": anns, "Key": "k"})
