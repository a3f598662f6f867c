"""Reading a run of bytes out of blobs, each piece verified before it is given."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw
from awscrt.checksums import crc32c

from holdfast.engine.api import Damaged, Gone, Unavailable
from holdfast.engine.embedded import files
from holdfast.engine.inline_ids import inline_number
from holdfast.engine.spans import spans_of
from holdfast.model.objects import Blob

PIECE_BYTES = 1 << 20
_OPEN_MAX = 32
"""Files opened before the first piece, so that a replacement of the object meanwhile does not cut it short."""

class Reading:
    """An iterator of pieces. It does not suspend while the bytes are in the page cache; else a thread waits for the disk."""

    __slots__ = ("_at", "_connection", "_descriptor", "_opened", "_pool", "_root", "_spans", "_started")

    def __init__(
        self, root: Path, pool: ThreadPoolExecutor, connection: apsw.Connection, blobs: tuple[Blob, ...], start: int, length: int
    ) -> None:
        self._root = root
        self._pool = pool
        self._connection = connection
        self._spans = spans_of(blobs, start, length)
        self._spans.reverse()
        self._opened: dict[bytes, int] = {}
        self._descriptor = -1
        self._at = -1  # where in the blob at hand; -1: not begun
        self._started = False

    def __aiter__(self) -> Reading:
        return self

    async def __anext__(self) -> bytes:
        try:
            if not self._started:
                self._started = True
                if len(self._spans) > 1:
                    self._hold_inline()
                if len(self._spans) <= _OPEN_MAX:
                    self._open_all()
                else:
                    await asyncio.get_running_loop().run_in_executor(self._pool, self._open_all)
            if not self._spans:
                raise StopAsyncIteration
            blob, begin, end = self._spans[-1]
            if blob.inline is not None or inline_number(blob.id):
                self._spans.pop()
                return self._inline(blob, begin, end)
            return await self._next_piece(blob, begin, end)
        except FileNotFoundError as error:
            self.close()
            raise Gone("blob") from error
        except OSError as error:
            self.close()
            raise Unavailable(f"body: {error.strerror}") from error
        except apsw.Error as error:
            self.close()
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        except BaseException:
            self.close()
            raise

    async def _next_piece(self, blob: Blob, begin: int, end: int) -> bytes:
        if self._at < 0:
            self._at = begin
            opened = self._opened.pop(blob.id, None)
            self._descriptor = opened if opened is not None else files.open_file(self._root, blob.id, blob.size)
        first = self._at // files.BLOCK_BYTES
        aligned = first * files.BLOCK_BYTES
        stop = min(aligned + PIECE_BYTES, -(-end // files.BLOCK_BYTES) * files.BLOCK_BYTES, blob.size)
        if _is_cached(self._descriptor, aligned, stop - 1):
            data = self._verified(blob, first, aligned, stop)
        else:
            data = await asyncio.get_running_loop().run_in_executor(self._pool, self._verified, blob, first, aligned, stop)
        low, high = self._at - aligned, min(stop, end) - aligned
        self._at = aligned + high
        if self._at >= end:
            self._spans.pop()
            self._at = -1
            os.close(self._descriptor)
            self._descriptor = -1
        return data if low == 0 and high == len(data) else data[low:high]

    def _verified(self, blob: Blob, first: int, aligned: int, stop: int) -> bytes:
        data = os.pread(self._descriptor, stop - aligned, aligned)
        if len(data) != stop - aligned:
            raise Damaged(f"blob {blob.id.hex()}: its file is too short")
        checks = files.read_checks(self._descriptor, blob.size, first, files.blocks(stop - aligned))
        files.verify(blob.id, data, first, checks)
        return data

    def _inline(self, blob: Blob, begin: int, end: int) -> bytes:
        data: Any = blob.inline
        if data is None:
            found = self._connection.execute("SELECT data FROM inline WHERE id = ?", (inline_number(blob.id),)).fetchall()
            if not found:
                raise Gone("blob")
            data = found[0][0]
        if len(data) != blob.size or crc32c(data) != blob.check:
            raise Damaged("inline body: checksum mismatch")
        return bytes(data) if end - begin == len(data) else bytes(data[begin:end])

    def _hold_inline(self) -> None:
        """Fetches small bodies among others now: they go with their rows when the object is replaced. The last ones of the run, since
        only the last part of an upload is ever that small. Errors: Gone, Damaged."""
        for at, (blob, begin, end) in enumerate(self._spans[:_OPEN_MAX]):  # in reverse order
            if blob.inline is None and inline_number(blob.id):
                whole = self._inline(blob, 0, blob.size)
                self._spans[at] = (Blob(blob.id, blob.size, blob.check, whole), begin, end)

    def _open_all(self) -> None:
        """Finds out early what is missing. Beyond the first files it only looks, so as not to hold thousands of descriptors."""
        for blob, _, _ in reversed(self._spans):
            if blob.inline is not None or inline_number(blob.id):
                continue
            if len(self._opened) < _OPEN_MAX:
                if blob.id not in self._opened:
                    self._opened[blob.id] = files.open_file(self._root, blob.id, blob.size)
            else:
                os.stat(files.path_of(self._root, blob.id))

    def close(self) -> None:
        """Lets go of the files. Called by itself at the end, at an error, and when the iterator is dropped."""
        self._spans = []
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        while self._opened:
            os.close(self._opened.popitem()[1])

    async def aclose(self) -> None:
        """As an asynchronous generator's."""
        self.close()

    def __del__(self) -> None:
        self.close()


def _is_cached(descriptor: int, first: int, last: int) -> bool:
    """Whether the kernel has the two ends of a range in its page cache (what lies between was read with them)."""
    probe = [bytearray(1)]
    try:
        return os.preadv(descriptor, probe, first, os.RWF_NOWAIT) == 1 and os.preadv(descriptor, probe, last, os.RWF_NOWAIT) == 1
    except OSError:  # EAGAIN: not cached; EOPNOTSUPP: this file system cannot tell
        return False
