"""Background jobs end when the server does, whatever they are in the middle of and whatever their engine answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from holdfast.engine.api import Unavailable
from holdfast.jobs import schedule
from holdfast.jobs.schedule import Job, run_jobs


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "ENDING_S", 0.2)


async def granted(_: str, __: int) -> bool:
    return True


async def ends(run: Callable[[], Awaitable[None]], when: Callable[[asyncio.Event], Awaitable[None]], lease: schedule.Lease = granted) -> float:
    """How many seconds `run_jobs` takes to its end after `when` has set the event."""
    stopping = asyncio.Event()
    running = asyncio.create_task(run_jobs([Job("one", run, 3600.0, 0.0)], stopping, lease))
    await asyncio.wait_for(when(stopping), 5)
    began = time.monotonic()
    await asyncio.wait_for(running, 5)
    return time.monotonic() - began


async def after_a_while(stopping: asyncio.Event) -> None:
    await asyncio.sleep(0.05)
    stopping.set()


def test_a_run_that_ends_in_the_very_turn_in_which_it_is_told_to_stop() -> None:
    """At each turn of the loop around the end of a run: none of them loses the word."""

    async def play() -> None:
        for turns in range(12):
            done = asyncio.Event()

            async def run(done: asyncio.Event = done) -> None:
                done.set()

            async def when(stopping: asyncio.Event, turns: int = turns, done: asyncio.Event = done) -> None:
                await done.wait()
                for _ in range(turns):
                    await asyncio.sleep(0)
                stopping.set()

            assert await ends(run, when) < 0.15, turns

    asyncio.run(play())


def test_a_run_that_does_not_heed_its_end_is_left_behind() -> None:
    async def play() -> None:
        stubborn = True

        async def run() -> None:
            while stubborn:
                try:
                    await asyncio.sleep(10)
                except asyncio.CancelledError:
                    continue

        try:
            assert 0.1 < await ends(run, after_a_while) < 1.0
        finally:
            stubborn = False

    asyncio.run(play())


def test_a_lease_that_is_not_answered_is_not_waited_for() -> None:
    """Many jobs too: their leases are given back at the same time."""

    async def play() -> None:
        forever = asyncio.Event()

        async def lease(_: str, seconds: int) -> bool:
            if not seconds:
                await forever.wait()
            return True

        async def run() -> None:
            await asyncio.sleep(3600)

        stopping = asyncio.Event()
        running = asyncio.create_task(run_jobs([Job(f"job {number}", run, 3600.0, 0.0) for number in range(5)], stopping, lease))
        await asyncio.sleep(0.05)
        stopping.set()
        await asyncio.wait_for(running, 1.0)

    asyncio.run(play())


def test_every_lease_is_given_back_and_an_engine_that_refuses_disturbs_nobody() -> None:
    async def play() -> None:
        back: list[str] = []

        async def lease(name: str, seconds: int) -> bool:
            if not seconds:
                back.append(name)
                raise Unavailable("gone")
            return True

        async def run() -> None:
            raise ValueError("a fault of the job")

        assert await ends(run, after_a_while, lease) < 0.15
        assert back == ["job one"]

    asyncio.run(play())
