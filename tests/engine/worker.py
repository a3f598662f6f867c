"""A process that opens an engine and does what it is told over a pipe, so that a test can kill it."""

from __future__ import annotations

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from holdfast.engine.api import Engine
from holdfast.engine.embedded import EmbeddedEngine
from holdfast.model.objects import Blob

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["holdfast.engine.embedded", "holdfast.engine.cluster", "tests.engine.worker"])


async def write(engine: Engine, data: bytes) -> tuple[Blob, ...]:
    writer = engine.blobs.writer(len(data))
    await writer.write(data)
    return await writer.finish()


async def read(engine: Engine, blobs: tuple[Blob, ...]) -> bytes:
    return b"".join([piece async for piece in engine.blobs.read(blobs, 0, sum(blob.size for blob in blobs))])


async def outcome(engine: Engine, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[bool, Any]:
    """(True, result), or (False, (name of the error, what stood in the way))."""
    try:
        if name in ("write", "read"):
            return True, await (write if name == "write" else read)(engine, *arguments)
        target: Any = engine
        for step in name.split("."):
            target = getattr(target, step)
        return True, await target(*arguments, **named)
    except Exception as error:
        return False, (type(error).__name__, getattr(error, "current", None) or getattr(error, "existing", None))


def opened(where: Path | str, inline_bytes_max: int) -> Engine:
    """The embedded engine in a directory, or the cluster engine of a URL (which says itself how much is inline)."""
    if isinstance(where, Path):
        return EmbeddedEngine.open(where, inline_bytes_max=inline_bytes_max)
    from holdfast.engine.cluster import ClusterEngine

    return ClusterEngine.open(where)


async def _serve(pipe: Connection, where: Path | str, inline_bytes_max: int) -> None:
    engine = opened(where, inline_bytes_max)
    loop = asyncio.get_running_loop()
    pipe.send("ready")
    while (message := await loop.run_in_executor(None, pipe.recv)) is not None:
        pipe.send(await outcome(engine, *message))
    await engine.close()


def _main(pipe: Connection, where: Path | str, inline_bytes_max: int) -> None:
    asyncio.run(_serve(pipe, where, inline_bytes_max))


class Remote:
    """An engine in a process of its own."""

    def __init__(self, where: Path | str, inline_bytes_max: int) -> None:
        self._arguments = (where, inline_bytes_max)
        self.start()

    def start(self) -> None:
        self._pipe, other = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_main, args=(other, *self._arguments), daemon=True)
        self.process.start()
        other.close()
        assert self._receive() == "ready"

    def _receive(self) -> Any:
        assert self._pipe.poll(30), "the engine does not answer"
        return self._pipe.recv()

    def ask(self, name: str, *arguments: object, **named: object) -> None:
        self._pipe.send((name, arguments, named))

    def answer(self) -> tuple[bool, Any]:
        return self._receive()  # type: ignore[no-any-return]

    def call(self, name: str, *arguments: object, **named: object) -> tuple[bool, Any]:
        self.ask(name, *arguments, **named)
        return self.answer()

    def stop(self) -> None:
        self._pipe.send(None)
        self.process.join(20)
        assert self.process.exitcode == 0
        self._pipe.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.join(20)
        self._pipe.close()
