"""Multipart uploads over an engine, without a server (M173-M179)."""

from __future__ import annotations

import base64
import hashlib
import time
import zlib
from typing import Any

import pytest
from msgspec.structs import replace

from holdfast.engine.api import EngineError
from holdfast.model import errors
from holdfast.model.objects import Part
from holdfast.objects.uploads import expire_uploads

B, K = "uploads", "dir/big.bin"
MIB = 1 << 20
BIG = bytes(range(256)) * (20 * 1024)  # 5 MiB


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def start(store: Any, key: str = K, **given: Any) -> str:
    return str(store.run("CreateMultipartUpload", bucket=B, key=key, **given)["upload_id"])


def send(store: Any, upload_id: str, number: int, data: bytes, key: str = K, **headers: str) -> Any:
    sent = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    answer = store.answer("UploadPart", bucket=B, key=key, upload_id=upload_id, part_number=number, body=store.body(data), headers=sent)
    return {name.lower().decode(): value.decode() for name, value in answer.headers}


def finish(store: Any, upload_id: str, etags: dict[int, str], key: str = K, **given: Any) -> Any:
    parts = {"parts": [{"part_number": number, "etag": etag} for number, etag in etags.items()]}
    return store.run("CompleteMultipartUpload", bucket=B, key=key, upload_id=upload_id, multipart_upload=parts, **given)


def version(store: Any, key: str = K, version_id: str | None = None) -> Any:
    bucket = store.wait(store.engine.catalog.bucket("default", B))
    return store.wait(store.engine.catalog.version(bucket.id, key, version_id, body=True))


def content(store: Any, key: str = K) -> bytes:
    found = version(store, key)

    async def read() -> bytes:
        return b"".join([piece async for piece in store.engine.blobs.read(found.blobs, 0, found.size)])

    return bytes(store.wait(read()))


@pytest.fixture(autouse=True)
def bucket(store: Any) -> None:
    store.run("CreateBucket", bucket=B)


@pytest.mark.usefixtures("on_disk")
def test_m173_m177_a_whole_upload(store: Any) -> None:
    upload = start(store, content_type="text/x-test", metadata={"a": "b"}, storage_class="STANDARD_IA", tagging="t=1", cache_control="no-store")
    first, last = send(store, upload, 1, BIG)["etag"], send(store, upload, 2, b"end")["etag"]
    assert first == f'"{hashlib.md5(BIG).hexdigest()}"'
    store.now_ms += 60_000
    done = finish(store, upload, {1: first, 2: last.strip('"')})
    etag = hashlib.md5(hashlib.md5(BIG).digest() + hashlib.md5(b"end").digest()).hexdigest() + "-2"
    assert (done["etag"], done["location"], done["version_id"]) == (f'"{etag}"', f"http://localhost/{B}/{K}", None)
    assert content(store) == BIG + b"end"
    found = version(store)
    assert (found.size, found.etag, found.storage_class, found.modified_ms) == (len(BIG) + 3, etag, "STANDARD_IA", store.now_ms - 60_000)
    assert (found.facts.content_type, found.facts.metadata, found.facts.tags) == ("text/x-test", {"a": "b"}, {"t": "1"})
    assert (found.facts.cache_control, found.facts.checksum_algorithm, found.facts.extra) == ("no-store", "CRC64NVME", {})
    assert [(part.number, part.size) for part in found.facts.parts] == [(1, len(BIG)), (2, 3)]
    with pytest.raises(errors.NoSuchUpload):
        send(store, upload, 3, b"late")


def test_m177_completing_again_gives_the_same_answer(store: Any) -> None:
    upload = start(store, checksum_algorithm="SHA256")
    etag = send(store, upload, 1, b"x")["etag"]
    done = finish(store, upload, {1: etag})
    assert finish(store, upload, {1: etag}) == done
    with pytest.raises(errors.NoSuchUpload):
        finish(store, upload, {1: "0" * 32})
    with pytest.raises(errors.NoSuchUpload):
        finish(store, upload, {1: "not an etag"})
    store.put(B, K, b"another")
    with pytest.raises(errors.NoSuchUpload):
        finish(store, upload, {1: etag})


