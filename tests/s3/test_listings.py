"""Listings with boto3 against a running server (M169, M226, M228-M231)."""

from __future__ import annotations

import urllib.request
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError

NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
KEYS = ["a b+c&<>\"'", "dir/1", "dir/2", "dir/sub/3", "new-prefix/sample-object.txt", "z\u00fc\U0001f600", "~"]


@pytest.fixture
def filled(s3: Any, bucket: str) -> str:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


@pytest.mark.parametrize("name", ["list_objects", "list_objects_v2", "list_object_versions"])
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_m169_m226_pages(s3: Any, filled: str, name: str, size: int) -> None:
    rows = "Versions" if name == "list_object_versions" else "Contents"
    limit = {"MaxKeys": size}
    pages = list(s3.get_paginator(name).paginate(Bucket=filled, **limit))
    assert [row["Key"] for page in pages for row in page.get(rows, [])] == KEYS
    assert all(len(page.get(rows, [])) <= size for page in pages)
    pages = list(s3.get_paginator(name).paginate(Bucket=filled, Delimiter="/", **limit))
    assert [row["Key"] for page in pages for row in page.get(rows, [])] == [key for key in KEYS if "/" not in key]
    assert [row["Prefix"] for page in pages for row in page.get("CommonPrefixes", [])] == ["dir/", "new-prefix/"]
    pages = list(s3.get_paginator(name).paginate(Bucket=filled, Prefix="dir/", Delimiter="/", **limit))
    assert [row["Key"] for page in pages for row in page.get(rows, [])] == ["dir/1", "dir/2"]
    assert [row["Prefix"] for page in pages for row in page.get("CommonPrefixes", [])] == ["dir/sub/"]


def test_m228_to_m231_as_curl_sees_it(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="new-prefix/sample-object.txt", Body=b"text")
    url = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket})
    with urllib.request.urlopen(url) as answer:
        body = answer.read()
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/xml; charset=UTF-8"
        assert int(answer.headers["content-length"]) == len(body)
    assert body.startswith(b"<?xml version=")
    root = ElementTree.fromstring(body)
    assert root.tag == NS + "ListBucketResult"
    texts = {element.tag.removeprefix(NS): element.text or "" for element in root}
    assert {name: texts[name] for name in ("KeyCount", "Name", "Prefix", "MaxKeys", "IsTruncated")} == {
        "KeyCount": "1", "Name": bucket, "Prefix": "", "MaxKeys": "1000", "IsTruncated": "false",
    }  # fmt: skip
    row = {element.tag.removeprefix(NS): element.text for element in root.find(NS + "Contents") or []}
    assert (row["Key"], row["Size"], row["StorageClass"]) == ("new-prefix/sample-object.txt", "4", "STANDARD")
    assert row["ETag"] == '"1cb251ec0d568de6a929b520c4aed8d1"' and b"&quot;" in body
    assert (row["LastModified"] or "").endswith(".000Z")
    assert "Owner" not in row


def test_the_date_of_a_listing_is_last_modified(s3: Any, filled: str) -> None:
    row = s3.list_objects_v2(Bucket=filled, FetchOwner=True)["Contents"][0]
    head = s3.head_object(Bucket=filled, Key=row["Key"])
    assert (row["LastModified"], row["ETag"], row["Size"]) == (head["LastModified"], head["ETag"], head["ContentLength"])
    assert row["ChecksumAlgorithm"] and row["ChecksumType"] == "FULL_OBJECT"
    owner = s3.list_buckets()["Owner"]
    assert row["Owner"]["ID"] == owner["ID"]


@pytest.mark.parametrize("wrong", [{"MaxKeys": -1}, {"ContinuationToken": "made-up"}])
def test_what_is_refused(s3: Any, bucket: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as error:
        s3.list_objects_v2(Bucket=bucket, **wrong)
    assert error.value.response["Error"]["Code"] == "InvalidArgument"


def test_max_keys_that_is_no_number(s3: Any, bucket: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        url = s3.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket})
        urllib.request.urlopen(url + "&max-keys=blah")
    assert error.value.code in (400, 403)
