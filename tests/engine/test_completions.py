"""Operations in flight: told once, in order, in bounded time, and never more than agreed; what comes too late harms nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from holdfast.engine.api import Full, Unavailable
from holdfast.engine.cluster import completions
from holdfast.engine.cluster.completions import SMALL_BYTES, Operations

LARGE = SMALL_BYTES + 1


class Library:
    """Plays librados: what was begun, to be completed by the test from a thread of its own."""

    def __init__(self) -> None:
        self.begun: list[Callable[..., None]] = []

    def start(self, completed: Callable[..., None]) -> None:
        self.begun.append(completed)

    def complete(self, count: int) -> None:
        calls = [self.begun.pop(0) for _ in range(count)]
        thread = threading.Thread(target=lambda: [call(number) for number, call in enumerate(calls)])
        thread.start()
        thread.join()


def first(outcome: tuple[int, ...]) -> int:
    return outcome[0]


async def test_many_completions_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    library, operations = Library(), Operations(1 << 30, 5)
    woken = []
    loop = asyncio.get_running_loop()
    inner = loop.call_soon_threadsafe
    futures = [operations.submit(10, library.start, first) for _ in range(100)]
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *arguments, **named: (woken.append(1), inner(*arguments, **named)))
    library.complete(100)
    assert await asyncio.gather(*futures) == list(range(100))
    assert len(woken) == 1
    operations.end()


async def test_large_operations_wait_for_each_other_and_small_ones_for_nobody() -> None:
    library, operations = Library(), Operations(2 * LARGE, 5)
    large = [operations.submit(LARGE, library.start, first) for _ in range(5)]
    assert len(library.begun) == 2
    small = operations.submit(100, library.start, first)
    assert len(library.begun) == 3
    library.complete(3)
    await small
    await asyncio.sleep(0)
    assert [future.done() for future in large] == [True, True, False, False, False] and len(library.begun) == 2
    large[2].cancel()
    library.complete(2)
    await large[3]
    library.complete(1)
    await large[4]
    assert operations._bytes == 0
    operations.end()


async def test_what_is_not_answered_is_given_up_and_may_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completions, "LOOK_S", 0.02)
    library, operations = Library(), Operations(LARGE, 0.1)
    begun = time.monotonic()
    lost, waiting = operations.submit(LARGE, library.start, first), operations.submit(LARGE, library.start, first)
    with pytest.raises(Unavailable):
        await lost
    with pytest.raises(Unavailable):
        await waiting
    assert time.monotonic() - begun < 5 and operations._bytes == 0
    library.complete(2)  # after all
    await asyncio.sleep(0.05)
    again = operations.submit(LARGE, library.start, first)
    library.complete(1)
    assert await again == 0
    ended = operations.submit(LARGE, library.start, first)
    operations.end()
    with pytest.raises(Unavailable):
        await ended


async def test_errors_of_starting_and_of_the_outcome_are_the_futures() -> None:
    operations = Operations(LARGE, 5)

    def broken(_: object) -> None:
        raise ValueError("no")

    def full(_: object) -> int:
        raise Full("full")

    with pytest.raises(Unavailable, match="ValueError"):
        await operations.submit(1, broken, first)
    library = Library()
    future = operations.submit(1, library.start, full)
    library.complete(1)
    with pytest.raises(Full):
        await future
    assert operations._bytes == 0
    operations.end()


def test_another_loop_begins_anew() -> None:
    library, operations = Library(), Operations(LARGE, 5)

    async def leave_one() -> None:
        operations.submit(LARGE, library.start, first)

    async def go_on() -> int:
        future = operations.submit(LARGE, library.start, first)
        library.complete(2)
        return await future

    asyncio.run(leave_one())
    assert asyncio.run(go_on()) == 1
