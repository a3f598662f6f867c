"""Runs handlers without a server: hand-made calls over a real engine in a temporary directory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from holdfast.engine.embedded import EmbeddedEngine
from holdfast.model.identity import Caller, User
from holdfast.model.messages import Request, Response
from holdfast.s3.operation import OPERATIONS, Call
from holdfast.wire.compile import Writer
from holdfast.wire.model import service

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


def user(name: str, rights: str = "own-buckets") -> User:
    return User(id=name, name=name, canonical_id=name * 8, display_name=name.title(), rights=rights)


ALICE, BOB, ROOT = user("alice"), user("bob"), user("root", "all")


class Store:
    """One engine and one event loop."""

    def __init__(self, path: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.engine = self.wait(self._open(path))
        self.settings = SimpleNamespace(region="us-east-1", list_extras=False, put_bytes_max=5 << 30)
        self.now_ms = NOW_MS

    async def _open(self, path: Path) -> EmbeddedEngine:
        return EmbeddedEngine.open(path)

    def wait(self, awaitable: Any) -> Any:
        return self.loop.run_until_complete(awaitable)

    def run(self, name: str, /, by: User | None = ALICE, headers: dict[bytes, bytes] | None = None, **given: Any) -> Any:
        """The output of the handler, as it gave it."""
        op = OPERATIONS[name]
        bucket = None
        if "bucket" in given and name != "CreateBucket":
            bucket = self.wait(self.engine.catalog.bucket("default", given["bucket"]))
        request = Request("PUT", b"/" + given.get("bucket", "").encode(), {b"host": b"localhost", **(headers or {})}, given.get("body") or BytesBody(b""))
        caller = Caller(user=by)
        return self.wait(op.run(Call(op.input(**given), request, caller, bucket, self.engine, self.now_ms, self.settings)))

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


def texts(root: ElementTree.Element, *path: str) -> list[str]:
    """The texts of all elements at a path below the root."""
    return [element.text or "" for element in root.findall("/".join(NS + step for step in path))]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()
