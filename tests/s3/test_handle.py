"""The life of a request, in process: order of the checks, refusals, headers that every answer carries."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
import zlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from holdfast.engine.api import Damaged, Full, Stale, Unavailable
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied, InvalidArgument, SignatureDoesNotMatch
from holdfast.model.identity import Caller, User
from holdfast.model.messages import Request, Response
from holdfast.s3.copy_source import parse_source
from holdfast.s3.handle import S3
from holdfast.s3.operation import OPERATIONS, Call, operation
from holdfast.s3.route import Route

USER = User(id="u", name="ada", canonical_id="c0ffee", display_name="Ada")
BUCKET = Bucket(id=1, namespace="default", name="photos", region="us-east-1", owner="c0ffee", revision=1)


class Bytes:
    """A request's body that remembers whether anybody read it."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.length: int | None = len(data)
        self.trailers: dict[bytes, bytes] = {}
        self.was_read = False

    async def read(self) -> bytes:
        self.was_read = True
        data, self.data = self.data, b""
        return data

    async def read_all(self, limit: int) -> bytes:
        assert len(self.data) <= limit
        return await self.read()

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise NotImplementedError


class Catalog:
    async def bucket(self, namespace: str, name: str) -> Bucket | None:
        return BUCKET if name == "photos" else None


class Engine:

    at_once = True
    catalog = Catalog()


class Settings(msgspec.Struct):
    region: str = "us-east-1"


class Input(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    key: str


class TagInput(msgspec.Struct, frozen=True, kw_only=True):
    bucket: str
    tagging: dict[str, Any]


class World:
    """An S3 with two handlers of our own, whose outcome a test sets."""

    def __init__(self) -> None:
        self.outcome: Any = None
        self.steps: list[str] = []
        self.host_buckets: list[str] = []
        self.refuse: dict[str, Exception] = {}
        self.inputs: list[Any] = []

        async def authenticate(request: Request, host_bucket: str) -> Caller:
            self.host_buckets.append(host_bucket)
            self.steps.append("authenticate")
            if "authenticate" in self.refuse:
                raise self.refuse["authenticate"]
            return Caller(how="v4-header", user=USER, access_key="AK")

        async def authorize(caller: Caller, needs: tuple[str, ...], bucket: Bucket | None, key: str, *about: object) -> None:
            self.steps.append("authorize")
            if "authorize" in self.refuse:
                raise self.refuse["authorize"]

        self.s3 = S3(Engine(), Settings(), authenticate, authorize, domains=("s3.example.org",))  # type: ignore[arg-type]
        for name in ("GetObject", "HeadObject", "PutBucketTagging", "GetBucketAcl"):
            self.s3.routes.pop(name, None)

        async def run(call: Call[Input]) -> Any:
            self.steps.append("run")
            self.inputs.append(call.input)
            if isinstance(self.outcome, Exception):
                raise self.outcome
            return self.outcome

        async def tag(call: Call[TagInput]) -> Any:
            return await run(call)  # type: ignore[arg-type]

        saved = dict(OPERATIONS)
        OPERATIONS.clear()
        run.__annotations__ = {"call": Call[Input]}
        tag.__annotations__ = {"call": Call[TagInput]}
        operation("GetObject", "s3:GetObject")(run)
        operation("HeadObject", "s3:GetObject")(run)
        operation("PutBucketTagging", "s3:PutBucketTagging")(tag)
        for name, made in OPERATIONS.items():
            self.s3.routes[name] = Route(made)
        OPERATIONS.clear()
        OPERATIONS.update(saved)

    def ask(self, method: str, target: str, headers: dict[bytes, bytes] | None = None, body: bytes = b"") -> tuple[Response, Bytes]:
        data = Bytes(body)
        request = Request(method, target.encode(), headers or {}, data, id="0123456789ABCDEF", received_at=1_700_000_000.0)
        return asyncio.run(self.s3(request)), data


@pytest.fixture
def world() -> World:
    return World()


def code(response: Response) -> str:
    assert isinstance(response.body, bytes)
    found = re.search(rb"<Code>(\w+)</Code>", response.body)
    assert found is not None
    return found[1].decode()


def test_every_answer_carries_the_request_id_also_errors(world: World) -> None:
    """M235"""
    for target in ("/photos/k", "/absent/k", "/photos?acl", "/b%zz"):
        response, _ = world.ask("GET", target)
        headers = dict(response.headers)
        assert headers[b"x-amz-request-id"] == b"0123456789ABCDEF"
        assert headers[b"x-amz-id-2"]


def test_nothing_about_existence_is_said_before_authentication(world: World) -> None:
    world.refuse["authenticate"] = SignatureDoesNotMatch(StringToSign="a<b")
    response, body = world.ask("PUT", "/absent?tagging", body=b"<Tagging/>")
    assert (response.status, code(response)) == (403, "SignatureDoesNotMatch")
    assert isinstance(response.body, bytes) and b"<StringToSign>a&lt;b</StringToSign>" in response.body
    assert world.steps == ["authenticate"]
    assert not body.was_read


def test_a_caller_without_the_right_is_refused_before_the_body_is_read(world: World) -> None:
    world.refuse["authorize"] = AccessDenied()
    response, body = world.ask("PUT", "/photos?tagging", {b"content-md5": b"bad"}, b"<Tagging/>")
    assert (response.status, code(response)) == (403, "AccessDenied")
    assert not body.was_read and "run" not in world.steps


def test_an_operation_that_is_not_built_says_which_it_is(world: World) -> None:
    """M143"""
    response, _ = world.ask("PUT", "/photos?replication", body=b"x")
    assert (response.status, code(response)) == (501, "NotImplemented")
    assert isinstance(response.body, bytes) and b"PutBucketReplication" in response.body


def test_a_form_upload_needs_a_form_and_a_preflight_is_forbidden(world: World) -> None:
    assert code(world.ask("POST", "/photos")[0]) == "InvalidArgument"
    assert code(world.ask("OPTIONS", "/photos/k", {b"origin": b"http://a", b"access-control-request-method": b"PUT"})[0]) == "AccessForbidden"
    assert world.ask("OPTIONS", "/photos/k")[0].status == 400


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (Full(), 507, "InsufficientStorage"), (Unavailable(), 503, "SlowDown"), (Stale(), 409, "OperationAborted"),
        (Damaged("row 5"), 500, "InternalError"), (ZeroDivisionError("secret detail"), 500, "InternalError"),
    ],
)  # fmt: skip
def test_engine_errors_and_unexpected_ones_are_answers(
    world: World, caplog: pytest.LogCaptureFixture, error: Exception, status: int, expected: str
) -> None:
    world.outcome = error
    with caplog.at_level(logging.ERROR, "holdfast.s3"):
        response, _ = world.ask("GET", "/photos/k")
    assert (response.status, code(response)) == (status, expected)
    assert len(caplog.records) == (1 if status >= 500 else 0)
    assert isinstance(response.body, bytes) and b"secret detail" not in response.body


