"""Calls that wait, in threads that nobody has to wait for: one that never returns does not hold up the end of a process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def in_thread(call: Callable[..., T], *arguments: Any, unclaimed: Callable[[T], object] | None = None) -> asyncio.Future[T]:
    """What `call` returns or raises, from a thread of its own. Unlike an executor's, which the interpreter and the event loop join at their
    end, it is left behind if it hangs in a library that does not give up. Who no longer waits may cancel the future; the call goes on, and
    `unclaimed` is given, in a thread, what it returns too late."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(told: Callable[[Any], None], what: Any) -> None:
        if not future.done():
            told(what)
        elif unclaimed is not None and told == future.set_result:
            threading.Thread(target=unclaimed, args=(what,), name="unclaimed", daemon=True).start()

    def run() -> None:
        told: Callable[[Any], None] = future.set_result
        what: Any = None
        try:
            what = call(*arguments)
        except BaseException as error:
            told, what = future.set_exception, error
        try:
            loop.call_soon_threadsafe(tell, told, what)
        except RuntimeError:  # the loop is closed
            if unclaimed is not None and told == future.set_result:
                unclaimed(what)

    threading.Thread(target=run, name=getattr(call, "__name__", "call"), daemon=True).start()
    return future
