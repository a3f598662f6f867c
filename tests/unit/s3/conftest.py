"""A client of hand-made calls on a fresh engine in memory; tests/s3 asks the same of a running server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from holdfast.engine.memory.engine import MemoryEngine
from holdfast.model.buckets import Bucket
from tests.unit.s3.calls import Client, Scenario


@pytest.fixture
def run() -> Callable[[Scenario], None]:
    """Runs a scenario, a coroutine function that takes a Client, on a fresh store with the bucket "bucket"."""

    async def on_engine(scenario: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
        engine = MemoryEngine()
        try:
            bucket = await engine.catalog.create_bucket(Bucket(namespace="default", name="bucket", region="us-east-1", owner="c-ada"))
            await scenario(Client(engine, bucket))
        finally:
            await engine.close()

    return lambda scenario: asyncio.run(on_engine(scenario))
