"""Part copies over an engine, without a server."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from holdfast.model import errors
from tests.unit.s3.multipart_and_listings.test_multipart import BIG, MIB, B, K, b64, bucket, content, finish, send, start, version

__all__ = ["bucket"]


def copy(store: Any, upload_id: str, number: int, source: str, **given: Any) -> Any:
    return store.run("UploadPartCopy", bucket=B, key=K, upload_id=upload_id, part_number=number, copy_source=source, **given)


def test_part_copies(store: Any) -> None:
    store.put(B, "source key", BIG)
    for asked in ({}, {"checksum_algorithm": "SHA256"}):
        upload = start(store, **asked)
        whole = copy(store, upload, 1, f"{B}/source%20key")["copy_part_result"]
        piece = copy(store, upload, 2, f"/{B}/source%20key", copy_source_range=f"bytes=1-{MIB}")["copy_part_result"]
        tiny = copy(store, upload, 3, f"/{B}/source%20key", copy_source_range="bytes=7-7")["copy_part_result"]
        assert whole["etag"] == f'"{hashlib.md5(BIG).hexdigest()}"'
        assert piece["etag"] == f'"{hashlib.md5(BIG[1 : MIB + 1]).hexdigest()}"'
        if asked:
            assert whole["checksum_sha256"] == b64(hashlib.sha256(BIG).digest())
            assert tiny["checksum_sha256"] == b64(hashlib.sha256(BIG[7:8]).digest())
        done = finish(store, upload, {1: whole["etag"], 3: tiny["etag"]})
        assert content(store) == BIG + BIG[7:8]
        if not asked:
            store.put(B, "whole", BIG + BIG[7:8])
            assert done["checksum_crc64nvme"] == version(store, "whole").facts.checksum_value


@pytest.mark.usefixtures("on_disk")
def test_a_whole_copy_shares_its_bytes(store: Any) -> None:
    store.put(B, "source", BIG)
    upload = start(store)
    etag = copy(store, upload, 1, f"{B}/source")["copy_part_result"]["etag"]
    blobs = version(store, "source").blobs
    store.run("DeleteObject", bucket=B, key="source")
    finish(store, upload, {1: etag})
    assert version(store).blobs == blobs
    assert content(store) == BIG


def test_part_copy_of_a_multipart_object_and_of_versions(store: Any) -> None:
    store.run("PutBucketVersioning", bucket=B, versioning_configuration={"status": "Enabled"})
    upload = start(store, "source")
    finish(store, upload, {1: send(store, upload, 1, b"old", "source")["etag"]}, "source")
    old = version(store, "source").version_id
    store.put(B, "source", b"new")
    upload = start(store)
    answer = copy(store, upload, 1, f"{B}/source?versionId={old}")
    assert answer["copy_source_version_id"] == old
    assert answer["copy_part_result"]["etag"] == f'"{hashlib.md5(b"old").hexdigest()}"'
    with pytest.raises(errors.NoSuchVersion):
        copy(store, upload, 1, f"{B}/source?versionId={'0' * 32}")


def test_part_copies_that_are_refused(store: Any) -> None:
    store.put(B, "source", b"12345")
    upload = start(store)
    for text in ("0-2", "bytes=0", "bytes=hello-world", "bytes=0-bar", "bytes=hello-", "bytes=0-2,3-5", "bytes=-2", "bytes=3-2", "bytes=0-2 "):
        with pytest.raises(errors.InvalidArgument):
            copy(store, upload, 1, f"{B}/source", copy_source_range=text)
    for text in ("bytes=0-21", "bytes=5-5"):
        with pytest.raises(errors.InvalidRange):
            copy(store, upload, 1, f"{B}/source", copy_source_range=text)
    with pytest.raises(errors.NoSuchKey):
        copy(store, upload, 1, f"{B}/nothing")
    with pytest.raises(errors.NoSuchBucket):
        copy(store, upload, 1, "no-bucket/source")
    with pytest.raises(errors.PreconditionFailed):
        copy(store, upload, 1, f"{B}/source", copy_source_if_match="bad")
    with pytest.raises(errors.InvalidArgument):
        copy(store, upload, 0, f"{B}/source")
    with pytest.raises(errors.NoSuchUpload):
        copy(store, "made-up", 1, f"{B}/source")
    assert store.run("ListParts", bucket=B, key=K, upload_id=upload)["parts"] == []
