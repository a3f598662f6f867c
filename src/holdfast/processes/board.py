"""The page of shared memory on which each process says that it lives: pid, state and last heartbeat."""

from __future__ import annotations

import mmap
import time

STARTING, SERVING, DRAINING = 1, 2, 3
BEAT_INTERVAL_S = 0.5
BEAT_AGE_MAX_S = 10.0
_SLOT = 4  # pid, state, heartbeat in monotonic milliseconds, starts


class Board:
    """Slot 0 is the steward, slots 1 to n the workers. Made before the fork; a process writes only its own slot."""

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self._map = mmap.mmap(-1, processes * _SLOT * 8)
        self._slots = memoryview(self._map).cast("Q")

    def started(self, slot: int, pid: int) -> None:
        at = slot * _SLOT
        self._slots[at] = pid
        self._slots[at + 3] += 1

    def gone(self, slot: int) -> None:
        """The process of this slot is dead."""
        self._slots[slot * _SLOT] = self._slots[slot * _SLOT + 1] = 0

    def beat(self, slot: int, state: int = SERVING) -> None:
        self._slots[slot * _SLOT + 1] = state
        self._slots[slot * _SLOT + 2] = time.monotonic_ns() // 1_000_000

    def pid(self, slot: int) -> int:
        return self._slots[slot * _SLOT]

    def starts(self, slot: int) -> int:
        """How often a process was started in this slot."""
        return self._slots[slot * _SLOT + 3]

    def is_serving(self, slot: int) -> bool:
        """It serves, and its heart beat lately (monotonic time, so a machine that slept does not count against it)."""
        at = slot * _SLOT
        age_ms = time.monotonic_ns() // 1_000_000 - self._slots[at + 2]
        return self._slots[at + 1] == SERVING and age_ms < BEAT_AGE_MAX_S * 1000

    def missing(self) -> list[str]:
        """Names of the processes that do not serve."""
        return [name(slot) for slot in range(self.processes) if not self.is_serving(slot)]


def name(slot: int) -> str:
    return "steward" if slot == 0 else f"worker-{slot}"
