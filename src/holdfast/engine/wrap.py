"""Engines around engines: one that times every call, one that fails on command, one that refuses to write."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from holdfast.engine.api import Engine, Unavailable

Observe = Callable[[str, float, BaseException | None], None]
"""Told of each call: its name ("catalog.commit"), how long it took in seconds, and what it raised."""

WRITES = frozenset(
    {
        "catalog.create_bucket",
        "catalog.change_bucket",
        "catalog.delete_bucket",
        "catalog.commit",
        "catalog.amend",
        "catalog.expunge",
        "catalog.start_upload",
        "catalog.add_part",
        "catalog.finish_upload",
        "catalog.abort_upload",
        "catalog.create_par",
        "catalog.delete_par",
        "catalog.create_par_upload",
        "catalog.purge_pars",
        "blobs.writer",
        "blobs.discard",
        "registry.put",
        "registry.put_all",
        "registry.delete",
        "moving.freeze",
        "moving.fill",
        "moving.release",
        "moving.begin_journal",
        "moving.forget",
        "moving.end_journal",
        "moving.place_document",
        "moving.place_bucket",
        "moving.raise_counters",
        "sweep",
    }
)

_PARTS = ("catalog", "blobs", "registry", "moving")
_PLAIN = frozenset({"blobs.inline_max", "blobs.inline", "blobs.belongs", "registry.generation", "watch_commits"})
"""Calls of a microsecond that do no I/O: never wrapped."""

Wrap = Callable[[str, Callable[..., Any]], Callable[..., Any]]


class _Around:
    """Every public method of `inner` put through `wrap`, looked up once."""

    def __init__(self, inner: object, prefix: str, wrap: Wrap) -> None:
        for name in dir(inner):
            if name.startswith("_"):
                continue
            value = getattr(inner, name)
            path = prefix + name
            if path in _PARTS:
                value = _Around(value, path + ".", wrap)
            elif callable(value) and path not in _PLAIN and path != "keyring":
                value = wrap(path, value)
            setattr(self, name, value)


def _engine(inner: Engine, wrap: Wrap) -> Engine:
    return cast(Engine, _Around(inner, "", wrap))


def timed(inner: Engine, observe: Observe) -> Engine:
    """Tells `observe` of every call that may do I/O; of a body once, when it ends; of a writer's `write` and `finish` each time."""

    def wrap(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            error: BaseException | None = None
            try:
                return await method(*arguments, **named)
            except BaseException as raised:
                error = raised
                raise
            finally:
                observe(name, time.perf_counter() - begun, error)

        def writer(size: int | None, storage_class: str = "") -> Any:
            return _Around(method(size, storage_class), "writer.", wrap)

        def read(*arguments: Any) -> AsyncIterator[bytes]:
            return _TimedBody(method(*arguments), observe)

        if name == "blobs.writer":
            return writer
        if name == "blobs.read":
            return read
        return call if inspect.iscoroutinefunction(method) else method

    return _engine(inner, wrap)


class _TimedBody:
    """A body that adds up how long its pieces took."""

    def __init__(self, inner: AsyncIterator[bytes], observe: Observe) -> None:
        self._inner = inner
        self._observe: Observe | None = observe
        self._spent_s = 0.0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        begun = time.perf_counter()
        try:
            piece = await self._inner.__anext__()
        except BaseException as raised:
            self._spent_s += time.perf_counter() - begun
            self._tell(None if isinstance(raised, StopAsyncIteration) else raised)
            raise
        self._spent_s += time.perf_counter() - begun
        return piece

    def _tell(self, error: BaseException | None) -> None:
        observe, self._observe = self._observe, None
        if observe is not None:
            observe("blobs.read", self._spent_s, error)

    def __del__(self) -> None:
        self._tell(None)


class Faults:
    """What shall fail: `plan[name]` holds, for the next calls of that name, an error to raise or None to let it pass.

    The name of a body's piece is "blobs.read.piece", of a writer's calls "writer.write" and "writer.finish"."""

    def __init__(self) -> None:
        self.plan: dict[str, list[BaseException | None]] = {}
        self.calls: list[str] = []

    def strike(self, name: str) -> None:
        self.calls.append(name)
        waiting = self.plan.get(name)
        if waiting:
            error = waiting.pop(0)
            if error is not None:
                raise error


def faulty(inner: Engine, faults: Faults) -> Engine:
    """Fails before the inner engine is asked, as `faults` says: for tests of the layers above."""

    def wrap(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*arguments: Any, **named: Any) -> Any:
            faults.strike(name)
            return await method(*arguments, **named)

        def writer(size: int | None, storage_class: str = "") -> Any:
            faults.strike(name)
            return _Around(method(size, storage_class), "writer.", wrap)

        async def read(*arguments: Any) -> AsyncIterator[bytes]:
            async for piece in method(*arguments):
                faults.strike("blobs.read.piece")
                yield piece

        if name == "blobs.writer":
            return writer
        if name == "blobs.read":
            return read
        return call if inspect.iscoroutinefunction(method) else method

    return _engine(inner, wrap)


def read_only(inner: Engine) -> Engine:
    """Refuses every step that writes. Errors: Unavailable."""

    def wrap(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        if name not in WRITES:
            return method

        def refuse(*arguments: Any, **named: Any) -> Any:
            raise Unavailable("the store is read-only")

        async def refuse_later(*arguments: Any, **named: Any) -> Any:
            return refuse()

        return refuse_later if inspect.iscoroutinefunction(method) else refuse

    return _engine(inner, wrap)