def test_head_errors_have_no_body(world: World) -> None:
    """M161"""
    response, _ = world.ask("HEAD", "/absent/k")
    assert (response.status, response.body) == (404, None)


def test_the_expected_owner_is_checked_for_every_operation(world: World) -> None:
    world.outcome = Response(200)
    assert world.ask("GET", "/photos/k", {b"x-amz-expected-bucket-owner": b"c0ffee"})[0].status == 200
    assert code(world.ask("GET", "/photos/k", {b"x-amz-expected-bucket-owner": b"other"})[0]) == "AccessDenied"
    source = {b"x-amz-copy-source": b"/photos/x", b"x-amz-source-expected-bucket-owner": b"other"}
    assert code(world.ask("GET", "/photos/k", source)[0]) == "AccessDenied"


@pytest.mark.parametrize("source", [b"photos%2Fx", b"//photos/x", b"photos", b"photos/%zz", b"photos/x?version=1"])
def test_the_source_of_a_copy_has_one_meaning_for_its_owner_and_for_the_copy(world: World, source: bytes) -> None:
    """What no copy understands names no bucket whose owner could be the expected one."""
    with pytest.raises(InvalidArgument):
        parse_source(source.decode())
    given = {b"x-amz-copy-source": source, b"x-amz-source-expected-bucket-owner": b"c0ffee"}
    assert code(world.ask("GET", "/photos/k", given)[0]) == "InvalidArgument"


def test_a_member_that_the_input_does_not_name_is_refused(world: World) -> None:
    world.outcome = Response(200)
    assert code(world.ask("GET", "/photos/k", {b"if-match": b"x"})[0]) == "NotImplemented"
    assert code(world.ask("GET", "/photos/k?versionId=1")[0]) == "NotImplemented"
    assert code(world.ask("GET", "/photos/k?x-amz-server-side-encryption-customer-key=1")[0]) == "NotImplemented"
    assert world.ask("GET", "/photos/k?x-id=GetObject&X-Amz-Signature=1&unheard-of=1", {b"x-amz-unheard-of": b"1"})[0].status == 200


TAGGING = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({b"content-md5": b"9tMfs7XHqNRtCHkqIuUJOQ=="}, "BadDigest"), ({b"content-md5": b"no"}, "InvalidDigest"), ({}, "InvalidRequest"),
        ({b"x-amz-checksum-crc32": b"AAAAAA=="}, "BadDigest"), ({b"x-amz-checksum-crc32": b"AAAA"}, "InvalidRequest"),
        ({b"x-amz-sdk-checksum-algorithm": b"CRC32"}, "InvalidRequest"),
    ],
)  # fmt: skip
def test_a_document_must_be_what_its_checksum_says(world: World, headers: dict[bytes, bytes], expected: str) -> None:
    assert code(world.ask("PUT", "/photos?tagging", headers, TAGGING)[0]) == expected
    assert "run" not in world.steps


def test_a_document_with_a_right_checksum_reaches_the_handler(world: World) -> None:
    for headers in (
        {b"content-md5": base64.b64encode(hashlib.md5(TAGGING).digest())},
        {b"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(TAGGING).to_bytes(4, "big"))},
        {b"x-amz-content-sha256": hashlib.sha256(TAGGING).hexdigest().encode()},
    ):
        assert world.ask("PUT", "/photos?tagging", headers, TAGGING)[0].status == 200
    assert world.inputs[0] == TagInput(bucket="photos", tagging={"tag_set": [{"key": "a", "value": "b"}]})


def test_virtual_hosts_and_paths_name_the_same_object(world: World) -> None:
    """M152 M153 M238"""
    world.outcome = Response(200)
    for host, target in ((b"photos.S3.example.org:9000", "/a%2Fb//c"), (b"s3.example.org", "/photos/a/b//c"), (b"127.0.0.1:9000", "/photos/a/b//c")):
        assert world.ask("GET", target, {b"host": host})[0].status == 200
    assert world.inputs == [Input(bucket="photos", key="a/b//c")] * 3
    assert world.host_buckets == ["photos", "", ""]  # Signature Version 2 signs it
