"""A body that is read from the engine piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from holdfast.objects.read import Bytes


class Pieces:
    """An engine's iterator that says whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        return b"x"

    async def aclose(self) -> None:
        self.closed = True


def test_cve_2016_0737_a_body_that_is_not_read_to_its_end_closes_its_files() -> None:
    async def test() -> None:
        rest = Pieces()
        body = Bytes(9, b"x", rest)
        pieces = aiter(body)
        assert [await anext(pieces), await anext(pieces)] == [b"x", b"x"]
        assert not rest.closed
        await body.aclose()
        assert rest.closed

    asyncio.run(test())
