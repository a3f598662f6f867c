"""The limit of a durable large PUT on this machine: MD5 in one thread while another writes, then fsync; no network, no protocol."""

from __future__ import annotations

import hashlib
import os
import queue
import resource
import threading
import time
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20


def pipelined_put(where: Path, size_mib: int) -> dict[str, Any]:
    """Seconds, bytes, and CPU seconds of one file made durable with its MD5 known."""
    chunk = os.urandom(CHUNK_BYTES)
    waiting: queue.Queue[bytes | None] = queue.Queue(8)
    digest = hashlib.md5(usedforsecurity=False)

    def hash_all() -> None:
        while (piece := waiting.get()) is not None:
            digest.update(piece)

    path = where / "limit.bin"
    used = resource.getrusage(resource.RUSAGE_SELF)
    begin = time.perf_counter()
    hasher = threading.Thread(target=hash_all)
    hasher.start()
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    for _ in range(size_mib):
        waiting.put(chunk)
        os.write(handle, chunk)
    waiting.put(None)
    os.fsync(handle)
    hasher.join()
    seconds = time.perf_counter() - begin
    os.close(handle)
    path.unlink()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return {"requests": 1, "seconds": seconds, "bytes": size_mib << 20, "bad": 0, "own_cpu_s": cpu}
