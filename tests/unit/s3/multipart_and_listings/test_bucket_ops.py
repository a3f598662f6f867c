"""Bucket operations over an engine, without a server (M28, M29, M155-M159, M222, M223, M234)."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.model import errors
from holdfast.model.identity import User

BUCKET = "my-bucket"
BOB = User(id="bob", name="bob", canonical_id="bob" * 8, display_name="Bob")
ROOT = User(id="root", name="root", canonical_id="root" * 8, display_name="Root", rights="all")


def test_m156_m223_a_new_bucket(store: Any) -> None:
    answer = store.answer("CreateBucket", bucket=BUCKET)
    assert (answer.status, dict(answer.headers)[b"location"], answer.body) == (200, b"/my-bucket", None)
    bucket = store.wait(store.engine.catalog.bucket("default", BUCKET))
    assert (bucket.owner, bucket.region, bucket.versioning, bucket.settings) == ("alice" * 8, "us-east-1", "", {})


def test_creating_it_again(store: Any) -> None:
    store.run("CreateBucket", bucket=BUCKET)
    store.put(BUCKET, "kept")
    assert store.answer("CreateBucket", bucket=BUCKET).status == 200
    assert store.texts("ListObjectsV2", "Contents/Key", bucket=BUCKET) == ["kept"]
    with pytest.raises(errors.BucketAlreadyExists):
        store.run("CreateBucket", by=BOB, bucket=BUCKET)
    store.settings.region = "ap-hyderabad-1"
    store.run("CreateBucket", bucket="elsewhere")
    with pytest.raises(errors.BucketAlreadyOwnedByYou):
        store.run("CreateBucket", bucket="elsewhere")


def test_m29_region(store: Any) -> None:
    store.settings.region = "ap-hyderabad-1"
    store.run("CreateBucket", bucket="no-constraint")
    store.run("CreateBucket", bucket="constraint", create_bucket_configuration={"location_constraint": "ap-hyderabad-1"})
    with pytest.raises(errors.IllegalLocationConstraintException):
        store.run("CreateBucket", bucket="wrong", create_bucket_configuration={"location_constraint": "eu-west-1"})
    assert store.xml("GetBucketLocation", bucket="no-constraint").text == "ap-hyderabad-1"
    assert dict(store.answer("HeadBucket", bucket="constraint").headers)[b"x-amz-bucket-region"] == b"ap-hyderabad-1"


def test_m159_us_east_1_is_an_empty_constraint(store: Any) -> None:
    store.run("CreateBucket", bucket=BUCKET)
    root = store.xml("GetBucketLocation", bucket=BUCKET)
    assert (root.tag, root.text) == ("{http://s3.amazonaws.com/doc/2006-03-01/}LocationConstraint", None)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"acl": "public-read", "object_ownership": "BucketOwnerEnforced"}, errors.InvalidBucketAclWithObjectOwnership),
        ({"acl": "nonsense"}, errors.InvalidArgument),
        ({"object_ownership": "Nobody"}, errors.InvalidArgument),
        ({"create_bucket_configuration": {"tags": [{"key": "a", "value": "b"}]}}, errors.NotImplemented),
        ({"create_bucket_configuration": {"location": {"name": "x", "type": "AvailabilityZone"}}}, errors.NotImplemented),
    ],
)
def test_what_would_make_it_another_bucket_is_refused(store: Any, given: dict[str, Any], error: type[errors.Refusal]) -> None:
    with pytest.raises(error):
        store.run("CreateBucket", bucket=BUCKET, **given)
    assert store.wait(store.engine.catalog.bucket("default", BUCKET)) is None


def test_what_says_private_is_taken(store: Any) -> None:
    store.run("CreateBucket", bucket=BUCKET, acl="private", object_lock_enabled_for_bucket=False, object_ownership="BucketOwnerEnforced")


def test_m156_bad_names(store: Any) -> None:
    for name in ("ab", "A" * 5, "a" * 64, "a..b", "1.2.3.4"):
        with pytest.raises(errors.InvalidBucketName):
            store.run("CreateBucket", bucket=name)


def test_m28_m157_head_bucket(store: Any) -> None:
    with pytest.raises(errors.NoSuchBucket):
        store.run("HeadBucket", bucket=BUCKET)
    store.run("CreateBucket", bucket=BUCKET)
    assert store.answer("HeadBucket", bucket=BUCKET).status == 200


def test_m158_m234_only_an_empty_bucket_is_deleted(store: Any) -> None:
    store.run("CreateBucket", bucket=BUCKET)
    store.put(BUCKET, "k")
    with pytest.raises(errors.BucketNotEmpty):
        store.run("DeleteBucket", bucket=BUCKET)
    bucket = store.wait(store.engine.catalog.bucket("default", BUCKET))
    store.wait(store.engine.catalog.expunge(bucket, "k", "null"))
    assert store.answer("DeleteBucket", bucket=BUCKET).status == 204
    with pytest.raises(errors.NoSuchBucket):
        store.run("DeleteBucket", bucket=BUCKET)


def test_m158_an_object_that_arrives_meanwhile_keeps_the_bucket_and_its_uploads(store: Any) -> None:
    store.run("CreateBucket", bucket=BUCKET)
    upload_id = store.run("CreateMultipartUpload", bucket=BUCKET, key="big")["upload_id"]
    catalog = store.engine.catalog
    delete_bucket = catalog.delete_bucket

    async def after_a_put(bucket_id: int) -> Any:
        """Every look at the bucket is followed by a PutObject before the delete comes."""
        await store.start("PutObject", bucket=BUCKET, key="k", body=store.body(b"x"))
        return await delete_bucket(bucket_id)

    async def before_a_put(bucket_id: int) -> Any:
        try:
            return await delete_bucket(bucket_id)
        finally:
            if await catalog.bucket("default", BUCKET) is not None:
                await store.start("PutObject", bucket=BUCKET, key="k", body=store.body(b"x"))

    catalog.delete_bucket = after_a_put
    with pytest.raises(errors.BucketNotEmpty):
        store.run("DeleteBucket", bucket=BUCKET)
    assert store.texts("ListMultipartUploads", "Upload/UploadId", bucket=BUCKET) == [upload_id]
    store.run("DeleteObject", bucket=BUCKET, key="k")
    catalog.delete_bucket = before_a_put
    assert store.answer("DeleteBucket", bucket=BUCKET).status == 204
    assert store.wait(catalog.stale_uploads(1 << 60)) == []


def test_m155_every_bucket_of_the_caller_and_only_those(store: Any) -> None:
    names = [f"b-{number:04d}" for number in range(1001)]
    store.together([lambda name=name: store.start("CreateBucket", bucket=name) for name in names])
    store.run("CreateBucket", by=BOB, bucket="bobs")
    assert store.texts("ListBuckets", "Buckets/Bucket/Name") == names
    assert store.texts("ListBuckets", "Buckets/Bucket/Name", by=BOB) == ["bobs"]
    for path, text in (("Owner/ID", "bob" * 8), ("Owner/DisplayName", "Bob"), ("Buckets/Bucket/CreationDate", "2026-09-21T14:13:20.000Z")):
        assert store.text("ListBuckets", path, by=BOB) == text


def test_list_buckets_in_pages(store: Any) -> None:
    for name in ("aa-1", "aa-2", "aa-3", "bb-1"):
        store.run("CreateBucket", bucket=name)
    seen, token = [], None
    for _ in range(10):
        page = store.run("ListBuckets", max_buckets=2, prefix="aa", continuation_token=token)
        seen += [bucket["name"] for bucket in page["buckets"]]
        token = page["continuation_token"]
        if token is None:
            break
    assert seen == ["aa-1", "aa-2", "aa-3"]
    assert store.run("ListBuckets", max_buckets=4)["continuation_token"] is None
    assert store.run("ListBuckets", bucket_region="elsewhere")["buckets"] == []
    for wrong in ({"max_buckets": 0}, {"max_buckets": 10_001}, {"max_buckets": -1}, {"continuation_token": "made-up"}):
        with pytest.raises(errors.InvalidArgument):
            store.run("ListBuckets", **wrong)


def test_an_administrator_sees_all(store: Any) -> None:
    store.run("CreateBucket", bucket="alices")
    assert store.texts("ListBuckets", "Buckets/Bucket/Name", by=ROOT) == ["alices"]


def test_m183_versioning_states(store: Any) -> None:
    store.run("CreateBucket", bucket=BUCKET)
    assert store.text("GetBucketVersioning", "Status", bucket=BUCKET) is None
    for status in ("Suspended", "Enabled", "Enabled", "Suspended"):
        assert store.answer("PutBucketVersioning", bucket=BUCKET, versioning_configuration={"status": status}).status == 200
        assert store.text("GetBucketVersioning", "Status", bucket=BUCKET) == status
    with pytest.raises(errors.NotImplemented):
        store.run("PutBucketVersioning", bucket=BUCKET, versioning_configuration={"status": "Enabled", "mfa_delete": "Enabled"})
    with pytest.raises(errors.NotImplemented):
        store.run("PutBucketVersioning", bucket=BUCKET, versioning_configuration={"status": "Enabled"}, mfa="123 456")
    with pytest.raises(errors.IllegalVersioningConfigurationException):
        store.run("PutBucketVersioning", bucket=BUCKET, versioning_configuration={})
