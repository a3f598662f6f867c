"""Runs handlers without a server: hand-made calls over an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from holdfast.engine.embedded import EmbeddedEngine
from holdfast.engine.memory.engine import MemoryEngine
from holdfast.model.errors import AccessDenied
from holdfast.model.identity import Caller, User
from holdfast.model.messages import Request, Response
from holdfast.s3 import ops
from holdfast.s3.operation import OPERATIONS, Call
from holdfast.wire.compile import Writer
from holdfast.wire.model import service

ops.load()

NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
NOW_MS = 1_790_000_000_123


class BytesBody:
    """A request body held in memory."""

    def __init__(self, data: bytes, piece: int = 1 << 16) -> None:
        self.length: int | None = len(data)
        self.trailers: dict[bytes, bytes] = {}
        self._data = data
        self._piece = piece
        self.reads = 0

    async def read(self) -> bytes:
        self.reads += 1
        piece, self._data = self._data[: self._piece], self._data[self._piece :]
        return piece

    async def read_all(self, limit: int) -> bytes:
        self.reads += 1
        data, self._data = self._data, b""
        assert len(data) <= limit
        return data


ALICE = User(id="alice", name="alice", canonical_id="alice" * 8, display_name="Alice")


async def _allow(caller: Caller, needs: tuple[str, ...], bucket: Any, key: str, *about: object) -> None:
    """Everybody may do everything in the buckets that somebody owns: who may do what has its own tests."""
    if bucket is not None and not bucket.owner and (caller.user is None or caller.user.rights != "all"):
        raise AccessDenied


class Store:
    """One engine and one event loop."""

    def __init__(self, path: Path | None) -> None:
        self.loop = asyncio.new_event_loop()
        self.engine: Any = self.wait(self._open(path))
        self.settings = SimpleNamespace(region="us-east-1", list_extras=False, put_bytes_max=5 << 30)
        self.now_ms = NOW_MS

    async def _open(self, path: Path | None) -> Any:
        return MemoryEngine() if path is None else EmbeddedEngine.open(path)

    def wait(self, awaitable: Any) -> Any:
        return self.loop.run_until_complete(awaitable)

    def run(self, name: str, /, **given: Any) -> Any:
        """The output of the handler, as it gave it."""
        return self.wait(self.start(name, **given))

    def together(self, starts: list[Callable[[], Any]]) -> list[Any]:
        """The outputs of many handlers at once."""

        async def gathered() -> list[Any]:
            return await asyncio.gather(*[start() for start in starts])

        return self.wait(gathered())

    async def start(self, name: str, /, by: User | None = ALICE, headers: dict[bytes, bytes] | None = None, **given: Any) -> Any:
        """Runs a handler."""
        op = OPERATIONS[name]
        bucket = None
        if "bucket" in given and name != "CreateBucket":
            bucket = await self.engine.catalog.bucket("default", given["bucket"])
        body = given.get("body") or BytesBody(b"")
        sent = {b"host": b"localhost", b"content-length": str(body.length).encode(), **(headers or {})}
        target = f"/{given.get('bucket', '')}/{given.get('key', '')}".encode()
        request = Request("PUT", target, sent, body)
        caller = Caller(user=by)
        return await op.run(Call(op.input(**given), request, caller, bucket, self.engine, self.now_ms, self.settings, _allow))

    def answer(self, name: str, /, **given: Any) -> Response:
        """The response."""
        return Writer(service().operation(name)).write(self.run(name, **given), OPERATIONS[name].success)

    def xml(self, name: str, /, **given: Any) -> ElementTree.Element:
        """The root element of the answer."""
        body = self.answer(name, **given).body
        assert isinstance(body, bytes)
        return ElementTree.fromstring(body)

    def close(self) -> None:
        self.wait(self.engine.close())
        self.loop.close()

    def texts(self, name: str, path: str, /, **given: Any) -> list[str]:
        """The texts of all elements at a path ("Contents/Key") of the answer."""
        steps = "/".join(NS + step for step in path.split("/"))
        return [element.text or "" for element in self.xml(name, **given).findall(steps)]

    def text(self, name: str, path: str, /, **given: Any) -> str | None:
        """The text of the one element at a path, None when it is not there."""
        found = self.texts(name, path, **given)
        assert len(found) <= 1
        return found[0] if found else None

    @staticmethod
    def body(data: bytes) -> BytesBody:
        """A request body."""
        return BytesBody(data)

    def put(self, bucket: str, key: str, data: bytes = b"") -> None:
        """Stores an object."""
        self.run("PutObject", bucket=bucket, key=key, body=BytesBody(data))


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store in memory; on disk for tests of the marker `usefixtures("on_disk")`."""
    opened = Store(tmp_path / "store" if "on_disk" in request.fixturenames else None)
    yield opened
    opened.close()


@pytest.fixture
def on_disk() -> None:
    """Asks `store` for the embedded engine."""