def test_completing_again_finds_the_older_version(store: Any) -> None:
    store.run("PutBucketVersioning", bucket=B, versioning_configuration={"status": "Enabled"})
    upload = start(store)
    etag = send(store, upload, 1, b"x")["etag"]
    done = finish(store, upload, {1: etag})
    assert len(done["version_id"]) == 32
    store.put(B, K, b"newer")
    assert finish(store, upload, {1: etag}) == done
    store.run("PutBucketVersioning", bucket=B, versioning_configuration={"status": "Suspended"})
    upload = start(store, "suspended")
    assert finish(store, upload, {1: send(store, upload, 1, b"x", "suspended")["etag"]}, "suspended")["version_id"] is None


def test_m177_what_is_refused_changes_nothing(store: Any) -> None:
    upload = start(store)
    one, two = send(store, upload, 1, b"small")["etag"], send(store, upload, 2, b"end")["etag"]
    for etags, error in (
        ({}, errors.MalformedXML),
        ({2: two, 1: one}, errors.InvalidPartOrder),
        ({1: two}, errors.InvalidPart),
        ({1: one, 9999: two}, errors.InvalidPart),
        ({1: one, 2: two}, errors.EntityTooSmall),
        ({0: one}, errors.InvalidArgument),
    ):
        with pytest.raises(error):
            finish(store, upload, etags)
    with pytest.raises(errors.InvalidRequest):
        finish(store, upload, {1: one}, mpu_object_size=6)
    with pytest.raises(errors.MalformedXML):
        store.run("CompleteMultipartUpload", bucket=B, key=K, upload_id=upload)
    with pytest.raises(errors.MalformedXML):
        store.run("CompleteMultipartUpload", bucket=B, key=K, upload_id=upload, multipart_upload={"parts": [{"part_number": 1}]})
    assert version(store) is None
    finish(store, upload, {1: one}, mpu_object_size=5)
    assert content(store) == b"small"


def test_conditions_of_a_completion(store: Any) -> None:
    def attempt(**given: Any) -> str:
        upload = start(store)
        return str(finish(store, upload, {1: send(store, upload, 1, b"x")["etag"]}, **given)["etag"])

    with pytest.raises(errors.NoSuchKey):
        attempt(if_match="*")
    etag = attempt(if_none_match="*")
    for given in ({"if_none_match": "*"}, {"if_match": '"bad"'}):
        with pytest.raises(errors.PreconditionFailed):
            attempt(**given)
    attempt(if_match=etag)


def test_m174_parts(store: Any) -> None:
    upload = start(store)
    for number in (-1, 0, 10_001):
        with pytest.raises(errors.InvalidArgument):
            send(store, upload, number, b"x")
    for number in (1, 10_000):
        send(store, upload, number, b"x")
    with pytest.raises(errors.BadDigest):
        send(store, upload, 1, b"x", content_md5=b64(hashlib.md5(b"y").digest()))
    with pytest.raises(errors.NoSuchUpload):
        send(store, upload, 1, b"x", key="another-key")
    with pytest.raises(errors.NoSuchUpload):
        send(store, "made-up", 1, b"x")
    etag = send(store, upload, 1, b"replaced")["etag"]
    finish(store, upload, {1: etag})
    assert content(store) == b"replaced"


def test_a_part_that_is_too_large_is_refused_unread(store: Any) -> None:
    upload = start(store)
    body = store.body(b"")
    body.length = (5 << 30) + 1
    with pytest.raises(errors.EntityTooLarge):
        store.run("UploadPart", bucket=B, key=K, upload_id=upload, part_number=1, body=body)
    assert body.reads == 0


