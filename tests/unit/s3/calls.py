"""Calls made by hand: operations run on an engine without a server."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from holdfast.config.settings import Settings
from holdfast.engine.api import Engine
from holdfast.model.buckets import Bucket
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import ANONYMOUS, Caller, User
from holdfast.model.messages import Request, Response, Stream
from holdfast.s3.operation import OPERATIONS, Call

USER = User(id="u1", name="ada", canonical_id="c-ada", display_name="Ada")
CALLER = Caller(how="v4-header", user=USER, access_key="AK")
NOW_MS = 1_700_000_000_123


class GivenBody:
    """A request body in the pieces given."""

    def __init__(self, *pieces: bytes, length: int | None = -1, trailers: dict[bytes, bytes] | None = None) -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.length = sum(map(len, pieces)) if length == -1 else length
        self.trailers = trailers or {}
        self.read_bytes = 0

    async def read(self) -> bytes:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        self.read_bytes += len(piece)
        return piece

    async def read_all(self, limit: int) -> bytes:
        data = b"".join(self.pieces)
        assert len(data) <= limit
        self.pieces.clear()
        self.read_bytes += len(data)
        return data


class Client:
    """Runs operations on one bucket as one caller; `headers` of a call are the request's own."""

    def __init__(self, engine: Engine, bucket: Bucket, caller: Caller = CALLER) -> None:
        self.engine = engine
        self.bucket = bucket
        self.caller = caller
        self.now_ms = NOW_MS
        self.settings = Settings()
        self.framing = True
        self.asked: list[tuple[str, str, str]] = []
        self.denied: set[str] = set()

    def anonymous(self) -> Client:
        return Client(self.engine, self.bucket, ANONYMOUS)

    async def call(
        self, name: str, body: GivenBody | bytes = b"", *, headers: dict[bytes, bytes] | None = None, target: bytes = b"/", **given: Any
    ) -> Any:
        """Runs one operation; `given` are the fields of its Input without the bucket."""
        if isinstance(body, bytes):
            body = GivenBody(body)
        headers = dict(headers or {})
        if self.framing and body.length is not None:
            headers[b"content-length"] = b"%d" % body.length
        elif self.framing:
            headers[b"transfer-encoding"] = b"chunked"
        operation = OPERATIONS[name]
        if "body" in operation.input.__struct_fields__:  # type: ignore[attr-defined]
            given["body"] = body
        bucket = await self.engine.catalog.bucket(self.bucket.namespace, self.bucket.name)
        request = Request("GET", target, headers, body)
        input = operation.input(bucket=self.bucket.name, **given)
        return await operation.run(Call(input, request, self.caller, bucket, self.engine, self.now_ms, self.settings, self.authorize))

    async def authorize(self, caller: Caller, needs: tuple[str, ...], bucket: Bucket | None, key: str, *about: object) -> None:
        self.asked.extend((action, bucket.name if bucket else "", key) for action in needs)
        if key in self.denied:
            raise AccessDenied

    async def put(self, key: str, body: GivenBody | bytes = b"", **given: Any) -> Response:
        answer: Response = await self.call("PutObject", body, key=key, **given)
        return answer

    async def get(self, key: str, **given: Any) -> tuple[Response, bytes]:
        answer: Response = await self.call("GetObject", key=key, **given)
        return answer, await content(answer)

    async def set_versioning(self, status: str) -> None:
        bucket = await self.engine.catalog.bucket(self.bucket.namespace, self.bucket.name)
        assert bucket is not None
        self.bucket = await self.engine.catalog.change_bucket(msgspec.structs.replace(bucket, versioning=status))


async def content(answer: Response) -> bytes:
    """The bytes of an answer."""
    if answer.body is None or isinstance(answer.body, bytes):
        return answer.body or b""
    stream: Stream = answer.body
    data = b"".join([piece async for piece in stream])
    assert len(data) == stream.length
    return data


def head(answer: Response) -> dict[str, str]:
    """The headers of an answer by lower-case name; none comes twice."""
    found = {name.decode().lower(): value.decode("latin-1") for name, value in answer.fields()}
    assert len(found) == len(answer.fields())
    return found


Scenario = Callable[[Client], Coroutine[Any, Any, None]]
