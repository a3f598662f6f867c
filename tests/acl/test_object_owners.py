"""What the owner of a bucket may do with what others own in it: list, delete and write over it, and read, tag and share it only if he is let in."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.acl.people import ANONYMOUS, DENIED, IDS, refused
from tests.acl.test_matrix import allowed
from tests.conftest import empty_bucket

People = dict[str, Any]
OWNERSHIPS = ("", "ObjectWriter", "BucketOwnerPreferred")
ATTRIBUTES = {"ObjectAttributes": ["ETag", "ObjectSize"]}
TAGS = {"Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}

READS: dict[str, dict[str, Any]] = {"get_object": {}, "head_object": {}}
REST: dict[str, dict[str, Any]] = {
    "get_object_attributes": ATTRIBUTES,
    "get_object_tagging": {},
    "put_object_tagging": TAGS,
    "delete_object_tagging": {},
    "get_object_acl": {},
    "put_object_acl": {"ACL": "private"},
}


def controls(ownership: str) -> dict[str, Any]:
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": ownership}]}}


@pytest.fixture(params=OWNERSHIPS, ids=["none", *OWNERSHIPS[1:]])
def shared(request: pytest.FixtureRequest, people: People, anns: str) -> str:
    """A bucket of Ann's with versions, into which everybody may write, under each ownership that leaves an object to its writer."""
    ann = people["ann"]
    if request.param:
        ann.put_bucket_ownership_controls(Bucket=anns, **controls(request.param))
    ann.put_bucket_acl(Bucket=anns, ACL="public-read-write")
    ann.put_bucket_versioning(Bucket=anns, VersioningConfiguration={"Status": "Enabled"})
    return anns


@pytest.fixture
def another(people: People) -> Iterator[str]:
    """A second bucket of Ann's."""
    name = f"acl-{uuid.uuid4().hex[:16]}"
    people["ann"].create_bucket(Bucket=name)
    yield name
    empty_bucket(people["ann"], name)
    people["ann"].delete_bucket(Bucket=name)


