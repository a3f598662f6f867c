"""What S3 answers about ownership, ACLs that change nothing, and object lock where nothing is locked, with boto3."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import make_client

USERS = """
[[users]]
name = "ann"
[[users.keys]]
access_key = "ANNTESTACCESSKEY0001"
secret_key = "ann-test-secret-key-0000000000000000001"
[[users]]
name = "ben"
[[users.keys]]
access_key = "BENTESTACCESSKEY0001"
secret_key = "ben-test-secret-key-0000000000000000001"
"""


def refused(call: Any, *args: Any, **kwargs: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as error:
        call(*args, **kwargs)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def controls(ownership: str) -> dict[str, Any]:
    return {"Rules": [{"ObjectOwnership": ownership}]}


def test_ownership_controls_are_kept_and_forgotten(s3: Any, bucket: str) -> None:
    missing = (404, "OwnershipControlsNotFoundError")
    assert refused(s3.get_bucket_ownership_controls, Bucket=bucket) == missing
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls("BucketOwnerEnforced"))
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == controls("BucketOwnerEnforced")
    for _ in range(2):
        s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert refused(s3.get_bucket_ownership_controls, Bucket=bucket) == missing


def test_every_ownership_of_s3_is_kept_and_another_is_refused(s3: Any, bucket: str) -> None:
    for other in ("BucketOwnerPreferred", "ObjectWriter"):
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls(other))
        assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"] == controls(other)
    for wrong in (controls("Nobody"), {"Rules": []}, {"Rules": controls("ObjectWriter")["Rules"] * 2}):
        assert refused(s3.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls=wrong) == (400, "MalformedXML")


def test_where_ownership_is_enforced_no_acl_may_be_given(s3: Any) -> None:
    name = f"test-{uuid.uuid4().hex}"
    wrong = refused(s3.create_bucket, Bucket=name, ObjectOwnership="BucketOwnerEnforced", ACL="public-read")
    assert wrong == (400, "InvalidBucketAclWithObjectOwnership")
    s3.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerEnforced")
    place = {"Bucket": name, "Key": "k"}
    s3.put_object(**place, ACL="bucket-owner-full-control")
    no_acls = (400, "AccessControlListNotSupported")
    assert refused(s3.put_object, **place, ACL="private") == no_acls
    assert refused(s3.create_multipart_upload, **place, ACL="public-read") == no_acls
    assert refused(s3.copy_object, **place, CopySource=place, ACL="private") == no_acls
    assert refused(s3.put_bucket_acl, Bucket=name, ACL="private") == no_acls
    assert refused(s3.put_object_acl, **place, ACL="private") == no_acls
    s3.delete_object(**place)
    s3.delete_bucket(Bucket=name)


def test_an_acl_may_say_what_is_so(s3: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**place)
    before = s3.get_object_acl(**place)["Grants"], s3.get_bucket_acl(Bucket=bucket)["Grants"]
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    s3.put_object_acl(**place, ACL="private")
    s3.put_object_acl(**place, ACL="bucket-owner-full-control")
    assert (s3.get_object_acl(**place)["Grants"], s3.get_bucket_acl(Bucket=bucket)["Grants"]) == before
    assert refused(s3.put_object_acl, Bucket=bucket, Key="not there", ACL="private") == (404, "NoSuchKey")


def test_an_acl_that_does_not_exist_is_wrong_and_none_is_missing(s3: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**place)
    for put, of in ((s3.put_bucket_acl, {"Bucket": bucket}), (s3.put_object_acl, place)):
        assert refused(put, **of, ACL="public-ready") == (400, "InvalidArgument")
        assert refused(put, **of) == (400, "MissingSecurityHeader")


def test_retention_and_legal_hold_where_nothing_is_locked(s3: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**place)
    missing = (400, "InvalidRequest")
    assert refused(s3.get_object_retention, **place) == missing
    assert refused(s3.put_object_retention, **place, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": 1_900_000_000}) == missing
    assert refused(s3.get_object_legal_hold, **place) == missing
    assert refused(s3.put_object_legal_hold, **place, LegalHold={"Status": "ON"}) == missing
    lock = {"ObjectLockEnabled": "Enabled"}
    assert refused(s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration=lock) == (409, "InvalidBucketState")


def test_a_read_does_not_ignore_a_header_that_asks_for_encryption(s3: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**place, Body=b"x")

    def ask(params: dict[str, Any], **_: Any) -> None:
        params["headers"]["x-amz-server-side-encryption"] = "aws:kms"

    for name in ("GetObject", "HeadObject"):
        s3.meta.events.register(f"before-call.s3.{name}", ask)
    try:
        assert refused(s3.get_object, **place) == (400, "InvalidArgument")
        assert refused(s3.head_object, **place)[0] == 400
    finally:
        for name in ("GetObject", "HeadObject"):
            s3.meta.events.unregister(f"before-call.s3.{name}", ask)


def test_a_bucket_goes_with_its_uncompleted_uploads_but_not_with_versions(s3: Any) -> None:
    name = f"test-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "a", "b"):
        upload = s3.create_multipart_upload(Bucket=name, Key=key)["UploadId"]
        s3.upload_part(Bucket=name, Key=key, UploadId=upload, PartNumber=1, Body=b"x" * 200_000)
    marker = s3.delete_object(Bucket=name, Key="hidden")["VersionId"]
    assert refused(s3.delete_bucket, Bucket=name) == (409, "BucketNotEmpty")
    assert len(s3.list_multipart_uploads(Bucket=name)["Uploads"]) == 3
    s3.delete_object(Bucket=name, Key="hidden", VersionId=marker)
    s3.delete_bucket(Bucket=name)
    s3.create_bucket(Bucket=name)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=name)
    s3.delete_bucket(Bucket=name)


def test_m156_a_name_that_somebody_else_has(serve: Any, tmp_path: Any) -> None:
    file = tmp_path / "users.toml"
    file.write_text(USERS)
    server = serve(bootstrap=file, workers=1)
    clients = {}
    for name in ("ANN", "BEN"):
        server.access_key, server.secret_key = f"{name}TESTACCESSKEY0001", f"{name.lower()}-test-secret-key-0000000000000000001"
        clients[name] = make_client(server)
    clients["ANN"].create_bucket(Bucket="anns-bucket")
    assert refused(clients["BEN"].create_bucket, Bucket="anns-bucket") == (409, "BucketAlreadyExists")
    assert refused(clients["BEN"].list_objects_v2, Bucket="anns-bucket") == (403, "AccessDenied")
    clients["ANN"].create_bucket(Bucket="anns-bucket")
