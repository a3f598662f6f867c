"""Buckets with boto3 against a running server (M28-M30, M155-M159, M222, M223, M234, M236)."""

from __future__ import annotations

import http.client
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.conftest import make_client


def refused(call: Any, *args: Any, **kwargs: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as error:
        call(*args, **kwargs)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def fresh() -> str:
    return f"test-{uuid.uuid4().hex[:16]}"


def test_m28_m157_head_bucket(s3: Any, bucket: str) -> None:
    answer = s3.head_bucket(Bucket=bucket)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["BucketRegion"] == "us-east-1"
    assert refused(s3.head_bucket, Bucket=fresh()) == (404, "404")


def test_m30_create_if_missing(s3: Any) -> None:
    name = fresh()
    said = []
    for _ in range(2):
        try:
            s3.head_bucket(Bucket=name)
            said.append("already exists")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "404"
            s3.create_bucket(Bucket=name)
            said.append("created")
    s3.delete_bucket(Bucket=name)
    assert said == ["created", "already exists"]


def test_m29_m237_no_location_constraint_outside_us_east_1(serve: Any) -> None:
    server = serve(region="ap-hyderabad-1", workers=1)
    client = make_client(server)
    client.create_bucket(Bucket="plain")
    client.create_bucket(Bucket="constraint", CreateBucketConfiguration={"LocationConstraint": "ap-hyderabad-1"})
    assert client.get_bucket_location(Bucket="plain")["LocationConstraint"] == "ap-hyderabad-1"
    other = {"LocationConstraint": "eu-west-1"}
    assert refused(client.create_bucket, Bucket="other", CreateBucketConfiguration=other) == (400, "IllegalLocationConstraintException")
    assert refused(client.create_bucket, Bucket="plain") == (409, "BucketAlreadyOwnedByYou")


def test_m156_names(s3: Any) -> None:
    for name in ("ab", "UPPER", "under_score", "a..b", "192.168.5.123", "end-"):
        if "_" not in name:  # botocore refuses some itself
            assert refused(s3.create_bucket, Bucket=name)[0] == 400
    assert refused(s3.create_bucket, Bucket="under_score")[1] == "InvalidBucketName"


def test_m156_what_a_bucket_cannot_be_is_refused(s3: Any) -> None:
    assert refused(s3.create_bucket, Bucket=fresh(), ACL="public-ready") == (400, "InvalidArgument")
    assert refused(s3.create_bucket, Bucket=fresh(), GrantRead="id=x") == (400, "InvalidArgument")


def test_m158_m234_delete_only_when_empty(s3: Any) -> None:
    name = fresh()
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert refused(s3.delete_bucket, Bucket=name) == (409, "BucketNotEmpty")
    s3.delete_object(Bucket=name, Key="k")
    assert s3.delete_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.delete_bucket, Bucket=name) == (404, "NoSuchBucket")


def test_m159_location(s3: Any, bucket: str) -> None:
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_m155_list_buckets(s3: Any) -> None:
    prefix = fresh()
    names = [f"{prefix}-{number}" for number in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    answer = s3.list_buckets(Prefix=prefix)
    assert [each["Name"] for each in answer["Buckets"]] == names
    assert abs(answer["Buckets"][0]["CreationDate"] - datetime.now(UTC)) < timedelta(minutes=1)
    assert answer["Owner"]["ID"]
    pages = list(s3.get_paginator("list_buckets").paginate(Prefix=prefix, MaxBuckets=2))
    assert [[each["Name"] for each in page["Buckets"]] for page in pages] == [names[:2], names[2:4], names[4:]]
    for name in names:
        s3.delete_bucket(Bucket=name)


def test_m222_m223_curl_puts_a_bucket_without_body_and_length(s3: Any, server: Any) -> None:
    name = fresh()
    url = urlsplit(s3.generate_presigned_url("create_bucket", Params={"Bucket": name}))
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    connection.putrequest("PUT", f"{url.path}?{url.query}", skip_accept_encoding=True)
    connection.endheaders()  # no Content-Length, no body
    answer = connection.getresponse()
    answer.read()
    assert (answer.status, answer.getheader("location")) == (200, f"/{name}")
    request_id = answer.getheader("x-amz-request-id") or ""
    assert len(request_id) == 16 and int(request_id, 16) >= 0
    connection.close()
    s3.delete_bucket(Bucket=name)


def test_versioning(s3: Any, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for status in ("Suspended", "Enabled"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True
    listed = s3.list_object_versions(Bucket=bucket)
    assert [row["VersionId"] for row in listed["Versions"]] == [second, first]
    assert [row["VersionId"] for row in listed["DeleteMarkers"]] == [marker["VersionId"]]
    assert refused(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"1"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"null 1")
    s3.put_object(Bucket=bucket, Key="k", Body=b"null 2")
    assert [row["VersionId"] for row in s3.list_object_versions(Bucket=bucket)["Versions"]] == ["null", second, first]
    wrong = {"Status": "Enabled", "MFADelete": "Enabled"}
    assert refused(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=wrong) == (501, "NotImplemented")