def copies(client: Any, bucket: str, key: str, version: str, target: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every way to have the store copy the bytes."""
    for named in ({}, {"VersionId": version}):
        source = {"Bucket": bucket, "Key": key, **named}
        yield f"copy {named}", lambda source=source: client.copy_object(Bucket=target, Key="copy", CopySource=source)  # type: ignore[misc]
        upload = {"Bucket": target, "Key": "parts", "UploadId": client.create_multipart_upload(Bucket=target, Key="parts")["UploadId"]}
        yield f"part {named}", lambda upload=upload, source=source: client.upload_part_copy(  # type: ignore[misc]
            **upload, PartNumber=1, CopySource=source
        )
    yield "onto itself", lambda: client.copy_object(
        Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": key}, MetadataDirective="REPLACE", Metadata={"a": "b"}
    )


def may(call: Callable[[], Any]) -> bool:
    """Whether it was let through: 403 is the only way to be kept out."""
    try:
        call()
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        return False
    return True


def test_m136_what_is_anothers_is_closed_to_the_owner_of_the_bucket(people: People, shared: str, another: str) -> None:
    ann, ben = people["ann"], people["ben"]
    version = ben.put_object(Bucket=shared, Key="bens", Body=b"ben's", Tagging="c=d")["VersionId"]
    for operation, given in {**READS, **REST}.items():
        for place in ({"Bucket": shared, "Key": "bens"}, {"Bucket": shared, "Key": "bens", "VersionId": version}):
            assert not allowed(ann, operation, {**place, **given}), (operation, place)
            assert allowed(ben, operation, {**place, **given}), (operation, place)
    for name, copy in copies(ann, shared, "bens", version, another):
        assert not may(copy), name
    assert refused(ann.get_object, Bucket=shared, Key="bens", Range="bytes=0-1") == DENIED
    etag = ben.head_object(Bucket=shared, Key="bens")["ETag"]
    assert refused(ann.get_object, Bucket=shared, Key="bens", IfNoneMatch=etag) == DENIED
    ben.put_object_tagging(Bucket=shared, Key="bens", **TAGS)
    assert ben.get_object_tagging(Bucket=shared, Key="bens")["TagSet"] == TAGS["Tagging"]["TagSet"]  # nothing of Ann's was done
    assert ben.get_object(Bucket=shared, Key="bens")["Body"].read() == b"ben's"
    assert "Contents" not in ann.list_objects_v2(Bucket=another)


def test_m136_a_presigned_read_of_what_is_anothers_is_refused_after_one_of_ones_own(people: People, shared: str) -> None:
    """Also in a bucket without settings, where reads that are alike take the short way."""
    ann, ben = people["ann"], people["ben"]
    ann.put_object(Bucket=shared, Key="k", Body=b"ann's")
    ann.put_bucket_acl(Bucket=shared, ACL="public-read-write")
    for _ in range(3):
        assert read(ann.generate_presigned_url("get_object", {"Bucket": shared, "Key": "k"})) == (200, b"ann's")
    ben.put_object(Bucket=shared, Key="k", Body=b"ben's")
    ann.put_bucket_acl(Bucket=shared, ACL="private")
    ann.delete_bucket_ownership_controls(Bucket=shared)
    for method in ("get_object", "head_object"):
        for _ in range(2):
            assert read(ann.generate_presigned_url(method, {"Bucket": shared, "Key": "k"}), method)[0] == 403
        assert read(ben.generate_presigned_url(method, {"Bucket": shared, "Key": "k"}), method)[0] == 200


def read(url: str, method: str = "get_object") -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="GET" if method == "get_object" else "HEAD")) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def test_m136_the_owner_of_the_bucket_lists_deletes_and_writes_over_what_is_anothers(people: People, shared: str) -> None:
    ann, ben = people["ann"], people["ben"]
    versions = [ben.put_object(Bucket=shared, Key="bens", Body=b"ben's")["VersionId"] for _ in range(5)]
    for rows in (ann.list_objects(Bucket=shared)["Contents"], ann.list_objects_v2(Bucket=shared, FetchOwner=True)["Contents"]):
        assert [(row["Key"], row["Size"], row["Owner"]["ID"]) for row in rows] == [("bens", 5, IDS["ben"])]
    assert len(ann.list_object_versions(Bucket=shared)["Versions"]) == 5
    ann.delete_object(Bucket=shared, Key="bens", VersionId=versions[0])
    ann.delete_objects(Bucket=shared, Delete={"Objects": [{"Key": "bens", "VersionId": versions[1]}]})
    ann.delete_object(Bucket=shared, Key="bens")
    assert refused(ann.get_object, Bucket=shared, Key="bens")[0] == 404
    ann.put_object(Bucket=shared, Key="bens", Body=b"ann's now")
    assert ann.get_object(Bucket=shared, Key="bens")["Body"].read() == b"ann's now"
    for version in versions[2:]:
        assert refused(ann.get_object, Bucket=shared, Key="bens", VersionId=version) == DENIED
        ann.delete_object(Bucket=shared, Key="bens", VersionId=version)
        assert refused(ann.get_object, Bucket=shared, Key="bens", VersionId=version) == (404, "NoSuchVersion")
    upload = {"Bucket": shared, "Key": "u"}
    upload["UploadId"] = ben.create_multipart_upload(**upload)["UploadId"]
    assert ann.list_parts(**upload)["Initiator"]["ID"] == IDS["ben"]
    ann.abort_multipart_upload(**upload)


def test_m136_lists_let_the_owner_of_the_bucket_in(people: People, shared: str, another: str) -> None:
    ann, ben = people["ann"], people["ben"]
    place = {"Bucket": shared, "Key": "bens"}
    version = ben.put_object(**place, Body=b"ben's")["VersionId"]
    for given, operations in (
        ({"ACL": "bucket-owner-read"}, READS.keys()),
        ({"ACL": "public-read"}, READS.keys()),
        ({"GrantRead": f"id={IDS['ann']}"}, READS.keys()),
        ({"GrantReadACP": f"id={IDS['ann']}"}, {"get_object_acl"}),
        ({"GrantWriteACP": f"id={IDS['ann']}"}, {"put_object_acl"}),
        ({"GrantFullControl": f"id={IDS['eve']}"}, set[str]()),
        ({"GrantFullControl": f"id={IDS['ann']}"}, {**READS, **REST}.keys()),
        ({"ACL": "bucket-owner-full-control"}, {**READS, **REST}.keys()),
    ):
        for operation, more in {**READS, **REST}.items():
            ben.put_object_acl(**place, **given)
            assert allowed(ann, operation, {**place, **more}) is (operation in operations), (given, operation)
        ben.put_object_acl(**place, **given)
        for name, copy in copies(ann, shared, "bens", version, another):
            if name != "onto itself":
                assert may(copy) is ("get_object" in operations), (given, name)
    assert not allowed(people["eve"], "get_object_tagging", place)
    ben.put_object_acl(**place, ACL="private")
    assert refused(ann.get_object, **place) == DENIED


def test_m136_settings_of_the_bucket_let_its_owner_in(people: People, shared: str) -> None:
    """To take over what others wrote is a change of settings that shows: S3's BucketOwnerEnforced, or, as in Ceph, a policy."""
    ann, ben = people["ann"], people["ben"]
    place = {"Bucket": shared, "Key": "bens"}
    ben.put_object(**place, Body=b"ben's")
    statement = {
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam:::user/ann"}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{shared}/*",
    }  # fmt: skip
    ann.put_bucket_policy(Bucket=shared, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert ann.get_object(**place)["Body"].read() == b"ben's"
    assert refused(ann.get_object_acl, **place) == DENIED
    ann.delete_bucket_policy(Bucket=shared)
    assert refused(ann.get_object, **place) == DENIED
    ann.put_bucket_acl(Bucket=shared, ACL="private")
    ann.put_bucket_ownership_controls(Bucket=shared, **controls("BucketOwnerEnforced"))
    assert ann.get_object(**place)["Body"].read() == b"ben's"
    for operation, more in REST.items():
        if operation != "put_object_acl":
            assert allowed(ann, operation, {**place, **more}), operation
            assert not allowed(ben, operation, {**place, **more}), operation
    ann.delete_bucket_ownership_controls(Bucket=shared)
    assert refused(ann.get_object, **place) == DENIED
    assert ben.get_object(**place)["Body"].read() == b"ben's"


def test_m136_what_is_given_up_with_the_upload_is_the_owners_of_the_bucket(people: People, anns: str) -> None:
    ann, ben = people["ann"], people["ben"]
    ann.put_bucket_acl(Bucket=anns, ACL="public-read-write")
    ann.put_bucket_ownership_controls(Bucket=anns, **controls("BucketOwnerPreferred"))
    ben.put_object(Bucket=anns, Key="given", Body=b"x", ACL="bucket-owner-full-control")
    people[ANONYMOUS].put_object(Bucket=anns, Key="nobodys", Body=b"x")
    for key in ("given", "nobodys"):
        for operation, more in {**READS, **REST}.items():
            assert allowed(ann, operation, {"Bucket": anns, "Key": key, **more}), (key, operation)
            assert not allowed(ben, operation, {"Bucket": anns, "Key": key, **more}), (key, operation)