def test_checksums_of_parts_and_of_the_whole(store: Any) -> None:
    data = (BIG, b"end")
    for algorithm, kind, of in (
        ("SHA256", "COMPOSITE", lambda piece: hashlib.sha256(piece).digest()),
        ("CRC32", "COMPOSITE", lambda piece: zlib.crc32(piece).to_bytes(4, "big")),
        ("CRC32", "FULL_OBJECT", lambda piece: zlib.crc32(piece).to_bytes(4, "big")),
    ):
        member = f"checksum_{algorithm.lower()}"
        whole = b64(of(b"".join(data))) if kind == "FULL_OBJECT" else b64(of(b"".join(map(of, data)))) + "-2"
        started = store.run("CreateMultipartUpload", bucket=B, key=K, checksum_algorithm=algorithm, checksum_type=kind)
        assert (started["checksum_algorithm"], started["checksum_type"]) == (algorithm, kind)
        upload = started["upload_id"]
        with pytest.raises(errors.InvalidRequest):
            send(store, upload, 1, b"x", x_amz_checksum_sha1=b64(hashlib.sha1(b"x").digest()))
        with pytest.raises(errors.BadDigest):
            send(store, upload, 1, b"x", **{f"x_amz_checksum_{algorithm.lower()}": b64(of(b"y"))})
        rows = []
        for number, piece in enumerate(data, 1):
            answer = send(store, upload, number, piece, **{f"x_amz_checksum_{algorithm.lower()}": b64(of(piece))})
            assert answer[f"x-amz-checksum-{algorithm.lower()}"] == b64(of(piece))
            rows.append({"part_number": number, "etag": answer["etag"], member: b64(of(piece))})
        listed = store.run("ListParts", bucket=B, key=K, upload_id=upload)
        assert [part[member] for part in listed["parts"]] == [b64(of(piece)) for piece in data]
        asked = {"bucket": B, "key": K, "upload_id": upload, "multipart_upload": {"parts": rows}}
        with pytest.raises(errors.BadDigest):
            store.run("CompleteMultipartUpload", **asked, **{member: "bad"})
        with pytest.raises(errors.InvalidPart):
            store.run("CompleteMultipartUpload", **{**asked, "multipart_upload": {"parts": [{**rows[0], member: "bad"}]}})
        done = store.run("CompleteMultipartUpload", **asked, checksum_type=kind, **{member: whole})
        assert (done[member], done["checksum_type"]) == (whole, kind)
        assert store.run("CompleteMultipartUpload", **asked) == done
        assert [part.checksum for part in version(store).facts.parts] == [b64(of(piece)) for piece in data]


def test_a_part_may_choose_its_algorithm_when_the_upload_did_not(store: Any) -> None:
    upload = start(store)
    answer = send(store, upload, 1, BIG, x_amz_checksum_sha256=b64(hashlib.sha256(BIG).digest()))
    assert answer["x-amz-checksum-sha256"] == b64(hashlib.sha256(BIG).digest())
    with pytest.raises(errors.BadDigest):
        send(store, upload, 2, b"x", x_amz_checksum_sha256=b64(hashlib.sha256(b"y").digest()))
    done = finish(store, upload, {1: answer["etag"], 2: send(store, upload, 2, b"end")["etag"]})
    store.put(B, "whole", BIG + b"end")
    assert done["checksum_crc64nvme"] == version(store, "whole").facts.checksum_value


@pytest.mark.usefixtures("on_disk")
def test_m178_abort_frees_the_parts(store: Any) -> None:
    upload = start(store)
    send(store, upload, 1, BIG)
    with pytest.raises(errors.NoSuchUpload):
        store.run("AbortMultipartUpload", bucket=B, key="another", upload_id=upload)
    bucket = store.wait(store.engine.catalog.bucket("default", B))
    found = store.wait(store.engine.catalog.upload(bucket.id, K, upload))
    blobs = store.wait(store.engine.catalog.parts(found))[0].blobs
    assert store.answer("AbortMultipartUpload", bucket=B, key=K, upload_id=upload).status == 204

    async def read() -> bytes:
        return b"".join([piece async for piece in store.engine.blobs.read(blobs, 0, len(BIG))])

    with pytest.raises(EngineError):
        store.wait(read())
    for name in ("AbortMultipartUpload", "ListParts"):
        with pytest.raises(errors.NoSuchUpload):
            store.run(name, bucket=B, key=K, upload_id=upload)


def test_m176_list_parts_in_pages(store: Any) -> None:
    upload = start(store)
    for number in (1, 2, 5, 9, 10_000):
        send(store, upload, number, b"x" * number)
    seen, after = [], 0
    for _ in range(10):
        page = store.run("ListParts", bucket=B, key=K, upload_id=upload, max_parts=2, part_number_marker=after)
        assert len(page["parts"]) <= 2 and page["max_parts"] == 2
        seen += [(part["part_number"], part["size"]) for part in page["parts"]]
        after = page["next_part_number_marker"]
        if not page["is_truncated"]:
            break
    assert seen == [(number, number) for number in (1, 2, 5, 9, 10_000)]
    assert store.text("ListParts", "Initiator/DisplayName", bucket=B, key=K, upload_id=upload) == "Alice"
    assert store.run("ListParts", bucket=B, key=K, upload_id=upload, max_parts=0)["parts"] == []
    for wrong in ({"max_parts": -1}, {"part_number_marker": -1}):
        with pytest.raises(errors.InvalidArgument):
            store.run("ListParts", bucket=B, key=K, upload_id=upload, **wrong)


