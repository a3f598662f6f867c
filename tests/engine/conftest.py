"""Engines to test, and coroutine tests run to their end."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.engine.api import Engine
from holdfast.engine.embedded import EmbeddedEngine
from holdfast.engine.memory import MemoryEngine
from holdfast.model.buckets import Bucket

INLINE = 1024


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(params=["memory", "embedded"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made: Engine = MemoryEngine(INLINE) if request.param == "memory" else EmbeddedEngine.open(tmp_path / "data", inline_bytes_max=INLINE)
    yield made
    asyncio.run(made.close())


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedEngine]:
    made = EmbeddedEngine.open(tmp_path / "data", inline_bytes_max=INLINE)
    yield made
    asyncio.run(made.close())


@pytest.fixture
def bucket(engine: Engine) -> Bucket:
    return asyncio.run(engine.catalog.create_bucket(Bucket(namespace="ns", name="first", region="r", owner="alice")))
