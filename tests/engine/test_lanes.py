"""What calls are told that wait for PostgreSQL in vain: the right cause, in bounded time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import pytest

from holdfast.engine.api import Unavailable
from holdfast.engine.cluster import lanes
from holdfast.engine.cluster.connection import Connection, Statement
from holdfast.engine.cluster.lanes import StepLane

STEP = Statement("step", "SELECT 1")


def lane(connect: Callable[[], Any], timeout_s: float = 0.5) -> StepLane:
    """A lane of one connection, which `connect` makes."""

    async def opened() -> Connection:
        return cast(Connection, await connect())

    return StepLane(lambda lost: asyncio.get_running_loop().create_task(opened()), 1, timeout_s)


async def told(steps: StepLane, count: int) -> Counter[str]:
    """What so many calls at once are told."""
    answers = await asyncio.gather(*[steps.call(STEP, ()) for _ in range(count)], return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    return Counter(map(str, answers))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_OUTAGE_S", 0.3)


async def never() -> None:
    await asyncio.Event().wait()


async def test_ten_thousand_calls_before_the_first_connection_are_told_that_they_are_too_many() -> None:
    began = time.monotonic()
    said = await told(lane(never), 10_000)
    assert time.monotonic() - began < 5
    assert list(said) == ["PostgreSQL: no connection within 0.3 s, and 10000 calls wait: more is asked at once than can be begun"]


async def test_a_few_are_told_that_there_is_no_connection() -> None:
    assert list(await told(lane(never), 3)) == ["PostgreSQL: no connection within 0.3 s"]


async def test_a_database_that_refuses_is_named_however_many_wait() -> None:
    async def refused() -> None:
        raise Unavailable("PostgreSQL: connection refused")

    for count in (1, 1000):
        assert list(await told(lane(refused), count)) == ["PostgreSQL: connection refused"]


async def test_a_busy_database_is_told_from_one_that_is_away() -> None:
    class Busy:
        load = 1

        def overdue(self, before: float) -> bool:
            return False

        def close(self) -> None:
            pass

    async def busy() -> Busy:
        return Busy()

    steps = lane(busy)
    said = await told(steps, 5)
    assert len(said) == 1 and "more is asked than it answers in time (5 calls wait)" in next(iter(said))
    waiting = steps.call(STEP, ())
    steps.close()
    with pytest.raises(Unavailable, match="the engine is closed"):
        await waiting
