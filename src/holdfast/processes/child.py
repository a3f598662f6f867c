"""What a forked child does before its own work: die with its parent, take its signals back, run, and leave without the parent's clean-up."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from holdfast.processes.board import BEAT_INTERVAL_S, DRAINING, SERVING, STARTING, Board

CLOSING_S = 4.0
"""A child that has answered its requests lets go of its store, and leaves after this time whatever that does: what was acknowledged is durable."""
CANCEL_S = 1.0
CUT_OFF = 3
"""The exit code of a child that ended in order but had to cut requests off."""

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
log = logging.getLogger(__name__)


def fork(run: Callable[[], int | None]) -> int:
    """Forks a child that does `run` and then exits (with what it returned, or 1 after an exception). Returns its pid to the parent."""
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died between the fork and the line above
            os._exit(1)
        code = run() or 0
    except BaseException:
        log.exception("a process failed")
    finally:
        # Never back into the parent's stack: no atexit handlers, no flushing of what the parent had buffered. No thread is waited for either.
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(code)


class Life:
    """The life of one child as its asyncio program sees it: `serving()` when it serves, `draining` when it should finish."""

    def __init__(self, slot: int, board: Board) -> None:
        self.slot = slot
        self.draining = asyncio.Event()
        self.cut = 0
        self.on_reload: list[Callable[[], object]] = []
        self.on_beat: list[Callable[[], None]] = []
        self._board = board
        self._state = STARTING
        self._loop = asyncio.get_running_loop()
        self._beat()

    def serving(self) -> None:
        self._state = SERVING
        self._board.beat(self.slot, self._state)

    def drain(self) -> None:
        self._state = DRAINING
        self._board.beat(self.slot, self._state)
        self.draining.set()

    def cut_off(self, count: int) -> None:
        """So many requests did not end in the drain time and were cut off."""
        if count:
            self.cut += count
            log.warning("requests were cut off", extra={"count": count})

    async def closed(self, *closing: Coroutine[Any, Any, None]) -> None:
        """Returns when all that is given is done, after CLOSING_S at the latest: a backend that hangs holds up no process's end."""
        tasks = [asyncio.create_task(one) for one in closing]
        done, left = await asyncio.wait(tasks, timeout=CLOSING_S)
        if left:
            log.warning("the store does not let go in time and is left behind", extra={"closing_s": CLOSING_S})
        for task in done:
            task.result()

    def reload(self) -> None:
        for action in self.on_reload:
            try:
                action()
            except Exception:
                log.exception("reload failed; what was in use stays in use")

    def _beat(self) -> None:
        self._board.beat(self.slot, self._state)
        for action in self.on_beat:
            action()
        self._loop.call_later(BEAT_INTERVAL_S, self._beat)


GC_THRESHOLDS = (20_000, 20, 20)
"""Young objects before each look for cycles: a page of a listing makes thousands, none of them in a cycle, and was looked at five times."""


def run_async(
    slot: int, board: Board, program: Callable[[Life], Awaitable[None]], loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> int:
    """Runs `program` on a new event loop with the child's signals wired: SIGTERM and SIGINT drain, SIGHUP reloads. The exit code: 0 or CUT_OFF.

    The loop is not closed: that would wait, without a bound, for every thread that it was lent. The process is about to exit."""

    async def main() -> int:
        life = Life(slot, board)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, life.drain)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal sends it to the whole group; the supervisor decides
        loop.add_signal_handler(signal.SIGHUP, life.reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        await program(life)
        await _cancel_what_is_left()
        return CUT_OFF if life.cut else 0

    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    runner = asyncio.Runner(loop_factory=loop_factory)
    _kept.append(runner)
    return runner.run(main())


_kept: list[asyncio.Runner] = []
"""So that nothing is freed, and thereby closed, on the way out."""


async def _cancel_what_is_left() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CANCEL_S)
