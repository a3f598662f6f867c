"""Volumes and links through the S3 door: only s3v is shown, a link has the data and the rights of its source (M201-M206)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterator

import pytest

from holdfast.authz.gather import authorize
from holdfast.buckets.volumes import Path, Volumes, parse_path
from holdfast.config.settings import Settings
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.model.errors import (
    BucketAlreadyExists,
    BucketNotEmpty,
    InvalidArgument,
    InvalidBucketName,
    NoSuchBucket,
    NoSuchVolume,
    Refusal,
    VolumeAlreadyExists,
    VolumeNotEmpty,
)
from holdfast.model.identity import Caller, User
from holdfast.model.messages import Request
from holdfast.s3.handle import S3
from tests.unit.s3.calls import GivenBody

ANN = Caller(how="v4-header", user=User(id="a", name="ann", canonical_id="c-ann", display_name="Ann", rights="own-buckets"), access_key="A")
EVE = Caller(how="v4-header", user=User(id="e", name="eve", canonical_id="c-eve", display_name="Eve", rights="own-buckets"), access_key="E")
SOURCE, LINK = Path("vol1", "bucket1"), Path("s3v", "common-bucket")


class Store:
    """An S3 dialect on the reference engine, and the volumes beside it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.engine = MemoryEngine()
        self.volumes = Volumes(self.engine, "default")
        self.caller = ANN

        async def who(request: Request, host_bucket: str) -> Caller:
            return self.caller

        self.s3 = S3(self.engine, Settings(), who, authorize)

    def ask(self, method: str, target: str, body: bytes = b"", caller: Caller = ANN, **headers: str) -> tuple[int, bytes]:
        self.caller = caller
        sent = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        sent.setdefault(b"content-length", str(len(body)).encode())
        request = Request(method, target.encode(), sent, GivenBody(body), id="0123456789ABCDEF", received_at=1_700_000_000.0)

        async def run() -> tuple[int, bytes]:
            answer = await self.s3(request)
            if answer.body is None or isinstance(answer.body, bytes):
                return answer.status, answer.body or b""
            return answer.status, b"".join([piece async for piece in answer.body])

        return self.loop.run_until_complete(run())

    def make(self, path: Path, link: Path | None = None, owner: str = "c-ann") -> None:
        self.loop.run_until_complete(self.volumes.create_bucket(path, owner=owner, region="us-east-1", now_ms=1, link=link))

    def delete(self, path: Path) -> None:
        self.loop.run_until_complete(self.volumes.delete_bucket(path))

    def refused(self, step: object) -> type[Refusal]:
        with pytest.raises(Refusal) as error:
            self.loop.run_until_complete(step)  # type: ignore[arg-type]
        return type(error.value)


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()
    made.loop.run_until_complete(made.volumes.create("vol1", "c-ann", 1))
    made.make(SOURCE)
    made.make(LINK, link=SOURCE)
    yield made
    made.loop.run_until_complete(made.engine.close())
    made.loop.close()


def test_M148_M201_only_the_buckets_of_s3v_are_shown(store: Store) -> None:
    assert store.ask("PUT", "/made-by-s3")[0] == 200
    status, listed = store.ask("GET", "/")
    assert status == 200
    assert b"<Name>made-by-s3</Name>" in listed and b"<Name>common-bucket</Name>" in listed and b"bucket1" not in listed
    assert store.ask("GET", "/bucket1")[0] == 404
    assert store.ask("PUT", "/bucket1/k", b"x")[0] == 404
    names = [bucket.name for bucket in store.loop.run_until_complete(store.volumes.buckets("s3v"))]
    assert names == ["common-bucket", "made-by-s3"]


def test_M203_M204_a_link_has_the_data_of_its_source_both_ways(store: Store) -> None:
    store.make(Path("s3v", "second-link"), link=SOURCE)
    assert store.ask("PUT", "/common-bucket/a.txt", b"by the first")[0] == 200
    assert store.ask("GET", "/second-link/a.txt") == (200, b"by the first")
    assert store.ask("PUT", "/second-link/b.txt", b"by the second")[0] == 200
    status, listed = store.ask("GET", "/common-bucket?list-type=2")
    assert status == 200 and listed.count(b"<Key>") == 2 and b"<Name>common-bucket</Name>" in listed
    store.ask("PUT", "/plain")
    assert store.ask("PUT", "/plain/copy", x_amz_copy_source="/common-bucket/a.txt")[0] == 200
    assert store.ask("PUT", "/common-bucket/copy", x_amz_copy_source="/plain/copy")[0] == 200
    assert store.ask("GET", "/second-link/copy") == (200, b"by the first")
    status, started = store.ask("POST", "/common-bucket/multi?uploads")
    upload = started.partition(b"<UploadId>")[2].partition(b"<")[0].decode()
    assert store.ask("PUT", f"/second-link/multi?partNumber=1&uploadId={upload}", b"part")[0] == 200
    assert store.ask("DELETE", f"/common-bucket/multi?uploadId={upload}")[0] == 204


