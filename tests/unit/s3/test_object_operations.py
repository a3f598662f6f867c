"""PutObject, GetObject, HeadObject and DeleteObject by hand-made calls on an engine."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.config.settings import Settings
from holdfast.model import errors
from holdfast.objects.checksums import ALGORITHMS, encode
from holdfast.objects.write import BATCH_BYTES
from holdfast.s3 import ops
from tests.unit.s3.calls import Client, GivenBody, Scenario, head

ops.load()
Run = Callable[[Scenario], None]
LARGE = os.urandom(3 * BATCH_BYTES + 12345)


def pieces(data: bytes, size: int = 65536) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("data", [b"", b"hello", LARGE], ids=["empty", "small", "large"])
@pytest.mark.parametrize("known", [True, False], ids=["length", "chunked"])
def test_what_is_put_is_got_M160_M161_M162(run: Run, data: bytes, known: bool) -> None:
    async def scenario(client: Client) -> None:
        answer = await client.put("dir/a.txt", GivenBody(*pieces(data), length=len(data) if known else None))
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        checksum = encode(ALGORITHMS["CRC64NVME"].of(data))
        assert head(answer) == {"etag": etag, "x-amz-checksum-crc64nvme": checksum, "x-amz-checksum-type": "FULL_OBJECT"}
        answer, got = await client.get("dir/a.txt")
        assert got == data
        expected = {"etag": etag, "content-type": "text/plain", "accept-ranges": "bytes", "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT"}
        assert (answer.status, head(answer)) == (200, expected)
        answer = await client.call("HeadObject", key="dir/a.txt", checksum_mode="ENABLED")
        assert (answer.body, answer.length) == (None, len(data))
        assert head(answer) == {
            **expected, "x-amz-checksum-crc64nvme": checksum, "x-amz-checksum-type": "FULL_OBJECT",
        }  # fmt: skip

    run(scenario)


def test_headers_are_kept_as_sent_M72(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.put(
            "a", b"x", headers={b"expires": b"never"}, content_type="text/bla", cache_control="no-cache", content_disposition="inline",
            content_encoding="gzip, aws-chunked", content_language="de", metadata={"meta1": "v", "uni": "Hello World\xe9"},
            storage_class="STANDARD_IA", website_redirect_location="/b", tagging="k=v&l=w",
        )  # fmt: skip
        found = head((await client.get("a"))[0])
        assert found.pop("x-amz-meta-uni") == "=?UTF-8?B?SGVsbG8gV29ybGTDqQ==?="
        del found["etag"], found["last-modified"], found["accept-ranges"]
        assert found == {
            "content-type": "text/bla", "cache-control": "no-cache", "content-disposition": "inline", "content-encoding": "gzip",
            "content-language": "de", "x-amz-meta-meta1": "v", "x-amz-storage-class": "STANDARD_IA", "x-amz-website-redirect-location": "/b",
            "x-amz-tagging-count": "2", "expires": "never",
        }  # fmt: skip

    run(scenario)


@pytest.mark.parametrize("data", [b"body", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_checksum_in_header_and_trailer(run: Run, name: str, data: bytes) -> None:
    algorithm = ALGORITHMS[name]
    right = encode(algorithm.of(data)).encode()
    wrong = encode(algorithm.of(data + b"x")).encode()

    async def scenario(client: Client) -> None:
        announced = {b"x-amz-sdk-checksum-algorithm": name.encode()}
        await client.put("a", GivenBody(*pieces(data)), headers={algorithm.header: right, **announced})
        await client.put("b", GivenBody(*pieces(data), trailers={algorithm.header: right}), headers={b"x-amz-trailer": algorithm.header})
        for key in ("a", "b"):
            assert head(await client.call("HeadObject", key=key, checksum_mode="ENABLED"))[algorithm.header.decode()] == right.decode()
        with pytest.raises(errors.BadDigest):
            await client.put("c", GivenBody(*pieces(data)), headers={algorithm.header: wrong})
        with pytest.raises(errors.BadDigest):
            await client.put("c", GivenBody(*pieces(data)), headers={algorithm.header: b"bad"})
        with pytest.raises(errors.BadDigest):
            await client.put("c", GivenBody(*pieces(data), trailers={algorithm.header: wrong}), headers={b"x-amz-trailer": algorithm.header})
        with pytest.raises(errors.BadDigest):
            await client.put("c", GivenBody(*pieces(data)), headers={b"x-amz-trailer": algorithm.header})
        with pytest.raises(errors.NoSuchKey):
            await client.get("c")

    run(scenario)


MD5 = base64.b64encode(hashlib.md5(b"bar").digest())
CRC = ALGORITHMS["CRC32"].header
REFUSED_PUTS: list[tuple[type[errors.Refusal], dict[str, Any]]] = [
    (errors.BadDigest, {"headers": {b"content-md5": base64.b64encode(b"x" * 16)}}),
    (errors.InvalidDigest, {"headers": {b"content-md5": b"YWJyYWNhZGFicmE="}}),
    (errors.InvalidDigest, {"headers": {b"content-md5": b""}}),
    (errors.InvalidRequest, {"headers": {CRC: b"AAAAAA==", b"x-amz-checksum-crc32c": b"AAAAAA=="}}),
    (errors.InvalidRequest, {"headers": {CRC: b"AAAAAA==", b"x-amz-trailer": b"x-amz-checksum-crc32c"}}),
    (errors.InvalidRequest, {"headers": {CRC: b"AAAAAA==", b"x-amz-sdk-checksum-algorithm": b"SHA1"}}),
    (errors.InvalidRequest, {"headers": {b"x-amz-sdk-checksum-algorithm": b"SHA1"}}),
    (errors.InvalidRequest, {"headers": {b"x-amz-checksum-foo": b"AAAAAA=="}}),
    (errors.MetadataTooLarge, {"metadata": {"a": "x" * 2048}}),
    (errors.KeyTooLongError, {"key": "k" * 1025}),
    (errors.InvalidStorageClass, {"storage_class": "SNOW"}),
    (errors.InvalidTag, {"tagging": "&".join(f"k{n}=v" for n in range(11))}),
    (errors.InvalidArgument, {"website_redirect_location": "b"}),
    (errors.InvalidArgument, {"acl": "nonsense"}),
    (errors.UnresolvableGrantByEmailAddress, {"grant_read": "emailAddress=nobody@example.com"}),
    (errors.InvalidRequest, {"object_lock_mode": "GOVERNANCE"}),
    (errors.InvalidArgument, {"if_match": "*", "if_none_match": "*"}),
    (errors.NoSuchKey, {"if_match": "*"}),
    (errors.NoSuchKey, {"if_match": '"etag"'}),
]


@pytest.mark.parametrize(("refusal", "given"), REFUSED_PUTS, ids=lambda value: value.__name__ if isinstance(value, type) else "")
def test_a_refused_put_leaves_nothing_M163_M184(run: Run, refusal: type[errors.Refusal], given: dict[str, Any]) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(refusal):
            await client.put(**{"key": "a", "body": b"bar", **given})
        assert await client.engine.catalog.version(client.bucket.id, "a") is None

    run(scenario)


def test_a_right_content_md5_is_taken(run: Run) -> None:
    async def scenario(client: Client) -> None:
        assert (await client.put("a", b"bar", headers={b"content-md5": MD5})).status == 200
        assert (await client.put("a", b"bar", acl="bucket-owner-full-control")).status == 200

    run(scenario)


def test_a_body_too_large_is_refused_before_it_is_read_M80(run: Run) -> None:
    class Promised(GivenBody):
        async def read(self) -> bytes:
            raise AssertionError("read")

    async def scenario(client: Client) -> None:
        with pytest.raises(errors.EntityTooLarge) as refused:
            await client.put("a", Promised(length=5 * 1024**3 + 1))
        assert refused.value.fields == {"ProposedSize": str(5 * 1024**3 + 1), "MaxSizeAllowed": str(5 * 1024**3)}

        client.settings = Settings(put_bytes_max=1 << 20)
        body = GivenBody(*pieces(LARGE), length=None)
        with pytest.raises(errors.EntityTooLarge):
            await client.put("a", body)
        assert body.read_bytes <= (1 << 20) + 65536

    run(scenario)


def test_a_body_without_any_length_is_refused(run: Run) -> None:
    async def scenario(client: Client) -> None:
        client.framing = False
        with pytest.raises(errors.MissingContentLength):
            await client.put("a", GivenBody(length=None))

    run(scenario)


def test_if_none_match_stops_the_second_writer_M184(run: Run) -> None:
    async def scenario(client: Client) -> None:
        etag = head(await client.put("a", b"1", if_none_match="*"))["etag"]
        with pytest.raises(errors.PreconditionFailed):
            await client.put("a", b"2", if_none_match="*")
        with pytest.raises(errors.PreconditionFailed):
            await client.put("a", GivenBody(*pieces(LARGE)), if_none_match=etag)
        await client.put("a", b"3", if_match=etag)
        with pytest.raises(errors.PreconditionFailed):
            await client.put("a", b"4", if_match=etag)
        assert (await client.get("a"))[1] == b"3"
        await client.call("DeleteObject", key="a")
        with pytest.raises(errors.NoSuchKey):
            await client.put("a", b"4", if_match="*")

    run(scenario)


@pytest.mark.parametrize("data", [bytes(range(200)), LARGE], ids=["small", "large"])
def test_ranges(run: Run, data: bytes) -> None:
    async def scenario(client: Client) -> None:
        size = len(data)
        await client.put("a", GivenBody(*pieces(data)))
        for text, part in (("bytes=4-7", data[4:8]), ("bytes=4-", data[4:]), ("bytes=-7", data[-7:]), ("bytes=0-999999999", data)):
            answer, got = await client.get("a", range=text)
            start = size - len(part) if text != "bytes=4-7" else 4
            assert (answer.status, got) == (206, part)
            assert head(answer)["content-range"] == f"bytes {start}-{start + len(part) - 1}/{size}"
            answer = await client.call("HeadObject", key="a", range=text)
            assert (answer.status, answer.length) == (206, len(part))
        answer, got = await client.get("a", range="bytes=0-1,4-5")
        assert (answer.status, got) == (200, data)
        with pytest.raises(errors.InvalidRange):
            await client.get("a", range=f"bytes={size}-")
        assert "x-amz-checksum-crc64nvme" not in head((await client.get("a", range="bytes=0-1", checksum_mode="ENABLED"))[0])
        answer, got = await client.get("a", part_number=1)
        assert (answer.status, got, head(answer)["content-range"]) == (206, data, f"bytes 0-{size - 1}/{size}")
        with pytest.raises(errors.InvalidPartNumber):
            await client.get("a", part_number=2)
        with pytest.raises(errors.InvalidRequest):
            await client.get("a", part_number=1, range="bytes=0-1")
        etag = head(answer)["etag"].encode()
        assert (await client.get("a", range="bytes=0-1", headers={b"if-range": etag}))[0].status == 206
        assert (await client.get("a", range="bytes=0-1", headers={b"if-range": b'"other"'}))[0].status == 200

    run(scenario)


def test_conditional_reads(run: Run) -> None:
    async def scenario(client: Client) -> None:
        etag = head(await client.put("a", b"bar"))["etag"]
        with pytest.raises(errors.NotModified) as unmodified:
            await client.get("a", if_none_match=etag)
        assert {name for name, _ in unmodified.value.headers} == {b"ETag", b"Last-Modified"}
        with pytest.raises(errors.PreconditionFailed):
            await client.get("a", if_match='"other"')
        with pytest.raises(errors.NotModified):
            await client.call("HeadObject", key="a", if_modified_since=client.now_ms / 1000)
        assert (await client.get("a", if_match=etag, if_unmodified_since=0.0))[1] == b"bar"

    run(scenario)


def test_response_overrides_need_a_signature(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.put("a", b"bar", cache_control="no-cache")
        target = b"/?response-content-type=x"
        answer, _ = await client.get("a", target=target, response_content_type="text/x", response_cache_control="max-age=1", response_expires=0.0)
        found = head(answer)
        assert (found["content-type"], found["cache-control"], found["expires"]) == ("text/x", "max-age=1", "Thu, 01 Jan 1970 00:00:00 GMT")
        with pytest.raises(errors.InvalidArgument):
            await client.get("a", target=target, response_content_type="a\r\nb: c")
        with pytest.raises(errors.InvalidRequest):
            await client.anonymous().get("a", target=target, response_content_type="a")

    run(scenario)


def test_reading_and_deleting_versions_M164(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.put("a", b"0")
        assert "x-amz-version-id" not in head((await client.get("a", version_id="null"))[0])
        await client.set_versioning("Enabled")
        first = head(await client.put("a", b"1"))["x-amz-version-id"]
        second = head(await client.put("a", b"2"))["x-amz-version-id"]
        assert (await client.get("a", version_id=first))[1] == b"1"
        assert (await client.get("a", version_id="null"))[1] == b"0"
        assert head((await client.get("a", version_id="null"))[0])["x-amz-version-id"] == "null"
        deleted = head(await client.call("DeleteObject", key="a"))
        marker = deleted.pop("x-amz-version-id")
        assert deleted == {"x-amz-delete-marker": "true"}
        with pytest.raises(errors.NoSuchKey) as hidden:
            await client.get("a")
        assert dict(hidden.value.headers) == {b"x-amz-delete-marker": b"true", b"x-amz-version-id": marker.encode()}
        with pytest.raises(errors.MethodNotAllowed):
            await client.call("HeadObject", key="a", version_id=marker)
        with pytest.raises(errors.NoSuchVersion):
            await client.get("a", version_id="0" * 32)
        for wrong in ("", "a b", "x" * 200, "é"):
            with pytest.raises(errors.InvalidArgument):
                await client.get("a", version_id=wrong)
        removed = head(await client.call("DeleteObject", key="a", version_id=marker))
        assert removed == {"x-amz-delete-marker": "true", "x-amz-version-id": marker}
        assert (await client.get("a"))[1] == b"2"
        assert head(await client.call("DeleteObject", key="a", version_id=second)) == {"x-amz-version-id": second}
        assert head(await client.call("DeleteObject", key="a", version_id=second)) == {"x-amz-version-id": second}
        assert (await client.get("a"))[1] == b"1"

    run(scenario)


def test_a_suspended_bucket_writes_null_versions(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.set_versioning("Enabled")
        first = head(await client.put("a", b"1"))["x-amz-version-id"]
        await client.set_versioning("Suspended")
        await client.put("a", b"2")
        assert head(await client.call("DeleteObject", key="a")) == {"x-amz-delete-marker": "true", "x-amz-version-id": "null"}
        with pytest.raises(errors.MethodNotAllowed):
            await client.get("a", version_id="null")
        assert (await client.get("a", version_id=first))[1] == b"1"

    run(scenario)


def test_deletes_M164(run: Run) -> None:
    async def scenario(client: Client) -> None:
        assert (await client.call("DeleteObject", key="absent")).status == 204
        with pytest.raises(errors.NoSuchKey):
            await client.call("DeleteObject", key="absent", if_match="*")
        assert (await client.call("DeleteObject", key="absent", if_match_size=3)).status == 204
        await client.put("a", b"123")
        for wrong in ({"if_match": '"x"'}, {"if_match_size": 4}, {"if_match_last_modified_time": 5.0}):
            with pytest.raises(errors.PreconditionFailed):
                await client.call("DeleteObject", key="a", **wrong)
        assert (await client.call("DeleteObject", key="a", if_match_size=3, if_match_last_modified_time=client.now_ms // 1000)).status == 204
        with pytest.raises(errors.NoSuchKey):
            await client.get("a")

    run(scenario)


def test_a_read_that_races_an_overwrite_reads_again(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.put("a", GivenBody(*pieces(LARGE)))
        catalog = client.engine.catalog
        old = await catalog.version(client.bucket.id, "a", body=True)
        await client.put("a", b"new")

        class Racing:
            asked = 0

            async def version(self, *args: Any, **kwargs: Any) -> Any:
                self.asked += 1
                return old if self.asked == 1 else await catalog.version(*args, **kwargs)

            def __getattr__(self, name: str) -> Any:
                return getattr(catalog, name)

        client.engine.catalog = Racing()  # type: ignore[assignment]
        assert (await client.get("a"))[1] == b"new"

    run(scenario)


def test_a_bucket_that_changes_meanwhile_decides_the_version_id(run: Run) -> None:
    async def scenario(client: Client) -> None:
        class Turning(GivenBody):
            async def read_all(self, limit: int) -> bytes:
                await client.set_versioning("Enabled")
                return await super().read_all(limit)

        await client.put("a", Turning(b"x"))
        version = await client.engine.catalog.version(client.bucket.id, "a")
        assert version is not None and len(version.version_id) == 32

    run(scenario)


class PromisedBody(GivenBody):
    """A body whose SHA-256 was signed, that hashes nothing itself."""

    def __init__(self, *parts: bytes, length: int | None = -1) -> None:
        super().__init__(*parts, length=length)
        self.expected = hashlib.sha256(b"".join(parts)).hexdigest()
        self.handed_over = False

    def hand_over(self) -> None:
        assert self.read_bytes == 0
        self.handed_over = True

    def check(self, computed: str) -> None:
        if computed != self.expected:
            raise errors.XAmzContentSHA256Mismatch


@pytest.mark.parametrize("name", ["CRC64NVME", "SHA256", "SHA1"])
@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_a_signed_hash_is_computed_beside_the_others_and_checked(run: Run, name: str, data: bytes) -> None:
    algorithm = ALGORITHMS[name]

    async def scenario(client: Client) -> None:
        headers = {algorithm.header: encode(algorithm.of(data)).encode()}
        body = PromisedBody(*pieces(data), length=None)
        await client.put("a", body, headers=headers)
        assert body.handed_over and (await client.get("a"))[1] == data
        body = PromisedBody(*pieces(data), length=None)
        body.expected = "0" * 64
        with pytest.raises(errors.XAmzContentSHA256Mismatch):
            await client.put("b", body, headers=headers)
        with pytest.raises(errors.NoSuchKey):
            await client.get("b")

    run(scenario)
