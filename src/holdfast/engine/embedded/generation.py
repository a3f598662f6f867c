"""What the processes of one store share beside its databases: a lock that lets one commit at a time, and counters of change.

A counter lives in a file mapped by every process. Its owner (the holder of the lock) makes it odd before a COMMIT that changes
what others cache, and even again after it, before anything is acknowledged. So:

- a cache filled under an even value is right as long as the value stands: a change that is visible in the database
  has made the counter odd before it became visible;
- while it is odd, nothing is cached: a reader asks the database each time;
- a process killed between the two leaves it odd, which is slow but right, until the next holder of the lock finds
  it odd - which can only mean that its writer died - and makes it even.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from pathlib import Path

_FILE_BYTES = 4096


class Generation:
    """One counter, shared by every process that opened the same file. It never goes back while a process has it open."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size < _FILE_BYTES:
                os.pwrite(descriptor, bytes(_FILE_BYTES), 0)  # written, not truncated: a mapped hole would be SIGBUS on a full disk
            self._map = mmap.mmap(descriptor, _FILE_BYTES)
        finally:
            os.close(descriptor)
        self._cells = memoryview(self._map).cast("Q")

    def value(self) -> int:
        """The counter now; odd while a change is being committed."""
        return self._cells[0]

    def begin(self) -> None:
        """Before the COMMIT of a change. The caller holds the lock."""
        self._cells[0] = self._cells[0] | 1

    def end(self) -> None:
        """After it, and whenever the lock was just taken: even again, and another value than before."""
        value = self._cells[0]
        if value & 1:
            self._cells[0] = value + 1

    def close(self) -> None:
        self._cells.release()
        self._map.close()


class CommitLock:
    """A lock between processes (flock), waited for in the kernel: no polling, and released by the kernel when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> CommitLock:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._descriptor)
