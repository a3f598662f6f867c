"""Room on the disk that only what frees room may use: growth is refused before the disk is full, so that deleting always works."""

from __future__ import annotations

import os
import time
from pathlib import Path

from holdfast.engine.api import Full, Unavailable

RESERVE_BYTES_MAX = 32 << 20
RESERVE_SHARE = 10
"""The reserve is a tenth of the disk, at most 32 MiB: enough for the log of many deletions."""

LOOK_INTERVAL_S = 0.01


class Room:
    """Free bytes of the file system of one store, looked up at most every 10 ms."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked_at = -1.0
        self._free_bytes = 0
        state = os.statvfs(path)
        self.reserve_bytes = min(RESERVE_BYTES_MAX, state.f_blocks * state.f_frsize // RESERVE_SHARE)

    def free_bytes(self) -> int:
        """Errors: Unavailable."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_INTERVAL_S:
            try:
                state = os.statvfs(self._path)
            except OSError as error:
                raise Unavailable(f"free space: {error.strerror}") from error
            self._free_bytes = state.f_bavail * state.f_frsize
            self._looked_at = now
        return self._free_bytes

    def require(self, size: int) -> None:
        """Before the store grows by `size` bytes. Errors: Full when that would touch the reserve."""
        if self.free_bytes() - size < self.reserve_bytes:
            self._looked_at = -1.0  # nobody is refused for what was so ten milliseconds ago
            if self.free_bytes() - size >= self.reserve_bytes:
                return
            raise Full("no space left but what deletions need")

    def is_tight(self, log_bytes: int) -> bool:
        """Whether the log must be copied back now: what it holds may still have to become part of the database file."""
        return self.free_bytes() - log_bytes < 2 * self.reserve_bytes