def test_m175_list_uploads_in_pages(store: Any) -> None:
    keys = ["a", "b/1", "b/1", "b/2", "c", "c", "ü +"]
    ids = []
    for number, key in enumerate(keys):
        store.now_ms += number
        ids.append((key, start(store, key)))
    for size in (1, 2, 3, 1000):
        seen: list[Any] = []
        where: dict[str, Any] = {}
        for _ in range(20):
            page = store.run("ListMultipartUploads", bucket=B, max_uploads=size, **where)
            seen += [(row["key"], row["upload_id"]) for row in page["uploads"]]
            if not page["is_truncated"]:
                break
            where = {"key_marker": page["next_key_marker"], "upload_id_marker": page["next_upload_id_marker"]}
        assert seen == ids
        names: list[str] = []
        where = {}
        for _ in range(20):
            page = store.run("ListMultipartUploads", bucket=B, max_uploads=size, delimiter="/", **where)
            names += sorted([row["key"] for row in page["uploads"]] + [row["prefix"] for row in page["common_prefixes"]])
            if not page["is_truncated"]:
                break
            where = {"key_marker": page["next_key_marker"], "upload_id_marker": page["next_upload_id_marker"]}
        assert names == ["a", "b/", "c", "c", "ü +"]
    page = store.run("ListMultipartUploads", bucket=B, prefix="ü", encoding_type="url")
    assert [row["key"] for row in page["uploads"]] == ["%C3%BC%20%2B"]


def test_m175_a_thousand_uploads_a_page(store: Any) -> None:
    store.together([lambda n=n: store.start("CreateMultipartUpload", bucket=B, key=f"k{n:04d}") for n in range(1001)])
    page = store.run("ListMultipartUploads", bucket=B)
    assert (len(page["uploads"]), page["is_truncated"], page["next_key_marker"]) == (1000, True, "k0999")
    rest = store.run("ListMultipartUploads", bucket=B, key_marker="k0999", upload_id_marker=page["next_upload_id_marker"])
    assert [row["key"] for row in rest["uploads"]] == ["k1000"]


def test_m179_uploads_older_than_seven_days_are_aborted(store: Any) -> None:
    old = start(store, "old")
    send(store, old, 1, BIG, key="old")
    store.now_ms += 2000
    young = start(store, "young")
    week_ms = 7 * 24 * 3600 * 1000
    assert store.wait(expire_uploads(store.engine, store.now_ms - 2000 + week_ms)) == 0
    assert store.wait(expire_uploads(store.engine, store.now_ms - 1000 + week_ms)) == 1
    assert [row["upload_id"] for row in store.run("ListMultipartUploads", bucket=B)["uploads"]] == [young]


@pytest.mark.usefixtures("on_disk")
def test_m177_ten_thousand_parts_complete_without_copying(store: Any) -> None:
    upload = start(store)
    bucket = store.wait(store.engine.catalog.bucket("default", B))
    found = store.wait(store.engine.catalog.upload(bucket.id, K, upload))
    writer = store.engine.blobs.writer(len(BIG))
    store.wait(writer.write(BIG))
    blobs = store.wait(writer.finish())
    etag = hashlib.md5(BIG).hexdigest()
    part = Part(number=1, size=len(BIG), etag=etag, modified_ms=1, checksum="AAAAAAAAAAA=", blobs=blobs)
    store.wait(store.engine.catalog.add_part(found, part))
    store.together([lambda n=n: store.engine.catalog.add_part(found, replace(part, number=n)) for n in range(2, 10_001)])
    began = time.process_time()
    finish(store, upload, dict.fromkeys(range(1, 10_001), etag))
    print("10,000 parts:", time.process_time() - began, "s of CPU")
    assert version(store).size == 10_000 * len(BIG)


def test_what_would_make_it_another_object_is_refused(store: Any) -> None:
    for given, error in (
        ({"acl": "log-delivery-write"}, errors.InvalidArgument),
        ({"storage_class": "COLD"}, errors.InvalidStorageClass),
        ({"tagging": "a=1&a=2"}, errors.InvalidTag),
        ({"metadata": {"a": "b" * 2048}}, errors.MetadataTooLarge),
        ({"checksum_type": "FULL_OBJECT"}, errors.InvalidRequest),
        ({"object_lock_mode": "GOVERNANCE"}, errors.InvalidRequest),
    ):
        with pytest.raises(error):
            start(store, **given)
    with pytest.raises(errors.KeyTooLongError):
        start(store, "k" * 1025)
    assert store.run("ListMultipartUploads", bucket=B)["uploads"] == []
