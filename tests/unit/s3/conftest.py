"""A client of hand-made calls on a fresh engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from holdfast.engine.embedded.engine import EmbeddedEngine
from holdfast.model.buckets import Bucket
from tests.unit.s3.calls import Client, Scenario


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Scenario], None]:
    """Runs a scenario, a coroutine function that takes a Client, on a fresh store with the bucket "bucket"."""

    async def on_engine(scenario: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
        engine = EmbeddedEngine.open(tmp_path / "data")
        try:
            bucket = await engine.catalog.create_bucket(Bucket(namespace="default", name="bucket", region="us-east-1", owner="c-ada"))
            await scenario(Client(engine, bucket))
        finally:
            await engine.close()

    return lambda scenario: asyncio.run(on_engine(scenario))
