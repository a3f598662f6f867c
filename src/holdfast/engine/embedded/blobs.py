"""Bodies: small ones inline in the catalog, others in files that are durable before any commit names them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
from awscrt.checksums import crc32c

from holdfast.engine.api import EngineError, Full, Unavailable
from holdfast.engine.embedded import files, rows
from holdfast.engine.embedded.keep import Keep
from holdfast.engine.embedded.reading import Reading
from holdfast.engine.embedded.room import Room
from holdfast.engine.embedded.schema import sync_directory
from holdfast.engine.embedded.writer import Batch, Writer
from holdfast.model.objects import Blob

BUFFER_BYTES = 1 << 20
"""A writer holds at most two buffers of about this size."""

_PIECES_MAX = 64


def file_error(error: OSError) -> EngineError:
    """What a failed system call means to the layer above."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Full(f"no space left for the body: {error.strerror}")
    return Unavailable(f"body: {error.strerror}")


class EmbeddedBlobs:
    """`Blobs` on the file system and the catalog's inline rows."""

    def __init__(self, root: Path, inline_bytes_max: int, pool: ThreadPoolExecutor, connection: apsw.Connection, writer: Writer, room: Room) -> None:
        self._room = room
        self._keep = Keep(root.parent)
        self._root = root
        self._inline_bytes_max = inline_bytes_max
        self._pool = pool
        self._connection = connection
        self._writer = writer

    def inline_max(self) -> int:
        return self._inline_bytes_max

    def inline(self, data: bytes) -> Blob:
        return Blob(b"", len(data), crc32c(data), data)

    def writer(self, size: int | None, storage_class: str = "") -> FileWriter:
        return FileWriter(self._root, self._pool, self._inline_bytes_max, self._room)

    def belongs(self, blobs: tuple[Blob, ...], storage_class: str) -> bool:
        return True

    def read(self, blobs: tuple[Blob, ...], start: int, length: int) -> AsyncIterator[bytes]:
        return Reading(self._root, self._pool, self._connection, blobs, start, length)

    async def discard(self, blobs: Iterable[Blob]) -> None:
        ids = [blob.id for blob in blobs if len(blob.id) == files.ID_BYTES]
        if not ids:
            return
        # asked in the order of commits: a commit that this process has still in flight may name the blob
        unnamed = await self._writer.submit(lambda batch: _unnamed(batch, ids))
        await asyncio.get_running_loop().run_in_executor(self._pool, self._unlink, unnamed)

    def close(self) -> None:
        self._keep.close()

    def _unlink(self, ids: list[bytes]) -> None:
        if self._keep.held():
            return
        for blob_id in ids:
            with contextlib.suppress(OSError):  # a stray stays for the sweep
                os.unlink(files.path_of(self._root, blob_id))

    async def discard_strays(self, ids: list[bytes], before: float) -> int:
        """Removes those of the files that no row names, that nobody writes, and that nobody wrote to since `before` (seconds since
        the epoch); how many. The order matters: whoever finished one after it was looked for has just written its tail."""
        unnamed = await self._writer.submit(lambda batch: _unnamed(batch, ids))
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._unlink_strays, unnamed, before)

    def _unlink_strays(self, ids: list[bytes], before: float) -> int:
        removed = 0
        if self._keep.held():
            return removed
        for blob_id in ids:
            path = files.path_of(self._root, blob_id)
            with contextlib.suppress(OSError), open(path, "rb", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its writer holds it
                if os.fstat(file.fileno()).st_mtime <= before:
                    os.unlink(path)
                    removed += 1
        return removed


def _unnamed(batch: Batch, ids: list[bytes]) -> list[bytes]:
    return [blob_id for blob_id in ids if not batch.execute("SELECT 1 FROM blobs WHERE id = ?", (blob_id,)).fetchall()]


class FileWriter:
    """`BlobWriter`: collects about 1 MiB, hands it to a thread that checks and writes it, and collects the next meanwhile."""

    def __init__(self, root: Path, pool: ThreadPoolExecutor, inline_bytes_max: int, room: Room) -> None:
        self._room = room
        self._root = root
        self._pool = pool
        self._inline_bytes_max = inline_bytes_max
        self._pieces: list[bytes] = []
        self._pending_bytes = 0
        self._size = 0
        self._id = b""
        self._descriptor = -1
        self._checks: files.BlockChecks | None = None
        self._job: asyncio.Future[None] | None = None
        self._closed = False

    async def write(self, data: bytes) -> None:
        if self._closed:
            raise Unavailable("the writer is closed")
        if not data:
            return
        self._pieces.append(data)
        self._size += len(data)
        self._pending_bytes += len(data)
        if self._pending_bytes >= BUFFER_BYTES and self._size > self._inline_bytes_max:
            await self._hand_over()

    async def _hand_over(self) -> None:
        await self._settle()
        self._room.require(self._pending_bytes)
        pieces, self._pieces, self._pending_bytes = self._pieces, [], 0
        self._job = asyncio.get_running_loop().run_in_executor(self._pool, self._append, pieces)

    async def _settle(self) -> None:
        """Waits for the thread. Errors: Full, Unavailable."""
        job, self._job = self._job, None
        if job is None:
            return
        try:
            await asyncio.shield(job)
        except asyncio.CancelledError:
            self._job = job  # the thread is still at it: abort() must wait for it
            raise
        except OSError as error:
            raise file_error(error) from error

    async def finish(self) -> tuple[Blob, ...]:
        if self._closed:
            raise Unavailable("the writer is closed")
        if self._size <= self._inline_bytes_max:
            self._closed = True
            data = b"".join(self._pieces)
            self._pieces = []
            return (Blob(b"", len(data), crc32c(data), data),) if data else ()
        try:
            await self._hand_over()
            await self._settle()
            self._job = asyncio.get_running_loop().run_in_executor(self._pool, self._seal)
            await self._settle()
        except EngineError:
            await self.abort()
            raise
        self._closed = True
        return (Blob(self._id, self._size, rows.FRESH),)

    async def abort(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._pieces = []
        job, self._job = self._job, None
        if job is not None:
            with contextlib.suppress(OSError):
                await job
        if self._id:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._throw_away)

    # ---- in a thread, one call at a time ----

    def _create(self) -> files.BlockChecks:
        self._id = os.urandom(files.ID_BYTES)
        path = files.path_of(self._root, self._id)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)  # until it is closed: not a stray, however slowly it grows
        return files.BlockChecks(self._id)

    def _append(self, pieces: list[bytes]) -> None:
        checks = self._checks
        if checks is None:
            checks = self._checks = self._create()
        if len(pieces) > _PIECES_MAX:
            pieces = [b"".join(pieces)]
        for piece in pieces:
            checks.add(piece)
        self._write_all(pieces)

    def _write_all(self, pieces: list[bytes]) -> None:
        left = sum(map(len, pieces))
        written = os.writev(self._descriptor, pieces)
        if written == left:
            return
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _seal(self) -> None:
        assert self._checks is not None
        self._write_all([files.tail(self._checks.finish(), self._size)])
        os.fsync(self._descriptor)
        self._close_file()
        sync_directory(Path(files.path_of(self._root, self._id)).parent)

    def _close_file(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _throw_away(self) -> None:
        self._close_file()
        with contextlib.suppress(OSError):
            os.unlink(files.path_of(self._root, self._id))

    def __del__(self) -> None:
        if self._descriptor >= 0:
            self._throw_away()
