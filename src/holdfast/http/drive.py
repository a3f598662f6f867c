"""Runs a coroutine at once and makes a task of it only if it suspends (design, D2)."""

from __future__ import annotations

import asyncio
import enum
import types
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any, Final, TypeVar

T = TypeVar("T")


class Suspended(enum.Enum):
    """The coroutine waits for something."""

    SUSPENDED = 0


SUSPENDED: Final = Suspended.SUSPENDED


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, T], awaited: Any, error: BaseException | None) -> Generator[Any, Any, T]:
    """Continues a coroutine that was started with send(None) and yielded `awaited` (a future, or None for a bare yield)."""
    while True:
        if error is not None:
            try:
                awaited = coroutine.throw(error)
            except StopIteration as stop:
                result: T = stop.value
                return result
            finally:
                error = None  # its traceback leads back to this frame: the cycle would keep all that the coroutine held
        try:
            yield awaited
        except BaseException as thrown:
            error = thrown
        else:
            return (yield from coroutine.__await__())


async def _wait(start: asyncio.Future[Any]) -> None:
    error: BaseException | None = None
    try:
        coroutine, awaited, then = await asyncio.shield(start)
    except asyncio.CancelledError as cancelled:
        if not start.done():
            raise  # the reserve is not needed
        error = cancelled  # before the task's first turn: it belongs to the coroutine
        coroutine, awaited, then = start.result()
    rest, error = then(_resume(coroutine, awaited, error)), None
    await rest


class Stage:
    """A task kept in reserve, within which coroutines make their first step.

    So `asyncio.current_task`, `asyncio.timeout`, task groups and context variables work in a handler from its first line,
    though no task is made for a handler that never suspends. The reserve is given away with the first that does. A context
    variable that a handler sets for the first time makes the reserve be renewed, so that the next handler does not see it.
    """

    __slots__ = ("_awaited", "_base", "_context", "_context_size", "_loop", "_reserve", "_run", "_start")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._base = copy_context()
        self._prepare()

    def _prepare(self) -> None:
        self._context = context = self._base.copy()  # not the current one, which may be that of a handler's task
        self._context_size = len(context)
        self._run = context.run
        self._start: asyncio.Future[Any] = self._loop.create_future()
        self._reserve = self._loop.create_task(_wait(self._start), context=context)
        self._awaited: Any = None

    def step(self, coroutine: Coroutine[Any, Any, T]) -> T | Suspended:
        """The coroutine's result, or SUSPENDED: then `adopt` must follow before the next step. Errors: what it raises."""
        loop = self._loop
        reserve = self._reserve
        _enter_task(loop, reserve)
        try:
            awaited = self._run(coroutine.send, None)
        except StopIteration as stop:
            if len(self._context) != self._context_size or reserve.cancelling():
                self._retire()
            result: T = stop.value
            return result
        except BaseException:
            self._retire()
            raise
        finally:
            _leave_task(loop, reserve)
        self._awaited = awaited
        return SUSPENDED

    def adopt(self, coroutine: Coroutine[Any, Any, T], then: Callable[[Awaitable[T]], Awaitable[None]]) -> asyncio.Task[None]:
        """Gives the coroutine that suspended its task, which runs `then(the rest of it)`.

        To cancel the task from outside one, use `loop.call_soon(task.cancel)`: the task may not have had its first turn.
        """
        task = self._reserve
        self._start.set_result((coroutine, self._awaited, then))
        self._prepare()
        return task

    def _retire(self) -> None:
        self._reserve.cancel()
        self._prepare()

    def close(self) -> None:
        """Ends the reserve; nothing may be run afterwards."""
        self._reserve.cancel()
