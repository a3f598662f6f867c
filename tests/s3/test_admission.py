"""Who may not do a thing at all is refused before the body is read, and nobody's document is read beyond what it can need."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import pytest

from holdfast.authz.gather import authorize
from holdfast.config.settings import Settings
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.model import acl
from holdfast.model.acl import Grant
from holdfast.model.buckets import Bucket
from holdfast.model.errors import EntityTooLarge
from holdfast.model.identity import ANONYMOUS, Caller, User
from holdfast.model.messages import Request, Response
from holdfast.model.objects import Facts, Version
from holdfast.model.ownership import ENFORCED, OWNERSHIP
from holdfast.s3.handle import S3

ANN = Caller(how="v4-header", user=User(id="a", name="ann", canonical_id="c-ann", display_name="Ann", rights="own-buckets"), access_key="A")
EVE = Caller(how="v4-header", user=User(id="e", name="eve", canonical_id="c-eve", display_name="Eve", rights="own-buckets"), access_key="E")
DELETE = b"<Delete><Object><Key>k</Key></Object></Delete>"
POLICY = (
    b"<AccessControlPolicy><Owner><ID>c-ann</ID></Owner><AccessControlList><Grant>"
    b'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">'
    b"<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>WRITE_ACP</Permission></Grant>"
    b"</AccessControlList></AccessControlPolicy>"
)
EVERYBODY = acl.stored((Grant(acl.ALL_USERS, acl.FULL_CONTROL),), "c-ann")
BULK, OBJECT_LIST, BUCKET_LIST = ("POST", "/photos?delete"), ("PUT", "/photos/k?acl"), ("PUT", "/photos?acl")
BODIES = {BULK: DELETE, OBJECT_LIST: POLICY, BUCKET_LIST: POLICY}


class Watched:
    """A body that knows whether it was read, and how much of it at most somebody asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.length: int | None = len(data)
        self.trailers: dict[bytes, bytes] = {}
        self.asked_bytes_max = 0

    async def read(self) -> bytes:
        raise AssertionError("documents are read whole")

    async def read_all(self, limit: int) -> bytes:
        self.asked_bytes_max = max(limit, self.asked_bytes_max)
        if len(self.data) > limit:
            raise EntityTooLarge
        return self.data


def ask(
    caller: Caller, asked: tuple[str, str], *, of_bucket: str = "", of_object: str = "", enforced: bool = False, data: bytes = b""
) -> tuple[Response, Watched]:
    """One request to a store with one bucket and one object of Ann's, each with a list."""
    body = Watched(data or BODIES[asked])
    settings = {OWNERSHIP: ENFORCED} if enforced else {}
    if of_bucket:
        settings[acl.SETTING] = of_bucket

    async def authenticate(request: Request, host_bucket: str) -> Caller:
        return caller

    async def run() -> Response:
        engine = MemoryEngine()
        given = Bucket(namespace="default", name="photos", region="r", owner="c-ann", settings=settings)
        bucket = await engine.catalog.create_bucket(given)
        facts = Facts(extra={acl.SETTING: of_object} if of_object else {})
        await engine.catalog.commit(bucket, Version(key="k", owner="c-ann", facts=facts))
        checked = {b"content-md5": base64.b64encode(hashlib.md5(body.data).digest())}
        s3 = S3(engine, Settings(), authenticate, authorize)
        return await s3(Request(asked[0], asked[1].encode(), checked, body, received_at=1e9))

    return asyncio.run(run()), body


@pytest.mark.parametrize("asked", [BULK, OBJECT_LIST, BUCKET_LIST])
@pytest.mark.parametrize("lists", [{}, {"of_bucket": EVERYBODY, "of_object": EVERYBODY, "enforced": True}])
def test_m138_nobody_is_not_listened_to_where_no_list_allows_it(asked: tuple[str, str], lists: Any) -> None:
    response, body = ask(ANONYMOUS, asked, **lists)
    assert response.status == 403 and isinstance(response.body, bytes) and b"<Code>AccessDenied</Code>" in response.body
    assert body.asked_bytes_max == 0


def test_m138_nobody_is_heard_where_a_list_allows_it() -> None:
    for asked in (BULK, OBJECT_LIST, BUCKET_LIST):
        response, body = ask(ANONYMOUS, asked, of_bucket=EVERYBODY, of_object=EVERYBODY)
        assert (response.status, body.asked_bytes_max > 0) == (200, True), (asked, response.body)
        assert b"AccessDenied" not in (response.body or b"")  # type: ignore[operator]


def test_m138_who_may_not_write_the_list_of_an_object_is_refused_before_the_list_is_read() -> None:
    for asked in (OBJECT_LIST, ("PUT", "/photos/absent?acl")):
        response, body = ask(EVE, asked, data=POLICY)
        assert (response.status, body.asked_bytes_max) == (403, 0)


def test_m138_a_bulk_delete_of_somebody_known_is_answered_key_by_key() -> None:
    response, _ = ask(EVE, BULK)
    assert response.status == 200 and isinstance(response.body, bytes) and b"<Code>AccessDenied</Code>" in response.body


def test_m137_no_more_is_read_of_a_list_than_a_list_can_need() -> None:
    for asked in (OBJECT_LIST, BUCKET_LIST):
        response, body = ask(ANN, asked)
        assert (response.status, body.asked_bytes_max) == (200, 128 << 10)
        padded = POLICY.replace(b"</Owner>", b"</Owner>" + b" " * (128 << 10))
        assert ask(ANN, asked, data=padded)[0].status == 400
