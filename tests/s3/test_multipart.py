"""Multipart uploads with boto3 against a running server (M162, M173-M178)."""

from __future__ import annotations

import base64
import hashlib
import io
import os
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

MIB = 1 << 20
K = "dir/big file"


def refused(call: Any, *args: Any, **kwargs: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as error:
        call(*args, **kwargs)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_m162_the_transfer_manager(s3: Any, bucket: str) -> None:
    data = os.urandom(12 * MIB + 12345)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(data), bucket, K, Config=config, ExtraArgs={"Metadata": {"a": "b"}, "ContentType": "text/x-test"})
    got = s3.get_object(Bucket=bucket, Key=K)
    assert got["Body"].read() == data
    assert (got["Metadata"], got["ContentType"]) == ({"a": "b"}, "text/x-test")
    pieces = [data[at : at + 5 * MIB] for at in range(0, len(data), 5 * MIB)]
    md5s = b"".join(hashlib.md5(piece).digest() for piece in pieces)
    assert got["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-{len(pieces)}"'
    part = s3.get_object(Bucket=bucket, Key=K, PartNumber=2)
    assert (part["PartsCount"], part["Body"].read()) == (3, pieces[1])


def test_m173_to_m177_by_hand(s3: Any, bucket: str) -> None:
    upload = {"Bucket": bucket, "Key": K, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=K, ChecksumAlgorithm="SHA256")["UploadId"]}
    assert [row["UploadId"] for row in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload["UploadId"]]
    parts = []
    for number, data in enumerate((b"a" * 5 * MIB, b"end"), 1):
        answer = s3.upload_part(**upload, PartNumber=number, Body=data, ChecksumAlgorithm="SHA256")
        assert answer["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(data).digest()).decode()
        parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": answer["ChecksumSHA256"]})
    pages = list(s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 1}))
    assert [row["PartNumber"] for page in pages for row in page["Parts"]] == [1, 2]
    for wrong, code in (
        ([], "MalformedXML"),
        (parts[::-1], "InvalidPartOrder"),
        ([{**parts[0], "ETag": '"' + "0" * 32 + '"'}], "InvalidPart"),
        ([parts[0], {**parts[1], "PartNumber": 9999}], "InvalidPart"),
    ):
        assert refused(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": wrong}) == (400, code)
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert done["ETag"].endswith('-2"') and done["ChecksumSHA256"].endswith("-2") and done["ChecksumType"] == "COMPOSITE"
    assert done["Location"].endswith(f"/{bucket}/dir/big%20file")
    again = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert (again["ETag"], again["ChecksumSHA256"]) == (done["ETag"], done["ChecksumSHA256"])
    assert refused(s3.upload_part, **upload, PartNumber=1, Body=b"late") == (404, "NoSuchUpload")
    for number in (0, 10_001):
        started = s3.create_multipart_upload(Bucket=bucket, Key=K)["UploadId"]
        assert refused(s3.upload_part, Bucket=bucket, Key=K, UploadId=started, PartNumber=number, Body=b"x") == (400, "InvalidArgument")


def test_entity_too_small(s3: Any, bucket: str) -> None:
    upload = {"Bucket": bucket, "Key": K, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=K)["UploadId"]}
    parts = [{"PartNumber": n, "ETag": s3.upload_part(**upload, PartNumber=n, Body=b"small")["ETag"]} for n in (1, 2)]
    assert refused(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": parts}) == (400, "EntityTooSmall")


def test_part_copies(s3: Any, bucket: str) -> None:
    data = os.urandom(6 * MIB)
    s3.put_object(Bucket=bucket, Key="source ?%&+", Body=data)
    upload = {"Bucket": bucket, "Key": K, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=K)["UploadId"]}
    source = {"Bucket": bucket, "Key": "source ?%&+"}
    first = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]["ETag"]
    second = s3.upload_part_copy(**upload, PartNumber=2, CopySource=source, CopySourceRange="bytes=10-19")["CopyPartResult"]["ETag"]
    code = refused(s3.upload_part_copy, **upload, PartNumber=3, CopySource=source, CopySourceRange=f"bytes=0-{6 * MIB}")[1]
    assert code == "InvalidRange"
    parts = [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key=K)["Body"].read() == data + data[10:20]


def test_m178_abort(s3: Any, bucket: str) -> None:
    upload = {"Bucket": bucket, "Key": K, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=K)["UploadId"]}
    s3.upload_part(**upload, PartNumber=1, Body=b"x" * MIB)
    assert s3.abort_multipart_upload(**upload)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.abort_multipart_upload, **upload) == (404, "NoSuchUpload")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
