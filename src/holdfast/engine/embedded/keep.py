"""Holds files back from removal while somebody copies them: a lock that a backup has, and that ends with its process.

Who removes files has first learnt in a committed step that no row names them, and asks only then whether they are held. So where the
answer was no, a snapshot of the catalog that is taken once the lock is had does not name them either. What is held stays as a stray
for the sweep.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from holdfast.engine.api import Unavailable

_FILE = "keep.lock"
_WAIT_S = 10.0


class Keep:
    """The lock as seen by a process that removes files."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def held(self) -> bool:
        """Whether nothing may be removed now."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return False

    def close(self) -> None:
        os.close(self._descriptor)


class Held:
    """As a context: nothing is removed from the store in a directory. Errors: Unavailable when another one holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._descriptor = os.open(self._path / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + _WAIT_S
        while True:  # those who ask have it for microseconds
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(self._descriptor)
                    raise Unavailable("another backup of this store is under way") from None
                time.sleep(0.0005)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
