"""Server-side encryption with boto3: each way to ask for it, ranges, copies, parts, defaults of buckets, keys that are disabled (M183, M187)."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cluster_servers import stored_bytes
from tests.conftest import make_client
from tests.serving import ROOT, Server

MARK = b"a-mark-that-no-disk-may-show-" * 8
SSE_S3 = {"ServerSideEncryption": "AES256"}
SSE_KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "testkey-1"}
SSE_C = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
OTHER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "o" * 32}
WAYS = {"s3": SSE_S3, "kms": SSE_KMS, "c": SSE_C}


def to_read(way: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in way.items() if "Customer" in name}


def of_source(way: dict[str, str]) -> dict[str, str]:
    return {"CopySource" + name: value for name, value in to_read(way).items()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("encryption"), workers=1, bootstrap=str(ROOT / "tests" / "s3tests.bootstrap.toml")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def s3(server: Server) -> Any:
    return make_client(server)


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"enc-{os.urandom(6).hex()}"
    s3.create_bucket(Bucket=name)
    return name


def code(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def on_disk(server: Server) -> bytes:
    folder = Path(server.data_dir)
    files = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "access.jsonl")
    return files + (stored_bytes(server.settings["engine"]) if "engine" in server.settings else b"")


@pytest.mark.parametrize("way", WAYS)
def test_M187_what_is_stored_is_read_back_in_any_range_and_nothing_of_it_is_on_the_disk(s3: Any, server: Server, bucket: str, way: str) -> None:
    asked, read = WAYS[way], to_read(WAYS[way])
    mark = f"a-mark-of-{way}-that-no-disk-may-show-".encode() * 8
    for size in (0, 1, 31_000, 32_768, 65_536, 65_537, 300_000, 3 << 20):
        body = (mark + os.urandom(64)) * (size // 200 + 1)
        body = body[:size]
        put = s3.put_object(Bucket=bucket, Key="k", Body=body, **asked)
        assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        answer = s3.get_object(Bucket=bucket, Key="k", **read)
        assert answer["Body"].read() == body and answer["ContentLength"] == size
        for first, last in ((0, 0), (10, 20), (65_530, 65_540), (65_536, 131_072), (size - 1, size - 1)):
            if 0 <= first <= last < size:
                part = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}", **read)
                assert part["Body"].read() == body[first : last + 1]
        head = s3.head_object(Bucket=bucket, Key="k", **read)
        for name in ("ServerSideEncryption", "SSEKMSKeyId", "SSECustomerAlgorithm"):
            assert head.get(name) == answer.get(name) == put.get(name) == asked.get(name)
        assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Size"] == size
    assert mark not in on_disk(server)
    s3.put_object(Bucket=bucket, Key="plain", Body=mark)
    assert mark in on_disk(server), "the look at the disk sees what is not encrypted"


@pytest.mark.parametrize("target", [*WAYS, "plain"])
@pytest.mark.parametrize("source", [*WAYS, "plain"])
def test_copies_between_all_ways(s3: Any, bucket: str, source: str, target: str) -> None:
    body = os.urandom(200_000)
    asked, wanted = WAYS.get(source, {}), WAYS.get(target, {})
    s3.put_object(Bucket=bucket, Key="source", Body=body, **asked)
    s3.copy_object(Bucket=bucket, Key="target", CopySource=f"{bucket}/source", **wanted, **of_source(asked))
    answer = s3.get_object(Bucket=bucket, Key="target", **to_read(wanted))
    assert answer["Body"].read() == body and answer.get("ServerSideEncryption") == wanted.get("ServerSideEncryption")


@pytest.mark.parametrize("way", WAYS)
def test_multipart_uploads_with_part_copies_and_ranges_over_the_seams(s3: Any, bucket: str, way: str) -> None:
    asked, read = WAYS[way], to_read(WAYS[way])
    parts = [os.urandom((5 << 20) + 77), os.urandom(5 << 20), os.urandom(1000)]
    s3.put_object(Bucket=bucket, Key="second", Body=parts[1])
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **asked)["UploadId"]
    named = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    s3.upload_part(**named, PartNumber=1, Body=b"replaced later", **read)
    etags = [s3.upload_part(**named, PartNumber=1, Body=parts[0], **read)["ETag"]]
    copied = s3.upload_part_copy(**named, PartNumber=2, CopySource=f"{bucket}/second", **read)
    etags += [copied["CopyPartResult"]["ETag"], s3.upload_part(**named, PartNumber=3, Body=parts[2], **read)["ETag"]]
    listed = {"Parts": [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)]}
    wrong = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "another key of a customer, 32 b."}
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(**named, MultipartUpload=listed, **wrong)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    s3.complete_multipart_upload(**named, MultipartUpload=listed)
    whole = b"".join(parts)
    assert s3.get_object(Bucket=bucket, Key="k", **read)["Body"].read() == whole
    seam = len(parts[0])
    for first, last in ((seam - 10, seam + 10), (seam, seam), (seam + (5 << 20) - 1, len(whole) - 1), (65_000, seam + 65_600)):
        assert s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={first}-{last}", **read)["Body"].read() == whole[first : last + 1]
    assert s3.get_object(Bucket=bucket, Key="k", PartNumber=2, **read)["Body"].read() == parts[1]


def test_a_customer_key_is_needed_and_only_the_right_one_opens(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret", **SSE_C)
    s3.put_object(Bucket=bucket, Key="plain", Body=b"plain")
    for key, given in (("k", {}), ("k", OTHER), ("plain", SSE_C)):
        for ask in (s3.get_object, s3.head_object):
            with pytest.raises(ClientError) as error:
                ask(Bucket=bucket, Key=key, **given)
            assert code(error)[0] == 400
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", **SSE_C)["UploadId"]
    for given in ({}, OTHER):
        with pytest.raises(ClientError) as error:
            s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"x", **given)
        assert code(error) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"ServerSideEncryption": "AES256", **SSE_C}, (400, "InvalidArgument")),
        ({"ServerSideEncryption": "aws:kms", **SSE_C}, (400, "InvalidArgument")),
        ({"ServerSideEncryption": "ROT13"}, (400, "InvalidArgument")),
        ({"ServerSideEncryption": "AES256", "SSEKMSKeyId": "testkey-1"}, (400, "InvalidArgument")),
        ({"SSEKMSKeyId": "testkey-1"}, (400, "InvalidArgument")),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "nobodys"}, (400, "KMS.NotFoundException")),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "../../x"}, (400, "KMS.NotFoundException")),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": "e30="}, (501, "NotImplemented")),
        ({"SSECustomerAlgorithm": "AES128", "SSECustomerKey": "k" * 32}, (400, "InvalidArgument")),
        ({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "short"}, (400, "InvalidArgument")),
        ({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32, "SSECustomerKeyMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, (400, "InvalidArgument")),
    ],
)
def test_what_cannot_be_meant_is_refused_and_stores_nothing(s3: Any, bucket: str, asked: dict[str, str], refusal: tuple[int, str]) -> None:
    for call in (s3.put_object, s3.create_multipart_upload):
        with pytest.raises(ClientError) as error:
            call(Bucket=bucket, Key="k", **asked)
        assert code(error) == refusal
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_M187_the_default_of_a_bucket_encrypts_what_asks_for_nothing(s3: Any, server: Server, bucket: str) -> None:
    with pytest.raises(ClientError) as error:
        s3.get_bucket_encryption(Bucket=bucket)
    assert code(error) == (404, "ServerSideEncryptionConfigurationNotFoundError")
    s3.put_object(Bucket=bucket, Key="before", Body=b"plain")
    for default, shown in (
        ({"SSEAlgorithm": "AES256"}, ("AES256", None)),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "testkey-2"}, ("aws:kms", "testkey-2")),
        ({"SSEAlgorithm": "aws:kms"}, ("aws:kms", "default")),
    ):
        rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": False}]}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)
        assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"] == rules
        s3.put_object(Bucket=bucket, Key="k", Body=MARK)
        head = s3.head_object(Bucket=bucket, Key="k")
        assert (head["ServerSideEncryption"], head.get("SSEKMSKeyId")) == shown
        assert "ServerSideEncryption" not in s3.head_object(Bucket=bucket, Key="before")
        s3.copy_object(Bucket=bucket, Key="copied", CopySource=f"{bucket}/before")
        assert s3.head_object(Bucket=bucket, Key="copied")["ServerSideEncryption"] == shown[0]
    s3.delete_bucket_encryption(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="after", Body=b"plain")
    assert "ServerSideEncryption" not in s3.head_object(Bucket=bucket, Key="after")
    for rules, refusal in (
        ([], "MalformedXML"),
        ([{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "nobodys"}}], "KMS.NotFoundException"),
        ([{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": "testkey-1"}}], "InvalidArgument"),
    ):
        with pytest.raises(ClientError) as error:
            s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
        assert code(error) == (400, refusal)


def test_customer_keys_are_in_no_log_and_no_file(s3: Any, server: Server, bucket: str, tmp_path: Path) -> None:
    import base64

    key = os.urandom(32)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", SSECustomerAlgorithm="AES256", SSECustomerKey=key)
    with pytest.raises(ClientError):
        s3.get_object(Bucket=bucket, Key="k", SSECustomerAlgorithm="AES256", SSECustomerKey=os.urandom(32))
    copy = tmp_path / "data"
    shutil.copytree(server.data_dir, copy)
    everything = b"".join(path.read_bytes() for path in copy.rglob("*") if path.is_file()) + server.log.read_bytes() + server.out.read_bytes()
    assert key not in everything and base64.b64encode(key) not in everything
    assert hashlib.md5(key).digest() not in everything and base64.b64encode(hashlib.md5(key).digest()) not in everything
