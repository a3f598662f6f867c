"""Objects through boto3 and raw HTTP against a running server: put, get, head, delete, copy, tags, attributes."""

from __future__ import annotations

import hashlib
import os
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import make_client
from tests.serving import Server

LARGE = os.urandom(6 * 1024 * 1024 + 123)
ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "XXHASH64", "XXHASH3", "XXHASH128")


def refused(call: Any, **given: Any) -> tuple[int, str]:
    """The status and code with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(**given)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


@pytest.mark.parametrize("data", [b"", b"hello", LARGE], ids=["empty", "small", "large"])
def test_put_get_head_delete_M160_M161_M162_M164_M232_M233(s3: Any, bucket: str, data: bytes) -> None:
    etag = f'"{hashlib.md5(data).hexdigest()}"'
    assert s3.put_object(Bucket=bucket, Key="dir/a b+c.txt", Body=data)["ETag"] == etag
    got = s3.get_object(Bucket=bucket, Key="dir/a b+c.txt")
    assert got["Body"].read() == data
    assert (got["ETag"], got["ContentType"], got["AcceptRanges"], got["ContentLength"]) == (etag, "text/plain", "bytes", len(data))
    assert abs((got["LastModified"] - datetime.now(UTC)).total_seconds()) < 60
    head = s3.head_object(Bucket=bucket, Key="dir/a b+c.txt")
    assert (head["ETag"], head["ContentLength"]) == (etag, len(data))
    for _ in range(2):
        assert s3.delete_object(Bucket=bucket, Key="dir/a b+c.txt")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.get_object, Bucket=bucket, Key="dir/a b+c.txt") == (404, "NoSuchKey")
    assert refused(s3.head_object, Bucket=bucket, Key="dir/a b+c.txt") == (404, "404")


def test_headers_come_back_M72_M167(s3: Any, bucket: str) -> None:
    given = {
        "CacheControl": "no-cache", "ContentDisposition": 'attachment; filename="x"', "ContentLanguage": "de", "ContentType": "text/bla",
        "ContentEncoding": "gzip", "Metadata": {"meta1": "v", "empty": ""}, "StorageClass": "STANDARD_IA", "WebsiteRedirectLocation": "/b",
    }  # fmt: skip
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", Expires=datetime(2030, 1, 1, tzinfo=UTC), Tagging="k=v", **given)
    for found in (s3.head_object(Bucket=bucket, Key="a"), s3.get_object(Bucket=bucket, Key="a")):
        assert {name: found[name] for name in given} == given
        assert found["ExpiresString"] == "Tue, 01 Jan 2030 00:00:00 GMT"
        assert found["ResponseMetadata"]["HTTPHeaders"]["x-amz-tagging-count"] == "1"
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ContentEncoding="aws-chunked, gzip")
    assert s3.head_object(Bucket=bucket, Key="a")["ContentEncoding"] == "gzip"


@pytest.mark.parametrize("data", [b"body", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_checksums_are_verified_stored_and_told(s3: Any, bucket: str, algorithm: str, data: bytes) -> None:
    member = f"Checksum{algorithm}"
    value = s3.put_object(Bucket=bucket, Key="a", Body=data, ChecksumAlgorithm=algorithm)[member]
    assert member not in s3.head_object(Bucket=bucket, Key="a")
    found = s3.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert (found[member], found["ChecksumType"]) == (value, "FULL_OBJECT")
    assert found["Body"].read() == data  # boto3 verifies the checksum while it reads
    wrong = ("B" if value[0] == "A" else "A") + value[1:]
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=data, **{member: wrong}) == (400, "BadDigest")
    assert refused(s3.head_object, Bucket=bucket, Key="b") == (404, "404")


def test_without_a_checksum_the_store_computes_one_M32(server: Server, bucket: str) -> None:
    plain = make_client(server, request_checksum_calculation="when_required", response_checksum_validation="when_required")
    assert plain.put_object(Bucket=bucket, Key="a", Body=b"123456789")["ChecksumCRC64NVME"] == "rosUhgp5mIg="
    assert refused(plain.put_object, Bucket=bucket, Key="b", Body=b"x", ContentMD5="rL0Y20xC+Fzt72VPzMSk2A==") == (400, "BadDigest")
    assert refused(plain.put_object, Bucket=bucket, Key="b", Body=b"x", ContentMD5="YWJyYWNhZGFicmE=") == (400, "InvalidDigest")


def test_ranges_and_their_refusal(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=LARGE)
    size = len(LARGE)
    for text, start, end in (("bytes=4-7", 4, 8), ("bytes=3145728-5242880", 3145728, 5242881), ("bytes=-7", size - 7, size), ("bytes=9-", 9, size)):
        got = s3.get_object(Bucket=bucket, Key="a", Range=text)
        assert got["Body"].read() == LARGE[start:end]
        assert (got["ResponseMetadata"]["HTTPStatusCode"], got["ContentRange"]) == (206, f"bytes {start}-{end - 1}/{size}")
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="a", Range=f"bytes={size}-")
    assert error.value.response["Error"]["Code"] == "InvalidRange"
    assert error.value.response["Error"]["ActualObjectSize"] == str(size)
    assert refused(s3.head_object, Bucket=bucket, Key="a", PartNumber=2)[0] == 416


def test_conditional_reads(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="a", Body=b"bar")["ETag"]
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="a", IfNoneMatch=etag)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 304
    assert error.value.response["ResponseMetadata"]["HTTPHeaders"]["etag"] == etag
    assert refused(s3.get_object, Bucket=bucket, Key="a", IfMatch='"other"') == (412, "PreconditionFailed")
    assert refused(s3.get_object, Bucket=bucket, Key="a", IfUnmodifiedSince=datetime(1994, 10, 29, tzinfo=UTC)) == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="a", IfModifiedSince=datetime(1994, 10, 29, tzinfo=UTC))["Body"].read() == b"bar"


@pytest.mark.parametrize("size", [10, 300_000])
def test_one_of_two_racing_writers_wins_M184(server: Server, bucket: str, size: int) -> None:
    writers = 6
    barrier = threading.Barrier(writers)

    def write(number: int) -> str:
        client = make_client(server)
        barrier.wait()
        try:
            client.put_object(Bucket=bucket, Key="lock", Body=bytes([number]) * size, IfNoneMatch="*")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return f"won {number}"

    with ThreadPoolExecutor(writers) as pool:
        outcomes = list(pool.map(write, range(writers)))
    won = [outcome for outcome in outcomes if outcome.startswith("won")]
    assert len(won) == 1 and outcomes.count("PreconditionFailed") == writers - 1
    body = make_client(server).get_object(Bucket=bucket, Key="lock")["Body"].read()
    assert body == bytes([int(won[0][4:])]) * size


def test_acl_headers_are_honoured_or_refused_M163(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", ACL="private")
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=b"x", ACL="public-ready") == (400, "InvalidArgument")
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=b"x", GrantRead='id="x"') == (400, "InvalidArgument")
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=b"x", WriteOffsetBytes=1) == (501, "NotImplemented")
    assert refused(s3.head_object, Bucket=bucket, Key="b") == (404, "404")


def test_bulk_delete_M165(s3: Any, bucket: str) -> None:
    keys = [f"k{number}<&>é" for number in range(20)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in (*keys, "absent")]})
    assert [row["Key"] for row in answer["Deleted"]] == [*keys, "absent"] and "Errors" not in answer
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "absent"}, {"Key": "a", "VersionId": "b!"}], "Quiet": True})
    assert "Deleted" not in quiet and [row["Key"] for row in quiet["Errors"]] == ["a"]
    many = {"Objects": [{"Key": f"k{number}"} for number in range(1001)]}
    assert refused(s3.delete_objects, Bucket=bucket, Delete=many) == (400, "MalformedXML")


def test_versions_are_read_hidden_and_removed(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"0")
    assert s3.head_object(Bucket=bucket, Key="a", VersionId="null")["ContentLength"] == 1
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["VersionId"]
    deleted = s3.delete_object(Bucket=bucket, Key="a")
    assert deleted["DeleteMarker"] is True
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="a")
    headers = error.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["x-amz-delete-marker"], headers["x-amz-version-id"]) == ("true", deleted["VersionId"])
    assert refused(s3.get_object, Bucket=bucket, Key="a", VersionId=deleted["VersionId"]) == (405, "MethodNotAllowed")
    assert refused(s3.get_object, Bucket=bucket, Key="a", VersionId="0" * 32) == (404, "NoSuchVersion")
    assert refused(s3.get_object, Bucket=bucket, Key="a", VersionId="not/an id") == (400, "InvalidArgument")
    assert s3.get_object(Bucket=bucket, Key="a", VersionId=first)["Body"].read() == b"1"
    rows = [{"Key": "a", "VersionId": deleted["VersionId"]}, {"Key": "a", "VersionId": first}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": rows})["Deleted"]
    assert answer[0]["DeleteMarker"] is True and "DeleteMarker" not in answer[1]
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"0"


@pytest.mark.parametrize("key", ["foo?bar", "a b", "é", "a+b", "a%25b", "?versionId", "&", "a/../b"])
def test_copies_of_keys_of_every_kind_M166(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=b"data", Metadata={"k": "v"}, ContentType="audio/ogg")
    result = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})["CopyObjectResult"]
    assert result["ETag"] == f'"{hashlib.md5(b"data").hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="copy")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (b"data", {"k": "v"}, "audio/ogg")


def test_copies_share_bytes_that_outlive_their_source_M166_M167_M168(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=LARGE)
    source = {"Bucket": bucket, "Key": "a"}
    assert refused(s3.copy_object, Bucket=bucket, Key="a", CopySource=source) == (400, "InvalidRequest")
    s3.copy_object(Bucket=bucket, Key="a", CopySource=source, Metadata={"x": "y"}, MetadataDirective="REPLACE")
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"] == {"x": "y"}
    assert s3.copy_object(Bucket=bucket, Key="b", CopySource=source, ChecksumAlgorithm="SHA256")["CopyObjectResult"]["ChecksumSHA256"]
    s3.delete_object(Bucket=bucket, Key="a")
    assert s3.get_object(Bucket=bucket, Key="b", ChecksumMode="ENABLED")["Body"].read() == LARGE
    assert refused(s3.copy_object, Bucket=bucket, Key="c", CopySource=source) == (404, "NoSuchKey")
    assert refused(s3.copy_object, Bucket=bucket, Key="c", CopySource="absent-bucket-x/a") == (404, "NoSuchBucket")


def test_tags_M170_M171_M172(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", Tagging="b=2&a=1%20x")
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "a", "Value": "1 x"}, {"Key": "b", "Value": "2"}]
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "c", "Value": "3"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "c", "Value": "3"}]
    excess = {"TagSet": [{"Key": str(number), "Value": ""} for number in range(11)]}
    assert refused(s3.put_object_tagging, Bucket=bucket, Key="a", Tagging=excess) == (400, "InvalidTag")
    assert s3.delete_object_tagging(Bucket=bucket, Key="a")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == []
    assert refused(s3.get_object_tagging, Bucket=bucket, Key="absent") == (404, "NoSuchKey")


def test_attributes_of_a_multipart_object(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", ChecksumAlgorithm="SHA256")["UploadId"]
    bodies = [LARGE[: 5 << 20], LARGE[5 << 20 :]]
    parts = []
    for number, body in enumerate(bodies, 1):
        answer = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"ETag": answer["ETag"], "PartNumber": number, "ChecksumSHA256": answer["ChecksumSHA256"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload, MultipartUpload={"Parts": parts})
    wanted = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    found = s3.get_object_attributes(Bucket=bucket, Key="m", ObjectAttributes=wanted, MaxParts=1, PartNumberMarker=1)
    assert found["ETag"].endswith("-2") and found["ObjectSize"] == len(LARGE) and found["StorageClass"] == "STANDARD"
    assert found["Checksum"]["ChecksumType"] == "COMPOSITE"
    page = found["ObjectParts"]
    assert (page["TotalPartsCount"], page["PartNumberMarker"], page["IsTruncated"]) == (2, 1, False)
    assert [(part["PartNumber"], part["Size"]) for part in page["Parts"]] == [(2, len(bodies[1]))]
    second = s3.get_object(Bucket=bucket, Key="m", PartNumber=2, ChecksumMode="ENABLED")
    assert second["Body"].read() == bodies[1] and second["PartsCount"] == 2
    copied = s3.copy_object(Bucket=bucket, Key="n", CopySource={"Bucket": bucket, "Key": "m"})["CopyObjectResult"]
    assert (copied["ETag"], copied["ChecksumType"]) == (f'"{hashlib.md5(LARGE).hexdigest()}"', "FULL_OBJECT")


def test_presigned_urls_carry_response_overrides(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a", Body=b"bar", CacheControl="no-cache")
    overrides = {"ResponseContentType": "text/x", "ResponseContentDisposition": "attachment", "ResponseCacheControl": "max-age=1"}
    with urllib.request.urlopen(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a", **overrides})) as answer:
        assert answer.read() == b"bar"
        headers = answer.headers
    assert (headers["Content-Type"], headers["Content-Disposition"], headers["Cache-Control"]) == ("text/x", "attachment", "max-age=1")


def test_a_form_content_type_is_stored_never_parsed_M70_M71(server: Server, s3: Any, bucket: str) -> None:
    url = make_client(server, signature_version="s3v4").generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a"})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with urllib.request.urlopen(urllib.request.Request(url, b"a=b&c=d", headers, method="PUT")) as answer:
        assert answer.status == 200 and answer.headers["ETag"] == f'"{hashlib.md5(b"a=b&c=d").hexdigest()}"'
    found = s3.get_object(Bucket=bucket, Key="a")
    assert (found["Body"].read(), found["ContentType"]) == (b"a=b&c=d", "application/x-www-form-urlencoded")


def test_limits_are_refused_before_the_body_M80(server: Server, s3: Any, bucket: str) -> None:
    assert refused(s3.put_object, Bucket=bucket, Key="k" * 1025, Body=b"x") == (400, "KeyTooLongError")
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "x" * 2048}) == (400, "MetadataTooLarge")
    url = make_client(server, signature_version="s3v4").generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    request = urllib.request.Request(url, b"", {"Content-Length": str(5 * 1024**3 + 1), "Connection": "close"}, method="PUT")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=20)
    assert error.value.code == 400 and b"<Code>EntityTooLarge</Code>" in error.value.read()


def test_readers_of_an_overwritten_object_see_one_whole_version(server: Server, s3: Any, bucket: str) -> None:
    size = 1 << 20
    s3.put_object(Bucket=bucket, Key="a", Body=b"0" * size)
    stop = threading.Event()

    def overwrite() -> None:
        client = make_client(server)
        for number in range(1, 16):
            client.put_object(Bucket=bucket, Key="a", Body=b"%x" % number * size)
        stop.set()

    writer = threading.Thread(target=overwrite)
    writer.start()
    while not stop.is_set():
        body = s3.get_object(Bucket=bucket, Key="a")["Body"].read()
        assert len(body) == size and len(set(body)) == 1
    writer.join()
