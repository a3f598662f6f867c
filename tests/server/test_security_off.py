"""Security off: any access key and secret work, by any signature, on loopback (M188)."""

from __future__ import annotations

import urllib.error
import urllib.request
import uuid
from pathlib import Path

import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.administration import Somebody
from tests.serving import Server


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
def test_M188_any_key_and_secret_work_and_nobody_without_one(tmp_path: Path, signature: str) -> None:
    server = Server(tmp_path, workers=1, security="off").start()
    try:
        for secret in (uuid.uuid4().hex, "x"):
            s3 = boto3.client(
                "s3", endpoint_url=server.endpoint, region_name=server.region, aws_access_key_id=uuid.uuid4().hex, aws_secret_access_key=secret,
                config=Config(signature_version=signature, retries={"max_attempts": 1}),
            )  # fmt: skip
            unsigned = Config(signature_version=botocore.UNSIGNED)
            name = f"open-{uuid.uuid4().hex[:8]}"
            s3.create_bucket(Bucket=name)
            s3.put_object(Bucket=name, Key="k", Body=b"x" * 100_000)
            assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x" * 100_000
            anonymous = boto3.client("s3", endpoint_url=server.endpoint, region_name=server.region, config=unsigned)
            with pytest.raises(ClientError) as error:
                anonymous.get_object(Bucket=name, Key="k")
            assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    finally:
        server.stop()


def test_M188_M148_the_commands_work_with_any_key_too(tmp_path: Path) -> None:
    server = Server(tmp_path, workers=1, security="off").start()
    try:
        somebody = Somebody(server, f"any/{uuid.uuid4().hex}@EXAMPLE.COM", "thing")
        assert somebody.run("sh", "volume", "create", "/vol1").code == 0
        assert somebody.run("sh", "bucket", "create", "/vol1/bucket1").code == 0
        assert somebody.run("sh", "bucket", "link", "/vol1/bucket1", "/s3v/common-bucket").code == 0
        somebody.s3().put_object(Bucket="common-bucket", Key="k")
        assert "bucket1" in Somebody(server, "other", "x").run("sh", "bucket", "list", "/vol1").out
        nobody = urllib.request.Request(server.control + "/api/v1/volumes")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(nobody, timeout=10)
    finally:
        server.stop()
