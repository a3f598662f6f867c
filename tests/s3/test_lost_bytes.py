"""A body file that is missing under a running server: a refusal and a line in the log, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import make_client
from tests.serving import Server


def bodies(server: Server) -> set[Path]:
    return {path for path in server.data_dir.rglob("*") if path.is_file() and path.stat().st_size >= 300_000 and "catalog" not in path.name}


@pytest.mark.embedded("it removes a body's file")
def test_an_object_whose_file_is_missing_is_refused_and_logged_as_damage(serve: Callable[..., Server]) -> None:
    server = serve(workers=1)
    s3 = make_client(server)
    pids = server.worker_pids()
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="sound", Body=b"s" * 300_000)
    before = bodies(server)
    s3.put_object(Bucket="photos", Key="lost", Body=b"l" * 300_000)
    (body,) = bodies(server) - before
    body.unlink()
    upload_id = s3.create_multipart_upload(Bucket="photos", Key="big")["UploadId"]
    part = {"Bucket": "photos", "Key": "big", "UploadId": upload_id, "PartNumber": 1, "CopySource": "photos/lost"}
    source = {"Bucket": "photos", "Key": "copy", "CopySource": "photos/lost"}
    calls: list[tuple[Any, dict[str, Any]]] = [
        (s3.get_object, {"Bucket": "photos", "Key": "lost"}),
        (s3.get_object, {"Bucket": "photos", "Key": "lost", "Range": "bytes=5-9"}),
        (s3.copy_object, source),
        (s3.upload_part_copy, part),
        (s3.upload_part_copy, {**part, "CopySourceRange": "bytes=0-9"}),
    ]
    for number, (call, given) in enumerate(calls, 1):
        with pytest.raises(ClientError) as error:
            call(**given)
        answer = error.value.response
        assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (500, "InternalError"), call
        lines = [line for line in server.log.read_text().splitlines() if "damaged" in line]
        assert len(lines) == number
        for what in ("photos", "lost", "null", answer["ResponseMetadata"]["RequestId"]):
            assert what in lines[-1], lines[-1]
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="photos")["Contents"]] == ["lost", "sound"]
    assert s3.get_object(Bucket="photos", Key="sound")["Body"].read() == b"s" * 300_000
    assert server.worker_pids() == pids
    s3.put_object(Bucket="photos", Key="lost", Body=b"again")
    assert s3.get_object(Bucket="photos", Key="lost")["Body"].read() == b"again"