def test_M204_configurations_of_a_link_are_its_source_s(store: Store) -> None:
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    digest = base64.b64encode(hashlib.md5(tags).digest()).decode()
    assert store.ask("PUT", "/common-bucket?tagging", tags, content_md5=digest)[0] == 204
    source = store.loop.run_until_complete(store.volumes.bucket(SOURCE))
    link = store.loop.run_until_complete(store.volumes.bucket(LINK))
    assert "tagging" in source.settings and "tagging" not in link.settings
    assert store.ask("PUT", "/common-bucket?versioning", b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")[0] == 200
    assert store.loop.run_until_complete(store.volumes.bucket(SOURCE)).versioning == "Enabled"


def test_M205_the_rights_of_the_source_apply_through_the_link(store: Store) -> None:
    store.make(Path("s3v", "eves-link"), link=SOURCE, owner="c-eve")
    store.ask("PUT", "/common-bucket/k", b"x")
    assert store.ask("GET", "/eves-link/k", caller=EVE)[0] == 403
    assert store.ask("PUT", "/eves-link/k", b"y", caller=EVE)[0] == 403
    assert store.ask("GET", "/eves-link/k", caller=ANN) == (200, b"x")


def test_M206_deleting_a_link_keeps_its_source(store: Store) -> None:
    store.ask("PUT", "/common-bucket/k", b"x")
    assert store.ask("DELETE", "/common-bucket", caller=EVE)[0] == 403
    assert store.ask("DELETE", "/common-bucket")[0] == 204
    assert store.ask("GET", "/common-bucket/k")[0] == 404
    store.make(LINK, link=SOURCE)
    assert store.ask("GET", "/common-bucket/k") == (200, b"x")


def test_M206_dangling_and_looping_links_fail_cleanly(store: Store) -> None:
    store.make(Path("vol1", "middle"), link=SOURCE)
    store.make(Path("s3v", "far"), link=Path("vol1", "middle"))
    assert store.ask("PUT", "/far/k", b"through two")[0] == 200
    assert store.ask("DELETE", "/far/k")[0] == 204
    store.delete(SOURCE)
    for method, target in (("GET", "/far/k"), ("PUT", "/far/k"), ("GET", "/far"), ("HEAD", "/far")):
        status, said = store.ask(method, target)
        assert status == 404 and (method == "HEAD" or b"NoSuchBucket" in said)
        assert b"vol1" not in said
    onto_nothing = store.volumes.create_bucket(Path("s3v", "new"), owner="c-ann", region="r", now_ms=1, link=Path("vol1", "middle"))
    assert store.refused(onto_nothing) is NoSuchBucket
    # A loop can only come about when a source is made anew as a link.
    store.make(SOURCE)
    store.delete(Path("vol1", "middle"))
    store.make(Path("vol1", "middle"))
    store.delete(SOURCE)
    store.make(SOURCE, link=Path("vol1", "middle"))
    store.delete(Path("vol1", "middle"))
    bucket = store.loop.run_until_complete(store.volumes.bucket(SOURCE))
    assert bucket.settings["link"] == "vol1/middle"
    looping = bucket.__class__(namespace="default/vol1", name="middle", region="r", owner="c-ann", settings={"link": "vol1/bucket1"})
    store.loop.run_until_complete(store.engine.catalog.create_bucket(looping))
    status, said = store.ask("GET", "/common-bucket/k")
    assert (status, b"InvalidBucketState" in said) == (409, True)
    assert store.ask("DELETE", "/common-bucket")[0] == 204


def test_M200_M202_volumes_and_their_buckets(store: Store) -> None:
    volumes, wait = store.volumes, store.loop.run_until_complete
    assert [volume.name for volume in wait(volumes.all())] == ["s3v", "vol1"]
    assert store.refused(volumes.create("vol1", "c-ann", 1)) is VolumeAlreadyExists
    assert store.refused(volumes.create("s3v", "c-ann", 1)) is VolumeAlreadyExists
    for name in ("", "ab", "Vol", "a/b", "a..b", "-ab", "x" * 64, "a\nb"):
        assert store.refused(volumes.create(name, "c-ann", 1)) is InvalidArgument, name
    assert store.refused(volumes.create_bucket(SOURCE, owner="c-eve", region="r", now_ms=1)) is BucketAlreadyExists
    assert store.refused(volumes.create_bucket(Path("vol2", "bucket"), owner="c-ann", region="r", now_ms=1)) is NoSuchVolume
    assert store.refused(volumes.create_bucket(Path("vol1", "B"), owner="c-ann", region="r", now_ms=1)) is InvalidBucketName
    assert store.refused(volumes.delete("vol1")) is VolumeNotEmpty
    assert store.refused(volumes.delete("s3v")) is InvalidArgument
    assert store.refused(volumes.delete("vol2")) is NoSuchVolume
    store.ask("PUT", "/common-bucket/k", b"x")
    assert store.refused(volumes.delete_bucket(SOURCE)) is BucketNotEmpty
    store.ask("DELETE", "/common-bucket/k")
    store.delete(SOURCE)
    wait(volumes.delete("vol1"))
    assert [volume.name for volume in wait(volumes.all())] == ["s3v"]
    assert store.refused(volumes.bucket(SOURCE)) is NoSuchVolume


@pytest.mark.parametrize(
    ("text", "of_bucket", "path"),
    [("/vol1", False, Path("vol1")), ("vol1/", False, Path("vol1")), ("/vol1/b", True, Path("vol1", "b")), ("/vol1", True, None), ("/", False, None),
     ("/vol1/b/c", True, None), ("/vol1//b", True, None), ("/vol1/b", False, None)],
)  # fmt: skip
def test_paths_as_they_are_typed(text: str, of_bucket: bool, path: Path | None) -> None:
    if path is None:
        with pytest.raises(InvalidArgument):
            parse_path(text, of_bucket=of_bucket)
    else:
        assert parse_path(text, of_bucket=of_bucket) == path
        assert str(path) == text if text[0] == "/" else True
