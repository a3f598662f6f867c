"""The data directory as a place that one server owns: made private, locked while any of its processes lives, with a note of who they are."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Any

import msgspec

LOCK_WAIT_S = 3.0


class StartError(Exception):
    """The server cannot start; the message is for the person who started it."""


class DataDir:
    """An owned data directory. The lock is on an open file description that children inherit: it holds until the last of them is gone."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def claim(cls, path: Path) -> DataDir:
        """Makes the directory (0700) if needed and locks it. Errors: StartError, which names the other server's pid."""
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            (path / "logs").mkdir(exist_ok=True, mode=0o700)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(f"the data directory {path} cannot be used: {error.strerror}") from error
        until = time.monotonic() + LOCK_WAIT_S
        while not _try_lock(lock):
            pid = _owner(lock)
            # After a kill -9 of the supervisor its children take a moment to die with it.
            if (pid and _is_alive(pid)) or time.monotonic() > until:
                os.close(lock)
                who = f"another Holdfast server (pid {pid})" if pid else "another Holdfast server"
                raise StartError(f"{who} is using the data directory {path}; stop it, or choose another --data-dir")
            time.sleep(0.05)
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
        return cls(path, lock)

    def note(self, facts: dict[str, Any]) -> None:
        """Writes run.json (pids, addresses) whole or not at all."""
        new = self.path / "run.json.new"
        new.write_bytes(msgspec.json.format(msgspec.json.encode(facts)) + b"\n")
        new.rename(self.path / "run.json")

    def leave(self) -> None:
        """Takes the note away and lets go of the lock."""
        with contextlib.suppress(OSError):
            (self.path / "run.json").unlink(missing_ok=True)
        os.close(self._lock)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(lock: int) -> int:
    text = os.pread(lock, 32, 0).strip()
    return int(text) if text.isdigit() else 0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
