"""The directory of a running server, opened from another process as the steward does: what it changes, every worker must see at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from holdfast.identities import master
from holdfast.identities.directory import Directory
from tests.serving import store_of

T = TypeVar("T")


def inside(data_dir: Path, steps: Callable[[Directory], Awaitable[T]]) -> T:
    """Runs `steps` on the directory of that store."""

    async def work() -> T:
        async with store_of(data_dir) as engine:
            key = master.load(data_dir / master.FILE_NAME)
            assert key is not None
            return await steps(Directory(engine.registry, key))

    return asyncio.run(work())
