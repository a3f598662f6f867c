"""CopyObject, DeleteObjects, GetObjectAttributes and object tagging by hand-made calls on an engine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from holdfast.model import errors
from holdfast.model.buckets import Bucket
from holdfast.model.objects import Facts, PartFact, Version
from holdfast.objects.checksums import ALGORITHMS, composite, encode
from holdfast.s3 import ops
from holdfast.s3.copy_source import Source, parse_source
from tests.unit.s3.calls import Client, Scenario, head

ops.load()
Run = Callable[[Scenario], None]
SHA256 = ALGORITHMS["SHA256"]


@pytest.mark.parametrize(
    ("header", "source"),
    [
        ("b/k", Source("b", "k", None)),
        ("/b/k/l", Source("b", "k/l", None)),
        ("b/foo%3Fbar?versionId=v1", Source("b", "foo?bar", "v1")),
        ("b/%3FversionId", Source("b", "?versionId", None)),
        ("b/a%2525", Source("b", "a%25", None)),
        ("b/a+b%20c", Source("b", "a+b c", None)),
        ("b//k", Source("b", "/k", None)),
        ("b/%C3%A9", Source("b", "é", None)),
    ],
)
def test_a_copy_source_is_read_once(header: str, source: Source) -> None:
    assert parse_source(header) == source


@pytest.mark.parametrize("header", ["", "/", "b", "b/", "/b/", "//k", "b/k?x=1", "b/k?versionId=a&x=1", "b/%zz", "b/%ff", "b%2Fk", "b/%00"])
def test_a_malformed_copy_source_is_refused(header: str) -> None:
    with pytest.raises(errors.InvalidArgument):
        parse_source(header)


def test_access_points_are_refused_not_misread() -> None:
    with pytest.raises(errors.NotImplemented):
        parse_source("arn:aws:s3:us-east-1:123456789012:accesspoint/x/object/k")


@pytest.mark.parametrize("size", [0, 3, 1 << 20])
def test_copies_keep_bytes_and_facts_M166_M167(run: Run, size: int) -> None:
    data = os.urandom(size)

    async def scenario(client: Client) -> None:
        not_copied = {"website_redirect_location": "/x", "storage_class": "GLACIER_IR"}
        await client.put("a", data, content_type="audio/ogg", metadata={"k": "v"}, tagging="t=1", **not_copied)
        output = await client.call("CopyObject", key="b", copy_source="bucket/a")
        result = output["copy_object_result"]
        assert result["etag"] == f'"{hashlib.md5(data).hexdigest()}"'
        assert result["last_modified"] == client.now_ms / 1000
        assert result["checksum_crc64nvme"] == encode(ALGORITHMS["CRC64NVME"].of(data))
        assert output["version_id"] is None and output["copy_source_version_id"] is None
        answer, got = await client.get("b")
        found = head(answer)
        assert got == data
        assert (found["content-type"], found["x-amz-meta-k"], found["x-amz-tagging-count"]) == ("audio/ogg", "v", "1")
        assert "x-amz-website-redirect-location" not in found and "x-amz-storage-class" not in found
        await client.call("DeleteObject", key="a")
        assert (await client.get("b"))[1] == data

    run(scenario)


def test_directives_replace_M167(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.put("a", b"x", content_type="audio/ogg", metadata={"k": "v"}, tagging="t=1")
        await client.call(
            "CopyObject", key="b.txt", copy_source="bucket/a", metadata_directive="REPLACE", tagging_directive="REPLACE", metadata={"m": "w"},
            tagging="u=2&v=3", storage_class="STANDARD_IA", headers={b"expires": b"soon"},
        )  # fmt: skip
        found = head((await client.get("b.txt"))[0])
        assert (found["content-type"], found["x-amz-meta-m"], found["x-amz-tagging-count"]) == ("text/plain", "w", "2")
        assert found["x-amz-storage-class"] == "STANDARD_IA" and found["expires"] == "soon" and "x-amz-meta-k" not in found

    run(scenario)


def test_a_copy_to_itself_must_change_something_M168(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.put("a", b"x")
        with pytest.raises(errors.InvalidRequest):
            await client.call("CopyObject", key="a", copy_source="bucket/a")
        await client.call("CopyObject", key="a", copy_source="bucket/a", metadata_directive="REPLACE", metadata={"k": "v"})
        assert head((await client.get("a"))[0])["x-amz-meta-k"] == "v"
        await client.call("CopyObject", key="a", copy_source="bucket/a", checksum_algorithm="SHA256")
        assert "x-amz-checksum-sha256" in head(await client.call("HeadObject", key="a", checksum_mode="ENABLED"))
        assert (await client.get("a"))[1] == b"x"

    run(scenario)


def test_a_copy_across_buckets_needs_the_right_to_read_M166(run: Run) -> None:
    async def scenario(client: Client) -> None:
        other = await client.engine.catalog.create_bucket(Bucket(namespace="default", name="other", region="us-east-1", owner="c-ada"))
        there = Client(client.engine, other)
        await there.put("a", b"data")
        await client.call("CopyObject", key="b", copy_source="/other/a")
        assert client.asked == [("s3:GetObject", "other", "a")]
        assert (await client.get("b"))[1] == b"data"
        client.denied.add("a")
        with pytest.raises(errors.AccessDenied):
            await client.call("CopyObject", key="c", copy_source="/other/a")
        with pytest.raises(errors.NoSuchBucket):
            await client.call("CopyObject", key="c", copy_source="absent/a")
        with pytest.raises(errors.NoSuchKey):
            await client.call("CopyObject", key="c", copy_source="other/absent")

    run(scenario)


def test_copies_of_versions(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.set_versioning("Enabled")
        first = head(await client.put("a", b"1"))["x-amz-version-id"]
        await client.put("a", b"2")
        output = await client.call("CopyObject", key="a", copy_source=f"bucket/a?versionId={first}")
        assert output["copy_source_version_id"] == first and len(output["version_id"]) == 32
        assert (await client.get("a"))[1] == b"1"
        marker = head(await client.call("DeleteObject", key="a"))["x-amz-version-id"]
        with pytest.raises(errors.InvalidRequest):
            await client.call("CopyObject", key="b", copy_source=f"bucket/a?versionId={marker}")
        with pytest.raises(errors.NoSuchKey):
            await client.call("CopyObject", key="b", copy_source="bucket/a")
        with pytest.raises(errors.NoSuchVersion):
            await client.call("CopyObject", key="b", copy_source=f"bucket/a?versionId={'0' * 32}")

    run(scenario)


def test_conditions_of_a_copy(run: Run) -> None:
    async def scenario(client: Client) -> None:
        etag = head(await client.put("a", b"1"))["etag"]
        await client.call("CopyObject", key="b", copy_source="bucket/a", copy_source_if_match=etag, if_none_match="*")
        wrong: list[dict[str, Any]] = [
            {"copy_source_if_match": "ABCORZ"}, {"copy_source_if_none_match": etag}, {"copy_source_if_modified_since": client.now_ms / 1000},
            {"copy_source_if_unmodified_since": 0.0}, {"if_none_match": "*"}, {"if_match": "other"},
        ]  # fmt: skip
        for condition in wrong:
            with pytest.raises(errors.PreconditionFailed):
                await client.call("CopyObject", key="b", copy_source="bucket/a", **condition)

    run(scenario)


async def multipart(client: Client, key: str, *bodies: bytes) -> Version:
    """A version as a completed multipart upload leaves it."""
    blobs = []
    for body in bodies:
        writer = client.engine.blobs.writer(len(body))
        await writer.write(body)
        blobs += await writer.finish()
    sums = [encode(SHA256.of(body)) for body in bodies]
    parts = tuple(PartFact(number, len(body), hashlib.md5(body).hexdigest(), sums[number - 1]) for number, body in enumerate(bodies, 1))
    etag = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies)).hexdigest() + f"-{len(bodies)}"
    facts = Facts(parts=parts, checksum_algorithm="SHA256", checksum_type="COMPOSITE", checksum_value=composite(SHA256, sums), upload_id="u")
    new = Version(key=key, modified_ms=client.now_ms, size=sum(map(len, bodies)), etag=etag, owner="c-ada", facts=facts, blobs=tuple(blobs))
    done = await client.engine.catalog.commit(client.bucket, new)
    assert done.version is not None
    return done.version


BODIES = (os.urandom(100_000), os.urandom(100_000), os.urandom(7))


def test_a_copy_of_a_multipart_object_is_one_object(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await multipart(client, "a", *BODIES)
        data = b"".join(BODIES)
        result = (await client.call("CopyObject", key="b", copy_source="bucket/a"))["copy_object_result"]
        assert result["etag"] == f'"{hashlib.md5(data).hexdigest()}"'
        assert (result["checksum_sha256"], result["checksum_type"]) == (encode(SHA256.of(data)), "FULL_OBJECT")
        await client.call("DeleteObject", key="a")
        answer, got = await client.get("b")
        assert got == data and "x-amz-mp-parts-count" not in head(answer)

    run(scenario)


def test_parts_are_read_by_number(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await multipart(client, "a", *BODIES)
        for number, body in enumerate(BODIES, 1):
            answer, got = await client.get("a", part_number=number, checksum_mode="ENABLED")
            found = head(answer)
            assert (answer.status, got, found["x-amz-mp-parts-count"]) == (206, body, "3")
            assert found["x-amz-checksum-sha256"] == encode(SHA256.of(body)) and found["x-amz-checksum-type"] == "COMPOSITE"
        await multipart(client, "one", BODIES[0])
        assert head((await client.get("one", part_number=1, checksum_mode="ENABLED"))[0])["x-amz-checksum-sha256"] == encode(SHA256.of(BODIES[0]))
        with pytest.raises(errors.InvalidPartNumber):
            await client.get("a", part_number=4)

    run(scenario)


ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]


def test_attributes(run: Run) -> None:
    async def scenario(client: Client) -> None:
        version = await multipart(client, "a", *BODIES)
        output = await client.call("GetObjectAttributes", key="a", object_attributes=ALL, max_parts=1, part_number_marker=1)
        assert output["etag"] == version.etag and output["storage_class"] == "STANDARD" and output["object_size"] == version.size
        assert output["checksum"] == {"checksum_sha256": version.facts.checksum_value, "checksum_type": "COMPOSITE"}
        assert output["object_parts"] == {
            "total_parts_count": 3, "part_number_marker": 1, "next_part_number_marker": 2, "max_parts": 1, "is_truncated": True,
            "parts": [{"part_number": 2, "size": len(BODIES[1]), "checksum_sha256": encode(SHA256.of(BODIES[1]))}],
        }  # fmt: skip
        output = await client.call("GetObjectAttributes", key="a", object_attributes=["ObjectParts"], part_number_marker=2)
        assert not output["object_parts"]["is_truncated"] and len(output["object_parts"]["parts"]) == 1
        assert set(output) == {"last_modified", "version_id", "object_parts"}
        await client.put("b", b"x")
        output = await client.call("GetObjectAttributes", key="b", object_attributes=ALL)
        assert "object_parts" not in output and output["version_id"] is None
        with pytest.raises(errors.NoSuchKey):
            await client.call("GetObjectAttributes", key="c", object_attributes=ALL)
        with pytest.raises(errors.InvalidArgument):
            await client.call("GetObjectAttributes", key="a", object_attributes=ALL, max_parts=-1)

    run(scenario)


def rows(*keys: str) -> list[dict[str, Any]]:
    return [{"key": key} for key in keys]


def test_bulk_deletes_answer_row_by_row_M165(run: Run) -> None:
    async def scenario(client: Client) -> None:
        keys = [f"k{number}" for number in range(250)]
        for key in (*keys, "denied"):
            await client.put(key, b"x")
        client.denied.add("denied")
        output = await client.call("DeleteObjects", delete={"objects": rows(*keys, "denied", "absent")})
        assert [row["key"] for row in output["deleted"]] == [*keys, "absent"]
        assert [(row["key"], row["code"]) for row in output["errors"]] == [("denied", "AccessDenied")]
        assert (await client.get("denied"))[1] == b"x"
        for key in keys[:3]:
            with pytest.raises(errors.NoSuchKey):
                await client.get(key)
        quiet = await client.call("DeleteObjects", delete={"objects": rows("a", "denied"), "quiet": True})
        assert quiet["deleted"] == [] and len(quiet["errors"]) == 1

    run(scenario)


@pytest.mark.parametrize("objects", [rows(*map(str, range(1001))), [], [{"version_id": "null"}], ["a"]])
def test_malformed_bulk_deletes_delete_nothing_M165(run: Run, objects: list[Any]) -> None:
    async def scenario(client: Client) -> None:
        await client.put("1", b"x")
        with pytest.raises(errors.MalformedXML):
            await client.call("DeleteObjects", delete={"objects": objects})
        assert (await client.get("1"))[1] == b"x"

    run(scenario)


def test_bulk_deletes_of_versions(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.set_versioning("Enabled")
        first = head(await client.put("a", b"1"))["x-amz-version-id"]
        output = await client.call("DeleteObjects", delete={"objects": rows("a")})
        (row,) = output["deleted"]
        marker = row["delete_marker_version_id"]
        assert row == {"key": "a", "version_id": None, "delete_marker": True, "delete_marker_version_id": marker}
        refused = {"objects": [{"key": "a", "version_id": first, "etag": "bad"}, {"key": "a", "version_id": "not an id"}]}
        output = await client.call("DeleteObjects", delete=refused)
        assert [row["code"] for row in output["errors"]] == ["PreconditionFailed", "InvalidArgument"]
        output = await client.call("DeleteObjects", delete={"objects": [{"key": "a", "version_id": marker}, {"key": "a", "version_id": first}]})
        assert output["deleted"] == [
            {"key": "a", "version_id": marker, "delete_marker": True, "delete_marker_version_id": marker}, {"key": "a", "version_id": first},
        ]  # fmt: skip
        assert ("s3:DeleteObjectVersion", "bucket", "a") in client.asked

    run(scenario)


def test_tags_are_replaced_read_and_removed_M170_M171_M172(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.put("a", b"x", metadata={"m": "v"})
        assert await client.call("GetObjectTagging", key="a") == {"tag_set": [], "version_id": None}
        for tags in ({"a": "1", "b": "2"}, {"c": "3"}):
            given = [{"key": key, "value": value} for key, value in tags.items()]
            await client.call("PutObjectTagging", key="a", tagging={"tag_set": given})
            assert (await client.call("GetObjectTagging", key="a"))["tag_set"] == given
        with pytest.raises(errors.InvalidTag):
            await client.call("PutObjectTagging", key="a", tagging={"tag_set": [{"key": f"k{n}", "value": ""} for n in range(11)]})
        found = head((await client.get("a"))[0])
        assert (found["x-amz-tagging-count"], found["x-amz-meta-m"]) == ("1", "v")
        await client.call("DeleteObjectTagging", key="a")
        assert (await client.call("GetObjectTagging", key="a"))["tag_set"] == []
        for name in ("GetObjectTagging", "DeleteObjectTagging"):
            with pytest.raises(errors.NoSuchKey):
                await client.call(name, key="absent")

    run(scenario)


def test_tags_of_versions(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.set_versioning("Enabled")
        first = head(await client.put("a", b"1"))["x-amz-version-id"]
        second = head(await client.put("a", b"2", tagging="t=2"))["x-amz-version-id"]
        output = await client.call("PutObjectTagging", key="a", version_id=first, tagging={"tag_set": [{"key": "t", "value": "1"}]})
        assert output == {"version_id": first}
        assert (await client.call("GetObjectTagging", key="a", version_id=first))["tag_set"] == [{"key": "t", "value": "1"}]
        assert await client.call("GetObjectTagging", key="a") == {"tag_set": [{"key": "t", "value": "2"}], "version_id": second}
        marker = head(await client.call("DeleteObject", key="a"))["x-amz-version-id"]
        with pytest.raises(errors.MethodNotAllowed):
            await client.call("GetObjectTagging", key="a", version_id=marker)

    run(scenario)


def test_a_copy_whose_source_vanishes_meanwhile_copies_what_is_there(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await multipart(client, "a", *BODIES)
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
        await client.call("CopyObject", key="b", copy_source="bucket/a")
        assert (await client.get("b"))[1] == b"new"

    run(scenario)


def test_a_source_above_five_gib_is_refused(run: Run) -> None:
    async def scenario(client: Client) -> None:
        await client.put("a", b"x")
        catalog = client.engine.catalog

        class Huge:
            async def version(self, *args: Any, **kwargs: Any) -> Any:
                found = await catalog.version(*args, **kwargs)
                assert found is not None
                return msgspec.structs.replace(found, size=5 * 1024**3 + 1)

            def __getattr__(self, name: str) -> Any:
                return getattr(catalog, name)

        client.engine.catalog = Huge()  # type: ignore[assignment]
        with pytest.raises(errors.InvalidRequest):
            await client.call("CopyObject", key="b", copy_source="bucket/a")

    run(scenario)
