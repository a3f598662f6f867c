"""Forks the steward and the workers, replaces what dies, passes signals on, and brings everything down in order."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import time
from collections.abc import Callable

from holdfast.processes import child
from holdfast.processes.board import Board, name

BACKOFF_S = (0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
STABLE_S = 30.0
START_TIMEOUT_S = 60.0
KILL_GRACE_S = 8.0
"""Beyond the drain time: more than a child takes to cut off what is left, to let go of its store (CLOSING_S) and to leave."""

SLOW_S = 15.0
STOP_S = 3.0

log = logging.getLogger(__name__)


class StartFailed(Exception):
    """A process ended or stayed silent before the server was ready."""


class Supervisor:
    """No threads, no event loop: it waits for signals only, so that every fork is safe.

    `run(slot)` is what the process in that slot does until it is told to drain. Signals are blocked from the
    first line on and taken one by one with sigtimedwait.
    """

    def __init__(self, board: Board, run: Callable[[int], int | None], drain_timeout_s: float) -> None:
        self.board = board
        self._run = run
        self._drain_timeout_s = drain_timeout_s
        self._slots: dict[int, int] = {}  # pid -> slot
        self._born: dict[int, float] = {}
        self._crashes = dict.fromkeys(range(board.processes), 0)
        self._due: dict[int, float] = {}  # slot -> when to start again
        self._cut: list[str] = []
        self.on_change: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Forks every process and returns when all of them serve. Errors: StartFailed; KeyboardInterrupt when told to stop."""
        gc.collect()
        gc.freeze()  # what is loaded by now is never scanned, so that children keep sharing its pages
        for slot in range(self.board.processes):
            self._fork(slot)
        until = time.monotonic() + START_TIMEOUT_S
        while self.board.missing():
            taken = signal.sigtimedwait(child.HANDLED, 0.02)
            if taken is not None and taken.si_signo in (signal.SIGTERM, signal.SIGINT):
                self._end()
                raise KeyboardInterrupt
            dead = self._reap()
            if dead or time.monotonic() > until:
                self._end()
                what = f"{name(dead[0])} ended" if dead else f"{', '.join(self.board.missing())} did not become ready"
                raise StartFailed(f"{what} while starting; the log above says why")

    def watch(self) -> None:
        """Replaces dead processes until SIGTERM or SIGINT comes."""
        while True:
            now = time.monotonic()
            for slot in [slot for slot, due in self._due.items() if due <= now]:
                del self._due[slot]
                self._fork(slot)
                self.on_change()
            wait_s = min((due - now for due in self._due.values()), default=60.0)
            taken = signal.sigtimedwait(child.HANDLED, max(wait_s, 0.0))
            if taken is None:
                continue
            if taken.si_signo in (signal.SIGTERM, signal.SIGINT):
                return
            if taken.si_signo == signal.SIGHUP:
                log.info("reloading certificates")
                self._tell(signal.SIGHUP)
            for slot in self._reap():
                self._plan(slot)

    def drain(self) -> str:
        """Lets every process finish within the drain time; a second signal, or the end of the time, kills. "" when all ended in order, else
        what did not."""
        self._due.clear()
        self._cut.clear()
        self._tell(signal.SIGTERM)
        allowed_s = self._drain_timeout_s + KILL_GRACE_S
        until = time.monotonic() + allowed_s
        why = f"did not end within {allowed_s:g} s of SIGTERM"
        while self._slots and time.monotonic() < until:
            taken = signal.sigtimedwait(child.HANDLED, max(until - time.monotonic(), 0.0))
            self._reap()
            if taken is not None and taken.si_signo in (signal.SIGTERM, signal.SIGINT):
                why = "had not ended when a second signal came"
                break
        killed = sorted(name(slot) for slot in self._slots.values())
        self._end()
        told = [f"{', '.join(sorted(self._cut))}: requests in flight were cut off"] if self._cut else []
        return "; ".join([*told, *([f"{', '.join(killed)} {why}: killed, with what was in flight"] if killed else [])])

    def _fork(self, slot: int) -> None:
        pid = child.fork(lambda: self._run(slot))
        self._slots[pid] = slot
        self._born[slot] = time.monotonic()
        self.board.started(slot, pid)

    def _reap(self) -> list[int]:
        """The slots of children that ended."""
        dead = []
        while self._slots:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            slot = self._slots.pop(pid, None)
            if slot is None:
                continue
            self.board.gone(slot)
            dead.append(slot)
            code = os.waitstatus_to_exitcode(status)
            if code == child.CUT_OFF:
                self._cut.append(name(slot))
            facts = {"slot": name(slot), "pid": pid, "exit": code}
            log.log(logging.INFO if code in (0, child.CUT_OFF) else logging.ERROR, "process ended", extra=facts)
        return dead

    def _plan(self, slot: int) -> None:
        """A process that lived long is replaced at once; one that keeps dying, ever more slowly."""
        lived_s = time.monotonic() - self._born[slot]
        crashes = 0 if lived_s > STABLE_S else self._crashes[slot]
        self._crashes[slot] = crashes + 1
        self._due[slot] = time.monotonic() + BACKOFF_S[min(crashes, len(BACKOFF_S) - 1)]

    def _tell(self, signum: int) -> None:
        for pid in self._slots:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)

    def _end(self) -> None:
        """Kills and reaps what is left."""
        self._tell(signal.SIGKILL)
        for pid in list(self._slots):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
            self.board.gone(self._slots.pop(pid))


def wait_for(pid: int) -> None:
    """Waits for the end of a child that prepares the store, and says when that takes long. SIGTERM or SIGINT gives it STOP_S more: if it is done
    by then, the signal is pending again, for whoever asks next; else it is killed, at once by a second signal. Errors: KeyboardInterrupt, then."""
    told, until = 0, time.monotonic() + SLOW_S
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        taken = signal.sigtimedwait(child.HANDLED, max(until - time.monotonic(), 0.0))
        if taken is not None and taken.si_signo in (signal.SIGTERM, signal.SIGINT):
            told, until = told + 1, time.monotonic() + STOP_S
        late = time.monotonic() >= until
        if told > 1 or (told and late):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise KeyboardInterrupt
        if late:
            until += SLOW_S
            log.warning("the store is still being prepared; if this does not end, see whether what it stands on answers")
    if told:
        os.kill(os.getpid(), signal.SIGTERM)
