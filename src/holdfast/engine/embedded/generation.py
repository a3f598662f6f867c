"""What the processes of one store share beside its databases: a lock that lets one commit at a time, and counters of change.

A counter lives in a file mapped by every process. Its owner (the holder of the lock) makes it odd before a COMMIT that changes
what others cache, and even again after it, before anything is acknowledged. So:

- a cache filled under an even value is right as long as the value stands: a change that is visible in the database
  has made the counter odd before it became visible;
- while it is odd, nothing is cached: a reader asks the database each time;
- a process killed between the two leaves it odd, which is slow but right, until the next holder of the lock finds
  it odd - which can only mean that its writer died - and makes it even.

Versions have counters of the same kind, one for each of KEY_CELLS classes of keys, so that a write makes the others forget no more than
it must. One that its writer left odd is made even by the next commit to a key of that class.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Collection
from pathlib import Path
from zlib import crc32

KEY_CELLS = 4096
_FROZEN_AT = 1
_KEYS_AT = 8
_FILE_BYTES = (_KEYS_AT + KEY_CELLS) * 8


def key_cell(bucket_id: int, key: str) -> int:
    """Which of `Generation.keys` counts the changes of that key; the same in every process."""
    return crc32(key.encode(), bucket_id & 0xFFFFFFFF) % KEY_CELLS


class Generation:
    """One counter, shared by every process that opened the same file. It never goes back while a process has it open."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size < _FILE_BYTES:
                os.pwrite(descriptor, bytes(_FILE_BYTES - size), size)  # written, not truncated: a mapped hole would be SIGBUS on a full disk
            self._map = mmap.mmap(descriptor, _FILE_BYTES)
        finally:
            os.close(descriptor)
        self._cells = memoryview(self._map).cast("Q")
        self.keys = self._cells[_KEYS_AT:]
        """The counters of versions, by `key_cell`."""

    def value(self) -> int:
        """The counter now; odd while a change is being committed."""
        return self._cells[0]

    def frozen(self) -> bool:
        """Whether nothing may be committed. Who asks or tells holds the lock, so that what was allowed is also done."""
        return self._cells[_FROZEN_AT] != 0

    def set_frozen(self, frozen: bool) -> None:
        self._cells[_FROZEN_AT] = frozen

    def begin(self) -> None:
        """Before the COMMIT of a change. The caller holds the lock."""
        self._cells[0] = self._cells[0] | 1

    def end(self) -> None:
        """After it, and whenever the lock was just taken: even again, and another value than before."""
        value = self._cells[0]
        if value & 1:
            self._cells[0] = value + 1

    def begin_keys(self, cells: Collection[int]) -> None:
        """Before the COMMIT of changed versions. The caller holds the lock."""
        keys = self.keys
        for cell in cells:
            keys[cell] |= 1

    def end_keys(self, cells: Collection[int]) -> None:
        """After it."""
        keys = self.keys
        for cell in cells:
            keys[cell] += 1

    def close(self) -> None:
        self.keys.release()
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
