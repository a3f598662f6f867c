"""Bucket configurations through the whole handler: S3's own words for what nobody set, and tags that are kept."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from typing import Any

import msgspec
import pytest

from holdfast.engine.memory.engine import MemoryEngine
from holdfast.model.buckets import Bucket
from holdfast.model.identity import Caller, User
from holdfast.model.messages import Request, Response
from holdfast.s3.compat import members, page
from holdfast.s3.handle import S3
from holdfast.s3.operation import OPERATIONS
from holdfast.s3.settings import TABLE
from holdfast.wire.model import service

USER = User(id="u", name="ada", canonical_id="c0ffee", display_name="Ada & Co")


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.length: int | None = len(data)
        self.trailers: dict[bytes, bytes] = {}

    async def read(self) -> bytes:
        data, self.data = self.data, b""
        return data

    async def read_all(self, limit: int) -> bytes:
        return await self.read()


class Settings(msgspec.Struct):
    region: str = "us-east-1"


class World:
    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

        async def authenticate(request: Request, host_bucket: str) -> Caller:
            return Caller(how="v4-header", user=USER, access_key="AK")

        async def authorize(caller: Caller, needs: tuple[str, ...], bucket: Bucket | None, key: str, *about: object) -> None:
            self.asked.append(needs)

        self.engine = MemoryEngine()
        bucket = Bucket(namespace="default", name="photos", region="us-east-1", owner="c0ffee")
        self.bucket = asyncio.run(self.engine.catalog.create_bucket(bucket))
        self.s3 = S3(self.engine, Settings(), authenticate, authorize)

    def ask(self, method: str, target: str, body: bytes = b"") -> tuple[int, str]:
        headers = {b"content-md5": base64.b64encode(hashlib.md5(body).digest())} if body else {}
        request = Request(method, target.encode(), headers, Bytes(body), id="0123456789ABCDEF", received_at=1_700_000_000.0)
        response: Response = asyncio.run(self.s3(request))
        return response.status, response.body.decode() if isinstance(response.body, bytes) else ""


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("subresource", "status", "expected"),
    [
        ("cors", 404, "NoSuchCORSConfiguration"), ("lifecycle", 404, "NoSuchLifecycleConfiguration"), ("policy", 404, "NoSuchBucketPolicy"),
        ("encryption", 404, "ServerSideEncryptionConfigurationNotFoundError"), ("replication", 404, "ReplicationConfigurationNotFoundError"),
        ("website", 404, "NoSuchWebsiteConfiguration"), ("object-lock", 404, "ObjectLockConfigurationNotFoundError"),
        ("publicAccessBlock", 404, "NoSuchPublicAccessBlockConfiguration"), ("ownershipControls", 404, "OwnershipControlsNotFoundError"),
        ("tagging", 404, "NoSuchTagSet"), ("analytics&id=1", 404, "NoSuchConfiguration"), ("metrics&id=1", 404, "NoSuchConfiguration"),
        ("inventory&id=1", 404, "NoSuchConfiguration"), ("intelligent-tiering&id=1", 404, "NoSuchConfiguration"),
        ("logging", 200, "BucketLoggingStatus"), ("notification", 200, "NotificationConfiguration"), ("accelerate", 200, "AccelerateConfiguration"),
        ("requestPayment", 200, "<Payer>BucketOwner</Payer>"), ("policyStatus", 200, "<IsPublic>false</IsPublic>"),
        ("analytics", 200, "<IsTruncated>false</IsTruncated>"), ("metrics", 200, "ListMetricsConfigurationsResult"),
        ("inventory", 200, "ListInventoryConfigurationsResult"), ("intelligent-tiering", 200, "<IsTruncated>false</IsTruncated>"),
        ("acl", 200, "<Permission>FULL_CONTROL</Permission>"), ("abac", 200, "<Status>Disabled</Status>"),
    ],
)  # fmt: skip
def test_a_configuration_that_nobody_set(world: World, subresource: str, status: int, expected: str) -> None:
    """M182 M183 M185"""
    got, text = world.ask("GET", f"/photos?{subresource}")
    assert (got, expected in text) == (status, True), text
    assert len(world.asked) == 1 and world.asked[0][0].startswith("s3:Get")
    assert world.ask("GET", f"/absent?{subresource}")[0] == 404
    assert "NoSuchBucket" in world.ask("GET", f"/absent?{subresource}")[1]


@pytest.mark.parametrize("row", [row for row in TABLE if row.delete], ids=lambda row: row.key)
def test_deleting_what_is_not_there_succeeds(world: World, row: Any) -> None:
    assert world.ask("DELETE", f"/photos?{row.key}") == (204, "")
    assert world.asked == [(row.delete_action,)]


@pytest.mark.parametrize("subresource", ["lifecycle", "replication", "logging", "accelerate"])
def test_writing_what_has_no_effect_yet_is_refused(world: World, subresource: str) -> None:
    """M182 M183: never dropped in silence."""
    status, text = world.ask("PUT", f"/photos?{subresource}", b"<X/>")
    assert status == 501 and "<Code>NotImplemented</Code>" in text


def tagging(*pairs: tuple[str, str]) -> bytes:
    rows = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)
    return f"<Tagging><TagSet>{rows}</TagSet></Tagging>".encode()


def test_bucket_tags_are_replaced_read_and_removed(world: World) -> None:
    assert world.ask("PUT", "/photos?tagging", tagging(("a", "1"), ("é", "x y"))) == (204, "")
    assert re.findall("<Key>(.*?)</Key><Value>(.*?)</Value>", world.ask("GET", "/photos?tagging")[1]) == [("a", "1"), ("é", "x y")]
    assert world.ask("PUT", "/photos?tagging", tagging(("b", "2")))[0] == 204
    assert re.findall("<Key>(.*?)</Key>", world.ask("GET", "/photos?tagging")[1]) == ["b"]
    assert world.ask("DELETE", "/photos?tagging")[0] == 204
    assert world.ask("GET", "/photos?tagging")[0] == 404


def test_bucket_tags_that_may_not_be(world: World) -> None:
    """CVE-2014-7960: the limit holds for every write."""
    for pairs in ([("a", "1"), ("a", "2")], [("k" * 129, "1")], [("aws:x", "1")], [(f"k{n}", "1") for n in range(51)]):
        status, text = world.ask("PUT", "/photos?tagging", tagging(*pairs))
        assert status == 400 and "<Code>InvalidTag</Code>" in text
    assert world.ask("PUT", "/photos?tagging", tagging(*[(f"k{n}", "1") for n in range(50)]))[0] == 204
    assert world.ask("PUT", "/photos?tagging", b"<Tagging/>")[0] == 400


def test_two_writers_of_one_bucket_do_not_lose_each_others_settings(world: World) -> None:
    """The second looks again when the bucket changed under it."""
    catalog = world.engine.catalog
    read = catalog.bucket
    stale = [True]

    async def bucket(namespace: str, name: str) -> Bucket | None:
        found = await read(namespace, name)
        if found is not None and stale:
            stale.clear()
            await catalog.change_bucket(msgspec.structs.replace(found, settings={"other": "kept"}))
        return found

    catalog.bucket = bucket  # type: ignore[method-assign]
    assert world.ask("PUT", "/photos?tagging", tagging(("a", "1")))[0] == 204
    found = asyncio.run(read("default", "photos"))
    assert found is not None and set(found.settings) == {"other", "tagging"}


def test_the_acl_names_the_owner(world: World) -> None:
    text = world.ask("GET", "/photos?acl")[1]
    assert '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">' in text
    assert text.count("<ID>c0ffee</ID>") == text.count("<DisplayName>Ada &amp; Co</DisplayName>") == 2
    assert "NoSuchKey" in world.ask("GET", "/photos/absent?acl")[1]


def test_the_compatibility_page_names_every_operation_once(world: World) -> None:
    """M186"""
    text = page()
    for name in service().names:
        if not service().operation(name).deprecated:
            assert len(re.findall(rf"\b{name}\b", text)) == 1, name
    for name, operation in OPERATIONS.items():
        model = service().operation(name)
        groups = members(model, operation)
        assert len({member.name for group in groups for member in group}) == sum(map(len, groups))
