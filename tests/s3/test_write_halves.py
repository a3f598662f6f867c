"""M48, M119: who has OBJECT_CREATE only writes new keys only, who has OBJECT_OVERWRITE only existing ones, through every way to write."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from holdfast.authz.gather import authorize
from holdfast.config.settings import Settings
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.model.buckets import Bucket
from holdfast.model.identity import Caller
from holdfast.model.messages import Request, Response
from holdfast.s3.handle import S3
from tests.unit.authz.worlds import OPS, bucket, caller_of, user, world
from tests.unit.s3.calls import GivenBody

BOTH, CREATE, OVERWRITE = "{OBJECT_CREATE, OBJECT_OVERWRITE, OBJECT_READ}", "{OBJECT_CREATE, OBJECT_READ}", "{OBJECT_OVERWRITE, OBJECT_READ}"
ETAG_THERE = hashlib.md5(b"there").hexdigest()
PART = b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%b</ETag></Part></CompleteMultipartUpload>"


class Place:
    """A store with one bucket, in which `there` exists, and a caller with certain permissions."""

    def __init__(self, permissions: str, condition: str = "", **settings: Any) -> None:
        who = user(OPS)
        self.caller: Caller = caller_of(who, world(f"Allow group Ops to {permissions} in tenancy{condition}"))
        self.engine = MemoryEngine()
        self.made: Bucket | None = None
        self.settings = settings

        async def authenticate(request: Request, host_bucket: str) -> Caller:
            return self.caller

        self.s3 = S3(self.engine, Settings(), authenticate, authorize)

    async def ask(self, method: str, target: str, data: bytes = b"", **headers: str) -> Response:
        if self.made is None:
            self.made = await self.engine.catalog.create_bucket(bucket("photos"))
            mine, self.caller = self.caller, Caller(how="v4-header", user=user(rights="all"))
            for key in ("there", "source"):
                assert (await self.ask("PUT", f"/photos/{key}", key.encode())).status == 200
            self.caller = mine
        sent = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        return await self.s3(Request(method, target.encode(), sent | {b"content-length": b"%d" % len(data)}, GivenBody(data), received_at=1e9))

    async def put(self, key: str, **headers: str) -> Response:
        return await self.ask("PUT", f"/photos/{key}", b"new", **headers)

    async def copy(self, key: str, **headers: str) -> Response:
        return await self.ask("PUT", f"/photos/{key}", x_amz_copy_source="/photos/source", **headers)

    async def upload(self, key: str, **headers: str) -> Response:
        started = await self.ask("POST", f"/photos/{key}?uploads")
        if started.status != 200:
            return started
        assert isinstance(started.body, bytes)
        id = started.body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
        part = await self.ask("PUT", f"/photos/{key}?partNumber=1&uploadId={id}", b"new")
        assert part.status == 200, part.body
        etag = dict(part.headers)[b"ETag"]
        return await self.ask("POST", f"/photos/{key}?uploadId={id}", PART % etag, **headers)


WAYS: dict[str, Callable[..., Awaitable[Response]]] = {"PutObject": Place.put, "CopyObject": Place.copy, "CompleteMultipartUpload": Place.upload}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("permissions", "new", "existing"), [(BOTH, 200, 200), (CREATE, 200, 403), (OVERWRITE, 403, 200), ("{OBJECT_READ}", 403, 403)]
)
def test_m48_m119_the_permission_says_which_keys_may_be_written(way: str, permissions: str, new: int, existing: int) -> None:
    async def run() -> None:
        place = Place(permissions)
        assert (await WAYS[way](place, "fresh")).status == new
        assert (await WAYS[way](place, "there")).status == existing
        assert (await place.ask("GET", "/photos/fresh")).status == (200 if new == 200 else 403)
        assert place.made is not None
        found = await place.engine.catalog.version(place.made.id, "there")
        assert found is not None and (found.etag == ETAG_THERE) is (existing == 403)

    asyncio.run(run())


@pytest.mark.parametrize("way", WAYS)
def test_a_deleted_key_is_new_again(way: str) -> None:
    async def run() -> None:
        place = Place("{OBJECT_CREATE, OBJECT_READ, OBJECT_DELETE}")
        assert (await WAYS[way](place, "there")).status == 403
        assert (await place.ask("DELETE", "/photos/there")).status == 204
        assert (await WAYS[way](place, "there")).status == 200

    asyncio.run(run())


@pytest.mark.parametrize(
    ("permissions", "key", "headers", "status"),
    [
        (CREATE, "there", {"if_none_match": "*"}, 412),  # what the request itself asked comes first
        (CREATE, "fresh", {"if_none_match": "*"}, 200),
        (CREATE, "there", {"if_match": "*"}, 403),
        (CREATE, "fresh", {"if_match": "*"}, 404),
        (OVERWRITE, "fresh", {"if_match": "*"}, 404),
        (OVERWRITE, "there", {"if_match": "*"}, 200),
        (OVERWRITE, "there", {"if_match": f'"{ETAG_THERE}"'}, 200),
        (OVERWRITE, "there", {"if_match": '"00000000000000000000000000000000"'}, 412),
        (OVERWRITE, "there", {"if_none_match": "*"}, 412),
        (OVERWRITE, "fresh", {"if_none_match": "*"}, 403),
    ],
)
def test_preconditions_of_the_request_hold_besides(permissions: str, key: str, headers: dict[str, str], status: int) -> None:
    assert asyncio.run(Place(permissions).put(key, **headers)).status == status


def test_m119_no_race_passes() -> None:
    """Twenty at once write one new key with OBJECT_CREATE only: one of them makes it, and nobody overwrites it."""

    async def run() -> list[int]:
        place = Place(CREATE)
        await place.put("first")
        return [answer.status for answer in await asyncio.gather(*(place.put("fresh") for _ in range(20)))]

    assert sorted(asyncio.run(run())) == [200] + [403] * 19


def test_a_condition_on_the_permission_makes_half_a_writer_too() -> None:
    place = Place("manage objects", " where request.permission != 'OBJECT_OVERWRITE'")

    async def run() -> tuple[int, int]:
        return (await place.put("fresh")).status, (await place.put("there")).status

    assert asyncio.run(run()) == (200, 403)


@pytest.mark.parametrize("permissions", ["{OBJECT_CREATE}", "{OBJECT_OVERWRITE}"])
def test_half_a_right_to_write_is_no_right_to_read_the_source_of_a_copy(permissions: str) -> None:
    async def run() -> None:
        place = Place(permissions)
        for key in ("fresh", "there"):
            assert (await place.copy(key)).status == 403
            started = await place.ask("POST", f"/photos/{key}?uploads")
            assert started.status == 200 and isinstance(started.body, bytes)
            id = started.body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
            part = await place.ask("PUT", f"/photos/{key}?partNumber=1&uploadId={id}", x_amz_copy_source="/photos/source")
            assert part.status == 403

    asyncio.run(run())
